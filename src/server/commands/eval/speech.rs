//! Sentences spoken by espeak-ng, brought to a level, with noise under them.

use anyhow::{Context as _, bail};
use sidetone_media::level_dbov;
use sidetone_sim::scenario::ScenarioVoice;
use sidetone_types::RATE_HZ;

/// Level of the callers' speech.
const SPEECH_DBOV: f32 = -22.0;

/// A text in a voice, 16 kHz mono.
pub async fn say(voice: &ScenarioVoice, text: &str) -> anyhow::Result<Vec<i16>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("said.wav");
    let made = tokio::process::Command::new("espeak-ng")
        .args(["-v", &voice.name])
        .args(["-s", &voice.words_per_minute.to_string()])
        .args(["-p", &voice.pitch.to_string()])
        .arg("-w")
        .arg(&file)
        .arg("--")
        .arg(text)
        .output()
        .await
        .context("espeak-ng can't be started: install the Debian package of that name")?;
    if !made.status.success() {
        bail!(
            "espeak-ng: {}",
            String::from_utf8_lossy(&made.stderr).trim()
        );
    }
    Ok(sidetone_media::wav::read_house(&std::fs::read(&file)?)?)
}

/// Without the silence that the synthesizer puts around a text.
pub fn trimmed(pcm: Vec<i16>) -> Vec<i16> {
    let loud = |s: &i16| s.unsigned_abs() > 200;
    let from = pcm.iter().position(loud).unwrap_or(0);
    let to = pcm.iter().rposition(loud).map_or(pcm.len(), |at| at + 1);
    let margin = (RATE_HZ / 50) as usize;
    pcm[from.saturating_sub(margin)..(to + margin).min(pcm.len())].to_vec()
}

/// Speech to its level, and noise under it.
pub fn bring_to_level(pcm: &mut [i16], noise_db: Option<f32>) {
    if pcm.is_empty() {
        return;
    }
    let gain = 10f32.powf((SPEECH_DBOV - level_dbov(pcm)) / 20.0);
    // Full scale of a uniform distribution is 4.8 dB above its level.
    let noise = noise_db.map_or(0.0, |db| {
        32_768.0 * 10f32.powf((SPEECH_DBOV - db + 4.8) / 20.0)
    });
    let mut state: u32 = 0x9E37_79B9;
    for sample in pcm {
        // Marsaglia's xorshift: the same noise every time.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let uniform = (state as f32 / u32::MAX as f32) * 2.0 - 1.0;
        let sum = f32::from(*sample) * gain + uniform * noise;
        *sample = sum.clamp(-32_768.0, 32_767.0) as i16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speech_and_noise_have_their_levels() {
        let mut tone: Vec<i16> = (0..16_000)
            .map(|n| ((n as f32 * 0.2).sin() * 20_000.0) as i16)
            .collect();
        bring_to_level(&mut tone, None);
        assert!((level_dbov(&tone) - SPEECH_DBOV).abs() < 0.3);
        let mut both = tone.clone();
        bring_to_level(&mut both, Some(15.0));
        let rest: Vec<i16> = both.iter().zip(&tone).map(|(a, b)| a - b).collect();
        assert!((level_dbov(&rest) - (SPEECH_DBOV - 15.0)).abs() < 0.7);
    }
}
