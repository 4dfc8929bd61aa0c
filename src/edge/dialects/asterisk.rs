//! Asterisk's WebSocket channel (`chan_websocket`; Asterisk 20.16, 21.11, 22.6, 23.0 and later).
//!
//! Sound comes and goes in binary messages, events and commands in text messages: plain text, or
//! JSON where the dial string says `f(json)` (20.18, 22.8, 23.2 and later). We answer in the form
//! that `MEDIA_START` came in. The driver cuts sound into frames and times them; we send frames of
//! the right size at the right time all the same, so that its queue stays short.
//!
//! A text message that cannot be read is skipped: the WebSocket keeps messages apart.

use super::sound::{Decoder, Encoder, Reservoir, SoundFormat};
use super::stream::{self, Dialect, Said};
use super::{
    DialectError, MESSAGE_BYTES_MAX, Mode, Opening, Pairs, StreamCall, WireMessage, first_of,
    json_fault,
};
use crate::leg::CloseReason;
use bytes::BytesMut;
use futures_util::{Sink, Stream, StreamExt};
use serde::Deserialize;
use sidetone_media::Pcm;
use sidetone_media::event::event_of;
use sidetone_types::Wire;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

const NAME: &str = "Asterisk WebSocket";
/// A channel that is on hold may be silent, one whose Asterisk is gone as well.
const IDLE_MAX: Duration = Duration::from_secs(300);
const FORMATS: &str = "ulaw, alaw, slin or slin16, as in Dial(WebSocket/sidetone/c(slin16))";
const BLOCK_BYTES: usize = 16 * 1024;

/// What the driver says in a text message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Start(Start),
    Key(char),
    /// `MEDIA_XOFF` (true): its queue is nearly full. `MEDIA_XON` (false): sound may flow again.
    Hold(bool),
    /// A mark of ours reached the front of its queue.
    Mark(String),
    Drained,
    /// A command of ours was refused.
    Refused(String),
    /// Anything else: the driver learns new events from release to release.
    Other,
}

/// `MEDIA_START`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    pub connection_id: String,
    pub channel: String,
    /// Empty in the first releases, which know no marks either.
    pub channel_id: String,
    pub format: String,
    /// Bytes of one frame.
    pub optimal_frame_size: usize,
    /// Only in JSON.
    pub channel_variables: BTreeMap<String, String>,
    /// Whether commands are to be sent as JSON.
    pub json: bool,
}

/// Reads one text message.
pub fn parse(text: &str) -> Result<Event, DialectError> {
    if text.len() > MESSAGE_BYTES_MAX {
        let bytes = text.len();
        return Err(DialectError::TooLong { wire: NAME, bytes });
    }
    let text = text.trim();
    if text.starts_with('{') {
        let fields: Fields = serde_json::from_str(text)
            .map_err(|error| DialectError::malformed(NAME, "?", "json", json_fault(&error)))?;
        return event(fields, true);
    }
    let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
    let mut fields = Fields {
        event: name.to_owned(),
        ..Fields::default()
    };
    if name == "MEDIA_MARK_PROCESSED" {
        fields.correlation_id = Some(rest.trim().to_owned());
        return event(fields, false);
    }
    for (key, value) in rest
        .split_ascii_whitespace()
        .filter_map(|part| part.split_once(':'))
    {
        let value = Some(value.to_owned());
        match key {
            "connection_id" => fields.connection_id = value,
            "channel" => fields.channel = value,
            "channel_id" => fields.channel_id = value,
            "format" => fields.format = value,
            "optimal_frame_size" => {
                fields.optimal_frame_size = value.and_then(|value| value.parse().ok());
            }
            "digit" => fields.digit = value,
            "error_text" => fields.error_text = value,
            _ => {}
        }
    }
    event(fields, false)
}

#[derive(Default, Deserialize)]
struct Fields {
    event: String,
    connection_id: Option<String>,
    channel: Option<String>,
    channel_id: Option<String>,
    format: Option<String>,
    optimal_frame_size: Option<usize>,
    channel_variables: Option<BTreeMap<String, String>>,
    digit: Option<String>,
    correlation_id: Option<String>,
    error_text: Option<String>,
}

fn event(fields: Fields, json: bool) -> Result<Event, DialectError> {
    let name = fields.event;
    let missing = |field| DialectError::malformed(NAME, &name, field, "it is missing");
    Ok(match name.as_str() {
        "MEDIA_START" => Event::Start(Start {
            format: fields.format.ok_or_else(|| missing("format"))?,
            connection_id: fields.connection_id.unwrap_or_default(),
            channel: fields.channel.unwrap_or_default(),
            channel_id: fields.channel_id.unwrap_or_default(),
            optimal_frame_size: fields.optimal_frame_size.unwrap_or_default(),
            channel_variables: fields.channel_variables.unwrap_or_default(),
            json,
        }),
        "DTMF_END" => {
            let digit = fields.digit.ok_or_else(|| missing("digit"))?;
            let mut keys = digit.chars();
            match (keys.next(), keys.next()) {
                (Some(key), None) if event_of(key).is_some() => {
                    Event::Key(key.to_ascii_uppercase())
                }
                _ => {
                    let why = "one of 0-9, *, #, A-D is needed";
                    return Err(DialectError::malformed(NAME, &name, "digit", why));
                }
            }
        }
        "MEDIA_XOFF" => Event::Hold(true),
        "MEDIA_XON" => Event::Hold(false),
        "MEDIA_MARK_PROCESSED" => Event::Mark(fields.correlation_id.unwrap_or_default()),
        "QUEUE_DRAINED" => Event::Drained,
        "ERROR" => Event::Refused(fields.error_text.unwrap_or_default()),
        "" => return Err(missing("event")),
        _ => Event::Other,
    })
}

/// What we tell the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    Answer,
    Hangup,
    /// Sound in pieces of any size follows. We send whole frames and never need it.
    StartBuffering,
    StopBuffering,
    Flush,
    Mark(u32),
    ReportDrained,
    Status,
}

impl Command {
    /// The text message.
    pub fn text(self, json: bool) -> String {
        let (name, id) = match self {
            Self::Answer => ("ANSWER", None),
            Self::Hangup => ("HANGUP", None),
            Self::StartBuffering => ("START_MEDIA_BUFFERING", None),
            Self::StopBuffering => ("STOP_MEDIA_BUFFERING", None),
            Self::Flush => ("FLUSH_MEDIA", None),
            Self::Mark(number) => ("MARK_MEDIA", Some(number)),
            Self::ReportDrained => ("REPORT_QUEUE_DRAINED", None),
            Self::Status => ("GET_STATUS", None),
        };
        match (json, id) {
            (true, Some(id)) => format!(r#"{{"command":"{name}","correlation_id":"{id}"}}"#),
            (true, None) => format!(r#"{{"command":"{name}"}}"#),
            (false, Some(id)) => format!("{name} {id}"),
            (false, None) => name.to_owned(),
        }
    }
}

/// The sound format by Asterisk's name.
pub fn format_of(name: &str) -> Result<SoundFormat, DialectError> {
    Ok(match name {
        "ulaw" => SoundFormat::Ulaw,
        "alaw" => SoundFormat::Alaw,
        _ => {
            let rate_hz = match name.strip_prefix("slin") {
                Some("") => 8000,
                Some("44") => 44_100,
                Some(khz @ ("12" | "16" | "24" | "32" | "48" | "96" | "192")) => {
                    khz.parse::<u32>().unwrap_or(8) * 1000
                }
                _ => {
                    return Err(DialectError::Format {
                        wire: NAME,
                        format: name.chars().take(32).collect(),
                        instead: FORMATS,
                    });
                }
            };
            SoundFormat::Slin { rate_hz }
        }
    })
}

/// Takes a connection of the driver. `opening` is what the route knows of the call, from the
/// connection's own parameters (`v(…)` in the dial string); channel variables that begin with
/// `SIDETONE_` go over it. `None`: the second leg of a call whose first leg has it.
pub async fn accept<S, E>(
    mut socket: S,
    mut opening: Opening,
    pairs: &Pairs,
) -> Result<Option<StreamCall>, DialectError>
where
    S: Stream<Item = Result<WireMessage, E>> + Sink<WireMessage> + Send + Unpin + 'static,
    E: Display + Send + 'static,
    <S as Sink<WireMessage>>::Error: Display + Send,
{
    let start = first_of(&mut socket, NAME, "MEDIA_START", |text| {
        Ok(match parse(text)? {
            Event::Start(start) => Some(start),
            _ => None,
        })
    })
    .await?;
    for (name, value) in &start.channel_variables {
        if name.starts_with("SIDETONE_") {
            opening.set(name, value);
        }
    }
    if opening.reference.is_empty() {
        opening.reference = match start.channel_id.as_str() {
            "" => start.connection_id.clone(),
            id => id.to_owned(),
        };
    }
    let dialect = Asterisk::new(&start, opening.mode == Mode::Assistant)?;
    let (to, from) = socket.split();
    let (leg, _) = stream::start(dialect, from, to, false);
    if opening.mode == Mode::Assist {
        return Ok(pairs.join(opening, leg).await);
    }
    Ok(Some(StreamCall {
        opening,
        caller: leg,
        agent: None,
    }))
}

struct Asterisk {
    decoder: Decoder,
    encoder: Encoder,
    block: BytesMut,
    json: bool,
    marks: bool,
    speaks: bool,
}

impl Asterisk {
    fn new(start: &Start, speaks: bool) -> Result<Self, DialectError> {
        let format = format_of(&start.format)?;
        let encoder = Encoder::new(format)?;
        let ours = encoder.frame_bytes();
        if start.optimal_frame_size != 0 && !ours.is_multiple_of(start.optimal_frame_size) {
            let why = format!("frames of 20 ms have {ours} bytes, which it does not divide");
            return Err(DialectError::malformed(
                NAME,
                "MEDIA_START",
                "optimal_frame_size",
                why,
            ));
        }
        Ok(Self {
            decoder: Decoder::new(format)?,
            encoder,
            block: BytesMut::with_capacity(BLOCK_BYTES),
            json: start.json,
            marks: start.json || !start.channel_id.is_empty(),
            speaks,
        })
    }

    fn command(&self, command: Command) -> Option<WireMessage> {
        Some(WireMessage::Text(command.text(self.json)))
    }
}

impl Dialect for Asterisk {
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
        match message {
            WireMessage::Text(text) => Ok(match parse(&text)? {
                Event::Key(key) => Said::Key { side: 0, key },
                Event::Hold(on) => Said::Hold(on),
                Event::Mark(id) => id.parse().map_or(Said::Nothing, Said::Reached),
                Event::Refused(why) => {
                    let why: String = why.chars().take(200).collect();
                    tracing::warn!(wire = NAME, why, "Asterisk refuses a command");
                    Said::Nothing
                }
                Event::Start(_) | Event::Drained | Event::Other => Said::Nothing,
            }),
            WireMessage::Binary(bytes) => {
                let width = self.decoder.format().bytes_per_sample();
                if bytes.len() > MESSAGE_BYTES_MAX {
                    let bytes = bytes.len();
                    return Err(DialectError::TooLong { wire: NAME, bytes });
                }
                if !bytes.len().is_multiple_of(width) {
                    let why = format!("{} bytes are no whole 16-bit samples", bytes.len());
                    return Err(DialectError::malformed(NAME, "binary", "sound", why));
                }
                if let Some(side) = sides.first_mut() {
                    self.decoder.decode(&bytes, side);
                }
                let rate_hz = u64::from(self.decoder.format().rate_hz());
                let sound_us = (bytes.len() / width) as u64 * 1_000_000 / rate_hz;
                Ok(Said::Sound { sound_us })
            }
            WireMessage::Close => Ok(Said::Over(CloseReason::FarEnd)),
        }
    }

    fn sound(&mut self, pcm: &Pcm) -> Option<WireMessage> {
        if !self.speaks {
            return None;
        }
        self.block.reserve(self.encoder.frame_bytes());
        self.encoder.encode(pcm, &mut self.block);
        Some(WireMessage::Binary(self.block.split().freeze()))
    }

    /// The driver makes its own.
    fn fills_silence(&self) -> bool {
        false
    }

    fn mark(&mut self, number: u32) -> Option<WireMessage> {
        if !self.marks {
            return None;
        }
        self.command(Command::Mark(number))
    }

    fn clear(&mut self) -> Option<WireMessage> {
        self.command(Command::Flush)
    }

    fn bye(&mut self) -> Option<WireMessage> {
        self.command(Command::Hangup)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "MEDIA_START connection_id:e226e283-c90a-4ea9-9e37-389000b9ef47 \
        channel:WebSocket/sidetone channel_id:pbx1-123456789.999 format:slin16 \
        optimal_frame_size:640 ptime:20";
    const JSON: &str = r#"{"event":"MEDIA_START","connection_id":"e226e283","channel":"WebSocket/a",
        "channel_id":"pbx1-1.2","format":"ulaw","optimal_frame_size":160,"ptime":20,
        "channel_variables":{"SIDETONE_LANG":"en","OTHER":"x"}}"#;

    #[test]
    fn both_forms_are_read() {
        let Event::Start(plain) = parse(PLAIN).unwrap() else {
            panic!()
        };
        assert_eq!(
            (plain.format.as_str(), plain.optimal_frame_size),
            ("slin16", 640)
        );
        assert_eq!(
            (plain.channel_id.as_str(), plain.json),
            ("pbx1-123456789.999", false)
        );
        let Event::Start(json) = parse(JSON).unwrap() else {
            panic!()
        };
        assert_eq!((json.format.as_str(), json.json), ("ulaw", true));
        assert_eq!(json.channel_variables["SIDETONE_LANG"], "en");
        let pairs = [
            (
                "DTMF_END digit:# channel_id:1.2",
                r##"{"event":"DTMF_END","digit":"#"}"##,
                Event::Key('#'),
            ),
            (
                "MEDIA_XOFF",
                r#"{"event":"MEDIA_XOFF","channel_id":"1"}"#,
                Event::Hold(true),
            ),
            ("MEDIA_XON", r#"{"event":"MEDIA_XON"}"#, Event::Hold(false)),
            (
                "MEDIA_MARK_PROCESSED 17",
                r#"{"event":"MEDIA_MARK_PROCESSED","correlation_id":"17"}"#,
                Event::Mark("17".into()),
            ),
            (
                "QUEUE_DRAINED",
                r#"{"event":"QUEUE_DRAINED"}"#,
                Event::Drained,
            ),
            (
                "SOMETHING_NEW a:b",
                r#"{"event":"SOMETHING_NEW","a":[1]}"#,
                Event::Other,
            ),
        ];
        for (plain, json, event) in pairs {
            assert_eq!(parse(plain), Ok(event.clone()), "{plain}");
            assert_eq!(parse(json), Ok(event), "{json}");
        }
    }

    #[test]
    fn faults_name_the_message_and_the_field_and_no_value() {
        for (wrong, says) in [
            ("", "message ``, field `event`: it is missing"),
            (
                "MEDIA_START channel:x",
                "message `MEDIA_START`, field `format`: it is missing",
            ),
            ("DTMF_END digit:55", "message `DTMF_END`, field `digit`"),
            (
                "DTMF_END",
                "message `DTMF_END`, field `digit`: it is missing",
            ),
            ("{\"event\":", "field `json`: the text ends too early"),
            (
                "{\"event\":\"DTMF_END\",\"digit\":\"+8613800001234\"",
                "the text ends too early",
            ),
            ("{\"event\":13800001234}", "a value has the wrong type"),
        ] {
            let error = parse(wrong).unwrap_err().to_string();
            assert!(
                error.contains(says) && !error.contains("138"),
                "{wrong}: {error}"
            );
        }
        assert!(parse(&"x".repeat(MESSAGE_BYTES_MAX + 1)).is_err());
    }

    #[test]
    fn commands_are_written_in_both_forms() {
        assert_eq!(Command::Flush.text(false), "FLUSH_MEDIA");
        assert_eq!(Command::Mark(7).text(false), "MARK_MEDIA 7");
        let json: serde_json::Value = serde_json::from_str(&Command::Mark(7).text(true)).unwrap();
        assert_eq!(json["command"], "MARK_MEDIA");
        assert_eq!(json["correlation_id"], "7");
        assert_eq!(format_of("slin"), Ok(SoundFormat::Slin { rate_hz: 8000 }));
        assert_eq!(
            format_of("slin44"),
            Ok(SoundFormat::Slin { rate_hz: 44_100 })
        );
        assert!(
            format_of("opus")
                .unwrap_err()
                .to_string()
                .contains("c(slin16)")
        );
    }
}
