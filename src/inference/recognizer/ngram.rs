//! Which tokens follow each other in a language's texts, learned from texts alone.
//!
//! A small decoder hears homophones as what no word is. The search comes by many texts; weighing
//! each by how likely its tokens follow each other picks the one that is also language. Back-off
//! form (Katz 1987): a run of tokens that was found has its probability, another one the back-off
//! of its context times that of the shorter run. `models/train/ngram.py` writes the file.

use crate::InferenceError;
use safetensors::{Dtype, SafeTensors};
use sidetone_types::Lang;
use std::path::Path;

/// Longest run of tokens; four 16-bit ids fill one key.
const ORDER: usize = 4;
/// Least log probability of a token.
const FLOOR: f32 = -12.0;
const TODO: &str = "Take it from the installation, or make it again with models/train/ngram.py";

/// Runs of one length, by their packed tokens.
struct Runs {
    keys: Vec<u64>,
    /// In thousandths, as the file has them.
    log_p: Vec<i16>,
    back_off: Vec<i16>,
}

/// See the module. Shared by all workers.
pub struct Ngram {
    /// By language, then by length.
    runs: [[Runs; ORDER]; 2],
}

impl std::fmt::Debug for Ngram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = |runs: &[Runs; ORDER]| runs.iter().map(|r| r.keys.len()).sum::<usize>();
        write!(f, "{:?} runs of tokens", self.runs.each_ref().map(count))
    }
}

impl Ngram {
    pub fn load(path: &Path) -> Result<Self, InferenceError> {
        let octets = std::fs::read(path).map_err(|e| InferenceError::file(path, e, TODO))?;
        let bad = |reason: String| InferenceError::model(path, reason, TODO);
        let file = SafeTensors::deserialize(&octets).map_err(|e| bad(e.to_string()))?;
        let read = |lang: Lang, length: usize| Runs::read(&file, lang, length).map_err(bad);
        let of = |lang: Lang| -> Result<[Runs; ORDER], InferenceError> {
            Ok([
                read(lang, 1)?,
                read(lang, 2)?,
                read(lang, 3)?,
                read(lang, 4)?,
            ])
        };
        // In the order of `Lang as usize`.
        let [first, second] = Lang::ALL;
        Ok(Self {
            runs: [of(first)?, of(second)?],
        })
    }

    /// Log probability of the last token after the ones before it (the last three count).
    pub fn log_p(&self, lang: Lang, tokens: &[u16]) -> f32 {
        let runs = &self.runs[lang as usize];
        let mut tokens = &tokens[tokens.len().saturating_sub(ORDER)..];
        let mut back = 0.0;
        while let Some((_, context)) = tokens.split_last() {
            if let Some(found) = runs[tokens.len() - 1].find(tokens) {
                let log_p = runs[tokens.len() - 1].log_p[found];
                return (back + f32::from(log_p) / 1000.0).max(FLOOR);
            }
            if let Some(shorter) = context.len().checked_sub(1)
                && let Some(found) = runs[shorter].find(context)
            {
                back += f32::from(runs[shorter].back_off[found]) / 1000.0;
            }
            tokens = &tokens[1..];
        }
        FLOOR
    }

    /// Sum over a text's tokens, the first of which is only where it begins.
    pub fn text(&self, lang: Lang, tokens: &[u16]) -> f32 {
        (2..=tokens.len())
            .map(|end| self.log_p(lang, &tokens[..end]))
            .sum()
    }
}

impl Runs {
    fn read(file: &SafeTensors<'_>, lang: Lang, length: usize) -> Result<Self, String> {
        let tensor = |what: &str, dtype: Dtype| {
            let name = format!("{}.{length}.{what}", lang.code());
            let tensor = file.tensor(&name).map_err(|e| e.to_string())?;
            if tensor.dtype() != dtype {
                return Err(format!(
                    "{name} is {:?} and should be {dtype:?}",
                    tensor.dtype()
                ));
            }
            let pairs = tensor.data().chunks_exact(2);
            Ok(pairs.map(|b| [b[0], b[1]]).collect::<Vec<_>>())
        };
        let signed = |what| -> Result<Vec<i16>, String> {
            let octets = tensor(what, Dtype::I16)?;
            Ok(octets.into_iter().map(i16::from_le_bytes).collect())
        };
        let tokens: Vec<u16> = tensor("tokens", Dtype::U16)?
            .into_iter()
            .map(u16::from_le_bytes)
            .collect();
        let runs = Self {
            keys: tokens.chunks_exact(length).map(pack).collect(),
            log_p: signed("log_p")?,
            back_off: if length < ORDER {
                signed("back_off")?
            } else {
                Vec::new()
            },
        };
        let whole = runs.keys.len() == runs.log_p.len()
            && (length == ORDER || runs.keys.len() == runs.back_off.len());
        if !whole || !runs.keys.is_sorted() {
            return Err(format!(
                "runs of {length} of {lang} are not whole, or not in order"
            ));
        }
        Ok(runs)
    }

    fn find(&self, tokens: &[u16]) -> Option<usize> {
        self.keys.binary_search(&pack(tokens)).ok()
    }
}

/// Keeps the order: runs of one length compare as their tokens do.
fn pack(tokens: &[u16]) -> u64 {
    tokens
        .iter()
        .fold(0, |key, &token| key << 16 | u64::from(token))
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::tensor::TensorView;

    fn runs(rows: &[(&[u16], i16, i16)]) -> Runs {
        Runs {
            keys: rows.iter().map(|row| pack(row.0)).collect(),
            log_p: rows.iter().map(|row| row.1).collect(),
            back_off: rows.iter().map(|row| row.2).collect(),
        }
    }

    fn small() -> Ngram {
        let order = || {
            [
                runs(&[(&[1], -1000, -500), (&[2], -2000, -250)]),
                runs(&[(&[1, 2], -300, -100)]),
                runs(&[]),
                runs(&[]),
            ]
        };
        Ngram {
            runs: [order(), order()],
        }
    }

    #[test]
    fn what_was_not_found_backs_off() {
        let ngram = small();
        let close = |tokens: &[u16], wanted: f32| {
            let found = ngram.log_p(Lang::En, tokens);
            assert!((found - wanted).abs() < 1e-4, "{tokens:?}: {found}");
        };
        close(&[1, 2], -0.3);
        close(&[9, 1, 2], -0.3);
        // After 2, nothing is known of 1: the back-off of 2 and 1 alone.
        close(&[2, 1], -0.25 - 1.0);
        // The back-offs of (1, 2) and of 2 come together.
        close(&[1, 2, 1], -0.1 - 0.25 - 1.0);
        close(&[1, 7], FLOOR);
        let text = ngram.text(Lang::En, &[9, 1, 2]);
        assert!((text - (-1.0 - 0.3)).abs() < 1e-4, "{text}");
    }

    #[test]
    fn a_broken_file_is_refused_with_what_is_wrong() {
        let path = std::env::temp_dir().join(format!("ngram-{}.safetensors", std::process::id()));
        let write = |tensors: Vec<(&str, TensorView<'_>)>| {
            std::fs::write(&path, safetensors::serialize(tensors, None).unwrap()).unwrap();
            Ngram::load(&path).unwrap_err().to_string()
        };
        let floats = [0u8; 4];
        let wrong = TensorView::new(Dtype::F32, vec![1], &floats).unwrap();
        let said = write(vec![("zh.1.tokens", wrong)]);
        assert!(said.contains("zh.1.tokens is F32"), "{said}");
        let ids = [5u8, 0, 4, 0];
        let ids = TensorView::new(Dtype::U16, vec![2, 1], &ids).unwrap();
        let numbers = [0u8; 4];
        let numbers = TensorView::new(Dtype::I16, vec![2], &numbers).unwrap();
        let said = write(vec![
            ("zh.1.tokens", ids),
            ("zh.1.log_p", numbers.clone()),
            ("zh.1.back_off", numbers),
        ]);
        assert!(said.contains("not in order"), "{said}");
        std::fs::write(&path, b"nothing").unwrap();
        assert!(Ngram::load(&path).is_err());
        std::fs::remove_file(&path).unwrap();
    }
}
