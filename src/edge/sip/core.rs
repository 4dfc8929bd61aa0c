//! The heart: what every message meets first, and the tables that all tasks share.
//!
//! **Invariants.** Nothing here waits. Whatever is refused before somebody has proved to belong here
//! is answered without leaving anything in memory (RFC 3261 section 8.2.7): the To tag of such an
//! answer is a hash of the request, so that a repeated request gets the same one.

use super::api::{SipEvent, SipFigures};
use super::call::ToDialog;
use super::client::{Answered, ClientTable};
use super::config::{SipConfig, Transport};
use super::dialog::Dialog;
use super::digest::Nonces;
use super::dispatch;
use super::guard::OutboundGuard;
use super::message::{Message, Method, Request, Response, name};
use super::net::{Flow, Stream, UdpPort};
use super::parse::{Broken, Framing, parse};
use super::registrar::Registrar;
use super::server::ServerTable;
use super::uri::{Via, tag};
use crate::ports::Ports;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsConnector;

/// One dialog, as the table knows it.
pub(crate) struct Known {
    pub inbox: mpsc::Sender<ToDialog>,
    /// `None`: early and ours, any tag will do.
    pub remote_tag: Option<String>,
    /// The leg's number, once there is a leg.
    pub serial: Option<u64>,
    /// The far end's Contact.
    pub target: String,
}

/// Call-ID and our tag.
pub(crate) type DialogKey = (String, String);
/// Call-ID, the caller's tag and CSeq of an INVITE that is here (section 8.2.2.2).
pub(crate) type InviteKey = (String, String, u32);

#[derive(Default)]
pub(crate) struct Dialogs {
    pub by_key: HashMap<DialogKey, Known>,
    pub invites: HashMap<InviteKey, ()>,
}

pub(crate) struct Core {
    pub config: SipConfig,
    pub ports: Ports,
    pub events: mpsc::Sender<SipEvent>,
    /// Calls and log-ins end.
    pub stopping: watch::Sender<bool>,
    /// Sockets close.
    pub closing: watch::Sender<bool>,
    /// Log-ins at trunks that are to be taken back.
    pub logged_in: AtomicUsize,
    pub draining: AtomicBool,
    pub refused_full: AtomicU64,
    pub listening: OnceLock<Vec<(Transport, SocketAddr)>>,
    pub udp: OnceLock<Vec<Arc<UdpPort>>>,
    /// For our connections to trunks, where one wants TLS.
    pub tls_out: Option<TlsConnector>,
    began: Instant,
    hash_key: [u8; 32],
    broken: AtomicU64,
    calls: Arc<AtomicUsize>,
    connections: Arc<AtomicUsize>,
    server: Mutex<ServerTable>,
    clients: Mutex<ClientTable>,
    dialogs: Mutex<Dialogs>,
    registrar: Mutex<Registrar>,
    nonces: Mutex<Nonces>,
    guard: Mutex<OutboundGuard>,
    streams: Mutex<HashMap<(Transport, SocketAddr), Arc<Stream>>>,
}

/// A place among so many; given back when dropped.
pub(crate) struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(count: &Arc<AtomicUsize>, max: usize) -> Option<Self> {
        count
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| {
                (n < max).then_some(n + 1)
            })
            .ok()
            .map(|_| Self(count.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A holder that panicked left whole values behind; they are still good.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Core {
    pub fn new(
        config: SipConfig,
        tls_out: Option<TlsConnector>,
        events: mpsc::Sender<SipEvent>,
    ) -> Arc<Self> {
        let (from, to) = config.rtp_ports;
        let guard = OutboundGuard::new(config.outbound.clone());
        let registrar = Registrar::new(&config);
        Arc::new(Self {
            ports: Ports::new(Some(from..=to)),
            events,
            stopping: watch::Sender::new(false),
            closing: watch::Sender::new(false),
            logged_in: AtomicUsize::new(0),
            draining: AtomicBool::new(false),
            refused_full: AtomicU64::new(0),
            listening: OnceLock::new(),
            udp: OnceLock::new(),
            tls_out,
            began: Instant::now(),
            hash_key: rand::random(),
            broken: AtomicU64::new(0),
            calls: Arc::default(),
            connections: Arc::default(),
            server: Mutex::default(),
            clients: Mutex::default(),
            dialogs: Mutex::default(),
            registrar: Mutex::new(registrar),
            nonces: Mutex::new(Nonces::new(rand::random())),
            guard: Mutex::new(guard),
            streams: Mutex::default(),
            config,
        })
    }

    pub fn server(&self) -> MutexGuard<'_, ServerTable> {
        locked(&self.server)
    }
    pub fn clients(&self) -> MutexGuard<'_, ClientTable> {
        locked(&self.clients)
    }
    pub fn dialogs(&self) -> MutexGuard<'_, Dialogs> {
        locked(&self.dialogs)
    }
    pub fn registrar(&self) -> MutexGuard<'_, Registrar> {
        locked(&self.registrar)
    }
    pub fn nonces(&self) -> MutexGuard<'_, Nonces> {
        locked(&self.nonces)
    }
    pub fn guard(&self) -> MutexGuard<'_, OutboundGuard> {
        locked(&self.guard)
    }

    /// Seconds since the start; the clock of nonces and log-ins.
    pub fn now_s(&self) -> u64 {
        self.began.elapsed().as_secs()
    }

    pub fn take_call(&self) -> Option<Place> {
        Place::take(&self.calls, self.config.calls_max)
    }
    pub fn take_connection(&self) -> Option<Place> {
        Place::take(&self.connections, self.config.connections_max)
    }
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::Acquire)
    }

    pub fn figures(&self) -> SipFigures {
        SipFigures {
            calls: self.calls(),
            transactions: self.server().len() + self.clients().len(),
            contacts: self.registrar().len(),
            connections: self.connections.load(Ordering::Acquire),
            refused_full: self.refused_full.load(Ordering::Relaxed),
            broken: self.broken.load(Ordering::Relaxed),
        }
    }

    pub fn keep_stream(&self, stream: &Arc<Stream>) {
        locked(&self.streams).insert((stream.transport, stream.peer), stream.clone());
    }
    pub fn forget_stream(&self, stream: &Arc<Stream>) {
        let mut streams = locked(&self.streams);
        let key = (stream.transport, stream.peer);
        if streams
            .get(&key)
            .is_some_and(|kept| Arc::ptr_eq(kept, stream))
        {
            streams.remove(&key);
        }
    }
    pub fn stream_to(&self, transport: Transport, peer: SocketAddr) -> Option<Flow> {
        let stream = locked(&self.streams).get(&(transport, peer))?.clone();
        Some(Flow::Stream(stream)).filter(Flow::is_alive)
    }

    pub fn agent(&self) -> &'static str {
        concat!("Sidetone/", env!("CARGO_PKG_VERSION"))
    }

    /// The address that a far end is told for a socket of ours.
    pub fn advertised(&self, local: SocketAddr) -> SocketAddr {
        match self.config.advertised_ip {
            Some(ip) => SocketAddr::new(ip, local.port()),
            None => local,
        }
    }

    pub fn media_ip(&self) -> IpAddr {
        self.config.advertised_ip.unwrap_or(self.config.media_ip)
    }

    pub fn via(&self, flow: &Flow, branch: &str) -> String {
        let local = self.advertised(self.listener_of(flow));
        let transport = flow.transport().token();
        format!("SIP/2.0/{transport} {local};branch={branch};rport")
    }

    pub fn contact(&self, flow: &Flow) -> String {
        let local = self.advertised(self.listener_of(flow));
        match flow.transport() {
            Transport::Udp => format!("<sip:{local}>"),
            other => {
                let word = other.token().to_ascii_lowercase();
                format!("<sip:{local};transport={word}>")
            }
        }
    }

    /// Of a connection that we opened, the port where we can be reached is another one.
    fn listener_of(&self, flow: &Flow) -> SocketAddr {
        let local = flow.local();
        let listening = self.listening.get().map_or(&[][..], Vec::as_slice);
        let port = listening
            .iter()
            .filter(|(transport, _)| *transport == flow.transport())
            .map(|(_, addr)| addr.port());
        let same = port.clone().any(|port| port == local.port());
        let port = if same { None } else { port.clone().next() };
        SocketAddr::new(local.ip(), port.unwrap_or(local.port()))
    }

    /// Every message comes by here.
    pub fn received(self: &Arc<Self>, octets: &[u8], framing: Framing, flow: &Flow) {
        match parse(octets, framing) {
            Ok(Message::Request(mut request)) => {
                note_source(&mut request, flow);
                dispatch::request(self, request, flow);
            }
            Ok(Message::Response(response)) => self.response(response, flow),
            Err(broken) => self.broken(broken, flow),
        }
    }

    fn broken(&self, broken: Broken, flow: &Flow) {
        self.broken.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(peer = %flow.peer(), why = %broken.why, "a message cannot be read");
        if let Some(mut request) = broken.request.map(|request| *request) {
            note_source(&mut request, flow);
            self.refuse(&request, flow, broken.code, |r| r.phrased(broken.why));
        }
    }

    /// Answers a request and forgets it.
    pub fn refuse(
        &self,
        request: &Request,
        flow: &Flow,
        code: u16,
        with: impl FnOnce(Response) -> Response,
    ) {
        if request.method == Method::Ack {
            return;
        }
        if code == 503 {
            self.refused_full.fetch_add(1, Ordering::Relaxed);
        }
        let response = with(request.reply(code)).tagged(&self.hash_tag(request));
        flow.send(&response.to_bytes());
    }

    /// A tag that a repeated request gets again.
    fn hash_tag(&self, request: &Request) -> String {
        let mut hash = Sha256::new().chain_update(self.hash_key);
        for name in [name::CALL_ID, name::FROM, name::CSEQ, name::VIA] {
            hash.update(request.headers.get(name).unwrap_or(""));
        }
        hex::encode(&hash.finalize()[..8])
    }

    fn response(self: &Arc<Self>, response: Response, flow: &Flow) {
        let (answered, stray) = self.clients().response(response);
        if let (Answered::Stray, Some(response)) = (answered, stray) {
            self.end_stray(&response, flow);
        }
    }

    /// A second phone behind a forking proxy answered: its dialog is acknowledged and ended
    /// (section 13.2.2.4).
    fn end_stray(self: &Arc<Self>, response: &Response, flow: &Flow) {
        let mut request = Request::new(Method::Invite, "sip:unknown");
        request.headers.copy(&response.headers, name::CSEQ);
        let mut dialog = Dialog::of_response(&request, response, flow);
        dialog.contact = self.contact(flow);
        let mut ack = dialog.ack(dialog.local_cseq);
        ack.headers
            .push_front(name::VIA, self.via(flow, &fresh_branch()));
        flow.send(&ack.to_bytes());
        let bye = dialog.request(Method::Bye);
        let (core, flow) = (self.clone(), flow.clone());
        tokio::spawn(async move { super::client::ask(&core, &flow, bye).await });
    }

    /// Puts an ACK on its way; 2xx ACKs have a transaction of their own that nobody answers.
    pub fn send_ack(&self, mut ack: Request, flow: &Flow) -> Bytes {
        ack.headers
            .push_front(name::VIA, self.via(flow, &fresh_branch()));
        ack.headers.set(name::MAX_FORWARDS, "70");
        let bytes = ack.to_bytes();
        flow.send(&bytes);
        bytes
    }

    /// Ten times a second.
    pub fn tick(&self) {
        let now = Instant::now();
        self.server().tick(now);
        self.clients().tick(now);
    }

    /// False: the server is behind, and the event is lost.
    pub fn event(&self, event: SipEvent) -> bool {
        self.events.try_send(event).is_ok()
    }
}

pub(crate) fn fresh_branch() -> String {
    format!("{}{:032x}", super::uri::MAGIC, rand::random::<u128>())
}

pub(crate) fn fresh_tag() -> String {
    format!("{:016x}", rand::random::<u64>())
}

/// Writes down where a request came from (RFC 3261 section 18.2.1, RFC 3581). Answers go back there in
/// any case: this edge is symmetric, as routers in between need it.
fn note_source(request: &mut Request, flow: &Flow) {
    let source = flow.peer();
    let Some(line) = request.headers.get(name::VIA) else {
        return;
    };
    let first = super::message::split(line, b',').next().unwrap_or("");
    let via = Via::read(line);
    let host: Option<IpAddr> = via.as_ref().and_then(|via| via.host.parse().ok());
    let asked = via.as_ref().is_some_and(|via| via.param("rport").is_some());
    if host == Some(source.ip()) && !asked {
        return;
    }
    let mut noted = String::with_capacity(line.len() + 48);
    for (n, piece) in super::message::split(first, b';').enumerate() {
        let key = piece.split('=').next().unwrap_or("").trim();
        if n > 0 && (key.eq_ignore_ascii_case("rport") || key.eq_ignore_ascii_case("received")) {
            continue;
        }
        if n > 0 {
            noted.push(';');
        }
        noted.push_str(piece);
    }
    noted.push_str(&format!(";received={}", source.ip()));
    if asked {
        noted.push_str(&format!(";rport={}", source.port()));
    }
    let start = line.find(first).unwrap_or(0);
    let rest = line.get(start + first.len()..).unwrap_or("");
    let whole = format!("{noted}{rest}");
    request.headers.replace_first(name::VIA, whole);
}

/// The dialog that a request belongs to; the key of our side.
pub(crate) fn dialog_key(request: &Request) -> Option<DialogKey> {
    let to = tag(request.headers.get(name::TO)?)?;
    Some((request.headers.get(name::CALL_ID)?.to_owned(), to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_come_back() {
        let count = Arc::default();
        let one = Place::take(&count, 1);
        assert!(one.is_some() && Place::take(&count, 1).is_none());
        drop(one);
        assert!(Place::take(&count, 1).is_some());
    }
}
