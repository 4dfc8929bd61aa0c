//! Personal numbers of one call, in memory only and for as long as the call lasts.
//!
//! The state machine, the journal and the pages see a masked form and a number; a connector gets
//! the value itself.

use sidetone_call::HIDDEN_KEY;
use sidetone_types::{Heard, SlotValue};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// The safe of one call.
#[derive(Default)]
pub struct Safe {
    values: BTreeMap<u16, Heard>,
    next: u16,
    /// The digits keyed last, which the state machine sees hidden.
    keyed: Zeroizing<String>,
}

/// Keyed digits that are remembered: more than any number has.
const KEYED_MAX: usize = 40;

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
    /// A digit that is keyed into a number.
    pub fn key(&mut self, digit: char) {
        if self.keyed.len() >= KEYED_MAX {
            self.keyed.remove(0);
        }
        self.keyed.push(digit);
    }
    /// Puts a value away under a number that the state machine chose. Its hidden digits are those
    /// that were keyed last.
    pub fn keep(&mut self, number: u16, value: Heard) {
        let length = value.reveal().chars().count();
        let hidden = value.reveal().contains(HIDDEN_KEY);
        let value = match self.keyed.len().checked_sub(length) {
            Some(from) if hidden => Heard::new(&self.keyed[from..]),
            _ => value,
        };
        self.keyed.clear();
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
    fn hidden_digits_are_those_that_were_keyed() {
        let mut safe = Safe::default();
        for digit in "9913800138000".chars() {
            safe.key(digit);
        }
        safe.keep(7, Heard::new("•••••••8000"));
        let slot = SlotValue {
            shown: Masked::authored("****8000"),
            secret: Some(7),
        };
        assert_eq!(safe.open(&slot), "13800138000");
        safe.keep(8, Heard::new("20000"));
        let plain = SlotValue {
            shown: Masked::authored("20000"),
            secret: Some(8),
        };
        assert_eq!(safe.open(&plain), "20000");
    }

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
