//! `sidetone eval asr`: recordings with what is said in them, decoded whole, and as a live call would.

use super::figures::{Figure, Report, errors_between, normal};
use super::{listen, tables};
use crate::config::Config;
use crate::models::recognizer_file;
use anyhow::Context as _;
use indicatif::ProgressBar;
use sidetone_call::Expect;
use sidetone_inference::recognizer::{
    Evidence, Hint, Job, Place, Recognized, Recognizer, RecognizerConfig,
};
use sidetone_types::*;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// What was counted for one clip.
struct Counted {
    wrong: f64,
    /// Words or characters that were said.
    said: f64,
    /// Too unsure for a call to go by.
    refused: bool,
}

/// What the caller is expected to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Expected {
    Digits,
    YesNo,
    OrderNumber,
}

impl Expected {
    fn hint(self) -> Hint {
        match self {
            Self::Digits => Hint::Digits { count: None },
            Self::YesNo => Hint::YesNo,
            Self::OrderNumber => Hint::OrderNumber,
        }
    }
}

/// The configured recognizer, one job at a time. Texts below this confidence come out empty.
pub fn recognizer(config: &Config, reject_below: u16) -> anyhow::Result<Recognizer> {
    let limits = RecognizerConfig {
        workers: 1,
        places_max: 1,
        reject_below,
        ..RecognizerConfig::default()
    };
    Ok(Recognizer::load(&recognizer_file(config)?, limits)?)
}

pub async fn run(
    config: &Config,
    folders: &[PathBuf],
    streaming: bool,
    expected: Option<Expected>,
    decoded: Option<&Path>,
) -> anyhow::Result<()> {
    let mut decoded = decoded.map(Decoded::create).transpose()?;
    // What would be refused is counted, and its words as well: a rate over accepted clips alone
    // could be had by refusing.
    let recognizer = recognizer(config, 0)?;
    let place = recognizer.admit().context("the recognizer has no place")?;
    let hint = expected.map_or(Hint::Open, Expected::hint);
    let mut report = Report::new(match expected {
        Some(_) => "asr-hint",
        None if streaming => "asr-live",
        None => "asr",
    });
    for folder in folders {
        let found = one(&recognizer, &place, folder, streaming, &hint, &mut report).await?;
        if let Some(decoded) = &mut decoded {
            for line in found {
                decoded.line(&line)?;
            }
        }
    }
    report.finish()
}

async fn one(
    recognizer: &Recognizer,
    place: &Place,
    folder: &Path,
    streaming: bool,
    hint: &Hint,
    report: &mut Report,
) -> anyhow::Result<Vec<String>> {
    let mut lines = Vec::new();
    let set = tables::name_of(folder);
    let mut whole: BTreeMap<String, Vec<Counted>> = BTreeMap::new();
    let mut live: BTreeMap<String, Vec<Counted>> = BTreeMap::new();
    let (mut revised, mut finals_ms) = (Vec::new(), Vec::new());
    let (mut sound_s, mut took_s) = (0.0, 0.0);
    let clips = tables::clips(folder)?;
    let bar = ProgressBar::new(clips.len() as u64);
    for clip in clips {
        bar.inc(1);
        let pcm = sidetone_media::wav::read_house(&std::fs::read(&clip.file)?)?;
        let part = match &clip.group {
            Some(group) => format!("{} {group}", clip.lang),
            None => clip.lang.code().to_owned(),
        };
        sound_s += pcm.len() as f64 / f64::from(RATE_HZ);
        let began = Instant::now();
        let job = Job {
            place: place.key(),
            utterance: UtteranceId(0),
            pcm: Arc::from(pcm.as_slice()),
            at: CallTime::ZERO,
            lang: clip.lang,
            stage: Stage::Final,
            careful: true,
            hint: hint.clone(),
        };
        let heard = recognizer.transcribe(job).await?;
        took_s += began.elapsed().as_secs_f64();
        let found = count(&clip, Some(&heard));
        lines.push(line(&clip, &set, &heard));
        whole.entry(part.clone()).or_default().push(found);
        if streaming {
            let heard = listen::hear(recognizer, place, &pcm, clip.lang, &Expect::Open).await?;
            let last = heard.last.as_ref().map(|(last, _)| last);
            live.entry(part).or_default().push(count(&clip, last));
            revised.push(revisions(&heard.partials, clip.lang));
            finals_ms.extend(
                heard
                    .last
                    .iter()
                    .map(|(_, after)| after.as_secs_f64() * 1000.0),
            );
        }
    }
    bar.finish_and_clear();
    figures(report, &set, "", &whole);
    figures(report, &set, " live", &live);
    report.note(
        &set,
        "",
        "real-time factor",
        took_s / f64::max(sound_s, 0.001),
    );
    if streaming {
        report.add(&set, "live", Figure::ratio("words revised", &revised));
        finals_ms.sort_by(f64::total_cmp);
        let p95 = finals_ms.get(finals_ms.len() * 95 / 100).copied();
        report.note(&set, "live", "decoding p95 ms", p95.unwrap_or(0.0));
    }
    Ok(lines)
}

/// The texts of every clip, a row each, for who fits a confidence to them (`models/train/confidence.py`).
struct Decoded {
    file: std::fs::File,
    path: PathBuf,
}

impl Decoded {
    fn create(path: &Path) -> anyhow::Result<Self> {
        let file = std::fs::File::create(path);
        Ok(Self {
            file: file.with_context(|| format!("cannot write {}", path.display()))?,
            path: path.to_owned(),
        })
    }

    fn line(&mut self, line: &str) -> anyhow::Result<()> {
        writeln!(self.file, "{line}").with_context(|| format!("writing {}", self.path.display()))
    }
}

/// File, language, group, what is said, what was heard, mean log probability of the tokens, lowest probability of one.
fn line(clip: &tables::Clip, set: &str, heard: &Recognized) -> String {
    let group = clip.group.as_deref().unwrap_or(set);
    let (said, text): (String, String) = [&clip.text, heard.text.reveal()]
        .map(|text| normal(text, clip.lang).join(" "))
        .into();
    let Evidence { mean, low } = heard.evidence;
    let (file, lang) = (clip.file.display(), clip.lang);
    format!(
        "{file}\t{lang}\t{group}\t{said}\t{text}\t{mean:.4}\t{:.6}",
        low.exp()
    )
}

fn count(clip: &tables::Clip, heard: Option<&Recognized>) -> Counted {
    let text = heard.map_or("", |heard| heard.text.reveal());
    let refused =
        heard.is_none_or(|heard| heard.confidence < RecognizerConfig::default().reject_below);
    let (said, heard) = (normal(&clip.text, clip.lang), normal(text, clip.lang));
    Counted {
        wrong: errors_between(&said, &heard) as f64,
        said: said.len() as f64,
        refused,
    }
}

fn figures(report: &mut Report, set: &str, how: &str, parts: &BTreeMap<String, Vec<Counted>>) {
    for (part, counted) in parts {
        let name = if part.starts_with("zh") { "CER" } else { "WER" };
        let share = |of: &dyn Fn(&Counted) -> bool| -> Vec<f64> {
            counted.iter().map(|c| f64::from(u8::from(of(c)))).collect()
        };
        let pairs: Vec<(f64, f64)> = counted.iter().map(|c| (c.wrong, c.said)).collect();
        let part = format!("{part}{how}");
        report.add(set, &part, Figure::ratio(name, &pairs));
        report.add(
            set,
            &part,
            Figure::mean("clips right", &share(&|c| c.wrong == 0.0)),
        );
        report.add(
            set,
            &part,
            Figure::mean("clips refused", &share(&|c| c.refused)),
        );
        let sure: Vec<(f64, f64)> = counted
            .iter()
            .filter(|c| !c.refused)
            .map(|c| (c.wrong, c.said))
            .collect();
        if !sure.is_empty() {
            report.add(
                set,
                &part,
                Figure::ratio(&format!("{name} of the rest"), &sure),
            );
        }
    }
}

/// Words that a later partial text took back, and the words of the last one.
fn revisions(partials: &[String], lang: Lang) -> (f64, f64) {
    let partials: Vec<Vec<String>> = partials.iter().map(|text| normal(text, lang)).collect();
    let taken_back = |pair: &[Vec<String>]| {
        let same = pair[0]
            .iter()
            .zip(&pair[1])
            .take_while(|(a, b)| a == b)
            .count();
        pair[0].len() - same
    };
    let revised: usize = partials.windows(2).map(taken_back).sum();
    (revised as f64, partials.last().map_or(0, Vec::len) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_taken_back_are_counted() {
        let partials = ["check", "check my bell", "check my bill please"].map(str::to_owned);
        assert_eq!(revisions(&partials, Lang::En), (1.0, 4.0));
        assert_eq!(revisions(&[], Lang::Zh), (0.0, 0.0));
    }
}
