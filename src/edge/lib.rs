//! The sockets that carry calls.
//!
//! **Place in the flow.** A wire on one side, a [`LegHandle`] on the other: 16 kHz frames in, frames
//! out, and a few signals (connected, key, quality, closed). Nothing above learns which wire it is.
//! The wires: WebRTC ([`webrtc_edge`]), which is the browser's page and, as the other end of the same
//! wire, the command-line caller and the load bench; plain or encrypted RTP ([`rtp`]), whose
//! signalling is SIP ([`sip`]); and the streams of telephone systems ([`dialects`]): AudioSocket,
//! Asterisk's WebSocket channel, Twilio's Media Streams.
//!
//! **Invariants.** One task owns one leg. Every channel is bounded: sound that is not taken in time
//! is dropped oldest first, counted, and shows as a gap to whoever reads on ([`frames`]); a signal is
//! not dropped, except quality reports. A leg gives one frame every 20 ms for as long as it lives,
//! silence included, so that the clock of a call is the clock of its sound. A leg whose handle (or
//! only whose signals) is dropped closes its sockets and tasks by itself. No SDP and no packet, however
//! broken, panics.
//!
//! **Not here.** Signalling over HTTP (`server`), codecs and jitter (`media`), what a call does
//! (`call`).
#![forbid(unsafe_code)]

pub mod dialects;
pub mod frames;
#[doc(hidden)]
pub mod fuzzing;
mod leg;
pub mod network;
mod outgoing;
pub mod ports;
pub mod rtp;
mod sdp;
pub mod sip;
pub mod webrtc_edge;
mod webrtc_leg;
mod webrtc_peer;

pub use frames::{Frame, FrameReceiver, FrameSender};
pub use leg::{
    CloseReason, LegCommand, LegControl, LegHandle, LegSignal, Replaces, Transfer, TransferOutcome,
};
pub use webrtc_edge::{PendingCall, WebRtcCaller, WebRtcConfig, WebRtcEdge};

/// What can go wrong at an edge, with what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    /// The other end's description cannot be used; the sender of it is at fault.
    #[error("the {what} cannot be used: {why}")]
    Description { what: &'static str, why: String },
    #[error(
        "no UDP port is free between {from} and {to} on {ip}: widen `udp_ports` or let calls end first"
    )]
    NoPort {
        ip: std::net::IpAddr,
        from: u16,
        to: u16,
    },
    #[error("UDP on {ip} cannot be opened: {why}; check that the address belongs to this machine")]
    Bind { ip: std::net::IpAddr, why: String },
    #[error("the leg could not be set up ({step}): {why}")]
    Setup { step: &'static str, why: String },
    #[error("no network address was found within {seconds} s; check `bind_ip`")]
    NoAddress { seconds: u64 },
    #[error("the SIP setting `{field}` cannot be used: {why}")]
    Config { field: &'static str, why: String },
    /// A call that did not come about, with the SIP status code of the refusal (RFC 3261 section 21).
    #[error("the call was refused: {code} {phrase}")]
    Refused { code: u16, phrase: String },
    #[error(transparent)]
    Codec(#[from] sidetone_media::CodecError),
    #[error(transparent)]
    Dialect(#[from] dialects::DialectError),
}
