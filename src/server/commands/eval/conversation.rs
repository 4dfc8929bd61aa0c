//! `sidetone eval conversation`: whole calls by synthesized callers against an engine of its own.

use super::figures::{Figure, Report};
use super::speech;
use crate::commands::bench::OwnEngine;
use anyhow::{Context as _, bail};
use indicatif::ProgressBar;
use sidetone_edge::{WebRtcCaller, WebRtcConfig};
use sidetone_sim::call::place;
use sidetone_sim::client::{Engine, Reader};
use sidetone_sim::recorded::{After, Cue, Moment, RecordedCaller, Voice};
use sidetone_sim::scenario::{self, Measured, Scenario};
use sidetone_sim::script::Patience;
use sidetone_types::*;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::task::JoinSet;

/// Silence before and after each sentence.
const MARGIN_MS: usize = 200;
const PATIENCE: Patience = Patience {
    answered_ms: 3_000,
    person_ms: 5_000,
    call_ms: 120_000,
};

/// One run of one scenario.
struct Outcome {
    place: usize,
    misses: Vec<String>,
    replies: Vec<f64>,
}

pub async fn run(
    config: Option<&Path>,
    folder: &Path,
    times: usize,
    at_once: usize,
) -> anyhow::Result<()> {
    if times == 0 || at_once == 0 {
        bail!("--times and --at-once are 1 or more");
    }
    let scenarios: Arc<[Scenario]> = scenario::load(folder)?.into();
    let mut voices = Vec::new();
    for one in scenarios.iter() {
        voices.push(voice(one).await.with_context(|| one.name.clone())?);
    }
    let voices: Arc<[Voice]> = voices.into();
    let own = OwnEngine::start(config).await?;
    let engine = Engine::at(&own.url)?;
    let reader = Arc::new(engine.reader().await?);
    let line = Arc::new(WebRtcCaller::new(WebRtcConfig::default()));
    let bar = ProgressBar::new((scenarios.len() * times) as u64);
    let next = Arc::new(AtomicUsize::new(0));
    let mut callers = JoinSet::new();
    for _ in 0..at_once {
        let (scenarios, voices, next) = (scenarios.clone(), voices.clone(), next.clone());
        let (engine, reader, line) = (engine.clone(), reader.clone(), line.clone());
        let bar = bar.clone();
        callers.spawn(async move {
            let mut done = Vec::new();
            loop {
                let turn = next.fetch_add(1, Ordering::Relaxed);
                if turn >= scenarios.len() * times {
                    return done;
                }
                let place = turn % scenarios.len();
                let (misses, replies) =
                    call(&engine, &reader, &line, &scenarios[place], &voices[place]).await;
                for miss in &misses {
                    bar.suspend(|| println!("{}: {miss}", scenarios[place].name));
                }
                bar.inc(1);
                done.push(Outcome {
                    place,
                    misses,
                    replies,
                });
            }
        });
    }
    let mut outcomes = Vec::new();
    while let Some(done) = callers.join_next().await {
        outcomes.extend(done?);
    }
    bar.finish_and_clear();
    report(&scenarios, &outcomes, times)
}

/// What did not come true, and how long each reply took.
async fn call(
    engine: &Engine,
    reader: &Reader,
    line: &WebRtcCaller,
    scenario: &Scenario,
    voice: &Voice,
) -> (Vec<String>, Vec<f64>) {
    let made = place(engine, line, voice, PATIENCE, &mut |_, _| {}).await;
    let report = match made {
        Ok(report) => report,
        Err(error) => return (vec![format!("the call failed: {error}")], Vec::new()),
    };
    let ended = serde_json::to_value(report.ended).unwrap_or_default();
    let measured = Measured {
        ended: ended.as_str().map(str::to_owned),
        reply_ms: report.reply_ms().collect(),
    };
    let replies = measured.reply_ms.iter().map(|ms| *ms as f64).collect();
    // The caller's captions have no intents: those are read where QA reads them.
    match reader.events(&report.call).await {
        Ok(events) => (scenario.expect.misses(&events, &measured), replies),
        Err(error) => (vec![format!("no events: {error}")], replies),
    }
}

fn report(scenarios: &[Scenario], outcomes: &[Outcome], times: usize) -> anyhow::Result<()> {
    let mut report = Report::new("conversation");
    for lang in Lang::ALL {
        let of_lang = |one: &&Outcome| scenarios[one.place].lang == lang;
        let passed: Vec<f64> = outcomes
            .iter()
            .filter(of_lang)
            .map(|one| f64::from(u8::from(one.misses.is_empty())))
            .collect();
        report.add("scenarios", lang.code(), Figure::mean("passed", &passed));
        if times > 1 {
            let every: Vec<f64> = (0..scenarios.len())
                .filter(|place| scenarios[*place].lang == lang)
                .map(|place| {
                    let mut runs = outcomes.iter().filter(|one| one.place == place);
                    f64::from(u8::from(runs.all(|one| one.misses.is_empty())))
                })
                .collect();
            report.add(
                "scenarios",
                lang.code(),
                Figure::mean("passed every time", &every),
            );
        }
    }
    let mut replies: Vec<f64> = outcomes
        .iter()
        .flat_map(|one| one.replies.clone())
        .collect();
    replies.sort_by(f64::total_cmp);
    for (name, share) in [("reply p50 ms", 50), ("reply p95 ms", 95)] {
        if let Some(ms) = replies.get(replies.len() * share / 100) {
            report.note("scenarios", "", name, *ms);
        }
    }
    report.finish()
}

/// The caller's sentences in their voice, one after the other.
async fn voice(scenario: &Scenario) -> anyhow::Result<Voice> {
    let mut pcm: Vec<i16> = Vec::new();
    let mut cues = Vec::new();
    for say in &scenario.say {
        let speech = speech::say(&scenario.voice, say.spoken()).await?;
        let from_ms = pcm.len() * 1000 / RATE_HZ as usize;
        let margin = vec![0; MARGIN_MS * RATE_HZ as usize / 1000];
        pcm.extend(&margin);
        pcm.extend(speech);
        pcm.extend(&margin);
        cues.push(Cue {
            after: After::Moment(Moment::Prompt),
            from_ms: from_ms as u32,
            to_ms: (pcm.len() * 1000 / RATE_HZ as usize) as u32,
            text: say.text().to_owned(),
            barge_after_ms: say.barge_after_ms(),
            say: None,
        });
    }
    speech::bring_to_level(&mut pcm, scenario.noise_db);
    let caller = RecordedCaller {
        id: scenario.name.clone(),
        lang: scenario.lang,
        title_zh: scenario.name.clone(),
        title_en: scenario.name.clone(),
        about_zh: String::new(),
        about_en: String::new(),
        customer: scenario.customer.clone(),
        seconds: pcm.len() as f32 / RATE_HZ as f32,
        voice: None,
        cues,
    };
    Ok(Voice {
        caller,
        pcm: pcm.into(),
    })
}
