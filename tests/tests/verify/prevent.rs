//! Changes of a container that was let go: refused by the kernel where it has hooks for that, detected
//! where it has not, and nobody else is refused anything.

use std::fs;
use std::process::{Command, Stdio};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::Value;
use tracer_tests::binary::Runs;
use tracer_tests::need;

use crate::{FAIL, NEW, NO_DRIFT, command, containers, expecting, list, script, unshared};

/// Only the first container is judged: what is done outside of it meanwhile is not.
const FIRST: [&str; 3] = ["--enforce", "--select", "1"];
/// Leaves the hook out that refuses.
const UNGUARDED: [&str; 5] = ["--enforce", "--select", "1", "--hooks", "capable=none"];

fn traces(runs: &Runs) -> Vec<String> {
    let text = fs::read_to_string(runs.path("traces")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn guaranteed<'a>(container: &'a Value, guarantee: &str) -> Vec<&'a str> {
    let all = list(&container["enforced"], "guarantees").iter();
    let of = all.filter(|one| one["guarantee"] == guarantee);
    of.flat_map(|one| list(one, "of"))
        .filter_map(Value::as_str)
        .collect()
}

#[test]
#[ignore = "needs root"]
fn every_call_that_changes_namespaces_is_refused_or_detected() {
    let refuses = need::refuses();
    for change in [
        "unshare --net",
        "unshare --user",
        "unshare --user --map-root-user --mount",
        "nsenter --target $PPID --uts",
        "nsenter --target $PPID --mount",
    ] {
        let runs = Runs::new();
        let trace = runs.word("traces");
        let inside =
            format!("{change} true && echo changed >> {trace} || echo refused >> {trace}\n");
        let report = script(
            &runs,
            NO_DRIFT,
            &FIRST,
            &format!("{} || true", unshared(&runs, &inside, "")),
        );
        if refuses {
            let report = report.ended_with(0).report();
            let first = &containers(&report)[0];
            assert_eq!(traces(&runs), ["refused"], "{change}");
            assert_eq!(first["enforced"]["act"], "let_go", "{change}");
            assert!(list(first, "drift").is_empty(), "{change}");
            assert_eq!(guaranteed(first, "prevented").len(), 1, "{change}");
            assert_eq!(containers(&report).len(), 1, "{change}");
        } else {
            let report = report.ended_with(FAIL).report();
            let first = &containers(&report)[0];
            assert_eq!(first["enforced"]["act"], "killed_for_drift", "{change}");
            assert!(!list(first, "drift").is_empty(), "{change}");
            assert!(guaranteed(first, "prevented").is_empty(), "{change}");
        }
        runs.nothing_is_left();
    }
}

#[test]
#[ignore = "needs root"]
fn with_the_hook_left_out_the_same_change_is_detected() {
    let runs = Runs::new();
    // Nobody waits ten minutes: it is killed long before.
    let all = unshared(&runs, "unshare --net true; sleep 600", "");
    let report = script(&runs, NO_DRIFT, &UNGUARDED, &format!("{all} || true"))
        .ended_with(FAIL)
        .report();
    let first = &containers(&report)[0];
    assert_eq!(first["enforced"]["act"], "killed_for_drift");
    assert!(guaranteed(first, "prevented").is_empty());
    let detected = guaranteed(first, "detected");
    assert!(
        detected.iter().any(|one| one.contains("setns")),
        "{detected:?}"
    );
    assert!(guaranteed(first, "held").contains(&"namespace.mnt"));
    runs.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn nothing_is_refused_where_drift_is_not_denied_and_a_clone_is_detected_everywhere() {
    let runs = Runs::new();
    let trace = runs.word("traces");
    let inside = format!("unshare --net true && echo changed >> {trace}");
    let report = script(&runs, NEW, &FIRST, &unshared(&runs, &inside, ""))
        .ended_with(0)
        .report();
    assert_eq!(traces(&runs), ["changed"]);
    assert!(guaranteed(&containers(&report)[0], "prevented").is_empty());

    // With CLONE_NEWUTS and SIGCHLD.
    let clone = concat!(
        "perl -e 'exit 0 if syscall(",
        tracer_tests::number!(clone),
        ", 0x04000011, 0, 0, 0, 0) == 0; sleep 600'"
    );
    let all = format!("{} || true", unshared(&runs, clone, ""));
    let report = script(&runs, NO_DRIFT, &FIRST, &all)
        .ended_with(FAIL)
        .report();
    let first = &containers(&report)[0];
    assert_eq!(first["enforced"]["act"], "killed_for_drift");
    runs.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn strangers_change_their_namespaces_as_ever_and_so_does_everybody_after_sigkill() {
    let runs = Runs::new();
    let file = expecting(&runs, NO_DRIFT);
    let (waits, more, trace) = (runs.word("waits"), runs.word("more"), runs.word("traces"));
    let inside = format!(
        "echo here > {waits}; read word < {more}; unshare --net true && echo $word > {waits}"
    );
    for pipe in [&waits, &more] {
        mknodat(CWD, pipe, FileType::Fifo, Mode::RWXU, 0).expect("a pipe");
    }
    let outside = format!("unshare --net true && echo outside >> {trace}");
    let all = unshared(&runs, &inside, &outside);
    let words = [&FIRST[..], &["--expect", &file, "--", "sh", "-c", &all]].concat();
    let mut command = command(&runs, &words);
    let mut tracer = runs.start(command.stdout(Stdio::null()).stderr(Stdio::null()));
    // In the middle: the container is let go, and the programs are attached.
    assert_eq!(fs::read_to_string(&waits).expect("a pipe"), "here\n");
    assert_eq!(traces(&runs), ["outside"]);
    let stranger = Command::new("unshare")
        .args(["--net", "--user", "true"])
        .status();
    assert!(stranger.expect("unshare").success());

    tracer.kill().expect("a signal");
    tracer.wait().expect("its end");
    // Nothing of the programs stays that would refuse it anything.
    fs::write(&more, "changed\n").expect("a reader");
    assert_eq!(fs::read_to_string(&waits).expect("a pipe"), "changed\n");
    runs.nothing_is_left();
}
