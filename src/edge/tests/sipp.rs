//! sipp as the far end: a phone, a PBX or a trunk that others wrote.

use crate::sip_house::{House, Seen, config};
use crate::support::within;
use sidetone_edge::sip::{Digest, Transport};
use sidetone_edge::{CloseReason, LegSignal, Transfer};
use sidetone_media::SILENCE;
use sidetone_media::g711::to_alaw;
use sidetone_media::tones::Oscillator;
use std::process::Stdio;
use std::sync::atomic::{AtomicU16, Ordering};
use tokio::process::Command;

/// Runs one scenario to its end; it says itself what it expects.
async fn sipp(house: &House, transport: Transport, scenario: &str, number: &str) {
    // Each has its own ports for sound.
    static PORTS: AtomicU16 = AtomicU16::new(33_000);
    let media = PORTS.fetch_add(8, Ordering::Relaxed);
    let errors = tempfile::NamedTempFile::new().unwrap();
    let scratch = tempfile::tempdir().unwrap();
    tone_file(scratch.path());
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sipp");
    let kind = if transport == Transport::Tcp {
        "t1"
    } else {
        "u1"
    };
    let output = Command::new("sipp")
        .arg(house.address(transport).to_string())
        .args([
            "-sf",
            &format!("{folder}/{scenario}.xml"),
            "-s",
            number,
            "-t",
            kind,
        ])
        .args([
            "-i",
            "127.0.0.1",
            "-mi",
            "127.0.0.1",
            "-mp",
            &media.to_string(),
        ])
        .args(["-m", "1", "-timeout", "50s", "-timeout_error", "-nostdin"])
        .args(["-au", "1001", "-ap", "tulip", "-trace_err", "-error_file"])
        .arg(errors.path())
        .current_dir(scratch.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .output()
        .await
        .expect("sipp cannot be started: install the Debian package sip-tester (scripts/setup.sh)");
    if !output.status.success() {
        let why = std::fs::read_to_string(errors.path()).unwrap_or_default();
        let stderr = String::from_utf8_lossy(&output.stderr);
        panic!(
            "{scenario} over {transport:?}: {}\n{stderr}\n{why}",
            output.status
        );
    }
}

async fn closed(house: &mut House, wanted: CloseReason) {
    let last = house
        .until("the end of the leg", |seen| {
            matches!(seen, Seen::Signal(LegSignal::Closed { .. }))
        })
        .await;
    assert_eq!(last, Seen::Signal(LegSignal::Closed { reason: wanted }));
    house.empty().await;
}

/// A second of a tone in A-law, as sipp's `rtp_stream` plays it.
fn tone_file(folder: &std::path::Path) {
    let mut tone = Oscillator::new(440.0, -20.0);
    let mut alaw = Vec::new();
    let mut pcm = SILENCE;
    for _ in 0..50 {
        tone.fill(&mut pcm);
        // 8 of the 16 kHz; a pure tone needs no filter for that.
        alaw.extend(pcm.iter().step_by(2).map(|sample| to_alaw(*sample)));
    }
    std::fs::write(folder.join("tone.alaw"), alaw).unwrap();
}

/// sipp plays a tone, which the house hears. That the house is heard, too, is shown in `sip.rs`.
async fn sound_comes_in(scenario: &str, transport: Transport) {
    let mut house = House::open(config()).await;
    sipp(&house, transport, scenario, "ring").await;
    let heard = house
        .until("a tone", |seen| matches!(seen, Seen::Heard(_)))
        .await;
    let Seen::Heard(hz) = heard else {
        unreachable!()
    };
    // sipp's clock runs about 1% fast.
    assert!((hz - 440.0).abs() < 10.0, "{hz} Hz");
    closed(&mut house, CloseReason::FarEnd).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_heard() {
    sound_comes_in("call", Transport::Udp).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_over_tcp_is_heard() {
    sound_comes_in("call", Transport::Tcp).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_may_come_late() {
    sound_comes_in("late_offer", Transport::Udp).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_logs_in() {
    let mut old = config();
    // This sipp looks only at the first challenge and knows only MD5.
    old.digests = vec![Digest::Md5];
    let mut house = House::open(old).await;
    sipp(&house, Transport::Udp, "register", "1001").await;
    house
        .until("the log-in", |seen| *seen == Seen::Registered(1))
        .await;
    let phones = house.edge.registrations();
    assert_eq!((phones.len(), phones[0].agent.as_str()), (1, "anna"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_gives_up() {
    let mut house = House::open(config()).await;
    sipp(&house, Transport::Udp, "cancel", "slow").await;
    house
        .until("the CANCEL", |seen| *seen == Seen::Cancelled)
        .await;
    house.empty().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hold_in_all_its_forms() {
    let mut house = House::open(config()).await;
    sipp(&house, Transport::Udp, "hold", "ring").await;
    for by_far_end in [true, false] {
        let held = Seen::Signal(LegSignal::Held { by_far_end });
        house.until("hold", |seen| *seen == held).await;
    }
    closed(&mut house, CloseReason::FarEnd).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_is_reported() {
    let mut house = House::open(config()).await;
    sipp(&house, Transport::Udp, "refer", "ring").await;
    let wanted = LegSignal::Transfer(Transfer {
        to: "someone".into(),
        replaces: None,
    });
    house
        .until("the transfer", |seen| *seen == Seen::Signal(wanted.clone()))
        .await;
    closed(&mut house, CloseReason::FarEnd).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bye_may_come_early() {
    let mut house = House::open(config()).await;
    sipp(&house, Transport::Udp, "early_bye", "slow").await;
    house
        .until("the BYE", |seen| *seen == Seen::Cancelled)
        .await;
    sipp(&house, Transport::Udp, "bye_before_ack", "ring").await;
    closed(&mut house, CloseReason::FarEnd).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_refreshed() {
    let mut house = House::open(config()).await;
    sipp(&house, Transport::Udp, "update", "ring").await;
    closed(&mut house, CloseReason::FarEnd).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ringing_may_have_to_be_reliable() {
    let mut house = House::open(config()).await;
    sipp(&house, Transport::Udp, "prack", "ring").await;
    closed(&mut house, CloseReason::FarEnd).await;
}

/// Takes the 32 s of RFC 3261 section 13.3.1.4, beside the other tests.
#[tokio::test(flavor = "multi_thread")]
async fn an_ack_is_lost() {
    let mut house = House::open(config()).await;
    sipp(&house, Transport::Udp, "lost_ack", "ring").await;
    within("the end of the leg", async {
        let reason = CloseReason::Lost;
        while house.seen.recv().await != Some(Seen::Signal(LegSignal::Closed { reason })) {}
    })
    .await;
    house.empty().await;
}
