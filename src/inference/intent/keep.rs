//! A trained classifier on the disk, so that a start with unchanged examples does not train again.

use super::{IntentClassifier, IntentExample};
use crate::embed::Embedder;
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Changes when the same examples would be made into another classifier.
const RECIPE: &str = "1";

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
        let path = folder.join(name_of(examples, embedder.as_deref(), seed));
        if let Some(mut kept) = recall(&path) {
            kept.embedder = embedder.filter(|_| kept.dense > 0);
            return kept;
        }
        let trained = Self::train(examples, embedder, seed);
        if let Err(error) = keep(&trained, &path) {
            tracing::warn!(path = %path.display(), %error, "the classifier is not kept; the next start trains again");
        }
        trained
    }
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

fn recall(path: &PathBuf) -> Option<IntentClassifier> {
    let bytes = std::fs::read(path).ok()?;
    match postcard::from_bytes(&bytes) {
        Ok(kept) => Some(kept),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "a kept classifier is broken and is trained again");
            None
        }
    }
}

/// Whole or not at all; what earlier examples left is removed.
fn keep(trained: &IntentClassifier, path: &Path) -> std::io::Result<()> {
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
        std::fs::write(&path, b"broken").unwrap();
        assert_eq!(
            make().classify("check the bill", Lang::En),
            trained.classify("check the bill", Lang::En)
        );
    }
}
