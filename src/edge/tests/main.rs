//! Real calls inside one process, over the loopback interface: both ends of a leg, and the streams of
//! telephone systems with the tests as the telephone system.

mod audiosocket;
mod calls;
mod network;
mod rtp;
mod sip;
mod sip_house;
mod sip_torture;
mod sipp;
mod streams;
mod support;
