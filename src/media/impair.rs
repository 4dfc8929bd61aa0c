//! Bad networks for tests, the same every time: what becomes of each packet, by a seed.
//!
//! Whoever carries the packets asks for the fate of each when it comes and delivers accordingly.
//! Delays alone never swap packets, as on one way through a network; swaps are asked for by
//! themselves.

use std::ops::Range;

/// How bad.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Impairment {
    /// Packets lost, of a hundred.
    pub loss_percent: u8,
    /// Packets are delayed by 0 to this.
    pub jitter_ms_max: u32,
    /// Packets that fall behind those after them by 25 to 65 ms, of a hundred.
    pub swapped_percent: u8,
    /// Packets that come twice, of a hundred.
    pub repeated_percent: u8,
    /// Nothing gets through in this time, in microseconds of the carrier's clock.
    pub outage_us: Option<Range<u64>>,
}

/// When a packet and its copy are to be delivered, in microseconds of the carrier's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    pub due_us: Option<u64>,
    pub repeat_due_us: Option<u64>,
}

/// One direction of a network.
#[derive(Clone, Debug)]
pub struct Impairer {
    impairment: Impairment,
    state: u64,
    /// When the packet before is delivered.
    last_due_us: u64,
}

impl Impairer {
    pub fn new(impairment: Impairment, seed: u64) -> Self {
        Self {
            impairment,
            state: seed,
            last_due_us: 0,
        }
    }

    /// What becomes of a packet that comes now.
    pub fn fate(&mut self, now_us: u64) -> Fate {
        // Every packet draws the same number of times, so that one setting does not shift another.
        let [loss, jitter, swap, swap_by, repeat] = std::array::from_fn(|_| self.draw());
        let Impairment {
            loss_percent,
            jitter_ms_max,
            swapped_percent,
            repeated_percent,
            ref outage_us,
        } = self.impairment;
        let happens = |draw: u64, percent: u8| draw % 100 < u64::from(percent);
        let out = outage_us.as_ref().is_some_and(|out| out.contains(&now_us));
        if out || happens(loss, loss_percent) {
            return Fate::default();
        }
        let delayed = now_us + jitter % (u64::from(jitter_ms_max) * 1000 + 1);
        let due = if happens(swap, swapped_percent) {
            delayed + 25_000 + swap_by % 40_000
        } else {
            self.last_due_us = self.last_due_us.max(delayed);
            self.last_due_us
        };
        Fate {
            due_us: Some(due),
            repeat_due_us: happens(repeat, repeated_percent).then_some(due + 1_000),
        }
    }

    /// SplitMix64 (Steele, Lea and Flood, 2014).
    fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fates(impairment: Impairment, seed: u64) -> Vec<Fate> {
        let mut impairer = Impairer::new(impairment, seed);
        (0..10_000).map(|n| impairer.fate(n * 20_000)).collect()
    }

    #[test]
    fn it_is_as_bad_as_it_says_and_the_same_every_time() {
        let impairment = Impairment {
            loss_percent: 5,
            jitter_ms_max: 100,
            swapped_percent: 2,
            repeated_percent: 3,
            outage_us: None,
        };
        let all = fates(impairment.clone(), 7);
        assert_eq!(all, fates(impairment.clone(), 7));
        assert_ne!(all, fates(impairment, 8));
        let lost = all.iter().filter(|fate| fate.due_us.is_none()).count();
        let repeated = all.iter().filter(|f| f.repeat_due_us.is_some()).count();
        assert!((400..600).contains(&lost), "{lost}");
        assert!((220..360).contains(&repeated), "{repeated}");
        let due: Vec<u64> = all.iter().filter_map(|fate| fate.due_us).collect();
        let swapped = due.windows(2).filter(|pair| pair[1] < pair[0]).count();
        assert!((60..220).contains(&swapped), "{swapped}");
        let late = |n: usize| all[n].due_us.map_or(0, |due| due - n as u64 * 20_000);
        let latest = (0..all.len()).map(late).max().unwrap();
        assert!((100_000..=165_000).contains(&latest), "{latest}");
    }

    #[test]
    fn delays_alone_swap_nothing_and_an_outage_is_whole() {
        let all = fates(
            Impairment {
                jitter_ms_max: 100,
                outage_us: Some(1_000_000..3_000_000),
                ..Impairment::default()
            },
            1,
        );
        let due: Vec<u64> = all.iter().filter_map(|fate| fate.due_us).collect();
        assert!(due.is_sorted());
        assert!((50..150).all(|n| all[n].due_us.is_none()));
        assert_eq!(due.len(), all.len() - 100);
        assert_eq!(fates(Impairment::default(), 3)[5].due_us, Some(100_000));
    }
}
