//! The wires of telephone systems beside SIP: AudioSocket, Asterisk's WebSocket channel, Twilio's
//! Media Streams.
//!
//! **Place in the flow.** A TCP connection or a WebSocket on one side, a [`StreamCall`] on the other:
//! who calls, and one leg, or two where both sides of a call between people are heard (assist). What
//! a message means is a parser without sockets ([`audiosocket`], [`asterisk`], [`twilio`]); pacing,
//! buffers, keys and the end of a stream are one task for all three (`stream`).
//!
//! **Invariants.** Parsers are total: no input panics. A message that cannot be read is counted and
//! skipped where the wire keeps its framing without it, and sixteen in a row end the stream, because
//! whoever sends them speaks another protocol. Outgoing sound leaves at the pace of the clock, so
//! that the far end's buffer stays short and a barge-in is heard at once. A far end that does not
//! read costs a bounded number of messages, then the leg. Numbers of callers are in no log and no
//! `Debug`.
//!
//! **Not here.** WebSocket framing, TLS, routes and who may connect to them (`server`): a WebSocket
//! comes as anything that is a stream and a sink of [`WireMessage`], whosever implementation it is.

mod allow;
pub mod asterisk;
pub mod audiosocket;
mod audiosocket_server;
mod far;
mod opening;
mod pairs;
mod sound;
mod stream;
pub mod twilio;

pub use allow::{Network, NetworkError};
pub use audiosocket_server::{AudioSocketConfig, AudioSocketServer, Unregistered};
pub use opening::{Mode, Opening};
pub use pairs::Pairs;

use crate::LegHandle;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use std::fmt::Display;
use std::time::Duration;
use tokio::time::timeout;

/// The longest message of a far end that is read. Give the same limit to the WebSocket.
pub const MESSAGE_BYTES_MAX: usize = 65_536;
/// How long a WebSocket may take to say what it brings.
pub(crate) const START_MAX: Duration = Duration::from_secs(10);

/// One message of a WebSocket. Pings are the WebSocket's own affair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WireMessage {
    Text(String),
    Binary(Bytes),
    Close,
}

/// A call that came over one of these wires.
pub struct StreamCall {
    pub opening: Opening,
    /// The caller. In [`Mode::Assist`] nothing that is pushed to it is heard.
    pub caller: LegHandle,
    /// The person who speaks with the caller, where both are heard ([`Mode::Assist`]).
    pub agent: Option<LegHandle>,
}

/// Why a stream or a message of one cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DialectError {
    /// One message. `field` is a path in it, such as `media.payload`.
    #[error("{wire} message `{message}`, field `{field}`: {why}")]
    Malformed {
        wire: &'static str,
        message: String,
        field: &'static str,
        why: String,
    },
    #[error("{wire}: a message of {bytes} bytes is longer than {MESSAGE_BYTES_MAX}")]
    TooLong { wire: &'static str, bytes: usize },
    #[error(
        "{wire}: no {what} came within {seconds} s; check that the far end speaks this protocol"
    )]
    NoStart {
        wire: &'static str,
        what: &'static str,
        seconds: u64,
    },
    #[error("{wire}: the connection ended before it began: {why}")]
    Ended { wire: &'static str, why: String },
    #[error(
        "{wire}: the sound format \"{format}\" is not spoken here; ask the far end for {instead}"
    )]
    Format {
        wire: &'static str,
        format: String,
        instead: &'static str,
    },
    #[error("AudioSocket on {address} cannot be opened: {why}")]
    Bind {
        address: std::net::SocketAddr,
        why: String,
    },
    #[error(
        "{count} calls are announced and have not come; announce one when it is about to connect"
    )]
    TooManyAnnounced { count: usize },
    #[error(transparent)]
    Rate(#[from] sidetone_media::resample::RateError),
}

impl DialectError {
    pub(crate) fn malformed(
        wire: &'static str,
        message: &str,
        field: &'static str,
        why: impl Into<String>,
    ) -> Self {
        // What a stranger sends goes into the log shortened and without control characters.
        let message = message.chars().take(32).flat_map(char::escape_debug);
        Self::Malformed {
            wire,
            message: message.collect(),
            field,
            why: why.into(),
        }
    }
}

/// Reads messages until `start` finds what begins a call. Before it nothing but a few notices may
/// come.
pub(crate) async fn first_of<S, E, T>(
    from: &mut S,
    wire: &'static str,
    what: &'static str,
    mut start: impl FnMut(&str) -> Result<Option<T>, DialectError>,
) -> Result<T, DialectError>
where
    S: Stream<Item = Result<WireMessage, E>> + Unpin,
    E: Display,
{
    const NOTICES_MAX: usize = 16;
    let no_start = || DialectError::NoStart {
        wire,
        what,
        seconds: START_MAX.as_secs(),
    };
    let search = async {
        for _ in 0..NOTICES_MAX {
            let why = match from.next().await {
                Some(Ok(WireMessage::Text(text))) => match start(&text)? {
                    Some(found) => return Ok(found),
                    None => continue,
                },
                Some(Ok(WireMessage::Binary(_))) => continue,
                Some(Ok(WireMessage::Close)) | None => "the far end closed it".to_owned(),
                Some(Err(error)) => error.to_string(),
            };
            return Err(DialectError::Ended { wire, why });
        }
        Err(no_start())
    };
    match timeout(START_MAX, search).await {
        Ok(found) => found,
        Err(_) => Err(no_start()),
    }
}

/// Why a JSON text is not what it should be. The text's values stay out of it: they may be personal.
pub(crate) fn json_fault(error: &serde_json::Error) -> String {
    let said = error.to_string();
    if said.starts_with("missing field") || said.starts_with("duplicate field") {
        return said;
    }
    let what = match error.classify() {
        serde_json::error::Category::Data => "a value has the wrong type",
        serde_json::error::Category::Eof => "the text ends too early",
        _ => "it is not JSON",
    };
    format!("{what} (line {}, column {})", error.line(), error.column())
}
