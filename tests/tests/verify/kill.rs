//! SIGKILL of a tracer that verifies: it has made nothing, so it leaves nothing, and the command
//! is nobody's to end.

use std::fs;
use std::process::Stdio;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use tracer_tests::binary::{Runs, await_end};

use crate::{NEW, UNSHARE, command, expecting, script, unshared};

#[test]
#[ignore = "needs root"]
fn a_tracer_that_is_killed_leaves_nothing_and_its_command_goes_on() {
    let runs = Runs::new();
    let file = expecting(&runs, NEW);
    let (waits, done, report) = (
        runs.word("waits"),
        runs.word("done"),
        runs.word("report.json"),
    );
    let outside = format!("echo go > {waits}; read more < {waits}");
    let all = format!(
        "{}\n{UNSHARE} true && echo done > {done}",
        unshared(&runs, "", &outside)
    );
    for pipe in [&waits, &done] {
        mknodat(CWD, pipe, FileType::Fifo, Mode::RWXU, 0).expect("a pipe");
    }
    let words = ["--expect", &file, "--json", &report, "--", "sh", "-c", &all];
    let mut command = command(&runs, &words);
    let mut tracer = runs.start(command.stdout(Stdio::null()).stderr(Stdio::null()));
    // In the middle: the container is there, and its payload waits.
    assert_eq!(fs::read_to_string(&waits).expect("a pipe"), "go\n");
    let others = runs.processes();
    tracer.kill().expect("a signal");
    tracer.wait().expect("its end");
    assert!(!fs::exists(&report).expect("a folder"), "half a report");
    // Nobody ends the command.
    fs::write(&waits, "more\n").expect("a reader");
    assert_eq!(fs::read_to_string(&done).expect("a pipe"), "done\n");
    let others: Vec<u32> = others
        .into_iter()
        .filter(|pid| *pid != tracer.id())
        .collect();
    assert!(others.len() >= 2, "{others:?}");
    assert!(others.into_iter().all(await_end));
    runs.nothing_is_left();
    // The next one starts as if nothing had been.
    script(&runs, NEW, &[], &format!("{UNSHARE} true")).ended_with(0);
}
