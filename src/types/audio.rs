//! Sound inside the house: 20 ms of 16 kHz mono.

use crate::{CallTime, LegId};

/// Sample rate of every frame inside the house.
pub const RATE_HZ: u32 = 16_000;
/// Samples in one frame: 20 ms.
pub const FRAME_SAMPLES: usize = 320;
/// Length of one frame.
pub const FRAME_MS: u64 = 20;

/// 20 ms of sound, by value so that the media path allocates nothing.
pub type Pcm = [i16; FRAME_SAMPLES];

/// One frame of one leg. Edges convert from and to whatever the wire carries.
#[derive(Clone, Debug)]
pub struct AudioFrame {
    pub leg: LegId,
    pub at: CallTime,
    pub pcm: Pcm,
}
