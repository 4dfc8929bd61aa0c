//! Channels of 20 ms frames with a fixed length in milliseconds.
//!
//! When a channel is full the oldest frame goes: of sound that cannot all be heard the latest is
//! worth most. What went is counted, and the next frame tells its reader how many are missing
//! before it, so that the reader can keep its clock. Pushing never waits and nothing allocates
//! after the channel is made.

use sidetone_types::{FRAME_MS, FRAME_SAMPLES, Pcm};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// A frame and how many frames were dropped right before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    pub pcm: Pcm,
    pub missed: u32,
}

/// Why [`FrameReceiver::try_recv`] has no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoFrame {
    #[error("no frame is waiting")]
    Empty,
    #[error("the sender is gone")]
    Closed,
}

/// The state of a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameStats {
    pub waiting_ms: u64,
    pub pushed: u64,
    /// Frames that were dropped because the channel was full.
    pub dropped: u64,
}

struct Ring {
    frames: Box<[Pcm]>,
    head: usize,
    len: usize,
    /// Dropped since the last frame that was taken.
    missed: u32,
    sender_gone: bool,
    receiver_gone: bool,
    stats: FrameStats,
}

struct Shared {
    ring: Mutex<Ring>,
    ready: Notify,
    ready_blocking: Condvar,
}

impl Shared {
    fn ring(&self) -> MutexGuard<'_, Ring> {
        // A holder that panicked left whole frames behind; they are still good.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stats(&self) -> FrameStats {
        let ring = self.ring();
        FrameStats {
            waiting_ms: ring.len as u64 * FRAME_MS,
            ..ring.stats
        }
    }
}

/// A channel that holds `capacity_ms` of sound, at least one frame.
pub fn channel(capacity_ms: u64) -> (FrameSender, FrameReceiver) {
    let capacity = usize::try_from(capacity_ms.div_ceil(FRAME_MS))
        .unwrap_or(1)
        .max(1);
    let ring = Ring {
        frames: vec![[0; FRAME_SAMPLES]; capacity].into_boxed_slice(),
        head: 0,
        len: 0,
        missed: 0,
        sender_gone: false,
        receiver_gone: false,
        stats: FrameStats::default(),
    };
    let shared = Arc::new(Shared {
        ring: Mutex::new(ring),
        ready: Notify::new(),
        ready_blocking: Condvar::new(),
    });
    (
        FrameSender {
            shared: shared.clone(),
        },
        FrameReceiver { shared },
    )
}

/// The writing end. Works from any thread, in or out of a runtime.
pub struct FrameSender {
    shared: Arc<Shared>,
}

impl FrameSender {
    /// Puts a frame in. Returns false when that cost the oldest frame, or nobody listens any more.
    pub fn push(&self, pcm: &Pcm) -> bool {
        let mut ring = self.shared.ring();
        if ring.receiver_gone {
            return false;
        }
        let capacity = ring.frames.len();
        let full = ring.len == capacity;
        if full {
            ring.head = (ring.head + 1) % capacity;
            ring.len -= 1;
            ring.missed += 1;
            ring.stats.dropped += 1;
        }
        let place = (ring.head + ring.len) % capacity;
        ring.frames[place] = *pcm;
        ring.len += 1;
        ring.stats.pushed += 1;
        drop(ring);
        self.shared.ready.notify_one();
        self.shared.ready_blocking.notify_one();
        !full
    }

    /// Whether the reading end is gone.
    pub fn is_closed(&self) -> bool {
        self.shared.ring().receiver_gone
    }

    pub fn stats(&self) -> FrameStats {
        self.shared.stats()
    }
}

impl Drop for FrameSender {
    fn drop(&mut self) {
        self.shared.ring().sender_gone = true;
        self.shared.ready.notify_one();
        self.shared.ready_blocking.notify_one();
    }
}

/// The reading end.
pub struct FrameReceiver {
    shared: Arc<Shared>,
}

impl FrameReceiver {
    /// The next frame; `None` when the sender is gone and all is read. Nothing is lost when the
    /// future is dropped before it is ready.
    pub async fn recv(&mut self) -> Option<Frame> {
        loop {
            match self.try_recv() {
                Ok(frame) => return Some(frame),
                Err(NoFrame::Closed) => return None,
                Err(NoFrame::Empty) => self.shared.ready.notified().await,
            }
        }
    }

    /// The next frame if one is waiting.
    pub fn try_recv(&mut self) -> Result<Frame, NoFrame> {
        take(&mut self.shared.ring())
    }

    /// Waits for the next frame outside of a runtime.
    pub fn recv_blocking(&mut self, timeout: Duration) -> Result<Frame, NoFrame> {
        let ring = self.shared.ring();
        let waiting = |ring: &mut Ring| ring.len == 0 && !ring.sender_gone;
        let (mut ring, _) = self
            .shared
            .ready_blocking
            .wait_timeout_while(ring, timeout, waiting)
            .unwrap_or_else(PoisonError::into_inner);
        take(&mut ring)
    }

    pub fn stats(&self) -> FrameStats {
        self.shared.stats()
    }
}

fn take(ring: &mut Ring) -> Result<Frame, NoFrame> {
    if ring.len == 0 {
        return Err(if ring.sender_gone {
            NoFrame::Closed
        } else {
            NoFrame::Empty
        });
    }
    let frame = Frame {
        pcm: ring.frames[ring.head],
        missed: std::mem::take(&mut ring.missed),
    };
    ring.head = (ring.head + 1) % ring.frames.len();
    ring.len -= 1;
    Ok(frame)
}

impl Drop for FrameReceiver {
    fn drop(&mut self) {
        let mut ring = self.shared.ring();
        ring.receiver_gone = true;
        ring.len = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(value: i16) -> Pcm {
        [value; FRAME_SAMPLES]
    }

    #[test]
    fn the_oldest_goes_and_the_gap_is_told() {
        let (sender, mut receiver) = channel(60);
        for value in 0..3 {
            assert!(sender.push(&frame(value)));
        }
        assert!(!sender.push(&frame(3)));
        assert!(!sender.push(&frame(4)));
        assert_eq!(
            sender.stats(),
            FrameStats {
                waiting_ms: 60,
                pushed: 5,
                dropped: 2
            }
        );
        let first = receiver.try_recv().unwrap();
        assert_eq!((first.pcm[0], first.missed), (2, 2));
        let second = receiver.try_recv().unwrap();
        assert_eq!((second.pcm[0], second.missed), (3, 0));
        assert_eq!(receiver.try_recv().unwrap().pcm[0], 4);
        assert_eq!(receiver.try_recv(), Err(NoFrame::Empty));
    }

    #[test]
    fn both_ends_learn_that_the_other_is_gone() {
        let (sender, mut receiver) = channel(100);
        sender.push(&frame(1));
        drop(sender);
        assert_eq!(receiver.recv_blocking(Duration::ZERO).unwrap().pcm[0], 1);
        assert_eq!(
            receiver.recv_blocking(Duration::from_secs(5)),
            Err(NoFrame::Closed)
        );
        let (sender, receiver) = channel(100);
        drop(receiver);
        assert!(!sender.push(&frame(1)) && sender.is_closed());
    }

    #[test]
    fn a_thread_and_a_task_can_talk() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let (to_task, mut in_task) = channel(10_000);
        let (to_thread, mut in_thread) = channel(10_000);
        let thread = std::thread::spawn(move || {
            for value in 0..300 {
                to_task.push(&frame(value));
            }
            let mut got = Vec::new();
            while let Ok(frame) = in_thread.recv_blocking(Duration::from_secs(5)) {
                got.push(frame.pcm[0]);
            }
            got
        });
        runtime.block_on(async move {
            while let Some(frame) = in_task.recv().await {
                to_thread.push(&frame.pcm);
                if frame.pcm[0] == 299 {
                    break;
                }
            }
        });
        assert_eq!(thread.join().unwrap(), (0..300).collect::<Vec<i16>>());
    }
}
