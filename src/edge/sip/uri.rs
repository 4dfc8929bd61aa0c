//! Addresses: URIs, names with addresses, and Via (RFC 3261 sections 19.1, 20.10 and 20.42).
//!
//! **Invariants.** Reading never panics and is strict where a wrong guess would route a call wrongly:
//! spaces or angle brackets inside of a URI, an unbalanced quote, a display name with a comma
//! outside of quotes are errors (RFC 4475 section 3.1.2).

use super::message::split;

type Param = (String, Option<String>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Uri {
    /// Lower case.
    pub scheme: String,
    /// Escapes are kept as they came.
    pub user: Option<String>,
    pub host: String,
    pub port: Option<u16>,
    pub params: Vec<Param>,
    /// What follows `?`.
    pub headers: Option<String>,
}

impl Uri {
    /// Reads any URI; of schemes other than sip, sips and tel only the scheme is looked at.
    pub fn read(text: &str) -> Option<Self> {
        if text
            .bytes()
            .any(|b| b.is_ascii_whitespace() || b == b'<' || b == b'>' || b == b'"')
        {
            return None;
        }
        let (scheme, rest) = text.split_once(':')?;
        let scheme_ok = scheme.bytes().next()?.is_ascii_alphabetic()
            && scheme
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
        if !scheme_ok || rest.is_empty() {
            return None;
        }
        let scheme = scheme.to_ascii_lowercase();
        match scheme.as_str() {
            "sip" | "sips" => Self::read_sip(scheme, rest),
            "tel" => {
                let mut parts = rest.split(';');
                let number = parts.next().filter(|n| !n.is_empty())?;
                Some(Self {
                    scheme,
                    user: Some(number.to_owned()),
                    params: parts.map(read_param).collect::<Option<_>>()?,
                    ..Self::default()
                })
            }
            _ => Some(Self {
                scheme,
                host: rest.to_owned(),
                ..Self::default()
            }),
        }
    }

    fn read_sip(scheme: String, rest: &str) -> Option<Self> {
        // The host has no `@`, and the headers' must be escaped, so the last one ends the user.
        let (user, rest) = match rest.rsplit_once('@') {
            Some((user, rest)) => (
                Some(user.to_owned()).filter(|u| !u.is_empty())?.into(),
                rest,
            ),
            None => (None, rest),
        };
        let (rest, headers) = match rest.split_once('?') {
            Some((rest, headers)) => (rest, Some(headers.to_owned())),
            None => (rest, None),
        };
        let mut parts = rest.split(';');
        let (host, port) = read_host(parts.next()?)?;
        Some(Self {
            scheme,
            user,
            host,
            port,
            params: parts.map(read_param).collect::<Option<_>>()?,
            headers,
        })
    }

    pub fn is_sip(&self) -> bool {
        matches!(self.scheme.as_str(), "sip" | "sips")
    }

    /// Whether it is to be reached over TLS only (RFC 3261 section 26.2.2).
    pub fn wants_tls(&self) -> bool {
        let transport = self.param("transport");
        self.scheme == "sips" || transport.is_some_and(|t| t.eq_ignore_ascii_case("tls"))
    }

    pub fn param(&self, name: &str) -> Option<&str> {
        param(&self.params, name)
    }

    /// The user's name without its password and parameters, escapes undone.
    pub fn user_name(&self) -> Option<String> {
        let user = self.user.as_deref()?;
        let user = user.split([':', ';']).next().unwrap_or(user);
        Some(unescape(user))
    }

    /// Whether two URIs name the same contact: everything but parameters of the transport matters.
    pub fn same_contact(&self, other: &Self) -> bool {
        self.scheme == other.scheme
            && self.user == other.user
            && self.host.eq_ignore_ascii_case(&other.host)
            && self.port == other.port
            && self.param("transport").map(str::to_ascii_lowercase)
                == other.param("transport").map(str::to_ascii_lowercase)
    }
}

fn read_host(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (inside, after) = rest.split_once(']')?;
        let _: std::net::Ipv6Addr = inside.parse().ok()?;
        let port = match after {
            "" => None,
            after => Some(after.strip_prefix(':')?),
        };
        (inside, port)
    } else {
        match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    let host_ok = !host.is_empty()
        && host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._:".contains(&b));
    if !host_ok {
        return None;
    }
    let port = match port {
        Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => Some(port.parse().ok()?),
        Some(_) => return None,
        None => None,
    };
    Some((host.to_owned(), port))
}

fn read_param(text: &str) -> Option<Param> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name.trim(), Some(value.trim())),
        None => (text.trim(), None),
    };
    if name.is_empty() || name.contains(['<', '>', '"', ' ', ',']) {
        return None;
    }
    let value = match value {
        Some(value) => Some(unquote(value)?),
        None => None,
    };
    Some((name.to_owned(), value))
}

pub(crate) fn param<'a>(params: &'a [Param], name: &str) -> Option<&'a str> {
    params
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_deref().unwrap_or(""))
}

/// Takes the quotes off, if there are any; a lone quote is an error.
fn unquote(text: &str) -> Option<String> {
    let Some(inside) = text.strip_prefix('"') else {
        return (!text.contains('"')).then(|| text.to_owned());
    };
    let mut out = String::new();
    let mut chars = inside.chars();
    loop {
        match chars.next()? {
            '\\' => out.push(chars.next()?),
            '"' => break,
            c => out.push(c),
        }
    }
    chars.as_str().trim().is_empty().then_some(out)
}

pub(crate) fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = text
            .get(at + 1..at + 3)
            .filter(|_| bytes[at] == b'%')
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match hex {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Escapes what may not stand in a user part or a header of a URI.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()+".contains(&byte) {
            out.push(byte as char);
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// From, To, Contact, Route and their kin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NameAddr {
    pub display: Option<String>,
    pub uri: Uri,
    /// The URI as it came.
    pub uri_text: String,
    pub params: Vec<Param>,
}

impl NameAddr {
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let open = find_open(text)?;
        let Some(open) = open else {
            // Without brackets all parameters are the header's, and a `?` or a comma would be
            // ambiguous (RFC 3261 section 20.10).
            let mut parts = split(text, b';');
            let uri_text = parts.next()?;
            if uri_text.contains(['?', ',']) {
                return None;
            }
            return Some(Self {
                display: None,
                uri: Uri::read(uri_text)?,
                uri_text: uri_text.to_owned(),
                params: parts.map(read_param).collect::<Option<_>>()?,
            });
        };
        let display = read_display(text[..open].trim())?;
        let (uri_text, after) = text[open + 1..].split_once('>')?;
        let after = after.trim();
        let params = match after.strip_prefix(';') {
            Some(list) => split(list, b';').map(read_param).collect::<Option<_>>()?,
            None if after.is_empty() => Vec::new(),
            None => return None,
        };
        Some(Self {
            display,
            uri: Uri::read(uri_text)?,
            uri_text: uri_text.to_owned(),
            params,
        })
    }

    pub fn param(&self, name: &str) -> Option<&str> {
        param(&self.params, name)
    }
}

/// Where the bracket of the address opens, outside of quotes. An unbalanced quote is an error.
fn find_open(text: &str) -> Option<Option<usize>> {
    let bytes = text.as_bytes();
    let (mut quoted, mut at) = (false, 0);
    let mut open = None;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if quoted => at += 1,
            b'"' => quoted = !quoted,
            b'<' if !quoted && open.is_none() => open = Some(at),
            _ => {}
        }
        at += 1;
    }
    (!quoted).then_some(open)
}

fn read_display(text: &str) -> Option<Option<String>> {
    if text.is_empty() {
        return Some(None);
    }
    if text.starts_with('"') {
        return unquote(text).map(Some);
    }
    let token = |c: char| c.is_ascii_alphanumeric() || "-.!%*_+`'~ \t".contains(c) || !c.is_ascii();
    text.chars().all(token).then(|| Some(text.to_owned()))
}

/// The tag of a From or To value, read as leniently as a reply needs.
pub(crate) fn tag(value: &str) -> Option<String> {
    let after = match find_open(value)? {
        Some(open) => value[open..].split_once('>')?.1,
        None => value,
    };
    split(after, b';')
        .skip(1)
        .filter_map(read_param)
        .find(|(name, _)| name.eq_ignore_ascii_case("tag"))
        .and_then(|(_, value)| value)
        .filter(|tag| !tag.is_empty())
}

/// The topmost Via, read; those below belong to others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Via {
    pub transport: String,
    pub host: String,
    pub port: Option<u16>,
    pub params: Vec<Param>,
}

impl Via {
    pub fn read(text: &str) -> Option<Self> {
        let top = split(text, b',').next()?;
        let mut parts = split(top, b';');
        let sent = parts.next()?;
        let mut protocol = sent.splitn(3, '/');
        let (name, version) = (protocol.next()?.trim(), protocol.next()?.trim());
        let (transport, by) = protocol.next()?.trim().split_once([' ', '\t'])?;
        if !name.eq_ignore_ascii_case("SIP") || version != "2.0" || transport.is_empty() {
            return None;
        }
        let by: String = by.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        let (host, port) = read_host(&by)?;
        Some(Self {
            transport: transport.to_ascii_uppercase(),
            host,
            port,
            params: parts.map(read_param).collect::<Option<_>>()?,
        })
    }

    pub fn param(&self, name: &str) -> Option<&str> {
        param(&self.params, name)
    }

    /// The branch, where it is one of RFC 3261 (section 8.1.1.7): it identifies the transaction.
    pub fn branch(&self) -> Option<&str> {
        self.param("branch")
            .filter(|branch| branch.len() > MAGIC.len() && branch[..].starts_with(MAGIC))
    }
}

pub(crate) const MAGIC: &str = "z9hG4bK";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris() {
        let uri = Uri::read("sip:user;par=u%40example.net@example.com:5070;lr;x=y?a=b").unwrap();
        assert_eq!(uri.user.as_deref(), Some("user;par=u%40example.net"));
        assert_eq!((uri.host.as_str(), uri.port), ("example.com", Some(5070)));
        assert_eq!(uri.param("LR"), Some(""));
        assert_eq!(uri.headers.as_deref(), Some("a=b"));
        assert_eq!(uri.user_name().as_deref(), Some("user"));
        let six = Uri::read("sip:[2001:db8::1]:5060").unwrap();
        assert_eq!((six.host.as_str(), six.port), ("2001:db8::1", Some(5060)));
        assert_eq!(
            Uri::read("tel:+4930;phone-context=x")
                .unwrap()
                .user
                .as_deref(),
            Some("+4930")
        );
        assert_eq!(Uri::read("isbn:2983792873").unwrap().scheme, "isbn");
        for bad in [
            "",
            "sip:",
            "sip",
            "<sip:a@b>",
            "sip:a@b c",
            "sip:@b",
            "sip:a@",
            "sip:a@b:99999",
            "sip:a@b:x",
            "sip:a@[::1",
            "sip:a@b;",
            ":a",
            "sip:a@b/c",
            "sip:a@[::1]x",
        ] {
            assert_eq!(Uri::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn names_with_addresses() {
        let from = NameAddr::read(r#""J Rosenberg \\\"" <sip:j@example.com> ; tag = 98 "#).unwrap();
        assert_eq!(from.display.as_deref(), Some(r#"J Rosenberg \""#));
        assert_eq!(from.param("tag"), Some("98"));
        let bare = NameAddr::read("sip:a@b;tag=x").unwrap();
        assert_eq!((bare.param("tag"), bare.uri.params.len()), (Some("x"), 0));
        assert_eq!(
            NameAddr::read("caller<sip:a@b>")
                .unwrap()
                .display
                .as_deref(),
            Some("caller")
        );
        for bad in [
            "Bell, Alexander <sip:a@b>",
            "\"Mr. J <sip:a@b>",
            "< sip:a@b >",
            "<sip:a@b",
            "<sip:a@b>;;",
            "sip:a@b?x=y",
            "<sip:a@b> x",
            "",
        ] {
            assert_eq!(NameAddr::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn vias() {
        let via =
            Via::read("SIP  /   2.0 /UDP   192.0.2.2:5060;branch=z9hG4bK1 ;rport, SIP/2.0/TCP x")
                .unwrap();
        assert_eq!(
            (via.transport.as_str(), via.host.as_str(), via.port),
            ("UDP", "192.0.2.2", Some(5060))
        );
        assert_eq!(
            (via.branch(), via.param("rport")),
            (Some("z9hG4bK1"), Some(""))
        );
        assert_eq!(
            Via::read("SIP/2.0/UDP h;branch=z9hG4bK").unwrap().branch(),
            None
        );
        for bad in [
            "SIP/2.0/UDP 192.0.2.15;;,;,,",
            "SIP/7.0/UDP h",
            "SIP/2.0/UDP",
            "",
            "x",
        ] {
            assert_eq!(Via::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn escapes() {
        assert_eq!(unescape("a%40b%zz%"), "a@b%zz%");
        assert_eq!(unescape(&escape("a b;c=d")), "a b;c=d");
        assert_eq!(tag("<sip:a;tag=no@b>;x;tag=yes").as_deref(), Some("yes"));
        assert_eq!(tag("\"<sip:x>;tag=no\" <sip:a@b>"), None);
    }
}
