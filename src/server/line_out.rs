//! The way to numbers outside the house. Whoever owns a trunk gives the house one of these.

use sidetone_edge::LegHandle;
use sidetone_types::{AgentId, CallId, Heard};
use std::future::Future;
use std::pin::Pin;
use tokio::sync::oneshot;

/// One call out.
#[derive(Debug)]
pub struct DialOut {
    /// For which call.
    pub call: CallId,
    /// Who asked for it: toll rules look at this.
    pub by: Option<AgentId>,
    /// As it was keyed: digits, `+`, `*` and `#`.
    pub number: Heard,
}

/// Why nobody can be had under a number, in a word for the journal and the page: `no_line_out`,
/// `not_allowed`, `busy`, `no_answer`, `declined`, `unreachable`, `failed`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DialRefused(pub String);

/// What a call out gives: a leg whose far end has answered; `None` is the leg that came early.
pub type Dialling = Pin<Box<dyn Future<Output = Result<Option<LegHandle>, DialRefused>> + Send>>;

/// Takes the leg of a far end that sends sound before it answers: a ringing tone, an announcement.
pub type Early = oneshot::Sender<LegHandle>;

/// A trunk, as far as a call is concerned. Dropping the future takes the call out back.
pub trait LineOut: Send + Sync {
    fn dial(&self, dial: DialOut, early: Early) -> Dialling;
    /// Why this person may not call this number, in a sentence for the log and the administrator;
    /// `None` where they may. Asked before anybody is put on hold for it.
    fn denies(&self, by: &AgentId, number: &str) -> Option<String>;
}

/// The digits of a number as a person types it. `None` where it is no number.
pub fn dialled_number(text: &str) -> Option<String> {
    let kept: String = text
        .chars()
        .filter(|c| !matches!(c, ' ' | '-' | '(' | ')' | '.' | '/'))
        .collect();
    let digits = kept.strip_prefix('+').unwrap_or(&kept);
    let right = (2..=18).contains(&digits.len())
        && digits
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '*' | '#'));
    right.then_some(kept)
}

/// What pages and the journal show of it.
pub fn shown_number(number: &str) -> String {
    let count = number.chars().count();
    let tail: String = number.chars().skip(count.saturating_sub(4)).collect();
    // A short number inside the house is no secret, and two digits of it would say nothing.
    if count <= 5 {
        number.to_owned()
    } else {
        format!("••{tail}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_type_them() {
        assert_eq!(
            dialled_number("+86 138-0013-8000").as_deref(),
            Some("+8613800138000")
        );
        assert_eq!(
            dialled_number("(010) 8000.1234").as_deref(),
            Some("01080001234")
        );
        assert_eq!(dialled_number("801").as_deref(), Some("801"));
        for wrong in [
            "",
            "+",
            "7",
            "call me",
            "138;rm",
            "sip:a@b",
            "1234567890123456789",
        ] {
            assert_eq!(dialled_number(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_long_number_is_shown_by_its_end() {
        assert_eq!(shown_number("+8613800138000"), "••8000");
        assert_eq!(shown_number("801"), "801");
    }
}
