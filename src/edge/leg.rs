//! What the house sees of a wire.

use crate::frames::{FrameReceiver, FrameSender};
use sidetone_types::Wire;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// How many signals wait for a slow reader. Quality reports leave the last places to the others.
pub(crate) const SIGNALS: usize = 64;
/// How many keys wait to be sent.
pub(crate) const KEYS: usize = 32;
/// How much sound waits in each direction before the oldest is dropped.
pub const FRAMES_MS: u64 = 400;

/// One end of one leg. The parts may be given to different tasks. The leg lives until it is closed,
/// the far end leaves, or `signals` is dropped.
pub struct LegHandle {
    pub wire: Wire,
    /// What the far end says: one frame every 20 ms from the moment the leg exists.
    pub frames_in: FrameReceiver,
    /// What the far end is to hear. Push one frame every 20 ms; frames pushed before
    /// [`LegSignal::Connected`] are not heard.
    pub frames_out: FrameSender,
    pub signals: mpsc::Receiver<LegSignal>,
    pub control: LegControl,
}

impl LegHandle {
    pub fn close(&self) {
        self.control.close();
    }
}

/// What a wire tells beside the sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LegSignal {
    /// Sound can flow in both directions.
    Connected,
    /// The far end pressed a key: 0–9, `*`, `#`, A–D. Each press comes once.
    Key(char),
    /// The last signal. Sockets and tasks of the leg are gone.
    Closed { reason: CloseReason },
    /// Every two seconds, over the last two.
    Quality {
        /// Packets of the far end that were lost, of a thousand.
        loss_permille: u16,
        jitter_ms: u32,
        /// Round trip; `None` until it was measured.
        rtt_ms: Option<u32>,
    },
}

/// Why a leg ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// [`LegControl::close`], or the handle was dropped.
    Here,
    /// The far end hung up.
    FarEnd,
    /// The network between the two broke off.
    Lost,
    /// Signalling went well and no packet ever came through.
    NeverConnected,
}

impl CloseReason {
    /// One word for journals and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Here => "closed_here",
            Self::FarEnd => "far_end",
            Self::Lost => "lost",
            Self::NeverConnected => "never_connected",
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Here => "closed by this side",
            Self::FarEnd => "the far end hung up",
            Self::Lost => "the network connection was lost",
            Self::NeverConnected => "no media connection came about; a firewall may block UDP",
        })
    }
}

/// Commands to a leg, from anywhere. A clone does not keep the leg alive.
#[derive(Clone)]
pub struct LegControl {
    close: Arc<watch::Sender<bool>>,
    keys: mpsc::Sender<char>,
    clear: Arc<watch::Sender<u32>>,
    unheard_ms: Arc<AtomicU32>,
}

/// The leg's end of [`LegControl`].
pub(crate) struct Commands {
    pub close: watch::Receiver<bool>,
    pub keys: mpsc::Receiver<char>,
    /// Changes when the far end's buffer is to be emptied.
    pub clear: watch::Receiver<u32>,
    /// Where a leg whose far end keeps a buffer tells how full it is.
    pub unheard_ms: Arc<AtomicU32>,
}

impl LegControl {
    pub(crate) fn new() -> (Self, Commands) {
        let (close, closed) = watch::channel(false);
        let (keys, pressed) = mpsc::channel(KEYS);
        let (clear, cleared) = watch::channel(0);
        let unheard_ms = Arc::new(AtomicU32::new(0));
        (
            Self {
                close: Arc::new(close),
                keys,
                clear: Arc::new(clear),
                unheard_ms: unheard_ms.clone(),
            },
            Commands {
                close: closed,
                keys: pressed,
                clear: cleared,
                unheard_ms,
            },
        )
    }

    /// How much of the sound that was pushed the far end has not played yet, network included: what
    /// was heard of a prompt is what was pushed of it less this. Zero on wires whose far end plays
    /// at once (WebRTC, SIP).
    pub fn unheard(&self) -> Duration {
        Duration::from_millis(self.unheard_ms.load(Ordering::Relaxed).into())
    }

    /// Throws away what was pushed and is not yet heard, as a barge-in needs it, and returns how
    /// much that is. The far end hears on with what is pushed from now on.
    pub fn clear(&self) -> Duration {
        self.clear
            .send_modify(|count| *count = count.wrapping_add(1));
        Duration::from_millis(self.unheard_ms.swap(0, Ordering::Relaxed).into())
    }

    /// Ends the leg. [`LegSignal::Closed`] follows when its sockets are gone.
    pub fn close(&self) {
        self.close.send_replace(true);
    }

    /// Presses a key towards the far end. False: not a key, too many are waiting, or the leg is
    /// over. Keys follow one another with a gap; sound pauses while a key is sent.
    pub fn send_key(&self, key: char) -> bool {
        sidetone_media::event::event_of(key).is_some() && self.keys.try_send(key).is_ok()
    }
}
