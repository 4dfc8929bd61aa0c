//! What the caller hears of the house: prompts over music, one frame every 20 ms.

use sidetone_media::tones::HoldMusic;
use sidetone_types::{FRAME_MS, FRAME_SAMPLES, Pcm, PromptId};
use std::collections::VecDeque;
use std::sync::Arc;

/// Samples of the ramp that keeps a stopped prompt from clicking: 10 ms.
const RAMP_SAMPLES: usize = 160;

/// One sentence of a prompt's sound, or why there is none.
#[derive(Debug)]
pub struct Spoken {
    pub prompt: PromptId,
    pub part: Result<Part, String>,
}

/// One sentence.
#[derive(Debug)]
pub struct Part {
    /// 16 kHz mono.
    pub pcm: Arc<[i16]>,
    /// Characters of its text, for the share that was played of a prompt that never got complete.
    pub chars: usize,
    pub last: bool,
}

/// What became of a prompt in this frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MouthSignal {
    Started {
        prompt: PromptId,
    },
    Ended {
        prompt: PromptId,
        played_ms: u32,
        total_ms: u32,
    },
}

struct Playing {
    prompt: PromptId,
    parts: VecDeque<Arc<[i16]>>,
    /// Samples of the first part that are out.
    at: usize,
    played: usize,
    received: usize,
    received_chars: usize,
    chars: usize,
    complete: bool,
    started: bool,
    stopping: bool,
    /// Of what was played, how much the far end threw away.
    unheard_ms: u32,
}

/// Plays prompts and music to one caller.
#[derive(Default)]
pub struct Mouth {
    playing: Option<Playing>,
    music: Option<HoldMusic>,
}

impl Mouth {
    /// A prompt of so many characters was asked for; its sound comes by [`Mouth::play`].
    pub fn expect(&mut self, prompt: PromptId, chars: usize) {
        self.playing = Some(Playing {
            prompt,
            parts: VecDeque::new(),
            at: 0,
            played: 0,
            received: 0,
            received_chars: 0,
            chars,
            complete: false,
            started: false,
            stopping: false,
            unheard_ms: 0,
        });
    }

    /// A sentence of a prompt arrived. One of a prompt that was stopped is dropped.
    pub fn play(&mut self, prompt: PromptId, part: Part) {
        let Some(playing) = self.playing.as_mut().filter(|p| p.prompt == prompt) else {
            return;
        };
        playing.received += part.pcm.len();
        playing.received_chars += part.chars;
        playing.complete = part.last;
        if !part.pcm.is_empty() {
            playing.parts.push_back(part.pcm);
        }
    }

    /// Stops a prompt. One that has not sounded ends at once, which the returned signal says; one
    /// that sounds fades within the next frame. `unheard_ms` of it were on their way to a far end that
    /// keeps a buffer, and have been thrown away there.
    pub fn stop(&mut self, prompt: PromptId, unheard_ms: u32) -> Option<MouthSignal> {
        let playing = self.playing.as_mut().filter(|p| p.prompt == prompt)?;
        if playing.started {
            playing.stopping = true;
            playing.unheard_ms = unheard_ms;
            return None;
        }
        let total_ms = playing.total_ms();
        self.playing = None;
        Some(MouthSignal::Ended {
            prompt,
            played_ms: 0,
            total_ms,
        })
    }

    pub fn music(&mut self, on: bool) {
        match (on, self.music.is_some()) {
            (true, false) => self.music = Some(HoldMusic::new()),
            (false, true) => self.music = None,
            _ => {}
        }
    }

    /// Writes the next 20 ms into `out` and tells what became of the prompt: its start and its end
    /// can fall into one frame. What a number sends that is being called for the caller (`early`)
    /// stands in for the music.
    pub fn next(&mut self, out: &mut Pcm, early: Option<&Pcm>) -> [Option<MouthSignal>; 2] {
        out.fill(0);
        if let Some(music) = &mut self.music {
            match early {
                Some(early) => *out = *early,
                None => music.fill(out),
            }
            if self.playing.as_ref().is_some_and(|playing| playing.started) {
                // Words stand over the music, they do not compete with it.
                out.iter_mut().for_each(|sample| *sample /= 4);
            }
        }
        let Some(playing) = &mut self.playing else {
            return [None, None];
        };
        let prompt = playing.prompt;
        let mut started = None;
        if !playing.started && !playing.parts.is_empty() {
            playing.started = true;
            started = Some(MouthSignal::Started { prompt });
        }
        playing.fill(out);
        let over = playing.stopping || (playing.complete && playing.parts.is_empty());
        let ended = over.then(|| MouthSignal::Ended {
            prompt,
            played_ms: samples_ms(playing.played).saturating_sub(playing.unheard_ms),
            total_ms: playing.total_ms(),
        });
        if over {
            self.playing = None;
        }
        [started, ended]
    }
}

impl Playing {
    /// Adds the next samples to `out`. A sentence that is not made yet leaves a pause.
    fn fill(&mut self, out: &mut Pcm) {
        let take = if self.stopping {
            RAMP_SAMPLES
        } else {
            FRAME_SAMPLES
        };
        let mut done = 0;
        while done < take {
            let Some(part) = self.parts.front() else {
                break;
            };
            let count = (take - done).min(part.len() - self.at);
            let said = &part[self.at..self.at + count];
            for (i, (sample, said)) in out[done..].iter_mut().zip(said).enumerate() {
                let left = if self.stopping {
                    RAMP_SAMPLES - (done + i)
                } else {
                    RAMP_SAMPLES
                };
                let said = i32::from(*said) * left as i32 / RAMP_SAMPLES as i32;
                *sample = sample.saturating_add(said as i16);
            }
            done += count;
            self.at += count;
            self.played += count;
            if self.at == part.len() {
                self.parts.pop_front();
                self.at = 0;
            }
        }
    }

    /// Length of the whole prompt; estimated by its characters while sentences are missing.
    fn total_ms(&self) -> u32 {
        let whole = if self.complete || self.received_chars == 0 {
            self.received
        } else {
            self.received * self.chars.max(self.received_chars) / self.received_chars
        };
        samples_ms(whole)
    }
}

fn samples_ms(samples: usize) -> u32 {
    (samples as u64 * FRAME_MS / FRAME_SAMPLES as u64) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(frames: usize, chars: usize, last: bool) -> Part {
        Part {
            pcm: vec![1000; frames * FRAME_SAMPLES].into(),
            chars,
            last,
        }
    }

    #[test]
    fn a_prompt_starts_and_ends_once() {
        let mut mouth = Mouth::default();
        mouth.expect(PromptId(1), 5);
        let mut out = [0; FRAME_SAMPLES];
        assert_eq!(mouth.next(&mut out, None), [None, None]);
        mouth.play(PromptId(1), part(2, 5, true));
        assert_eq!(
            mouth.next(&mut out, None),
            [
                Some(MouthSignal::Started {
                    prompt: PromptId(1)
                }),
                None
            ]
        );
        assert_eq!(out[100], 1000);
        let end = MouthSignal::Ended {
            prompt: PromptId(1),
            played_ms: 40,
            total_ms: 40,
        };
        assert_eq!(mouth.next(&mut out, None), [None, Some(end)]);
        assert_eq!(mouth.next(&mut out, None), [None, None]);
        assert_eq!(out, [0; FRAME_SAMPLES]);
    }

    #[test]
    fn a_stopped_prompt_fades_and_tells_how_far_it_came() {
        let mut mouth = Mouth::default();
        mouth.expect(PromptId(1), 20);
        mouth.play(PromptId(1), part(50, 10, false));
        let mut out = [0; FRAME_SAMPLES];
        mouth.next(&mut out, None);
        assert_eq!(mouth.stop(PromptId(1), 0), None);
        // Half of the characters took a second, so the whole would have taken two.
        let end = MouthSignal::Ended {
            prompt: PromptId(1),
            played_ms: 30,
            total_ms: 2000,
        };
        assert_eq!(mouth.next(&mut out, None), [None, Some(end)]);
        assert!(out[150] < 100 && out[170] == 0);
    }

    #[test]
    fn a_prompt_stopped_before_its_sound_came_never_plays() {
        let mut mouth = Mouth::default();
        mouth.expect(PromptId(1), 5);
        let end = MouthSignal::Ended {
            prompt: PromptId(1),
            played_ms: 0,
            total_ms: 0,
        };
        assert_eq!(mouth.stop(PromptId(1), 0), Some(end));
        mouth.play(PromptId(1), part(1, 5, true));
        assert_eq!(mouth.next(&mut [0; FRAME_SAMPLES], None), [None, None]);
    }

    #[test]
    fn what_a_far_end_threw_away_was_not_heard() {
        let mut mouth = Mouth::default();
        mouth.expect(PromptId(1), 5);
        mouth.play(PromptId(1), part(50, 5, true));
        let mut out = [0; FRAME_SAMPLES];
        for _ in 0..40 {
            let _ = mouth.next(&mut out, None);
        }
        assert_eq!(mouth.stop(PromptId(1), 600), None);
        let ended = mouth.next(&mut out, None)[1];
        let Some(MouthSignal::Ended { played_ms, .. }) = ended else {
            panic!("{ended:?}");
        };
        // 800 ms and the 10 ms in which it fades.
        assert!((200..=220).contains(&played_ms), "{played_ms}");
    }
}
