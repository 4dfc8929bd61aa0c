//! Time within a call.

use serde::{Deserialize, Serialize};
use std::ops::{Add, Sub};
use std::time::Duration;

/// Microseconds since the call began.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct CallTime(pub u64);

impl CallTime {
    pub const ZERO: Self = Self(0);
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms * 1000)
    }
    pub const fn as_ms(self) -> u64 {
        self.0 / 1000
    }
    /// Time from `earlier` to this moment, zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for CallTime {
    type Output = Self;
    fn add(self, rhs: Duration) -> Self {
        Self(self.0 + u64::try_from(rhs.as_micros()).unwrap_or(u64::MAX / 2))
    }
}

impl Sub<Duration> for CallTime {
    type Output = Self;
    fn sub(self, rhs: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(u64::try_from(rhs.as_micros()).unwrap_or(u64::MAX)),
        )
    }
}

/// A stretch of call time, `from` inclusive, `to` exclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Span {
    pub from: CallTime,
    pub to: CallTime,
}
