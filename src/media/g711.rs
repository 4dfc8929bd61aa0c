//! G.711 µ-law and A-law (ITU-T G.711), the sound of the telephone network: 8 kHz, one byte a sample.
//!
//! Decoding goes through tables built at compile time. Encoding follows the segment arithmetic of
//! the recommendation and returns for every decoded value the code it came from (A-law exactly,
//! µ-law except that its two codes for zero both become 0xFF).

const fn decode_ulaw_code(code: u8) -> i16 {
    let code = !code;
    let magnitude = (((code & 0x0F) as i32) << 3) + 0x84;
    let value = (magnitude << ((code & 0x70) >> 4)) - 0x84;
    if code & 0x80 != 0 {
        -value as i16
    } else {
        value as i16
    }
}

const fn decode_alaw_code(code: u8) -> i16 {
    let code = code ^ 0x55;
    let mantissa = ((code & 0x0F) as i32) << 4;
    let segment = (code & 0x70) >> 4;
    let value = match segment {
        0 => mantissa + 8,
        _ => (mantissa + 0x108) << (segment - 1),
    };
    if code & 0x80 != 0 {
        value as i16
    } else {
        -value as i16
    }
}

const fn table(alaw: bool) -> [i16; 256] {
    let mut out = [0; 256];
    let mut code = 0;
    while code < 256 {
        out[code] = if alaw {
            decode_alaw_code(code as u8)
        } else {
            decode_ulaw_code(code as u8)
        };
        code += 1;
    }
    out
}

static ULAW: [i16; 256] = table(false);
static ALAW: [i16; 256] = table(true);

/// The 16-bit sample of a µ-law code.
pub fn from_ulaw(code: u8) -> i16 {
    ULAW[usize::from(code)]
}

/// The 16-bit sample of an A-law code.
pub fn from_alaw(code: u8) -> i16 {
    ALAW[usize::from(code)]
}

/// The µ-law code nearest to a sample. Samples beyond ±32635 are clipped.
pub fn to_ulaw(sample: i16) -> u8 {
    let negative = sample < 0;
    let magnitude = i32::from(sample).abs().min(32635) + 0x84;
    // The position of the highest set bit above the bias names the segment.
    let segment = (31 - (magnitude as u32).leading_zeros() as i32 - 7).max(0);
    let mantissa = (magnitude >> (segment + 3)) & 0x0F;
    let code = ((segment << 4) | mantissa) as u8;
    !(if negative { code | 0x80 } else { code })
}

/// The A-law code nearest to a sample.
pub fn to_alaw(sample: i16) -> u8 {
    let negative = sample < 0;
    // −1 − x maps −1..=−32768 onto 0..=32767: the two halves of the characteristic are mirror images.
    let magnitude = if negative {
        -1 - i32::from(sample)
    } else {
        i32::from(sample)
    };
    let segment = if magnitude < 256 {
        0
    } else {
        31 - (magnitude as u32).leading_zeros() as i32 - 7
    };
    let mantissa = match segment {
        0 => magnitude >> 4,
        _ => (magnitude >> (segment + 3)) & 0x0F,
    };
    let code = ((segment << 4) | mantissa) as u8;
    (if negative { code } else { code | 0x80 }) ^ 0x55
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values_of_the_recommendation() {
        // G.711 tables 1a to 2b at 14/13-bit scale, shifted to 16 bits.
        for (code, sample) in [
            (0x80, 32124),
            (0x00, -32124),
            (0xFF, 0),
            (0x7F, 0),
            (0xF0, 120),
            (0x8F, 16764),
        ] {
            assert_eq!(from_ulaw(code), sample, "µ-law {code:#x}");
        }
        for (code, sample) in [
            (0xAA, 32256),
            (0x2A, -32256),
            (0xD5, 8),
            (0x55, -8),
            (0x80, 5504),
        ] {
            assert_eq!(from_alaw(code), sample, "A-law {code:#x}");
        }
        assert_eq!(to_ulaw(0), 0xFF);
        assert_eq!(to_ulaw(i16::MAX), 0x80);
        assert_eq!(to_ulaw(i16::MIN), 0x00);
        assert_eq!(to_alaw(i16::MAX), 0xAA);
        assert_eq!(to_alaw(i16::MIN), 0x2A);
    }

    #[test]
    fn every_code_survives_the_round_trip() {
        for code in 0..=255u8 {
            assert_eq!(to_alaw(from_alaw(code)), code, "A-law");
            let expected = if code == 0x7F { 0xFF } else { code };
            assert_eq!(to_ulaw(from_ulaw(code)), expected, "µ-law");
        }
    }

    #[test]
    fn the_nearest_code_is_chosen_within_half_a_step() {
        for sample in i16::MIN..=i16::MAX {
            let loud = i32::from(sample).abs();
            // A step of a segment is 1/16 of its span; half of it is the largest error.
            let step = (loud + 0x84) / 32 + 8;
            assert!((i32::from(from_alaw(to_alaw(sample))) - i32::from(sample)).abs() <= step);
            if loud <= 32635 {
                assert!((i32::from(from_ulaw(to_ulaw(sample))) - i32::from(sample)).abs() <= step);
            }
        }
    }
}
