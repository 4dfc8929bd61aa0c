//! One speaker's sound heard as in a call: voice activity, partial texts as they come, and every end
//! of turn that a policy of pauses would have seen.
//!
//! The sound is heard once with pauses that end nothing; policies are then played over what was heard.
//! A text arrives when the recognizer needed so long for it on this machine, one stream alone.

use super::room;
use crate::call::ear::{Ear as Ears, Means, Recognition};
use crate::call::requests::hint_of;
use sidetone_call::{Ear, EarSignal, Expect, PausePolicy, Stable};
use sidetone_inference::recognizer::{Job, Place, Recognized, Recognizer};
use sidetone_types::*;
use std::time::{Duration, Instant};

/// Silence after the sound, in which it must be seen that the speaker is done.
const AFTER_MS: u64 = 3_000;
/// Quiet before it, so that the detector is warm and knows the noise.
const BEFORE_MS: u64 = 1_500;
/// An utterance may not end by itself while it is heard.
const NEVER_MS: u32 = 60_000;

/// What happened, and when.
#[derive(Clone, Debug)]
pub enum Event {
    Voice(u8),
    Text(String),
}

/// A turn as it was heard.
pub struct Heard {
    events: Vec<(CallTime, Event)>,
    /// End of the speech, measured on the sound.
    pub speech_end: CallTime,
    /// What is shown of the partial texts, in order.
    pub partials: Vec<String>,
    /// The text at the end, and how long after the end of the voice it was there.
    pub last: Option<(Recognized, Duration)>,
}

/// What a policy made of a turn.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ended {
    /// The speaker was taken to be done and was not.
    pub cut_in: bool,
    /// From the end of the speech to the decision; `None` where there was none, or nothing was heard.
    pub after: Option<Duration>,
}

/// Hears a turn. `pcm` is 16 kHz mono.
pub async fn hear(
    recognizer: &Recognizer,
    place: &Place,
    pcm: &[i16],
    lang: Lang,
    expect: &Expect,
) -> anyhow::Result<Heard> {
    let mut patient = PausePolicy::default();
    for row in &mut patient.rows {
        (row.pause_ms, row.pause_ms_max) = (NEVER_MS, NEVER_MS);
    }
    let (mut ears, mut state) = (Ears::new(LegId::CALLER), Ear::new(patient));
    let sound = with_margins(pcm);
    let mut out = Heard {
        events: Vec::new(),
        speech_end: speech_end(pcm) + Duration::from_millis(BEFORE_MS),
        partials: Vec::new(),
        last: None,
    };
    let mut shown = Stable::default();
    let mut coming: Vec<(CallTime, Recognition)> = Vec::new();
    for (number, frame) in sound.chunks_exact(FRAME_SAMPLES).enumerate() {
        let now = CallTime::from_ms((number as u64 + 1) * FRAME_MS);
        let mut pcm = [0; FRAME_SAMPLES];
        pcm.copy_from_slice(frame);
        if let Some(level) = ears.hear(now, &pcm) {
            out.events.push((now, Event::Voice(level)));
            begin(&mut ears, state.voice(now, level));
        }
        begin(&mut ears, state.tick(now));
        while let Some(at) = coming.iter().position(|(due, _)| *due <= now) {
            let (_, recognition) = coming.remove(at);
            let covers = recognition.covers;
            if let Means::Partial(heard) = ears.recognized(recognition) {
                let text = heard.text.reveal().to_owned();
                out.events.push((now, Event::Text(text.clone())));
                state.text(now, &text);
                if let Some(bytes) = shown.push(&text) {
                    out.partials.push(text[..bytes].to_owned());
                }
                out.last = Some((heard, now.since(covers)));
            }
        }
        if let Some(asked) = ears.due() {
            let began = Instant::now();
            let result = recognizer
                .transcribe(Job {
                    place: place.key(),
                    utterance: asked.utterance,
                    pcm: asked.pcm.clone(),
                    at: asked.from,
                    lang,
                    stage: asked.stage,
                    careful: asked.careful,
                    hint: hint_of(expect),
                })
                .await;
            coming.push((
                now + began.elapsed(),
                Recognition {
                    leg: asked.leg,
                    utterance: asked.utterance,
                    stage: asked.stage,
                    covers: asked.covers,
                    result,
                },
            ));
        }
    }
    Ok(out)
}

fn begin(ears: &mut Ears, signals: Vec<EarSignal>) {
    for signal in signals {
        if let EarSignal::Began { from } = signal {
            ears.begin(UtteranceId(1), from);
        }
    }
}

impl Heard {
    /// Voice and texts in the order they came.
    pub fn events(&self) -> &[(CallTime, Event)] {
        &self.events
    }

    /// Voice and texts in the order they came, for people: `+` voice, `-` pause.
    pub fn told(&self) -> String {
        let told = self.events.iter().map(|(at, event)| match event {
            Event::Voice(2) => format!("{}+", at.as_ms()),
            Event::Voice(1) => format!("{}~", at.as_ms()),
            Event::Voice(_) => format!("{}-", at.as_ms()),
            Event::Text(text) => format!("{} \"{text}\"", at.as_ms()),
        });
        let end = format!("end {}", self.speech_end.as_ms());
        told.chain([end]).collect::<Vec<_>>().join(" ")
    }

    /// What a policy would have done.
    pub fn under(&self, policy: &PausePolicy, expect: &Expect) -> Ended {
        let mut ear = Ear::new(policy.clone());
        ear.expect(expect.clone());
        let mut out = Ended::default();
        let mut events = self.events.iter().peekable();
        let last = self.speech_end + Duration::from_millis(AFTER_MS);
        let mut now = CallTime::ZERO;
        while now <= last {
            now = now + Duration::from_millis(FRAME_MS);
            let mut signals = ear.tick(now);
            while let Some((_, event)) = events.next_if(|(at, _)| *at <= now) {
                signals.extend(match event {
                    Event::Voice(level) => ear.voice(now, *level),
                    Event::Text(text) => ear.text(now, text),
                });
            }
            for signal in signals {
                match signal {
                    EarSignal::Ended { .. } if now < self.speech_end => out.cut_in = true,
                    EarSignal::Ended { .. } => out.after = Some(now.since(self.speech_end)),
                    EarSignal::Began { .. } => {}
                }
            }
            if out.after.is_some() {
                break;
            }
        }
        out
    }
}

/// One pause for everybody: what engines without text do.
pub fn fixed(pause_ms: u32) -> PausePolicy {
    let mut policy = PausePolicy::default();
    for row in &mut policy.rows {
        (row.pause_ms, row.pause_ms_max) = (pause_ms, pause_ms);
    }
    policy
}

/// All pauses longer or shorter by a factor.
pub fn scaled(factor: f64) -> PausePolicy {
    let mut policy = PausePolicy::default();
    let scale = |ms: u32| (f64::from(ms) * factor).round() as u32;
    for row in &mut policy.rows {
        (row.pause_ms, row.pause_ms_max) = (scale(row.pause_ms), scale(row.pause_ms_max));
    }
    policy
}

/// The room's noise goes on before and after.
fn with_margins(pcm: &[i16]) -> Vec<i16> {
    let samples = |ms: u64| (ms * u64::from(RATE_HZ) / 1000) as usize;
    let (before, after) = (samples(BEFORE_MS), samples(AFTER_MS));
    let room = room::noise(pcm, before + after);
    [&room[..before], pcm, &room[before..]].concat()
}

/// The end of the last 20 ms that are within 40 dB of the loudest.
fn speech_end(pcm: &[i16]) -> CallTime {
    let energy = |frame: &[i16]| frame.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>();
    let frames: Vec<f64> = pcm.chunks(FRAME_SAMPLES).map(energy).collect();
    let loudest = frames.iter().copied().fold(0.0, f64::max);
    let last = frames
        .iter()
        .rposition(|e| *e > loudest * 1e-4)
        .unwrap_or(0);
    CallTime::from_ms((last as u64 + 1) * FRAME_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(events: &[(u64, Event)], speech_end: u64) -> Heard {
        Heard {
            events: events
                .iter()
                .map(|(ms, event)| (CallTime::from_ms(*ms), event.clone()))
                .collect(),
            speech_end: CallTime::from_ms(speech_end),
            partials: Vec::new(),
            last: None,
        }
    }

    #[test]
    fn a_pause_in_a_number_is_waited_out_and_a_fixed_one_cuts_in() {
        let turn = heard(
            &[
                (1000, Event::Voice(2)),
                (1800, Event::Text("my order number is four seven".into())),
                (2000, Event::Voice(0)),
                (2900, Event::Voice(2)),
                (
                    3500,
                    Event::Text("my order number is four seven two one".into()),
                ),
                (4000, Event::Voice(0)),
            ],
            3900,
        );
        let expect = Expect::Digits { count: Some(4) };
        let ours = turn.under(&PausePolicy::default(), &expect);
        assert!(!ours.cut_in);
        assert!(
            ours.after
                .is_some_and(|after| after < Duration::from_millis(400)),
            "{ours:?}"
        );
        assert!(turn.under(&fixed(700), &expect).cut_in);
        assert!(!turn.under(&fixed(1000), &expect).cut_in);
    }

    #[test]
    fn the_end_of_speech_is_measured_on_the_sound() {
        let mut pcm = vec![0i16; 16_000];
        pcm[3200..8000].fill(9000);
        assert_eq!(speech_end(&pcm), CallTime::from_ms(500));
    }
}
