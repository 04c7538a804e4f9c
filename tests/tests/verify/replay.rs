//! Recordings: what was judged live comes out of the recording byte for byte the same, for whoever
//! may read the file, and without the kernel.

use std::fs;
use std::os::unix::process::CommandExt as _;

use tracer_tests::binary::{Runs, Said, tracer};
use tracer_tests::cgroup::{Leftover, any_hierarchy};

use crate::{FAIL, NEW, NO_DRIFT, UNSHARE, command, expecting};

/// Formats with a file each, by flag.
const FILES: [&str; 7] = ["json", "junit", "tap", "markdown", "sarif", "html", "trace"];
/// Somebody without any privilege.
const NOBODY: u32 = 65534;

/// Flags for a report in every format.
fn files(runs: &Runs, when: &str) -> Vec<String> {
    let flag = |name: &&str| [format!("--{name}"), runs.word(&format!("{when}.{name}"))];
    FILES.iter().flat_map(flag).collect()
}

/// Replays as nobody, in its own folder.
fn replay(runs: &Runs, recording: &str, format: &str) -> Said {
    runs.directory("nobody");
    std::os::unix::fs::chown(runs.path("nobody"), Some(NOBODY), Some(NOBODY)).expect("a folder");
    let words = [
        &["replay".to_owned(), runs.word(recording)],
        &*files(runs, "nobody/replay"),
    ];
    let mut command = tracer(&words.concat());
    command.args(["-o", format]).uid(NOBODY).gid(NOBODY);
    runs.finish(&mut command)
}

/// Everything that was said live is said again.
fn same(runs: &Runs, live: &Said, format: &str) {
    let again = replay(runs, "recording", format);
    assert_eq!(again.code(), live.code(), "{again:?}");
    assert_eq!(again.stdout, live.stdout);
    assert_eq!(again.stderr, live.stderr);
    for name in FILES {
        let text =
            |when: &str| fs::read_to_string(runs.path(&format!("{when}.{name}"))).expect(name);
        assert_eq!(text("live"), text("nobody/replay"), "{name}");
    }
}

fn recorded(runs: &Runs, format: &str, words: &[&str], script: &str) -> Said {
    let recording = runs.word("recording");
    let mut command = command(runs, &["--record", &recording, "-o", format]);
    command
        .args(files(runs, "live"))
        .args(words)
        .args(["--", "sh", "-c", script]);
    let live = runs.finish(&mut command);
    assert_eq!(
        fs::read_dir(runs.path(""))
            .expect("its folder")
            .flatten()
            .filter(|entry| { entry.file_name().to_string_lossy().starts_with('.') })
            .count(),
        0,
        "nothing beside"
    );
    live
}

#[test]
#[ignore = "needs root"]
fn a_verification_replays_to_the_same_reports_in_every_format() {
    let runs = Runs::new();
    let file = expecting(&runs, NEW);
    let script = format!("{UNSHARE} true; {UNSHARE} sh -c 'exit 3'; exit 5");
    for format in ["compact", "table", "json", "jsonl"] {
        let words = ["--expect", &file, "--rule", "linux.securebits == 0"];
        let live = recorded(&runs, format, &words, &script).ended_with(5);
        same(&runs, &live, format);
    }
}

#[test]
#[ignore = "needs root"]
fn a_verdict_that_is_not_pass_replays_too() {
    let runs = Runs::new();
    let words = ["--preset", "strict", "--select", "all"];
    let live = recorded(&runs, "jsonl", &words, &format!("{UNSHARE} true")).ended_with(FAIL);
    same(&runs, &live, "jsonl");
}

#[test]
#[ignore = "needs root"]
fn what_enforcement_did_is_in_the_recording() {
    let runs = Runs::new();
    let file = expecting(&runs, NO_DRIFT);
    let drifts = format!("{UNSHARE} sh -c 'unshare --net sleep 60'");
    let name = format!("job-{}-recorded", std::process::id());
    let job = Leftover::at(any_hierarchy().mount_point.join(name));
    let path = job.path().display();
    let helper = format!("mkdir {path}; sh -c 'echo $$ > {path}/cgroup.procs; exec env true'");
    let script = format!("unshare --uts true; {drifts}; {helper}; true");
    // Where the kernel refuses the change nobody is killed for it.
    let words = ["--enforce", "--hooks", "capable=none", "--expect", &file];
    let live = recorded(&runs, "json", &words, &script).ended_with(FAIL);
    let report = live.report();
    let acts: Vec<&str> = report["containers"]
        .as_array()
        .expect("containers")
        .iter()
        .filter_map(|one| one["enforced"]["act"].as_str())
        .collect();
    for act in ["killed", "killed_for_drift", "not_held"] {
        assert!(acts.contains(&act), "{act}: {acts:?}");
    }
    // The payload says on standard error that it was killed, the replay has no payload.
    let again = replay(&runs, "recording", "json").ended_with(FAIL);
    assert_eq!(again.stdout, live.stdout);
}

#[test]
#[ignore = "needs root"]
fn a_run_replays_to_the_same_reports() {
    let runs = Runs::new();
    let recording = runs.word("recording");
    for (payload, flags, code) in [
        ("exit 7", &["--memory", "64m"][..], Some(7)),
        // The first process of a PID namespace cannot kill itself.
        (
            "kill -9 $$",
            &["--gate", "warn", "--share", "pid"],
            Some(137),
        ),
        // Whether it is conclusive without the gate is a matter of moments, and not of this test.
        ("true", &["--gate", "off"], None),
    ] {
        let words = [
            &["run", "--record", &recording, "-o", "json"],
            flags,
            &["sh", "-c", payload],
        ]
        .concat();
        let mut command = tracer(&words);
        let (mark, value) = runs.mark();
        command.env(mark, value);
        let live = runs.finish(&mut command);
        assert_eq!(live.code(), code.unwrap_or(live.code()), "{live:?}");
        let again = replay(&runs, "recording", "json");
        assert_eq!(again.code(), live.code());
        assert_eq!(again.stdout, live.stdout);
    }
}

#[test]
#[ignore = "needs root"]
fn a_recording_is_no_reports_file() {
    let runs = Runs::new();
    let file = runs.word("file");
    let words = [
        "--preset", "unshared", "--record", &file, "--json", &file, "--", "true",
    ];
    let said = runs.finish(&mut command(&runs, &words)).ended_with(2);
    assert!(
        said.one_line().starts_with("--record and --json both name"),
        "{said:?}"
    );
}

#[test]
#[ignore = "needs root"]
fn a_command_that_does_not_start_leaves_no_recording() {
    let runs = Runs::new();
    let file = runs.word("file");
    let words = ["--preset", "unshared", "--record", &file, "--", "/no/such"];
    runs.finish(&mut command(&runs, &words)).ended_with(127);
    assert!(!runs.path("file").exists());
}
