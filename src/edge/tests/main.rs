//! Real calls inside one process, over the loopback interface: both ends of a WebRTC leg, and the
//! streams of telephone systems with the tests as the telephone system.

mod audiosocket;
mod calls;
mod streams;
mod support;
