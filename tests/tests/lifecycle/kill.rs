//! SIGKILL of tracer: at any moment of a run, at the gate, with a payload that goes on for ever.
//! What it leaves, the next start removes.

use std::fs;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;
use tracer_tests::binary::{Runs, await_end, finish, process};
use tracer_tests::held::Held;

use crate::{piped, ready};

/// Moments at which a run is killed.
const MOMENTS: u32 = 20;

/// Waits until the process has ended, for so long at most: no event marks the moment after that.
fn let_run(tracer: &Child, at_most: Duration) {
    let process = process(tracer.id()).expect("a process that nobody has reaped");
    let at_most = Timespec::try_from(at_most).expect("a short time");
    let mut ended = [PollFd::new(&process, PollFlags::IN)];
    poll(&mut ended, Some(&at_most)).expect("a wait");
}

/// A fraction of one.
fn random() -> f64 {
    let number = RandomState::new().build_hasher().finish();
    f64::from(u32::try_from(number >> 32).expect("half of it")) / f64::from(u32::MAX)
}

/// The next start, which removes what the last has left; the temporary name of a report only if it writes one to the
/// same folder.
fn start_again(runs: &Runs, words: &[&str]) {
    runs.run(&[words, &["true"]].concat()).ended_with(0);
    runs.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn sigkill_at_any_moment_leaves_nothing_behind_the_next_start() {
    let runs = Runs::new();
    runs.directory("out");
    let share = format!("type=bind,source={},target=/out", runs.word("out"));
    let (report, marker) = (runs.word("out/report.json"), runs.path("out/ran"));
    let script = "touch /out/ran; sh -c :";
    let words = ["--json", &report, "--mount", &share, "sh", "-c", script];
    let mut lengths = [Duration::ZERO; 3];
    for length in &mut lengths {
        let start = Instant::now();
        runs.run(&words).ended_with(0);
        *length = start.elapsed();
    }
    lengths.sort();
    let mut whole = lengths[1];
    assert!(fs::exists(&report).expect("a folder"));
    let (mut killed, mut ran) = (0, 0);
    for number in 0..MOMENTS {
        fs::remove_file(&marker).unwrap_or_default();
        // One in each part of the run, so that none is missed by chance.
        let offset = whole.mul_f64((f64::from(number) + random()) / f64::from(MOMENTS));
        println!("killed {offset:?} after its start, of {whole:?}");
        let mut command = runs.command(&words);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut tracer = runs.start(&mut command);
        let_run(&tracer, offset);
        // One that has ended by itself is killed no more.
        tracer.kill().expect("a signal");
        let status = tracer.wait().expect("its end");
        if status.code().is_none() {
            killed += 1;
        } else {
            // Those that were measured took longer: the machine had something else to do.
            whole = offset;
        }
        // Whole, whichever run it is of.
        let text = fs::read_to_string(&report).expect("a report");
        serde_json::from_str::<serde_json::Value>(&text).expect("a whole one");
        start_again(&runs, &["--json", &report]);
        ran += i32::from(marker.exists());
        let mut names: Vec<_> = fs::read_dir(runs.path("out"))
            .expect("a directory")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        names.retain(|name| name != "ran" && name != "report.json");
        assert!(names.is_empty(), "{names:?}");
    }
    println!("{killed} of {MOMENTS} were killed, the payload of {ran} had begun");
    assert!(killed >= 10, "only {killed} were killed within their run");
    assert!(ran < killed, "none was killed before its gate opened");
}

#[test]
#[ignore = "needs root"]
fn the_payload_of_a_gate_that_never_opened_never_runs() {
    let runs = Runs::new();
    runs.directory("out");
    let share = format!("type=bind,source={},target=/out", runs.word("out"));
    let marker = runs.path("out/ran");
    for kinds in [&["--all"][..], &["-m"]] {
        let words = [kinds, &["--mount", &share, "touch", "/out/ran"]].concat();
        let mut command = runs.command(&words);
        let forget = || fs::remove_file(&marker).unwrap_or_default();
        let held = Held::before_the_gate(&runs, piped(&mut command), forget);
        let init = held.init;
        held.signal(Signal::KILL);
        assert_eq!(finish(held.go_on()).code(), -9);
        // By itself: nothing starts again before.
        assert!(await_end(init), "init outlives its tracer");
        assert_eq!(runs.processes(), [0; 0]);
        assert!(!marker.exists(), "the payload ran");
        start_again(&runs, &[]);
        assert!(!marker.exists(), "the payload ran");
    }
}

#[test]
#[ignore = "needs root"]
fn a_payload_ends_with_the_tracer_that_was_killed() {
    let runs = Runs::new();
    // In a PID namespace of its own all end with its first process.
    let script = "sleep 1000 & echo ready; exec sleep 1000";
    let mut tracer = ready(&runs, &["sh", "-c", script]);
    let processes = runs.processes();
    assert!(processes.len() >= 3, "{processes:?}");
    tracer.kill().expect("a signal");
    tracer.wait().expect("its end");
    assert!(
        processes.into_iter().all(await_end),
        "the payload outlives its tracer"
    );
    start_again(&runs, &[]);
}

#[test]
#[ignore = "needs root"]
fn what_a_payload_has_started_ends_with_the_next_start() {
    let runs = Runs::new();
    // Without a PID namespace the kernel ends the first process alone.
    let script = "sleep 1000 & setsid sleep 1000 & echo ready; exec sleep 1000";
    let mut tracer = ready(&runs, &["-u", "sh", "-c", script]);
    tracer.kill().expect("a signal");
    tracer.wait().expect("its end");
    assert!(
        !runs.processes().is_empty(),
        "nothing is left to be removed"
    );
    start_again(&runs, &[]);
}

#[test]
#[ignore = "needs root"]
fn what_a_payload_has_started_ends_with_its_run() {
    let runs = Runs::new();
    let script = "setsid sleep 1000 > /dev/null 2>&1 & echo started";
    for kinds in ["--all", "-u"] {
        let report = runs
            .run(&[kinds, "-o", "json", "sh", "-c", script])
            .ended_with(0)
            .report();
        assert_eq!(report["verdict"], "pass", "{kinds}");
        assert_eq!(runs.processes(), [0; 0], "{kinds}");
        runs.nothing_is_left();
    }
}

#[test]
#[ignore = "needs root"]
fn a_frozen_payload_is_removed_as_well() {
    let runs = Runs::new();
    let script = "echo ready; exec sleep 1000";
    let mut tracer = ready(&runs, &["-u", "sh", "-c", script]);
    let frozen = freeze(&runs, tracer.id());
    tracer.kill().expect("a signal");
    tracer.wait().expect("its end");
    assert!(frozen.exists());
    start_again(&runs, &[]);
    assert!(!frozen.exists());
}

/// Freezes the cgroup of the tracer's run, and gives its directory.
fn freeze(runs: &Runs, tracer: u32) -> std::path::PathBuf {
    use tracer::host::CgroupVersion;
    let init = runs
        .processes()
        .into_iter()
        .find(|pid| *pid != tracer)
        .expect("a payload");
    let cgroups = fs::read_to_string(format!("/proc/{init}/cgroup")).expect("its cgroups");
    let name = cgroups
        .lines()
        .find_map(|line| line.split_once(":/"))
        .expect("a cgroup")
        .1;
    for hierarchy in tracer_tests::spec::facts().hierarchies {
        let (file, value) = match hierarchy.version {
            CgroupVersion::V1 => ("freezer.state", "FROZEN"),
            CgroupVersion::V2 => ("cgroup.freeze", "1"),
        };
        let path = hierarchy.mount_point.join(name);
        if path.join(file).exists() {
            fs::write(path.join(file), value).expect("frozen");
            return path;
        }
    }
    panic!("no hierarchy can freeze");
}
