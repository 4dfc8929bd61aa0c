//! The pages, embedded in the binary.

use axum::body::Body;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../../web/dist"]
struct Pages;

/// Serves a file of the pages; any other path gives the application, which knows its own routes.
pub async fn page(uri: Uri) -> Response {
    let path = uri.path().trim_start_matches('/');
    if path.starts_with("api/") {
        return super::problem::Problem::not_found("address").into_response();
    }
    if let Some(response) = file(path) {
        return response;
    }
    // A missing asset must not look like a page.
    if path
        .rsplit('/')
        .next()
        .is_some_and(|name| name.contains('.'))
    {
        return StatusCode::NOT_FOUND.into_response();
    }
    file("index.html").unwrap_or_else(|| {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "This engine was built without its pages: run `make build`, which builds them first.",
        )
            .into_response()
    })
}

fn file(path: &str) -> Option<Response> {
    let file = Pages::get(path)?;
    // Assets carry a digest in their names; the page that names them must not be kept.
    let cache = if path.starts_with("assets/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let kind = mime(path);
    let body = Body::from(file.data.into_owned());
    Some(
        (
            [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, cache)],
            body,
        )
            .into_response(),
    )
}

fn mime(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "json" | "webmanifest" => "application/json",
        "woff2" => "font/woff2",
        "wav" => "audio/wav",
        _ => "application/octet-stream",
    }
}
