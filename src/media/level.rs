//! How loud sound is, in dBov: decibels relative to the loudest a 16-bit sample can be. A sine at
//! full scale is −3 dBov; speech on a telephone is around −26.

/// What digital silence measures.
pub const SILENCE_DBOV: f32 = -127.0;

/// Level of a stretch of samples, root mean square.
pub fn level_dbov(samples: &[i16]) -> f32 {
    if samples.is_empty() {
        return SILENCE_DBOV;
    }
    let energy: i64 = samples.iter().map(|&s| i64::from(s) * i64::from(s)).sum();
    if energy == 0 {
        return SILENCE_DBOV;
    }
    let mean = energy as f64 / samples.len() as f64;
    let level = 10.0 * (mean / (32768.0 * 32768.0)).log10();
    (level as f32).clamp(SILENCE_DBOV, 0.0)
}

/// The factor that changes a level by so many decibels.
pub fn gain_of_db(db: f32) -> f32 {
    10f32.powf(db / 20.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_levels() {
        assert_eq!(level_dbov(&[]), SILENCE_DBOV);
        assert_eq!(level_dbov(&[0; 320]), SILENCE_DBOV);
        assert_eq!(level_dbov(&[i16::MIN; 320]), 0.0);
        assert!((level_dbov(&[3277; 320]) + 20.0).abs() < 0.01);
        let sine: Vec<i16> = (0..1600)
            .map(|n| ((f64::from(n) * 0.1 * std::f64::consts::TAU).sin() * 32767.0) as i16)
            .collect();
        assert!((level_dbov(&sine) + 3.01).abs() < 0.02);
    }
}
