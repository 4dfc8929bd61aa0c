//! `sidetone eval intents --spoken`: what understanding loses to hearing.
//!
//! Sentences of the house's own tables are spoken by voices that the recognizer was not trained on,
//! with noise 15 dB under them, recognized, and classified beside their true text. Then what the
//! caller would meet: served (perhaps after "is that right?"), asked about the wrong intent, sent
//! wrong, or asked to say it again, at several confidences below which a text is refused.

use super::figures::{Figure, Report, errors_between, normal};
use super::intents::{self, Pairs};
use super::{asr, speech, tables};
use crate::config::Config;
use crate::models;
use anyhow::Context as _;
use indicatif::ProgressBar;
use sidetone_call::CallPolicy;
use sidetone_inference::intent::IntentClassifier;
use sidetone_inference::phonetic::pinyin;
use sidetone_inference::recognizer::{Hint, Job, Place, Recognizer, RecognizerConfig, readings};
use sidetone_sim::scenario::ScenarioVoice;
use sidetone_types::*;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

/// Sentences of one table that are spoken, evenly spread over it.
const SPOKEN_MAX: usize = 200;
const NOISE_DB: f32 = 15.0;
const VOICES_EN: [&str; 4] = [
    "en-us+f3",
    "en-gb+Andy",
    "en-gb-x-rp+edward",
    "en-us+steph3",
];
const VOICES_ZH: [&str; 4] = [
    "cmn-latn-pinyin+f3",
    "cmn-latn-pinyin+Andy",
    "cmn-latn-pinyin+edward",
    "cmn-latn-pinyin+steph3",
];

/// Least confidences of a text at which the outcomes are counted, beside the one that ships.
const REFUSED_BELOW: [u16; 4] = [0, 20, 50, 150];

/// What came of one sentence.
struct Spoken {
    /// The intent that was meant, if it is one of the house's.
    inside: bool,
    right_by_text: bool,
    /// By the recognizer's best text alone, and by all its readings.
    right_by_best: bool,
    right_by_sound: bool,
    best: Option<IntentScore>,
    /// Of the text, 0..=1000; 0 where nothing was heard.
    confidence: u16,
    /// Words wrong, words said.
    words: (f64, f64),
}

/// What the caller meets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meets {
    Served,
    /// A question about the wrong intent, which the caller denies.
    WrongGuess,
    Misled,
    AskedAgain,
}

impl Spoken {
    fn meets(&self, refused_below: u16, policy: &CallPolicy) -> Meets {
        let known = self.best.as_ref().filter(|best| {
            self.confidence >= refused_below
                && !best.intent.is_none()
                && best.score >= policy.intent_unsure
        });
        let Some(best) = known else {
            return Meets::AskedAgain;
        };
        let asked = best.score < policy.intent_sure || self.confidence < policy.words_sure;
        match (self.right_by_sound, asked) {
            (true, _) => Meets::Served,
            (false, true) => Meets::WrongGuess,
            (false, false) => Meets::Misled,
        }
    }
}

pub async fn run(config: &Config, folders: &[PathBuf]) -> anyhow::Result<()> {
    let recognizer = asr::recognizer(config, 0)?;
    let place = recognizer.admit().context("the recognizer has no place")?;
    let mut report = Report::new("intents-spoken");
    let embedder = models::embedder(config)?;
    let house = intents::of_the_house(config, embedder)?;
    for folder in folders {
        for table in tables::tables(folder)? {
            let Some(pairs) = intents::pairs(&table)? else {
                continue;
            };
            if !intents::knows(&house, &pairs) {
                continue;
            }
            let spoken = speak(&recognizer, &place, &house, &pairs).await?;
            figures(&mut report, &table.set, table.part.name(), &spoken);
        }
    }
    report.finish()
}

async fn speak(
    recognizer: &Recognizer,
    place: &Place,
    house: &IntentClassifier,
    pairs: &Pairs,
) -> anyhow::Result<Vec<Spoken>> {
    let step = pairs.len().div_ceil(SPOKEN_MAX).max(1);
    let mut out = Vec::new();
    let bar = ProgressBar::new(pairs.len().div_ceil(step) as u64);
    for (number, (text, intent)) in pairs.iter().step_by(step).enumerate() {
        bar.inc(1);
        let lang = tables::lang_of(text);
        let pcm = say(text, lang, number, NOISE_DB).await?;
        let heard = recognizer
            .transcribe(Job {
                place: place.key(),
                utterance: UtteranceId(0),
                pcm: Arc::from(pcm),
                at: CallTime::ZERO,
                lang,
                stage: Stage::Final,
                careful: true,
                hint: Hint::Open,
            })
            .await?;
        let best = |text: &str| house.classify(text, lang).into_iter().next();
        let is_right = |best: &Option<IntentScore>| {
            best.as_ref()
                .is_some_and(|best| best.intent.as_str() == intent)
        };
        let words = heard.text.reveal();
        let by_best = best(words).filter(|_| !words.is_empty());
        let by_sound = house
            .classify_readings(&readings(words, &heard.others), lang)
            .into_iter()
            .next()
            .filter(|_| !words.is_empty());
        let (said, taken) = (normal(text, lang), normal(words, lang));
        out.push(Spoken {
            inside: intent != IntentId::NONE,
            right_by_text: is_right(&best(text)),
            right_by_best: is_right(&by_best),
            right_by_sound: is_right(&by_sound),
            best: by_sound,
            confidence: if words.is_empty() {
                0
            } else {
                heard.confidence
            },
            words: (errors_between(&said, &taken) as f64, said.len() as f64),
        });
    }
    bar.finish_and_clear();
    Ok(out)
}

/// A sentence in the voice of its number, at the level of a call.
pub async fn say(text: &str, lang: Lang, number: usize, noise_db: f32) -> anyhow::Result<Vec<i16>> {
    let (names, words) = match lang {
        Lang::En => (VOICES_EN, text.to_owned()),
        Lang::Zh => (VOICES_ZH, pinyin(text)),
    };
    let voice = ScenarioVoice {
        name: names[number % names.len()].to_owned(),
        words_per_minute: 150 + (number as u32 * 7) % 30,
        pitch: 35 + (number as u32 * 11) % 30,
    };
    let mut pcm = speech::trimmed(speech::say(&voice, &words).await?);
    let margin = vec![0; (RATE_HZ / 5) as usize];
    pcm = [&margin[..], &pcm, &margin].concat();
    speech::bring_to_level(&mut pcm, Some(noise_db));
    Ok(pcm)
}

fn figures(report: &mut Report, set: &str, part: &str, spoken: &[Spoken]) {
    let share = |of: &mut dyn Iterator<Item = bool>| -> Vec<f64> {
        of.map(|yes| f64::from(u8::from(yes))).collect()
    };
    let inside: Vec<&Spoken> = spoken.iter().filter(|one| one.inside).collect();
    let outside: Vec<&Spoken> = spoken.iter().filter(|one| !one.inside).collect();
    let by_text = share(&mut inside.iter().map(|one| one.right_by_text));
    let by_sound = share(&mut inside.iter().map(|one| one.right_by_sound));
    let by_best = share(&mut inside.iter().map(|one| one.right_by_best));
    let words: Vec<(f64, f64)> = inside.iter().map(|one| one.words).collect();
    report.add(set, part, Figure::mean("right, true text", &by_text));
    report.add(set, part, Figure::mean("right, best reading", &by_best));
    report.add(set, part, Figure::mean("right, recognized", &by_sound));
    report.add(set, part, Figure::ratio("words wrong", &words));
    let policy = CallPolicy::default();
    let ships = RecognizerConfig::default().reject_below;
    for below in BTreeSet::from(REFUSED_BELOW).union(&BTreeSet::from([ships])) {
        let mut add = |of: &[&Spoken], name: &str, what: &[Meets]| {
            let rows = share(
                &mut of
                    .iter()
                    .map(|one| what.contains(&one.meets(*below, &policy))),
            );
            let mark = if *below == ships { " (ships)" } else { "" };
            let name = format!("{name}, refused below {below}{mark}");
            report.add(set, part, Figure::mean(&name, &rows));
        };
        add(&inside, "served", &[Meets::Served]);
        add(&inside, "asked about the wrong one", &[Meets::WrongGuess]);
        add(&inside, "sent wrong", &[Meets::Misled]);
        add(&inside, "asked to say it again", &[Meets::AskedAgain]);
        if !outside.is_empty() {
            add(&outside, "none of these: sent wrong", &[Meets::Misled]);
        }
    }
}
