//! The assistant's voice: espeak-ng, caches, recorded prompts, a speech server.

use crate::common::{Reply, serve, tones};
use sidetone_inference::synth::{
    Espeak, OpenAiVoice, OpenAiVoiceConfig, Say, Synthesizer, Voice, VoiceConfig,
};
use sidetone_inference::{BoxFuture, InferenceError, llm::Secret, pcm};
use sidetone_types::Lang;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

fn say(text: &str, lang: Lang) -> Say {
    Say {
        key: None,
        text: text.into(),
        lang,
        personal: false,
    }
}

/// Counts how often it is asked.
struct Counting {
    inner: Espeak,
    asked: AtomicUsize,
}

impl Synthesizer for Counting {
    fn id(&self, lang: Lang) -> String {
        self.inner.id(lang)
    }
    fn speak<'a>(
        &'a self,
        text: &'a str,
        lang: Lang,
    ) -> BoxFuture<'a, Result<Vec<i16>, InferenceError>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.inner.speak(text, lang)
    }
}

fn counting() -> Arc<Counting> {
    Arc::new(Counting {
        inner: Espeak::find().expect("espeak-ng"),
        asked: AtomicUsize::new(0),
    })
}

#[tokio::test]
async fn both_languages_are_spoken_at_the_same_level() {
    let voice = Voice::new(counting(), VoiceConfig::default());
    for (lang, text, low, high) in [
        (Lang::Zh, "您好，请问有什么可以帮您？", 1_200, 4_000),
        (Lang::En, "Hello, how can I help you?", 1_000, 4_000),
    ] {
        let speech = voice.say(&say(text, lang)).await.expect("speech");
        let ms = speech.length().as_millis();
        assert!((low..high).contains(&ms), "{lang}: {ms} ms");
        let voiced: Vec<i16> = speech
            .pcm
            .chunks(160)
            .filter(|c| pcm::level_dbov(c) > -45.0)
            .flatten()
            .copied()
            .collect();
        assert!(
            (pcm::level_dbov(&voiced) + 20.0).abs() < 3.0,
            "{lang}: {}",
            pcm::level_dbov(&voiced)
        );
        assert_eq!(speech.pcm[0], 0, "no click");
    }
}

#[tokio::test]
async fn sentences_come_in_order_and_are_made_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let backend = counting();
    let config = VoiceConfig {
        cache: Some(folder.path().into()),
        ..VoiceConfig::default()
    };
    let voice = Voice::new(backend.clone(), config.clone());
    let text = "您的订单已发货。预计明天送达。";
    for _ in 0..2 {
        let mut stream = voice.stream(say(text, Lang::Zh));
        let first = stream.recv().await.expect("a sentence").expect("speech");
        let second = stream.recv().await.expect("a sentence").expect("speech");
        assert_eq!(
            (first.text.as_str(), first.last),
            ("您的订单已发货。", false)
        );
        assert_eq!(
            (second.text.as_str(), second.last),
            ("预计明天送达。", true)
        );
        assert!(stream.recv().await.is_none());
    }
    assert_eq!(backend.asked.load(Ordering::Relaxed), 2);
    // After a restart the disk has them.
    let again = Voice::new(backend.clone(), config);
    assert!(
        !again
            .say(&say(text, Lang::Zh))
            .await
            .expect("speech")
            .pcm
            .is_empty()
    );
    assert_eq!(backend.asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn personal_text_stays_off_the_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let voice = Voice::new(
        counting(),
        VoiceConfig {
            cache: Some(folder.path().into()),
            ..VoiceConfig::default()
        },
    );
    let files = || {
        std::fs::read_dir(folder.path())
            .expect("the folder")
            .count()
    };
    voice
        .say(&Say {
            personal: true,
            ..say("尾号1234", Lang::Zh)
        })
        .await
        .expect("speech");
    assert_eq!(files(), 0);
    voice.say(&say("您好", Lang::Zh)).await.expect("speech");
    assert_eq!(files(), 1);
}

#[tokio::test]
async fn a_recorded_prompt_overrides_and_a_broken_one_does_not() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("zh-CN")).unwrap();
    let sound = tones(500, &[440.0], -20.0);
    std::fs::write(folder.path().join("zh-CN/greeting.wav"), wav(&sound)).unwrap();
    std::fs::write(folder.path().join("zh-CN/broken.wav"), b"not sound").unwrap();
    let backend = counting();
    let voice = Voice::new(
        backend.clone(),
        VoiceConfig {
            recorded: Some(folder.path().into()),
            ..VoiceConfig::default()
        },
    );
    let keyed = |key: &str| Say {
        key: Some(key.into()),
        ..say("您好", Lang::Zh)
    };
    assert_eq!(
        &voice.say(&keyed("greeting")).await.expect("speech").pcm[..],
        &sound[..]
    );
    assert_eq!(backend.asked.load(Ordering::Relaxed), 0);
    for key in ["broken", "../zh-CN/greeting", "absent"] {
        let made = voice.say(&keyed(key)).await.expect("speech").pcm;
        assert_ne!(made.len(), sound.len(), "{key}");
    }
    assert_eq!(
        backend.asked.load(Ordering::Relaxed),
        1,
        "one sentence, made once"
    );
}

fn wav(sound: &[i16]) -> Vec<u8> {
    let data: Vec<u8> = sound.iter().flat_map(|s| s.to_le_bytes()).collect();
    let mut out =
        b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0data"
            .to_vec();
    out.extend((data.len() as u32).to_le_bytes());
    out.extend(data);
    out
}

#[tokio::test]
async fn a_missing_or_hanging_program_is_reported() {
    let error = Espeak::at("/nowhere/espeak-ng")
        .err()
        .expect("refused")
        .to_string();
    assert!(error.contains("apt install espeak-ng"), "{error}");
    assert!(!Voice::tone("您好").pcm.is_empty());
    let folder = tempfile::tempdir().expect("a folder");
    let (program, pid) = (folder.path().join("hangs"), folder.path().join("pid"));
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = --version ] && echo one && exit 0\necho $$ > {}\nexec sleep 600\n",
        pid.display()
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(
        &program,
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    let hangs = Espeak::at(program.to_str().unwrap())
        .expect("it has a version")
        .with_timeout(Duration::from_millis(500));
    let error = hangs.speak("hello", Lang::En).await.expect_err("it hangs");
    assert!(matches!(error, InferenceError::TimedOut { .. }), "{error}");
    let pid = std::fs::read_to_string(pid).expect("it had begun");
    // The runtime reaps the killed process in the background.
    let proc = format!("/proc/{}/stat", pid.trim());
    let gone = async {
        while std::fs::read_to_string(&proc).is_ok_and(|s| !s.contains(" Z ")) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), gone)
        .await
        .expect("the process was killed");
}

#[tokio::test]
async fn a_speech_server_is_asked_in_its_dialect() {
    let sound = tones(300, &[440.0], -20.0);
    let body = wav(&sound);
    let base = serve(move |request| {
        let asked: serde_json::Value = serde_json::from_str(&request.body).unwrap_or_default();
        let right = request.path == "/v1/audio/speech"
            && asked["voice"] == "lin"
            && asked["input"] == "您好"
            && request.header("authorization") == Some("Bearer k");
        Reply {
            status: if right { 200 } else { 401 },
            body: body.clone(),
            ..Reply::default()
        }
    })
    .await;
    let config = |key: &str| OpenAiVoiceConfig {
        base_url: format!("{base}/v1"),
        key: Some(Secret::new(key)),
        model: "m".into(),
        voice_zh: "lin".into(),
        voice_en: "ann".into(),
        timeout: Duration::from_secs(5),
    };
    let voice = OpenAiVoice::new(config("k")).expect("a client");
    assert_eq!(voice.speak("您好", Lang::Zh).await.expect("speech"), sound);
    let error = OpenAiVoice::new(config("secret"))
        .unwrap()
        .speak("您好", Lang::Zh)
        .await
        .expect_err("refused")
        .to_string();
    assert!(
        error.contains("401") && !error.contains("secret"),
        "{error}"
    );
}
