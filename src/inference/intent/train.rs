//! Training: the model on everything, the calibration on what three other models had not seen.

use super::vectors::Vectors;
use super::{Calibration, Dense, FACTS, IntentClassifier, IntentExample, Nearest, Seen};
use crate::embed::Embedder;
use crate::gram::{self, Feature, Sparse, Vectorizer};
use crate::linear::{Frozen, Linear, Platt, Training};
use crate::margins;
use sidetone_types::IntentId;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

const FOLDS: usize = 3;
/// Classes that a fold of strangers leaves out: one of so many. What they say is near to the rest and
/// still none of it.
const STRANGERS: usize = 3;
/// What sentences of left-out classes count together, beside those of all the others.
const STRANGE_SHARE: f32 = 0.1;
/// Turns over the examples at least; half of it for the models that only calibrate, which are six.
const EPOCHS_MIN: usize = 8;
/// What the support vector machines' scores count beside the regression's, an example's cost in them, and
/// what vectors that were read are multiplied by there. Chosen on dev sentences.
const MACHINES: f32 = 3.0;
const COST: f32 = 1.0;
const NARROWER: f32 = 0.2;
/// Importance of an article's sentence beside an example.
const WEAK: f32 = 0.25;

/// Everything training needs of the examples, computed once.
struct Data {
    features: Vec<Vec<Feature>>,
    /// The embedder's vectors, and whether it read the sentence.
    dense: Vec<Vec<f32>>,
    read: Vec<bool>,
    widths: Dense,
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
        Self::train_in(examples, embedder, seed, None)
    }

    /// The same with a folder where the examples' vectors are kept for the next time.
    pub(super) fn train_in(
        examples: &[IntentExample],
        embedder: Option<Arc<dyn Embedder>>,
        seed: u64,
        folder: Option<&Path>,
    ) -> Self {
        let began = std::time::Instant::now();
        let embedder = embedder.filter(|e| e.learned());
        let dense = embedder
            .as_ref()
            .and_then(|e| dense_rows(examples, e.as_ref(), folder));
        let embedder = embedder.filter(|_| dense.is_some());
        let read = embedder
            .iter()
            .flat_map(|e| examples.iter().map(|x| e.reads(&x.text)));
        let data = Data::new(examples, dense.unwrap_or_default(), read.collect());
        let rows = held_out(&data, seed);
        let strange = strangers(&data, seed);
        let all: Vec<usize> = (0..data.labels.len()).collect();
        let mut out = fit(&data, &all, seed, Effort::Whole);
        out.calibration = [false, true].map(|read| calibration(&rows, &strange, read));
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
    fn new(examples: &[IntentExample], dense: Vec<Vec<f32>>, read: Vec<bool>) -> Self {
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
        let width = |kind: bool| {
            let one = read.iter().position(|read| *read == kind);
            one.and_then(|i| dense.get(i)).map_or(0, Vec::len)
        };
        let widths = Dense {
            read: width(true),
            added: width(false),
        };
        Self {
            widths,
            features: examples.iter().map(|e| gram::features(&e.text)).collect(),
            dense,
            read,
            labels,
            weak: examples.iter().map(|e| e.weak).collect(),
            classes,
            none,
        }
    }

    fn see(&self, vectors: &Vectorizer, i: usize) -> Seen {
        let (x, known) = vectors.vector(&self.features[i]);
        let mut seen = Seen {
            x,
            known,
            read: false,
        };
        if let Some(row) = self.dense.get(i) {
            seen.add(row, self.read[i], vectors.columns(), self.widths);
        }
        seen
    }

    fn read(&self, i: usize) -> bool {
        self.read.get(i).copied().unwrap_or(false)
    }
}

fn dense_rows(
    examples: &[IntentExample],
    embedder: &dyn Embedder,
    folder: Option<&Path>,
) -> Option<Vec<Vec<f32>>> {
    let rows = Vectors::open(embedder, folder).of(examples, embedder);
    rows.inspect_err(|error| {
        tracing::warn!(%error, "the embedder failed; intents are trained without it");
    })
    .ok()
}

/// What a classifier is made for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Effort {
    /// To answer.
    Whole,
    /// To calibrate with sentences of its classes.
    HeldOut,
    /// To calibrate with sentences of none of its classes, which the machines have no say in.
    Strangers,
}

impl Effort {
    fn epochs_min(self) -> usize {
        match self {
            Self::Whole => EPOCHS_MIN,
            _ => EPOCHS_MIN / 2,
        }
    }
}

/// A classifier of these examples, its calibration still blank.
fn fit(data: &Data, which: &[usize], seed: u64, effort: Effort) -> IntentClassifier {
    let vectors = Vectorizer::fit(which.iter().map(|&i| data.features[i].as_slice()), 1);
    let dense = data.widths;
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
        epochs: (60_000 / rows.len().max(1)).clamp(effort.epochs_min(), 30),
        rate: 0.6,
        decay: 0.1,
        smoothing: 0.05,
        seed,
    };
    let model = Linear::train(&rows, columns + dense.all(), data.classes.len(), how);
    // The machines stand beside the regression because they err elsewhere; they want the vectors small.
    let mut narrower = vec![1.0; columns + dense.all()];
    narrower[columns..columns + dense.read].fill(NARROWER);
    let machines = match effort {
        Effort::Strangers => Linear::zero(narrower.len(), data.classes.len()),
        _ => margins::train(&rows, &narrower, data.classes.len(), COST, seed),
    };
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
        model: Frozen::new(&model, 1.0),
        machines: Frozen::new(&machines, MACHINES),
        nearest,
        calibration: [false, true].map(|read| calibration(&[], &[], read)),
        embedder: None,
        dense,
    }
}

struct HeldOut {
    facts: [f32; FACTS],
    plain: [f32; FACTS],
    right: bool,
    nothing: bool,
    read: bool,
}

/// Fits to sentences that a model had not seen and to those whose class it had never met.
fn calibration(rows: &[HeldOut], strange: &[HeldOut], read: bool) -> Calibration {
    fn of(rows: &[HeldOut], read: bool) -> impl Iterator<Item = &HeldOut> {
        rows.iter().filter(move |r| r.read == read)
    }
    let right: Vec<_> = of(rows, read).map(|r| (r.facts, r.right, 1.0)).collect();
    let mut nothing: Vec<_> = of(rows, read).map(|r| (r.plain, r.nothing, 1.0)).collect();
    let counts = STRANGE_SHARE * nothing.len() as f32 / of(strange, read).count().max(1) as f32;
    nothing.extend(of(strange, read).map(|r| (r.plain, true, counts)));
    Calibration {
        right: Platt::fit(&right),
        nothing: Platt::fit(&nothing),
    }
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
        let model = fit(data, &others, seed, Effort::HeldOut);
        (0..folds.len())
            .filter(|&i| folds[i] == fold && !data.weak[i])
            .map(|i| {
                let view = model.view(&data.see(&model.vectors, i));
                let label = data.labels[i];
                HeldOut {
                    facts: view.facts,
                    plain: view.plain,
                    right: view.best == label,
                    nothing: Some(label) == data.none,
                    read: data.read(i),
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

/// Sentences whose whole class the model has never met, a third of the classes at a time.
fn strangers(data: &Data, seed: u64) -> Vec<HeldOut> {
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
        let model = fit(data, &others, seed, Effort::Strangers);
        (0..data.labels.len())
            .filter(|&i| left_out(i, group) && !data.weak[i])
            .map(|i| {
                let view = model.view(&data.see(&model.vectors, i));
                HeldOut {
                    facts: view.facts,
                    plain: view.plain,
                    right: false,
                    nothing: true,
                    read: data.read(i),
                }
            })
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
