//! What the house keeps: journals, the call table and its search, recordings, and the masking step
//! that stands before all of them.
//!
//! **Place in the flow.** Recognized text passes [`masking`] before it reaches a call. A call's
//! inputs and events go to the [`journal`], which is the spine; the [`store`] is a fold over it
//! that can be thrown away and rebuilt; the [`vault`] keeps the sound, encrypted.
//!
//! **Invariants.** Nothing is acknowledged before it is on the disk. A journal's torn last line is
//! cut and never read as something else. No recording is written in the clear, and a changed,
//! swapped, missing or foreign chunk is an error and never sound. Only text that is
//! `sidetone_types::Masked` can be stored. Every channel is bounded.
//!
//! **Not here.** What a call means (that is `assist`), who may see it (`server`), the wire (`edge`).

#![forbid(unsafe_code)]

pub mod journal;
pub mod masking;
pub mod store;
pub mod vault;
