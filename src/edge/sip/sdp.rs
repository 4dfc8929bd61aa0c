//! Session descriptions: reading and writing (RFC 8866). What is agreed is decided in
//! [`super::agree`].
//!
//! **Invariants.** At most [`BYTES_MAX`] and [`MEDIA_MAX`] sections; lines that are not understood
//! are passed over; nothing panics.

use crate::rtp::{Direction, SRTP_KEY_BYTES, SrtpKey, SrtpSuite};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::fmt::Write as _;
use std::net::IpAddr;

pub(crate) const BYTES_MAX: usize = 16 * 1024;
pub(crate) const MEDIA_MAX: usize = 16;
const FORMATS_MAX: usize = 64;

/// One `a=crypto` line (RFC 4568).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Crypto {
    pub tag: u32,
    pub suite: SrtpSuite,
    pub key: SrtpKey,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RtpMap {
    pub payload: u8,
    /// Lower case.
    pub name: String,
    pub clock_hz: u32,
}

/// One `m=` section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Media {
    pub kind: String,
    pub port: u16,
    pub proto: String,
    pub formats: Vec<String>,
    pub ip: Option<IpAddr>,
    pub maps: Vec<RtpMap>,
    pub ptime_ms: Option<u32>,
    pub direction: Option<Direction>,
    pub crypto: Vec<Crypto>,
    pub rtcp: Option<(u16, Option<IpAddr>)>,
    pub rtcp_mux: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sdp {
    pub ip: Option<IpAddr>,
    pub direction: Option<Direction>,
    pub media: Vec<Media>,
}

impl Sdp {
    /// # Errors
    /// A phrase for a 400 or 488.
    pub fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        if bytes.len() > BYTES_MAX {
            return Err("Session Description Too Long");
        }
        let text = std::str::from_utf8(bytes).map_err(|_| "Session Description Is Not UTF-8")?;
        let mut lines = text.lines().map(str::trim_end).filter(|l| !l.is_empty());
        if lines.next() != Some("v=0") {
            return Err("Session Description Without v=0");
        }
        let mut sdp = Self::default();
        for line in lines {
            let Some((key, value)) = line.split_once('=') else {
                continue;
            };
            match key {
                "m" if sdp.media.len() == MEDIA_MAX => return Err("Too Many Media Sections"),
                "m" => sdp.media.push(read_media(value).ok_or("Bad m= Line")?),
                "c" => {
                    let ip = read_connection(value).ok_or("Bad c= Line")?;
                    match sdp.media.last_mut() {
                        Some(media) => media.ip = ip,
                        None => sdp.ip = ip,
                    }
                }
                "a" => match sdp.media.last_mut() {
                    Some(media) => read_attribute(media, value),
                    None => sdp.direction = direction(value).or(sdp.direction),
                },
                _ => {}
            }
        }
        if sdp.media.is_empty() {
            return Err("Session Description Without Media");
        }
        Ok(sdp)
    }
}

/// `audio 49170/2 RTP/AVP 0 8`
fn read_media(text: &str) -> Option<Media> {
    let mut words = text.split_ascii_whitespace();
    let kind = words.next()?.to_owned();
    let port = words.next()?.split('/').next()?.parse().ok()?;
    let proto = words.next()?.to_ascii_uppercase();
    let formats: Vec<String> = words.take(FORMATS_MAX).map(str::to_owned).collect();
    (!formats.is_empty()).then_some(Media {
        kind,
        port,
        proto,
        formats,
        ..Media::default()
    })
}

/// `IN IP4 192.0.2.1/127`. A host's name gives `None`: the source of its packets is learned.
fn read_connection(text: &str) -> Option<Option<IpAddr>> {
    let mut words = text.split_ascii_whitespace();
    let (net, kind, address) = (words.next()?, words.next()?, words.next()?);
    if net != "IN" || !matches!(kind, "IP4" | "IP6") {
        return None;
    }
    Some(address.split('/').next()?.parse().ok())
}

fn direction(text: &str) -> Option<Direction> {
    match text {
        "sendrecv" => Some(Direction::SendRecv),
        "sendonly" => Some(Direction::SendOnly),
        "recvonly" => Some(Direction::RecvOnly),
        "inactive" => Some(Direction::Inactive),
        _ => None,
    }
}

pub(crate) fn direction_word(direction: Direction) -> &'static str {
    match direction {
        Direction::SendRecv => "sendrecv",
        Direction::SendOnly => "sendonly",
        Direction::RecvOnly => "recvonly",
        Direction::Inactive => "inactive",
    }
}

fn read_attribute(media: &mut Media, text: &str) {
    if let Some(found) = direction(text) {
        media.direction = Some(found);
        return;
    }
    let (key, value) = text.split_once(':').unwrap_or((text, ""));
    match key {
        "rtpmap" if media.maps.len() < FORMATS_MAX => media.maps.extend(read_map(value)),
        "ptime" => media.ptime_ms = value.trim().parse().ok(),
        "rtcp-mux" => media.rtcp_mux = true,
        "rtcp" => {
            let mut words = value.split_ascii_whitespace();
            if let Some(port) = words.next().and_then(|p| p.parse().ok()) {
                media.rtcp = Some((port, words.nth(2).and_then(|ip| ip.parse().ok())));
            }
        }
        "crypto" if media.crypto.len() < 8 => media.crypto.extend(read_crypto(value)),
        _ => {}
    }
}

/// `101 telephone-event/8000`
fn read_map(text: &str) -> Option<RtpMap> {
    let (payload, rest) = text.trim().split_once(' ')?;
    let mut parts = rest.trim().split('/');
    Some(RtpMap {
        payload: payload.parse().ok().filter(|p| *p < 128)?,
        name: parts.next()?.to_ascii_lowercase(),
        clock_hz: parts.next()?.parse().ok()?,
    })
}

/// `1 AES_CM_128_HMAC_SHA1_80 inline:<base64>|2^20|1:4`. Lines with session parameters, with several
/// keys or an MKI ask for what this side does not do, and are left aside (RFC 4568 section 6.3).
fn read_crypto(text: &str) -> Option<Crypto> {
    let mut words = text.split_ascii_whitespace();
    let tag = words.next()?.parse().ok()?;
    let suite = match words.next()? {
        "AES_CM_128_HMAC_SHA1_80" => SrtpSuite::AesCm128HmacSha1_80,
        "AES_CM_128_HMAC_SHA1_32" => SrtpSuite::AesCm128HmacSha1_32,
        _ => return None,
    };
    let inline = words.next()?.strip_prefix("inline:")?;
    let mut parts = inline.split('|');
    let key: [u8; SRTP_KEY_BYTES] = BASE64.decode(parts.next()?).ok()?.try_into().ok()?;
    let has_mki = parts.any(|part| part.contains(':'));
    if has_mki || inline.contains(';') || words.next().is_some() {
        return None;
    }
    Some(Crypto {
        tag,
        suite,
        key: SrtpKey(key),
    })
}

/// One audio section and refused others, as this side writes it.
pub(crate) struct Written<'a> {
    pub ip: IpAddr,
    pub id: u64,
    pub version: u64,
    /// Each section in the order of the offer: the audio's, or a refused one's `m=` words.
    pub sections: Vec<Section<'a>>,
}

pub(crate) enum Section<'a> {
    Audio(Audio<'a>),
    /// Kind, protocol and formats come back with port 0 (RFC 3264 section 6).
    Refused(&'a Media),
}

#[derive(Clone, Debug)]
pub(crate) struct Audio<'a> {
    pub port: u16,
    pub proto: &'a str,
    /// Payload, name with clock and channels, format parameters.
    pub formats: Vec<(u8, &'static str, Option<&'static str>)>,
    pub packet_ms: u32,
    pub direction: Direction,
    pub crypto: Option<&'a Crypto>,
    pub rtcp_mux: bool,
}

pub(crate) fn write(description: &Written<'_>) -> String {
    let ip = description.ip;
    let kind = if ip.is_ipv4() { "IP4" } else { "IP6" };
    let (id, version) = (description.id, description.version);
    let mut out =
        format!("v=0\r\no=- {id} {version} IN {kind} {ip}\r\ns=-\r\nc=IN {kind} {ip}\r\nt=0 0\r\n");
    for section in &description.sections {
        match section {
            Section::Audio(audio) => write_audio(&mut out, audio),
            Section::Refused(media) => {
                let safe =
                    |text: &str| text.chars().filter(|c| !c.is_control()).collect::<String>();
                let formats = media.formats.iter().map(|f| safe(f)).collect::<Vec<_>>();
                let _ = write!(
                    out,
                    "m={} 0 {} {}\r\n",
                    safe(&media.kind),
                    safe(&media.proto),
                    formats.join(" ")
                );
            }
        }
    }
    out
}

fn write_audio(out: &mut String, audio: &Audio<'_>) {
    let _ = write!(out, "m=audio {} {}", audio.port, audio.proto);
    for (payload, _, _) in &audio.formats {
        let _ = write!(out, " {payload}");
    }
    out.push_str("\r\n");
    for (payload, map, fmtp) in &audio.formats {
        let _ = write!(out, "a=rtpmap:{payload} {map}\r\n");
        if let Some(fmtp) = fmtp {
            let _ = write!(out, "a=fmtp:{payload} {fmtp}\r\n");
        }
    }
    if let Some(crypto) = audio.crypto {
        let key = BASE64.encode(crypto.key.0);
        let suite = crypto.suite.as_str();
        let _ = write!(out, "a=crypto:{} {suite} inline:{key}\r\n", crypto.tag);
    }
    if audio.rtcp_mux {
        out.push_str("a=rtcp-mux\r\n");
    }
    let word = direction_word(audio.direction);
    let _ = write!(out, "a=ptime:{}\r\na={word}\r\n", audio.packet_ms);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_read() {
        let key = BASE64.encode([5; 30]);
        let text = format!(
            "v=0\r\no=x 1 2 IN IP4 192.0.2.1\r\ns= \r\nc=IN IP4 192.0.2.1/127\r\nt=0 0\r\na=sendonly\r\n\
             m=audio 4000/2 RTP/SAVP 0 101\r\na=rtpmap:101 TELEPHONE-event/8000\r\na=ptime:30\r\n\
             a=rtcp:4007 IN IP4 192.0.2.9\r\na=crypto:7 AES_CM_128_HMAC_SHA1_32 inline:{key}|2^20\r\n\
             a=crypto:8 AES_CM_128_HMAC_SHA1_32 inline:{key}|2^20|1:4\r\na=crypto:9 F8 inline:x\r\n\
             m=video 5000 RTP/AVP 31\r\nc=IN IP6 2001:db8::1\r\na=inactive\r\nbroken line\r\n"
        );
        let sdp = Sdp::read(text.as_bytes()).unwrap();
        assert_eq!(sdp.direction, Some(Direction::SendOnly));
        let [audio, video] = &sdp.media[..] else {
            panic!()
        };
        assert_eq!(
            (audio.port, audio.ptime_ms, audio.ip),
            (4000, Some(30), None)
        );
        assert_eq!(audio.rtcp, Some((4007, Some("192.0.2.9".parse().unwrap()))));
        assert_eq!(audio.maps[0].name, "telephone-event");
        assert_eq!(audio.crypto.len(), 1);
        assert_eq!((audio.crypto[0].tag, &audio.crypto[0].key.0), (7, &[5; 30]));
        assert_eq!(video.ip, Some("2001:db8::1".parse().unwrap()));
        assert_eq!(video.direction, Some(Direction::Inactive));
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let why = |text: &str| Sdp::read(text.as_bytes()).unwrap_err();
        assert_eq!(why(""), "Session Description Without v=0");
        assert_eq!(why("v=0\r\n"), "Session Description Without Media");
        assert_eq!(why("v=0\r\nm=audio 70000 RTP/AVP 0\r\n"), "Bad m= Line");
        assert_eq!(why("v=0\r\nm=audio 7000 RTP/AVP\r\n"), "Bad m= Line");
        assert_eq!(why("v=0\r\nc=IN IP9 x\r\n"), "Bad c= Line");
        let many = format!("v=0\r\n{}", "m=audio 1 RTP/AVP 0\r\n".repeat(17));
        assert_eq!(why(&many), "Too Many Media Sections");
        assert_eq!(
            why(&"v=0\r\n".repeat(BYTES_MAX)),
            "Session Description Too Long"
        );
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics(text in "(v=0\r\n)?([a-z]=[ -~]{0,40}\r\n){0,8}", bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = Sdp::read(text.as_bytes());
            let _ = Sdp::read(&bytes);
        }
    }
}
