//! A trained classifier on the disk, so that a start with unchanged examples does not train again.

use super::{IntentClassifier, IntentExample};
use crate::embed::Embedder;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::path::Path;
use std::sync::Arc;

/// Changes when the same examples would be made into another classifier.
const RECIPE: &str = "8";

impl IntentClassifier {
    /// [`IntentClassifier::train`], or what an earlier call of it left in `folder` for the same
    /// examples, embedder and seed. A kept file that can't be read is passed over; a folder that
    /// can't be written to is a warning.
    pub fn recall_or_train(
        examples: &[IntentExample],
        embedder: Option<Arc<dyn Embedder>>,
        seed: u64,
        folder: &Path,
    ) -> Self {
        if let Some(kept) = Self::recall(examples, embedder.clone(), seed, folder) {
            return kept;
        }
        let path = folder.join(name_of(examples, embedder.as_deref(), seed));
        let kept = Kept {
            recipe: RECIPE.to_owned(),
            embedder: embedder.as_deref().map_or("", Embedder::id).to_owned(),
            classifier: Self::train_in(examples, embedder, seed, Some(folder)),
        };
        if let Err(error) = keep(&kept, &path) {
            tracing::warn!(path = %path.display(), %error, "the classifier is not kept; the next start trains again");
        }
        kept.classifier
    }

    /// What an earlier training with the same examples, embedder and seed left in `folder`.
    pub fn recall(
        examples: &[IntentExample],
        embedder: Option<Arc<dyn Embedder>>,
        seed: u64,
        folder: &Path,
    ) -> Option<Self> {
        read(
            &folder.join(name_of(examples, embedder.as_deref(), seed)),
            embedder,
        )
    }

    /// What the last training left in `folder`, whatever its examples were: to serve until the
    /// changed ones are learnt. It may know intents that are gone and miss new ones.
    pub fn recall_older(embedder: Option<Arc<dyn Embedder>>, folder: &Path) -> Option<Self> {
        std::fs::read_dir(folder)
            .ok()?
            .flatten()
            .filter(|entry| entry.file_name().to_str().is_some_and(is_kept))
            .find_map(|entry| read(&entry.path(), embedder.clone()))
    }
}

/// The file's content. A classifier made for another embedder would misread every vector.
#[derive(Serialize, Deserialize)]
struct Kept {
    recipe: String,
    embedder: String,
    classifier: IntentClassifier,
}

fn is_kept(name: &str) -> bool {
    name.starts_with("intents-") && name.ends_with(".bin")
}

fn name_of(examples: &[IntentExample], embedder: Option<&dyn Embedder>, seed: u64) -> String {
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    };
    add(RECIPE);
    add(embedder.map_or("", Embedder::id));
    add(&seed.to_string());
    for example in examples {
        add(example.intent.as_str());
        add(example.lang.code());
        add(if example.weak { "weak" } else { "" });
        add(&example.text);
    }
    format!("intents-{}.bin", &hex::encode(hash.finalize())[..24])
}

fn read(path: &Path, embedder: Option<Arc<dyn Embedder>>) -> Option<IntentClassifier> {
    let bytes = std::fs::read(path).ok()?;
    match postcard::from_bytes::<Kept>(&bytes) {
        Ok(kept) => {
            let same = kept.recipe == RECIPE
                && kept.embedder == embedder.as_deref().map_or("", Embedder::id);
            let mut classifier = same.then_some(kept.classifier)?;
            classifier.embedder = embedder.filter(|_| classifier.dense.all() > 0);
            Some(classifier)
        }
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "a kept classifier is broken and is trained again");
            None
        }
    }
}

/// Whole or not at all; what earlier examples left is removed.
fn keep(trained: &Kept, path: &Path) -> std::io::Result<()> {
    let bytes = postcard::to_stdvec(trained).map_err(std::io::Error::other)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    for entry in std::fs::read_dir(folder)?.flatten() {
        let old = entry.file_name();
        if old
            .to_str()
            .is_some_and(|name| name.starts_with("intents-"))
        {
            std::fs::remove_file(entry.path())?;
        }
    }
    let beside = path.with_extension("saving");
    std::fs::write(&beside, bytes)?;
    std::fs::rename(beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidetone_types::Lang;

    #[test]
    fn a_kept_classifier_answers_like_the_trained_one() {
        let folder = tempfile::tempdir().unwrap();
        let example = |intent: &str, text: &str| IntentExample {
            intent: intent.into(),
            lang: Lang::En,
            text: text.into(),
            weak: false,
        };
        let examples = [
            example("bill", "check my bill"),
            example("bill", "what do i owe this month"),
            example("bill", "the bill please"),
            example("parcel", "where is my parcel"),
            example("parcel", "track the parcel"),
            example("parcel", "my parcel has not come"),
        ];
        let make = || IntentClassifier::recall_or_train(&examples, None, 7, folder.path());
        let trained = make();
        let files = || std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(files(), 1);
        let kept = make();
        for text in ["check the bill", "where is it", "hello"] {
            assert_eq!(
                trained.classify(text, Lang::En),
                kept.classify(text, Lang::En)
            );
        }
        let path = std::fs::read_dir(folder.path())
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path();
        let changed = &examples[..5];
        assert!(IntentClassifier::recall(changed, None, 7, folder.path()).is_none());
        let older = IntentClassifier::recall_older(None, folder.path()).unwrap();
        assert_eq!(
            older.classify("the bill", Lang::En),
            trained.classify("the bill", Lang::En)
        );
        std::fs::write(&path, b"broken").unwrap();
        assert!(IntentClassifier::recall_older(None, folder.path()).is_none());
        assert_eq!(
            make().classify("check the bill", Lang::En),
            trained.classify("check the bill", Lang::En)
        );
    }
}
