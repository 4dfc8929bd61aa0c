//! AudioSocket over TCP, with the tests as the PBX.

use crate::support::{assert_hz, closed, listen, signal, speak, within};
use sidetone_edge::dialects::{
    AudioSocketConfig, AudioSocketServer, Mode, Opening, StreamCall, Unregistered,
};
use sidetone_edge::{CloseReason, LegSignal};
use sidetone_media::tones::Oscillator;
use sidetone_types::{Lang, Wire};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};
use uuid::Uuid;

const CALL: Uuid = Uuid::from_u128(0x40325ec2_5efd_4bd3_805f_53576e581d13);

type Calls = mpsc::Receiver<StreamCall>;

async fn listening(change: impl FnOnce(&mut AudioSocketConfig)) -> (AudioSocketServer, Calls) {
    let mut config = AudioSocketConfig {
        bind: "127.0.0.1:0".parse().unwrap(),
        ..AudioSocketConfig::default()
    };
    change(&mut config);
    AudioSocketServer::bind(config).await.unwrap()
}

/// The PBX's end.
struct Pbx {
    connection: TcpStream,
}

impl Pbx {
    async fn connect(server: &AudioSocketServer) -> Self {
        let connection = TcpStream::connect(server.address()).await.unwrap();
        connection.set_nodelay(true).unwrap();
        Self { connection }
    }

    async fn call(server: &AudioSocketServer, uuid: Uuid) -> Self {
        let mut pbx = Self::connect(server).await;
        pbx.send(0x01, uuid.as_bytes()).await;
        pbx
    }

    async fn send(&mut self, kind: u8, payload: &[u8]) {
        let mut message = vec![kind];
        message.extend((payload.len() as u16).to_be_bytes());
        message.extend(payload);
        self.connection.write_all(&message).await.unwrap();
    }

    /// The next message; `None` at the end of the connection.
    async fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        within("a message", async {
            let mut header = [0; 3];
            self.connection.read_exact(&mut header).await.ok()?;
            let mut payload = vec![0; usize::from(u16::from_be_bytes([header[1], header[2]]))];
            self.connection.read_exact(&mut payload).await.ok()?;
            Some((header[0], payload))
        })
        .await
    }

    /// Speaks a tone for so long, at the pace of a call.
    async fn speak(&mut self, kind: u8, rate_hz: u32, hz: f32, seconds: u32) {
        let mut tone = Oscillator::new(hz * 16_000.0 / rate_hz as f32, -20.0);
        let mut ticks = interval(Duration::from_millis(20));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        for _ in 0..seconds * 50 {
            ticks.tick().await;
            let sound: Vec<u8> = (0..rate_hz / 50)
                .flat_map(|_| (tone.next_sample() as i16).to_le_bytes())
                .collect();
            self.send(kind, &sound).await;
        }
    }
}

async fn call_of(calls: &mut Calls) -> StreamCall {
    within("the call", calls.recv()).await.unwrap()
}

fn samples(payload: &[u8]) -> Vec<i16> {
    payload
        .chunks_exact(2)
        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn both_ends_hear_each_other_and_keys_come() {
    for (kind, rate_hz) in [(0x10, 8000), (0x12, 16_000), (0x16, 48_000)] {
        let (server, mut calls) = listening(|_| {}).await;
        let mut pbx = Pbx::call(&server, CALL).await;
        let mut call = call_of(&mut calls).await;
        assert_eq!(call.opening.reference, CALL.to_string());
        assert_eq!(call.caller.wire, Wire::AudioSocket);
        signal(&mut call.caller, |s| *s == LegSignal::Connected).await;
        let (begin, begun) = tokio::sync::oneshot::channel();
        begin.send(()).unwrap();
        tokio::spawn(speak(call.caller.frames_out, 1000.0, begun));
        let hearing = tokio::spawn(async move { listen(&mut call.caller.frames_in, 1).await.1 });
        pbx.speak(kind, rate_hz, 440.0, 2).await;
        let heard = hearing.await.unwrap();
        assert_hz(&heard, 16_000, 440.0);
        assert!((sidetone_media::level_dbov(&heard) + 20.0).abs() < 1.0);
        pbx.send(0x03, b"7").await;
        let mut sound = Vec::new();
        while sound.len() < rate_hz as usize {
            let (came, payload) = pbx.next().await.unwrap();
            if came != kind {
                // Before our first sound its kind was unknown.
                assert_eq!((came, payload.len()), (0x10, 320));
                continue;
            }
            assert_eq!(payload.len(), rate_hz as usize / 50 * 2);
            sound.extend(samples(&payload));
        }
        assert_hz(&sound, rate_hz, 1000.0);
        let key = within("the key", call.caller.signals.recv()).await;
        assert!(matches!(
            key,
            Some(LegSignal::Key('7')) | Some(LegSignal::Quality { .. })
        ));
        pbx.send(0x00, &[]).await;
        let last = within("the end", async {
            loop {
                match call.caller.signals.recv().await {
                    Some(LegSignal::Closed { reason }) => return reason,
                    Some(_) => {}
                    None => panic!("no last signal"),
                }
            }
        });
        assert_eq!(last.await, CloseReason::FarEnd);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_leaves_at_the_pace_of_the_clock_and_hanging_up_here_is_told() {
    let (server, mut calls) = listening(|_| {}).await;
    let mut pbx = Pbx::call(&server, CALL).await;
    let mut call = call_of(&mut calls).await;
    pbx.next().await.unwrap();
    let began = Instant::now();
    for _ in 0..50 {
        let (kind, payload) = pbx.next().await.unwrap();
        assert_eq!((kind, payload), (0x10, vec![0; 320]));
    }
    let took_ms = began.elapsed().as_millis();
    assert!((900..1500).contains(&took_ms), "{took_ms}");
    assert!(call.caller.control.send_key('5'));
    let mut detector = sidetone_media::dtmf::DtmfDetector::default();
    let mut up = sidetone_media::resample::Resampler::new(8000, 16_000).unwrap();
    let pressed = within("the key's tones", async {
        loop {
            let mut pcm = [0; 321];
            up.process(&samples(&pbx.next().await.unwrap().1), &mut pcm);
            let frame = pcm[..320].try_into().unwrap();
            if let Some(key) = detector.push(frame) {
                return key;
            }
        }
    });
    assert_eq!(pressed.await, '5');
    call.caller.close();
    let mut last = None;
    while let Some((kind, _)) = pbx.next().await {
        last = Some(kind);
    }
    assert_eq!(last, Some(0x00));
    assert_eq!(closed(&mut call.caller).await, CloseReason::Here);
}

#[tokio::test(flavor = "multi_thread")]
async fn announced_calls_are_treated_as_announced_and_others_refused() {
    let (server, mut calls) = listening(|config| config.unregistered = Unregistered::Refuse).await;
    let mut stranger = Pbx::call(&server, Uuid::from_u128(1)).await;
    assert_eq!(stranger.next().await, None);
    let opening = Opening {
        lang: Some(Lang::En),
        ani: Some("+15550100".into()),
        ..Opening::default()
    };
    server.announce(CALL, opening).unwrap();
    let _pbx = Pbx::call(&server, CALL).await;
    let call = call_of(&mut calls).await;
    assert_eq!(call.opening.lang, Some(Lang::En));
    assert_eq!(call.opening.ani.as_deref(), Some("+15550100"));
    let mut again = Pbx::call(&server, CALL).await;
    assert_eq!(
        again.next().await,
        None,
        "an announcement is good for one call"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_connections_are_the_two_sides_of_an_assisted_call() {
    let (server, mut calls) = listening(|_| {}).await;
    let opening = Opening {
        mode: Mode::Assist,
        ..Opening::default()
    };
    server.announce(CALL, opening).unwrap();
    let mut caller = Pbx::call(&server, CALL).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let mut agent = Pbx::call(&server, CALL).await;
    let mut call = call_of(&mut calls).await;
    let mut agent_leg = call.agent.take().expect("both sides");
    let (one, two) = tokio::join!(
        async {
            tokio::join!(
                caller.speak(0x10, 8000, 440.0, 2),
                agent.speak(0x10, 8000, 700.0, 2)
            )
        },
        async {
            let hearing = (
                listen(&mut call.caller.frames_in, 1),
                listen(&mut agent_leg.frames_in, 1),
            );
            tokio::join!(hearing.0, hearing.1)
        }
    );
    let ((), ()) = one;
    assert_hz(&two.0.1, 16_000, 440.0);
    assert_hz(&two.1.1, 16_000, 700.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_connect_or_says_nothing_is_sent_away() {
    let (server, _calls) =
        listening(|config| config.allow = vec!["10.0.0.0/8".parse().unwrap()]).await;
    assert_eq!(Pbx::connect(&server).await.next().await, None);

    let (server, mut calls) = listening(|config| {
        config.connections_max = 1;
        config.uuid_wait = Duration::from_millis(300);
    })
    .await;
    let mut first = Pbx::connect(&server).await;
    let began = Instant::now();
    let mut second = Pbx::connect(&server).await;
    assert_eq!(second.next().await, None, "all places are taken");
    assert!(began.elapsed() < Duration::from_millis(250));
    assert_eq!(first.next().await, None, "no UUID came");
    assert!(began.elapsed() >= Duration::from_millis(250));
    let mut wrong = Pbx::connect(&server).await;
    wrong.send(0x10, &[0; 320]).await;
    assert_eq!(wrong.next().await, None, "sound came before the UUID");
    // The place is free again.
    let _pbx = Pbx::call(&server, CALL).await;
    call_of(&mut calls).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_message_is_skipped_and_a_stream_of_them_ended() {
    let (server, mut calls) = listening(|_| {}).await;
    let mut pbx = Pbx::call(&server, CALL).await;
    let mut call = call_of(&mut calls).await;
    for _ in 0..15 {
        pbx.send(0x77, b"what is this").await;
    }
    pbx.send(0x10, &[1; 321]).await;
    drop(call.caller.signals.try_recv());
    assert_eq!(closed(&mut call.caller).await, CloseReason::Lost);

    let mut pbx = Pbx::call(&server, Uuid::from_u128(2)).await;
    let mut call = call_of(&mut calls).await;
    for _ in 0..40 {
        pbx.send(0x77, b"what is this").await;
        pbx.send(0x10, &[0; 320]).await;
    }
    pbx.send(0x03, b"9").await;
    assert_eq!(
        signal(&mut call.caller, |s| matches!(s, LegSignal::Key(_))).await,
        LegSignal::Key('9')
    );
    // Half a message, then the end.
    pbx.connection
        .write_all(&[0x10, 1, 64, 5, 5])
        .await
        .unwrap();
    drop(pbx);
    assert_eq!(closed(&mut call.caller).await, CloseReason::FarEnd);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_leave_nothing_behind() {
    let (server, mut calls) = listening(|config| config.connections_max = 2).await;
    for _ in 0..20 {
        let pbx = Pbx::call(&server, CALL).await;
        let mut call = call_of(&mut calls).await;
        drop(pbx);
        closed(&mut call.caller).await;
        let pbx = Pbx::call(&server, CALL).await;
        // A leg whose handle is dropped hangs up by itself.
        drop(call_of(&mut calls).await);
        let mut pbx = pbx;
        while pbx.next().await.is_some() {}
    }
}
