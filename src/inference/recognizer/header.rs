//! Reads a ggml Whisper file's header and walks its tensor table before whisper.cpp does.
//!
//! whisper.cpp trusts the file: a wrong dimension overflows a buffer and a failed assertion aborts
//! the process. So everything it will read is checked here, against the file's own length.

use crate::InferenceError;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// The numbers in front of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelShape {
    pub n_vocab: i32,
    pub n_audio_ctx: i32,
    pub n_audio_state: i32,
    pub n_audio_head: i32,
    pub n_audio_layer: i32,
    pub n_text_ctx: i32,
    pub n_text_state: i32,
    pub n_text_head: i32,
    pub n_text_layer: i32,
    pub n_mels: i32,
    pub ftype: i32,
}

const TODO: &str = "Fetch it again with `sidetone models get`, or convert it again for whisper.cpp (ggml format, not GGUF)";

/// Checks a model file. The error says what is wrong with it.
pub fn check_file(path: &Path) -> Result<ModelShape, InferenceError> {
    let file = std::fs::File::open(path).map_err(|e| {
        InferenceError::file(
            path,
            e,
            "Put the model there, fetch it with `sidetone models get`, or name another one in the configuration",
        )
    })?;
    let length = file.metadata().map(|m| m.len()).unwrap_or(0);
    let mut walk = Walk {
        path,
        file: BufReader::with_capacity(1 << 16, file),
        at: 0,
        length,
    };
    let shape = walk.shape()?;
    walk.filters(&shape)?;
    walk.vocabulary(&shape)?;
    walk.tensors(&shape)?;
    Ok(shape)
}

struct Walk<'a> {
    path: &'a Path,
    file: BufReader<std::fs::File>,
    at: u64,
    length: u64,
}

impl Walk<'_> {
    fn bad(&self, reason: impl Into<String>) -> InferenceError {
        InferenceError::model(self.path, reason, TODO)
    }

    fn int(&mut self, what: &str) -> Result<i32, InferenceError> {
        let mut bytes = [0u8; 4];
        self.file
            .read_exact(&mut bytes)
            .map_err(|_| self.bad(format!("the file ends in the middle of {what}")))?;
        self.at += 4;
        Ok(i32::from_le_bytes(bytes))
    }

    fn skip(&mut self, count: u64, what: &str) -> Result<(), InferenceError> {
        if count > self.length.saturating_sub(self.at) {
            return Err(self.bad(format!("the file ends in the middle of {what}")));
        }
        self.file
            .seek_relative(count as i64)
            .map_err(|e| self.bad(format!("{what} cannot be read: {e}")))?;
        self.at += count;
        Ok(())
    }

    fn shape(&mut self) -> Result<ModelShape, InferenceError> {
        if self.length < 64 {
            return Err(self.bad(format!("it is only {} bytes long", self.length)));
        }
        let magic = self.int("the magic number")?;
        if magic != 0x6767_6d6c {
            let hint = match &magic.to_le_bytes() {
                b"GGUF" => "it is a GGUF file; whisper.cpp wants the older ggml format",
                b"vers" => "it is a Git LFS pointer and not the model itself",
                _ => "it is not a ggml model (its first four bytes are not the magic number)",
            };
            return Err(self.bad(hint));
        }
        let mut values = [0i32; 11];
        for value in &mut values {
            *value = self.int("the header")?;
        }
        let [
            n_vocab,
            n_audio_ctx,
            n_audio_state,
            n_audio_head,
            n_audio_layer,
            n_text_ctx,
            n_text_state,
            n_text_head,
            n_text_layer,
            n_mels,
            ftype,
        ] = values;
        let shape = ModelShape {
            n_vocab,
            n_audio_ctx,
            n_audio_state,
            n_audio_head,
            n_audio_layer,
            n_text_ctx,
            n_text_state,
            n_text_head,
            n_text_layer,
            n_mels,
            ftype,
        };
        self.bounds(&shape)?;
        Ok(shape)
    }

    fn bounds(&self, s: &ModelShape) -> Result<(), InferenceError> {
        let rows = [
            ("n_vocab", s.n_vocab, 51_864, 51_866),
            ("n_audio_ctx", s.n_audio_ctx, 64, 1_500),
            ("n_audio_state", s.n_audio_state, 32, 1_280),
            ("n_audio_head", s.n_audio_head, 1, 20),
            ("n_audio_layer", s.n_audio_layer, 1, 32),
            ("n_text_ctx", s.n_text_ctx, 16, 448),
            ("n_text_state", s.n_text_state, 32, 1_280),
            ("n_text_head", s.n_text_head, 1, 20),
            ("n_text_layer", s.n_text_layer, 1, 32),
            ("n_mels", s.n_mels, 80, 128),
        ];
        for (name, value, low, high) in rows {
            if !(low..=high).contains(&value) {
                return Err(self.bad(format!(
                    "its {name} is {value}; {low} to {high} is possible"
                )));
            }
        }
        if s.n_audio_state != s.n_text_state {
            return Err(self.bad("its audio and text widths differ"));
        }
        if s.n_audio_state % s.n_audio_head != 0 || s.n_text_state % s.n_text_head != 0 {
            return Err(self.bad("its width is not a multiple of its heads"));
        }
        if s.ftype % 1000 == 0 {
            // Its convolutions would be f32, on which whisper.cpp aborts in the first pass.
            return Err(self.bad(
                "all its weights are f32, which whisper.cpp cannot run; convert it to f16 or q8_0",
            ));
        }
        if !matches!(s.ftype % 1000, 1 | 2 | 3 | 7 | 8 | 9 | 10..=14) {
            return Err(self.bad(format!("its ftype {} is unknown", s.ftype)));
        }
        Ok(())
    }

    fn filters(&mut self, shape: &ModelShape) -> Result<(), InferenceError> {
        let (mels, bins) = (self.int("the mel filters")?, self.int("the mel filters")?);
        if mels != shape.n_mels || bins != 201 {
            return Err(self.bad(format!(
                "its mel filters are {mels} × {bins}, not {} × 201",
                shape.n_mels
            )));
        }
        self.skip(mels as u64 * bins as u64 * 4, "the mel filters")
    }

    fn vocabulary(&mut self, shape: &ModelShape) -> Result<(), InferenceError> {
        let count = self.int("the vocabulary")?;
        if !(1..=shape.n_vocab).contains(&count) {
            return Err(self.bad(format!(
                "its vocabulary has {count} strings for {} tokens",
                shape.n_vocab
            )));
        }
        for _ in 0..count {
            let length = self.int("the vocabulary")?;
            if !(0..=1024).contains(&length) {
                return Err(self.bad(format!("a word of its vocabulary is {length} bytes long")));
            }
            self.skip(length as u64, "the vocabulary")?;
        }
        Ok(())
    }

    fn tensors(&mut self, shape: &ModelShape) -> Result<(), InferenceError> {
        let mut count = 0;
        while self.at < self.length {
            let (dims, name_length, kind) = (
                self.int("a tensor")?,
                self.int("a tensor")?,
                self.int("a tensor")?,
            );
            if !(1..=4).contains(&dims) || !(1..=255).contains(&name_length) {
                return Err(self.bad(format!(
                    "tensor {count} has {dims} dimensions and a name of {name_length} bytes"
                )));
            }
            let mut elements = 1u64;
            for _ in 0..dims {
                let n = self.int("a tensor")?;
                if !(1..=1_000_000).contains(&n) {
                    return Err(self.bad(format!("tensor {count} has a dimension of {n}")));
                }
                elements = elements.saturating_mul(n as u64);
            }
            let (block, size) = type_size(kind)
                .ok_or_else(|| self.bad(format!("tensor {count} is of unknown type {kind}")))?;
            if !elements.is_multiple_of(block) {
                return Err(self.bad(format!(
                    "tensor {count} does not divide into blocks of {block}"
                )));
            }
            self.skip(name_length as u64, "a tensor's name")?;
            self.skip(elements / block * size, "a tensor")?;
            count += 1;
        }
        // 15 tensors an encoder block, 24 a decoder block, and 11 beside them.
        let wanted = 11 + 15 * shape.n_audio_layer + 24 * shape.n_text_layer;
        if count != wanted {
            return Err(self.bad(format!(
                "it holds {count} tensors; its header asks for {wanted}"
            )));
        }
        self.file.seek(SeekFrom::Start(0)).ok();
        Ok(())
    }
}

/// Elements and bytes of one block of a ggml type.
fn type_size(kind: i32) -> Option<(u64, u64)> {
    Some(match kind {
        0 => (1, 4),
        1 => (1, 2),
        2 => (32, 18),
        3 => (32, 20),
        6 => (32, 22),
        7 => (32, 24),
        8 => (32, 34),
        10 => (256, 84),
        11 => (256, 110),
        12 => (256, 144),
        13 => (256, 176),
        14 => (256, 210),
        _ => return None,
    })
}
