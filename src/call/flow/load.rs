//! From TOML to steps, with faults that name file, line, reason and what to do.

use super::model::*;
use super::{FlowBook, IntentTitle};
use crate::speak::{Spoken, Voice};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use sidetone_types::{ContentError, SlotKind};
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FlowFile {
    id: String,
    title_zh: String,
    title_en: String,
    #[serde(default)]
    intents: Vec<String>,
    #[serde(default)]
    step: Vec<StepFile>,
}

/// A step as written: every field of every kind, so that a missing one can be named.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct StepFile {
    id: String,
    #[serde(rename = "do")]
    act: String,
    prompt: Option<String>,
    then: Option<String>,
    slot: Option<String>,
    kind: Option<SlotKind>,
    count: Option<u8>,
    reprompt: Option<String>,
    invalid: Option<String>,
    keypad: Option<String>,
    read_back: Option<String>,
    operation: Option<String>,
    params: BTreeMap<String, String>,
    ok: Option<String>,
    not_found: Option<String>,
    failed: Option<String>,
    on: Option<String>,
    cases: BTreeMap<String, String>,
    otherwise: Option<String>,
    list: Option<String>,
    value: Option<String>,
    item: Option<String>,
    max: Option<u8>,
    none: Option<String>,
    queue: Option<String>,
    skills: Vec<String>,
    reason: Option<String>,
    flow: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SpokenFile {
    zh: Option<String>,
    en: Option<String>,
    #[serde(default = "yes")]
    bargeable: bool,
}

fn yes() -> bool {
    true
}

/// Of an intent's file only what a conversation needs; the examples belong to the classifier.
#[derive(Deserialize)]
struct IntentFile {
    id: String,
    title_zh: String,
    title_en: String,
    flow: Option<String>,
    article: Option<String>,
}

/// Line, from 1, of a byte of a text.
fn line_at(text: &str, byte: usize) -> u32 {
    let head = text.get(..byte.min(text.len())).unwrap_or(text);
    u32::try_from(head.matches('\n').count() + 1).unwrap_or(u32::MAX)
}

/// Line of the first occurrence of `needle`.
pub(super) fn line_of(text: &str, needle: &str) -> Option<u32> {
    text.find(needle).map(|at| line_at(text, at))
}

/// Line of the value `wanted` within the step `step`, or of the step itself.
pub(super) fn line_in_step(text: &str, step: &str, wanted: &str) -> Option<u32> {
    let start = [format!("id = \"{step}\""), format!("id=\"{step}\"")]
        .iter()
        .find_map(|needle| text.find(needle.as_str()))?;
    let end = text[start..]
        .find("[[step]]")
        .map_or(text.len(), |at| start + at);
    let at = text[start..end]
        .find(&format!("\"{wanted}\""))
        .map_or(start, |at| start + at);
    Some(line_at(text, at))
}

fn toml_fault(file: &str, text: &str, error: &toml::de::Error) -> ContentError {
    ContentError {
        file: file.into(),
        line: error.span().map(|span| line_at(text, span.start)),
        reason: error.message().to_owned(),
        hint: "correct the TOML at this line; the last good version keeps serving".into(),
    }
}

fn fault(file: &str, line: Option<u32>, reason: String, hint: &str) -> ContentError {
    ContentError {
        file: file.into(),
        line,
        reason,
        hint: hint.into(),
    }
}

/// Whether a file lies directly in a folder of that name.
fn is_in(path: &str, folder: &str) -> bool {
    path.rsplit('/').nth(1) == Some(folder)
}

/// Folder and name, so that the digest does not depend on where the project lies.
fn short(path: &str) -> &str {
    let from = path.rmatch_indices('/').nth(1).map_or(0, |(at, _)| at + 1);
    &path[from..]
}

/// Reads everything that can be read; what cannot is among the faults.
pub(super) fn load(files: &[(String, String)]) -> (FlowBook, Vec<ContentError>) {
    let mut faults = Vec::new();
    let mut spoken = BTreeMap::new();
    let mut flows = BTreeMap::new();
    let mut intents = BTreeMap::new();
    let mut menu = None;
    let mut sorted: Vec<&(String, String)> = files.iter().collect();
    sorted.sort();
    let mut hasher = Sha256::new();
    for (path, text) in sorted {
        let slashed = path.replace('\\', "/");
        let is_toml = slashed.ends_with(".toml");
        let known = if !is_toml {
            false
        } else if is_in(&slashed, "flows") {
            load_flow(path, text, &mut flows, &mut faults);
            true
        } else if is_in(&slashed, "spoken") {
            load_spoken(path, text, &mut spoken, &mut faults);
            true
        } else if slashed.rsplit('/').next() == Some("menu.toml") {
            match toml::from_str::<Menu>(text) {
                Ok(read) => menu = Some(read),
                Err(error) => faults.push(toml_fault(path, text, &error)),
            }
            true
        } else if is_in(&slashed, "intents") {
            load_intent(path, text, &mut intents, &mut faults);
            true
        } else {
            false
        };
        if known {
            hasher.update(short(&slashed).as_bytes());
            hasher.update([0]);
            hasher.update(text.as_bytes());
            hasher.update([0]);
        }
    }
    if menu.is_none() && !files.iter().any(|(path, _)| path.ends_with("menu.toml")) {
        faults.push(fault(
            "prompts/menu.toml",
            None,
            "the keypad menu is missing".into(),
            "add prompts/menu.toml with a [key.1] table for each digit",
        ));
    }
    let book = FlowBook {
        flows,
        voice: Voice::new(spoken),
        menu: menu.unwrap_or_default(),
        intents,
        digest: hex::encode(hasher.finalize()),
    };
    (book, faults)
}

fn load_intent(
    path: &str,
    text: &str,
    intents: &mut BTreeMap<String, IntentTitle>,
    faults: &mut Vec<ContentError>,
) {
    match toml::from_str::<IntentFile>(text) {
        Ok(file) => {
            let title = Both {
                zh: file.title_zh,
                en: file.title_en,
            };
            intents.insert(
                file.id,
                IntentTitle {
                    title,
                    flow: file.flow,
                    article: file.article,
                },
            );
        }
        Err(error) => faults.push(toml_fault(path, text, &error)),
    }
}

fn load_spoken(
    path: &str,
    text: &str,
    spoken: &mut BTreeMap<String, Spoken>,
    faults: &mut Vec<ContentError>,
) {
    let file: BTreeMap<String, SpokenFile> = match toml::from_str(text) {
        Ok(file) => file,
        Err(error) => {
            faults.push(toml_fault(path, text, &error));
            return;
        }
    };
    for (key, entry) in file {
        let line = line_of(text, &format!("[{key}]"));
        let has_text =
            |text: &Option<String>| text.as_deref().is_some_and(|t| !t.trim().is_empty());
        for (lang, value) in [("zh", &entry.zh), ("en", &entry.en)] {
            if !has_text(value) {
                faults.push(fault(
                    path,
                    line,
                    format!("the prompt `{key}` has no text in `{lang}`"),
                    "every prompt is spoken in both languages: add the missing line",
                ));
            }
        }
        let prompt = Spoken {
            text: Both {
                zh: entry.zh.unwrap_or_default(),
                en: entry.en.unwrap_or_default(),
            },
            bargeable: entry.bargeable,
            file: path.into(),
            line: line.unwrap_or(1),
        };
        if let Some(other) = spoken.insert(key.clone(), prompt) {
            faults.push(fault(
                path,
                line,
                format!(
                    "the prompt `{key}` is already in {}:{}",
                    other.file, other.line
                ),
                "rename one of the two",
            ));
        }
    }
}

fn load_flow(
    path: &str,
    text: &str,
    flows: &mut BTreeMap<String, Flow>,
    faults: &mut Vec<ContentError>,
) {
    let file: FlowFile = match toml::from_str(text) {
        Ok(file) => file,
        Err(error) => {
            faults.push(toml_fault(path, text, &error));
            return;
        }
    };
    let stem = path
        .rsplit(['/', '\\'])
        .next()
        .unwrap_or(path)
        .trim_end_matches(".toml");
    if stem != file.id {
        faults.push(fault(
            path,
            line_of(text, "id ="),
            format!("the flow is called `{}` and its file `{stem}`", file.id),
            "give both the same name",
        ));
    }
    if file.step.is_empty() {
        faults.push(fault(
            path,
            Some(1),
            "the flow has no step".into(),
            "add a [[step]]",
        ));
        return;
    }
    let mut steps = Vec::new();
    for (index, step) in file.step.iter().enumerate() {
        if file.step[..index].iter().any(|other| other.id == step.id) {
            faults.push(fault(
                path,
                line_in_step(text, &step.id, &step.id),
                format!("two steps are called `{}`", step.id),
                "rename one of them",
            ));
        }
        let mut reader = StepReader {
            path,
            text,
            file: &file,
            index,
            faults,
        };
        if let Some(act) = reader.act() {
            steps.push(Step {
                id: step.id.clone(),
                act,
            });
        }
    }
    // A flow with a broken step is left out: indices would point elsewhere.
    if steps.len() == file.step.len() {
        flows.insert(
            file.id.clone(),
            Flow {
                id: file.id,
                title: Both {
                    zh: file.title_zh,
                    en: file.title_en,
                },
                intents: file.intents,
                steps,
            },
        );
    }
}

/// Turns one written step into an act, naming what is missing.
struct StepReader<'a> {
    path: &'a str,
    text: &'a str,
    file: &'a FlowFile,
    index: usize,
    faults: &'a mut Vec<ContentError>,
}

impl StepReader<'_> {
    fn step(&self) -> &StepFile {
        &self.file.step[self.index]
    }

    fn complain(&mut self, wanted: &str, reason: String, hint: &str) {
        let line = line_in_step(self.text, &self.step().id, wanted);
        self.faults.push(fault(self.path, line, reason, hint));
    }

    /// A field that this kind of step cannot do without.
    fn need(&mut self, value: Option<String>, field: &str) -> Option<String> {
        if value.as_deref().is_none_or(str::is_empty) {
            let (id, act) = (self.step().id.clone(), self.step().act.clone());
            self.complain(
                &act,
                format!("the step `{id}` (`do = \"{act}\"`) has no `{field}`"),
                "add it to the step",
            );
            return None;
        }
        value
    }

    /// The step that a field names, or the next one in the file.
    fn target(&mut self, name: Option<String>) -> Option<Target> {
        match name {
            Some(name) => {
                let found = self.file.step.iter().position(|step| step.id == name);
                if found.is_none() {
                    let id = self.step().id.clone();
                    self.complain(
                        &name,
                        format!("the step `{id}` leads to `{name}`, which this flow does not have"),
                        "name a step of the same file",
                    );
                }
                found
            }
            None if self.index + 1 < self.file.step.len() => Some(self.index + 1),
            None => {
                let id = self.step().id.clone();
                self.complain(
                    &id,
                    format!("the step `{id}` is the last one and leads nowhere"),
                    "end the flow with a step that does `more`, `end` or `queue`",
                );
                None
            }
        }
    }

    fn act(&mut self) -> Option<Act> {
        let step = self.step();
        let (prompt, then) = (step.prompt.clone(), step.then.clone());
        match step.act.as_str() {
            "say" => {
                let prompt = self.need(prompt, "prompt");
                let then = self.target(then)?;
                Some(Act::Say {
                    prompt: prompt?,
                    then,
                })
            }
            "ask" => self.ask().map(Act::Ask),
            "connect" => self.connect(),
            "branch" => self.branch(),
            "choose" => self.choose().map(Act::Choose),
            "queue" => Some(Act::Queue {
                prompt,
                queue: step.queue.clone(),
                skills: step.skills.clone(),
                reason: step.reason.clone().unwrap_or_else(|| "flow".into()),
            }),
            "flow" => {
                let flow = self.need(self.step().flow.clone(), "flow");
                let then = self.target(then)?;
                Some(Act::Flow { flow: flow?, then })
            }
            "more" => Some(Act::More { prompt }),
            "end" => Some(Act::End { prompt }),
            other => {
                let (id, other) = (step.id.clone(), other.to_owned());
                self.complain(
                    &other,
                    format!("the step `{id}` does `{other}`, which is not a kind of step"),
                    "use say, ask, connect, branch, choose, queue, flow, more or end",
                );
                None
            }
        }
    }

    fn ask(&mut self) -> Option<AskStep> {
        let step = self.step();
        let (slot, prompt, then) = (step.slot.clone(), step.prompt.clone(), step.then.clone());
        let kind = step.kind;
        let slot = self.need(slot, "slot");
        let prompt = self.need(prompt, "prompt");
        if kind.is_none() {
            self.need(None, "kind");
        }
        let then = self.target(then);
        let step = self.step();
        Some(AskStep {
            slot: slot?,
            kind: kind?,
            count: step.count,
            prompt: prompt?,
            reprompt: step.reprompt.clone(),
            invalid: step.invalid.clone(),
            keypad: step.keypad.clone(),
            read_back: step.read_back.clone(),
            then: then?,
        })
    }

    fn connect(&mut self) -> Option<Act> {
        let step = self.step();
        let (operation, ok) = (step.operation.clone(), step.ok.clone());
        let (not_found, failed) = (step.not_found.clone(), step.failed.clone());
        let params = step.params.clone();
        let operation = self.need(operation, "operation");
        let ok = self.target(ok);
        let failed_name = self.need(failed, "failed");
        let not_found_name = self.need(not_found, "not_found");
        let failed = self.target(Some(failed_name?));
        let not_found = self.target(Some(not_found_name?));
        Some(Act::Connect {
            operation: operation?,
            params,
            ok: ok?,
            not_found: not_found?,
            failed: failed?,
        })
    }

    fn branch(&mut self) -> Option<Act> {
        let step = self.step();
        let (on, otherwise) = (step.on.clone(), step.otherwise.clone());
        let named = step.cases.clone();
        let on = self.need(on, "on");
        let otherwise = self.need(otherwise, "otherwise");
        let mut cases = BTreeMap::new();
        let mut complete = true;
        for (value, name) in named {
            match self.target(Some(name)) {
                Some(target) => {
                    cases.insert(value, target);
                }
                None => complete = false,
            }
        }
        let otherwise = self.target(Some(otherwise?))?;
        (complete).then_some(Act::Branch {
            on: on?,
            cases,
            otherwise,
        })
    }

    fn choose(&mut self) -> Option<ChooseStep> {
        let step = self.step();
        let (list, slot) = (step.list.clone(), step.slot.clone());
        let (prompt, item) = (step.prompt.clone(), step.item.clone());
        let (none, then) = (step.none.clone(), step.then.clone());
        let (value, max) = (step.value.clone(), step.max);
        let list = self.need(list, "list");
        let slot = self.need(slot, "slot");
        let prompt = self.need(prompt, "prompt");
        let item = self.need(item, "item");
        let none = self.need(none, "none");
        let then = self.target(then);
        Some(ChooseStep {
            list: list?,
            value: value.unwrap_or_else(|| "id".into()),
            slot: slot?,
            prompt: prompt?,
            item: item?,
            max: max.unwrap_or(3).clamp(1, 9),
            none: self.target(Some(none?))?,
            then: then?,
        })
    }
}
