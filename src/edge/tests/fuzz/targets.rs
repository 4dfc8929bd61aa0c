//! The parsers that strangers reach. A target may check more than that nothing panics.

use super::Target;
use bytes::BytesMut;
use sidetone_edge::dialects::{DialectError, Network, Opening, asterisk, audiosocket, twilio};
use sidetone_edge::fuzzing;
use sidetone_media::codec::PACKET_SAMPLES_MAX;
use sidetone_media::event::{EventReceiver, TelephoneEvent};
use sidetone_media::{OpusDecoder, wav};

/// Every target: its name, which is also its folder in `tests/corpus`, and what it runs.
pub const TARGETS: &[(&str, Target)] = &[
    ("audiosocket", audiosocket_stream),
    ("asterisk", asterisk_message),
    ("twilio", twilio_message),
    ("wav", wav_file),
    ("telephone-event", telephone_events),
    ("opus", opus_packets),
    ("sdp-browser", fuzzing::browser_description),
    ("sip", fuzzing::sip_message),
    ("sip-stream", fuzzing::sip_stream),
    ("sdp", fuzzing::session_description),
    ("rtp", fuzzing::rtp_datagrams),
    ("rtcp", fuzzing::rtcp_packet),
    ("opening", opening_parameters),
];

/// Inputs that other tests keep.
pub const ELSEWHERE: &[(&str, &str)] = &[("sip", "rfc4475"), ("sip-stream", "rfc4475")];

/// A whole stream: split, read, and written again.
fn audiosocket_stream(input: &[u8]) -> String {
    let mut buffer = BytesMut::from(input);
    let mut seen = String::new();
    let mut taken = 0;
    while let Some(message) = audiosocket::split(&mut buffer) {
        taken += message.len();
        match audiosocket::parse(&message) {
            Ok(audiosocket::Message::Sound { rate_hz, bytes }) => {
                assert!(bytes.len().is_multiple_of(2) && bytes.len() + 3 == message.len());
                seen.push_str(match rate_hz {
                    8000 => "a",
                    16_000 => "b",
                    _ => "c",
                });
            }
            Ok(other) => seen.push_str(&format!("{other:?}")),
            Err(error) => seen.push_str(&fault(error)),
        }
        let mut again = BytesMut::new();
        audiosocket::build(message[0], &message[3..], &mut again);
        assert_eq!(again, message, "what is written is what was read");
    }
    assert_eq!(taken + buffer.len(), input.len(), "no byte is lost");
    seen.chars().take(60).collect()
}

/// What kind of fault, without what a stranger wrote.
fn fault(error: DialectError) -> String {
    match error {
        DialectError::Malformed { field, why, .. } => {
            format!("{field}: {}", why.split('(').next().unwrap_or_default())
        }
        other => name_of(&other),
    }
}

/// The name of a variant.
fn name_of(value: &impl std::fmt::Debug) -> String {
    let shown = format!("{value:?}");
    shown.chars().take_while(|c| c.is_alphanumeric()).collect()
}

fn asterisk_message(input: &[u8]) -> String {
    let text = String::from_utf8_lossy(input);
    match asterisk::parse(&text) {
        Ok(asterisk::Event::Start(start)) => {
            let format = asterisk::format_of(&start.format).is_ok();
            let named = [&start.channel, &start.channel_id, &start.connection_id]
                .map(|name| !name.is_empty());
            format!(
                "{format} {named:?} {}",
                start.channel_variables.len().min(4)
            )
        }
        Ok(event) => name_of(&event),
        Err(error) => fault(error),
    }
}

fn twilio_message(input: &[u8]) -> String {
    let text = String::from_utf8_lossy(input);
    match twilio::parse(&text) {
        Ok(twilio::Event::Media { track, .. }) => format!("{track:?}"),
        Ok(twilio::Event::Start(start)) => {
            assert!(start.stream.is_ascii() && !start.stream.contains(char::is_control));
            format!(
                "{} {}",
                start.tracks.len().min(4),
                start.parameters.len().min(4)
            )
        }
        Ok(event) => name_of(&event),
        Err(error) => fault(error),
    }
}

fn wav_file(input: &[u8]) -> String {
    match wav::read(input) {
        Ok(recording) => {
            let channels = recording.channels.len();
            assert!(
                recording
                    .channels
                    .iter()
                    .all(|c| c.len() == recording.channels[0].len())
            );
            // Only short ones: the filter's work grows with the sound, as it has to.
            let house = recording.channels.first().is_some_and(|c| c.len() < 4000)
                && recording.to_house().is_ok();
            format!(
                "{channels} {} {house}",
                ["slow", "fast"][usize::from(recording.rate_hz > 16_000)]
            )
        }
        // The texts of its errors quote the file.
        Err(error) => format!("{error:?}")
            .chars()
            .take_while(|c| c.is_alphanumeric())
            .collect(),
    }
}

/// Packets of eight bytes: four of timestamp, four of event.
fn telephone_events(input: &[u8]) -> String {
    let mut receiver = EventReceiver::default();
    let mut keys = String::new();
    for packet in input.chunks(8) {
        let (stamp, payload) = packet.split_at(packet.len().min(4));
        let stamp = stamp
            .iter()
            .fold(0, |stamp, byte| stamp << 8 | u32::from(*byte));
        if let Ok(event) = TelephoneEvent::parse(payload) {
            // Reserved bits are not kept, so it is the second writing that must agree.
            let written = event.build();
            assert_eq!(
                TelephoneEvent::parse(&written).map(|event| event.build()),
                Ok(written)
            );
        }
        keys.extend(receiver.push(stamp, payload));
    }
    keys.truncate(8);
    keys
}

/// Packets with a length of one byte before each.
fn opus_packets(input: &[u8]) -> String {
    let Ok(mut decoder) = OpusDecoder::new() else {
        return "no decoder".into();
    };
    let mut out = Box::new([0; PACKET_SAMPLES_MAX]);
    let mut seen = String::new();
    let mut rest = input;
    while let Some((length, after)) = rest.split_first() {
        let (packet, after) = after.split_at(after.len().min(usize::from(*length)));
        rest = after;
        match decoder.decode(packet, &mut out) {
            Ok(samples) => {
                assert!(samples <= PACKET_SAMPLES_MAX);
                seen.push('x');
            }
            Err(_) => seen.push('e'),
        }
        if seen.len() == 8 {
            break;
        }
    }
    seen
}

/// Lines of `name=value`, as a far end's parameters; the last is a block of addresses.
fn opening_parameters(input: &[u8]) -> String {
    let text = String::from_utf8_lossy(input);
    let mut opening = Opening::default();
    for line in text.lines() {
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        opening.set(name, value);
        if let Ok(network) = value.parse::<Network>() {
            assert_eq!(network.to_string().parse(), Ok(network));
            network.contains(std::net::Ipv6Addr::LOCALHOST.into());
            network.contains(std::net::Ipv4Addr::LOCALHOST.into());
        }
    }
    assert!(opening.parameters.len() <= 32);
    format!(
        "{:?} {:?} {} {}",
        opening.mode,
        opening.lang,
        opening.ani.is_some(),
        opening.dnis.is_some()
    )
}
