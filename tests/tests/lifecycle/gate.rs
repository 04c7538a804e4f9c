//! The gate as a user sees it: what it stops, what it lets through, and what the exit code says
//! then.

use std::fs;
use std::process::Command;

use tracer_tests::binary::{Runs, Said, finish};

use crate::{SPOILED, piped, spoiled};

/// Runs `touch` through a bind mount in a container that must fail, and gives whether it ran.
fn marked(runs: &Runs, gate: &[&str]) -> (Said, bool) {
    runs.directory("out");
    let share = format!("type=bind,source={},target=/out", runs.word("out"));
    let words = [
        &SPOILED[..],
        gate,
        &["-o", "json", "--mount", &share, "touch", "/out/ran"],
    ];
    let mut command: Command = runs.command(&words.concat());
    piped(&mut command);
    let said = finish(spoiled(|| runs.start(&mut command)));
    let ran = fs::remove_file(runs.path("out/ran")).is_ok();
    runs.nothing_is_left();
    (said, ran)
}

#[test]
#[ignore = "needs root"]
fn a_gate_that_stays_shut_keeps_the_payload_from_running() {
    let runs = Runs::new();
    for gate in [&[][..], &["--gate", "enforce"]] {
        let (said, ran) = marked(&runs, gate);
        assert!(!ran);
        let report = said.ended_with(120).report();
        assert_eq!(report["verdict"], "fail");
        assert_eq!(report["payload"]["status"], "never_ran");
        assert_eq!(report["gate"]["verdict"], "fail");
        // The record of what did not happen: init has no exec.
        let items = report["items"].as_array().expect("items");
        let exec = items
            .iter()
            .find(|item| item["id"] == "payload.exec")
            .expect("an item");
        assert_eq!(
            (&exec["verdict"], &exec["seen"]),
            (&"pass".into(), &"no exec of init".into())
        );
    }
}

#[test]
#[ignore = "needs root"]
fn a_gate_that_only_warns_lets_the_payload_run_and_keeps_the_verdict() {
    let runs = Runs::new();
    let (said, ran) = marked(&runs, &["--gate", "warn"]);
    assert!(ran);
    let report = said.ended_with(120).report();
    assert_eq!(report["verdict"], "fail");
    assert_eq!(report["payload"]["status"], "exited");
    assert_eq!(report["gate"]["verdict"], "fail");
}

#[test]
#[ignore = "needs root"]
fn without_a_gate_the_verdict_of_the_run_remains() {
    let runs = Runs::new();
    let (said, ran) = marked(&runs, &["--gate", "off"]);
    assert!(ran);
    let report = said.ended_with(120).report();
    assert_eq!(report["verdict"], "fail");
    assert!(report["gate"].is_null());
    // What only a look before the payload could show is not claimed.
    let report = runs
        .run(&["--gate", "off", "-o", "json", "true"])
        .ended_with(121)
        .report();
    assert_eq!(report["verdict"], "inconclusive");
}
