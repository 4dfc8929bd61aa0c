use crate::support::*;
use sidetone_edge::network::Network;
use sidetone_edge::ports::Ports;
use sidetone_edge::rtp::{
    self, Direction, RtpCodec, RtpControl, RtpFormat, RtpParams, RtpSocket, SRTP_KEY_BYTES,
    SrtpKey, SrtpKeys, SrtpSuite,
};
use sidetone_edge::{CloseReason, LegCommand, LegHandle, LegSignal};
use sidetone_media::impair::Impairment;
use sidetone_media::tones::Oscillator;
use sidetone_media::{FRAME_SAMPLES, SILENCE, level_dbov};
use sidetone_types::Wire;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval, timeout};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn params(codec: RtpCodec, remote: SocketAddr) -> RtpParams {
    let format = RtpFormat {
        codec,
        payload: codec.static_payload().unwrap_or(111),
        packet_ms: 20,
    };
    RtpParams {
        event: Some((101, codec.clock_hz())),
        rtcp_mux: true,
        ..RtpParams::new(format, Some(remote))
    }
}

fn keys(ours: u8, theirs: u8) -> Option<SrtpKeys> {
    let [ours, theirs] = [ours, theirs].map(|seed| SrtpKey([seed; SRTP_KEY_BYTES]));
    Some(SrtpKeys {
        suite: SrtpSuite::AesCm128HmacSha1_80,
        ours,
        theirs,
    })
}

struct Leg {
    handle: LegHandle,
    control: RtpControl,
}

fn start(socket: RtpSocket, params: RtpParams) -> Leg {
    let (handle, control) = rtp::start(socket, params, Wire::Sip).unwrap();
    control.connected();
    Leg { handle, control }
}

fn bind() -> (RtpSocket, SocketAddr) {
    let socket = RtpSocket::bind(&Ports::new(None), HERE).unwrap();
    let address = SocketAddr::new(socket.ip(), socket.port());
    (socket, address)
}

/// Two legs that send to each other.
fn pair(codec: RtpCodec, encrypted: bool) -> (Leg, Leg) {
    let ((a, a_at), (b, b_at)) = (bind(), bind());
    let (mut to_b, mut to_a) = (params(codec, b_at), params(codec, a_at));
    if encrypted {
        (to_b.srtp, to_a.srtp) = (keys(1, 2), keys(2, 1));
    }
    (start(a, to_b), start(b, to_a))
}

/// Two legs with a network between them.
async fn pair_over(codec: RtpCodec, impairment: Impairment, seed: u64) -> (Leg, Leg, Network) {
    let ((a, a_at), (b, b_at)) = (bind(), bind());
    let network = Network::between(a_at, b_at, impairment, seed)
        .await
        .unwrap();
    let (a, b) = (
        start(a, params(codec, network.near)),
        start(b, params(codec, network.far)),
    );
    (a, b, network)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sound_goes_both_ways_between_rtp_legs_plain_and_encrypted() {
    let _shared = ALONE.read().await;
    for (codec, encrypted) in [
        (RtpCodec::Pcmu, true),
        (RtpCodec::Pcma, false),
        (RtpCodec::G722, true),
        (RtpCodec::Opus, true),
    ] {
        let (mut a, mut b) = pair(codec, encrypted);
        for leg in [&mut a, &mut b] {
            let first = signal(&mut leg.handle, |_| true).await;
            assert_eq!(first, LegSignal::Connected);
        }
        let mut speakers = Vec::new();
        for (leg, hz) in [(&mut a, 440.0), (&mut b, 1000.0)] {
            let out = std::mem::replace(
                &mut leg.handle.frames_out,
                sidetone_edge::frames::channel(20).0,
            );
            let (begin, begins) = oneshot::channel();
            begin.send(()).unwrap();
            speakers.push(tokio::spawn(speak(out, hz, begins)));
        }
        for (leg, hz) in [(&mut a, 1000.0), (&mut b, 440.0)] {
            let (_, heard) = listen(&mut leg.handle.frames_in, 1).await;
            let steady = &heard[4800..];
            let level = level_dbov(steady);
            assert!((level + 20.0).abs() < 1.5, "{codec:?}: {level} dBov");
            assert!((frequency_hz(steady) - hz).abs() < 5.0, "{codec:?}");
        }
        speakers.iter().for_each(tokio::task::JoinHandle::abort);
        let counts = b.control.counts();
        assert!(counts.received > 40 && counts.sent > 40, "{counts:?}");
        assert_eq!((counts.forged, counts.malformed), (0, 0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_reach_signalling_and_the_end_reaches_the_house() {
    let _shared = ALONE.read().await;
    let (a, b) = pair(RtpCodec::Pcmu, false);
    let (mut a, mut b) = (a, b);
    assert!(a.handle.control.hold(true));
    assert!(a.handle.control.refer("1001", None));
    assert_eq!(
        within("hold", a.control.commanded()).await,
        LegCommand::Hold(true)
    );
    assert!(matches!(
        within("refer", a.control.commanded()).await,
        LegCommand::Refer { .. }
    ));
    assert!(a.control.signal(LegSignal::Held { by_far_end: true }));
    a.control.end(CloseReason::FarEnd);
    let mut signals = Vec::new();
    while let Some(signal) = within("signals", a.handle.signals.recv()).await {
        signals.push(signal);
    }
    let expected = [
        LegSignal::Connected,
        LegSignal::Held { by_far_end: true },
        LegSignal::Closed {
            reason: CloseReason::FarEnd,
        },
    ];
    assert_eq!(signals, expected);
    assert!(
        !a.control.signal(LegSignal::Connected),
        "nothing follows the end"
    );
    assert_eq!(
        within("close", a.control.commanded()).await,
        LegCommand::Close
    );
    assert!(
        timeout(Duration::from_millis(30), a.control.commanded())
            .await
            .is_err()
    );
    // Closed by the house: signalling hears of it and the house has its last word.
    b.handle.close();
    assert_eq!(
        within("close", b.control.commanded()).await,
        LegCommand::Close
    );
    assert_eq!(closed(&mut b.handle).await, CloseReason::Here);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_either_end_frees_the_ports() {
    let _shared = ALONE.read().await;
    let (probe, at) = bind();
    drop(probe);
    let ports = Ports::new(Some(at.port()..=at.port() + 1));
    let far = SocketAddr::new(HERE, 9);
    for drop_handle in [true, false] {
        let socket = RtpSocket::bind(&ports, HERE).unwrap();
        assert!(RtpSocket::bind(&ports, HERE).is_err());
        let Leg {
            mut handle,
            mut control,
        } = start(socket, params(RtpCodec::Pcmu, far));
        if drop_handle {
            drop(handle);
            assert_eq!(
                within("close", control.commanded()).await,
                LegCommand::Close
            );
        } else {
            drop(control);
            assert_eq!(closed(&mut handle).await, CloseReason::Lost);
        }
        within("the ports", async {
            while RtpSocket::bind(&ports, HERE).is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }
}

/// A flood at the leg's own port, while a call goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_strangers_is_not_heard_and_does_not_break_the_sound() {
    let _shared = ALONE.read().await;
    let ((a, a_at), (b, b_at)) = (bind(), bind());
    let (mut a, mut b) = (
        start(a, params(RtpCodec::Pcmu, b_at)),
        start(b, params(RtpCodec::Pcmu, a_at)),
    );
    let out = std::mem::replace(
        &mut a.handle.frames_out,
        sidetone_edge::frames::channel(20).0,
    );
    let (begin, begins) = oneshot::channel();
    begin.send(()).unwrap();
    let speaker = tokio::spawn(speak(out, 440.0, begins));
    listen(&mut b.handle.frames_in, 1).await;
    let flood = std::thread::spawn(move || {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut packet = [0xFFu8; 172];
        let until = Instant::now() + Duration::from_millis(1500);
        let mut sent = 0u64;
        while Instant::now() < until {
            // A burst each millisecond: ten thousand packets a second.
            for _ in 0..10 {
                sent += 1;
                packet[0] = 0x80;
                packet[1] = 0;
                packet[2..12].copy_from_slice(&[sent as u8; 10]);
                let _ = socket.send_to(&packet, b_at);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        (socket, sent)
    });
    let (_, heard) = listen(&mut b.handle.frames_in, 1).await;
    let steady = &heard[3200..];
    assert!((level_dbov(steady) + 20.0).abs() < 1.0);
    assert!((frequency_hz(steady) - 440.0).abs() < 5.0);
    let (socket, sent) = tokio::task::spawn_blocking(|| flood.join().unwrap())
        .await
        .unwrap();
    within("the flood", async {
        while b.control.counts().other_source < sent / 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    println!("{sent} packets of a stranger: {:?}", b.control.counts());
    socket.set_nonblocking(true).unwrap();
    assert!(
        socket.recv_from(&mut [0; 2000]).is_err(),
        "nothing went to the stranger"
    );
    speaker.abort();
}

async fn keys_of(leg: &mut Leg, count: usize) -> String {
    let mut got = String::new();
    while got.len() < count {
        if let LegSignal::Key(key) =
            signal(&mut leg.handle, |s| matches!(s, LegSignal::Key(_))).await
        {
            got.push(key);
        }
    }
    got
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_exact_and_sound_goes_on_over_a_bad_network() {
    let _shared = ALONE.read().await;
    const DIGITS: &str = "5558*0142#";
    for (loss_percent, jitter_ms_max, seed) in [(1, 10, 1), (5, 60, 2), (20, 100, 3)] {
        let impairment = Impairment {
            loss_percent,
            jitter_ms_max,
            swapped_percent: 3,
            repeated_percent: 3,
            outage_us: None,
        };
        let (mut a, mut b, _network) = pair_over(RtpCodec::Pcma, impairment, seed).await;
        let out = std::mem::replace(
            &mut a.handle.frames_out,
            sidetone_edge::frames::channel(20).0,
        );
        let (begin, begins) = oneshot::channel();
        begin.send(()).unwrap();
        let speaker = tokio::spawn(speak(out, 440.0, begins));
        let (_, heard) = listen(&mut b.handle.frames_in, 2).await;
        let holes = heard[8000..]
            .chunks_exact(FRAME_SAMPLES)
            .filter(|frame| level_dbov(frame) < -50.0)
            .count();
        // At a fifth lost, gaps longer than what can be concealed are to be expected.
        assert!(
            holes <= if loss_percent < 20 { 1 } else { 8 },
            "{loss_percent} %: {holes}"
        );
        DIGITS
            .chars()
            .for_each(|key| assert!(a.handle.control.send_key(key)));
        let got = keys_of(&mut b, DIGITS.len()).await;
        assert_eq!(got, DIGITS, "{loss_percent} % lost");
        speaker.abort();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_length_of_the_sound_is_true_after_an_outage_of_two_seconds() {
    let _shared = ALONE.read().await;
    let impairment = Impairment {
        loss_percent: 1,
        jitter_ms_max: 10,
        outage_us: Some(1_500_000..3_500_000),
        ..Impairment::default()
    };
    for codec in [RtpCodec::Pcmu, RtpCodec::G722] {
        let (a, mut b, _network) = pair_over(codec, impairment.clone(), 4).await;
        let out = a.handle.frames_out;
        // 440 Hz for exactly 4.6 s, then 1000 Hz.
        let speaker = tokio::spawn(async move {
            let mut ticks = interval(Duration::from_millis(20));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let mut tones = [440.0, 1000.0].map(|hz| Oscillator::new(hz, -20.0));
            let mut pcm = SILENCE;
            for n in 0..300 {
                ticks.tick().await;
                tones[usize::from(n >= 230)].fill(&mut pcm);
                out.push(&pcm);
            }
        });
        let (_, heard) = listen(&mut b.handle.frames_in, 5).await;
        speaker.abort();
        let frames: Vec<&[i16]> = heard.chunks_exact(FRAME_SAMPLES).collect();
        let change = frames
            .iter()
            .position(|frame| level_dbov(frame) > -30.0 && frequency_hz(frame) > 800.0)
            .unwrap();
        let off_ms = (change as i64 - 230) * 20;
        println!("{codec:?}: {off_ms} ms off after the outage");
        assert!(off_ms.abs() <= 40, "{codec:?}: {off_ms} ms");
        let silent = frames.iter().filter(|f| level_dbov(f) < -60.0).count();
        assert!((92..=103).contains(&silent), "{silent} frames of silence");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hold_is_heard_as_silence_and_ends() {
    let _shared = ALONE.read().await;
    let ((a, a_at), (b, b_at)) = (bind(), bind());
    let mut a = start(a, params(RtpCodec::Pcmu, b_at));
    let mut b = start(b, params(RtpCodec::Pcmu, a_at));
    let out = std::mem::replace(
        &mut a.handle.frames_out,
        sidetone_edge::frames::channel(20).0,
    );
    let (begin, begins) = oneshot::channel();
    begin.send(()).unwrap();
    let speaker = tokio::spawn(speak(out, 440.0, begins));
    listen(&mut b.handle.frames_in, 1).await;
    let mut held = params(RtpCodec::Pcmu, a_at);
    held.direction = Direction::SendOnly;
    b.control.update(held.clone());
    within("silence", async {
        let mut quiet = 0;
        while quiet < 25 {
            let frame = b.handle.frames_in.recv().await.expect("open");
            quiet = if level_dbov(&frame.pcm) < -100.0 {
                quiet + 1
            } else {
                0
            };
        }
    })
    .await;
    held.direction = Direction::SendRecv;
    b.control.update(held);
    let (_, heard) = listen(&mut b.handle.frames_in, 1).await;
    assert!((level_dbov(&heard[4800..]) + 20.0).abs() < 1.0);
    speaker.abort();
}
