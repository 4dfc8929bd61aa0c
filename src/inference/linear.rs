//! Multinomial logistic regression over sparse vectors, trained in seconds at start.

use crate::gram::Sparse;

/// A small reproducible generator (xorshift64*), for shuffling only.
pub(crate) struct Shuffle(u64);

impl Shuffle {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
    pub fn order(&mut self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        for i in (1..count).rev() {
            order.swap(i, (self.next() % (i as u64 + 1)) as usize);
        }
        order
    }
}

/// Weights, column by column: `weights[column * classes + class]`.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Linear {
    classes: usize,
    weights: Vec<f32>,
    bias: Vec<f32>,
}

/// How long and how hard to train.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Training {
    pub epochs: usize,
    pub rate: f32,
    /// Shrinks all weights by this part after each epoch.
    pub decay: f32,
    /// Probability taken from the right class and spread over all: keeps the scores calibrated.
    pub smoothing: f32,
    pub seed: u64,
}

impl Linear {
    /// Vector, class and importance of each example. Stochastic gradient descent with one adaptive rate a column (AdaGrad over its whole row);
    /// the mean of the second half's epochs is kept (Polyak and Juditsky 1992).
    pub fn train(
        examples: &[(Sparse, usize, f32)],
        columns: usize,
        classes: usize,
        how: Training,
    ) -> Self {
        let mut model = Self::zero(columns, classes);
        let mut energy = vec![1e-3f32; columns];
        let mut bias_energy = 1e-3f32;
        let mut shuffle = Shuffle::new(how.seed);
        let mut p = vec![0.0f32; classes];
        let mut mean = model.clone();
        let mut taken = 0.0f32;
        for epoch in 0..how.epochs {
            for i in shuffle.order(examples.len()) {
                let (x, label, importance) = &examples[i];
                model.scores_into(x, &mut p);
                softmax(&mut p);
                let floor = how.smoothing / classes as f32;
                p.iter_mut().for_each(|v| *v -= floor);
                p[*label] -= 1.0 - how.smoothing;
                p.iter_mut().for_each(|g| *g *= importance);
                let length: f32 = p.iter().map(|g| g * g).sum();
                for (column, value) in x.iter() {
                    energy[column] += length * value * value;
                    let step = how.rate * value / energy[column].sqrt();
                    let row = &mut model.weights[column * classes..(column + 1) * classes];
                    row.iter_mut().zip(&p).for_each(|(w, g)| *w -= step * g);
                }
                bias_energy += length;
                let step = 0.1 * how.rate / bias_energy.sqrt();
                model
                    .bias
                    .iter_mut()
                    .zip(&p)
                    .for_each(|(b, g)| *b -= step * g);
            }
            if epoch >= how.epochs / 2 {
                taken += 1.0;
                let towards = |mean: &mut [f32], now: &[f32]| {
                    mean.iter_mut()
                        .zip(now)
                        .for_each(|(m, n)| *m += (n - *m) / taken);
                };
                towards(&mut mean.weights, &model.weights);
                towards(&mut mean.bias, &model.bias);
            }
            model.weights.iter_mut().for_each(|w| *w *= 1.0 - how.decay);
        }
        mean
    }

    /// No weight yet.
    pub fn zero(columns: usize, classes: usize) -> Self {
        Self {
            classes,
            weights: vec![0.0; columns * classes],
            bias: vec![0.0; classes],
        }
    }

    /// Puts the weights of one class, its bias last.
    pub fn set(&mut self, class: usize, bias: f32, weights: impl Iterator<Item = f32>) {
        self.bias[class] = bias;
        let own = self.weights.iter_mut().skip(class).step_by(self.classes);
        own.zip(weights).for_each(|(own, w)| *own = w);
    }

    /// Raw scores, one a class.
    pub fn scores(&self, x: &Sparse) -> Vec<f32> {
        let mut out = vec![0.0; self.classes];
        self.scores_into(x, &mut out);
        out
    }

    fn scores_into(&self, x: &Sparse, out: &mut [f32]) {
        out.copy_from_slice(&self.bias);
        for (column, value) in x.iter() {
            let row = &self.weights[column * self.classes..(column + 1) * self.classes];
            out.iter_mut().zip(row).for_each(|(o, w)| *o += value * w);
        }
    }
}

/// A trained model to keep and to ask: the weights of a column are bytes with one scale, a quarter of
/// the memory.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Frozen {
    scale: Vec<f32>,
    weights: Vec<i8>,
    bias: Vec<f32>,
}

impl Frozen {
    /// Of a model whose scores count so many times.
    pub fn new(model: &Linear, times: f32) -> Self {
        let rows = || model.weights.chunks_exact(model.classes.max(1));
        let widest = |row: &[f32]| row.iter().fold(1e-12f32, |widest, w| widest.max(w.abs()));
        let scale: Vec<f32> = rows().map(|row| widest(row) / f32::from(i8::MAX)).collect();
        let bytes = |(row, scale): (&[f32], &f32)| -> Vec<i8> {
            row.iter().map(|w| (w / scale).round() as i8).collect()
        };
        Self {
            weights: rows().zip(&scale).flat_map(bytes).collect(),
            bias: model.bias.iter().map(|b| b * times).collect(),
            scale: scale.into_iter().map(|s| s * times).collect(),
        }
    }

    /// Raw scores, one a class.
    pub fn scores(&self, x: &Sparse) -> Vec<f32> {
        let mut out = self.bias.clone();
        let classes = out.len();
        for (column, value) in x.iter() {
            let row = &self.weights[column * classes..(column + 1) * classes];
            let value = value * self.scale[column];
            for (out, w) in out.iter_mut().zip(row) {
                *out += value * f32::from(*w);
            }
        }
        out
    }
}

/// Scores to probabilities, in place.
pub(crate) fn softmax(scores: &mut [f32]) {
    let top = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    scores.iter_mut().for_each(|s| *s = (*s - top).exp());
    let sum: f32 = scores.iter().sum();
    scores.iter_mut().for_each(|s| *s /= sum);
}

/// Two-class logistic regression over a few dense features, by Newton steps with a little ridge:
/// the calibration on held-out folds.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(into = "Vec<f64>", try_from = "Vec<f64>")]
pub(crate) struct Platt<const N: usize> {
    weights: [f64; N],
}

impl<const N: usize> From<Platt<N>> for Vec<f64> {
    fn from(platt: Platt<N>) -> Self {
        platt.weights.to_vec()
    }
}

impl<const N: usize> TryFrom<Vec<f64>> for Platt<N> {
    type Error = String;
    fn try_from(weights: Vec<f64>) -> Result<Self, String> {
        let count = weights.len();
        let weights = weights.try_into();
        weights
            .map(|weights| Self { weights })
            .map_err(|_| format!("{count} weights, not {N}"))
    }
}

impl<const N: usize> Platt<N> {
    /// Facts, the truth, and how much the row counts.
    pub fn fit(rows: &[([f32; N], bool, f32)]) -> Self {
        let mut weights = [0.0f64; N];
        for _ in 0..25 {
            let mut gradient = [0.0f64; N];
            let mut hessian = [[0.0f64; N]; N];
            for (x, y, counts) in rows {
                let p = sigmoid(dot(&weights, x));
                let counts = f64::from(*counts);
                let (error, slope) = (
                    counts * (p - f64::from(u8::from(*y))),
                    counts * p * (1.0 - p),
                );
                for i in 0..N {
                    gradient[i] += error * f64::from(x[i]);
                    for j in 0..N {
                        hessian[i][j] += slope * f64::from(x[i]) * f64::from(x[j]);
                    }
                }
            }
            for i in 0..N {
                gradient[i] += 0.1 * weights[i];
                hessian[i][i] += 0.1;
            }
            let step = solve(hessian, gradient);
            for i in 0..N {
                weights[i] -= step[i];
            }
        }
        Self { weights }
    }

    /// Probability of yes.
    pub fn p(&self, x: &[f32; N]) -> f32 {
        sigmoid(dot(&self.weights, x)) as f32
    }
}

fn dot<const N: usize>(w: &[f64; N], x: &[f32; N]) -> f64 {
    w.iter().zip(x).map(|(w, x)| w * f64::from(*x)).sum()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Gaussian elimination with pivoting; the ridge keeps the matrix regular.
pub(crate) fn solve<const N: usize>(mut a: [[f64; N]; N], mut b: [f64; N]) -> [f64; N] {
    for i in 0..N {
        let pivot = (i..N)
            .max_by(|&p, &q| a[p][i].abs().total_cmp(&a[q][i].abs()))
            .unwrap_or(i);
        a.swap(i, pivot);
        b.swap(i, pivot);
        for row in i + 1..N {
            let factor = a[row][i] / a[i][i];
            let above = a[i];
            a[row]
                .iter_mut()
                .zip(above)
                .for_each(|(v, up)| *v -= factor * up);
            b[row] -= factor * b[i];
        }
    }
    let mut x = [0.0; N];
    for i in (0..N).rev() {
        let known: f64 = (i + 1..N).map(|k| a[i][k] * x[k]).sum();
        x[i] = (b[i] - known) / a[i][i];
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_separates_what_can_be_separated() {
        let x = |i: u32| Sparse {
            index: vec![i],
            value: vec![1.0],
        };
        let data: Vec<(Sparse, usize, f32)> =
            (0..90).map(|i| (x(i % 3), (i % 3) as usize, 1.0)).collect();
        let how = Training {
            epochs: 20,
            rate: 1.0,
            decay: 0.0,
            smoothing: 0.0,
            seed: 1,
        };
        let model = Linear::train(&data, 3, 3, how);
        for class in 0..3 {
            let mut p = model.scores(&x(class as u32));
            softmax(&mut p);
            assert!(p[class] > 0.9, "{p:?}");
        }
    }

    #[test]
    fn frozen_scores_are_the_same_to_a_hundredth() {
        let mut model = Linear::zero(3, 2);
        model.set(0, 0.5, [0.9, -0.2, 0.0].into_iter());
        model.set(1, -1.0, [0.1, 0.4, 0.0].into_iter());
        let x = Sparse {
            index: vec![0, 1, 2],
            value: vec![1.0, 2.0, 3.0],
        };
        let frozen = Frozen::new(&model, 2.0).scores(&x);
        for (frozen, exact) in frozen.iter().zip(model.scores(&x)) {
            assert!((frozen - 2.0 * exact).abs() < 0.02, "{frozen} {exact}");
        }
    }

    #[test]
    fn calibration_finds_the_odds() {
        let rows: Vec<([f32; 2], bool, f32)> = (0..1000)
            .map(|i| {
                (
                    [1.0, f32::from(u8::from(i % 2 == 0))],
                    i % 2 == 0 && i % 10 != 0,
                    1.0,
                )
            })
            .collect();
        let fit = Platt::fit(&rows);
        assert!(
            (fit.p(&[1.0, 1.0]) - 0.8).abs() < 0.02,
            "{}",
            fit.p(&[1.0, 1.0])
        );
        assert!(fit.p(&[1.0, 0.0]) < 0.01);
    }
}
