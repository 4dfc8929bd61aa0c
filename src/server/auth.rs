//! Who is asking: log-ins by cookie, roles, and the protection against forged requests.

use crate::api::problem::{Problem, Reply};
use crate::house::House;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sidetone_records::store::{Role, User};
use std::sync::Arc;

/// Name of the log-in's cookie.
pub const COOKIE: &str = "sidetone_session";
/// Changing requests carry this header: a form of another site can't send it.
const FORGERY_HEADER: &str = "x-sidetone";

/// 192 random bits that nobody guesses.
pub fn token() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 24]>())
}

/// The person behind a request. As an extractor it refuses those who are not logged in.
#[derive(Clone, Debug)]
pub struct Who(pub User);

impl Who {
    /// Refuses roles that are not listed. Admins may do everything.
    pub fn may(&self, roles: &[Role]) -> Reply<()> {
        if self.0.role == Role::Admin || roles.contains(&self.0.role) {
            return Ok(());
        }
        Err(Problem::forbidden(format!(
            "This needs another role than {}.",
            self.0.role.as_str()
        ))
        .hint("Log in as somebody who may do this, or ask an admin for the role."))
    }

    /// People who see every call.
    pub fn may_review(&self) -> Reply<()> {
        self.may(&[Role::Supervisor, Role::Qa])
    }
}

impl FromRequestParts<Arc<House>> for Who {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, house: &Arc<House>) -> Reply<Self> {
        if parts.method != Method::GET && !parts.headers.contains_key(FORGERY_HEADER) {
            return Err(
                Problem::forbidden("The request lacks the header X-Sidetone.")
                    .hint("Send X-Sidetone: 1 with every request that changes something."),
            );
        }
        let user = match cookie(&parts.headers) {
            Some(token) => house
                .store
                .verify_login(token, house.clock.wall_ms())
                .await
                .map_err(Problem::internal)?,
            None => None,
        };
        user.map(Who).ok_or_else(|| {
            Problem::new(StatusCode::UNAUTHORIZED, "Nobody is logged in.").hint("Log in first.")
        })
    }
}

/// The log-in's token in a request, if there is one.
pub fn cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

/// The cookie that carries a token, or takes it away again.
pub fn set_cookie(token: &str, age_s: u64, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{COOKIE}={token}; Path=/; Max-Age={age_s}; HttpOnly; SameSite=Strict{secure}")
}

/// WebSockets carry the cookie from any site that opens them, so their origin is checked.
pub fn same_origin(headers: &HeaderMap) -> Reply<()> {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &header::HeaderValue| value.to_str().ok())
    };
    let Some(origin) = text(header::ORIGIN) else {
        return Ok(());
    };
    let host = text(header::HOST).unwrap_or_default();
    let theirs = origin.split_once("://").map_or(origin, |(_, host)| host);
    if theirs == host {
        return Ok(());
    }
    Err(Problem::forbidden(
        "A page of another site may not open this connection.",
    ))
}

/// Compares without telling by its time how far two secrets agree.
pub fn same(a: &str, b: &str) -> bool {
    let pairs = a.bytes().zip(b.bytes());
    a.len() == b.len() && pairs.fold(0, |differ, (x, y)| differ | (x ^ y)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_compared_whole() {
        assert!(same("abc", "abc"));
        assert!(!same("abc", "abd") && !same("abc", "ab"));
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::COOKIE,
            "a=b; sidetone_session=tok; c=d".parse().unwrap(),
        );
        assert_eq!(cookie(&headers), Some("tok"));
        headers.insert(header::COOKIE, "xsidetone_session=tok".parse().unwrap());
        assert_eq!(cookie(&headers), None);
    }

    #[test]
    fn a_page_of_another_site_is_refused() {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "localhost:8080".parse().unwrap());
        headers.insert(header::ORIGIN, "http://localhost:8080".parse().unwrap());
        assert!(same_origin(&headers).is_ok());
        headers.insert(header::ORIGIN, "https://evil.example".parse().unwrap());
        assert!(same_origin(&headers).is_err());
    }
}
