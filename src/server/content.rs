//! The content that a team edits: flows, prompts, intents, compliance rules, mood examples and the
//! demo data. A saved file is live within three seconds; a broken one is reported, and what was good
//! before keeps serving.

use crate::company::CompanyData;
use crate::config::Config;
use arc_swap::ArcSwap;
use serde::Serialize;
use sidetone_assist::compliance::Rules;
use sidetone_assist::summary::Titles;
use sidetone_call::FlowBook;
use sidetone_inference::embed::Embedder;
use sidetone_inference::intent::{IntentClassifier, IntentInfo, load_examples};
use sidetone_inference::mood::MoodScorer;
use sidetone_types::{ContentError, Lang};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Seed of the classifier's training: the same examples give the same classifier.
const SEED: u64 = 20_261_122;

/// One consistent state of all content. Calls keep the one they began with.
pub struct Content {
    pub flows: Arc<FlowBook>,
    pub classifier: Arc<IntentClassifier>,
    pub intents: Arc<Vec<IntentInfo>>,
    pub rules: Arc<Rules>,
    pub mood: Arc<MoodScorer>,
}

impl Content {
    /// The intents' titles in a language.
    pub fn titles(&self, lang: Lang) -> Titles {
        let title = |info: &IntentInfo| match lang {
            Lang::Zh => info.title_zh.clone(),
            Lang::En => info.title_en.clone(),
        };
        self.intents
            .iter()
            .map(|info| (info.id.clone(), title(info)))
            .collect()
    }
}

/// One file of the content as the content page lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileState {
    pub path: String,
    pub kind: &'static str,
    pub title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lang: Option<Lang>,
    pub ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub loaded_ms: i64,
    /// The file is broken and what it held before is still in use.
    pub serving_old: bool,
}

/// The folders and what was made of them.
pub struct ContentHouse {
    prompts: PathBuf,
    knowledge: PathBuf,
    /// Where trained classifiers are kept.
    cache: PathBuf,
    embedder: Arc<dyn Embedder>,
    /// The classifier has not learnt the examples yet that the folder has.
    unlearnt: AtomicBool,
    now: ArcSwap<Content>,
    errors: ArcSwap<BTreeMap<Part, Vec<ContentError>>>,
}

/// What is loaded as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Flows,
    Intents,
    Rules,
    Mood,
    Company,
    Articles,
}

impl Part {
    /// The part a file belongs to, by its path below the content folders.
    fn of(path: &Path, prompts: &Path, knowledge: &Path) -> Option<Self> {
        if path.starts_with(prompts) {
            return Some(Self::Flows);
        }
        let below = path.strip_prefix(knowledge).ok()?;
        let first = below.components().next()?.as_os_str().to_str()?;
        Some(match first {
            "intents" => Self::Intents,
            "compliance.toml" => Self::Rules,
            "eval" => Self::Mood,
            "company" => Self::Company,
            _ if below.extension().is_some_and(|e| e == "md") => Self::Articles,
            _ => return None,
        })
    }
}

impl ContentHouse {
    /// Loads everything. What can't be loaded at the first start has nothing to fall back on, so it
    /// is an error here. Where the intents' examples have changed since the last start, the classifier
    /// of the earlier ones (at the first start: one of words alone) serves until somebody calls
    /// [`ContentHouse::reload`]: callers need not wait for a training. Blocking.
    pub fn load(config: &Config, embedder: Arc<dyn Embedder>) -> Result<Self, Vec<ContentError>> {
        let (prompts, knowledge) = (config.paths.prompts.clone(), config.paths.knowledge.clone());
        let cache = config.paths.data.join("cache");
        let mut errors = Vec::new();
        let flows = take(load_flows(&prompts, &knowledge), &mut errors);
        let intents = take(
            intents_to_begin_with(&knowledge, &embedder, &cache),
            &mut errors,
        );
        let rules = take(load_rules(&knowledge), &mut errors);
        let mood = take(load_mood(&knowledge, &embedder), &mut errors);
        match (flows, intents, rules, mood) {
            (Some(flows), Some(((classifier, intents), unlearnt)), Some(rules), Some(mood)) => {
                Ok(Self {
                    prompts,
                    knowledge,
                    cache,
                    embedder,
                    unlearnt: AtomicBool::new(unlearnt),
                    now: ArcSwap::from_pointee(Content {
                        flows,
                        classifier,
                        intents,
                        rules,
                        mood,
                    }),
                    errors: ArcSwap::default(),
                })
            }
            _ => Err(errors),
        }
    }

    /// The parts that were begun with what earlier content left and want a reload.
    pub fn to_learn(&self) -> Option<Part> {
        self.is_learning().then_some(Part::Intents)
    }

    /// Whether the examples that the folder has are yet to be learnt.
    pub fn is_learning(&self) -> bool {
        self.unlearnt.load(Ordering::Relaxed)
    }

    pub fn snapshot(&self) -> Arc<Content> {
        self.now.load_full()
    }

    /// What is wrong now, by part.
    pub fn errors(&self) -> Arc<BTreeMap<Part, Vec<ContentError>>> {
        self.errors.load_full()
    }

    pub fn part_of(&self, path: &Path) -> Option<Part> {
        Part::of(path, &self.prompts, &self.knowledge)
    }

    /// Replaces the list of what is wrong with one part.
    pub fn report(&self, part: Part, found: Vec<ContentError>) {
        for error in &found {
            tracing::warn!(%error, "broken content; the last good version keeps serving");
        }
        let mut errors = (*self.errors()).clone();
        if found.is_empty() {
            errors.remove(&part);
        } else {
            errors.insert(part, found);
        }
        self.errors.store(Arc::new(errors));
    }

    /// Loads one part again; on an error the old one stays. Blocking.
    pub fn reload(&self, part: Part) {
        let old = self.snapshot();
        let mut errors = Vec::new();
        let mut next = Content {
            flows: old.flows.clone(),
            classifier: old.classifier.clone(),
            intents: old.intents.clone(),
            rules: old.rules.clone(),
            mood: old.mood.clone(),
        };
        match part {
            Part::Flows => {
                next.flows = take(load_flows(&self.prompts, &self.knowledge), &mut errors)
                    .unwrap_or(next.flows);
            }
            Part::Intents => {
                let loaded = load_intents(&self.knowledge, &self.embedder, &self.cache);
                if let Some((classifier, intents)) = take(loaded, &mut errors) {
                    next.classifier = classifier;
                    next.intents = intents;
                }
                // The flow book knows where each intent leads.
                let flows = take(load_flows(&self.prompts, &self.knowledge), &mut errors);
                next.flows = flows.unwrap_or(next.flows);
            }
            Part::Rules => {
                next.rules = take(load_rules(&self.knowledge), &mut errors).unwrap_or(next.rules);
            }
            Part::Mood => {
                next.mood = take(load_mood(&self.knowledge, &self.embedder), &mut errors)
                    .unwrap_or(next.mood);
            }
            // These are kept by the connector and by the knowledge base.
            Part::Company | Part::Articles => return,
        }
        self.now.store(Arc::new(next));
        if part == Part::Intents {
            self.unlearnt.store(false, Ordering::Relaxed);
        }
        self.report(part, errors);
    }

    /// The demo data as the folder has it.
    pub fn company(&self) -> CompanyData {
        let (data, errors) = CompanyData::load(&self.knowledge.join("company"));
        self.report(Part::Company, errors);
        data
    }
}

fn take<T>(loaded: Result<T, Vec<ContentError>>, errors: &mut Vec<ContentError>) -> Option<T> {
    loaded.map_err(|found| errors.extend(found)).ok()
}

/// Makes the flow book of every TOML file below `prompts/`, and of the intents' files, which say
/// which flow or article each wish leads to.
pub fn load_flows(prompts: &Path, knowledge: &Path) -> Result<Arc<FlowBook>, Vec<ContentError>> {
    let mut files = Vec::new();
    read_all(prompts, "toml", &mut files)?;
    read_all(&knowledge.join("intents"), "toml", &mut files)?;
    FlowBook::parse(&files).map(Arc::new)
}

type Classified = (Arc<IntentClassifier>, Arc<Vec<IntentInfo>>);

fn load_intents(
    knowledge: &Path,
    embedder: &Arc<dyn Embedder>,
    cache: &Path,
) -> Result<Classified, Vec<ContentError>> {
    let (examples, intents) = load_examples(&knowledge.join("intents"))?;
    let classifier =
        IntentClassifier::recall_or_train(&examples, Some(embedder.clone()), SEED, cache);
    Ok((Arc::new(classifier), Arc::new(intents)))
}

/// The same without waiting for the encoder to read all examples; true: it is a classifier of earlier
/// examples, or at the very first start one of words alone, and the real one is to be learnt.
fn intents_to_begin_with(
    knowledge: &Path,
    embedder: &Arc<dyn Embedder>,
    cache: &Path,
) -> Result<(Classified, bool), Vec<ContentError>> {
    let (examples, intents) = load_examples(&knowledge.join("intents"))?;
    let known = IntentClassifier::recall(&examples, Some(embedder.clone()), SEED, cache);
    if let Some(known) = known {
        return Ok(((Arc::new(known), Arc::new(intents)), false));
    }
    let older = IntentClassifier::recall_older(Some(embedder.clone()), cache);
    let serving = match &older {
        Some(_) => "the classifier of the earlier ones",
        None => "one that goes by words alone",
    };
    tracing::info!(
        serving,
        "the intents' examples are new: they are learnt while this serves"
    );
    let begin = older.unwrap_or_else(|| IntentClassifier::train(&examples, None, SEED));
    Ok(((Arc::new(begin), Arc::new(intents)), true))
}

fn load_rules(knowledge: &Path) -> Result<Arc<Rules>, Vec<ContentError>> {
    let path = knowledge.join("compliance.toml");
    let text = read(&path).map_err(|e| vec![e])?;
    Rules::parse(&text, &path.display().to_string()).map(Arc::new)
}

fn load_mood(
    knowledge: &Path,
    embedder: &Arc<dyn Embedder>,
) -> Result<Arc<MoodScorer>, Vec<ContentError>> {
    MoodScorer::load(&knowledge.join("eval"), Some(embedder.clone()), SEED).map(Arc::new)
}

/// Reads a text file; the error says what to do.
pub fn read(path: &Path) -> Result<String, ContentError> {
    std::fs::read_to_string(path).map_err(|e| ContentError {
        file: path.display().to_string(),
        line: None,
        reason: format!("can't be read: {e}"),
        hint: "put the file back, saved as UTF-8".into(),
    })
}

/// Every file below a folder with this extension, in a fixed order, as (path, text).
pub fn read_all(
    folder: &Path,
    extension: &str,
    files: &mut Vec<(String, String)>,
) -> Result<(), Vec<ContentError>> {
    let entries = std::fs::read_dir(folder).map_err(|e| {
        vec![ContentError {
            file: folder.display().to_string(),
            line: None,
            reason: format!("the folder can't be read: {e}"),
            hint: "put it back, or correct [paths] in the configuration".into(),
        }]
    })?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            read_all(&path, extension, files)?;
        } else if path.extension().is_some_and(|e| e == extension) {
            let text = read(&path).map_err(|e| vec![e])?;
            files.push((path.display().to_string(), text));
        }
    }
    Ok(())
}
