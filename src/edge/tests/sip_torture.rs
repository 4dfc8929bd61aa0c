//! The 49 messages of RFC 4475 over three transports.
//!
//! The messages are the RFC's own, byte for byte. `expected.tsv` says which answers are right and why;
//! `answers.tsv` is what this edge answers, kept so that every change of it is seen.

use crate::sip_house::{House, config, header};
use crate::support::within;
use futures_util::{SinkExt as _, StreamExt as _};
use sidetone_edge::sip::Transport;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rfc4475");
/// How long an answer may take that does come.
const PATIENCE: Duration = Duration::from_millis(400);
const ALIVE: &str = "OPTIONS sip:alive SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKalive;rport\r\n\
    From: <sip:x@y>;tag=1\r\nTo: <sip:alive>\r\nCall-ID: alive\r\nCSeq: 1 OPTIONS\r\n\
    Content-Length: 0\r\n\r\n";

/// The final answers among what came, with their phrases.
fn finals(text: &str) -> String {
    let answers: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("SIP/2.0 "))
        .filter(|status| !status.starts_with('1'))
        .collect();
    // A refused INVITE's answer is repeated until its ACK.
    let mut once: Vec<&str> = Vec::new();
    for answer in answers {
        if once.last() != Some(&answer) {
            once.push(answer);
        }
    }
    if once.is_empty() {
        "-".into()
    } else {
        once.join(" + ")
    }
}

async fn over_udp(edge: SocketAddr, message: &[u8]) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.send_to(message, edge).await.unwrap();
    let mut seen = String::new();
    let mut buffer = vec![0; 65_536];
    while let Ok(Ok((length, _))) = timeout(PATIENCE, socket.recv_from(&mut buffer)).await {
        seen.push_str(&String::from_utf8_lossy(&buffer[..length]));
        if finals(&seen) != "-" {
            break;
        }
    }
    finals(&seen)
}

async fn over_tcp(edge: SocketAddr, message: &[u8]) -> String {
    let mut socket = TcpStream::connect(edge).await.unwrap();
    socket.write_all(message).await.unwrap();
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    let mut read = async |socket: &mut TcpStream| {
        while let Ok(Ok(length @ 1..)) = timeout(PATIENCE, socket.read(&mut buffer)).await {
            seen.extend_from_slice(&buffer[..length]);
        }
        String::from_utf8_lossy(&seen).into_owned()
    };
    let mut text = read(&mut socket).await;
    if finals(&text) == "-" {
        // The rest of a message that promised more never comes.
        socket.shutdown().await.unwrap();
        text = read(&mut socket).await;
    }
    finals(&text)
}

async fn over_websocket(edge: SocketAddr, message: &[u8]) -> String {
    let mut request = format!("ws://{edge}/").into_client_request().unwrap();
    let protocol = "sip".parse().unwrap();
    request
        .headers_mut()
        .insert("Sec-WebSocket-Protocol", protocol);
    let socket = TcpStream::connect(edge).await.unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async(request, socket)
        .await
        .unwrap();
    socket
        .send(Message::binary(message.to_vec()))
        .await
        .unwrap();
    let mut seen = String::new();
    while let Ok(Some(Ok(message))) = timeout(PATIENCE, socket.next()).await {
        seen.push_str(&String::from_utf8_lossy(&message.into_data()));
        if finals(&seen) != "-" {
            break;
        }
    }
    finals(&seen)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(format!("{FOLDER}/{name}")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_torture_message_gets_its_answer() {
    let house = House::open(config()).await;
    let [udp, tcp, ws] = [Transport::Udp, Transport::Tcp, Transport::Ws].map(|t| house.address(t));
    let mut table = String::from("message\tudp\ttcp\twebsocket\n");
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in read("expected.tsv").lines().skip(1) {
        let mut columns = line.split('\t');
        let (name, right) = (columns.next().unwrap(), columns.next().unwrap());
        let message = std::fs::read(format!("{FOLDER}/{name}.dat")).unwrap();
        let answers = [
            over_udp(udp, &message).await,
            over_tcp(tcp, &message).await,
            over_websocket(ws, &message).await,
        ];
        for answer in &answers {
            let codes: Vec<&str> = answer
                .split(" + ")
                .map(|a| a.get(..3).unwrap_or(a))
                .collect();
            if !right.split('|').any(|one| one == codes.join("+")) {
                wrong.push(format!("{name}: {answer}, not {right}"));
            }
        }
        table.push_str(&format!("{name}\t{}\n", answers.join("\t")));
        assert_eq!(
            over_udp(udp, ALIVE.as_bytes()).await,
            "200 OK",
            "after {name}"
        );
        count += 1;
    }
    assert_eq!(count, 49);
    assert!(wrong.is_empty(), "{wrong:#?}");
    expect_test::expect_file![format!("{FOLDER}/answers.tsv")].assert_eq(&table);
    within("refused calls to end", house.empty()).await;
    // The next call works.
    let caller = crate::sip_house::Script::new(udp).await;
    let tag = caller.connect("anybody").await;
    caller
        .request("BYE", "anybody", &tag, 2, "bye", "", "")
        .await;
    assert_eq!(header(&caller.wait("SIP/2.0 200").await, "CSeq"), "2 BYE");
}
