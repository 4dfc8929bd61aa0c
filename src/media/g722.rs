//! G.722 at 64 kbit/s (ITU-T G.722, mode 1): 16 kHz sound, one byte for two samples.
//!
//! Two quadrature mirror filters split the band at 4 kHz; each half is coded by adaptive differential
//! PCM with six and two bits. Block names in comments are those of the recommendation (section 6.2).
//! The far end's adaptation follows ours through the same arithmetic, so everything is in integers
//! with the recommendation's saturations; after lost packets the two grow together again by the
//! leakage in the predictors.

/// Coefficients of the mirror filters, one half of a symmetrical 24-tap filter (table 11).
const MIRROR: [i32; 12] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];
/// Decision levels of the six-bit quantizer (table 14).
const LOW_LEVELS: [i32; 30] = [
    0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940,
    1023, 1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
];
/// Codes of the six-bit quantizer for negative differences.
const LOW_NEGATIVE: [u8; 31] = [
    0, 63, 62, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11,
    10, 9, 8, 7, 6, 5, 4,
];
/// Codes of the six-bit quantizer for positive differences.
const LOW_POSITIVE: [u8; 31] = [
    0, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39,
    38, 37, 36, 35, 34, 33, 32,
];
/// Output of the six-bit inverse quantizer.
const LOW_VALUES_6: [i32; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232,
    -9360, -8576, -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776,
    -2400, -2032, -1688, -1360, -1040, -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280,
    11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456, 4944, 4464, 4008, 3576, 3168, 2776,
    2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
];
/// Output of the four-bit inverse quantizer, which drives the adaptation.
const LOW_VALUES_4: [i32; 16] = [
    0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584,
    1200, 0,
];
/// Logarithmic steps of the low band's scale, by the four-bit code.
const LOW_STEPS: [i32; 16] = [
    -60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60,
];
const HIGH_VALUES: [i32; 4] = [-7408, -1616, 7408, 1616];
const HIGH_STEPS: [i32; 4] = [798, -214, 798, -214];
/// The decision level of the high band.
const HIGH_LEVEL: i32 = 564;
/// 2048 · 2^(n/32).
const POWERS: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
    2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];

fn saturated(value: i32) -> i32 {
    value.clamp(i32::from(i16::MIN), i32::from(i16::MAX))
}

/// One half of the band: predictor and scale.
#[derive(Clone, Debug)]
struct Band {
    /// The predicted signal.
    predicted: i32,
    zeros_part: i32,
    /// Reconstructed signal, the last two.
    reconstructed: [i32; 2],
    /// Partially reconstructed signal, the last two.
    partial: [i32; 2],
    poles: [i32; 2],
    /// Quantized differences, the last six.
    differences: [i32; 6],
    zeros: [i32; 6],
    log_scale: i32,
    scale: i32,
}

impl Band {
    fn new(scale: i32) -> Self {
        Self {
            predicted: 0,
            zeros_part: 0,
            reconstructed: [0; 2],
            partial: [0; 2],
            poles: [0; 2],
            differences: [0; 6],
            zeros: [0; 6],
            log_scale: 0,
            scale,
        }
    }

    /// LOGSCL, LOGSCH, SCALEL, SCALEH: the scale follows the size of the codes.
    fn rescale(&mut self, step: i32, log_max: i32, shift: i32) {
        self.log_scale = (((self.log_scale * 127) >> 7) + step).clamp(0, log_max);
        let power = POWERS[((self.log_scale >> 6) & 31) as usize];
        let down = shift - (self.log_scale >> 11);
        let value = if down < 0 {
            power << -down
        } else {
            power >> down
        };
        self.scale = value << 2;
    }

    /// The predictor's adaptation to a quantized difference, and its next prediction.
    fn adapt(&mut self, difference: i32) {
        // RECONS and PARREC.
        let reconstructed = saturated(self.predicted + difference);
        let partial = saturated(self.zeros_part + difference);
        let poles = self.next_poles(partial);
        // UPZERO.
        let grow = if difference == 0 { 0 } else { 128 };
        for (zero, past) in self.zeros.iter_mut().zip(self.differences) {
            let towards = if (past < 0) == (difference < 0) {
                grow
            } else {
                -grow
            };
            *zero = saturated(towards + ((*zero * 32640) >> 15));
        }
        // DELAYA.
        self.differences.copy_within(..5, 1);
        self.differences[0] = difference;
        self.reconstructed = [reconstructed, self.reconstructed[0]];
        self.partial = [partial, self.partial[0]];
        self.poles = poles;
        // FILTEP, FILTEZ and PREDIC.
        let twice = |value: i32| saturated(2 * value);
        let poles_part = saturated(
            (0..2)
                .map(|n| (self.poles[n] * twice(self.reconstructed[n])) >> 15)
                .sum(),
        );
        self.zeros_part = saturated(
            (0..6)
                .map(|n| (self.zeros[n] * twice(self.differences[n])) >> 15)
                .sum(),
        );
        self.predicted = saturated(poles_part + self.zeros_part);
    }

    /// UPPOL2 and UPPOL1.
    fn next_poles(&self, partial: i32) -> [i32; 2] {
        let same = |past: i32| (past < 0) == (partial < 0);
        let first = saturated(self.poles[0] << 2);
        let from_first = if same(self.partial[0]) { -first } else { first }.min(32767);
        let second = if same(self.partial[1]) { 128 } else { -128 }
            + (from_first >> 7)
            + ((self.poles[1] * 32512) >> 15);
        let second = second.clamp(-12288, 12288);
        let first =
            if same(self.partial[0]) { 192 } else { -192 } + ((self.poles[0] * 32640) >> 15);
        let limit = saturated(15360 - second);
        [saturated(first).clamp(-limit, limit), second]
    }
}

#[derive(Clone, Debug)]
struct Bands {
    low: Band,
    high: Band,
    /// The mirror filter's memory, oldest first.
    history: [i32; 24],
}

impl Default for Bands {
    fn default() -> Self {
        Self {
            low: Band::new(32),
            high: Band::new(8),
            history: [0; 24],
        }
    }
}

impl Bands {
    /// Takes two samples into the mirror filter and gives the sums over its two phases.
    fn filter(&mut self, first: i32, second: i32) -> (i32, i32) {
        self.history.copy_within(2.., 0);
        self.history[22] = first;
        self.history[23] = second;
        let (mut a, mut b) = (0, 0);
        for (n, coefficient) in MIRROR.iter().enumerate() {
            a += self.history[2 * n] * coefficient;
            b += self.history[2 * n + 1] * MIRROR[11 - n];
        }
        (a, b)
    }

    fn adapt_low(&mut self, code: u8) {
        let code = usize::from(code >> 2);
        let difference = (self.low.scale * LOW_VALUES_4[code]) >> 15;
        self.low.rescale(LOW_STEPS[code], 18432, 8);
        self.low.adapt(difference);
    }

    fn adapt_high(&mut self, code: u8) {
        let code = usize::from(code);
        let difference = (self.high.scale * HIGH_VALUES[code]) >> 15;
        self.high.rescale(HIGH_STEPS[code], 22528, 10);
        self.high.adapt(difference);
    }
}

/// 16 kHz samples to bytes.
#[derive(Clone, Debug, Default)]
pub struct G722Encoder {
    bands: Bands,
}

impl G722Encoder {
    /// Encodes pairs of samples and returns the bytes written. A sample left over and what does not
    /// fit `out` are not encoded.
    pub fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> usize {
        let mut written = 0;
        for (pair, byte) in pcm.chunks_exact(2).zip(out) {
            *byte = self.encode_pair(i32::from(pair[0]), i32::from(pair[1]));
            written += 1;
        }
        written
    }

    fn encode_pair(&mut self, first: i32, second: i32) -> u8 {
        let (a, b) = self.bands.filter(first, second);
        let (low, high) = ((b + a) >> 14, (b - a) >> 14);
        // QUANTL.
        let difference = saturated(low - self.bands.low.predicted);
        let size = if difference < 0 {
            -(difference + 1)
        } else {
            difference
        };
        let scale = self.bands.low.scale;
        let level = (1..LOW_LEVELS.len())
            .find(|&n| size < (LOW_LEVELS[n] * scale) >> 12)
            .unwrap_or(LOW_LEVELS.len());
        let low_code = if difference < 0 {
            LOW_NEGATIVE[level]
        } else {
            LOW_POSITIVE[level]
        };
        // QUANTH.
        let difference = saturated(high - self.bands.high.predicted);
        let size = if difference < 0 {
            -(difference + 1)
        } else {
            difference
        };
        let far = size >= (HIGH_LEVEL * self.bands.high.scale) >> 12;
        let high_code = match (difference < 0, far) {
            (true, false) => 1,
            (true, true) => 0,
            (false, false) => 3,
            (false, true) => 2,
        };
        self.bands.adapt_low(low_code);
        self.bands.adapt_high(high_code);
        high_code << 6 | low_code
    }
}

/// Bytes to 16 kHz samples.
#[derive(Clone, Debug, Default)]
pub struct G722Decoder {
    bands: Bands,
}

impl G722Decoder {
    /// Decodes every byte to two samples and returns the samples written. What does not fit `out` is
    /// not decoded.
    pub fn decode(&mut self, bytes: &[u8], out: &mut [i16]) -> usize {
        let mut written = 0;
        for (&byte, pair) in bytes.iter().zip(out.chunks_exact_mut(2)) {
            let (first, second) = self.decode_byte(byte);
            pair[0] = first;
            pair[1] = second;
            written += 2;
        }
        written
    }

    fn decode_byte(&mut self, byte: u8) -> (i16, i16) {
        let (low_code, high_code) = (byte & 0x3F, byte >> 6);
        let limited = |value: i32| value.clamp(-16384, 16383);
        let Bands { low, high, .. } = &self.bands;
        // INVQBL and RECONB; INVQAH and RECONH.
        let low_difference = (low.scale * LOW_VALUES_6[usize::from(low_code)]) >> 15;
        let low_sound = limited(low.predicted + low_difference);
        let high_difference = (high.scale * HIGH_VALUES[usize::from(high_code)]) >> 15;
        let high_sound = limited(high.predicted + high_difference);
        self.bands.adapt_low(low_code);
        self.bands.adapt_high(high_code);
        let (a, b) = self
            .bands
            .filter(low_sound + high_sound, low_sound - high_sound);
        (saturated(b >> 11) as i16, saturated(a >> 11) as i16)
    }
}

#[cfg(test)]
#[path = "g722_tests.rs"]
mod tests;
