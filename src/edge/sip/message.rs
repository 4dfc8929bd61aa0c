//! SIP messages as they are kept between the wire and the decisions (RFC 3261 section 7).
//!
//! **Invariants.** A header's value is one line, without the folds of the wire. Values are kept as
//! they came, so that Via, From, To, Call-ID and CSeq go back unchanged. What is written has no line
//! break that its author did not mean: [`Headers::push`] turns those in values into spaces.

use bytes::Bytes;
use std::borrow::Cow;
use std::fmt::Write as _;

macro_rules! names {
    ($($constant:ident = $text:literal),* $(,)?) => {
        /// The headers that this edge knows, in the spelling that is written.
        pub(crate) mod name {
            $(pub const $constant: &str = $text;)*
        }
        const KNOWN: &[&str] = &[$($text),*];
    };
}

names! {
    VIA = "Via", FROM = "From", TO = "To", CALL_ID = "Call-ID", CSEQ = "CSeq",
    CONTACT = "Contact", MAX_FORWARDS = "Max-Forwards", CONTENT_LENGTH = "Content-Length",
    CONTENT_TYPE = "Content-Type", CONTENT_ENCODING = "Content-Encoding", ROUTE = "Route",
    RECORD_ROUTE = "Record-Route", REQUIRE = "Require",
    SUPPORTED = "Supported", UNSUPPORTED = "Unsupported", ALLOW = "Allow", ACCEPT = "Accept",
    ACCEPT_ENCODING = "Accept-Encoding", AUTHORIZATION = "Authorization",
    PROXY_AUTHORIZATION = "Proxy-Authorization", WWW_AUTHENTICATE = "WWW-Authenticate",
    PROXY_AUTHENTICATE = "Proxy-Authenticate", EXPIRES = "Expires", MIN_EXPIRES = "Min-Expires",
    SESSION_EXPIRES = "Session-Expires", MIN_SE = "Min-SE", RSEQ = "RSeq", RACK = "RAck",
    REFER_TO = "Refer-To", REFERRED_BY = "Referred-By", REFER_SUB = "Refer-Sub",
    REPLACES = "Replaces", EVENT = "Event", SUBSCRIPTION_STATE = "Subscription-State",
    REASON = "Reason", RETRY_AFTER = "Retry-After", USER_AGENT = "User-Agent",
    WARNING = "Warning", PRIVACY = "Privacy",
    P_ASSERTED_IDENTITY = "P-Asserted-Identity", SUBJECT = "Subject",
}

/// The one-letter forms (RFC 3261 section 7.3.3 and the registry of header fields).
const COMPACT: &[(&str, &str)] = &[
    ("v", name::VIA),
    ("f", name::FROM),
    ("t", name::TO),
    ("i", name::CALL_ID),
    ("m", name::CONTACT),
    ("l", name::CONTENT_LENGTH),
    ("c", name::CONTENT_TYPE),
    ("e", name::CONTENT_ENCODING),
    ("k", name::SUPPORTED),
    ("s", name::SUBJECT),
    ("r", name::REFER_TO),
    ("b", name::REFERRED_BY),
    ("x", name::SESSION_EXPIRES),
    ("o", name::EVENT),
];

/// The spelling under which a header is kept.
pub(crate) fn canonical(text: &str) -> Cow<'static, str> {
    if text.len() == 1
        && let Some((_, known)) = COMPACT.iter().find(|(c, _)| text.eq_ignore_ascii_case(c))
    {
        return Cow::Borrowed(known);
    }
    match KNOWN.iter().find(|known| text.eq_ignore_ascii_case(known)) {
        Some(known) => Cow::Borrowed(known),
        None => Cow::Owned(text.to_ascii_lowercase()),
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Headers(Vec<(Cow<'static, str>, String)>);

impl Headers {
    /// The first value of a header. `name` is one of [`name`].
    pub fn get(&self, name: &'static str) -> Option<&str> {
        self.all(name).next()
    }

    /// Each line of a header.
    pub fn all(&self, name: &'static str) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Each value of a header that takes lists, over all its lines.
    pub fn list(&self, name: &'static str) -> impl Iterator<Item = &str> {
        self.all(name).flat_map(|line| split(line, b','))
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn count(&self, name: &'static str) -> usize {
        self.all(name).count()
    }

    /// Whether a list of tokens has one, in any case.
    pub fn has_token(&self, name: &'static str, token: &str) -> bool {
        self.list(name).any(|one| one.eq_ignore_ascii_case(token))
    }

    pub fn number(&self, name: &'static str) -> Option<u32> {
        let text = self.get(name)?;
        let digits = text.split(';').next()?.trim();
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        // A number too large to be kept is still a number: the largest one.
        Some(digits.parse().unwrap_or(u32::MAX))
    }

    pub fn push(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) {
        let mut value = value.into();
        if value.contains(['\r', '\n']) {
            value = value.replace(['\r', '\n'], " ");
        }
        self.0.push((name.into(), value));
    }

    pub fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.remove(name);
        self.push(name, value);
    }

    pub fn remove(&mut self, name: &'static str) {
        self.0.retain(|(key, _)| key != name);
    }

    /// Puts another value in the place of a header's first line.
    pub fn replace_first(&mut self, name: &'static str, value: String) {
        if let Some((_, old)) = self.0.iter_mut().find(|(key, _)| key == name) {
            *old = value;
        }
    }

    /// Puts a header before all others.
    pub fn push_front(&mut self, name: &'static str, value: impl Into<String>) {
        self.0.insert(0, (Cow::Borrowed(name), value.into()));
    }

    pub fn copy(&mut self, from: &Headers, name: &'static str) {
        for value in from.all(name) {
            self.0.push((Cow::Borrowed(name), value.to_owned()));
        }
    }

    fn write(&self, out: &mut String) {
        for (name, value) in &self.0 {
            out.push_str(name);
            out.push_str(": ");
            out.push_str(value);
            out.push_str("\r\n");
        }
    }
}

/// Splits at a separator outside of quotes and angle brackets; pieces are trimmed, empty ones kept.
pub(crate) fn split(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let bytes = text.as_bytes();
    let mut start = 0;
    let mut done = false;
    std::iter::from_fn(move || {
        if done {
            return None;
        }
        let (mut quoted, mut angled, mut at) = (false, false, start);
        while at < bytes.len() {
            match bytes[at] {
                b'\\' if quoted => at += 1,
                b'"' => quoted = !quoted,
                b'<' if !quoted => angled = true,
                b'>' if !quoted => angled = false,
                b if b == separator && !quoted && !angled => break,
                _ => {}
            }
            at += 1;
        }
        let end = at.min(bytes.len());
        let piece = text.get(start..end).unwrap_or("");
        done = end == bytes.len();
        start = end + 1;
        Some(piece.trim())
    })
}

macro_rules! methods {
    ($($variant:ident = $text:literal),* $(,)?) => {
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(crate) enum Method { $($variant,)* Other(String) }
        impl Method {
            /// Methods are case-sensitive (RFC 3261 section 7.1).
            pub fn read(text: &str) -> Self {
                match text { $($text => Self::$variant,)* other => Self::Other(other.to_owned()) }
            }
            pub fn as_str(&self) -> &str {
                match self { $(Self::$variant => $text,)* Self::Other(text) => text }
            }
        }
    };
}

methods! {
    Invite = "INVITE", Ack = "ACK", Bye = "BYE", Cancel = "CANCEL", Register = "REGISTER",
    Options = "OPTIONS", Prack = "PRACK", Update = "UPDATE", Refer = "REFER", Notify = "NOTIFY",
    Info = "INFO", Message = "MESSAGE", Subscribe = "SUBSCRIBE", Publish = "PUBLISH",
}

/// What a request of ours or to us may be.
pub(crate) const ALLOWED: &str =
    "INVITE, ACK, BYE, CANCEL, OPTIONS, REGISTER, PRACK, UPDATE, REFER, NOTIFY, INFO";
/// The extensions this edge understands in Require.
pub(crate) const EXTENSIONS: &[&str] = &["100rel", "timer", "replaces", "norefersub"];
pub(crate) const SUPPORTED: &str = "100rel, timer, replaces, norefersub";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub method: Method,
    pub uri: String,
    pub headers: Headers,
    pub body: Bytes,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Response {
    pub code: u16,
    pub phrase: Cow<'static, str>,
    pub headers: Headers,
    pub body: Bytes,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    Request(Request),
    Response(Response),
}

impl Request {
    pub fn new(method: Method, uri: impl Into<String>) -> Self {
        Self {
            method,
            uri: uri.into(),
            headers: Headers::default(),
            body: Bytes::new(),
        }
    }

    pub fn with_body(&mut self, kind: &'static str, body: String) {
        self.headers.set(name::CONTENT_TYPE, kind);
        self.body = Bytes::from(body);
    }

    pub fn to_bytes(&self) -> Bytes {
        let mut out = String::with_capacity(512 + self.body.len());
        let _ = write!(out, "{} {} SIP/2.0\r\n", self.method.as_str(), self.uri);
        finish(out, &self.headers, &self.body)
    }

    /// A response with what every response repeats (RFC 3261 section 8.2.6.2). The To tag is the
    /// caller's affair.
    pub fn reply(&self, code: u16) -> Response {
        let mut headers = Headers::default();
        for name in [name::VIA, name::FROM, name::TO, name::CALL_ID, name::CSEQ] {
            headers.copy(&self.headers, name);
        }
        Response {
            code,
            phrase: Cow::Borrowed(phrase(code)),
            headers,
            body: Bytes::new(),
        }
    }
}

impl Response {
    pub fn phrased(mut self, phrase: impl Into<Cow<'static, str>>) -> Self {
        self.phrase = phrase.into();
        self
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push(name, value);
        self
    }

    /// Adds the To tag where there is none yet (RFC 3261 section 8.2.6.2).
    pub fn tagged(mut self, tag: &str) -> Self {
        if let Some(to) = self.headers.get(name::TO)
            && super::uri::tag(to).is_none()
        {
            let to = format!("{to};tag={tag}");
            self.headers.set(name::TO, to);
        }
        self
    }

    pub fn with_body(mut self, kind: &'static str, body: String) -> Self {
        self.headers.set(name::CONTENT_TYPE, kind);
        self.body = Bytes::from(body);
        self
    }

    pub fn to_bytes(&self) -> Bytes {
        let mut out = String::with_capacity(512 + self.body.len());
        let phrase = self.phrase.replace(['\r', '\n'], " ");
        let _ = write!(out, "SIP/2.0 {} {}\r\n", self.code, phrase);
        finish(out, &self.headers, &self.body)
    }

    pub fn is_final(&self) -> bool {
        self.code >= 200
    }
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.code)
    }
}

fn finish(mut out: String, headers: &Headers, body: &[u8]) -> Bytes {
    headers.write(&mut out);
    let _ = write!(out, "Content-Length: {}\r\n\r\n", body.len());
    let mut bytes = out.into_bytes();
    bytes.extend_from_slice(body);
    Bytes::from(bytes)
}

/// The phrases of RFC 3261 section 21 and its extensions.
pub(crate) fn phrase(code: u16) -> &'static str {
    match code {
        100 => "Trying",
        180 => "Ringing",
        183 => "Session Progress",
        200 => "OK",
        202 => "Accepted",
        301 => "Moved Permanently",
        302 => "Moved Temporarily",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        410 => "Gone",
        413 => "Request Entity Too Large",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        420 => "Bad Extension",
        421 => "Extension Required",
        422 => "Session Interval Too Small",
        423 => "Interval Too Brief",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        489 => "Bad Event",
        491 => "Request Pending",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "Version Not Supported",
        603 => "Decline",
        606 => "Not Acceptable",
        _ => match code / 100 {
            1 => "Progress",
            2 => "OK",
            3 => "Redirection",
            4 => "Request Failure",
            5 => "Server Failure",
            _ => "Global Failure",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_split_outside_of_quotes_and_brackets() {
        let all: Vec<_> = split(r#""a, \"b" <sip:x,y@z> ;q=1 , <sip:c@d>,"#, b',').collect();
        assert_eq!(all, [r#""a, \"b" <sip:x,y@z> ;q=1"#, "<sip:c@d>", ""]);
        assert_eq!(split("", b',').collect::<Vec<_>>(), [""]);
        assert_eq!(split("\"open, quote", b',').count(), 1);
        assert_eq!(split("\"ends in a\\", b',').count(), 1);
    }

    #[test]
    fn names_are_found_in_every_spelling() {
        for text in ["v", "V", "via", "VIA", "Via"] {
            assert_eq!(canonical(text), name::VIA);
        }
        assert_eq!(canonical("X-Mine"), "x-mine");
    }

    #[test]
    fn no_value_can_add_a_line() {
        let mut request = Request::new(Method::Info, "sip:a@b");
        request.headers.push(name::SUBJECT, "x\r\nVia: y");
        let text = String::from_utf8(request.to_bytes().to_vec()).unwrap();
        assert_eq!(
            text,
            "INFO sip:a@b SIP/2.0\r\nSubject: x  Via: y\r\nContent-Length: 0\r\n\r\n"
        );
    }

    #[test]
    fn numbers_are_bounded() {
        let mut headers = Headers::default();
        headers.push(name::EXPIRES, "99999999999999999999");
        assert_eq!(headers.number(name::EXPIRES), Some(u32::MAX));
        headers.set(name::EXPIRES, "-1");
        assert_eq!(headers.number(name::EXPIRES), None);
        headers.set(name::EXPIRES, "90;refresher=uac");
        assert_eq!(headers.number(name::EXPIRES), Some(90));
    }
}
