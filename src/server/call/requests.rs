//! Carrying out what the state machine asks for. Every answer comes back as a message.

use super::ear::{Listening, Means, Recognition};
use super::mouth::{Part, Spoken};
use super::task::CallTask;
use super::{CallHandle, CallMessage};
use crate::connectors::Question;
use sidetone_call::{Expect, Request, slots};
use sidetone_inference::InferenceError;
use sidetone_inference::recognizer::{Hint, Job, Recognized, Rejected, readings};
use sidetone_inference::synth::{Say, Voice};
use sidetone_records::masking::HeardWord;
use sidetone_records::vault::Side;
use sidetone_types::*;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A connector that takes longer has failed, as far as a waiting caller is concerned.
const CONNECTOR_LIMIT: Duration = Duration::from_secs(4);
/// Answers of the knowledge base that a conversation looks at.
const PASSAGES_MAX: usize = 3;

/// What else the caller's last utterance may have been: it helps to tell what is wanted, and goes nowhere
/// else.
pub(super) struct Unsure {
    utterance: UtteranceId,
    /// As it was shown.
    text: String,
    others: Vec<(Heard, f32)>,
}

impl Unsure {
    fn is_of(&self, utterance: UtteranceId, text: &str) -> bool {
        self.utterance == utterance && self.text == text
    }
}

impl CallTask {
    pub(super) fn carry_out(&mut self, request: Request) {
        match request {
            Request::Say {
                prompt,
                key,
                text,
                lang,
                expect,
                ..
            } => {
                if let Some(leg) = self.legs.get_mut(&LegId::CALLER) {
                    leg.expect = expect;
                }
                self.say(prompt, key, text, lang);
            }
            Request::StopSaying { prompt } => {
                let caller = self.legs.get(&LegId::CALLER);
                let unheard = caller.map_or(0, |leg| leg.handle.control.clear().as_millis());
                if let Some(signal) = self.mouth.stop(prompt, unheard as u32) {
                    self.mouth_signal(signal);
                }
            }
            Request::Music { on } => self.mouth.music(on),
            Request::Understand {
                request,
                utterance,
                text,
                lang,
            } => {
                self.classify(request, utterance, text, lang);
            }
            Request::Ask {
                request,
                query,
                lang,
                article,
            } => {
                self.look_up(request, query, lang, article);
            }
            Request::Connect {
                request,
                operation,
                slots,
            } => {
                let slots = slots
                    .iter()
                    .map(|(name, slot)| (name.clone(), self.safe.open(slot)))
                    .collect();
                self.connect(request, Question { operation, slots });
            }
            Request::Keep { secret, value } => self.safe.keep(secret, value),
            Request::Listen { leg, expect } => {
                if let Some(found) = self.legs.get_mut(&leg)
                    && found.expect != expect
                {
                    found.expect = expect;
                    // Digits of two different answers are not one number.
                    self.masker.boundary(leg);
                }
            }
            Request::BeginUtterance {
                leg,
                utterance,
                from,
            } => {
                if let Some(leg) = self.legs.get_mut(&leg) {
                    leg.ear.begin(utterance, from);
                }
            }
            Request::EndUtterance {
                leg,
                utterance,
                span,
            } => {
                self.end_utterance(leg, utterance, span);
            }
            other => self.carry_out_legs(other),
        }
    }

    fn carry_out_legs(&mut self, request: Request) {
        match request {
            Request::Enqueue(wanted) => self.ask_router(wanted),
            Request::LeaveQueue => self.leave_router(),
            Request::Mix(mix) => self.mixer.set(mix),
            Request::Dial { request, number } => self.dial(request, &number),
            Request::CancelDial { request } => self.cancel_dial(request),
            Request::Release { agent } => self.release(&agent),
            Request::SendKey { leg, key } => {
                if let Some(leg) = self.legs.get(&leg) {
                    leg.handle.control.send_key(key);
                }
            }
            Request::HangUp { leg } => self.leave(leg, "hung up by the house"),
            Request::Finish => self.over = true,
            _ => {}
        }
    }

    fn say(&mut self, prompt: PromptId, key: String, text: String, lang: Lang) {
        self.prompt_asked = Some((prompt, self.now()));
        self.mouth.expect(prompt, text.chars().count());
        let Some(voice) = &self.house.models.voice else {
            self.spoken(Spoken {
                prompt,
                part: Err("no synthesizer".into()),
            });
            return;
        };
        // What holds a number may hold the caller's, and does not belong on the disk.
        let personal = text.chars().any(char::is_numeric);
        let mut parts = voice.stream(Say {
            key: Some(key),
            text,
            lang,
            personal,
        });
        let handle = self.handle.clone();
        tokio::spawn(async move {
            while let Some(speech) = parts.recv().await {
                let part = speech.map_err(|e| e.to_string()).map(|speech| Part {
                    chars: speech.text.chars().count(),
                    last: speech.last,
                    pcm: speech.pcm,
                });
                let failed = part.is_err();
                let spoken = CallMessage::Spoken(Spoken { prompt, part });
                if !handle.send(spoken).await || failed {
                    return;
                }
            }
        });
    }

    /// The sound of a prompt is there, or can't be had: then a short tone stands for it, the
    /// captions have its words, and the conversation goes on.
    pub(super) fn spoken(&mut self, spoken: Spoken) {
        let part = spoken.part.unwrap_or_else(|reason| {
            tracing::error!(call = %self.handle.call, %reason, "a prompt could not be spoken");
            self.fact(EventKind::Degraded {
                what: "synthesizer".into(),
                then: "tone".into(),
            });
            Part {
                pcm: Voice::tone("").pcm,
                chars: 1,
                last: true,
            }
        });
        self.mouth.play(spoken.prompt, part);
    }

    /// What a text asks for. On a thread of its own: an encoder reads for longer than sound may wait.
    fn classify(&self, request: RequestId, utterance: UtteranceId, text: String, lang: Lang) {
        let content = self.facts.content.clone();
        let unsure = self.unsure.clone();
        let handle = self.handle.clone();
        let began = Instant::now();
        tokio::spawn(async move {
            let scores = tokio::task::spawn_blocking(move || {
                match unsure.filter(|unsure| unsure.is_of(utterance, &text)) {
                    Some(unsure) => content
                        .classifier
                        .classify_readings(&readings(&text, &unsure.others), lang),
                    None => content.classifier.classify(&text, lang),
                }
            })
            .await
            .unwrap_or_else(|error| {
                // The conversation goes on as after a sentence that nobody understands.
                tracing::error!(call = %handle.call, %error, "a sentence was not classified");
                Vec::new()
            });
            let event = Box::new(took(LatencyStage::Intent, Some(utterance), began.elapsed()));
            handle
                .send(CallMessage::Input(CallInput::Fact { event }))
                .await;
            handle
                .send(CallMessage::Input(CallInput::Understood {
                    request,
                    scores,
                }))
                .await;
        });
    }

    fn look_up(&mut self, request: RequestId, query: String, lang: Lang, article: Option<String>) {
        let house = self.house.clone();
        let handle = self.handle.clone();
        let began = Instant::now();
        tokio::spawn(async move {
            let passages = house
                .knowledge
                .answer(&query, lang, article.as_deref(), PASSAGES_MAX)
                .await;
            let took = EventKind::Took {
                stage: LatencyStage::Retrieval,
                utterance: None,
                took_us: began.elapsed().as_micros() as u64,
            };
            handle
                .send(CallMessage::Input(CallInput::Found { request, passages }))
                .await;
            handle
                .send(CallMessage::Input(CallInput::Fact {
                    event: Box::new(took),
                }))
                .await;
        });
    }

    fn connect(&mut self, request: RequestId, question: Question) {
        let house = self.house.clone();
        let handle = self.handle.clone();
        tokio::spawn(async move {
            let asked = house.connectors.ask(&question);
            let answer = tokio::time::timeout(CONNECTOR_LIMIT, asked)
                .await
                .unwrap_or_else(|_| ConnectorAnswer::Failed {
                    reason: "no answer in time".into(),
                });
            handle
                .send(CallMessage::Input(CallInput::Connector { request, answer }))
                .await;
        });
    }

    fn end_utterance(&mut self, leg: LegId, utterance: UtteranceId, span: Span) {
        let Some(found) = self.legs.get_mut(&leg) else {
            // The leg has left; what it said last can still be in the recognizer, and is not worth
            // the wait.
            let reason = "the leg left".to_owned();
            self.give(CallInput::Unheard {
                leg,
                utterance,
                reason,
            });
            return;
        };
        let means = found.ear.end(utterance, span);
        if leg == LegId::CALLER {
            self.caller_spoke_to = Some(span.to);
            self.took(
                LatencyStage::EndOfTurn,
                Some(utterance),
                self.now().since(span.to),
            );
        }
        self.understand_sound(leg, utterance, means);
    }

    pub(super) fn took(
        &mut self,
        stage: LatencyStage,
        utterance: Option<UtteranceId>,
        took: Duration,
    ) {
        self.fact(self::took(stage, utterance, took));
    }

    /// The final words of an utterance: values are read from them, then they are masked, and only
    /// then do they go anywhere.
    pub(super) fn final_text(&mut self, leg: LegId, utterance: UtteranceId, heard: Recognized) {
        let expect = self
            .legs
            .get(&leg)
            .map(|l| l.expect.clone())
            .unwrap_or_default();
        let slots = if leg == LegId::CALLER {
            self.candidates(heard.text.reveal(), heard.lang, &expect)
        } else {
            Vec::new()
        };
        let words: Vec<HeardWord> = heard
            .words
            .into_iter()
            .map(|w| HeardWord {
                text: w.text,
                from: w.from,
                to: w.to,
                confidence: w.confidence,
            })
            .collect();
        let (text, words) = if words.is_empty() {
            (self.masker.mask(leg, heard.text, heard.lang), Vec::new())
        } else {
            let masked = self.masker.mask_words(leg, &words, heard.lang);
            self.silence(leg, masked.audio);
            (masked.text, masked.words)
        };
        let transcript = Transcript {
            utterance,
            rejected: heard.rejected == Some(Rejected::Unsure),
            text,
            words,
            stage: Stage::Final,
            lang: heard.lang,
            confidence: heard.confidence,
        };
        if leg == LegId::CALLER {
            self.unsure = Some(Arc::new(Unsure {
                utterance,
                text: transcript.text.as_str().to_owned(),
                others: heard.others,
            }));
        }
        if leg == LegId::CALLER
            && let Some(spoke_to) = self.caller_spoke_to
        {
            let took = self.now().since(spoke_to);
            self.took(LatencyStage::Transcription, Some(utterance), took);
        }
        self.give(CallInput::Final {
            leg,
            transcript,
            slots,
        });
    }

    /// Takes a personal number out of the recording, too.
    fn silence(&self, leg: LegId, spans: Vec<Span>) {
        if spans.is_empty() || !self.house.config.media.record {
            return;
        }
        let side = if leg == LegId::CALLER {
            Side::Left
        } else {
            Side::Right
        };
        let vault = self.house.vault.clone();
        let call = self.handle.call.clone();
        tokio::spawn(async move {
            if let Err(error) = vault.silence(&call, side, &spans).await {
                tracing::error!(%call, %error, "a number was not taken out of the recording");
            }
        });
    }

    /// Values in what was said. Personal ones go into the safe; what is shown is masked.
    fn candidates(&mut self, text: &str, lang: Lang, expect: &Expect) -> Vec<SlotCandidate> {
        let today = self.house.today();
        let found = slots::parse_on(text, lang, expect, Some(today));
        found
            .into_iter()
            .map(|slot| {
                let value = if slot.kind == SlotKind::PhoneNumber {
                    let ending: String = ending_of(&slot.value);
                    let secret = Some(self.safe.put(Heard::new(slot.value)));
                    SlotValue {
                        shown: Masked::authored(format!("••{ending}")),
                        secret,
                    }
                } else {
                    let heard = Heard::new(slot.value);
                    let shown = self.masker.mask_partial(LegId::CALLER, heard, lang);
                    SlotValue {
                        shown,
                        secret: None,
                    }
                };
                SlotCandidate {
                    kind: slot.kind,
                    value,
                    valid: slot.valid,
                    corrected: slot.corrected,
                }
            })
            .collect()
    }
}

fn ending_of(digits: &str) -> String {
    let from = digits.char_indices().rev().nth(3).map_or(0, |(at, _)| at);
    digits[from..].to_owned()
}

/// Writes a stage's time into the metrics and gives the event for the journal.
fn took(stage: LatencyStage, utterance: Option<UtteranceId>, took: Duration) -> EventKind {
    metrics::histogram!("sidetone_stage_seconds", "stage" => stage_word(stage))
        .record(took.as_secs_f64());
    EventKind::Took {
        stage,
        utterance,
        took_us: took.as_micros() as u64,
    }
}

fn stage_word(stage: LatencyStage) -> &'static str {
    match stage {
        LatencyStage::EndOfTurn => "end_of_turn",
        LatencyStage::Transcription => "transcription",
        LatencyStage::Intent => "intent",
        LatencyStage::Retrieval => "retrieval",
        LatencyStage::FirstReplyAudio => "first_reply_audio",
        LatencyStage::EndToEnd => "end_to_end",
    }
}

/// Hands a stretch of sound to the recognizer; the answer comes as a message.
pub(super) fn recognize(task: &mut CallTask, listening: Listening, lang: Lang, expect: Expect) {
    let Some(recognizer) = task.house.models.recognizer.clone() else {
        return;
    };
    let Some(place) = task.place.as_ref().map(|place| place.key()) else {
        // The call began without a place, so the state machine offered keys; nothing was promised.
        let means = Means::Unheard(InferenceError::Overloaded { waiting_ms: 0 });
        task.understand_sound(listening.leg, listening.utterance, means);
        return;
    };
    let Listening {
        leg,
        utterance,
        stage,
        careful,
        pcm,
        from,
        covers,
    } = listening;
    let job = Job {
        place,
        utterance,
        pcm,
        at: from,
        lang,
        stage,
        careful,
        hint: hint_of(&expect),
    };
    let answer = recognizer.transcribe(job);
    let handle: Arc<CallHandle> = task.handle.clone();
    tokio::spawn(async move {
        let result = answer.await;
        let recognition = Recognition {
            leg,
            utterance,
            stage,
            covers,
            result,
        };
        handle
            .send(CallMessage::Recognized(Box::new(recognition)))
            .await;
    });
}

/// What the conversation expects, in the recognizer's terms.
pub(crate) fn hint_of(expect: &Expect) -> Hint {
    match expect {
        Expect::YesNo => Hint::YesNo,
        Expect::OrderNumber => Hint::OrderNumber,
        Expect::Menu { words } => Hint::Words(words.clone()),
        other => match other.digits() {
            Some(count) => Hint::Digits { count: Some(count) },
            None if matches!(other, Expect::Digits { .. }) => Hint::Digits { count: None },
            None => Hint::Open,
        },
    }
}
