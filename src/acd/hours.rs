//! Opening hours as stretches of the local week.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Minutes since Monday 00:00 local time, 0..10 080. Whoever knows the zone computes it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct MinuteOfWeek(pub u16);

const DAY_MIN: u16 = 24 * 60;
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl MinuteOfWeek {
    /// `day` 0 is Monday. Values beyond the week wrap round.
    pub fn new(day: u16, hour: u16, minute: u16) -> Self {
        Self((day % 7 * DAY_MIN + hour % 24 * 60 + minute % 60) % (7 * DAY_MIN))
    }
    fn day(self) -> usize {
        usize::from(self.0 / DAY_MIN % 7)
    }
    fn minute(self) -> u16 {
        self.0 % DAY_MIN
    }
}

/// One row of opening hours: `{ days = ["mon", "tue"], from = "09:00", to = "18:00" }`. A `to` at or
/// before `from` runs over midnight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    pub days: Vec<Day>,
    #[serde(deserialize_with = "read_time", serialize_with = "write_time")]
    pub from: u16,
    #[serde(deserialize_with = "read_time", serialize_with = "write_time")]
    pub to: u16,
}

/// A day of the week, 0 is Monday; in files `mon` to `sun`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub u8);

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(DAYS[usize::from(self.0 % 7)])
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let at = DAYS.iter().position(|day| *day == text);
        at.and_then(|at| u8::try_from(at).ok().map(Day))
            .ok_or_else(|| de::Error::custom(format!("`{text}` is no day; write mon, tue, … sun")))
    }
}

fn write_time<S: Serializer>(minute: &u16, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&format!("{:02}:{:02}", minute / 60, minute % 60))
}

fn read_time<'de, D: Deserializer<'de>>(from: D) -> Result<u16, D::Error> {
    let text = String::deserialize(from)?;
    let parsed = text.split_once(':').and_then(|(hour, minute)| {
        let (hour, minute) = (hour.parse::<u16>().ok()?, minute.parse::<u16>().ok()?);
        (minute < 60 && hour * 60 + minute <= DAY_MIN).then_some(hour * 60 + minute)
    });
    parsed.ok_or_else(|| de::Error::custom(format!("`{text}` is no time of day; write 09:30")))
}

impl Opening {
    fn holds(&self, at: MinuteOfWeek) -> bool {
        let on = |day: usize| self.days.iter().any(|d| usize::from(d.0) == day);
        let minute = at.minute();
        if self.from < self.to {
            return on(at.day()) && (self.from..self.to).contains(&minute);
        }
        let yesterday = (at.day() + 6) % 7;
        (on(at.day()) && minute >= self.from) || (on(yesterday) && minute < self.to)
    }
}

/// No rows at all: always open.
pub(crate) fn open(hours: &[Opening], at: MinuteOfWeek) -> bool {
    hours.is_empty() || hours.iter().any(|row| row.holds(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(days: &[u8], from: u16, to: u16) -> Opening {
        let days = days.iter().map(|day| Day(*day)).collect();
        Opening { days, from, to }
    }

    #[test]
    fn a_working_week_opens_and_closes_on_the_minute() {
        let hours = [row(&[0, 1, 2, 3, 4], 9 * 60, 18 * 60)];
        assert!(!open(&hours, MinuteOfWeek::new(0, 8, 59)));
        assert!(open(&hours, MinuteOfWeek::new(0, 9, 0)));
        assert!(open(&hours, MinuteOfWeek::new(4, 17, 59)));
        assert!(!open(&hours, MinuteOfWeek::new(4, 18, 0)));
        assert!(!open(&hours, MinuteOfWeek::new(5, 12, 0)));
        assert!(open(&[], MinuteOfWeek::new(6, 3, 0)));
    }

    #[test]
    fn a_night_shift_runs_over_midnight_and_over_the_week() {
        let hours = [row(&[6], 22 * 60, 6 * 60)];
        assert!(open(&hours, MinuteOfWeek::new(6, 23, 0)));
        assert!(open(&hours, MinuteOfWeek::new(0, 5, 59)));
        assert!(!open(&hours, MinuteOfWeek::new(0, 6, 0)));
        assert!(!open(&hours, MinuteOfWeek::new(6, 21, 59)));
    }
}
