//! Runs the tests that the plan names, each in a process of its own, and gives the verdict: how
//! many passed and how many failed. Owns their patience; must not know what they claim.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result};
use nix::sys::signal::{Signal::SIGKILL, kill};
use nix::unistd::Pid as Everyone;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::running;

/// One line a test: its shown name, its program, the folder to run it in, its own name.
const PLAN: &str = "/vm/plan";
/// One line a variable, NAME=VALUE.
const ENVIRONMENT: &str = "/vm/environment";
/// Where a test's words go until it is known whether anybody wants them.
const WORDS: &str = "/vm/words";
/// The kernel's command line has how many seconds a test may take: whoever boots the machine knows
/// how slow it is. A test that hangs is red all the same.
const PATIENCE: &str = "tracer.patience";
/// It also has the share of a large load that tests are to take, and this is how they are told (tests/src/load.rs).
const SHARE: &str = "tracer.share";
const SHARE_TOLD: &str = "TRACER_TESTS_SHARE";
/// What a test says that cannot be carried out here, as tests/src/need.rs has it.
const LACKS: &str = "skipped: this machine has no ";
/// What a test says that could be carried out in part.
const SKIPPED: &str = "skipped: ";
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
    let patience = Timespec {
        tv_sec: super::word(PATIENCE)?
            .parse()
            .context("tracer.patience is no number")?,
        tv_nsec: 0,
    };
    let share = super::word(SHARE)?;
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for line in plan.lines() {
        let mut words = line.split('\t');
        let mut word = || words.next().context("a line of the plan is short");
        let (shown, program, folder, name) = (word()?, word()?, word()?, word()?);
        println!("tracer-vm start {shown}");
        let mut test = Command::new(program);
        test.current_dir(folder)
            .env_clear()
            .envs(environment.iter().copied())
            .env(SHARE_TOLD, &share);
        test.args([
            name,
            "--exact",
            "--include-ignored",
            "--test-threads=1",
            "--nocapture",
        ]);
        let start = Instant::now();
        let end = one(&mut test, &patience)?;
        let time = start.elapsed().as_secs_f32();
        let words = fs::read(WORDS)?;
        let words = String::from_utf8_lossy(&words);
        // A harness that finds no test of that name ends well, too.
        if end.is_some_and(|status| status.success()) && words.contains("test result: ok. 1 passed")
        {
            if let Some(line) = line_with(&words, LACKS) {
                skipped += 1;
                println!("tracer-vm skip {shown}: {line}");
                continue;
            }
            passed += 1;
            println!("tracer-vm ok {shown} {time:.1} s");
            if let Some(line) = line_with(&words, SKIPPED) {
                println!("tracer-vm note: {shown}: {line}");
            }
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
    println!("tracer-vm time: {}", processors()?);
    println!("tracer-vm verdict: {passed} passed, {failed} failed, {skipped} skipped");
    Ok(())
}

/// What the machine's processors did since the start: the first line of /proc/stat, proc_stat(5).
fn processors() -> Result<String> {
    let stat = fs::read_to_string("/proc/stat").context("cannot read /proc/stat")?;
    let ticks = |column: usize| -> u64 {
        let mut words = stat.split_whitespace().skip(column);
        words.next().and_then(|word| word.parse().ok()).unwrap_or(0)
    };
    // In hundredths of a second: USER_HZ is 100 on every x86_64.
    let seconds = |ticks: u64| ticks / 100;
    Ok(format!(
        "user {} s, system {} s, idle {} s",
        seconds(ticks(1) + ticks(2)),
        seconds(ticks(3) + ticks(6) + ticks(7)),
        seconds(ticks(4) + ticks(5))
    ))
}

/// The first line that has these words, from them on: the harness's own may stand before.
fn line_with<'a>(words: &'a str, part: &str) -> Option<&'a str> {
    let mut lines = words.lines();
    lines.find_map(|line| line.get(line.find(part)?..))
}

fn described(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "no exit code".to_owned(),
    }
}

/// Runs one; nothing for one that has not ended within its time, and is killed then.
fn one(test: &mut Command, patience: &Timespec) -> Result<Option<ExitStatus>> {
    let words = File::create(WORDS).context("cannot keep a test's words")?;
    test.stdin(Stdio::null())
        .stdout(words.try_clone()?)
        .stderr(words)
        .process_group(0);
    let mut child = test.spawn().context("cannot start a test")?;
    let pid = Pid::from_child(&child);
    let ended = {
        let process = pidfd_open(pid, PidfdFlags::empty())?;
        poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(patience))? > 0
    };
    let mut running = Vec::new();
    if !ended {
        running = running::list();
        // Everyone but this process and the first, kill(2): what the test has started must not
        // stay and disturb the next. With nobody left there is nobody to kill.
        let _nobody = kill(Everyone::from_raw(-1), SIGKILL);
    }
    let status = child.wait()?;
    let mut words = File::options().append(true).open(WORDS)?;
    for process in running {
        writeln!(words, "running: {process}")?;
    }
    Ok(ended.then_some(status))
}
