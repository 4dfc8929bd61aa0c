//! Calls of other telephone systems: AudioSocket on its own port, Asterisk's WebSocket channel and
//! Twilio's Media Streams on the port of the pages.

use crate::api::problem::{Problem, Reply};
use crate::call::{self, NewCall};
use crate::config::AudioSocket;
use crate::house::House;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, Json, Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use sidetone_edge::dialects::{
    self, AudioSocketConfig, AudioSocketServer, MESSAGE_BYTES_MAX, Network, Opening, Pairs,
    StreamCall, Unregistered, WireMessage,
};
use sidetone_types::*;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, LazyLock};
use uuid::Uuid;

/// The agent of a call between two people of whom the far end does not say who answers.
const SOMEBODY: &str = "outside";

/// Legs of Asterisk that wait for their other side.
static PAIRS: LazyLock<Pairs> = LazyLock::new(Pairs::default);

/// Opens the AudioSocket listener, where one is configured.
pub async fn open(house: &Arc<House>) {
    let Some(wanted) = &house.config.telephony.audiosocket else {
        return;
    };
    match listen(wanted).await {
        Ok((server, mut calls)) => {
            println!("AudioSocket: {}", server.address());
            let _ = house.audiosocket.set(server);
            let house = house.clone();
            tokio::spawn(async move {
                while let Some(call) = calls.recv().await {
                    begin(&house, call);
                }
            });
        }
        Err(reason) => {
            tracing::error!(reason, "AudioSocket is off");
            println!("AudioSocket is off: {reason}");
        }
    }
}

async fn listen(
    wanted: &AudioSocket,
) -> Result<(AudioSocketServer, tokio::sync::mpsc::Receiver<StreamCall>), String> {
    let config = AudioSocketConfig {
        bind: wanted.bind,
        allow: networks(&wanted.allow)?,
        unregistered: Unregistered::Accept(Opening::default()),
        ..AudioSocketConfig::default()
    };
    AudioSocketServer::bind(config)
        .await
        .map_err(|error| error.to_string())
}

fn networks(names: &[String]) -> Result<Vec<Network>, String> {
    let parse = |name: &String| {
        name.parse()
            .map_err(|error: dialects::NetworkError| error.to_string())
    };
    names.iter().map(parse).collect()
}

/// `PUT /pbx/calls/{uuid}` says how a call that will come over AudioSocket is to be treated: an object
/// of the parameters of `docs/pbx.md`. It has five minutes to connect.
pub async fn announce(
    State(house): State<Arc<House>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Path(uuid): Path<String>,
    Query(token): Query<BTreeMap<String, String>>,
    Json(parameters): Json<BTreeMap<String, String>>,
) -> Reply<StatusCode> {
    may_connect(&house, from.ip(), &token)?;
    let Some(server) = house.audiosocket.get() else {
        return Err(Problem::not_found("AudioSocket listener")
            .hint("Set telephony.audiosocket in the configuration."));
    };
    let Ok(uuid) = Uuid::parse_str(&uuid) else {
        return Err(Problem::bad_request(format!("“{uuid}” is no UUID.")));
    };
    server
        .announce(uuid, opening(&parameters))
        .map_err(|error| {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()).retry_after(60)
        })?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /ws/asterisk`: Asterisk's WebSocket channel connects here.
pub async fn asterisk(
    State(house): State<Arc<House>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Query(parameters): Query<BTreeMap<String, String>>,
    upgrade: WebSocketUpgrade,
) -> Reply<Response> {
    may_connect(&house, from.ip(), &parameters)?;
    let opening = opening(&parameters);
    Ok(limited(upgrade)
        .protocols(["media"])
        .on_upgrade(move |socket| async move {
            match dialects::asterisk::accept(wire(socket), opening, &PAIRS).await {
                Ok(Some(call)) => begin(&house, call),
                Ok(None) => {}
                Err(error) => tracing::warn!(%from, %error, "a stream could not be used"),
            }
        }))
}

/// `GET /ws/twilio`: a stream in the dialect of Twilio's `<Connect><Stream>` and `<Start><Stream>`.
pub async fn twilio(
    State(house): State<Arc<House>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Query(parameters): Query<BTreeMap<String, String>>,
    upgrade: WebSocketUpgrade,
) -> Reply<Response> {
    may_connect(&house, from.ip(), &parameters)?;
    let opening = opening(&parameters);
    Ok(limited(upgrade).on_upgrade(move |socket| async move {
        match dialects::twilio::accept(wire(socket), opening).await {
            Ok(call) => begin(&house, call),
            Err(error) => tracing::warn!(%from, %error, "a stream could not be used"),
        }
    }))
}

fn limited(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade
        .max_message_size(MESSAGE_BYTES_MAX)
        .max_frame_size(MESSAGE_BYTES_MAX)
}

/// Addresses of the list come in; others bring the word. Nobody else learns that there is a route.
fn may_connect(house: &House, from: IpAddr, parameters: &BTreeMap<String, String>) -> Reply<()> {
    let Some(sockets) = &house.config.telephony.websocket else {
        return Err(Problem::not_found("route"));
    };
    let allowed = networks(&sockets.allow).map_err(Problem::internal)?;
    if allowed.iter().any(|network| network.contains(from)) {
        return Ok(());
    }
    let token = sockets
        .token_env
        .as_ref()
        .and_then(|name| std::env::var(name).ok());
    let brought = parameters.get("token");
    match (token, brought) {
        (Some(token), Some(brought)) if !token.is_empty() && crate::auth::same(&token, brought) => {
            Ok(())
        }
        _ if house.full() => Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "All lines are busy.",
        )
        .retry_after(10)),
        _ => Err(
            Problem::forbidden("Streams are not taken from this address.")
                .hint("Add it to telephony.websocket.allow, or bring the token."),
        ),
    }
}

fn opening(parameters: &BTreeMap<String, String>) -> Opening {
    let mut opening = Opening::default();
    for (name, value) in parameters.iter().filter(|(name, _)| *name != "token") {
        opening.set(name, value);
    }
    opening
}

/// An axum WebSocket in the dialects' terms. Pings are answered by axum.
fn wire(
    socket: WebSocket,
) -> impl Stream<Item = Result<WireMessage, axum::Error>>
+ Sink<WireMessage, Error = axum::Error>
+ Send
+ Unpin
+ 'static {
    let (to, from) = socket.split();
    let from = from.filter_map(|message| {
        std::future::ready(match message {
            Ok(Message::Text(text)) => Some(Ok(WireMessage::Text(text.as_str().to_owned()))),
            Ok(Message::Binary(bytes)) => Some(Ok(WireMessage::Binary(bytes))),
            Ok(Message::Close(_)) => Some(Ok(WireMessage::Close)),
            Ok(Message::Ping(_) | Message::Pong(_)) => None,
            Err(error) => Some(Err(error)),
        })
    });
    let to = to.with(|message| {
        std::future::ready(Ok::<_, axum::Error>(match message {
            WireMessage::Text(text) => Message::Text(text.into()),
            WireMessage::Binary(bytes) => Message::Binary(bytes),
            WireMessage::Close => Message::Close(None),
        }))
    });
    Joined { from, to }
}

/// Both directions of a socket as one thing.
struct Joined<F, T> {
    from: F,
    to: T,
}

impl<F: Stream + Unpin, T: Unpin> Stream for Joined<F, T> {
    type Item = F::Item;
    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.from.poll_next_unpin(context)
    }
}

impl<F: Unpin, T: Sink<WireMessage> + Unpin> Sink<WireMessage> for Joined<F, T> {
    type Error = T::Error;
    fn poll_ready(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Self::Error>> {
        self.to.poll_ready_unpin(context)
    }
    fn start_send(
        mut self: std::pin::Pin<&mut Self>,
        item: WireMessage,
    ) -> Result<(), Self::Error> {
        self.to.start_send_unpin(item)
    }
    fn poll_flush(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Self::Error>> {
        self.to.poll_flush_unpin(context)
    }
    fn poll_close(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Self::Error>> {
        self.to.poll_close_unpin(context)
    }
}

/// A stream becomes a call of the house.
fn begin(house: &Arc<House>, call: StreamCall) {
    let StreamCall {
        opening,
        caller: leg,
        agent,
    } = call;
    let telephony = &house.config.telephony;
    // The far end has taken the call already: an unknown number is answered like any other.
    let (lang, entry) = telephony
        .entry(opening.dnis.as_deref())
        .unwrap_or((telephony.lang, None));
    let caller = opening
        .ani
        .as_deref()
        .map(|number| house.caller_by_number(number))
        .unwrap_or_default();
    let ani = (!caller.number.is_empty()).then(|| Masked::authored(&caller.number));
    let who = opening.parameters.get("agent");
    let who = AgentId::new(who.map_or(SOMEBODY, String::as_str));
    let new = NewCall {
        leg,
        lang: opening.lang.unwrap_or(lang),
        caller,
        ani,
        dnis: opening.dnis,
        entry,
        assist: agent.map(|leg| (who, leg)),
    };
    if let Err(new) = call::start(house, new) {
        tracing::warn!("a stream was hung up: all lines are busy");
        new.leg.close();
    }
}
