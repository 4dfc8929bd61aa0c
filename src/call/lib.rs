//! One call, decided: end of speech, barge-in, conversation, flows, hand-over, legs.
//!
//! **Place in the flow.** The server owns one [`Call`] per call. It gives every thing that happens as
//! a [`CallInput`](sidetone_types::CallInput) with its time and drains [`Call::poll`]: events go to
//! the journal, requests to the media, the models, the connectors and the ACD, and the last deadline
//! becomes a timer that comes back as `CallInput::Deadline`.
//!
//! ```text
//! voice activity ─┐                       ┌─ Event    → journal → folds
//! text, slots ────┤                       │
//! keys, clicks ───┼→ Call::handle → poll ─┼─ Request  → media, models, connectors, ACD
//! legs, ACD ──────┤                       │
//! replies, timer ─┘                       └─ Deadline → one timer
//! ```
//!
//! **Invariants.**
//! 1. The same inputs at the same times give the same events: no clock, no randomness, no unordered
//!    iteration. A journal's inputs replay into its events.
//! 2. Event numbers count from 0 without gaps. `CallEnded` comes once, and after it only the text of
//!    the last words, wrap-up events and facts.
//! 3. Every wait has a deadline: no caller hears nothing for good because a part of the house is dead.
//! 4. A reply whose request was superseded is dropped by its number.
//! 5. The history holds what was played, not what was meant to be played.
//! 6. `0` and "agent" lead to a person from every place where the caller is with the assistant.
//! 7. No order of inputs makes it panic.
//! 8. Nobody is left on a line alone for good: who stays after each hang-up is a table in
//!    `conversation/people.rs`. The caller never hears a whisper or a consultation, and neither gets
//!    into the transcript.
//!
//! **Not here.** Files, sockets, tasks, models, masking, the queue's order. Personal numbers: the
//! machine sees [`SlotValue`](sidetone_types::SlotValue)s, whose full value is in the server's safe.
#![forbid(unsafe_code)]

mod barge;
mod conversation;
mod endpoint;
pub mod flow;
mod listening;
mod mix;
mod policy;
mod request;
mod rules;
pub mod slots;
mod speak;
mod stable;
mod thought;

pub use barge::stops_a_prompt;
pub use conversation::Call;
pub use conversation::keys::HIDDEN_KEY;
pub use endpoint::{Ear, EarSignal};
pub use flow::FlowBook;
pub use mix::{Mix, Seated};
pub use policy::{CallPolicy, PausePolicy, PauseRow, Thought};
pub use request::{Enqueue, Expect, Output, Request};
pub use stable::Stable;
pub use thought::thought;
