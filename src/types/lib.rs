//! The vocabulary of the house: identifiers, times, sound, text and the events of a call.
//!
//! **Place in the flow.** Everything else depends on this crate and it depends on nothing of ours.
//!
//! **Invariants.** Nothing here reads a clock, opens a socket or holds a lock. `CallTime` is
//! microseconds since the call began; wall-clock time appears once a call, in
//! [`EventKind::CallStarted`]. Text that was recognized is [`Heard`] until the masking step has made
//! it [`Masked`]; only masked text can be serialized.
//!
//! **Not here.** Decisions. Those are in `call`, `acd` and `assist`.

mod audio;
mod content;
mod event;
mod ids;
mod input;
mod text;
mod time;

pub use audio::*;
pub use content::*;
pub use event::*;
pub use ids::*;
pub use input::*;
pub use text::*;
pub use time::*;
