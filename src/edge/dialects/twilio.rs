//! Twilio's Media Streams: JSON text messages with base64 µ-law at 8 kHz.
//!
//! After Twilio's "Media Streams - WebSocket Messages". `<Connect><Stream>` is a conversation: the
//! inbound track comes, and media, mark and clear go out. `<Start><Stream track="both_tracks">` only
//! listens: both tracks come, and nothing that is sent is heard. The protocol has no message that
//! hangs up; closing the WebSocket ends `<Connect>`, and the call goes on with the next verb of the
//! TwiML.
//!
//! A message that cannot be read is skipped: the WebSocket keeps messages apart.

use super::sound::{Decoder, Encoder, Reservoir, SoundFormat};
use super::stream::{self, Dialect, Said};
use super::{
    DialectError, MESSAGE_BYTES_MAX, Mode, Opening, StreamCall, WireMessage, first_of, json_fault,
};
use crate::leg::CloseReason;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use futures_util::{Sink, Stream, StreamExt};
use serde::Deserialize;
use sidetone_media::Pcm;
use sidetone_media::event::event_of;
use sidetone_types::Wire;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

const NAME: &str = "Twilio Media Streams";
/// Twilio sends media without pause, silence included.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// Before the number of a mark of ours.
const MARK: &str = "sidetone-";

/// Whose sound it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Track {
    /// What Twilio hears: the caller.
    Inbound,
    /// What Twilio plays to the caller: the other party.
    Outbound,
}

/// One message of Twilio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    Connected,
    Start(Start),
    /// Base64 of µ-law.
    Media {
        track: Track,
        payload: Cow<'a, str>,
    },
    Key(char),
    /// All sound before this mark was played, or was cleared.
    Mark(String),
    Stop,
    /// Anything else.
    Other,
}

/// What a stream brings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    pub stream: String,
    pub call: String,
    pub tracks: Vec<String>,
    /// `<Parameter>`s of the TwiML.
    pub parameters: BTreeMap<String, String>,
    pub encoding: String,
    pub rate_hz: u32,
}

/// Reads one message.
pub fn parse(text: &str) -> Result<Event<'_>, DialectError> {
    if text.len() > MESSAGE_BYTES_MAX {
        let bytes = text.len();
        return Err(DialectError::TooLong { wire: NAME, bytes });
    }
    let message: Message<'_> = serde_json::from_str(text).map_err(|error| {
        let name =
            serde_json::from_str::<Name>(text).map_or_else(|_| "?".into(), |name| name.event);
        DialectError::malformed(NAME, &name, "json", json_fault(&error))
    })?;
    let name = message.event.as_ref();
    let fault = |field, why: &str| DialectError::malformed(NAME, name, field, why);
    let missing = |field| fault(field, "it is missing");
    Ok(match name {
        "connected" => Event::Connected,
        "start" => {
            let start = message.start.ok_or_else(|| missing("start"))?;
            Event::Start(start_of(start, message.stream_sid)?)
        }
        "media" => {
            let media = message.media.ok_or_else(|| missing("media"))?;
            Event::Media {
                track: track(&media.track).ok_or_else(|| fault("media.track", TRACKS))?,
                payload: media.payload,
            }
        }
        "dtmf" => {
            let digit = message.dtmf.ok_or_else(|| missing("dtmf"))?.digit;
            let mut keys = digit.chars();
            match (keys.next(), keys.next()) {
                (Some(key), None) if event_of(key).is_some() => {
                    Event::Key(key.to_ascii_uppercase())
                }
                _ => return Err(fault("dtmf.digit", "one of 0-9, *, #, A-D is needed")),
            }
        }
        "mark" => Event::Mark(message.mark.ok_or_else(|| missing("mark"))?.name),
        "stop" => Event::Stop,
        _ => Event::Other,
    })
}

const TRACKS: &str = "inbound or outbound is needed";

fn track(name: &str) -> Option<Track> {
    match name {
        // Where only one track is asked for, some messages go without its name.
        "" | "inbound" | "inbound_track" => Some(Track::Inbound),
        "outbound" | "outbound_track" => Some(Track::Outbound),
        _ => None,
    }
}

fn start_of(body: StartBody, outside: Option<String>) -> Result<Start, DialectError> {
    let stream = body.stream_sid.or(outside).unwrap_or_default();
    let usable =
        !stream.is_empty() && stream.len() <= 128 && stream.chars().all(|c| c.is_ascii_graphic());
    if !usable {
        let why = "at most 128 visible ASCII characters are needed";
        return Err(DialectError::malformed(NAME, "start", "streamSid", why));
    }
    let format = body.media_format.unwrap_or_default();
    Ok(Start {
        stream,
        call: body.call_sid.unwrap_or_default(),
        tracks: body.tracks.unwrap_or_default(),
        parameters: body.custom_parameters.unwrap_or_default(),
        encoding: format.encoding.unwrap_or_else(|| "audio/x-mulaw".into()),
        rate_hz: format.sample_rate.unwrap_or(8000),
    })
}

#[derive(Deserialize)]
struct Name {
    event: String,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(rename = "streamSid")]
    stream_sid: Option<String>,
    #[serde(borrow)]
    media: Option<MediaBody<'a>>,
    start: Option<StartBody>,
    dtmf: Option<DtmfBody>,
    mark: Option<MarkBody>,
}

#[derive(Deserialize)]
struct MediaBody<'a> {
    #[serde(borrow, default)]
    track: Cow<'a, str>,
    #[serde(borrow)]
    payload: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StartBody {
    stream_sid: Option<String>,
    call_sid: Option<String>,
    tracks: Option<Vec<String>>,
    custom_parameters: Option<BTreeMap<String, String>>,
    media_format: Option<FormatBody>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FormatBody {
    encoding: Option<String>,
    sample_rate: Option<u32>,
}

#[derive(Deserialize)]
struct DtmfBody {
    digit: String,
}

#[derive(Deserialize)]
struct MarkBody {
    name: String,
}

/// Takes a connection of Twilio. `opening` is what the route knows of the call; the TwiML's
/// `<Parameter>`s (`ani`, `dnis`, `lang`, `mode`) go over it. A stream of both tracks is always
/// [`Mode::Assist`] and brings two legs, which end together.
pub async fn accept<S, E>(mut socket: S, mut opening: Opening) -> Result<StreamCall, DialectError>
where
    S: Stream<Item = Result<WireMessage, E>> + Sink<WireMessage> + Send + Unpin + 'static,
    E: Display + Send + 'static,
    <S as Sink<WireMessage>>::Error: Display + Send,
{
    let start = first_of(&mut socket, NAME, "start message", |text| {
        Ok(match parse(text)? {
            Event::Start(start) => Some(start),
            _ => None,
        })
    })
    .await?;
    if !start.encoding.contains("mulaw") || start.rate_hz != 8000 {
        return Err(DialectError::Format {
            wire: NAME,
            format: format!("{:.32} at {} Hz", start.encoding, start.rate_hz),
            instead: "audio/x-mulaw at 8000 Hz",
        });
    }
    for (name, value) in &start.parameters {
        opening.set(name, value);
    }
    if opening.reference.is_empty() {
        opening.reference = match start.call.as_str() {
            "" => start.stream.clone(),
            call => call.to_owned(),
        };
    }
    let both = ["inbound", "outbound"]
        .iter()
        .all(|wanted| start.tracks.iter().any(|track| track == wanted));
    if both {
        opening.mode = Mode::Assist;
    }
    let dialect = Twilio::new(&start.stream, opening.mode == Mode::Assistant, both)?;
    let (to, from) = socket.split();
    let (caller, agent) = stream::start(dialect, from, to, both);
    Ok(StreamCall {
        opening,
        caller,
        agent,
    })
}

struct Twilio {
    decoders: Vec<Decoder>,
    encoder: Encoder,
    bytes: BytesMut,
    heard: Vec<u8>,
    /// What every message to this stream begins with, after its event.
    address: String,
    speaks: bool,
}

impl Twilio {
    fn new(stream: &str, speaks: bool, both: bool) -> Result<Self, DialectError> {
        let mut decoders = vec![Decoder::new(SoundFormat::Ulaw)?];
        if both {
            decoders.push(Decoder::new(SoundFormat::Ulaw)?);
        }
        let stream = serde_json::Value::from(stream);
        Ok(Self {
            decoders,
            encoder: Encoder::new(SoundFormat::Ulaw)?,
            bytes: BytesMut::with_capacity(1024),
            heard: Vec::with_capacity(4096),
            address: format!("\"streamSid\":{stream}"),
            speaks,
        })
    }
}

impl Dialect for Twilio {
    const NAME: &'static str = NAME;
    const WIRE: Wire = Wire::WebSocket;
    const END: CloseReason = CloseReason::Lost;

    fn idle_max(&self) -> Duration {
        IDLE_MAX
    }

    fn read(
        &mut self,
        message: WireMessage,
        sides: &mut [Reservoir],
    ) -> Result<Said, DialectError> {
        let text = match message {
            WireMessage::Text(text) => text,
            WireMessage::Binary(_) => {
                let why = "messages come as text";
                return Err(DialectError::malformed(NAME, "binary", "frame", why));
            }
            WireMessage::Close => return Ok(Said::Over(CloseReason::FarEnd)),
        };
        Ok(match parse(&text)? {
            Event::Media { track, payload } => {
                // A stream of one track has one side, whichever track it is.
                let side = if track == Track::Outbound {
                    sides.len() - 1
                } else {
                    0
                };
                self.heard.clear();
                STANDARD
                    .decode_vec(payload.as_bytes(), &mut self.heard)
                    .map_err(|error| {
                        DialectError::malformed(NAME, "media", "media.payload", error.to_string())
                    })?;
                let (Some(decoder), Some(reservoir)) =
                    (self.decoders.get_mut(side), sides.get_mut(side))
                else {
                    return Ok(Said::Nothing);
                };
                decoder.decode(&self.heard, reservoir);
                if side > 0 {
                    // The pace of the messages is measured on one track.
                    return Ok(Said::Nothing);
                }
                let sound_us = self.heard.len() as u64 * 125;
                Said::Sound { sound_us }
            }
            Event::Key(key) => Said::Key { side: 0, key },
            Event::Mark(name) => name
                .strip_prefix(MARK)
                .and_then(|number| number.parse().ok())
                .map_or(Said::Nothing, Said::Reached),
            Event::Stop => Said::Over(CloseReason::FarEnd),
            Event::Connected | Event::Start(_) | Event::Other => Said::Nothing,
        })
    }

    fn sound(&mut self, pcm: &Pcm) -> Option<WireMessage> {
        if !self.speaks {
            return None;
        }
        self.bytes.clear();
        self.encoder.encode(pcm, &mut self.bytes);
        let mut text = String::with_capacity(self.address.len() + self.bytes.len() * 2);
        text.push_str("{\"event\":\"media\",");
        text.push_str(&self.address);
        text.push_str(",\"media\":{\"payload\":\"");
        STANDARD.encode_string(&self.bytes, &mut text);
        text.push_str("\"}}");
        Some(WireMessage::Text(text))
    }

    /// Twilio plays silence by itself.
    fn fills_silence(&self) -> bool {
        false
    }

    fn mark(&mut self, number: u32) -> Option<WireMessage> {
        let address = &self.address;
        let text = format!(r#"{{"event":"mark",{address},"mark":{{"name":"{MARK}{number}"}}}}"#);
        self.speaks.then_some(WireMessage::Text(text))
    }

    fn clear(&mut self) -> Option<WireMessage> {
        let text = format!(r#"{{"event":"clear",{}}}"#, self.address);
        self.speaks.then_some(WireMessage::Text(text))
    }

    /// Closing the WebSocket is all there is.
    fn bye(&mut self) -> Option<WireMessage> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_messages_of_the_documentation_are_read() {
        let connected = r#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#;
        assert_eq!(parse(connected), Ok(Event::Connected));
        let start = r#"{"event":"start","sequenceNumber":"1","start":{"accountSid":"AC1",
            "streamSid":"MZ1","callSid":"CA1","tracks":["inbound"],
            "mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},
            "customParameters":{"lang":"en","ani":"+15551234"}},"streamSid":"MZ1"}"#;
        let Ok(Event::Start(start)) = parse(start) else {
            panic!()
        };
        assert_eq!((start.stream.as_str(), start.call.as_str()), ("MZ1", "CA1"));
        assert_eq!(start.parameters["lang"], "en");
        let media = r#"{"event":"media","sequenceNumber":"3","media":{"track":"outbound",
            "chunk":"1","timestamp":"5","payload":"no+J\/w=="},"streamSid":"MZ1"}"#;
        let (track, payload) = (Track::Outbound, "no+J/w==".into());
        assert_eq!(parse(media), Ok(Event::Media { track, payload }));
        let dtmf = r#"{"event":"dtmf","streamSid":"MZ1","sequenceNumber":"5",
            "dtmf":{"track":"inbound_track","digit":"1"}}"#;
        assert_eq!(parse(dtmf), Ok(Event::Key('1')));
        let mark = r#"{"event":"mark","sequenceNumber":"4","streamSid":"MZ1","mark":{"name":"m"}}"#;
        assert_eq!(parse(mark), Ok(Event::Mark("m".into())));
        let stop = r#"{"event":"stop","sequenceNumber":"5","stop":{"accountSid":"AC1",
            "callSid":"CA1"},"streamSid":"MZ1"}"#;
        assert_eq!(parse(stop), Ok(Event::Stop));
        assert_eq!(parse(r#"{"event":"news","media":null}"#), Ok(Event::Other));
    }

    #[test]
    fn faults_name_the_message_and_the_field_and_no_value() {
        for (wrong, says) in [
            ("", "message `?`, field `json`: the text ends too early"),
            ("[]", "field `json`"),
            (
                r#"{"event":"media"}"#,
                "message `media`, field `media`: it is missing",
            ),
            (
                r#"{"event":"media","media":{}}"#,
                "message `media`, field `json`: missing field `payload`",
            ),
            (
                r#"{"event":"media","media":{"payload":"","track":"3"}}"#,
                "field `media.track`",
            ),
            (
                r#"{"event":"dtmf","dtmf":{"digit":"138"}}"#,
                "message `dtmf`, field `dtmf.digit`",
            ),
            (
                r#"{"event":"start","start":{}}"#,
                "message `start`, field `streamSid`",
            ),
            (
                r#"{"event":"start","start":{"streamSid":"M","customParameters":{"ani":138}}}"#,
                "message `start`, field `json`: a value has the wrong type",
            ),
        ] {
            let error = parse(wrong).unwrap_err().to_string();
            assert!(
                error.contains(says) && !error.contains("138"),
                "{wrong}: {error}"
            );
        }
        assert!(parse(&"[".repeat(MESSAGE_BYTES_MAX)).is_err());
    }
}
