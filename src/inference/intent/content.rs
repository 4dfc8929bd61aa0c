//! Reads `knowledge/intents/*.toml`.

use super::IntentExample;
use serde::Deserialize;
use sidetone_types::{ContentError, IntentId, Lang};
use std::collections::BTreeMap;
use std::path::Path;

/// What an intent is called and where it leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntentInfo {
    pub id: IntentId,
    pub title_zh: String,
    pub title_en: String,
    /// Flow that it starts.
    pub flow: Option<String>,
    /// Article that answers it.
    pub article: Option<String>,
    pub file: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    id: String,
    title_zh: String,
    title_en: String,
    flow: Option<String>,
    article: Option<String>,
    #[serde(default)]
    zh: Vec<toml::Spanned<String>>,
    #[serde(default)]
    en: Vec<toml::Spanned<String>>,
}

/// All examples and intents of a folder, or everything that is wrong with it.
pub fn load_examples(
    dir: &Path,
) -> Result<(Vec<IntentExample>, Vec<IntentInfo>), Vec<ContentError>> {
    let mut paths: Vec<_> = match std::fs::read_dir(dir) {
        Ok(entries) => entries.flatten().map(|e| e.path()).collect(),
        Err(e) => {
            return Err(vec![error(
                dir,
                None,
                format!("the folder cannot be read: {e}"),
                "Create it, with one TOML file an intent",
            )]);
        }
    };
    paths.retain(|p| p.extension().is_some_and(|e| e == "toml"));
    paths.sort();
    let mut load = Load::default();
    for path in &paths {
        load.file(path);
    }
    if paths.is_empty() {
        load.errors.push(error(
            dir,
            None,
            "it holds no .toml file".into(),
            "Write one file an intent",
        ));
    }
    if load.errors.is_empty() {
        let mut weak = articles(dir, &load.intents);
        load.examples.append(&mut weak);
        Ok((load.examples, load.intents))
    } else {
        Err(load.errors)
    }
}

#[derive(Default)]
struct Load {
    examples: Vec<IntentExample>,
    intents: Vec<IntentInfo>,
    errors: Vec<ContentError>,
    /// Where each sentence was first seen, to find one that stands under two intents.
    seen: BTreeMap<(Lang, String), (String, IntentId)>,
}

impl Load {
    fn file(&mut self, path: &Path) {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) => {
                return self.errors.push(error(
                    path,
                    None,
                    format!("it cannot be read: {e}"),
                    "Save it as UTF-8 text",
                ));
            }
        };
        let file: File = match toml::from_str(&text) {
            Ok(file) => file,
            Err(e) => {
                let line = e.span().map(|s| line_of(&text, s.start));
                return self.errors.push(error(path, line, e.message().to_owned(), "An intent has id, title_zh, title_en, flow or article, and the lists zh and en"));
            }
        };
        let stem = path
            .file_stem()
            .and_then(|s| s.to_str())
            .unwrap_or_default();
        if file.id != stem {
            let reason = format!("its id is {:?} and its name is {stem}.toml", file.id);
            self.errors
                .push(error(path, Some(1), reason, "Give both the same name"));
        }
        if file.title_zh.trim().is_empty() || file.title_en.trim().is_empty() {
            self.errors.push(error(
                path,
                None,
                "a title is empty".into(),
                "Write title_zh and title_en",
            ));
        }
        let id = IntentId::new(&file.id);
        for (lang, list) in [(Lang::Zh, &file.zh), (Lang::En, &file.en)] {
            if list.len() < 3 {
                let reason = format!("{} examples in {lang}", list.len());
                self.errors.push(error(
                    path,
                    None,
                    reason,
                    "Write at least three sentences in each language",
                ));
            }
            for example in list {
                self.example(path, &text, &id, lang, example);
            }
        }
        self.intents.push(IntentInfo {
            id,
            title_zh: file.title_zh,
            title_en: file.title_en,
            flow: file.flow,
            article: file.article,
            file: path.display().to_string(),
        });
    }

    fn example(
        &mut self,
        path: &Path,
        whole: &str,
        id: &IntentId,
        lang: Lang,
        example: &toml::Spanned<String>,
    ) {
        let line = Some(line_of(whole, example.span().start));
        let text = example.get_ref().trim();
        if text.is_empty() {
            return self
                .errors
                .push(error(path, line, "an example is empty".into(), "Remove it"));
        }
        let key = (lang, crate::gram::words(text).join(" "));
        if let Some((file, other)) = self.seen.get(&key) {
            if other != id {
                let reason = format!("{text:?} is also an example of {other} in {file}");
                self.errors
                    .push(error(path, line, reason, "Keep it in one of them"));
            }
            return;
        }
        self.seen
            .insert(key, (path.display().to_string(), id.clone()));
        self.examples.push(IntentExample {
            intent: id.clone(),
            lang,
            text: text.to_owned(),
            weak: false,
        });
    }
}

/// Sentences of the articles that answer exactly one intent, as weak examples. What is wrong with an
/// article is for the knowledge folder to report; here it is passed over.
fn articles(dir: &Path, intents: &[IntentInfo]) -> Vec<IntentExample> {
    let mut out = Vec::new();
    for intent in intents {
        let Some(article) = &intent.article else {
            continue;
        };
        let shared = intents
            .iter()
            .filter(|i| i.article.as_ref() == Some(article))
            .count()
            > 1;
        let inside = Path::new(article)
            .components()
            .all(|c| matches!(c, std::path::Component::Normal(_)));
        if shared || !inside {
            continue;
        }
        for lang in Lang::ALL {
            let path = dir
                .join("..")
                .join(lang.locale())
                .join(format!("{article}.md"));
            let Ok(text) = std::fs::read_to_string(path) else {
                continue;
            };
            let body = text.splitn(3, "+++").nth(2).unwrap_or(&text);
            out.extend(
                crate::synth::sentences(body)
                    .into_iter()
                    .map(|text| IntentExample {
                        intent: intent.id.clone(),
                        lang,
                        text,
                        weak: true,
                    }),
            );
        }
    }
    out
}

fn line_of(text: &str, at: usize) -> u32 {
    text.as_bytes()[..at.min(text.len())]
        .iter()
        .filter(|b| **b == b'\n')
        .count() as u32
        + 1
}

fn error(path: &Path, line: Option<u32>, reason: String, hint: &str) -> ContentError {
    ContentError {
        file: path.display().to_string(),
        line,
        reason,
        hint: hint.to_owned(),
    }
}
