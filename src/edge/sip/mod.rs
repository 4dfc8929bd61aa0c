//! SIP signalling: phones, trunks and PBXs (RFC 3261 and its extensions).
//!
//! **Place in the flow.** Sockets ([`net`]) give octets; [`framer`] and [`parse`] make messages of
//! them; [`core`] recognizes what is a repetition or an answer; [`dispatch`] decides what becomes
//! of a new request. A call is one task: [`incoming`] until it is answered, [`fork`] where this
//! side calls, [`call`] as long as it stands. What the server above sees is in [`api`]: calls to
//! answer, calls to make, and for each a [`LegHandle`](crate::LegHandle) like that of every other
//! wire, whose sound is [`crate::rtp`]'s.
//!
//! **Invariants.** No message, however broken, panics; every one is answered once or is nobody's to
//! answer. Memory is bounded: transactions, connections, contacts, nonces, waiting requests and
//! calls have each a limit, and what is refused before a log-in leaves nothing behind. Nothing that
//! a far end claims (From, identity headers, Contact) gives it a right: rights come of a source
//! address in a trunk's list or of a digest log-in. Messages are not logged. Answers go to where
//! the request came from (RFC 3581), whether asked for or not.
//!
//! **A stack of our own.** The crate `rsipstack` 0.7 was read for this place and left aside: all of
//! its channels are unbounded, a message that it cannot read is dropped without the 400 that is
//! owed, a header that is not UTF-8 ends the reading of those after it, an unreadable
//! Content-Length counts as zero, a response cannot carry a phrase of one's own, every cleanup
//! walks over all waiting dialogs, and whole messages go to the log. Transactions and dialogs are
//! the part that such a crate saves, and just there the limits would have had to be put in.
//!
//! **Not here.** What a call does (`call`), who is called (`acd`), sound ([`crate::rtp`]). Not
//! done: SRV and NAPTR look-ups (names resolve to addresses), TLS connections that this side opens,
//! a switch of large datagrams to TCP, several bodies in one message, redirections (3xx) followed.

mod agree;
mod api;
mod call;
mod client;
mod config;
mod core;
mod dialog;
mod digest;
mod dispatch;
mod fork;
mod framer;
pub(crate) mod fuzzing;
mod guard;
mod incoming;
mod message;
mod net;
mod outgoing;
mod parse;
mod registrar;
mod sdp;
mod server;
mod session;
mod tls;
mod transfer;
mod trunk;
mod uri;

use self::core::Core;
use self::net::Listening;
pub use api::{
    CallRequest, CallTarget, Contact, IncomingCall, OutgoingCall, OutgoingEvent, Refusal, SipEvent,
    SipFigures, SipParty,
};
pub use config::{
    Digest, IpNet, OutboundRules, Secret, SipAccount, SipCodec, SipConfig, SipListen, SipTrunk,
    SrtpUse, TlsFiles, Transport, TrunkLogin,
};

use crate::EdgeError;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc;

/// A SIP endpoint. Clones are the same endpoint; it runs until [`Self::stop`].
#[derive(Clone)]
pub struct SipEdge {
    core: Arc<Core>,
}

impl SipEdge {
    /// Opens the sockets and begins to answer. To be called in a runtime.
    ///
    /// # Errors
    /// [`EdgeError::Config`] names the setting that cannot be used, an address in use included.
    pub async fn start(config: SipConfig) -> Result<(Self, mpsc::Receiver<SipEvent>), EdgeError> {
        config.check()?;
        let tls = config.tls.as_ref().map(tls::acceptor).transpose()?;
        let tls_out = tls::connector(&config)?;
        let (mut open, mut bound) = (Vec::new(), Vec::new());
        for listen in &config.listen {
            let (socket, local) =
                Listening::bind(listen.transport, listen.addr, tls.as_ref()).await?;
            bound.push((listen.transport, local));
            open.push(socket);
        }
        let (events, received) = mpsc::channel(api::EVENTS);
        let core = Core::new(config, tls_out, events);
        let udp = open.iter().filter_map(|socket| match socket {
            Listening::Udp(port) => Some(port.clone()),
            Listening::Stream(..) => None,
        });
        let _ = core.udp.set(udp.collect());
        let _ = core.listening.set(bound);
        for socket in open {
            tokio::spawn(socket.serve(core.clone()));
        }
        tokio::spawn(keep_time(core.clone()));
        for trunk in core.config.trunks.clone() {
            tokio::spawn(trunk::keep(core.clone(), trunk));
        }
        Ok((Self { core }, received))
    }

    /// Where it listens, with the ports that the system chose.
    pub fn addresses(&self) -> Vec<(Transport, SocketAddr)> {
        self.core.listening.get().cloned().unwrap_or_default()
    }

    /// Why a number may not be called, by somebody who may call out or may not; `None` where it may.
    /// The limits in number of calls show only when it is tried.
    pub fn denies(&self, number: &str, authorized: bool) -> Option<String> {
        let denied = self.core.guard().check(number, authorized).err()?;
        Some(denied.to_string())
    }

    /// Every phone that is logged in.
    pub fn registrations(&self) -> Vec<Contact> {
        let now_s = self.core.now_s();
        self.core
            .registrar()
            .all()
            .map(|(agent, binding)| Contact {
                agent: agent.clone(),
                uri: binding.uri_text.clone(),
                source: binding.flow.peer(),
                user_agent: binding.user_agent.clone(),
                expires_in_s: binding.expires_at_s.saturating_sub(now_s),
            })
            .collect()
    }

    /// Begins a call; how it goes on is told by the [`OutgoingCall`].
    ///
    /// # Errors
    /// [`EdgeError::Refused`]: no phone is logged in (480), the rules forbid it (403), no such trunk
    /// (404), all calls are taken (503).
    pub fn call(&self, request: CallRequest) -> Result<OutgoingCall, EdgeError> {
        outgoing::call(&self.core, request)
    }

    pub fn figures(&self) -> SipFigures {
        self.core.figures()
    }

    /// No new calls from now on (503); waits until those that stand have ended, at most so long.
    /// Returns how many are left.
    pub async fn drain(&self, patience: Duration) -> usize {
        self.core.draining.store(true, Ordering::Relaxed);
        let until = tokio::time::Instant::now() + patience;
        while self.core.calls() > 0 && tokio::time::Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.core.calls()
    }

    /// Ends every call with BYE, takes log-ins at trunks back, and closes the sockets.
    pub async fn stop(&self) {
        self.core.draining.store(true, Ordering::Relaxed);
        self.core.stopping.send_replace(true);
        self.drain(Duration::from_secs(2)).await;
        let until = tokio::time::Instant::now() + Duration::from_secs(2);
        while self.core.logged_in.load(Ordering::Acquire) > 0 && tokio::time::Instant::now() < until
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // The last answers, and BYEs that are sent twice, still go out.
        tokio::time::sleep(Duration::from_millis(100)).await;
        self.core.closing.send_replace(true);
    }
}

async fn keep_time(core: Arc<Core>) {
    let mut stopping = core.closing.subscribe();
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    let mut count = 0_u64;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stopping.wait_for(|stop| *stop) => return,
        }
        core.tick();
        count += 1;
        if count.is_multiple_of(10) {
            let changed = core.registrar().expire(core.now_s());
            for (agent, contacts) in changed {
                let _ = core.event(SipEvent::Registered { agent, contacts });
            }
        }
    }
}
