//! A small BERT encoder's forward pass on one thread, with weights of one byte.
//!
//! Why not candle: classifying one of BANKING77's questions takes at most 83 ms with it in 99 of 100 cases,
//! 18 with this, and a caller waits for it (ten milliseconds at most, QUALITY). Weights stay bytes in
//! memory, since reading them is what short sentences wait for; sixteen columns at a time are
//! widened to floats and used for every token. Compiled once for each level of the processor
//! ([`pulp`]). Arithmetic of Devlin et al. 2019 (post-norm), GELU by its error function.

use crate::InferenceError;
use pulp::{Arch, NullaryFnOnce};
use safetensors::{Dtype, SafeTensors};
use std::path::Path;

const TODO: &str = "Take encoder.safetensors from the installation, or make it again with models/train/sentences.py";
/// Columns of a product at a time, and rows: sixteen sums of eight floats are what the registers hold.
const COLUMNS: usize = 16;
const ROWS: usize = 4;
/// Numbers of an attention head.
const HEAD: usize = 32;
const EPSILON: f32 = 1e-12;

/// Weights of `y = x W + b`: bytes in panels of [`COLUMNS`] columns, row after row within a panel.
struct Product {
    rows: usize,
    columns: usize,
    panels: Vec<i8>,
    scale: Vec<f32>,
    bias: Vec<f32>,
}

struct Norm {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

struct Layer {
    /// Queries, keys and values side by side.
    asked: Product,
    attended: Product,
    after_attention: Norm,
    wide: Product,
    narrow: Product,
    after: Norm,
}

/// Mean token vectors of a sentence.
pub(super) struct Means {
    /// After half of the layers: more of the wording.
    pub middle: Vec<f32>,
    /// After the last one: the meaning.
    pub last: Vec<f32>,
}

/// The encoder. Immutable; one pass is one thread's work.
pub(super) struct Transformer {
    width: usize,
    tokens: Vec<i8>,
    token_scale: Vec<f32>,
    positions: Vec<f32>,
    norm: Norm,
    layers: Vec<Layer>,
    arch: Arch,
}

impl Transformer {
    /// Takes the tensors of `encoder.safetensors` (`models/train/sentences.py` writes it): `tokens`
    /// (bytes, vocabulary × width) with a scale a row, `positions`, `norm`, and for each layer
    /// `N.asked`, `N.attended`, `N.wide`, `N.narrow` (bytes, outputs × inputs, with `.scale` and
    /// `.bias`) and `N.norm1`, `N.norm2`.
    pub fn load(file: &SafeTensors<'_>, path: &Path) -> Result<Self, InferenceError> {
        let read = Reader { file, path };
        let (tokens, token_scale, width) = read.bytes("tokens")?;
        let positions = read.floats("positions")?;
        if width == 0 || !width.is_multiple_of(HEAD) || positions.len() < width {
            return Err(read.bad(format!("a width of {width} makes no encoder")));
        }
        let mut layers = Vec::new();
        while file.tensor(&format!("{}.asked", layers.len())).is_ok() {
            layers.push(read.layer(layers.len(), width)?);
        }
        Ok(Self {
            width,
            tokens,
            token_scale,
            norm: read.norm("norm", width)?,
            positions,
            layers,
            arch: Arch::new(),
        })
    }

    pub fn width(&self) -> usize {
        self.width
    }

    pub fn vocabulary(&self) -> usize {
        self.token_scale.len()
    }

    /// Longest sentence in tokens.
    pub fn tokens_max(&self) -> usize {
        self.positions.len() / self.width
    }

    /// The mean of each sentence's token vectors. A sentence has at least one and at most
    /// [`Self::tokens_max`] tokens, all below [`Self::vocabulary`].
    pub fn run(&self, sentences: &[&[u32]]) -> Vec<Means> {
        self.arch.dispatch(Pass {
            encoder: self,
            sentences,
        })
    }
}

/// Takes tensors out of a file, naming what is wrong.
struct Reader<'a> {
    file: &'a SafeTensors<'a>,
    path: &'a Path,
}

impl Reader<'_> {
    fn bad(&self, reason: String) -> InferenceError {
        InferenceError::model(self.path, reason, TODO)
    }

    fn floats(&self, name: &str) -> Result<Vec<f32>, InferenceError> {
        read_floats(self.file, name).map_err(|reason| self.bad(reason))
    }

    /// Bytes, scales and the length of a row.
    fn bytes(&self, name: &str) -> Result<(Vec<i8>, Vec<f32>, usize), InferenceError> {
        let tensor = self
            .file
            .tensor(name)
            .map_err(|e| self.bad(e.to_string()))?;
        let scale = self.floats(&format!("{name}.scale"))?;
        match *tensor.shape() {
            [rows, columns] if tensor.dtype() == Dtype::I8 && scale.len() == rows => {
                let bytes = tensor.data().iter().map(|b| b.cast_signed()).collect();
                Ok((bytes, scale, columns))
            }
            _ => Err(self.bad(format!("{name} and its scales do not belong together"))),
        }
    }

    fn norm(&self, name: &str, width: usize) -> Result<Norm, InferenceError> {
        let weight = self.floats(&format!("{name}.weight"))?;
        let bias = self.floats(&format!("{name}.bias"))?;
        match weight.len() == width && bias.len() == width {
            true => Ok(Norm { weight, bias }),
            false => Err(self.bad(format!("{name} is not {width} wide"))),
        }
    }

    fn product(&self, name: &str, rows: usize, columns: usize) -> Result<Product, InferenceError> {
        let (bytes, scale, inputs) = self.bytes(name)?;
        let bias = self.floats(&format!("{name}.bias"))?;
        let fits = inputs == rows && scale.len() == columns && bias.len() == columns;
        if !fits || !columns.is_multiple_of(COLUMNS) {
            return Err(self.bad(format!("{name} is not {rows} x {columns}")));
        }
        let mut panels = Vec::with_capacity(bytes.len());
        for panel in bytes.chunks_exact(rows * COLUMNS) {
            for row in 0..rows {
                panels.extend((0..COLUMNS).map(|c| panel[c * rows + row]));
            }
        }
        Ok(Product {
            rows,
            columns,
            panels,
            scale,
            bias,
        })
    }

    fn layer(&self, n: usize, width: usize) -> Result<Layer, InferenceError> {
        let wide = self.floats(&format!("{n}.wide.bias"))?.len();
        Ok(Layer {
            asked: self.product(&format!("{n}.asked"), width, 3 * width)?,
            attended: self.product(&format!("{n}.attended"), width, width)?,
            after_attention: self.norm(&format!("{n}.norm1"), width)?,
            wide: self.product(&format!("{n}.wide"), width, wide)?,
            narrow: self.product(&format!("{n}.narrow"), wide, width)?,
            after: self.norm(&format!("{n}.norm2"), width)?,
        })
    }
}

/// A tensor of floats.
pub(super) fn read_floats(file: &SafeTensors<'_>, name: &str) -> Result<Vec<f32>, String> {
    let tensor = file.tensor(name).map_err(|e| e.to_string())?;
    if tensor.dtype() != Dtype::F32 {
        return Err(format!("{name} is {:?}, not F32", tensor.dtype()));
    }
    let four = tensor.data().chunks_exact(4);
    Ok(four
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect())
}

/// One forward pass; everything below is inlined into it, so that it is compiled for the processor.
struct Pass<'a> {
    encoder: &'a Transformer,
    sentences: &'a [&'a [u32]],
}

impl NullaryFnOnce for Pass<'_> {
    type Output = Vec<Means>;

    #[inline(always)]
    fn call(self) -> Self::Output {
        let encoder = self.encoder;
        let width = encoder.width;
        let mut x = self.first();
        let mut scratch = Vec::new();
        let (mut asked, mut mixed, mut wide, mut next) = (vec![], vec![], vec![], vec![]);
        let mut middle = Vec::new();
        for (n, layer) in encoder.layers.iter().enumerate() {
            layer.asked.apply(&x, &mut asked, &mut scratch);
            mixed.clear();
            mixed.resize(x.len(), 0.0);
            let mut at = 0;
            for sentence in self.sentences {
                let end = at + sentence.len() * width;
                attend(
                    &asked[3 * at..3 * end],
                    width,
                    &mut mixed[at..end],
                    &mut scratch,
                );
                at = end;
            }
            layer.attended.apply(&mixed, &mut next, &mut scratch);
            add(&mut x, &next);
            layer.after_attention.apply(&mut x);
            layer.wide.apply(&x, &mut wide, &mut scratch);
            // Loops, not `for_each`: its closure may stay outside and know no vector instruction.
            for v in &mut wide {
                *v = gelu(*v);
            }
            layer.narrow.apply(&wide, &mut next, &mut scratch);
            add(&mut x, &next);
            layer.after.apply(&mut x);
            if 2 * (n + 1) == encoder.layers.len() {
                middle.clone_from(&x);
            }
        }
        let both = self.means(&middle).into_iter().zip(self.means(&x));
        both.map(|(middle, last)| Means { middle, last }).collect()
    }
}

impl Pass<'_> {
    /// Tokens and positions, normed.
    #[inline(always)]
    fn first(&self) -> Vec<f32> {
        let encoder = self.encoder;
        let width = encoder.width;
        let mut x = Vec::new();
        for sentence in self.sentences {
            for (&token, position) in sentence.iter().zip(encoder.positions.chunks_exact(width)) {
                let token = token as usize;
                let scale = encoder.token_scale[token];
                let row = &encoder.tokens[token * width..(token + 1) * width];
                x.extend(
                    row.iter()
                        .zip(position)
                        .map(|(v, p)| f32::from(*v) * scale + p),
                );
            }
        }
        encoder.norm.apply(&mut x);
        x
    }

    #[inline(never)]
    fn means(&self, x: &[f32]) -> Vec<Vec<f32>> {
        let width = self.encoder.width;
        let mut at = 0;
        self.sentences
            .iter()
            .map(|sentence| {
                let end = at + sentence.len() * width;
                let mut mean = vec![0.0; width];
                x[at..end]
                    .chunks_exact(width)
                    .for_each(|row| add(&mut mean, row));
                mean.iter_mut().for_each(|v| *v /= sentence.len() as f32);
                at = end;
                mean
            })
            .collect()
    }
}

impl Product {
    /// `y = x W + b` for every row of `x`; `scratch` holds one panel as floats.
    #[inline(always)]
    fn apply(&self, x: &[f32], y: &mut Vec<f32>, scratch: &mut Vec<f32>) {
        let tokens = x.len() / self.rows;
        y.clear();
        y.resize(tokens * self.columns, 0.0);
        scratch.resize((self.rows * COLUMNS).max(scratch.len()), 0.0);
        let panel = &mut scratch[..self.rows * COLUMNS];
        let scales = self.scale.as_chunks::<COLUMNS>().0.iter();
        let biases = self.bias.as_chunks::<COLUMNS>().0.iter();
        for (p, (bytes, (scale, bias))) in self
            .panels
            .chunks_exact(self.rows * COLUMNS)
            .zip(scales.zip(biases))
            .enumerate()
        {
            for (o, v) in panel.iter_mut().zip(bytes) {
                *o = f32::from(*v);
            }
            let mut out = y.chunks_exact_mut(self.columns);
            let mut blocks = x.chunks_exact(ROWS * self.rows);
            for block in &mut blocks {
                keep(sums::<ROWS>(block, panel), scale, bias, &mut out, p);
            }
            for row in blocks.remainder().chunks_exact(self.rows) {
                keep(sums::<1>(row, panel), scale, bias, &mut out, p);
            }
        }
    }
}

/// Sums of products of `R` rows with one panel.
#[inline(always)]
fn sums<const R: usize>(x: &[f32], panel: &[f32]) -> [[f32; COLUMNS]; R] {
    let length = x.len() / R;
    let rows: [&[f32]; R] = std::array::from_fn(|r| &x[r * length..(r + 1) * length]);
    let mut sums = [[0.0f32; COLUMNS]; R];
    for (i, weights) in panel
        .as_chunks::<COLUMNS>()
        .0
        .iter()
        .enumerate()
        .take(length)
    {
        for r in 0..R {
            let value = rows[r][i];
            for c in 0..COLUMNS {
                sums[r][c] = value.mul_add(weights[c], sums[r][c]);
            }
        }
    }
    sums
}

/// Puts finished sums into panel `p` of the next rows.
#[inline(always)]
fn keep<'a, const R: usize>(
    sums: [[f32; COLUMNS]; R],
    scale: &[f32; COLUMNS],
    bias: &[f32; COLUMNS],
    out: &mut impl Iterator<Item = &'a mut [f32]>,
    p: usize,
) {
    for (sums, row) in sums.iter().zip(out) {
        let row = &mut row[p * COLUMNS..][..COLUMNS];
        for c in 0..COLUMNS {
            row[c] = sums[c] * scale[c] + bias[c];
        }
    }
}

/// Attention within one sentence: `asked` holds a token's queries, keys and values side by side.
#[inline(always)]
fn attend(asked: &[f32], width: usize, mixed: &mut [f32], scratch: &mut Vec<f32>) {
    let tokens = mixed.len() / width;
    // Keys with the tokens innermost, then one row of scores.
    scratch.resize(((HEAD + 1) * tokens).max(scratch.len()), 0.0);
    let (keys, rest) = scratch.split_at_mut(HEAD * tokens);
    let scores = &mut rest[..tokens];
    let narrower = 1.0 / (HEAD as f32).sqrt();
    for head in (0..width).step_by(HEAD) {
        for (t, row) in asked.chunks_exact(3 * width).enumerate() {
            let key = &row[width + head..][..HEAD];
            for (c, v) in key.iter().enumerate() {
                keys[c * tokens + t] = *v;
            }
        }
        for (row, mixed) in asked
            .chunks_exact(3 * width)
            .zip(mixed.chunks_exact_mut(width))
        {
            scores.fill(0.0);
            for (asked, keys) in row[head..][..HEAD].iter().zip(keys.chunks_exact(tokens)) {
                for (s, k) in scores.iter_mut().zip(keys) {
                    *s += asked * narrower * k;
                }
            }
            crate::linear::softmax(scores);
            let mut sum = [0.0f32; HEAD];
            for (share, row) in scores.iter().zip(asked.chunks_exact(3 * width)) {
                let value = &row[2 * width + head..][..HEAD];
                for (s, v) in sum.iter_mut().zip(value) {
                    *s += share * v;
                }
            }
            mixed[head..][..HEAD].copy_from_slice(&sum);
        }
    }
}

#[inline(always)]
fn add(x: &mut [f32], more: &[f32]) {
    for (x, m) in x.iter_mut().zip(more) {
        *x += m;
    }
}

impl Norm {
    /// Every row to mean nought and variance one, then weight and bias.
    #[inline(always)]
    fn apply(&self, x: &mut [f32]) {
        let width = self.weight.len();
        for row in x.chunks_exact_mut(width) {
            let mean = total(row.iter().copied()) / width as f32;
            let spread = total(row.iter().map(|v| (v - mean) * (v - mean))) / width as f32;
            let scale = 1.0 / (spread + EPSILON).sqrt();
            let own = self.weight.iter().zip(&self.bias);
            for (v, (w, b)) in row.iter_mut().zip(own) {
                *v = (*v - mean) * scale * w + b;
            }
        }
    }
}

#[inline(always)]
fn total(values: impl Iterator<Item = f32>) -> f32 {
    values.sum()
}

/// x Φ(x), the error function by Abramowitz and Stegun 7.1.28 (error below 3e-7): no exponential, so
/// that it is computed for many numbers at once.
#[inline(always)]
fn gelu(x: f32) -> f32 {
    let a = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let p = 0.000_043_063_8_f32
        .mul_add(a, 0.000_276_567_2)
        .mul_add(a, 0.000_152_014_3)
        .mul_add(a, 0.009_270_527)
        .mul_add(a, 0.042_282_01)
        .mul_add(a, 0.070_523_076)
        .mul_add(a, 1.0);
    let two = p * p;
    let four = two * two;
    let eight = four * four;
    let erf = 1.0 - 1.0 / (eight * eight);
    0.5 * x * (1.0 + erf.copysign(x))
}
