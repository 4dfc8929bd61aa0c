//! What the SIP edge refuses, and what it bears: strangers, floods, slow and lying senders.

use crate::sip_house::{House, Script, certificate, config, header};
use crate::support::within;
use sidetone_edge::sip::{SipListen, Transport};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_spoken() {
    use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
    use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};
    let folder = tempfile::tempdir().unwrap();
    let files = certificate(folder.path(), "here");
    let made = CertificateDer::from_pem_file(&files.cert).unwrap();
    let mut config = config();
    config.listen.push(SipListen {
        transport: Transport::Tls,
        addr: "127.0.0.1:0".parse().unwrap(),
    });
    config.tls = Some(files);
    let house = House::open(config).await;
    let mut roots = RootCertStore::empty();
    roots.add(made).unwrap();
    let client = ClientConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let socket = TcpStream::connect(house.address(Transport::Tls))
        .await
        .unwrap();
    let name = ServerName::try_from("here").unwrap();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(client));
    let mut socket = connector.connect(name, socket).await.unwrap();
    let text = format!("{OPTIONS}Content-Length: 0\r\n\r\n");
    socket.write_all(text.as_bytes()).await.unwrap();
    let mut buffer = [0; 4096];
    let length = within("an answer", socket.read(&mut buffer)).await.unwrap();
    assert!(buffer[..length].starts_with(b"SIP/2.0 200"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_and_how() {
    let mut config = config();
    config.calls_max = 1;
    let house = House::open(config).await;
    let udp = house.address(Transport::Udp);
    let refusal = async |method: &str, user: &str, tag: &str, more: &str, body: &str| {
        let far = Script::new(udp).await;
        far.request(method, user, tag, 1, "x", more, body).await;
        loop {
            let answer = far.any(Duration::from_secs(5)).await.expect("no answer");
            if !answer.starts_with("SIP/2.0 1") {
                return answer;
            }
        }
    };
    let sdp = "v=0\r\nm=audio 5 RTP/AVP 18\r\n";
    for (method, tag, more, body, right) in [
        ("BYE", "unknown", "", "", "SIP/2.0 481"),
        ("INVITE", "unknown", "", "", "SIP/2.0 481"),
        (
            "INVITE",
            "",
            "Replaces: a;to-tag=b;from-tag=c\r\n",
            "",
            "SIP/2.0 481",
        ),
        ("CANCEL", "", "", "", "SIP/2.0 481"),
        ("INVITE", "", "Require: x\r\n", "", "SIP/2.0 420"),
        ("INVITE", "", "", sdp, "SIP/2.0 488"),
        (
            "INVITE",
            "",
            "",
            "v=0\r\n",
            "SIP/2.0 400 Session Description Without Media",
        ),
        ("INVITE", "", "Session-Expires: 30\r\n", "", "SIP/2.0 422"),
        ("MESSAGE", "", "", "", "SIP/2.0 405"),
        ("FOO", "", "", "", "SIP/2.0 501"),
        (
            "INVITE",
            "",
            "Contact: <x\r\n",
            "",
            "SIP/2.0 400 Bad Contact",
        ),
    ] {
        let answer = refusal(method, "anybody", tag, more, body).await;
        assert!(answer.starts_with(right), "{method} {more}: {answer}");
    }
    let busy = refusal("INVITE", "busy", "", "", "").await;
    assert!(busy.starts_with("SIP/2.0 486"), "{busy}");
    house.empty().await;
    let one = Script::new(udp).await;
    one.connect("anybody").await;
    let full = refusal("INVITE", "anybody", "", "", "").await;
    assert!(
        full.starts_with("SIP/2.0 503") && !header(&full, "Retry-After").is_empty(),
        "{full}"
    );
    // The same request by another way (section 8.2.2.2).
    one.request("INVITE", "anybody", "", 1, "two", "", "").await;
    one.wait("SIP/2.0 482").await;
    assert_eq!(house.edge.figures().calls, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_asked_who_they_are() {
    let house = House::open(config()).await;
    let stranger = Script::at(house.address(Transport::Udp), "127.0.0.2:0").await;
    stranger
        .request(
            "INVITE",
            "anybody",
            "",
            1,
            "x",
            "P-Asserted-Identity: <sip:boss@here>\r\n",
            "",
        )
        .await;
    let asked = stranger.wait("SIP/2.0 401").await;
    assert!(
        asked.contains("algorithm=SHA-256") && asked.contains("algorithm=MD5"),
        "{asked}"
    );
    // Nothing is left of it, and a wrong answer is refused.
    assert_eq!(house.edge.figures().transactions, 0);
    let nonce = asked
        .split("nonce=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let answer = format!(
        "Authorization: Digest username=\"1001\", realm=\"here\", nonce=\"{nonce}\", uri=\"x\", \
         qop=auth, nc=00000001, cnonce=\"c\", response=\"00\"\r\n"
    );
    stranger
        .request("INVITE", "anybody", "", 2, "y", &answer, "")
        .await;
    stranger.wait("SIP/2.0 403").await;
    let mut closed = config();
    closed.accounts.clear();
    let house = House::open(closed).await;
    let stranger = Script::at(house.address(Transport::Udp), "127.0.0.2:0").await;
    stranger
        .request("INVITE", "anybody", "", 1, "x", "", "")
        .await;
    stranger.wait("SIP/2.0 403").await;
}

async fn read_some(socket: &mut TcpStream) -> String {
    let mut buffer = [0; 4096];
    let length = within("an answer", socket.read(&mut buffer)).await.unwrap();
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

const OPTIONS: &str = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKslow\r\n\
    From: <sip:x@y>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: slow\r\nCSeq: 1 OPTIONS\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn slow_and_lying_senders() {
    let house = House::open(config()).await;
    let tcp = house.address(Transport::Tcp);
    let mut slow = TcpStream::connect(tcp).await.unwrap();
    slow.set_nodelay(true).unwrap();
    for octet in format!("{OPTIONS}Content-Length: 2\r\n\r\nab\r\n\r\n").bytes() {
        slow.write_all(&[octet]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(read_some(&mut slow).await.starts_with("SIP/2.0 200"));
    // A keep-alive is answered on the same connection, and it goes on.
    let mut two = format!("{OPTIONS}Content-Length: 0\r\n\r\n");
    two.push_str(&two.clone());
    slow.write_all(two.as_bytes()).await.unwrap();
    within("two answers", async {
        let mut seen = String::new();
        while seen.matches("SIP/2.0 200").count() < 2 {
            seen.push_str(&read_some(&mut slow).await);
        }
    })
    .await;
    for (lie, phrase) in [
        (
            "Content-Length: 1\r\nContent-Length: 2",
            "Repeated Content-Length",
        ),
        ("Content-Length: -1", "Bad Content-Length"),
        ("Content-Length: 99999", "Content-Length Beyond The Message"),
        ("X: y", "Missing Content-Length"),
    ] {
        let mut liar = TcpStream::connect(tcp).await.unwrap();
        liar.write_all(format!("{OPTIONS}{lie}\r\n\r\n").as_bytes())
            .await
            .unwrap();
        let answer = read_some(&mut liar).await;
        assert!(
            answer.starts_with(&format!("SIP/2.0 400 {phrase}")),
            "{lie}: {answer}"
        );
        // The rest of the stream cannot be trusted: it is closed.
        assert_eq!(read_some(&mut liar).await, "");
    }
    let mut endless = TcpStream::connect(tcp).await.unwrap();
    endless.write_all(&vec![b'a'; 70_000]).await.unwrap();
    assert_eq!(endless.read(&mut [0; 10]).await.unwrap_or(0), 0);
    within("connections to close", async {
        while house.edge.figures().connections > 1 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_leaves_nothing_behind() {
    let house = House::open(config()).await;
    let udp = house.address(Transport::Udp);
    let call = Script::new(udp).await;
    let tag = call.connect("anybody").await;
    let stranger = Script::at(udp, "127.0.0.2:0").await;
    let before_kib = resident_kib();
    for round in 0..12_000_u32 {
        let method = ["INVITE", "REGISTER", "OPTIONS"][round as usize % 3];
        let branch = format!("flood{round}");
        stranger
            .request(method, "anybody", "", round + 1, &branch, "", "")
            .await;
        let mut sink = [0; 2048];
        while stranger.socket.try_recv(&mut sink).is_ok() {}
    }
    let figures = house.edge.figures();
    // The one call's INVITE, and nothing of the flood.
    assert!(
        figures.transactions <= 2 && figures.calls == 1,
        "{figures:?}"
    );
    let grown_kib = resident_kib().saturating_sub(before_kib);
    assert!(grown_kib < 64 * 1024, "{grown_kib} KiB");
    // Datagrams were lost in the flood; who hangs up tries again, as the standard has it.
    within("the BYE's answer", async {
        loop {
            call.request("BYE", "anybody", &tag, 2, "bye", "", "").await;
            while let Some(answer) = call.any(Duration::from_millis(500)).await {
                if answer.starts_with("SIP/2.0 200") && header(&answer, "CSeq") == "2 BYE" {
                    return;
                }
            }
        }
    })
    .await;
    house.empty().await;
}
