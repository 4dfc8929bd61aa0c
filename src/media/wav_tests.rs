use super::*;
use std::io::Cursor;

fn sine(count: usize, rate_hz: u32) -> Vec<i16> {
    (0..count)
        .map(|n| {
            ((n as f64 * 440.0 / f64::from(rate_hz) * std::f64::consts::TAU).sin() * 12_000.0)
                as i16
        })
        .collect()
}

/// A file as another writer makes it.
fn foreign(bits: u16, float: bool, channels: u16, rate_hz: u32, samples: &[i16]) -> Vec<u8> {
    let sample_format = if float {
        hound::SampleFormat::Float
    } else {
        hound::SampleFormat::Int
    };
    let spec = hound::WavSpec {
        channels,
        sample_rate: rate_hz,
        bits_per_sample: bits,
        sample_format,
    };
    let mut out = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut out, spec).unwrap();
    for &sample in samples {
        for _ in 0..channels {
            match (float, bits) {
                (true, _) => writer.write_sample(f32::from(sample) / 32768.0).unwrap(),
                (false, 8) => writer.write_sample((sample >> 8) as i8).unwrap(),
                (false, _) => writer
                    .write_sample(i32::from(sample) << (bits - 16))
                    .unwrap(),
            }
        }
    }
    writer.finalize().unwrap();
    out.into_inner()
}

#[test]
fn files_of_another_writer_are_read_in_every_common_encoding() {
    let tone = sine(4000, 16_000);
    for (bits, float, channels) in [
        (8, false, 1),
        (16, false, 1),
        (16, false, 2),
        (24, false, 2),
        (32, false, 1),
        (32, true, 1),
        (32, true, 6),
    ] {
        let recording = read(&foreign(bits, float, channels, 16_000, &tone)).unwrap();
        assert_eq!(
            (recording.rate_hz, recording.channels.len()),
            (16_000, usize::from(channels))
        );
        let house = recording.to_house().unwrap();
        let worst = house
            .iter()
            .zip(&tone)
            .map(|(a, b)| (i32::from(*a) - i32::from(*b)).abs())
            .max()
            .unwrap();
        assert!(
            worst <= if bits == 8 { 256 } else { 1 },
            "{bits} {float} {channels}: {worst}"
        );
        assert_eq!(house.len(), tone.len());
    }
}

#[test]
fn other_rates_become_sixteen_kilohertz() {
    for rate_hz in [8_000, 11_025, 22_050, 44_100, 48_000] {
        let house = read_house(&foreign(
            16,
            false,
            2,
            rate_hz,
            &sine(rate_hz as usize, rate_hz),
        ))
        .unwrap();
        assert_eq!(house.len(), 16_000);
        let crossings = house
            .windows(2)
            .filter(|pair| pair[0] < 0 && pair[1] >= 0)
            .count();
        assert!((438..=441).contains(&crossings), "{rate_hz}: {crossings}");
    }
}

#[test]
fn telephone_encodings_are_read() {
    for (tag, decode) in [
        (6u16, g711::from_alaw as fn(u8) -> i16),
        (7, g711::from_ulaw),
    ] {
        let mut file = header(1, 8000, 256).to_vec();
        file[20..22].copy_from_slice(&tag.to_le_bytes());
        file[34..36].copy_from_slice(&8u16.to_le_bytes());
        file.extend(0..=255u8);
        let expected: Vec<i16> = (0..=255u8).map(decode).collect();
        assert_eq!(read(&file).unwrap().channels[0], expected);
    }
}

#[test]
fn what_is_written_is_read_by_others_and_by_ourselves() {
    let (left, right) = (sine(5000, 16_000), sine(5000, 8_000));
    let mut writer = WavWriter::new(Cursor::new(Vec::new()), 2, 16_000).unwrap();
    for (l, r) in left.chunks(320).zip(right.chunks(320)) {
        writer.push_pair(l, r).unwrap();
    }
    let file = writer.finish().unwrap().into_inner();
    let recording = read(&file).unwrap();
    assert_eq!(recording.channels, [left.clone(), right]);
    let mut other = hound::WavReader::new(Cursor::new(&file)).unwrap();
    assert_eq!(other.spec().channels, 2);
    assert_eq!(
        other
            .samples::<i16>()
            .step_by(2)
            .map(Result::unwrap)
            .collect::<Vec<_>>(),
        left
    );
    assert_eq!(read(&mono_bytes(&left, 16_000)).unwrap().channels, [left]);
}

#[test]
fn a_file_left_behind_by_a_crash_plays() {
    let mut writer = WavWriter::new(Cursor::new(Vec::new()), 1, 16_000).unwrap();
    writer.push(&[1; 800]).unwrap();
    let never_closed = writer.out.clone().into_inner();
    assert_eq!(read(&never_closed).unwrap().channels[0].len(), 800);
    writer.checkpoint().unwrap();
    writer.push(&[2; 800]).unwrap();
    let mut cut = writer.out.into_inner();
    cut.truncate(44 + 1300);
    assert_eq!(read(&cut).unwrap().channels[0].len(), 650);
}

#[test]
fn broken_files_say_what_is_wrong() {
    let good = foreign(16, false, 1, 16_000, &[1; 100]);
    let with = |at: usize, bytes: &[u8]| {
        let mut file = good.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        read(&file).unwrap_err()
    };
    assert!(matches!(read(b""), Err(WavError::NotWav { .. })));
    assert!(matches!(
        read(b"ID3\x04 this is an MP3"),
        Err(WavError::NotWav { .. })
    ));
    assert_eq!(with(12, b"fmx "), WavError::Missing { chunk: "fmt" });
    assert_eq!(with(36, b"dxta"), WavError::Missing { chunk: "data" });
    assert_eq!(with(20, &[2, 0]), WavError::Encoding { tag: 2, bits: 16 });
    assert_eq!(with(34, &[12, 0]), WavError::Encoding { tag: 1, bits: 12 });
    assert_eq!(with(22, &[0, 0]), WavError::Channels { channels: 0 });
    assert!(matches!(with(24, &[0, 0, 0, 0]), WavError::Rate(_)));
    assert_eq!(read(&good[..44]), Err(WavError::Empty));
    assert!(read(b"ID3").unwrap_err().to_string().contains("ffmpeg"));
}

proptest::proptest! {
    #[test]
    fn no_bytes_panic(mut bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300), like_wav: bool) {
        if like_wav && bytes.len() > 48 {
            bytes[..44].copy_from_slice(&header(1, 16_000, 0));
        }
        let _ = read_house(&bytes);
    }

    #[test]
    fn no_damage_to_a_good_file_panics(at in 0usize..244, value: u8) {
        let mut file = foreign(16, false, 1, 16_000, &[1; 100]);
        file[at] = value;
        let _ = read_house(&file);
    }
}
