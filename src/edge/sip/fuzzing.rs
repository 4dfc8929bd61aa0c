//! Entries for the fuzz targets. Each reads what a stranger may send and says what became of it.

use super::digest::Credentials;
use super::framer::{Framed, Framer};
use super::message::{Headers, Message};
use super::parse::{Framing, content_length, cseq, parse};
use super::sdp::Sdp;
use super::uri::{NameAddr, Uri, Via, tag};

/// A datagram: the message, its addresses, and the same again from what we would write.
pub fn message(octets: &[u8]) -> String {
    match parse(octets, Framing::Datagram) {
        Ok(mut message) => {
            // Whoever writes a message writes its length anew.
            match &mut message {
                Message::Request(request) => request.headers.remove("Content-Length"),
                Message::Response(response) => response.headers.remove("Content-Length"),
            }
            let (name, octets, headers) = match &message {
                Message::Request(request) => {
                    let uri = Uri::read(&request.uri).is_some_and(|uri| uri.is_sip());
                    for code in [100, 200, 400, 486] {
                        let reply = request.reply(code).tagged("x").to_bytes();
                        let read = parse(&reply, Framing::Datagram);
                        assert!(read.is_ok(), "our answer {code} cannot be read: {read:?}");
                    }
                    let name = format!("{} {uri}", request.method.as_str());
                    (name, request.to_bytes(), &request.headers)
                }
                Message::Response(response) => {
                    let class = response.code / 100;
                    let name = ["?", "i", "s", "r", "c", "e", "g"].get(usize::from(class));
                    let name = name.unwrap_or(&"?").to_string();
                    (name, response.to_bytes(), &response.headers)
                }
            };
            let seen = addresses(headers);
            let again = parse(&octets, Framing::Datagram);
            assert!(
                again.is_ok(),
                "what was read cannot be read when written: {again:?}"
            );
            format!("{name} {seen}")
        }
        Err(broken) => format!(
            "{} {} {}",
            broken.code,
            broken.request.is_some(),
            broken.why
        ),
    }
}

/// Reads every header that has a form.
fn addresses(headers: &Headers) -> String {
    let mut seen = String::new();
    for name in [
        "From",
        "To",
        "Contact",
        "Refer-To",
        "P-Asserted-Identity",
        "Route",
        "Record-Route",
    ] {
        for value in headers.list(name).take(4) {
            seen.push(match NameAddr::read(value) {
                Some(_) if tag(value).is_some() => 't',
                Some(_) => 'a',
                None => '-',
            });
        }
    }
    for value in headers.list("Via").take(4) {
        seen.push(if Via::read(value).is_some() { 'v' } else { '-' });
    }
    for value in headers.all("Authorization").take(2) {
        let read = Credentials::read(value);
        let right = read
            .as_ref()
            .is_some_and(|read| read.is_right("secret", "INVITE"));
        assert!(!right, "credentials that nobody computed are right");
        seen.push(if read.is_some() { 'c' } else { '-' });
    }
    seen.push(if content_length(headers).is_ok() {
        'l'
    } else {
        '-'
    });
    seen.push(if headers.get("CSeq").and_then(cseq).is_some() {
        'q'
    } else {
        '-'
    });
    seen
}

/// A connection: the same messages come out however the octets are cut.
pub fn stream(octets: &[u8]) -> String {
    let messages = |piece: usize| {
        let mut framer = Framer::default();
        let mut all = Vec::new();
        for octets in octets.chunks(piece) {
            framer.push(octets);
            while let Some(framed) = framer.next() {
                let lost = matches!(framed, Framed::Lost(_));
                all.push(framed);
                if lost {
                    return all;
                }
            }
        }
        all
    };
    let whole = messages(octets.len().max(1));
    let kinds: String = whole
        .iter()
        .take(4)
        .map(|framed| match framed {
            Framed::Message(octets) => {
                let _ = parse(octets, Framing::Stream);
                'm'
            }
            Framed::Ping => 'p',
            Framed::Lost(octets) => {
                let _ = parse(octets, Framing::Stream);
                'x'
            }
        })
        .collect();
    // What is lost depends on where it was cut, what was read does not.
    let read = |all: Vec<Framed>| -> Vec<Framed> {
        all.into_iter()
            .filter(|framed| matches!(framed, Framed::Message(_)))
            .collect()
    };
    assert_eq!(
        read(messages(7)),
        read(whole),
        "the messages depend on how they were cut"
    );
    kinds
}

pub fn session_description(octets: &[u8]) -> String {
    match Sdp::read(octets) {
        Ok(sdp) => {
            let mut seen = format!("{:?} {}", sdp.direction, sdp.ip.is_some());
            for media in sdp.media.iter().take(3) {
                let crypto = media.crypto.len().min(2);
                seen.push_str(&format!(
                    " {} {} {crypto} {:?} {}",
                    media.port == 0,
                    media.ip.is_some(),
                    media.direction,
                    media.rtcp_mux
                ));
            }
            seen.replace(char::is_numeric, "n")
        }
        Err(why) => why.to_owned(),
    }
}
