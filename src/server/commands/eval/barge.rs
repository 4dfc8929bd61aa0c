//! `sidetone eval barge`: speech over a prompt, a sign of listening or a wish for the word.
//!
//! Each text is spoken by a voice that the recognizer was not trained on and heard as in a call; the
//! house's rule sees the partial texts and the length of the voice as they come.

use super::figures::{Figure, Report};
use super::listen::{self, Event, Heard};
use super::{asr, spoken, tables};
use crate::config::Config;
use anyhow::Context as _;
use indicatif::ProgressBar;
use sidetone_call::{CallPolicy, Expect, stops_a_prompt};
use sidetone_inference::recognizer::{Place, Recognizer, RecognizerConfig};
use sidetone_types::*;
use std::path::PathBuf;
use std::time::Duration;

const NOISE_DB: f32 = 25.0;
const LISTENING: &str = "backchannel";
const WISH: &str = "interruption";
/// So much voice that a sign of listening alone keeps the prompt going.
const BY_WORDS: Duration = Duration::from_millis(700);

pub async fn run(config: &Config, folders: &[PathBuf], wrong: bool) -> anyhow::Result<()> {
    let recognizer = asr::recognizer(config, RecognizerConfig::default().reject_below)?;
    let place = recognizer.admit().context("the recognizer has no place")?;
    let mut report = Report::new("barge");
    for folder in folders {
        for table in tables::tables(folder)? {
            let rows = tables::rows(&table.path)?;
            let labelled: Vec<(String, bool)> = rows
                .iter()
                .filter_map(|row| {
                    let wish = match row.text(&["label"])?.as_str() {
                        LISTENING => false,
                        WISH => true,
                        _ => return None,
                    };
                    Some((row.text(&["text"])?, wish))
                })
                .collect();
            if labelled.is_empty() {
                continue;
            }
            weigh(
                &recognizer,
                &place,
                &labelled,
                wrong,
                &table.set,
                &mut report,
            )
            .await?;
        }
    }
    report.finish()
}

async fn weigh(
    recognizer: &Recognizer,
    place: &Place,
    labelled: &[(String, bool)],
    wrong: bool,
    set: &str,
    report: &mut Report,
) -> anyhow::Result<()> {
    let policy = CallPolicy::default();
    let (mut by_text, mut kept, mut stopped, mut after) = (vec![], vec![], vec![], vec![]);
    let bar = ProgressBar::new(labelled.len() as u64);
    for (number, (text, wish)) in labelled.iter().enumerate() {
        bar.inc(1);
        let lang = tables::lang_of(text);
        let pcm = spoken::say(text, lang, number, NOISE_DB).await?;
        let heard = listen::hear(recognizer, place, &pcm, lang, &Expect::Open).await?;
        let stop = stop_of(&heard, &policy);
        let by_words = stops_a_prompt(&policy, text, BY_WORDS);
        by_text.push(f64::from(u8::from(by_words == *wish)));
        if wrong && stop.is_some() != *wish {
            println!(
                "{}: {text}: {}",
                if *wish { WISH } else { LISTENING },
                heard.told()
            );
        }
        match wish {
            true => stopped.push(f64::from(u8::from(stop.is_some()))),
            false => kept.push(f64::from(u8::from(stop.is_none()))),
        }
        after.extend(stop.filter(|_| *wish).map(|t| t.as_secs_f64() * 1000.0));
    }
    bar.finish_and_clear();
    report.add(set, "", Figure::mean("right by true text", &by_text));
    report.add(
        set,
        "",
        Figure::mean("signs of listening, prompt goes on", &kept),
    );
    report.add(set, "", Figure::mean("wishes, prompt stops", &stopped));
    after.sort_by(f64::total_cmp);
    if let Some(p50) = after.get(after.len() / 2) {
        report.note(set, "", "stops after p50 ms", *p50);
    }
    Ok(())
}

/// From the onset to the moment at which the rule stops the prompt.
fn stop_of(heard: &Heard, policy: &CallPolicy) -> Option<Duration> {
    let events = heard.events();
    let (mut text, mut onset, mut level) = (String::new(), None, 0);
    let mut voiced = Duration::ZERO;
    let mut before = CallTime::ZERO;
    let last = events.last()?.0;
    let mut next = events.iter().peekable();
    let mut now = CallTime::ZERO;
    while now <= last {
        now = now + Duration::from_millis(FRAME_MS);
        if level == 2 {
            voiced += now.since(before);
        }
        before = now;
        while let Some((_, event)) = next.next_if(|(at, _)| *at <= now) {
            match event {
                Event::Voice(to) => level = *to,
                Event::Text(heard) => text.clone_from(heard),
            }
        }
        if level == 2 {
            onset.get_or_insert(now);
        }
        if voiced >= Duration::from_millis(u64::from(policy.pause.onset_ms))
            && stops_a_prompt(policy, &text, voiced)
        {
            return Some(now.since(onset.unwrap_or(now)));
        }
    }
    // The end decides by the words alone.
    let words = heard.last.as_ref()?.0.text.reveal();
    let wish = !words.is_empty() && stops_a_prompt(policy, words, BY_WORDS);
    wish.then(|| last.since(onset.unwrap_or(last)))
}
