//! Voice activity on telephone sound.

use crate::common::{noise, say, tones};
use sidetone_inference::pcm;
use sidetone_inference::vad::{Earshot, Level, VoiceActivity};
use sidetone_types::{FRAME_SAMPLES, Lang};

/// Levels frame by frame.
fn levels(sound: &[i16]) -> Vec<u8> {
    let (mut vad, mut level) = (Earshot::default(), Level::default());
    sound
        .chunks_exact(FRAME_SAMPLES)
        .map(|chunk| {
            let frame = chunk.try_into().expect("a frame");
            let score = vad.push(frame);
            assert!(score <= 1000);
            level.push(frame, score);
            level.now()
        })
        .collect()
}

#[tokio::test]
async fn speech_between_noise_is_found_and_its_edges_are_near() {
    for (lang, text) in [
        (Lang::Zh, "我的快递到哪了"),
        (Lang::En, "where is my parcel please"),
    ] {
        let speech = say(text, lang).await;
        let mut sound = noise(1000, -60.0, 1);
        let start = sound.len() / FRAME_SAMPLES;
        sound.extend_from_slice(&speech);
        let end = sound.len() / FRAME_SAMPLES;
        sound.extend(noise(1500, -60.0, 2));
        let levels = levels(&sound);
        let first = levels
            .iter()
            .position(|l| *l == 2)
            .expect("speech is found");
        let last = levels
            .iter()
            .rposition(|l| *l == 2)
            .expect("speech is found");
        assert!(
            levels[..start].iter().all(|l| *l < 2),
            "{lang}: noise before is not speech"
        );
        assert!(
            (start..start + 15).contains(&first),
            "{lang}: begins at {first}, speech at {start}"
        );
        assert!(
            last < end + 15,
            "{lang}: ends at {last}, speech ends at {end}"
        );
        let inside = levels[first..=last].iter().filter(|l| **l == 2).count();
        assert!(
            inside * 10 >= (last - first) * 7,
            "{lang}: {inside} of {}",
            last - first
        );
    }
}

#[test]
fn silence_noise_keys_and_soft_music_are_not_speech() {
    let mut music = Vec::new();
    for chord in [
        [262.0, 330.0, 392.0],
        [294.0, 370.0, 440.0],
        [247.0, 311.0, 370.0],
    ] {
        music.extend(tones(700, &chord, -40.0));
    }
    let clips = [
        ("silence", vec![0; 48_000]),
        ("soft noise", noise(3000, -55.0, 3)),
        ("loud noise", noise(3000, -30.0, 4)),
        ("dial tone", tones(3000, &[425.0], -20.0)),
        ("keys", tones(1000, &[697.0, 1209.0], -15.0)),
        ("soft music", music),
    ];
    for (name, clip) in clips {
        let speech = levels(&clip).iter().filter(|l| **l == 2).count();
        assert!(speech <= 2, "{name}: {speech} frames taken for speech");
    }
}

#[tokio::test]
async fn a_faint_echo_is_not_speech() {
    let loud = say("your order has been sent and arrives tomorrow", Lang::En).await;
    assert!(levels(&loud).contains(&2));
    // A telephone returns the prompt some 30 dB down, 60 ms late; the level is told what is played.
    let (mut vad, mut level) = (Earshot::default(), Level::default());
    let echo: Vec<i16> = std::iter::repeat_n(0, 960)
        .chain(loud.iter().map(|s| s / 32))
        .collect();
    for (played, heard) in loud
        .chunks_exact(FRAME_SAMPLES)
        .zip(echo.chunks_exact(FRAME_SAMPLES))
    {
        let frame = heard.try_into().expect("a frame");
        let score = vad.push(frame);
        level.playing(pcm::level_dbov(played));
        assert_ne!(
            level.push(frame, score),
            Some(2),
            "an echo of the prompt must not be a barge-in"
        );
    }
    // The caller, as loud as people are, is heard over the same prompt.
    let caller = say("no wait", Lang::En).await;
    let mut found = false;
    for (played, heard) in loud
        .chunks_exact(FRAME_SAMPLES)
        .zip(caller.chunks_exact(FRAME_SAMPLES))
    {
        let frame = heard.try_into().expect("a frame");
        let score = vad.push(frame);
        level.playing(pcm::level_dbov(played));
        found |= level.push(frame, score) == Some(2);
    }
    assert!(found, "barge-in");
}
