//! Sentence encoders as ONNX, through ONNX Runtime as a library that is found at run time.
//!
//! Nothing of it is linked: without the library the error says where it was looked for and what to
//! install, and another embedder takes its place.

use super::tokens::{self, Extras};
use super::{Embedder, TextKind};
use crate::InferenceError;
use ort::environment::Environment;
use ort::session::Session;
use ort::value::Tensor;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, OnceLock};
use tokenizers::Tokenizer;

const TODO: &str =
    "Put config.json, tokenizer.json and model.onnx of one encoder into the folder, as published";
const TOKENS_MAX: usize = 256;
const BATCH: usize = 16;
/// Passes at the same time. Each has a session of its own: a session runs one pass at a time.
const SESSIONS: usize = 2;

/// An encoder from a folder.
pub struct Onnx {
    id: String,
    tokenizer: Tokenizer,
    extras: Extras,
    dims: usize,
    pad: u32,
    pool: Pool,
}

/// Idle sessions. Taken out while they run, so the lock is never held during a pass.
struct Pool {
    idle: Mutex<Vec<Session>>,
    back: Condvar,
}

/// Looks for the ONNX Runtime library: the path given, `ORT_DYLIB_PATH`, `.runtime` (where the
/// set-up puts it), the system's library folders, and Python packages of it (their `capi` folder). The error lists what to do.
pub fn find_runtime(configured: Option<&Path>) -> Result<PathBuf, InferenceError> {
    let named = configured
        .map(Path::to_owned)
        .or_else(|| std::env::var_os("ORT_DYLIB_PATH").map(PathBuf::from));
    if let Some(path) = named {
        return if path.is_file() {
            Ok(path)
        } else {
            Err(missing(&format!("{} is not a file", path.display())))
        };
    }
    let home = std::env::var_os("HOME")
        .map(PathBuf::from)
        .unwrap_or_default();
    let mut folders: Vec<PathBuf> = [
        // Where `scripts/setup.sh` puts it.
        ".runtime",
        "/usr/local/lib",
        "/usr/lib",
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
        "/opt/onnxruntime/lib",
    ]
    .map(PathBuf::from)
    .into();
    for root in [
        PathBuf::from("/usr/lib"),
        PathBuf::from("/usr/local/lib"),
        home.join(".local/lib"),
        PathBuf::from(".venv/lib"),
    ] {
        for python in list(&root, "python3") {
            for packages in ["site-packages", "dist-packages"] {
                folders.push(python.join(packages).join("onnxruntime/capi"));
            }
        }
    }
    folders
        .iter()
        .flat_map(|folder| list(folder, "libonnxruntime.so"))
        .find(|p| p.is_file())
        .ok_or_else(|| missing("it is in none of the usual folders"))
}

fn missing(reason: &str) -> InferenceError {
    InferenceError::Missing {
        what: format!("the ONNX Runtime library ({reason})"),
        todo: "Run scripts/setup.sh run, which fetches it into .runtime, or install it (pip install onnxruntime) and set ORT_DYLIB_PATH to its libonnxruntime.so, or use an encoder in safetensors".into(),
    }
}

fn list(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let mut out: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|e| e.file_name().to_string_lossy().starts_with(prefix))
        .map(|e| e.path())
        .collect();
    out.sort();
    out
}

/// Loads the library once a process; a second call with another path keeps the first.
fn start_runtime(configured: Option<&Path>) -> Result<&'static Environment, InferenceError> {
    static STARTED: OnceLock<Result<Environment, String>> = OnceLock::new();
    let path = find_runtime(configured)?;
    STARTED
        .get_or_init(|| {
            let builder = ort::init_from(&path).map_err(|e| e.to_string())?;
            builder
                .with_telemetry(false)
                .build()
                .map_err(|e| e.to_string())
        })
        .as_ref()
        .map_err(|e| missing(&format!("{} cannot be loaded: {e}", path.display())))
}

impl Onnx {
    /// Loads `tokenizer.json`, `model.onnx` and, where it is there, `sidetone.json`. `runtime` is
    /// the library's path, where it is configured.
    pub fn load(dir: &Path, runtime: Option<&Path>) -> Result<Self, InferenceError> {
        let path = dir.join("model.onnx");
        std::fs::metadata(&path).map_err(|e| InferenceError::file(&path, e, TODO))?;
        let environment = start_runtime(runtime)?;
        let extras = tokens::extras(dir)?;
        let tokenizer = tokens::tokenizer(dir, extras.tokens_max.unwrap_or(TOKENS_MAX))?;
        let pad = tokenizer
            .token_to_id("[PAD]")
            .or_else(|| tokenizer.token_to_id("<pad>"))
            .unwrap_or(0);
        let open = || -> Result<Session, InferenceError> {
            let bad = |e: String| {
                InferenceError::model(&path, format!("ONNX Runtime refuses it: {e}"), TODO)
            };
            let builder = Session::builder(environment).map_err(|e| bad(e.to_string()))?;
            let mut builder = builder
                .with_intra_threads(1)
                .map_err(|e| bad(e.to_string()))?;
            builder
                .commit_from_file(&path)
                .map_err(|e| bad(e.to_string()))
        };
        let idle = (0..SESSIONS)
            .map(|_| open())
            .collect::<Result<Vec<_>, _>>()?;
        let name = extras.name.clone().unwrap_or_else(|| {
            dir.file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned()
        });
        let hash = crate::manifest::sha256_of(&path)?;
        let mut out = Self {
            id: format!("{name}-onnx-{}", &hash[..12]),
            tokenizer,
            extras,
            dims: 0,
            pad,
            pool: Pool {
                idle: Mutex::new(idle),
                back: Condvar::new(),
            },
        };
        out.dims = out.run(&["a"], "")?.first().map_or(0, Vec::len);
        Ok(out)
    }

    fn run(&self, texts: &[&str], prefix: &str) -> Result<Vec<Vec<f32>>, InferenceError> {
        let batch = tokens::batch(&self.tokenizer, texts, prefix, self.pad)?;
        let mut session = self.pool.take();
        let result = pass(&mut session, &batch);
        self.pool.put(session);
        let (hidden, dims) = result.map_err(|e| InferenceError::backend("ONNX Runtime", e))?;
        if hidden.len() == batch.rows * dims {
            // The model pools by itself.
            return Ok(hidden
                .chunks(dims.max(1))
                .map(|r| {
                    let mut row = r.to_vec();
                    super::unit(&mut row);
                    row
                })
                .collect());
        }
        Ok(tokens::pool(&hidden, &batch, dims, self.extras.pooling))
    }
}

/// One pass: the first output and its last dimension.
fn pass(session: &mut Session, batch: &tokens::Batch) -> Result<(Vec<f32>, usize), String> {
    let shape = [batch.rows as i64, batch.width as i64];
    let longs = |values: &[u32]| values.iter().map(|&v| i64::from(v)).collect::<Vec<i64>>();
    let names: Vec<String> = session
        .inputs()
        .iter()
        .map(|i| i.name().to_owned())
        .collect();
    let mut inputs = Vec::new();
    for name in names {
        let values = match name.as_str() {
            "input_ids" => longs(&batch.ids),
            "attention_mask" => longs(&batch.mask),
            "token_type_ids" => vec![0; batch.ids.len()],
            other => {
                return Err(format!(
                    "the model wants an input {other:?}; input_ids, attention_mask and token_type_ids are known"
                ));
            }
        };
        inputs.push((
            name,
            Tensor::from_array((shape, values)).map_err(|e| e.to_string())?,
        ));
    }
    let outputs = session.run(inputs).map_err(|e| e.to_string())?;
    let (shape, values) = outputs[0]
        .try_extract_tensor::<f32>()
        .map_err(|e| e.to_string())?;
    let dims = shape.last().copied().unwrap_or(0).max(0) as usize;
    let wanted = [batch.rows * dims, batch.rows * batch.width * dims];
    if dims == 0 || !wanted.contains(&values.len()) {
        return Err(format!(
            "the first output has {} values, not one row a token or a text",
            values.len()
        ));
    }
    Ok((values.to_vec(), dims))
}

impl Pool {
    fn take(&self) -> Session {
        let mut idle = self.idle.lock().unwrap_or_else(|e| e.into_inner());
        loop {
            match idle.pop() {
                Some(session) => return session,
                None => idle = self.back.wait(idle).unwrap_or_else(|e| e.into_inner()),
            }
        }
    }

    fn put(&self, session: Session) {
        self.idle
            .lock()
            .unwrap_or_else(|e| e.into_inner())
            .push(session);
        self.back.notify_one();
    }
}

impl Embedder for Onnx {
    fn id(&self) -> &str {
        &self.id
    }
    fn dims(&self) -> usize {
        self.dims
    }
    fn learned(&self) -> bool {
        true
    }
    fn embed(&self, texts: &[&str], kind: TextKind) -> Result<Vec<Vec<f32>>, InferenceError> {
        let prefix = match kind {
            TextKind::Query => &self.extras.query_prefix,
            TextKind::Passage => &self.extras.passage_prefix,
        };
        let began = std::time::Instant::now();
        let mut out = Vec::with_capacity(texts.len());
        for chunk in texts.chunks(BATCH) {
            out.extend(self.run(chunk, prefix)?);
        }
        metrics::histogram!("sidetone_embedding_seconds").record(began.elapsed().as_secs_f64());
        Ok(out)
    }
}
