//! Scripts of whole calls on a virtual clock.

mod content;
mod control;
mod control_property;
mod corrections;
mod hand_over;
mod house;
mod property;
mod script;
mod supervise;
mod talk;
mod tasks;
mod tell;
mod turns;
mod world;

pub use world::check;
