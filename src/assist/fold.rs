//! How each event changes the view of its call.

use crate::labels;
use crate::view::*;
use sidetone_types::*;

impl CallView {
    /// Takes the next event of the call.
    pub fn apply(&mut self, event: &CallEvent) {
        let at_us = event.at.0;
        self.times.last_us = self.times.last_us.max(at_us);
        if self.ended.is_none() {
            self.duration_us = self.times.last_us;
        }
        match &event.kind {
            EventKind::CallStarted { .. } => self.started(event),
            EventKind::LegJoined { leg, party, wire } => {
                self.legs.insert(*leg, speaker_of(party));
                self.wires.insert(*leg, *wire);
            }
            EventKind::LanguageChanged { lang } => self.lang = *lang,
            EventKind::SpeechStarted { .. }
            | EventKind::SpeechEnded { .. }
            | EventKind::Partial { .. }
            | EventKind::Heard { .. }
            | EventKind::Backchannel { .. } => self.words(event),
            EventKind::PromptStarted { .. } | EventKind::PromptEnded { .. } => self.prompt(event),
            EventKind::IntentFound { .. }
            | EventKind::FlowEntered { .. }
            | EventKind::FlowLeft { .. }
            | EventKind::SlotFilled { .. }
            | EventKind::SlotConfirmed { .. }
            | EventKind::SlotRejected { .. }
            | EventKind::ConnectorAnswered { .. }
            | EventKind::PassagesFound { .. } => self.understanding(event),
            EventKind::MoodScored { .. }
            | EventKind::CardsShown { .. }
            | EventKind::CardTaken { .. }
            | EventKind::ComplianceHit { .. }
            | EventKind::SummaryDrafted { .. }
            | EventKind::SummaryEdited { .. }
            | EventKind::TicketCreated { .. } => self.assist(event),
            EventKind::Seated { .. }
            | EventKind::LegLeft { .. }
            | EventKind::Muted { .. }
            | EventKind::TransferStarted { .. }
            | EventKind::TransferEnded { .. }
            | EventKind::AgentBack { .. } => self.parties(event),
            _ => self.routing(event),
        }
        self.label(event);
    }

    fn started(&mut self, event: &CallEvent) {
        let EventKind::CallStarted {
            wall_ms,
            wire,
            lang,
            ani,
            customer,
            ..
        } = &event.kind
        else {
            return;
        };
        self.call = Some(event.call.clone());
        (self.started_ms, self.wire, self.lang) = (*wall_ms, Some(*wire), *lang);
        self.ani = ani.clone();
        self.customer = customer.clone().map(|id| ViewCustomer { id });
    }

    fn words(&mut self, event: &CallEvent) {
        let at = event.at;
        match &event.kind {
            EventKind::SpeechStarted { utterance, .. } => {
                self.spans.insert(*utterance, Span { from: at, to: at });
            }
            EventKind::SpeechEnded {
                utterance, span, ..
            } => {
                self.spans.insert(*utterance, *span);
                if let Some(turn) = self.turn_mut(*utterance) {
                    (turn.from_us, turn.to_us) = (span.from.0, span.to.0);
                }
            }
            EventKind::Partial {
                leg,
                utterance,
                text,
            } => {
                let turn = self.turn_or_new(*leg, *utterance, at);
                if !turn.is_final {
                    turn.text = text.clone();
                    turn.to_us = turn.to_us.max(at.0);
                }
            }
            EventKind::Heard { leg, transcript } => self.heard(*leg, transcript, at),
            EventKind::Backchannel { utterance } => {
                if let Some(turn) = self.turn_mut(*utterance) {
                    turn.backchannel = true;
                }
            }
            _ => {}
        }
    }

    fn heard(&mut self, leg: LegId, transcript: &Transcript, at: CallTime) {
        let utterance = transcript.utterance;
        if transcript.text.is_empty() {
            self.turns.retain(|turn| turn.utterance != Some(utterance));
            return;
        }
        let turn = self.turn_or_new(leg, utterance, at);
        turn.text = transcript.text.clone();
        turn.words = transcript.words.clone();
        turn.confidence = Some(transcript.confidence);
        turn.is_final = true;
        if turn.speaker == Speaker::Caller {
            self.last_caller = Some(utterance);
        }
    }

    fn turn_mut(&mut self, utterance: UtteranceId) -> Option<&mut ViewTurn> {
        let is_it = |turn: &&mut ViewTurn| turn.utterance == Some(utterance);
        self.turns.iter_mut().rev().find(is_it)
    }

    fn turn_or_new(&mut self, leg: LegId, utterance: UtteranceId, at: CallTime) -> &mut ViewTurn {
        let is_it = |turn: &ViewTurn| turn.utterance == Some(utterance);
        let ix = self.turns.iter().rposition(is_it).unwrap_or_else(|| {
            let unknown = Span { from: at, to: at };
            let span = self.spans.get(&utterance).copied().unwrap_or(unknown);
            let turn = new_turn(self.speaker(leg), span, Some(utterance), None);
            // Turns stand in the order in which they began, also when two people talk at once.
            let ix = self
                .turns
                .partition_point(|other| other.from_us <= turn.from_us);
            self.turns.insert(ix, turn);
            ix
        });
        &mut self.turns[ix]
    }

    fn prompt(&mut self, event: &CallEvent) {
        match &event.kind {
            EventKind::PromptStarted { prompt, text, .. } => {
                let span = Span {
                    from: event.at,
                    to: event.at,
                };
                let mut turn = new_turn(Speaker::Assistant, span, None, Some(*prompt));
                turn.text = text.clone();
                turn.answers = std::mem::take(&mut self.answer_due);
                self.times.answers += u32::from(turn.answers);
                self.turns.push(turn);
            }
            EventKind::PromptEnded {
                prompt,
                played,
                interrupted,
            } => {
                let is_it = |turn: &ViewTurn| turn.prompt == Some(*prompt);
                let Some(ix) = self.turns.iter().rposition(is_it) else {
                    return;
                };
                if played.is_empty() {
                    self.turns.remove(ix);
                    return;
                }
                let turn = &mut self.turns[ix];
                (turn.text, turn.interrupted) = (played.clone(), *interrupted);
                (turn.to_us, turn.is_final) = (event.at.0, true);
            }
            _ => {}
        }
    }

    fn understanding(&mut self, event: &CallEvent) {
        match &event.kind {
            EventKind::IntentFound {
                utterance, best, ..
            } => {
                self.intents.push(ViewIntent {
                    utterance: *utterance,
                    intent: best.intent.clone(),
                    score: best.score,
                    at_us: event.at.0,
                });
                if let Some(turn) = self.turn_mut(*utterance) {
                    turn.intent = Some(best.intent.clone());
                }
            }
            EventKind::FlowEntered { flow, .. } => self.flow = Some(flow.clone()),
            EventKind::FlowLeft { flow, outcome } => {
                self.flow = None;
                self.done.push(FlowDone {
                    flow: flow.clone(),
                    outcome: outcome.clone(),
                    utterance: self.last_caller,
                });
            }
            EventKind::SlotFilled {
                flow,
                slot,
                value,
                by_key,
            } => {
                self.slots.retain(|s| (&s.flow, &s.slot) != (flow, slot));
                self.slots.push(ViewSlot {
                    flow: flow.clone(),
                    slot: slot.clone(),
                    shown: value.shown.clone(),
                    confirmed: false,
                    by_key: *by_key,
                    utterance: self.last_caller,
                });
            }
            EventKind::SlotConfirmed { flow, slot } => {
                let is_it = |s: &&mut ViewSlot| (&s.flow, &s.slot) == (flow, slot);
                if let Some(slot) = self.slots.iter_mut().find(is_it) {
                    slot.confirmed = true;
                }
            }
            EventKind::SlotRejected { flow, slot, .. } => {
                self.slots.retain(|s| (&s.flow, &s.slot) != (flow, slot));
            }
            EventKind::ConnectorAnswered { ok, .. } => self.answer_due = *ok,
            EventKind::PassagesFound { passages, .. } => self.answer_due |= !passages.is_empty(),
            _ => {}
        }
    }

    fn assist(&mut self, event: &CallEvent) {
        match &event.kind {
            EventKind::MoodScored {
                utterance,
                leg,
                mood,
            } => {
                let speaker = self.speaker(*leg);
                let turn = self.turn_mut(*utterance);
                let length_us = turn
                    .as_ref()
                    .map_or(0, |t| t.to_us.saturating_sub(t.from_us));
                if let Some(turn) = turn {
                    turn.mood = Some(mood.clone());
                }
                self.mood.add(event.at, mood.score, speaker, length_us);
            }
            EventKind::CardsShown { cards } => {
                let shown = cards.iter().cloned().map(|card| ViewCard {
                    card: card.card,
                    passage: card.passage,
                    utterance: card.utterance,
                    taken: None,
                });
                self.cards.extend(shown);
            }
            EventKind::CardTaken { card, action, .. } => {
                if let Some(shown) = self.cards.iter_mut().find(|shown| shown.card == *card) {
                    shown.taken = Some(*action);
                }
            }
            EventKind::ComplianceHit {
                rule,
                severity,
                utterance,
                phrase,
                hint,
                broken,
            } => self.compliance.push(ViewHit {
                rule: rule.clone(),
                severity: *severity,
                phrase: phrase.clone(),
                hint: hint.clone(),
                broken: *broken,
                utterance: *utterance,
                at_us: event.at.0,
            }),
            EventKind::SummaryDrafted { sentences, .. } if !self.summary_edited => {
                self.summary = sentences.clone();
            }
            EventKind::SummaryEdited { sentences, .. } => {
                (self.summary, self.summary_edited) = (sentences.clone(), true);
            }
            EventKind::TicketCreated { ticket, .. } => self.ticket = Some(ticket.clone()),
            _ => {}
        }
    }

    fn parties(&mut self, event: &CallEvent) {
        match &event.kind {
            EventKind::Seated { leg, party, seat } => {
                self.legs.insert(*leg, speaker_of(party));
                let before = self.parties.iter().find(|one| one.leg == *leg);
                let muted = before.is_some_and(|one| one.muted);
                let wire = self.wires.get(leg).copied();
                self.parties.retain(|one| one.leg != *leg);
                self.parties.push(ViewParty {
                    leg: *leg,
                    party: party.clone(),
                    seat: *seat,
                    muted,
                    wire,
                });
                // Somebody from outside took the caller; an agent is told of by `Answered`.
                let waits = matches!(self.state, CallState::Waiting | CallState::Ringing);
                if *seat == Seat::Main && waits {
                    self.state = CallState::Talking;
                }
            }
            EventKind::LegLeft { leg, .. } => {
                self.parties
                    .retain(|one| one.leg != *leg || one.seat == Seat::Away);
            }
            EventKind::Muted { leg, on } => {
                let muted = self.parties.iter_mut().find(|one| one.leg == *leg);
                if let Some(one) = muted {
                    one.muted = *on;
                }
            }
            EventKind::AgentBack { agent, .. } => self.agent_goes(agent),
            EventKind::TransferStarted { by, to, consult } => {
                self.transfer = Some(ViewTransfer {
                    by: by.clone(),
                    target: to.clone(),
                    consult: *consult,
                });
                if !consult {
                    self.state = CallState::Waiting;
                }
            }
            EventKind::TransferEnded { .. } => self.transfer = None,
            _ => {}
        }
    }

    /// An agent's seat is empty.
    fn agent_goes(&mut self, agent: &AgentId) {
        self.parties
            .retain(|one| !matches!(&one.party, Party::Agent { agent: a } if a == agent));
    }

    fn routing(&mut self, event: &CallEvent) {
        let at_us = event.at.0;
        match &event.kind {
            EventKind::QueueEntered { queue, .. } => {
                (self.queue, self.state) = (Some(queue.clone()), CallState::Waiting);
                self.times.queued_us.get_or_insert(at_us);
                self.times.refused_us = None;
            }
            // The call's machine says so when the router has refused it.
            EventKind::Degraded { what, .. } if what.starts_with("queue") => {
                (self.state, self.position) = (CallState::Assistant, None);
                self.times.refused_us = Some(at_us);
            }
            EventKind::WaitAnnounced { position, wait } => {
                self.position = Some(*position);
                if let Some(wait) = wait {
                    let range = (wait.low_s, wait.high_s);
                    self.times.announced_s.get_or_insert(range);
                }
            }
            // While somebody to consult rings, the caller has an agent.
            EventKind::Offered { .. } if self.state == CallState::Waiting => {
                self.state = CallState::Ringing;
            }
            EventKind::OfferEnded { outcome, .. }
                if *outcome != OfferOutcome::Accepted && self.state == CallState::Ringing =>
            {
                self.state = CallState::Waiting;
            }
            EventKind::Answered { agent, leg } => {
                self.legs.insert(*leg, Speaker::Agent);
                (self.agent, self.state) = (Some(agent.clone()), CallState::Talking);
                self.position = None;
                self.times.answered_us.get_or_insert(at_us);
            }
            EventKind::HoldStarted { .. } => {
                self.state = CallState::Held;
                self.times.hold_since_us.get_or_insert(at_us);
            }
            EventKind::HoldEnded { .. } => {
                self.state = CallState::Talking;
                self.end_hold(at_us);
            }
            EventKind::RecordingStarted { .. } => self.times.recording = true,
            EventKind::RecordingFailed { .. } => self.times.recording = false,
            // An agent who gave the call away wraps up while it goes on.
            EventKind::WrapUpStarted { agent } if self.ended.is_none() => {
                self.agent_goes(agent);
                let waits = self.transfer.as_ref().is_some_and(|one| one.by == *agent);
                if waits && matches!(self.state, CallState::Talking | CallState::Held) {
                    self.state = CallState::Waiting;
                }
            }
            EventKind::WrapUpEnded { .. } if self.ended.is_none() => {}
            EventKind::WrapUpStarted { agent } => {
                (self.state, self.agent) = (CallState::WrapUp, Some(agent.clone()));
                self.times.wrap_up_from_us.get_or_insert(at_us);
            }
            EventKind::WrapUpEnded { disposition, .. } => {
                self.times.wrap_up_to_us = Some(at_us);
                self.disposition = Some(disposition.clone());
                self.state = CallState::Ended;
            }
            EventKind::CallEnded { reason } => {
                self.end_hold(at_us);
                self.ended = Some(ViewEnd {
                    reason: *reason,
                    at_us,
                });
                (self.duration_us, self.position) = (at_us, None);
                self.parties.clear();
                if self.state != CallState::WrapUp {
                    self.state = CallState::Ended;
                }
            }
            _ => {}
        }
    }

    fn end_hold(&mut self, at_us: u64) {
        if let Some(since) = self.times.hold_since_us.take() {
            self.times.held_us += at_us.saturating_sub(since);
        }
    }

    fn label(&mut self, event: &CallEvent) {
        if let Some((zh, en)) = labels::label(&event.kind) {
            let label = match self.lang {
                Lang::Zh => zh.clone(),
                Lang::En => en.clone(),
            };
            let at_us = event.at.0;
            self.events.push(ViewEvent {
                at_us,
                label,
                zh,
                en,
            });
        }
    }
}

fn speaker_of(party: &Party) -> Speaker {
    match party {
        Party::Caller => Speaker::Caller,
        Party::Assistant => Speaker::Assistant,
        Party::Agent { .. } | Party::Supervisor { .. } | Party::Outside { .. } => Speaker::Agent,
    }
}

fn new_turn(
    speaker: Speaker,
    span: Span,
    utterance: Option<UtteranceId>,
    prompt: Option<PromptId>,
) -> ViewTurn {
    ViewTurn {
        utterance,
        prompt,
        speaker,
        from_us: span.from.0,
        to_us: span.to.0,
        text: Masked::default(),
        is_final: false,
        interrupted: false,
        backchannel: false,
        confidence: None,
        intent: None,
        mood: None,
        words: Vec::new(),
        answers: false,
    }
}
