//! The wallboard, the list of calls, one call, and the report.

use super::problem::{Problem, Reply};
use crate::auth::Who;
use crate::dispatch::state_word;
use crate::house::House;
use crate::rows;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::{Value, json};
use sidetone_assist::CallRow;
use sidetone_assist::stats;
use sidetone_assist::view::CallView;
use sidetone_records::journal;
use sidetone_records::store::{CallFilter, CallRecord, Role};
use sidetone_records::vault::{Recording, VaultError};
use sidetone_types::*;
use std::ops::Range;
use std::sync::Arc;

/// Rows that one report adds up at most: half a year of a hundred seats.
const REPORT_ROWS_MAX: usize = 1_000_000;
/// Bytes of sound in one reply; a player asks for more as it goes.
const AUDIO_BYTES_MAX: u64 = 4 << 20;

/// `GET /api/wallboard`
pub async fn wallboard(State(house): State<Arc<House>>, who: Who) -> Reply<Json<Value>> {
    who.may_review()?;
    Ok(Json(board(&house).await?))
}

/// The wallboard's numbers now.
pub async fn board(house: &House) -> Reply<Value> {
    let now = house.dispatch.board_now().await;
    let users = house.store.users().await.map_err(Problem::internal)?;
    let agents: Vec<Value> = now
        .agents
        .iter()
        .map(|agent| {
            let user = users.iter().find(|user| user.id == agent.agent.as_str());
            let name = |pick: fn(&sidetone_records::store::User) -> &String| {
                user.map_or(agent.agent.as_str(), |user| pick(user).as_str())
            };
            let skills: Vec<&str> = agent
                .skills
                .iter()
                .map(|(skill, _)| skill.as_str())
                .collect();
            json!({
                "agent": agent.agent, "display_zh": name(|u| &u.display_zh),
                "display_en": name(|u| &u.display_en), "state": state_word(agent.state),
                "since_ms": house.clock.wall_of(agent.since), "call": agent.call, "skills": skills,
            })
        })
        .collect();
    let queues: Vec<Value> = now
        .queues
        .iter()
        .map(|queue| {
            json!({
                "queue": queue.queue, "name_zh": queue.name_zh, "name_en": queue.name_en,
                "waiting": queue.waiting, "longest_wait_s": queue.longest_wait_s,
                "calls": queue.calls, "staffed": queue.staffed, "wait": queue.wait,
            })
        })
        .collect();
    let today = house.clock.local().date();
    let rows = rows_between(house, today, today).await?;
    Ok(json!({
        "at_ms": house.clock.wall_ms(), "agents": agents, "queues": queues,
        "today": stats::today(&rows, house.target_s()), "definitions": stats::definitions(),
    }))
}

/// All rows of the days from `from` to `to`, both included, in the company's zone.
async fn rows_between(house: &House, from: Date, to: Date) -> Reply<Vec<CallRow>> {
    let start = |day: Date| {
        day.to_zoned(house.clock.zone().clone())
            .map(|at| at.timestamp().as_millisecond())
    };
    let end = to
        .tomorrow()
        .map_err(|_| Problem::bad_request("The last day is out of range."))?;
    let mut filter = CallFilter {
        from_ms: Some(start(from).map_err(Problem::internal)?),
        to_ms: Some(start(end).map_err(Problem::internal)?),
        limit: Some(500),
        ..CallFilter::default()
    };
    let mut rows = Vec::new();
    loop {
        let page = house
            .store
            .list_calls(&filter)
            .await
            .map_err(Problem::internal)?;
        rows.extend(page.calls.into_iter().filter_map(rows::row));
        if page.next.is_none() || rows.len() > REPORT_ROWS_MAX {
            return Ok(rows);
        }
        filter.cursor = page.next;
    }
}

#[derive(Deserialize)]
pub struct Listed {
    from: Option<Date>,
    to: Option<Date>,
    #[serde(flatten)]
    filter: Narrow,
}

#[derive(Deserialize)]
struct Narrow {
    agent: Option<String>,
    intent: Option<String>,
    mood: Option<sidetone_records::store::MoodBand>,
    lang: Option<Lang>,
    outcome: Option<String>,
    customer: Option<String>,
    q: Option<String>,
    cursor: Option<String>,
    limit: Option<String>,
}

/// `GET /api/calls`
pub async fn list(
    State(house): State<Arc<House>>,
    who: Who,
    Query(listed): Query<Listed>,
) -> Reply<Json<Value>> {
    who.may_review()?;
    let day_start = |day: Option<Date>| {
        day.and_then(|day| day.to_zoned(house.clock.zone().clone()).ok())
            .map(|at| at.timestamp().as_millisecond())
    };
    let narrow = listed.filter;
    let filter = CallFilter {
        from_ms: day_start(listed.from),
        to_ms: day_start(listed.to.and_then(|day| day.tomorrow().ok())),
        agent: narrow.agent,
        intent: narrow.intent,
        mood: narrow.mood,
        lang: narrow.lang,
        outcome: narrow.outcome,
        customer: narrow.customer,
        q: narrow.q.filter(|q| !q.trim().is_empty()),
        cursor: narrow.cursor,
        limit: narrow.limit.and_then(|limit| limit.parse().ok()),
    };
    let page = house
        .store
        .list_calls(&filter)
        .await
        .map_err(Problem::internal)?;
    let calls: Vec<Value> = page.calls.iter().map(shown).collect();
    Ok(Json(json!({ "calls": calls, "next": page.next })))
}

/// A row without what only the reports need.
fn shown(record: &CallRecord) -> Value {
    let mut value = serde_json::to_value(record).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        fields.remove("facts");
    }
    value
}

/// Who may look at a call: those who review, and the agent whose call it was.
async fn may_see(house: &House, who: &Who, call: &CallId) -> Reply<Vec<CallEvent>> {
    let events = events_of(house, call).await?;
    if who.0.role == Role::Agent {
        let own = events.iter().any(|event| {
            matches!(&event.kind, EventKind::Answered { agent, .. } if agent.as_str() == who.0.id)
        });
        if !own {
            return Err(Problem::forbidden("This is not your call."));
        }
    } else {
        who.may_review()?;
    }
    Ok(events)
}

/// The events of a call: those of the running one, or those of its journal.
async fn events_of(house: &House, call: &CallId) -> Reply<Vec<CallEvent>> {
    if let Some(handle) = house.calls.get(call) {
        return Ok(handle.events());
    }
    let journal = house.journal.clone();
    let id = call.clone();
    let read = tokio::task::spawn_blocking(move || journal.read(&id)).await;
    match read.map_err(Problem::internal)? {
        Ok(lines) => Ok(journal::events(lines)),
        Err(journal::JournalError::NoSuchCall { .. } | journal::JournalError::BadCallId { .. }) => {
            Err(Problem::not_found("call"))
        }
        Err(error) => Err(Problem::internal(error)),
    }
}

/// `GET /api/calls/{call}`
pub async fn one(
    State(house): State<Arc<House>>,
    who: Who,
    Path(call): Path<String>,
) -> Reply<Json<Value>> {
    let call = CallId::new(call);
    let events = may_see(&house, &who, &call).await?;
    let view = CallView::from_events(&events);
    let company = house.company_data();
    let row = rows::derive(&events, &view, &company).map(|derived| shown(&derived.record));
    Ok(Json(json!({ "view": view, "row": row })))
}

/// `GET /api/calls/{call}/events`
pub async fn events(
    State(house): State<Arc<House>>,
    who: Who,
    Path(call): Path<String>,
) -> Reply<Json<Vec<CallEvent>>> {
    Ok(Json(may_see(&house, &who, &CallId::new(call)).await?))
}

async fn recording<T: Send + 'static>(
    house: &Arc<House>,
    call: CallId,
    read: impl FnOnce(&mut Recording) -> Result<T, VaultError> + Send + 'static,
) -> Reply<T> {
    let house = house.clone();
    let done = tokio::task::spawn_blocking(move || {
        if !house.vault.has_recording(&call) {
            return Ok(None);
        }
        let mut recording = if house.calls.get(&call).is_some() {
            house.vault.open_unfinished(&call)?
        } else {
            house
                .vault
                .open_recording(&call)
                .or_else(|_| house.vault.open_unfinished(&call))?
        };
        read(&mut recording).map(Some)
    });
    match done.await.map_err(Problem::internal)? {
        Ok(Some(value)) => Ok(value),
        Ok(None) => Err(Problem::not_found("recording")),
        Err(error) => Err(Problem::internal(error)),
    }
}

/// `GET /api/calls/{call}/audio`
pub async fn audio(
    State(house): State<Arc<House>>,
    who: Who,
    Path(call): Path<String>,
    headers: HeaderMap,
) -> Reply<Response> {
    let call = CallId::new(call);
    may_see(&house, &who, &call).await?;
    let wanted = headers
        .get(header::RANGE)
        .and_then(|value| value.to_str().ok())
        .and_then(parse_range);
    if wanted.is_none_or(|(from, _)| from == 0) {
        house.audit(&who.0.id, "listen", call.as_str(), "").await;
    }
    let (total, range, bytes) = recording(&house, call, move |recording| {
        let total = recording.wav_bytes();
        let range = cut_range(wanted, total);
        let bytes = recording.read_wav(range.clone())?;
        Ok((total, range, bytes))
    })
    .await?;
    let headers = [
        (header::CONTENT_TYPE, "audio/wav".to_owned()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::CACHE_CONTROL, "private, no-store".to_owned()),
    ];
    if wanted.is_none() {
        return Ok((headers, Body::from(bytes)).into_response());
    }
    if range.is_empty() {
        let all = [(header::CONTENT_RANGE, format!("bytes */{total}"))];
        return Ok((StatusCode::RANGE_NOT_SATISFIABLE, all).into_response());
    }
    let part = [(
        header::CONTENT_RANGE,
        format!("bytes {}-{}/{total}", range.start, range.end - 1),
    )];
    Ok((
        StatusCode::PARTIAL_CONTENT,
        headers,
        part,
        Body::from(bytes),
    )
        .into_response())
}

/// `bytes=a-b` and `bytes=a-`.
fn parse_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (from, to) = text.strip_prefix("bytes=")?.split_once('-')?;
    let to = if to.is_empty() {
        None
    } else {
        Some(to.parse().ok()?)
    };
    Some((from.parse().ok()?, to))
}

/// The bytes to send. Without a wish all of them, or players could not know the length; with one no
/// more than a reply may hold.
fn cut_range(wanted: Option<(u64, Option<u64>)>, total: u64) -> Range<u64> {
    let Some((from, to)) = wanted else {
        return 0..total;
    };
    let from = from.min(total);
    let to = to
        .map_or(total, |last| last.saturating_add(1))
        .min(total)
        .max(from);
    from..to.min(from + AUDIO_BYTES_MAX)
}

#[derive(Deserialize)]
pub struct PeakCount {
    n: Option<usize>,
}

/// `GET /api/calls/{call}/peaks`
pub async fn peaks(
    State(house): State<Arc<House>>,
    who: Who,
    Path(call): Path<String>,
    Query(PeakCount { n }): Query<PeakCount>,
) -> Reply<Json<Value>> {
    let call = CallId::new(call);
    may_see(&house, &who, &call).await?;
    let n = n.unwrap_or(800).clamp(1, 4000);
    let peaks = recording(&house, call, move |recording| {
        let (left, right) = recording.peaks(n)?;
        Ok(json!({ "seconds": recording.seconds(), "left": left, "right": right }))
    });
    Ok(Json(peaks.await?))
}

#[derive(Deserialize)]
pub struct Days {
    from: Option<Date>,
    to: Option<Date>,
}

/// `GET /api/report`
pub async fn report(
    State(house): State<Arc<House>>,
    who: Who,
    Query(days): Query<Days>,
) -> Reply<Json<Value>> {
    who.may_review()?;
    let today = house.clock.local();
    let to = days.to.unwrap_or(today.date());
    let week = jiff::Span::new().days(6);
    let from = days
        .from
        .unwrap_or_else(|| to.checked_sub(week).unwrap_or(to));
    if from > to {
        return Err(Problem::bad_request("The first day is after the last."));
    }
    let rows = rows_between(&house, from, to).await?;
    let content = house.content.snapshot();
    let offset_min = today.offset().seconds() / 60;
    let mut report = stats::report(&rows, &content.rules, house.target_s(), offset_min);
    let users = house.store.users().await.map_err(Problem::internal)?;
    for agent in &mut report.agents {
        if let Some(user) = users.iter().find(|user| user.id == agent.agent.as_str()) {
            agent.display_zh.clone_from(&user.display_zh);
            agent.display_en.clone_from(&user.display_en);
        }
    }
    for row in &mut report.intents {
        if let Some(info) = content.intents.iter().find(|info| info.id == row.intent) {
            row.title_zh.clone_from(&info.title_zh);
            row.title_en.clone_from(&info.title_en);
        }
    }
    serde_json::to_value(report)
        .map(Json)
        .map_err(Problem::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_player_gets_the_bytes_it_asks_for() {
        assert_eq!(parse_range("bytes=5-"), Some((5, None)));
        assert_eq!(parse_range("bytes=5-9"), Some((5, Some(9))));
        assert_eq!(parse_range("lines=5-9"), None);
        assert_eq!(cut_range(Some((5, Some(9))), 100), 5..10);
        assert_eq!(cut_range(Some((5, Some(900))), 100), 5..100);
        assert_eq!(cut_range(Some((500, None)), 100), 100..100);
        assert_eq!(cut_range(None, 100), 0..100);
        assert_eq!(
            cut_range(Some((0, None)), AUDIO_BYTES_MAX * 2),
            0..AUDIO_BYTES_MAX
        );
    }
}
