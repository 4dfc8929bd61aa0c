//! The running call in a short flood; `sidetone bench flood` does it for minutes.

use sidetone_sim::bench_flood::{Flood, Kind};

#[tokio::test(flavor = "multi_thread")]
async fn a_running_call_is_heard_in_a_flood() {
    for kind in Kind::ALL {
        let flood = Flood {
            kind,
            rate: 2000,
            seconds: 3,
        };
        let one = flood.run().await.unwrap();
        assert!(one.sent > 5000 && one.answers > 2000, "{kind:?}: {one:?}");
        for sound in [one.caller, one.house] {
            assert!(sound.heard > 0.97, "{kind:?}: {one:?}");
        }
        if let [Some(before), Some(most)] = one.memory_kib {
            assert!(most - before < 128 * 1024, "{kind:?}: {one:?}");
        }
    }
}
