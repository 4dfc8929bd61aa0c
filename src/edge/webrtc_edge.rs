//! Calls from and to browsers over WebRTC, with signalling by one offer and one answer.
//!
//! Descriptions are complete: addresses are gathered before a description is handed out, so one
//! HTTP request sets a call up (as WHIP does it, RFC 9725). Sound is Opus, keys are telephone-event.

use crate::EdgeError;
use crate::leg::LegHandle;
use crate::ports::Ports;
use crate::sdp::{self, AudioFormats};
use crate::webrtc_leg;
use crate::webrtc_peer::{Peer, setup_error};
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use webrtc::peer_connection::RTCSessionDescription;

/// Where calls come in.
#[derive(Clone, Debug)]
pub struct WebRtcConfig {
    /// The address that sound comes in on. `0.0.0.0`: every interface but loopback.
    pub bind_ip: IpAddr,
    /// The UDP ports to use, one for each call at a time. `None`: the system chooses.
    pub udp_ports: Option<RangeInclusive<u16>>,
    /// The address that callers see, where it is another than `bind_ip` (a router in between).
    pub public_ip: Option<IpAddr>,
}

impl Default for WebRtcConfig {
    /// This machine only.
    fn default() -> Self {
        Self {
            bind_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            udp_ports: None,
            public_ip: None,
        }
    }
}

/// The side that is called.
#[derive(Clone)]
pub struct WebRtcEdge {
    config: WebRtcConfig,
    ports: Ports,
}

impl WebRtcEdge {
    pub fn new(config: WebRtcConfig) -> Self {
        let ports = Ports::new(config.udp_ports.clone());
        Self { config, ports }
    }

    /// Answers an offer. The leg is [`crate::LegSignal::Connected`] soon after the far end has the
    /// answer, or closed with [`crate::CloseReason::NeverConnected`] after 15 s.
    ///
    /// # Errors
    /// [`EdgeError::Description`] where the offer is at fault (answer it with 400), the others where
    /// this side is.
    pub async fn answer(&self, offer_sdp: &str) -> Result<(String, LegHandle), EdgeError> {
        let formats = AudioFormats::read(offer_sdp, "offer")?;
        let offer = RTCSessionDescription::offer(sdp::only(offer_sdp, &formats))
            .map_err(unusable("offer"))?;
        let edge = self.clone();
        contained("offer", async move {
            let mut peer = Peer::new(&edge.config, &edge.ports, &formats).await?;
            let answered = async {
                let answer = answer_with(&mut peer, offer).await?;
                // What was agreed on may be less than what was offered.
                let formats = AudioFormats::read(&answer, "offer")?;
                Ok((answer, formats))
            }
            .await;
            match answered {
                Ok((answer, formats)) => Ok((answer, webrtc_leg::start(peer, formats).await?)),
                Err(error) => {
                    peer.close().await;
                    Err(error)
                }
            }
        })
        .await
    }
}

async fn answer_with(peer: &mut Peer, offer: RTCSessionDescription) -> Result<String, EdgeError> {
    peer.connection
        .set_remote_description(offer)
        .await
        .map_err(unusable("offer"))?;
    let answer = peer
        .connection
        .create_answer(None)
        .await
        .map_err(unusable("offer"))?;
    peer.connection
        .set_local_description(answer)
        .await
        .map_err(setup_error("applying the answer"))?;
    peer.gathered().await
}

/// The side that calls: the command-line caller, the load bench, tests.
#[derive(Clone)]
pub struct WebRtcCaller {
    config: WebRtcConfig,
    ports: Ports,
}

impl WebRtcCaller {
    pub fn new(config: WebRtcConfig) -> Self {
        let ports = Ports::new(config.udp_ports.clone());
        Self { config, ports }
    }

    /// Makes an offer and what waits for its answer.
    pub async fn offer(&self) -> Result<(String, PendingCall), EdgeError> {
        let mut peer = Peer::new(&self.config, &self.ports, &AudioFormats::ours()).await?;
        match offer_with(&mut peer).await {
            Ok(offer) => Ok((offer, PendingCall { peer: Some(peer) })),
            Err(error) => {
                peer.close().await;
                Err(error)
            }
        }
    }

    /// Offer, exchange, answer. `exchange` carries the offer to the other side and brings the answer
    /// back; its failure is returned as it is.
    pub async fn dial<E, F>(&self, exchange: impl FnOnce(String) -> F) -> Result<LegHandle, E>
    where
        E: From<EdgeError>,
        F: Future<Output = Result<String, E>>,
    {
        let (offer, pending) = self.offer().await?;
        let answer = exchange(offer).await?;
        Ok(pending.answered(&answer).await?)
    }
}

async fn offer_with(peer: &mut Peer) -> Result<String, EdgeError> {
    let offer = peer
        .connection
        .create_offer(None)
        .await
        .map_err(setup_error("making the offer"))?;
    peer.connection
        .set_local_description(offer)
        .await
        .map_err(setup_error("applying the offer"))?;
    peer.gathered().await
}

/// A call that was offered and not yet answered. Dropping it frees its socket.
pub struct PendingCall {
    peer: Option<Peer>,
}

impl PendingCall {
    pub async fn answered(mut self, answer_sdp: &str) -> Result<LegHandle, EdgeError> {
        let formats = AudioFormats::read(answer_sdp, "answer")?;
        let answer =
            RTCSessionDescription::answer(answer_sdp.to_owned()).map_err(unusable("answer"))?;
        let Some(mut peer) = self.peer.take() else {
            return Err(EdgeError::Setup {
                step: "taking the answer",
                why: "it was answered before".into(),
            });
        };
        contained("answer", async move {
            if let Err(error) = peer.connection.set_remote_description(answer).await {
                peer.close().await;
                return Err(unusable("answer")(error));
            }
            webrtc_leg::start(peer, formats).await
        })
        .await
    }
}

impl Drop for PendingCall {
    fn drop(&mut self) {
        let (Some(mut peer), Ok(runtime)) =
            (self.peer.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        runtime.spawn(async move { peer.close().await });
    }
}

fn unusable(what: &'static str) -> impl FnOnce(webrtc::error::Error) -> EdgeError {
    move |error| EdgeError::Description {
        what,
        why: error.to_string(),
    }
}

/// Runs the setting-up in a task of its own: it goes on to its end, and cleans up, when the request
/// that wanted it is given up, and a panic in the stack's parser becomes a refusal.
async fn contained<T: Send + 'static>(
    what: &'static str,
    work: impl Future<Output = Result<T, EdgeError>> + Send + 'static,
) -> Result<T, EdgeError> {
    match tokio::spawn(work).await {
        Ok(result) => result,
        Err(_) => Err(EdgeError::Description {
            what,
            why: "the WebRTC stack broke on it".into(),
        }),
    }
}
