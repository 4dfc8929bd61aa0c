//! Recorded callers, as the pages and the commands use them.

pub use sidetone_sim::recorded::*;
