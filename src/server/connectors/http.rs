//! A connector to any JSON-over-HTTP CRM or ERP, described in the configuration.

use super::Question;
use crate::config::{self, HttpOperation, Secret};
use anyhow::Context as _;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};
use sidetone_types::ConnectorAnswer;
use std::collections::BTreeMap;
use std::time::Duration;

/// Replies over this size are refused: a caller is waiting.
const REPLY_BYTES_MAX: usize = 256 * 1024;

/// One configured HTTP connector.
pub struct HttpConnector {
    name: String,
    base_url: String,
    client: reqwest::Client,
    operations: BTreeMap<String, HttpOperation>,
}

impl HttpConnector {
    /// Builds the client with its time limit and secret headers.
    pub fn new(config: &config::HttpConnector) -> anyhow::Result<Self> {
        let mut headers = HeaderMap::new();
        for (header, variable) in &config.header_env {
            let secret = Secret::from_env(variable)?;
            let mut value = HeaderValue::from_str(secret.reveal())
                .with_context(|| format!("{variable} can't be sent as the header {header}"))?;
            value.set_sensitive(true);
            headers.insert(HeaderName::try_from(header.as_str())?, value);
        }
        let client = reqwest::Client::builder()
            .timeout(Duration::from_millis(config.timeout_ms))
            .default_headers(headers)
            .no_proxy()
            .build()?;
        Ok(Self {
            name: config.name.clone(),
            base_url: config.base_url.trim_end_matches('/').to_owned(),
            client,
            operations: config.operations.clone(),
        })
    }

    /// Whether the configuration gives this operation to this connector.
    pub fn answers(&self, operation: &str) -> bool {
        self.operations.contains_key(operation)
    }

    /// Asks the server; 404 is `NotFound`, everything else that is not a 2xx is `Failed`.
    pub async fn ask(&self, question: &Question) -> ConnectorAnswer {
        let Some(operation) = self.operations.get(&question.operation) else {
            return failed(format!(
                "{} does not answer {}",
                self.name, question.operation
            ));
        };
        match self.fetch(operation, question).await {
            Ok(Some(reply)) => self.pick(operation, &reply),
            Ok(None) => ConnectorAnswer::NotFound,
            // The error's text may hold the address with the slot's value; only its kind is told.
            Err(e) => failed(format!("{}: {}", self.name, kind_of(&e))),
        }
    }

    async fn fetch(
        &self,
        operation: &HttpOperation,
        question: &Question,
    ) -> Result<Option<Value>, FetchError> {
        let url = format!(
            "{}{}",
            self.base_url,
            fill(&operation.path, &question.slots)
        );
        let request = if operation.method.eq_ignore_ascii_case("post") {
            let body: Map<String, Value> = operation
                .body
                .iter()
                .filter_map(|(name, slot)| {
                    Some((name.clone(), Value::from(question.slots.get(slot)?.clone())))
                })
                .collect();
            self.client.post(url).json(&body)
        } else {
            self.client.get(url)
        };
        let mut response = request.send().await.map_err(FetchError::Transport)?;
        if response.status() == reqwest::StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if !response.status().is_success() {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(FetchError::Transport)? {
            if bytes.len() + chunk.len() > REPLY_BYTES_MAX {
                return Err(FetchError::TooLong);
            }
            bytes.extend_from_slice(&chunk);
        }
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|_| FetchError::NotJson)
    }

    fn pick(&self, operation: &HttpOperation, reply: &Value) -> ConnectorAnswer {
        let mut fields = BTreeMap::new();
        for (field, pointer) in &operation.fields {
            match reply.pointer(pointer) {
                Some(value) => {
                    fields.insert(field.clone(), value.clone());
                }
                None => return failed(format!("{}: the reply has no {pointer}", self.name)),
            }
        }
        ConnectorAnswer::Ok { fields }
    }
}

enum FetchError {
    Transport(reqwest::Error),
    Status(u16),
    TooLong,
    NotJson,
}

fn kind_of(error: &FetchError) -> String {
    match error {
        FetchError::Transport(e) if e.is_timeout() => "no answer in time".into(),
        FetchError::Transport(e) if e.is_connect() => "can't be reached".into(),
        FetchError::Transport(_) => "the connection broke".into(),
        FetchError::Status(code) => format!("HTTP status {code}"),
        FetchError::TooLong => format!("the reply is over {REPLY_BYTES_MAX} bytes"),
        FetchError::NotJson => "the reply is not JSON".into(),
    }
}

fn failed(reason: String) -> ConnectorAnswer {
    ConnectorAnswer::Failed { reason }
}

/// Replaces `{slot}` by its percent-encoded value; an unknown slot becomes nothing.
fn fill(path: &str, slots: &BTreeMap<String, String>) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((name, tail)) = after.split_once('}') else {
            out.push_str(after);
            return out;
        };
        for byte in slots.get(name).map(String::as_bytes).unwrap_or_default() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
                out.push(*byte as char);
            } else {
                out.push_str(&format!("%{byte:02X}"));
            }
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_can_not_leave_its_place_in_the_path() {
        let slots = BTreeMap::from([("order".to_owned(), "../admin?x=1".to_owned())]);
        assert_eq!(
            fill("/orders/{order}/status", &slots),
            "/orders/..%2Fadmin%3Fx%3D1/status"
        );
    }
}
