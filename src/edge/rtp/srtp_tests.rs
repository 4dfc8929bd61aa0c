use super::*;
use rtc::srtp::context::Context;
use rtc::srtp::option::{srtcp_replay_protection, srtp_replay_protection};
use rtc::srtp::protection_profile::ProtectionProfile;

const HEADER_BYTES: usize = super::super::packet::HEADER_BYTES;

fn key(seed: u8) -> SrtpKey {
    SrtpKey(std::array::from_fn(|n| {
        (n as u8).wrapping_mul(7).wrapping_add(seed)
    }))
}

fn packet(sequence: u16, ssrc: u32, payload: usize) -> Vec<u8> {
    let header = RtpHeader {
        marker: false,
        payload_type: 0,
        sequence,
        timestamp: u32::from(sequence) * 160,
        ssrc,
        padded: false,
        length: HEADER_BYTES,
    };
    let mut bytes = [0; HEADER_BYTES];
    header.write(&mut bytes);
    let mut packet = bytes.to_vec();
    packet.extend((0..payload).map(|n| n as u8));
    packet
}

fn protected(sender: &mut SrtpSender, plain: &[u8]) -> Vec<u8> {
    let header = RtpHeader::parse(plain).unwrap();
    let mut buffer = plain.to_vec();
    buffer.resize(plain.len() + TRAILER_BYTES_MAX, 0);
    let length = sender.protect(
        &mut buffer,
        header.length,
        plain.len(),
        header.ssrc,
        header.sequence,
    );
    buffer.truncate(length);
    buffer
}

fn opened(receiver: &mut SrtpReceiver, packet: &[u8]) -> Result<Vec<u8>, Refused> {
    let mut packet = packet.to_vec();
    let header = RtpHeader::parse(&packet).unwrap();
    let (length, _) = receiver.unprotect(&header, &mut packet)?;
    packet.truncate(length);
    Ok(packet)
}

fn theirs(profile: ProtectionProfile, key: &SrtpKey) -> Context {
    let crypto = rtc::crypto::default_provider().unwrap();
    Context::new(
        &key.0[..16],
        &key.0[16..],
        profile,
        Some(srtp_replay_protection(128)),
        Some(srtcp_replay_protection(128)),
        crypto.crypto(),
    )
    .unwrap()
}

const SUITES: [(SrtpSuite, ProtectionProfile); 2] = [
    (
        SrtpSuite::AesCm128HmacSha1_80,
        ProtectionProfile::Aes128CmHmacSha1_80,
    ),
    (
        SrtpSuite::AesCm128HmacSha1_32,
        ProtectionProfile::Aes128CmHmacSha1_32,
    ),
];

#[test]
fn the_keys_of_the_rfc() {
    // RFC 3711 appendix B.3.
    let master = hex("E1F97A0D3E018BE0D64FA32C06DE41390EC675AD498AFEEBB6960B3AABE6");
    let crypt = Crypt::derive(&SrtpKey(master.try_into().unwrap()), 0);
    assert_eq!(crypt.salt.to_vec(), hex("30CBBC08863D8C85D49DB34A9AE1"));
    let mut stream = [0; 16];
    keystream(&crypt.cipher, &[0; 16], &mut stream);
    let mut expected = [0; 16];
    let cipher_key: [u8; 16] = hex("C61E7A93744F39EE10734AFE3FF7A087").try_into().unwrap();
    keystream(&Aes128::new(&cipher_key.into()), &[0; 16], &mut expected);
    assert_eq!(stream, expected);
    // Appendix B.2: the keystream of AES in counter mode.
    let session: [u8; 16] = hex("2B7E151628AED2A6ABF7158809CF4F3C").try_into().unwrap();
    let iv: [u8; 16] = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000").try_into().unwrap();
    let mut stream = [0; 32];
    keystream(&Aes128::new(&session.into()), &iv, &mut stream);
    assert_eq!(
        stream.to_vec(),
        hex("E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB")
    );
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|n| u8::from_str_radix(&text[2 * n..2 * n + 2], 16).unwrap())
        .collect()
}

#[test]
fn another_implementation_opens_what_we_protect_and_the_other_way_round() {
    for (suite, profile) in SUITES {
        let mut sender = SrtpSender::new(suite, &key(1));
        let mut receiver = SrtpReceiver::new(suite, &key(1));
        let (mut their_sender, mut their_receiver) =
            (theirs(profile, &key(1)), theirs(profile, &key(1)));
        // Over the wrap of the sequence numbers, with a loss and a swap.
        let numbers: Vec<u16> = (0..200u16).map(|n| 65_436u16.wrapping_add(n)).collect();
        for (n, &sequence) in numbers.iter().enumerate() {
            let plain = packet(sequence, 42, 160);
            let ours = protected(&mut sender, &plain);
            let other = their_sender.encrypt_rtp(&plain).unwrap();
            assert_eq!(ours, other.to_vec());
            if n % 17 == 5 {
                continue;
            }
            assert_eq!(their_receiver.decrypt_rtp(&ours).unwrap().to_vec(), plain);
            assert_eq!(opened(&mut receiver, &other), Ok(plain));
        }
        let report = [&[0x80u8, 201, 0, 1][..], &42u32.to_be_bytes()].concat();
        for _ in 0..3 {
            let mut buffer = [report.clone(), vec![0; TRAILER_BYTES_MAX]].concat();
            let length = sender.protect_rtcp(&mut buffer, report.len(), 42);
            let opened = their_receiver.decrypt_rtcp(&buffer[..length]).unwrap();
            assert_eq!(opened.to_vec(), report);
            let mut other = their_sender.encrypt_rtcp(&report).unwrap().to_vec();
            let length = receiver.unprotect_rtcp(&mut other).unwrap();
            assert_eq!(&other[..length], report);
        }
    }
}

#[test]
fn forged_replayed_and_retired_packets_are_refused() {
    let suite = SrtpSuite::AesCm128HmacSha1_32;
    let mut sender = SrtpSender::new(suite, &key(1));
    let mut receiver = SrtpReceiver::new(suite, &key(1));
    let sent: Vec<Vec<u8>> = (0..300)
        .map(|n| protected(&mut sender, &packet(n, 42, 20)))
        .collect();
    for packet in &sent[100..250] {
        opened(&mut receiver, packet).unwrap();
    }
    assert_eq!(opened(&mut receiver, &sent[249]), Err(Refused::Replayed));
    assert_eq!(opened(&mut receiver, &sent[150]), Err(Refused::Replayed));
    assert_eq!(
        opened(&mut receiver, &sent[10]),
        Err(Refused::Replayed),
        "too old"
    );
    for place in [1, 3, 9, 13, 31, 33] {
        let mut forged = sent[260].clone();
        forged[place] ^= 1;
        let refused = opened(&mut receiver, &forged).unwrap_err();
        assert!(
            matches!(refused, Refused::Forged | Refused::Replayed),
            "byte {place}"
        );
    }
    let other_key = protected(&mut SrtpSender::new(suite, &key(2)), &packet(251, 42, 20));
    assert_eq!(opened(&mut receiver, &other_key), Err(Refused::Forged));
    assert_eq!(
        opened(&mut receiver, &sent[260][..14]),
        Err(Refused::Malformed)
    );
    opened(&mut receiver, &sent[260]).unwrap();
    // The far end begins a stream of another source; the old one's packets are history.
    let next = protected(&mut SrtpSender::new(suite, &key(1)), &packet(5, 43, 20));
    opened(&mut receiver, &next).unwrap();
    assert_eq!(opened(&mut receiver, &sent[270]), Err(Refused::Replayed));
}

#[test]
fn a_control_packet_without_encryption_still_needs_its_tag() {
    let suite = SrtpSuite::AesCm128HmacSha1_80;
    let mut receiver = SrtpReceiver::new(suite, &key(1));
    let mut bye = [
        &[0x81u8, 203, 0, 1][..],
        &42u32.to_be_bytes(),
        &[0, 0, 0, 9],
        &[0; 10],
    ]
    .concat();
    assert_eq!(receiver.unprotect_rtcp(&mut bye), Err(Refused::Forged));
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_refused(mut bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..120), sequence: u16) {
        let mut receiver = SrtpReceiver::new(SrtpSuite::AesCm128HmacSha1_32, &key(3));
        proptest::prop_assert!(receiver.unprotect_rtcp(&mut bytes).is_err());
        let mut rtp = packet(sequence, 1, 0);
        rtp.extend(&bytes);
        proptest::prop_assert!(opened(&mut receiver, &rtp).is_err());
    }
}
