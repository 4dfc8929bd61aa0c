//! The files in `web/callers`: the text and the sound say the same.

use sidetone_media::level_dbov;
use sidetone_sim::recorded::{self, RecordedCaller, VOICED_DBOV, Voice};
use sidetone_types::Lang;
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../web/callers")
}

fn voices() -> Vec<Voice> {
    recorded::load(&folder())
        .expect("every file is right")
        .into_iter()
        .map(|caller| recorded::voice(&folder(), caller).expect("its sound is there"))
        .collect()
}

fn part(voice: &Voice, from_ms: u32, to_ms: u32) -> &[i16] {
    &voice.pcm[from_ms as usize * 16..to_ms as usize * 16]
}

#[test]
fn there_is_a_caller_of_every_kind() {
    let callers: Vec<RecordedCaller> = recorded::load(&folder()).unwrap();
    assert!(callers.len() >= 8);
    for lang in Lang::ALL {
        assert!(callers.iter().filter(|caller| caller.lang == lang).count() >= 3);
    }
    assert!(callers.iter().any(|caller| caller.cues.is_empty()));
    let barges =
        |caller: &RecordedCaller| caller.cues.iter().any(|cue| cue.barge_after_ms.is_some());
    assert!(callers.iter().any(barges));
    for caller in &callers {
        for text in [
            &caller.title_zh,
            &caller.title_en,
            &caller.about_zh,
            &caller.about_en,
        ] {
            assert!(!text.trim().is_empty(), "{}: a text is missing", caller.id);
        }
    }
}

#[test]
fn every_cue_lies_in_the_file_and_has_sound() {
    for voice in voices() {
        let caller = &voice.caller;
        let seconds = voice.pcm.len() as f32 / 16_000.0;
        assert!(
            (seconds - caller.seconds).abs() < 0.02,
            "{}: {seconds} s",
            caller.id
        );
        let mut before = 0;
        for cue in &caller.cues {
            assert!(
                cue.from_ms >= before,
                "{}: {} overlaps",
                caller.id,
                cue.text
            );
            assert!(
                cue.to_ms as usize * 16 <= voice.pcm.len(),
                "{}: {} is cut",
                caller.id,
                cue.text
            );
            before = cue.to_ms;
            let sound = part(&voice, cue.from_ms, cue.to_ms);
            let level = level_dbov(sound);
            assert!(
                (-30.0..=-15.0).contains(&level),
                "{}: {} is at {level} dBov",
                caller.id,
                cue.text
            );
            let voiced = sound
                .chunks(160)
                .filter(|step| level_dbov(step) >= VOICED_DBOV)
                .count();
            // Nobody says a character or two words faster than in 80 ms.
            let shortest = cue.text.chars().filter(|c| c.is_alphabetic()).count();
            let unit = if caller.lang == Lang::Zh { 8 } else { 3 };
            assert!(
                voiced >= shortest * unit,
                "{}: {} has {voiced}0 ms of speech",
                caller.id,
                cue.text
            );
        }
    }
}

#[test]
fn between_the_cues_it_is_silent() {
    for voice in voices() {
        let mut before = 0;
        let ends = voice.pcm.len() as u32 / 16;
        let cues = voice.caller.cues.iter().map(|cue| (cue.from_ms, cue.to_ms));
        for (from, to) in cues.chain([(ends, ends)]) {
            let level = level_dbov(part(&voice, before, from));
            assert!(
                level < -70.0,
                "{}: {before} to {from} ms is at {level} dBov",
                voice.caller.id
            );
            before = to;
        }
    }
}

#[test]
fn the_page_gets_the_cues_by_their_name() {
    let caller = &recorded::load(&folder()).unwrap()[0];
    let json = serde_json::to_value(caller).unwrap();
    assert_eq!(json["cues"].as_array().unwrap().len(), caller.cues.len());
    assert!(json.get("voice").is_none() && json["cues"][0].get("say").is_none());
}
