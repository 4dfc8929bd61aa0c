//! A phone with a voice of one tone, and an ear that tells tones apart.

use sidetone_edge::{LegHandle, PendingCall, WebRtcCaller, WebRtcConfig};
use sidetone_media::tones::Oscillator;
use sidetone_types::{FRAME_SAMPLES, RATE_HZ};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// Samples that are judged: half a second.
const WINDOW: usize = RATE_HZ as usize / 2;
/// A tone of −20 dBov that went through Opus is far above this, and what is left of another far below.
const HEARD_DBOV: f64 = -32.0;
const PATIENCE: Duration = Duration::from_secs(12);

pub struct Phone {
    heard: Arc<Mutex<Vec<i16>>>,
    control: sidetone_edge::LegControl,
    tasks: [JoinHandle<()>; 2],
}

/// An offer to be answered.
pub async fn offer() -> (String, PendingCall) {
    WebRtcCaller::new(WebRtcConfig::default())
        .offer()
        .await
        .expect("an offer can be made")
}

impl Phone {
    /// The phone of an offer that was answered; it hums `hz` from now on.
    pub async fn connect(pending: PendingCall, answer: &str, hz: f32) -> Self {
        Self::of(pending.answered(answer).await.expect("a usable answer"), hz)
    }

    /// Whoever has this leg hums `hz`.
    pub fn of(leg: LegHandle, hz: f32) -> Self {
        let LegHandle {
            frames_in,
            frames_out,
            mut signals,
            control,
            ..
        } = leg;
        let heard = Arc::new(Mutex::new(Vec::new()));
        let kept = heard.clone();
        let mut ear = frames_in;
        let listening = tokio::spawn(async move {
            while let Some(frame) = ear.recv().await {
                let mut kept = kept.lock().unwrap();
                kept.extend_from_slice(&frame.pcm);
                let extra = kept.len().saturating_sub(WINDOW);
                kept.drain(..extra);
            }
        });
        let humming = tokio::spawn(async move {
            let mut ticks = interval(Duration::from_millis(20));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let mut tone = Oscillator::new(hz, -20.0);
            let mut pcm = [0; FRAME_SAMPLES];
            while !frames_out.is_closed() {
                ticks.tick().await;
                // The leg ends when nobody takes its signals.
                while signals.try_recv().is_ok() {}
                tone.fill(&mut pcm);
                frames_out.push(&pcm);
            }
        });
        Self {
            heard,
            control,
            tasks: [listening, humming],
        }
    }

    /// Waits until exactly these of all tones are heard.
    pub async fn hears(&self, what: &str, wanted: &[f32], all: &[f32]) {
        let until = Instant::now() + PATIENCE;
        loop {
            let sound = self.heard.lock().unwrap().clone();
            let found: Vec<f32> = all
                .iter()
                .copied()
                .filter(|hz| level_dbov(&sound, *hz) > HEARD_DBOV)
                .collect();
            if sound.len() == WINDOW && found == wanted {
                return;
            }
            assert!(
                Instant::now() < until,
                "{what}: hears {found:?} Hz and not {wanted:?} Hz"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The line, to hold it or to give it away.
    pub fn line(&self) -> &sidetone_edge::LegControl {
        &self.control
    }

    /// Waits until the far end has hung up.
    pub async fn is_over(&self, what: &str) {
        let until = Instant::now() + PATIENCE;
        while !self.tasks[1].is_finished() {
            assert!(Instant::now() < until, "{what}: the line is still open");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub fn hang_up(self) {
        self.control.close();
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        self.control.close();
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Level of one frequency in a stretch of sound (Goertzel's algorithm), relative to full scale.
pub fn level_dbov(samples: &[i16], hz: f32) -> f64 {
    if samples.is_empty() {
        return -99.0;
    }
    let step = std::f64::consts::TAU * f64::from(hz) / f64::from(RATE_HZ);
    let factor = 2.0 * step.cos();
    let (mut one, mut two) = (0.0, 0.0);
    for sample in samples {
        let next = f64::from(*sample) / 32_768.0 + factor * one - two;
        (two, one) = (one, next);
    }
    let power = one * one + two * two - factor * one * two;
    let amplitude = 2.0 * power.max(0.0).sqrt() / samples.len() as f64;
    20.0 * (amplitude / std::f64::consts::SQRT_2).max(1e-6).log10()
}
