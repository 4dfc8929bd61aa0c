//! The signalling's hold on an RTP leg.

use super::params::RtpParams;
use crate::leg::{CloseReason, LegCommand, LegSignal};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, watch};

/// The way to the house, shared by the media task and signalling so that nothing follows
/// [`LegSignal::Closed`]: whoever closes takes the sender out.
pub(super) type SharedSignals = Arc<Mutex<Option<mpsc::Sender<LegSignal>>>>;

/// What became of packets since the leg began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RtpCounts {
    /// Heard, or counted as heard: sound, keys, comfort noise.
    pub received: u64,
    /// Sound, keys and keep-alives.
    pub sent: u64,
    pub malformed: u64,
    /// From somebody else than the far end, or our own come back.
    pub other_source: u64,
    /// Not heard because the source had yet to prove itself.
    pub on_probation: u64,
    /// Of a payload number that was not agreed on.
    pub unknown_payload: u64,
    /// SRTP: not made with the key.
    pub forged: u64,
    /// SRTP: seen before or too old.
    pub replayed: u64,
}

/// What signalling wants of the media task.
#[derive(Clone)]
pub(super) struct Wanted {
    pub params: RtpParams,
    /// Changes with every update, so that the same parameters twice are told from none.
    pub updates: u64,
    pub connected: bool,
    pub end: Option<CloseReason>,
}

/// Held by the task of the dialog. Dropping it ends the leg with [`CloseReason::Lost`].
pub struct RtpControl {
    wanted: watch::Sender<Wanted>,
    signals: SharedSignals,
    commands: mpsc::Receiver<LegCommand>,
    close: watch::Receiver<bool>,
    /// Never sent on; closed when the media task is gone.
    alive: watch::Receiver<()>,
    counts: Arc<Mutex<RtpCounts>>,
    connected: AtomicBool,
    closing: bool,
}

/// The media task's ends of an [`RtpControl`].
pub(super) struct ControlEnds {
    pub wanted: watch::Receiver<Wanted>,
    /// Tells by its end that the media task is gone.
    pub _alive: watch::Sender<()>,
    /// Set with every frame.
    pub counts: Arc<Mutex<RtpCounts>>,
}

impl RtpControl {
    pub(super) fn new(
        params: RtpParams,
        signals: SharedSignals,
        commands: mpsc::Receiver<LegCommand>,
        close: watch::Receiver<bool>,
    ) -> (Self, ControlEnds) {
        let (wanted, wants) = watch::channel(Wanted {
            params,
            updates: 0,
            connected: false,
            end: None,
        });
        let (alive, living) = watch::channel(());
        let counts = Arc::<Mutex<RtpCounts>>::default();
        let control = Self {
            wanted,
            signals,
            commands,
            close,
            alive: living,
            counts: counts.clone(),
            connected: AtomicBool::new(false),
            closing: false,
        };
        let ends = ControlEnds {
            wanted: wants,
            _alive: alive,
            counts,
        };
        (control, ends)
    }

    /// After a re-INVITE or UPDATE: a new address, codec, key or direction. Where the address or the
    /// keys are new, the source is learned anew.
    pub fn update(&self, params: RtpParams) {
        self.wanted.send_modify(|wanted| {
            wanted.params = params;
            wanted.updates += 1;
        });
    }

    /// The dialog is confirmed: the house is told once. False as in [`Self::signal`].
    pub fn connected(&self) -> bool {
        if self.connected.swap(true, Ordering::Relaxed) {
            return true;
        }
        self.wanted.send_modify(|wanted| wanted.connected = true);
        self.signal(LegSignal::Connected)
    }

    /// What signalling has to say to the house. False: the reader is stuck or gone, or the leg is
    /// over.
    pub fn signal(&self, signal: LegSignal) -> bool {
        self.signals
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .is_some_and(|signals| signals.try_send(signal).is_ok())
    }

    /// What the house wants, in order. [`LegCommand::Close`] comes once: when the house closes the
    /// leg, drops its handle, or the media broke off ([`LegSignal::Closed`] says why); after it this
    /// is pending for ever. Nothing is lost when the future is dropped before it is ready.
    pub async fn commanded(&mut self) -> LegCommand {
        if self.closing {
            return std::future::pending().await;
        }
        let command = tokio::select! {
            biased;
            Some(command) = self.commands.recv() => command,
            _ = self.close.wait_for(|close| *close) => LegCommand::Close,
            _ = self.alive.changed() => LegCommand::Close,
        };
        self.closing = command == LegCommand::Close;
        command
    }

    /// The dialog is over. The last signal is [`LegSignal::Closed`] with this reason, unless the leg
    /// ended before.
    pub fn end(&self, reason: CloseReason) {
        self.wanted.send_modify(|wanted| {
            wanted.end.get_or_insert(reason);
        });
    }

    /// What became of packets so far.
    pub fn counts(&self) -> RtpCounts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
