//! Real calls inside one process: both ends of a WebRTC leg over the loopback interface.

mod calls;
mod support;
