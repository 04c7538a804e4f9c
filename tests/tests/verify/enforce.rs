//! Enforcement: who is not as expected is killed before the first instruction, who changes is
//! killed then, who cannot be judged does not run, and nobody else is touched.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tracer_tests::binary::{Runs, await_end};

use crate::{
    FAIL, INCONCLUSIVE, NEW, NO_DRIFT, UNSHARE, adds_up, command, containers, expecting, list,
    not_passing, only, script, unshared,
};

/// What a word in the file of traces says.
fn traces(runs: &Runs) -> Vec<String> {
    let text = fs::read_to_string(runs.path("traces")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn act(container: &Value) -> &str {
    container["enforced"]["act"].as_str().expect("an act")
}

#[test]
#[ignore = "needs root"]
fn a_rule_is_enforced_like_any_expectation() {
    let runs = Runs::new();
    let trace = runs.word("traces");
    let all = format!("{UNSHARE} sh -c 'echo ran >> {trace}'");
    for (rule, code, left) in [
        ("linux.no_new_privs", FAIL, 0),
        ("!linux.no_new_privs", 0, 1),
    ] {
        let words = ["--enforce", "--rule", rule];
        let report = script(&runs, NEW, &words, &all).ended_with(code).report();
        assert_eq!(traces(&runs).len(), left, "{rule}");
        let enforced = &only(&report)["enforced"];
        let not_passed: &[&str] = if left == 0 { &["rule.1"] } else { &[] };
        assert_eq!(enforced["not_passed"], json!(not_passed));
    }
    runs.nothing_is_left();
}

/// Has a container that is let go make another, of which `failing` is not as expected.
fn within(inner: impl Fn(&str) -> String, shared: &str, failing: &str) {
    let runs = Runs::new();
    let trace = runs.word("traces");
    let inner = inner(&trace);
    let expected = format!("namespaces: {{ new: [mnt, uts], shared: [{shared}] }}\n");
    let all = format!("{UNSHARE} sh -c '{inner}; echo outer >> {trace}'");
    let report = script(&runs, &expected, &["--enforce"], &all)
        .ended_with(FAIL)
        .report();
    assert_eq!(traces(&runs), ["outer"]);
    let [outer, inner] = containers(&report) else {
        panic!("not two containers: {report:#}");
    };
    assert_eq!((act(outer), act(inner)), ("let_go", "killed"));
    assert_eq!(not_passing(inner), [failing]);
    runs.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn a_container_within_one_that_was_let_go_is_held_too() {
    let inner = |trace: &str| format!("unshare --net sh -c \"echo inner >> {trace}\"");
    within(inner, "net", "namespace.net");
}

/// Its creator was let go, after it had made a namespace that only its children are in.
#[test]
#[ignore = "needs root"]
fn who_is_created_in_a_namespace_that_was_made_for_it_is_held() {
    let inner = |trace: &str| {
        let payload = format!("env sh -c \\\"echo inner >> {trace}\\\"");
        format!("unshare --pid sh -c \"{payload}; true\"")
    };
    within(inner, "pid", "namespace.pid");
}

#[test]
#[ignore = "needs root"]
fn a_container_that_changes_is_killed_where_that_is_denied_and_there_alone() {
    let runs = Runs::new();
    let trace = runs.word("traces");
    let inside = |pause: u32| {
        format!("echo begun >> {trace}; unshare --net true; sleep {pause}; echo late >> {trace}")
    };
    let all = unshared(&runs, &inside(600), "");
    // Kernels that refuse the change leave nothing to be killed for.
    let words = ["--enforce", "--select", "1", "--hooks", "capable=none"];
    // Nobody waits ten minutes: it is killed long before.
    let report = script(&runs, NO_DRIFT, &words, &format!("{all} || true"))
        .ended_with(FAIL)
        .report();
    let first = &containers(&report)[0];
    assert_eq!(act(first), "killed_for_drift");
    assert_eq!(not_passing(first), ["drift"]);
    assert_eq!(traces(&runs), ["begun"]);

    let all = unshared(&runs, &inside(0), "");
    let report = script(&runs, NEW, &words, &all).ended_with(0).report();
    let first = &containers(&report)[0];
    assert!(!list(first, "drift").is_empty());
    assert_eq!(act(first), "let_go");
    assert_eq!(traces(&runs), ["begun", "begun", "late"]);
    runs.nothing_is_left();
}

/// What a container makes as it changes may be read together with that, and be one of its own by then.
#[test]
#[ignore = "needs root"]
fn what_is_within_a_container_that_changes_is_killed_with_it() {
    let runs = Runs::new();
    let trace = runs.word("traces");
    let inner = format!("unshare --net sh -c \"sleep 20; echo survived >> {trace}\"");
    let all = format!("{UNSHARE} sh -c '{inner}'");
    for _ in 0..8 {
        // As above.
        let words = ["--enforce", "--wait", "--hooks", "capable=none"];
        let report = script(&runs, NO_DRIFT, &words, &all)
            .ended_with(FAIL)
            .report();
        assert_eq!(act(&containers(&report)[0]), "killed_for_drift");
        assert_eq!(traces(&runs), [""; 0]);
    }
    runs.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn whose_parent_stops_along_with_a_child_is_continued_as_well() {
    let runs = Runs::new();
    // With these, unshare(1) and nsenter(1) stop when their child does.
    let inner = "nsenter --target $$ --pid --mount --uts sh -c true";
    let all = format!("{UNSHARE} --fork --pid --mount-proc sh -c '{inner}; exit 7'");
    let report = script(&runs, NEW, &["--enforce", "--select", "1"], &all)
        .ended_with(7)
        .report();
    assert_eq!(act(&containers(&report)[0]), "let_go");
    runs.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn where_records_are_lost_nobody_runs_who_was_not_judged() {
    let runs = Runs::new();
    let trace = runs.word("traces");
    let one = format!(
        "( i=0; while [ $i -lt 40 ]; do {UNSHARE} sh -c 'echo ran >> {trace}'; i=$((i+1)); done ) &\n"
    );
    let all = format!("{}wait", one.repeat(4));
    let words = ["--enforce", "--ring-size", "4k"];
    let report = script(&runs, NEW, &words, &all)
        .ended_with(INCONCLUSIVE)
        .report();
    assert!(adds_up(&report) > 0);
    let let_go = containers(&report)
        .iter()
        .filter(|one| act(one) == "let_go" && one["enforced"]["verdict"] == "pass");
    let (let_go, ran) = (let_go.count(), traces(&runs).len());
    println!("{ran} of 160 ran");

    assert!(ran < 160);
    assert_eq!(ran, let_go);
    runs.nothing_is_left();
}

/// A tracer that is stopped, with a payload that the kernel holds meanwhile.
struct Stopped {
    runs: Runs,
    tracer: std::process::Child,
    payload: u32,
}

impl Stopped {
    fn new() -> Self {
        let runs = Runs::new();
        let file = expecting(&runs, NEW);
        let (go, trace) = (runs.word("go"), runs.word("traces"));
        mknodat(CWD, &go, FileType::Fifo, Mode::RWXU, 0).expect("a pipe");
        let all = format!("read go < {go}; exec {UNSHARE} sh -c 'echo ran >> {trace}; exit 7'");
        let words = ["--enforce", "--expect", &file, "--", "sh", "-c", &all];
        let mut command = command(&runs, &words);
        let tracer = runs.start(command.stdout(Stdio::null()).stderr(Stdio::null()));
        // Somebody reads: the command runs, and so do the hooks.
        let mut pipe = fs::File::options().write(true).open(&go).expect("a reader");
        signal(tracer.id(), Signal::STOP);
        std::io::Write::write_all(&mut pipe, b"go\n").expect("a reader");
        let payload = loop {
            let held = runs.processes().into_iter().find(|pid| {
                let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
                *pid != tracer.id() && stat.contains("(sh) T")
            });
            if let Some(pid) = held {
                break pid;
            }
            thread::yield_now();
        };
        Self {
            runs,
            tracer,
            payload,
        }
    }
}

fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    kill_process(pid.expect("a number"), signal).expect("a process");
}

#[test]
#[ignore = "needs root"]
fn who_is_held_waits_for_tracer_however_long_it_takes() {
    let mut stopped = Stopped::new();
    // Who is not of the command is not touched.
    let stranger = Command::new("unshare").args(["--net", "true"]).status();
    assert!(stranger.expect("unshare").success());
    assert_eq!(traces(&stopped.runs), [""; 0]);
    signal(stopped.tracer.id(), Signal::CONT);
    let status = stopped.tracer.wait().expect("its end");
    assert_eq!(status.code(), Some(7));
    assert_eq!(traces(&stopped.runs), ["ran"]);
    stopped.runs.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn who_is_held_as_tracer_is_killed_never_runs_and_does_not_stay() {
    let mut stopped = Stopped::new();
    stopped.tracer.kill().expect("a signal");
    stopped.tracer.wait().expect("its end");
    assert!(await_end(stopped.payload));
    assert_eq!(traces(&stopped.runs), [""; 0]);
    let keeper = stopped.runs.processes();
    assert!(keeper.into_iter().all(await_end));
    stopped.runs.nothing_is_left();
    // Programs are executed as ever.
    let next = Command::new("unshare").args(["--net", "true"]).status();
    assert!(next.expect("unshare").success());
}
