//! The recorded callers that ship, and the rules of speaking under any order of events.

mod shipped;
mod speaking;
