//! Assist's tests: whole calls as event scripts in both languages, and what is made of them.

mod compliance;
mod gate;
mod numbers;
mod script;
mod summary;
mod view;
