//! Signals to tracer and to init.

use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::Write as _;
use std::process::Child;
use tracer_tests::binary::{Runs, finish, tracer};
use tracer_tests::held::Held;

use crate::{last_line, line, piped, ready};

/// What a shell waits by: traps run between its commands, and one that comes just before a read that blocks would not.
const WAIT: &str = "sleep 0.1";

fn signal(tracer: &Child, number: Signal) {
    kill_process(Pid::from_child(tracer), number).expect("a signal");
}

#[test]
#[ignore = "needs root"]
fn the_first_signal_is_the_payloads() {
    let runs = Runs::new();
    for (number, name) in [
        (Signal::TERM, "TERM"),
        (Signal::INT, "INT"),
        (Signal::HUP, "HUP"),
        (Signal::QUIT, "QUIT"),
        (Signal::USR1, "USR1"),
        (Signal::USR2, "USR2"),
    ] {
        let script =
            format!("trap 'echo got {name}; exit 5' {name}; echo ready; while :; do {WAIT}; done");
        let tracer = ready(&runs, &["sh", "-c", &script]);
        signal(&tracer, number);
        let said = finish(tracer).ended_with(5);
        assert_eq!(said.stdout, format!("got {name}\n"));
        assert!(last_line(&said.stderr).starts_with("PASS"), "{said:?}");
    }
    runs.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn a_second_signal_ends_a_payload_that_ignores_the_first() {
    let runs = Runs::new();
    let script = format!("trap 'echo ignored' TERM; echo ready; while :; do {WAIT}; done");
    let mut tracer = ready(&runs, &["sh", "-c", &script]);
    signal(&tracer, Signal::TERM);
    // The payload says that the first has arrived, so the second cannot merge with it.
    assert_eq!(line(&mut tracer), "ignored\n");
    signal(&tracer, Signal::TERM);
    let said = finish(tracer).ended_with(128 + 9);
    assert!(last_line(&said.stderr).starts_with("PASS"), "{said:?}");
    runs.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn a_signal_that_asks_for_no_end_may_come_again() {
    let runs = Runs::new();
    let script = format!(
        "n=0; trap 'echo again; n=$((n + 1))' USR1; echo ready; \
         while [ $n -lt 3 ]; do {WAIT}; done; exit 6"
    );
    let mut tracer = ready(&runs, &["sh", "-c", &script]);
    for _ in 0..3 {
        signal(&tracer, Signal::USR1);
        assert_eq!(line(&mut tracer), "again\n");
    }
    finish(tracer).ended_with(6);
    runs.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn a_signal_before_the_gate_ends_the_run() {
    let runs = Runs::new();
    runs.directory("out");
    let share = format!("type=bind,source={},target=/out", runs.word("out"));
    let marker = runs.path("out/ran");
    let forget = || fs::remove_file(&marker).unwrap_or_default();
    let mut command = runs.command(&["--mount", &share, "touch", "/out/ran"]);
    for number in [Signal::INT, Signal::TERM, Signal::HUP] {
        let held = Held::before_the_gate(&runs, piped(&mut command), forget);
        held.signal(number);
        let said = finish(held.go_on()).ended_with(128 + number.as_raw());
        assert!(
            said.one_line().contains("before its payload was started"),
            "{said:?}"
        );
        assert!(!marker.exists());
        runs.nothing_is_left();
    }
}

#[test]
#[ignore = "needs root"]
fn an_init_that_others_kill_is_told_as_such() {
    let runs = Runs::new();
    let mut tracer = ready(&runs, &["sh", "-c", "echo ready; read line"]);
    let children = format!("/proc/{0}/task/{0}/children", tracer.id());
    let init = fs::read_to_string(children).expect("children");
    let init = Pid::from_raw(init.trim().parse().expect("one child")).expect("a process");
    kill_process(init, Signal::KILL).expect("a signal");
    drop(tracer.stdin.take());
    let said = finish(tracer).ended_with(128 + 9);
    assert!(
        last_line(&said.stderr).contains("payload killed by signal 9"),
        "{said:?}"
    );
    runs.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn two_runs_do_not_disturb_each_other() {
    let runs = Runs::new();
    let mut first = ready(
        &runs,
        &["-o", "table", "sh", "-c", "echo ready; read line; exit 3"],
    );
    // Its sweep, its cgroups and its end are nothing to the first.
    runs.run(&["true"]).ended_with(0);
    let crowd: Vec<Child> = (0..4)
        .map(|_| runs.start(piped(&mut runs.command(&["sh", "-c", "exit 4"]))))
        .collect();
    for tracer in crowd {
        let said = finish(tracer).ended_with(4);
        assert!(last_line(&said.stderr).starts_with("PASS"), "{said:?}");
    }
    let mut input = first.stdin.take().expect("piped");
    input.write_all(b"go on\n").expect("a reader");
    let said = finish(first).ended_with(3);
    assert!(last_line(&said.stderr).starts_with("PASS"), "{said:?}");
    runs.nothing_is_left();
    assert!(
        tracer(&["--version"])
            .output()
            .expect("a tracer")
            .status
            .success()
    );
}
