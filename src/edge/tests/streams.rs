//! WebSocket dialects over real WebSockets, with the tests as Asterisk and as Twilio.

use crate::support::{assert_hz, closed, listen, signal, speak, within};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::{Sink, SinkExt, Stream, StreamExt, future::ready};
use serde_json::{Value, json};
use sidetone_edge::dialects::{
    DialectError, Mode, Opening, Pairs, StreamCall, WireMessage, asterisk, twilio,
};
use sidetone_edge::{CloseReason, LegSignal};
use sidetone_media::g711::{from_ulaw, to_ulaw};
use sidetone_media::tones::Oscillator;
use sidetone_types::Lang;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, accept_async, client_async};

type Peer = WebSocketStream<TcpStream>;
type Accepted = JoinHandle<Result<Option<StreamCall>, DialectError>>;

#[derive(Clone)]
enum Wire {
    Twilio,
    Asterisk(Opening, Arc<Pairs>),
}

/// Both ends of a WebSocket; the house's end is given to the dialect.
async fn connect(wire: Wire) -> (Peer, Accepted) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let accepted = tokio::spawn(async move {
        let connection = listener.accept().await.unwrap().0;
        let socket = accept_async(connection).await.unwrap();
        let socket = socket
            .filter_map(|message| {
                ready(match message {
                    Ok(Message::Text(text)) => Some(Ok(WireMessage::Text(text.to_string()))),
                    Ok(Message::Binary(bytes)) => Some(Ok(WireMessage::Binary(bytes))),
                    Ok(Message::Close(_)) => Some(Ok(WireMessage::Close)),
                    Ok(_) => None,
                    Err(error) => Some(Err(error)),
                })
            })
            .with(|message| {
                ready(Ok::<_, Error>(match message {
                    WireMessage::Text(text) => Message::text(text),
                    WireMessage::Binary(bytes) => Message::Binary(bytes),
                    WireMessage::Close => Message::Close(None),
                }))
            });
        match wire {
            Wire::Twilio => twilio::accept(socket, Opening::default()).await.map(Some),
            Wire::Asterisk(opening, pairs) => asterisk::accept(socket, opening, &pairs).await,
        }
    });
    let connection = TcpStream::connect(address).await.unwrap();
    let url = format!("ws://{address}/");
    (client_async(url, connection).await.unwrap().0, accepted)
}

async fn call_of(accepted: Accepted) -> StreamCall {
    within("the call", accepted)
        .await
        .unwrap()
        .unwrap()
        .unwrap()
}

async fn tell(peer: &mut Peer, text: impl ToString) {
    peer.send(Message::text(text.to_string())).await.unwrap();
}

/// The next message that is no sound.
async fn told(peer: &mut Peer, what: &str) -> String {
    within(what, async {
        loop {
            match peer.next().await {
                Some(Ok(Message::Text(text))) if !text.contains("\"media\"") => {
                    return text.to_string();
                }
                Some(Ok(Message::Close(_))) | None => panic!("closed before {what}"),
                _ => {}
            }
        }
    })
    .await
}

async fn until_closed(peer: &mut Peer) -> Vec<String> {
    within("the end", async {
        let mut texts = Vec::new();
        loop {
            match peer.next().await {
                Some(Ok(Message::Text(text))) => texts.push(text.to_string()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return texts,
                Some(Ok(_)) => {}
            }
        }
    })
    .await
}

fn ulaw(tone: &mut Oscillator) -> Vec<u8> {
    (0..160)
        .map(|_| to_ulaw(tone.next_sample() as i16))
        .collect()
}

fn tone_8k(hz: f32) -> Oscillator {
    Oscillator::new(hz * 2.0, -20.0)
}

fn start(tracks: &[&str]) -> Value {
    json!({"event": "start", "sequenceNumber": "1", "streamSid": "MZ1", "start": {
        "accountSid": "AC1", "streamSid": "MZ1", "callSid": "CA1", "tracks": tracks,
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"lang": "en", "ani": "+15550100", "dnis": "+15550199"}}})
}

fn media(track: &str, sound: &[u8]) -> Value {
    json!({"event": "media", "streamSid": "MZ1", "media": {"track": track, "chunk": "1",
        "timestamp": "0", "payload": STANDARD.encode(sound)}})
}

async fn twilio_call(tracks: &[&str]) -> (Peer, StreamCall) {
    let (mut peer, accepted) = connect(Wire::Twilio).await;
    tell(
        &mut peer,
        json!({"event": "connected", "protocol": "Call", "version": "1.0.0"}),
    )
    .await;
    tell(&mut peer, start(tracks)).await;
    (peer, call_of(accepted).await)
}

/// Twilio's side of a conversation: plays what comes after `buffer`, answers marks when their sound
/// is played, speaks a tone. Gives the sound back and what it was told beside it.
async fn twilio_for(peer: Peer, seconds: u64, buffer: Duration) -> (Peer, Vec<i16>, Vec<String>) {
    let (mut to, mut from) = peer.split();
    let (mut sound, mut texts, mut tone) = (Vec::new(), Vec::new(), tone_8k(440.0));
    let mut marks: Vec<(Instant, Value)> = Vec::new();
    let mut ticks = interval(Duration::from_millis(20));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let end = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < end {
        tokio::select! {
            message = from.next() => {
                let Some(Ok(Message::Text(text))) = message else { break };
                let message: Value = serde_json::from_str(&text).unwrap();
                assert_eq!(message["streamSid"], "MZ1");
                match message["event"].as_str().unwrap() {
                    "media" => {
                        let payload = message["media"]["payload"].as_str().unwrap();
                        let bytes = STANDARD.decode(payload).unwrap();
                        assert_eq!(bytes.len(), 160);
                        sound.extend(bytes.into_iter().map(from_ulaw));
                    }
                    "mark" => marks.push((Instant::now() + buffer, message)),
                    "clear" => marks.iter_mut().for_each(|(at, _)| *at = Instant::now()),
                    other => panic!("{other}"),
                }
                if !text.contains("\"media\"") {
                    texts.push(text.to_string());
                }
            }
            _ = ticks.tick() => {
                let now = Instant::now();
                let due = marks.iter().take_while(|(at, _)| *at <= now).count();
                for (_, mark) in marks.drain(..due) {
                    to.send(Message::text(mark.to_string())).await.unwrap();
                }
                let message = media("inbound", &ulaw(&mut tone)).to_string();
                to.send(Message::text(message)).await.unwrap();
            }
        }
    }
    (to.reunite(from).unwrap(), sound, texts)
}

#[tokio::test(flavor = "multi_thread")]
async fn twilio_and_the_house_hear_each_other() {
    let (peer, mut call) = twilio_call(&["inbound"]).await;
    assert_eq!(call.opening.lang, Some(Lang::En));
    assert_eq!(call.opening.ani.as_deref(), Some("+15550100"));
    assert_eq!(call.opening.reference, "CA1");
    assert!(call.agent.is_none() && call.opening.mode == Mode::Assistant);
    let (begin, begun) = tokio::sync::oneshot::channel();
    begin.send(()).unwrap();
    tokio::spawn(speak(call.caller.frames_out, 1000.0, begun));
    let hearing = tokio::spawn(async move { listen(&mut call.caller.frames_in, 1).await.1 });
    let (mut peer, sound, texts) = twilio_for(peer, 2, Duration::ZERO).await;
    assert_hz(&hearing.await.unwrap(), 16_000, 440.0);
    assert_hz(&sound, 8000, 1000.0);
    let seconds = sound.len() as f64 / 8000.0;
    assert!((1.7..2.2).contains(&seconds), "paced as a call: {seconds}");
    assert!(
        texts.iter().any(|text| text.contains("\"mark\"")),
        "{texts:?}"
    );
    let dtmf = json!({"event": "dtmf", "streamSid": "MZ1",
        "dtmf": {"track": "inbound_track", "digit": "#"}});
    tell(&mut peer, dtmf).await;
    tell(
        &mut peer,
        json!({"event": "stop", "streamSid": "MZ1", "stop": {}}),
    )
    .await;
    let last = within("key and end", async {
        let mut keys = String::new();
        while let Some(signal) = call.caller.signals.recv().await {
            match signal {
                LegSignal::Key(key) => keys.push(key),
                LegSignal::Closed { reason } => return (keys, reason),
                _ => {}
            }
        }
        panic!("no last signal")
    });
    assert_eq!(last.await, ("#".to_owned(), CloseReason::FarEnd));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_barge_in_learns_what_was_heard_and_clears_the_rest() {
    let (peer, call) = twilio_call(&["inbound"]).await;
    let (begin, begun) = tokio::sync::oneshot::channel();
    begin.send(()).unwrap();
    tokio::spawn(speak(call.caller.frames_out, 1000.0, begun));
    let peer = tokio::spawn(twilio_for(peer, 4, Duration::from_millis(600)));
    // The far end plays 600 ms late, so so much of what was pushed is always on its way.
    let full = async {
        while call.caller.control.unheard() < Duration::from_millis(500) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within("sound on its way", full).await;
    let cleared_ms = call.caller.control.clear().as_millis();
    assert!((500..800).contains(&cleared_ms), "{cleared_ms}");
    tokio::time::sleep(Duration::from_millis(100)).await;
    // The far end answers the marks of cleared sound at once: they must not count.
    let left_ms = call.caller.control.unheard().as_millis();
    assert!(left_ms <= 140, "{left_ms}");
    let (_, _, texts) = peer.await.unwrap();
    let clears = texts
        .iter()
        .filter(|text| text.contains("\"clear\""))
        .count();
    assert_eq!(clears, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn both_tracks_are_two_legs_and_nothing_is_said() {
    let (mut peer, mut call) = twilio_call(&["inbound", "outbound"]).await;
    assert_eq!(call.opening.mode, Mode::Assist);
    let mut agent = call.agent.take().expect("two legs");
    call.caller.frames_out.push(&[9000; 320]);
    let speaking = tokio::spawn(async move {
        let (mut caller, mut other) = (tone_8k(440.0), tone_8k(700.0));
        let mut ticks = interval(Duration::from_millis(20));
        for _ in 0..100 {
            ticks.tick().await;
            tell(&mut peer, media("inbound", &ulaw(&mut caller))).await;
            tell(&mut peer, media("outbound", &ulaw(&mut other))).await;
        }
        peer
    });
    let (one, two) = tokio::join!(
        listen(&mut call.caller.frames_in, 1),
        listen(&mut agent.frames_in, 1)
    );
    assert_hz(&one.1, 16_000, 440.0);
    assert_hz(&two.1, 16_000, 700.0);
    let mut peer = speaking.await.unwrap();
    call.caller.close();
    assert_eq!(until_closed(&mut peer).await, Vec::<String>::new());
    assert_eq!(closed(&mut agent).await, CloseReason::Here);
    assert_eq!(closed(&mut call.caller).await, CloseReason::Here);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_twilio_would_never_send_is_skipped_or_ends_the_stream() {
    let (mut peer, mut call) = twilio_call(&["inbound"]).await;
    for _ in 0..10 {
        for wrong in [
            "{",
            "null",
            r#"{"event":"media","media":{"payload":"%%%"}}"#,
        ] {
            tell(&mut peer, wrong).await;
        }
        tell(&mut peer, media("inbound", &[0xff; 160])).await;
    }
    tell(&mut peer, json!({"event": "dtmf", "dtmf": {"digit": "4"}})).await;
    signal(&mut call.caller, |s| *s == LegSignal::Key('4')).await;
    for _ in 0..16 {
        tell(&mut peer, "{").await;
    }
    assert_eq!(closed(&mut call.caller).await, CloseReason::Lost);
    // Another format is refused with a sentence.
    let (mut peer, accepted) = connect(Wire::Twilio).await;
    let mut other = start(&["inbound"]);
    other["start"]["mediaFormat"]["encoding"] = "audio/opus".into();
    tell(&mut peer, other).await;
    let error = accepted.await.unwrap().err().unwrap().to_string();
    assert!(
        error.contains("audio/opus at 8000 Hz") && error.contains("ask the far end"),
        "{error}"
    );
    let (mut peer, accepted) = connect(Wire::Twilio).await;
    peer.close(None).await.unwrap();
    assert!(matches!(
        accepted.await.unwrap(),
        Err(DialectError::Ended { .. })
    ));
}

const VARIABLES: &str = r#"{"event":"MEDIA_START","connection_id":"c1","channel":"WebSocket/s/0x1",
    "channel_id":"pbx-1.1","format":"ulaw","optimal_frame_size":160,"ptime":20,
    "channel_variables":{"SIDETONE_LANG":"zh-CN","SIDETONE_DNIS":"8000","OTHER":"x"}}"#;
const PLAIN: &str = "MEDIA_START connection_id:c1 channel:WebSocket/s/0x1 channel_id:pbx-1.1 \
    format:slin16 optimal_frame_size:640 ptime:20";

async fn asterisk_call(begin: &str) -> (Peer, StreamCall) {
    let (mut peer, accepted) = connect(Wire::Asterisk(Opening::default(), Arc::default())).await;
    tell(&mut peer, begin).await;
    (peer, call_of(accepted).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn asterisk_and_the_house_hear_each_other_in_both_forms() {
    for (begin, json, bytes) in [(PLAIN, false, 640), (VARIABLES, true, 160)] {
        let (mut peer, mut call) = asterisk_call(begin).await;
        assert_eq!(call.opening.reference, "pbx-1.1");
        assert_eq!(call.opening.lang, json.then_some(Lang::Zh));
        let (begin, begun) = tokio::sync::oneshot::channel();
        begin.send(()).unwrap();
        tokio::spawn(speak(call.caller.frames_out, 1000.0, begun));
        let hearing = tokio::spawn(async move { listen(&mut call.caller.frames_in, 1).await.1 });
        let mut tone = if json {
            tone_8k(440.0)
        } else {
            Oscillator::new(440.0, -20.0)
        };
        let (mut sound, mut marks) = (Vec::new(), 0);
        let mut ticks = interval(Duration::from_millis(20));
        for _ in 0..100 {
            ticks.tick().await;
            let frame: Vec<u8> = if json {
                ulaw(&mut tone)
            } else {
                (0..320)
                    .flat_map(|_| (tone.next_sample() as i16).to_le_bytes())
                    .collect()
            };
            peer.send(Message::Binary(frame.into())).await.unwrap();
            while let Ok(Some(Ok(message))) =
                tokio::time::timeout(Duration::from_millis(1), peer.next()).await
            {
                match message {
                    Message::Binary(frame) => {
                        assert_eq!(frame.len(), bytes);
                        if json {
                            sound.extend(frame.iter().map(|code| from_ulaw(*code)));
                        } else {
                            let pairs = frame.chunks_exact(2);
                            sound.extend(pairs.map(|p| i16::from_le_bytes([p[0], p[1]])));
                        }
                    }
                    Message::Text(text) => {
                        assert_eq!(text.starts_with('{'), json, "{text}");
                        assert!(text.contains("MARK_MEDIA"), "{text}");
                        marks += 1;
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
        assert_hz(&hearing.await.unwrap(), 16_000, 440.0);
        assert_hz(&sound, if json { 8000 } else { 16_000 }, 1000.0);
        assert!(marks >= 7, "{marks}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn asterisk_is_told_to_flush_and_to_hang_up_and_can_make_us_wait() {
    let (mut peer, mut call) = asterisk_call(PLAIN).await;
    let frames = async |peer: &mut Peer, ms| {
        let mut count = 0;
        let end = Instant::now() + Duration::from_millis(ms);
        while let Ok(message) = tokio::time::timeout_at(end, peer.next()).await {
            count += u32::from(matches!(message, Some(Ok(Message::Binary(_)))));
        }
        count
    };
    let (begin, begun) = tokio::sync::oneshot::channel();
    begin.send(()).unwrap();
    tokio::spawn(speak(call.caller.frames_out, 1000.0, begun));
    assert!(frames(&mut peer, 500).await >= 15);
    tell(&mut peer, "MEDIA_XOFF").await;
    frames(&mut peer, 200).await;
    assert_eq!(frames(&mut peer, 300).await, 0);
    tell(&mut peer, "MEDIA_XON").await;
    assert!(frames(&mut peer, 500).await >= 15);
    call.caller.control.clear();
    let flush = within("the flush", async {
        loop {
            let text = told(&mut peer, "FLUSH_MEDIA").await;
            if !text.starts_with("MARK_MEDIA") {
                return text;
            }
        }
    });
    assert_eq!(flush.await, "FLUSH_MEDIA");
    tell(&mut peer, "DTMF_END digit:8 channel_id:pbx-1.1").await;
    let key = within("the key", async {
        loop {
            if let Some(LegSignal::Key(key)) = call.caller.signals.recv().await {
                return key;
            }
        }
    });
    assert_eq!(key.await, '8');
    call.caller.control.close();
    let texts = until_closed(&mut peer).await;
    assert_eq!(texts.last().map(String::as_str), Some("HANGUP"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_channels_are_the_two_sides_of_an_assisted_call_in_any_order() {
    let pairs = Arc::new(Pairs::default());
    let side = |part: &str| {
        let mut opening = Opening::default();
        for (name, value) in [("call", "pbx-9"), ("mode", "assist"), ("part", part)] {
            opening.set(name, value);
        }
        Wire::Asterisk(opening, pairs.clone())
    };
    let (mut agent, first) = connect(side("agent")).await;
    tell(&mut agent, PLAIN).await;
    let (mut caller, second) = connect(side("caller")).await;
    tell(&mut caller, PLAIN).await;
    let both = within("both connections", async { tokio::join!(first, second) }).await;
    let [one, other] = [both.0, both.1].map(|accepted| accepted.unwrap().unwrap());
    assert!(
        one.is_some() != other.is_some(),
        "one connection has the call"
    );
    let mut call = one.or(other).unwrap();
    tell(&mut caller, "DTMF_END digit:1").await;
    signal(&mut call.caller, |s| *s == LegSignal::Key('1')).await;
    agent.close(None).await.unwrap();
    assert_eq!(
        closed(call.agent.as_mut().unwrap()).await,
        CloseReason::FarEnd
    );
}

/// Says one thing and takes nothing.
struct Deaf {
    first: Option<WireMessage>,
}

impl Stream for Deaf {
    type Item = Result<WireMessage, String>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(Ok(first))),
            None => Poll::Pending,
        }
    }
}

impl Sink<WireMessage> for Deaf {
    type Error = String;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), String>> {
        Poll::Pending
    }
    fn start_send(self: Pin<&mut Self>, _: WireMessage) -> Result<(), String> {
        Err("it was not ready".into())
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), String>> {
        Poll::Pending
    }
    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), String>> {
        Poll::Pending
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_far_end_that_reads_nothing_costs_little_and_then_the_leg() {
    let first = WireMessage::Text(start(&["inbound"]).to_string());
    let deaf = Deaf { first: Some(first) };
    let mut call = twilio::accept(deaf, Opening::default()).await.unwrap();
    let began = Instant::now();
    let (begin, begun) = tokio::sync::oneshot::channel();
    begin.send(()).unwrap();
    tokio::spawn(speak(call.caller.frames_out, 1000.0, begun));
    let reason = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            if let Some(LegSignal::Closed { reason }) = call.caller.signals.recv().await {
                return reason;
            }
        }
    });
    assert_eq!(reason.await, Ok(CloseReason::Lost));
    assert!(began.elapsed() >= Duration::from_secs(9));
}
