//! The day's numbers and the report, added up from rows. Each has one definition, below.

use crate::compliance::{RuleKind, Rules};
use crate::row::{CallRow, Outcome};
use serde::Serialize;
use sidetone_types::*;
use std::collections::BTreeMap;

pub use crate::definitions::{Definition, definitions};

/// How calls that left the line count in the service level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Abandons {
    /// Answered in time ÷ (answered + left). What the pages show.
    #[default]
    Offered,
    /// Those who left within the target are not counted at all.
    Removed,
    /// Those who left within the target count as served in time.
    Positive,
}

/// The numbers of any set of calls. Fold rows into it with [`Numbers::add`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    pub offered: u32,
    pub answered: u32,
    pub assistant_finished: u32,
    pub abandoned: u32,
    pub unserved: u32,
    pub left_early: u32,
    pub failed: u32,
    pub running: u32,
    answered_in_time: u32,
    abandoned_in_time: u32,
    waited_ms: u64,
    handled_ms: u64,
    mood_sum: i64,
    mood_length_s: i64,
    announced: u32,
    announced_right: u32,
}

/// What the pages get of [`Numbers`]. Shares are 0..=1, `null` where there is nothing to divide by.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Figures {
    pub offered: u32,
    pub answered: u32,
    pub assistant_finished: u32,
    pub abandoned: u32,
    pub unserved: u32,
    pub left_early: u32,
    pub failed: u32,
    pub running: u32,
    pub answer_rate: Option<f64>,
    pub service_level: Option<f64>,
    pub service_target_s: u32,
    pub asa_s: Option<f64>,
    pub aht_s: Option<f64>,
    pub mood: Option<i8>,
    /// Share of announced waits that came true.
    pub wait_kept: Option<f64>,
}

impl Numbers {
    /// `target_s` is the Y of the service level X/Y of the call's queue.
    pub fn add(&mut self, row: &CallRow, target_s: u32) {
        self.offered += 1;
        let waited_ms = row.facts.waited_ms;
        let in_time = waited_ms.is_none_or(|ms| ms <= u64::from(target_s) * 1000);
        match row.outcome {
            Outcome::Running => self.running += 1,
            Outcome::Answered => {
                self.answered += 1;
                self.answered_in_time += u32::from(in_time);
                self.waited_ms += waited_ms.unwrap_or(0);
                self.handled_ms += row.facts.talk_ms.unwrap_or(0) + row.facts.wrap_up_ms;
            }
            Outcome::AssistantFinished => self.assistant_finished += 1,
            Outcome::Abandoned => {
                self.abandoned += 1;
                self.abandoned_in_time += u32::from(in_time);
            }
            Outcome::LeftEarly => self.left_early += 1,
            Outcome::Unserved => self.unserved += 1,
            Outcome::Failed => self.failed += 1,
        }
        if let Some(mood) = row.mood {
            let length = i64::from(row.duration_s.max(1));
            self.mood_sum += i64::from(mood) * length;
            self.mood_length_s += length;
        }
        self.compare_wait(row);
    }

    /// Only waits that came to an end with a person can be compared with what was announced.
    fn compare_wait(&mut self, row: &CallRow) {
        let (Some((low_s, high_s)), Some(ms)) = (row.facts.announced_s, row.facts.waited_ms) else {
            return;
        };
        if row.outcome == Outcome::Answered {
            let kept = (u64::from(low_s) * 1000..=u64::from(high_s) * 1000).contains(&ms);
            self.announced += 1;
            self.announced_right += u32::from(kept);
        }
    }

    /// Share 0..=1 of queued calls served in time; `None` while no call has left a queue.
    pub fn service_level(&self, abandons: Abandons) -> Option<f64> {
        let ended = self.answered + self.abandoned;
        let (good, of) = match abandons {
            Abandons::Offered => (self.answered_in_time, ended),
            Abandons::Removed => (self.answered_in_time, ended - self.abandoned_in_time),
            Abandons::Positive => (self.answered_in_time + self.abandoned_in_time, ended),
        };
        share(good, of)
    }

    pub fn figures(&self, target_s: u32) -> Figures {
        let mean_s = |sum_ms: u64, count: u32| {
            (count > 0).then(|| tenth(sum_ms as f64 / 1000.0 / f64::from(count)))
        };
        // A call that still runs has been offered, but has no outcome to be counted by.
        let over = self.offered - self.running;
        Figures {
            offered: self.offered,
            answered: self.answered,
            assistant_finished: self.assistant_finished,
            abandoned: self.abandoned,
            unserved: self.unserved,
            left_early: self.left_early,
            failed: self.failed,
            running: self.running,
            answer_rate: share(self.answered + self.assistant_finished, over),
            service_level: self.service_level(Abandons::Offered),
            service_target_s: target_s,
            asa_s: mean_s(self.waited_ms, self.answered),
            aht_s: mean_s(self.handled_ms, self.answered),
            mood: (self.mood_length_s > 0)
                .then(|| (self.mood_sum as f64 / self.mood_length_s as f64).round() as i8),
            wait_kept: share(self.announced_right, self.announced),
        }
    }
}

fn share(part: u32, of: u32) -> Option<f64> {
    (of > 0).then(|| (f64::from(part) / f64::from(of) * 1000.0).round() / 1000.0)
}

fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// The numbers of all rows given: the wallboard's "today".
pub fn today<'a>(rows: impl IntoIterator<Item = &'a CallRow>, target_s: u32) -> Figures {
    let mut numbers = Numbers::default();
    for row in rows {
        numbers.add(row, target_s);
    }
    numbers.figures(target_s)
}

/// The report of a range of days. `display_*` and `title_*` start as the id; the server fills them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    pub days: Vec<DayRow>,
    pub agents: Vec<AgentRow>,
    pub keywords: Vec<KeywordRow>,
    pub intents: Vec<IntentRow>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DayRow {
    /// `YYYY-MM-DD`, local.
    pub day: String,
    #[serde(flatten)]
    pub figures: Figures,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AgentRow {
    pub agent: AgentId,
    pub display_zh: String,
    pub display_en: String,
    pub calls: u32,
    pub aht_s: Option<f64>,
    pub mood: Option<i8>,
    pub keyword_broken: u32,
    pub keyword_kept: u32,
    pub cards_shown: u32,
    pub cards_taken: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeywordRow {
    pub rule: String,
    pub kind: RuleKind,
    pub hint_zh: String,
    pub hint_en: String,
    /// Calls in which the rule was broken.
    pub hits: u32,
    /// Those calls, newest first.
    pub calls: Vec<CallId>,
    /// Calls in which a required phrase was said in time.
    pub kept: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IntentRow {
    pub intent: IntentId,
    pub title_zh: String,
    pub title_en: String,
    pub calls: u32,
    pub finished_by_assistant: u32,
}

/// Adds up a report. `offset_min` is the company's zone east of Greenwich, in minutes.
pub fn report<'a>(
    rows: impl IntoIterator<Item = &'a CallRow>,
    rules: &Rules,
    target_s: u32,
    offset_min: i32,
) -> Report {
    let mut days: BTreeMap<String, Numbers> = BTreeMap::new();
    let mut agents: BTreeMap<AgentId, (Numbers, AgentRow)> = BTreeMap::new();
    let mut keywords: Vec<KeywordRow> = rules.list().map(keyword_row).collect();
    let mut intents: BTreeMap<IntentId, IntentRow> = BTreeMap::new();
    let mut newest_first: Vec<&CallRow> = rows.into_iter().collect();
    newest_first.sort_by_key(|row| std::cmp::Reverse(row.started_ms));
    for row in newest_first {
        let day = local_day(row.started_ms, offset_min);
        days.entry(day).or_default().add(row, target_s);
        if let Some(agent) = &row.agent {
            let (numbers, sums) = agents
                .entry(agent.clone())
                .or_insert_with(|| (Numbers::default(), agent_row(agent)));
            numbers.add(row, target_s);
            add_agent(sums, row);
        }
        for fact in &row.facts.rules {
            let known = keywords
                .iter_mut()
                .find(|keyword| keyword.rule == fact.rule);
            match known {
                Some(keyword) if fact.broken => {
                    keyword.hits += 1;
                    keyword.calls.push(row.call.clone());
                }
                Some(keyword) => keyword.kept += 1,
                // The rule has been taken out of the file since; its hits have no hint to show.
                None => {}
            }
        }
        if let Some(intent) = &row.intent {
            let sums = intents
                .entry(intent.clone())
                .or_insert_with(|| intent_row(intent));
            sums.calls += 1;
            sums.finished_by_assistant += u32::from(row.outcome == Outcome::AssistantFinished);
        }
    }
    let mut intents: Vec<IntentRow> = intents.into_values().collect();
    intents.sort_by_key(|row| std::cmp::Reverse(row.calls));
    Report {
        days: days
            .into_iter()
            .map(|(day, numbers)| DayRow {
                day,
                figures: numbers.figures(target_s),
            })
            .collect(),
        agents: agents
            .into_values()
            .map(|(n, row)| finish_agent(n, row))
            .collect(),
        keywords,
        intents,
    }
}

fn keyword_row(rule: &crate::compliance::Rule) -> KeywordRow {
    KeywordRow {
        rule: rule.id.clone(),
        kind: rule.kind,
        hint_zh: rule.hint_zh.clone(),
        hint_en: rule.hint_en.clone(),
        hits: 0,
        calls: Vec::new(),
        kept: 0,
    }
}

fn intent_row(intent: &IntentId) -> IntentRow {
    IntentRow {
        intent: intent.clone(),
        title_zh: intent.to_string(),
        title_en: intent.to_string(),
        calls: 0,
        finished_by_assistant: 0,
    }
}

fn agent_row(agent: &AgentId) -> AgentRow {
    AgentRow {
        agent: agent.clone(),
        display_zh: agent.to_string(),
        display_en: agent.to_string(),
        calls: 0,
        aht_s: None,
        mood: None,
        keyword_broken: 0,
        keyword_kept: 0,
        cards_shown: 0,
        cards_taken: 0,
    }
}

fn add_agent(sums: &mut AgentRow, row: &CallRow) {
    sums.calls += 1;
    let broken = row.facts.rules.iter().filter(|fact| fact.broken).count() as u32;
    sums.keyword_broken += broken;
    sums.keyword_kept += row.facts.rules.len() as u32 - broken;
    sums.cards_shown += row.facts.cards_shown;
    sums.cards_taken += row.facts.cards_taken;
}

fn finish_agent(numbers: Numbers, mut row: AgentRow) -> AgentRow {
    let figures = numbers.figures(0);
    (row.aht_s, row.mood) = (figures.aht_s, figures.mood);
    row
}

/// `YYYY-MM-DD` of a moment in a zone `offset_min` minutes east of Greenwich.
pub fn local_day(ms: i64, offset_min: i32) -> String {
    let days = (ms + i64::from(offset_min) * 60_000).div_euclid(86_400_000);
    // Days since 0000-03-01 in eras of 400 years (H. Hinnant, "chrono-compatible date algorithms").
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}
