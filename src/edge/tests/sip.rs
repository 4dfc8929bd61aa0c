//! The SIP edge against itself, and against far ends that are written down message by message.

use crate::sip_house::{House, Script, Seen, certificate, config, header, to_tag};
use crate::support::{closed, frequency_hz, listen, signal, speak};
use sidetone_edge::sip::{
    CallRequest, OutgoingEvent, Secret, SipConfig, SipListen, SipTrunk, SrtpUse, Transport,
    TrunkLogin,
};
use sidetone_edge::{CloseReason, EdgeError, LegHandle, LegSignal, TransferOutcome};
use std::time::Duration;
use tokio::sync::oneshot;

fn number(number: &str, trunk: &str) -> CallRequest {
    CallRequest {
        authorized: true,
        ..CallRequest::to_number(number, trunk)
    }
}

/// A house that calls `far` through the trunk "far".
async fn calling(far: &House, transport: &str, change: impl Fn(&mut SipConfig)) -> House {
    let kind = match transport {
        "tls" => Transport::Tls,
        "tcp" => Transport::Tcp,
        _ => Transport::Udp,
    };
    let at = far.address(kind);
    // A certificate names a host and no address.
    let at = match kind {
        Transport::Tls => format!("localhost:{}", at.port()),
        _ => at.to_string(),
    };
    let mut config = config();
    config.trunks.push(SipTrunk {
        name: "far".into(),
        proxy: Some(format!("sip:{at};transport={transport}")),
        outbound: true,
        ..SipTrunk::default()
    });
    change(&mut config);
    House::open(config).await
}

async fn talk(mut leg: LegHandle) -> LegHandle {
    signal(&mut leg, |s| *s == LegSignal::Connected).await;
    let (begin, begun) = oneshot::channel();
    begin.send(()).unwrap();
    // The original goes on in the leg that is given back: it is only closed.
    let (spare_out, _) = sidetone_edge::frames::channel(20);
    tokio::spawn(speak(
        std::mem::replace(&mut leg.frames_out, spare_out),
        700.0,
        begun,
    ));
    let (_, sound) = listen(&mut leg.frames_in, 1).await;
    let hz = frequency_hz(&sound);
    assert!((hz - 440.0).abs() < 4.0, "{hz} Hz");
    leg
}

async fn two_edges(transport: &str, srtp: SrtpUse) {
    let mut far_config = config();
    far_config.srtp = srtp;
    let folder = tempfile::tempdir().unwrap();
    let files = certificate(folder.path(), "localhost");
    if transport == "tls" {
        let addr = "127.0.0.1:0".parse().unwrap();
        let transport = Transport::Tls;
        far_config.listen.push(SipListen { transport, addr });
        far_config.tls = Some(files.clone());
    }
    let mut far = House::open(far_config).await;
    let near = calling(&far, transport, |config| {
        config.srtp = srtp;
        config.tls_roots = files.cert.clone();
    })
    .await;
    let leg = near
        .edge
        .call(number("+4930", "far"))
        .unwrap()
        .answered()
        .await
        .unwrap();
    let mut leg = talk(leg).await;
    let heard = far
        .until("a tone", |seen| matches!(seen, Seen::Heard(_)))
        .await;
    assert!(
        matches!(heard, Seen::Heard(hz) if (hz - 700.0).abs() < 5.0),
        "{heard:?}"
    );
    assert_eq!(near.edge.figures().calls, 1);
    leg.close();
    assert_eq!(closed(&mut leg).await, CloseReason::Here);
    let reason = CloseReason::FarEnd;
    far.until("the end", |seen| {
        *seen == Seen::Signal(LegSignal::Closed { reason })
    })
    .await;
    far.empty().await;
    near.empty().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_edges_talk_over_udp() {
    two_edges("udp", SrtpUse::Off).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_edges_talk_over_tcp_with_keys() {
    two_edges("tcp", SrtpUse::Required).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_edges_talk_over_tls_with_keys() {
    two_edges("tls", SrtpUse::Required).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trunk_that_nobody_vouches_for_is_not_called() {
    let folder = tempfile::tempdir().unwrap();
    let mut far_config = config();
    far_config.listen.push(SipListen {
        transport: Transport::Tls,
        addr: "127.0.0.1:0".parse().unwrap(),
    });
    far_config.tls = Some(certificate(folder.path(), "localhost"));
    let far = House::open(far_config).await;
    let others = tempfile::tempdir().unwrap();
    let other = certificate(others.path(), "localhost");
    let near = calling(&far, "tls", |config| config.tls_roots = other.cert.clone()).await;
    let refused = near.edge.call(number("+4930", "far")).unwrap();
    let refused = refused.answered().await;
    assert!(
        matches!(refused, Err(EdgeError::Refused { code: 503, .. })),
        "{refused:?}"
    );
    let mut nobody = config();
    nobody.tls_roots = "nowhere.pem".into();
    nobody.trunks[0].proxy = Some("sips:localhost".into());
    let error = sidetone_edge::sip::SipEdge::start(nobody).await.err();
    let told = error.expect("no roots, no TLS").to_string();
    assert!(
        told.contains("tls_roots") && told.contains("nowhere.pem"),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_sound_is_refused_where_keys_are_required() {
    let mut far_config = config();
    far_config.srtp = SrtpUse::Required;
    let far = House::open(far_config).await;
    let near = calling(&far, "udp", |_| {}).await;
    let refused = near
        .edge
        .call(number("+4930", "far"))
        .unwrap()
        .answered()
        .await;
    assert!(
        matches!(refused, Err(EdgeError::Refused { code: 488, .. })),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_against_toll_fraud() {
    let far = House::open(config()).await;
    let near = calling(&far, "udp", |config| {
        config.outbound.allowed_prefixes = vec!["+49".into()];
        config.outbound.calls_at_once_max = 1;
    })
    .await;
    let refusal = |request| match near.edge.call(request) {
        Err(EdgeError::Refused { code, phrase }) => (code, phrase),
        other => panic!("{other:?}"),
    };
    assert_eq!(refusal(CallRequest::to_number("+4930", "far")).0, 403);
    assert_eq!(refusal(number("+1900", "far")).0, 403);
    assert_eq!(refusal(number("+4930", "nowhere")).0, 404);
    assert_eq!(refusal(CallRequest::to_agent("anna".into())).0, 480);
    let first = near
        .edge
        .call(number("+4930", "far"))
        .unwrap()
        .answered()
        .await
        .unwrap();
    assert!(refusal(number("+4930", "far")).1.contains("at_once"));
    drop(first);
    near.empty().await;
    assert!(
        near.edge
            .call(number("+4930", "far"))
            .unwrap()
            .answered()
            .await
            .is_ok()
    );
}

/// What the house says comes back with another source, as an echo on the line would.
#[tokio::test(flavor = "multi_thread")]
async fn the_house_is_heard_and_hears() {
    let mut house = House::open(config()).await;
    let far = Script::new(house.address(Transport::Udp)).await;
    let line = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = line.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut packet = [0; 2048];
        while let Ok((length, from)) = line.recv_from(&mut packet).await {
            packet[8] ^= 1;
            let _ = line.send_to(&packet[..length], from).await;
        }
    });
    let sdp = far.sdp("sendrecv").replace("19998", &port.to_string());
    far.request("INVITE", "anybody", "", 1, "one", "", &sdp)
        .await;
    let tag = to_tag(&far.wait("SIP/2.0 200").await);
    far.request("ACK", "anybody", &tag, 1, "ack", "", "").await;
    let heard = house
        .until("a tone", |seen| matches!(seen, Seen::Heard(_)))
        .await;
    assert!(
        matches!(heard, Seen::Heard(hz) if (hz - 440.0).abs() < 5.0),
        "{heard:?}"
    );
    far.request("BYE", "anybody", &tag, 2, "bye", "", "").await;
    house.empty().await;
}

fn phone_of(centre: &House) -> SipConfig {
    let mut phone = config();
    phone.trunks[0].register = Some(TrunkLogin {
        server: format!("sip:{}", centre.address(Transport::Udp)),
        user: "1001".into(),
        secret: Secret::new("tulip"),
        expires_s: 60,
    });
    phone
}

#[tokio::test(flavor = "multi_thread")]
async fn all_phones_ring_and_one_answers() {
    let mut centre = House::open(config()).await;
    let mut lazy = House::acting(phone_of(&centre), Some("slow")).await;
    let mut quick = House::acting(phone_of(&centre), Some("ring")).await;
    centre
        .until("two log-ins", |seen| *seen == Seen::Registered(2))
        .await;
    let request = CallRequest::to_agent("anna".into());
    let mut call = centre.edge.call(request.clone()).unwrap();
    assert!(matches!(call.next().await, Some(OutgoingEvent::Ringing)));
    let Some(OutgoingEvent::Answered(Some(leg))) = call.next().await else {
        panic!("nobody answered")
    };
    lazy.until("the CANCEL", |seen| *seen == Seen::Cancelled)
        .await;
    lazy.empty().await;
    let mut leg = talk(leg).await;
    quick.edge.stop().await;
    assert_eq!(closed(&mut leg).await, CloseReason::FarEnd);
    centre.empty().await;
    // The phone that stopped has logged out; the other one rings until the caller gives up.
    centre
        .until("a log-out", |seen| *seen == Seen::Registered(1))
        .await;
    let mut call = centre.edge.call(request).unwrap();
    assert!(matches!(call.next().await, Some(OutgoingEvent::Ringing)));
    call.cancel();
    assert!(matches!(
        call.next().await,
        Some(OutgoingEvent::Failed { code: 487, .. })
    ));
    lazy.until("the CANCEL", |seen| *seen == Seen::Cancelled)
        .await;
    centre.empty().await;
    let _ = quick.seen.try_recv();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_re_invites_meet() {
    let house = House::open(config()).await;
    let far = Script::new(house.address(Transport::Udp)).await;
    let tag = far.connect("glare").await;
    let theirs = far.wait("INVITE").await;
    assert!(theirs.contains("a=sendonly"), "{theirs}");
    far.request(
        "INVITE",
        "glare",
        &tag,
        2,
        "cross",
        "",
        &far.sdp("sendonly"),
    )
    .await;
    let refused = far.wait("SIP/2.0 491").await;
    assert_eq!(header(&refused, "CSeq"), "2 INVITE");
    far.request("ACK", "glare", &tag, 2, "cross", "", "").await;
    far.answer(&theirs, "491 Request Pending", "").await;
    far.wait("ACK").await;
    // Who does not own the Call-ID tries again within 2 s.
    let again = far.wait("INVITE").await;
    assert_ne!(header(&again, "CSeq"), header(&theirs, "CSeq"));
    far.answer(&again, "200 OK", &far.sdp("recvonly")).await;
    let ack = far.wait("ACK").await;
    assert_eq!(
        header(&ack, "CSeq").split(' ').next(),
        header(&again, "CSeq").split(' ').next()
    );
    far.request("BYE", "glare", &tag, 3, "bye", "", "").await;
    far.wait("SIP/2.0 200").await;
    house.empty().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_crosses_the_answer() {
    let house = House::open(config()).await;
    for round in 0..8 {
        let far = Script::new(house.address(Transport::Udp)).await;
        far.request("INVITE", "anybody", "", 1, "race", "", &far.sdp("sendrecv"))
            .await;
        tokio::time::sleep(Duration::from_micros(300 * round)).await;
        far.request("CANCEL", "anybody", "", 1, "race", "", "")
            .await;
        loop {
            let message = far
                .any(Duration::from_secs(5))
                .await
                .expect("no final answer");
            let cseq = header(&message, "CSeq");
            if message.starts_with("SIP/2.0 487") {
                far.request("ACK", "anybody", &to_tag(&message), 1, "race", "", "")
                    .await;
                break;
            }
            if message.starts_with("SIP/2.0 200") && cseq == "1 INVITE" {
                let tag = to_tag(&message);
                far.request("ACK", "anybody", &tag, 1, "ack", "", "").await;
                far.request("BYE", "anybody", &tag, 2, "bye", "", "").await;
                break;
            }
        }
    }
    house.empty().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_house_sends_a_caller_away() {
    let mut house = House::open(config()).await;
    let far = Script::new(house.address(Transport::Udp)).await;
    let tag = far.connect("send_away").await;
    let refer = far.wait("REFER").await;
    assert!(
        header(&refer, "Refer-To").starts_with("<sip:7001@"),
        "{refer}"
    );
    far.answer(&refer, "202 Accepted", "").await;
    for (cseq, state, line, outcome) in [
        (2, "active", "SIP/2.0 180 Ringing", TransferOutcome::Ringing),
        (3, "terminated", "SIP/2.0 200 OK", TransferOutcome::Done),
    ] {
        let more = format!("Event: refer\r\nSubscription-State: {state}\r\n");
        far.request(
            "NOTIFY",
            "send_away",
            &tag,
            cseq,
            &format!("n{cseq}"),
            &more,
            line,
        )
        .await;
        let wanted = Seen::Signal(LegSignal::Referred(outcome));
        house
            .until("news of the transfer", |seen| *seen == wanted)
            .await;
    }
    far.request("BYE", "send_away", &tag, 4, "bye", "", "")
        .await;
    house.empty().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_takes_the_place_of_another() {
    let (edge, mut events) = sidetone_edge::sip::SipEdge::start(config()).await.unwrap();
    let udp = edge.addresses()[0].1;
    let first = Script::new(udp).await;
    first
        .request("INVITE", "one", "", 1, "a", "", &first.sdp("sendrecv"))
        .await;
    let Some(sidetone_edge::sip::SipEvent::Incoming(call)) = events.recv().await else {
        panic!("no call")
    };
    let leg = call.answer().await.unwrap();
    let tag = to_tag(&first.wait("SIP/2.0 200").await);
    first.request("ACK", "one", &tag, 1, "b", "", "").await;
    let second = Script::new(udp).await;
    let more = format!(
        "Replaces: {};to-tag={tag};from-tag={}\r\n",
        first.call_id, first.tag
    );
    second
        .request("INVITE", "two", "", 1, "c", &more, &second.sdp("sendrecv"))
        .await;
    let Some(sidetone_edge::sip::SipEvent::Incoming(call)) = events.recv().await else {
        panic!("no call")
    };
    assert_eq!(call.replaces, Some(leg.control.serial()));
    let other = call.answer().await.unwrap();
    second.wait("SIP/2.0 200").await;
    leg.close();
    first.wait("BYE").await;
    drop(other);
    edge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trunk_asks_for_a_log_in_and_rings_reliably() {
    let far = Script::new("127.0.0.1:9".parse().unwrap()).await;
    let mut config = config();
    config.trunks.push(SipTrunk {
        name: "far".into(),
        proxy: Some(format!("sip:{}", far.local())),
        outbound: true,
        register: Some(TrunkLogin {
            server: "sip:127.0.0.1:9".into(),
            user: "us".into(),
            secret: Secret::new("rose"),
            expires_s: 60,
        }),
        ..SipTrunk::default()
    });
    let house = House::open(config).await;
    let far = far.towards(house.address(Transport::Udp));
    let mut call = house.edge.call(number("4930", "far")).unwrap();
    let invite = far.wait("INVITE").await;
    let challenge = "407 Proxy Authentication Required\r\n\
        Proxy-Authenticate: Digest realm=\"far\", nonce=\"n\", algorithm=MD5, qop=\"auth\"";
    far.answer(&invite, challenge, "").await;
    far.wait("ACK").await;
    let invite = far.wait("INVITE").await;
    assert!(
        header(&invite, "Proxy-Authorization").contains("username=\"us\""),
        "{invite}"
    );
    assert_eq!(header(&invite, "CSeq"), "2 INVITE");
    let tagged = invite.replacen(">\r\nCall-ID", ">;tag=far\r\nCall-ID", 1);
    far.answer(
        &tagged,
        "183 Progress\r\nRequire: 100rel\r\nRSeq: 7",
        &far.sdp("sendrecv"),
    )
    .await;
    let prack = far.wait("PRACK").await;
    assert_eq!(header(&prack, "RAck"), "7 2 INVITE");
    far.answer(&prack, "200 OK", "").await;
    assert!(matches!(
        call.next().await,
        Some(OutgoingEvent::EarlyMedia(_))
    ));
    drop(call);
    let cancel = far.wait("CANCEL").await;
    far.answer(&cancel, "200 OK", "").await;
    far.answer(&tagged, "487 Request Terminated", "").await;
    far.wait("ACK").await;
    house.empty().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_has_moved_is_followed_as_far_as_the_rules_go() {
    let far = Script::new("127.0.0.1:9".parse().unwrap()).await;
    let mut config = config();
    config.outbound.allowed_prefixes = vec!["+49".into()];
    config.trunks.push(SipTrunk {
        name: "far".into(),
        proxy: Some(format!("sip:{}", far.local())),
        outbound: true,
        ..SipTrunk::default()
    });
    let house = House::open(config).await;
    let far = far.towards(house.address(Transport::Udp));
    let mut call = house.edge.call(number("+4930", "far")).unwrap();
    let invite = far.wait("INVITE").await;
    far.answer(
        &invite,
        "302 Moved Temporarily\r\nContact: <sip:+4940@elsewhere>",
        "",
    )
    .await;
    far.wait("ACK").await;
    let invite = far.wait("INVITE").await;
    let line = format!("INVITE sip:+4940@{} SIP/2.0", far.local());
    assert!(invite.starts_with(&line), "{invite}");
    far.answer(
        &invite,
        "302 Moved Temporarily\r\nContact: <sip:+1900@elsewhere>",
        "",
    )
    .await;
    far.wait("ACK").await;
    let end = call.next().await;
    assert!(
        matches!(end, Some(OutgoingEvent::Failed { code: 302, .. })),
        "{end:?}"
    );
    house.empty().await;
}

/// Takes half of the shortest interval that there is, beside the other tests.
#[tokio::test(flavor = "multi_thread")]
async fn the_house_refreshes_a_session() {
    let mut house = House::open(config()).await;
    let far = Script::new(house.address(Transport::Udp)).await;
    let more = "Supported: timer\r\nSession-Expires: 90;refresher=uas\r\nAllow: UPDATE, BYE\r\n";
    let sdp = far.sdp("sendrecv");
    far.request("INVITE", "anybody", "", 1, "one", more, &sdp)
        .await;
    let answer = far.wait("SIP/2.0 200").await;
    assert_eq!(header(&answer, "Session-Expires"), "90;refresher=uas");
    let tag = to_tag(&answer);
    far.request("ACK", "anybody", &tag, 1, "ack", "", "").await;
    let began = std::time::Instant::now();
    let update = far.any(Duration::from_secs(60)).await.expect("no refresh");
    assert!(update.starts_with("UPDATE"), "{update}");
    assert!(began.elapsed() > Duration::from_secs(40));
    assert_eq!(header(&update, "Session-Expires"), "90;refresher=uac");
    // The far end has forgotten the call: both sides of it end.
    far.answer(&update, "481 Call Does Not Exist", "").await;
    let bye = far.wait("BYE").await;
    far.answer(&bye, "481 Call Does Not Exist", "").await;
    let reason = CloseReason::Lost;
    house
        .until("the end", |seen| {
            *seen == Seen::Signal(LegSignal::Closed { reason })
        })
        .await;
    house.empty().await;
}
