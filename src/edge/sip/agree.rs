//! Offer and answer (RFC 3264), with SDES keys (RFC 4568).
//!
//! **Invariants.** An answer has as many sections as its offer, in the same order; all but one audio
//! section are refused with port 0. A payload number keeps its meaning for the whole dialog: what this
//! side offers again names the numbers that were agreed on.

use super::config::{SipCodec, SrtpUse};
use super::sdp::{Audio, Crypto, Media, Sdp, Section, Written, write};
use crate::rtp::{
    Direction, RtpCodec, RtpFormat, RtpParams, SRTP_KEY_BYTES, SrtpKey, SrtpKeys, SrtpSuite,
};
use rand::Rng as _;
use std::net::{IpAddr, SocketAddr};

const OPUS_PAYLOAD: u8 = 111;
const EVENT_PAYLOAD: u8 = 101;
const EVENT_OPUS_PAYLOAD: u8 = 110;
const NOISE_PAYLOAD: u8 = 13;

/// What this side wants.
#[derive(Clone, Debug)]
pub(crate) struct Wishes {
    pub codecs: Vec<SipCodec>,
    pub packet_ms: u32,
    pub srtp: SrtpUse,
    /// The address of the sound, as the far end reaches it.
    pub ip: IpAddr,
}

/// Two descriptions that don't go together; the phrase of a 488.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unacceptable(pub &'static str);

/// What was agreed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Agreed {
    pub params: RtpParams,
    /// The far end does not want to hear.
    pub held_by_far_end: bool,
}

/// This side of a dialog's media.
pub(crate) struct Local {
    wishes: Wishes,
    id: u64,
    version: u64,
    port: u16,
    key: SrtpKey,
    /// The house holds the far end.
    pub holding: bool,
    /// Sections of the last description; `None` is the sound's.
    layout: Vec<Option<Media>>,
    agreed: Option<Agreed>,
    crypto: Option<Crypto>,
}

fn codec_of(codec: SipCodec) -> RtpCodec {
    match codec {
        SipCodec::Opus => RtpCodec::Opus,
        SipCodec::G722 => RtpCodec::G722,
        SipCodec::Pcma => RtpCodec::Pcma,
        SipCodec::Pcmu => RtpCodec::Pcmu,
    }
}

fn map_of(codec: RtpCodec) -> (&'static str, Option<&'static str>) {
    match codec {
        RtpCodec::Opus => ("opus/48000/2", Some("useinbandfec=1")),
        RtpCodec::G722 => ("G722/8000", None),
        RtpCodec::Pcma => ("PCMA/8000", None),
        RtpCodec::Pcmu => ("PCMU/8000", None),
    }
}

/// Name and clock of each payload number of a section, static ones included (RFC 3551 section 6).
fn formats(media: &Media) -> impl Iterator<Item = (u8, &str, u32)> {
    media.formats.iter().filter_map(|text| {
        let payload: u8 = text.parse().ok().filter(|p| *p < 128)?;
        let map = media.maps.iter().find(|map| map.payload == payload);
        match (map, payload) {
            (Some(map), _) => Some((payload, map.name.as_str(), map.clock_hz)),
            (None, 0) => Some((payload, "pcmu", 8000)),
            (None, 8) => Some((payload, "pcma", 8000)),
            (None, 9) => Some((payload, "g722", 8000)),
            (None, NOISE_PAYLOAD) => Some((payload, "cn", 8000)),
            (None, _) => None,
        }
    })
}

fn find(media: &Media, codec: RtpCodec) -> Option<u8> {
    let name = match codec {
        RtpCodec::Opus => "opus",
        RtpCodec::G722 => "g722",
        RtpCodec::Pcma => "pcma",
        RtpCodec::Pcmu => "pcmu",
    };
    formats(media)
        .find(|(_, its, clock_hz)| *its == name && *clock_hz == codec.clock_hz())
        .map(|(payload, _, _)| payload)
}

/// Keys: the number whose clock is the codec's, else any (RFC 4733 section 2.1 wants the former).
fn find_event(media: &Media, clock_hz: u32) -> Option<(u8, u32)> {
    let mut all = formats(media)
        .filter(|(_, name, _)| *name == "telephone-event")
        .map(|(payload, _, clock)| (payload, clock))
        .collect::<Vec<_>>();
    all.sort_by_key(|(_, clock)| *clock != clock_hz);
    all.first().copied()
}

fn is_secure(media: &Media) -> Option<bool> {
    match media.proto.as_str() {
        "RTP/AVP" | "RTP/AVPF" => Some(false),
        "RTP/SAVP" | "RTP/SAVPF" => Some(true),
        _ => None,
    }
}

fn reverse(direction: Direction) -> Direction {
    match direction {
        Direction::SendOnly => Direction::RecvOnly,
        Direction::RecvOnly => Direction::SendOnly,
        same => same,
    }
}

fn holding(direction: Direction) -> Direction {
    match direction {
        Direction::SendRecv => Direction::SendOnly,
        Direction::RecvOnly => Direction::Inactive,
        same => same,
    }
}

fn fresh_key() -> SrtpKey {
    let mut key = [0; SRTP_KEY_BYTES];
    rand::rng().fill(&mut key[..]);
    SrtpKey(key)
}

impl Local {
    pub fn new(wishes: Wishes, port: u16) -> Self {
        Self {
            wishes,
            id: u64::from(rand::random::<u32>()),
            version: 0,
            port,
            key: fresh_key(),
            holding: false,
            layout: vec![None],
            agreed: None,
            crypto: None,
        }
    }

    pub fn agreed(&self) -> Option<&Agreed> {
        self.agreed.as_ref()
    }

    /// Answers an offer; nothing changes where it is not acceptable.
    pub fn answer(&mut self, offer: &Sdp) -> Result<(String, Agreed), Unacceptable> {
        let (index, agreed, crypto) = self.choose(offer)?;
        self.layout = offer
            .media
            .iter()
            .enumerate()
            .map(|(n, media)| (n != index).then(|| media.clone()))
            .collect();
        self.crypto = crypto;
        self.agreed = Some(agreed.clone());
        let proto = offer.media[index].proto.clone();
        Ok((self.describe(&proto), agreed))
    }

    /// Whether an offer could be answered, without taking it.
    pub fn can_answer(offer: &Sdp, wishes: &Wishes) -> Result<(), Unacceptable> {
        Self::new(wishes.clone(), 9).choose(offer).map(|_| ())
    }

    fn choose(&self, offer: &Sdp) -> Result<(usize, Agreed, Option<Crypto>), Unacceptable> {
        let mut why = Unacceptable("No Audio Offered");
        let mut sections: Vec<_> = offer
            .media
            .iter()
            .enumerate()
            .filter(|(_, media)| media.kind == "audio" && media.port != 0)
            .collect();
        // The encrypted one of two is better.
        sections.sort_by_key(|(_, media)| is_secure(media) != Some(true));
        for (index, media) in sections {
            match self.choose_in(offer, media) {
                Ok((agreed, crypto)) => return Ok((index, agreed, crypto)),
                Err(fault) => why = fault,
            }
        }
        Err(why)
    }

    fn choose_in(
        &self,
        offer: &Sdp,
        media: &Media,
    ) -> Result<(Agreed, Option<Crypto>), Unacceptable> {
        let secure = is_secure(media).ok_or(Unacceptable("Unknown Media Protocol"))?;
        let theirs = media.crypto.first().filter(|_| secure);
        match (secure, self.wishes.srtp) {
            (false, SrtpUse::Required) => return Err(Unacceptable("Encrypted Media Required")),
            (true, SrtpUse::Off) => return Err(Unacceptable("Encrypted Media Not Supported")),
            (true, _) if theirs.is_none() => {
                return Err(Unacceptable("No Usable Encryption Key Offered"));
            }
            _ => {}
        }
        let (codec, payload) = self
            .wishes
            .codecs
            .iter()
            .find_map(|codec| {
                let codec = codec_of(*codec);
                Some((codec, find(media, codec)?))
            })
            .ok_or(Unacceptable("No Common Codec"))?;
        let crypto = theirs.map(|theirs| Crypto {
            tag: theirs.tag,
            suite: theirs.suite,
            key: self.key.clone(),
        });
        let agreed = self.agree(offer, media, codec, payload, theirs);
        Ok((agreed, crypto))
    }

    fn agree(
        &self,
        far: &Sdp,
        media: &Media,
        codec: RtpCodec,
        payload: u8,
        theirs: Option<&Crypto>,
    ) -> Agreed {
        let ip = media.ip.or(far.ip);
        let theirs_way = media
            .direction
            .or(far.direction)
            .unwrap_or(Direction::SendRecv);
        // 0.0.0.0 is how RFC 2543 said hold (RFC 3264 section 8.4).
        let nowhere = ip.is_some_and(|ip| ip.is_unspecified());
        let mut ours = reverse(theirs_way);
        if nowhere {
            ours = match ours {
                Direction::SendRecv => Direction::RecvOnly,
                Direction::SendOnly => Direction::Inactive,
                same => same,
            };
        }
        let held_by_far_end = nowhere || !theirs_way.receives();
        if self.holding {
            ours = holding(ours);
        }
        let format = RtpFormat {
            codec,
            payload,
            packet_ms: match media.ptime_ms {
                Some(ms @ 10..=60) if ms.is_multiple_of(10) => ms,
                _ => self.wishes.packet_ms,
            },
        };
        let ip = ip.filter(|_| !nowhere);
        let mut params = RtpParams::new(format, ip.map(|ip| SocketAddr::new(ip, media.port)));
        params.remote_rtcp = media
            .rtcp
            .and_then(|(port, its)| Some(SocketAddr::new(its.or(ip)?, port)));
        params.rtcp_mux = media.rtcp_mux;
        params.event = find_event(media, codec.clock_hz());
        params.comfort_noise = formats(media)
            .find(|(_, name, clock)| *name == "cn" && *clock == codec.clock_hz())
            .map(|(payload, _, _)| payload);
        params.srtp = theirs.map(|theirs| SrtpKeys {
            suite: theirs.suite,
            ours: self.key.clone(),
            theirs: theirs.key.clone(),
        });
        params.direction = ours;
        params.inband_keys = params.event.is_none();
        Agreed {
            params,
            held_by_far_end,
        }
    }

    /// Writes what was agreed, once more with a new version.
    fn describe(&mut self, proto: &str) -> String {
        self.version += 1;
        let Some(agreed) = &self.agreed else {
            return self.first_offer();
        };
        let params = &agreed.params;
        let (map, fmtp) = map_of(params.format.codec);
        let mut formats = vec![(params.format.payload, map, fmtp)];
        if let Some((payload, clock)) = params.event {
            let map = match clock {
                48_000 => "telephone-event/48000",
                16_000 => "telephone-event/16000",
                _ => "telephone-event/8000",
            };
            formats.push((payload, map, Some("0-16")));
        }
        if let Some(payload) = params.comfort_noise {
            formats.push((payload, "CN/8000", None));
        }
        let audio = Audio {
            port: self.port,
            proto,
            formats,
            packet_ms: params.format.packet_ms,
            direction: params.direction,
            crypto: self.crypto.as_ref(),
            rtcp_mux: params.rtcp_mux,
        };
        self.write(&audio)
    }

    fn write(&self, audio: &Audio<'_>) -> String {
        write(&Written {
            ip: self.wishes.ip,
            id: self.id,
            version: self.version,
            sections: self
                .layout
                .iter()
                .map(|section| match section {
                    None => Section::Audio(audio.clone()),
                    Some(media) => Section::Refused(media),
                })
                .collect(),
        })
    }

    /// Offers everything where nothing is agreed yet, else what is agreed, with hold as it is wanted.
    pub fn offer(&mut self) -> String {
        let Some(agreed) = &mut self.agreed else {
            self.version += 1;
            return self.first_offer();
        };
        agreed.params.direction = match (self.holding, agreed.held_by_far_end) {
            (false, false) => Direction::SendRecv,
            (true, false) => Direction::SendOnly,
            (false, true) => Direction::RecvOnly,
            (true, true) => Direction::Inactive,
        };
        let proto = if self.crypto.is_some() {
            "RTP/SAVP"
        } else {
            "RTP/AVP"
        };
        self.describe(proto)
    }

    fn first_offer(&mut self) -> String {
        let secure = self.wishes.srtp == SrtpUse::Required;
        self.crypto = secure.then(|| Crypto {
            tag: 1,
            suite: SrtpSuite::AesCm128HmacSha1_80,
            key: self.key.clone(),
        });
        let mut formats = Vec::new();
        for codec in &self.wishes.codecs {
            let codec = codec_of(*codec);
            let (map, fmtp) = map_of(codec);
            formats.push((codec.static_payload().unwrap_or(OPUS_PAYLOAD), map, fmtp));
        }
        formats.push((EVENT_PAYLOAD, "telephone-event/8000", Some("0-16")));
        if self.wishes.codecs.contains(&SipCodec::Opus) {
            formats.push((EVENT_OPUS_PAYLOAD, "telephone-event/48000", Some("0-16")));
        }
        formats.push((NOISE_PAYLOAD, "CN/8000", None));
        let way = Direction::SendRecv;
        let audio = Audio {
            port: self.port,
            proto: if secure { "RTP/SAVP" } else { "RTP/AVP" },
            formats,
            packet_ms: self.wishes.packet_ms,
            direction: if self.holding { holding(way) } else { way },
            crypto: self.crypto.as_ref(),
            rtcp_mux: false,
        };
        self.write(&audio)
    }

    /// Takes the answer to [`Self::offer`].
    pub fn accept(&mut self, answer: &Sdp) -> Result<Agreed, Unacceptable> {
        let index = self.layout.iter().position(Option::is_none).unwrap_or(0);
        let media = answer
            .media
            .get(index)
            .filter(|media| media.kind == "audio" && media.port != 0)
            .ok_or(Unacceptable("No Audio Accepted"))?;
        let theirs = match (&self.crypto, is_secure(media)) {
            (None, Some(false)) => None,
            (Some(ours), Some(true)) => Some(
                media
                    .crypto
                    .iter()
                    .find(|c| c.tag == ours.tag && c.suite == ours.suite)
                    .ok_or(Unacceptable("No Usable Encryption Key"))?,
            ),
            _ => return Err(Unacceptable("Another Media Protocol")),
        };
        let (codec, payload) = media
            .formats
            .iter()
            .find_map(|text| {
                let payload: u8 = text.parse().ok()?;
                self.wishes
                    .codecs
                    .iter()
                    .map(|codec| codec_of(*codec))
                    .find(|codec| find(media, *codec) == Some(payload))
                    .map(|codec| (codec, payload))
            })
            .ok_or(Unacceptable("No Common Codec"))?;
        let agreed = self.agree(answer, media, codec, payload, theirs);
        self.agreed = Some(agreed.clone());
        Ok(agreed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wishes(srtp: SrtpUse) -> Wishes {
        Wishes {
            codecs: vec![
                SipCodec::Opus,
                SipCodec::G722,
                SipCodec::Pcma,
                SipCodec::Pcmu,
            ],
            packet_ms: 20,
            srtp,
            ip: "192.0.2.1".parse().unwrap(),
        }
    }

    fn offer(media: &str) -> Sdp {
        let text = format!("v=0\r\nc=IN IP4 192.0.2.7\r\n{media}");
        Sdp::read(text.as_bytes()).unwrap()
    }

    fn answered(srtp: SrtpUse, media: &str) -> Result<(String, Agreed), Unacceptable> {
        Local::new(wishes(srtp), 4000).answer(&offer(media))
    }

    #[test]
    fn the_best_codec_in_common() {
        let (text, agreed) = answered(
            SrtpUse::Off,
            "m=video 9 RTP/AVP 31\r\nm=audio 5000 RTP/AVP 0 8 96 97 13\r\na=rtpmap:96 opus/48000/2\r\n\
             a=rtpmap:97 telephone-event/8000\r\na=ptime:30\r\nm=image 7 udptl t38\r\n",
        )
        .unwrap();
        assert_eq!(
            agreed.params.format,
            RtpFormat {
                codec: RtpCodec::Opus,
                payload: 96,
                packet_ms: 30
            }
        );
        assert_eq!(agreed.params.event, Some((97, 8000)));
        assert_eq!(
            agreed.params.remote,
            Some("192.0.2.7:5000".parse().unwrap())
        );
        let answer = Sdp::read(text.as_bytes()).unwrap();
        let ports: Vec<_> = answer
            .media
            .iter()
            .map(|m| (m.kind.as_str(), m.port))
            .collect();
        assert_eq!(ports, [("video", 0), ("audio", 4000), ("image", 0)]);
        let (_, agreed) = answered(SrtpUse::Off, "m=audio 5000 RTP/AVP 0 13\r\n").unwrap();
        assert_eq!(agreed.params.comfort_noise, Some(13));
        assert!(agreed.params.inband_keys);
    }

    #[test]
    fn what_is_not_acceptable_is_named() {
        let why = |srtp, media| answered(srtp, media).unwrap_err().0;
        assert_eq!(
            why(SrtpUse::Off, "m=audio 5000 RTP/AVP 18\r\n"),
            "No Common Codec"
        );
        assert_eq!(
            why(SrtpUse::Off, "m=video 5000 RTP/AVP 0\r\n"),
            "No Audio Offered"
        );
        assert_eq!(
            why(SrtpUse::Off, "m=audio 0 RTP/AVP 0\r\n"),
            "No Audio Offered"
        );
        assert_eq!(
            why(SrtpUse::Required, "m=audio 5 RTP/AVP 0\r\n"),
            "Encrypted Media Required"
        );
        assert_eq!(
            why(SrtpUse::Off, "m=audio 5 RTP/SAVP 0\r\n"),
            "Encrypted Media Not Supported"
        );
        assert_eq!(
            why(SrtpUse::Optional, "m=audio 5 RTP/SAVP 0\r\n"),
            "No Usable Encryption Key Offered"
        );
        assert_eq!(
            why(SrtpUse::Off, "m=audio 5 TCP/X 0\r\n"),
            "Unknown Media Protocol"
        );
    }

    #[test]
    fn every_form_of_hold() {
        let hold = |change: &str| {
            let (_, agreed) = answered(
                SrtpUse::Off,
                &format!("m=audio 5000 RTP/AVP 0\r\n{change}\r\n"),
            )
            .unwrap();
            (agreed.held_by_far_end, agreed.params.direction)
        };
        assert_eq!(hold("a=sendrecv"), (false, Direction::SendRecv));
        assert_eq!(hold("a=sendonly"), (true, Direction::RecvOnly));
        assert_eq!(hold("a=recvonly"), (false, Direction::SendOnly));
        assert_eq!(hold("a=inactive"), (true, Direction::Inactive));
        assert_eq!(hold("c=IN IP4 0.0.0.0"), (true, Direction::RecvOnly));
    }

    #[test]
    fn two_of_us_agree_on_everything() {
        for srtp in [SrtpUse::Off, SrtpUse::Required] {
            let mut caller = Local::new(wishes(srtp), 4000);
            let mut callee = Local::new(wishes(srtp), 6000);
            let first = Sdp::read(caller.offer().as_bytes()).unwrap();
            let (text, theirs) = callee.answer(&first).unwrap();
            let ours = caller.accept(&Sdp::read(text.as_bytes()).unwrap()).unwrap();
            assert_eq!(ours.params.format, theirs.params.format);
            assert_eq!(ours.params.event, Some((110, 48_000)));
            assert_eq!(ours.params.remote.map(|a| a.port()), Some(6000));
            assert_eq!(ours.params.srtp.is_some(), srtp == SrtpUse::Required);
            if let (Some(a), Some(b)) = (&ours.params.srtp, &theirs.params.srtp) {
                assert_eq!((&a.ours, &a.theirs), (&b.theirs, &b.ours));
            }
            caller.holding = true;
            let again = Sdp::read(caller.offer().as_bytes()).unwrap();
            let (text, theirs) = callee.answer(&again).unwrap();
            assert!(theirs.held_by_far_end);
            let ours = caller.accept(&Sdp::read(text.as_bytes()).unwrap()).unwrap();
            assert_eq!(ours.params.direction, Direction::SendOnly);
            assert!(!ours.held_by_far_end);
        }
    }
}
