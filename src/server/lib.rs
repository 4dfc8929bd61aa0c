//! The house itself: configuration, HTTP API and pages, call tasks, connectors, content, commands.
//!
//! **Place in the flow.** `edge` brings legs; [`call`] gives each call a task that feeds the pure
//! state machine of `sidetone-call`, moves the sound and writes the journal; [`dispatch`] owns the
//! router; [`api`] is what the pages talk to.
//!
//! **Invariants.** One task owns one call and never waits for a model, a connector or the disk.
//! Every channel is bounded. A page sees only what its role may see. Nothing that was heard leaves a
//! call's task before it is masked.
//!
//! **Not here.** Decisions about calls (`call`), agents (`acd`) and advice (`assist`).
#![forbid(unsafe_code)]

pub mod api;
pub mod auth;
pub mod call;
mod clock;
pub mod commands;
mod company;
pub mod config;
pub mod connectors;
mod content;
mod dispatch;
mod house;
mod knowledge;
pub mod line_out;
mod live;
mod models;
mod people;
pub mod phones;
pub mod recorded;
mod rows;
mod safe;
pub mod startup;
mod status;
mod streams;

pub use clock::Clock;
pub use house::House;
