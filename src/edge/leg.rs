//! What the house sees of a wire.

use crate::frames::{FrameReceiver, FrameSender};
use sidetone_types::Wire;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// How many signals wait for a slow reader. Quality reports leave the last places to the others.
pub(crate) const SIGNALS: usize = 64;
/// How many keys wait to be sent.
pub(crate) const KEYS: usize = 32;
/// How many orders to signalling wait.
const ORDERS: usize = 16;
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
    /// The far end put this leg on hold (true), or took it back (false). Frames keep coming.
    Held { by_far_end: bool },
    /// The far end asks that the party it talks with be connected to somebody else. Answer with
    /// [`LegControl::transfer_outcome`]; nothing happens before that.
    Transfer(Transfer),
    /// How the transfer asked for with [`LegControl::refer`] goes on.
    Referred(TransferOutcome),
}

/// What a far end wants in a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// The number or account to connect with.
    pub to: String,
    /// Attended: the call that the new one takes the place of.
    pub replaces: Option<Replaces>,
}

/// The call that is replaced in an attended transfer (RFC 3891).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaces {
    /// [`LegControl::serial`] of the leg, where it is one of this house.
    pub leg: Option<u64>,
    /// As it is written on the wire, for the call that goes there.
    pub header: String,
}

/// What became of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferOutcome {
    /// It is being tried.
    Trying,
    Ringing,
    /// The new call stands; the one that asked may leave.
    Done,
    /// The status code of the failure, 400–699.
    Failed(u16),
}

/// What the house wants of a leg's signalling, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LegCommand {
    /// [`LegControl::close`], or the handle was dropped.
    Close,
    Hold(bool),
    /// Ask the far end to call `to`, in place of the leg with that serial number if there is one.
    Refer {
        to: String,
        replaces: Option<u64>,
    },
    /// The answer to [`LegSignal::Transfer`].
    Transfer(TransferOutcome),
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
    orders: mpsc::Sender<LegCommand>,
    serial: u64,
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
    /// For a wire whose signalling takes no orders (all but closing are refused).
    pub(crate) fn new() -> (Self, Commands) {
        let (control, commands, _) = Self::with_orders();
        (control, commands)
    }

    /// For a wire that can hold and transfer. [`LegCommand::Close`] does not come through the
    /// receiver, but through [`Commands::close`], which is never full.
    pub(crate) fn with_orders() -> (Self, Commands, mpsc::Receiver<LegCommand>) {
        static SERIAL: AtomicU64 = AtomicU64::new(1);
        let (close, closed) = watch::channel(false);
        let (keys, pressed) = mpsc::channel(KEYS);
        let (orders, ordered) = mpsc::channel(ORDERS);
        let (clear, cleared) = watch::channel(0);
        let unheard_ms = Arc::new(AtomicU32::new(0));
        let control = Self {
            close: Arc::new(close),
            keys,
            clear: Arc::new(clear),
            unheard_ms: unheard_ms.clone(),
            orders,
            serial: SERIAL.fetch_add(1, Ordering::Relaxed),
        };
        let commands = Commands {
            close: closed,
            keys: pressed,
            clear: cleared,
            unheard_ms,
        };
        (control, commands, ordered)
    }

    /// The leg's number in this process.
    pub fn serial(&self) -> u64 {
        self.serial
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
        // Read first: the leg's own task says zero as soon as it has cleared.
        let unheard_ms = self.unheard_ms.swap(0, Ordering::Relaxed);
        self.clear
            .send_modify(|count| *count = count.wrapping_add(1));
        Duration::from_millis(unheard_ms.into())
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

    /// Tells the far end's device that it is on hold, or no longer. Sound that is pushed is still
    /// sent (music). False: the wire cannot do it, or the leg is over.
    pub fn hold(&self, on: bool) -> bool {
        self.orders.try_send(LegCommand::Hold(on)).is_ok()
    }

    /// Asks the far end to call `to` by itself, blind or in place of `replaces` (RFC 3515, 3891).
    /// [`LegSignal::Referred`] tells what became of it. False: the wire cannot do it.
    pub fn refer(&self, to: &str, replaces: Option<&LegControl>) -> bool {
        let order = LegCommand::Refer {
            to: to.to_owned(),
            replaces: replaces.map(Self::serial),
        };
        self.orders.try_send(order).is_ok()
    }

    /// Answers [`LegSignal::Transfer`], as often as there is news; `Done` and `Failed` are last.
    pub fn transfer_outcome(&self, outcome: TransferOutcome) -> bool {
        self.orders.try_send(LegCommand::Transfer(outcome)).is_ok()
    }
}
