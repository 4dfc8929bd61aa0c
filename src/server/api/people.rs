//! Log-in, log-out, and what the first page needs to know.

use super::problem::{Problem, Reply};
use crate::auth::{self, Who};
use crate::house::House;
use crate::people::DEMO_LOGINS;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse};
use serde::Deserialize;
use serde_json::{Value, json};
use sidetone_records::store::LoginFailure;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// `GET /api/company`
pub async fn company(State(house): State<Arc<House>>) -> Json<Value> {
    let company = &house.config.company;
    let logins: Vec<Value> = if company.demo {
        DEMO_LOGINS
            .iter()
            .map(|login| {
                json!({
                    "name": login.name, "password": login.password, "role": login.role.as_str(),
                    "title_zh": login.title_zh, "title_en": login.title_en,
                })
            })
            .collect()
    } else {
        Vec::new()
    };
    Json(json!({
        "name_zh": company.name_zh, "name_en": company.name_en,
        "hours_zh": company.hours_zh, "hours_en": company.hours_en,
        "demo": company.demo, "logins": logins, "customers": demo_callers(&house),
    }))
}

/// Whom the demo's caller may pretend to be: those who have something to ask about.
fn demo_callers(house: &House) -> Vec<Value> {
    if !house.config.company.demo {
        return Vec::new();
    }
    let data = house.company_data();
    data.customers
        .iter()
        .filter(|customer| !data.bills_of(&customer.id).is_empty())
        .map(|c| json!({ "id": c.id, "name": c.name, "name_en": c.name_en, "tier": c.tier }))
        .collect()
}

#[derive(Deserialize)]
pub struct Credentials {
    name: String,
    password: Zeroizing<String>,
}

/// `POST /api/login`
pub async fn login(
    State(house): State<Arc<House>>,
    Json(given): Json<Credentials>,
) -> Reply<impl IntoResponse> {
    let lifetime = Duration::from_secs(u64::from(house.config.http.login_hours) * 3600);
    let now_ms = house.clock.wall_ms();
    let outcome = house
        .store
        .create_login(given.name.trim(), given.password, lifetime, now_ms)
        .await
        .map_err(Problem::internal)?;
    let login = outcome.map_err(|failure| match failure {
        LoginFailure::Wrong => Problem::new(
            StatusCode::UNAUTHORIZED,
            "The name or the password is wrong.",
        ),
        LoginFailure::Closed { retry_s } => Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            format!("Too many wrong passwords. Try again in {retry_s} seconds."),
        )
        .retry_after(retry_s),
    })?;
    house
        .audit(&login.user.id, "login", &login.user.id, "")
        .await;
    let cookie = auth::set_cookie(
        &login.token,
        lifetime.as_secs(),
        house.config.http.behind_tls,
    );
    Ok((
        AppendHeaders([(header::SET_COOKIE, cookie)]),
        Json(json!({ "user": login.user })),
    ))
}

/// `POST /api/logout`
pub async fn logout(
    State(house): State<Arc<House>>,
    headers: HeaderMap,
) -> Reply<impl IntoResponse> {
    if let Some(token) = auth::cookie(&headers) {
        house
            .store
            .end_login(token)
            .await
            .map_err(Problem::internal)?;
    }
    let gone = auth::set_cookie("", 0, house.config.http.behind_tls);
    Ok((AppendHeaders([(header::SET_COOKIE, gone)]), Json(json!({}))))
}

/// `GET /api/me`
pub async fn me(Who(user): Who) -> Json<Value> {
    Json(json!({ "user": user }))
}
