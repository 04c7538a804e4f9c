//! Runs the tests that the plan names, each in a process of its own, and gives the verdict: how
//! many passed and how many failed. Owns their patience; must not know what they claim.

use std::fs::{self, File};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result};
use nix::sys::signal::{Signal::SIGKILL, kill};
use nix::unistd::Pid as Everyone;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// One line a test: its shown name, its program, the folder to run it in, its own name.
const PLAN: &str = "/vm/plan";
/// One line a variable, NAME=VALUE.
const ENVIRONMENT: &str = "/vm/environment";
/// Where a test's words go until it is known whether anybody wants them.
const WORDS: &str = "/vm/words";
/// Emulation is slow; a test that hangs is red all the same.
const PATIENCE: Timespec = Timespec {
    tv_sec: 120,
    tv_nsec: 0,
};
/// Of a failed test's words, the last so many lines are shown.
const SHOWN: usize = 60;

/// Runs all of them. The verdict is the very last line.
pub fn run() -> Result<()> {
    let plan = fs::read_to_string(PLAN).with_context(|| format!("cannot read {PLAN}"))?;
    let environment = fs::read_to_string(ENVIRONMENT).context("cannot read the environment")?;
    let environment: Vec<(&str, &str)> = environment
        .lines()
        .filter_map(|line| line.split_once('='))
        .collect();
    let release = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    println!("tracer-vm kernel {}", release.trim());
    let (mut passed, mut failed) = (0, 0);
    for line in plan.lines() {
        let mut words = line.split('\t');
        let mut word = || words.next().context("a line of the plan is short");
        let (shown, program, folder, name) = (word()?, word()?, word()?, word()?);
        println!("tracer-vm start {shown}");
        let mut test = Command::new(program);
        test.current_dir(folder)
            .env_clear()
            .envs(environment.iter().copied());
        test.args([
            name,
            "--exact",
            "--include-ignored",
            "--test-threads=1",
            "--nocapture",
        ]);
        let start = Instant::now();
        let end = one(&mut test)?;
        let time = start.elapsed().as_secs_f32();
        let words = fs::read(WORDS)?;
        let words = String::from_utf8_lossy(&words);
        // A harness that finds no test of that name ends well, too.
        if end.is_some_and(|status| status.success()) && words.contains("test result: ok. 1 passed")
        {
            passed += 1;
            println!("tracer-vm ok {shown} {time:.1} s");
        } else {
            failed += 1;
            let how = end.map_or_else(|| "no end within its time".to_owned(), described);
            println!("tracer-vm FAIL {shown} {time:.1} s: {how}");
            let lines: Vec<&str> = words.lines().collect();
            for line in &lines[lines.len().saturating_sub(SHOWN)..] {
                println!("    | {}", line.escape_debug());
            }
        }
    }
    println!("tracer-vm verdict: {passed} passed, {failed} failed");
    Ok(())
}

fn described(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "no exit code".to_owned(),
    }
}

/// Runs one; nothing for one that has not ended within its time, and is killed then.
fn one(test: &mut Command) -> Result<Option<ExitStatus>> {
    let words = File::create(WORDS).context("cannot keep a test's words")?;
    test.stdin(Stdio::null())
        .stdout(words.try_clone()?)
        .stderr(words)
        .process_group(0);
    let mut child = test.spawn().context("cannot start a test")?;
    let pid = Pid::from_child(&child);
    let ended = {
        let process = pidfd_open(pid, PidfdFlags::empty())?;
        poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&PATIENCE))? > 0
    };
    if !ended {
        // Everyone but this process and the first, kill(2): what the test has started must not
        // stay and disturb the next. With nobody left there is nobody to kill.
        let _nobody = kill(Everyone::from_raw(-1), SIGKILL);
    }
    let status = child.wait()?;
    Ok(ended.then_some(status))
}
