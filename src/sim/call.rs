//! One recorded caller on the line: WebRTC into the engine, captions beside it, both sides kept.

use crate::SimError;
use crate::client::{Captions, Engine, Started};
use crate::recorded::Voice;
use crate::script::{Patience, Script, Slice, Step};
use crate::twotrack::{Answered, TwoTrack};
use futures_util::StreamExt;
use serde::Deserialize;
use sidetone_edge::{CloseReason, Frame, LegHandle, LegSignal, WebRtcCaller};
use sidetone_media::{FRAME_SAMPLES, Pcm, SILENCE};
use sidetone_types::*;
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;

/// The captions of the end may follow the last sound by so much.
const LAST_WORDS: Duration = Duration::from_millis(1500);
/// Packets of 20 ms between two reports of the wire's quality.
const PACKETS_PER_REPORT: u64 = 100;

/// What happens in a call, as it happens.
#[derive(Clone, Copy, Debug)]
pub enum Seen<'a> {
    /// Sound flows in both directions.
    Connected,
    /// The caller begins to say this. Empty where the file does not say what is spoken in it.
    Saying(&'a str),
    Event(&'a CallEvent),
    /// The caller hangs up.
    HungUp,
}

/// A call that is over.
#[derive(Debug)]
pub struct CallReport {
    pub call: String,
    pub turns: Vec<Turn>,
    pub track: TwoTrack,
    /// As the engine told it.
    pub ended: Option<EndReason>,
    /// Whether the caller hung up by themselves.
    pub hung_up: bool,
    pub was_queued: bool,
    /// Frames of 20 ms that were lost on the wire or came too late to be taken.
    pub lost_frames: u64,
    pub events: Vec<CallEvent>,
}

/// One thing the caller said, and what came of it.
#[derive(Clone, Debug)]
pub struct Turn {
    pub said: String,
    /// Final texts of the utterances that it became, in order. Empty: nothing was heard.
    pub heard: Vec<String>,
    /// Measured on the sound; `None` where the part of the file was silent.
    pub answered: Option<Answered>,
    /// End of speech to the final text, by the engine's events, in milliseconds.
    pub text_ms: Option<u64>,
    /// The last of its utterances, and its end of speech by the engine's clock.
    pub last: Option<(UtteranceId, CallTime)>,
}

/// Calls, plays the caller to the end, and reports.
pub async fn place(
    engine: &Engine,
    line: &WebRtcCaller,
    voice: &Voice,
    patience: Patience,
    seen: &mut (dyn FnMut(u64, Seen<'_>) + Send),
) -> Result<CallReport, SimError> {
    let (offer, pending) = line.offer().await?;
    let customer = voice.caller.customer.as_deref();
    let started = engine.start(offer, voice.caller.lang, customer).await?;
    let mut leg = pending.answered(&started.sdp).await?;
    let mut captions = engine.captions(&started).await?;
    let mut running = Running::new(voice, patience, seen);
    let result = running.talk(&mut leg, &mut captions).await;
    if running.hung_up {
        // Also when the wire is gone already; then the engine says that there is no such call.
        let _ = engine.hang_up(&started).await;
    }
    leg.close();
    result?;
    running.last_words(&mut captions).await;
    running.report(started)
}

struct Running<'a> {
    voice: &'a Voice,
    script: Script,
    track: TwoTrack,
    seen: &'a mut (dyn FnMut(u64, Seen<'_>) + Send),
    /// What is being spoken, and how many samples of it are out.
    speaking: Option<(Slice, usize)>,
    played: Vec<Played>,
    events: Vec<CallEvent>,
    /// Call time 0 in the time of the track: the least delay that any caption had.
    began_ms: Option<i64>,
    connected: bool,
    captions_open: bool,
    hung_up: bool,
    ended: Option<EndReason>,
    was_queued: bool,
    lost_frames: u64,
}

/// A cue that was spoken, in the time of the track.
struct Played {
    index: usize,
    from_ms: u64,
    to_ms: u64,
}

#[derive(Deserialize)]
struct Caption {
    event: CallEvent,
}

impl<'a> Running<'a> {
    fn new(
        voice: &'a Voice,
        patience: Patience,
        seen: &'a mut (dyn FnMut(u64, Seen<'_>) + Send),
    ) -> Self {
        Self {
            voice,
            script: Script::new(&voice.caller.cues, patience),
            track: TwoTrack::default(),
            seen,
            speaking: None,
            played: Vec::new(),
            events: Vec::new(),
            began_ms: None,
            connected: false,
            captions_open: true,
            hung_up: false,
            ended: None,
            was_queued: false,
            lost_frames: 0,
        }
    }

    /// Until one of the two hangs up.
    async fn talk(&mut self, leg: &mut LegHandle, captions: &mut Captions) -> Result<(), SimError> {
        while !self.hung_up {
            tokio::select! {
                biased;
                frame = leg.frames_in.recv() => match frame {
                    Some(frame) => {
                        let own = self.frame(&frame);
                        leg.frames_out.push(&own);
                    }
                    None => return Ok(()),
                },
                signal = leg.signals.recv() => match signal {
                    Some(signal) => if self.signal(signal)? { return Ok(()); },
                    None => return Ok(()),
                },
                message = captions.next(), if self.captions_open => self.message(message)?,
            }
        }
        Ok(())
    }

    /// After the sound: what the engine still has to say, above all why the call ended.
    async fn last_words(&mut self, captions: &mut Captions) {
        let rest = async {
            while self.captions_open && self.ended.is_none() {
                let message = captions.next().await;
                if self.message(message).is_err() {
                    break;
                }
            }
        };
        let _ = tokio::time::timeout(LAST_WORDS, rest).await;
    }

    /// 20 ms: takes what is heard, gives what is said.
    fn frame(&mut self, heard: &Frame) -> Pcm {
        let now = self.track.now_ms();
        if self.connected {
            match self.script.step(now) {
                Step::Listen => {}
                Step::Speak(slice) => self.begin(slice, now),
                Step::HangUp => {
                    self.hung_up = true;
                    (self.seen)(now, Seen::HungUp);
                }
            }
        }
        let own = self.own();
        self.track.push(&own, &heard.pcm, heard.missed);
        self.lost_frames += u64::from(heard.missed);
        own
    }

    fn begin(&mut self, slice: Slice, now: u64) {
        let text = &self.voice.caller.cues[slice.index].text;
        (self.seen)(now, Seen::Saying(text));
        self.speaking = Some((slice, 0));
        self.played.push(Played {
            index: slice.index,
            from_ms: now,
            to_ms: now + u64::from(slice.to_ms - slice.from_ms),
        });
    }

    /// The next 20 ms of the caller's own sound.
    fn own(&mut self) -> Pcm {
        let Some((slice, at)) = self.speaking else {
            return SILENCE;
        };
        let sample = |ms: u32| (ms as usize * 16).min(self.voice.pcm.len());
        let sound = &self.voice.pcm[sample(slice.from_ms)..sample(slice.to_ms)];
        let mut own = SILENCE;
        let rest = &sound[at.min(sound.len())..];
        let count = rest.len().min(FRAME_SAMPLES);
        own[..count].copy_from_slice(&rest[..count]);
        self.speaking = (rest.len() > count).then_some((slice, at + count));
        own
    }

    /// True: the leg is over.
    fn signal(&mut self, signal: LegSignal) -> Result<bool, SimError> {
        match signal {
            LegSignal::Connected => {
                self.connected = true;
                (self.seen)(self.track.now_ms(), Seen::Connected);
                Ok(false)
            }
            LegSignal::Quality { loss_permille, .. } => {
                self.lost_frames += u64::from(loss_permille) * PACKETS_PER_REPORT / 1000;
                Ok(false)
            }
            LegSignal::Key(_)
            | LegSignal::Held { .. }
            | LegSignal::Transfer(_)
            | LegSignal::Referred(_) => Ok(false),
            LegSignal::Closed { reason } if !self.connected || reason == CloseReason::Lost => {
                Err(SimError::NoSound {
                    why: reason.to_string(),
                })
            }
            LegSignal::Closed { .. } => Ok(true),
        }
    }

    fn message(
        &mut self,
        message: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>,
    ) -> Result<(), SimError> {
        match message {
            Some(Ok(Message::Text(text))) => {
                let caption: Caption =
                    serde_json::from_str(&text).map_err(|e| SimError::Answer {
                        what: "the captions",
                        why: e.to_string(),
                    })?;
                self.event(caption.event);
            }
            Some(Ok(Message::Close(_)) | Err(_)) | None => self.captions_open = false,
            Some(Ok(_)) => {}
        }
        Ok(())
    }

    fn event(&mut self, event: CallEvent) {
        let now = self.track.now_ms();
        let began = now as i64 - event.at.as_ms() as i64;
        self.began_ms = Some(self.began_ms.map_or(began, |before| before.min(began)));
        match &event.kind {
            EventKind::PromptStarted { prompt, .. } => self.script.prompt_started(prompt.0, now),
            EventKind::PromptEnded { prompt, .. } => self.script.prompt_ended(prompt.0, now),
            EventKind::QueueEntered { .. } => {
                self.was_queued = true;
                self.script.handed_over(now);
            }
            EventKind::Answered { .. } => self.script.handed_over(now),
            EventKind::CallEnded { reason } => self.ended = Some(*reason),
            _ => {}
        }
        (self.seen)(now, Seen::Event(&event));
        self.events.push(event);
    }

    fn report(self, started: Started) -> Result<CallReport, SimError> {
        if !self.track.heard_anything() {
            return Err(SimError::NoSound {
                why: "nothing but silence was heard of the engine".into(),
            });
        }
        Ok(CallReport {
            turns: self.turns(),
            call: started.call,
            track: self.track,
            ended: self.ended,
            hung_up: self.hung_up,
            was_queued: self.was_queued,
            lost_frames: self.lost_frames,
            events: self.events,
        })
    }

    fn turns(&self) -> Vec<Turn> {
        let mut turns: Vec<Turn> = (0..self.played.len()).map(|n| self.turn(n)).collect();
        for event in &self.events {
            let EventKind::SpeechEnded {
                leg: LegId::CALLER,
                utterance,
                span,
                ..
            } = &event.kind
            else {
                continue;
            };
            let middle_ms = (span.from.as_ms() + span.to.as_ms()) / 2;
            let at = middle_ms as i64 + self.began_ms.unwrap_or(0);
            let turn = self
                .played
                .iter()
                .rposition(|played| played.from_ms as i64 <= at);
            if let Some(turn) = turn.and_then(|index| turns.get_mut(index)) {
                self.add_utterance(turn, *utterance, span.to);
            }
        }
        turns
    }

    /// A turn as far as the sound tells it.
    fn turn(&self, n: usize) -> Turn {
        let played = &self.played[n];
        let until = self.played.get(n + 1).map_or(u64::MAX, |next| next.from_ms);
        Turn {
            said: self.voice.caller.cues[played.index].text.clone(),
            heard: Vec::new(),
            answered: self.track.answered(played.from_ms, played.to_ms, until),
            text_ms: None,
            last: None,
        }
    }

    fn add_utterance(&self, turn: &mut Turn, utterance: UtteranceId, spoke_to: CallTime) {
        let heard = self.events.iter().find_map(|event| match &event.kind {
            EventKind::Heard { transcript, .. } if transcript.utterance == utterance => {
                Some((event.at, transcript))
            }
            _ => None,
        });
        let Some((at, transcript)) = heard.filter(|(_, t)| !t.text.is_empty()) else {
            return;
        };
        turn.heard.push(transcript.text.as_str().to_owned());
        turn.text_ms = Some(at.since(spoke_to).as_millis() as u64);
        turn.last = Some((utterance, spoke_to));
    }
}

impl CallReport {
    /// End of speech to the intent, for each turn that had one, from all events of the call.
    pub fn intent_ms(&self, events: &[CallEvent]) -> Vec<u64> {
        let found = |utterance: UtteranceId| {
            events.iter().find_map(|event| match &event.kind {
                EventKind::IntentFound { utterance: of, .. } if *of == utterance => Some(event.at),
                _ => None,
            })
        };
        self.turns
            .iter()
            .filter_map(|turn| {
                let (utterance, spoke_to) = turn.last?;
                Some(found(utterance)?.since(spoke_to).as_millis() as u64)
            })
            .collect()
    }

    pub fn reply_ms(&self) -> impl Iterator<Item = u64> {
        self.turns.iter().filter_map(|turn| turn.answered?.reply_ms)
    }
}
