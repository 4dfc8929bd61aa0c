//! `sidetone bench network`: what the recognizer makes of callers over bad networks.

use super::eval::{errors_between, normal};
use super::transcribe::spoken;
use crate::config::Config;
use crate::models::recognizer_file;
use anyhow::Context as _;
use clap::Args;
use futures_util::future::try_join_all;
use indicatif::ProgressBar;
use sidetone_inference::recognizer::{Hint, Job, Recognizer, RecognizerConfig};
use sidetone_sim::bench_network::{Arrived, Condition, KEYS, carry, conditions};
use sidetone_sim::recorded;
use sidetone_types::*;
use std::sync::Arc;

#[derive(Args)]
pub struct NetworkArgs {
    /// Where the packets' fates begin
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// One sentence of a recorded caller.
struct Sentence {
    lang: Lang,
    text: String,
    pcm: Vec<i16>,
}

/// What came of one network.
#[derive(Debug, Default, PartialEq, Eq)]
struct Row {
    /// Words of English and characters of Chinese: wrong, of how many.
    english: (usize, usize),
    chinese: (usize, usize),
    /// Sentences whose keys all arrived, in order and once.
    keys_exact: usize,
    sentences: usize,
}

pub async fn run(config: &Config, args: NetworkArgs) -> anyhow::Result<()> {
    let sentences = sentences(config)?;
    let recognizer = recognizer(config)?;
    let networks = conditions();
    let bar = ProgressBar::new(networks.len() as u64);
    println!(
        "{:<40} {:>12} {:>12} {:>14}",
        "network", "en WER %", "zh CER %", "keys exact"
    );
    for condition in networks {
        bar.set_message(condition.name);
        let row = measure(&recognizer, &sentences, &condition, args.seed).await?;
        let percent = |(wrong, all): (usize, usize)| wrong as f64 * 100.0 / all.max(1) as f64;
        bar.suspend(|| {
            println!(
                "{:<40} {:>12.1} {:>12.1} {:>10}/{}",
                condition.name,
                percent(row.english),
                percent(row.chinese),
                row.keys_exact,
                row.sentences
            );
        });
        bar.inc(1);
    }
    bar.finish_and_clear();
    println!(
        "{} sentences of the recorded callers as G.711 over RTP, each with {} keys after it.",
        sentences.len(),
        KEYS.len()
    );
    Ok(())
}

fn recognizer(config: &Config) -> anyhow::Result<Recognizer> {
    let limits = RecognizerConfig {
        workers: 1,
        places_max: 1,
        ..RecognizerConfig::default()
    };
    Ok(Recognizer::load(&recognizer_file(config)?, limits)?)
}

fn sentences(config: &Config) -> anyhow::Result<Vec<Sentence>> {
    let folder = &config.paths.recorded_callers;
    let mut all = Vec::new();
    for caller in recorded::load(folder)? {
        let voice = recorded::voice(folder, caller)?;
        for cue in &voice.caller.cues {
            let [from, to] = [cue.from_ms, cue.to_ms].map(|ms| ms as usize * 16);
            all.push(Sentence {
                lang: voice.caller.lang,
                text: cue.text.clone(),
                pcm: voice.pcm.get(from..to).unwrap_or_default().to_vec(),
            });
        }
    }
    Ok(all)
}

/// All sentences at the same time, each over a network of its own.
async fn measure(
    recognizer: &Recognizer,
    sentences: &[Sentence],
    condition: &Condition,
    seed: u64,
) -> anyhow::Result<Row> {
    let carried = sentences
        .iter()
        .zip(seed..)
        .map(|(sentence, seed)| carry(&sentence.pcm, condition, seed));
    let arrived: Vec<Arrived> = try_join_all(carried).await?;
    let place = recognizer.admit().context("the recognizer has no place")?;
    let mut row = Row::default();
    for (sentence, arrived) in sentences.iter().zip(arrived) {
        let lang = sentence.lang;
        // As in a call, only what is taken for speech gets to the recognizer.
        let parts = spoken(&arrived.pcm);
        let from = parts.first().map_or(0, |part| part.start);
        let to = parts.last().map_or(0, |part| part.end);
        let job = Job {
            place: place.key(),
            utterance: UtteranceId(0),
            pcm: Arc::from(&arrived.pcm[from..to]),
            at: CallTime::ZERO,
            lang,
            stage: Stage::Final,
            careful: true,
            hint: Hint::Open,
        };
        let heard = recognizer.transcribe(job).await?;
        let said = normal(&sentence.text, lang);
        let wrong = errors_between(&said, &normal(heard.text.reveal(), lang));
        let counted = match lang {
            Lang::En => &mut row.english,
            Lang::Zh => &mut row.chinese,
        };
        *counted = (counted.0 + wrong, counted.1 + said.len());
        row.keys_exact += usize::from(arrived.keys == KEYS);
        row.sentences += 1;
    }
    Ok(row)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::EXAMPLE;
    use std::path::Path;

    #[tokio::test(flavor = "multi_thread")]
    async fn words_and_keys_come_through_a_bad_network() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut config = Config::parse(EXAMPLE, "example").unwrap();
        for path in [&mut config.paths.models, &mut config.paths.recorded_callers] {
            *path = root.join(&*path);
        }
        let sentences = sentences(&config).unwrap();
        let recognizer = recognizer(&config).unwrap();
        let bad = "5 % lost, 60 ms jitter, 3 % reordered";
        let mut rows = Vec::new();
        for name in ["nothing", bad] {
            let named = conditions().into_iter().find(|one| one.name == name);
            let condition = named.expect("a row of the table");
            let row = measure(&recognizer, &sentences, &condition, 1).await;
            rows.push(row.unwrap());
        }
        for row in &rows {
            assert_eq!(row.keys_exact, row.sentences, "{rows:?}");
        }
        // Five of a hundred more than without losses.
        for lang in [|row: &Row| row.english, |row: &Row| row.chinese] {
            let [(clean, all), (wrong, _)] = [&rows[0], &rows[1]].map(lang);
            assert!(clean * 100 <= all * 10, "{rows:?}");
            assert!((wrong - clean.min(wrong)) * 100 <= all * 5, "{rows:?}");
        }
    }
}
