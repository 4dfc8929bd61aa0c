//! The router's tests: readable scripts, a seeded simulation with invariants, and queueing theory.

mod random;
mod script;
mod scripts;
mod simulation;
mod theory;
