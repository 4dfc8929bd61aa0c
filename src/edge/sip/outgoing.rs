//! Calls that this side makes: to every phone of an agent at once, or through a trunk.
//!
//! **Invariants.** One of the phones that answer wins; every other INVITE is cancelled, and a phone that
//! answers in the same moment gets ACK and BYE, both with the reason (RFC 3326). An INVITE that has
//! no provisional response yet is cancelled when the first one comes (RFC 3261 section 9.1).

use super::api::{CallRequest, CallTarget, OutgoingCall, OutgoingEvent};
use super::call::OutboundPlace;
use super::config::{SipTrunk, Transport};
use super::core::{Core, Place};
use super::fork::{Fork, News};
use super::net::{Flow, connect};
use super::uri::Uri;
use crate::EdgeError;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

pub(crate) const ELSEWHERE: &str = "SIP;cause=200;text=\"Call completed elsewhere\"";
/// How long a phone that was cancelled may take to say so.
const WIND_DOWN: Duration = Duration::from_secs(40);

/// Where one INVITE goes.
#[derive(Clone)]
pub(crate) struct Target {
    pub uri: String,
    pub way: Way,
    pub login: Option<(String, String)>,
    /// The user part of From where no caller's number is given.
    pub from_user: String,
}

#[derive(Clone)]
pub(crate) enum Way {
    Open(Flow),
    Resolve(Uri),
}

impl Way {
    /// A flow to go there; `None`: there is no such address, or no connection.
    pub async fn open(&self, core: &Arc<Core>) -> Option<Flow> {
        let uri = match self {
            Self::Open(flow) => return Some(flow.clone()).filter(Flow::is_alive),
            Self::Resolve(uri) => uri,
        };
        let transport = match uri.param("transport") {
            _ if uri.wants_tls() => Transport::Tls,
            Some(name) if name.eq_ignore_ascii_case("tcp") => Transport::Tcp,
            _ => Transport::Udp,
        };
        let usual = if transport == Transport::Tls {
            5061
        } else {
            5060
        };
        let port = uri.port.unwrap_or(usual);
        let address = match uri.host.parse() {
            Ok(ip) => SocketAddr::new(ip, port),
            Err(_) => tokio::net::lookup_host((uri.host.as_str(), port))
                .await
                .ok()?
                .next()?,
        };
        if transport != Transport::Udp {
            return match core.stream_to(transport, address) {
                Some(flow) => Some(flow),
                None => connect(core, transport, address, &uri.host).await,
            };
        }
        let ports = core.udp.get()?;
        let port = ports
            .iter()
            .find(|port| port.local.is_ipv4() == address.is_ipv4())?;
        Some(Flow::Udp(port.clone(), address))
    }
}

/// Begins a call.
///
/// # Errors
/// [`EdgeError::Refused`]: no phone is logged in (480), the rules forbid it (403), no such trunk (404),
/// all calls are taken (503).
pub(crate) fn call(core: &Arc<Core>, request: CallRequest) -> Result<OutgoingCall, EdgeError> {
    let refused = |code: u16, phrase: String| EdgeError::Refused { code, phrase };
    let place = core
        .take_call()
        .ok_or_else(|| refused(503, "`calls_max` is reached".into()))?;
    let mut outbound = None;
    let targets = match &request.target {
        CallTarget::Agent(agent) => {
            let phones = core.registrar().contacts(agent, core.now_s());
            let to = |phone: super::registrar::Binding| Target {
                uri: phone.uri_text,
                way: Way::Open(phone.flow),
                login: None,
                from_user: "sidetone".into(),
            };
            phones.into_iter().map(to).collect::<Vec<_>>()
        }
        CallTarget::Number { number, trunk } => {
            let target = core
                .config
                .trunks
                .iter()
                .find(|t| t.name == *trunk && t.outbound)
                .and_then(|trunk| trunk_target(trunk, number))
                .ok_or_else(|| {
                    refused(
                        404,
                        format!("no trunk \"{trunk}\" takes calls out; see `outbound` and `proxy`"),
                    )
                })?;
            core.guard()
                .begin(number, request.authorized, Instant::now())
                .map_err(|why| refused(403, why.to_string()))?;
            outbound = Some(Arc::new(OutboundPlace(core.clone())));
            vec![target]
        }
    };
    if targets.is_empty() {
        return Err(refused(480, "no phone of this agent is logged in".into()));
    }
    let (events_tx, events) = mpsc::channel(8);
    let (cancel, cancelled) = watch::channel(false);
    let round = Round {
        core: core.clone(),
        request,
        targets,
        events: events_tx,
        cancelled,
        outbound,
        place: Arc::new(place),
    };
    tokio::spawn(round.run());
    Ok(OutgoingCall { events, cancel })
}

fn trunk_target(trunk: &SipTrunk, number: &str) -> Option<Target> {
    let proxy = Uri::read(trunk.proxy.as_deref()?).filter(Uri::is_sip)?;
    let host = match proxy.host.contains(':') {
        true => format!("[{}]", proxy.host),
        false => proxy.host.clone(),
    };
    let port = proxy
        .port
        .map_or_else(String::new, |port| format!(":{port}"));
    let login = trunk.register.as_ref();
    let secure = if proxy.wants_tls() {
        ";transport=tls"
    } else {
        ""
    };
    Some(Target {
        uri: format!("sip:{}@{host}{port}{secure}", super::uri::escape(number)),
        way: Way::Resolve(proxy),
        login: login.map(|l| (l.user.clone(), l.secret.expose().to_owned())),
        from_user: login.map_or_else(|| "sidetone".into(), |l| l.user.clone()),
    })
}

/// All INVITEs of one call.
struct Round {
    core: Arc<Core>,
    request: CallRequest,
    targets: Vec<Target>,
    events: mpsc::Sender<OutgoingEvent>,
    cancelled: watch::Receiver<bool>,
    outbound: Option<Arc<OutboundPlace>>,
    place: Arc<Place>,
}

impl Round {
    async fn run(mut self) {
        let (news_tx, mut news) = mpsc::channel(16);
        // What the INVITEs are told: nothing, or why they are cancelled.
        let stop = watch::Sender::new(None);
        let single = self.targets.len() == 1;
        for target in std::mem::take(&mut self.targets) {
            let fork = Fork {
                core: self.core.clone(),
                target,
                request: self.request.clone(),
                news: news_tx.clone(),
                stop: stop.subscribe(),
                early_media: single,
                outbound: self.outbound.clone(),
                place: self.place.clone(),
            };
            tokio::spawn(fork.run());
        }
        drop(news_tx);
        let ring_max = Duration::from_secs(self.core.config.ring_max_s.into());
        let mut until = Instant::now() + ring_max;
        let (mut rang, mut worst) = (false, None);
        loop {
            let over = stop.borrow().is_some();
            tokio::select! {
                item = news.recv() => match item {
                    Some(News::Ringing) if !rang && !over => {
                        rang = true;
                        let _ = self.events.send(OutgoingEvent::Ringing).await;
                    }
                    Some(News::Ringing) => {}
                    Some(News::Early(leg)) if !over => {
                        let _ = self.events.send(OutgoingEvent::EarlyMedia(leg)).await;
                    }
                    Some(News::Early(_)) => {}
                    Some(News::Answered { leg, grant }) if !over => {
                        let taken = self.events.send(OutgoingEvent::Answered(leg)).await.is_ok();
                        stop.send_replace(Some(ELSEWHERE));
                        let _ = grant.send(taken);
                        return;
                    }
                    // Too late: the fork ends it when the grant is dropped.
                    Some(News::Answered { .. }) => {}
                    Some(News::Failed { code, phrase }) => worse(&mut worst, code, phrase),
                    None => break,
                },
                () = given_up(&mut self.cancelled), if !over => {
                    worst = Some((487, "The call was given up".to_owned()));
                    stop.send_replace(Some("SIP;cause=487;text=\"Given up\""));
                    until = Instant::now() + WIND_DOWN;
                }
                () = tokio::time::sleep_until(until.into()) => {
                    if over {
                        break;
                    }
                    worst = Some((408, "Nobody answered in time".to_owned()));
                    stop.send_replace(Some("SIP;cause=408;text=\"Nobody answered\""));
                    until = Instant::now() + WIND_DOWN;
                }
            }
        }
        let (code, phrase) = worst.unwrap_or((480, "Nobody could be reached".to_owned()));
        let _ = self
            .events
            .send(OutgoingEvent::Failed { code, phrase })
            .await;
    }
}

/// Ready when the caller cancels, or has dropped the call.
async fn given_up(cancelled: &mut watch::Receiver<bool>) {
    let _ = cancelled.wait_for(|cancelled| *cancelled).await;
}

/// Which of several refusals the caller is told (section 16.7): a 6xx before all others, then the
/// lowest class; what was decided here stays.
fn worse(worst: &mut Option<(u16, String)>, code: u16, phrase: String) {
    let rank = |code: u16| if code >= 600 { 0 } else { code / 100 };
    let keep = worst
        .as_ref()
        .is_some_and(|(old, _)| matches!(old, 487 | 408) || rank(*old) <= rank(code));
    if !keep {
        *worst = Some((code, phrase));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refusal_that_says_most_is_told() {
        let best = |codes: &[u16]| {
            let mut worst = None;
            for code in codes {
                worse(&mut worst, *code, String::new());
            }
            worst.map(|(code, _)| code)
        };
        assert_eq!(best(&[503, 486, 480]), Some(486));
        assert_eq!(best(&[486, 603]), Some(603));
        assert_eq!(best(&[]), None);
    }
}
