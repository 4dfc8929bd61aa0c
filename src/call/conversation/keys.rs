//! The keypad: `0` is a person, `*` the start, `#` the end of a number; the rest is what was offered.
//!
//! A key that may be personal comes as [`HIDDEN_KEY`]: the digit itself stays with whoever carries
//! the call, under [`Request::Keep`](crate::Request::Keep), and neither this machine nor the journal
//! ever has it.

use super::Call;
use super::state::*;
use crate::policy::ms;
use crate::request::{Expect, Request};
use crate::slots;
use sidetone_types::*;

/// A digit that must not be kept.
pub const HIDDEN_KEY: char = '•';
/// Digits of a phone number that are hidden; the rest, four of eleven, is read back.
const HIDDEN_DIGITS: usize = 7;

impl Call {
    /// Whether the caller's next digit must come as [`HIDDEN_KEY`]: the head of a phone number, and
    /// whatever is keyed to a person, which may be a card's number.
    pub fn hides_keys(&self) -> bool {
        match self.phase {
            Phase::Assistant => {
                self.awaiting == Awaiting::Slot
                    && self.slot_expect() == Expect::PhoneNumber
                    && self.keys.digits.chars().count() < HIDDEN_DIGITS
            }
            _ => true,
        }
    }

    pub(super) fn on_key(&mut self, leg: LegId, key: char) {
        if !matches!(key, '0'..='9' | '*' | '#' | 'A'..='D' | HIDDEN_KEY)
            || self.phase == Phase::Ended
        {
            return;
        }
        let entering = self.awaiting == Awaiting::Slot && is_number(&self.slot_expect());
        // Digits of a number may be personal; one key of a menu is not.
        let shown = if entering || self.phase != Phase::Assistant {
            '•'
        } else {
            key
        };
        self.emit(EventKind::KeyPressed {
            leg,
            key: Masked::authored(shown),
        });
        if leg != LegId::CALLER || self.phase != Phase::Assistant || self.ending.is_some() {
            return;
        }
        if self.is_unstoppable() {
            // Bounded: nobody types a number over the recording notice.
            if self.held_keys.len() < 20 {
                self.held_keys.push_back(key);
            }
            return;
        }
        self.press(key);
    }

    /// Keys that came over a prompt that must be heard.
    pub(super) fn play_held_keys(&mut self) {
        while !self.is_unstoppable() && self.phase == Phase::Assistant {
            let Some(key) = self.held_keys.pop_front() else {
                return;
            };
            self.press(key);
        }
    }

    fn press(&mut self, key: char) {
        // While the assistant is at work only the ways out count.
        if self.awaiting == Awaiting::Nothing && !matches!(key, '0' | '*') {
            return;
        }
        self.hush();
        self.no_input = 0;
        self.turn_ready = false;
        self.turn = CallerTurn::default();
        if self.awaiting == Awaiting::Slot && is_number(&self.slot_expect()) {
            self.enter_digit(key);
            return;
        }
        let number = key.to_digit(10).and_then(|digit| u8::try_from(digit).ok());
        match (key, self.awaiting.clone(), number) {
            ('0', _, _) => self.seek_person("asked"),
            ('#', _, _) => self.repeat_question(),
            ('*', _, _) => {
                self.leave_flow("left");
                self.pending = None;
                self.offer_menu();
            }
            (_, Awaiting::Choice, Some(number)) => self.chose(number, true),
            ('1' | '2', Awaiting::Slot, _) if self.slot_expect() == Expect::YesNo => {
                self.keyed_yes_no(key == '1');
            }
            ('1' | '2', awaiting, _) if awaiting.is_yes_no() => {
                let text = match (key, self.lang) {
                    ('1', Lang::Zh) => "是",
                    ('1', Lang::En) => "yes",
                    (_, Lang::Zh) => "不",
                    (_, Lang::En) => "no",
                };
                self.turn = CallerTurn {
                    text: text.into(),
                    ..CallerTurn::default()
                };
                self.turn_ready = true;
            }
            (_, Awaiting::Slot, _) => self.ask_again(),
            _ => self.menu_key(key),
        }
    }

    fn menu_key(&mut self, key: char) {
        let flow = self
            .book
            .menu()
            .key
            .get(&key.to_string())
            .map(|entry| entry.flow.clone());
        match flow {
            Some(flow) => self.enter_flow(&flow),
            None => self.misunderstood(),
        }
    }

    fn keyed_yes_no(&mut self, yes: bool) {
        let Some(ask) = self.ask_step() else {
            return;
        };
        let candidate = SlotCandidate {
            kind: SlotKind::YesNo,
            value: SlotValue {
                shown: Masked::authored(if yes { "yes" } else { "no" }),
                secret: None,
            },
            valid: true,
            corrected: false,
        };
        self.accept(&ask, candidate, true);
    }

    fn enter_digit(&mut self, key: char) {
        let expect = self.slot_expect();
        match key {
            '*' => self.keys = Keys::default(),
            '#' => self.submit_keys(),
            digit => {
                if self.keys.digits.chars().count() < 20 {
                    self.keys.digits.push(digit);
                }
                self.keys.last = Some(self.now);
                let full = expect
                    .digits()
                    .is_some_and(|count| self.keys.digits.chars().count() >= usize::from(count));
                if full {
                    self.submit_keys();
                }
            }
        }
    }

    /// The number is complete. `0` alone is still the way to a person.
    fn submit_keys(&mut self) {
        let keys = std::mem::take(&mut self.keys);
        if keys.digits == "0" {
            self.seek_person("asked");
            return;
        }
        let Some(ask) = self.ask_step().filter(|_| !keys.digits.is_empty()) else {
            return;
        };
        let candidate = self.keyed(ask.kind, ask.count, &keys.digits);
        self.accept(&ask, candidate, true);
    }

    fn keyed(&mut self, kind: SlotKind, count: Option<u8>, digits: &str) -> SlotCandidate {
        let length = digits.chars().count();
        let valid = match kind {
            SlotKind::OrderNumber => digits.len() == 8 && slots::luhn(digits),
            SlotKind::PhoneNumber => (10..=11).contains(&length),
            SlotKind::CardEnding => digits.len() == 4,
            _ => count.is_none_or(|count| length == usize::from(count)),
        };
        let value = match kind {
            SlotKind::PhoneNumber => {
                let secret = self.next_secret;
                self.next_secret = secret.wrapping_add(1).max(super::KEYED_SECRET);
                self.request(Request::Keep {
                    secret,
                    value: Heard::new(digits),
                });
                let known = digits.trim_start_matches(HIDDEN_KEY);
                let tail = known.get(known.len().saturating_sub(4)..).unwrap_or("");
                SlotValue {
                    shown: Masked::authored(format!("****{tail}")),
                    secret: Some(secret),
                }
            }
            SlotKind::Amount => SlotValue {
                shown: Masked::authored(format!("{digits}00")),
                secret: None,
            },
            _ => SlotValue {
                shown: Masked::authored(digits),
                secret: None,
            },
        };
        SlotCandidate {
            kind,
            value,
            valid,
            corrected: false,
        }
    }

    /// A silence ends a number that has no known length, and a lone `0`.
    pub(super) fn key_timers(&mut self) {
        if self.key_deadline().is_some_and(|at| self.now >= at) {
            self.submit_keys();
        }
    }

    pub(super) fn key_deadline(&self) -> Option<CallTime> {
        self.keys.last.map(|at| at + ms(self.policy.key_gap_ms))
    }
}

/// Whether an answer is entered as a number.
fn is_number(expect: &Expect) -> bool {
    matches!(
        expect,
        Expect::Digits { .. }
            | Expect::OrderNumber
            | Expect::PhoneNumber
            | Expect::CardEnding
            | Expect::Amount
    )
}
