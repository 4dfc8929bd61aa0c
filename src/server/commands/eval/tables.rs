//! The formats that evaluation data comes in.

use super::read;
use anyhow::{Context as _, bail};
use sidetone_types::Lang;
use std::path::{Path, PathBuf};

/// One recording with what is said in it.
pub struct Clip {
    pub file: PathBuf,
    pub lang: Lang,
    pub text: String,
}

/// The clips of a folder's `manifest.tsv`: a header with `file`, `lang` and `text`; rows without a
/// text are passed over.
pub fn clips(folder: &Path) -> anyhow::Result<Vec<Clip>> {
    let path = folder.join("manifest.tsv");
    let text = read(&path)?;
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split('\t').collect();
    let column = |name: &str| {
        header
            .iter()
            .position(|have| *have == name)
            .with_context(|| format!("{}:1: there is no column {name}", path.display()))
    };
    let (file, lang, said) = (column("file")?, column("lang")?, column("text")?);
    let mut clips = Vec::new();
    for (number, line) in lines.enumerate() {
        let fields: Vec<&str> = line.split('\t').collect();
        let field = |at: usize| fields.get(at).copied().unwrap_or_default();
        if field(said).trim().is_empty() {
            continue;
        }
        let lang = Lang::parse(field(lang)).with_context(|| {
            format!(
                "{}:{}: {} is neither zh nor en",
                path.display(),
                number + 2,
                field(lang)
            )
        })?;
        clips.push(Clip {
            file: folder.join(field(file)),
            lang,
            text: field(said).to_owned(),
        });
    }
    if clips.is_empty() {
        bail!("{} names no clip with a text", path.display());
    }
    Ok(clips)
}

/// Rows of two columns under a header.
pub fn pairs(path: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let text = read(path)?;
    let mut rows = Vec::new();
    for (number, line) in text
        .lines()
        .enumerate()
        .skip(1)
        .filter(|(_, line)| !line.is_empty())
    {
        let (left, right) = line.split_once('\t').with_context(|| {
            format!(
                "{}:{}: there is no tab between two columns",
                path.display(),
                number + 1
            )
        })?;
        let right = right.split('\t').next().unwrap_or_default();
        rows.push((left.to_owned(), right.to_owned()));
    }
    if rows.is_empty() {
        bail!("{} has no rows", path.display());
    }
    Ok(rows)
}

/// The tables of a folder whose names begin with one of the given words, by name; training parts are
/// left out.
pub fn files(folder: &Path, starts: &[&str]) -> anyhow::Result<Vec<PathBuf>> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("{} can't be read", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        name.ends_with(".tsv") && starts.iter().any(|start| name.starts_with(start))
    });
    paths.sort();
    if paths.is_empty() {
        bail!(
            "{} has no table that begins with {}",
            folder.display(),
            starts.join(" or ")
        );
    }
    Ok(paths)
}

/// By its script.
pub fn lang_of(text: &str) -> Lang {
    if sidetone_call::slots::has_han(text) {
        Lang::Zh
    } else {
        Lang::En
    }
}
