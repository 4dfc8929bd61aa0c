//! Phrases that must and must not be said, watched while the call runs.

use crate::plain::{fold, plain};
use crate::view::Speaker;
use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};
use sidetone_types::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A compiled `/regex/` may take this much memory; a larger one is refused with the file's line.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// The rules of `knowledge/compliance.toml`, checked and compiled.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    rules: Vec<Compiled>,
}

/// One `[[rule]]` as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub id: String,
    pub kind: RuleKind,
    pub who: Who,
    /// Required phrases: in one of the first so many turns of that speaker. Not given: by the end.
    #[serde(default)]
    pub within_turns: Option<u32>,
    #[serde(default)]
    pub lang: RuleLang,
    /// Plain text, compared without punctuation, case and width, or `/a regular expression/`.
    pub phrases: Vec<String>,
    pub hint_zh: String,
    pub hint_en: String,
    #[serde(default = "warn")]
    pub severity: Severity,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleKind {
    Required,
    Forbidden,
}

/// Whose words count. The assistant's never do: they are written, not spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    Agent,
    Caller,
    Any,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleLang {
    Zh,
    En,
    #[default]
    Any,
}

fn warn() -> Severity {
    Severity::Warn
}

#[derive(Clone, Debug)]
struct Compiled {
    rule: Rule,
    phrases: Vec<Phrase>,
}

#[derive(Clone, Debug)]
enum Phrase {
    /// As written, and its plain form.
    Plain(String, String),
    Pattern(Regex),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    rule: Vec<toml::Spanned<Rule>>,
}

impl Rules {
    /// Reads and compiles the rules. `file` is what the errors name.
    pub fn parse(text: &str, file: &str) -> Result<Self, Vec<ContentError>> {
        let fault = |at: Option<usize>, reason: String, hint: &str| ContentError {
            file: file.to_owned(),
            line: at.map(|at| line_at(text, at)),
            reason,
            hint: hint.to_owned(),
        };
        let parsed: File = toml::from_str(text).map_err(|error| {
            let at = error.span().map(|span| span.start);
            let reason = error.message().trim().replace('\n', "; ");
            let hint = "every [[rule]] needs id, kind, who, phrases, hint_zh and hint_en";
            vec![fault(at, reason, hint)]
        })?;
        let (mut rules, mut faults, mut ids) = (Vec::new(), Vec::new(), BTreeSet::new());
        for spanned in parsed.rule {
            let at = Some(spanned.span().start);
            let rule = spanned.into_inner();
            if !ids.insert(rule.id.clone()) {
                let reason = format!("the rule `{}` is there twice", rule.id);
                faults.push(fault(at, reason, "rename one of them"));
            }
            match compile(rule) {
                Ok(rule) => rules.push(rule),
                Err((reason, hint)) => faults.push(fault(at, reason, hint)),
            }
        }
        if faults.is_empty() {
            Ok(Self { rules })
        } else {
            Err(faults)
        }
    }

    /// The rules as written, in the file's order.
    pub fn list(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().map(|compiled| &compiled.rule)
    }

    pub fn get(&self, id: &str) -> Option<&Rule> {
        self.list().find(|rule| rule.id == id)
    }

    /// Starts watching one call.
    pub fn check(self: &Arc<Self>) -> Check {
        Check {
            rules: Arc::clone(self),
            lang: Lang::default(),
            legs: BTreeMap::new(),
            turns: BTreeMap::new(),
            settled: BTreeSet::new(),
            answered: false,
            over: false,
        }
    }

    /// Runs over a stored call: the hits that a live check would have given.
    pub fn check_all(self: &Arc<Self>, events: &[CallEvent]) -> Vec<EventKind> {
        let mut check = self.check();
        events.iter().flat_map(|event| check.apply(event)).collect()
    }
}

fn compile(rule: Rule) -> Result<Compiled, (String, &'static str)> {
    let id = &rule.id;
    if id.trim().is_empty() || rule.phrases.is_empty() {
        return Err((
            format!("the rule `{id}` has no id or no phrases"),
            "write an id and at least one phrase",
        ));
    }
    if rule.within_turns == Some(0)
        || rule.within_turns.is_some() && rule.kind == RuleKind::Forbidden
    {
        return Err((
            format!("the rule `{id}`: within_turns counts the turns of a required phrase, from 1"),
            "leave within_turns out, or make the rule required",
        ));
    }
    let mut phrases = Vec::new();
    for phrase in &rule.phrases {
        let pattern = phrase.strip_prefix('/').and_then(|p| p.strip_suffix('/'));
        phrases.push(match pattern {
            Some(pattern) => Phrase::Pattern(
                RegexBuilder::new(pattern)
                    .case_insensitive(true)
                    .size_limit(REGEX_BYTES_MAX)
                    .build()
                    .map_err(|error| {
                        let full = error.to_string();
                        let reason = full.lines().last().unwrap_or("").trim();
                        let reason = reason.trim_start_matches("error: ");
                        let reason = format!("the rule `{id}`: `{phrase}` is no pattern: {reason}");
                        (reason, "correct the regular expression between the slashes")
                    })?,
            ),
            None if plain(phrase).trim().is_empty() => {
                let reason = format!("the rule `{id}`: `{phrase}` has no letter or digit");
                return Err((reason, "write the words that are to be said"));
            }
            None => Phrase::Plain(phrase.clone(), plain(phrase)),
        });
    }
    Ok(Compiled { rule, phrases })
}

impl Phrase {
    /// What was found: the words as heard for a pattern, the phrase as written otherwise.
    fn find(&self, folded: &str, plain: &str) -> Option<String> {
        match self {
            Self::Plain(written, phrase) => plain.contains(phrase).then(|| written.clone()),
            Self::Pattern(regex) => regex.find(folded).map(|found| found.as_str().to_owned()),
        }
    }
}

fn line_at(text: &str, offset: usize) -> u32 {
    let newlines = text.bytes().take(offset).filter(|byte| *byte == b'\n');
    u32::try_from(newlines.count() + 1).unwrap_or(u32::MAX)
}

/// One call being watched. Feed it every event; each hit is reported once.
#[derive(Clone, Debug)]
pub struct Check {
    rules: Arc<Rules>,
    lang: Lang,
    legs: BTreeMap<LegId, Speaker>,
    turns: BTreeMap<Speaker, u32>,
    /// Required rules that were kept or missed.
    settled: BTreeSet<usize>,
    answered: bool,
    over: bool,
}

impl Check {
    /// The hits that this event brings, each an [`EventKind::ComplianceHit`].
    pub fn apply(&mut self, event: &CallEvent) -> Vec<EventKind> {
        match &event.kind {
            EventKind::CallStarted { lang, .. } | EventKind::LanguageChanged { lang } => {
                self.lang = *lang;
            }
            EventKind::LegJoined { leg, party, .. } => {
                let speaker = match party {
                    Party::Caller => Speaker::Caller,
                    Party::Assistant => Speaker::Assistant,
                    Party::Agent { .. } | Party::Supervisor { .. } | Party::Outside { .. } => {
                        Speaker::Agent
                    }
                };
                self.legs.insert(*leg, speaker);
            }
            EventKind::Answered { leg, .. } => {
                self.answered = true;
                self.legs.insert(*leg, Speaker::Agent);
            }
            EventKind::Heard { leg, transcript } if !transcript.text.is_empty() => {
                return self.heard(*leg, transcript);
            }
            EventKind::CallEnded { .. } if !self.over => {
                self.over = true;
                return self.ended();
            }
            _ => {}
        }
        Vec::new()
    }

    fn heard(&mut self, leg: LegId, transcript: &Transcript) -> Vec<EventKind> {
        let by_number = match leg {
            LegId::CALLER => Speaker::Caller,
            LegId::ASSISTANT => Speaker::Assistant,
            _ => Speaker::Agent,
        };
        let speaker = self.legs.get(&leg).copied().unwrap_or(by_number);
        let spoken = self.turns.entry(speaker).or_default();
        *spoken += 1;
        let turn = *spoken;
        let folded = fold(transcript.text.as_str());
        let plain = plain(transcript.text.as_str());
        let mut hits = Vec::new();
        for (ix, compiled) in self.rules.rules.iter().enumerate() {
            let rule = &compiled.rule;
            if !counts(rule.who, speaker) || !speaks(rule.lang, transcript.lang) {
                continue;
            }
            let found = compiled
                .phrases
                .iter()
                .find_map(|p| p.find(&folded, &plain));
            let at = Some(transcript.utterance);
            match (rule.kind, found) {
                (RuleKind::Forbidden, Some(phrase)) => {
                    hits.push(hit(rule, transcript.lang, phrase, at, true));
                }
                (RuleKind::Required, _) if self.settled.contains(&ix) => {}
                (RuleKind::Required, Some(phrase)) => {
                    self.settled.insert(ix);
                    hits.push(hit(rule, transcript.lang, phrase, at, false));
                }
                (RuleKind::Required, None) if rule.within_turns.is_some_and(|max| turn >= max) => {
                    self.settled.insert(ix);
                    let phrase = rule.phrases[0].clone();
                    hits.push(hit(rule, transcript.lang, phrase, at, true));
                }
                _ => {}
            }
        }
        hits
    }

    /// What was required and never said, by those who had the word at all.
    fn ended(&mut self) -> Vec<EventKind> {
        let mut hits = Vec::new();
        for (ix, compiled) in self.rules.rules.iter().enumerate() {
            let rule = &compiled.rule;
            let said = |speaker| self.turns.contains_key(&speaker);
            let present = match rule.who {
                Who::Agent => self.answered || said(Speaker::Agent),
                Who::Caller => said(Speaker::Caller),
                Who::Any => said(Speaker::Caller) || said(Speaker::Agent),
            };
            let open = rule.kind == RuleKind::Required && self.settled.insert(ix);
            if open && present && speaks(rule.lang, self.lang) {
                let phrase = rule.phrases[0].clone();
                hits.push(hit(rule, self.lang, phrase, None, true));
            }
        }
        hits
    }
}

fn counts(who: Who, speaker: Speaker) -> bool {
    match who {
        Who::Agent => speaker == Speaker::Agent,
        Who::Caller => speaker == Speaker::Caller,
        Who::Any => speaker != Speaker::Assistant,
    }
}

fn speaks(rule: RuleLang, lang: Lang) -> bool {
    match rule {
        RuleLang::Any => true,
        RuleLang::Zh => lang == Lang::Zh,
        RuleLang::En => lang == Lang::En,
    }
}

fn hit(
    rule: &Rule,
    lang: Lang,
    phrase: String,
    utterance: Option<UtteranceId>,
    broken: bool,
) -> EventKind {
    let hint = match lang {
        Lang::Zh => rule.hint_zh.clone(),
        Lang::En => rule.hint_en.clone(),
    };
    EventKind::ComplianceHit {
        rule: rule.id.clone(),
        severity: if broken {
            rule.severity
        } else {
            Severity::Info
        },
        utterance,
        // The phrase stands in the rules or in masked text.
        phrase: Masked::authored(phrase),
        hint,
        broken,
    }
}
