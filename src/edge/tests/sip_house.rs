//! A house behind a SIP edge: what it does depends on the number that is called. And a far end that
//! is written down message by message.

use crate::support::{frequency_hz, listen, speak, within};
use sidetone_edge::sip::{
    IncomingCall, IpNet, OutboundRules, Refusal, Secret, SipAccount, SipConfig, SipEdge, SipEvent,
    SipListen, SipTrunk, TlsFiles, Transport,
};
use sidetone_edge::{LegControl, LegSignal, TransferOutcome};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// What the house noticed.
#[derive(Debug, PartialEq)]
pub enum Seen {
    Incoming {
        to: String,
        trunk: Option<String>,
        number: Option<String>,
    },
    Signal(LegSignal),
    /// A second of a tone.
    Heard(f64),
    Cancelled,
    Registered(usize),
}

pub struct House {
    pub edge: SipEdge,
    pub seen: mpsc::UnboundedReceiver<Seen>,
}

pub fn config() -> SipConfig {
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let nets: Vec<IpNet> = vec!["127.0.0.1/32".parse().unwrap()];
    SipConfig {
        listen: [Transport::Udp, Transport::Tcp, Transport::Ws]
            .map(|transport| SipListen {
                transport,
                addr: any,
            })
            .to_vec(),
        realm: "here".into(),
        accounts: vec![SipAccount {
            user: "1001".into(),
            secret: Secret::new("tulip"),
            agent: "anna".into(),
            outbound: false,
        }],
        trunks: vec![SipTrunk {
            name: "pbx".into(),
            addresses: nets,
            outbound: true,
            ..SipTrunk::default()
        }],
        outbound: OutboundRules {
            allowed_prefixes: vec!["".into()],
            ..OutboundRules::default()
        },
        rtp_ports: (20_000, 31_999),
        ..SipConfig::default()
    }
}

/// A certificate for a host, signed by itself, and its key.
pub fn certificate(folder: &std::path::Path, host: &str) -> TlsFiles {
    let made = rcgen::generate_simple_self_signed(vec![host.to_owned()]).unwrap();
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    TlsFiles { cert, key }
}

impl House {
    pub async fn open(config: SipConfig) -> Self {
        Self::acting(config, None).await
    }

    /// A house that does the same whatever number is called.
    pub async fn acting(config: SipConfig, always: Option<&'static str>) -> Self {
        let (edge, mut events) = SipEdge::start(config).await.unwrap();
        let (tell, seen) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                match event {
                    SipEvent::Incoming(call) => {
                        tokio::spawn(take(call, always, tell.clone()));
                    }
                    SipEvent::Registered { contacts, .. } => {
                        let _ = tell.send(Seen::Registered(contacts));
                    }
                    SipEvent::Trunk { .. } => {}
                }
            }
        });
        Self { edge, seen }
    }

    pub fn address(&self, wanted: Transport) -> SocketAddr {
        let all = self.edge.addresses();
        all.iter()
            .find(|(transport, _)| *transport == wanted)
            .unwrap()
            .1
    }

    /// The next thing noticed that is wanted.
    pub async fn until(&mut self, what: &str, wanted: impl Fn(&Seen) -> bool) -> Seen {
        within(what, async {
            loop {
                let seen = self.seen.recv().await.expect("the house is gone");
                if wanted(&seen) {
                    return seen;
                }
            }
        })
        .await
    }

    /// Waits until nothing is left of any call.
    pub async fn empty(&self) {
        within("the end of all calls", async {
            while self.edge.figures().calls > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    }
}

async fn take(
    mut call: IncomingCall,
    always: Option<&'static str>,
    tell: mpsc::UnboundedSender<Seen>,
) {
    let to = always.map_or_else(|| call.to.clone(), str::to_owned);
    let _ = tell.send(Seen::Incoming {
        to: to.clone(),
        trunk: call.from.trunk.clone(),
        number: call.from.number.clone(),
    });
    match to.as_str() {
        "slow" => {
            call.ring();
            call.cancelled().await;
            let _ = tell.send(Seen::Cancelled);
            return;
        }
        "ring" => {
            call.ring();
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        "busy" | "user" | "UserB" | "vivekg" | "joe" | "sips:user@example.com" => {
            return call.refuse(Refusal::Busy);
        }
        _ => {}
    }
    let Ok(mut leg) = call.answer().await else {
        let _ = tell.send(Seen::Cancelled);
        return;
    };
    let (begin, begun) = oneshot::channel();
    let _ = begin.send(());
    tokio::spawn(speak(leg.frames_out, 440.0, begun));
    let (ear_tell, mut ear) = (tell.clone(), leg.frames_in);
    let ears = tokio::spawn(async move {
        let (_, sound) = listen(&mut ear, 1).await;
        let _ = ear_tell.send(Seen::Heard(frequency_hz(&sound)));
    });
    while let Some(signal) = leg.signals.recv().await {
        react(&to, &signal, &leg.control);
        let _ = tell.send(Seen::Signal(signal));
    }
    ears.abort();
}

fn react(to: &str, signal: &LegSignal, control: &LegControl) {
    match (to, signal) {
        ("glare", LegSignal::Connected) => assert!(control.hold(true)),
        ("hangup", LegSignal::Connected) => control.close(),
        ("send_away", LegSignal::Connected) => assert!(control.refer("7001", None)),
        (_, LegSignal::Transfer(_)) => {
            control.transfer_outcome(TransferOutcome::Ringing);
            control.transfer_outcome(TransferOutcome::Done);
        }
        _ => {}
    }
}

/// A far end that says what it is told, over UDP.
pub struct Script {
    pub socket: UdpSocket,
    edge: SocketAddr,
    pub tag: String,
    pub call_id: String,
}

impl Script {
    pub async fn new(edge: SocketAddr) -> Self {
        Self::at(edge, "127.0.0.1:0").await
    }

    pub async fn at(edge: SocketAddr, local: &str) -> Self {
        Self {
            socket: UdpSocket::bind(local).await.unwrap(),
            edge,
            tag: format!("{:x}", rand::random::<u64>()),
            call_id: format!("{:x}", rand::random::<u64>()),
        }
    }

    /// The same far end, now speaking to another edge.
    pub fn towards(self, edge: SocketAddr) -> Self {
        Self { edge, ..self }
    }

    pub fn local(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    pub async fn raw(&self, text: &str) {
        self.socket
            .send_to(text.as_bytes(), self.edge)
            .await
            .unwrap();
    }

    /// A request of this call. `more`: further headers, each with its line's end.
    #[allow(
        clippy::too_many_arguments,
        reason = "a request is made of that many parts"
    )]
    pub async fn request(
        &self,
        method: &str,
        user: &str,
        to_tag: &str,
        cseq: u32,
        branch: &str,
        more: &str,
        body: &str,
    ) {
        let (local, edge) = (self.local(), self.edge);
        let to_tag = if to_tag.is_empty() {
            String::new()
        } else {
            format!(";tag={to_tag}")
        };
        let kind = if body.is_empty() {
            ""
        } else {
            "Content-Type: application/sdp\r\n"
        };
        self.raw(&format!(
            "{method} sip:{user}@{edge} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{branch}\r\n\
             From: <sip:far@{local}>;tag={}\r\nTo: <sip:{user}@{edge}>{to_tag}\r\nCall-ID: {}\r\n\
             CSeq: {cseq} {method}\r\nContact: <sip:far@{local}>\r\nMax-Forwards: 70\r\n{kind}{more}\
             Content-Length: {}\r\n\r\n{body}",
            self.tag,
            self.call_id,
            body.len()
        ))
        .await;
    }

    /// Answers a request that came.
    pub async fn answer(&self, request: &str, status: &str, body: &str) {
        let mut out = format!("SIP/2.0 {status}\r\n");
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            out.push_str(&format!("{name}: {}\r\n", header(request, name)));
        }
        let kind = if body.is_empty() {
            ""
        } else {
            "Content-Type: application/sdp\r\n"
        };
        let local = self.local();
        out.push_str(&format!(
            "Contact: <sip:far@{local}>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        self.raw(&out).await;
    }

    /// The next message.
    pub async fn any(&self, patience: Duration) -> Option<String> {
        let mut buffer = vec![0; 65_536];
        let (length, _) = timeout(patience, self.socket.recv_from(&mut buffer))
            .await
            .ok()?
            .unwrap();
        Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
    }

    /// The next message whose first line begins so, others passed over.
    pub async fn wait(&self, start: &str) -> String {
        within(start, async {
            loop {
                let message = self.any(Duration::from_secs(60)).await.unwrap();
                if message.starts_with(start) {
                    return message;
                }
            }
        })
        .await
    }

    pub fn sdp(&self, direction: &str) -> String {
        format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=audio 19998 RTP/AVP 0\r\na={direction}\r\n"
        )
    }

    /// An INVITE that is answered at once and acknowledged; the house's tag.
    pub async fn connect(&self, user: &str) -> String {
        self.request("INVITE", user, "", 1, "one", "", &self.sdp("sendrecv"))
            .await;
        let answer = self.wait("SIP/2.0 200").await;
        let tag = to_tag(&answer);
        self.request("ACK", user, &tag, 1, "oneack", "", "").await;
        tag
    }
}

/// A header of a message, "" if it is not there.
pub fn header(message: &str, name: &str) -> String {
    message
        .split("\r\n")
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim().to_owned())
        .unwrap_or_default()
}

pub fn to_tag(message: &str) -> String {
    header(message, "To")
        .split("tag=")
        .nth(1)
        .unwrap_or("")
        .to_owned()
}
