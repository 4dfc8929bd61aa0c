//! One leg's listening: voice activity, the sound of the utterance that is being spoken, and when
//! to ask the recognizer for its text.
//!
//! The text of a pause is asked for as soon as the pause begins. If the state machine then takes the
//! pause for the end of the utterance, that text is the final one, and the caller does not wait for
//! a second decoding.

use sidetone_inference::InferenceError;
use sidetone_inference::recognizer::Recognized;
use sidetone_inference::vad::{Earshot, Level, VoiceActivity};
use sidetone_types::*;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Sound kept for the onset of an utterance that is told of late.
const PAST_MS: u64 = 1500;
/// Words that begin so early after the leg joined are taken from its very first frame: the detector
/// was not warm and told of them late.
const EARLY_FRAMES: u32 = 50;
/// Time between two partial texts.
const PARTIAL_EVERY: Duration = Duration::from_millis(300);
/// Silence after the last voiced frame that is decoded with it.
const TAIL: Duration = Duration::from_millis(100);
/// Longest utterance that is kept; the state machine ends it before.
const UTTERANCE_MS_MAX: u64 = 14_000;

const PAST_SAMPLES: usize = (PAST_MS * RATE_HZ as u64 / 1000) as usize;

/// A recognition that was asked for.
#[derive(Clone, Debug)]
pub struct Listening {
    pub leg: LegId,
    pub utterance: UtteranceId,
    pub stage: Stage,
    /// The text of a pause, which becomes the final one if the pause is the end.
    pub careful: bool,
    /// 16 kHz mono.
    pub pcm: Arc<[i16]>,
    /// Time of the first sample.
    pub from: CallTime,
    /// Speech up to here is inside.
    pub covers: CallTime,
}

/// A recognition that is done.
#[derive(Debug)]
pub struct Recognition {
    pub leg: LegId,
    pub utterance: UtteranceId,
    pub stage: Stage,
    pub covers: CallTime,
    pub result: Result<Recognized, InferenceError>,
}

/// What a recognition means for the call.
#[derive(Debug)]
pub enum Means {
    Partial(Recognized),
    Final(Recognized),
    Unheard(InferenceError),
    /// The quick text did not come to pass: this one must be asked for.
    Again(Listening),
    Nothing,
}

struct Utterance {
    id: UtteranceId,
    pcm: Vec<i16>,
    from: CallTime,
    /// End of the last frame in which somebody spoke.
    voiced_to: CallTime,
    next_partial: CallTime,
    /// The pause that just began has not been asked for yet.
    tail_due: Option<CallTime>,
    /// What the newest request in flight covers.
    asked: Option<CallTime>,
    /// The newest text and what it covers.
    heard: Option<(CallTime, Recognized)>,
    /// Set by the state machine: the utterance is over.
    ended: Option<Span>,
    /// When `ended` was said, so that stale finals are told from quick ones.
    final_asked: bool,
}

/// Listens to one leg.
pub struct Ear {
    leg: LegId,
    activity: Box<dyn VoiceActivity>,
    level: Level,
    past: VecDeque<i16>,
    /// Frames heard, up to [`EARLY_FRAMES`].
    frames: u32,
    now: CallTime,
    current: Option<Utterance>,
    /// Ended utterances whose final text has not come yet.
    closing: Vec<Utterance>,
}

impl Ear {
    pub fn new(leg: LegId) -> Self {
        Self {
            leg,
            activity: Box::new(Earshot::default()),
            level: Level::default(),
            past: VecDeque::with_capacity(PAST_SAMPLES + FRAME_SAMPLES),
            frames: 0,
            now: CallTime::ZERO,
            current: None,
            closing: Vec::new(),
        }
    }

    /// Takes the frame that ends at `now`; gives the new voice level when it changed.
    pub fn hear(&mut self, now: CallTime, pcm: &Pcm) -> Option<u8> {
        self.now = now;
        self.frames = (self.frames + 1).min(EARLY_FRAMES);
        if self.past.len() >= PAST_SAMPLES {
            self.past.drain(..FRAME_SAMPLES);
        }
        self.past.extend(pcm);
        let score = self.activity.push(pcm);
        let change = self.level.push(pcm, score);
        if let Some(utterance) = &mut self.current {
            if utterance.pcm.len() < (UTTERANCE_MS_MAX as usize) * 16 {
                utterance.pcm.extend_from_slice(pcm);
            }
            if self.level.now() > 0 {
                utterance.voiced_to = now;
                utterance.tail_due = None;
            } else if change == Some(0) {
                // The state machine counts the pause from this moment, and so does the request.
                utterance.voiced_to = now;
                utterance.tail_due = Some(now);
            }
        }
        change
    }

    /// How loud the frame is that this leg is being played, so that its echo is no speech.
    pub fn playing(&mut self, level_dbov: f32) {
        self.level.playing(level_dbov);
    }

    /// The state machine says that an utterance began at `from`.
    pub fn begin(&mut self, id: UtteranceId, from: CallTime) {
        let wanted = (self.now.since(from).as_millis() as usize) * 16;
        let early = self.frames < EARLY_FRAMES;
        let count = match early {
            true => self.past.len(),
            false => wanted.min(self.past.len()),
        };
        let mut pcm = Vec::with_capacity(8 * RATE_HZ as usize);
        pcm.extend(self.past.range(self.past.len() - count..));
        let from = self.now - Duration::from_micros(count as u64 * 1_000_000 / u64::from(RATE_HZ));
        self.current = Some(Utterance {
            id,
            pcm,
            from,
            voiced_to: self.now,
            next_partial: self.now + PARTIAL_EVERY,
            tail_due: None,
            asked: None,
            heard: None,
            ended: None,
            final_asked: false,
        });
    }

    /// What to ask the recognizer now, if anything. At most one request of an utterance is out
    /// at a time, but for the tail of a pause, which may displace the one before it.
    pub fn due(&mut self) -> Option<Listening> {
        let now = self.now;
        let leg = self.leg;
        let utterance = self.current.as_mut()?;
        let tail = utterance.tail_due.is_some();
        let regular = utterance.asked.is_none() && now >= utterance.next_partial;
        if !tail && (!regular || self.level.now() == 0) {
            return None;
        }
        utterance.tail_due = None;
        utterance.next_partial = now + PARTIAL_EVERY;
        let covers = if tail { utterance.voiced_to } else { now };
        utterance.asked = Some(covers);
        let mut listening = utterance.listening(leg, Stage::Partial, covers);
        listening.careful = tail;
        Some(listening)
    }

    /// The utterance is over. Either its final text is known already, or it must be asked for, or a
    /// request that covers it is under way.
    pub fn end(&mut self, id: UtteranceId, span: Span) -> Means {
        let Some(mut utterance) = self.current.take_if(|u| u.id == id) else {
            return Means::Nothing;
        };
        utterance.ended = Some(span);
        if let Some((covers, heard)) = utterance.heard.take()
            && reaches(covers, span)
        {
            return Means::Final(heard);
        }
        if utterance.asked.is_some_and(|covers| reaches(covers, span)) {
            self.closing.push(utterance);
            return Means::Nothing;
        }
        self.ask_final(utterance, span)
    }

    fn ask_final(&mut self, mut utterance: Utterance, span: Span) -> Means {
        utterance.final_asked = true;
        utterance.asked = Some(span.to);
        let listening = utterance.listening(self.leg, Stage::Final, span.to);
        self.closing.push(utterance);
        Means::Again(listening)
    }

    /// A recognition came back.
    pub fn recognized(&mut self, recognition: Recognition) -> Means {
        let Recognition {
            utterance: id,
            stage,
            covers,
            result,
            ..
        } = recognition;
        if let Some(index) = self.closing.iter().position(|u| u.id == id) {
            return self.closed(index, stage, covers, result);
        }
        let Some(utterance) = self.current.as_mut().filter(|u| u.id == id) else {
            return Means::Nothing;
        };
        if utterance.asked == Some(covers) {
            utterance.asked = None;
        }
        match result {
            Ok(heard) => {
                if utterance
                    .heard
                    .as_ref()
                    .is_none_or(|(before, _)| *before <= covers)
                {
                    utterance.heard = Some((covers, heard.clone()));
                    return Means::Partial(heard);
                }
                Means::Nothing
            }
            // A partial text that was displaced or refused is no loss; the next one comes.
            Err(_) => Means::Nothing,
        }
    }

    fn closed(
        &mut self,
        index: usize,
        stage: Stage,
        covers: CallTime,
        result: Result<Recognized, InferenceError>,
    ) -> Means {
        let Some(span) = self.closing[index].ended else {
            return Means::Nothing;
        };
        let is_final = stage == Stage::Final;
        if !reaches(covers, span) || (self.closing[index].final_asked && !is_final) {
            // An older partial that came late: text for the page, not the end.
            return Means::Nothing;
        }
        let utterance = self.closing.remove(index);
        match result {
            Ok(heard) => Means::Final(heard),
            Err(e) if is_final => Means::Unheard(e),
            Err(_) => self.ask_final(utterance, span),
        }
    }
}

/// Whether a text that covers the sound up to `covers` is the text of the whole span. The state
/// machine stamps a change of level up to a frame after the ear.
fn reaches(covers: CallTime, span: Span) -> bool {
    covers + Duration::from_millis(FRAME_MS) >= span.to
}

impl Utterance {
    fn listening(&self, leg: LegId, stage: Stage, covers: CallTime) -> Listening {
        let end = (covers + TAIL).since(self.from).as_millis() as usize * 16;
        let pcm = &self.pcm[..end.min(self.pcm.len())];
        Listening {
            leg,
            utterance: self.id,
            stage,
            careful: stage == Stage::Final,
            pcm: pcm.into(),
            from: self.from,
            covers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidetone_types::Heard;

    /// Takes whatever is loud for speech.
    struct Loud(u16);

    impl VoiceActivity for Loud {
        fn push(&mut self, pcm: &Pcm) -> u16 {
            self.0 = if pcm[0] > 0 { 1000 } else { 0 };
            self.0
        }
        fn reset(&mut self) {
            self.0 = 0;
        }
    }

    /// Irregular sound, which is no tone.
    fn voice(frame: u64) -> Pcm {
        let mut seed = frame.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut pcm = std::array::from_fn(|_| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            (seed % 8000) as i16 - 4000
        });
        pcm[0] = 1;
        pcm
    }

    fn heard(text: &str) -> Recognized {
        Recognized {
            text: Heard::new(text),
            words: Vec::new(),
            confidence: 900,
            others: Vec::new(),
            evidence: Default::default(),
            lang: Lang::En,
            took: Duration::ZERO,
            waited: Duration::ZERO,
            rejected: None,
        }
    }

    fn answer(asked: &Listening, text: &str) -> Recognition {
        Recognition {
            leg: asked.leg,
            utterance: asked.utterance,
            stage: asked.stage,
            covers: asked.covers,
            result: Ok(heard(text)),
        }
    }

    /// Two seconds of silence, then speech; returns the ear as the utterance has just paused, the
    /// request for the pause, and when the pause began.
    fn paused() -> (Ear, Listening, CallTime) {
        let mut ear = Ear::new(LegId::CALLER);
        ear.activity = Box::new(Loud(0));
        let mut asked = None;
        for frame in 0..200u64 {
            let now = CallTime::from_ms((frame + 1) * FRAME_MS);
            let pcm = if (100..180).contains(&frame) {
                voice(frame)
            } else {
                [0; FRAME_SAMPLES]
            };
            let change = ear.hear(now, &pcm);
            if change == Some(2) {
                ear.begin(UtteranceId(1), CallTime::from_ms(1800));
            }
            if let Some(listening) = ear.due() {
                ear.recognized(answer(&listening, "check my"));
                asked = Some(listening);
            }
            if change == Some(0) {
                return (ear, asked.expect("a request for the pause"), now);
            }
        }
        panic!("no pause was found");
    }

    #[test]
    fn the_text_of_the_pause_is_the_final_text() {
        let (mut ear, asked, paused) = paused();
        assert_eq!(asked.covers, paused);
        ear.recognized(answer(&asked, "check my bill"));
        // The state machine hears of the pause a little later than the ear.
        let span = Span {
            from: CallTime::from_ms(1800),
            to: paused + Duration::from_micros(700),
        };
        assert!(
            matches!(ear.end(UtteranceId(1), span), Means::Final(said) if said.text.reveal() == "check my bill")
        );
    }

    #[test]
    fn words_after_the_pause_are_asked_for_again() {
        let (mut ear, asked, paused) = paused();
        ear.recognized(answer(&asked, "check my bill"));
        let span = Span {
            from: CallTime::from_ms(1800),
            to: paused + Duration::from_millis(400),
        };
        let Means::Again(again) = ear.end(UtteranceId(1), span) else {
            panic!("the old text does not cover what was said later");
        };
        assert_eq!((again.stage, again.covers), (Stage::Final, span.to));
    }

    #[test]
    fn words_right_after_joining_are_kept_from_their_beginning() {
        let mut ear = Ear::new(LegId::CALLER);
        for frame in 0..30u64 {
            ear.hear(CallTime::from_ms((frame + 1) * FRAME_MS), &voice(frame));
        }
        ear.begin(UtteranceId(1), CallTime::from_ms(480));
        let from = ear.current.as_ref().map(|utterance| utterance.from);
        assert_eq!(from, Some(CallTime::ZERO));
    }
}
