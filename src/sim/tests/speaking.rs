//! Whatever the assistant does, a caller says each thing once, in order, never over their own words,
//! and hangs up at most once, in time.

use proptest::prelude::*;
use sidetone_sim::recorded::{After, Cue, Moment};
use sidetone_sim::script::{Patience, Script, Step};

#[derive(Clone, Debug)]
enum Happens {
    Started(u32),
    Ended(u32),
    HandedOver,
    Nothing,
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        2 => (0u32..6).prop_map(Happens::Started),
        3 => (0u32..6).prop_map(Happens::Ended),
        1 => Just(Happens::HandedOver),
        30 => Just(Happens::Nothing),
    ]
}

fn cue() -> impl Strategy<Value = Cue> {
    let after = prop_oneof![
        Just(After::Moment(Moment::Prompt)),
        Just(After::Moment(Moment::Start)),
        (0u32..20_000).prop_map(After::Ms),
    ];
    (after, 0u32..5000, 1u32..4000, prop::option::of(0u32..6000)).prop_map(
        |(after, from_ms, length, barge_after_ms)| Cue {
            after,
            from_ms,
            to_ms: from_ms + length,
            text: String::new(),
            barge_after_ms,
            say: None,
        },
    )
}

proptest! {
    #[test]
    fn a_caller_keeps_to_the_rules(
        cues in prop::collection::vec(cue(), 0..5),
        events in prop::collection::vec(happens(), 0..800),
    ) {
        let patience = Patience { call_ms: 10_000, ..Patience::default() };
        let mut script = Script::new(&cues, patience);
        let (mut next, mut free_at, mut left) = (0, 0, None);
        for (tick, event) in events.iter().chain(&[const { Happens::Nothing }; 800]).enumerate() {
            let now = tick as u64 * 20;
            match event {
                Happens::Started(prompt) => script.prompt_started(*prompt, now),
                Happens::Ended(prompt) => script.prompt_ended(*prompt, now),
                Happens::HandedOver => script.handed_over(now),
                Happens::Nothing => {}
            }
            match script.step(now) {
                Step::Listen => {}
                Step::Speak(slice) => {
                    prop_assert_eq!(slice.index, next);
                    prop_assert!(now >= free_at, "spoke over own words at {}", now);
                    prop_assert!(left.is_none(), "spoke after hanging up");
                    next += 1;
                    free_at = now + u64::from(slice.to_ms - slice.from_ms);
                }
                Step::HangUp => {
                    prop_assert!(left.replace(now).is_none(), "hung up twice");
                }
            }
        }
        prop_assert!(left.is_some_and(|at| at <= 10_000));
    }
}
