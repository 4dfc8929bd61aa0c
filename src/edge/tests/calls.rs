use crate::support::*;
use sidetone_edge::{CloseReason, EdgeError, LegSignal, WebRtcCaller, WebRtcConfig, WebRtcEdge};
use sidetone_media::level_dbov;
use std::time::Duration;
use tokio::sync::oneshot;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tone_arrives_in_both_directions_soon_and_as_loud_as_it_left() {
    let _alone = ALONE.write().await;
    let call = connected().await;
    let (mut caller, mut callee) = (call.caller, call.callee);
    for (from, to, hz, way) in [
        (
            &mut caller.frames_out,
            &mut callee.frames_in,
            440.0,
            "caller to callee",
        ),
        (
            &mut callee.frames_out,
            &mut caller.frames_in,
            1000.0,
            "callee to caller",
        ),
    ] {
        let out = std::mem::replace(from, sidetone_edge::frames::channel(20).0);
        let (begin, begins) = oneshot::channel();
        let speaker = tokio::spawn(speak(out, hz, begins));
        // Half a second of silence first: it has to arrive as silence.
        let quiet = within("silence", async {
            let mut loudest = f32::MIN;
            for _ in 0..25 {
                loudest = loudest.max(level_dbov(&to.recv().await.expect("open").pcm));
            }
            loudest
        })
        .await;
        assert!(
            quiet < -60.0,
            "{way}: {quiet} dBov before anything was said"
        );
        begin.send(()).unwrap();
        let (_, heard) = listen(to, 2).await;
        speaker.abort();
        let steady = &heard[8000..];
        assert!(
            (level_dbov(steady) + 20.0).abs() < 1.5,
            "{way}: {} dBov",
            level_dbov(steady)
        );
        assert!(
            (frequency_hz(steady) - f64::from(hz)).abs() < 3.0,
            "{way}: {} Hz",
            frequency_hz(steady)
        );
    }
    callee.close();
    assert_eq!(closed(&mut callee).await, CloseReason::Here);
}

/// From the push of the first loud frame to the moment the far end's call task has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sound_needs_less_than_150_ms_from_end_to_end() {
    let _alone = ALONE.write().await;
    let mut delays = Vec::new();
    for _ in 0..5 {
        let call = connected().await;
        let (out, mut ear) = (call.caller.frames_out, call.callee.frames_in);
        let (begin, begins) = oneshot::channel();
        let (told, telling) = oneshot::channel();
        let speaker = tokio::spawn(async move {
            let _ = told.send(speak(out, 440.0, begins).await);
        });
        within("a second of sound", async {
            for _ in 0..50 {
                ear.recv().await.expect("open");
            }
        })
        .await;
        begin.send(()).unwrap();
        let (heard_at, _) = listen(&mut ear, 1).await;
        call.caller.control.close();
        drop(call.callee.signals);
        let began = within("the speaker", telling).await.unwrap();
        within("the speaker's end", speaker).await.unwrap();
        delays.push(heard_at.saturating_duration_since(began).as_millis());
    }
    delays.sort_unstable();
    println!("end to end over loopback, ms: {delays:?}");
    assert!(delays[2] < 150, "{delays:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_arrive_once_and_in_order_both_ways() {
    let _alone = ALONE.write().await;
    let mut call = connected().await;
    for key in "12#A".chars() {
        assert!(call.caller.control.send_key(key));
    }
    assert!(call.callee.control.send_key('5'));
    assert!(!call.callee.control.send_key('x'), "not a key");
    let mut got = String::new();
    while got.len() < 4 {
        if let LegSignal::Key(key) =
            signal(&mut call.callee, |s| matches!(s, LegSignal::Key(_))).await
        {
            got.push(key);
        }
    }
    assert_eq!(got, "12#A");
    assert_eq!(
        signal(&mut call.caller, |s| matches!(s, LegSignal::Key(_))).await,
        LegSignal::Key('5')
    );
    // The next thing heard is the end, not a repeated key.
    call.caller.close();
    let next = signal(&mut call.callee, |s| {
        !matches!(s, LegSignal::Quality { .. })
    })
    .await;
    assert_eq!(
        next,
        LegSignal::Closed {
            reason: CloseReason::FarEnd
        }
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_close_here_is_noticed_there_whichever_way_it_comes() {
    let _alone = ALONE.write().await;
    let mut call = connected().await;
    call.callee.close();
    assert_eq!(closed(&mut call.caller).await, CloseReason::FarEnd);
    assert_eq!(closed(&mut call.callee).await, CloseReason::Here);
    let call = connected().await;
    let (mut caller, callee) = (call.caller, call.callee);
    drop(callee);
    assert_eq!(closed(&mut caller).await, CloseReason::FarEnd);
    within("the last frame", async {
        while caller.frames_in.recv().await.is_some() {}
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quality_is_reported_with_a_round_trip() {
    let _alone = ALONE.write().await;
    let mut call = connected().await;
    let (_keep, begins) = oneshot::channel();
    let out = std::mem::replace(
        &mut call.caller.frames_out,
        sidetone_edge::frames::channel(20).0,
    );
    let speaker = tokio::spawn(speak(out, 440.0, begins));
    for _ in 0..2 {
        let quality = signal(&mut call.callee, |s| matches!(s, LegSignal::Quality { .. })).await;
        println!("{quality:?}");
        let LegSignal::Quality {
            loss_permille,
            jitter_ms,
            rtt_ms,
        } = quality
        else {
            unreachable!()
        };
        assert_eq!(loss_permille, 0);
        assert!(jitter_ms < 40 && rtt_ms.is_none_or(|ms| ms < 50));
    }
    speaker.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_payload_numbers_are_kept_to() {
    let _alone = ALONE.write().await;
    let edge = WebRtcEdge::new(WebRtcConfig::default());
    // The caller sends with the numbers of the answer, so only the offer needs to change.
    let renumber = |offer: String| {
        offer
            .replace("RTP/SAVPF 111 110", "RTP/SAVPF 96 97")
            .replace(":111 ", ":96 ")
            .replace(":110 ", ":97 ")
    };
    let (offer, _pending) = WebRtcCaller::new(WebRtcConfig::default())
        .offer()
        .await
        .unwrap();
    let (answer, _leg) = edge.answer(&renumber(offer)).await.unwrap();
    assert!(answer.contains("a=rtpmap:96 opus/48000/2"), "{answer}");
    assert!(
        answer.contains("a=rtpmap:97 telephone-event/48000"),
        "{answer}"
    );
    assert!(!answer.contains("a=rtpmap:111 "), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_legs_leave_nothing_behind() {
    let _alone = ALONE.write().await;
    drop(connected().await);
    let before = settled(0, 0).await;
    let mut open = Vec::new();
    for n in 0..25 {
        let mut call = connected().await;
        match n % 3 {
            0 => open.push(call),
            1 => {
                call.caller.close();
                closed(&mut call.callee).await;
            }
            _ => drop(call),
        }
    }
    // An offer nobody answers, and an answer nobody takes, are legs too.
    let (offer, pending) = WebRtcCaller::new(WebRtcConfig::default())
        .offer()
        .await
        .unwrap();
    let answered = WebRtcEdge::new(WebRtcConfig::default())
        .answer(&offer)
        .await
        .unwrap();
    assert!(descriptors() > before.0);
    drop((open, pending, answered));
    let after = settled(before.0, before.1).await;
    assert!(
        after.0 <= before.0,
        "descriptors: {before:?} before, {after:?} after"
    );
    assert!(
        after.1 <= before.1,
        "tasks: {before:?} before, {after:?} after"
    );
}

/// Descriptors and tasks once they are down to what is expected or do not change any more.
async fn settled(descriptors_max: usize, tasks_max: usize) -> (usize, usize) {
    let metrics = tokio::runtime::Handle::current().metrics();
    let mut last = (usize::MAX, usize::MAX);
    let mut same = 0;
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    for _ in 0..100 {
        ticks.tick().await;
        let now = (descriptors(), metrics.num_alive_tasks());
        if now.0 <= descriptors_max && now.1 <= tasks_max {
            return now;
        }
        same = if now == last { same + 1 } else { 0 };
        if same > 30 {
            return now;
        }
        last = now;
    }
    last
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_offers_are_refused_and_leave_nothing_behind() {
    let _alone = ALONE.write().await;
    let edge = WebRtcEdge::new(WebRtcConfig::default());
    let (offer, pending) = WebRtcCaller::new(WebRtcConfig::default())
        .offer()
        .await
        .unwrap();
    let before = settled(0, 0).await;
    for bad in ["", "nonsense", "v=0\r\n", "{\"sdp\":1}"] {
        assert!(
            matches!(edge.answer(bad).await, Err(EdgeError::Description { .. })),
            "{bad:?}"
        );
    }
    // A seeded storm of damage: lines cut, doubled, dropped, bytes changed. Refused or not, nothing
    // may panic or stay.
    let mut seed = 42u32;
    let mut random = move |below: usize| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as usize % below
    };
    let mut refused = 0;
    for _ in 0..60 {
        let mut lines: Vec<String> = offer.lines().map(str::to_owned).collect();
        for _ in 0..=random(3) {
            let at = random(lines.len());
            match random(4) {
                0 => drop(lines.remove(at)),
                1 => lines.insert(at, lines[at].clone()),
                2 => {
                    let length = random(lines[at].len() + 1);
                    lines[at].truncate(length);
                }
                _ => {
                    let mut bytes = lines[at].clone().into_bytes();
                    if !bytes.is_empty() {
                        let place = random(bytes.len());
                        bytes[place] = b' ' + random(94) as u8;
                    }
                    lines[at] = String::from_utf8_lossy(&bytes).into_owned();
                }
            }
        }
        refused += usize::from(
            within(
                "an answer or a refusal",
                edge.answer(&(lines.join("\r\n") + "\r\n")),
            )
            .await
            .is_err(),
        );
    }
    assert!(
        refused > 5,
        "only {refused} of 60 damaged offers were refused"
    );
    let after = settled(before.0, before.1).await;
    assert!(
        after.0 <= before.0 && after.1 <= before.1,
        "{before:?} before, {after:?} after"
    );
    drop(pending);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ports_keep_to_their_range_and_running_out_is_said() {
    let _alone = ALONE.write().await;
    let range = 41_000..=41_001;
    let edge = WebRtcEdge::new(WebRtcConfig {
        udp_ports: Some(range.clone()),
        ..WebRtcConfig::default()
    });
    let first = call_with(&edge, |offer| offer).await.unwrap();
    let second = call_with(&edge, |offer| offer).await.unwrap();
    let Err(error) = call_with(&edge, |offer| offer).await else {
        panic!("a third leg on two ports")
    };
    assert!(
        error.to_string().contains("41000") && error.to_string().contains("udp_ports"),
        "{error}"
    );
    let mut ended = first.callee;
    ended.close();
    assert_eq!(closed(&mut ended).await, CloseReason::Here);
    let mut third = call_with(&edge, |offer| offer).await.unwrap();
    third.wait_connected().await;
    drop(second);
}
