//! The knowledge base as calls, cards and pages ask it. Searching embeds the question, so it runs
//! off the async threads.

use crate::config::{Config, Secret};
use arc_swap::ArcSwap;
use serde::Serialize;
use sidetone_inference::embed::Embedder;
use sidetone_knowledge::{Audience, Hit, Library, Remote, RemoteSearch, Tuning};
use sidetone_types::*;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Score of a passage that the intent's own article gives, at least: the caller was understood.
const ARTICLE_SCORE: u16 = 700;

/// The served library and where its folder is.
pub struct Knowledge {
    root: PathBuf,
    library: Arc<ArcSwap<Library>>,
    remote: Option<(Arc<Remote>, Arc<RemoteSearch>)>,
}

/// One result with what made it one, for the page that explains.
#[derive(Clone, Debug, Serialize)]
pub struct Explained {
    pub document: String,
    pub section: String,
    pub title: String,
    pub text: String,
    pub score: u16,
    pub dense: u16,
    pub lexical: u16,
    pub terms: Vec<String>,
}

impl Knowledge {
    /// Reads the folder. Blocking.
    ///
    /// # Errors
    /// The folder can't be read at all, or the vector server's address is none.
    pub fn load(
        config: &Config,
        embedder: Arc<dyn Embedder>,
    ) -> anyhow::Result<(Self, Vec<ContentError>)> {
        let root = config.paths.knowledge.clone();
        let (library, errors) =
            Library::load(&root, embedder.clone(), Tuning::for_embedder(&*embedder))?;
        let library = Arc::new(ArcSwap::from_pointee(library));
        let remote = match &config.qdrant {
            None => None,
            Some(qdrant) => {
                let key = qdrant
                    .key_env
                    .as_deref()
                    .map(Secret::from_env)
                    .transpose()?;
                let key = key.as_ref().map(Secret::reveal);
                let remote = Remote::new(&qdrant.url, key, &qdrant.collection, embedder.id())?;
                let remote = Arc::new(remote);
                let search = Arc::new(RemoteSearch::new(remote.clone(), library.clone()));
                Some((remote, search))
            }
        };
        let knowledge = Self {
            root,
            library,
            remote,
        };
        let errors = knowledge.named(errors);
        Ok((knowledge, errors))
    }

    /// Errors name files as the team knows them, from the project's folder.
    fn named(&self, mut errors: Vec<ContentError>) -> Vec<ContentError> {
        for error in &mut errors {
            error.file = self.root.join(&error.file).display().to_string();
        }
        errors
    }

    /// Reads changed files; gives the faults of all files as they are now. Blocking.
    pub fn reload(&self) -> Vec<ContentError> {
        match self.library.load().reload() {
            Ok(None) => self.named(self.library.load().errors()),
            Ok(Some((next, errors))) => {
                self.library.store(Arc::new(next));
                self.named(errors)
            }
            Err(error) => vec![ContentError {
                file: self.root.display().to_string(),
                line: None,
                reason: error.to_string(),
                hint: "the last good version serves".into(),
            }],
        }
    }

    /// Brings the vector server, where there is one, to what the folder has.
    pub async fn sync(&self) {
        let Some((remote, _)) = &self.remote else {
            return;
        };
        match remote.sync(&self.library.load_full()).await {
            Ok(written) => tracing::info!(written, "passages written to the vector server"),
            Err(error) => tracing::warn!(%error, "the vector server was not brought up to date"),
        }
    }

    /// Title of the article in a file.
    pub fn title_of(&self, path: &Path) -> Option<String> {
        let below = path.strip_prefix(&self.root).ok()?.to_str()?.to_owned();
        self.library
            .load()
            .files()
            .into_iter()
            .find(|file| file.path == below)
            .map(|f| f.title)
    }

    /// Number of passages in both languages.
    pub fn passages(&self) -> usize {
        let library = self.library.load();
        Lang::ALL
            .into_iter()
            .map(|lang| library.passages(lang))
            .sum()
    }

    /// Share of the vectors in what is found for a question.
    pub fn weight_dense(&self, query: &str) -> f32 {
        self.library.load().share_dense(query)
    }

    async fn search(&self, query: &str, lang: Lang, audience: Audience, k: usize) -> Vec<Hit> {
        if let Some((_, search)) = &self.remote {
            return match search.search(query, lang, audience, k).await {
                Ok((hits, _)) => hits,
                Err(error) => failed(&error),
            };
        }
        let library = self.library.load_full();
        let query = query.to_owned();
        let found =
            tokio::task::spawn_blocking(move || library.search(&query, lang, audience, k)).await;
        match found {
            Ok(Ok(hits)) => hits,
            Ok(Err(error)) => failed(&error),
            Err(error) => failed(&error),
        }
    }

    /// What may be said to a caller. `article` is the one that the intent names: its best section
    /// comes first.
    pub async fn answer(
        &self,
        query: &str,
        lang: Lang,
        article: Option<&str>,
        k: usize,
    ) -> Vec<Passage> {
        let hits = self.search(query, lang, Audience::Caller, k.max(20)).await;
        let mut passages: Vec<Passage> = hits.into_iter().map(|hit| hit.passage).collect();
        if let Some(article) = article {
            match passages
                .iter()
                .position(|passage| passage.document == article)
            {
                Some(at) => {
                    let mut first = passages.remove(at);
                    first.score = first.score.max(ARTICLE_SCORE);
                    passages.insert(0, first);
                }
                None => passages
                    .splice(0..0, self.opening(article, lang))
                    .for_each(drop),
            }
        }
        passages.truncate(k);
        passages
    }

    /// The first section of an article.
    fn opening(&self, article: &str, lang: Lang) -> Option<Passage> {
        let library = self.library.load();
        let article = library.article(article, lang)?;
        if !article.audience.allows(Audience::Caller) {
            return None;
        }
        let section = article.sections.first()?;
        Some(Passage {
            document: article.id.clone(),
            title: article.title.clone(),
            section: section.heading.clone(),
            text: section.text.clone(),
            score: ARTICLE_SCORE,
        })
    }

    /// What an agent may be shown.
    pub async fn suggest(&self, query: &str, lang: Lang, k: usize) -> Vec<Passage> {
        let hits = self.search(query, lang, Audience::Both, k).await;
        hits.into_iter().map(|hit| hit.passage).collect()
    }

    /// Results with the scores of both halves.
    pub async fn explain(&self, query: &str, lang: Lang, k: usize) -> Vec<Explained> {
        let hits = self.search(query, lang, Audience::Both, k).await;
        hits.into_iter()
            .map(|hit| Explained {
                document: hit.passage.document,
                section: hit.passage.section,
                title: hit.passage.title,
                text: hit.passage.text,
                score: hit.passage.score,
                dense: hit.dense,
                lexical: hit.lexical,
                terms: hit.terms,
            })
            .collect()
    }
}

/// A search that failed found nothing; the conversation says so.
fn failed(error: &dyn std::fmt::Display) -> Vec<Hit> {
    tracing::error!(%error, "the knowledge base could not be searched");
    Vec::new()
}
