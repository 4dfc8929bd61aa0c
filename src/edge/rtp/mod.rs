//! Sound over RTP, plain or encrypted: what a telephone, a PBX or a trunk speaks.
//!
//! **Place in the flow.** Signalling (SIP) agrees on addresses, a codec and perhaps keys, binds an
//! [`RtpSocket`], and hands both to [`start`]. The house gets a [`LegHandle`] like that of every
//! other wire; signalling keeps the [`RtpControl`]. Inside, `stream` is everything but the sockets
//! and the clock: `packet` and `rtcp` read and write, `srtp` decrypts, `source` decides who is heard
//! and who is sent to, `sending` encodes and numbers; `leg` is the task around it.
//!
//! **Invariants.** No datagram, however broken, panics, and none allocates in steady state. One that
//! is not of the far end, or not made with its key, is counted ([`RtpCounts`]) and neither heard nor
//! answered; memory does not grow with what is sent at the port. The house gets a frame every 20 ms,
//! whatever comes or does not: pauses of the far end, losses and outages are filled, so that the
//! clock of the sound stays true. A press of a key is told once, whether it comes as events (RFC 4733),
//! as tones, or as both.
//!
//! **Not here.** Session descriptions and dialogs (`sip`), codecs and the jitter buffer (`media`).

mod control;
pub(crate) mod fuzzing;
mod leg;
mod packet;
mod params;
mod pool;
mod rtcp;
mod sending;
mod socket;
mod source;
mod srtp;
mod stream;

pub use control::{RtpControl, RtpCounts};
pub use params::{
    Direction, RtpCodec, RtpFormat, RtpParams, SRTP_KEY_BYTES, SrtpKey, SrtpKeys, SrtpSuite,
};
pub use socket::RtpSocket;

use crate::EdgeError;
use crate::leg::LegHandle;
use sidetone_types::Wire;

/// Starts the leg's media task. To be called in a runtime. Frames and keys run until
/// [`RtpControl::end`], [`LegHandle::close`], or either end is dropped; the last signal says which.
/// Sound is sent as soon as the house pushes frames and an address is known, connected or not.
///
/// # Errors
/// [`EdgeError::Codec`] or [`EdgeError::Setup`] where this machine cannot.
pub fn start(
    socket: RtpSocket,
    params: RtpParams,
    wire: Wire,
) -> Result<(LegHandle, RtpControl), EdgeError> {
    leg::start(socket, params, wire)
}
