//! What this edge needs to know of a session description (RFC 8866), read leniently.
//!
//! The WebRTC stack parses descriptions by itself; this reading comes first, so that an unusable one
//! is refused with a sentence, and so that the payload numbers are known.

use crate::EdgeError;

/// Longer descriptions are refused; a browser's has three to ten thousand bytes.
const BYTES_MAX: usize = 64 * 1024;

/// The audio formats of a description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AudioFormats {
    pub opus: u8,
    /// Payload number and clock of telephone-event; the clock of Opus before the telephone's.
    pub event: Option<(u8, u32)>,
}

impl AudioFormats {
    /// What this edge offers when it calls, and the numbers browsers use.
    pub fn ours() -> Self {
        Self {
            opus: 111,
            event: Some((110, 48_000)),
        }
    }

    /// Reads the first usable audio section. `what` names the description in errors.
    pub fn read(sdp: &str, what: &'static str) -> Result<Self, EdgeError> {
        let refuse = |why: &str| EdgeError::Description {
            what,
            why: why.into(),
        };
        if sdp.len() > BYTES_MAX {
            return Err(refuse("it is longer than 64 KiB"));
        }
        if !sdp.trim_start().starts_with("v=0") {
            return Err(refuse(
                "it is not a session description (SDP begins with \"v=0\")",
            ));
        }
        let mut sections = sdp
            .split("\nm=")
            .skip(1)
            .filter(|section| section.starts_with("audio "))
            .peekable();
        if sections.peek().is_none() {
            return Err(refuse(
                "it has no audio; allow the microphone and add its track before the offer is made",
            ));
        }
        let usable = |section: &&str| {
            section
                .split_ascii_whitespace()
                .nth(1)
                .is_some_and(|port| port != "0")
        };
        let Some(section) = sections.find(usable) else {
            return Err(refuse("its audio is switched off (port 0)"));
        };
        if !sdp.contains("a=fingerprint:") || !sdp.contains("a=ice-ufrag:") {
            return Err(refuse(
                "it lacks encryption or ICE (a=fingerprint, a=ice-ufrag); only WebRTC is spoken here",
            ));
        }
        let Some(opus) = formats(section, "opus/48000/2").next() else {
            return Err(refuse(
                "it has no Opus (opus/48000/2), which every browser can do",
            ));
        };
        let event = [48_000, 8_000].into_iter().find_map(|clock_hz| {
            let number = formats(section, &format!("telephone-event/{clock_hz}")).next()?;
            Some((number, clock_hz))
        });
        Ok(Self { opus, event })
    }
}

/// The description with only the formats of its audio that are spoken here. The stack matches formats
/// by name alone, so that it would take keys at 8 kHz for keys at 48 kHz.
pub(crate) fn only(sdp: &str, formats: &AudioFormats) -> String {
    let mut out = String::with_capacity(sdp.len());
    let kept = |number: &str| {
        number.parse().is_ok_and(|n: u8| {
            n == formats.opus || formats.event.is_some_and(|(event, _)| event == n)
        })
    };
    let mut in_audio = false;
    for line in sdp.lines() {
        if let Some(media) = line.strip_prefix("m=") {
            in_audio = media.starts_with("audio ");
        }
        if !in_audio {
            out.push_str(line);
        } else if line.starts_with("m=") {
            let words = line.split_ascii_whitespace().enumerate();
            let kept: Vec<&str> = words
                .filter(|(n, word)| *n < 3 || kept(word))
                .map(|(_, word)| word)
                .collect();
            out.push_str(&kept.join(" "));
        } else {
            let of_format = ["a=rtpmap:", "a=fmtp:", "a=rtcp-fb:"]
                .iter()
                .find_map(|name| line.strip_prefix(name));
            let number = of_format.and_then(|rest| rest.split_ascii_whitespace().next());
            if number.is_some_and(|number| !kept(number)) {
                continue;
            }
            out.push_str(line);
        }
        out.push_str("\r\n");
    }
    out
}

/// One channel may be mentioned or not (RFC 8866 section 6.6).
fn name_fits(name: &str, encoding: &str) -> bool {
    let is = |name: &str| name.eq_ignore_ascii_case(encoding);
    is(name) || name.strip_suffix("/1").is_some_and(is)
}

/// Payload numbers that the section maps to an encoding.
fn formats<'a>(section: &'a str, encoding: &'a str) -> impl Iterator<Item = u8> + 'a {
    section.lines().filter_map(move |line| {
        let (number, name) = line.trim().strip_prefix("a=rtpmap:")?.split_once(' ')?;
        let number: u8 = number.parse().ok()?;
        (number < 128 && name_fits(name.trim(), encoding)).then_some(number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=ice-ufrag:abcd\r\na=fingerprint:sha-256 AA\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\nm=audio 9 UDP/TLS/RTP/SAVPF 96 63 110 126\r\na=rtpmap:96 OPUS/48000/2\r\na=rtpmap:63 red/48000/2\r\na=rtpmap:126 telephone-event/8000\r\na=rtpmap:110 telephone-event/48000/1\r\n";

    fn why(sdp: &str) -> String {
        AudioFormats::read(sdp, "offer").unwrap_err().to_string()
    }

    #[test]
    fn numbers_come_from_the_audio_section() {
        let formats = AudioFormats::read(OFFER, "offer").unwrap();
        assert_eq!(
            formats,
            AudioFormats {
                opus: 96,
                event: Some((110, 48_000))
            }
        );
    }

    #[test]
    fn a_refusal_says_what_is_missing() {
        assert!(why("").contains("v=0"));
        assert!(why("<html>").contains("v=0"));
        assert!(why("v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n").contains("no audio"));
        assert!(why(&OFFER.replace("m=audio 9", "m=audio 0")).contains("switched off"));
        assert!(why(&OFFER.replace("OPUS/48000/2", "PCMU/8000")).contains("no Opus"));
        assert!(why(&OFFER.replace("fingerprint", "x")).contains("encryption"));
        assert!(why(&("v=0".to_owned() + &"x".repeat(70_000))).contains("64 KiB"));
    }

    #[test]
    fn only_what_is_spoken_stays() {
        let formats = AudioFormats::read(OFFER, "offer").unwrap();
        let kept = only(OFFER, &formats);
        assert!(
            kept.contains("m=audio 9 UDP/TLS/RTP/SAVPF 96 110\r\n"),
            "{kept}"
        );
        assert!(!kept.contains("126") && !kept.contains("red"));
        assert!(kept.contains("m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\n"));
        assert_eq!(AudioFormats::read(&kept, "offer").unwrap(), formats);
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text: String, cut in 0usize..OFFER.len()) {
            let _ = AudioFormats::read(&text, "offer");
            let _ = AudioFormats::read(&OFFER[..cut], "offer");
            only(&text, &AudioFormats::ours());
        }
    }
}
