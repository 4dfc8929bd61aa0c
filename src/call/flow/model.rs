//! What a flow is made of, after it was read and checked.

use serde::{Deserialize, Serialize};
use sidetone_types::{Lang, SlotKind};
use std::collections::BTreeMap;

/// One text in both languages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Both {
    pub zh: String,
    pub en: String,
}

impl Both {
    pub fn in_lang(&self, lang: Lang) -> &str {
        match lang {
            Lang::Zh => &self.zh,
            Lang::En => &self.en,
        }
    }
}

/// What an intent is called and where it leads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IntentTitle {
    pub title: Both,
    pub flow: Option<String>,
    pub article: Option<String>,
}

/// A task the assistant can do from end to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    pub id: String,
    pub title: Both,
    /// Intents that lead here.
    pub intents: Vec<String>,
    pub steps: Vec<Step>,
}

/// One step of a flow. `then` of a step is the index of the next one; `None` ends the flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub id: String,
    pub act: Act,
}

/// What a step does. Targets are indices into the flow's steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Speak and go on.
    Say { prompt: String, then: Target },
    /// Ask for a value until there is one.
    Ask(AskStep),
    /// Do an operation of a connector.
    Connect {
        operation: String,
        /// Parameter of the operation → variable of the flow.
        params: BTreeMap<String, String>,
        ok: Target,
        not_found: Target,
        failed: Target,
    },
    /// Go where the value of a variable leads. An absent one is `missing`.
    Branch {
        on: String,
        cases: BTreeMap<String, Target>,
        otherwise: Target,
    },
    /// Read a list out and let the caller pick one.
    Choose(ChooseStep),
    /// Hand over to a person. The flow ends here.
    Queue {
        prompt: Option<String>,
        queue: Option<String>,
        skills: Vec<String>,
        reason: String,
    },
    /// Do another flow, then come back.
    Flow { flow: String, then: Target },
    /// The task is done; "anything else?"
    More { prompt: Option<String> },
    /// The task is done, and so is the call.
    End { prompt: Option<String> },
}

/// Where a step leads: an index into the steps.
pub type Target = usize;

/// A question for one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskStep {
    pub slot: String,
    pub kind: SlotKind,
    /// Digits, where the kind does not say how many.
    pub count: Option<u8>,
    pub prompt: String,
    /// Said when nothing fitting was heard.
    pub reprompt: Option<String>,
    /// Said when a value was heard and is wrong (check digit, calendar).
    pub invalid: Option<String>,
    /// Said from the second failure on: please use the keys.
    pub keypad: Option<String>,
    /// Read back and confirmed before it counts.
    pub read_back: Option<String>,
    pub then: Target,
}

/// A list to pick from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChooseStep {
    /// Variable that holds the list; each entry has an `id` or what `value` names.
    pub list: String,
    /// Field of an entry that becomes the slot's value.
    pub value: String,
    pub slot: String,
    pub prompt: String,
    /// Said for each entry, with `number` and the entry's fields.
    pub item: String,
    /// At most this many are read.
    pub max: u8,
    /// The list is empty, or the caller wants none of them.
    pub none: Target,
    pub then: Target,
}

/// `prompts/menu.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Menu {
    /// Digit → intent. `0` is always a person and `*` always the start.
    #[serde(default)]
    pub key: BTreeMap<String, MenuKey>,
    /// Flow that takes a message when nobody is on duty.
    #[serde(default)]
    pub closed_flow: Option<String>,
    /// Head of an intent (what stands before its first dash) → queue of its people.
    #[serde(default)]
    pub queue: BTreeMap<String, String>,
}

/// What a key of the menu does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MenuKey {
    pub flow: String,
    /// Words that pick the entry when it is said.
    #[serde(default)]
    pub zh: Vec<String>,
    #[serde(default)]
    pub en: Vec<String>,
}
