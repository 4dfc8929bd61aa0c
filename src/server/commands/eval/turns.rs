//! `sidetone eval turns`: false cut-ins against delay, for the house's policy and for fixed pauses.

use super::figures::{Figure, Report};
use super::listen::{self, Ended, Heard};
use super::{asr, speech, tables};
use crate::config::Config;
use anyhow::Context as _;
use indicatif::ProgressBar;
use serde::Deserialize;
use sidetone_call::{Expect, PausePolicy};
use sidetone_inference::recognizer::RecognizerConfig;
use sidetone_sim::scenario::ScenarioVoice;
use sidetone_types::*;
use std::path::{Path, PathBuf};

/// Pauses that are compared, in ms: what a policy without text can do.
const FIXED_MS: [u32; 8] = [200, 300, 400, 500, 700, 900, 1200, 1500];
/// The house's pauses, longer and shorter.
const FACTORS: [f64; 6] = [0.6, 0.8, 1.0, 1.25, 1.5, 2.0];

/// A file of turns that a synthesizer speaks: words, and pauses in ms between them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Turns {
    lang: Lang,
    voices: Vec<ScenarioVoice>,
    turn: Vec<Turn>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Turn {
    #[serde(default)]
    expect: Expect,
    say: Vec<Piece>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Piece {
    Pause(u32),
    Words(String),
}

/// A turn with its sound.
struct Spoken {
    pcm: Vec<i16>,
    lang: Lang,
    expect: Expect,
}

pub async fn run(config: &Config, folders: &[PathBuf], wrong: bool) -> anyhow::Result<()> {
    let recognizer = asr::recognizer(config, RecognizerConfig::default().reject_below)?;
    let place = recognizer.admit().context("the recognizer has no place")?;
    let mut report = Report::new("turns");
    for folder in folders {
        for (set, turns) in sets(folder).await? {
            let bar = ProgressBar::new(turns.len() as u64);
            let mut heard = Vec::new();
            for turn in &turns {
                let one = listen::hear(&recognizer, &place, &turn.pcm, turn.lang, &turn.expect);
                heard.push((one.await?, turn.expect.clone()));
                bar.inc(1);
            }
            bar.finish_and_clear();
            if wrong {
                print_cut_ins(&heard);
            }
            curve(&mut report, &set, &heard);
        }
    }
    report.finish()
}

/// The turns of a folder: recordings in `manifest.tsv`, a turn each, or files of turns to be spoken.
async fn sets(folder: &Path) -> anyhow::Result<Vec<(String, Vec<Spoken>)>> {
    let name = tables::name_of(folder);
    if folder.join("manifest.tsv").is_file() {
        let mut turns = Vec::new();
        for clip in tables::clips(folder)? {
            turns.push(Spoken {
                pcm: sidetone_media::wav::read_house(&std::fs::read(&clip.file)?)?,
                lang: clip.lang,
                expect: Expect::Open,
            });
        }
        return Ok(vec![(name, turns)]);
    }
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("{} can't be read", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "toml"));
    paths.sort();
    anyhow::ensure!(
        !paths.is_empty(),
        "{} has neither manifest.tsv nor a .toml file of turns",
        folder.display()
    );
    let mut out = Vec::new();
    for path in paths {
        let file: Turns =
            toml::from_str(&super::read(&path)?).with_context(|| path.display().to_string())?;
        anyhow::ensure!(
            !file.voices.is_empty(),
            "{}: there are no voices",
            path.display()
        );
        let mut turns = Vec::new();
        for (number, turn) in file.turn.iter().enumerate() {
            let voice = &file.voices[number % file.voices.len()];
            turns.push(spoken(turn, file.lang, voice).await?);
        }
        out.push((format!("{name} {}", file.lang), turns));
    }
    Ok(out)
}

async fn spoken(turn: &Turn, lang: Lang, voice: &ScenarioVoice) -> anyhow::Result<Spoken> {
    let mut pcm = Vec::new();
    for piece in &turn.say {
        match piece {
            Piece::Pause(ms) => pcm.extend(vec![0; (ms * RATE_HZ / 1000) as usize]),
            Piece::Words(words) => pcm.extend(speech::trimmed(speech::say(voice, words).await?)),
        }
    }
    speech::bring_to_level(&mut pcm, Some(30.0));
    Ok(Spoken {
        pcm,
        lang,
        expect: turn.expect.clone(),
    })
}

/// What was heard of the turns that the house's policy cut into.
fn print_cut_ins(heard: &[(Heard, Expect)]) {
    for (number, (one, expect)) in heard.iter().enumerate() {
        if one.under(&PausePolicy::default(), expect).cut_in {
            println!("turn {}: {expect:?}: {}", number + 1, one.told());
        }
    }
}

fn curve(report: &mut Report, set: &str, heard: &[(Heard, Expect)]) {
    let mut point = |name: &str, policy: &PausePolicy| -> (f64, f64) {
        let ended: Vec<Ended> = heard
            .iter()
            .map(|(one, expect)| one.under(policy, expect))
            .collect();
        let cut: Vec<f64> = ended
            .iter()
            .map(|e| f64::from(u8::from(e.cut_in)))
            .collect();
        let mut after: Vec<f64> = ended
            .iter()
            .filter_map(|e| Some(e.after?.as_secs_f64() * 1000.0))
            .collect();
        after.sort_by(f64::total_cmp);
        let at = |percent: usize| {
            after
                .get(after.len() * percent / 100)
                .copied()
                .unwrap_or(0.0)
        };
        report.add(set, name, Figure::mean("false cut-ins", &cut));
        report.note(set, name, "delay p50 ms", at(50));
        report.note(set, name, "delay p90 ms", at(90));
        (cut.iter().sum::<f64>() / cut.len().max(1) as f64, at(50))
    };
    for pause_ms in FIXED_MS {
        point(&format!("fixed {pause_ms}"), &listen::fixed(pause_ms));
    }
    for factor in FACTORS {
        point(&format!("ours x {factor}"), &listen::scaled(factor));
    }
    let usual = point("ours", &PausePolicy::default());
    let fixed = point("fixed 700 again", &listen::fixed(700));
    report.note(
        set,
        "",
        "delay, ours by fixed 700",
        usual.1 / f64::max(fixed.1, 1.0),
    );
}
