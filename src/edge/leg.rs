//! What the house sees of a wire.

use crate::frames::{FrameReceiver, FrameSender};
use sidetone_types::Wire;
use std::fmt;
use std::sync::Arc;
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

/// What the house wants of a wire's signalling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LegCommand {
    /// The leg is to end, or its handle was dropped. Nothing follows.
    Close,
    Hold(bool),
    /// The far end is to call `to`; with `replaces`, in place of that dialog.
    Refer {
        to: String,
        replaces: Option<String>,
    },
}

/// Commands to a leg, from anywhere. A clone does not keep the leg alive.
#[derive(Clone)]
pub struct LegControl {
    close: Arc<watch::Sender<bool>>,
    keys: mpsc::Sender<char>,
    /// `None`: this wire's signalling takes no commands.
    signalling: Option<mpsc::Sender<LegCommand>>,
}

/// The leg's end of [`LegControl`].
pub(crate) struct Commands {
    pub close: watch::Receiver<bool>,
    pub keys: mpsc::Receiver<char>,
}

impl LegControl {
    pub(crate) fn new() -> (Self, Commands) {
        let (close, closed) = watch::channel(false);
        let (keys, pressed) = mpsc::channel(KEYS);
        (
            Self {
                close: Arc::new(close),
                keys,
                signalling: None,
            },
            Commands {
                close: closed,
                keys: pressed,
            },
        )
    }

    /// The control of a leg whose signalling takes commands.
    pub(crate) fn with_signalling(commands: mpsc::Sender<LegCommand>) -> (Self, Commands) {
        let (mut control, received) = Self::new();
        control.signalling = Some(commands);
        (control, received)
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

    /// Puts the far end on hold or takes it back. False: this wire cannot, or the leg is over.
    pub fn hold(&self, on: bool) -> bool {
        self.command(LegCommand::Hold(on))
    }

    /// Asks the far end to call `to` instead. False: this wire cannot, or the leg is over.
    pub fn refer(&self, to: String, replaces: Option<String>) -> bool {
        self.command(LegCommand::Refer { to, replaces })
    }

    fn command(&self, command: LegCommand) -> bool {
        self.signalling
            .as_ref()
            .is_some_and(|signalling| signalling.try_send(command).is_ok())
    }
}
