#![forbid(unsafe_code)]
//! The router: which call goes to which person, and what those who wait are told.
//!
//! **Place in the flow.** One [`Acd`] serves the whole house. The server feeds it arrivals, clicks
//! and lost pages through [`Acd::handle`], drains [`Acd::poll`], and calls again with
//! [`AcdInput::Deadline`] when the last [`AcdOutput::Deadline`] has come. The caller's own state
//! machine (`call`) hears of it as `Waiting`, `Offered`, `OfferEnded` and `QueueRefused`.
//!
//! **Order.** Calls: priority (tier, line, intent, mood) first, then who has waited longest. Agents:
//! those who speak the language and have every skill, the best skill levels and language first, then
//! the one idle longest.
//!
//! **Invariants.**
//! - An agent has at most one call, ringing or answered; a call has at most one agent.
//! - A call keeps its place through refused and unanswered offers.
//! - Every call that arrives ends in exactly one way: assigned and finished, left, or refused.
//! - Nobody is stuck: an offer, a wrap-up, a lost page and a wait each have a longest time.
//! - At rest no available agent fits a waiting call, unless the agent has just declined that call.
//! - The same inputs at the same times give the same outputs.
//!
//! **Not here.** Clocks, calendars and time zones (the minute of the week comes in), sound, the
//! conversation, and the day's numbers: those are folds over the journal in `assist`.

mod acd;
mod agents;
mod board;
mod hours;
mod io;
mod matching;
mod policy;
mod wait;

pub use acd::Acd;
pub use board::{AgentOnBoard, QueueOnBoard};
pub use hours::{MinuteOfWeek, Opening};
pub use io::*;
pub use policy::*;
pub use wait::{SAMPLES_MIN, expected_wait};
