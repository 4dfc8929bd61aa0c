//! Live content: a saved file serves within three seconds.

use crate::{KnowledgeError, Library};
use arc_swap::ArcSwap;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use sidetone_types::ContentError;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// Quiet time after the last change before the folder is read: editors write in several steps.
const QUIET: Duration = Duration::from_millis(250);
/// Longest that a stream of changes can put the reading off.
const PUT_OFF_MAX: Duration = Duration::from_millis(1500);
/// How often the folder is looked at where the system tells nothing of changes.
const POLL: Duration = Duration::from_secs(2);

/// Stops watching when dropped.
pub struct Watch {
    stop: Arc<AtomicBool>,
    wake: SyncSender<()>,
    _watcher: Option<RecommendedWatcher>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        let _ = self.wake.try_send(());
    }
}

impl Watch {
    /// Has the folder read now, for a page that has just saved a file.
    pub fn look_now(&self) {
        // A full channel means that a look is due anyway.
        let _ = self.wake.try_send(());
    }
}

/// Watches the library's folder and puts a new library into `shared` after each change.
/// `changed` is called with it and the faults of all files, from the watching thread.
pub fn watch(
    shared: Arc<ArcSwap<Library>>,
    changed: impl Fn(&Arc<Library>, &[ContentError]) + Send + 'static,
) -> Result<Watch, KnowledgeError> {
    let root = shared.load().root().to_owned();
    let (wake, woken) = sync_channel(1);
    let watcher = system_watcher(&root, wake.clone());
    let poll = watcher.is_none();
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    std::thread::Builder::new()
        .name("knowledge".into())
        .spawn(move || {
            while wait(&woken, poll, &stopped) {
                look(&shared, &changed);
            }
        })
        .map_err(|e| KnowledgeError::Folder {
            path: root,
            reason: format!("no thread to watch it: {e}"),
        })?;
    Ok(Watch {
        stop,
        wake,
        _watcher: watcher,
    })
}

/// The system's notices of changes; without them the folder is looked at every two seconds.
fn system_watcher(root: &Path, wake: SyncSender<()>) -> Option<RecommendedWatcher> {
    let told = move |event: notify::Result<notify::Event>| {
        // Reading the folder is a change of its own kind and must not wake the reader again.
        let reading = matches!(&event, Ok(e) if e.kind.is_access());
        if !reading {
            let _ = wake.try_send(());
        }
    };
    let watcher = notify::recommended_watcher(told).and_then(|mut watcher| {
        watcher.watch(root, RecursiveMode::Recursive)?;
        Ok(watcher)
    });
    match watcher {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            tracing::warn!(%error, "the system does not tell of changed files; the folder is looked at every 2 s");
            None
        }
    }
}

/// Waits for a change and then for quiet. False: stop.
fn wait(woken: &Receiver<()>, poll: bool, stopped: &AtomicBool) -> bool {
    let first = match poll {
        true => woken.recv_timeout(POLL),
        false => woken.recv().map_err(|_| RecvTimeoutError::Disconnected),
    };
    if first == Err(RecvTimeoutError::Disconnected) || stopped.load(Ordering::Acquire) {
        return false;
    }
    let began = Instant::now();
    while first.is_ok() && began.elapsed() < PUT_OFF_MAX && woken.recv_timeout(QUIET).is_ok() {}
    !stopped.load(Ordering::Acquire)
}

fn look(shared: &ArcSwap<Library>, changed: &impl Fn(&Arc<Library>, &[ContentError])) {
    match shared.load().reload() {
        Ok(None) => {}
        Ok(Some((next, errors))) => {
            for error in &errors {
                tracing::warn!(%error, "a knowledge file is broken; its last good version serves, if it had one");
            }
            let next = Arc::new(next);
            shared.store(next.clone());
            changed(&next, &errors);
        }
        Err(error) => {
            tracing::error!(%error, "the knowledge folder was not read; the last good version serves")
        }
    }
}
