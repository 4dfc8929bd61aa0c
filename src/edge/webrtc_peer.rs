//! One peer connection of the WebRTC stack, set up the way this house wants it.

use crate::EdgeError;
use crate::ports::{Port, Ports};
use crate::sdp::AudioFormats;
use crate::webrtc_edge::WebRtcConfig;
use rtc::ice::mdns::MulticastDnsMode;
use rtc::interceptor::Registry;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::interceptor_registry::configure_rtcp_reports;
use rtc::peer_connection::configuration::media_engine::{
    MIME_TYPE_OPUS, MIME_TYPE_TELEPHONE_EVENT,
};
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
    RtpCodecKind,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::TrackRemote;
use webrtc::peer_connection::transport::DtlsTransport;
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler,
    RTCConfigurationBuilder, RTCIceCandidateType, RTCIceGatheringState, RTCPeerConnectionState,
    SettingEngineBuilder,
};

const EVENTS: usize = 32;
const GATHER: Duration = Duration::from_secs(5);
/// Without an answer to consent checks for this long a connection counts as interrupted …
const ICE_DISCONNECTED: Duration = Duration::from_secs(3);
/// … and for this long after that as lost.
const ICE_FAILED: Duration = Duration::from_secs(2);
const ICE_KEEP_ALIVE: Duration = Duration::from_secs(1);

/// What the stack tells.
pub(crate) enum PeerEvent {
    Gathered,
    State(RTCPeerConnectionState),
    Track(Arc<dyn TrackRemote>),
}

struct Events(mpsc::Sender<PeerEvent>);

impl Events {
    fn tell(&self, event: PeerEvent) {
        // The stack's own task must never wait here. There are about ten of these in a call.
        if self.0.try_send(event).is_err() {
            tracing::debug!("a leg that is over is still being told things");
        }
    }
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Events {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.tell(PeerEvent::Gathered);
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.tell(PeerEvent::State(state));
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        self.tell(PeerEvent::Track(track));
    }
}

/// A peer connection with one audio track of ours on it.
pub(crate) struct Peer {
    pub connection: Arc<dyn PeerConnection>,
    pub track: Arc<TrackLocalStaticRTP>,
    pub dtls: Option<Arc<dyn DtlsTransport>>,
    pub events: mpsc::Receiver<PeerEvent>,
    pub ssrc: u32,
    /// Held for as long as the connection uses it.
    _port: Port,
}

pub(crate) fn setup_error(step: &'static str) -> impl FnOnce(webrtc::error::Error) -> EdgeError {
    move |error| EdgeError::Setup {
        step,
        why: error.to_string(),
    }
}

impl Peer {
    /// Binds a socket and prepares a connection that knows the formats of the description.
    pub async fn new(
        config: &WebRtcConfig,
        ports: &Ports,
        formats: &AudioFormats,
    ) -> Result<Self, EdgeError> {
        let ip = config.bind_ip;
        let Some(port) = ports.take(ip) else {
            let (from, to) = config
                .udp_ports
                .clone()
                .map_or((0, 0), |range| range.into_inner());
            return Err(EdgeError::NoPort { ip, from, to });
        };
        let (events, received) = mpsc::channel(EVENTS);
        let media = media_engine(formats)?;
        let mut settings = SettingEngineBuilder::new()
            .with_ice_timeouts(
                Some(ICE_DISCONNECTED),
                Some(ICE_FAILED),
                Some(ICE_KEEP_ALIVE),
            )
            .with_multicast_dns_mode(MulticastDnsMode::Disabled)
            .with_include_loopback_candidate(true);
        if let Some(public) = config.public_ip {
            settings =
                settings.with_nat_1to1_ips(vec![public.to_string()], RTCIceCandidateType::Host);
        }
        let connection = PeerConnectionBuilder::new()
            .with_configuration(RTCConfigurationBuilder::new().build())
            .with_setting_engine(settings.build())
            .with_media_engine(media)
            // Reports only: retransmission comes too late for a conversation.
            .with_interceptor_registry(configure_rtcp_reports(Registry::new()))
            .with_handler(Arc::new(Events(events)))
            .with_udp_addrs(vec![std::net::SocketAddr::new(ip, port.number)])
            .build()
            .await
            .map_err(|error| EdgeError::Bind {
                ip,
                why: error.to_string(),
            })?;
        let connection: Arc<dyn PeerConnection> = Arc::new(connection);
        let ssrc = rand::random();
        let track = Arc::new(TrackLocalStaticRTP::new(voice_track(ssrc)));
        let mut peer = Self {
            connection,
            track,
            dtls: None,
            events: received,
            ssrc,
            _port: port,
        };
        if let Err(error) = peer.add_voice(formats).await {
            peer.close().await;
            return Err(error);
        }
        Ok(peer)
    }

    async fn add_voice(&mut self, formats: &AudioFormats) -> Result<(), EdgeError> {
        let track = self.track.clone() as Arc<dyn TrackLocal>;
        self.connection
            .add_track(track)
            .await
            .map_err(setup_error("adding the voice track"))?;
        for transceiver in self.connection.get_transceivers().await {
            // Left alone, the stack offers the track's own codec only, and no keys.
            transceiver
                .set_codec_preferences(codecs(formats))
                .await
                .map_err(setup_error("choosing codecs"))?;
        }
        Ok(())
    }

    /// Waits until the local description has its addresses, and returns it.
    pub async fn gathered(&mut self) -> Result<String, EdgeError> {
        let gathering = async {
            while let Some(event) = self.events.recv().await {
                if matches!(event, PeerEvent::Gathered) {
                    return true;
                }
            }
            false
        };
        let done = tokio::time::timeout(GATHER, gathering)
            .await
            .unwrap_or(false);
        let description = self.connection.local_description().await.filter(|_| done);
        description
            .map(|description| description.sdp)
            .ok_or(EdgeError::NoAddress {
                seconds: GATHER.as_secs(),
            })
    }

    /// Finds the encrypted transport, whose end tells that the far end has left.
    pub async fn watch_transport(&mut self) {
        for sender in self.connection.get_senders().await {
            if let Ok(Some(transport)) = sender.transport().await {
                self.dtls = Some(transport);
                return;
            }
        }
    }

    /// Says goodbye to the far end and frees socket and tasks.
    pub async fn close(&mut self) {
        self.dtls = None;
        if let Err(error) = self.connection.close().await {
            tracing::debug!(%error, "closing a peer connection");
        }
    }
}

fn media_engine(formats: &AudioFormats) -> Result<MediaEngine, EdgeError> {
    let mut engine = MediaEngine::default();
    for codec in codecs(formats) {
        engine
            .register_codec(codec, RtpCodecKind::Audio)
            .map_err(setup_error("registering codecs"))?;
    }
    Ok(engine)
}

fn codecs(formats: &AudioFormats) -> Vec<RTCRtpCodecParameters> {
    let opus = RTCRtpCodecParameters {
        rtp_codec: opus_codec(),
        payload_type: formats.opus,
    };
    let event = formats
        .event
        .map(|(payload_type, clock_rate)| RTCRtpCodecParameters {
            rtp_codec: RTCRtpCodec {
                mime_type: MIME_TYPE_TELEPHONE_EVENT.to_owned(),
                clock_rate,
                // One channel, which a description does not mention.
                channels: 0,
                sdp_fmtp_line: "0-15".to_owned(),
                rtcp_feedback: vec![],
            },
            payload_type,
        });
    std::iter::once(opus).chain(event).collect()
}

fn opus_codec() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: MIME_TYPE_OPUS.to_owned(),
        clock_rate: 48_000,
        channels: 2,
        sdp_fmtp_line: "minptime=10;useinbandfec=1".to_owned(),
        rtcp_feedback: vec![],
    }
}

fn voice_track(ssrc: u32) -> MediaStreamTrack {
    MediaStreamTrack::new(
        "sidetone".to_owned(),
        "voice".to_owned(),
        "voice".to_owned(),
        RtpCodecKind::Audio,
        vec![RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters {
                ssrc: Some(ssrc),
                ..Default::default()
            },
            codec: opus_codec(),
            ..Default::default()
        }],
    )
}
