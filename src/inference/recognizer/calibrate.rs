//! How the decoder's probabilities become a confidence.

use serde::{Deserialize, Serialize};

/// A logistic map from the tokens' log probabilities to "this text is right".
///
/// `confidence = 1000 / (1 + exp(−(bias + mean·m + low·l)))` with `m` the mean log probability of
/// the tokens and `l` the lowest one. Fitted per model on utterances with known text; the figures of
/// the shipped model stand in `models/manifest.toml`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    pub bias: f32,
    pub mean: f32,
    pub low: f32,
}

impl Default for Calibration {
    fn default() -> Self {
        Self {
            bias: 3.0,
            mean: 8.0,
            low: 0.4,
        }
    }
}

/// Log probabilities of a text's tokens, natural: their mean and the lowest one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Evidence {
    pub mean: f32,
    pub low: f32,
}

impl Evidence {
    /// `None` for a text without tokens.
    pub fn of(log_p: &[f32]) -> Option<Self> {
        (!log_p.is_empty()).then(|| Self {
            mean: log_p.iter().sum::<f32>() / log_p.len() as f32,
            low: log_p.iter().copied().fold(0.0, f32::min),
        })
    }
}

impl Calibration {
    /// Confidence 0..=1000.
    pub fn confidence(&self, evidence: Evidence) -> u16 {
        let x = self.bias + self.mean * evidence.mean + self.low * evidence.low;
        (1000.0 / (1.0 + (-x).exp())).clamp(0.0, 1000.0) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surer_tokens_give_more_confidence() {
        let of = |log_p: &[f32]| {
            Calibration::default().confidence(Evidence::of(log_p).expect("there are tokens"))
        };
        assert!(of(&[-0.01, -0.02]) > 900);
        assert!(of(&[-0.01, -3.0]) < of(&[-0.01, -0.02]));
        assert!(of(&[-2.0, -3.0]) < 10);
        assert_eq!(Evidence::of(&[]), None);
    }
}
