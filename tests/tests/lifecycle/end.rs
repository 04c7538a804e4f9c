//! How a run ends by itself: its exit code, and what is said to readers that are there or not.

use std::fs::File;
use std::io::{PipeReader, PipeWriter, Write as _, pipe};
use std::process::Stdio;

use tracer_tests::binary::{Runs, finish};

use crate::{SPOILED, last_line, spoiled};

#[test]
#[ignore = "needs root"]
fn a_pass_ends_with_the_payloads_own_code() {
    let runs = Runs::new();
    for code in [0, 1, 7, 119, 128, 255] {
        let script = format!("exit {code}");
        let said = runs
            .run(&["-o", "json", "sh", "-c", &script])
            .ended_with(code);
        let report = said.report();
        assert_eq!(report["verdict"], "pass");
        assert_eq!(report["exit"], code);
        assert_eq!(report["payload"]["status"], "exited");
        assert_eq!(report["payload"]["code"], code);
    }
    runs.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn a_payload_that_a_signal_ends_gives_128_and_its_number() {
    let runs = Runs::new();
    // Outside of a new PID namespace, where no signal is kept from the first process.
    for (name, number) in [
        ("HUP", 1),
        ("TERM", 15),
        ("PIPE", 13),
        ("SEGV", 11),
        ("KILL", 9),
    ] {
        let script = format!("kill -{name} $$");
        let words = ["-o", "json", "--share", "pid", "sh", "-c", &script];
        let report = runs.run(&words).ended_with(128 + number).report();
        assert_eq!(report["verdict"], "pass");
        assert_eq!(report["payload"]["status"], "signaled");
        assert_eq!(report["payload"]["signal"], number);
    }
    runs.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn the_payload_has_standard_input_and_output_to_itself() {
    let runs = Runs::new();
    let mut command = runs.command(&["cat"]);
    let (input, mut ours) = pipe().expect("a pipe");
    ours.write_all(b"as it came\n").expect("written");
    drop(ours);
    let said = runs.finish(command.stdin(input)).ended_with(0);
    assert_eq!(said.stdout, "as it came\n");
    assert!(last_line(&said.stderr).starts_with("PASS"), "{said:?}");
}

#[test]
#[ignore = "needs root"]
fn the_payload_starts_with_no_signal_ignored_or_blocked() {
    let runs = Runs::new();
    let script = "grep -E '^Sig(Blk|Ign)' /proc/self/status";
    let said = runs.run(&["sh", "-c", script]).ended_with(0);
    let masks: Vec<&str> = said.stdout.split_whitespace().collect();
    assert_eq!(
        masks,
        ["SigBlk:", "0000000000000000", "SigIgn:", "0000000000000000"]
    );
    // So a writer whose reader is gone ends as it would outside.
    let said = runs.run(&["sh", "-c", "yes | head -n 1"]).ended_with(0);
    assert_eq!(said.stdout, "y\n");
    assert!(!said.stderr.contains("Broken pipe"), "{said:?}");
}

#[test]
#[ignore = "needs root"]
fn lost_records_make_a_run_inconclusive() {
    let runs = Runs::new();
    // A ring of one page, and a storm of forks that nobody can read fast enough.
    let storm = "i=0; while [ $i -lt 200 ]; do (:) & i=$((i+1)); done; wait";
    let words = [
        "-o",
        "json",
        "--gate",
        "warn",
        "--ring-size",
        "4k",
        "sh",
        "-c",
        storm,
    ];
    let report = runs.run(&words).ended_with(121).report();
    assert_eq!(report["verdict"], "inconclusive");
    let count = |name: &str| report["counters"][name].as_u64().expect("a number");
    assert!(count("lost") > 0, "{}", report["counters"]);
    assert_eq!(count("submitted"), count("read") + count("lost"));
    runs.nothing_is_left();
}

/// A pipe whose reader has gone, and one that is read.
fn deaf() -> PipeWriter {
    let (reader, writer): (PipeReader, PipeWriter) = pipe().expect("a pipe");
    drop(reader);
    writer
}

#[test]
#[ignore = "needs root"]
fn readers_that_went_away_change_no_exit_code() {
    let runs = Runs::new();
    for format in ["table", "compact", "json", "jsonl"] {
        for (command, code) in [("true", 0), ("false", 1), ("no-such-program", 127)] {
            let mut command = runs.command(&["-o", format, command]);
            let tracer = runs.start(command.stdout(deaf()).stderr(deaf()));
            assert_eq!(finish(tracer).code(), code, "{format}, {command:?}");
        }
        let words = [&SPOILED[..], &["-o", format, "true"]].concat();
        let mut command = runs.command(&words);
        command.stdout(deaf()).stderr(deaf());
        let tracer = spoiled(|| runs.start(&mut command));
        assert_eq!(finish(tracer).code(), 120, "{format}");
    }
    runs.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn a_report_that_nobody_can_write_is_an_error_unless_the_verdict_is_worse() {
    let runs = Runs::new();
    let full = || {
        Stdio::from(
            File::options()
                .write(true)
                .open("/dev/full")
                .expect("/dev/full"),
        )
    };
    for format in ["json", "jsonl"] {
        let mut command = runs.command(&["-o", format, "sh", "-c", "exit 7"]);
        let tracer = runs.start(command.stdout(full()).stderr(Stdio::piped()));
        let said = finish(tracer).ended_with(125);
        assert!(said.stderr.contains("No space left"), "{said:?}");
        let mut command = runs.command(&[&SPOILED[..], &["-o", format, "true"]].concat());
        command.stdout(full()).stderr(Stdio::null());
        assert_eq!(finish(spoiled(|| runs.start(&mut command))).code(), 120);
    }
    let said = runs.run(&["--json", "/dev/full", "true"]).ended_with(125);
    assert!(said.stderr.contains("writing /dev/full failed"), "{said:?}");
    let said = runs.run(&["--record", "/dev/full", "true"]).ended_with(125);
    assert!(said.stderr.contains("writing /dev/full failed"), "{said:?}");
    runs.nothing_is_left();
}
