//! Real calls inside one process, over the loopback interface: both ends of a leg, and phones, trunks
//! and the streams of telephone systems with the tests as the other side. And what no input may do.

mod audiosocket;
mod calls;
mod fuzz;
mod rtp;
mod sip;
mod sip_house;
mod sip_torture;
mod sip_wire;
mod sipp;
mod streams;
mod support;
