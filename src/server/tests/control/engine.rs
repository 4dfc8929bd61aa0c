//! A whole engine in this process, and the people at its HTTP API.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sidetone_edge::sip::SipTrunk;
use sidetone_server::config::{Config, EXAMPLE};
use sidetone_server::{House, api, phones, startup};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The telephone number of the agent with this name.
pub const JACK: &str = "802";
const PATIENCE: Duration = Duration::from_secs(25);

pub struct Engine {
    pub house: Arc<House>,
    url: String,
    http: reqwest::Client,
    folder: std::path::PathBuf,
}

/// Somebody who is logged in.
pub struct Person<'a> {
    engine: &'a Engine,
    cookie: String,
}

impl Engine {
    /// The demo company without a recognizer: callers use keys, tones stay tones. Numbers that begin
    /// with 95 may be called through a trunk to `outside`, by Mei.
    pub async fn open(outside: SocketAddr) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let folder = std::env::temp_dir().join(format!("sidetone-control-{}", std::process::id()));
        let mut config = Config::parse(EXAMPLE, "example").expect("the example is right");
        config.paths.data = folder.clone();
        for path in [
            &mut config.paths.models,
            &mut config.paths.knowledge,
            &mut config.paths.prompts,
            &mut config.paths.recorded_callers,
        ] {
            *path = root.join(&*path);
        }
        config.recognizer.model = "none-here.bin".into();
        // Round the clock, whenever this runs.
        for queue in &mut config.acd.queues {
            queue.hours.clear();
        }
        if let Some(sip) = &mut config.sip {
            sip.listen.truncate(1);
            sip.listen[0].addr = "127.0.0.1:0".parse().unwrap();
            sip.rtp_ports = (12_000, 13_999);
            // What a telephone with ten keys can dial.
            sip.accounts[1].user = JACK.to_owned();
            sip.trunks.push(SipTrunk {
                name: "outside".into(),
                proxy: Some(format!("sip:{outside}")),
                outbound: true,
                ..SipTrunk::default()
            });
            sip.outbound.allowed_prefixes = vec!["95".into()];
        }
        config.telephony.trunk_out = Some("outside".into());
        config.telephony.may_call_out = vec!["mei".into()];
        let house = startup::open(config).await.expect("the house opens");
        phones::open(&house).await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = api::router(house.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            house,
            url,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            folder,
        }
    }

    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        cookie: &str,
        body: Value,
    ) -> (StatusCode, Value) {
        let request = self
            .http
            .request(method.clone(), format!("{}{path}", self.url))
            .header("x-sidetone", "1")
            .header("cookie", cookie);
        let request = match method {
            Method::GET => request,
            _ => request.json(&body),
        };
        let answer = request.send().await.expect("the engine answers");
        let status = answer.status();
        (status, answer.json().await.unwrap_or_default())
    }

    pub async fn log_in(&self, name: &str) -> Person<'_> {
        let body = json!({ "name": name, "password": format!("{name}-demo") });
        let answer = self
            .http
            .post(format!("{}/api/login", self.url))
            .header("x-sidetone", "1")
            .json(&body)
            .send()
            .await
            .unwrap();
        assert!(answer.status().is_success(), "{name} can log in");
        let cookie = answer.headers()["set-cookie"].to_str().unwrap();
        Person {
            engine: self,
            cookie: cookie.split(';').next().unwrap().to_owned(),
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Person<'_> {
    pub async fn get(&self, path: &str) -> Value {
        let (status, value) = self
            .engine
            .ask(Method::GET, path, &self.cookie, Value::Null)
            .await;
        assert!(status.is_success(), "GET {path}: {status} {value}");
        value
    }

    pub async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.engine
            .ask(Method::POST, path, &self.cookie, body)
            .await
    }

    pub async fn bytes(&self, path: &str) -> Vec<u8> {
        let url = format!("{}{path}", self.engine.url);
        let asked = self.engine.http.get(url).header("cookie", &self.cookie);
        let answer = asked.send().await.unwrap();
        assert!(answer.status().is_success(), "GET {path}");
        answer.bytes().await.unwrap().to_vec()
    }

    pub async fn is(&self, state: &str) {
        let (status, said) = self
            .post("/api/agent/state", json!({ "state": state }))
            .await;
        assert!(status.is_success(), "{said}");
    }

    /// Waits until the router has this person in a state.
    pub async fn comes_to(&self, state: &str) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let now = self.get("/api/agent").await;
            if now["state"] == state {
                return now;
            }
            assert!(
                Instant::now() < until,
                "is {} and not {state}",
                now["state"]
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub async fn click(&self, call: &str, action: Value) {
        let path = format!("/api/calls/{call}/click");
        let (status, said) = self.post(&path, action.clone()).await;
        assert!(status.is_success(), "{action}: {status} {said}");
    }

    /// Waits for an event of a call.
    pub async fn sees(&self, call: &str, what: &str, wanted: impl Fn(&Value) -> bool) {
        let until = Instant::now() + PATIENCE;
        loop {
            let events = self.get(&format!("/api/calls/{call}/events")).await;
            if events.as_array().unwrap().iter().any(&wanted) {
                return;
            }
            assert!(Instant::now() < until, "no event: {what}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}
