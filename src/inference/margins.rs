//! Linear support vector machines, each class against the rest, with squared hinge loss, by dual
//! coordinate descent with shrinking (Hsieh et al. 2008, LIBLINEAR's method). Unlike stochastic
//! descent it ends where the loss is least, whatever the scale of the columns.

use crate::gram::Sparse;
use crate::linear::{Linear, Shuffle};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Steps from the optimum (largest less smallest projected gradient) at which a class is done.
const TOLERANCE: f32 = 0.1;
/// Turns over the examples at most.
const TURNS_MAX: usize = 60;

/// An example: its few n-grams, then columns that follow each other.
struct Row<'a> {
    index: &'a [u32],
    value: Vec<f32>,
    dense_from: usize,
    dense: Vec<f32>,
    /// Squared length, with the bias.
    length: f32,
    label: usize,
    importance: f32,
}

impl<'a> Row<'a> {
    fn new((x, label, importance): &'a (Sparse, usize, f32), narrower: &[f32]) -> Self {
        // The last stretch of columns without a gap is the embedder's.
        let gap = x.index.windows(2).rposition(|pair| pair[1] != pair[0] + 1);
        let cut = gap.map_or(0, |at| at + 1);
        let mut value: Vec<f32> = x.iter().map(|(c, v)| v * narrower[c]).collect();
        let length = 1.0 + value.iter().map(|v| v * v).sum::<f32>();
        Self {
            index: &x.index[..cut],
            dense_from: x.index.get(cut).map_or(0, |c| *c as usize),
            dense: value.split_off(cut),
            value,
            length,
            label: *label,
            importance: *importance,
        }
    }
}

/// Vector, class and importance of each example. Columns are multiplied by their `narrower` while the
/// weights are sought; the scores are those of the columns as given. `cost` is what one example inside
/// its margin weighs beside the weights' squares.
pub(crate) fn train(
    examples: &[(Sparse, usize, f32)],
    narrower: &[f32],
    classes: usize,
    cost: f32,
    seed: u64,
) -> Linear {
    let rows: Vec<Row> = examples.iter().map(|x| Row::new(x, narrower)).collect();
    let columns = narrower.len();
    let next = AtomicUsize::new(0);
    let one = || {
        let mut done = Vec::new();
        loop {
            let class = next.fetch_add(1, Ordering::Relaxed);
            if class >= classes {
                return done;
            }
            done.push((class, against_the_rest(&rows, class, columns, cost, seed)));
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    let mut model = Linear::zero(columns, classes);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        for thread in threads {
            for (class, weights) in thread.join().unwrap_or_default() {
                let own = weights.iter().zip(narrower).map(|(w, n)| w * n);
                model.set(class, weights[columns], own);
            }
        }
    });
    model
}

/// Weights of one class, the bias last.
fn against_the_rest(rows: &[Row], class: usize, columns: usize, cost: f32, seed: u64) -> Vec<f32> {
    let mut weights = vec![0.0f32; columns + 1];
    let mut alpha = vec![0.0f32; rows.len()];
    let mut active: Vec<usize> = (0..rows.len()).collect();
    let mut shuffle = Shuffle::new(seed.wrapping_add(class as u64));
    let mut highest_before = f32::INFINITY;
    for _ in 0..TURNS_MAX {
        let (mut highest, mut lowest) = (f32::NEG_INFINITY, f32::INFINITY);
        let order = shuffle.order(active.len());
        let mut kept = Vec::with_capacity(active.len());
        for at in order {
            let i = active[at];
            let row = &rows[i];
            let side = if row.label == class { 1.0 } else { -1.0 };
            let slack = 0.5 / (cost * row.importance);
            let gradient = side * product(row, &weights) - 1.0 + slack * alpha[i];
            if alpha[i] == 0.0 && gradient > highest_before {
                continue;
            }
            kept.push(i);
            let projected = if alpha[i] == 0.0 {
                gradient.min(0.0)
            } else {
                gradient
            };
            highest = highest.max(projected);
            lowest = lowest.min(projected);
            if projected.abs() > 1e-6 {
                let before = alpha[i];
                alpha[i] = (before - gradient / (row.length + slack)).max(0.0);
                add(row, (alpha[i] - before) * side, &mut weights);
            }
        }
        if highest - lowest <= TOLERANCE {
            if kept.len() == rows.len() {
                break;
            }
            // What was left aside is looked at once more.
            active = (0..rows.len()).collect();
            highest_before = f32::INFINITY;
            continue;
        }
        active = kept;
        highest_before = if highest > 0.0 {
            highest
        } else {
            f32::INFINITY
        };
    }
    weights
}

fn product(row: &Row, weights: &[f32]) -> f32 {
    let few: f32 = row
        .index
        .iter()
        .zip(&row.value)
        .map(|(&c, v)| weights[c as usize] * v)
        .sum();
    let dense = &weights[row.dense_from..row.dense_from + row.dense.len()];
    // Eight sums side by side, which the compiler puts into one register.
    let mut sums = [0.0f32; 8];
    let (a, b) = (dense.chunks_exact(8), row.dense.chunks_exact(8));
    let rest: f32 = a
        .remainder()
        .iter()
        .zip(b.remainder())
        .map(|(w, v)| w * v)
        .sum();
    for (w, v) in a.zip(b) {
        for k in 0..8 {
            sums[k] += w[k] * v[k];
        }
    }
    few + rest + sums.iter().sum::<f32>() + weights[weights.len() - 1]
}

fn add(row: &Row, step: f32, weights: &mut [f32]) {
    for (&c, v) in row.index.iter().zip(&row.value) {
        weights[c as usize] += step * v;
    }
    let dense = &mut weights[row.dense_from..row.dense_from + row.dense.len()];
    dense
        .iter_mut()
        .zip(&row.dense)
        .for_each(|(w, v)| *w += step * v);
    if let Some(bias) = weights.last_mut() {
        *bias += step;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points around three corners, with a constant stretch of columns behind them.
    fn corners() -> Vec<(Sparse, usize, f32)> {
        let point = |i: usize| {
            let value = vec![1.0 + (i % 7) as f32 * 0.1, 0.3, 0.3];
            let index = vec![(i % 3) as u32, 4, 5];
            (Sparse { index, value }, i % 3, 1.0)
        };
        (0..90).map(point).collect()
    }

    #[test]
    fn classes_lie_outside_their_margins() {
        let examples = corners();
        let model = train(&examples, &[1.0; 6], 3, 10.0, 1);
        for (x, label, _) in &examples {
            let scores = model.scores(x);
            for (class, score) in scores.iter().enumerate() {
                let outside = if class == *label { *score } else { -score };
                assert!(outside > 0.9, "{label}: {scores:?}");
            }
        }
    }

    /// The primal's gradient is nought: w = 2 C Σ y max(0, 1 - y f(x)) x.
    #[test]
    fn it_ends_where_the_loss_is_least() {
        let examples = corners();
        let cost = 0.01;
        let model = train(&examples, &[1.0; 6], 3, cost, 1);
        let unit = |c: u32| Sparse {
            index: vec![c],
            value: vec![1.0],
        };
        let bias = model.scores(&Sparse::default())[0];
        for column in 0..6 {
            let weight = model.scores(&unit(column))[0] - bias;
            let pull: f32 = examples
                .iter()
                .map(|(x, label, _)| {
                    let side = if *label == 0 { 1.0 } else { -1.0 };
                    let inside = (1.0 - side * model.scores(x)[0]).max(0.0);
                    let value = x.iter().find(|(c, _)| *c == column as usize);
                    2.0 * cost * side * inside * value.map_or(0.0, |(_, v)| v)
                })
                .sum();
            assert!((weight - pull).abs() < 0.05, "{column}: {weight} {pull}");
        }
    }

    #[test]
    fn an_unimportant_example_gives_way() {
        let x = |v: f32| Sparse {
            index: vec![0],
            value: vec![v],
        };
        let both = |first: f32, second: f32| {
            let examples = [(x(1.0), 0, first), (x(1.0), 1, second)];
            train(&examples, &[1.0], 2, 1.0, 1).scores(&x(1.0))
        };
        assert!(both(1.0, 0.1)[0] > both(1.0, 0.1)[1]);
        assert!(both(0.1, 1.0)[0] < both(0.1, 1.0)[1]);
    }
}
