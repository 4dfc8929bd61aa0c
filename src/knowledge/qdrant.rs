//! Vectors on a Qdrant server, for those who outgrow the folder; and the way back to memory.
//!
//! **What is shown and what is not.** The mapping of passages to points and the behaviour towards
//! an address where nothing answers are tested here. A real server was not at hand where this was
//! written, so the exchange with one has not been run.

use crate::library::{Hit, Library};
use crate::vectors::{Answer, Found, PassageKey, VectorIndex};
use crate::{Audience, KnowledgeError};
use arc_swap::ArcSwap;
use qdrant_client::qdrant::{
    Condition, CreateCollectionBuilder, DeletePointsBuilder, Distance, Filter, PointId,
    PointStruct, PointsIdsList, Query, QueryPointsBuilder, ScoredPoint, UpsertPointsBuilder, Value,
    VectorParamsBuilder, point_id::PointIdOptions,
};
use qdrant_client::{Payload, Qdrant, QdrantError};
use sidetone_types::Lang;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// How long a question waits for the server before memory answers.
const PATIENCE: Duration = Duration::from_millis(150);
/// How long the server is left alone after it failed.
const REST: Duration = Duration::from_secs(5);
/// Points in one request.
const POINTS_MAX: usize = 256;
/// Patience with the writing of passages.
const SYNC_PATIENCE: Duration = Duration::from_secs(30);

/// A collection on a Qdrant server.
pub struct Remote {
    client: Qdrant,
    url: String,
    collection: String,
    /// Keys on the server, each with the digest of its vector, as far as this process wrote them.
    written: Mutex<Option<BTreeMap<PassageKey, u64>>>,
}

impl Remote {
    /// Prepares for a server at `url` (gRPC, usually port 6334). Connects only when it is used.
    ///
    /// The collection's name ends with the embedder's, since vectors of two do not compare.
    pub fn new(
        url: &str,
        api_key: Option<&str>,
        collection: &str,
        embedder: &str,
    ) -> Result<Self, KnowledgeError> {
        let config = Qdrant::from_url(url)
            .skip_compatibility_check()
            .connect_timeout(PATIENCE)
            .timeout(SYNC_PATIENCE)
            .api_key(api_key.map(str::to_owned));
        let client = config.build().map_err(|e| remote_error(url, &e))?;
        Ok(Self {
            client,
            url: url.to_owned(),
            collection: collection_name(collection, embedder),
            written: Mutex::new(None),
        })
    }

    /// Brings the server's points to those of the library: makes the collection, writes what is new
    /// or changed, removes what is gone. Gives the number of points written.
    pub async fn sync(&self, library: &Library) -> Result<usize, KnowledgeError> {
        let mut written = self.written.lock().await;
        let mut wanted: BTreeMap<PassageKey, u64> = BTreeMap::new();
        let mut points = Vec::new();
        let before = written.clone().unwrap_or_default();
        library.for_each_vector(|key, lang, document, section, vector| {
            let digest = digest(vector);
            wanted.insert(key, digest);
            if before.get(&key) != Some(&digest) {
                points.push(point(key, lang, document, section, vector));
            }
        });
        let failed = |e: QdrantError| remote_error(&self.url, &e);
        if written.is_none() {
            self.make_collection(library.embedder().dims())
                .await
                .map_err(failed)?;
        }
        let count = points.len();
        for chunk in points.chunks(POINTS_MAX) {
            let request = UpsertPointsBuilder::new(&self.collection, chunk.to_vec()).wait(true);
            self.client.upsert_points(request).await.map_err(failed)?;
        }
        self.remove(&before, &wanted, written.is_none())
            .await
            .map_err(failed)?;
        *written = Some(wanted);
        Ok(count)
    }

    async fn make_collection(&self, dims: usize) -> Result<(), QdrantError> {
        if self.client.collection_exists(&self.collection).await? {
            return Ok(());
        }
        let vectors = VectorParamsBuilder::new(dims as u64, Distance::Cosine);
        let request = CreateCollectionBuilder::new(&self.collection).vectors_config(vectors);
        self.client.create_collection(request).await?;
        Ok(())
    }

    /// Removes what is gone. What an earlier process left is unknown, so the first time everything
    /// but the wanted points goes.
    async fn remove(
        &self,
        before: &BTreeMap<PassageKey, u64>,
        wanted: &BTreeMap<PassageKey, u64>,
        first: bool,
    ) -> Result<(), QdrantError> {
        let id = |key: &PassageKey| PointId::from(key.0);
        let request = DeletePointsBuilder::new(&self.collection).wait(true);
        if first {
            let keep = Condition::has_id(wanted.keys().map(id));
            self.client
                .delete_points(request.points(Filter::must_not([keep])))
                .await?;
            return Ok(());
        }
        let gone: Vec<PointId> = before
            .keys()
            .filter(|key| !wanted.contains_key(key))
            .map(id)
            .collect();
        if !gone.is_empty() {
            self.client
                .delete_points(request.points(PointsIdsList { ids: gone }))
                .await?;
        }
        Ok(())
    }

    async fn ask(&self, query: &[f32], lang: Lang, k: usize) -> Result<Vec<Found>, KnowledgeError> {
        let request = QueryPointsBuilder::new(&self.collection)
            .query(Query::new_nearest(query.to_vec()))
            .limit(k as u64)
            .filter(Filter::must([Condition::matches(
                "lang",
                lang.code().to_owned(),
            )]))
            .with_payload(false);
        let answer = tokio::time::timeout(PATIENCE, self.client.query(request)).await;
        match answer {
            Err(_) => Err(KnowledgeError::Remote {
                url: self.url.clone(),
                reason: format!("no answer within {} ms", PATIENCE.as_millis()),
            }),
            Ok(Err(error)) => Err(remote_error(&self.url, &error)),
            Ok(Ok(answer)) => Ok(answer.result.iter().filter_map(found).collect()),
        }
    }
}

impl VectorIndex for Remote {
    fn nearest<'a>(&'a self, query: &'a [f32], lang: Lang, k: usize) -> Answer<'a> {
        Box::pin(self.ask(query, lang, k))
    }
}

/// The search with a server for the dense half. While the server is down, memory answers and the
/// server is asked again every five seconds.
pub struct RemoteSearch {
    remote: Arc<dyn VectorIndex>,
    library: Arc<ArcSwap<Library>>,
    began: Instant,
    /// Milliseconds after `began` until which the server is left alone.
    rests_until_ms: AtomicU64,
}

impl RemoteSearch {
    pub fn new(remote: Arc<dyn VectorIndex>, library: Arc<ArcSwap<Library>>) -> Self {
        Self {
            remote,
            library,
            began: Instant::now(),
            rests_until_ms: AtomicU64::new(0),
        }
    }

    /// As [`Library::search`]. The second value tells whether the server answered.
    pub async fn search(
        &self,
        query: &str,
        lang: Lang,
        audience: Audience,
        k: usize,
    ) -> Result<(Vec<Hit>, bool), KnowledgeError> {
        let library = self.library.load_full();
        let (asked, text) = (library.clone(), query.to_owned());
        let vector = tokio::task::spawn_blocking(move || asked.embed_query(&text))
            .await
            .map_err(|e| KnowledgeError::Folder {
                path: library.root().to_owned(),
                reason: e.to_string(),
            })??;
        if let Some(found) = self.ask(&vector, lang).await {
            return Ok((
                library.search_near(query, &vector, &found, lang, audience, k),
                true,
            ));
        }
        Ok((library.search_by(query, &vector, lang, audience, k), false))
    }

    async fn ask(&self, vector: &[f32], lang: Lang) -> Option<Vec<Found>> {
        let now_ms = self.began.elapsed().as_millis() as u64;
        if now_ms < self.rests_until_ms.load(Ordering::Relaxed) {
            return None;
        }
        match self.remote.nearest(vector, lang, 50).await {
            Ok(found) => Some(found),
            Err(error) => {
                tracing::warn!(%error, "memory answers in the vector server's place");
                let rest = now_ms + REST.as_millis() as u64;
                self.rests_until_ms.store(rest, Ordering::Relaxed);
                None
            }
        }
    }
}

/// A passage as the server keeps it. Only what the filter needs and what names it: the text stays
/// here.
fn point(
    key: PassageKey,
    lang: Lang,
    document: &str,
    section: &str,
    vector: &[f32],
) -> PointStruct {
    let facts: HashMap<String, Value> = [
        ("lang", lang.code()),
        ("document", document),
        ("section", section),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), Value::from(value)))
    .collect();
    PointStruct::new(key.0, vector.to_vec(), Payload::from(facts))
}

fn found(point: &ScoredPoint) -> Option<Found> {
    match point.id.as_ref()?.point_id_options.as_ref()? {
        PointIdOptions::Num(number) => Some(Found {
            key: PassageKey(*number),
            cosine: point.score,
        }),
        PointIdOptions::Uuid(_) => None,
    }
}

fn digest(vector: &[f32]) -> u64 {
    vector.iter().fold(0xcbf2_9ce4_8422_2325, |hash, number| {
        (hash ^ u64::from(number.to_bits())).wrapping_mul(0x0100_0000_01b3)
    })
}

fn collection_name(collection: &str, embedder: &str) -> String {
    let embedder: String = embedder
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    format!("{collection}-{embedder}")
}

fn remote_error(url: &str, error: &QdrantError) -> KnowledgeError {
    KnowledgeError::Remote {
        url: url.to_owned(),
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passage_becomes_a_point_and_comes_back() {
        let point = point(
            PassageKey(u64::MAX),
            Lang::Zh,
            "refunds/how-long",
            "多久",
            &[0.6, 0.8],
        );
        assert_eq!(point.payload["lang"], Value::from("zh"));
        assert_eq!(point.payload["document"], Value::from("refunds/how-long"));
        let answer = ScoredPoint {
            id: point.id,
            score: 0.5,
            ..ScoredPoint::default()
        };
        let expected = Found {
            key: PassageKey(u64::MAX),
            cosine: 0.5,
        };
        assert_eq!(found(&answer), Some(expected));
        let foreign = ScoredPoint {
            id: Some(PointId::from("0190a8c2-0000-7000-8000-000000000000")),
            ..ScoredPoint::default()
        };
        assert_eq!(found(&foreign), None);
    }

    #[test]
    fn a_collection_belongs_to_one_embedder() {
        assert_ne!(
            collection_name("kb", "hashed-1"),
            collection_name("kb", "minilm/v2")
        );
        assert_eq!(collection_name("kb", "minilm/v2"), "kb-minilm-v2");
    }
}
