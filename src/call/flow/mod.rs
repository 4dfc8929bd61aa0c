//! The content a call runs on: flows, spoken prompts, the keypad menu, the titles of intents.
//!
//! Everything is parsed and linted before a call sees it; a [`FlowBook`] that exists has no unknown
//! step, prompt, slot or operation and no missing language.

mod lint;
mod load;
mod model;
mod operations;

pub use model::*;
pub use operations::{OPERATIONS, Operation};

use crate::speak::Voice;
use sidetone_types::{ContentError, Lang};
use std::collections::BTreeMap;

/// All content of a call, immutable; a call keeps the book it began with.
#[derive(Debug)]
pub struct FlowBook {
    pub(crate) flows: BTreeMap<String, Flow>,
    pub(crate) voice: Voice,
    pub(crate) menu: Menu,
    pub(crate) intents: BTreeMap<String, IntentTitle>,
    digest: String,
}

impl FlowBook {
    /// Reads `prompts/flows/*.toml`, `prompts/spoken/*.toml`, `prompts/menu.toml` and, where given,
    /// `knowledge/intents/*.toml` (titles, flow and article of each intent) from pairs of path and
    /// text. Other paths are left alone. All faults are returned together.
    pub fn parse(files: &[(String, String)]) -> Result<Self, Vec<ContentError>> {
        let (book, mut faults) = load::load(files);
        faults.extend(lint::lint(&book, files));
        faults.sort();
        faults.dedup();
        if faults.is_empty() {
            Ok(book)
        } else {
            Err(faults)
        }
    }

    /// Digest of all the content, 64 hexadecimal digits, for `CallStarted`.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Names of the flows.
    pub fn flows(&self) -> impl Iterator<Item = &Flow> {
        self.flows.values()
    }

    /// What the keypad menu and the queues are.
    pub fn menu(&self) -> &Menu {
        &self.menu
    }

    /// Every text that can be spoken without a variable, for warming a synthesizer's cache.
    pub fn fixed_texts(&self) -> Vec<(String, Lang, String)> {
        self.voice.fixed_texts()
    }

    /// The flow that an intent leads to.
    pub(crate) fn flow_of(&self, intent: &str) -> Option<&Flow> {
        self.intents
            .get(intent)
            .and_then(|title| title.flow.as_deref())
            .and_then(|id| self.flows.get(id))
            .or_else(|| {
                self.flows
                    .values()
                    .find(|flow| flow.intents.iter().any(|name| name == intent))
            })
    }

    /// The article that an intent is answered by.
    pub(crate) fn article_of(&self, intent: &str) -> Option<&str> {
        self.intents.get(intent)?.article.as_deref()
    }

    /// What an intent is called when the caller is asked about it: its flow's title, which fits into
    /// a sentence, or its own.
    pub(crate) fn title_of(&self, intent: &str, lang: Lang) -> Option<&str> {
        let flow = self.flow_of(intent).map(|flow| &flow.title);
        let own = self.intents.get(intent).map(|title| &title.title);
        flow.or(own).map(|title| title.in_lang(lang))
    }
}
