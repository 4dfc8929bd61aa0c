//! The content files as the content page lists them.

use crate::content::{self, FileState, Part};
use crate::house::House;
use serde_json::{Value, json};
use sidetone_assist::compliance::Rules;
use sidetone_types::{ContentError, Lang};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// `GET /api/content`
pub fn content(house: &House) -> Value {
    let errors = house.content.errors();
    let faults: Vec<&ContentError> = errors.values().flatten().collect();
    let mut paths = Vec::new();
    files(&house.config.paths.knowledge, &mut paths);
    files(&house.config.paths.prompts, &mut paths);
    let listed: Vec<FileState> = paths
        .into_iter()
        .filter_map(|path| state(house, &path, &faults))
        .collect();
    let loaded_ms = listed
        .iter()
        .map(|file| file.loaded_ms)
        .max()
        .unwrap_or_default();
    json!({ "files": listed, "loaded_ms": loaded_ms })
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|e| e == "toml" || e == "md") {
            found.push(path);
        }
    }
}

fn state(house: &House, path: &Path, faults: &[&ContentError]) -> Option<FileState> {
    let part = house.content.part_of(path)?;
    let name = path.display().to_string();
    // The evaluation's own tables and the readme are in the folder and are not content.
    if part == Part::Mood || path.file_name().is_some_and(|name| name == "README.md") {
        return None;
    }
    let fault = faults.iter().find(|fault| fault.file == name);
    let changed = std::fs::metadata(path).and_then(|m| m.modified()).ok();
    let loaded_ms = changed
        .and_then(|at| at.duration_since(UNIX_EPOCH).ok())
        .map_or(0, |since| since.as_millis() as i64);
    let lang = path
        .components()
        .find_map(|part| match part.as_os_str().to_str() {
            Some("zh-CN") => Some(Lang::Zh),
            Some("en") => Some(Lang::En),
            _ => None,
        });
    Some(FileState {
        kind: kind(part, path),
        title: title(house, part, path),
        lang,
        ok: fault.is_none(),
        line: fault.and_then(|fault| fault.line),
        reason: fault.map(|fault| format!("{} {}", fault.reason, fault.hint).trim().to_owned()),
        loaded_ms,
        serving_old: fault.is_some(),
        path: name,
    })
}

fn kind(part: Part, path: &Path) -> &'static str {
    match part {
        Part::Articles | Part::Mood => "article",
        Part::Intents => "intents",
        Part::Rules => "compliance",
        Part::Company => "company",
        Part::Flows if path.components().any(|part| part.as_os_str() == "flows") => "flow",
        Part::Flows => "prompts",
    }
}

fn title(house: &House, part: Part, path: &Path) -> String {
    let stem = path
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or_default();
    let named = match part {
        Part::Articles => house.knowledge.title_of(path),
        Part::Intents => {
            let content = house.content.snapshot();
            let name = path.display().to_string();
            content
                .intents
                .iter()
                .find(|info| info.file == name)
                .map(|info| format!("{} / {}", info.title_zh, info.title_en))
        }
        _ => None,
    };
    named.unwrap_or_else(|| stem.to_owned())
}

/// What would be wrong if the file had this text. Blocking.
pub fn check_text(house: &House, path: &Path, text: &str) -> Vec<ContentError> {
    let name = path.display().to_string();
    match house.content.part_of(path) {
        Some(Part::Articles) => check_article(house, path, text),
        Some(Part::Rules) => Rules::parse(text, &name).err().unwrap_or_default(),
        Some(Part::Flows) => check_flows(house, &name, text),
        Some(Part::Intents) => check_intents(house, path, text),
        Some(Part::Company) => toml::from_str::<toml::Table>(text)
            .err()
            .map(|e| vec![crate::config::toml_error(&e, text, &name)])
            .unwrap_or_default(),
        Some(Part::Mood) | None => Vec::new(),
    }
}

/// A sentence may stand under one intent only, so all files are read together: copies of them in a
/// folder of their own, with the new text in its place.
fn check_intents(house: &House, path: &Path, text: &str) -> Vec<ContentError> {
    let folder = house.config.paths.knowledge.join("intents");
    let copy = std::env::temp_dir().join(format!("sidetone-check-{}", crate::auth::token()));
    let checked = (|| -> std::io::Result<Vec<ContentError>> {
        std::fs::create_dir_all(&copy)?;
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            std::fs::copy(entry.path(), copy.join(entry.file_name()))?;
        }
        std::fs::write(copy.join(path.file_name().unwrap_or_default()), text)?;
        Ok(sidetone_inference::intent::load_examples(&copy)
            .err()
            .unwrap_or_default())
    })();
    let _ = std::fs::remove_dir_all(&copy);
    match checked {
        Ok(mut errors) => {
            let (there, here) = (copy.display().to_string(), folder.display().to_string());
            for error in &mut errors {
                error.file = error.file.replace(&there, &here);
            }
            errors
        }
        Err(error) => vec![ContentError {
            file: path.display().to_string(),
            line: None,
            reason: format!("the file could not be checked: {error}"),
            hint: "make room on the disk of temporary files".into(),
        }],
    }
}

fn check_article(house: &House, path: &Path, text: &str) -> Vec<ContentError> {
    let root = &house.config.paths.knowledge;
    let below = path
        .strip_prefix(root)
        .unwrap_or(path)
        .display()
        .to_string();
    let found = sidetone_knowledge::check_text(&below, text).err();
    found.into_iter().collect()
}

/// A flow is right only together with all others, so the whole book is made with the new text.
fn check_flows(house: &House, name: &str, text: &str) -> Vec<ContentError> {
    let mut files = Vec::new();
    let intents = house.config.paths.knowledge.join("intents");
    for folder in [&house.config.paths.prompts, &intents] {
        if let Err(errors) = content::read_all(folder, "toml", &mut files) {
            return errors;
        }
    }
    files.retain(|(path, _)| path != name);
    files.push((name.to_owned(), text.to_owned()));
    sidetone_call::FlowBook::parse(&files)
        .err()
        .unwrap_or_default()
}
