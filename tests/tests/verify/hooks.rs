//! Hooks that are left out: what rests on them is inconclusive, and where nobody can be seen nobody
//! is said not to be there.

use tracer_tests::binary::Runs;

use crate::{INCONCLUSIVE, NEW, NO_DRIFT, UNSHARE, command, containers, expecting, item, script};

/// The environment cannot do it.
const ENVIRONMENT: i32 = 122;

#[test]
#[ignore = "needs root"]
fn by_each_fallback_a_container_is_found_and_judged_alike() {
    let runs = Runs::new();
    let one = format!("{UNSHARE} busybox true");
    for hooks in ["raw_tp", "tp_btf", "sys_exit=raw_tp", "task_newtask=raw_tp"] {
        let said = script(&runs, NO_DRIFT, &["--hooks", hooks], &one);
        let report = said.ended_with(0).report();
        assert_eq!(containers(&report).len(), 1, "{hooks}");
        assert_eq!(report["verdict"], "pass", "{hooks}");
    }
    runs.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn where_who_is_created_or_executed_is_not_seen_no_container_is_not_said_to_be_none() {
    let runs = Runs::new();
    let one = format!("{UNSHARE} busybox true");
    for hook in ["task_newtask", "sched_process_exec"] {
        let left_out = format!("{hook}=none");
        let said = script(&runs, NEW, &["--hooks", &left_out], &one);
        let report = said.ended_with(INCONCLUSIVE).report();
        assert_eq!(report["verdict"], "inconclusive", "{hook}");
    }
    runs.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn drift_that_no_hook_would_tell_of_is_not_said_to_be_none() {
    let runs = Runs::new();
    let one = format!("{UNSHARE} busybox true");
    for hook in ["sched_process_exit", "cgroup_attach_task", "sys_exit"] {
        let left_out = format!("{hook}=none");
        let said = script(&runs, NO_DRIFT, &["--hooks", &left_out], &one);
        let report = said.ended_with(INCONCLUSIVE).report();
        let drift = item(&containers(&report)[0], "drift");
        assert_eq!(drift["verdict"], "inconclusive", "{hook}");
        let reason = drift["reason"].as_str().expect("text");
        assert!(reason.contains("left out as asked"), "{hook}: {reason}");
    }
    runs.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn nobody_waits_for_ends_that_are_not_seen() {
    let runs = Runs::new();
    let file = expecting(&runs, NEW);
    let words = ["--expect", &file, "--hooks", "sched_process_exit=none"];
    let words = [&words[..], &["--wait", "true"]].concat();
    let names = ["sched_process_exit", "left out as asked"];
    runs.refuses(&mut command(&runs, &words), ENVIRONMENT, &names);
}
