//! No input panics: every parser that a stranger can reach, fed with mutations of a kept corpus.
//!
//! A target is one line in [`TARGETS`] and a folder `tests/corpus/<name>`. Inputs whose outcome has a
//! shape that was not seen before (which error, which fields) are kept and mutated further, which
//! takes the place of coverage with a stable compiler. Without `FUZZ_SECONDS` each target runs its
//! corpus and a fixed number of mutations from a fixed seed; with it, so many seconds from a seed
//! that is printed (`FUZZ_SEED` repeats it). Two targets run at a time. What fails is written to
//! `FUZZ_OUT`, or to the system's folder for such things, and belongs into the corpus once it is
//! mended.

mod mutate;
mod targets;

use mutate::Mutator;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hasher};
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use targets::{ELSEWHERE, TARGETS};

/// Inputs of the short run.
const SHORT: u64 = 20_000;
/// Inputs that are kept while running.
const KEPT_MAX: usize = 4096;
const SHAPES_MAX: usize = 200_000;
/// Longer inputs are cut: what is beyond repeats what was before.
const BYTES_MAX: usize = 8 * 1024;
/// No parser may take so long for one input of this size.
const ONE_MAX: Duration = Duration::from_secs(2);

/// What a parser made of an input, as text; its shape counts.
pub type Target = fn(&[u8]) -> String;

/// How long, and from which seed.
#[derive(Clone, Copy)]
struct Run {
    seed: u64,
    time: Option<Duration>,
}

impl Run {
    fn of_environment() -> Self {
        let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
        let time = number("FUZZ_SECONDS").map(Duration::from_secs);
        let seed = number("FUZZ_SEED").unwrap_or_else(|| match time {
            Some(_) => rand::random(),
            None => 1,
        });
        Self { seed, time }
    }
}

thread_local! {
    /// Panics of this thread are caught and told by the driver.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

#[test]
fn no_input_panics() {
    let run = Run::of_environment();
    let default = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !QUIET.get() {
            default(info);
        }
    }));
    let waiting = Mutex::new(TARGETS.iter());
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().unwrap().next();
                    let Some((name, target)) = next else { break };
                    QUIET.set(true);
                    let outcome = fuzz(name, *target, run);
                    QUIET.set(false);
                    if let Err(failure) = outcome {
                        failures.lock().unwrap().push(failure);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Runs one target; the error tells where the input lies and how to repeat it.
fn fuzz(name: &str, target: Target, run: Run) -> Result<(), String> {
    let corpus = corpus_of(name);
    assert!(!corpus.is_empty(), "tests/corpus/{name} is empty");
    let began = Instant::now();
    let mut driver = Driver {
        name,
        target,
        seed: run.seed,
        shapes: BTreeSet::new(),
        kept: Vec::new(),
        ran: 0,
        slowest: Duration::ZERO,
    };
    for input in &corpus {
        driver.one(input)?;
        // The corpus is mutated whether or not two of it are alike.
        driver.kept.push(input.clone());
    }
    let own = driver.kept.len();
    let mut mutator = Mutator::new(run.seed ^ shape(name), &corpus);
    loop {
        let over = match run.time {
            Some(time) => driver.ran.is_multiple_of(64) && began.elapsed() >= time,
            None => driver.ran >= SHORT,
        };
        if over {
            break;
        }
        let input = mutator.next(&driver.kept, BYTES_MAX);
        if driver.one(&input)? && driver.kept.len() < KEPT_MAX {
            driver.kept.push(input);
        }
    }
    let per_s = driver.ran as f64 / began.elapsed().as_secs_f64();
    println!(
        "{name}: {} inputs ({per_s:.0} a second), {} shapes, {} found beside {own}, slowest {:?}, seed {}",
        driver.ran,
        driver.shapes.len(),
        driver.kept.len() - own,
        driver.slowest,
        run.seed
    );
    Ok(())
}

struct Driver<'a> {
    name: &'a str,
    target: Target,
    seed: u64,
    shapes: BTreeSet<u64>,
    kept: Vec<Vec<u8>>,
    ran: u64,
    slowest: Duration,
}

impl Driver<'_> {
    /// Feeds one input. True: its outcome had a new shape.
    fn one(&mut self, input: &[u8]) -> Result<bool, String> {
        let target = self.target;
        let began = Instant::now();
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| target(input)));
        let took = began.elapsed();
        self.ran += 1;
        self.slowest = self.slowest.max(took);
        match outcome {
            Ok(_) if took > ONE_MAX => Err(self.failure(input, &format!("it took {took:?}"))),
            // A parser that echoes its input would have a shape for each; they need no more room.
            Ok(_) if self.shapes.len() >= SHAPES_MAX => Ok(false),
            Ok(outcome) => Ok(self.shapes.insert(shape(&outcome))),
            Err(payload) => {
                let why = payload
                    .downcast_ref::<String>()
                    .map(String::as_str)
                    .or_else(|| payload.downcast_ref::<&str>().copied())
                    .unwrap_or("it panicked");
                Err(self.failure(input, why))
            }
        }
    }

    fn failure(&self, input: &[u8], why: &str) -> String {
        let folder = std::env::var_os("FUZZ_OUT").map_or_else(std::env::temp_dir, PathBuf::from);
        let path = folder.join(format!("fuzz-{}-{:016x}.bin", self.name, hash(input)));
        let kept = match std::fs::write(&path, input) {
            Ok(()) => format!("the input is in {}", path.display()),
            Err(error) => format!("the input could not be written ({error})"),
        };
        let mut start = String::new();
        for byte in input.iter().take(120) {
            let _ = write!(start, "{}", byte.escape_ascii());
        }
        format!(
            "{}: {why}; {kept} ({} bytes: {start}); seed {}, input {}",
            self.name,
            input.len(),
            self.seed,
            self.ran
        )
    }
}

fn corpus_of(name: &str) -> Vec<Vec<u8>> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let others = ELSEWHERE.iter().filter(|(target, _)| *target == name);
    let folders = others.map(|(_, folder)| tests.join(folder));
    let mut files = BTreeMap::new();
    for folder in folders.chain([tests.join("corpus").join(name)]) {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            if let Ok(bytes) = std::fs::read(entry.path()) {
                files.insert(entry.file_name(), bytes);
            }
        }
    }
    files.into_values().collect()
}

/// Words without numbers and without what stands in quotes: which outcome it was, not of what.
fn shape(outcome: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut quoted = false;
    for byte in outcome.bytes().take(2000) {
        quoted ^= matches!(byte, b'"' | b'`');
        if !quoted && !byte.is_ascii_digit() {
            hasher.write_u8(byte);
        }
    }
    hasher.finish()
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

/// The driver itself: it has to find what is there to be found, and tell it.
#[test]
fn the_driver_finds_a_planted_panic() {
    fn planted(input: &[u8]) -> String {
        let place = input.windows(4).position(|word| word == b"\"mar");
        if let Some(place) = place
            && input.get(place + 6) == Some(&b'z')
        {
            panic!("planted");
        }
        format!("{}", input.len() > 40)
    }
    let run = Run {
        seed: 7,
        time: Some(Duration::from_secs(20)),
    };
    QUIET.set(true);
    let failure = fuzz("twilio", planted, run).unwrap_err();
    QUIET.set(false);
    assert!(
        failure.contains("planted") && failure.contains("seed 7"),
        "{failure}"
    );
    let path = failure.split("the input is in ").nth(1).unwrap();
    let path = path.split(" (").next().unwrap();
    let input = std::fs::read(path).unwrap();
    std::fs::remove_file(path).unwrap();
    assert!(panic::catch_unwind(|| planted(&input)).is_err());
}
