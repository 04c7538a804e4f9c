//! Removing a container's cgroups with whoever is still in them. Waits on process ends and on
//! the kernel's own notification, never on a clock alone.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::CgroupError;

/// Rounds of kill and remove. One is enough where forks can be forbidden; a member that is just
/// being forked or joining may need another.
const ROUNDS: usize = 4;
/// Killed processes that have not ended by then hang in the kernel.
const PATIENCE: Duration = Duration::from_secs(10);

/// Removes the cgroup `name` below each mount point, killing what is left inside. One that is
/// not there is no error. All are tried; the first failure is told.
pub fn remove_everywhere(mount_points: &[impl AsRef<Path>], name: &str) -> Result<(), CgroupError> {
    let mut left: Vec<PathBuf> = mount_points
        .iter()
        .map(|mount_point| mount_point.as_ref().join(name))
        .collect();
    for round in 0..=ROUNDS {
        let mut failures = Vec::new();
        left.retain(|path| match remove_tree(path) {
            Ok(()) => false,
            Err(error) => {
                failures.push(error);
                true
            }
        });
        let Some(failure) = failures.into_iter().next() else {
            return Ok(());
        };
        if round == ROUNDS {
            return Err(failure);
        }
        if !kill_members(&left) {
            return Err(failure);
        }
    }
    Ok(())
}

/// Removes a cgroup and those below it, deepest first.
fn remove_tree(path: &Path) -> Result<(), CgroupError> {
    match fs::remove_dir(path) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(_) => {}
    }
    for child in children(path) {
        remove_tree(&child)?;
    }
    match fs::remove_dir(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => {
            let members = members(path);
            Err(CgroupError::Remove {
                path: path.to_owned(),
                members,
                source,
            })
        }
    }
}

fn children(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

/// Who is in the cgroup itself, by number in this PID namespace; unreadable ones are left out.
fn members(path: &Path) -> Vec<u32> {
    let text = fs::read_to_string(path.join("cgroup.procs")).unwrap_or_default();
    let numbers = text.lines().filter_map(|line| line.parse().ok());
    numbers.filter(|tgid| *tgid != 0).collect()
}

fn with_descendants(paths: &[PathBuf]) -> Vec<PathBuf> {
    let mut all = paths.to_vec();
    let mut next = 0;
    while let Some(path) = all.get(next) {
        let below = children(path);
        all.extend(below);
        next += 1;
    }
    all
}

/// Kills every member of these cgroups and those below, and waits for their ends; whether they
/// came. Where this process is a member itself, none is killed. Other failures show in the
/// removal that follows.
fn kill_members(paths: &[PathBuf]) -> bool {
    let cgroups = with_descendants(paths);
    let own = std::process::id();
    if cgroups.iter().any(|path| members(path).contains(&own)) {
        return false;
    }
    for path in &cgroups {
        // No member forks any more, so that the list below is the last; the file exists where
        // the pids controller is.
        let _ = fs::write(path.join("pids.max"), "0");
        // cgroup v2 since Linux 5.14: kills all at once, forks in progress included.
        let _ = fs::write(path.join("cgroup.kill"), "1");
    }
    let listed = |cgroups: &[PathBuf]| {
        let mut all: Vec<u32> = cgroups.iter().flat_map(|path| members(path)).collect();
        all.sort_unstable();
        all.dedup();
        all
    };
    let opened: Vec<(u32, OwnedFd)> = listed(&cgroups)
        .into_iter()
        .filter_map(|tgid| Some((tgid, open_process(tgid)?)))
        .collect();
    // A number could have been reused before it was opened; who is still listed afterwards is
    // who was meant.
    let still = listed(&cgroups);
    let killed: Vec<OwnedFd> = opened
        .into_iter()
        .filter(|(tgid, _)| still.contains(tgid))
        .filter(|(_, pidfd)| pidfd_send_signal(pidfd, Signal::KILL).is_ok())
        .map(|(_, pidfd)| pidfd)
        .collect();
    for path in &cgroups {
        // A frozen member of a v1 freezer does not die (Documentation/admin-guide/cgroup-v1/
        // freezer-subsystem.rst). Only now, so that it wakes up to its end.
        let _ = fs::write(path.join("freezer.state"), "THAWED");
    }
    let deadline = Instant::now() + PATIENCE;
    if killed.is_empty() {
        cgroups.iter().all(|path| await_empty(path, deadline))
    } else {
        killed
            .iter()
            .all(|pidfd| await_event(PollFd::new(pidfd, PollFlags::IN), deadline))
    }
}

fn open_process(tgid: u32) -> Option<OwnedFd> {
    let pid = Pid::from_raw(i32::try_from(tgid).ok()?)?;
    pidfd_open(pid, PidfdFlags::empty()).ok()
}

/// A member that has ended may leave its cgroup a moment later; v2 tells when the last has
/// (`populated` in `cgroup.events`).
fn await_empty(path: &Path, deadline: Instant) -> bool {
    let Ok(events) = fs::File::open(path.join("cgroup.events")) else {
        return true;
    };
    let populated = io::read_to_string(&events).is_ok_and(|text| text.contains("populated 1"));
    !populated || await_event(PollFd::new(&events, PollFlags::PRI), deadline)
}

/// Whether the event came in time. A pidfd becomes readable when its process has ended.
fn await_event(event: PollFd<'_>, deadline: Instant) -> bool {
    let mut events = [event];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).ok();
        match poll(&mut events, left.as_ref()) {
            Err(Errno::INTR) => {}
            answer => return answer != Ok(0),
        }
    }
}
