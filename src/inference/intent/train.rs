//! Training: the model on everything, the calibration on what three other models had not seen.

use super::{DENSE_WEIGHT, FACTS, IntentClassifier, IntentExample, Nearest, Seen};
use crate::embed::{Embedder, TextKind};
use crate::gram::{self, Feature, Sparse, Vectorizer};
use crate::linear::{Linear, Platt, Training, softmax};
use sidetone_types::IntentId;
use std::collections::BTreeMap;
use std::sync::Arc;

const FOLDS: usize = 3;
/// Classes that a fold of strangers leaves out: one of so many. What they say is near to the rest and
/// still none of it.
const STRANGERS: usize = 3;
/// What sentences of left-out classes count together, beside those of all the others.
const STRANGE_SHARE: f32 = 0.1;
/// Turns over the examples at least; half of it for the models that only calibrate, which are six.
const EPOCHS_MIN: usize = 8;
/// Importance of an article's sentence beside an example.
const WEAK: f32 = 0.25;

/// Everything training needs of the examples, computed once.
struct Data {
    features: Vec<Vec<Feature>>,
    dense: Vec<Vec<f32>>,
    labels: Vec<usize>,
    weak: Vec<bool>,
    classes: Vec<IntentId>,
    none: Option<usize>,
}

impl IntentClassifier {
    /// Trains on examples of both languages. The same examples and seed give the same classifier.
    /// An embedder that fails is left out, with a warning.
    pub fn train(
        examples: &[IntentExample],
        embedder: Option<Arc<dyn Embedder>>,
        seed: u64,
    ) -> Self {
        let began = std::time::Instant::now();
        let embedder = embedder.filter(|e| e.learned());
        let dense = embedder
            .as_ref()
            .and_then(|e| dense_rows(examples, e.as_ref()));
        let embedder = embedder.filter(|_| dense.is_some());
        let data = Data::new(examples, dense.unwrap_or_default());
        let rows = held_out(&data, seed);
        let right: Vec<_> = rows.iter().map(|r| (r.facts, r.right, 1.0)).collect();
        let mut nothing: Vec<_> = rows.iter().map(|r| (r.facts, r.nothing, 1.0)).collect();
        let strange = strangers(&data, seed);
        let counts = STRANGE_SHARE * rows.len() as f32 / strange.len().max(1) as f32;
        nothing.extend(strange.into_iter().map(|facts| (facts, true, counts)));
        let all: Vec<usize> = (0..data.labels.len()).collect();
        let mut out = fit(&data, &all, seed, EPOCHS_MIN);
        out.right = Platt::fit(&right);
        out.nothing = Platt::fit(&nothing);
        out.embedder = embedder;
        tracing::info!(
            examples = examples.len(),
            intents = out.classes.len(),
            held_out_right = rows.iter().filter(|r| r.right).count(),
            took_ms = began.elapsed().as_millis() as u64,
            "intent classifier trained"
        );
        out
    }
}

impl Data {
    fn new(examples: &[IntentExample], dense: Vec<Vec<f32>>) -> Self {
        let mut number: BTreeMap<&IntentId, usize> = BTreeMap::new();
        let mut classes = Vec::new();
        let mut labels = Vec::with_capacity(examples.len());
        for example in examples {
            let next = classes.len();
            let label = *number.entry(&example.intent).or_insert_with(|| {
                classes.push(example.intent.clone());
                next
            });
            labels.push(label);
        }
        let none = classes.iter().position(IntentId::is_none);
        Self {
            features: examples.iter().map(|e| gram::features(&e.text)).collect(),
            dense,
            labels,
            weak: examples.iter().map(|e| e.weak).collect(),
            classes,
            none,
        }
    }

    fn see(&self, vectors: &Vectorizer, i: usize) -> Seen {
        let (mut x, known) = vectors.vector(&self.features[i]);
        if let Some(row) = self.dense.get(i).filter(|_| !x.index.is_empty()) {
            let base = vectors.columns() as u32;
            x.index.extend((0..row.len() as u32).map(|c| base + c));
            x.value.extend(row.iter().map(|v| v * DENSE_WEIGHT));
        }
        Seen { x, known }
    }
}

fn dense_rows(examples: &[IntentExample], embedder: &dyn Embedder) -> Option<Vec<Vec<f32>>> {
    let mut out = Vec::with_capacity(examples.len());
    for chunk in examples.chunks(32) {
        let texts: Vec<&str> = chunk.iter().map(|e| e.text.as_str()).collect();
        match embedder.embed(&texts, TextKind::Query) {
            Ok(rows) => out.extend(rows),
            Err(error) => {
                tracing::warn!(%error, "the embedder failed; intents are trained without it");
                return None;
            }
        }
    }
    Some(out)
}

/// A classifier of these examples, its calibration still blank.
fn fit(data: &Data, which: &[usize], seed: u64, epochs_min: usize) -> IntentClassifier {
    let vectors = Vectorizer::fit(which.iter().map(|&i| data.features[i].as_slice()), 1);
    let dense = data.dense.first().map_or(0, Vec::len);
    let rows: Vec<(Sparse, usize, f32)> = which
        .iter()
        .map(|&i| {
            (
                data.see(&vectors, i).x,
                data.labels[i],
                if data.weak[i] { WEAK } else { 1.0 },
            )
        })
        .collect();
    let columns = vectors.columns();
    let how = Training {
        // Small sets need more turns; large ones see each example often enough.
        epochs: (60_000 / rows.len().max(1)).clamp(epochs_min, 30),
        rate: 0.6,
        decay: 0.0,
        smoothing: 0.05,
        seed,
    };
    let model = Linear::train(&rows, columns + dense, data.classes.len(), how);
    let own: Vec<(&Sparse, usize)> = rows
        .iter()
        .filter(|r| r.2 == 1.0)
        .map(|r| (&r.0, r.1))
        .collect();
    let nearest = Nearest::new(&own, columns, dense, data.classes.len());
    IntentClassifier {
        classes: data.classes.clone(),
        none: data.none,
        vectors,
        model,
        nearest,
        right: Platt::fit(&[]),
        nothing: Platt::fit(&[]),
        embedder: None,
        dense,
    }
}

struct HeldOut {
    facts: [f32; FACTS],
    right: bool,
    nothing: bool,
}

/// Facts of every example, from a model that has not seen it.
fn held_out(data: &Data, seed: u64) -> Vec<HeldOut> {
    // The n-th example of each class goes to fold n mod 3, so that every fold knows every class.
    let mut counts = vec![0usize; data.classes.len()];
    let folds: Vec<usize> = data
        .labels
        .iter()
        .map(|&label| {
            counts[label] += 1;
            counts[label] % FOLDS
        })
        .collect();
    let one = |fold: usize| {
        let others: Vec<usize> = (0..folds.len())
            .filter(|&i| folds[i] != fold || data.weak[i])
            .collect();
        let model = fit(data, &others, seed, EPOCHS_MIN / 2);
        (0..folds.len())
            .filter(|&i| folds[i] == fold && !data.weak[i])
            .map(|i| {
                let (best, facts) = facts_of(&model, data, i);
                let label = data.labels[i];
                HeldOut {
                    facts,
                    right: best == label,
                    nothing: Some(label) == data.none,
                }
            })
            .collect::<Vec<_>>()
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..FOLDS)
            .map(|fold| scope.spawn(move || one(fold)))
            .collect();
        threads
            .into_iter()
            .flat_map(|t| t.join().unwrap_or_default())
            .collect()
    })
}

/// Facts of sentences whose whole class the model has never met, a third of the classes at a time.
fn strangers(data: &Data, seed: u64) -> Vec<[f32; FACTS]> {
    let in_scope = (0..data.classes.len()).filter(|class| Some(*class) != data.none);
    if in_scope.count() < 2 * STRANGERS {
        return Vec::new();
    }
    let left_out = |i: usize, group: usize| {
        Some(data.labels[i]) != data.none && data.labels[i] % STRANGERS == group
    };
    let one = |group: usize| {
        let others: Vec<usize> = (0..data.labels.len())
            .filter(|&i| !left_out(i, group))
            .collect();
        let model = fit(data, &others, seed, EPOCHS_MIN / 2);
        (0..data.labels.len())
            .filter(|&i| left_out(i, group) && !data.weak[i])
            .map(|i| facts_of(&model, data, i).1)
            .collect::<Vec<_>>()
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..STRANGERS)
            .map(|group| scope.spawn(move || one(group)))
            .collect();
        threads
            .into_iter()
            .flat_map(|t| t.join().unwrap_or_default())
            .collect()
    })
}

/// The best class of an example and its facts.
fn facts_of(model: &IntentClassifier, data: &Data, i: usize) -> (usize, [f32; FACTS]) {
    let seen = data.see(&model.vectors, i);
    let mut p = model.model.scores(&seen.x);
    softmax(&mut p);
    model.facts(&p, &seen)
}
