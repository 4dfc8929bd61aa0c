//! Call control over real WebRTC legs: every party hums a tone of their own, and what each hears is
//! measured. One engine and one order of scenes, because the people of the house are shared.

mod desk;
mod engine;
mod outside;
mod phone;

use desk::Desk;
use engine::{Engine, JACK, Person};
use outside::Outside;
use phone::{Phone, level_dbov, offer};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sidetone_call::{Call, CallPolicy, Output};
use sidetone_types::*;

/// Tones of the caller, the first and the second agent and the supervisor, off the notes of the
/// hold music.
const C: f32 = 1130.0;
const A: f32 = 1770.0;
const B: f32 = 2330.0;
const S: f32 = 2710.0;
const ALL: [f32; 4] = [C, A, B, S];

struct Caller {
    call: String,
    phone: Phone,
}

/// Calls and asks for a person by key.
async fn call(engine: &Engine) -> Caller {
    let (sdp, pending) = offer().await;
    let body = json!({ "sdp": sdp, "lang": "en", "customer": "c-wang" });
    let (status, started) = engine.ask(Method::POST, "/api/calls", "", body).await;
    assert!(status.is_success(), "{started}");
    let answer = started["sdp"].as_str().unwrap();
    let phone = Phone::connect(pending, answer, C).await;
    let (call, token) = (&started["call"], &started["token"]);
    let (call, token) = (call.as_str().unwrap(), token.as_str().unwrap());
    let path = format!("/api/calls/{call}/keys?token={token}");
    let mut pressed = false;
    // The call's task takes keys from the moment sound flows.
    for _ in 0..100 {
        let key = json!({ "key": "0" });
        let (status, _) = engine.ask(Method::POST, &path, "", key).await;
        pressed = status.is_success();
        if pressed {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert!(pressed, "the key arrives");
    Caller {
        call: call.to_owned(),
        phone,
    }
}

async fn leg(person: &Person<'_>, path: String, mut body: Value, hz: f32) -> Phone {
    let (sdp, pending) = offer().await;
    body["sdp"] = sdp.into();
    let (status, said) = person.post(&path, body).await;
    assert!(status.is_success(), "{path}: {status} {said}");
    Phone::connect(pending, said["sdp"].as_str().unwrap(), hz).await
}

async fn answers(person: &Person<'_>, call: &str, hz: f32) -> Phone {
    let rings = person.comes_to("ringing").await;
    assert_eq!(rings["call"]["call"], call);
    leg(person, format!("/api/calls/{call}/accept"), json!({}), hz).await
}

async fn wraps_up(person: &Person<'_>, call: &str) {
    person.comes_to("wrap_up").await;
    person
        .click(call, json!({ "click": "wrap_up", "disposition": "solved" }))
        .await;
    person.comes_to("available").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_hears_whom_they_should() {
    let outside = Outside::open(B).await;
    let engine = Engine::open(outside.at).await;
    let mei = engine.log_in("mei").await;
    let jack = engine.log_in("jack").await;
    let sun = engine.log_in("sun").await;
    mei.is("available").await;

    let first = consultation_and_conference(&engine, &mei, &jack, &sun).await;
    replays(&engine, &first).await;
    let second = supervisor(&engine, &mei, &jack, &sun).await;
    replays(&engine, &second).await;
    let third = reload_and_refusals(&engine, &mei, &jack, &sun).await;
    replays(&engine, &third).await;
    let fourth = two_lines_of_a_telephone(&engine, &mei, &jack).await;
    replays(&engine, &fourth).await;
    let fifth = a_caller_is_transferred_elsewhere(&engine, &mei).await;
    replays(&engine, &fifth).await;
    for consult in [true, false] {
        let call = a_number_outside(&engine, &mei, &outside, consult).await;
        replays(&engine, &call).await;
    }
}

/// Hold, consultation, whisper, conference, and the second agent stays with the caller.
async fn consultation_and_conference(
    engine: &Engine,
    mei: &Person<'_>,
    jack: &Person<'_>,
    sun: &Person<'_>,
) -> String {
    let Caller { call, phone } = call(engine).await;
    let one = answers(mei, &call, A).await;
    phone.hears("caller in the talk", &[A], &ALL).await;
    one.hears("agent in the talk", &[C], &ALL).await;

    mei.click(&call, json!({ "click": "hold", "on": true }))
        .await;
    phone.hears("caller on hold", &[], &ALL).await;
    one.hears("agent while holding", &[], &ALL).await;

    jack.is("available").await;
    let consult =
        json!({ "click": "transfer", "to": { "to": "agent", "agent": "jack" }, "consult": true });
    mei.click(&call, consult).await;
    let two = answers(jack, &call, B).await;
    one.hears("agent who consults", &[B], &ALL).await;
    two.hears("agent who is consulted", &[A], &ALL).await;
    phone.hears("caller during a consultation", &[], &ALL).await;

    mei.click(&call, json!({ "click": "conference" })).await;
    phone.hears("caller in the conference", &[A, B], &ALL).await;
    one.hears("first in the conference", &[C, B], &ALL).await;
    two.hears("second in the conference", &[C, A], &ALL).await;

    let whispers = json!({ "mode": "whisper" });
    let boss = leg(sun, format!("/api/calls/{call}/supervise"), whispers, S).await;
    boss.hears("supervisor", &[C, A, B], &ALL).await;
    one.hears("first with a whisper", &[C, B, S], &ALL).await;
    phone.hears("caller during a whisper", &[A, B], &ALL).await;
    sun.click(&call, json!({ "click": "hang_up" })).await;

    mei.click(&call, json!({ "click": "hang_up" })).await;
    phone
        .hears("caller after the first agent left", &[B], &ALL)
        .await;
    wraps_up(mei, &call).await;
    jack.click(&call, json!({ "click": "hang_up" })).await;
    wraps_up(jack, &call).await;
    drop((boss, one, two));
    recorded(sun, &call).await;
    call
}

/// The caller's side has the caller only; the other has both agents and not the whisper.
async fn recorded(sun: &Person<'_>, call: &str) {
    let wav = sun.bytes(&format!("/api/calls/{call}/audio")).await;
    let samples: Vec<i16> = wav[44..]
        .chunks_exact(2)
        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    let side =
        |side: usize| -> Vec<i16> { samples.iter().skip(side).step_by(2).copied().collect() };
    let loudest = |side: &[i16], hz: f32| {
        let levels = side.chunks(8000).map(|part| level_dbov(part, hz));
        levels.fold(-99.0, f64::max)
    };
    let (left, right) = (side(0), side(1));
    assert!(loudest(&left, C) > -32.0 && loudest(&left, A) < -45.0);
    assert!(loudest(&right, A) > -32.0 && loudest(&right, B) > -32.0);
    let whisper = loudest(&right, S).max(loudest(&left, S));
    assert!(whisper < -45.0, "a whisper was recorded at {whisper} dBov");
}

/// Listening, barging in, taking over; a blind transfer to a colleague.
async fn supervisor(
    engine: &Engine,
    mei: &Person<'_>,
    jack: &Person<'_>,
    sun: &Person<'_>,
) -> String {
    jack.is("break").await;
    let Caller { call, phone } = call(engine).await;
    let one = answers(mei, &call, A).await;
    jack.is("available").await;
    mei.click(
        &call,
        json!({ "click": "transfer", "to": { "to": "agent", "agent": "jack" }, "consult": false }),
    )
    .await;
    let two = answers(jack, &call, B).await;
    phone
        .hears("caller after a blind transfer", &[B], &ALL)
        .await;
    wraps_up(mei, &call).await;
    drop(one);

    let (status, _) = mei
        .post(
            &format!("/api/calls/{call}/supervise"),
            json!({ "sdp": "", "mode": "monitor" }),
        )
        .await;
    assert_eq!(status, StatusCode::FORBIDDEN, "an agent supervises nobody");
    let path = format!("/api/calls/{call}/supervise");
    let boss = leg(sun, path.clone(), json!({ "mode": "monitor" }), S).await;
    boss.hears("supervisor who listens", &[C, B], &ALL).await;
    two.hears("agent who is listened to", &[C], &ALL).await;
    sun.click(&call, json!({ "click": "supervise", "mode": "barge" }))
        .await;
    phone.hears("caller with a barge", &[B, S], &ALL).await;
    two.hears("agent with a barge", &[C, S], &ALL).await;
    sun.click(&call, json!({ "click": "take_over" })).await;
    phone.hears("caller after the take-over", &[S], &ALL).await;
    boss.hears("supervisor who took over", &[C], &ALL).await;
    wraps_up(jack, &call).await;
    phone.hang_up();
    sun.sees(&call, "the supervisor's wrap-up", |event| {
        event["type"] == "wrap_up_started" && event["agent"] == "sun"
    })
    .await;
    sun.click(
        &call,
        json!({ "click": "wrap_up", "disposition": "solved" }),
    )
    .await;
    call
}

/// A page that is loaded again takes the sound back; what can't be done is refused in words.
async fn reload_and_refusals(
    engine: &Engine,
    mei: &Person<'_>,
    jack: &Person<'_>,
    sun: &Person<'_>,
) -> String {
    jack.is("break").await;
    let Caller { call, phone } = call(engine).await;
    let one = answers(mei, &call, A).await;
    phone.hears("caller in the talk", &[A], &ALL).await;
    // Another page of the same agent is too late.
    let (sdp, _pending) = offer().await;
    let (status, said) = mei
        .post(&format!("/api/calls/{call}/accept"), json!({ "sdp": sdp }))
        .await;
    assert_eq!(status, StatusCode::CONFLICT, "{said}");

    one.hang_up();
    sun.sees(&call, "the agent is away", |event| {
        event["type"] == "agent_away"
    })
    .await;
    phone.hears("caller without an agent", &[], &ALL).await;
    let back = leg(
        mei,
        format!("/api/calls/{call}/accept"),
        json!({ "back": true }),
        A,
    )
    .await;
    phone.hears("caller after the reload", &[A], &ALL).await;
    back.hears("agent after the reload", &[C], &ALL).await;

    let to_jack =
        json!({ "click": "transfer", "to": { "to": "agent", "agent": "jack" }, "consult": false });
    let (status, said) = mei.post(&format!("/api/calls/{call}/click"), to_jack).await;
    assert_eq!(status, StatusCode::CONFLICT, "{said}");
    let (status, said) = mei
        .post(
            &format!("/api/calls/{call}/transfer-out"),
            json!({ "number": "138 0013 8000" }),
        )
        .await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{said}");
    phone.hears("caller after refusals", &[A], &ALL).await;
    phone.hang_up();
    wraps_up(mei, &call).await;
    call
}

fn telephones(engine: &Engine) -> std::net::SocketAddr {
    let phones = engine.house.phones.get().expect("telephones are on");
    phones.addresses()[0].1
}

/// An agent at a telephone: hold, a call to a colleague on the second line, back, and away.
async fn two_lines_of_a_telephone(engine: &Engine, mei: &Person<'_>, jack: &Person<'_>) -> String {
    let mut desk = Desk::open(Some("mei"), &[("house", telephones(engine))]).await;
    let Caller { call, phone } = call(engine).await;
    let one = Phone::of(desk.answers().await, A);
    phone.hears("caller of a telephone", &[A], &ALL).await;
    assert!(one.line().hold(true));
    phone.hears("caller held by a telephone", &[], &ALL).await;
    let nowhere = desk.calls("house", "+4930123", None).await;
    assert_eq!(nowhere.err(), Some(403), "the rules do not allow it");

    jack.is("available").await;
    let two = desk.calls_and_hums("house", JACK, S).await;
    let colleague = answers(jack, &call, B).await;
    two.hears("second line", &[B], &ALL).await;
    colleague
        .hears("colleague on the second line", &[S], &ALL)
        .await;
    phone.hears("caller meanwhile", &[], &ALL).await;
    // Not taken: the telephone hangs up the second line and takes the caller back.
    two.hang_up();
    assert!(one.line().hold(false));
    phone.hears("caller who was taken back", &[A], &ALL).await;
    jack.comes_to("available").await;
    drop(colleague);

    assert!(one.line().hold(true));
    let two = desk.calls_and_hums("house", JACK, S).await;
    let colleague = answers(jack, &call, B).await;
    two.hears("second line again", &[B], &ALL).await;
    assert!(one.line().refer(JACK, Some(two.line())));
    phone.hears("caller after the transfer", &[B], &ALL).await;
    colleague
        .hears("colleague after the transfer", &[C], &ALL)
        .await;
    one.is_over("first line").await;
    two.is_over("second line").await;
    wraps_up(mei, &call).await;
    phone.hang_up();
    wraps_up(jack, &call).await;
    jack.is("break").await;
    call
}

/// A caller's telephone gives the call to another one (RFC 3891): the agent goes on with that.
async fn a_caller_is_transferred_elsewhere(engine: &Engine, mei: &Person<'_>) -> String {
    let house = telephones(engine);
    let mut boss = Desk::open(None, &[("house", house)]).await;
    let office = Desk::open(None, &[("house", house), ("boss", boss.at())]).await;
    let first = office.calls_and_hums("house", "4002", C).await;
    // The greeting is skipped by its key.
    let agent = loop {
        first.line().send_key('0');
        let now = mei.get("/api/agent").await;
        if now["state"] == "ringing" {
            let call = now["call"]["call"].as_str().unwrap().to_owned();
            break (answers(mei, &call, A).await, call);
        }
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    };
    let (page, call) = agent;
    page.hears("agent of the first telephone", &[C], &ALL).await;

    let (between, mut leg) = tokio::join!(office.calls("boss", "1", None), boss.answers());
    let between = between.expect("the boss answers");
    assert!(between.control.refer("4002", Some(first.line())));
    let wish = loop {
        let signal = leg.signals.recv().await.expect("the wish comes");
        if let sidetone_edge::LegSignal::Transfer(wish) = signal {
            break wish;
        }
    };
    let header = wish.replaces.map(|one| one.header);
    assert!(header.is_some());
    let taken = boss.calls("house", "4002", header).await;
    let second = Phone::of(taken.expect("the place is taken"), B);
    page.hears("agent of the second telephone", &[B], &ALL)
        .await;
    second.hears("second telephone", &[A], &ALL).await;
    first.is_over("first telephone").await;
    second.hang_up();
    wraps_up(mei, &call).await;
    call
}

/// A number outside that speaks before it answers is heard by whoever waits for it.
async fn a_number_outside(
    engine: &Engine,
    mei: &Person<'_>,
    outside: &Outside,
    consult: bool,
) -> String {
    let Caller { call, phone } = call(engine).await;
    let one = answers(mei, &call, A).await;
    phone.hears("caller in the talk", &[A], &ALL).await;
    let path = format!("/api/calls/{call}/transfer-out");
    let body = json!({ "number": "95001", "consult": consult });
    let (status, said) = mei.post(&path, body).await;
    assert!(status.is_success(), "{said}");
    if consult {
        one.hears("agent before the answer", &[B], &ALL).await;
        phone.hears("caller before the answer", &[], &ALL).await;
        outside.answers().await;
        mei.sees(&call, "the answer", |event| {
            event["type"] == "seated" && event["seat"] == "consult"
        })
        .await;
        one.hears("agent after the answer", &[B], &ALL).await;
        mei.click(&call, json!({ "click": "complete" })).await;
    } else {
        phone.hears("caller before the answer", &[B], &ALL).await;
        outside.answers().await;
    }
    wraps_up(mei, &call).await;
    phone
        .hears("caller with the number outside", &[B], &ALL)
        .await;
    phone.hang_up();
    call
}

/// The journal's inputs give the journal's events.
async fn replays(engine: &Engine, call: &str) {
    let journal = engine.house.journal.clone();
    let id = CallId::new(call);
    let mut lines = Vec::new();
    for _ in 0..50 {
        // The last lines are written when the call's task is done.
        if engine.house.calls.get(&id).is_none() {
            lines = journal.read(&id).expect("a whole journal");
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let mut machine = Call::new(
        engine.house.content.snapshot().flows.clone(),
        CallPolicy::default(),
    );
    let (mut again, mut kept) = (Vec::new(), Vec::new());
    for line in lines {
        match line {
            JournalLine::Input { at, input } => {
                machine.handle(at, input);
                while let Some(output) = machine.poll() {
                    if let Output::Event(event) = output {
                        again.push(event);
                    }
                }
            }
            JournalLine::Event { event } => kept.push(event),
        }
    }
    assert!(kept.len() > 20, "{call}: {} events", kept.len());
    assert_eq!(again, kept, "{call}: the replay differs");
}
