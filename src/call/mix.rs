//! Who hears whom: one pure function from seats to pairs, whatever wires the legs came over.
//!
//! | speaks ↓ hears → | caller | main | consulted | monitor, whisper, barge |
//! |---|---|---|---|---|
//! | caller | – | unless held | no | always |
//! | main | unless held | yes | yes | yes |
//! | consulted | no | yes | – | yes |
//! | monitor | no | no | no | no |
//! | whisper | no | people of the house only | no | yes |
//! | barge | unless held | yes | yes | yes |
//!
//! Who is away hears nothing and is not heard; who is muted is heard by nobody. Prompts and hold
//! music go to the caller; a supervisor hears them too, unless the caller is held and there are
//! people to listen to. Who was consulted and has lost the agent hears music of their own.

use sidetone_types::{LegId, Party, Seat};

/// One party beside the caller, as the mix sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seated {
    pub leg: LegId,
    pub seat: Seat,
    /// An agent or a supervisor: may hear a whisper.
    pub of_the_house: bool,
    pub muted: bool,
}

impl Seated {
    pub fn new(leg: LegId, party: &Party, seat: Seat, muted: bool) -> Self {
        let of_the_house = matches!(party, Party::Agent { .. } | Party::Supervisor { .. });
        Self {
            leg,
            seat,
            of_the_house,
            muted,
        }
    }
}

/// What every leg hears. Equal mixes sound the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mix {
    /// Listener and speaker, in order, each pair once.
    pub hears: Vec<(LegId, LegId)>,
    /// Legs that hear prompts and the caller's hold music.
    pub house: Vec<LegId>,
    /// Legs that hear music of their own.
    pub music: Vec<LegId>,
}

impl Mix {
    /// The mix of a call whose caller is there. `held`: the caller is on hold.
    pub fn of(people: &[Seated], held: bool) -> Self {
        let mut mix = Self {
            house: vec![LegId::CALLER],
            ..Self::default()
        };
        let talks = |one: &&Seated| matches!(one.seat, Seat::Main | Seat::Barge);
        for one in people.iter().filter(talks) {
            if !held && !one.muted {
                mix.hears.push((LegId::CALLER, one.leg));
            }
        }
        for listener in people.iter().filter(|one| one.seat != Seat::Away) {
            if hears_caller(listener, held) {
                mix.hears.push((listener.leg, LegId::CALLER));
            }
            let others = people.iter().filter(|one| one.leg != listener.leg);
            let heard = others.filter(|speaker| !speaker.muted && hears(listener, speaker));
            mix.hears
                .extend(heard.map(|speaker| (listener.leg, speaker.leg)));
            if supervises(listener) && !held {
                mix.house.push(listener.leg);
            }
            let alone = !people.iter().any(|one| one.seat == Seat::Main);
            if listener.seat == Seat::Consult && alone {
                mix.music.push(listener.leg);
            }
        }
        mix.hears.sort_unstable();
        mix.house.sort_unstable();
        mix.music.sort_unstable();
        mix
    }

    pub fn hears(&self, listener: LegId, speaker: LegId) -> bool {
        self.hears.binary_search(&(listener, speaker)).is_ok()
    }
}

fn supervises(one: &Seated) -> bool {
    matches!(one.seat, Seat::Monitor | Seat::Whisper | Seat::Barge)
}

fn hears_caller(listener: &Seated, held: bool) -> bool {
    match listener.seat {
        Seat::Main => !held,
        Seat::Consult | Seat::Away => false,
        Seat::Monitor | Seat::Whisper | Seat::Barge => true,
    }
}

fn hears(listener: &Seated, speaker: &Seated) -> bool {
    match speaker.seat {
        Seat::Main | Seat::Consult | Seat::Barge => true,
        Seat::Whisper => {
            supervises(listener) || (listener.seat == Seat::Main && listener.of_the_house)
        }
        Seat::Monitor | Seat::Away => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLER: LegId = LegId::CALLER;
    const A: LegId = LegId(2);
    const B: LegId = LegId(3);
    const S: LegId = LegId(4);

    fn agent(leg: LegId, seat: Seat) -> Seated {
        let agent = "x".into();
        Seated::new(leg, &Party::Agent { agent }, seat, false)
    }

    fn outside(leg: LegId, seat: Seat) -> Seated {
        let number = sidetone_types::Masked::authored("•• 01");
        Seated::new(leg, &Party::Outside { number }, seat, false)
    }

    #[test]
    fn two_talk_and_hold_parts_them() {
        let mix = Mix::of(&[agent(A, Seat::Main)], false);
        assert_eq!(mix.hears, [(CALLER, A), (A, CALLER)]);
        assert_eq!(mix.house, [CALLER]);
        assert_eq!(Mix::of(&[agent(A, Seat::Main)], true).hears, []);
        let mut muted = agent(A, Seat::Main);
        muted.muted = true;
        assert_eq!(Mix::of(&[muted], false).hears, [(A, CALLER)]);
    }

    #[test]
    fn a_consultation_is_not_heard_by_the_caller() {
        let people = [agent(A, Seat::Main), outside(B, Seat::Consult)];
        assert_eq!(Mix::of(&people, true).hears, [(A, B), (B, A)]);
        // Even if the caller were not held, who is consulted and the caller do not hear each other.
        let mix = Mix::of(&people, false);
        assert!(!mix.hears(CALLER, B) && !mix.hears(B, CALLER));
        let left = [agent(A, Seat::Away), outside(B, Seat::Consult)];
        assert_eq!(Mix::of(&left, true).music, [B]);
    }

    #[test]
    fn three_in_a_conference_hear_each_other() {
        let mix = Mix::of(&[agent(A, Seat::Main), outside(B, Seat::Main)], false);
        assert_eq!(mix.hears.len(), 6);
    }

    #[test]
    fn a_whisper_reaches_agents_only() {
        let people = [
            agent(A, Seat::Main),
            outside(B, Seat::Main),
            agent(S, Seat::Whisper),
        ];
        let mix = Mix::of(&people, false);
        assert!(mix.hears(A, S) && !mix.hears(B, S) && !mix.hears(CALLER, S));
        for heard in [CALLER, A, B] {
            assert!(mix.hears(S, heard));
        }
        assert_eq!(mix.house, [CALLER, S]);
    }

    #[test]
    fn monitoring_is_silent_and_barging_is_not() {
        let listening = Mix::of(&[agent(A, Seat::Main), agent(S, Seat::Monitor)], true);
        assert_eq!(listening.hears, [(S, CALLER), (S, A)]);
        let barging = Mix::of(&[agent(A, Seat::Main), agent(S, Seat::Barge)], false);
        assert!(barging.hears(CALLER, S) && barging.hears(A, S) && barging.hears(S, CALLER));
    }
}
