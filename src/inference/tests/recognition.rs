//! The shipped recognizer, and the queue around it.

use crate::common::{noise, project, say, tones};
use sidetone_inference::InferenceError;
use sidetone_inference::recognizer::{Hint, Job, Place, Recognizer, RecognizerConfig, check_file};
use sidetone_types::{CallTime, Lang, Stage, UtteranceId};
use std::sync::{Arc, OnceLock};
use tokio::sync::mpsc;

fn model() -> std::path::PathBuf {
    project("models/sidetone-zh-en-q8_0.bin")
}

fn load(config: RecognizerConfig) -> Recognizer {
    Recognizer::load(&model(), config).expect("the shipped model")
}

fn one_worker() -> RecognizerConfig {
    RecognizerConfig {
        workers: 1,
        ..RecognizerConfig::default()
    }
}

/// One recognizer for the tests that only listen.
fn shared() -> Recognizer {
    static SHARED: OnceLock<Recognizer> = OnceLock::new();
    SHARED
        .get_or_init(|| {
            load(RecognizerConfig {
                workers: 2,
                ..RecognizerConfig::default()
            })
        })
        .clone()
}

fn job(place: &Place, utterance: u32, pcm: &[i16], lang: Lang, stage: Stage) -> Job {
    Job {
        place: place.key(),
        utterance: UtteranceId(utterance),
        pcm: pcm.into(),
        at: CallTime::from_ms(5000),
        lang,
        stage,
        careful: false,
        hint: Hint::Open,
    }
}

fn units(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    for word in text
        .to_lowercase()
        .split(|c: char| !c.is_alphanumeric() && c != '\'')
    {
        match word.is_ascii() {
            true if word.is_empty() => {}
            true => out.push(word.to_owned()),
            false => out.extend(word.chars().map(String::from)),
        }
    }
    out
}

fn edits(a: &[String], b: &[String]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let cost = (diagonal + usize::from(x != y))
                .min(row[j] + 1)
                .min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], cost);
        }
    }
    row[b.len()]
}

#[tokio::test]
async fn the_shipped_model_hears_the_domain() {
    let recognizer = shared();
    let place = recognizer.admit().expect("a place");
    let sentences = [
        (Lang::Zh, "查一下账单"),
        (Lang::Zh, "我想退货"),
        (Lang::Zh, "退款什么时候到账"),
        (Lang::Zh, "转人工"),
        (Lang::Zh, "我要开发票"),
        (Lang::En, "check my bill"),
        (Lang::En, "I want to speak to an agent"),
        (Lang::En, "can I change my appointment"),
        (Lang::En, "one two three four five six seven eight"),
    ];
    let (mut wrong, mut all) = (0, 0);
    for (i, (lang, text)) in sentences.into_iter().enumerate() {
        let pcm = say(text, lang).await;
        let heard = recognizer
            .transcribe(job(&place, i as u32, &pcm, lang, Stage::Final))
            .await
            .expect("an answer");
        let (want, got) = (units(text), units(heard.text.reveal()));
        wrong += edits(&want, &got);
        all += want.len();
        assert_eq!(heard.lang, lang);
        let inside = |t: CallTime| {
            (5_000_000..=5_000_000 + pcm.len() as u64 * 125 / 2 + 20_000).contains(&t.0)
        };
        assert!(
            heard
                .words
                .iter()
                .all(|w| inside(w.from) && inside(w.to) && w.from <= w.to),
            "{:?}",
            heard.words
        );
    }
    assert!(
        wrong * 100 <= all * 30,
        "{wrong} errors in {all} words and characters"
    );
}

#[tokio::test]
async fn nothing_said_is_nothing_heard() {
    let recognizer = shared();
    let place = recognizer.admit().expect("a place");
    let clips = [
        ("silence", vec![0; 32_000]),
        ("faint noise", noise(3000, -60.0, 7)),
        ("noise", noise(3000, -35.0, 8)),
        ("ringing", tones(2000, &[425.0], -15.0)),
        ("a key", tones(400, &[770.0, 1336.0], -12.0)),
        ("a chord", tones(3000, &[262.0, 330.0, 392.0], -25.0)),
        ("a click", vec![20_000; 40]),
        ("no sound at all", vec![]),
    ];
    for (i, (name, clip)) in clips.iter().enumerate() {
        for lang in Lang::ALL {
            let heard = recognizer
                .transcribe(job(&place, i as u32, clip, lang, Stage::Final))
                .await
                .expect("an answer");
            assert_eq!(heard.text.reveal(), "", "{name} in {lang}");
            assert!(heard.words.is_empty() && heard.rejected.is_some());
        }
    }
}

#[tokio::test]
async fn a_long_utterance_is_cut_and_joined() {
    let recognizer = shared();
    let place = recognizer.admit().expect("a place");
    let mut sound = Vec::new();
    for _ in 0..6 {
        sound.extend(say("查一下账单", Lang::Zh).await);
        sound.extend(noise(1500, -65.0, 9));
    }
    assert!(
        sound.len() > recognizer.window().as_millis() as usize * 16,
        "longer than one pass takes"
    );
    let heard = recognizer
        .transcribe(job(&place, 1, &sound, Lang::Zh, Stage::Final))
        .await
        .expect("an answer");
    let times = heard.text.reveal().matches("账单").count();
    assert!((4..=7).contains(&times), "{}", heard.text.reveal());
    assert!(
        heard.words.windows(2).all(|w| w[0].from <= w[1].from),
        "in order"
    );
    let last = heard.words.last().expect("words").to;
    assert!(
        last.as_ms() > 5_000 + sound.len() as u64 / 16 / 2,
        "the end was heard too"
    );
}

#[tokio::test]
async fn eight_jobs_at_once_and_finals_come_first() {
    let recognizer = load(one_worker());
    let places: Vec<Place> = (0..8)
        .map(|_| recognizer.admit().expect("a place"))
        .collect();
    let pcm: Arc<[i16]> = say("我想问一下退款什么时候到账", Lang::Zh).await.into();
    let (done, mut order) = mpsc::unbounded_channel();
    // All are queued before the first await: futures of this runtime's one thread cannot interleave.
    for (i, place) in places.iter().enumerate() {
        let stage = if i < 4 { Stage::Partial } else { Stage::Final };
        let answer = recognizer.transcribe(Job {
            pcm: Arc::clone(&pcm),
            ..job(place, 1, &[], Lang::Zh, stage)
        });
        let done = done.clone();
        tokio::spawn(async move {
            let answer = answer.await;
            let _ = done.send((stage, answer.map(|_| ())));
        });
    }
    drop(done);
    let (mut finals, mut partials_before) = (0, 0);
    while let Some((stage, answer)) = order.recv().await {
        match stage {
            Stage::Final => {
                answer.expect("no final is dropped");
                finals += 1;
            }
            Stage::Partial => {
                if let Err(e) = &answer {
                    assert!(e.is_dropped(), "{e}");
                }
                partials_before += usize::from(finals < 4 && answer.is_ok());
            }
        }
    }
    assert_eq!(finals, 4);
    assert!(
        partials_before <= 1,
        "only one that had begun may come before: {partials_before}"
    );
}

#[tokio::test]
async fn newer_replaces_older_and_a_caller_who_left_is_skipped() {
    let recognizer = load(one_worker());
    let (busy, caller, leaver) = (
        recognizer.admit().unwrap(),
        recognizer.admit().unwrap(),
        recognizer.admit().unwrap(),
    );
    let pcm = say("我想问一下退款什么时候到账", Lang::Zh).await;
    let first = recognizer.transcribe(job(&busy, 1, &pcm, Lang::Zh, Stage::Final));
    let old = recognizer.transcribe(job(&caller, 2, &pcm[..16_000], Lang::Zh, Stage::Partial));
    let newer = recognizer.transcribe(job(&caller, 2, &pcm[..24_000], Lang::Zh, Stage::Partial));
    let last = recognizer.transcribe(job(&caller, 2, &pcm, Lang::Zh, Stage::Final));
    let late = recognizer.transcribe(job(&caller, 2, &pcm, Lang::Zh, Stage::Partial));
    let left = recognizer.transcribe(job(&leaver, 3, &pcm, Lang::Zh, Stage::Final));
    drop(leaver);
    assert!(first.await.is_ok());
    for superseded in [old.await, newer.await, late.await] {
        assert!(
            matches!(superseded, Err(InferenceError::Superseded)),
            "{superseded:?}"
        );
    }
    assert!(last.await.is_ok());
    assert!(matches!(left.await, Err(InferenceError::Gone)));
}

#[tokio::test]
async fn places_and_queue_are_bounded() {
    let recognizer = load(RecognizerConfig {
        places_max: 2,
        queue_sound_ms_max: 4_000,
        ..one_worker()
    });
    let (a, b) = (recognizer.admit().unwrap(), recognizer.admit().unwrap());
    assert!(recognizer.admit().is_none());
    drop(b);
    let b = recognizer.admit().expect("a place that was given back");
    let pcm = noise(3_000, -20.0, 5);
    // One runs, one waits, and there is no room for a third.
    let answers: Vec<_> = (0..8)
        .map(|i| {
            recognizer.transcribe(job(
                if i % 2 == 0 { &a } else { &b },
                i,
                &pcm,
                Lang::En,
                Stage::Final,
            ))
        })
        .collect();
    let mut refused = 0;
    for answer in answers {
        match answer.await {
            Ok(_) => {}
            Err(InferenceError::Overloaded { waiting_ms }) => {
                refused += 1;
                assert!(waiting_ms <= 4_000);
            }
            Err(e) => panic!("{e}"),
        }
    }
    assert!(refused >= 4, "{refused} of 8 were refused");
    let after = recognizer
        .transcribe(job(&a, 99, &pcm, Lang::En, Stage::Final))
        .await;
    assert!(after.is_ok(), "it goes on afterwards");
    assert_eq!(recognizer.places(), (2, 2));
}

#[tokio::test]
async fn a_hint_settles_near_misses() {
    let recognizer = shared();
    let place = recognizer.admit().expect("a place");
    for (lang, text, hint, want) in [
        (Lang::Zh, "一二三四五六七八", Hint::OrderNumber, 8),
        (
            Lang::En,
            "one two three four five six seven eight",
            Hint::OrderNumber,
            8,
        ),
    ] {
        let pcm = say(text, lang).await;
        let heard = recognizer
            .transcribe(Job {
                hint,
                ..job(&place, 1, &pcm, lang, Stage::Final)
            })
            .await
            .expect("an answer");
        let count = units(heard.text.reveal())
            .iter()
            .map(|u| {
                if u.chars().all(|c| c.is_ascii_digit()) {
                    u.len()
                } else {
                    1
                }
            })
            .sum::<usize>();
        assert!(count.abs_diff(want) <= 1, "{}", heard.text.reveal());
    }
}

#[test]
fn broken_model_files_are_refused_in_words() {
    let whole = std::fs::read(model()).expect("the shipped model");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("broken.bin");
    let with = |at: usize, value: i32| {
        let mut bytes = whole.clone();
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        bytes
    };
    let cases: [(&str, Vec<u8>, &str); 8] = [
        ("empty", vec![], "bytes long"),
        (
            "text",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0000000000000000000000000\n"
                .to_vec(),
            "Git LFS pointer",
        ),
        (
            "cut",
            whole[..whole.len() / 2].to_vec(),
            "ends in the middle",
        ),
        ("n_vocab", with(4, 1_000_000), "n_vocab"),
        ("n_audio_layer", with(20, 33), "n_audio_layer"),
        ("n_text_state", with(28, 192), "widths differ"),
        ("n_mels", with(40, 81), "mel filters"),
        ("longer", [whole.clone(), vec![1; 64]].concat(), "tensor"),
    ];
    for (name, bytes, says) in cases {
        std::fs::write(&path, bytes).unwrap();
        let error = Recognizer::load(&path, one_worker())
            .err()
            .unwrap_or_else(|| panic!("{name} was taken"))
            .to_string();
        assert!(
            error.contains(says) && error.contains("broken.bin"),
            "{name}: {error}"
        );
    }
    let missing = Recognizer::load(&folder.path().join("none.bin"), one_worker())
        .err()
        .expect("refused")
        .to_string();
    assert!(missing.contains("sidetone models get"), "{missing}");
}

#[test]
fn no_damage_to_the_header_gets_past_the_check() {
    let whole = std::fs::read(model()).expect("the shipped model");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("damaged.bin");
    let mut refused = 0;
    for at in (4..48).step_by(4) {
        for value in [-1, 0, i32::MAX] {
            let mut bytes = whole.clone();
            bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
            std::fs::write(&path, bytes).unwrap();
            refused += usize::from(check_file(&path).is_err());
        }
    }
    assert_eq!(refused, 33, "of 33");
}

#[test]
fn a_file_that_is_not_the_listed_one_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("m.bin");
    std::fs::copy(model(), &path).unwrap();
    let manifest = format!(
        "[[model]]\nname = \"m\"\ntask = \"recognizer\"\nfile = \"m.bin\"\nlanguages = [\"zh\"]\nlicence = \"MIT\"\nsha256 = \"{}\"\n",
        "0".repeat(64)
    );
    std::fs::write(folder.path().join("manifest.toml"), manifest).unwrap();
    let error = Recognizer::load(&path, one_worker())
        .err()
        .expect("refused");
    assert!(matches!(error, InferenceError::Hash { .. }), "{error}");
    assert!(
        error.to_string().contains("sidetone models get m"),
        "{error}"
    );
}
