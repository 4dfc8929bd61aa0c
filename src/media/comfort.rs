//! Comfort noise (RFC 3389): what a far end that sends nothing in pauses wants heard in them.

use crate::level::gain_of_db;

/// Reflection coefficients that are used; more describe a room nobody listens to.
const ORDER_MAX: usize = 12;

/// A description of noise: its level, and its spectrum as a lattice filter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NoiseShape {
    dbov: f32,
    reflection: [f32; ORDER_MAX],
    order: usize,
}

impl NoiseShape {
    /// Reads a payload: one byte of level, then a byte for each coefficient (sections 3.1 to 3.3).
    /// `None`: it is empty.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let (&level, coefficients) = payload.split_first()?;
        let mut shape = Self {
            dbov: -f32::from(level & 0x7F),
            reflection: [0.0; ORDER_MAX],
            order: coefficients.len().min(ORDER_MAX),
        };
        for (place, &byte) in shape.reflection.iter_mut().zip(coefficients) {
            // Section 3.2's quantization. A coefficient of one would ring for ever.
            *place = ((f32::from(byte) - 127.0) * 258.0 / 32768.0).clamp(-0.98, 0.98);
        }
        Some(shape)
    }
}

/// Noise of a described shape. The same every time: nothing here draws random numbers.
#[derive(Clone, Debug)]
pub struct ComfortNoise {
    seed: u32,
    memory: [f32; ORDER_MAX],
    amplitude: f32,
}

impl Default for ComfortNoise {
    fn default() -> Self {
        Self {
            seed: 0x5EED,
            memory: [0.0; ORDER_MAX],
            amplitude: 0.0,
        }
    }
}

impl ComfortNoise {
    pub fn fill(&mut self, shape: &NoiseShape, out: &mut [i16]) {
        // The filter makes noise louder by 1 / Π(1 − k²). Noise evenly spread over ±a has a mean
        // square of a²/3.
        let filter: f32 = shape.reflection[..shape.order]
            .iter()
            .map(|k| 1.0 - k * k)
            .product();
        let wanted = 32768.0 * gain_of_db(shape.dbov) * (3.0 * filter).sqrt();
        for sample in out {
            // A new level is reached within some ten milliseconds, not at once.
            self.amplitude += (wanted - self.amplitude) / 128.0;
            self.seed = self
                .seed
                .wrapping_mul(1_664_525)
                .wrapping_add(1_013_904_223);
            let even = (self.seed >> 8) as f32 / (1u32 << 23) as f32 - 1.0;
            *sample = self.shaped(even * self.amplitude, shape) as i16;
        }
    }

    /// The all-pole lattice of the coefficients.
    fn shaped(&mut self, excitation: f32, shape: &NoiseShape) -> f32 {
        let mut forward = excitation;
        for n in (0..shape.order).rev() {
            forward -= shape.reflection[n] * self.memory[n];
            if n + 1 < shape.order {
                self.memory[n + 1] = self.memory[n] + shape.reflection[n] * forward;
            }
        }
        // A broken description must not leave the filter with something that is not a number.
        self.memory[0] = if forward.is_finite() { forward } else { 0.0 };
        self.memory[0].clamp(-32768.0, 32767.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::level_dbov;

    fn noise(payload: &[u8]) -> Vec<i16> {
        let shape = NoiseShape::parse(payload).unwrap();
        let mut out = vec![0; 16_000];
        ComfortNoise::default().fill(&shape, &mut out);
        out.split_off(4000)
    }

    #[test]
    fn it_is_as_loud_as_described_whatever_its_colour() {
        for level in [30u8, 45, 60] {
            for spectrum in [&[][..], &[40], &[200, 100, 140], &[30, 180, 127, 90, 150]] {
                let payload: Vec<u8> = std::iter::once(level)
                    .chain(spectrum.iter().copied())
                    .collect();
                let got = level_dbov(&noise(&payload));
                assert!(
                    (got + f32::from(level)).abs() < 1.5,
                    "{payload:?}: {got} dBov"
                );
            }
        }
    }

    #[test]
    fn a_coefficient_colours_it() {
        let changes = |pcm: &[i16]| pcm.windows(2).filter(|w| (w[0] < 0) != (w[1] < 0)).count();
        // k₁ < 0 is a low-pass, k₁ > 0 a high-pass: fewer or more changes of sign than half of all.
        let (low, even, high) = (noise(&[40, 20]), noise(&[40]), noise(&[40, 235]));
        assert!(changes(&low) < changes(&even) * 2 / 3);
        assert!(changes(&high) > changes(&even) * 4 / 3);
    }

    proptest::proptest! {
        #[test]
        fn any_payload_makes_some_noise(payload: Vec<u8>) {
            let Some(shape) = NoiseShape::parse(&payload) else {
                proptest::prop_assert!(payload.is_empty());
                return Ok(());
            };
            ComfortNoise::default().fill(&shape, &mut [0; 800]);
        }
    }
}
