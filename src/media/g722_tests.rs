//! Against another implementation: the files in `testdata` are a third of a second (a tone, pink
//! noise, a sweep to 6 kHz), made, coded and decoded with FFmpeg.

use super::*;
use crate::level::level_dbov;

const CODED: &[u8] = include_bytes!("testdata/g722_coded.g722");

fn samples(bytes: &[u8]) -> Vec<i16> {
    bytes
        .chunks_exact(2)
        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
        .collect()
}

fn original() -> Vec<i16> {
    samples(include_bytes!("testdata/g722_in.s16"))
}

/// Level of the difference below that of the sound, in decibels, with the delay that fits best.
fn distance_db(sound: &[i16], coded: &[i16]) -> f32 {
    (0..40)
        .map(|delay| {
            let difference: Vec<i16> = sound
                .iter()
                .zip(&coded[delay..])
                .map(|(a, b)| a.saturating_sub(*b))
                .collect();
            level_dbov(sound) - level_dbov(&difference)
        })
        .fold(f32::MIN, f32::max)
}

#[test]
fn another_encoders_bytes_are_decoded_to_the_same_sample() {
    let expected = samples(include_bytes!("testdata/g722_out.s16"));
    let mut out = vec![0; CODED.len() * 2];
    assert_eq!(G722Decoder::default().decode(CODED, &mut out), out.len());
    let differing = out.iter().zip(&expected).filter(|(a, b)| a != b).count();
    assert_eq!((out.len(), differing), (expected.len(), 0));
}

#[test]
fn our_bytes_are_those_of_another_encoder() {
    let original = original();
    let mut bytes = vec![0; original.len() / 2];
    G722Encoder::default().encode(&original, &mut bytes);
    assert!(bytes == CODED);
    let mut out = vec![0; original.len()];
    G722Decoder::default().decode(&bytes, &mut out);
    // Noise over the whole band is the hardest there is.
    let quality = distance_db(&original, &out);
    assert!(quality > 12.0, "{quality} dB");
}

#[test]
fn the_loudest_and_rubbish_overflow_nothing() {
    let mut encoder = G722Encoder::default();
    let (mut bytes, mut out) = ([0; 160], [0; 320]);
    for period in [1, 2, 3, 7, 50] {
        let square: Vec<i16> = (0..320)
            .map(|n| {
                if n / period % 2 == 0 {
                    i16::MAX
                } else {
                    i16::MIN
                }
            })
            .collect();
        for _ in 0..20 {
            encoder.encode(&square, &mut bytes);
        }
    }
    let mut seed = 5u32;
    let mut decoder = G722Decoder::default();
    for _ in 0..200 {
        for byte in &mut bytes {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = (seed >> 24) as u8;
        }
        decoder.decode(&bytes, &mut out);
    }
    for code in 0..=255 {
        decoder.decode(&[code; 400], &mut out);
    }
}

#[test]
fn after_lost_packets_the_far_end_is_caught_up_with() {
    let original: Vec<i16> = original().into_iter().cycle().take(16_000).collect();
    let mut bytes = vec![0; original.len() / 2];
    G722Encoder::default().encode(&original, &mut bytes);
    let mut whole = vec![0; original.len()];
    G722Decoder::default().decode(&bytes, &mut whole);
    let mut decoder = G722Decoder::default();
    let mut gapped = vec![0; original.len()];
    decoder.decode(&bytes[..1600], &mut gapped[..3200]);
    decoder.decode(&bytes[1920..], &mut gapped[3840..]);
    // 200 ms after a gap of 40 the two are practically one.
    assert!(distance_db(&whole[7040..], &gapped[7040..]) > 30.0);
}
