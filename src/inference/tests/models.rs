//! The manifest and fetching.

use crate::common::{Reply, Request, project, serve};
use sha2::{Digest, Sha256};
use sidetone_inference::InferenceError;
use sidetone_inference::manifest::{FILE, Manifest, Standing, get};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn content() -> Vec<u8> {
    (0..300_000u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

fn write_manifest(dir: &Path, sha256: &str, sources: &[String]) {
    let sources: Vec<String> = sources.iter().map(|s| format!("{s:?}")).collect();
    let text = format!(
        "[[model]]\nname = \"m\"\ntask = \"recognizer\"\nfile = \"m.bin\"\nlanguages = [\"zh\"]\nlicence = \"MIT\"\nsize = 300000\nsha256 = \"{sha256}\"\nsources = [{}]\n",
        sources.join(", ")
    );
    std::fs::write(dir.join(FILE), text).unwrap();
}

fn file(request: &Request, body: &[u8]) -> Reply {
    let from = request.header("range").and_then(|r| {
        r.strip_prefix("bytes=")?
            .strip_suffix('-')?
            .parse::<usize>()
            .ok()
    });
    match from {
        Some(from) => Reply {
            status: 206,
            headers: vec![(
                "content-range".into(),
                format!("bytes {from}-{}/{}", body.len() - 1, body.len()),
            )],
            body: body[from..].to_vec(),
            cut_after: None,
        },
        None => Reply {
            status: 200,
            body: body.to_vec(),
            ..Reply::default()
        },
    }
}

#[tokio::test]
async fn a_cut_transfer_goes_on_where_it_broke_off() {
    let body = content();
    let hash = hex::encode(Sha256::digest(&body));
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let base = serve(move |request| {
        let first = count.fetch_add(1, Ordering::SeqCst) == 0;
        Reply {
            cut_after: first.then_some(100_000),
            ..file(&request, &body)
        }
    })
    .await;
    let dir = tempfile::tempdir().expect("a folder");
    write_manifest(dir.path(), &hash, &[format!("{base}/m.bin")]);
    let error = get("m", dir.path(), |_, _| {})
        .await
        .expect_err("it was cut");
    assert!(error.to_string().contains("broke off"), "{error}");
    assert!(dir.path().join("m.bin.part").is_file());
    let mut seen = Vec::new();
    let done = get("m", dir.path(), |have, total| seen.push((have, total)))
        .await
        .expect("the rest");
    assert!(done.resumed_from > 0 && done.resumed_from <= 100_000 && done.verified);
    assert_eq!(done.sha256, hash);
    assert_eq!(seen.last(), Some(&(300_000, Some(300_000))));
    assert_eq!(std::fs::read(dir.path().join("m.bin")).unwrap(), content());
    assert!(!dir.path().join("m.bin.part").exists());
    assert_eq!(
        Manifest::load(dir.path()).unwrap().verify(dir.path())[0].1,
        Standing::Right
    );
}

#[tokio::test]
async fn a_wrong_file_is_refused_and_the_next_mirror_tried() {
    let body = content();
    let hash = hex::encode(Sha256::digest(&body));
    let bad = serve(|_| Reply {
        status: 200,
        body: vec![7; 300_000],
        ..Reply::default()
    })
    .await;
    let down = serve(|_| Reply {
        status: 503,
        ..Reply::default()
    })
    .await;
    let good = serve(move |request| file(&request, &body)).await;
    let dir = tempfile::tempdir().expect("a folder");
    write_manifest(dir.path(), &hash, &[format!("{bad}/m.bin")]);
    let error = get("m", dir.path(), |_, _| {})
        .await
        .expect_err("refused")
        .to_string();
    assert!(error.contains("sha256") && error.contains(&hash), "{error}");
    assert!(!dir.path().join("m.bin").exists() && !dir.path().join("m.bin.part").exists());
    write_manifest(
        dir.path(),
        &hash,
        &[
            format!("{down}/m.bin"),
            format!("{bad}/m.bin"),
            format!("{good}/m.bin"),
        ],
    );
    let done = get("m", dir.path(), |_, _| {})
        .await
        .expect("the third mirror");
    assert_eq!(done.sha256, hash);
    let unknown = get("x", dir.path(), |_, _| {})
        .await
        .expect_err("unknown")
        .to_string();
    assert!(unknown.contains("it lists m"), "{unknown}");
}

#[test]
fn the_shipped_manifest_is_sound_and_the_shipped_models_are_right() {
    let dir = project("models");
    let manifest = Manifest::load(&dir).expect("the manifest");
    for (entry, standing) in manifest.verify(&dir) {
        assert!(
            !entry.licence.is_empty() && !entry.languages.is_empty(),
            "{}",
            entry.name
        );
        if entry.shipped {
            assert_eq!(standing, Standing::Right, "{}", entry.name);
        } else {
            assert!(
                entry.sources.iter().all(|s| s.starts_with("https://"))
                    && !entry.sources.is_empty(),
                "{}",
                entry.name
            );
        }
    }
    assert!(manifest.find("whisper-small").is_some());
}

#[test]
fn a_broken_manifest_says_where() {
    let dir = tempfile::tempdir().expect("a folder");
    for (text, says) in [
        ("[[model]]\nname = 1\n", "line 2"),
        (
            "[[model]]\nname = \"m\"\ntask = \"recognizer\"\nfile = \"../m\"\nlanguages = []\nlicence = \"\"\n",
            "inside the models folder",
        ),
        (
            "[[model]]\nname = \"m\"\ntask = \"recognizer\"\nfile = \"m\"\nlanguages = []\nlicence = \"\"\nsha256 = \"12\"\n",
            "64 hex",
        ),
        ("[[model]]\nname = \"m\"\ntaks = \"recognizer\"\n", "taks"),
    ] {
        std::fs::write(dir.path().join(FILE), text).unwrap();
        let error = Manifest::load(dir.path()).expect_err("refused");
        assert!(matches!(error, InferenceError::Manifest { .. }));
        assert!(
            error.to_string().contains(says) && error.to_string().contains(FILE),
            "{error}"
        );
    }
}
