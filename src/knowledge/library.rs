//! All articles with their index, as one value that is replaced as a whole.

use crate::article::{Article, Audience};
use crate::folder::{Read, article_files, fnv, read_article};
use crate::lexical::Lexical;
use crate::terms::terms;
use crate::vectors::{Exact, Found, PassageKey, VectorIndex};
use crate::{KnowledgeError, vectors};
use serde::{Deserialize, Serialize};
use sidetone_inference::embed::{Embedder, TextKind};
use sidetone_types::{ContentError, Lang, Passage};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// Candidates that each half of the search brings.
const CANDIDATES: usize = 50;
/// How the two halves are put together. Data, not code: measured on the evaluation set of the
/// embedder and the folder.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tuning {
    /// Share of the dense half, 0..=1, for questions that the embedder reads; the rest is the text
    /// index's.
    pub weight_read: f32,
    /// The same for questions whose words it only adds up, or hashes.
    pub weight_added: f32,
    /// The cosine of unrelated texts, taken as 0.
    pub dense_floor: f32,
    /// The cosine of a question and its answer, taken as 1.
    pub dense_ceiling: f32,
    /// The lexical score that is taken as 1.
    pub lexical_ceiling: f32,
}

impl Default for Tuning {
    /// For the hashed embedder, which is there without any model: its vectors say little that the
    /// words do not, and 0.2 was best or within half a point of it on all sets that were measured.
    fn default() -> Self {
        Self {
            weight_read: 0.5,
            weight_added: 0.2,
            dense_floor: 0.0,
            dense_ceiling: 0.7,
            lexical_ceiling: 0.6,
        }
    }
}

impl Tuning {
    /// A start for an embedder. Chosen on the dev sets of `sidetone eval retrieval --shares`: with 0.65 for
    /// sentences that are read and 0.3 for sums of words, both halves together were never more than 0.4
    /// points under the better one, and 2.5 points over it on average.
    pub fn for_embedder(embedder: &dyn Embedder) -> Self {
        if !embedder.learned() {
            return Self::default();
        }
        Self {
            weight_read: 0.65,
            weight_added: 0.3,
            ..Self::default()
        }
    }
}

/// One file of the folder, for the content page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileStatus {
    /// `zh-CN/refunds/how-long.md`, relative to the knowledge folder.
    pub path: String,
    /// Of the version that serves; the path while none does.
    pub title: String,
    pub lang: Option<Lang>,
    pub error: Option<ContentError>,
    /// When the version that serves was read, milliseconds since 1970; 0 while none does.
    pub loaded_ms: i64,
    /// The file is broken and its last good version answers.
    pub serving_old: bool,
    /// Day by which somebody should read it again.
    pub review_by: String,
}

/// A section that answers, with the scores of both halves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// `score` is the combined one, 0..=1000.
    pub passage: Passage,
    /// 0..=1000, between the tuning's floor and ceiling.
    pub dense: u16,
    /// 0..=1000.
    pub lexical: u16,
    /// Terms of the question that occur in it.
    pub terms: Vec<String>,
    pub lang: Lang,
    pub audience: Audience,
    /// File and line of the section.
    pub file: String,
    pub line: u32,
}

/// All that is served at one moment.
pub struct Library {
    root: PathBuf,
    embedder: Arc<dyn Embedder>,
    tuning: Tuning,
    files: BTreeMap<String, FileEntry>,
    shelves: BTreeMap<Lang, Shelf>,
}

#[derive(Clone)]
struct FileEntry {
    /// Digest of the bytes that were read last, good or bad.
    digest: u64,
    status: FileStatus,
    serving: Option<Arc<Indexed>>,
}

/// An article with what the indexes need of it, so that other files' changes cost nothing.
struct Indexed {
    file: String,
    article: Article,
    terms: Vec<Vec<String>>,
    vectors: Vec<Vec<f32>>,
}

/// The articles of one language.
struct Shelf {
    passages: Vec<(Arc<Indexed>, usize)>,
    by_key: HashMap<PassageKey, u32>,
    lexical: Lexical,
    exact: Exact,
}

/// Scores of one candidate before they are cut to what is shown.
struct Scored {
    passage: u32,
    dense: f32,
    lexical: f32,
    total: f32,
}

impl Library {
    /// Reads the folder. Broken files are reported and left out; the rest serves. Blocking, and
    /// slow where the embedder is.
    pub fn load(
        root: &Path,
        embedder: Arc<dyn Embedder>,
        tuning: Tuning,
    ) -> Result<(Self, Vec<ContentError>), KnowledgeError> {
        let empty = Self {
            root: root.to_owned(),
            embedder,
            tuning,
            files: BTreeMap::new(),
            shelves: BTreeMap::new(),
        };
        Ok(empty.reload()?.unwrap_or_else(|| {
            let mut empty = empty;
            empty.fill_shelves();
            (empty, Vec::new())
        }))
    }

    /// A library of articles that come from elsewhere than a folder. Blocking.
    pub fn of(
        articles: Vec<Article>,
        embedder: Arc<dyn Embedder>,
        tuning: Tuning,
    ) -> Result<Self, KnowledgeError> {
        let mut library = Self {
            root: PathBuf::new(),
            embedder,
            tuning,
            files: BTreeMap::new(),
            shelves: BTreeMap::new(),
        };
        let named = articles.into_iter().enumerate();
        let named = named.map(|(number, article)| (format!("{number:08}"), article));
        for indexed in library.index(named.collect())? {
            let status = FileStatus {
                path: indexed.file.clone(),
                title: indexed.article.title.clone(),
                lang: Some(indexed.article.lang),
                error: None,
                loaded_ms: 0,
                serving_old: false,
                review_by: String::new(),
            };
            let entry = FileEntry {
                digest: 0,
                status,
                serving: Some(Arc::new(indexed)),
            };
            library.files.insert(entry.status.path.clone(), entry);
        }
        library.fill_shelves();
        Ok(library)
    }

    /// Reads the folder again. Only changed files are parsed and embedded; a broken one keeps its
    /// last good version. `None` if nothing changed. The errors are those of all files, old and
    /// new. Blocking.
    pub fn reload(&self) -> Result<Option<(Self, Vec<ContentError>)>, KnowledgeError> {
        let mut files = BTreeMap::new();
        let mut fresh: Vec<(String, Article)> = Vec::new();
        let mut changed = false;
        for path in article_files(&self.root)? {
            let before = self.files.get(&path);
            let read = read_article(&self.root, &path);
            if let Some(before) = before
                && before.digest == read.digest
            {
                files.insert(path, before.clone());
                continue;
            }
            changed = true;
            let entry = next_entry(&path, before, &read);
            if let Ok(article) = read.article {
                fresh.push((path.clone(), article));
            }
            files.insert(path, entry);
        }
        changed |= self.files.keys().any(|path| !files.contains_key(path));
        if !changed {
            return Ok(None);
        }
        for indexed in self.index(fresh)? {
            let entry = files.get_mut(&indexed.file).expect("was just put there");
            entry.serving = Some(Arc::new(indexed));
        }
        let mut next = Self {
            root: self.root.clone(),
            embedder: self.embedder.clone(),
            tuning: self.tuning,
            files,
            shelves: BTreeMap::new(),
        };
        next.fill_shelves();
        let errors = next.errors();
        Ok(Some((next, errors)))
    }

    /// Faults of the files as they are now.
    pub fn errors(&self) -> Vec<ContentError> {
        self.files
            .values()
            .filter_map(|f| f.status.error.clone())
            .collect()
    }

    pub fn files(&self) -> Vec<FileStatus> {
        self.files.values().map(|f| f.status.clone()).collect()
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Share of the dense half for a question.
    pub fn share_dense(&self, query: &str) -> f32 {
        match self.embedder.reads(query) {
            true => self.tuning.weight_read,
            false => self.tuning.weight_added,
        }
    }

    pub fn tuning(&self) -> Tuning {
        self.tuning
    }

    pub fn embedder(&self) -> &Arc<dyn Embedder> {
        &self.embedder
    }

    /// The same articles under another tuning.
    pub fn with_tuning(&self, tuning: Tuning) -> Self {
        let mut next = Self {
            root: self.root.clone(),
            embedder: self.embedder.clone(),
            tuning,
            files: self.files.clone(),
            shelves: BTreeMap::new(),
        };
        next.fill_shelves();
        next
    }

    /// Number of passages in a language.
    pub fn passages(&self, lang: Lang) -> usize {
        self.shelves
            .get(&lang)
            .map_or(0, |shelf| shelf.passages.len())
    }

    /// The article of that id that serves.
    pub fn article(&self, id: &str, lang: Lang) -> Option<&Article> {
        let file = format!("{}/{id}.md", lang.locale());
        self.files
            .get(&file)?
            .serving
            .as_deref()
            .map(|indexed| &indexed.article)
    }

    /// The passages that answer a question best, best first. Embeds the question: call it off the
    /// async threads.
    pub fn search(
        &self,
        query: &str,
        lang: Lang,
        audience: Audience,
        k: usize,
    ) -> Result<Vec<Hit>, KnowledgeError> {
        let vector = self.embed_query(query)?;
        Ok(self.search_by(query, &vector, lang, audience, k))
    }

    /// The same with the question's vector at hand.
    pub fn search_by(
        &self,
        query: &str,
        vector: &[f32],
        lang: Lang,
        audience: Audience,
        k: usize,
    ) -> Vec<Hit> {
        let Some(shelf) = self.shelves.get(&lang) else {
            return Vec::new();
        };
        let near = shelf.exact.search(vector, CANDIDATES);
        let near: Vec<(u32, f32)> = near.into_iter().map(|n| (n.passage, n.cosine)).collect();
        self.combine(shelf, query, vector, &near, lang, audience, k)
    }

    /// The same with neighbours found by another index. Passages that are no longer here are left
    /// out.
    pub fn search_near(
        &self,
        query: &str,
        vector: &[f32],
        found: &[Found],
        lang: Lang,
        audience: Audience,
        k: usize,
    ) -> Vec<Hit> {
        let Some(shelf) = self.shelves.get(&lang) else {
            return Vec::new();
        };
        let near: Vec<(u32, f32)> = found
            .iter()
            .filter_map(|f| Some((*shelf.by_key.get(&f.key)?, f.cosine)))
            .collect();
        self.combine(shelf, query, vector, &near, lang, audience, k)
    }

    pub fn embed_query(&self, query: &str) -> Result<Vec<f32>, KnowledgeError> {
        let mut vectors = self.embedder.embed(&[query], TextKind::Query)?;
        Ok(vectors.pop().unwrap_or_default())
    }

    /// Every passage with its key and vector, for an index elsewhere.
    pub fn for_each_vector(&self, mut each: impl FnMut(PassageKey, Lang, &str, &str, &[f32])) {
        for (lang, shelf) in &self.shelves {
            for (indexed, at) in &shelf.passages {
                let section = &indexed.article.sections[*at];
                let key = key_of(*lang, &indexed.article.id, &section.heading);
                each(
                    key,
                    *lang,
                    &indexed.article.id,
                    &section.heading,
                    &indexed.vectors[*at],
                );
            }
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn combine(
        &self,
        shelf: &Shelf,
        query: &str,
        vector: &[f32],
        near: &[(u32, f32)],
        lang: Lang,
        audience: Audience,
        k: usize,
    ) -> Vec<Hit> {
        let asked = terms(query);
        let lexical = shelf.lexical.score(&asked);
        let share = self.share_dense(query);
        let mut candidates: HashMap<u32, f32> = near.iter().copied().collect();
        for (passage, _) in lexical.top(CANDIDATES) {
            candidates
                .entry(passage)
                .or_insert_with(|| shelf.exact.cosine(vector, passage));
        }
        let mut scored: Vec<Scored> = candidates
            .into_iter()
            .filter(|(passage, _)| {
                let (indexed, _) = &shelf.passages[*passage as usize];
                indexed.article.audience.allows(audience)
            })
            .map(|(passage, cosine)| {
                let lexical = lexical.of(passage);
                self.weigh(passage, cosine, lexical, share)
            })
            .collect();
        scored.sort_by(|a, b| b.total.total_cmp(&a.total).then(a.passage.cmp(&b.passage)));
        scored.truncate(k);
        scored
            .into_iter()
            .map(|s| hit(shelf, &asked, lang, s))
            .collect()
    }

    fn weigh(&self, passage: u32, cosine: f32, lexical: f32, share: f32) -> Scored {
        let t = self.tuning;
        let dense = (cosine - t.dense_floor) / (t.dense_ceiling - t.dense_floor).max(1e-6);
        let lexical = lexical / t.lexical_ceiling.max(1e-6);
        Scored {
            passage,
            dense,
            lexical,
            total: share * dense + (1.0 - share) * lexical,
        }
    }

    fn index(&self, fresh: Vec<(String, Article)>) -> Result<Vec<Indexed>, KnowledgeError> {
        let texts: Vec<String> = fresh
            .iter()
            .flat_map(|(_, article)| article.sections.iter().map(|s| full_text(article, s)))
            .collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let mut vectors = match texts.is_empty() {
            true => Vec::new(),
            false => self.embedder.embed(&texts, TextKind::Passage)?,
        }
        .into_iter();
        let mut texts = texts.into_iter();
        Ok(fresh
            .into_iter()
            .map(|(file, article)| {
                let count = article.sections.len();
                Indexed {
                    file,
                    terms: texts.by_ref().take(count).map(terms).collect(),
                    vectors: vectors.by_ref().take(count).collect(),
                    article,
                }
            })
            .collect())
    }

    fn fill_shelves(&mut self) {
        for lang in Lang::ALL {
            let passages: Vec<(Arc<Indexed>, usize)> = self
                .files
                .values()
                .filter_map(|f| f.serving.clone())
                .filter(|indexed| indexed.article.lang == lang)
                .flat_map(|indexed| {
                    let count = indexed.article.sections.len();
                    (0..count).map(move |at| (indexed.clone(), at))
                })
                .collect();
            let by_key = passages.iter().enumerate().map(|(number, (indexed, at))| {
                let article = &indexed.article;
                (
                    key_of(lang, &article.id, &article.sections[*at].heading),
                    number as u32,
                )
            });
            let shelf = Shelf {
                by_key: by_key.collect(),
                lexical: Lexical::build(passages.iter().map(|(i, at)| i.terms[*at].as_slice())),
                exact: Exact::build(
                    self.embedder.dims(),
                    passages.iter().map(|(i, at)| i.vectors[*at].as_slice()),
                ),
                passages,
            };
            self.shelves.insert(lang, shelf);
        }
    }
}

impl VectorIndex for Library {
    fn nearest<'a>(&'a self, query: &'a [f32], lang: Lang, k: usize) -> vectors::Answer<'a> {
        let found = self.shelves.get(&lang).map(|shelf| {
            let near = shelf.exact.search(query, k).into_iter();
            near.map(|n| {
                let (indexed, at) = &shelf.passages[n.passage as usize];
                Found {
                    key: key_of(
                        lang,
                        &indexed.article.id,
                        &indexed.article.sections[*at].heading,
                    ),
                    cosine: n.cosine,
                }
            })
            .collect()
        });
        Box::pin(std::future::ready(Ok(found.unwrap_or_default())))
    }
}

/// What is embedded and indexed of a section: a heading alone often says what the text does not.
fn full_text(article: &Article, section: &crate::Section) -> String {
    format!("{}\n{}\n{}", article.title, section.heading, section.text)
}

fn hit(shelf: &Shelf, asked: &[String], lang: Lang, scored: Scored) -> Hit {
    let per_mille = |score: f32| (score * 1000.0).round().clamp(0.0, 1000.0) as u16;
    let (indexed, at) = &shelf.passages[scored.passage as usize];
    let section = &indexed.article.sections[*at];
    Hit {
        passage: Passage {
            document: indexed.article.id.clone(),
            title: indexed.article.title.clone(),
            section: section.heading.clone(),
            text: section.text.clone(),
            score: per_mille(scored.total),
        },
        dense: per_mille(scored.dense),
        lexical: per_mille(scored.lexical),
        terms: shelf.lexical.matched(asked, scored.passage),
        lang,
        audience: indexed.article.audience,
        file: indexed.file.clone(),
        line: section.line,
    }
}

/// A passage's number in every index: a digest of language, article and heading.
fn key_of(lang: Lang, id: &str, heading: &str) -> PassageKey {
    PassageKey(fnv(format!("{lang}\n{id}\n{heading}").as_bytes()))
}

fn next_entry(path: &str, before: Option<&FileEntry>, read: &Read) -> FileEntry {
    let serving = before.and_then(|b| b.serving.clone());
    let now_ms = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX));
    let status = match (&read.article, &serving) {
        (Ok(article), _) => FileStatus {
            path: path.to_owned(),
            title: article.title.clone(),
            lang: Some(article.lang),
            error: None,
            loaded_ms: now_ms,
            serving_old: false,
            review_by: article.review_by.clone(),
        },
        (Err(error), serving) => FileStatus {
            path: path.to_owned(),
            title: serving
                .as_ref()
                .map_or(path.to_owned(), |s| s.article.title.clone()),
            lang: Lang::ALL
                .into_iter()
                .find(|lang| path.starts_with(lang.locale())),
            error: Some(error.clone()),
            loaded_ms: before.map_or(0, |b| b.status.loaded_ms),
            serving_old: serving.is_some(),
            review_by: serving
                .as_ref()
                .map_or(String::new(), |s| s.article.review_by.clone()),
        },
    };
    FileEntry {
        digest: read.digest,
        status,
        serving,
    }
}
