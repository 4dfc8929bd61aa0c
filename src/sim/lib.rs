//! Callers that are not people: recorded ones, and many of them at once.
//!
//! **Place in the flow.** The far end of the wire. A recorded caller ([`recorded`]) is a WAV file and
//! a list of when which part of it is spoken; [`script`] decides that from the assistant's prompts;
//! [`call`] carries it through WebRTC into a running engine, as a browser would; [`bench`] does so
//! with many at a time, [`bench_sip`] with sipp. What comes out is measured on the sound of both sides ([`twotrack`]).
//!
//! **Invariants.** The engine is met only where callers meet it: `POST /api/calls`, the captions, and
//! the media. The clock of a call is its sound: a frame of 20 ms is 20 ms. [`script`] and [`twotrack`]
//! read no clock and hold no socket. A bench goes to this machine only and is bounded in calls and
//! in time.
//!
//! **Not here.** What a call means (`call`), the commands that print (`server`).
#![forbid(unsafe_code)]

pub mod bench;
pub mod bench_flood;
pub mod bench_network;
pub mod bench_sip;
pub mod call;
pub mod client;
pub mod process;
pub mod recorded;
pub mod scenario;
pub mod script;
pub mod twotrack;

/// Why a call could not be made, with what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    #[error("{url} is not an engine's address: {why}; it looks like http://localhost:8080")]
    Address { url: String, why: String },
    #[error(
        "no engine answers at {url} ({why}): start one with `sidetone serve`, or name it with --url"
    )]
    Unreachable { url: String, why: String },
    #[error("the engine refused {what} ({status}): {detail}")]
    Refused {
        what: &'static str,
        status: u16,
        detail: String,
    },
    #[error("the engine's answer to {what} is not understood: {why}; is it the same version?")]
    Answer { what: &'static str, why: String },
    #[error("the captions broke off: {why}")]
    Captions { why: String },
    #[error("the call was set up and no sound came through: {why}")]
    NoSound { why: String },
    #[error("{file}: {why}")]
    File { file: String, why: String },
    #[error(transparent)]
    Edge(#[from] sidetone_edge::EdgeError),
    #[error("{why}")]
    Bench { why: String },
}
