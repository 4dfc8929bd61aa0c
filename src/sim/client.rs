//! A running engine as its callers meet it: HTTP for the call, a WebSocket for the captions. And, for
//! the figures of a bench, the events of a call as QA staff read them.

use crate::SimError;
use reqwest::{Response, StatusCode, Url, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sidetone_types::{CallEvent, Lang};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

const PATIENCE: Duration = Duration::from_secs(10);

/// The captions of one call.
pub type Captions = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Where an engine is.
#[derive(Clone)]
pub struct Engine {
    base: Url,
    http: reqwest::Client,
}

/// A call that the engine has taken.
#[derive(Clone, Debug, Deserialize)]
pub struct Started {
    pub call: String,
    token: String,
    /// The engine's answer to the offer.
    pub sdp: String,
}

/// A log-in that may read calls.
pub struct Reader {
    engine: Engine,
    cookie: header::HeaderValue,
}

impl Engine {
    /// `http://localhost:8080` and the like.
    pub fn at(url: &str) -> Result<Self, SimError> {
        let wrong = |why: String| SimError::Address {
            url: url.to_owned(),
            why,
        };
        let base = Url::parse(url).map_err(|e| wrong(e.to_string()))?;
        if base.scheme() != "http" || base.host().is_none() {
            return Err(wrong("http:// and a host are needed".into()));
        }
        // The client asks for a provider of TLS even where there is none to do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .timeout(PATIENCE)
            .no_proxy()
            .build()
            .map_err(|e| wrong(e.to_string()))?;
        Ok(Self { base, http })
    }

    /// Whether the address is this machine's loopback.
    pub fn is_here(&self) -> bool {
        match self.base.host_str() {
            Some("localhost" | "[::1]") => true,
            Some(host) => host
                .parse::<std::net::Ipv4Addr>()
                .is_ok_and(|ip| ip.is_loopback()),
            None => false,
        }
    }

    /// Up, and its intents learnt: what it understands from now on is what it will understand.
    pub async fn is_ready(&self) -> bool {
        let asked = self.http.get(self.url("/health")).send().await;
        let Ok(answer) = asked.and_then(reqwest::Response::error_for_status) else {
            return false;
        };
        let health: Value = answer.json().await.unwrap_or_default();
        health["learning"] == false
    }

    /// Calls: an offer out, an answer back.
    pub async fn start(
        &self,
        sdp: String,
        lang: Lang,
        customer: Option<&str>,
    ) -> Result<Started, SimError> {
        let body = json!({ "sdp": sdp, "lang": lang, "customer": customer });
        let sent = self.http.post(self.url("/api/calls")).json(&body);
        self.answer("the call", sent).await
    }

    pub async fn hang_up(&self, call: &Started) -> Result<(), SimError> {
        let url = self.call_url(call, "hangup");
        let sent = self.http.post(url);
        self.answer::<Value>("hanging up", sent).await.map(drop)
    }

    /// What is said on both sides, as it happens.
    pub async fn captions(&self, call: &Started) -> Result<Captions, SimError> {
        let mut url = self.call_url(call, "captions");
        let broken = |why: String| SimError::Captions { why };
        url.set_scheme("ws")
            .map_err(|()| broken("the address takes no WebSocket".into()))?;
        let (socket, _) = tokio_tungstenite::connect_async(url.as_str())
            .await
            .map_err(|e| broken(e.to_string()))?;
        Ok(socket)
    }

    /// Logs in with the demo's QA log-in, which the engine itself names while it is a demo.
    pub async fn reader(&self) -> Result<Reader, SimError> {
        #[derive(Deserialize)]
        struct Company {
            #[serde(default)]
            logins: Vec<Login>,
        }
        #[derive(Deserialize)]
        struct Login {
            name: String,
            password: String,
            role: String,
        }
        let company: Company = self
            .answer("its company", self.http.get(self.url("/api/company")))
            .await?;
        let login = company
            .logins
            .into_iter()
            .find(|login| login.role == "qa")
            .ok_or_else(|| SimError::Bench {
                why: "the engine runs without demo log-ins, so the times of intents can't be read"
                    .into(),
            })?;
        let body = json!({ "name": login.name, "password": login.password });
        let sent = self.http.post(self.url("/api/login")).json(&body);
        let answer = self.send("the log-in", sent).await?;
        let cookie = answer
            .headers()
            .get(header::SET_COOKIE)
            .and_then(|cookie| cookie.to_str().ok()?.split(';').next()?.parse().ok())
            .ok_or_else(|| SimError::Answer {
                what: "the log-in",
                why: "no cookie came".into(),
            })?;
        Ok(Reader {
            engine: self.clone(),
            cookie,
        })
    }

    fn call_url(&self, call: &Started, what: &str) -> Url {
        let mut url = self.url(&format!("/api/calls/{}/{what}", call.call));
        url.query_pairs_mut().append_pair("token", &call.token);
        url
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(path);
        url
    }

    async fn answer<T: DeserializeOwned>(
        &self,
        what: &'static str,
        request: reqwest::RequestBuilder,
    ) -> Result<T, SimError> {
        let answer = self.send(what, request).await?;
        answer.json().await.map_err(|e| SimError::Answer {
            what,
            why: e.to_string(),
        })
    }

    async fn send(
        &self,
        what: &'static str,
        request: reqwest::RequestBuilder,
    ) -> Result<Response, SimError> {
        let answer = request
            .header("x-sidetone", "1")
            .send()
            .await
            .map_err(|e| SimError::Unreachable {
                url: self.base.to_string(),
                why: cause(&e),
            })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        Err(refused(what, status, answer).await)
    }
}

impl Reader {
    /// All events of a call, also those that its caller does not see.
    pub async fn events(&self, call: &str) -> Result<Vec<CallEvent>, SimError> {
        let url = self.engine.url(&format!("/api/calls/{call}/events"));
        let sent = self
            .engine
            .http
            .get(url)
            .header(header::COOKIE, self.cookie.clone());
        self.engine.answer("the call's events", sent).await
    }
}

/// The engine says what is wrong as RFC 9457 has it; anything else is shown by its status.
async fn refused(what: &'static str, status: StatusCode, answer: Response) -> SimError {
    let said: Value = answer.json().await.unwrap_or_default();
    let text = |field: &str| said[field].as_str().unwrap_or_default().to_owned();
    let detail = format!("{} {}", text("detail"), text("what_to_do"));
    SimError::Refused {
        what,
        status: status.as_u16(),
        detail: detail.trim().to_owned(),
    }
}

/// The innermost reason: "Connection refused" rather than "error sending request".
fn cause(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => cause(source),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_addresses_are_here() {
        let here = |url: &str| Engine::at(url).map(|engine| engine.is_here());
        assert!(here("http://localhost:8080").unwrap());
        assert!(here("http://127.0.0.1:8123/").unwrap());
        assert!(here("http://[::1]:8080").unwrap());
        assert!(!here("http://192.168.1.9:8080").unwrap());
        assert!(!here("http://localhost.example.com").unwrap());
        assert!(here("localhost:8080").is_err());
        assert!(here("https://localhost").is_err());
    }
}
