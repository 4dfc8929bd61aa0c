//! Which calls out are made (toll fraud).

use super::config::OutboundRules;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_secs(60);

/// Why a call out is not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Denied {
    #[error("nobody with the right to do so asked for this call out")]
    NotAuthorized,
    #[error("the number has a character that no telephone number has")]
    NotANumber,
    #[error("`outbound.allowed_prefixes` and `denied_prefixes` don't allow this number")]
    Prefix,
    #[error("`outbound.calls_per_minute_max` is reached")]
    Burst,
    #[error("`outbound.calls_at_once_max` is reached")]
    AtOnce,
}

pub(crate) struct OutboundGuard {
    rules: OutboundRules,
    begun: VecDeque<Instant>,
    at_once: u32,
}

impl OutboundGuard {
    pub fn new(rules: OutboundRules) -> Self {
        Self {
            rules,
            begun: VecDeque::new(),
            at_once: 0,
        }
    }

    /// Whether the number may be called at all, however many calls there are.
    pub fn check(&self, number: &str, authorized: bool) -> Result<(), Denied> {
        if !authorized {
            return Err(Denied::NotAuthorized);
        }
        let digits = number.strip_prefix('+').unwrap_or(number);
        let right = |b: u8| b.is_ascii_digit() || matches!(b, b'*' | b'#');
        if digits.is_empty() || digits.len() > 32 || !digits.bytes().all(right) {
            return Err(Denied::NotANumber);
        }
        let longest = |prefixes: &[String]| {
            prefixes
                .iter()
                .filter(|prefix| number.starts_with(prefix.as_str()))
                .map(String::len)
                .max()
        };
        // No allowed prefix is less than any denied one.
        let allowed = longest(&self.rules.allowed_prefixes).ok_or(Denied::Prefix)?;
        if longest(&self.rules.denied_prefixes).is_some_and(|denied| denied >= allowed) {
            return Err(Denied::Prefix);
        }
        Ok(())
    }

    /// Counts a call that is allowed; [`Self::end`] is owed for it.
    pub fn begin(&mut self, number: &str, authorized: bool, now: Instant) -> Result<(), Denied> {
        self.check(number, authorized)?;
        while self
            .begun
            .front()
            .is_some_and(|at| now.duration_since(*at) >= WINDOW)
        {
            self.begun.pop_front();
        }
        if self.begun.len() >= self.rules.calls_per_minute_max as usize {
            return Err(Denied::Burst);
        }
        if self.at_once >= self.rules.calls_at_once_max {
            return Err(Denied::AtOnce);
        }
        self.begun.push_back(now);
        self.at_once += 1;
        Ok(())
    }

    pub fn end(&mut self) {
        self.at_once = self.at_once.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> OutboundGuard {
        OutboundGuard::new(OutboundRules {
            allowed_prefixes: vec!["+49".into(), "0".into()],
            denied_prefixes: vec!["+49900".into(), "00".into()],
            calls_per_minute_max: 3,
            calls_at_once_max: 2,
        })
    }

    #[test]
    fn only_what_is_allowed_goes_out() {
        let now = Instant::now();
        let mut guard = guard();
        let mut refused =
            |number: &str, authorized| guard.begin(number, authorized, now).unwrap_err();
        assert_eq!(refused("+4930", false), Denied::NotAuthorized);
        assert_eq!(refused("+4990012", true), Denied::Prefix);
        assert_eq!(refused("0044", true), Denied::Prefix);
        assert_eq!(refused("+1900", true), Denied::Prefix);
        for odd in ["", "+", "0;phone", "0@x", "0\r\n", "0 1"] {
            assert_eq!(refused(odd, true), Denied::NotANumber, "{odd:?}");
        }
        let mut closed = OutboundGuard::new(OutboundRules::default());
        assert_eq!(closed.begin("+4930", true, now), Err(Denied::Prefix));
    }

    #[test]
    fn bursts_are_capped() {
        let now = Instant::now();
        let mut guard = guard();
        assert_eq!(guard.begin("+4930", true, now), Ok(()));
        assert_eq!(guard.begin("030", true, now), Ok(()));
        assert_eq!(guard.begin("030", true, now), Err(Denied::AtOnce));
        guard.end();
        assert_eq!(guard.begin("030", true, now), Ok(()));
        guard.end();
        assert_eq!(guard.begin("030", true, now), Err(Denied::Burst));
        assert_eq!(guard.begin("030", true, now + WINDOW), Ok(()));
    }
}
