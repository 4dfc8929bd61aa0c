//! The state machine of one call.

mod asking;
mod ending;
mod handover;
mod hearing;
pub(crate) mod keys;
mod ladder;
mod people;
mod run;
mod saying;
mod state;
mod supervise;
mod transfer;
mod turn;
mod wishes;

use crate::flow::FlowBook;
use crate::mix::Mix;
use crate::policy::{CallPolicy, ms};
use crate::request::{Expect, Output, Request};
use crate::speak::Facts;
pub(crate) use run::DEPTH_MAX;
use serde_json::Value as Json;
use sidetone_types::*;
use state::*;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// One call from the first signal to the end of wrap-up.
///
/// Give it everything that happens with [`handle`](Self::handle), then drain
/// [`poll`](Self::poll) until it returns `None`.
#[derive(Debug)]
pub struct Call {
    book: Arc<FlowBook>,
    policy: CallPolicy,
    out: VecDeque<Output>,
    deadline: Option<CallTime>,
    now: CallTime,
    seq: u64,
    id: CallId,
    lang: Lang,
    phase: Phase,
    /// Why the call ends once everything was said.
    ending: Option<EndReason>,
    /// When the journal is closed after the end.
    finish_at: Option<CallTime>,
    /// Agents who finish their work, and until when at the latest.
    wrapping: BTreeMap<AgentId, CallTime>,
    legs: BTreeMap<LegId, Wire>,
    /// Everybody beside the caller who has a seat in the call.
    people: BTreeMap<LegId, Person>,
    mix: Mix,
    /// The last voice activity of each leg, for those who get the word in mid-sentence.
    levels: BTreeMap<LegId, u8>,
    hearings: BTreeMap<LegId, Hearing>,
    /// Whether there is a recognizer.
    speech: bool,
    /// Whether people are on duty.
    open: bool,
    wall_ms: i64,
    customer: Option<CustomerId>,
    customer_name: String,
    tier: String,
    next_utterance: UtteranceId,
    next_prompt: PromptId,
    next_request: RequestId,
    next_secret: u16,
    lines: VecDeque<Line>,
    playing: Option<Playing>,
    /// Prompts that were stopped and have not said so yet.
    stopping: BTreeMap<PromptId, Playing>,
    /// What a barge-in cut off, in case it was only a noise.
    cut_off: Vec<Line>,
    /// Words to a person whose meaning was asked for.
    overheard: Option<(RequestId, UtteranceId)>,
    /// What the last question was, for "repeat".
    question: Vec<Line>,
    music: bool,
    expect: Expect,
    awaiting: Awaiting,
    due: BTreeMap<UtteranceId, Due>,
    turn: CallerTurn,
    /// A turn that was heard while it could not be dealt with yet.
    turn_ready: bool,
    pending: Option<Pending>,
    no_input: u8,
    no_match: u8,
    no_input_at: Option<CallTime>,
    keys: Keys,
    held_keys: VecDeque<char>,
    run: Option<Run>,
    /// Wishes of the same sentence that come after this one.
    later: VecDeque<IntentId>,
    intent: Option<IntentId>,
    /// Values the caller mentioned before they were asked for.
    mentioned: Vec<SlotCandidate>,
    hand: Handover,
}

impl Call {
    /// A call that has not begun. It keeps this content to its end.
    pub fn new(content: Arc<FlowBook>, policy: CallPolicy) -> Self {
        Self {
            book: content,
            policy,
            out: VecDeque::new(),
            deadline: None,
            now: CallTime::ZERO,
            seq: 0,
            id: CallId::new(""),
            lang: Lang::Zh,
            phase: Phase::Before,
            ending: None,
            finish_at: None,
            wrapping: BTreeMap::new(),
            legs: BTreeMap::new(),
            people: BTreeMap::new(),
            mix: Mix::of(&[], false),
            levels: BTreeMap::new(),
            hearings: BTreeMap::new(),
            speech: true,
            open: true,
            wall_ms: 0,
            customer: None,
            customer_name: String::new(),
            tier: String::new(),
            next_utterance: UtteranceId(0),
            next_prompt: PromptId(0),
            next_request: RequestId(0),
            next_secret: KEYED_SECRET,
            lines: VecDeque::new(),
            playing: None,
            stopping: BTreeMap::new(),
            cut_off: Vec::new(),
            overheard: None,
            question: Vec::new(),
            music: false,
            expect: Expect::Open,
            awaiting: Awaiting::Nothing,
            due: BTreeMap::new(),
            turn: CallerTurn::default(),
            turn_ready: false,
            pending: None,
            no_input: 0,
            no_match: 0,
            no_input_at: None,
            keys: Keys::default(),
            held_keys: VecDeque::new(),
            run: None,
            later: VecDeque::new(),
            intent: None,
            mentioned: Vec::new(),
            hand: Handover::default(),
        }
    }

    /// One thing that happened. Time never runs backwards: an earlier `now` counts as the latest one.
    /// Inputs before `Start` and after [`Request::Finish`] are ignored.
    pub fn handle(&mut self, now: CallTime, input: CallInput) {
        self.now = self.now.max(now);
        match (self.phase, input) {
            (Phase::Over, _) => return,
            (Phase::Before, CallInput::Start(start)) => self.start(start),
            (Phase::Before, _) | (_, CallInput::Start(_)) => return,
            (_, input) => {
                self.timers();
                // The time that passed may have closed the call.
                if self.phase != Phase::Over {
                    self.dispatch(input);
                }
            }
        }
        self.settle();
    }

    /// What came out of it, the deadline last. `None` when all was taken.
    pub fn poll(&mut self) -> Option<Output> {
        self.out
            .pop_front()
            .or_else(|| self.deadline.take().map(Output::Deadline))
    }

    /// Whether [`Request::Finish`] was given.
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// The language the assistant speaks now.
    pub fn lang(&self) -> Lang {
        self.lang
    }

    /// What the caller is expected to say now: the `expect` for the slot parsers.
    pub fn expect(&self) -> &Expect {
        &self.expect
    }

    fn start(&mut self, start: CallStart) {
        self.phase = Phase::Assistant;
        self.id = start.call;
        self.lang = start.lang;
        self.speech = start.speech;
        self.open = start.open;
        self.wall_ms = start.wall_ms;
        self.emit(EventKind::CallStarted {
            wall_ms: start.wall_ms,
            wire: start.wire,
            lang: start.lang,
            ani: start.ani,
            dnis: start.dnis,
            customer: start.customer.as_ref().map(|customer| customer.id.clone()),
            content: start.content,
        });
        if let Some(customer) = start.customer {
            self.customer = Some(customer.id);
            self.customer_name = customer.name.as_str().to_owned();
            self.tier = customer.tier;
        }
        self.listen_to(LegId::CALLER);
        if start.assist_only {
            self.phase = Phase::Waiting;
            return;
        }
        self.say("welcome-notice");
        if !self.speech {
            self.degrade("recognizer", "keypad menu");
        }
        match start
            .entry
            .filter(|flow| self.book.flows.contains_key(flow))
        {
            Some(flow) => self.enter_flow(&flow),
            None if self.speech => self.ask_open("welcome-open"),
            None => self.offer_menu(),
        }
    }

    fn dispatch(&mut self, input: CallInput) {
        match input {
            CallInput::Start(_) | CallInput::Deadline => {}
            CallInput::Voice { leg, level } => {
                if self.hearings.contains_key(&leg) {
                    self.levels.insert(leg, level);
                }
                if self.is_heard(leg) {
                    self.on_voice(leg, level);
                }
            }
            CallInput::Partial {
                leg,
                utterance,
                text,
            } => self.on_partial(leg, utterance, text),
            CallInput::Final {
                leg,
                transcript,
                slots,
            } => self.on_final(leg, transcript, slots),
            CallInput::Unheard {
                leg,
                utterance,
                reason,
            } => self.on_unheard(leg, utterance, &reason),
            CallInput::Understood { request, scores } => self.on_understood(request, scores),
            CallInput::Found { request, passages } => self.on_found(request, passages),
            CallInput::Connector { request, answer } => self.on_connector(request, answer),
            CallInput::Key { leg, key } => self.on_key(leg, key),
            CallInput::PromptStarted { prompt } => self.on_prompt_started(prompt),
            CallInput::PromptEnded {
                prompt,
                played_ms,
                total_ms,
            } => self.on_prompt_ended(prompt, played_ms, total_ms),
            CallInput::LegJoined { leg, party, wire } => self.on_leg_joined(leg, party, wire),
            CallInput::LegLeft { leg, reason } => self.on_leg_left(leg, reason),
            CallInput::Waiting { position, wait } => self.on_waiting(position, wait),
            CallInput::Offered { agent } => self.on_offered(agent),
            CallInput::OfferEnded { agent, outcome } => self.on_offer_ended(agent, outcome),
            CallInput::Accepted { agent, leg } => self.on_accepted(agent, leg),
            CallInput::Returned { agent, leg } => self.on_returned(agent, leg),
            CallInput::Supervises { agent, leg, mode } => self.on_supervises(agent, leg, mode),
            CallInput::Dialled { request, outcome } => self.on_dialled(request, outcome),
            CallInput::QueueRefused { reason } => self.on_queue_refused(&reason),
            CallInput::Click { by, action } => self.on_click(by, action),
            CallInput::Speech { available } => self.on_speech(available),
            CallInput::Fact { event } => self.emit(*event),
            CallInput::Shutdown => self.on_shutdown(),
        }
    }

    /// Everything whose time has come, the oldest kind of wait first.
    fn timers(&mut self) {
        self.hearing_timers();
        self.saying_timers();
        self.pending_timers();
        self.key_timers();
        self.silence_timer();
        self.waiting_timer();
        self.transfer_timer();
        self.away_timer();
        self.ending_timers();
    }

    /// After each input: say what is next, keep the music, the hint and the timers true.
    fn settle(&mut self) {
        self.deal_with_turn();
        self.keep_mix();
        self.pump();
        self.keep_music();
        self.keep_expectation();
        self.arm_silence();
        self.end_when_said();
        self.deadline = self.next_deadline();
    }

    fn next_deadline(&self) -> Option<CallTime> {
        if self.phase == Phase::Over {
            return None;
        }
        let hearing = self.hearing_deadline();
        let saying = self.saying_deadline();
        let pending = self.pending.as_ref().map(Pending::deadline);
        [
            hearing,
            saying,
            pending,
            self.key_deadline(),
            self.no_input_at,
            self.waiting_deadline(),
            self.transfer_deadline(),
            self.away_deadline(),
            self.finish_at,
            self.wrapping.values().min().copied(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn emit(&mut self, kind: EventKind) {
        let event = CallEvent {
            seq: self.seq,
            at: self.now,
            call: self.id.clone(),
            kind,
        };
        self.seq += 1;
        self.out.push_back(Output::Event(event));
    }

    fn request(&mut self, request: Request) {
        self.out.push_back(Output::Request(request));
    }

    fn new_request(&mut self) -> RequestId {
        let request = self.next_request;
        self.next_request = request.next();
        request
    }

    fn degrade(&mut self, what: &str, then: &str) {
        self.emit(EventKind::Degraded {
            what: what.into(),
            then: then.into(),
        });
    }

    fn after(&self, delay_ms: u32) -> CallTime {
        self.now + ms(delay_ms)
    }

    /// Variables of every prompt: who calls, and what the flow knows.
    fn facts(&self) -> Facts {
        let mut facts = self
            .run
            .as_ref()
            .map(|run| run.vars.clone())
            .unwrap_or_default();
        if let Some(customer) = &self.customer {
            facts.insert("customer".into(), Json::from(customer.as_str()));
        }
        facts.insert("caller".into(), Json::from(self.customer_name.as_str()));
        facts.insert("tier".into(), Json::from(self.tier.as_str()));
        facts.insert("speech".into(), Json::from(self.speech));
        facts.insert("open".into(), Json::from(self.open));
        let said_order = self
            .mentioned
            .iter()
            .any(|slot| slot.kind == SlotKind::OrderNumber);
        facts.insert("said_order".into(), Json::from(said_order));
        facts
    }
}

/// Numbers from here on are of keyed secrets; the server's own count from 0.
pub(crate) const KEYED_SECRET: u16 = 0x8000;
