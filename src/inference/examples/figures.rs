//! Prints measured figures of this crate. `cargo run --release -p sidetone-inference --example
//! figures -- WHAT PATHS…`, WHAT one of `hear`, `hints`, `voice`, `activity`, `intents`, `tsv`, `mood`.

use sidetone_inference::intent::{IntentClassifier, IntentExample, load_examples};
use sidetone_inference::mood::MoodScorer;
use sidetone_inference::recognizer::{Hint, Job, Recognizer, RecognizerConfig};
use sidetone_inference::synth::{Espeak, Say, Synthesizer, Voice, VoiceConfig};
use sidetone_inference::vad::{Earshot, Level, VoiceActivity};
use sidetone_inference::{embed, pcm};
use sidetone_types::{CallTime, FRAME_SAMPLES, Lang, Masked, Stage, UtteranceId};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let rest = args.get(1..).unwrap_or_default();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    match args.first().map(String::as_str) {
        Some("hear") => runtime.block_on(hear(rest)),
        Some("hints") => runtime.block_on(hints(rest)),
        Some("voice") => runtime.block_on(voice()),
        Some("activity") => activity(rest),
        Some("intents") => intents(rest),
        Some("tsv") => tsv(rest),
        Some("mood") => mood(rest),
        _ => eprintln!(
            "hear MODEL (WAV LANG TEXT)… | voice | activity WAV… | intents FOLDER (TSV LANG)… | tsv TRAIN DEV | mood FOLDER (TSV LANG)…"
        ),
    }
}

/// Model, then a file of `wav<TAB>lang<TAB>text` lines; without it, espeak says sentences.
async fn hear(args: &[String]) {
    let config = RecognizerConfig {
        workers: 1,
        reject_below: 0,
        ..Default::default()
    };
    let recognizer = Recognizer::load(Path::new(&args[0]), config).expect("the model");
    let place = recognizer.admit().expect("a place");
    let mut clips = Vec::new();
    if let Some(list) = args.get(1) {
        for line in std::fs::read_to_string(list).expect("the list").lines() {
            let c: Vec<&str> = line.split('\t').collect();
            let sound = pcm::read_wav(&std::fs::read(c[0]).expect("a clip")).expect("WAV");
            clips.push((
                sound,
                Lang::parse(c[1]).unwrap_or_default(),
                c.get(2).unwrap_or(&"").to_string(),
            ));
        }
    } else {
        let espeak = Espeak::find().expect("espeak-ng");
        for (lang, text) in SENTENCES {
            let sound = espeak.speak(text, lang).await.expect("speech");
            clips.push((telephone(&sound), lang, text.to_owned()));
        }
    }
    let (mut seconds, mut busy, mut wrong, mut all) = (0.0, 0.0, 0, 0);
    for (i, (sound, lang, text)) in clips.into_iter().enumerate() {
        let length = sound.len() as f64 / 16_000.0;
        let job = Job {
            place: place.key(),
            utterance: UtteranceId(i as u32),
            pcm: sound.into(),
            at: CallTime::ZERO,
            lang,
            stage: Stage::Final,
            careful: true,
            hint: Hint::Open,
        };
        let heard = recognizer.transcribe(job).await.expect("an answer");
        let errors = edits(&text, heard.text.reveal());
        (wrong, all) = (wrong + errors, all + units(&text).len());
        (seconds, busy) = (seconds + length, busy + heard.took.as_secs_f64());
        println!(
            "{length:.2}s\t{:.0}ms\t{}\t{errors}\t{text}\t{}\t{:?}",
            heard.took.as_secs_f64() * 1e3,
            heard.confidence,
            heard.text.reveal(),
            heard.rejected
        );
    }
    println!(
        "errors {wrong} of {all} = {:.1}%; real-time factor {:.4}",
        wrong as f64 * 100.0 / all.max(1) as f64,
        busy / seconds
    );
}

/// Digits and yes/no, heard with and without saying what is expected, at three pitches.
async fn hints(args: &[String]) {
    let espeak = Espeak::find().expect("espeak-ng");
    let mut clips = Vec::new();
    let digits = [
        ["零", "一", "二", "三", "四", "五", "六", "七", "八", "九"],
        [
            "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
        ],
    ];
    for i in 0..8usize {
        let number: Vec<usize> = (0..8)
            .map(|k| (i * 7919 + k * k * 104_729 + k * 31) / 7 % 10)
            .collect();
        clips.push((
            Lang::Zh,
            number.iter().map(|d| digits[0][*d]).collect::<String>(),
            Hint::OrderNumber,
        ));
        clips.push((
            Lang::En,
            number
                .iter()
                .map(|d| digits[1][*d])
                .collect::<Vec<_>>()
                .join(" "),
            Hint::OrderNumber,
        ));
    }
    clips.extend(
        ["是的", "对", "不是", "不用", "好的", "没错"]
            .map(|t| (Lang::Zh, t.to_owned(), Hint::YesNo)),
    );
    clips.extend(
        [
            "yes",
            "yes please",
            "no",
            "no thanks",
            "correct",
            "that's right",
        ]
        .map(|t| (Lang::En, t.to_owned(), Hint::YesNo)),
    );
    for penalty in [None, Some(0.0), Some(1.5), Some(3.0), Some(6.0)] {
        let config = RecognizerConfig {
            workers: 1,
            reject_below: 0,
            hint_penalty: penalty.unwrap_or(0.0),
            ..Default::default()
        };
        let recognizer = Recognizer::load(Path::new(&args[0]), config).expect("the model");
        let place = recognizer.admit().expect("a place");
        let (mut wrong, mut all) = ([0; 4], [0; 4]);
        for (lang, text, hint) in &clips {
            let sound = espeak.speak(text, *lang).await.expect("speech");
            for rate in [15_000, 16_000, 17_000] {
                let job = Job {
                    place: place.key(),
                    utterance: UtteranceId(1),
                    pcm: telephone(&pcm::resample(&sound, rate, 16_000)).into(),
                    at: CallTime::ZERO,
                    lang: *lang,
                    stage: Stage::Final,
                    careful: true,
                    hint: if penalty.is_some() {
                        hint.clone()
                    } else {
                        Hint::Open
                    },
                };
                let heard = recognizer.transcribe(job).await.expect("an answer");
                let part = usize::from(*lang == Lang::En) * 2 + usize::from(*hint == Hint::YesNo);
                wrong[part] += edits(text, heard.text.reveal());
                all[part] += units(text).len();
            }
        }
        println!(
            "hint {penalty:?}: errors zh digits {}/{}, zh yes-no {}/{}, en digits {}/{}, en yes-no {}/{}",
            wrong[0], all[0], wrong[1], all[1], wrong[2], all[2], wrong[3], all[3]
        );
    }
}

const SENTENCES: [(Lang, &str); 12] = [
    (Lang::Zh, "查一下账单"),
    (Lang::Zh, "我的快递到哪了"),
    (Lang::Zh, "转人工"),
    (Lang::Zh, "我想退货"),
    (Lang::Zh, "退款什么时候到账"),
    (Lang::Zh, "我要投诉你们的快递员"),
    (Lang::En, "check my bill"),
    (Lang::En, "where is my parcel"),
    (Lang::En, "I want to speak to an agent"),
    (Lang::En, "I would like a refund"),
    (Lang::En, "can I change my appointment"),
    (Lang::En, "one two three four five six seven eight"),
];

/// Down to 8 kHz, µ-law's steps, and up again.
fn telephone(sound: &[i16]) -> Vec<i16> {
    let narrow: Vec<i16> = pcm::resample(sound, 16_000, 8_000)
        .into_iter()
        .map(mu_law)
        .collect();
    pcm::to_16k(&narrow, 8_000)
}

fn mu_law(sample: i16) -> i16 {
    let x = f32::from(sample) / 32768.0;
    let squeezed =
        (x.signum() * (1.0 + 255.0 * x.abs()).ln() / 256f32.ln() * 128.0).round() / 128.0;
    (squeezed.signum() * ((256f32.powf(squeezed.abs())) - 1.0) / 255.0 * 32767.0) as i16
}

fn units(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    for word in text
        .to_lowercase()
        .split(|c: char| !c.is_alphanumeric() && c != '\'')
    {
        if word.is_ascii() {
            out.extend((!word.is_empty()).then(|| word.to_owned()));
        } else {
            out.extend(word.chars().map(String::from));
        }
    }
    out
}

fn edits(a: &str, b: &str) -> usize {
    let (a, b) = (units(a), units(b));
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let cost = (diagonal + usize::from(x != y))
                .min(row[j] + 1)
                .min(row[j + 1] + 1);
            diagonal = row[j + 1];
            row[j + 1] = cost;
        }
    }
    row[b.len()]
}

async fn voice() {
    let espeak: Arc<dyn Synthesizer> = Arc::new(Espeak::find().expect("espeak-ng"));
    for (lang, text) in SENTENCES {
        let mut times = Vec::new();
        for _ in 0..5 {
            let voice = Voice::new(Arc::clone(&espeak), VoiceConfig::default());
            let began = Instant::now();
            let say = Say {
                key: None,
                text: text.to_owned(),
                lang,
                personal: false,
            };
            let first = voice
                .stream(say)
                .recv()
                .await
                .expect("a sentence")
                .expect("speech");
            times.push((began.elapsed(), first.length()));
        }
        times.sort();
        println!(
            "{text}: first audio after {:.0?} (median of 5), {:.2?} of sound",
            times[2].0, times[2].1
        );
    }
}

/// Share of frames above 500 and changes of level a minute, per file.
fn activity(paths: &[String]) {
    for path in paths {
        let sound = match pcm::read_wav(&std::fs::read(path).expect("a clip")) {
            Ok(sound) => sound,
            Err(e) => {
                println!("{path}: {e}");
                continue;
            }
        };
        let (mut vad, mut level) = (Earshot::default(), Level::default());
        let (mut speech, mut level2, mut changes, mut frames) = (0, 0, 0, 0);
        for chunk in sound.chunks_exact(FRAME_SAMPLES) {
            let frame: &[i16; FRAME_SAMPLES] = chunk.try_into().expect("a frame");
            let score = vad.push(frame);
            changes += usize::from(level.push(frame, score).is_some());
            speech += usize::from(score >= 500);
            level2 += usize::from(level.now() == 2);
            frames += 1;
        }
        let share = |n: usize| n as f64 * 100.0 / f64::from(frames.max(1));
        println!(
            "{path}: {:.1}s speech {:.1}% level2 {:.1}% changes {changes}",
            f64::from(frames) * 0.02,
            share(speech),
            share(level2)
        );
    }
}

fn evaluate(classifier: &IntentClassifier, rows: &[(String, String)], lang: Lang) {
    let (mut right, mut scoped, mut answered_right) = (0, 0, 0);
    let (mut inside, mut outside) = (Vec::new(), Vec::new());
    let mut times = Vec::new();
    for (text, want) in rows {
        let began = Instant::now();
        let scores = classifier.classify(text, lang);
        times.push(began.elapsed());
        let best = scores
            .iter()
            .find(|s| !s.intent.is_none())
            .expect("an intent");
        answered_right += usize::from(scores[0].intent.as_str() == want);
        if want == "none" {
            outside.push(best.score);
        } else {
            scoped += 1;
            right += usize::from(best.intent.as_str() == want);
            inside.push(best.score);
        }
        if std::env::var_os("SHOW_WRONG").is_some() && scores[0].intent.as_str() != want {
            println!(
                "  {text}\twant {want}\tgot {} {}\tnext {} {}",
                scores[0].intent, scores[0].score, scores[1].intent, scores[1].score
            );
        }
    }
    times.sort();
    let pairs: f64 = inside
        .iter()
        .map(|i| {
            outside
                .iter()
                .map(|o| {
                    if i > o {
                        1.0
                    } else if i == o {
                        0.5
                    } else {
                        0.0
                    }
                })
                .sum::<f64>()
        })
        .sum();
    let area = pairs / (inside.len() * outside.len()).max(1) as f64;
    println!(
        "{} rows: in-scope accuracy {:.1}% ({right}/{scoped}); with none as an answer {:.1}%; AUROC in/out {area:.3} ({} out); p50 {:.2?} p99 {:.2?}",
        rows.len(),
        right as f64 * 100.0 / scoped.max(1) as f64,
        answered_right as f64 * 100.0 / rows.len() as f64,
        outside.len(),
        times[times.len() / 2],
        times[times.len() * 99 / 100],
    );
}

fn rows_of(path: &str, text: usize, label: usize) -> Vec<(String, String)> {
    let rename = |l: &str| {
        if l == "oos" {
            "none".to_owned()
        } else {
            l.to_owned()
        }
    };
    std::fs::read_to_string(path)
        .expect("the rows")
        .lines()
        .skip(1)
        .map(|l| l.split('\t').collect::<Vec<_>>())
        .map(|c| (c[text].to_owned(), rename(c[label])))
        .collect()
}

fn intents(args: &[String]) {
    let (examples, infos) = load_examples(Path::new(&args[0])).unwrap_or_else(|e| panic!("{e:#?}"));
    let embedder =
        std::env::var_os("ENCODER").map(|d| embed::open(Path::new(&d)).expect("the encoder"));
    let examples: Vec<_> = examples
        .into_iter()
        .filter(|e| !e.weak || std::env::var_os("NO_ARTICLES").is_none())
        .collect();
    let without = std::env::var_os("NO_ARTICLES").is_some();
    let examples: Vec<_> = examples
        .into_iter()
        .filter(|e| !(e.weak && without))
        .collect();
    let began = Instant::now();
    let classifier = IntentClassifier::train(&examples, embedder, 1);
    println!(
        "{} examples, {} intents, trained in {:.2?}",
        examples.len(),
        infos.len(),
        began.elapsed()
    );
    for pair in args[1..].chunks_exact(2) {
        print!("{}: ", pair[0].rsplit('/').next().unwrap_or_default());
        evaluate(
            &classifier,
            &rows_of(&pair[0], 0, 1),
            Lang::parse(&pair[1]).unwrap_or_default(),
        );
    }
}

/// Two TSV files whose first line names the columns `text` and `intent` or `label`. With SHOTS=n,
/// only the first n examples of each intent are learned.
fn tsv(args: &[String]) {
    let header = std::fs::read_to_string(&args[0]).expect("the rows");
    let names: Vec<String> = header
        .lines()
        .next()
        .unwrap_or_default()
        .split('\t')
        .map(str::to_owned)
        .collect();
    let column = |wanted: &[&str]| {
        names
            .iter()
            .position(|n| wanted.contains(&n.as_str()))
            .expect("the column")
    };
    let (text, label) = (column(&["text"]), column(&["intent", "label", "category"]));
    let shots: usize = std::env::var("SHOTS")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(usize::MAX);
    let mut counts = std::collections::BTreeMap::new();
    let examples: Vec<IntentExample> = rows_of(&args[0], text, label)
        .into_iter()
        .filter(|(_, label)| {
            let n = counts.entry(label.clone()).or_insert(0);
            *n += 1;
            *n <= shots
        })
        .map(|(text, label)| IntentExample {
            intent: label.as_str().into(),
            lang: Lang::En,
            text,
            weak: false,
        })
        .collect();
    let began = Instant::now();
    let classifier = IntentClassifier::train(&examples, None, 1);
    println!(
        "{} examples, {} intents, trained in {:.2?}",
        examples.len(),
        classifier.intents().len(),
        began.elapsed()
    );
    evaluate(&classifier, &rows_of(&args[1], text, label), Lang::En);
}

fn mood(args: &[String]) {
    let scorer =
        MoodScorer::load(Path::new(&args[0]), None, 1).unwrap_or_else(|e| panic!("{e:#?}"));
    for pair in args[1..].chunks_exact(2) {
        let lang = Lang::parse(&pair[1]).unwrap_or_default();
        let mut table = [[0usize; 3]; 3];
        let rows = sidetone_inference::mood::load_examples(Path::new(&pair[0]), lang)
            .unwrap_or_else(|e| panic!("{e:#?}"));
        let class = |s: i8| usize::from(s >= -19) + usize::from(s >= 20);
        for row in &rows {
            let got = scorer.score(&Masked::authored(row.text.as_str()), lang);
            table[class(row.score)][class(got.score)] += 1;
        }
        let f1: Vec<f64> = (0..3)
            .map(|c| {
                let hit = table[c][c] as f64;
                let said: usize = table.iter().map(|r| r[c]).sum();
                let was: usize = table[c].iter().sum();
                2.0 * hit / (said + was).max(1) as f64
            })
            .collect();
        println!(
            "{}: {} rows, macro-F1 {:.3} {f1:.2?} {table:?}",
            pair[0],
            rows.len(),
            f1.iter().sum::<f64>() / 3.0
        );
    }
}
