//! The task that owns one call: it feeds the state machine, moves the sound, and writes the journal.
//!
//! Every 20 ms it takes one frame of every leg, listens to it, gives every leg what it should hear,
//! and records both. Between frames it takes messages. Nothing it does waits: models, connectors
//! and the disk work elsewhere and answer by message.

use super::ear::{Listening, Means};
use super::facts::Facts;
use super::journal::CallJournal;
use super::leg::Leg;
use super::legs::Tickets;
use super::mixer::{Mixer, Voices};
use super::mouth::{Mouth, MouthSignal};
use super::requests::Unsure;
use super::{CallHandle, CallMessage, Caller};
use crate::house::House;
use crate::safe::Safe;
use sidetone_call::{Call, Expect, HIDDEN_KEY, Output};
use sidetone_edge::{LegHandle, LegSignal};
use sidetone_inference::recognizer::Place;
use sidetone_records::masking::Masker;
use sidetone_records::vault::RecordingWriter;
use sidetone_types::*;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tokio::time::MissedTickBehavior;

/// A leg that has arrived and wants a call.
pub struct NewCall {
    pub leg: LegHandle,
    pub lang: Lang,
    pub caller: Caller,
    pub ani: Option<Masked>,
    pub dnis: Option<String>,
    /// The flow that the dialled number leads to.
    pub entry: Option<String>,
    /// Who talks with the caller already, on another system: both are heard, nothing is said.
    pub assist: Option<(AgentId, LegHandle)>,
}

/// Starts a call's task. `Err` gives the leg back when the house is full.
pub fn start(house: &Arc<House>, new: NewCall) -> Result<Arc<CallHandle>, Box<NewCall>> {
    let call = CallId(uuid::Uuid::now_v7().to_string());
    let (handle, inbox) = CallHandle::new(call, crate::auth::token(), new.caller.clone());
    if house.draining() || !house.calls.add(&handle, house.config.media.calls_max) {
        return Err(Box::new(new));
    }
    metrics::counter!("sidetone_calls_total", "wire" => wire_word(new.leg.wire)).increment(1);
    tokio::spawn(answer(house.clone(), handle.clone(), new, inbox));
    Ok(handle)
}

/// The call begins when sound can flow: a greeting before that would be lost.
async fn answer(
    house: Arc<House>,
    handle: Arc<CallHandle>,
    mut new: NewCall,
    inbox: mpsc::Receiver<CallMessage>,
) {
    loop {
        match new.leg.signals.recv().await {
            Some(LegSignal::Connected) => break,
            Some(LegSignal::Closed { .. }) | None => {
                tracing::info!(call = %handle.call, "a call never came through");
                house.calls.remove(&handle.call);
                return;
            }
            Some(_) => {}
        }
    }
    CallTask::new(house, handle, new).run(inbox).await;
}

fn wire_word(wire: Wire) -> &'static str {
    match wire {
        Wire::WebRtc => "webrtc",
        Wire::Sip => "sip",
        Wire::AudioSocket => "audiosocket",
        Wire::WebSocket => "websocket",
        Wire::Internal => "internal",
    }
}

pub(super) struct CallTask {
    pub house: Arc<House>,
    pub handle: Arc<CallHandle>,
    pub machine: Call,
    pub began: Instant,
    pub lang: Lang,
    pub legs: BTreeMap<LegId, Leg>,
    next_leg: LegId,
    pub mouth: Mouth,
    pub mixer: Mixer,
    voices: Voices,
    pub tickets: Tickets,
    pub place: Option<Place>,
    pub masker: Masker,
    pub safe: Safe,
    pub facts: Facts,
    journal: CallJournal,
    recording: Option<RecordingWriter>,
    deadline: Option<CallTime>,
    inputs: VecDeque<CallInput>,
    draining: bool,
    /// Set when the machine has asked to finish.
    pub over: bool,
    /// For the latency of replies: end of the caller's last speech.
    pub caller_spoke_to: Option<CallTime>,
    /// When the sound of the prompt that comes next was asked for.
    pub prompt_asked: Option<(PromptId, CallTime)>,
    pub(super) unsure: Option<Arc<Unsure>>,
}

impl CallTask {
    fn new(house: Arc<House>, handle: Arc<CallHandle>, new: NewCall) -> Self {
        let began = Instant::now();
        let content = house.content.snapshot();
        let place = house.models.recognizer.as_ref().and_then(|r| r.admit());
        let start = CallStart {
            call: handle.call.clone(),
            wall_ms: house.clock.wall_ms(),
            wire: new.leg.wire,
            lang: new.lang,
            ani: new.ani,
            dnis: new.dnis,
            customer: handle.caller.brief(),
            content: content.flows.digest().to_owned(),
            speech: place.is_some(),
            open: house.open_now(),
            entry: new.entry,
            assist_only: new.assist.is_some(),
        };
        let recording = house
            .config
            .media
            .record
            .then(|| house.vault.record(&handle.call, house.clock.wall_ms()));
        let mut task = Self {
            machine: Call::new(content.flows.clone(), house.call_policy.clone()),
            journal: CallJournal::new(house.journal.clone(), handle.call.clone()),
            facts: Facts::new(content),
            lang: new.lang,
            legs: BTreeMap::new(),
            next_leg: LegId::FIRST_AGENT,
            mouth: Mouth::default(),
            mixer: Mixer::default(),
            voices: Voices::default(),
            tickets: Tickets::default(),
            place,
            masker: Masker::new(),
            safe: Safe::default(),
            recording,
            deadline: None,
            inputs: VecDeque::new(),
            draining: false,
            over: false,
            caller_spoke_to: None,
            prompt_asked: None,
            unsure: None,
            began,
            handle,
            house,
        };
        let wire = new.leg.wire;
        task.give(CallInput::Start(start));
        task.add_leg(LegId::CALLER, new.leg);
        task.give(CallInput::LegJoined {
            leg: LegId::CALLER,
            party: Party::Caller,
            wire,
        });
        if task.recording.is_some() {
            task.fact(EventKind::RecordingStarted { channels: 2 });
        }
        if let Some((agent, leg)) = new.assist {
            task.assist(agent, leg);
        }
        task
    }

    pub fn now(&self) -> CallTime {
        CallTime(u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX / 2))
    }

    pub fn next_leg(&mut self) -> LegId {
        let id = self.next_leg;
        self.next_leg = id.next();
        id
    }

    pub fn add_leg(&mut self, id: LegId, mut handle: LegHandle) {
        // A leg gives frames from the moment it exists. One is taken every 20 ms, so what gathered
        // until now would stay as a delay for the whole call.
        while handle.frames_in.try_recv().is_ok() {}
        let leg = Leg::new(id, handle);
        let line = leg.handle.control.serial();
        self.house.calls.line_joins(line, &self.handle.call);
        self.legs.insert(id, leg);
    }

    async fn run(mut self, mut inbox: mpsc::Receiver<CallMessage>) {
        let mut tick = tokio::time::interval(Duration::from_millis(FRAME_MS));
        // Late ticks are made up for, so that the recording's clock stays true.
        tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
        while !self.over {
            tokio::select! {
                biased;
                _ = tick.tick() => self.frame(),
                message = inbox.recv() => match message {
                    Some(message) => self.take(message),
                    None => break,
                },
            }
        }
        inbox.close();
        while let Ok(message) = inbox.try_recv() {
            self.turn_away(message);
        }
        self.release_everybody();
        self.finish().await;
    }

    /// One input to the state machine, and all that follows from it. What a request or an observer
    /// gives in turn waits until the machine has been drained.
    pub fn give(&mut self, input: CallInput) {
        self.inputs.push_back(input);
        if self.draining {
            return;
        }
        self.draining = true;
        while let Some(input) = self.inputs.pop_front() {
            let now = self.now();
            let input = self.without_keyed_number(input);
            self.journal.input(now, &input);
            self.machine.handle(now, input);
            self.deadline = None;
            while let Some(output) = self.machine.poll() {
                match output {
                    Output::Event(event) => {
                        self.journal.event(&event);
                        self.handle.publish(&event);
                        self.observe(&event);
                    }
                    Output::Request(request) => self.carry_out(request),
                    Output::Deadline(at) => self.deadline = Some(at),
                }
            }
        }
        self.draining = false;
    }

    /// What is keyed into a phone number, or to a person, goes to the safe; the machine and the
    /// journal learn that a key was pressed, and not which.
    fn without_keyed_number(&mut self, input: CallInput) -> CallInput {
        match input {
            CallInput::Key {
                leg: LegId::CALLER,
                key,
            } if key.is_ascii_digit() && *self.machine.expect() == Expect::PhoneNumber => {
                self.safe.key(key);
                let hidden = self.machine.hides_keys();
                CallInput::Key {
                    leg: LegId::CALLER,
                    key: if hidden { HIDDEN_KEY } else { key },
                }
            }
            CallInput::Key { leg, key } if key.is_ascii_digit() && self.machine.hides_keys() => {
                CallInput::Key {
                    leg,
                    key: HIDDEN_KEY,
                }
            }
            other => other,
        }
    }

    /// A fact found beside the state machine goes through it, so that a replay has it too.
    pub fn fact(&mut self, event: EventKind) {
        self.give(CallInput::Fact {
            event: Box::new(event),
        });
    }

    fn take(&mut self, message: CallMessage) {
        match message {
            CallMessage::Input(input) => self.give(input),
            CallMessage::Routed { ticket, input } => self.routed(&ticket, input),
            CallMessage::AgentLeg { agent, ticket, leg } => self.agent_leg(agent, ticket, *leg),
            CallMessage::Returned { agent, leg, done } => self.returned(agent, *leg, done),
            CallMessage::SupervisorLeg {
                agent,
                ticket,
                mode,
                leg,
            } => self.supervisor_leg(agent, ticket, mode, *leg),
            CallMessage::SecondLine { agent, to, leg } => self.second_line(agent, &to, *leg),
            CallMessage::Replaces { line, leg } => self.replaces(line, *leg),
            CallMessage::EarlySound { request, leg } => self.early_sound(request, *leg),
            CallMessage::Dialled {
                request,
                number,
                result,
            } => self.dialled(request, number, result),
            CallMessage::TransferOut {
                by,
                number,
                consult,
                done,
            } => {
                let number = self.number_to_safe(number.reveal());
                let to = Target::Number { number };
                self.click(by, AgentAction::Transfer { to, consult }, done);
            }
            CallMessage::Click { by, action, done } => self.click(by, action, done),
            CallMessage::Recognized(recognition) => {
                let leg = recognition.leg;
                if let Some(ear) = self.legs.get_mut(&leg).map(|leg| &mut leg.ear) {
                    let utterance = recognition.utterance;
                    let means = ear.recognized(*recognition);
                    self.understand_sound(leg, utterance, means);
                }
            }
            CallMessage::Spoken(spoken) => self.spoken(spoken),
            CallMessage::Classified { transcript, scores } => {
                self.look_for_cards(&transcript, &scores)
            }
            CallMessage::Suggested {
                utterance,
                passages,
            } => {
                self.show_cards(utterance, &passages);
            }
            CallMessage::CallerHungUp => {
                self.leave(LegId::CALLER, "the caller hung up");
            }
        }
    }

    /// A click counts when it is on the disk; only then does the page hear of it.
    fn click(
        &mut self,
        by: AgentId,
        action: AgentAction,
        done: oneshot::Sender<Result<(), String>>,
    ) {
        self.give(CallInput::Click { by, action });
        let (saved, heard) = oneshot::channel();
        self.journal.save(saved);
        tokio::spawn(async move {
            let result = match heard.await {
                Ok(result) => result.map_err(|e| e.to_string()),
                Err(_) => Err("the call ended first".to_owned()),
            };
            let _ = done.send(result);
        });
    }

    /// 20 ms of everything.
    fn frame(&mut self) {
        let now = self.now();
        if self.deadline.is_some_and(|at| at <= now) {
            self.give(CallInput::Deadline);
        }
        self.signals();
        let mut levels = Vec::new();
        let mut due = Vec::new();
        for (id, leg) in &mut self.legs {
            leg.pcm = leg.next_frame();
            if !leg.listens {
                continue;
            }
            if let Some(level) = leg.ear.hear(now, &leg.pcm) {
                levels.push((*id, level));
            }
            due.extend(leg.ear.due());
        }
        for listening in due {
            self.recognize(listening);
        }
        for (leg, level) in levels {
            if leg == LegId::CALLER && level == 0 {
                self.caller_spoke_to = Some(now);
            }
            self.give(CallInput::Voice { leg, level });
        }
        self.play();
        self.journal.tick();
    }

    /// Gives every leg what it should hear, and records it.
    fn play(&mut self) {
        let mut house_sound = [0; FRAME_SAMPLES];
        let early = self.tickets.early_frame();
        // An agent who consults hears it, and the caller goes on with the music.
        let by = early.and_then(|_| self.consults_outside());
        let (to_agent, to_caller) = match (early, by) {
            (Some(early), Some(by)) => (Some((by, early)), None),
            (early, _) => (None, early),
        };
        let signals = self.mouth.next(&mut house_sound, to_caller.as_ref());
        self.mixer.advance();
        self.voices.clear();
        for (id, leg) in &self.legs {
            self.voices.put(*id, &leg.pcm);
        }
        let silence = [0; FRAME_SAMPLES];
        let caller_pcm = self.voices.of(LegId::CALLER).copied().unwrap_or(silence);
        let mut caller_hears = silence;
        for (id, leg) in &mut self.legs {
            let mut hears = self.mixer.heard_by(*id, &self.voices, &house_sound);
            if let Some((by, early)) = &to_agent
                && leg.agent.as_ref() == Some(by)
            {
                sidetone_media::mix::add(&mut hears, early);
            }
            if *id == LegId::CALLER {
                caller_hears = hears;
            }
            leg.ear.playing(sidetone_inference::pcm::level_dbov(&hears));
            leg.say(&hears);
        }
        self.record(&caller_pcm, &caller_hears);
        for signal in signals.into_iter().flatten() {
            self.mouth_signal(signal);
        }
    }

    fn record(&mut self, caller: &Pcm, caller_hears: &Pcm) {
        let Some(recording) = &mut self.recording else {
            return;
        };
        recording.push(caller, caller_hears);
        if let Some(error) = recording.take_failure() {
            self.recording = None;
            tracing::error!(call = %self.handle.call, %error, "recording failed");
            self.fact(EventKind::RecordingFailed {
                reason: error.to_string(),
            });
        }
    }

    pub fn mouth_signal(&mut self, signal: MouthSignal) {
        match signal {
            MouthSignal::Started { prompt } => {
                self.reply_sounds(prompt);
                self.give(CallInput::PromptStarted { prompt });
            }
            MouthSignal::Ended {
                prompt,
                played_ms,
                total_ms,
            } => {
                self.give(CallInput::PromptEnded {
                    prompt,
                    played_ms,
                    total_ms,
                });
            }
        }
    }

    /// Takes the times of a reply: from its words to its sound, and from the caller's last voiced
    /// frame to its sound.
    fn reply_sounds(&mut self, prompt: PromptId) {
        let Some(spoke_to) = self.caller_spoke_to.take() else {
            return;
        };
        let now = self.now();
        if let Some((_, asked)) = self.prompt_asked.filter(|(asked, _)| *asked == prompt) {
            self.took(LatencyStage::FirstReplyAudio, None, now.since(asked));
        }
        self.took(LatencyStage::EndToEnd, None, now.since(spoke_to));
    }

    /// What the legs' wires say beside sound.
    fn signals(&mut self) {
        let mut heard = Vec::new();
        for (id, leg) in &mut self.legs {
            while let Ok(signal) = leg.handle.signals.try_recv() {
                heard.push((*id, signal));
            }
        }
        for (leg, signal) in heard {
            match signal {
                LegSignal::Key(key) => self.give(CallInput::Key { leg, key }),
                LegSignal::Closed { reason } => self.leave(leg, reason.as_str()),
                LegSignal::Held { by_far_end } => self.far_end_holds(leg, by_far_end),
                LegSignal::Transfer(wish) => self.far_end_transfers(leg, &wish),
                LegSignal::Connected | LegSignal::Quality { .. } | LegSignal::Referred(_) => {}
            }
        }
        self.second_signals();
    }

    pub fn leave(&mut self, id: LegId, reason: &str) {
        if let Some(leg) = self.legs.remove(&id) {
            leg.close(&self.house.calls);
            self.give(CallInput::LegLeft {
                leg: id,
                reason: reason.to_owned(),
            });
        }
    }

    /// What a recognition means for the call: text for the page, the final words, or nothing.
    pub fn understand_sound(&mut self, leg: LegId, utterance: UtteranceId, means: Means) {
        match means {
            Means::Partial(heard) => {
                let text = self.masker.mask_partial(leg, heard.text, heard.lang);
                self.give(CallInput::Partial {
                    leg,
                    utterance,
                    text,
                });
            }
            Means::Final(heard) => self.final_text(leg, utterance, heard),
            Means::Unheard(e) => {
                tracing::warn!(call = %self.handle.call, error = %e, "an utterance was not heard");
                self.give(CallInput::Unheard {
                    leg,
                    utterance,
                    reason: e.to_string(),
                });
            }
            Means::Again(listening) => self.recognize(listening),
            Means::Nothing => {}
        }
    }

    pub fn recognize(&mut self, listening: Listening) {
        let lang = self.lang;
        let expect = self.legs.get(&listening.leg).map(|leg| leg.expect.clone());
        super::requests::recognize(self, listening, lang, expect.unwrap_or_default());
    }

    async fn finish(mut self) {
        for (_, leg) in std::mem::take(&mut self.legs) {
            leg.close(&self.house.calls);
        }
        if let Some(recording) = self.recording.take()
            && let Err(error) = recording.finish().await
        {
            tracing::error!(call = %self.handle.call, %error, "the end of the recording was not written");
        }
        if let Err(e) = self.journal.close().await {
            tracing::error!(call = %self.handle.call, error = %e, "the end of the journal was not written");
        }
        self.house
            .keep_row(&self.handle.events(), &self.facts.view)
            .await;
        self.house.calls.remove(&self.handle.call);
    }
}
