//! Real calls inside one process: both ends of a leg over the loopback interface.

mod calls;
mod network;
mod rtp;
mod support;
