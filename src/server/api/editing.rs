//! The content team's pages: what is loaded, what is broken, and what a question would find.

use super::problem::{Problem, Reply};
use crate::auth::Who;
use crate::house::House;
use crate::status;
use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use sidetone_records::store::Role;
use sidetone_types::Lang;
use std::path::{Component, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Results shown for a question.
const RESULTS_MAX: usize = 8;
/// A content file that a person writes is never this long.
const FILE_BYTES_MAX: usize = 512 * 1024;

/// `GET /api/content`
pub async fn list(State(house): State<Arc<House>>, who: Who) -> Reply<Json<Value>> {
    who.may(&[Role::Content, Role::Supervisor, Role::Qa])?;
    Ok(Json(status::content(&house)))
}

#[derive(Deserialize)]
pub struct FilePath {
    path: String,
}

/// `GET /api/content/file`
pub async fn file(
    State(house): State<Arc<House>>,
    who: Who,
    Query(FilePath { path }): Query<FilePath>,
) -> Reply<Json<Value>> {
    who.may(&[Role::Content, Role::Supervisor, Role::Qa])?;
    let file = content_path(&house, &path)?;
    let text = tokio::fs::read_to_string(file)
        .await
        .map_err(|_| Problem::not_found("file"))?;
    Ok(Json(json!({ "path": path, "text": text })))
}

#[derive(Deserialize)]
pub struct Saved {
    path: String,
    text: String,
}

/// `PUT /api/content/file`: saved only if it parses.
pub async fn save(
    State(house): State<Arc<House>>,
    who: Who,
    Json(saved): Json<Saved>,
) -> Reply<Json<Value>> {
    who.may(&[Role::Content])?;
    let file = content_path(&house, &saved.path)?;
    if saved.text.len() > FILE_BYTES_MAX {
        return Err(Problem::bad_request("The file is over 512 KiB.").hint("Split it."));
    }
    let checked = house.clone();
    let path = file.clone();
    let text = saved.text.clone();
    let found = tokio::task::spawn_blocking(move || status::check_text(&checked, &path, &text));
    let found = found.await.map_err(Problem::internal)?;
    if let Some(error) = found.into_iter().next() {
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error.reason)
            .hint(error.hint)
            .at_line(error.line));
    }
    write(&file, &saved.text)
        .await
        .map_err(|e| Problem::internal(format!("{}: {e}", file.display())))?;
    house
        .audit(&who.0.id, "content.save", &saved.path, "")
        .await;
    Ok(Json(json!({ "ok": true })))
}

/// Whole or not at all: beside the file, then in its place.
async fn write(file: &PathBuf, text: &str) -> std::io::Result<()> {
    let beside = file.with_extension("saving");
    tokio::fs::write(&beside, text).await?;
    tokio::fs::rename(&beside, file).await
}

/// The file of a path as listed. Only listed kinds, only below the two content folders.
fn content_path(house: &House, path: &str) -> Reply<PathBuf> {
    let file = PathBuf::from(path);
    let plain = file
        .components()
        .all(|part| !matches!(part, Component::ParentDir));
    if !plain || house.content.part_of(&file).is_none() {
        return Err(
            Problem::bad_request(format!("{path} is not a content file."))
                .hint("Content is below knowledge/ and prompts/: Markdown articles and TOML."),
        );
    }
    Ok(file)
}

#[derive(Deserialize)]
pub struct Question {
    question: String,
    lang: Lang,
}

/// `POST /api/ask`
pub async fn ask(
    State(house): State<Arc<House>>,
    who: Who,
    Json(Question { question, lang }): Json<Question>,
) -> Reply<Json<Value>> {
    who.may(&[Role::Content, Role::Supervisor, Role::Qa, Role::Agent])?;
    if question.trim().is_empty() || question.len() > 2000 {
        return Err(Problem::bad_request("Ask something, in up to 2,000 bytes."));
    }
    let began = Instant::now();
    let results = house.knowledge.explain(&question, lang, RESULTS_MAX).await;
    let content = house.content.snapshot();
    let weight_dense = house.knowledge.weight_dense(&question);
    let asked = content.clone();
    let scores =
        tokio::task::spawn_blocking(move || asked.classifier.classify(&question, lang)).await;
    let scores = scores.map_err(Problem::internal)?;
    let took_us = began.elapsed().as_micros() as u64;
    let intent: Vec<Value> = scores
        .iter()
        .take(5)
        .map(|score| {
            let info = content.intents.iter().find(|info| info.id == score.intent);
            json!({
                "intent": score.intent, "score": score.score,
                "title_zh": info.map_or(score.intent.as_str(), |i| &i.title_zh),
                "title_en": info.map_or(score.intent.as_str(), |i| &i.title_en),
            })
        })
        .collect();
    Ok(Json(json!({
        "took_us": took_us, "intent": intent,
        "weight_dense": weight_dense, "results": results,
    })))
}

/// `GET /api/gaps`
pub async fn gaps(State(house): State<Arc<House>>, who: Who) -> Reply<Json<Value>> {
    who.may(&[Role::Content, Role::Supervisor, Role::Qa])?;
    let gaps = house
        .store
        .list_gaps(100)
        .await
        .map_err(Problem::internal)?;
    serde_json::to_value(gaps)
        .map(Json)
        .map_err(Problem::internal)
}

/// `GET /api/intents`
pub async fn intents(State(house): State<Arc<House>>, _who: Who) -> Json<Value> {
    let content = house.content.snapshot();
    let list = content.intents.iter().map(
        |info| json!({ "intent": info.id, "title_zh": info.title_zh, "title_en": info.title_en }),
    );
    Json(list.collect())
}
