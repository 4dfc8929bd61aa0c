//! Two connected legs, and ears.

use sidetone_edge::{
    EdgeError, FrameReceiver, FrameSender, LegHandle, LegSignal, WebRtcCaller, WebRtcConfig,
    WebRtcEdge,
};
use sidetone_media::tones::Oscillator;
use sidetone_media::{FRAME_SAMPLES, Pcm, SILENCE};
use std::future::Future;
use std::time::Duration;
use tokio::sync::RwLock;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Counting descriptors and measuring delays needs the process for itself: such tests write, the
/// others read.
pub static ALONE: RwLock<()> = RwLock::const_new(());

pub const PATIENCE: Duration = Duration::from_secs(10);

pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

pub struct Call {
    pub caller: LegHandle,
    pub callee: LegHandle,
}

/// A call whose offer is changed by `change` on its way.
pub async fn call_with(
    edge: &WebRtcEdge,
    change: impl Fn(String) -> String,
) -> Result<Call, EdgeError> {
    let (offer, pending) = WebRtcCaller::new(WebRtcConfig::default()).offer().await?;
    let (answer, callee) = edge.answer(&change(offer)).await?;
    let caller = pending.answered(&answer).await?;
    Ok(Call { caller, callee })
}

/// A call in which both ends are connected.
pub async fn connected() -> Call {
    let edge = WebRtcEdge::new(WebRtcConfig::default());
    let mut call = call_with(&edge, |offer| offer).await.unwrap();
    call.wait_connected().await;
    call
}

impl Call {
    pub async fn wait_connected(&mut self) {
        for leg in [&mut self.caller, &mut self.callee] {
            assert_eq!(
                signal(leg, |s| *s == LegSignal::Connected).await,
                LegSignal::Connected
            );
        }
    }
}

/// The next signal that is wanted.
pub async fn signal(leg: &mut LegHandle, wanted: impl Fn(&LegSignal) -> bool) -> LegSignal {
    within("a signal", async {
        loop {
            let signal = leg
                .signals
                .recv()
                .await
                .expect("the leg ended without a word");
            if wanted(&signal) {
                return signal;
            }
        }
    })
    .await
}

pub async fn closed(leg: &mut LegHandle) -> sidetone_edge::CloseReason {
    match signal(leg, |s| matches!(s, LegSignal::Closed { .. })).await {
        LegSignal::Closed { reason } => reason,
        _ => unreachable!(),
    }
}

/// Speaks silence, and a tone from the moment `begin` fires, at the pace of a call, until nobody
/// listens; returns when the tone began.
pub async fn speak(
    out: FrameSender,
    hz: f32,
    begin: tokio::sync::oneshot::Receiver<()>,
) -> tokio::time::Instant {
    let mut ticks = interval(Duration::from_millis(20));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut tone = Oscillator::new(hz, -20.0);
    let mut begin = Some(begin);
    let mut began = tokio::time::Instant::now();
    let mut pcm: Pcm = SILENCE;
    while !out.is_closed() {
        ticks.tick().await;
        if begin.as_mut().is_some_and(|begin| begin.try_recv().is_ok()) {
            began = tokio::time::Instant::now();
            begin = None;
        }
        if begin.is_none() {
            tone.fill(&mut pcm);
        }
        out.push(&pcm);
    }
    began
}

/// Listens until `seconds` of sound louder than −40 dBov have been heard; returns when it began and
/// the sound itself.
pub async fn listen(ear: &mut FrameReceiver, seconds: usize) -> (tokio::time::Instant, Vec<i16>) {
    within("a tone", async {
        let mut began = None;
        let mut heard = Vec::new();
        loop {
            let frame = ear.recv().await.expect("the leg ended");
            let loud = sidetone_media::level_dbov(&frame.pcm) > -40.0;
            if began.is_none() && loud {
                began = Some(tokio::time::Instant::now());
            }
            if let Some(began) = began {
                heard.extend_from_slice(&frame.pcm);
                if heard.len() >= seconds * 50 * FRAME_SAMPLES {
                    return (began, heard);
                }
            }
        }
    })
    .await
}

/// Frequency of a tone, by its upward zero crossings.
pub fn frequency_hz(samples: &[i16]) -> f64 {
    let mut crossings = samples
        .windows(2)
        .enumerate()
        .filter(|(_, pair)| pair[0] < 0 && pair[1] >= 0)
        .map(|(n, _)| n);
    let (Some(first), Some(last)) = (crossings.next(), crossings.clone().next_back()) else {
        return 0.0;
    };
    crossings.count() as f64 / ((last - first) as f64 / 16_000.0)
}

/// A tone at this sample rate has this frequency. The middle one of many short measurements counts,
/// so that a frame which a busy machine lost does not.
#[track_caller]
pub fn assert_hz(samples: &[i16], rate_hz: u32, wanted_hz: f64) {
    const PERIODS: usize = 10;
    let crossings: Vec<usize> = samples
        .windows(2)
        .enumerate()
        .filter(|(_, pair)| pair[0] < 0 && pair[1] >= 0)
        .map(|(n, _)| n)
        .collect();
    let mut spans: Vec<usize> = crossings
        .windows(PERIODS + 1)
        .map(|span| span[PERIODS] - span[0])
        .collect();
    spans.sort_unstable();
    let span = *spans.get(spans.len() / 2).expect("a tone");
    let hz = f64::from(rate_hz) * PERIODS as f64 / span as f64;
    let off = (hz - wanted_hz).abs() / wanted_hz;
    assert!(off < 0.01, "{hz} Hz instead of {wanted_hz} Hz");
}

pub fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}
