//! A turn of the caller's: commands first, then the answer to what was asked.

use super::Call;
use super::state::*;
use crate::request::Expect;
use crate::rules::{self, Command};
use crate::slots;
use serde_json::Value as Json;
use sidetone_types::*;

/// The intent of those who ask for a person, as `knowledge/intents/` names it.
pub(super) const PERSON_WISH: &str = "agent-request";

impl Call {
    /// Deals with what was heard as soon as the caller is done and nothing unstoppable plays.
    pub(super) fn deal_with_turn(&mut self) {
        if !self.turn_ready || self.phase != Phase::Assistant {
            return;
        }
        if self.caller_has_the_word() || self.is_unstoppable() {
            return;
        }
        self.turn_ready = false;
        if self.ending.is_some() && !self.stays_on() {
            return;
        }
        // What was still to be said was meant for before the answer.
        self.lines.clear();
        self.cut_off.clear();
        let turn = std::mem::take(&mut self.turn);
        self.no_input = 0;
        self.keys = Keys::default();
        self.remember(&turn.slots);
        if turn.text.is_empty() && turn.unclear {
            self.unclear();
        } else if !self.obey(&turn) {
            self.answer(turn);
        }
    }

    /// The caller spoke and nobody can say what: asked again at once, not after a silence.
    fn unclear(&mut self) {
        match self.awaiting {
            Awaiting::Nothing => {}
            Awaiting::Request | Awaiting::Menu => self.misunderstood(),
            Awaiting::Slot | Awaiting::ReadBack | Awaiting::Choice => self.no_answer(),
            _ => {
                self.no_match = self.no_match.saturating_add(1);
                let count = self.no_match;
                self.emit(EventKind::NoMatch { count });
                match count {
                    1 => {
                        self.say("not-clear");
                        self.ask_again();
                    }
                    2 => self.offer_keys("not-clear"),
                    _ => self.seek_person("no_match"),
                }
            }
        }
    }

    /// Over a goodbye "bye" is an echo; anything else keeps the call.
    fn stays_on(&mut self) -> bool {
        let command = rules::command(&self.turn.text);
        if matches!(command, Some(Command::Goodbye | Command::Thanks)) {
            return false;
        }
        self.ending = None;
        self.awaiting = Awaiting::More;
        true
    }

    /// Values mentioned in passing prefill later questions.
    fn remember(&mut self, slots: &[SlotCandidate]) {
        for slot in slots.iter().filter(|slot| slot.valid) {
            let lasting = matches!(
                slot.kind,
                SlotKind::OrderNumber
                    | SlotKind::PhoneNumber
                    | SlotKind::Date
                    | SlotKind::CardEnding
            );
            if lasting {
                self.mentioned.retain(|have| have.kind != slot.kind);
                self.mentioned.push(slot.clone());
            }
        }
    }

    /// What is honoured in every place. True when the turn is dealt with.
    fn obey(&mut self, turn: &CallerTurn) -> bool {
        let Some(command) = rules::command(&turn.text) else {
            return false;
        };
        // Nobody is hung up on, or led elsewhere, for words that were hardly heard.
        if turn.doubtful && !matches!(command, Command::Person | Command::Repeat | Command::Menu) {
            return false;
        }
        let telling = self.wanted_expect() == Expect::FreeText;
        if telling && !matches!(command, Command::Person | Command::Repeat) {
            return false;
        }
        match command {
            Command::Person => {
                // The rule is surer than any classifier, and the reports count the wish.
                let intent = IntentId::new(PERSON_WISH);
                self.emit(EventKind::IntentFound {
                    utterance: turn.utterance,
                    best: IntentScore {
                        intent,
                        score: 1000,
                    },
                    others: Vec::new(),
                });
                self.seek_person("asked");
            }
            Command::Repeat => {
                if self.question.is_empty() {
                    return false;
                }
                self.repeat_question();
            }
            Command::Goodbye => self.goodbye(EndReason::AssistantFinished),
            Command::Thanks => return self.thanked(),
            Command::Speak(lang) => {
                self.change_language(lang);
                self.say("language-changed");
                self.ask_again();
            }
            Command::Menu => self.offer_menu(),
            Command::Restart => {
                self.leave_flow("left");
                self.pending = None;
                self.ask_open("ask-open-short");
            }
        }
        true
    }

    /// "Thank you" closes a conversation that is done and is politeness everywhere else.
    fn thanked(&mut self) -> bool {
        match self.awaiting {
            Awaiting::More | Awaiting::Helped | Awaiting::NextOffer(_) => {
                self.goodbye(EndReason::AssistantFinished);
                true
            }
            Awaiting::Nothing => true,
            Awaiting::Request | Awaiting::Menu => {
                self.say("you-are-welcome");
                self.repeat_question();
                true
            }
            _ => false,
        }
    }

    /// The answer to the question that stands.
    fn answer(&mut self, turn: CallerTurn) {
        let yes_no = slots::yes_no(&turn.text, self.lang);
        match (self.awaiting.clone(), yes_no) {
            (Awaiting::Nothing, _) => self.speak_into_work(turn),
            (Awaiting::Request, _) if rules::is_done(&turn.text) && !turn.doubtful => {
                self.goodbye(EndReason::AssistantFinished);
            }
            (Awaiting::Request | Awaiting::Menu, _) => self.wish(turn),
            (Awaiting::IntentConfirm(intent), Some(true)) => self.act_on(intent),
            (Awaiting::IntentConfirm(_), Some(false)) => self.intent_denied(turn),
            (Awaiting::Helped, Some(true)) => self.ask_more(),
            (Awaiting::Helped, Some(false)) => {
                let facts = self.facts();
                self.question("offer-person", &facts, Awaiting::PersonOffer);
            }
            (Awaiting::PersonOffer, Some(true)) => self.seek_person("asked"),
            (Awaiting::MessageOffer, Some(true)) => self.take_message(),
            (Awaiting::NextOffer(intent), Some(true)) => self.act_on(intent),
            (
                Awaiting::PersonOffer | Awaiting::MessageOffer | Awaiting::NextOffer(_),
                Some(false),
            ) => {
                self.ask_more();
            }
            (Awaiting::More, _) if rules::is_done(&turn.text) && !turn.doubtful => {
                self.goodbye(EndReason::AssistantFinished);
            }
            (Awaiting::More, Some(false)) => self.goodbye(EndReason::AssistantFinished),
            (Awaiting::More, Some(true)) if turn.text.chars().count() <= 12 => {
                self.ask_open("ask-open-short");
            }
            (Awaiting::Slot | Awaiting::ReadBack | Awaiting::Choice, _) => self.answer_step(turn),
            // Neither yes nor no: the caller says what they want instead.
            (
                Awaiting::IntentConfirm(_)
                | Awaiting::Helped
                | Awaiting::PersonOffer
                | Awaiting::MessageOffer
                | Awaiting::NextOffer(_)
                | Awaiting::More,
                _,
            ) => self.wish(turn),
        }
    }

    /// The caller speaks while a connector is being asked, or over a goodbye.
    fn speak_into_work(&mut self, turn: CallerTurn) {
        if self.pending.is_none() && self.run.is_none() {
            self.wish(turn);
        }
    }

    /// "No" to "you'd like to …?", perhaps with what it is instead: "不是，我要退款".
    fn intent_denied(&mut self, turn: CallerTurn) {
        let rest = after_no(&turn.text);
        if rules::content_words(&rest) >= 2 {
            self.wish(CallerTurn { text: rest, ..turn });
        } else {
            self.misunderstood();
        }
    }

    /// The question that stands, asked anew in the present language.
    pub(super) fn ask_again(&mut self) {
        match self.awaiting.clone() {
            Awaiting::Slot | Awaiting::ReadBack | Awaiting::Choice => self.ask_step_again(),
            Awaiting::Menu => self.offer_menu(),
            Awaiting::IntentConfirm(intent) => self.confirm_intent(intent),
            Awaiting::More => self.ask_more(),
            Awaiting::Helped
            | Awaiting::PersonOffer
            | Awaiting::MessageOffer
            | Awaiting::NextOffer(_)
                if self.question.iter().any(|line| line.lang == self.lang) =>
            {
                self.repeat_question();
            }
            _ => self.ask_open("ask-open-short"),
        }
    }

    /// "How can I help?"
    pub(super) fn ask_open(&mut self, key: &str) {
        let facts = self.facts();
        self.question(key, &facts, Awaiting::Request);
    }

    /// "Anything else?", or the second wish of the sentence first.
    pub(super) fn ask_more(&mut self) {
        self.no_match = 0;
        if let Some(intent) = self.later.pop_front() {
            let title = self
                .book
                .title_of(intent.as_str(), self.lang)
                .unwrap_or("")
                .to_owned();
            let mut facts = self.facts();
            facts.insert("title".into(), Json::from(title));
            self.question("offer-next", &facts, Awaiting::NextOffer(intent));
            return;
        }
        let facts = self.facts();
        self.question("anything-else", &facts, Awaiting::More);
    }

    /// What is expected of the caller now.
    pub(super) fn wanted_expect(&self) -> Expect {
        match &self.awaiting {
            Awaiting::Nothing | Awaiting::Request => Expect::Open,
            Awaiting::Menu => Expect::Menu {
                words: self.menu_words(),
            },
            Awaiting::Slot => self.slot_expect(),
            Awaiting::Choice => Expect::Choice {
                max: self.choices(),
            },
            Awaiting::More => Expect::Open,
            _ => Expect::YesNo,
        }
    }
}

/// What follows the "no".
fn after_no(text: &str) -> String {
    let heads = ["不是的", "不是", "不对", "不", "no", "nope", "No", "Nope"];
    let trimmed = text.trim();
    let rest = heads
        .iter()
        .find_map(|head| trimmed.strip_prefix(head))
        .unwrap_or(trimmed);
    rest.trim_start_matches(|c: char| !c.is_alphanumeric())
        .to_owned()
}
