//! The recognizer: many calls on one Whisper model.
//!
//! A place is taken before a caller is asked to speak ([`Recognizer::admit`]). Worker threads, each
//! with a decoder state of its own and one processor thread, take jobs from a bounded queue: finals
//! before partials, a newer partial in place of an older one, nothing for callers that have left.
//! whisper.cpp runs fastest that way: its cost is the encoder over the window, which is set to the
//! utterance, and threads within one call only wait for each other.

mod calibrate;
mod cut;
mod decode;
mod header;
mod hint;
mod ngram;
mod queue;
mod search;
mod words;
mod worker;

pub use calibrate::{Calibration, Evidence};
pub use header::{ModelShape, check_file};
pub use hint::Hint;
pub use ngram::Ngram;
pub(crate) use words::is_cjk;

use crate::{InferenceError, manifest::Manifest};
use queue::{Queue, Waiting};
use sidetone_types::{CallTime, Heard, Lang, RATE_HZ, Stage, UtteranceId};
use std::collections::BTreeSet;
use std::future::Future;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// How much the recognizer takes on.
#[derive(Clone, Debug)]
pub struct RecognizerConfig {
    /// Decoder threads. One a processor core that recognition may have.
    pub workers: usize,
    /// Callers who may speak at the same time.
    pub places_max: usize,
    /// Sound that may wait, over all callers.
    pub queue_sound_ms_max: u64,
    /// A partial that waited longer is dropped.
    pub partial_stale_ms: u64,
    /// Texts with less confidence are rejected: empty text. 0..=1000. What is above and still not
    /// sure is asked about before anybody acts on it, so this can be low: `eval intents --spoken`
    /// has the figures for several.
    pub reject_below: u16,
    /// Texts that a final weighs against each other, 1 (the likeliest token each time) to 8.
    /// Partials take the likeliest, unless their job is `careful`.
    pub beam: u8,
    /// How strongly a [`Hint`] pushes other words down while decoding (in logits). 0 is off.
    pub hint_penalty: f32,
    /// How the decoder's probabilities become a confidence; the manifest's entry overrides it.
    pub calibration: Calibration,
    /// Sampling rate of the sound that the model was trained on; the manifest's entry overrides it.
    pub trained_at_hz: u32,
    /// Weighs the texts that a search came by once more; the manifest's entry names it.
    pub ngram: Option<Weighing>,
}

/// How much the order of words counts beside the sound.
#[derive(Clone, Debug)]
pub struct Weighing {
    pub ngram: Arc<Ngram>,
    /// Of its log probability; the sound's counts as 1.
    pub weight: f32,
}

impl Default for RecognizerConfig {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            workers: cores,
            places_max: cores * 12,
            queue_sound_ms_max: 60_000,
            partial_stale_ms: 700,
            reject_below: 20,
            beam: 8,
            hint_penalty: 3.0,
            calibration: Calibration::default(),
            trained_at_hz: RATE_HZ,
            ngram: None,
        }
    }
}

/// Names a place without holding it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlaceKey(u64);

/// A caller's right to be heard. Dropping it gives it back and cancels what still waits.
#[derive(Debug)]
pub struct Place {
    key: PlaceKey,
    shared: Arc<Shared>,
}

impl Place {
    pub fn key(&self) -> PlaceKey {
        self.key
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.lock().places.remove(&self.key);
    }
}

/// One stretch of speech to recognize.
#[derive(Clone, Debug)]
pub struct Job {
    pub place: PlaceKey,
    pub utterance: UtteranceId,
    /// 16 kHz mono. A partial is the utterance so far.
    pub pcm: Arc<[i16]>,
    /// Time of the first sample.
    pub at: CallTime,
    pub lang: Lang,
    pub stage: Stage,
    /// Weigh several texts against each other although it is a partial: it may become the final text.
    pub careful: bool,
    pub hint: Hint,
}

/// One word with its place in the call.
#[derive(Clone, Debug)]
pub struct HeardWord {
    pub text: Heard,
    pub from: CallTime,
    pub to: CallTime,
    /// 0..=1000.
    pub confidence: u16,
}

/// What was said. Empty text: nothing, or nothing that could be understood.
#[derive(Clone, Debug)]
pub struct Recognized {
    pub text: Heard,
    pub words: Vec<HeardWord>,
    /// 0..=1000, calibrated: the share of such texts that are right.
    pub confidence: u16,
    /// What else it may be, best first, and its share of the likelihood, where the text has 1.
    /// Nothing where the text was taken away, put right, or heard in pieces.
    pub others: Vec<(Heard, f32)>,
    /// What the confidence was made of.
    pub evidence: Evidence,
    pub lang: Lang,
    /// Time spent decoding, and before that in the queue.
    pub took: Duration,
    pub waited: Duration,
    /// Why there is no text, where it was taken away: for the log and the journal.
    pub rejected: Option<Rejected>,
}

/// A text and what else it may be, with their shares of the likelihood.
pub fn readings<'a>(text: &'a str, others: &'a [(Heard, f32)]) -> Vec<(&'a str, f32)> {
    let others = others.iter().map(|(text, share)| (text.reveal(), *share));
    std::iter::once((text, 1.0)).chain(others).collect()
}

/// Why there is no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// The voice activity detector found no speech in it.
    NoSpeech,
    /// The decoder itself said that there is nothing.
    Nothing,
    /// The text was too unsure.
    Unsure,
}

/// Many callers, one model. Cheap to clone; the last clone stops the workers.
#[derive(Clone)]
pub struct Recognizer {
    shape: ModelShape,
    owner: Arc<Owner>,
}

struct Owner {
    shared: Arc<Shared>,
    threads: Mutex<Vec<std::thread::JoinHandle<()>>>,
}

/// The queue and the places; never held while a model runs.
#[derive(Debug)]
struct Shared {
    inner: Mutex<Inner>,
    wake: Condvar,
    finals: Arc<AtomicUsize>,
    next_place: AtomicU64,
    places_max: usize,
}

struct Inner {
    queue: Queue,
    places: BTreeSet<PlaceKey>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} places", self.places.len())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // The lock protects plain data: a panic elsewhere leaves it usable.
        self.inner.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn measure(&self, inner: &Inner) {
        self.finals.store(inner.queue.finals(), Ordering::Relaxed);
        metrics::gauge!("sidetone_recognizer_queue_jobs", "stage" => "final")
            .set(inner.queue.finals() as f64);
        metrics::gauge!("sidetone_recognizer_queue_jobs", "stage" => "partial")
            .set(inner.queue.partials() as f64);
        metrics::gauge!("sidetone_recognizer_queue_seconds")
            .set(inner.queue.sound_ms() as f64 / 1000.0);
        metrics::gauge!("sidetone_recognizer_places").set(inner.places.len() as f64);
    }
}

impl Recognizer {
    /// Loads any ggml Whisper file. Where a `manifest.toml` beside it lists the file, its hash is
    /// checked; its header always is.
    pub fn load(path: &Path, config: RecognizerConfig) -> Result<Self, InferenceError> {
        let listed = Manifest::verify_beside(path)?;
        let shape = check_file(path)?;
        let mut config = config;
        if let Some(entry) = &listed {
            config.calibration = entry.calibration.unwrap_or(config.calibration);
            config.trained_at_hz = entry.trained_at_hz.unwrap_or(config.trained_at_hz);
            if let Some(named) = &entry.ngram {
                let file = path.with_file_name(&named.file);
                Manifest::verify_beside(&file)?;
                config.ngram = Some(Weighing {
                    ngram: Arc::new(Ngram::load(&file)?),
                    weight: named.weight,
                });
            }
        }
        let finals = Arc::new(AtomicUsize::new(0));
        let shared = Arc::new(Shared {
            inner: Mutex::new(Inner {
                queue: Queue::new(
                    config.queue_sound_ms_max,
                    Duration::from_millis(config.partial_stale_ms),
                ),
                places: BTreeSet::new(),
            }),
            wake: Condvar::new(),
            finals,
            next_place: AtomicU64::new(1),
            places_max: config.places_max.max(1),
        });
        let threads = worker::start(path, shape, &config, &shared)?;
        Ok(Self {
            shape,
            owner: Arc::new(Owner {
                shared,
                threads: Mutex::new(threads),
            }),
        })
    }

    /// The model's dimensions.
    pub fn shape(&self) -> ModelShape {
        self.shape
    }

    /// Longest stretch that is decoded in one go; longer ones are cut and joined.
    pub fn window(&self) -> Duration {
        Duration::from_millis(worker::piece_samples(&self.shape) as u64 / 16)
    }

    /// Reserves a place, or `None` when all are taken: then the caller gets the keypad.
    pub fn admit(&self) -> Option<Place> {
        let shared = &self.owner.shared;
        let mut inner = shared.lock();
        if inner.places.len() >= shared.places_max || inner.queue.stopped {
            metrics::counter!("sidetone_recognizer_refused_total").increment(1);
            return None;
        }
        let key = PlaceKey(shared.next_place.fetch_add(1, Ordering::Relaxed));
        inner.places.insert(key);
        shared.measure(&inner);
        Some(Place {
            key,
            shared: Arc::clone(shared),
        })
    }

    /// Callers who hold a place now, and how many there are places for.
    pub fn places(&self) -> (usize, usize) {
        let shared = &self.owner.shared;
        (shared.lock().places.len(), shared.places_max)
    }

    /// Queues a job at once; the future waits for its answer. Dropping the future does not stop it.
    pub fn transcribe(
        &self,
        job: Job,
    ) -> impl Future<Output = Result<Recognized, InferenceError>> + Send + 'static {
        let (answer, wait) = oneshot::channel();
        let shared = &self.owner.shared;
        {
            let mut inner = shared.lock();
            inner.queue.push(Waiting {
                job,
                since: Instant::now(),
                answer,
            });
            shared.measure(&inner);
        }
        shared.wake.notify_one();
        async move {
            wait.await.unwrap_or(Err(InferenceError::Stopped {
                what: "the recognizer",
            }))
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.lock().queue.stop();
        self.shared.wake.notify_all();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(|e| e.into_inner()));
        for thread in threads {
            // A worker ends after the job it is on; that is a second at most.
            let _ = thread.join();
        }
    }
}
