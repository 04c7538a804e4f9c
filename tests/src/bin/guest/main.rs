//! The first process of a machine that `cargo xtask vm` boots: makes a system that tests can live
//! in, has a child of its own run them, and powers off. Owns what it mounts and in which order;
//! what is run and how it is counted is `tests`'. Its words to the outside are lines on the
//! console that begin with `tracer-vm`; xtask/src/vm/console.rs reads them.

mod cgroups;
mod loopback;
mod running;
mod tests;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};
use nix::sys::wait::{WaitStatus, waitpid};
use rustix::mount::{
    MountFlags, MountPropagationFlags, mount, mount_bind, mount_change, mount_move,
};
use rustix::process::getpid;
use rustix::system::{RebootCommand, reboot, sethostname};

/// The service manager that is the first process in this one's place where `tracer.init=systemd` is among the
/// kernel's words. It runs the tests as a service, which the image has.
const SYSTEMD: &str = "/usr/lib/systemd/systemd";
/// The word that makes this program run the tests rather than the machine.
const RUNNER: &str = "tests";

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(RUNNER) {
        return said(tests::run());
    }
    if !getpid().is_init() {
        eprintln!("this is the first process of a virtual machine; run `cargo xtask vm`");
        return ExitCode::FAILURE;
    }
    let code = said(live());
    // Returning would be a panic of the kernel's, and so would be a failure to power off: either
    // is red outside.
    reboot(RebootCommand::PowerOff).map_or(ExitCode::FAILURE, |()| code)
}

fn said(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("tracer-vm error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// From the kernel's hands to the end of the tests.
fn live() -> Result<()> {
    let root = own_root().context("cannot make a root that can be pivoted");
    root?;
    mounted("proc", "/proc")?;
    if word("tracer.init").is_ok_and(|init| init == "systemd") {
        return Err(Command::new(SYSTEMD).exec()).with_context(|| format!("cannot run {SYSTEMD}"));
    }
    system()?;
    let own = std::env::args()
        .next()
        .context("the kernel names no program")?;
    let runner = Command::new(own)
        .arg(RUNNER)
        .spawn()
        .context("cannot start the tests")?;
    reap_until(runner.id())
}

/// The first root cannot be pivoted away from (pivot_root(2): a mount without parent): a bind mount
/// of it that is moved over it can be.
fn own_root() -> Result<()> {
    fs::create_dir_all("/newroot")?;
    mount_bind("/", "/newroot")?;
    std::env::set_current_dir("/newroot")?;
    mount_move(".", "/")?;
    std::os::unix::fs::chroot(".")?;
    std::env::set_current_dir("/")?;
    // As service managers do.
    mount_change(
        "/",
        MountPropagationFlags::SHARED | MountPropagationFlags::REC,
    )?;
    Ok(())
}

fn system() -> Result<()> {
    mounted("sysfs", "/sys")?;
    mounted("securityfs", "/sys/kernel/security")?;
    mounted("devtmpfs", "/dev")?;
    mounted("devpts", "/dev/pts")?;
    mounted("tmpfs", "/dev/shm")?;
    mounted("tmpfs", "/run")?;
    for folder in ["/tmp", "/dev/shm"] {
        fs::create_dir_all(folder)?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o1777))?;
    }
    for (name, target) in [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ] {
        std::os::unix::fs::symlink(target, format!("/dev/{name}"))?;
    }
    sethostname(b"guest").context("cannot set the host's name")?;
    loopback::up().context("cannot bring the loopback device up")?;
    cgroups::lay_out(&word("tracer.cgroup")?)
}

/// The value of a word on the kernel's command line.
fn word(name: &str) -> Result<String> {
    let words = fs::read_to_string("/proc/cmdline").context("cannot read /proc/cmdline")?;
    let value = words
        .split_whitespace()
        .find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    let value = value.map(str::to_owned);
    value.with_context(|| format!("the kernel's command line has no {name}="))
}

/// Mounts a file system of this kind.
fn mounted(kind: &str, place: &str) -> Result<()> {
    let mount = || -> Result<()> {
        fs::create_dir_all(place)?;
        mount(kind, place, kind, MountFlags::empty(), None)?;
        Ok(())
    };
    mount().with_context(|| format!("cannot mount {kind} on {place}"))
}

/// Reaps whoever ends, orphans of tests among them, until this child does.
fn reap_until(child: u32) -> Result<()> {
    loop {
        let ended = waitpid(None, None).context("cannot wait for the tests")?;
        if ended
            .pid()
            .is_some_and(|pid| u32::try_from(pid.as_raw()) == Ok(child))
        {
            return match ended {
                WaitStatus::Exited(_, 0) => Ok(()),
                other => bail!("the runner of the tests ended so: {other:?}"),
            };
        }
    }
}
