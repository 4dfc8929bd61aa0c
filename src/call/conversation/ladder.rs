//! What is tried when nothing is said or nothing is understood: help, keys, a person.

use super::Call;
use super::state::*;
use serde_json::Value as Json;
use sidetone_types::*;

impl Call {
    /// Silence after a question.
    pub(super) fn silence_timer(&mut self) {
        if self.no_input_at.is_none_or(|at| self.now < at) {
            return;
        }
        self.nothing_said();
    }

    /// Nothing came, or nothing but noise.
    pub(super) fn nothing_said(&mut self) {
        self.no_input_at = None;
        self.no_input = self.no_input.saturating_add(1);
        let count = self.no_input;
        self.emit(EventKind::NoInput { count });
        match (count, self.awaiting.clone()) {
            (1, Awaiting::More) => self.goodbye(EndReason::AssistantFinished),
            (1, Awaiting::Helped) => self.ask_more(),
            (1, _) if self.speech => {
                self.say("no-input");
                self.ask_again();
            }
            (1 | 2, _) => self.offer_keys("no-input-keys"),
            _ if self.open => self.seek_person("no_input"),
            _ => {
                self.say("no-input-bye");
                self.goodbye(EndReason::NoInput);
            }
        }
    }

    /// Something was said and it could not be made use of.
    pub(super) fn misunderstood(&mut self) {
        self.no_match = self.no_match.saturating_add(1);
        let count = self.no_match;
        self.emit(EventKind::NoMatch { count });
        match count {
            1 => self.ask_open("no-match"),
            2 => {
                self.say("no-match-keys");
                self.offer_menu();
            }
            _ => self.seek_person("no_match"),
        }
    }

    /// The keys of what stands: the number of a question, or the menu.
    pub(super) fn offer_keys(&mut self, why: &str) {
        self.say(why);
        match self.awaiting {
            Awaiting::Slot | Awaiting::ReadBack | Awaiting::Choice => self.keys_for_step(),
            _ if self.awaiting.is_yes_no() => {
                let facts = self.facts();
                let awaiting = self.awaiting.clone();
                self.question("yes-no-keys", &facts, awaiting);
            }
            _ => self.offer_menu(),
        }
    }

    /// Reads out the keypad menu.
    pub(super) fn offer_menu(&mut self) {
        self.leave_flow("left");
        self.pending = None;
        let before = self.lines.len();
        self.say("menu-head");
        let entries: Vec<(String, String)> = self
            .book
            .menu()
            .key
            .iter()
            .filter_map(|(digit, key)| Some((digit.clone(), self.book.flows.get(&key.flow)?)))
            .map(|(digit, flow)| (digit, flow.title.in_lang(self.lang).to_owned()))
            .collect();
        for (digit, title) in entries {
            let mut facts = self.facts();
            facts.insert("digit".into(), Json::from(digit));
            facts.insert("title".into(), Json::from(title));
            self.say_with("menu-entry", &facts);
        }
        self.say("menu-tail");
        self.join_lines(before, "menu");
        self.asked_from(before, Awaiting::Menu);
    }

    /// One prompt out of several lines: a list is heard without gaps and barged into as a whole.
    pub(super) fn join_lines(&mut self, from: usize, key: &str) {
        let lines: Vec<Line> = self.lines.split_off(from.min(self.lines.len())).into();
        let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
        let text = texts.join(match self.lang {
            Lang::Zh => "",
            Lang::En => " ",
        });
        self.say_text(key, text);
    }

    /// Words by which entries of the menu are picked, in the call's language.
    pub(super) fn menu_words(&self) -> Vec<String> {
        let words = self.book.menu().key.values().map(|key| match self.lang {
            Lang::Zh => &key.zh,
            Lang::En => &key.en,
        });
        words.flatten().cloned().collect()
    }

    /// The flow whose menu word was said, while the menu stands.
    pub(super) fn menu_word(&self, text: &str) -> Option<String> {
        if self.awaiting != Awaiting::Menu {
            return None;
        }
        let lower = text.trim().to_lowercase();
        let number =
            crate::slots::choice(text, self.lang, 9).filter(|_| lower.chars().count() <= 8);
        self.book.menu().key.iter().find_map(|(digit, key)| {
            let words = match self.lang {
                Lang::Zh => &key.zh,
                Lang::En => &key.en,
            };
            let by_word = words.iter().any(|word| lower == word.to_lowercase());
            let by_number = number.is_some_and(|number| number.to_string() == *digit);
            (by_word || by_number).then(|| key.flow.clone())
        })
    }
}
