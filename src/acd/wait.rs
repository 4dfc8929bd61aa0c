//! How long a caller will wait, said as a range.
//!
//! With n people who each take h on average, someone becomes free every h/n on average, and the
//! k-th in line waits for k such moments: a gamma distribution of shape k. The range holds eight
//! waits of ten under that model (quantiles by Wilson and Hilferty's cube, 1931). People who answer
//! calls are not exponential, but several of them together come close; what was announced against
//! what happened is measured in the tests and reported.

use sidetone_types::WaitRange;

/// Under this many finished calls no wait is announced.
pub const SAMPLES_MIN: usize = 10;
/// How many finished calls count.
pub(crate) const SAMPLES_MAX: usize = 50;
/// The 90th percentile of the normal distribution.
const Z90: f64 = 1.2816;

/// The range for a caller with `ahead` others before them and `agents` who could answer, from recent
/// handling times in seconds (talk, hold and wrap-up). `None`: too little data, or nobody there.
pub fn expected_wait(handled_s: &[f64], ahead: u32, agents: u32) -> Option<WaitRange> {
    if handled_s.len() < SAMPLES_MIN || agents == 0 {
        return None;
    }
    let mean = handled_s.iter().sum::<f64>() / handled_s.len() as f64;
    let between = mean / f64::from(agents);
    let places = f64::from(ahead) + 1.0;
    let at = |z: f64| between * gamma(places, z);
    let (low, high) = (at(-Z90), at(Z90));
    Some(WaitRange {
        low_s: whole((low / step(low)).floor() * step(low)),
        high_s: whole((high / step(high)).ceil() * step(high)),
    })
}

/// The quantile of a gamma distribution of unit scale whose normal score is `z`.
fn gamma(shape: f64, z: f64) -> f64 {
    let ninth = 1.0 / (9.0 * shape);
    let root = (1.0 - ninth + z * ninth.sqrt()).max(0.0);
    shape * root * root * root
}

/// Nobody wants to hear "73 seconds": tens up to two minutes, half minutes beyond.
fn step(seconds: f64) -> f64 {
    if seconds <= 120.0 { 10.0 } else { 30.0 }
}

/// Saturates, which a wait never does.
fn whole(seconds: f64) -> u32 {
    seconds as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_calls_are_too_few_to_promise_anything() {
        assert_eq!(expected_wait(&[200.0; 9], 0, 3), None);
        assert_eq!(expected_wait(&[200.0; 50], 0, 0), None);
    }

    #[test]
    fn the_range_grows_with_the_line_and_shrinks_with_the_staff() {
        let handled = [240.0; 20];
        let first = expected_wait(&handled, 0, 4).unwrap();
        // The exact deciles of an exponential wait with a mean of 60 s are 6.3 and 138 s.
        assert_eq!(
            first,
            WaitRange {
                low_s: 0,
                high_s: 150
            }
        );
        let tenth = expected_wait(&handled, 9, 4).unwrap();
        // Erlang-10 with mean 600 s: deciles 373 and 852 s.
        assert_eq!(
            tenth,
            WaitRange {
                low_s: 360,
                high_s: 870
            }
        );
        let helped = expected_wait(&handled, 9, 8).unwrap();
        assert!(helped.high_s < tenth.high_s && helped.low_s < tenth.low_s);
    }
}
