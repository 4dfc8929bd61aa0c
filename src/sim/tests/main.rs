//! The recorded callers that ship, the rules of speaking under any order of events, and floods.

mod flood;
mod shipped;
mod speaking;
