//! The call table and its search, people and their log-ins, tickets, unanswered questions and the
//! audit log, in one SQLite file (WAL, one writing connection, several reading ones).
//!
//! Calls, turns, tickets, card actions and questions are derived from the journals and can be
//! thrown away: [`Store::rebuild`]. People, log-ins and the audit log live here only.
//!
//! **Search.** Text is cut into tokens by [`tokens`]: words in lower case, and overlapping pairs of
//! characters for Chinese, so that any part of a Chinese sentence is found through the index.

mod audit;
mod calls;
mod people;
mod tokens;

pub use audit::AuditLine;
pub use calls::{CallFilter, CallRecord, MoodBand, Page, SearchHit, TurnText};
pub use people::{Login, LoginFailure, NewUser, Role, User};
pub use tokens::{match_expression, tokens};

use sidetone_types::{CallId, CardAction, Lang, Masked, Ticket};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Row, Sqlite, Transaction};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Connections that read at the same time.
const READERS: u32 = 4;
/// Version of the tables below.
const SCHEMA_VERSION: i64 = 1;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the database {path}: {source}")]
    Open { path: PathBuf, source: sqlx::Error },
    #[error(
        "the database {path} is of version {found}, this program knows up to {SCHEMA_VERSION}; start the newer program"
    )]
    Newer { path: PathBuf, found: i64 },
    #[error("the database refused: {0}")]
    Sql(#[from] sqlx::Error),
    #[error(
        "a stored row can't be read: {0}; run the rebuild, it writes all rows anew from the journals"
    )]
    Row(String),
    #[error("{0:?} can't be a cursor; leave it out to begin at the newest call")]
    Cursor(String),
    #[error("the password could not be hashed: {0}")]
    Password(String),
    #[error("a user named {0:?} exists")]
    NameTaken(String),
    #[error("line {line} of the audit log is not what was written: {reason}")]
    AuditBroken { line: i64, reason: String },
}

/// The embedded database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    write: SqlitePool,
    read: SqlitePool,
    /// Argon2 takes 19 MiB a run: at most two at once.
    hashing: Arc<Semaphore>,
}

/// A ticket as listed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct TicketRow {
    pub call: CallId,
    pub created_ms: i64,
    pub by: String,
    #[serde(flatten)]
    pub ticket: Ticket,
}

/// A question that nothing answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    pub call: CallId,
    /// Number of the utterance within the call.
    pub utterance: u32,
    pub question: Masked,
    pub lang: Lang,
    pub at_ms: i64,
}

/// Unanswered questions of the same wording.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct GapGroup {
    pub question: String,
    pub lang: String,
    pub count: i64,
    pub last_ms: i64,
    pub call: CallId,
}

/// What an agent did with a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardTaken {
    pub call: CallId,
    pub card: u32,
    pub document: String,
    pub section: String,
    pub action: CardAction,
    pub by: String,
    pub at_ms: i64,
}

/// Everything about one call that can be derived from its journal.
#[derive(Clone, Debug)]
pub struct Derived {
    pub record: CallRecord,
    pub turns: Vec<TurnText>,
    pub tickets: Vec<TicketRow>,
    pub gaps: Vec<Gap>,
    pub cards: Vec<CardTaken>,
}

impl Store {
    /// Opens the file, made with its folder if absent.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let failed = |source| StoreError::Open {
            path: path.to_owned(),
            source,
        };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|e| failed(sqlx::Error::Io(e)))?;
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10))
            // The pages that a search touches lie all over the file; the system's cache is shared by
            // all connections.
            .pragma("mmap_size", "1073741824")
            .pragma("cache_size", "-16384");
        let write = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options.clone())
            .await
            .map_err(failed)?;
        migrate(&write, path).await?;
        let read = SqlitePoolOptions::new()
            .max_connections(READERS)
            .connect_with(options.read_only(true).create_if_missing(false))
            .await
            .map_err(failed)?;
        Ok(Self {
            write,
            read,
            hashing: Arc::new(Semaphore::new(2)),
        })
    }

    pub async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }

    /// Throws away what is derived and writes it anew, in one transaction.
    pub async fn rebuild(
        &self,
        rows: impl IntoIterator<Item = Derived>,
    ) -> Result<usize, StoreError> {
        let mut tx = self.write.begin().await?;
        for sql in [
            "DELETE FROM calls",
            "DELETE FROM turns",
            "DELETE FROM tickets",
            "DELETE FROM gaps",
            "DELETE FROM cards",
            "INSERT INTO turns_fts(turns_fts) VALUES ('delete-all')",
        ] {
            sqlx::query(sql).execute(&mut *tx).await?;
        }
        let mut count = 0;
        for row in rows {
            put_derived(&mut tx, &row).await?;
            count += 1;
        }
        tx.commit().await?;
        Ok(count)
    }

    /// Writes all that is derived of one call, over what was there.
    pub async fn upsert_derived(&self, row: &Derived) -> Result<(), StoreError> {
        let mut tx = self.write.begin().await?;
        put_derived(&mut tx, row).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Writes a ticket; one of the same number and call is replaced.
    pub async fn add_ticket(&self, row: &TicketRow) -> Result<(), StoreError> {
        let mut tx = self.write.begin().await?;
        put_ticket(&mut tx, row).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Newest first.
    pub async fn list_tickets(&self, limit: u32) -> Result<Vec<TicketRow>, StoreError> {
        let rows = sqlx::query("SELECT call, created_ms, by_user, ticket FROM tickets ORDER BY created_ms DESC, number LIMIT ?")
            .bind(limit)
            .fetch_all(&self.read)
            .await?;
        rows.iter()
            .map(|row| {
                let ticket: String = row.try_get("ticket")?;
                Ok(TicketRow {
                    call: CallId::new(row.try_get::<String, _>("call")?),
                    created_ms: row.try_get("created_ms")?,
                    by: row.try_get("by_user")?,
                    ticket: serde_json::from_str(&ticket)
                        .map_err(|e| StoreError::Row(e.to_string()))?,
                })
            })
            .collect()
    }

    /// Notes a question that nothing answered. The same utterance counts once.
    pub async fn add_gap(&self, gap: &Gap) -> Result<(), StoreError> {
        let mut tx = self.write.begin().await?;
        put_gap(&mut tx, gap).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Unanswered questions, grouped by wording, most frequent first.
    pub async fn list_gaps(&self, limit: u32) -> Result<Vec<GapGroup>, StoreError> {
        let rows = sqlx::query(
            "SELECT question, lang, COUNT(*) AS times, MAX(at_ms) AS last_ms, call FROM gaps
             GROUP BY lang, wording ORDER BY times DESC, last_ms DESC LIMIT ?",
        )
        .bind(limit)
        .fetch_all(&self.read)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(GapGroup {
                    question: row.try_get("question")?,
                    lang: row.try_get("lang")?,
                    count: row.try_get("times")?,
                    last_ms: row.try_get("last_ms")?,
                    call: CallId::new(row.try_get::<String, _>("call")?),
                })
            })
            .collect()
    }

    /// Notes what an agent did with a card; the last action on a card stands.
    pub async fn add_card_action(&self, taken: &CardTaken) -> Result<(), StoreError> {
        let mut tx = self.write.begin().await?;
        put_card(&mut tx, taken).await?;
        tx.commit().await?;
        Ok(())
    }
}

async fn put_derived(tx: &mut Transaction<'_, Sqlite>, row: &Derived) -> Result<(), StoreError> {
    calls::put_call(tx, &row.record, &row.turns).await?;
    for ticket in &row.tickets {
        put_ticket(tx, ticket).await?;
    }
    for gap in &row.gaps {
        put_gap(tx, gap).await?;
    }
    for card in &row.cards {
        put_card(tx, card).await?;
    }
    Ok(())
}

async fn put_ticket(tx: &mut Transaction<'_, Sqlite>, row: &TicketRow) -> Result<(), StoreError> {
    let ticket = serde_json::to_string(&row.ticket).map_err(|e| StoreError::Row(e.to_string()))?;
    sqlx::query("INSERT OR REPLACE INTO tickets (number, call, created_ms, by_user, ticket) VALUES (?, ?, ?, ?, ?)")
        .bind(&row.ticket.number)
        .bind(row.call.as_str())
        .bind(row.created_ms)
        .bind(&row.by)
        .bind(ticket)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn put_gap(tx: &mut Transaction<'_, Sqlite>, gap: &Gap) -> Result<(), StoreError> {
    sqlx::query("INSERT OR REPLACE INTO gaps (call, utterance, question, wording, lang, at_ms) VALUES (?, ?, ?, ?, ?, ?)")
        .bind(gap.call.as_str())
        .bind(gap.utterance)
        .bind(gap.question.as_str())
        .bind(tokens(gap.question.as_str()))
        .bind(gap.lang.code())
        .bind(gap.at_ms)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn put_card(tx: &mut Transaction<'_, Sqlite>, taken: &CardTaken) -> Result<(), StoreError> {
    let action = match taken.action {
        CardAction::Accept => "accept",
        CardAction::Edit => "edit",
        CardAction::Dismiss => "dismiss",
    };
    sqlx::query(
        "INSERT OR REPLACE INTO cards (call, card, document, section, action, by_user, at_ms) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(taken.call.as_str())
    .bind(taken.card)
    .bind(&taken.document)
    .bind(&taken.section)
    .bind(action)
    .bind(&taken.by)
    .bind(taken.at_ms)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn migrate(pool: &SqlitePool, path: &Path) -> Result<(), StoreError> {
    let found: i64 = sqlx::query("PRAGMA user_version")
        .fetch_one(pool)
        .await?
        .try_get(0)?;
    if found > SCHEMA_VERSION {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            found,
        });
    }
    if found < SCHEMA_VERSION {
        let mut tx = pool.begin().await?;
        sqlx::raw_sql(SCHEMA).execute(&mut *tx).await?;
        tx.commit().await?;
    }
    Ok(())
}

const SCHEMA: &str = "
CREATE TABLE calls (
  call TEXT PRIMARY KEY, started_ms INTEGER NOT NULL, lang TEXT NOT NULL, agent TEXT, intent TEXT,
  mood INTEGER, outcome TEXT NOT NULL, customer TEXT, first_turn INTEGER, last_turn INTEGER,
  row TEXT NOT NULL
) STRICT;
CREATE INDEX calls_started ON calls (started_ms, call, first_turn, last_turn);
CREATE INDEX calls_agent ON calls (agent, started_ms, call);
CREATE INDEX calls_intent ON calls (intent, started_ms, call);
CREATE INDEX calls_customer ON calls (customer, started_ms, call);
CREATE INDEX calls_outcome ON calls (outcome, started_ms, call);
CREATE TABLE turns (
  id INTEGER PRIMARY KEY AUTOINCREMENT, call TEXT NOT NULL, turn INTEGER NOT NULL, speaker TEXT NOT NULL,
  from_us INTEGER NOT NULL, text TEXT NOT NULL
) STRICT;
CREATE INDEX turns_call ON turns (call);
CREATE VIRTUAL TABLE turns_fts USING fts5(tokens, content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 2');
CREATE TABLE users (
  id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE COLLATE NOCASE, role TEXT NOT NULL, display_zh TEXT NOT NULL,
  display_en TEXT NOT NULL, password TEXT NOT NULL, failures INTEGER NOT NULL DEFAULT 0,
  closed_until_ms INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE logins (
  token_hash TEXT PRIMARY KEY, user TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_ms INTEGER NOT NULL, seen_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE tickets (
  number TEXT NOT NULL, call TEXT NOT NULL, created_ms INTEGER NOT NULL, by_user TEXT NOT NULL, ticket TEXT NOT NULL,
  PRIMARY KEY (number, call)
) STRICT;
CREATE INDEX tickets_created ON tickets (created_ms);
CREATE TABLE gaps (
  call TEXT NOT NULL, utterance INTEGER NOT NULL, question TEXT NOT NULL, wording TEXT NOT NULL, lang TEXT NOT NULL,
  at_ms INTEGER NOT NULL, PRIMARY KEY (call, utterance)
) STRICT;
CREATE INDEX gaps_wording ON gaps (lang, wording);
CREATE TABLE cards (
  call TEXT NOT NULL, card INTEGER NOT NULL, document TEXT NOT NULL, section TEXT NOT NULL, action TEXT NOT NULL,
  by_user TEXT NOT NULL, at_ms INTEGER NOT NULL, PRIMARY KEY (call, card)
) STRICT;
CREATE TABLE audit (
  id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL, subject TEXT NOT NULL,
  detail TEXT NOT NULL, chain TEXT NOT NULL
) STRICT;
PRAGMA user_version = 1;
";
