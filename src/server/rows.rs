//! From a call's events to what the database keeps of it, and back to the rows that the numbers are
//! added up from. All of it can be made again from the journals.

use crate::company::CompanyData;
use sidetone_assist::view::{CallView, Speaker};
use sidetone_assist::{CallRow, row};
use sidetone_records::store::{CallRecord, CardTaken, Derived, Gap, TicketRow, TurnText};
use sidetone_types::*;

/// Everything that the database keeps of one call; `None` before the call's first event.
pub fn derive(events: &[CallEvent], view: &CallView, company: &CompanyData) -> Option<Derived> {
    let mut row = CallRow::of(view)?;
    if let Some(customer) = row
        .customer
        .as_ref()
        .and_then(|id| company.customer(id.as_str()))
    {
        let name = if row.lang == Lang::En {
            &customer.name_en
        } else {
            &customer.name
        };
        row.customer_name = Some(Masked::authored(name));
        row.tier = Some(customer.tier.clone());
    }
    let started_ms = row.started_ms;
    let call = row.call.clone();
    let at_ms = |event: &CallEvent| started_ms + event.at.as_ms() as i64;
    let mut derived = Derived {
        record: record(row),
        turns: turns(view),
        tickets: Vec::new(),
        gaps: gaps(events, view, started_ms),
        cards: Vec::new(),
    };
    for event in events {
        match &event.kind {
            EventKind::TicketCreated { ticket, by } => derived.tickets.push(TicketRow {
                call: call.clone(),
                created_ms: at_ms(event),
                by: by.to_string(),
                ticket: ticket.clone(),
            }),
            EventKind::CardTaken {
                card, action, by, ..
            } => {
                let Some(shown) = view.cards.iter().find(|c| c.card == *card) else {
                    continue;
                };
                derived.cards.push(CardTaken {
                    call: call.clone(),
                    card: card.0,
                    document: shown.passage.document.clone(),
                    section: shown.passage.section.clone(),
                    action: *action,
                    by: by.to_string(),
                    at_ms: at_ms(event),
                });
            }
            _ => {}
        }
    }
    Some(derived)
}

fn record(row: CallRow) -> CallRecord {
    CallRecord {
        facts: serde_json::to_value(&row.facts).unwrap_or_default(),
        call: row.call,
        started_ms: row.started_ms,
        duration_s: row.duration_s,
        lang: row.lang,
        wire: row.wire.unwrap_or(Wire::Internal),
        customer: row.customer,
        customer_name: row.customer_name.map(|name| name.to_string()),
        tier: row.tier,
        intent: row.intent.map(|intent| intent.to_string()),
        agent: row.agent,
        outcome: outcome_word(row.outcome),
        mood: row.mood,
        keyword_hits: row.keyword_hits,
        has_recording: row.has_recording,
        summary: row.summary,
    }
}

fn outcome_word(outcome: row::Outcome) -> String {
    let word = serde_json::to_value(outcome).ok();
    word.and_then(|word| word.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// A stored row as the reports add it up.
pub fn row(record: CallRecord) -> Option<CallRow> {
    let outcome = serde_json::from_value(record.outcome.clone().into()).ok()?;
    Some(CallRow {
        facts: serde_json::from_value(record.facts).unwrap_or_default(),
        call: record.call,
        started_ms: record.started_ms,
        duration_s: record.duration_s,
        lang: record.lang,
        wire: Some(record.wire),
        customer: record.customer,
        customer_name: record.customer_name.map(Masked::authored),
        tier: record.tier,
        intent: record.intent.map(IntentId::new),
        agent: record.agent,
        outcome,
        mood: record.mood,
        keyword_hits: record.keyword_hits,
        has_recording: record.has_recording,
        summary: record.summary,
    })
}

fn turns(view: &CallView) -> Vec<TurnText> {
    let spoken = view
        .turns
        .iter()
        .filter(|turn| turn.is_final && !turn.text.is_empty());
    spoken
        .enumerate()
        .map(|(at, turn)| TurnText {
            turn: at as u32,
            speaker: match turn.speaker {
                Speaker::Caller => "caller",
                Speaker::Assistant => "assistant",
                Speaker::Agent => "agent",
            }
            .to_owned(),
            from_us: turn.from_us,
            text: turn.text.clone(),
        })
        .collect()
}

/// What the caller asked and nothing answered: a no-match right after their words.
fn gaps(events: &[CallEvent], view: &CallView, started_ms: i64) -> Vec<Gap> {
    let Some(call) = &view.call else {
        return Vec::new();
    };
    let mut last: Option<(&Transcript, CallTime)> = None;
    let mut gaps = Vec::new();
    for event in events {
        match &event.kind {
            EventKind::Heard {
                leg: LegId::CALLER,
                transcript,
            } if !transcript.text.is_empty() => {
                last = Some((transcript, event.at));
            }
            EventKind::NoMatch { .. } => {
                if let Some((asked, at)) = last.take() {
                    gaps.push(Gap {
                        call: call.clone(),
                        utterance: asked.utterance.0,
                        question: asked.text.clone(),
                        lang: asked.lang,
                        at_ms: started_ms + at.as_ms() as i64,
                    });
                }
            }
            _ => {}
        }
    }
    gaps
}
