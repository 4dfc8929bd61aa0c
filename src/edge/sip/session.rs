//! Session timers (RFC 4028): a dialog whose far end vanished ends by itself.

use super::message::{Headers, Response, name};
use std::time::{Duration, Instant};

/// The least that is allowed (section 4).
pub(crate) const MIN_S: u32 = 90;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SessionTimer {
    pub interval_s: u32,
    /// This side sends the refreshes.
    pub we_refresh: bool,
    since: Instant,
}

/// What falls due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Refresh,
    /// The far end owed a refresh and did not send it.
    GiveUp,
}

/// The interval of a request is too short; the answer is 422 with Min-SE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooShort;

fn refresher(headers: &Headers) -> Option<&str> {
    let line = headers.get(name::SESSION_EXPIRES)?;
    line.split(';').skip(1).find_map(|one| {
        let (key, value) = one.split_once('=')?;
        key.trim()
            .eq_ignore_ascii_case("refresher")
            .then(|| value.trim())
    })
}

impl SessionTimer {
    /// For an INVITE or UPDATE to us, and the headers its 2xx needs (section 9).
    pub fn of_request(headers: &Headers, wanted_s: u32, now: Instant) -> Result<Self, TooShort> {
        let asked_s = headers.number(name::SESSION_EXPIRES);
        let supports = headers.has_token(name::SUPPORTED, "timer")
            || headers.has_token(name::REQUIRE, "timer");
        if asked_s.is_some_and(|s| s < MIN_S) {
            return Err(TooShort);
        }
        let least_s = headers.number(name::MIN_SE).unwrap_or(MIN_S).max(MIN_S);
        let interval_s = asked_s.unwrap_or(u32::MAX).min(wanted_s).max(least_s);
        let we_refresh = !supports || refresher(headers) == Some("uas");
        Ok(Self {
            interval_s,
            we_refresh,
            since: now,
        })
    }

    /// From the 2xx to a request of ours; `None`: the far end wants no timer.
    pub fn of_response(headers: &Headers, now: Instant) -> Option<Self> {
        let interval_s = headers.number(name::SESSION_EXPIRES)?.max(MIN_S);
        Some(Self {
            interval_s,
            we_refresh: refresher(headers) != Some("uas"),
            since: now,
        })
    }

    /// Writes it into the 2xx of a request to us.
    pub fn write(&self, response: Response) -> Response {
        let interval_s = self.interval_s;
        if self.we_refresh {
            return response.with(name::SESSION_EXPIRES, format!("{interval_s};refresher=uas"));
        }
        response
            .with(name::REQUIRE, "timer")
            .with(name::SESSION_EXPIRES, format!("{interval_s};refresher=uac"))
    }

    pub fn refreshed(&mut self, now: Instant) {
        self.since = now;
    }

    /// When something falls due: half of the interval for the one who refreshes, the end less a
    /// margin for the other (section 10).
    pub fn due(&self) -> (Instant, Due) {
        let interval = Duration::from_secs(self.interval_s.into());
        if self.we_refresh {
            return (self.since + interval / 2, Due::Refresh);
        }
        let margin = (interval / 3).min(Duration::from_secs(32));
        (self.since + (interval - margin), Due::GiveUp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> Headers {
        let mut headers = Headers::default();
        for (name, value) in lines {
            headers.push(*name, *value);
        }
        headers
    }

    #[test]
    fn who_refreshes_and_when() {
        let now = Instant::now();
        let of =
            |lines: &[(&'static str, &str)]| SessionTimer::of_request(&headers(lines), 1800, now);
        let plain = of(&[]).unwrap();
        assert_eq!((plain.interval_s, plain.we_refresh), (1800, true));
        assert_eq!(plain.due(), (now + Duration::from_secs(900), Due::Refresh));
        let caller = of(&[(name::SUPPORTED, "timer"), (name::SESSION_EXPIRES, "90")]).unwrap();
        assert_eq!((caller.interval_s, caller.we_refresh), (90, false));
        assert_eq!(caller.due(), (now + Duration::from_secs(60), Due::GiveUp));
        let us = of(&[
            (name::SUPPORTED, "timer"),
            (name::SESSION_EXPIRES, "600;refresher=uas"),
            (name::MIN_SE, "700"),
        ]);
        assert_eq!(us.map(|t| (t.interval_s, t.we_refresh)), Ok((700, true)));
        assert_eq!(of(&[(name::SESSION_EXPIRES, "89")]), Err(TooShort));
        let answered = headers(&[(name::SESSION_EXPIRES, "1800;refresher=uas")]);
        let answered = SessionTimer::of_response(&answered, now).unwrap();
        assert!(!answered.we_refresh);
        assert_eq!(
            answered.due(),
            (now + Duration::from_secs(1768), Due::GiveUp)
        );
        assert_eq!(SessionTimer::of_response(&headers(&[]), now), None);
    }
}
