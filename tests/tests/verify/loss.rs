//! Records of containers that are lost: never a pass.

use tracer_tests::binary::Runs;

use crate::{INCONCLUSIVE, NEW, UNSHARE, adds_up, containers, item, script};

/// Containers of each of the commands that run side by side.
const EACH: usize = 40;

/// Several commands that make containers as fast as they can.
fn storm() -> String {
    let one = format!(
        "( i=0; while [ $i -lt {EACH} ]; do {UNSHARE} busybox true; i=$((i+1)); done ) &\n"
    );
    format!("{}wait", one.repeat(4))
}

#[test]
#[ignore = "needs root"]
fn a_storm_in_a_ring_of_one_page_never_passes_and_its_counters_add_up() {
    let runs = Runs::new();
    let report = script(&runs, NEW, &["--ring-size", "4k"], &storm())
        .ended_with(INCONCLUSIVE)
        .report();
    let lost = adds_up(&report);
    println!(
        "{lost} lost, {} of {} containers seen",
        containers(&report).len(),
        4 * EACH
    );
    assert!(lost > 0);
    assert_eq!(report["verdict"], "inconclusive");
    for one in containers(&report) {
        // What was seen of it may be right, and still not all was seen.
        assert_ne!(one["verdict"], "pass", "{one:#}");
        if one["verdict"].is_null() {
            continue;
        }
        let complete = item(one, "complete");
        assert_eq!(complete["verdict"], "inconclusive", "{one:#}");
        assert!(complete["reason"].as_str().expect("text").contains("lost"));
    }
    runs.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn no_container_seen_and_records_lost_is_inconclusive_too() {
    let runs = Runs::new();
    let words = ["--ring-size", "4k", "--select", "program=none"];
    let report = script(&runs, NEW, &words, &storm())
        .ended_with(INCONCLUSIVE)
        .report();
    assert!(adds_up(&report) > 0);
    assert_eq!(report["verdict"], "inconclusive");
    runs.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn the_same_storm_in_the_usual_ring_passes() {
    let runs = Runs::new();
    let report = script(&runs, NEW, &[], &storm()).ended_with(0).report();
    assert_eq!(adds_up(&report), 0);
    assert_eq!(report["verdict"], "pass");
    assert_eq!(containers(&report).len(), 4 * EACH);
    runs.nothing_is_left();
}
