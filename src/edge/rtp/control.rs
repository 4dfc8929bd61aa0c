//! The signalling's hold on an RTP leg.

use super::params::RtpParams;
use crate::leg::{CloseReason, LegCommand, LegSignal};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, watch};

/// The way to the house, shared by the media task and signalling so that nothing follows
/// [`LegSignal::Closed`]: whoever closes takes the sender out.
pub(super) type SharedSignals = Arc<Mutex<Option<mpsc::Sender<LegSignal>>>>;

/// What signalling wants of the media task.
#[derive(Clone)]
pub(super) struct Wanted {
    pub params: RtpParams,
    pub end: Option<CloseReason>,
}

/// Held by the task of the dialog. Dropping it ends the leg with [`CloseReason::Lost`].
pub struct RtpControl {
    wanted: watch::Sender<Wanted>,
    signals: SharedSignals,
    commands: mpsc::Receiver<LegCommand>,
    close: watch::Receiver<bool>,
    /// Never sent on; gone with the media task.
    alive: watch::Receiver<()>,
    connected: AtomicBool,
    closing: bool,
}

/// The media task's ends of an [`RtpControl`].
pub(super) struct ControlEnds {
    pub wanted: watch::Receiver<Wanted>,
    pub alive: watch::Sender<()>,
}

impl RtpControl {
    pub(super) fn new(
        params: RtpParams,
        signals: SharedSignals,
        commands: mpsc::Receiver<LegCommand>,
        close: watch::Receiver<bool>,
    ) -> (Self, ControlEnds) {
        let (wanted, wants) = watch::channel(Wanted { params, end: None });
        let (alive, living) = watch::channel(());
        let control = Self {
            wanted,
            signals,
            commands,
            close,
            alive: living,
            connected: AtomicBool::new(false),
            closing: false,
        };
        let ends = ControlEnds {
            wanted: wants,
            alive,
        };
        (control, ends)
    }

    /// After a re-INVITE or UPDATE: a new address, codec, key or direction. Where the address or the
    /// keys are new, the source is learned anew.
    pub fn update(&self, params: RtpParams) {
        self.wanted.send_modify(|wanted| wanted.params = params);
    }

    /// The dialog is confirmed: the house is told once. False as in [`Self::signal`].
    pub fn connected(&self) -> bool {
        self.connected.swap(true, Ordering::Relaxed) || self.signal(LegSignal::Connected)
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
}
