//! Scripts of whole calls on a virtual clock.

mod content;
mod hand_over;
mod property;
mod talk;
mod tasks;
mod turns;
mod world;

pub use world::check;
