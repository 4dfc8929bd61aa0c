//! The engine's clock: one monotonic origin, and its place in the world.

use jiff::{Timestamp, Zoned, tz::TimeZone};
use sidetone_acd::{AcdTime, MinuteOfWeek};
use std::time::Instant;

/// Monotonic time since the engine started, and the wall clock of the company's zone.
#[derive(Clone, Debug)]
pub struct Clock {
    origin: Instant,
    origin_wall_ms: i64,
    zone: TimeZone,
}

impl Clock {
    pub fn new(zone: TimeZone) -> Self {
        Self {
            origin: Instant::now(),
            origin_wall_ms: Timestamp::now().as_millisecond(),
            zone,
        }
    }
    /// The router's time.
    pub fn acd(&self) -> AcdTime {
        AcdTime(u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX))
    }
    /// Milliseconds since 1970 now. Follows corrections of the wall clock; never use it for spans.
    pub fn wall_ms(&self) -> i64 {
        Timestamp::now().as_millisecond()
    }
    /// Milliseconds since 1970 of a router's time.
    pub fn wall_of(&self, at: AcdTime) -> i64 {
        self.origin_wall_ms + (at.0 / 1000) as i64
    }
    pub fn local(&self) -> Zoned {
        Timestamp::now().to_zoned(self.zone.clone())
    }
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }
    /// For opening hours.
    pub fn minute_of_week(&self) -> MinuteOfWeek {
        let now = self.local();
        let day = now.weekday().to_monday_zero_offset() as u16;
        MinuteOfWeek::new(day, now.hour() as u16, now.minute() as u16)
    }
    /// The local day of a moment, `YYYY-MM-DD`.
    pub fn day_of(&self, wall_ms: i64) -> String {
        Timestamp::from_millisecond(wall_ms)
            .unwrap_or(Timestamp::UNIX_EPOCH)
            .to_zoned(self.zone.clone())
            .date()
            .to_string()
    }
}
