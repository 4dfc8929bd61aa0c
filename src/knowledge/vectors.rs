//! The vector index: a trait, and the exact one in memory.
//!
//! The exact index keeps every vector twice: as bytes for the scan and as floats for the ranking of
//! the best of the scan. Bytes are a quarter of the memory that has to be read, which is what the
//! scan's time is; the second look makes up for their coarseness.

use crate::KnowledgeError;
use pulp::{Arch, NullaryFnOnce};
use sidetone_types::Lang;
use std::pin::Pin;

/// A passage's number and its cosine with the question, −1..=1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbour {
    pub passage: u32,
    pub cosine: f32,
}

/// A passage's number in every index, the same on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PassageKey(pub u64);

/// A passage near to a question.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    pub key: PassageKey,
    pub cosine: f32,
}

/// What an index answers, when it has it.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<Vec<Found>, KnowledgeError>> + Send + 'a>>;

/// Finds the passages nearest to a question: in memory ([`crate::Library`]) or on a server
/// ([`crate::Remote`]).
pub trait VectorIndex: Send + Sync {
    /// The `k` nearest of one language, nearest first.
    fn nearest<'a>(&'a self, query: &'a [f32], lang: Lang, k: usize) -> Answer<'a>;
}

/// Vectors that the second look takes for each that is wanted.
const LOOK_AGAIN: usize = 4;

/// Exact search by scanning everything.
pub struct Exact {
    dims: usize,
    floats: Vec<f32>,
    bytes: Vec<i8>,
    arch: Arch,
}

impl Exact {
    /// Takes unit vectors of `dims` numbers. A passage's number is its place.
    pub fn build<'a>(dims: usize, vectors: impl IntoIterator<Item = &'a [f32]>) -> Self {
        let mut floats = Vec::new();
        for vector in vectors {
            assert_eq!(
                vector.len(),
                dims,
                "vectors of one embedder are of one length"
            );
            floats.extend_from_slice(vector);
        }
        let mut bytes = Vec::with_capacity(floats.len());
        quantize(&floats, widest(&floats), &mut bytes);
        Self {
            dims,
            floats,
            bytes,
            arch: Arch::new(),
        }
    }

    pub fn len(&self) -> usize {
        self.floats.len() / self.dims.max(1)
    }

    pub fn is_empty(&self) -> bool {
        self.floats.is_empty()
    }

    /// The cosine of one passage.
    pub fn cosine(&self, query: &[f32], passage: u32) -> f32 {
        let at = passage as usize * self.dims;
        self.floats
            .get(at..at + self.dims)
            .map_or(0.0, |v| dot(v, query))
    }

    /// The `k` nearest, nearest first.
    pub fn search(&self, query: &[f32], k: usize) -> Vec<Neighbour> {
        if self.is_empty() || query.len() != self.dims {
            return Vec::new();
        }
        let mut best: Vec<Neighbour> = self
            .scan(query, (k * LOOK_AGAIN).max(32))
            .into_iter()
            .map(|(_, passage)| Neighbour {
                passage,
                cosine: self.cosine(query, passage),
            })
            .collect();
        best.sort_by(|a, b| {
            b.cosine
                .total_cmp(&a.cosine)
                .then(a.passage.cmp(&b.passage))
        });
        best.truncate(k);
        best
    }

    /// The k nearest by floats alone: what the other search is measured against.
    pub fn search_floats(&self, query: &[f32], k: usize) -> Vec<Neighbour> {
        let mut all: Vec<Neighbour> = (0..self.len() as u32)
            .map(|passage| Neighbour {
                passage,
                cosine: self.cosine(query, passage),
            })
            .collect();
        all.sort_by(|a, b| {
            b.cosine
                .total_cmp(&a.cosine)
                .then(a.passage.cmp(&b.passage))
        });
        all.truncate(k);
        all
    }

    /// The `wanted` nearest by their bytes, in no order.
    fn scan(&self, query: &[f32], wanted: usize) -> Vec<(i32, u32)> {
        let mut asked = Vec::with_capacity(self.dims);
        quantize(query, widest(query), &mut asked);
        // Compiled once for each level of the processor and chosen at run time.
        self.arch.dispatch(Scan {
            vectors: self.bytes.chunks_exact(self.dims),
            asked: &asked,
            wanted,
        })
    }
}

/// The scan as a type: a closure is not always inlined into what is compiled for the processor's
/// level.
struct Scan<'a> {
    vectors: std::slice::ChunksExact<'a, i8>,
    asked: &'a [i8],
    wanted: usize,
}

impl NullaryFnOnce for Scan<'_> {
    type Output = Vec<(i32, u32)>;

    #[inline(always)]
    fn call(self) -> Self::Output {
        // Few are nearer than the last of the wanted ones so far: only these are kept.
        let mut out = Vec::with_capacity(8 * self.wanted);
        let mut least = i32::MIN;
        for (passage, vector) in self.vectors.enumerate() {
            let score = dot_bytes(vector, self.asked);
            if score >= least {
                out.push((score, passage as u32));
                if out.len() == 8 * self.wanted {
                    least = nearest_only(&mut out, self.wanted);
                }
            }
        }
        nearest_only(&mut out, self.wanted);
        out
    }
}

/// Drops all but the nearest `wanted`, and gives the score of the last of them.
fn nearest_only(scored: &mut Vec<(i32, u32)>, wanted: usize) -> i32 {
    if scored.len() <= wanted || wanted == 0 {
        return i32::MIN;
    }
    // Equal scores by number, so that the answer is the same on every machine.
    let order = |a: &(i32, u32), b: &(i32, u32)| b.0.cmp(&a.0).then(a.1.cmp(&b.1));
    scored.select_nth_unstable_by(wanted - 1, order);
    scored.truncate(wanted);
    scored.iter().map(|one| one.0).min().unwrap_or(i32::MIN)
}

/// Numbers as bytes, `widest` becoming 127. All vectors of an index share the scale, so that their
/// products compare; a question has its own, which changes no order.
fn quantize(vector: &[f32], widest: f32, out: &mut Vec<i8>) {
    let scale = 127.0 / widest.max(1e-9);
    out.extend(
        vector
            .iter()
            .map(|v| (v * scale).round().clamp(-127.0, 127.0) as i8),
    );
}

fn widest(numbers: &[f32]) -> f32 {
    numbers.iter().fold(0.0, |widest, v| v.abs().max(widest))
}

/// 127² times the axes is far from an overflow, and a check at every step is what keeps a loop from
/// becoming vector instructions.
#[inline(always)]
fn dot_bytes(a: &[i8], b: &[i8]) -> i32 {
    let mut sum = 0i32;
    for (x, y) in a.iter().zip(b) {
        sum = sum.wrapping_add(i32::from(*x).wrapping_mul(i32::from(*y)));
    }
    sum
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0f32; 8];
    let (a8, b8) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a8
        .remainder()
        .iter()
        .zip(b8.remainder())
        .map(|(x, y)| x * y)
        .sum();
    for (x, y) in a8.zip(b8) {
        for lane in 0..8 {
            lanes[lane] += x[lane] * y[lane];
        }
    }
    lanes.iter().sum::<f32>() + rest
}
