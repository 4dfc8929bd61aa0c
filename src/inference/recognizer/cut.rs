//! Cuts a long utterance into pieces that fit the model's window, at the quietest places.

/// Ranges of samples, in order and without gaps, none longer than `piece_max`.
pub(super) fn pieces(pcm: &[i16], piece_max: usize) -> Vec<std::ops::Range<usize>> {
    const BLOCK: usize = 320;
    let piece_max = piece_max.max(4 * BLOCK);
    let mut out = Vec::new();
    let mut from = 0;
    while pcm.len() - from > piece_max {
        // The cut falls in the last 40 % of what fits, at the quietest 100 ms.
        let (low, high) = (from + piece_max * 3 / 5, from + piece_max - 5 * BLOCK / 2);
        let cut = (low..high)
            .step_by(BLOCK)
            .min_by_key(|&at| energy(&pcm[at.saturating_sub(5 * BLOCK / 2)..at + 5 * BLOCK / 2]))
            .unwrap_or(from + piece_max);
        out.push(from..cut);
        from = cut;
    }
    out.push(from..pcm.len());
    out
}

fn energy(pcm: &[i16]) -> u64 {
    pcm.iter()
        .map(|&s| (i64::from(s) * i64::from(s)) as u64)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_clip_is_cut_in_its_pause_and_nothing_is_lost() {
        let mut pcm = vec![3000i16; 16_000 * 20];
        pcm[16_000 * 8..16_000 * 8 + 8_000].fill(0);
        let cuts = pieces(&pcm, 16_000 * 10);
        assert!((16_000 * 8..16_000 * 9).contains(&cuts[0].end), "{cuts:?}");
        assert_eq!(cuts.first().map(|r| r.start), Some(0));
        assert_eq!(cuts.last().map(|r| r.end), Some(pcm.len()));
        assert!(cuts.windows(2).all(|w| w[0].end == w[1].start));
        assert!(cuts.iter().all(|r| r.len() <= 16_000 * 10));
    }
}
