//! Recorded callers, for people without a microphone and for the load bench: the page plays them
//! into the same WebRTC path as a voice.

use super::problem::{Problem, Reply};
use crate::house::House;
use crate::recorded;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse;
use serde_json::Value;
use std::sync::Arc;

/// `GET /api/recorded-callers`
pub async fn list(State(house): State<Arc<House>>) -> Reply<Json<Vec<Value>>> {
    let folder = house.config.paths.recorded_callers.clone();
    let callers = tokio::task::spawn_blocking(move || recorded::load(&folder))
        .await
        .map_err(Problem::internal)?
        .map_err(Problem::internal)?;
    let shown = callers.iter().map(|caller| {
        let mut value = serde_json::to_value(caller).unwrap_or_default();
        value["audio"] = format!("/api/recorded-callers/{}.wav", caller.id).into();
        value
    });
    Ok(Json(shown.collect()))
}

/// `GET /api/recorded-callers/{id}.wav`
pub async fn audio(
    State(house): State<Arc<House>>,
    Path(file): Path<String>,
) -> Reply<impl IntoResponse> {
    let id = file.strip_suffix(".wav").unwrap_or_default();
    let harmless = !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if !harmless {
        return Err(Problem::not_found("recorded caller"));
    }
    let path = house
        .config
        .paths
        .recorded_callers
        .join(format!("{id}.wav"));
    let bytes = tokio::fs::read(path)
        .await
        .map_err(|_| Problem::not_found("recorded caller"))?;
    Ok((
        [
            (header::CONTENT_TYPE, "audio/wav"),
            (header::CACHE_CONTROL, "max-age=3600"),
        ],
        bytes,
    ))
}
