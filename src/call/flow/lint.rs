//! What no call should find out: dead ends, unknown names, too deep menus, missing words.

use super::FlowBook;
use super::load::{line_in_step, line_of};
use super::model::*;
use super::operations::operation;
use crate::conversation::DEPTH_MAX;
use sidetone_types::ContentError;
use std::collections::BTreeSet;

/// Prompts that the conversation itself speaks, with the variables each may use.
const OWN_PROMPTS: &[(&str, &[&str])] = &[
    ("welcome-notice", &[]),
    ("welcome-open", &[]),
    ("ask-open-short", &[]),
    ("language-changed", &[]),
    ("you-are-welcome", &[]),
    ("goodbye", &[]),
    ("anything-else", &[]),
    ("confirm-intent", &["title"]),
    ("offer-next", &["title"]),
    ("did-that-help", &[]),
    ("offer-person", &[]),
    ("no-input", &[]),
    ("no-input-keys", &[]),
    ("no-input-bye", &[]),
    ("not-clear", &[]),
    ("no-match", &[]),
    ("no-match-keys", &[]),
    ("menu-head", &[]),
    ("menu-entry", &["digit", "title"]),
    ("menu-tail", &[]),
    ("speech-lost", &[]),
    ("understanding-lost", &[]),
    ("yes-or-no", &[]),
    ("yes-no-keys", &[]),
    ("choose-by-number", &[]),
    ("one-moment", &[]),
    ("to-person", &[]),
    ("to-person-sorry", &[]),
    ("closed", &[]),
    ("nobody-free", &[]),
    ("offer-message", &[]),
    ("wait-position", &["ahead", "known", "low", "high"]),
    ("agent-lost", &[]),
    ("agent-away", &[]),
    ("transferring", &[]),
    ("transfer-failed", &[]),
];

/// Variables that every prompt may use.
const GLOBALS: &[&str] = &[
    "lang",
    "customer",
    "caller",
    "tier",
    "speech",
    "open",
    "said_order",
    "loop",
];

/// Everything that is wrong with the content as a whole.
pub(super) fn lint(book: &FlowBook, files: &[(String, String)]) -> Vec<ContentError> {
    let mut lint = Lint {
        book,
        files,
        faults: Vec::new(),
    };
    lint.own_prompts();
    lint.templates();
    for flow in book.flows.values() {
        lint.flow(flow);
    }
    lint.depth();
    lint.menu();
    lint.intents();
    lint.faults
}

struct Lint<'a> {
    book: &'a FlowBook,
    files: &'a [(String, String)],
    faults: Vec<ContentError>,
}

impl<'a> Lint<'a> {
    fn fault(&mut self, file: &str, line: Option<u32>, reason: String, hint: &str) {
        self.faults.push(ContentError {
            file: file.into(),
            line,
            reason,
            hint: hint.into(),
        });
    }

    /// Path and text of the file that a flow was read from.
    fn source(&self, flow: &str) -> (String, String) {
        let tail = format!("flows/{flow}.toml");
        let found = self
            .files
            .iter()
            .find(|(path, _)| path.replace('\\', "/").ends_with(&tail));
        found.cloned().unwrap_or((tail, String::new()))
    }

    /// Whether there is such a flow; one whose file is broken has its own fault already.
    fn exists(&self, flow: &str) -> bool {
        let tail = format!("flows/{flow}.toml");
        self.book.flows.contains_key(flow)
            || self
                .files
                .iter()
                .any(|(path, _)| path.replace('\\', "/").ends_with(&tail))
    }

    fn in_step(&mut self, flow: &str, step: &str, wanted: &str, reason: String, hint: &str) {
        let (path, text) = self.source(flow);
        let line = line_in_step(&text, step, wanted);
        self.fault(&path, line, reason, hint);
    }

    fn own_prompts(&mut self) {
        for (key, _) in OWN_PROMPTS {
            if !self.book.voice.spoken.contains_key(*key) {
                self.fault(
                    "prompts/spoken",
                    None,
                    format!("the prompt `{key}` is missing"),
                    "the conversation itself speaks it: add it in both languages",
                );
            }
        }
    }

    /// Templates compile, and the conversation's own ones use what they are given.
    fn templates(&mut self) {
        let mut found = Vec::new();
        for (key, spoken) in &self.book.voice.spoken {
            let own = OWN_PROMPTS.iter().find(|(name, _)| name == key);
            for text in [&spoken.text.zh, &spoken.text.en] {
                match self.book.voice.check(text) {
                    Err((reason, line)) => found.push((
                        spoken.file.clone(),
                        spoken.line + line,
                        format!("the prompt `{key}` is no valid template: {reason}"),
                        "filters are digits, money, date, month, clock and count",
                    )),
                    Ok(names) => {
                        let Some((_, allowed)) = own else {
                            continue;
                        };
                        let strange = names.iter().filter(|name| {
                            !GLOBALS.contains(&name.as_str()) && !allowed.contains(&name.as_str())
                        });
                        for name in strange {
                            found.push((
                                spoken.file.clone(),
                                spoken.line,
                                format!("the prompt `{key}` uses `{name}`, which it is not given"),
                                "take the variable out",
                            ));
                        }
                    }
                }
            }
        }
        for (file, line, reason, hint) in found {
            self.fault(&file, Some(line), reason, hint);
        }
    }

    fn flow(&mut self, flow: &Flow) {
        let known = self.variables(flow);
        for step in &flow.steps {
            for prompt in prompts(&step.act) {
                self.prompt_of(flow, step, prompt, &known);
            }
            match &step.act {
                Act::Connect {
                    operation: name,
                    params,
                    ..
                } => {
                    self.operation(flow, step, name);
                    for (param, variable) in params {
                        if !known.contains(variable.as_str()) {
                            self.unknown_variable(flow, step, variable);
                        }
                        self.param(flow, step, name, param);
                    }
                }
                Act::Branch { on, .. } if !known.contains(on.as_str()) => {
                    self.unknown_variable(flow, step, on);
                }
                Act::Choose(choose) if !known.contains(choose.list.as_str()) => {
                    self.unknown_variable(flow, step, &choose.list);
                }
                Act::Flow { flow: name, .. } if !self.exists(name) => {
                    let reason = format!(
                        "the step `{}` goes into the flow `{name}`, which does not exist",
                        step.id
                    );
                    self.in_step(
                        &flow.id,
                        &step.id,
                        name,
                        reason,
                        "name a file of prompts/flows",
                    );
                }
                _ => {}
            }
        }
        self.unreachable(flow);
    }

    fn unknown_variable(&mut self, flow: &Flow, step: &Step, name: &str) {
        let reason = format!(
            "the step `{}` uses `{name}`, which nothing in the flow sets",
            step.id
        );
        let hint = "name a slot of an `ask` or `choose`, or a field of a connector's answer";
        self.in_step(&flow.id, &step.id, name, reason, hint);
    }

    fn operation(&mut self, flow: &Flow, step: &Step, name: &str) {
        let Some(known) = operation(name) else {
            let reason = format!(
                "the step `{}` asks for `{name}`, which no connector does",
                step.id
            );
            self.in_step(
                &flow.id,
                &step.id,
                name,
                reason,
                "use one of the operations of the connectors",
            );
            return;
        };
        let Act::Connect { params, .. } = &step.act else {
            return;
        };
        for param in known.required {
            if !params.contains_key(*param) {
                let reason = format!("the step `{}` does not give `{param}` to `{name}`", step.id);
                self.in_step(&flow.id, &step.id, name, reason, "add it under `params`");
            }
        }
    }

    fn param(&mut self, flow: &Flow, step: &Step, name: &str, param: &str) {
        let Some(known) = operation(name) else {
            return;
        };
        if !known.required.contains(&param) && !known.optional.contains(&param) {
            let reason = format!("`{name}` takes no `{param}` (step `{}`)", step.id);
            self.in_step(
                &flow.id,
                &step.id,
                name,
                reason,
                "take it out or correct its name",
            );
        }
    }

    fn prompt_of(&mut self, flow: &Flow, step: &Step, prompt: &str, known: &BTreeSet<&str>) {
        let Some(spoken) = self.book.voice.spoken.get(prompt) else {
            let reason = format!(
                "the step `{}` speaks `{prompt}`, which is in no file of prompts/spoken",
                step.id
            );
            self.in_step(
                &flow.id,
                &step.id,
                prompt,
                reason,
                "add the prompt in both languages",
            );
            return;
        };
        let names: BTreeSet<String> = [&spoken.text.zh, &spoken.text.en]
            .iter()
            .filter_map(|text| self.book.voice.check(text).ok())
            .flatten()
            .collect();
        let of_item: BTreeSet<&str> = item_fields(&step.act);
        for name in names {
            let root = name.split('.').next().unwrap_or(&name);
            if !known.contains(root) && !of_item.contains(root) {
                let reason = format!(
                    "the prompt `{prompt}` uses `{root}`, which the flow `{}` does not have",
                    flow.id
                );
                self.in_step(
                    &flow.id,
                    &step.id,
                    prompt,
                    reason,
                    "set it in a step before, or take it out",
                );
            }
        }
    }

    /// Variables that a flow, the flows it calls and the flows that call it can set.
    fn variables(&self, flow: &Flow) -> BTreeSet<&'a str> {
        let book: &'a FlowBook = self.book;
        let mut known: BTreeSet<&'a str> = GLOBALS.iter().copied().collect();
        for other in book.flows.values() {
            let related = other.id == flow.id || calls(other, &flow.id) || calls(flow, &other.id);
            if related {
                known.extend(sets(other));
            }
        }
        known
    }

    fn unreachable(&mut self, flow: &Flow) {
        let mut seen = BTreeSet::new();
        let mut open = vec![0usize];
        while let Some(index) = open.pop() {
            if let Some(step) = flow.steps.get(index)
                && seen.insert(index)
            {
                open.extend(targets(&step.act));
            }
        }
        for (index, step) in flow.steps.iter().enumerate() {
            if !seen.contains(&index) {
                let reason = format!("no step leads to `{}`", step.id);
                self.in_step(
                    &flow.id,
                    &step.id,
                    &step.id,
                    reason,
                    "lead a step there or take it out",
                );
            }
        }
    }

    fn depth(&mut self) {
        let ids: Vec<String> = self.book.flows.keys().cloned().collect();
        for id in ids {
            if self.depth_of(&id, 1) > DEPTH_MAX {
                let (path, text) = self.source(&id);
                self.fault(
                    &path,
                    line_of(&text, "do = \"flow\""),
                    format!("the flow `{id}` leads more than {DEPTH_MAX} levels deep, or back into itself"),
                    "callers get lost below three levels: take a level out",
                );
            }
        }
    }

    fn depth_of(&self, flow: &str, level: usize) -> usize {
        if level > DEPTH_MAX {
            return level;
        }
        let steps = self
            .book
            .flows
            .get(flow)
            .map_or(&[][..], |flow| &flow.steps);
        let subs = steps.iter().filter_map(|step| match &step.act {
            Act::Flow { flow, .. } => Some(self.depth_of(flow, level + 1)),
            _ => None,
        });
        subs.max().unwrap_or(level)
    }

    fn menu(&mut self) {
        let (path, text) = self
            .files
            .iter()
            .find(|(path, _)| path.ends_with("menu.toml"))
            .cloned()
            .unwrap_or_default();
        let menu = self.book.menu.clone();
        for (digit, key) in &menu.key {
            let line = line_of(&text, &format!("[key.{digit}]"));
            if !matches!(
                digit.as_str(),
                "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9"
            ) {
                let reason = format!("`{digit}` cannot be an entry of the menu");
                self.fault(
                    &path,
                    line,
                    reason,
                    "use 1 to 9; 0 is always a person, * the menu, # repeats",
                );
            }
            if !self.exists(&key.flow) {
                let reason = format!(
                    "the key {digit} leads to the flow `{}`, which does not exist",
                    key.flow
                );
                self.fault(&path, line, reason, "name a file of prompts/flows");
            }
        }
        if let Some(flow) = menu.closed_flow.filter(|flow| !self.exists(flow)) {
            let line = line_of(&text, "closed_flow");
            let reason = format!("`closed_flow` names `{flow}`, which does not exist");
            self.fault(&path, line, reason, "name a file of prompts/flows");
        }
    }

    fn intents(&mut self) {
        let lost: Vec<(String, String)> = self
            .book
            .intents
            .iter()
            .filter_map(|(id, title)| Some((id.clone(), title.flow.clone()?)))
            .filter(|(_, flow)| !self.exists(flow))
            .collect();
        for (id, flow) in lost {
            let tail = format!("intents/{id}.toml");
            let found = self
                .files
                .iter()
                .find(|(path, _)| path.ends_with(&tail))
                .cloned();
            let (path, text) = found.unwrap_or((tail, String::new()));
            let reason =
                format!("the intent `{id}` leads to the flow `{flow}`, which does not exist");
            self.fault(
                &path,
                line_of(&text, "flow ="),
                reason,
                "name a file of prompts/flows",
            );
        }
    }
}

fn calls(from: &Flow, to: &str) -> bool {
    from.steps
        .iter()
        .any(|step| matches!(&step.act, Act::Flow { flow, .. } if flow == to))
}

/// Variables that the steps of a flow set.
fn sets(flow: &Flow) -> BTreeSet<&str> {
    let mut set = BTreeSet::new();
    for step in &flow.steps {
        match &step.act {
            Act::Ask(ask) => {
                set.insert(ask.slot.as_str());
            }
            Act::Choose(choose) => {
                set.insert(choose.slot.as_str());
                set.extend(item_fields(&step.act));
            }
            Act::Connect {
                operation: name, ..
            } => {
                let fields = operation(name).map_or(&[][..], |operation| operation.fields);
                set.extend(fields.iter().filter(|field| !field.contains('.')));
            }
            _ => {}
        }
    }
    set
}

/// What an entry of a read list offers to its prompt.
fn item_fields(act: &Act) -> BTreeSet<&'static str> {
    if !matches!(act, Act::Choose(_)) {
        return BTreeSet::new();
    }
    super::OPERATIONS
        .iter()
        .flat_map(|operation| operation.fields)
        .filter_map(|field| field.split_once('.').map(|(_, field)| field))
        .chain(["number"])
        .collect()
}

fn prompts(act: &Act) -> Vec<&str> {
    match act {
        Act::Say { prompt, .. } => vec![prompt],
        Act::Ask(ask) => [
            Some(&ask.prompt),
            ask.reprompt.as_ref(),
            ask.invalid.as_ref(),
            ask.keypad.as_ref(),
            ask.read_back.as_ref(),
        ]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect(),
        Act::Choose(choose) => vec![&choose.prompt, &choose.item],
        Act::Queue { prompt, .. } | Act::More { prompt } | Act::End { prompt } => {
            prompt.iter().map(String::as_str).collect()
        }
        Act::Connect { .. } | Act::Branch { .. } | Act::Flow { .. } => Vec::new(),
    }
}

fn targets(act: &Act) -> Vec<usize> {
    match act {
        Act::Say { then, .. } | Act::Flow { then, .. } => vec![*then],
        Act::Ask(ask) => vec![ask.then],
        Act::Connect {
            ok,
            not_found,
            failed,
            ..
        } => vec![*ok, *not_found, *failed],
        Act::Branch {
            cases, otherwise, ..
        } => cases.values().copied().chain([*otherwise]).collect(),
        Act::Choose(choose) => vec![choose.none, choose.then],
        Act::Queue { .. } | Act::More { .. } | Act::End { .. } => Vec::new(),
    }
}
