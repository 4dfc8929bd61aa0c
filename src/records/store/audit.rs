//! Who did what: a log in which every line carries a hash over itself and the line before.
//!
//! A changed, removed or inserted line breaks the chain. A log that was cut at its end still
//! chains: keep the last hash ([`Store::audit_head`]) elsewhere to see that too.

use super::{Store, StoreError};
use serde::Serialize;
use sha2::{Digest, Sha256};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// One line of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditLine {
    pub line: i64,
    pub at_ms: i64,
    /// Log-in name, or `system`.
    pub actor: String,
    /// `login`, `listen`, `content.save` …
    pub action: String,
    /// What it was done to: a call, a file, a person.
    pub subject: String,
    pub detail: String,
}

impl Store {
    /// Appends a line.
    pub async fn audit(
        &self,
        at_ms: i64,
        actor: &str,
        action: &str,
        subject: &str,
        detail: &str,
    ) -> Result<(), StoreError> {
        let mut tx = self.write.begin().await?;
        let last = sqlx::query("SELECT id, chain FROM audit ORDER BY id DESC LIMIT 1")
            .fetch_optional(&mut *tx)
            .await?;
        let (id, before) = match last {
            Some(row) => (row.try_get::<i64, _>("id")? + 1, row.try_get("chain")?),
            None => (1, String::new()),
        };
        let line = AuditLine {
            line: id,
            at_ms,
            actor: actor.to_owned(),
            action: action.to_owned(),
            subject: subject.to_owned(),
            detail: detail.to_owned(),
        };
        sqlx::query("INSERT INTO audit (id, at_ms, actor, action, subject, detail, chain) VALUES (?, ?, ?, ?, ?, ?, ?)")
            .bind(id)
            .bind(at_ms)
            .bind(actor)
            .bind(action)
            .bind(subject)
            .bind(detail)
            .bind(chain(&before, &line))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// The newest lines first.
    pub async fn audit_lines(&self, limit: u32) -> Result<Vec<AuditLine>, StoreError> {
        let rows = sqlx::query("SELECT * FROM audit ORDER BY id DESC LIMIT ?")
            .bind(limit)
            .fetch_all(&self.read)
            .await?;
        rows.iter().map(line).collect()
    }

    /// The hash of the last line; empty while there is none.
    pub async fn audit_head(&self) -> Result<String, StoreError> {
        let row = sqlx::query("SELECT chain FROM audit ORDER BY id DESC LIMIT 1")
            .fetch_optional(&self.read)
            .await?;
        Ok(row
            .map(|r| r.try_get("chain"))
            .transpose()?
            .unwrap_or_default())
    }

    /// Checks the whole chain; gives the number of lines.
    pub async fn verify_audit(&self) -> Result<i64, StoreError> {
        let mut before = String::new();
        let mut count = 0;
        loop {
            let rows = sqlx::query("SELECT * FROM audit WHERE id > ? ORDER BY id LIMIT 1000")
                .bind(count)
                .fetch_all(&self.read)
                .await?;
            if rows.is_empty() {
                return Ok(count);
            }
            for row in &rows {
                let line = line(row)?;
                let broken = |reason: &str| StoreError::AuditBroken {
                    line: line.line,
                    reason: reason.to_owned(),
                };
                if line.line != count + 1 {
                    return Err(broken("a line before it is missing"));
                }
                let stored: String = row.try_get("chain")?;
                let expected = chain(&before, &line);
                if stored != expected {
                    return Err(broken(
                        "its hash does not fit its words and the line before",
                    ));
                }
                before = stored;
                count = line.line;
            }
        }
    }
}

fn chain(before: &str, line: &AuditLine) -> String {
    let mut hash = Sha256::new();
    let number = line.line.to_string();
    let at = line.at_ms.to_string();
    for part in [
        before,
        &number,
        &at,
        &line.actor,
        &line.action,
        &line.subject,
        &line.detail,
    ] {
        // The length before each part: no two different lines give the same bytes.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hex::encode(hash.finalize())
}

fn line(row: &SqliteRow) -> Result<AuditLine, StoreError> {
    Ok(AuditLine {
        line: row.try_get("id")?,
        at_ms: row.try_get("at_ms")?,
        actor: row.try_get("actor")?,
        action: row.try_get("action")?,
        subject: row.try_get("subject")?,
        detail: row.try_get("detail")?,
    })
}
