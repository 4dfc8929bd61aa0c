//! Cuts an utterance into pieces: at long pauses always, since small models stop writing at one,
//! and at the quietest place where a piece would still be longer than the model's window.

use sidetone_types::FRAME_SAMPLES;

/// A pause this long parts two pieces: 800 ms.
const PAUSE_FRAMES: usize = 40;

/// Ranges of samples, in order and without gaps. `voiced` has one entry a frame.
pub(super) fn pieces(
    pcm: &[i16],
    voiced: &[bool],
    piece_max: usize,
) -> Vec<std::ops::Range<usize>> {
    let mut cuts = vec![0];
    let mut last_voiced = None;
    for i in (0..voiced.len()).filter(|&i| voiced[i]) {
        if last_voiced.is_some_and(|last| i - last > PAUSE_FRAMES) {
            cuts.push((last_voiced.unwrap_or(0) + i).div_ceil(2) * FRAME_SAMPLES);
        }
        last_voiced = Some(i);
    }
    cuts.push(pcm.len());
    cuts.windows(2)
        .flat_map(|w| {
            let shift = move |r: std::ops::Range<usize>| r.start + w[0]..r.end + w[0];
            by_length(&pcm[w[0]..w[1]], piece_max)
                .into_iter()
                .map(shift)
        })
        .collect()
}

/// Ranges none longer than `piece_max`.
fn by_length(pcm: &[i16], piece_max: usize) -> Vec<std::ops::Range<usize>> {
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
        let cuts = by_length(&pcm, 16_000 * 10);
        assert!((16_000 * 8..16_000 * 9).contains(&cuts[0].end), "{cuts:?}");
        assert_eq!(cuts.first().map(|r| r.start), Some(0));
        assert_eq!(cuts.last().map(|r| r.end), Some(pcm.len()));
        assert!(cuts.windows(2).all(|w| w[0].end == w[1].start));
        assert!(cuts.iter().all(|r| r.len() <= 16_000 * 10));
    }

    #[test]
    fn a_long_pause_parts_and_a_short_one_does_not() {
        let mut voiced = vec![true; 300];
        voiced[100..120].fill(false);
        voiced[200..260].fill(false);
        let cuts = pieces(&vec![1000; 300 * FRAME_SAMPLES], &voiced, 16_000 * 10);
        assert_eq!(cuts.len(), 2, "{cuts:?}");
        assert!((200..260).contains(&(cuts[0].end / FRAME_SAMPLES)));
        assert_eq!(
            (cuts[0].end, cuts[1].end),
            (cuts[1].start, 300 * FRAME_SAMPLES)
        );
    }
}
