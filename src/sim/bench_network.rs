//! What of a caller's words and keys comes through a bad network.
//!
//! Two RTP legs with the impaired network of `sidetone_edge::network` between them: one speaks a
//! recorded sentence and then presses keys, the other is the house's. Whoever asks recognizes what
//! arrived.

use crate::SimError;
use sidetone_edge::network::Network;
use sidetone_edge::ports::Ports;
use sidetone_edge::rtp::{self, RtpCodec, RtpControl, RtpFormat, RtpParams, RtpSocket};
use sidetone_edge::{LegHandle, LegSignal};
use sidetone_media::impair::Impairment;
use sidetone_types::{FRAME_MS, FRAME_SAMPLES, Pcm, Wire};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Pressed after the sentence, with two of the same in a row.
pub const KEYS: &str = "13885*0142#";
/// Silence before the words on all networks but one, and after them.
const MARGIN_FRAMES: usize = 25;
/// A key takes a fifth of a second, and repeats of its end may be late.
const KEYS_MAX: Duration = Duration::from_secs(8);
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A network with a name.
#[derive(Clone, Debug)]
pub struct Condition {
    pub name: &'static str,
    pub impairment: Impairment,
    /// Frames of silence before the words.
    pub lead_frames: usize,
}

/// The networks of the table, the perfect one first.
pub fn conditions() -> Vec<Condition> {
    let named = |name, loss_percent, jitter_ms_max, swapped_percent| Condition {
        name,
        impairment: Impairment {
            loss_percent,
            jitter_ms_max,
            swapped_percent,
            ..Impairment::default()
        },
        lead_frames: MARGIN_FRAMES,
    };
    // What is said in an outage is lost; this is about the words after it.
    let outage = Impairment {
        outage_us: Some(400_000..2_400_000),
        ..Impairment::default()
    };
    vec![
        named("nothing", 0, 0, 0),
        named("1 % lost", 1, 0, 0),
        named("5 % lost", 5, 0, 0),
        named("20 % lost", 20, 0, 0),
        named("10 ms jitter", 0, 10, 0),
        named("50 ms jitter", 0, 50, 0),
        named("100 ms jitter", 0, 100, 0),
        named("10 % reordered", 0, 20, 10),
        named("5 % lost, 60 ms jitter, 3 % reordered", 5, 60, 3),
        Condition {
            name: "2 s outage until 100 ms before the words",
            impairment: outage,
            lead_frames: 125,
        },
    ]
}

/// What the house got.
#[derive(Clone, Debug, Default)]
pub struct Arrived {
    /// 16 kHz.
    pub pcm: Vec<i16>,
    pub keys: String,
}

/// Speaks `words` (16 kHz) over one network as G.711, then presses [`KEYS`]. Takes as long as that
/// lasts.
///
/// # Errors
/// Where no port is to be had.
pub async fn carry(words: &[i16], over: &Condition, seed: u64) -> Result<Arrived, SimError> {
    let ports = Ports::new(None);
    let (near, far) = (
        RtpSocket::bind(&ports, HERE)?,
        RtpSocket::bind(&ports, HERE)?,
    );
    let at = |socket: &RtpSocket| SocketAddr::new(socket.ip(), socket.port());
    let network = Network::between(at(&near), at(&far), over.impairment.clone(), seed).await;
    let network = network.map_err(|error| SimError::Bench {
        why: format!("no port for the bad network: {error}"),
    })?;
    let (caller, _caller_end) = leg(near, network.near)?;
    let (mut house, _house_end) = leg(far, network.far)?;
    let frames = over.lead_frames + words.len().div_ceil(FRAME_SAMPLES) + MARGIN_FRAMES;
    let lead = vec![0; over.lead_frames * FRAME_SAMPLES];
    let speaker = tokio::spawn(speak(caller, [&lead, words].concat(), frames));
    let mut arrived = Arrived::default();
    for _ in 0..frames {
        let Some(frame) = house.frames_in.recv().await else {
            break;
        };
        arrived.pcm.extend_from_slice(&frame.pcm);
    }
    let keys = async {
        while arrived.keys.len() < KEYS.len() {
            tokio::select! {
                Some(signal) = house.signals.recv() => {
                    if let LegSignal::Key(key) = signal {
                        arrived.keys.push(key);
                    }
                }
                Some(_) = house.frames_in.recv() => {}
                else => return,
            }
        }
    };
    // Keys that never come are the result.
    let _ = timeout(KEYS_MAX, keys).await;
    speaker.abort();
    Ok(arrived)
}

fn leg(socket: RtpSocket, to: SocketAddr) -> Result<(LegHandle, RtpControl), SimError> {
    let format = RtpFormat {
        codec: RtpCodec::Pcma,
        payload: 8,
        packet_ms: FRAME_MS as u32,
    };
    let params = RtpParams {
        event: Some((101, 8_000)),
        rtcp_mux: true,
        ..RtpParams::new(format, Some(to))
    };
    let (handle, control) = rtp::start(socket, params, Wire::Sip)?;
    control.connected();
    Ok((handle, control))
}

async fn speak(caller: LegHandle, words: Vec<i16>, frames: usize) {
    let LegHandle {
        frames_out,
        control,
        mut signals,
        ..
    } = caller;
    let mut ticks = interval(Duration::from_millis(FRAME_MS));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let said = words.chunks(FRAME_SAMPLES).map(|chunk| {
        let mut pcm: Pcm = [0; FRAME_SAMPLES];
        pcm[..chunk.len()].copy_from_slice(chunk);
        pcm
    });
    let silence = std::iter::repeat([0; FRAME_SAMPLES]);
    for pcm in said.chain(silence).take(frames) {
        ticks.tick().await;
        frames_out.push(&pcm);
    }
    for key in KEYS.chars() {
        control.send_key(key);
    }
    // The leg ends when nobody takes its signals.
    loop {
        ticks.tick().await;
        while signals.try_recv().is_ok() {}
        frames_out.push(&[0; FRAME_SAMPLES]);
    }
}
