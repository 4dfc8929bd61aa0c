//! The HTTP API and the pages.

mod agents;
mod calls;
mod control;
mod editing;
mod live;
mod pages;
mod people;
pub mod problem;
mod recorded;
mod review;
mod state;

pub use review::board;

use crate::house::House;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, header};
use axum::routing::{get, post, put};
use std::sync::Arc;
use tower_http::compression::CompressionLayer;
use tower_http::set_header::SetResponseHeaderLayer;

/// Bodies over this size are refused: the longest is a content file.
const BODY_BYTES_MAX: usize = 1 << 20;

/// Every route of the engine.
pub fn router(house: Arc<House>) -> Router {
    let caller = Router::new()
        .route("/calls/{call}/captions", get(calls::captions))
        .route("/calls/{call}/hangup", post(calls::hang_up))
        .route("/calls/{call}/keys", post(calls::key))
        .route("/recorded-callers", get(recorded::list))
        .route("/recorded-callers/{file}", get(recorded::audio));
    let people = Router::new()
        .route("/company", get(people::company))
        .route("/login", post(people::login))
        .route("/logout", post(people::logout))
        .route("/me", get(people::me));
    let desk = Router::new()
        .route("/live", get(live::live))
        .route("/agent", get(agents::own_state))
        .route("/agent/state", post(agents::set_state))
        .route("/calls/{call}/accept", post(agents::accept))
        .route("/calls/{call}/decline", post(agents::decline))
        .route("/calls/{call}/click", post(agents::click))
        .route("/calls/{call}/transfer-out", post(control::transfer_out))
        .route("/calls/{call}/supervise", post(control::supervise))
        .route("/transfer-targets", get(control::targets))
        .route("/calls/{call}/ticket-draft", get(agents::ticket_draft))
        .route("/customers/{id}", get(agents::customer));
    let review = Router::new()
        .route("/wallboard", get(review::wallboard))
        .route("/calls", get(review::list).post(calls::start))
        .route("/calls/{call}", get(review::one))
        .route("/calls/{call}/events", get(review::events))
        .route("/calls/{call}/audio", get(review::audio))
        .route("/calls/{call}/peaks", get(review::peaks))
        .route("/report", get(review::report));
    let content = Router::new()
        .route("/content", get(editing::list))
        .route("/content/file", get(editing::file).put(editing::save))
        .route("/ask", post(editing::ask))
        .route("/gaps", get(editing::gaps))
        .route("/intents", get(editing::intents))
        .route("/models", get(state::models));
    Router::new()
        .nest(
            "/api",
            caller
                .merge(people)
                .merge(desk)
                .merge(review)
                .merge(content),
        )
        .route("/ws/asterisk", get(crate::streams::asterisk))
        .route("/ws/twilio", get(crate::streams::twilio))
        .route("/pbx/calls/{uuid}", put(crate::streams::announce))
        .route("/metrics", get(state::metrics))
        .route("/health", get(state::health))
        .fallback(pages::page)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(CompressionLayer::new())
        .layer(header_layer("content-security-policy", CONTENT_POLICY))
        .layer(header_layer("x-content-type-options", "nosniff"))
        .layer(header_layer("referrer-policy", "same-origin"))
        .layer(header_layer(
            "permissions-policy",
            "microphone=(self), camera=(), geolocation=()",
        ))
        .layer(header_layer(header::X_FRAME_OPTIONS.as_str(), "DENY"))
        .with_state(house)
}

/// Nothing is loaded from anywhere else, and nothing may frame these pages.
const CONTENT_POLICY: &str = "default-src 'self'; connect-src 'self' ws: wss:; \
     media-src 'self' blob:; img-src 'self' data:; style-src 'self' 'unsafe-inline'; \
     worker-src 'self' blob:; frame-ancestors 'none'; base-uri 'self'; form-action 'self'";

fn header_layer(name: &'static str, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(
        HeaderName::from_static(name),
        HeaderValue::from_static(value),
    )
}
