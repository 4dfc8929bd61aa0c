//! espeak-ng as a separate process: its licence and its crashes stay outside.

use super::Synthesizer;
use crate::{BoxFuture, InferenceError, pcm};
use sidetone_types::Lang;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::sync::Semaphore;

/// Longer than any sentence takes.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Processes at the same time.
const PROCESSES_MAX: usize = 4;

/// espeak-ng behind the trait.
pub struct Espeak {
    program: String,
    version: String,
    gate: Semaphore,
    timeout: Duration,
}

impl Espeak {
    /// Looks for the program; the error says what to install.
    pub fn find() -> Result<Self, InferenceError> {
        Self::at("espeak-ng")
    }

    /// The program under another name or path.
    pub fn at(program: &str) -> Result<Self, InferenceError> {
        let missing = |reason: String| {
            InferenceError::Missing {
            what: format!("the speech synthesizer {program} ({reason})"),
            todo: "Install it (Debian, Ubuntu: apt install espeak-ng), or configure another voice; until then prompts are shown as captions with a tone".into(),
        }
        };
        let out = std::process::Command::new(program)
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .map_err(|e| missing(e.to_string()))?;
        if !out.status.success() {
            return Err(missing(format!("it ended with {}", out.status)));
        }
        let text = String::from_utf8_lossy(&out.stdout);
        // "eSpeak NG text-to-speech: 1.51  Data at: …": the data folder does not change the sound.
        let version = text
            .split("Data at")
            .next()
            .unwrap_or_default()
            .trim()
            .to_owned();
        Ok(Self {
            program: program.to_owned(),
            version,
            gate: Semaphore::new(PROCESSES_MAX),
            timeout: TIMEOUT,
        })
    }

    /// Another limit for one sentence than five seconds.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    pub fn version(&self) -> &str {
        &self.version
    }
}

/// Voice and speed. `cmn` spells characters as English; `cmn-latn-pinyin` reads characters and
/// pinyin alike.
fn voice(lang: Lang) -> (&'static str, &'static str) {
    match lang {
        Lang::Zh => ("cmn-latn-pinyin", "170"),
        Lang::En => ("en-us", "160"),
    }
}

impl Synthesizer for Espeak {
    fn id(&self, lang: Lang) -> String {
        let (voice, speed) = voice(lang);
        format!("{} {voice} {speed}", self.version)
    }

    fn speak<'a>(
        &'a self,
        text: &'a str,
        lang: Lang,
    ) -> BoxFuture<'a, Result<Vec<i16>, InferenceError>> {
        Box::pin(async move {
            let _turn = self
                .gate
                .acquire()
                .await
                .map_err(|_| InferenceError::Stopped {
                    what: "the synthesizer",
                })?;
            let run = run(&self.program, text, lang);
            tokio::time::timeout(self.timeout, run)
                .await
                .unwrap_or_else(|_| {
                    Err(InferenceError::TimedOut {
                        what: self.program.clone(),
                        limit_ms: self.timeout.as_millis() as u64,
                    })
                })
        })
    }
}

/// The process dies with this future: `kill_on_drop`.
async fn run(program: &str, text: &str, lang: Lang) -> Result<Vec<i16>, InferenceError> {
    let failed = |e: String| InferenceError::backend("espeak-ng", e);
    let (voice, speed) = voice(lang);
    let mut child = tokio::process::Command::new(program)
        .args([
            "-v", voice, "-s", speed, "-b", "1", "-z", "--stdin", "--stdout",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| InferenceError::Missing {
            what: format!("the speech synthesizer {program} ({e})"),
            todo: "Install it (Debian, Ubuntu: apt install espeak-ng)".into(),
        })?;
    let mut input = child
        .stdin
        .take()
        .ok_or_else(|| failed("no standard input".into()))?;
    let text = format!("{text}\n");
    let write = async move {
        // A program that ended early says why on its standard error; that is reported below.
        let _ = input.write_all(text.as_bytes()).await;
        drop(input);
    };
    let ((), out) = tokio::join!(write, child.wait_with_output());
    let out = out.map_err(|e| failed(e.to_string()))?;
    if !out.status.success() {
        let said = String::from_utf8_lossy(&out.stderr);
        return Err(failed(format!(
            "it ended with {}: {}",
            out.status,
            said.trim()
        )));
    }
    pcm::read_wav(&out.stdout)
}
