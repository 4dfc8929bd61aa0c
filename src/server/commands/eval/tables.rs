//! The formats that evaluation data comes in.

use super::read;
use anyhow::{Context as _, bail};
use serde_json::Value;
use sidetone_types::Lang;
use std::path::{Path, PathBuf};

/// One recording with what is said in it.
pub struct Clip {
    pub file: PathBuf,
    pub lang: Lang,
    pub text: String,
    /// What the set says of the clip beside: seen and unseen speakers are told apart by it.
    pub group: Option<String>,
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
    let group = column("group").ok();
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
            group: group.map(|at| field(at).to_owned()),
        });
    }
    if clips.is_empty() {
        bail!("{} names no clip with a text", path.display());
    }
    Ok(clips)
}

/// One row of a table, its fields by name.
pub struct Row {
    fields: serde_json::Map<String, Value>,
    /// File and line, for errors.
    at: String,
}

impl Row {
    /// The first of these fields that is there and is a text (or a number).
    pub fn text(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| match self.fields.get(*name)? {
            Value::String(text) => Some(text.trim().to_owned()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        })
    }

    /// The same, and an error that names the line where it is missing.
    pub fn need(&self, names: &[&str]) -> anyhow::Result<String> {
        self.text(names)
            .with_context(|| format!("{}: there is no {}", self.at, names.join(" or ")))
    }

    /// The texts of a list field, or of a text field on its own.
    pub fn texts(&self, names: &[&str]) -> Vec<String> {
        let found = names.iter().find_map(|name| self.fields.get(*name));
        match found {
            Some(Value::Array(all)) => all
                .iter()
                .filter_map(|v| v.as_str().map(str::to_owned))
                .collect(),
            Some(Value::String(one)) => vec![one.clone()],
            _ => Vec::new(),
        }
    }

    /// The objects of a list field.
    pub fn objects(&self, name: &str) -> Vec<Row> {
        let all = self.fields.get(name).and_then(Value::as_array);
        let objects = all.into_iter().flatten().filter_map(Value::as_object);
        objects
            .map(|fields| Row {
                fields: fields.clone(),
                at: self.at.clone(),
            })
            .collect()
    }
}

/// The rows of a table: a header line and tabs (`.tsv`), or an object a line (`.jsonl`).
pub fn rows(path: &Path) -> anyhow::Result<Vec<Row>> {
    let text = read(path)?;
    let json = path.extension().is_some_and(|e| e == "jsonl");
    let mut lines = text.lines().enumerate();
    let header: Vec<&str> = match json {
        true => Vec::new(),
        false => lines.next().map_or("", |l| l.1).split('\t').collect(),
    };
    let mut rows = Vec::new();
    for (number, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let at = format!("{}:{}", path.display(), number + 1);
        let fields = if json {
            serde_json::from_str(line).with_context(|| at.clone())?
        } else {
            let values: Vec<&str> = line.split('\t').collect();
            if values.len() < header.len() {
                bail!(
                    "{at}: {} fields, the header has {}",
                    values.len(),
                    header.len()
                );
            }
            let pairs = header.iter().zip(values);
            pairs
                .map(|(name, value)| ((*name).to_owned(), Value::from(value)))
                .collect()
        };
        rows.push(Row { fields, at });
    }
    if rows.is_empty() {
        bail!("{} has no rows", path.display());
    }
    Ok(rows)
}

/// Which part of a set a table is, from its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Train,
    Dev,
    Test,
    /// The name says nothing.
    Whole,
}

impl Part {
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Dev => "dev",
            Self::Test => "test",
            Self::Whole => "",
        }
    }
}

/// A table of a folder.
pub struct Table {
    /// Name of the set: the folder's, and what the file's name has beside its part.
    pub set: String,
    pub part: Part,
    pub path: PathBuf,
}

/// The tables of a folder, by name.
pub fn tables(folder: &Path) -> anyhow::Result<Vec<Table>> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("{} can't be read", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| {
        let kind = path.extension().and_then(|e| e.to_str());
        matches!(kind, Some("tsv" | "jsonl"))
    });
    paths.sort();
    let folder = name_of(folder);
    let tables = paths.into_iter().map(|path| {
        let stem = name_of(&path.with_extension(""));
        let (part, rest) = part_of(&stem);
        let set = match rest.is_empty() {
            true => folder.clone(),
            false => format!("{folder}/{rest}"),
        };
        Table { set, part, path }
    });
    let tables: Vec<Table> = tables.collect();
    if tables.is_empty() {
        bail!("{folder} has no table (.tsv or .jsonl)");
    }
    Ok(tables)
}

/// The part a file's name tells, and the rest of the name.
fn part_of(stem: &str) -> (Part, String) {
    let mut part = Part::Whole;
    let mut rest = Vec::new();
    for word in stem.split(['_', '.', '-']) {
        match word {
            "train" => part = Part::Train,
            "dev" | "valid" | "val" | "trial" => part = Part::Dev,
            "test" => part = Part::Test,
            other => rest.push(other),
        }
    }
    (part, rest.join("."))
}

/// The last name of a path.
pub fn name_of(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// By its script.
pub fn lang_of(text: &str) -> Lang {
    if sidetone_call::slots::has_han(text) {
        Lang::Zh
    } else {
        Lang::En
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_set_and_part() {
        assert_eq!(part_of("dev"), (Part::Dev, String::new()));
        assert_eq!(part_of("zh_valid"), (Part::Dev, "zh".into()));
        assert_eq!(
            part_of("intents.en.test"),
            (Part::Test, "intents.en".into())
        );
        assert_eq!(part_of("mood-train.en"), (Part::Train, "mood.en".into()));
        assert_eq!(part_of("docs"), (Part::Whole, "docs".into()));
    }

    #[test]
    fn both_formats_are_read_and_faults_name_their_line() {
        let dir = tempfile::tempdir().unwrap();
        let tsv = dir.path().join("dev.tsv");
        std::fs::write(&tsv, "text\tintent\nhello there\tgreeting\n").unwrap();
        assert_eq!(
            rows(&tsv).unwrap()[0].need(&["intent"]).unwrap(),
            "greeting"
        );
        std::fs::write(&tsv, "text\tintent\nhello there\n").unwrap();
        let error = rows(&tsv).err().unwrap().to_string();
        assert!(error.contains("dev.tsv:2: 1 fields"), "{error}");
        let jsonl = dir.path().join("dev.jsonl");
        std::fs::write(&jsonl, "{\"text\": \"你好\", \"tags\": [\"a\", \"b\"]}\n").unwrap();
        let read = rows(&jsonl).unwrap();
        assert_eq!(read[0].texts(&["tags"]), ["a", "b"]);
        let error = read[0].need(&["intent"]).unwrap_err().to_string();
        assert!(error.contains("dev.jsonl:1: there is no intent"), "{error}");
    }
}
