//! The one configuration file. Unknown fields are errors with their line; secrets come from the
//! environment or from a file, never from the configuration itself.

use serde::Deserialize;
use sidetone_acd::AcdPolicy;
use sidetone_edge::sip::SipConfig;
use sidetone_types::{AgentId, ContentError, Lang};
use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

/// The annotated example, which is also the default.
pub const EXAMPLE: &str = include_str!("../../sidetone.example.toml");

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub company: Company,
    pub http: Http,
    pub paths: Paths,
    pub media: Media,
    pub recognizer: Recognizer,
    pub synthesizer: Synthesizer,
    pub embedder: Embedder,
    #[serde(default)]
    pub qdrant: Option<Qdrant>,
    #[serde(default)]
    pub language_model: Option<LanguageModel>,
    pub connectors: Connectors,
    pub acd: AcdPolicy,
    /// Phones and trunks; without it SIP is off.
    #[serde(default)]
    pub sip: Option<SipConfig>,
    #[serde(default)]
    pub telephony: Telephony,
}

/// Where calls from telephone networks lead, and which may leave.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Telephony {
    /// The language of calls to numbers that name none.
    pub lang: Lang,
    /// Dialled numbers. An empty list: every number is answered.
    pub number: Vec<Number>,
    /// The `[[sip.trunks]]` that calls out take; without one there are none.
    pub trunk_out: Option<String>,
    /// What the far end of a call out is shown.
    pub number_out: Option<String>,
    /// Agents who may call numbers outside.
    pub may_call_out: Vec<AgentId>,
    pub audiosocket: Option<AudioSocket>,
    pub websocket: Option<StreamSockets>,
}

/// A dialled number (DNIS).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Number {
    pub dnis: String,
    #[serde(default)]
    pub lang: Option<Lang>,
    /// The flow in `prompts/flows` that it leads to; without one the assistant asks.
    #[serde(default)]
    pub flow: Option<String>,
}

/// The AudioSocket listener.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AudioSocket {
    pub bind: SocketAddr,
    /// Addresses and networks that may connect: the protocol has no password.
    pub allow: Vec<String>,
}

/// The WebSockets of Asterisk and of Twilio's dialect, on the port of the pages.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamSockets {
    pub allow: Vec<String>,
    /// The environment variable with the word that others have to bring as `?token=`.
    #[serde(default)]
    pub token_env: Option<String>,
}

impl Telephony {
    /// Whether this is one of the house's own numbers.
    pub fn lists(&self, dnis: &str) -> bool {
        self.number.iter().any(|one| one.dnis == dnis)
    }

    /// What a dialled number leads to; `None` where the list does not have it.
    pub fn entry(&self, dnis: Option<&str>) -> Option<(Lang, Option<String>)> {
        let known = self
            .number
            .iter()
            .find(|one| Some(one.dnis.as_str()) == dnis);
        match known {
            Some(one) => Some((one.lang.unwrap_or(self.lang), one.flow.clone())),
            None => self.number.is_empty().then_some((self.lang, None)),
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Company {
    pub name_zh: String,
    pub name_en: String,
    pub hours_zh: String,
    pub hours_en: String,
    /// IANA time zone of the opening hours and of the reports' days.
    pub time_zone: String,
    /// Demo content: log-ins are created with public passwords, so only localhost is served.
    pub demo: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    pub bind: SocketAddr,
    /// Log-ins end after this long, and after half an hour without use.
    pub login_hours: u32,
    /// Set the cookie's `Secure` flag: behind a TLS proxy.
    pub behind_tls: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paths {
    pub data: PathBuf,
    pub models: PathBuf,
    pub knowledge: PathBuf,
    pub prompts: PathBuf,
    pub recorded_callers: PathBuf,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Media {
    /// Address of the media sockets that is offered to callers.
    pub bind: IpAddr,
    /// Calls at the same time; the next one is refused with 503.
    pub calls_max: usize,
    pub record: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recognizer {
    /// Name in `models/manifest.toml`, or a path to a ggml Whisper file.
    pub model: String,
    pub workers: usize,
    /// Callers heard at the same time; others get the keypad menu.
    pub places: usize,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Synthesizer {
    /// `espeak-ng`, or the base address of an OpenAI-compatible speech server.
    pub engine: String,
    /// Model of a speech server.
    #[serde(default)]
    pub model: Option<String>,
    #[serde(default)]
    pub voice_zh: Option<String>,
    #[serde(default)]
    pub voice_en: Option<String>,
    /// Environment variable with the speech server's key.
    #[serde(default)]
    pub key_env: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case", tag = "kind")]
pub enum Embedder {
    /// The sentence encoder that ships: encoder.safetensors, tokenizer.json, and the word vectors; without
    /// folders those that ship.
    Sentences {
        #[serde(default)]
        folder: Option<PathBuf>,
        #[serde(default)]
        words: Option<PathBuf>,
    },
    /// Word vectors: words.safetensors, words.txt; without a folder those that ship.
    Words {
        #[serde(default)]
        folder: Option<PathBuf>,
    },
    /// Character and word hashing; needs no file.
    Hashed,
    /// A BERT-family folder: config.json, tokenizer.json, model.safetensors.
    Candle { folder: PathBuf },
    /// The same folder with model.onnx, run by ONNX Runtime.
    Onnx {
        folder: PathBuf,
        #[serde(default)]
        library: Option<PathBuf>,
    },
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Qdrant {
    pub url: String,
    pub collection: String,
    #[serde(default)]
    pub key_env: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case", tag = "kind")]
pub enum LanguageModel {
    /// Any server that speaks OpenAI chat completions (Ollama, vLLM, llama.cpp server).
    Server {
        base_url: String,
        model: String,
        #[serde(default)]
        key_env: Option<String>,
        timeout_ms: u64,
    },
    /// A GGUF file run in the process.
    Gguf {
        file: PathBuf,
        context_tokens_max: usize,
        timeout_ms: u64,
    },
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connectors {
    /// Answers from `knowledge/company/` what no HTTP connector below answers.
    pub demo_data: bool,
    #[serde(default)]
    pub http: Vec<HttpConnector>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpConnector {
    pub name: String,
    pub base_url: String,
    pub timeout_ms: u64,
    /// Header name → environment variable that holds its value.
    #[serde(default)]
    pub header_env: BTreeMap<String, String>,
    /// Operation → how to ask for it.
    pub operations: BTreeMap<String, HttpOperation>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpOperation {
    /// GET or POST.
    pub method: String,
    /// Path under the base address; `{slot}` is replaced by the slot's value.
    pub path: String,
    /// JSON body of a POST: name → slot.
    #[serde(default)]
    pub body: BTreeMap<String, String>,
    /// Field of the answer → JSON pointer into the reply.
    pub fields: BTreeMap<String, String>,
}

/// A secret read from the environment. Its `Debug` never shows it.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Reads the variable; an unset one is an error that names it.
    pub fn from_env(variable: &str) -> anyhow::Result<Self> {
        std::env::var(variable).map(Self).map_err(|_| {
            anyhow::anyhow!(
                "the configuration names the environment variable {variable}, which is not set; \
                 set it, or take the line out"
            )
        })
    }
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Config {
    /// Reads `path`, or the built-in example where no file is named.
    pub fn load(path: Option<&Path>) -> Result<Self, ContentError> {
        let Some(path) = path else {
            return Self::parse(EXAMPLE, "sidetone.example.toml");
        };
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|e| ContentError {
            file: name.clone(),
            line: None,
            reason: format!("the configuration can't be read: {e}"),
            hint: "copy sidetone.example.toml to this path and edit it".into(),
        })?;
        Self::parse(&text, &name)
    }

    /// Parses and checks the text of a configuration file; `name` is shown in errors.
    pub fn parse(text: &str, name: &str) -> Result<Self, ContentError> {
        let config: Self = toml::from_str(text).map_err(|e| toml_error(&e, text, name))?;
        config.check(name)?;
        Ok(config)
    }

    fn check(&self, name: &str) -> Result<(), ContentError> {
        let wrong = |reason: String, hint: &str| ContentError {
            file: name.to_owned(),
            line: None,
            reason,
            hint: hint.to_owned(),
        };
        if self.company.demo && !self.http.bind.ip().is_loopback() {
            return Err(wrong(
                format!(
                    "http.bind is {}, and the demo log-ins have public passwords",
                    self.http.bind
                ),
                "set company.demo = false and create log-ins with `sidetone user add`, \
                 or bind 127.0.0.1",
            ));
        }
        if self.recognizer.workers == 0 {
            return Err(wrong(
                "recognizer.workers is 0, so nobody would be heard".into(),
                "set it to the number of processor cores to use",
            ));
        }
        self.check_telephony()
            .map_err(|(reason, hint)| wrong(reason, hint))?;
        if jiff::tz::TimeZone::get(&self.company.time_zone).is_err() {
            return Err(wrong(
                format!(
                    "company.time_zone “{}” is not known",
                    self.company.time_zone
                ),
                "use an IANA name such as Asia/Shanghai",
            ));
        }
        Ok(())
    }

    fn check_telephony(&self) -> Result<(), (String, &'static str)> {
        let known = |agent: &AgentId| self.acd.agents.iter().any(|one| one.id == *agent);
        let sip = self.sip.clone().unwrap_or_default();
        if let Some(account) = sip.accounts.iter().find(|one| !known(&one.agent)) {
            return Err((
                format!(
                    "the phone {} is for {}, whom no [[acd.agent]] names",
                    account.user, account.agent
                ),
                "add the agent, or give the phone to another one",
            ));
        }
        let open = |one: &&sidetone_edge::sip::SipListen| !one.addr.ip().is_loopback();
        if let Some(listen) = sip.listen.iter().find(open)
            && self.company.demo
            && !sip.accounts.is_empty()
        {
            return Err((
                format!(
                    "sip.listen has {}, and the demo phones have public passwords",
                    listen.addr
                ),
                "set company.demo = false and secrets of your own, or listen on 127.0.0.1",
            ));
        }
        match &self.telephony.trunk_out {
            Some(name) if !sip.trunks.iter().any(|trunk| trunk.name == *name) => Err((
                format!("telephony.trunk_out is “{name}”, and no [[sip.trunks]] has that name"),
                "name a trunk, or leave the field out",
            )),
            _ => Ok(()),
        }
    }

    /// The company's time zone.
    pub fn zone(&self) -> jiff::tz::TimeZone {
        jiff::tz::TimeZone::get(&self.company.time_zone).unwrap_or(jiff::tz::TimeZone::UTC)
    }
}

/// A TOML error with the line it stands on.
pub fn toml_error(error: &toml::de::Error, text: &str, file: &str) -> ContentError {
    let line = error
        .span()
        .map(|span| text[..span.start.min(text.len())].matches('\n').count() as u32 + 1);
    ContentError {
        file: file.to_owned(),
        line,
        reason: error.message().to_owned(),
        hint: "see sidetone.example.toml for the fields and their meaning".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_parses() {
        Config::parse(EXAMPLE, "sidetone.example.toml").unwrap();
    }

    #[test]
    fn an_unknown_field_is_named_with_its_line() {
        let text = EXAMPLE.replacen("calls_max", "calls_maximum", 1);
        let error = Config::parse(&text, "x.toml").unwrap_err();
        assert!(error.reason.contains("calls_maximum"), "{error:?}");
        assert!(error.line.is_some());
    }

    #[test]
    fn demo_passwords_are_not_served_to_the_world() {
        let text = EXAMPLE.replacen("127.0.0.1:8080", "0.0.0.0:8080", 1);
        let error = Config::parse(&text, "x.toml").unwrap_err();
        assert!(error.reason.contains("public passwords"), "{error:?}");
    }

    #[test]
    fn phones_of_nobody_and_trunks_that_are_not_there_are_refused() {
        let lost = EXAMPLE.replacen("agent = \"mei\"", "agent = \"nobody\"", 1);
        let error = Config::parse(&lost, "x.toml").unwrap_err();
        assert!(error.reason.contains("nobody"), "{error:?}");
        let astray = EXAMPLE.replacen("[telephony]", "[telephony]\ntrunk_out = \"provider\"", 1);
        let error = Config::parse(&astray, "x.toml").unwrap_err();
        assert!(error.reason.contains("provider"), "{error:?}");
        let open = EXAMPLE.replacen("127.0.0.1:5060", "0.0.0.0:5060", 1);
        let error = Config::parse(&open, "x.toml").unwrap_err();
        assert!(error.reason.contains("public passwords"), "{error:?}");
    }

    #[test]
    fn dialled_numbers_lead_somewhere_or_nowhere() {
        let telephony: Telephony = toml::from_str(
            "lang = \"en\"\n[[number]]\ndnis = \"4001\"\nlang = \"zh\"\nflow = \"parcel\"\n[[number]]\ndnis = \"4002\"",
        )
        .unwrap();
        let parcel = Some((Lang::Zh, Some("parcel".to_owned())));
        assert_eq!(telephony.entry(Some("4001")), parcel);
        assert_eq!(telephony.entry(Some("4002")), Some((Lang::En, None)));
        assert_eq!(telephony.entry(Some("4003")), None);
        assert_eq!(
            Telephony::default().entry(Some("4003")),
            Some((Lang::Zh, None))
        );
    }

    #[test]
    fn a_secret_does_not_show() {
        assert_eq!(format!("{:?}", Secret("hunter2".into())), "Secret(…)");
    }
}
