//! Telephones on a desk: SIP endpoints that hum, hold, call a second time and transfer.

use crate::phone::Phone;
use sidetone_edge::LegHandle;
use sidetone_edge::sip::{
    CallRequest, OutboundRules, Secret, SipConfig, SipEdge, SipEvent, SipListen, SipTrunk,
    Transport, TrunkLogin,
};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::mpsc;

const PATIENCE: Duration = Duration::from_secs(12);

pub struct Desk {
    edge: SipEdge,
    events: mpsc::Receiver<SipEvent>,
}

impl Desk {
    /// A telephone that knows the way to some others, logged in at the first where it has a name.
    pub async fn open(login: Option<&str>, others: &[(&str, SocketAddr)]) -> Self {
        let register = |server: &SocketAddr| {
            login.map(|name| TrunkLogin {
                server: format!("sip:{server}"),
                user: name.to_owned(),
                secret: Secret::new(format!("{name}-demo")),
                expires_s: 60,
            })
        };
        let trunks = others
            .iter()
            .enumerate()
            .map(|(place, (name, at))| SipTrunk {
                name: (*name).to_owned(),
                addresses: vec!["127.0.0.1/32".parse().unwrap()],
                proxy: Some(format!("sip:{at}")),
                outbound: true,
                register: register(at).filter(|_| place == 0),
                ..SipTrunk::default()
            });
        let anybody = SipTrunk {
            name: "anybody".into(),
            addresses: vec!["127.0.0.1/32".parse().unwrap()],
            ..SipTrunk::default()
        };
        let config = SipConfig {
            listen: vec![SipListen {
                transport: Transport::Udp,
                addr: "127.0.0.1:0".parse().unwrap(),
            }],
            trunks: trunks.chain([anybody]).collect(),
            outbound: OutboundRules {
                allowed_prefixes: vec![String::new()],
                ..OutboundRules::default()
            },
            ..SipConfig::default()
        };
        let (edge, events) = SipEdge::start(config).await.expect("a telephone");
        Self { edge, events }
    }

    pub fn at(&self) -> SocketAddr {
        self.edge.addresses()[0].1
    }

    /// Waits until it rings, and answers.
    pub async fn answers(&mut self) -> LegHandle {
        let ringing = async {
            loop {
                if let Some(SipEvent::Incoming(call)) = self.events.recv().await {
                    return call.answer().await.expect("the caller waits");
                }
            }
        };
        let rang = tokio::time::timeout(PATIENCE, ringing).await;
        rang.expect("the telephone never rings")
    }

    /// Calls through one of the ways, and talks; the status where it is refused.
    pub async fn calls(
        &self,
        way: &str,
        to: &str,
        replaces: Option<String>,
    ) -> Result<LegHandle, u16> {
        let request = CallRequest {
            authorized: true,
            replaces,
            ..CallRequest::to_number(to, way)
        };
        let out = self.edge.call(request).expect("the way is known");
        out.answered().await.map_err(|error| match error {
            sidetone_edge::EdgeError::Refused { code, .. } => code,
            other => panic!("{other}"),
        })
    }

    pub async fn calls_and_hums(&self, way: &str, to: &str, hz: f32) -> Phone {
        let leg = self.calls(way, to, None).await;
        Phone::of(leg.expect("the call is answered"), hz)
    }
}
