//! Newtypes for everything that is referred to by name or number.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);
        impl $name {
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    };
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $inner);
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl $name {
            /// The number after this one.
            pub fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }
    };
}

text_id!(
    /// One call, from the first signal to the end of wrap-up. A time-ordered UUID in text form.
    CallId
);
text_id!(
    /// A person who answers calls. The log-in name.
    AgentId
);
text_id!(
    /// A waiting line of the ACD, as named in the configuration.
    QueueId
);
text_id!(
    /// A customer's number in the CRM.
    CustomerId
);
text_id!(
    /// An intent as named in `knowledge/intents/`. `none` is the explicit "none of these".
    IntentId
);
number_id!(
    /// One party's connection within a call. 0 is the caller, 1 the assistant, 2 and up are people.
    LegId(u16)
);
number_id!(
    /// One stretch of speech of one leg, numbered within the call.
    UtteranceId(u32)
);
number_id!(
    /// One thing the assistant says, numbered within the call.
    PromptId(u32)
);
number_id!(
    /// A question a state machine asked of the outside; the answer carries the same number.
    RequestId(u64)
);
number_id!(
    /// One suggestion card, numbered within the call.
    CardId(u32)
);

impl LegId {
    pub const CALLER: Self = Self(0);
    pub const ASSISTANT: Self = Self(1);
    pub const FIRST_AGENT: Self = Self(2);
}

impl IntentId {
    /// The explicit "none of these".
    pub const NONE: &'static str = "none";
    pub fn is_none(&self) -> bool {
        self.0 == Self::NONE
    }
}
