//! The TCP listener for AudioSocket.

use super::audiosocket::{self, AudioSocket, Message, NAME, next_message};
use super::{DialectError, Mode, Network, Opening, Pairs, StreamCall, WireMessage, stream};
use bytes::{Bytes, BytesMut};
use futures_util::{sink, stream as streams};
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

/// Calls that wait to be taken by the server.
const CALLS: usize = 64;
const ANNOUNCED_MAX: usize = 10_000;
/// How long an announced call may take to connect.
const ANNOUNCED_FOR: Duration = Duration::from_secs(300);
/// The kernel keeps about a second of sound for a far end that reads slowly, not minutes of it.
const SEND_BUFFER_BYTES: u32 = 16 * 1024;

/// What is done with a call that was not announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unregistered {
    Refuse,
    /// It is treated so. The reference is replaced by the UUID.
    Accept(Opening),
}

/// How AudioSocket is listened to.
#[derive(Clone, Debug)]
pub struct AudioSocketConfig {
    pub bind: SocketAddr,
    /// Who may connect. The protocol has neither password nor encryption, so name the PBX.
    pub allow: Vec<Network>,
    pub connections_max: usize,
    /// How long a connection may take to name its call.
    pub uuid_wait: Duration,
    /// How long a connection may be silent on the wire. Asterisk sends sound without pause.
    pub idle_max: Duration,
    pub unregistered: Unregistered,
}

impl Default for AudioSocketConfig {
    fn default() -> Self {
        let loopback = |ip: IpAddr| ip.to_string().parse().ok();
        Self {
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 9092)),
            allow: loopback(IpAddr::V4(Ipv4Addr::LOCALHOST))
                .into_iter()
                .collect(),
            connections_max: 500,
            uuid_wait: Duration::from_secs(5),
            idle_max: Duration::from_secs(60),
            unregistered: Unregistered::Accept(Opening::default()),
        }
    }
}

/// The listener. It ends when dropped; calls that it gave go on.
pub struct AudioSocketServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: AbortHandle,
}

struct Shared {
    config: AudioSocketConfig,
    places: Arc<Semaphore>,
    announced: Mutex<BTreeMap<Uuid, Announced>>,
    pairs: Pairs,
    calls: mpsc::Sender<StreamCall>,
}

struct Announced {
    opening: Opening,
    until: Instant,
    /// Connections that may still come under this UUID.
    left: u8,
}

impl AudioSocketServer {
    /// Listens. Calls come by the receiver; those that nobody takes within ten seconds are hung up.
    pub async fn bind(
        config: AudioSocketConfig,
    ) -> Result<(Self, mpsc::Receiver<StreamCall>), DialectError> {
        let refused = |why: io::Error| DialectError::Bind {
            address: config.bind,
            why: why.to_string(),
        };
        let listener = listen(config.bind).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let (calls, taken) = mpsc::channel(CALLS);
        let shared = Arc::new(Shared {
            places: Arc::new(Semaphore::new(config.connections_max)),
            announced: Mutex::default(),
            pairs: Pairs::default(),
            calls,
            config,
        });
        let task = tokio::spawn(accept(listener, shared.clone())).abort_handle();
        let server = Self {
            address,
            shared,
            task,
        };
        Ok((server, taken))
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Says beforehand how a call is to be treated. It has five minutes to connect; one in
    /// [`Mode::Assist`] may come twice, once for each side. An empty reference becomes the UUID.
    pub fn announce(&self, uuid: Uuid, mut opening: Opening) -> Result<(), DialectError> {
        let now = Instant::now();
        let mut announced = self.shared.announced();
        if announced.len() >= ANNOUNCED_MAX {
            announced.retain(|_, call| call.until > now);
        }
        let count = announced.len();
        if count >= ANNOUNCED_MAX {
            return Err(DialectError::TooManyAnnounced { count });
        }
        if opening.reference.is_empty() {
            opening.reference = uuid.to_string();
        }
        let left = if opening.mode == Mode::Assist { 2 } else { 1 };
        let until = now + ANNOUNCED_FOR;
        announced.insert(
            uuid,
            Announced {
                opening,
                until,
                left,
            },
        );
        Ok(())
    }
}

impl Drop for AudioSocketServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn announced(&self) -> std::sync::MutexGuard<'_, BTreeMap<Uuid, Announced>> {
        self.announced
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// How a call is to be treated; `None`: it is refused.
    fn opening_of(&self, uuid: Uuid) -> Option<Opening> {
        let mut announced = self.announced();
        if let Some(mut call) = announced.remove(&uuid)
            && call.until > Instant::now()
        {
            let opening = call.opening.clone();
            call.left -= 1;
            if call.left > 0 {
                announced.insert(uuid, call);
            }
            return Some(opening);
        }
        match &self.config.unregistered {
            Unregistered::Refuse => None,
            Unregistered::Accept(opening) => Some(Opening {
                reference: uuid.to_string(),
                ..opening.clone()
            }),
        }
    }
}

fn listen(bind: SocketAddr) -> io::Result<TcpListener> {
    let socket = if bind.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    // Accepted connections inherit it.
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.bind(bind)?;
    socket.listen(128)
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut refused = 0_u64;
    loop {
        let (connection, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, mostly: trying again at once would only burn the processor.
                tracing::error!(wire = NAME, %error, "a connection could not be accepted");
                sleep(Duration::from_millis(200)).await;
                continue;
            }
        };
        let allowed = shared
            .config
            .allow
            .iter()
            .any(|network| network.contains(from.ip()));
        let place = allowed
            .then(|| shared.places.clone().try_acquire_owned().ok())
            .flatten();
        let Some(place) = place else {
            refused += 1;
            // The first and every hundredth: a flood must not fill the log.
            if refused % 100 == 1 {
                let why = if allowed {
                    "all places are taken; raise `connections_max`"
                } else {
                    "its address is not in `allow`"
                };
                tracing::warn!(wire = NAME, %from, refused, "a connection is refused: {why}");
            }
            continue;
        };
        tokio::spawn(serve(connection, from, place, shared.clone()));
    }
}

async fn serve(
    connection: TcpStream,
    from: SocketAddr,
    place: OwnedSemaphorePermit,
    shared: Arc<Shared>,
) {
    match open(connection, place, &shared).await {
        Ok(Some(call)) => {
            let wait = Duration::from_secs(10);
            if shared.calls.send_timeout(call, wait).await.is_err() {
                tracing::error!(wire = NAME, "nobody takes the calls; one is hung up");
            }
        }
        Ok(None) => {}
        Err(error) => tracing::warn!(wire = NAME, %from, %error, "a connection is closed"),
    }
}

/// From a connection to its call; `None` for the second leg of a call.
async fn open(
    connection: TcpStream,
    place: OwnedSemaphorePermit,
    shared: &Shared,
) -> Result<Option<StreamCall>, DialectError> {
    let ended = |why: io::Error| DialectError::Ended {
        wire: NAME,
        why: why.to_string(),
    };
    // Twenty milliseconds of sound must not wait for the next twenty.
    connection.set_nodelay(true).map_err(ended)?;
    let (mut from, to) = connection.into_split();
    let mut buffer = BytesMut::with_capacity(4096);
    let first = timeout(
        shared.config.uuid_wait,
        next_message(&mut from, &mut buffer),
    )
    .await
    .map_err(|_| DialectError::NoStart {
        wire: NAME,
        what: "UUID",
        seconds: shared.config.uuid_wait.as_secs(),
    })?
    .map_err(ended)?;
    let Some(first) = first else {
        return Err(ended(io::ErrorKind::UnexpectedEof.into()));
    };
    let Message::Call(uuid) = audiosocket::parse(&first)? else {
        let name = format!("0x{:02x}", first[0]);
        let why = "the first message has to be the UUID (0x01)";
        return Err(DialectError::malformed(NAME, &name, "kind", why));
    };
    let Some(opening) = shared.opening_of(uuid) else {
        let why = format!("the call {uuid} was not announced");
        return Err(DialectError::malformed(NAME, "0x01", "uuid", why));
    };
    let dialect = AudioSocket::new(shared.config.idle_max, place)?;
    let (leg, _) = stream::start(dialect, messages(from, buffer), socket(to), false);
    if opening.mode == Mode::Assist {
        return Ok(shared.pairs.join(opening, leg).await);
    }
    Ok(Some(StreamCall {
        opening,
        caller: leg,
        agent: None,
    }))
}

type Messages = std::pin::Pin<Box<dyn streams::Stream<Item = io::Result<WireMessage>> + Send>>;
type Socket = std::pin::Pin<Box<dyn sink::Sink<WireMessage, Error = io::Error> + Send>>;

fn messages(from: OwnedReadHalf, buffer: BytesMut) -> Messages {
    Box::pin(streams::try_unfold(
        (from, buffer),
        |(mut from, mut buffer)| async move {
            let message: Option<Bytes> = next_message(&mut from, &mut buffer).await?;
            Ok(message.map(|message| (WireMessage::Binary(message), (from, buffer))))
        },
    ))
}

fn socket(to: OwnedWriteHalf) -> Socket {
    Box::pin(sink::unfold(to, |mut to, message| async move {
        match message {
            WireMessage::Binary(bytes) => to.write_all(&bytes).await?,
            WireMessage::Close => to.shutdown().await?,
            WireMessage::Text(_) => {}
        }
        Ok(to)
    }))
}
