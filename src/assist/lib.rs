#![forbid(unsafe_code)]
//! What the machine makes of a call for the people who work with it: the page's view, the list's
//! row, the day's numbers, compliance, cards, mood over time, summary and ticket.
//!
//! **Place in the flow.** Everything here is a fold over [`sidetone_types::CallEvent`]s. The server
//! applies a call's events as they come and hands the results to the pages; what is found here
//! (compliance, cards, summary) goes back into the call as `CallInput::Fact` and so into the journal.
//!
//! **Invariants.**
//! - The same events give the same view, row and numbers; nothing here looks at live state.
//! - Every sentence of a summary names the utterances it rests on, and every number, name and date in
//!   it occurs there. The same gate holds for a language model's sentences.
//! - Every number has one definition ([`stats::definitions`]), in both languages.
//! - Text is masked before it comes here.
//!
//! **Not here.** Models (mood of one turn, intents, search: `inference` and `knowledge`), routing
//! (`acd`), storage (`records`).

pub mod cards;
pub mod compliance;
mod definitions;
mod fold;
mod labels;
mod model_summary;
pub mod mood;
mod numbers;
mod plain;
pub mod row;
pub mod stats;
pub mod summary;
mod support;
pub mod ticket;
pub mod view;

pub use labels::{ended_en, ended_zh};
pub use row::CallRow;
pub use view::{CallView, Speaker};
