//! Questions of a flow: a value is heard, checked, read back, corrected.

use super::Call;
use super::state::*;
use crate::flow::{Act, AskStep, ChooseStep, Step};
use crate::request::Expect;
use crate::rules;
use crate::slots::{self, Day};
use serde_json::Value as Json;
use sidetone_types::*;

/// Kinds whose value is personal: they are never parsed out of masked text, only taken from the
/// candidates that the server made before masking.
fn is_secret(kind: SlotKind) -> bool {
    matches!(kind, SlotKind::PhoneNumber)
}

impl Call {
    pub(super) fn ask_step(&self) -> Option<AskStep> {
        match self.step()?.act {
            Act::Ask(ask) => Some(ask),
            _ => None,
        }
    }

    fn choose_step(&self) -> Option<ChooseStep> {
        match self.step()?.act {
            Act::Choose(choose) => Some(choose),
            _ => None,
        }
    }

    pub(super) fn slot_expect(&self) -> Expect {
        self.ask_step()
            .map_or(Expect::Open, |ask| Expect::of(ask.kind, ask.count))
    }

    pub(super) fn choices(&self) -> u8 {
        let count = self.run.as_ref().map_or(0, |run| run.list.len());
        u8::try_from(count).unwrap_or(9)
    }

    /// True when the value is there already and the flow goes on.
    pub(super) fn begin_ask(&mut self, ask: &AskStep) -> bool {
        let known = self
            .run
            .as_ref()
            .is_some_and(|run| run.slots.contains_key(&ask.slot));
        if known {
            self.go_to(ask.then);
            return true;
        }
        let at = self.mentioned.iter().position(|slot| slot.kind == ask.kind);
        if let Some(at) = at {
            let candidate = self.mentioned.remove(at);
            self.accept(ask, candidate, false);
            return false;
        }
        let facts = self.facts();
        self.question(&ask.prompt, &facts, Awaiting::Slot);
        false
    }

    /// What the caller answered to the step's question.
    pub(super) fn answer_step(&mut self, turn: CallerTurn) {
        match self.awaiting {
            Awaiting::ReadBack => self.answer_read_back(turn),
            Awaiting::Choice => self.answer_choice(&turn),
            _ => {
                let Some(ask) = self.ask_step() else {
                    self.wish(turn);
                    return;
                };
                match self.candidate(ask.kind, &turn) {
                    Some(candidate) => self.accept(&ask, candidate, false),
                    None => self.not_an_answer(turn),
                }
            }
        }
    }

    /// The words do not answer the step's question: perhaps the caller wants something else.
    fn not_an_answer(&mut self, turn: CallerTurn) {
        if rules::content_words(&turn.text) >= 2 {
            self.detour(turn);
        } else {
            self.no_answer();
        }
    }

    /// They want nothing else either.
    pub(super) fn no_answer(&mut self) {
        match (self.awaiting.clone(), self.ask_step()) {
            (Awaiting::Choice, _) => self.choice_failed(),
            (Awaiting::ReadBack, Some(ask)) => self.unclear_read_back(&ask),
            (_, Some(ask)) => self.not_a_value(&ask),
            _ => self.misunderstood(),
        }
    }

    /// The value of a kind in a turn: the server's candidate first, then what can be read from the
    /// masked text.
    fn candidate(&self, kind: SlotKind, turn: &CallerTurn) -> Option<SlotCandidate> {
        let given = || turn.slots.iter().filter(|slot| slot.kind == kind);
        if let Some(slot) = given().find(|slot| slot.valid).or_else(|| given().next()) {
            return Some(slot.clone());
        }
        if is_secret(kind) {
            return None;
        }
        let today = Day::from_wall_ms(self.wall_ms, self.policy.utc_offset_min);
        slots::parse_on(
            &turn.text,
            self.lang,
            &self.wanted_expect_of(kind),
            Some(today),
        )
        .into_iter()
        .find(|slot| slot.kind == kind)
        .map(|slot| SlotCandidate {
            kind,
            value: SlotValue {
                shown: Masked::authored(slot.value),
                secret: None,
            },
            valid: slot.valid,
            corrected: slot.corrected,
        })
    }

    fn wanted_expect_of(&self, kind: SlotKind) -> Expect {
        Expect::of(kind, self.ask_step().and_then(|ask| ask.count))
    }

    /// A value was heard or keyed.
    pub(super) fn accept(&mut self, ask: &AskStep, candidate: SlotCandidate, by_key: bool) {
        let flow = self.flow_id();
        if !candidate.valid {
            self.emit(EventKind::SlotRejected {
                flow,
                slot: ask.slot.clone(),
                reason: wrong(ask.kind).into(),
            });
            self.slot_failed(ask, ask.invalid.clone());
            return;
        }
        self.no_match = 0;
        self.emit(EventKind::SlotFilled {
            flow: flow.clone(),
            slot: ask.slot.clone(),
            value: candidate.value.clone(),
            by_key,
        });
        if let Some(run) = &mut self.run {
            run.slots.insert(ask.slot.clone(), candidate.value.clone());
            let shown = Json::from(candidate.value.shown.as_str());
            run.vars.insert(ask.slot.clone(), shown);
        }
        match &ask.read_back {
            Some(prompt) => {
                let facts = self.facts();
                self.question(prompt, &facts, Awaiting::ReadBack);
            }
            None => {
                self.go_to(ask.then);
                self.walk();
            }
        }
    }

    fn answer_read_back(&mut self, turn: CallerTurn) {
        let Some(ask) = self.ask_step() else {
            self.wish(turn);
            return;
        };
        let old = self
            .run
            .as_ref()
            .and_then(|run| run.slots.get(&ask.slot))
            .cloned();
        let old = old.map_or(String::new(), |value| value.shown.as_str().to_owned());
        let yes_no = slots::yes_no(&turn.text, self.lang);
        if let Some(new) = self.corrected_value(&ask, &turn, &old) {
            self.forget_value(&ask, "corrected by the caller");
            self.accept(&ask, new, false);
            return;
        }
        match yes_no {
            Some(true) => self.confirmed(&ask),
            Some(false) => {
                self.forget_value(&ask, "denied by the caller");
                let again = ask.reprompt.clone();
                self.slot_failed(&ask, again);
            }
            None => self.not_an_answer(turn),
        }
    }

    /// Neither yes nor no nor a value: the question once more, with how to answer it.
    fn unclear_read_back(&mut self, ask: &AskStep) {
        if self.count_failure() > 2 {
            self.seek_person("slot");
            return;
        }
        let facts = self.facts();
        let before = self.lines.len();
        self.say("yes-or-no");
        self.say_with(ask.read_back.as_deref().unwrap_or_default(), &facts);
        self.asked_from(before, Awaiting::ReadBack);
    }

    /// A whole new value, or a few digits that put the old one right ("不对，是七").
    fn corrected_value(
        &self,
        ask: &AskStep,
        turn: &CallerTurn,
        old: &str,
    ) -> Option<SlotCandidate> {
        if ask.kind == SlotKind::YesNo {
            return None;
        }
        let whole = self
            .candidate(ask.kind, turn)
            .filter(|new| new.valid && new.value.shown.as_str() != old);
        if whole.is_some() || ask.kind != SlotKind::OrderNumber {
            return whole.filter(|_| ask.kind != SlotKind::FreeText);
        }
        let at = slots::correction(&turn.text, self.lang).unwrap_or(0);
        let tail = turn.text.get(at..).unwrap_or("");
        let said = slots::parse(tail, self.lang, &Expect::Digits { count: None });
        let digits = said
            .into_iter()
            .find(|slot| slot.kind == SlotKind::Digits)?;
        let value = slots::splice(old, &digits.value)?;
        Some(SlotCandidate {
            kind: ask.kind,
            value: SlotValue {
                shown: Masked::authored(value),
                secret: None,
            },
            valid: true,
            corrected: true,
        })
    }

    pub(super) fn confirmed(&mut self, ask: &AskStep) {
        self.emit(EventKind::SlotConfirmed {
            flow: self.flow_id(),
            slot: ask.slot.clone(),
        });
        self.go_to(ask.then);
        self.walk();
    }

    fn forget_value(&mut self, ask: &AskStep, reason: &str) {
        if let Some(run) = &mut self.run {
            run.slots.remove(&ask.slot);
            run.vars.remove(&ask.slot);
        }
        self.emit(EventKind::SlotRejected {
            flow: self.flow_id(),
            slot: ask.slot.clone(),
            reason: reason.into(),
        });
    }

    /// The words were no such value.
    fn not_a_value(&mut self, ask: &AskStep) {
        self.emit(EventKind::NoMatch {
            count: self
                .run
                .as_ref()
                .map_or(1, |run| run.fails.saturating_add(1)),
        });
        self.slot_failed(ask, ask.reprompt.clone());
    }

    fn count_failure(&mut self) -> u8 {
        match &mut self.run {
            Some(run) => {
                run.fails = run.fails.saturating_add(1);
                run.fails
            }
            None => u8::MAX,
        }
    }

    /// Once more, then by keys, then a person.
    pub(super) fn slot_failed(&mut self, ask: &AskStep, again: Option<String>) {
        let fails = self.count_failure();
        let facts = self.facts();
        match fails {
            1 => {
                let prompt = again
                    .or_else(|| ask.reprompt.clone())
                    .unwrap_or_else(|| ask.prompt.clone());
                self.question(&prompt, &facts, Awaiting::Slot);
            }
            2 => {
                let prompt = ask.keypad.clone().unwrap_or_else(|| ask.prompt.clone());
                self.question(&prompt, &facts, Awaiting::Slot);
            }
            _ => self.seek_person("slot"),
        }
    }

    /// Reads the list out. True when there is nothing to choose from.
    pub(super) fn begin_choose(&mut self, choose: &ChooseStep) -> bool {
        let list: Vec<Json> = match self.facts().get(&choose.list) {
            Some(Json::Array(list)) => list.iter().take(usize::from(choose.max)).cloned().collect(),
            _ => Vec::new(),
        };
        if list.is_empty() {
            self.go_to(choose.none);
            return true;
        }
        if let Some(run) = &mut self.run {
            run.list = list;
        }
        self.read_list(choose);
        false
    }

    fn read_list(&mut self, choose: &ChooseStep) {
        let list = self
            .run
            .as_ref()
            .map(|run| run.list.clone())
            .unwrap_or_default();
        let before = self.lines.len();
        self.say(&choose.prompt);
        for (index, entry) in list.iter().enumerate() {
            let mut facts = self.facts();
            if let Json::Object(fields) = entry {
                facts.extend(
                    fields
                        .iter()
                        .map(|(name, value)| (name.clone(), value.clone())),
                );
            }
            facts.insert("number".into(), Json::from(index + 1));
            self.say_with(&choose.item, &facts);
        }
        self.join_lines(before, &choose.prompt);
        self.asked_from(before, Awaiting::Choice);
    }

    fn answer_choice(&mut self, turn: &CallerTurn) {
        match slots::choice(&turn.text, self.lang, self.choices())
            .or_else(|| self.choice_by_field(turn))
        {
            Some(number) => self.chose(number, false),
            None if says_none(&turn.text) => {
                if let Some(choose) = self.choose_step() {
                    self.go_to(choose.none);
                    self.walk();
                }
            }
            None => self.not_an_answer(turn.clone()),
        }
    }

    /// "The one on Friday", "下午那个": the entry whose day or time was said.
    fn choice_by_field(&self, turn: &CallerTurn) -> Option<u8> {
        let today = Day::from_wall_ms(self.wall_ms, self.policy.utc_offset_min);
        let said = slots::parse_on(&turn.text, self.lang, &Expect::Open, Some(today));
        let list = &self.run.as_ref()?.list;
        let fits = |entry: &Json| {
            let fields = entry.as_object();
            let has = |value: &str| {
                fields.is_some_and(|fields| {
                    fields.values().any(|field| field.as_str() == Some(value))
                })
            };
            !said.is_empty() && said.iter().all(|slot| has(&slot.value))
        };
        let mut fitting = list.iter().enumerate().filter(|(_, entry)| fits(entry));
        let (index, _) = fitting.next()?;
        match fitting.next() {
            None => u8::try_from(index + 1).ok(),
            Some(_) => None,
        }
    }

    pub(super) fn chose(&mut self, number: u8, by_key: bool) {
        let Some(choose) = self.choose_step() else {
            return;
        };
        let index = usize::from(number.saturating_sub(1));
        let entry = self
            .run
            .as_ref()
            .and_then(|run| run.list.get(index))
            .cloned();
        let Some(Json::Object(fields)) = entry else {
            self.choice_failed();
            return;
        };
        let value = fields.get(&choose.value).map(|value| match value {
            Json::String(text) => text.clone(),
            other => other.to_string(),
        });
        let value = SlotValue {
            shown: Masked::authored(value.unwrap_or_default()),
            secret: None,
        };
        self.emit(EventKind::SlotFilled {
            flow: self.flow_id(),
            slot: choose.slot.clone(),
            value: value.clone(),
            by_key,
        });
        if let Some(run) = &mut self.run {
            let shown = Json::from(value.shown.as_str());
            run.slots.insert(choose.slot.clone(), value);
            run.vars.extend(fields);
            run.vars.insert(choose.slot.clone(), shown);
        }
        self.go_to(choose.then);
        self.walk();
    }

    fn choice_failed(&mut self) {
        let fails = self.count_failure();
        self.emit(EventKind::NoMatch { count: fails });
        match (fails, self.choose_step()) {
            (1 | 2, Some(choose)) => {
                self.say("choose-by-number");
                self.read_list(&choose);
            }
            _ => self.seek_person("slot"),
        }
    }

    /// The step's question once more, as it was first asked.
    pub(super) fn ask_step_again(&mut self) {
        let facts = self.facts();
        match (self.awaiting.clone(), self.step()) {
            (
                Awaiting::ReadBack,
                Some(Step {
                    act: Act::Ask(ask), ..
                }),
            ) => {
                let prompt = ask.read_back.unwrap_or(ask.prompt);
                self.question(&prompt, &facts, Awaiting::ReadBack);
            }
            (
                _,
                Some(Step {
                    act: Act::Ask(ask), ..
                }),
            ) => {
                self.question(&ask.prompt, &facts, Awaiting::Slot);
            }
            (
                _,
                Some(Step {
                    act: Act::Choose(choose),
                    ..
                }),
            ) => self.read_list(&choose),
            _ => self.ask_open("ask-open-short"),
        }
    }

    /// How the step is answered with keys.
    pub(super) fn keys_for_step(&mut self) {
        let facts = self.facts();
        match (self.awaiting.clone(), self.step()) {
            (
                Awaiting::ReadBack,
                Some(Step {
                    act: Act::Ask(ask), ..
                }),
            ) => {
                let before = self.lines.len();
                self.say_with(&ask.read_back.unwrap_or_default(), &facts);
                self.say("yes-no-keys");
                self.asked_from(before, Awaiting::ReadBack);
            }
            (
                _,
                Some(Step {
                    act: Act::Ask(ask), ..
                }),
            ) => {
                let prompt = ask.keypad.unwrap_or(ask.prompt);
                self.question(&prompt, &facts, Awaiting::Slot);
            }
            (
                _,
                Some(Step {
                    act: Act::Choose(choose),
                    ..
                }),
            ) => self.read_list(&choose),
            _ => self.offer_menu(),
        }
    }
}

/// Why a value of a kind is refused.
fn wrong(kind: SlotKind) -> &'static str {
    match kind {
        SlotKind::OrderNumber => "check digit or length",
        SlotKind::PhoneNumber | SlotKind::CardEnding | SlotKind::Digits => "length",
        SlotKind::Date | SlotKind::Time => "no such date or time",
        _ => "not valid",
    }
}

fn says_none(text: &str) -> bool {
    let lower = text.to_lowercase();
    [
        "都不",
        "没有合适",
        "不行",
        "不合适",
        "换",
        "none",
        "neither",
        "not any",
        "nothing",
        "no ",
    ]
    .iter()
    .any(|word| lower.contains(word))
        || matches!(lower.trim(), "no" | "不" | "不要")
}
