//! Real calls inside one process: both ends of a leg over the loopback interface.

mod calls;
mod network;
mod rtp;
mod sip;
mod sip_house;
mod sip_torture;
mod sipp;
mod support;
