//! A machine under QEMU. Owns its make and its accelerator, and when it is ended for saying
//! nothing; what it says, `console` judges.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::console::End;
use crate::architecture::Architecture;
use crate::setup::emulator::Emulator;

const MEMORY: &str = "2048";
/// For every kernel.
const WORDS: &str = "quiet loglevel=1 panic=-1 oops=panic";
/// How long a machine may say nothing beyond what a single test may take: it says when each begins
/// and when it has ended.
const GRACE: Duration = Duration::from_mins(3);

/// How long a kernel may take to miss its root; one that works takes a second or two.
const TO_BOOT: Duration = Duration::from_secs(20);
/// What every kernel says without one (init/do_mounts.c).
const LAST_WORDS: &str = "Unable to mount root fs";

/// What executes the guest's instructions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accelerator {
    Kvm,
    /// None, and why not KVM.
    Emulation(String),
}

impl Accelerator {
    /// The best that works here. A /dev/kvm that can be opened may still fail, at once or as soon as
    /// a kernel runs: QEMU is asked, and this kernel is booted until it misses its root.
    pub fn probe(emulator: &Emulator, kernel: &Path) -> Self {
        let device = File::options().read(true).write(true).open("/dev/kvm");
        if let Err(error) = device {
            return Self::Emulation(format!("/dev/kvm cannot be opened: {error}"));
        }
        if !starts_with_kvm(emulator).unwrap_or_default() {
            return Self::Emulation("QEMU cannot use this machine's /dev/kvm".to_owned());
        }
        if boots_with_kvm(emulator, kernel).unwrap_or_default() {
            Self::Kvm
        } else {
            let seconds = TO_BOOT.as_secs();
            Self::Emulation(format!(
                "with this machine's /dev/kvm a kernel did not boot within {seconds} s"
            ))
        }
    }

    /// How long a test may take: emulated it is some ten times as slow.
    pub fn patience(&self) -> Duration {
        match self {
            Self::Kvm => Duration::from_mins(2),
            Self::Emulation(_) => Duration::from_mins(12),
        }
    }

    /// Of loads that are there to be large, one in so many is left: how tests call it is in tests/src/load.rs.
    pub fn share(&self) -> u32 {
        match self {
            Self::Kvm => 1,
            Self::Emulation(_) => 10,
        }
    }

    /// Threads that a guest keeps busy: one for each of its processors, or one for all.
    pub fn threads(&self) -> usize {
        match self {
            Self::Kvm => 2,
            Self::Emulation(_) => 1,
        }
    }

    /// More words for a kernel.
    fn words(&self) -> &'static str {
        match self {
            Self::Kvm => "",
            // A program that lies elsewhere in each process is translated anew for each.
            Self::Emulation(_) => "norandmaps",
        }
    }

    fn arguments(&self, architecture: Architecture) -> Vec<&'static str> {
        match self {
            Self::Kvm => vec!["-accel", "kvm", "-cpu", "host"],
            // One thread for all processors: with one for each, a processor may execute what another
            // has just patched away, and the kernel, which patches itself while tests trace it,
            // panics with "Oops: int3".
            Self::Emulation(_) => {
                let mut arguments = vec!["-accel", "tcg,thread=single"];
                arguments.extend(architecture.machine());
                arguments
            }
        }
    }
}

impl std::fmt::Display for Accelerator {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Kvm => write!(out, "with KVM"),
            Self::Emulation(why) => write!(out, "by emulation, which is slow: {why}"),
        }
    }
}

/// Sets a machine up that stands still, and ends it.
fn starts_with_kvm(emulator: &Emulator) -> Result<bool> {
    let mut machine = Command::new(emulator.program())
        .envs(emulator.environment())
        .args(emulator.arguments())
        .args(Accelerator::Kvm.arguments(Architecture::Amd64))
        .args(["-S", "-nodefaults", "-display", "none", "-monitor", "stdio"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    if let Some(mut monitor) = machine.stdin.take() {
        // One that has failed already is not there to be told.
        let _failed = monitor.write_all(b"quit\n");
    }
    Ok(machine.wait()?.success())
}

/// Boots the kernel without a root, which it says as its last words.
fn boots_with_kvm(emulator: &Emulator, kernel: &Path) -> Result<bool> {
    let mut machine = leashed(emulator.program())
        .envs(emulator.environment())
        .args(emulator.arguments())
        .args(Accelerator::Kvm.arguments(Architecture::Amd64))
        .args(["-m", "512", "-no-reboot", "-nodefaults", "-no-user-config"])
        .args(["-display", "none", "-serial", "stdio", "-kernel"])
        .arg(kernel)
        .args(["-append", "console=ttyS0 panic=-1"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let console = machine.stdout.take().context("no console")?;
    let (lines, start) = (lines(console), Instant::now());
    let mut booted = false;
    while let Some(left) = TO_BOOT.checked_sub(start.elapsed())
        && let Ok(line) = lines.recv_timeout(left)
    {
        booted |= line.contains(LAST_WORDS);
    }
    // One that has ended already needs no kill.
    let _ended = machine.kill();
    machine.wait()?;
    Ok(booted)
}

/// What to boot.
pub struct Machine<'a> {
    pub architecture: Architecture,
    pub emulator: &'a Emulator,
    pub accelerator: &'a Accelerator,
    pub kernel: &'a Path,
    pub root: &'a Path,
    /// Words for the kernel's command line.
    pub words: &'a str,
    /// Where all that it says is kept.
    pub log: &'a Path,
}

impl Machine<'_> {
    /// Runs it to its end; hands each line to `each`. All that it said, and how it ended.
    pub fn run(&self, each: impl FnMut(&str)) -> Result<(String, End)> {
        let mut machine = self.command().spawn().context("cannot run QEMU")?;
        let console = machine.stdout.take().context("no console")?;
        let silence = self.accelerator.patience() + GRACE;
        let heard = listen(console, silence, self.log, each);
        if !matches!(heard, Ok((_, false))) {
            // One that has ended already needs no kill.
            let _ended = machine.kill();
        }
        let status = machine.wait().context("cannot wait for the machine")?;
        let (said, silent) = heard?;
        let end = match (silent, status.success()) {
            (true, _) => End::Silent(silence.as_secs()),
            (false, true) => End::Off,
            (false, false) => End::Broken,
        };
        Ok((said, end))
    }

    fn command(&self) -> Command {
        let mut machine = leashed(self.emulator.program());
        machine
            .envs(self.emulator.environment())
            .args(self.emulator.arguments())
            .args(self.accelerator.arguments(self.architecture))
            .args(["-m", MEMORY, "-smp", "2", "-no-reboot"])
            .args(["-nodefaults", "-no-user-config", "-display", "none"])
            .args(["-serial", "stdio"])
            .arg("-kernel")
            .arg(self.kernel)
            .arg("-initrd")
            .arg(self.root)
            // What goes wrong in the kernel ends the machine, in words; nothing else of the
            // kernel's comes between the lines.
            .arg("-append")
            .arg(format!(
                "console={} {WORDS} {} tracer.patience={} tracer.share={} {}",
                self.architecture.console(),
                self.accelerator.words(),
                self.accelerator.patience().as_secs(),
                self.accelerator.share(),
                self.words
            ))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        machine
    }
}

/// A program that the kernel kills when the thread that starts it ends, whatever ends that
/// (PR_SET_PDEATHSIG of prctl(2), which an execve keeps).
pub fn leashed(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(program);
    command
}

/// Reads to the end, or until nothing came for too long: what was said, and whether so.
fn listen(
    console: ChildStdout,
    silence: Duration,
    log: &Path,
    mut each: impl FnMut(&str),
) -> Result<(String, bool)> {
    let mut log = File::create(log).context("cannot keep what the machine says")?;
    let lines = lines(console);
    let mut said = String::new();
    loop {
        match lines.recv_timeout(silence) {
            Ok(line) => {
                log.write_all(line.as_bytes())?;
                each(line.trim_end());
                said.push_str(&line);
            }
            Err(RecvTimeoutError::Disconnected) => return Ok((said, false)),
            Err(RecvTimeoutError::Timeout) => return Ok((said, true)),
        }
    }
}

/// Lines as they come, from a thread that ends with the console.
fn lines(console: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut console = BufReader::new(console);
        let mut line = Vec::new();
        while console
            .read_until(b'\n', &mut line)
            .is_ok_and(|length| length > 0)
        {
            if sender
                .send(String::from_utf8_lossy(&line).into_owned())
                .is_err()
            {
                return;
            }
            line.clear();
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    #[test]
    fn a_machine_ends_with_whoever_started_it() {
        let start = || {
            let mut shell = leashed("sh");
            shell.args(["-c", "echo ready; exec sleep infinity"]);
            let mut child = shell.stdout(Stdio::piped()).spawn().unwrap();
            let mut line = String::new();
            let output = child.stdout.as_mut().unwrap();
            BufReader::new(output).read_line(&mut line).unwrap();
            assert_eq!(line, "ready\n");
            child
        };
        // Its thread is what it hangs on, and that is over.
        let mut child = std::thread::spawn(start).join().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9));
    }
}
