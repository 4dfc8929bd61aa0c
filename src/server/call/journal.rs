//! A call's way to its journal: lines are gathered while the call goes on and written by a task of
//! their own, in order. Nothing is dropped: what the writer does not take yet waits here.

use sidetone_records::journal::{JournalError, JournalWriter};
use sidetone_types::{CallEvent, CallId, CallInput, CallTime, JournalLine};
use tokio::sync::{mpsc, oneshot};

/// Batches on their way to the writer.
const BATCHES_WAITING: usize = 64;

struct Batch {
    lines: Vec<JournalLine>,
    savers: Vec<oneshot::Sender<Result<(), JournalError>>>,
}

/// The journal of one call.
pub struct CallJournal {
    lines: Vec<JournalLine>,
    /// Who wants to hear when the gathered lines are on the disk.
    savers: Vec<oneshot::Sender<Result<(), JournalError>>>,
    batches: mpsc::Sender<Batch>,
}

impl CallJournal {
    pub fn new(writer: JournalWriter, call: CallId) -> Self {
        let (batches, receiver) = mpsc::channel(BATCHES_WAITING);
        tokio::spawn(write(writer, call, receiver));
        Self {
            lines: Vec::new(),
            savers: Vec::new(),
            batches,
        }
    }

    pub fn input(&mut self, at: CallTime, input: &CallInput) {
        self.lines.push(JournalLine::Input {
            at,
            input: input.clone(),
        });
    }

    pub fn event(&mut self, event: &CallEvent) {
        self.lines.push(JournalLine::Event {
            event: event.clone(),
        });
    }

    /// Hands on what was gathered. Called once a frame; a full channel leaves it for the next.
    pub fn tick(&mut self) {
        if self.lines.is_empty() && self.savers.is_empty() {
            return;
        }
        if let Ok(place) = self.batches.try_reserve() {
            place.send(Batch {
                lines: std::mem::take(&mut self.lines),
                savers: std::mem::take(&mut self.savers),
            });
        }
    }

    /// `saved` hears when everything so far is on the disk, or why it is not.
    pub fn save(&mut self, saved: oneshot::Sender<Result<(), JournalError>>) {
        self.savers.push(saved);
        self.tick();
    }

    /// Writes what is left; returns when it is on the disk.
    pub async fn close(self) -> Result<(), JournalError> {
        let (saved, heard) = oneshot::channel();
        let mut savers = self.savers;
        savers.push(saved);
        let _ = self
            .batches
            .send(Batch {
                lines: self.lines,
                savers,
            })
            .await;
        heard.await.unwrap_or(Err(JournalError::Stopped))
    }
}

async fn write(writer: JournalWriter, call: CallId, mut batches: mpsc::Receiver<Batch>) {
    while let Some(batch) = batches.recv().await {
        let result = match writer.submit(&call, &batch.lines).await {
            Ok(ack) if !batch.savers.is_empty() => ack.wait().await,
            Ok(_) => Ok(()),
            Err(e) => Err(e),
        };
        if let Err(error) = &result {
            metrics::counter!("sidetone_journal_errors_total").increment(1);
            tracing::error!(%call, %error, "the journal was not written");
        }
        for saved in batch.savers {
            let _ = saved.send(result.clone());
        }
    }
}
