//! Sound as numbers: codecs, rates, jitter, keypad tones, mixing, files.
//!
//! **Place in the flow.** Between the edges, which own the sockets, and the call, which thinks in
//! 20 ms frames of 16 kHz mono ([`sidetone_types::Pcm`]). An edge pushes what the wire brought into
//! a [`playout::Playout`] and pulls one frame every 20 ms; it encodes what the call wants said.
//!
//! **Invariants.** Nothing here reads a clock, opens a socket, draws a random number or allocates
//! per frame: buffers are sized when a thing is made. Time comes in as microseconds of a clock that
//! the caller chooses and that only has to be monotonic. No input, however broken, panics. A frame
//! is always 20 ms: where the wire brought nothing, a frame is concealed or silent, so that the
//! audio clock of a call and of its recording stays true.
//!
//! **Not here.** Sockets and pacing (`edge`), voice activity and anything that understands sound
//! (`inference`), encryption of recordings (`records`).
#![forbid(unsafe_code)]

pub mod codec;
pub mod comfort;
pub mod dtmf;
pub mod event;
pub mod g711;
pub mod g722;
pub mod impair;
pub mod jitter;
pub mod level;
pub mod mix;
pub mod peaks;
pub mod playout;
pub mod plc;
pub mod resample;
pub mod tones;
pub mod voice;
pub mod wav;

pub use codec::{CodecError, OpusDecoder, OpusEncoder};
pub use level::level_dbov;
pub use playout::{Heard as PlayedAs, Playout};
pub use sidetone_types::{FRAME_MS, FRAME_SAMPLES, Pcm, RATE_HZ};
pub use voice::{VoiceCodec, VoiceDecoder, VoiceEncoder};

/// One frame of silence.
pub const SILENCE: Pcm = [0; FRAME_SAMPLES];
