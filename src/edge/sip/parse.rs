//! From octets to messages, and what to answer where that fails.
//!
//! **Invariants.** Work and memory are linear in the input, which is at most [`BYTES_MAX`] long.
//! A request that cannot be read is answered with 400 and a phrase that names the header at fault
//! (RFC 3261 section 21.4.1) whenever enough of it is there to address an answer; a broken response is
//! dropped (section 8.1.3).

use super::message::{Headers, Message, Method, Request, Response, canonical, name};
use super::uri::{NameAddr, Uri, Via};
use bytes::Bytes;
use std::borrow::Cow;

/// The longest message, in octets.
pub(crate) const BYTES_MAX: usize = 64 * 1024;
const HEADERS_MAX: usize = 256;

/// How the body's end is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// A datagram or a WebSocket message: the body may not be shorter than Content-Length says, and
    /// what is beyond is not looked at (RFC 3261 section 18.3).
    Datagram,
    /// Already cut by Content-Length.
    Stream,
}

/// A message that cannot be read.
#[derive(Debug)]
pub(crate) struct Broken {
    /// The request as far as it was read, for the answer. `None`: nothing to answer to.
    pub request: Option<Box<Request>>,
    pub code: u16,
    pub why: Cow<'static, str>,
}

fn silent(why: &'static str) -> Broken {
    Broken {
        request: None,
        code: 400,
        why: Cow::Borrowed(why),
    }
}

enum StartLine {
    Request(Method, String),
    Response(u16, String),
}

/// Reads one message.
///
/// # Errors
/// [`Broken`], with the answer it deserves.
pub(crate) fn parse(input: &[u8], framing: Framing) -> Result<Message, Broken> {
    if input.len() > BYTES_MAX {
        return Err(silent("Message Too Long"));
    }
    let (head, body) = split_head(input);
    let mut lines = unfold(head);
    let start = lines.next().ok_or(silent("Empty Message"))?;
    let is_response = start.starts_with("SIP/");
    let mut headers = Headers::default();
    let mut fault = None;
    for line in lines {
        if let Err(why) = read_header(&line, &mut headers) {
            fault.get_or_insert(why);
        }
    }
    let (line, line_fault) = read_start(&start, is_response);
    let body = match cut_body(&headers, body, framing) {
        Ok(body) => body,
        Err(why) => {
            fault.get_or_insert(why);
            Bytes::new()
        }
    };
    match line {
        Some(StartLine::Response(code, phrase)) => {
            if fault.is_some() || !is_complete(&headers) {
                return Err(silent("Broken Response"));
            }
            Ok(Message::Response(Response {
                code,
                phrase: Cow::Owned(phrase),
                headers,
                body,
            }))
        }
        Some(StartLine::Request(method, uri)) => {
            let request = Request {
                method,
                uri,
                headers,
                body,
            };
            let fault = line_fault
                .or(fault.map(|why| (400, Cow::Borrowed(why))))
                .or_else(|| check(&request).err());
            match fault {
                None => Ok(Message::Request(request)),
                Some((code, why)) => Err(Broken {
                    request: answerable(&request).then(|| Box::new(request)),
                    code,
                    why,
                }),
            }
        }
        None => Err(silent("Broken Start-Line")),
    }
}

fn split_head(input: &[u8]) -> (&[u8], &[u8]) {
    match input.windows(4).position(|w| w == b"\r\n\r\n") {
        Some(at) => (&input[..at], &input[at + 4..]),
        // The empty line may be missing in a datagram without a body.
        None => (input, &[]),
    }
}

/// Lines of the head, folds undone (RFC 3261 section 7.3.1).
fn unfold(head: &[u8]) -> impl Iterator<Item = Cow<'_, str>> {
    let mut lines = head
        .split(|&b| b == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .skip_while(|line| line.is_empty())
        .peekable();
    std::iter::from_fn(move || {
        let mut line = String::from_utf8_lossy(lines.next()?);
        while let Some(more) = lines.next_if(|next| matches!(next.first(), Some(b' ' | b'\t'))) {
            let line = line.to_mut();
            line.push(' ');
            line.push_str(String::from_utf8_lossy(more).trim());
        }
        Some(line)
    })
}

fn read_header(line: &str, headers: &mut Headers) -> Result<(), &'static str> {
    if line.is_empty() {
        return Ok(());
    }
    let (key, value) = line.split_once(':').ok_or("Bad Header Line")?;
    let key = key.trim_end();
    let token = |b: u8| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b);
    if key.is_empty() || !key.bytes().all(token) {
        return Err("Bad Header Name");
    }
    if headers.len() >= HEADERS_MAX {
        return Err("Too Many Headers");
    }
    headers.push(canonical(key), value.trim());
    Ok(())
}

type Fault = (u16, Cow<'static, str>);

fn read_start(line: &str, is_response: bool) -> (Option<StartLine>, Option<Fault>) {
    if is_response {
        return (read_status(line), None);
    }
    let mut parts = line.split(' ');
    let method = parts.next().unwrap_or("");
    let token = |b: u8| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b);
    if method.is_empty() || !method.bytes().all(token) || !line.contains(' ') {
        return (None, None);
    }
    let version = line.rsplit(' ').find(|part| !part.is_empty()).unwrap_or("");
    if !version.starts_with("SIP/") {
        return (None, None);
    }
    let uri = line[method.len()..line.rfind("SIP/").unwrap_or(line.len())].trim();
    let start = Some(StartLine::Request(Method::read(method), uri.to_owned()));
    if version != "SIP/2.0" {
        return (start, Some((505, Cow::Borrowed("Version Not Supported"))));
    }
    // One space between the parts and none after them (section 7.1).
    let fault = if line.split(' ').count() != 3 || Uri::read(uri).is_none() {
        Some((400, Cow::Borrowed("Bad Request-Line")))
    } else {
        None
    };
    (start, fault)
}

fn read_status(line: &str) -> Option<StartLine> {
    let rest = line.strip_prefix("SIP/2.0 ")?;
    let (code, phrase) = rest.split_once(' ').unwrap_or((rest, ""));
    let code: u16 = code.parse().ok().filter(|_| code.len() == 3)?;
    (100..700)
        .contains(&code)
        .then(|| StartLine::Response(code, phrase.to_owned()))
}

/// What Content-Length says. `None`: there is none.
///
/// # Errors
/// More than one, or not a number that a message can have.
pub(crate) fn content_length(headers: &Headers) -> Result<Option<usize>, &'static str> {
    let mut all = headers.all(name::CONTENT_LENGTH);
    let Some(text) = all.next() else {
        return Ok(None);
    };
    if all.next().is_some() {
        return Err("Repeated Content-Length");
    }
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err("Bad Content-Length");
    }
    text.parse().map(Some).map_err(|_| "Bad Content-Length")
}

fn cut_body(headers: &Headers, body: &[u8], framing: Framing) -> Result<Bytes, &'static str> {
    let length = content_length(headers)?;
    match (length, framing) {
        (Some(length), _) if length > body.len() => Err("Content-Length Beyond The Message"),
        (Some(length), _) => Ok(Bytes::copy_from_slice(&body[..length])),
        (None, Framing::Datagram) => Ok(Bytes::copy_from_slice(body)),
        (None, Framing::Stream) => Err("Missing Content-Length"),
    }
}

/// Headers that every message has once (RFC 3261 section 8.1.1).
fn is_complete(headers: &Headers) -> bool {
    headers.get(name::VIA).and_then(Via::read).is_some()
        && [name::FROM, name::TO, name::CALL_ID, name::CSEQ]
            .iter()
            .all(|name| headers.count(name) == 1)
        && headers.get(name::CSEQ).and_then(cseq).is_some()
}

/// Whether an answer can be told apart by whoever sent the request.
fn answerable(request: &Request) -> bool {
    request.method != Method::Ack && request.headers.get(name::VIA).is_some()
}

/// Number and method of a CSeq (section 20.16); numbers end below 2^31 (section 8.1.1.5).
pub(crate) fn cseq(text: &str) -> Option<(u32, &str)> {
    let mut parts = text.split_ascii_whitespace();
    let number = parts.next()?;
    let method = parts.next()?;
    if parts.next().is_some() || !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: u32 = number.parse().ok().filter(|n| *n < 1 << 31)?;
    Some((number, method))
}

/// Everything that can be said about a request by itself.
fn check(request: &Request) -> Result<(), Fault> {
    let bad = |why: String| Err((400, Cow::Owned(why)));
    let headers = &request.headers;
    for one in [name::FROM, name::TO, name::CALL_ID, name::CSEQ] {
        match headers.count(one) {
            0 => return bad(format!("Missing {one}")),
            1 => {}
            _ => return bad(format!("Repeated {one}")),
        }
    }
    for one in [name::MAX_FORWARDS, name::CONTENT_TYPE] {
        if headers.count(one) > 1 {
            return bad(format!("Repeated {one}"));
        }
    }
    let via = headers.get(name::VIA);
    if via.is_none() {
        return bad("Missing Via".into());
    }
    if via.and_then(Via::read).is_none() {
        return bad("Bad Via".into());
    }
    if headers
        .get(name::CALL_ID)
        .is_none_or(|id| id.is_empty() || id.contains(' '))
    {
        return bad("Bad Call-ID".into());
    }
    for one in [name::FROM, name::TO, name::REFER_TO] {
        if headers
            .get(one)
            .is_some_and(|value| NameAddr::read(value).is_none())
        {
            return bad(format!("Bad {one}"));
        }
    }
    for one in [name::CONTACT, name::RECORD_ROUTE, name::ROUTE] {
        let wrong = |value: &str| value != "*" && NameAddr::read(value).is_none();
        if headers.list(one).any(wrong) {
            return bad(format!("Bad {one}"));
        }
    }
    if headers.get(name::MAX_FORWARDS).is_some() && headers.number(name::MAX_FORWARDS).is_none() {
        return bad("Bad Max-Forwards".into());
    }
    let Some((_, method)) = headers.get(name::CSEQ).and_then(cseq) else {
        return bad("Bad CSeq".into());
    };
    if let Method::Other(_) = request.method {
        // Told before the mismatch with CSeq: nobody can use the method (RFC 4475 section 3.1.2.18).
        return Ok(());
    }
    if method != request.method.as_str() {
        return bad("CSeq Of Another Method".into());
    }
    let uri = Uri::read(&request.uri);
    if uri.is_some_and(|uri| uri.is_sip() && uri.headers.is_some()) {
        return bad("Headers In Request-URI".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(change: impl Fn(String) -> String) -> Result<Message, Broken> {
        let text = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\
                    From: <sip:x@y>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 1@h\r\nCSeq: 1 OPTIONS\r\n\
                    Content-Length: 0\r\n\r\n";
        parse(change(text.to_owned()).as_bytes(), Framing::Datagram)
    }

    fn why(from: &str, to: &str) -> String {
        let broken = request(|text| text.replace(from, to)).expect_err("was accepted");
        assert!(broken.request.is_some());
        format!("{} {}", broken.code, broken.why)
    }

    #[test]
    fn the_phrase_names_the_header() {
        assert!(request(|text| text).is_ok());
        assert_eq!(
            why("CSeq: 1 OPTIONS", "CSeq: 1 INVITE"),
            "400 CSeq Of Another Method"
        );
        assert_eq!(why("CSeq: 1 ", "CSeq: 2147483648 "), "400 Bad CSeq");
        assert_eq!(why("CSeq: 1 OPTIONS\r\n", ""), "400 Missing CSeq");
        assert_eq!(why("To: <sip:a@b>", "To: \"x <sip:a@b>"), "400 Bad To");
        assert_eq!(
            why("Content-Length: 0", "Content-Length: 5"),
            "400 Content-Length Beyond The Message"
        );
        assert_eq!(
            why("Content-Length: 0", "Content-Length: -5"),
            "400 Bad Content-Length"
        );
        assert_eq!(
            why("Content-Length: 0", "l: 0\r\nl: 0"),
            "400 Repeated Content-Length"
        );
        assert_eq!(why("a@b SIP/2.0", "a@b  SIP/2.0"), "400 Bad Request-Line");
        assert_eq!(
            why("a@b SIP/2.0", "a@b SIP/3.0"),
            "505 Version Not Supported"
        );
        assert_eq!(why("Call-ID", "Call ID"), "400 Bad Header Name");
        assert_eq!(
            why("Call-ID: 1@h", "Call-ID: 1@h\r\nMax-Forwards: x"),
            "400 Bad Max-Forwards"
        );
        assert_eq!(
            why("sip:a@b SIP", "sip:a@b?x=y SIP"),
            "400 Headers In Request-URI"
        );
    }

    #[test]
    fn not_sip_is_not_answered() {
        for text in [
            "",
            "\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "SIP/2.0 4294967301 x\r\n\r\n",
            "\0\u{1}",
            "A",
        ] {
            let broken = parse(text.as_bytes(), Framing::Datagram).expect_err(text);
            assert!(broken.request.is_none(), "{text:?}");
        }
        assert!(parse(&vec![b'a'; BYTES_MAX + 1], Framing::Datagram).is_err());
    }

    #[test]
    fn folded_lines_become_one() {
        let message =
            request(|text| text.replace("CSeq: 1 OPTIONS", "CSeq: 1\r\n   OPTIONS")).unwrap();
        match message {
            Message::Request(request) => {
                assert_eq!(request.headers.get(name::CSEQ), Some("1 OPTIONS"))
            }
            Message::Response(_) => unreachable!(),
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400), cut in 0_usize..200) {
            let _ = parse(&bytes, Framing::Datagram);
            // The same octets in the place of a part of a good message.
            let _ = request(|text| {
                let cut = cut.min(text.len());
                format!("{}{}", &text[..cut], String::from_utf8_lossy(&bytes))
            });
        }
    }
}
