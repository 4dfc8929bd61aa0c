//! The sockets of signalling.
//!
//! **Invariants.** Sending never waits: a datagram that the socket does not take is lost (and sent
//! again by its transaction), a connection whose far end does not read is closed. A connection holds
//! at most [`OUT`] messages to be written and one unfinished message; a message has [`MESSAGE`] from
//! its first octet to its last, a hand-shake [`HANDSHAKE`], silence [`IDLE`].

use super::config::Transport;
use super::core::{Core, Place};
use super::framer::{Framed, Framer};
use super::parse::{BYTES_MAX, Framing};
use crate::EdgeError;
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message as WsMessage, http};

const OUT: usize = 256;
const MESSAGE: Duration = Duration::from_secs(10);
const HANDSHAKE: Duration = Duration::from_secs(5);
const IDLE: Duration = Duration::from_secs(900);
const WRITE: Duration = Duration::from_secs(5);

pub(crate) struct UdpPort {
    socket: UdpSocket,
    pub local: SocketAddr,
}

/// A connection.
pub(crate) struct Stream {
    pub transport: Transport,
    pub peer: SocketAddr,
    pub local: SocketAddr,
    out: mpsc::Sender<Bytes>,
    closed: watch::Sender<bool>,
}

impl Stream {
    pub fn close(&self) {
        self.closed.send_replace(true);
    }
    fn is_open(&self) -> bool {
        !*self.closed.borrow()
    }
}

/// The way back to where a message came from.
#[derive(Clone)]
pub(crate) enum Flow {
    Udp(Arc<UdpPort>, SocketAddr),
    Stream(Arc<Stream>),
}

impl Flow {
    /// False: the connection is gone.
    pub fn send(&self, message: &Bytes) -> bool {
        match self {
            Self::Udp(port, to) => {
                if let Err(error) = port.socket.try_send_to(message, *to) {
                    tracing::debug!(%error, "a datagram was not sent");
                }
                true
            }
            Self::Stream(stream) => {
                if !stream.is_open() {
                    return false;
                }
                let sent = stream.out.try_send(message.clone()).is_ok();
                if !sent {
                    tracing::info!(peer = %stream.peer, "a connection is closed: it is not read");
                    stream.close();
                }
                sent
            }
        }
    }

    pub fn is_reliable(&self) -> bool {
        matches!(self, Self::Stream(_))
    }
    pub fn is_alive(&self) -> bool {
        match self {
            Self::Udp(..) => true,
            Self::Stream(stream) => stream.is_open(),
        }
    }
    pub fn transport(&self) -> Transport {
        match self {
            Self::Udp(..) => Transport::Udp,
            Self::Stream(stream) => stream.transport,
        }
    }
    pub fn peer(&self) -> SocketAddr {
        match self {
            Self::Udp(_, peer) => *peer,
            Self::Stream(stream) => stream.peer,
        }
    }
    pub fn local(&self) -> SocketAddr {
        match self {
            Self::Udp(port, _) => port.local,
            Self::Stream(stream) => stream.local,
        }
    }
    /// The same socket, to another address. Of a connection, itself.
    pub fn towards(&self, to: SocketAddr) -> Self {
        match self {
            Self::Udp(port, _) => Self::Udp(port.clone(), to),
            stream @ Self::Stream(_) => stream.clone(),
        }
    }
}

fn cannot_listen(addr: SocketAddr) -> impl Fn(std::io::Error) -> EdgeError {
    move |error| EdgeError::Config {
        field: "listen",
        why: format!("{addr} cannot be opened: {error}"),
    }
}

/// A socket that waits for its task.
pub(crate) enum Listening {
    Udp(Arc<UdpPort>),
    Stream(TcpListener, Transport, Option<TlsAcceptor>),
}

impl Listening {
    pub async fn bind(
        transport: Transport,
        addr: SocketAddr,
        tls: Option<&TlsAcceptor>,
    ) -> Result<(Self, SocketAddr), EdgeError> {
        let fault = cannot_listen(addr);
        if transport == Transport::Udp {
            let socket = UdpSocket::bind(addr).await.map_err(&fault)?;
            let local = socket.local_addr().map_err(&fault)?;
            return Ok((Self::Udp(Arc::new(UdpPort { socket, local })), local));
        }
        let listener = TcpListener::bind(addr).await.map_err(&fault)?;
        let local = listener.local_addr().map_err(&fault)?;
        let tls = tls.filter(|_| transport == Transport::Tls).cloned();
        Ok((Self::Stream(listener, transport, tls), local))
    }

    pub async fn serve(self, core: Arc<Core>) {
        let mut stopping = core.closing.subscribe();
        let stopped = async move {
            let _ = stopping.wait_for(|stop| *stop).await;
        };
        match self {
            Self::Udp(port) => tokio::select! {
                () = read_datagrams(&core, port) => {}
                () = stopped => {}
            },
            Self::Stream(listener, transport, tls) => tokio::select! {
                () = accept(&core, listener, transport, tls) => {}
                () = stopped => {}
            },
        }
    }
}

async fn read_datagrams(core: &Arc<Core>, port: Arc<UdpPort>) {
    let mut buffer = vec![0; BYTES_MAX + 1];
    loop {
        match port.socket.recv_from(&mut buffer).await {
            Ok((length, from)) => {
                let octets = &buffer[..length];
                // Keep-alives of phones behind a router (RFC 5626 section 4.4.1).
                if octets.iter().all(|b| matches!(b, b'\r' | b'\n' | 0 | b' ')) {
                    continue;
                }
                let flow = Flow::Udp(port.clone(), from);
                core.received(octets, Framing::Datagram, &flow);
            }
            // An ICMP message of another datagram; the socket is still good.
            Err(error) => tracing::debug!(%error, "a datagram was not received"),
        }
        // A flood does not keep others from their turn on this thread.
        tokio::task::consume_budget().await;
    }
}

async fn accept(
    core: &Arc<Core>,
    listener: TcpListener,
    transport: Transport,
    tls: Option<TlsAcceptor>,
) {
    loop {
        match listener.accept().await {
            Ok((socket, peer)) => {
                let Some(place) = core.take_connection() else {
                    tracing::info!(%peer, "a connection is refused: connections_max");
                    continue;
                };
                let (core, tls) = (core.clone(), tls.clone());
                tokio::spawn(async move {
                    let _place = place;
                    if let Err(error) = converse(&core, socket, peer, transport, tls).await {
                        tracing::debug!(%peer, %error, "a connection ended");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "no connection can be taken; open files may be at their limit");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn converse(
    core: &Arc<Core>,
    socket: TcpStream,
    peer: SocketAddr,
    transport: Transport,
    tls: Option<TlsAcceptor>,
) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    let local = socket.local_addr()?;
    let (stream, queue) = open_stream(transport, peer, local);
    core.keep_stream(&stream);
    match (transport, tls) {
        (Transport::Ws, _) => {
            let socket = timeout(HANDSHAKE, shake_hands(socket)).await??;
            run_websocket(core, &stream, queue, socket).await;
        }
        (_, Some(tls)) => {
            let socket = timeout(HANDSHAKE, tls.accept(socket)).await??;
            run_stream(core, &stream, queue, socket).await;
        }
        _ => run_stream(core, &stream, queue, socket).await,
    }
    stream.close();
    core.forget_stream(&stream);
    Ok(())
}

fn open_stream(
    transport: Transport,
    peer: SocketAddr,
    local: SocketAddr,
) -> (Arc<Stream>, mpsc::Receiver<Bytes>) {
    let (out, queue) = mpsc::channel(OUT);
    let stream = Stream {
        transport,
        peer,
        local,
        out,
        closed: watch::Sender::new(false),
    };
    (Arc::new(stream), queue)
}

/// A connection of ours to a far end, over TCP or TLS; `host` is what its certificate must name.
pub(crate) async fn connect(
    core: &Arc<Core>,
    transport: Transport,
    to: SocketAddr,
    host: &str,
) -> Option<Flow> {
    let place = core.take_connection()?;
    let socket = timeout(HANDSHAKE, TcpStream::connect(to)).await;
    let socket = socket.ok()?.ok()?;
    let _ = socket.set_nodelay(true);
    let (stream, queue) = open_stream(transport, to, socket.local_addr().ok()?);
    if transport != Transport::Tls {
        return Some(keep_open(core, place, stream, queue, socket));
    }
    let name = ServerName::try_from(host.to_owned()).ok()?;
    let hands = core.tls_out.as_ref()?.connect(name, socket);
    match timeout(HANDSHAKE, hands).await.ok()? {
        Ok(socket) => Some(keep_open(core, place, stream, queue, socket)),
        Err(error) => {
            tracing::warn!(host, %error, "no TLS with a trunk");
            None
        }
    }
}

fn keep_open<S: AsyncRead + AsyncWrite + Send + 'static>(
    core: &Arc<Core>,
    place: Place,
    stream: Arc<Stream>,
    queue: mpsc::Receiver<Bytes>,
    socket: S,
) -> Flow {
    core.keep_stream(&stream);
    let flow = Flow::Stream(stream.clone());
    let core = core.clone();
    tokio::spawn(async move {
        let _place = place;
        run_stream(&core, &stream, queue, socket).await;
        stream.close();
        core.forget_stream(&stream);
    });
    flow
}

async fn run_stream<S: AsyncRead + AsyncWrite>(
    core: &Arc<Core>,
    stream: &Arc<Stream>,
    mut queue: mpsc::Receiver<Bytes>,
    socket: S,
) {
    let (mut reader, mut writer) = tokio::io::split(socket);
    let read = async {
        read_stream(core, stream, &mut reader).await;
        stream.close();
    };
    let write = async {
        let mut closed = stream.closed.subscribe();
        loop {
            let message = tokio::select! {
                biased;
                Some(message) = queue.recv() => message,
                _ = closed.wait_for(|closed| *closed) => break,
            };
            if !matches!(timeout(WRITE, writer.write_all(&message)).await, Ok(Ok(()))) {
                break;
            }
        }
        stream.close();
        let _ = timeout(WRITE, writer.shutdown()).await;
    };
    tokio::join!(read, write);
}

async fn read_stream<R: AsyncRead + Unpin>(core: &Arc<Core>, stream: &Arc<Stream>, reader: &mut R) {
    let flow = Flow::Stream(stream.clone());
    let mut closed = stream.closed.subscribe();
    let mut stopping = core.closing.subscribe();
    let mut framer = Framer::default();
    let mut buffer = [0; 4096];
    let mut began = Instant::now();
    loop {
        let until = began + if framer.is_partial() { MESSAGE } else { IDLE };
        let read = tokio::select! {
            read = timeout_at(until, reader.read(&mut buffer)) => read,
            _ = closed.wait_for(|closed| *closed) => return,
            _ = stopping.wait_for(|stop| *stop) => return,
        };
        let length = match read {
            Ok(Ok(length)) if length > 0 => length,
            // Closed, broken or too slow: an unfinished request still gets its answer.
            _ => {
                let rest = framer.give_up();
                if !rest.is_empty() {
                    core.received(&rest, Framing::Stream, &flow);
                }
                return;
            }
        };
        if !framer.is_partial() {
            began = Instant::now();
        }
        framer.push(&buffer[..length]);
        while let Some(framed) = framer.next() {
            began = Instant::now();
            match framed {
                Framed::Message(octets) => core.received(&octets, Framing::Stream, &flow),
                Framed::Ping => {
                    flow.send(&Bytes::from_static(b"\r\n"));
                }
                Framed::Lost(octets) => {
                    core.received(&octets, Framing::Stream, &flow);
                    return;
                }
            }
        }
    }
}

/// The WebSocket's opening, for the sub-protocol `sip` only (RFC 7118 section 4.1).
async fn shake_hands(socket: TcpStream) -> std::io::Result<WebSocketStream<TcpStream>> {
    let mut limits = WebSocketConfig::default();
    limits.max_message_size = Some(BYTES_MAX);
    limits.max_frame_size = Some(BYTES_MAX);
    #[allow(clippy::result_large_err, reason = "the crate's own signature")]
    let check = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        const PROTOCOL: &str = "Sec-WebSocket-Protocol";
        let asked = request
            .headers()
            .get_all(PROTOCOL)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|one| one.trim().eq_ignore_ascii_case("sip"));
        if !asked {
            let mut refusal = ErrorResponse::new(Some("only the sub-protocol sip".to_owned()));
            *refusal.status_mut() = http::StatusCode::BAD_REQUEST;
            return Err(refusal);
        }
        let sip = http::HeaderValue::from_static("sip");
        response.headers_mut().insert(PROTOCOL, sip);
        Ok(response)
    };
    tokio_tungstenite::accept_hdr_async_with_config(socket, check, Some(limits))
        .await
        .map_err(|error| std::io::Error::other(error.to_string()))
}

async fn run_websocket(
    core: &Arc<Core>,
    stream: &Arc<Stream>,
    mut queue: mpsc::Receiver<Bytes>,
    socket: WebSocketStream<TcpStream>,
) {
    let flow = Flow::Stream(stream.clone());
    let (mut sink, mut source) = socket.split();
    let mut closed = stream.closed.subscribe();
    let mut stopping = core.closing.subscribe();
    loop {
        let outgoing = tokio::select! {
            Some(message) = queue.recv() => text_or_octets(&message),
            incoming = timeout(IDLE, source.next()) => match incoming {
                Ok(Some(Ok(WsMessage::Text(text)))) if text.trim().is_empty() => {
                    WsMessage::text("\r\n")
                }
                Ok(Some(Ok(message @ (WsMessage::Text(_) | WsMessage::Binary(_))))) => {
                    core.received(&message.into_data(), Framing::Datagram, &flow);
                    continue;
                }
                Ok(Some(Ok(WsMessage::Ping(_) | WsMessage::Pong(_)))) => continue,
                _ => break,
            },
            _ = closed.wait_for(|closed| *closed) => break,
            _ = stopping.wait_for(|stop| *stop) => break,
        };
        if !matches!(timeout(WRITE, sink.send(outgoing)).await, Ok(Ok(()))) {
            break;
        }
    }
    while let Ok(message) = queue.try_recv() {
        if !matches!(
            timeout(WRITE, sink.send(text_or_octets(&message))).await,
            Ok(Ok(()))
        ) {
            break;
        }
    }
    let _ = timeout(WRITE, sink.close()).await;
}

fn text_or_octets(message: &Bytes) -> WsMessage {
    match std::str::from_utf8(message) {
        Ok(text) => WsMessage::text(text),
        Err(_) => WsMessage::binary(message.clone()),
    }
}
