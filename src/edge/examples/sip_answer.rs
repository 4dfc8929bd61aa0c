//! Answers every call from this machine and gives back what it hears, for benches with sipp.
//!
//! `cargo run --release -p sidetone-edge --example sip_answer -- 127.0.0.1:5070 [calls at once]`, then
//! for example `sipp -sn uac 127.0.0.1:5070 -r 500`. A call to `busy` is refused. Once a second the
//! figures are printed.

use sidetone_edge::sip::{
    Refusal, SipConfig, SipEdge, SipEvent, SipListen, SipTrunk, Transport,
};
use sidetone_edge::{LegHandle, LegSignal};
use std::net::SocketAddr;
use std::time::Duration;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let addr: SocketAddr = args.next().unwrap_or_else(|| "127.0.0.1:5070".into()).parse()?;
    let calls_max = args.next().map_or(Ok(2000), |text| text.parse())?;
    let config = SipConfig {
        listen: [Transport::Udp, Transport::Tcp]
            .map(|transport| SipListen { transport, addr })
            .to_vec(),
        trunks: vec![SipTrunk {
            name: "here".into(),
            addresses: vec!["127.0.0.0/8".parse()?],
            ..SipTrunk::default()
        }],
        calls_max,
        ..SipConfig::default()
    };
    let (edge, mut events) = SipEdge::start(config).await?;
    println!("{:?}", edge.addresses());
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    let (mut answered, mut last) = (0_u64, 0);
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(SipEvent::Incoming(call)) if call.to == "busy" => call.refuse(Refusal::Busy),
                Some(SipEvent::Incoming(call)) => {
                    answered += 1;
                    tokio::spawn(async move {
                        match call.answer().await {
                            Ok(leg) => echo(leg).await,
                            Err(error) => eprintln!("{error}"),
                        }
                    });
                }
                Some(other) => println!("{other:?}"),
                None => return Ok(()),
            },
            _ = seconds.tick() => {
                println!("{} calls in this second, {:?}", answered - last, edge.figures());
                last = answered;
            }
        }
    }
}

async fn echo(mut leg: LegHandle) {
    loop {
        tokio::select! {
            frame = leg.frames_in.recv() => match frame {
                Some(frame) => {
                    leg.frames_out.push(&frame.pcm);
                }
                None => return,
            },
            signal = leg.signals.recv() => match signal {
                Some(LegSignal::Closed { .. }) | None => return,
                Some(_) => {}
            },
        }
    }
}
