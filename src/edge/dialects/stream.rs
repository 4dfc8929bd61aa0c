//! The task that owns one stream, whatever its dialect.

use super::far::FarBuffer;
use super::sound::{Reservoir, Unevenness};
use super::{DialectError, WireMessage};
use crate::frames::{self, FrameReceiver, FrameSender, NoFrame};
use crate::leg::{CloseReason, Commands, FRAMES_MS, LegControl, LegHandle, LegSignal, SIGNALS};
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use sidetone_media::dtmf::DtmfTone;
use sidetone_media::{FRAME_MS, Pcm, SILENCE};
use sidetone_types::Wire;
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Messages that wait for a far end that reads slowly: a third of a second.
const OUTBOX: usize = 16;
/// Messages in it from which on silence is left out, so that speech comes in time.
const OUTBOX_BUSY: usize = 4;
/// A far end that takes nothing for so long is gone.
const SEND_MAX: Duration = Duration::from_secs(10);
/// How long the goodbye may take.
const BYE_MAX: Duration = Duration::from_secs(2);
/// Unreadable messages in a row after which the far end is taken for something else.
const MALFORMED_MAX: u32 = 16;
/// Messages within a second beyond which a far end floods: two tracks have a hundred.
const FLOOD_PER_S: u32 = 2000;
const QUALITY_FRAMES: u64 = 100;
/// Places in the signal channel that quality reports leave free.
const RESERVED_SIGNALS: usize = 16;
/// A far buffer beyond this gets no silence until it is shorter.
const UNHEARD_MAX: Duration = Duration::from_millis(160);
/// No sample of a silent frame is louder than this (−78 dBov).
const SILENT_MAX: u16 = 4;
/// Level of keys that go out as tones.
const KEY_DBOV: f32 = -9.0;

/// What a message of the far end means for the leg.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Said {
    /// Sound of a side went into its reservoir.
    Sound {
        sound_us: u64,
    },
    Key {
        side: usize,
        key: char,
    },
    /// A mark was reached.
    Reached(u32),
    /// Sound is to be held back (true) or may flow again.
    Hold(bool),
    Over(CloseReason),
    Nothing,
}

/// What differs from wire to wire.
pub(crate) trait Dialect: Send + 'static {
    const NAME: &'static str;
    const WIRE: Wire;
    /// What an end without a goodbye means.
    const END: CloseReason;
    /// Longest time without any message.
    fn idle_max(&self) -> Duration;
    fn read(&mut self, message: WireMessage, sides: &mut [Reservoir])
    -> Result<Said, DialectError>;
    /// One frame on its way; `None` where nothing may be said.
    fn sound(&mut self, pcm: &Pcm) -> Option<WireMessage>;
    /// Whether silence is sent when the house says nothing.
    fn fills_silence(&self) -> bool;
    fn mark(&mut self, number: u32) -> Option<WireMessage>;
    fn clear(&mut self) -> Option<WireMessage>;
    fn bye(&mut self) -> Option<WireMessage>;
}

/// The stream's end of one [`LegHandle`].
pub(crate) struct Side {
    heard: FrameSender,
    said: FrameReceiver,
    signals: mpsc::Sender<LegSignal>,
    commands: Commands,
}

/// A leg's two ends.
pub(crate) fn side(wire: Wire) -> (Side, LegHandle) {
    let (heard, frames_in) = frames::channel(FRAMES_MS);
    let (frames_out, said) = frames::channel(FRAMES_MS);
    let (signals, received) = mpsc::channel(SIGNALS);
    let (control, commands) = LegControl::new();
    let side = Side {
        heard,
        said,
        signals,
        commands,
    };
    let handle = LegHandle {
        wire,
        frames_in,
        frames_out,
        signals: received,
        control,
    };
    (side, handle)
}

/// Starts the task of a stream whose call is known: one leg, or the caller's and the agent's.
pub(crate) fn start<D, S, K, E>(
    dialect: D,
    from: S,
    to: K,
    both: bool,
) -> (LegHandle, Option<LegHandle>)
where
    D: Dialect,
    S: Stream<Item = Result<WireMessage, E>> + Send + Unpin + 'static,
    E: Display + Send + 'static,
    K: Sink<WireMessage> + Send + Unpin + 'static,
    K::Error: Display + Send,
{
    let (caller, caller_leg) = side(D::WIRE);
    let (agent, agent_leg) = match both.then(|| side(D::WIRE)) {
        Some((side, leg)) => (Some(side), Some(leg)),
        None => (None, None),
    };
    let sides: Vec<Side> = std::iter::once(caller).chain(agent).collect();
    let (outbox, waiting) = mpsc::channel(OUTBOX);
    let stuck = Arc::new(AtomicBool::new(false));
    let task = StreamTask {
        reservoirs: sides.iter().map(|_| Reservoir::default()).collect(),
        dialect,
        sides,
        outbox,
        far: FarBuffer::default(),
        unevenness: Unevenness::default(),
        began: Instant::now(),
        frames: 0,
        quiet_frames: 0,
        malformed: 0,
        malformed_in_row: 0,
        this_second: 0,
        stuck: stuck.clone(),
        held: false,
        tone: None,
        unsent: 0,
    };
    let writer = tokio::spawn(write(to, waiting, stuck, D::NAME));
    tokio::spawn(task.run(from, writer));
    (caller_leg, agent_leg)
}

struct StreamTask<D> {
    dialect: D,
    sides: Vec<Side>,
    reservoirs: Vec<Reservoir>,
    outbox: mpsc::Sender<WireMessage>,
    far: FarBuffer,
    unevenness: Unevenness,
    began: Instant,
    frames: u64,
    /// Frames since the last message.
    quiet_frames: u64,
    malformed: u64,
    malformed_in_row: u32,
    /// Messages in this second.
    this_second: u32,
    /// The far end took nothing for too long.
    stuck: Arc<AtomicBool>,
    held: bool,
    tone: Option<DtmfTone>,
    /// Frames that a slow far end, or one that asked to wait, cost.
    unsent: u64,
}

impl<D: Dialect> StreamTask<D> {
    async fn run<S, E>(mut self, from: S, writer: JoinHandle<()>)
    where
        S: Stream<Item = Result<WireMessage, E>> + Send + Unpin + 'static,
        E: Display + Send + 'static,
    {
        let reason = self.live(from).await;
        if reason == CloseReason::Here
            && let Some(bye) = self.dialect.bye()
        {
            let _ = timeout(BYE_MAX, self.outbox.send(bye)).await;
        }
        let Self {
            sides,
            outbox,
            malformed,
            unsent,
            ..
        } = self;
        drop(outbox);
        let abort = writer.abort_handle();
        if timeout(BYE_MAX, writer).await.is_err() {
            abort.abort();
        }
        if malformed + unsent > 0 {
            tracing::info!(
                wire = D::NAME,
                malformed,
                unsent,
                "messages were unreadable or unsent"
            );
        }
        for side in sides {
            let Side {
                signals,
                heard,
                said,
                ..
            } = side;
            drop((heard, said));
            // A slow reader of the one leg must not keep the other from its end.
            tokio::spawn(async move { signals.send(LegSignal::Closed { reason }).await });
        }
    }

    async fn live<S, E>(&mut self, mut from: S) -> CloseReason
    where
        S: Stream<Item = Result<WireMessage, E>> + Send + Unpin,
        E: Display + Send,
    {
        for side in 0..self.sides.len() {
            if let Some(reason) = self.signal(side, LegSignal::Connected) {
                return reason;
            }
        }
        let mut ticks = interval(Duration::from_millis(FRAME_MS));
        // After a stall the missed frames are made up for: the audio clock is the wall clock.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut clears = self.sides[0].commands.clear.clone();
        loop {
            let over = tokio::select! {
                message = from.next() => match message {
                    Some(Ok(WireMessage::Close)) => Some(CloseReason::FarEnd),
                    Some(Ok(message)) => self.on_message(message),
                    Some(Err(error)) => {
                        tracing::info!(wire = D::NAME, %error, "the connection broke");
                        Some(CloseReason::Lost)
                    }
                    None => Some(D::END),
                },
                _ = ticks.tick() => self.on_tick(),
                Ok(()) = clears.changed() => {
                    self.on_clear();
                    None
                }
            };
            if let Some(reason) = over {
                return reason;
            }
        }
    }

    fn on_message(&mut self, message: WireMessage) -> Option<CloseReason> {
        self.quiet_frames = 0;
        self.this_second += 1;
        if self.this_second > FLOOD_PER_S {
            tracing::warn!(
                wire = D::NAME,
                "more than {FLOOD_PER_S} messages in a second; closed"
            );
            return Some(CloseReason::Lost);
        }
        let said = match self.dialect.read(message, &mut self.reservoirs) {
            Ok(said) => said,
            Err(error) => return self.on_malformed(&error),
        };
        self.malformed_in_row = 0;
        match said {
            Said::Sound { sound_us } => {
                let now_us = self.began.elapsed().as_micros() as u64;
                self.unevenness.came(now_us, sound_us);
                None
            }
            Said::Key { side, key } => self.signal(side, LegSignal::Key(key)),
            Said::Reached(mark) => {
                self.far.reached(mark, Instant::now());
                None
            }
            Said::Hold(held) => {
                self.held = held;
                None
            }
            Said::Over(reason) => Some(reason),
            Said::Nothing => None,
        }
    }

    fn on_malformed(&mut self, error: &DialectError) -> Option<CloseReason> {
        self.malformed += 1;
        self.malformed_in_row += 1;
        if self.malformed == 1 {
            tracing::warn!(%error, "a message is skipped; more of this call are only counted");
        }
        if self.malformed_in_row < MALFORMED_MAX {
            return None;
        }
        tracing::warn!(%error, "{MALFORMED_MAX} unreadable messages in a row; the stream is closed");
        Some(CloseReason::Lost)
    }

    /// Once every 20 ms.
    fn on_tick(&mut self) -> Option<CloseReason> {
        self.frames += 1;
        self.quiet_frames += 1;
        if self.frames.is_multiple_of(1000 / FRAME_MS) {
            self.this_second = 0;
        }
        let mut pcm = SILENCE;
        for (side, reservoir) in self.sides.iter().zip(&mut self.reservoirs) {
            reservoir.pull(&mut pcm);
            side.heard.push(&pcm);
            if *side.commands.close.borrow() || side.signals.is_closed() {
                return Some(CloseReason::Here);
            }
        }
        if self.outbox.is_closed() {
            // A far end that closes while sound is on its way to it is seen by whoever writes first.
            let stuck = self.stuck.load(Ordering::Relaxed);
            return Some(if stuck { CloseReason::Lost } else { D::END });
        }
        if Duration::from_millis(self.quiet_frames * FRAME_MS) > self.dialect.idle_max() {
            tracing::info!(
                wire = D::NAME,
                "nothing came for too long; the stream is closed"
            );
            return Some(CloseReason::Lost);
        }
        self.speak();
        if self.frames.is_multiple_of(QUALITY_FRAMES) {
            self.report_quality();
        }
        None
    }

    /// Sends the frame of this 20 ms.
    fn speak(&mut self) {
        let now = Instant::now();
        if let Some(pcm) = self.next_frame(now) {
            match self.dialect.sound(&pcm) {
                Some(_) if self.held => self.unsent += 1,
                Some(message) => match self.outbox.try_send(message) {
                    Ok(()) => {
                        if let Some(mark) = self.far.sent(now)
                            && let Some(message) = self.dialect.mark(mark)
                        {
                            let _ = self.outbox.try_send(message);
                        }
                    }
                    Err(_) => self.unsent += 1,
                },
                None => {}
            }
        }
        let side = &self.sides[0];
        let unheard_ms = self.far.unheard(now).as_millis() as u64 + side.said.stats().waiting_ms;
        let told = u32::try_from(unheard_ms).unwrap_or(u32::MAX);
        side.commands.unheard_ms.store(told, Ordering::Relaxed);
    }

    /// What is to be said in this frame. Silence gives way where sound has piled up: in the house,
    /// in the outbox or at the far end.
    fn next_frame(&mut self, now: Instant) -> Option<Pcm> {
        let busy = self.far.unheard(now) > UNHEARD_MAX
            || self.outbox.max_capacity() - self.outbox.capacity() > OUTBOX_BUSY;
        let side = &mut self.sides[0];
        let mut frame = side.said.try_recv();
        while frame.is_ok_and(|frame| is_silent(&frame.pcm)) && side.said.stats().waiting_ms > 40 {
            frame = side.said.try_recv();
        }
        if self.tone.is_none()
            && let Ok(key) = side.commands.keys.try_recv()
        {
            self.tone = DtmfTone::new(key, KEY_DBOV);
        }
        if let Some(tone) = &mut self.tone {
            let mut pcm = SILENCE;
            if tone.fill(&mut pcm) {
                return Some(pcm);
            }
            self.tone = None;
        }
        match frame {
            Ok(frame) if busy && is_silent(&frame.pcm) => None,
            Ok(frame) => Some(frame.pcm),
            Err(NoFrame::Empty | NoFrame::Closed) => {
                (self.dialect.fills_silence() && !busy).then_some(SILENCE)
            }
        }
    }

    fn on_clear(&mut self) {
        let side = &mut self.sides[0];
        while side.said.try_recv().is_ok() {}
        self.far.clear(Instant::now());
        side.commands.unheard_ms.store(0, Ordering::Relaxed);
        self.held = false;
        if let Some(message) = self.dialect.clear()
            && self.outbox.try_send(message).is_err()
        {
            tracing::debug!(
                wire = D::NAME,
                "the far end reads too slowly to be told to clear"
            );
        }
    }

    fn report_quality(&mut self) {
        let jitter_ms = self.unevenness.jitter_ms();
        for (side, reservoir) in self.sides.iter().zip(&mut self.reservoirs) {
            let counts = reservoir.take_counts();
            if side.signals.capacity() > RESERVED_SIGNALS {
                let _ = side.signals.try_send(LegSignal::Quality {
                    loss_permille: (counts.dropped * 1000 / counts.received.max(1)).min(1000)
                        as u16,
                    jitter_ms,
                    rtt_ms: None,
                });
            }
        }
    }

    /// A signal that must not be lost. A reader that has let so many pile up is stuck, and with it
    /// the call.
    fn signal(&self, side: usize, signal: LegSignal) -> Option<CloseReason> {
        let side = self.sides.get(side)?;
        match side.signals.try_send(signal) {
            Ok(()) => None,
            Err(_) => {
                tracing::warn!("nobody reads the signals of a leg; it is closed");
                Some(CloseReason::Here)
            }
        }
    }
}

fn is_silent(pcm: &Pcm) -> bool {
    pcm.iter().all(|sample| sample.unsigned_abs() <= SILENT_MAX)
}

/// Brings messages to the far end, and ends with the last of them or with a far end that takes none.
async fn write<K>(
    mut to: K,
    mut waiting: mpsc::Receiver<WireMessage>,
    stuck: Arc<AtomicBool>,
    wire: &'static str,
) where
    K: Sink<WireMessage> + Send + Unpin,
    K::Error: Display,
{
    while let Some(message) = waiting.recv().await {
        match timeout(SEND_MAX, to.send(message)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::debug!(wire, %error, "the far end takes no more");
                return;
            }
            Err(_) => {
                stuck.store(true, Ordering::Relaxed);
                tracing::info!(
                    wire,
                    "the far end read nothing for {} s",
                    SEND_MAX.as_secs()
                );
                return;
            }
        }
    }
    let _ = timeout(BYE_MAX, async {
        let _ = to.send(WireMessage::Close).await;
        to.close().await
    })
    .await;
}
