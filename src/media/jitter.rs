//! The jitter buffer: packets in as they come, packets out in order and in time.
//!
//! Packets are kept by sequence number and timed by RTP timestamp. The delay follows the network:
//! the target is what nineteen in twenty recent packets needed beyond the fastest one. The buffer
//! grows by running dry (the missing moment is concealed and what comes late is still played) and
//! shrinks when even its lowest level over half a second was above the target.

/// Packets that fit; at 20 ms a packet more than two seconds.
const SLOTS: u64 = 128;
/// A jump in sequence numbers beyond this is a new stream (RFC 3550 appendix A.1, MAX_DROPOUT).
const JUMP_MAX: i64 = 1000;
/// Relative delays that the target is made from.
const DELAYS: usize = 100;
/// Length of the two windows in which the fastest packet is looked for, against clock drift.
const BASE_WINDOW_US: u64 = 5_000_000;
/// Pulls over which the lowest level is taken before the buffer may shrink.
const LEVEL_PULLS: u32 = 25;
/// How far above the target the lowest level may stay: a packet and a bit.
const EXCESS_MS: i64 = 25;
/// Frames without anything to play after which the stream is taken up anew.
const STARVED_MAX: u32 = 50;
/// Lowest and highest target delay in milliseconds.
pub const TARGET_MS_MIN: u32 = 20;
pub const TARGET_MS_MAX: u32 = 200;

/// What the buffer holds of one packet.
#[derive(Clone, Copy, Debug)]
struct Slot<P> {
    sequence: i64,
    timestamp: i64,
    ticks: u32,
    arrived_us: u64,
    /// `None` for a packet that took a sequence number and carried no sound (a keypad event).
    sound: Option<P>,
}

/// A packet as it arrived.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<P> {
    pub sequence: u16,
    pub timestamp: u32,
    /// Length of the sound in it, in ticks of the RTP clock.
    pub ticks: u32,
    /// When it came, microseconds of any monotonic clock.
    pub arrived_us: u64,
    /// `None` for a packet in the same stream that carries no sound.
    pub sound: Option<P>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    Kept,
    Duplicate,
    /// Its moment has passed.
    Late,
    /// The far end started a new stream; what was held is gone.
    Restarted,
}

/// What is to be played next.
#[derive(Debug, PartialEq, Eq)]
pub enum Pull<'a, P> {
    /// This packet.
    Sound(P),
    /// A frame that was lost; `next` is the packet right after it, for error correction.
    Lost { next: Option<&'a P> },
    /// Nothing has arrived in time; `frames` in a row including this one.
    Starved { frames: u32 },
    /// The far end is pausing, or the stream has not begun.
    Silence,
}

/// Counters since the stream began, and the state now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JitterMetrics {
    pub received: u64,
    pub duplicates: u64,
    pub late: u64,
    /// Packets that never came or came too late to be played.
    pub lost: u64,
    /// Moments at which there was nothing to play.
    pub starved: u64,
    /// Frames taken out to bring the delay down.
    pub shortened: u64,
    pub restarts: u64,
    pub depth_ms: u32,
    pub target_ms: u32,
    /// Interarrival jitter of RFC 3550 section 6.4.1.
    pub jitter_ms: u32,
}

#[derive(Debug)]
pub struct JitterBuffer<P> {
    clock_hz: u32,
    slots: Vec<Option<Slot<P>>>,
    newest: Option<(i64, i64)>,
    playing: Option<Position>,
    delays: DelayWindow,
    starved: u32,
    level_ticks_min: i64,
    level_pulls: u32,
    metrics: JitterMetrics,
}

/// Where playing stands: the next sequence number and the next timestamp.
#[derive(Clone, Copy, Debug)]
struct Position {
    sequence: i64,
    timestamp: i64,
}

impl<P> JitterBuffer<P> {
    /// `clock_hz` is the RTP clock: 48,000 for Opus, 8,000 for G.711.
    pub fn new(clock_hz: u32) -> Self {
        Self {
            clock_hz,
            slots: (0..SLOTS).map(|_| None).collect(),
            newest: None,
            playing: None,
            delays: DelayWindow::default(),
            starved: 0,
            level_ticks_min: i64::MAX,
            level_pulls: 0,
            metrics: JitterMetrics {
                target_ms: TARGET_MS_MIN,
                ..JitterMetrics::default()
            },
        }
    }

    pub fn push(&mut self, arrival: Arrival<P>) -> Pushed {
        self.metrics.received += 1;
        let mut pushed = Pushed::Kept;
        let (mut sequence, mut timestamp) = self.unwrapped(&arrival);
        if self
            .newest
            .is_some_and(|(newest, _)| (sequence - newest).abs() > JUMP_MAX)
        {
            self.restart();
            pushed = Pushed::Restarted;
            (sequence, timestamp) = self.unwrapped(&arrival);
        }
        if self.playing.is_some_and(|at| sequence < at.sequence) {
            self.metrics.late += 1;
            return Pushed::Late;
        }
        let has_sound = arrival.sound.is_some();
        let slot = Slot {
            sequence,
            timestamp,
            ticks: arrival.ticks,
            arrived_us: arrival.arrived_us,
            sound: arrival.sound,
        };
        let place = &mut self.slots[Self::place(sequence)];
        match place {
            Some(held) if held.sequence == sequence => {
                self.metrics.duplicates += 1;
                return Pushed::Duplicate;
            }
            // An older packet that was never reached: the buffer is full and the oldest goes.
            _ => *place = Some(slot),
        }
        if self.newest.is_none_or(|(newest, _)| sequence > newest) {
            self.newest = Some((sequence, timestamp));
            // Only packets in order tell the network's delay; a reordered one tells another's, and
            // the packets of a key have the timestamp of its start.
            if has_sound {
                self.observe(arrival.arrived_us, timestamp);
            }
        }
        self.drop_what_does_not_fit();
        pushed
    }

    /// What to play now. To be called once for each frame's time, at an even pace.
    pub fn pull(&mut self, now_us: u64) -> Pull<'_, P> {
        self.begin_if_due(now_us);
        let Some(mut at) = self.playing else {
            return Pull::Silence;
        };
        let frame = self.frame_ticks();
        self.note_level(at);
        let (sequence, timestamp) = loop {
            let Some(head) = self.head(at.sequence) else {
                self.playing = Some(at);
                return self.starve();
            };
            let (sequence, timestamp, has_sound) =
                (head.sequence, head.timestamp, head.sound.is_some());
            if has_sound {
                break (sequence, timestamp);
            }
            // A packet without sound has done its duty by explaining its sequence number.
            self.metrics.lost += (sequence - at.sequence) as u64;
            self.slots[Self::place(sequence)] = None;
            at.sequence = sequence + 1;
        };
        self.playing = Some(at);
        let owed = timestamp - at.timestamp - i64::from(self.starved) * frame;
        let missing = sequence - at.sequence;
        // Two seconds ahead is not a pause: the far end moved its clock.
        if owed < frame / 2 || owed > i64::from(self.clock_hz) * 2 {
            return self.play(sequence);
        }
        self.playing = Some(Position {
            timestamp: at.timestamp + frame,
            ..at
        });
        if missing == 0 {
            return Pull::Silence;
        }
        let next = (owed < frame + frame / 2)
            .then(|| self.slot(sequence)?.sound.as_ref())
            .flatten();
        Pull::Lost { next }
    }

    /// Whether one frame should be taken out, because the delay has been above its target for long.
    /// Asking resets the observation, so that a `true` stands for one frame.
    pub fn should_shorten(&mut self) -> bool {
        let lowest_ms = self.level_ticks_min.saturating_mul(1000) / i64::from(self.clock_hz);
        let excess_ms = lowest_ms - i64::from(self.metrics.target_ms);
        // Far too much is brought down at a quarter of the pace of speech, a little unnoticeably.
        let pulls = match excess_ms {
            200.. => LEVEL_PULLS / 6,
            100.. => LEVEL_PULLS / 2,
            _ => LEVEL_PULLS,
        };
        if self.level_pulls < pulls {
            return false;
        }
        self.level_pulls = 0;
        self.level_ticks_min = i64::MAX;
        let shorten = excess_ms > EXCESS_MS;
        self.metrics.shortened += u64::from(shorten);
        shorten
    }

    pub fn metrics(&self) -> JitterMetrics {
        let mut metrics = self.metrics;
        if let (Some(at), Some((_, newest))) = (self.playing, self.newest) {
            let ticks = (newest - at.timestamp).max(0) + self.frame_ticks();
            metrics.depth_ms = (ticks * 1000 / i64::from(self.clock_hz)) as u32;
        }
        metrics.jitter_ms = (self.delays.interarrival_us / 1000.0) as u32;
        metrics
    }

    fn place(sequence: i64) -> usize {
        (sequence.rem_euclid(SLOTS as i64)) as usize
    }

    fn frame_ticks(&self) -> i64 {
        i64::from(self.clock_hz / 50)
    }

    fn slot(&self, sequence: i64) -> Option<&Slot<P>> {
        self.slots[Self::place(sequence)]
            .as_ref()
            .filter(|slot| slot.sequence == sequence)
    }

    /// The earliest packet held, from `from` on.
    fn head(&self, from: i64) -> Option<&Slot<P>> {
        let (newest, _) = self.newest?;
        (from..=newest).find_map(|sequence| self.slot(sequence))
    }

    /// Sequence number and timestamp continued beyond their 16 and 32 bits.
    fn unwrapped(&self, arrival: &Arrival<P>) -> (i64, i64) {
        match self.newest {
            None => (i64::from(arrival.sequence), i64::from(arrival.timestamp)),
            Some((sequence, timestamp)) => (
                sequence + i64::from(arrival.sequence.wrapping_sub(sequence as u16) as i16),
                timestamp + i64::from(arrival.timestamp.wrapping_sub(timestamp as u32) as i32),
            ),
        }
    }

    /// Forgets the stream; the next packet begins another. Counters stay.
    pub fn restart(&mut self) {
        self.slots.iter_mut().for_each(|slot| *slot = None);
        self.newest = None;
        self.playing = None;
        self.starved = 0;
        self.delays = DelayWindow::default();
        self.metrics.restarts += 1;
    }

    fn observe(&mut self, arrived_us: u64, timestamp: i64) {
        let sent_us = timestamp * 1_000_000 / i64::from(self.clock_hz);
        if let Some(needed_ms) = self.delays.observe(arrived_us, sent_us) {
            self.metrics.target_ms = (needed_ms + 10).clamp(TARGET_MS_MIN, TARGET_MS_MAX);
        }
    }

    /// Starts to play when the first packet has waited for as long as the target says.
    fn begin_if_due(&mut self, now_us: u64) {
        if self.playing.is_some() {
            return;
        }
        let Some((newest, _)) = self.newest else {
            return;
        };
        let oldest = newest - SLOTS as i64 + 1;
        let Some(head) = (oldest..=newest)
            .find_map(|sequence| self.slot(sequence).filter(|slot| slot.sound.is_some()))
        else {
            return;
        };
        let position = Position {
            sequence: head.sequence,
            timestamp: head.timestamp,
        };
        if now_us >= head.arrived_us + u64::from(self.metrics.target_ms) * 1000 {
            self.playing = Some(position);
            self.starved = 0;
            self.level_pulls = 0;
            self.level_ticks_min = i64::MAX;
        }
    }

    fn note_level(&mut self, at: Position) {
        if let Some((_, newest)) = self.newest {
            let level = newest + self.frame_ticks()
                - at.timestamp
                - i64::from(self.starved) * self.frame_ticks();
            self.level_ticks_min = self.level_ticks_min.min(level);
            self.level_pulls += 1;
        }
    }

    fn starve(&mut self) -> Pull<'_, P> {
        self.starved += 1;
        self.metrics.starved += 1;
        let frames = self.starved;
        if frames > STARVED_MAX {
            self.playing = None;
            // What is held cannot be before what was played.
            self.slots.iter_mut().for_each(|slot| *slot = None);
            return Pull::Silence;
        }
        Pull::Starved { frames }
    }

    fn play(&mut self, sequence: i64) -> Pull<'_, P> {
        let Some(slot) = self.slots[Self::place(sequence)].take() else {
            return Pull::Silence;
        };
        if let Some(at) = self.playing {
            self.metrics.lost += (sequence - at.sequence).max(0) as u64;
        }
        self.playing = Some(Position {
            sequence: sequence + 1,
            timestamp: slot.timestamp + i64::from(slot.ticks),
        });
        self.starved = 0;
        slot.sound.map_or(Pull::Silence, Pull::Sound)
    }

    fn drop_what_does_not_fit(&mut self) {
        let (Some((newest, _)), Some(at)) = (self.newest, self.playing) else {
            return;
        };
        let oldest = newest - SLOTS as i64 + 1;
        if at.sequence < oldest {
            self.metrics.lost += (oldest - at.sequence) as u64;
            let timestamp = self
                .head(oldest)
                .map_or(at.timestamp, |head| head.timestamp);
            self.playing = Some(Position {
                sequence: oldest,
                timestamp,
            });
        }
    }
}

/// How much later than the fastest the packets came lately.
#[derive(Debug)]
struct DelayWindow {
    /// Fastest transit in the window before this one and in this one.
    base_us: [i64; 2],
    window_began_us: Option<u64>,
    late_ms: [u16; DELAYS],
    count: usize,
    last_transit_us: Option<i64>,
    interarrival_us: f64,
}

impl Default for DelayWindow {
    fn default() -> Self {
        Self {
            base_us: [i64::MAX; 2],
            window_began_us: None,
            late_ms: [0; DELAYS],
            count: 0,
            last_transit_us: None,
            interarrival_us: 0.0,
        }
    }
}

impl DelayWindow {
    /// Takes one packet in; every few packets returns the delay in milliseconds that 19 in 20 of the
    /// recent ones stayed within.
    fn observe(&mut self, arrived_us: u64, sent_us: i64) -> Option<u32> {
        let transit = arrived_us as i64 - sent_us;
        let began = *self.window_began_us.get_or_insert(arrived_us);
        if arrived_us.saturating_sub(began) > BASE_WINDOW_US {
            self.base_us = [self.base_us[1], i64::MAX];
            self.window_began_us = Some(arrived_us);
        }
        self.base_us[1] = self.base_us[1].min(transit);
        let late_us = transit - self.base_us[0].min(self.base_us[1]);
        self.late_ms[self.count % DELAYS] = (late_us / 1000).clamp(0, 5000) as u16;
        self.count += 1;
        if let Some(last) = self.last_transit_us.replace(transit) {
            self.interarrival_us += ((transit - last).abs() as f64 - self.interarrival_us) / 16.0;
        }
        // A fresh look every 160 ms is soon enough and keeps the sorting out of most packets.
        self.count.is_multiple_of(8).then(|| {
            let known = self.count.min(DELAYS);
            let mut sorted = self.late_ms;
            let at = known * 19 / 20;
            let (_, late, _) = sorted[..known].select_nth_unstable(at.min(known - 1));
            u32::from(*late)
        })
    }
}

#[cfg(test)]
#[path = "jitter_tests.rs"]
mod tests;
