//! Entries for the fuzz targets. Each takes what a stranger may send and says what became of it.

use super::rtcp;
use super::stream::{Channel, Out, Stream};
use super::{RtpCodec, RtpFormat, RtpParams, SRTP_KEY_BYTES, SrtpKey, SrtpKeys, SrtpSuite};
use sidetone_media::FRAME_SAMPLES;
use std::net::{Ipv4Addr, SocketAddr};

/// Sent datagrams are counted; none is longer than a network takes.
#[derive(Default)]
struct Counted(u32);

impl Out for Counted {
    fn send(&mut self, _: Channel, _: SocketAddr, bytes: &[u8]) {
        assert!((12..=1500).contains(&bytes.len()));
        self.0 += 1;
    }
}

/// A leg's life: the first byte chooses codec, encryption and multiplexing; then datagrams, each
/// after a byte of how (socket, source, time) and two of length.
pub fn datagrams(octets: &[u8]) -> String {
    let Some((how, mut rest)) = octets.split_first() else {
        return String::new();
    };
    let codec = [
        RtpCodec::Pcmu,
        RtpCodec::Pcma,
        RtpCodec::G722,
        RtpCodec::Opus,
    ];
    let codec = codec[usize::from(how & 3)];
    let format = RtpFormat {
        codec,
        payload: codec.static_payload().unwrap_or(111),
        packet_ms: 20,
    };
    let key = |seed| SrtpKey([seed; SRTP_KEY_BYTES]);
    let source = |port: u8| SocketAddr::from((Ipv4Addr::LOCALHOST, 4000 + u16::from(port)));
    let params = RtpParams {
        rtcp_mux: how & 4 != 0,
        srtp: (how & 8 != 0).then(|| SrtpKeys {
            suite: SrtpSuite::AesCm128HmacSha1_80,
            ours: key(1),
            theirs: key(2),
        }),
        event: Some((101, codec.clock_hz())),
        comfort_noise: Some(13),
        inband_keys: how & 16 != 0,
        ..RtpParams::new(format, Some(source(0)))
    };
    let Ok(mut stream) = Stream::new(params, 0) else {
        return "no codec".into();
    };
    let (mut out, mut now_us, mut keys) = (Counted::default(), 0, 0);
    let mut pcm = [0; FRAME_SAMPLES];
    for _ in 0..32 {
        let [how, high, low, after @ ..] = rest else {
            break;
        };
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(after.len());
        let (datagram, after) = after.split_at(length);
        rest = after;
        let channel = if how & 1 == 0 {
            Channel::Rtp
        } else {
            Channel::Rtcp
        };
        now_us += u64::from(how >> 4) * 10_000;
        let mut datagram = datagram.to_vec();
        let key = stream.datagram(channel, source(how >> 1 & 3), &mut datagram, now_us);
        keys += u32::from(key.is_some());
        keys += u32::from(stream.tick(now_us, &mut pcm, &mut out).is_some());
        stream.frame(&pcm, 0, now_us, &mut out);
    }
    let quality = stream.quality();
    assert!(quality.loss_permille <= 1000);
    stream.bye(now_us, &mut out);
    let counts = format!("{:?}", stream.counts());
    // Which counters moved, not how far.
    let moved: String = counts
        .split(", ")
        .map(|c| if c.ends_with(" 0") { '0' } else { 'n' })
        .collect();
    format!("{moved} {} {}", keys > 0, out.0 > 0)
}

/// A compound RTCP packet.
pub fn control(octets: &[u8]) -> String {
    let mut seen = String::new();
    let whole = rtcp::read(octets, |item| {
        let name = match item {
            rtcp::RtcpItem::SenderReport { .. } => 's',
            rtcp::RtcpItem::Block(block) => {
                let _ = rtcp::round_trip_ms(&block, rtcp::ntp_of(0));
                'b'
            }
            rtcp::RtcpItem::Bye { .. } => 'y',
        };
        if seen.len() < 6 {
            seen.push(name);
        }
    });
    format!("{whole} {seen}")
}
