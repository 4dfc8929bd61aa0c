//! One call as a row of the list, and as what the day's numbers are added up from.

use crate::view::CallView;
use serde::{Deserialize, Serialize};
use sidetone_types::*;

/// A row of the call list. The server fills `customer_name` and `tier` from the CRM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRow {
    pub call: CallId,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub started_ms: i64,
    pub duration_s: u32,
    pub lang: Lang,
    pub wire: Option<Wire>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub customer: Option<CustomerId>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub customer_name: Option<Masked>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tier: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub intent: Option<IntentId>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub agent: Option<AgentId>,
    pub outcome: Outcome,
    /// Mean of the caller's turns, −100..=100.
    pub mood: Option<i8>,
    /// Compliance rules broken in this call, counted once each.
    pub keyword_hits: u32,
    pub has_recording: bool,
    /// The summary in one line.
    pub summary: Masked,
    pub facts: RowFacts,
}

/// How a call ended, one word for each call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Still running.
    Running,
    /// A person answered.
    Answered,
    /// No person was asked for, and the assistant answered or finished.
    AssistantFinished,
    /// The caller left while waiting for a person.
    Abandoned,
    /// The caller left the assistant before anything was answered, or said nothing.
    LeftEarly,
    /// A person was wanted and none could be had.
    Unserved,
    /// The line or the engine failed.
    Failed,
}

/// What the numbers need of one call. Durations in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowFacts {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub queue: Option<QueueId>,
    /// From the queue to the answer, or to the refusal or the end where nobody answered.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub waited_ms: Option<u64>,
    /// From the answer to the end of speech, hold included.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub talk_ms: Option<u64>,
    pub hold_ms: u64,
    pub wrap_up_ms: u64,
    /// The first announced wait, seconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub announced_s: Option<(u32, u32)>,
    pub cards_shown: u32,
    /// Accepted or edited.
    pub cards_taken: u32,
    /// Each rule once; broken wins over kept.
    pub rules: Vec<RuleFact>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleFact {
    pub rule: String,
    pub broken: bool,
}

impl CallRow {
    pub fn from_events<'a>(events: impl IntoIterator<Item = &'a CallEvent>) -> Option<Self> {
        Self::of(&CallView::from_events(events))
    }

    /// `None` before the call's first event.
    pub fn of(view: &CallView) -> Option<Self> {
        let facts = facts(view);
        let sentences = view.summary.iter().map(|sentence| sentence.text.as_str());
        let gap = if view.lang == Lang::Zh { "" } else { " " };
        let summary = sentences.collect::<Vec<_>>().join(gap);
        Some(Self {
            call: view.call.clone()?,
            started_ms: view.started_ms,
            duration_s: u32::try_from(view.duration_us / 1_000_000).unwrap_or(u32::MAX),
            lang: view.lang,
            wire: view.wire,
            customer: view.customer.as_ref().map(|customer| customer.id.clone()),
            customer_name: None,
            tier: None,
            intent: view.intent().map(|found| found.intent.clone()),
            agent: view.agent.clone(),
            outcome: outcome(view),
            mood: view.mood.mean,
            keyword_hits: facts.rules.iter().filter(|fact| fact.broken).count() as u32,
            has_recording: view.times.recording,
            // Every sentence is masked already.
            summary: Masked::authored(summary),
            facts,
        })
    }
}

fn outcome(view: &CallView) -> Outcome {
    let times = &view.times;
    let Some(ended) = &view.ended else {
        return Outcome::Running;
    };
    let queued = times.queued_us.is_some();
    match ended.reason {
        _ if times.answered_us.is_some() => Outcome::Answered,
        EndReason::LegFailed | EndReason::Lost | EndReason::Shutdown => Outcome::Failed,
        EndReason::Abandoned => Outcome::Abandoned,
        _ if queued => Outcome::Unserved,
        EndReason::AssistantFinished => Outcome::AssistantFinished,
        EndReason::CallerHungUp if times.answers > 0 => Outcome::AssistantFinished,
        _ => Outcome::LeftEarly,
    }
}

fn facts(view: &CallView) -> RowFacts {
    let times = &view.times;
    let speech_end_us = view
        .ended
        .as_ref()
        .map_or(times.last_us, |ended| ended.at_us);
    let ms = |from: u64, to: u64| to.saturating_sub(from) / 1000;
    let waited_to = times
        .answered_us
        .or(times.refused_us)
        .unwrap_or(speech_end_us);
    let wrapped_to = times.wrap_up_to_us.unwrap_or(times.last_us);
    let taken = |action| matches!(action, Some(CardAction::Accept | CardAction::Edit));
    let mut rules: Vec<RuleFact> = Vec::new();
    for hit in &view.compliance {
        match rules.iter_mut().find(|fact| fact.rule == hit.rule) {
            Some(fact) => fact.broken |= hit.broken,
            None => rules.push(RuleFact {
                rule: hit.rule.clone(),
                broken: hit.broken,
            }),
        }
    }
    RowFacts {
        queue: view.queue.clone(),
        waited_ms: times.queued_us.map(|from| ms(from, waited_to)),
        talk_ms: times.answered_us.map(|from| ms(from, speech_end_us)),
        hold_ms: times.held_us / 1000,
        wrap_up_ms: times.wrap_up_from_us.map_or(0, |from| ms(from, wrapped_to)),
        announced_s: times.announced_s,
        cards_shown: view.cards.len() as u32,
        cards_taken: view.cards.iter().filter(|card| taken(card.taken)).count() as u32,
        rules,
    }
}
