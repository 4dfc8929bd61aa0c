//! Tests of the crate from outside: real models, real programs, servers on the loopback.

mod activity;
mod common;
mod embedder;
mod language_model;
mod models;
mod recognition;
mod speech;
mod understanding;
