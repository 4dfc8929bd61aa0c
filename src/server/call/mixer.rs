//! The sound of a call with any mixture of legs: what each of them hears, 20 ms at a time.
//!
//! The state machine says who hears whom; here it is only added up. Nothing allocates per frame.
//!
//! The recording has two channels: the caller, and everything the caller hears (prompts, music, and
//! everybody who talks with them). A whisper, and what is said while the caller is on hold, is in
//! neither.

use sidetone_call::Mix;
use sidetone_media::mix;
use sidetone_media::tones::HoldMusic;
use sidetone_types::{FRAME_SAMPLES, LegId, Pcm};

/// Legs of one call: the caller, those who talk with them, supervisors, and lines that are about to
/// close.
pub const LEGS_MAX: usize = 12;

/// The legs' sound of one frame.
#[derive(Default)]
pub struct Voices {
    said: [Option<(LegId, Pcm)>; LEGS_MAX],
}

impl Voices {
    pub fn clear(&mut self) {
        self.said = [None; LEGS_MAX];
    }

    pub fn put(&mut self, leg: LegId, pcm: &Pcm) {
        if let Some(free) = self.said.iter_mut().find(|place| place.is_none()) {
            *free = Some((leg, *pcm));
        }
    }

    pub fn of(&self, leg: LegId) -> Option<&Pcm> {
        let mut said = self.said.iter().flatten();
        said.find(|(speaker, _)| *speaker == leg)
            .map(|(_, pcm)| pcm)
    }
}

/// Adds up what each leg hears.
pub struct Mixer {
    mix: Mix,
    music: Option<HoldMusic>,
    /// This frame of the music for those who were consulted and left alone.
    played: Pcm,
}

impl Default for Mixer {
    fn default() -> Self {
        Self {
            mix: Mix::of(&[], false),
            music: None,
            played: [0; FRAME_SAMPLES],
        }
    }
}

impl Mixer {
    pub fn set(&mut self, mix: Mix) {
        if mix.music.is_empty() {
            self.music = None;
        } else if self.music.is_none() {
            self.music = Some(HoldMusic::new());
        }
        self.mix = mix;
    }

    /// Goes on to the next frame.
    pub fn advance(&mut self) {
        if let Some(music) = &mut self.music {
            music.fill(&mut self.played);
        }
    }

    /// What `leg` hears in this frame; `house` is the sound of prompts and hold music.
    pub fn heard_by(&self, leg: LegId, voices: &Voices, house: &Pcm) -> Pcm {
        let mut sum = [0; FRAME_SAMPLES];
        if self.mix.house.contains(&leg) {
            sum = *house;
        }
        if self.mix.music.contains(&leg) {
            mix::add(&mut sum, &self.played);
        }
        let pairs = self.mix.hears.iter();
        for (_, speaker) in pairs.filter(|(listener, _)| *listener == leg) {
            if let Some(said) = voices.of(*speaker) {
                mix::add(&mut sum, said);
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidetone_call::Seated;
    use sidetone_types::{Party, Seat};

    const AGENT: LegId = LegId(2);
    const OTHER: LegId = LegId(3);
    const BOSS: LegId = LegId(4);

    fn seated(leg: LegId, seat: Seat) -> Seated {
        let agent = "x".into();
        Seated::new(leg, &Party::Agent { agent }, seat, false)
    }

    fn voices() -> Voices {
        let mut voices = Voices::default();
        let said = [(LegId::CALLER, 1), (AGENT, 10), (OTHER, 100), (BOSS, 1000)];
        for (leg, value) in said {
            voices.put(leg, &[value; FRAME_SAMPLES]);
        }
        voices
    }

    #[test]
    fn each_hears_the_sum_of_the_others() {
        let mut mixer = Mixer::default();
        let people = [
            seated(AGENT, Seat::Main),
            seated(OTHER, Seat::Main),
            seated(BOSS, Seat::Whisper),
        ];
        mixer.set(Mix::of(&people, false));
        let house = [0; FRAME_SAMPLES];
        let level = |leg| mixer.heard_by(leg, &voices(), &house)[7];
        assert_eq!(level(LegId::CALLER), 110);
        assert_eq!(level(AGENT), 1101);
        assert_eq!(level(OTHER), 1011);
        assert_eq!(level(BOSS), 111);
    }

    #[test]
    fn the_house_is_heard_by_the_caller_and_who_was_left_hears_music() {
        let mut mixer = Mixer::default();
        mixer.set(Mix::of(&[seated(OTHER, Seat::Consult)], true));
        let house = [5; FRAME_SAMPLES];
        assert_eq!(mixer.heard_by(LegId::CALLER, &voices(), &house), house);
        let mut loudest = 0;
        for _ in 0..50 {
            mixer.advance();
            let heard = mixer.heard_by(OTHER, &voices(), &house);
            loudest = loudest.max(heard.iter().map(|s| s.unsigned_abs()).max().unwrap_or(0));
        }
        assert!(loudest > 500, "{loudest}");
    }
}
