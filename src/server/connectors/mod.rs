//! Connectors: what a flow asks of the CRM, the ERP and the help desk.
//!
//! An operation is answered by the first HTTP connector of the configuration that names it, and
//! else by the demo data. Both give the same fields, so a flow never learns which it was.

mod demo;
mod http;

pub use demo::DemoConnector;
pub use http::HttpConnector;

use crate::config::Config;
use sidetone_types::ConnectorAnswer;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One question to a connector: the operation and the unmasked values of its slots.
#[derive(Clone, Debug, Default)]
pub struct Question {
    pub operation: String,
    pub slots: BTreeMap<String, String>,
}

/// Every connector of the configuration.
pub struct Connectors {
    http: Vec<HttpConnector>,
    demo: Option<Arc<DemoConnector>>,
}

impl Connectors {
    /// Builds the clients; a secret that is named and not set is an error.
    pub fn new(config: &Config, demo: Option<Arc<DemoConnector>>) -> anyhow::Result<Self> {
        let http = config
            .connectors
            .http
            .iter()
            .map(HttpConnector::new)
            .collect::<anyhow::Result<Vec<_>>>()?;
        Ok(Self { http, demo })
    }

    /// Asks. Never an error: what fails is an answer that the flow speaks about.
    pub async fn ask(&self, question: &Question) -> ConnectorAnswer {
        if let Some(http) = self.http.iter().find(|c| c.answers(&question.operation)) {
            return http.ask(question).await;
        }
        match &self.demo {
            Some(demo) => demo.ask(question),
            None => ConnectorAnswer::Failed {
                reason: format!("no connector answers {}", question.operation),
            },
        }
    }
}
