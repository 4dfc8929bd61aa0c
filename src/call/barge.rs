//! Whether speech over a prompt stops it.

use crate::listening::is_backchannel;
use crate::policy::CallPolicy;
use crate::rules::{self, Command};
use std::time::Duration;

/// What speech over a prompt means so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The caller wants the word.
    Stop,
    /// Not clear before so much has been said.
    Wait(Duration),
}

/// `partial` is the text so far, `voiced` how long the caller has been speaking, `answering` whether
/// the prompt asks for a yes or a no.
pub(crate) fn verdict(
    policy: &CallPolicy,
    partial: &str,
    voiced: Duration,
    answering: bool,
) -> Verdict {
    let after = |limit_ms: u32| {
        let limit = Duration::from_millis(u64::from(limit_ms));
        if voiced >= limit {
            Verdict::Stop
        } else {
            Verdict::Wait(limit - voiced)
        }
    };
    if partial.trim().is_empty() {
        return after(policy.unclear_ms);
    }
    if is_listening(partial, answering) {
        return after(policy.backchannel_ms);
    }
    if rules::command(partial) == Some(Command::Person) || rules::content_words(partial) >= 2 {
        return Verdict::Stop;
    }
    after(policy.barge_ms)
}

/// Whether speech over a prompt that asks nothing stops it: the text so far, and how long it has been.
/// For evaluation; a call weighs the same in its own place.
pub fn stops_a_prompt(policy: &CallPolicy, partial: &str, voiced: Duration) -> bool {
    verdict(policy, partial, voiced, false) == Verdict::Stop
}

/// A sign of listening. To a yes-or-no question "对" is an answer, and "嗯" over its words is not.
pub(crate) fn is_listening(text: &str, answering: bool) -> bool {
    if answering {
        rules::is_hum(text)
    } else {
        is_backchannel(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stops_a_prompt() {
        let policy = CallPolicy::default();
        let at = |text: &str, voiced_ms: u64, answering: bool| {
            verdict(&policy, text, Duration::from_millis(voiced_ms), answering)
        };
        assert_eq!(
            at("", 300, false),
            Verdict::Wait(Duration::from_millis(500))
        );
        assert_eq!(at("", 800, false), Verdict::Stop);
        assert_eq!(
            at("嗯", 700, false),
            Verdict::Wait(Duration::from_millis(300))
        );
        assert_eq!(at("mm-hm", 1000, false), Verdict::Stop);
        assert_eq!(at("转人工", 200, false), Verdict::Stop);
        assert_eq!(at("check my", 200, false), Verdict::Stop);
        assert_eq!(
            at("okay", 500, false),
            Verdict::Wait(Duration::from_millis(500))
        );
        assert_eq!(at("对", 600, true), Verdict::Stop);
    }
}
