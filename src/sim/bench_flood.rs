//! A running call while the SIP endpoint is flooded.
//!
//! Caller and house are two endpoints of this process that hum to each other; the flood comes from a
//! socket of its own, as fast as it is told to, and from an address that is allowed to call: the
//! worst place for it to come from.

use crate::{SimError, process};
use sidetone_edge::sip::{
    CallRequest, OutboundRules, Secret, SipAccount, SipConfig, SipEdge, SipEvent, SipListen,
    SipTrunk, Transport,
};
use sidetone_edge::{FrameReceiver, FrameSender, LegHandle};
use sidetone_media::level_dbov;
use sidetone_media::tones::Oscillator;
use sidetone_types::{FRAME_MS, FRAME_SAMPLES};
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

/// Calls that the flooded endpoint takes at once.
const CALLS_MAX: usize = 200;
/// What both sides hum, and from where on a frame of it counts as heard.
const TONE_HZ: f32 = 440.0;
const TONE_DBOV: f32 = -20.0;
const HEARD_DBOV: f32 = -30.0;
/// Frames before the sound is steady.
const FIRST_FRAMES: usize = 50;
/// How long the far end may take to answer a call.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is sent in masses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Invite,
    Register,
    Options,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Invite, Self::Register, Self::Options];

    pub fn name(self) -> &'static str {
        match self {
            Self::Invite => "INVITE",
            Self::Register => "REGISTER",
            Self::Options => "OPTIONS",
        }
    }
}

/// One flood.
#[derive(Clone, Copy, Debug)]
pub struct Flood {
    pub kind: Kind,
    /// Requests a second.
    pub rate: u32,
    pub seconds: u64,
}

/// One side of the running call.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sound {
    /// Share of the 20 ms frames in which the other side was heard, 0..=1.
    pub heard: f64,
    /// The longest silence.
    pub gap_ms_max: u64,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Flooded {
    pub sent: u64,
    /// Datagrams that came back.
    pub answers: u64,
    /// What the caller and the house heard of each other.
    pub caller: Sound,
    pub house: Sound,
    /// Most memory of this process before and after, KiB.
    pub memory_kib: [Option<u64>; 2],
}

impl Flood {
    /// Floods an endpoint made for it, while a call goes on.
    ///
    /// # Errors
    /// Where an endpoint can't be opened or the call can't be made.
    pub async fn run(&self) -> Result<Flooded, SimError> {
        let (house, mut events) = SipEdge::start(flooded_endpoint()).await?;
        let at = house.addresses()[0].1;
        let (caller, _caller_events) = SipEdge::start(calling_endpoint(at)).await?;
        let request = CallRequest {
            authorized: true,
            ..CallRequest::to_number("4001", "house")
        };
        let calling = caller.call(request)?;
        let (caller_leg, house_leg) = tokio::join!(
            tokio::time::timeout(PATIENCE, calling.answered()),
            first_call(&mut events)
        );
        let failed = |why: &str| SimError::Bench { why: why.into() };
        let caller_leg = caller_leg.map_err(|_| failed("the call is not answered"))??;
        let house_leg = house_leg.ok_or_else(|| failed("the call does not arrive"))?;
        let others = tokio::spawn(hold_all(events));
        let seconds = self.seconds;
        let frames = FIRST_FRAMES + (seconds * 1000 / FRAME_MS) as usize;
        let memory_before = process::memory_most_kib(std::process::id());
        let flood = *self;
        let flooding = tokio::task::spawn_blocking(move || flood.send(at));
        let (caller_hears, house_hears) =
            tokio::join!(talk(caller_leg, frames), talk(house_leg, frames));
        let (sent, answers) = flooding
            .await
            .map_err(|_| failed("the flood broke off"))??;
        let memory_after = process::memory_most_kib(std::process::id());
        others.abort();
        caller.stop().await;
        house.stop().await;
        Ok(Flooded {
            sent,
            answers,
            caller: caller_hears,
            house: house_hears,
            memory_kib: [memory_before, memory_after],
        })
    }

    /// Sends for the whole time; requests sent, and answers.
    fn send(&self, to: SocketAddr) -> Result<(u64, u64), SimError> {
        let broken = |error: std::io::Error| SimError::Bench {
            why: format!("the flood's socket: {error}"),
        };
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(broken)?;
        socket.set_nonblocking(true).map_err(broken)?;
        let from = socket.local_addr().map_err(broken)?;
        let (began, length) = (Instant::now(), Duration::from_secs(self.seconds));
        let (mut sent, mut answers) = (0_u64, 0_u64);
        let mut room = [0; 4096];
        while began.elapsed() < length {
            let due = (began.elapsed().as_secs_f64() * f64::from(self.rate)) as u64;
            while sent < due {
                // A full buffer of the system loses the datagram, as a network would.
                let _ = socket.send_to(self.request(sent, from, to).as_bytes(), to);
                sent += 1;
            }
            while socket.recv(&mut room).is_ok() {
                answers += 1;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok((sent, answers))
    }

    fn request(&self, number: u64, from: SocketAddr, to: SocketAddr) -> String {
        let method = self.kind.name();
        let user = if self.kind == Kind::Register {
            "mei"
        } else {
            "4001"
        };
        let mut text = format!(
            "{method} sip:{user}@{to} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {from};branch=z9hG4bK{number:x};rport\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:{user}@{from}>;tag={number:x}\r\n\
             To: <sip:{user}@{to}>\r\n\
             Call-ID: {number:x}@flood\r\n\
             CSeq: 1 {method}\r\n\
             Contact: <sip:{user}@{from}>\r\n"
        );
        let body = match self.kind {
            Kind::Invite => {
                "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                 m=audio 9 RTP/AVP 0\r\n"
            }
            Kind::Register | Kind::Options => "",
        };
        if !body.is_empty() {
            text.push_str("Content-Type: application/sdp\r\n");
        }
        let _ = write!(text, "Content-Length: {}\r\n\r\n{body}", body.len());
        text
    }
}

fn listen() -> Vec<SipListen> {
    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let transport = Transport::Udp;
    vec![SipListen { transport, addr }]
}

fn flooded_endpoint() -> SipConfig {
    SipConfig {
        listen: listen(),
        accounts: vec![SipAccount {
            user: "mei".into(),
            secret: Secret::new("not to be found by a flood"),
            agent: "mei".into(),
            outbound: false,
        }],
        trunks: vec![SipTrunk {
            name: "anybody".into(),
            addresses: "127.0.0.0/8".parse().into_iter().collect(),
            ..SipTrunk::default()
        }],
        calls_max: CALLS_MAX,
        ..SipConfig::default()
    }
}

fn calling_endpoint(house: SocketAddr) -> SipConfig {
    SipConfig {
        listen: listen(),
        trunks: vec![SipTrunk {
            name: "house".into(),
            proxy: Some(format!("sip:{house}")),
            outbound: true,
            ..SipTrunk::default()
        }],
        outbound: OutboundRules {
            allowed_prefixes: vec![String::new()],
            ..OutboundRules::default()
        },
        ..SipConfig::default()
    }
}

async fn first_call(events: &mut mpsc::Receiver<SipEvent>) -> Option<LegHandle> {
    while let Some(event) = events.recv().await {
        if let SipEvent::Incoming(call) = event {
            return call.answer().await.ok();
        }
    }
    None
}

/// Answers whatever comes and keeps it: an ACK never arrives.
async fn hold_all(mut events: mpsc::Receiver<SipEvent>) {
    while let Some(event) = events.recv().await {
        if let SipEvent::Incoming(call) = event {
            tokio::spawn(async move {
                if let Ok(mut leg) = call.answer().await {
                    while leg.signals.recv().await.is_some() {}
                }
            });
        }
    }
}

/// Hums, and listens to so many frames.
async fn talk(leg: LegHandle, frames: usize) -> Sound {
    let LegHandle {
        frames_in,
        frames_out,
        mut signals,
        control,
        ..
    } = leg;
    let humming = tokio::spawn(hum(frames_out));
    let signals = tokio::spawn(async move { while signals.recv().await.is_some() {} });
    let sound = hear(frames_in, frames).await;
    control.close();
    humming.abort();
    signals.abort();
    sound
}

async fn hum(frames_out: FrameSender) {
    let mut ticks = interval(Duration::from_millis(FRAME_MS));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut tone = Oscillator::new(TONE_HZ, TONE_DBOV);
    let mut pcm = [0; FRAME_SAMPLES];
    loop {
        ticks.tick().await;
        tone.fill(&mut pcm);
        frames_out.push(&pcm);
    }
}

async fn hear(mut frames_in: FrameReceiver, frames: usize) -> Sound {
    let (mut heard, mut silent, mut silent_max) = (0, 0_u64, 0);
    for number in 0..frames {
        let Some(frame) = frames_in.recv().await else {
            break;
        };
        if number < FIRST_FRAMES {
            continue;
        }
        if level_dbov(&frame.pcm) > HEARD_DBOV {
            heard += 1;
            silent = 0;
        } else {
            silent += 1;
            silent_max = silent_max.max(silent);
        }
    }
    Sound {
        heard: f64::from(heard) / (frames - FIRST_FRAMES).max(1) as f64,
        gap_ms_max: silent_max * FRAME_MS,
    }
}

/// The floods as a table.
pub fn table(runs: &[(Flood, Flooded)]) -> String {
    let mut out = String::from(
        "flood     a second  seconds     sent  answers  caller hears %  gap ms  house hears %  gap ms  MiB before  most MiB\n",
    );
    for (flood, one) in runs {
        let [before, most] = one
            .memory_kib
            .map(|kib| kib.map_or("-".into(), |kib| (kib / 1024).to_string()));
        let _ = writeln!(
            out,
            "{:<8}  {:>8}  {:>7}  {:>7}  {:>7}  {:>14.2}  {:>6}  {:>13.2}  {:>6}  {before:>10}  {most:>8}",
            flood.kind.name(),
            flood.rate,
            flood.seconds,
            one.sent,
            one.answers,
            one.caller.heard * 100.0,
            one.caller.gap_ms_max,
            one.house.heard * 100.0,
            one.house.gap_ms_max,
        );
    }
    out
}
