//! How commands end, and what the exit code says: commands without containers, commands that
//! fail or are not there, signals, containers that outlive their command.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tracer_tests::binary::{Runs, Said, await_end, finish};

use crate::{FAIL, NEW, NO_CONTAINER, UNSHARE, command, containers, expecting, only, script};

/// What a shell waits by: traps run between its commands, and one that comes just before a read that blocks would not.
const WAIT: &str = "sleep 0.1";

/// Starts a script whose containers and whose own lines are read from standard output.
fn start(runs: &Runs, options: &[&str], script: &str) -> Child {
    let file = expecting(runs, NEW);
    let report = runs.word("report.json");
    let words = [
        &["--expect", &file, "--json", &report],
        options,
        &["--", "sh", "-c", script],
    ];
    let mut command = command(runs, &words.concat());
    let piped = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    runs.start(piped)
}

/// The next line, byte by byte: what comes behind it stays in the pipe.
fn line(child: &mut Child) -> String {
    let output = child.stdout.as_mut().expect("piped");
    let mut line = String::new();
    let mut output = BufReader::with_capacity(1, output);
    output.read_line(&mut line).expect("a line");
    line
}

/// What the run wrote to its file.
fn written(runs: &Runs) -> Said {
    Said {
        status: std::process::ExitStatus::default(),
        stdout: fs::read_to_string(runs.path("report.json")).expect("a report"),
        stderr: String::new(),
    }
}

#[test]
#[ignore = "needs root"]
fn a_command_without_containers_is_no_pass() {
    let runs = Runs::new();
    let report = script(&runs, NEW, &[], "true")
        .ended_with(NO_CONTAINER)
        .report();
    assert_eq!(report["outcome"], "no_container");
    assert_eq!(report["verdict"], "fail");
    assert_eq!(report["exit"], NO_CONTAINER);
    assert!(containers(&report).is_empty());
    // One that is not selected is none either.
    let report = script(
        &runs,
        NEW,
        &["--select", "program=none"],
        &format!("{UNSHARE} true"),
    );
    let report = report.ended_with(NO_CONTAINER).report();
    assert_eq!(report["outcome"], "no_container");
    assert!(only(&report)["verdict"].is_null());
    runs.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn a_command_that_fails_before_it_makes_a_container_is_told_as_that() {
    let runs = Runs::new();
    for (deed, code, signal) in [
        ("exit 7", Some(7), None),
        ("kill -KILL $$", None, Some(9)),
        ("unshare --mount=/none/such true", Some(1), None),
    ] {
        let report = script(&runs, NEW, &[], deed)
            .ended_with(NO_CONTAINER)
            .report();
        assert_eq!(report["outcome"], "command_failed", "{deed}");
        assert_eq!(report["command"]["code"].as_u64(), code, "{deed}");
        assert_eq!(report["command"]["signal"].as_u64(), signal, "{deed}");
    }
    runs.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn a_pass_gives_the_commands_own_code_and_a_fail_does_not() {
    let runs = Runs::new();
    for (deed, code) in [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 128 + 15)] {
        let all = format!("{UNSHARE} true; {deed}");
        let report = script(&runs, NEW, &[], &all).ended_with(code).report();
        assert_eq!(report["exit"], code);
        assert_eq!(report["outcome"], "judged");
        let asked = "namespaces: { new: [net] }\n";
        let report = script(&runs, asked, &[], &all).ended_with(FAIL).report();
        assert_eq!(report["exit"], FAIL);
    }
    runs.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn a_command_that_cannot_be_started_is_told_in_one_line() {
    let runs = Runs::new();
    let file = expecting(&runs, NEW);
    for (program, code, says) in [
        ("no-such-program-here", 127, "No such file"),
        (file.as_str(), 126, "Permission denied"),
        ("/", 126, "Permission denied"),
    ] {
        let words = ["--expect", &file, "--", program];
        runs.refuses(&mut command(&runs, &words), code, &[program, says]);
    }
}

#[test]
#[ignore = "needs root"]
fn signals_to_tracer_are_the_commands() {
    let runs = Runs::new();
    for (number, name) in [
        (Signal::TERM, "TERM"),
        (Signal::INT, "INT"),
        (Signal::HUP, "HUP"),
        (Signal::USR1, "USR1"),
    ] {
        let all = format!(
            "{UNSHARE} true; trap 'echo got {name}; exit 5' {name}; echo ready; while :; do {WAIT}; done"
        );
        let mut tracer = start(&runs, &[], &all);
        assert_eq!(line(&mut tracer), "ready\n");
        kill_process(Pid::from_child(&tracer), number).expect("a signal");
        assert_eq!(line(&mut tracer), format!("got {name}\n"));
        finish(tracer).ended_with(5);
        assert_eq!(only(&written(&runs).report())["verdict"], "pass");
    }
    runs.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn a_second_signal_that_asks_for_the_end_kills_the_command() {
    let runs = Runs::new();
    let all =
        format!("{UNSHARE} true; trap 'echo ignored' TERM; echo ready; while :; do {WAIT}; done");
    let mut tracer = start(&runs, &[], &all);
    assert_eq!(line(&mut tracer), "ready\n");
    for says in ["ignored\n", ""] {
        kill_process(Pid::from_child(&tracer), Signal::TERM).expect("a signal");
        assert_eq!(line(&mut tracer), says);
    }
    finish(tracer).ended_with(128 + 9);
    runs.nothing_is_left();
}

/// A script that leaves a container, which says `ready` and waits for tracer's standard input, and
/// then does `more`.
fn leaving(runs: &Runs, more: &str) -> String {
    let (there, payload) = (runs.word("there"), runs.word("payload.sh"));
    let text = format!("echo ready\necho > {there}\nread line\necho over\n");
    fs::write(runs.path("payload.sh"), text).expect("a script");
    format!(
        "mkfifo {there} && exec 3<&0
        {UNSHARE} sh {payload} <&3 &
        read line < {there}
        {more}"
    )
}

#[test]
#[ignore = "needs root"]
fn a_container_that_outlives_its_command_is_judged() {
    let runs = Runs::new();
    let mut tracer = start(&runs, &[], &leaving(&runs, "exit 0"));
    // Waiting would close it.
    let mut input = tracer.stdin.take().expect("piped");
    assert_eq!(line(&mut tracer), "ready\n");
    assert!(tracer.wait().expect("its end").success());
    let report = written(&runs).report();
    assert_eq!(report["verdict"], "pass");
    assert!(only(&report)["ended"].is_null());
    // It is nobody's to end but its own.
    assert_eq!(runs.processes().len(), 1);
    input.write_all(b"go\n").expect("a reader");
    assert_eq!(line(&mut tracer), "over\n");
    runs.nothing_is_left();
}

/// Starts a tracer that waits for the container of a command that has ended with 4.
fn waiting(runs: &Runs) -> (Child, ChildStdin) {
    let mut tracer = start(runs, &["--wait"], &leaving(runs, "echo $$; exit 4"));
    let input = tracer.stdin.take().expect("piped");
    assert_eq!(line(&mut tracer), "ready\n");
    let command = line(&mut tracer);
    assert!(await_end(command.trim().parse().expect("a number")));
    (tracer, input)
}

#[test]
#[ignore = "needs root"]
fn wait_goes_on_until_the_last_container_has_ended() {
    let runs = Runs::new();
    let (mut tracer, mut input) = waiting(&runs);
    assert!(tracer.try_wait().expect("a look").is_none());
    input.write_all(b"go\n").expect("a reader");
    assert_eq!(line(&mut tracer), "over\n");
    finish(tracer).ended_with(4);
    let report = written(&runs).report();
    assert_eq!(report["verdict"], "pass");
    assert_eq!(only(&report)["ended"], 0);
    runs.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn a_signal_ends_the_waiting_and_leaves_the_verdict() {
    let runs = Runs::new();
    let (mut tracer, input) = waiting(&runs);
    kill_process(Pid::from_child(&tracer), Signal::TERM).expect("a signal");
    assert_eq!(tracer.wait().expect("its end").code(), Some(4));
    let report = written(&runs).report();
    assert_eq!(report["verdict"], "pass");
    assert!(only(&report)["ended"].is_null());
    drop(input);
    assert_eq!(line(&mut tracer), "over\n");
    runs.nothing_is_left();
}
