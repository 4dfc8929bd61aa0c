//! Personal numbers of one call, in memory only and for as long as the call lasts.
//!
//! The state machine, the journal and the pages see a masked form and a number; a connector gets
//! the value itself.

use sidetone_types::{Heard, SlotValue};
use std::collections::BTreeMap;

/// The safe of one call.
#[derive(Default)]
pub struct Safe {
    values: BTreeMap<u16, Heard>,
    next: u16,
}

/// Numbers from here on are given by this side; those below are the state machine's own.
const FIRST: u16 = 1000;

impl Safe {
    /// Puts a value away and gives its number.
    pub fn put(&mut self, value: Heard) -> u16 {
        let number = FIRST + self.next;
        self.next = (self.next + 1) % (u16::MAX - FIRST);
        self.values.insert(number, value);
        number
    }
    /// Puts a value away under a number that the state machine chose.
    pub fn keep(&mut self, number: u16, value: Heard) {
        self.values.insert(number, value);
    }
    /// The value that a connector needs: the secret one where there is one, else what is shown.
    pub fn open(&self, slot: &SlotValue) -> String {
        slot.secret
            .and_then(|number| self.values.get(&number))
            .map_or_else(
                || slot.shown.as_str().to_owned(),
                |heard| heard.reveal().to_owned(),
            )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidetone_types::Masked;

    #[test]
    fn a_connector_gets_the_value_and_nobody_else_does() {
        let mut safe = Safe::default();
        let secret = safe.put(Heard::new("13800138000"));
        let slot = SlotValue {
            shown: Masked::authored("••8000"),
            secret: Some(secret),
        };
        assert_eq!(safe.open(&slot), "13800138000");
        assert!(
            !serde_json::to_string(&slot)
                .unwrap()
                .contains("13800138000")
        );
        let plain = SlotValue {
            shown: Masked::authored("20611018"),
            secret: None,
        };
        assert_eq!(safe.open(&plain), "20611018");
    }
}
