//! Rows of calls, their filters and the full-text search.

use super::{Store, StoreError, match_expression, tokens};
use serde::{Deserialize, Serialize};
use sidetone_types::{AgentId, CallId, CustomerId, Lang, Masked, Wire};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, Transaction};
use std::collections::{BTreeMap, BTreeSet};

/// One line of the list of calls; everything in it can be recomputed from the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRecord {
    pub call: CallId,
    /// Milliseconds since 1970.
    pub started_ms: i64,
    pub duration_s: u32,
    pub lang: Lang,
    pub wire: Wire,
    pub customer: Option<CustomerId>,
    pub customer_name: Option<String>,
    pub tier: Option<String>,
    pub intent: Option<String>,
    pub agent: Option<AgentId>,
    /// `finished`, `answered`, `abandoned`, `lost` …
    pub outcome: String,
    /// −100..=100, the caller's mean weighted by length; `None` where nothing was scored.
    pub mood: Option<i8>,
    pub keyword_hits: u32,
    pub has_recording: bool,
    pub summary: Masked,
    /// What the reports need beyond the list, as the fold that made it writes it.
    #[serde(default)]
    pub facts: serde_json::Value,
}

/// Something said or played, for the search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnText {
    /// Place in the call's list of turns.
    pub turn: u32,
    /// `caller`, `assistant`, `agent` or `summary`.
    pub speaker: String,
    /// Microseconds since the call began.
    pub from_us: u64,
    pub text: Masked,
}

/// Mood as filtered: below −20, up to 20, above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MoodBand {
    Low,
    Mid,
    High,
}

/// Which calls to list. Empty: all, newest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CallFilter {
    /// Milliseconds since 1970, inclusive.
    pub from_ms: Option<i64>,
    /// Milliseconds since 1970, exclusive.
    pub to_ms: Option<i64>,
    pub agent: Option<String>,
    pub intent: Option<String>,
    pub mood: Option<MoodBand>,
    pub lang: Option<Lang>,
    pub outcome: Option<String>,
    pub customer: Option<String>,
    /// Words that were said or stand in the summary.
    pub q: Option<String>,
    pub cursor: Option<String>,
    /// 50 where absent, 500 at most.
    pub limit: Option<u32>,
}

/// One page of the list.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Page {
    pub calls: Vec<CallRecord>,
    /// Cursor of the next page, where there is one.
    pub next: Option<String>,
}

/// A place where the searched words were said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SearchHit {
    pub call: CallId,
    pub turn: u32,
    pub speaker: String,
    pub from_us: u64,
    pub text: String,
}

/// Matching turns that are looked at in one step, and steps for one page. A word that is in nearly
/// every call would otherwise bring up the whole archive.
const STEP_TURNS: i64 = 1000;
const STEPS_MAX: usize = 20;

impl Store {
    /// Writes a call and its turns, over what was there.
    pub async fn upsert_call(
        &self,
        record: &CallRecord,
        turns: &[TurnText],
    ) -> Result<(), StoreError> {
        let mut tx = self.write.begin().await?;
        put_call(&mut tx, record, turns).await?;
        tx.commit().await?;
        Ok(())
    }

    pub async fn call(&self, call: &CallId) -> Result<Option<CallRecord>, StoreError> {
        let row = sqlx::query("SELECT row FROM calls WHERE call = ?")
            .bind(call.as_str())
            .fetch_optional(&self.read)
            .await?;
        row.as_ref().map(record).transpose()
    }

    /// Calls that fit the filter, newest first. With words to search for, the order is that in
    /// which the calls ended.
    pub async fn list_calls(&self, filter: &CallFilter) -> Result<Page, StoreError> {
        let limit = filter.limit.unwrap_or(50).clamp(1, 500) as usize;
        if let Some(q) = filter.q.as_deref().filter(|q| !q.trim().is_empty()) {
            return match match_expression(q) {
                Some(expression) => self.list_matching(filter, &expression, limit).await,
                None => Ok(Page::default()),
            };
        }
        let mut sql = QueryBuilder::<Sqlite>::new("SELECT row FROM calls WHERE 1");
        push_filter(&mut sql, filter);
        push_cursor(&mut sql, filter)?;
        sql.push(" ORDER BY started_ms DESC, call DESC LIMIT ")
            .push_bind(limit as i64 + 1);
        let rows = sql.build().fetch_all(&self.read).await?;
        let mut calls = rows.iter().map(record).collect::<Result<Vec<_>, _>>()?;
        let more = calls.len() > limit;
        calls.truncate(limit);
        let next = calls
            .last()
            .filter(|_| more)
            .map(|last| format!("{}.{}", last.started_ms, last.call));
        Ok(Page { calls, next })
    }

    /// Walks the matching turns from the newest on. The turns of a call have neighbouring numbers,
    /// so the first one's number is a cursor that neither repeats nor skips a call.
    async fn list_matching(
        &self,
        filter: &CallFilter,
        expression: &str,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let (low, mut high) = self.turn_bounds(filter).await?;
        let mut page = Page::default();
        let mut seen = BTreeSet::new();
        for _ in 0..STEPS_MAX {
            let (calls, lowest) = self.matching_calls(expression, low, high).await?;
            let fresh: Vec<String> = calls
                .into_iter()
                .filter(|call| seen.insert(call.clone()))
                .collect();
            let mut rows = self.rows_of(&fresh, filter).await?;
            for call in fresh {
                let Some((row, first_turn)) = rows.remove(&call) else {
                    continue;
                };
                page.calls.push(row);
                if page.calls.len() == limit {
                    page.next = Some(format!("t{first_turn}"));
                    return Ok(page);
                }
            }
            match lowest {
                Some(lowest) => high = lowest - 1,
                None => return Ok(page),
            }
        }
        page.next = Some(format!("t{}", high + 1));
        Ok(page)
    }

    /// Calls of the newest matching turns in a range, and the lowest turn if there may be more.
    async fn matching_calls(
        &self,
        expression: &str,
        low: i64,
        high: i64,
    ) -> Result<(Vec<String>, Option<i64>), StoreError> {
        let rows = sqlx::query(
            "SELECT f.rowid AS id, t.call FROM (SELECT rowid FROM turns_fts WHERE turns_fts MATCH ?
             AND rowid BETWEEN ? AND ? ORDER BY rowid DESC LIMIT ?) f
             CROSS JOIN turns t ON t.id = f.rowid ORDER BY f.rowid DESC",
        )
        .bind(expression)
        .bind(low)
        .bind(high)
        .bind(STEP_TURNS)
        .fetch_all(&self.read)
        .await?;
        let calls = rows
            .iter()
            .map(|row| row.try_get("call"))
            .collect::<Result<Vec<_>, _>>()?;
        let full = rows.len() as i64 == STEP_TURNS;
        let lowest = rows
            .last()
            .filter(|_| full)
            .map(|row| row.try_get("id"))
            .transpose()?;
        Ok((calls, lowest))
    }

    /// Those of the calls that fit the filter, with their first turn.
    async fn rows_of(
        &self,
        calls: &[String],
        filter: &CallFilter,
    ) -> Result<BTreeMap<String, (CallRecord, i64)>, StoreError> {
        let names = serde_json::to_string(calls).map_err(|e| StoreError::Row(e.to_string()))?;
        let mut sql = QueryBuilder::<Sqlite>::new(
            "SELECT row, call, first_turn FROM calls WHERE call IN (SELECT value FROM json_each(",
        );
        sql.push_bind(names).push("))");
        push_filter(&mut sql, filter);
        let rows = sql.build().fetch_all(&self.read).await?;
        rows.iter()
            .map(|row| {
                Ok((
                    row.try_get("call")?,
                    (record(row)?, row.try_get("first_turn")?),
                ))
            })
            .collect()
    }

    /// Where the words were said, newest first.
    pub async fn search(&self, q: &str, limit: u32) -> Result<Vec<SearchHit>, StoreError> {
        let Some(expression) = match_expression(q) else {
            return Ok(Vec::new());
        };
        let rows = sqlx::query(
            "SELECT t.call, t.turn, t.speaker, t.from_us, t.text
             FROM (SELECT rowid FROM turns_fts WHERE turns_fts MATCH ? ORDER BY rowid DESC LIMIT ?) f
             JOIN turns t ON t.id = f.rowid ORDER BY t.id DESC",
        )
        .bind(expression)
        .bind(limit.clamp(1, 500))
        .fetch_all(&self.read)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(SearchHit {
                    call: CallId::new(row.try_get::<String, _>("call")?),
                    turn: row.try_get("turn")?,
                    speaker: row.try_get("speaker")?,
                    from_us: row.try_get::<i64, _>("from_us")? as u64,
                    text: row.try_get("text")?,
                })
            })
            .collect()
    }

    /// Calls of a customer, newest first.
    pub async fn contacts_of(
        &self,
        customer: &CustomerId,
        limit: u32,
    ) -> Result<Vec<CallRecord>, StoreError> {
        let filter = CallFilter {
            customer: Some(customer.0.clone()),
            limit: Some(limit),
            ..CallFilter::default()
        };
        Ok(self.list_calls(&filter).await?.calls)
    }

    /// The turns that a search has to look at: those of the days asked for, below the cursor.
    async fn turn_bounds(&self, filter: &CallFilter) -> Result<(i64, i64), StoreError> {
        let mut bounds = (0, i64::MAX);
        if filter.from_ms.is_some() || filter.to_ms.is_some() {
            let row = sqlx::query(
                "SELECT COALESCE(MIN(first_turn), 0) AS low, COALESCE(MAX(last_turn), 0) AS high FROM calls
                 WHERE started_ms >= ? AND started_ms < ?",
            )
            .bind(filter.from_ms.unwrap_or(i64::MIN))
            .bind(filter.to_ms.unwrap_or(i64::MAX))
            .fetch_one(&self.read)
            .await?;
            bounds = (row.try_get("low")?, row.try_get("high")?);
        }
        if let Some(cursor) = filter.cursor.as_deref().filter(|c| !c.is_empty()) {
            let below: i64 = cursor
                .strip_prefix('t')
                .and_then(|turn| turn.parse().ok())
                .ok_or_else(|| bad_cursor(cursor))?;
            bounds.1 = bounds.1.min(below - 1);
        }
        Ok(bounds)
    }
}

fn push_filter(sql: &mut QueryBuilder<Sqlite>, filter: &CallFilter) {
    let texts = [
        (" AND agent = ", filter.agent.clone()),
        (" AND intent = ", filter.intent.clone()),
        (" AND outcome = ", filter.outcome.clone()),
        (" AND customer = ", filter.customer.clone()),
        (
            " AND lang = ",
            filter.lang.map(|lang| lang.code().to_owned()),
        ),
    ];
    for (condition, value) in texts {
        if let Some(value) = value.filter(|v| !v.is_empty()) {
            sql.push(condition).push_bind(value);
        }
    }
    for (condition, value) in [
        (" AND started_ms >= ", filter.from_ms),
        (" AND started_ms < ", filter.to_ms),
    ] {
        if let Some(value) = value {
            sql.push(condition).push_bind(value);
        }
    }
    match filter.mood {
        None => {}
        Some(MoodBand::Low) => {
            sql.push(" AND mood < -20");
        }
        Some(MoodBand::Mid) => {
            sql.push(" AND mood BETWEEN -20 AND 20");
        }
        Some(MoodBand::High) => {
            sql.push(" AND mood > 20");
        }
    }
}

fn push_cursor(sql: &mut QueryBuilder<Sqlite>, filter: &CallFilter) -> Result<(), StoreError> {
    if let Some(cursor) = filter.cursor.as_deref().filter(|c| !c.is_empty()) {
        let parts = cursor
            .split_once('.')
            .and_then(|(ms, call)| Some((ms.parse::<i64>().ok()?, call)));
        let (started_ms, call) = parts.ok_or_else(|| bad_cursor(cursor))?;
        sql.push(" AND (started_ms, call) < (")
            .push_bind(started_ms)
            .push(", ")
            .push_bind(call.to_owned())
            .push(")");
    }
    Ok(())
}

fn bad_cursor(cursor: &str) -> StoreError {
    StoreError::Cursor(cursor.chars().take(100).collect())
}

fn record(row: &SqliteRow) -> Result<CallRecord, StoreError> {
    let json: String = row.try_get("row")?;
    serde_json::from_str(&json).map_err(|e| StoreError::Row(e.to_string()))
}

pub(super) async fn put_call(
    tx: &mut Transaction<'_, Sqlite>,
    record: &CallRecord,
    turns: &[TurnText],
) -> Result<(), StoreError> {
    let call = record.call.as_str();
    sqlx::query("DELETE FROM turns_fts WHERE rowid IN (SELECT id FROM turns WHERE call = ?)")
        .bind(call)
        .execute(&mut **tx)
        .await?;
    sqlx::query("DELETE FROM turns WHERE call = ?")
        .bind(call)
        .execute(&mut **tx)
        .await?;
    let mut ids = Vec::with_capacity(turns.len() + 1);
    let summary = TurnText {
        turn: 0,
        speaker: "summary".into(),
        from_us: 0,
        text: record.summary.clone(),
    };
    for turn in turns
        .iter()
        .chain(Some(&summary))
        .filter(|t| !t.text.is_empty())
    {
        ids.push(put_turn(tx, call, turn).await?);
    }
    let row = serde_json::to_string(record).map_err(|e| StoreError::Row(e.to_string()))?;
    sqlx::query(
        "INSERT OR REPLACE INTO calls (call, started_ms, lang, agent, intent, mood, outcome, customer, first_turn, last_turn, row)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(call)
    .bind(record.started_ms)
    .bind(record.lang.code())
    .bind(record.agent.as_ref().map(AgentId::as_str))
    .bind(&record.intent)
    .bind(record.mood)
    .bind(&record.outcome)
    .bind(record.customer.as_ref().map(CustomerId::as_str))
    .bind(ids.first())
    .bind(ids.last())
    .bind(row)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn put_turn(
    tx: &mut Transaction<'_, Sqlite>,
    call: &str,
    turn: &TurnText,
) -> Result<i64, StoreError> {
    let id = sqlx::query(
        "INSERT INTO turns (call, turn, speaker, from_us, text) VALUES (?, ?, ?, ?, ?)",
    )
    .bind(call)
    .bind(turn.turn)
    .bind(&turn.speaker)
    .bind(i64::try_from(turn.from_us).unwrap_or(i64::MAX))
    .bind(turn.text.as_str())
    .execute(&mut **tx)
    .await?
    .last_insert_rowid();
    sqlx::query("INSERT INTO turns_fts (rowid, tokens) VALUES (?, ?)")
        .bind(id)
        .bind(tokens(turn.text.as_str()))
        .execute(&mut **tx)
        .await?;
    Ok(id)
}
