//! What of an unfinished text is shown: the part that two readings in a row agree on.
//!
//! The recognizer reads the growing sound anew each time, and its last words change with every
//! reading (LocalAgreement, Liu et al. 2020, "Low-latency sequence-to-sequence speech recognition").
//! One deviating reading takes nothing back; two that agree on something else do.

/// The text of one utterance as it grows.
#[derive(Clone, Debug, Default)]
pub struct Stable {
    last: String,
    shown: String,
}

impl Stable {
    /// Takes the newest reading. Gives how many of its bytes to show now, where that changed.
    pub fn push(&mut self, reading: &str) -> Option<usize> {
        let agreed = &reading[..agreement(&self.last, reading)];
        self.last = reading.to_owned();
        if self.shown.starts_with(agreed) {
            return None;
        }
        self.shown = agreed.to_owned();
        Some(agreed.len())
    }

    /// What is shown.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The next utterance.
    pub fn clear(&mut self) {
        self.last.clear();
        self.shown.clear();
    }
}

/// Bytes of the longest common beginning of whole words; a Han character is a word.
fn agreement(before: &str, now: &str) -> usize {
    let same: usize = before
        .chars()
        .zip(now.chars())
        .take_while(|(a, b)| a == b)
        .map(|(_, b)| b.len_utf8())
        .sum();
    let ends = |at: usize| {
        [before, now].iter().all(|text| {
            let next = text[at..].chars().next();
            let last = text[..at].chars().next_back();
            let within = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() && !is_han(c));
            !(within(last) && within(next) || within(last) && next == Some('\''))
        })
    };
    let mut at = same;
    while at > 0 && (!now.is_char_boundary(at) || !ends(at)) {
        at -= 1;
    }
    now[..at].trim_end().len()
}

fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(readings: &[&str]) -> Vec<String> {
        let mut stable = Stable::default();
        readings
            .iter()
            .filter_map(|reading| {
                let shown = stable.push(reading)?;
                assert_eq!(&reading[..shown], stable.shown());
                Some(reading[..shown].to_owned())
            })
            .collect()
    }

    #[test]
    fn only_what_two_readings_agree_on_is_shown() {
        assert_eq!(
            told(&[
                "check",
                "check my bell",
                "check my bill",
                "check my bill please"
            ]),
            ["check", "check my", "check my bill"]
        );
        assert_eq!(
            told(&["查", "查一下帐", "查一下账", "查一下账单"]),
            ["查", "查一下", "查一下账"]
        );
        assert!(told(&["one"]).is_empty());
    }

    #[test]
    fn one_slip_takes_nothing_back_and_two_do() {
        let slip = [
            "my order is",
            "my order is here",
            "why older",
            "my order is here now",
        ];
        assert_eq!(told(&slip), ["my order is"]);
        let turn = ["send it back", "send it back", "spend it", "spend it all"];
        assert_eq!(told(&turn), ["send it back", "spend it"]);
    }

    #[test]
    fn a_word_is_shown_whole() {
        assert_eq!(told(&["i don't", "i don", "i donate"]), ["i"]);
        assert_eq!(told(&["six", "sixty two"]), [""; 0]);
    }
}
