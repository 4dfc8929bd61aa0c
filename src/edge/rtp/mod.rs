//! Sound over RTP, plain or encrypted: what a telephone, a PBX or a trunk speaks.
//!
//! **Place in the flow.** Signalling (SIP) agrees on addresses, a codec and perhaps keys, binds an
//! [`RtpSocket`], and hands both to [`start`]. The house gets a [`LegHandle`] like that of every
//! other wire; signalling keeps the [`RtpControl`].
//!
//! **Not here.** Session descriptions and dialogs (`sip`), codecs and the jitter buffer (`media`).

mod control;
mod params;
mod socket;

pub use control::RtpControl;
pub use params::{
    Direction, RtpCodec, RtpFormat, RtpParams, SRTP_KEY_BYTES, SrtpKey, SrtpKeys, SrtpSuite,
};
pub use socket::RtpSocket;

use crate::EdgeError;
use crate::leg::LegHandle;
use sidetone_types::Wire;

/// Starts the leg's media task. To be called in a runtime. Frames and keys run until
/// [`RtpControl::end`], [`LegHandle::close`], or either end is dropped.
pub fn start(
    socket: RtpSocket,
    params: RtpParams,
    wire: Wire,
) -> Result<(LegHandle, RtpControl), EdgeError> {
    let _ = (socket.rtp, socket.rtcp, socket.ports, params, wire);
    Err(EdgeError::Setup {
        step: "RTP",
        why: "the media task is being written".into(),
    })
}
