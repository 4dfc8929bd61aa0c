//! Whether the engine is well, for machines.

use super::problem::Reply;
use crate::auth::Who;
use crate::house::House;
use crate::models::ModelState;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde_json::json;
use std::sync::Arc;

/// `GET /metrics`, in Prometheus' text format.
pub async fn metrics(State(house): State<Arc<House>>) -> impl IntoResponse {
    ::metrics::gauge!("sidetone_calls_running").set(house.calls.count() as f64);
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (kind, house.metrics.render())
}

/// `GET /health`: 200 while calls are taken, 503 while the engine drains.
pub async fn health(State(house): State<Arc<House>>) -> impl IntoResponse {
    let draining = house.draining();
    let missing: Vec<&str> = house
        .models
        .states
        .iter()
        .filter(|m| !m.ok)
        .map(|m| m.task)
        .collect();
    let state = match (draining, missing.is_empty()) {
        (true, _) => "draining",
        (false, false) => "degraded",
        (false, true) => "ok",
    };
    let status = if draining {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::OK
    };
    let body = json!({
        "state": state, "calls": house.calls.count(), "missing": missing,
        "learning": house.content.is_learning(),
    });
    (status, Json(body))
}

/// `GET /api/models`
pub async fn models(State(house): State<Arc<House>>, _who: Who) -> Reply<Json<Vec<ModelState>>> {
    Ok(Json(house.models.states.clone()))
}
