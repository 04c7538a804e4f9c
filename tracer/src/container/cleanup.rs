//! Leaving nothing: the state file that outlives tracer, the removal of a run's cgroups, and the
//! sweep that removes what a killed tracer left. Must not touch runs whose tracer lives.
//!
//! The state file is made without a name, locked, and only then given its name, so that it is
//! never seen unlocked while its tracer lives. The lock goes with tracer's life, however it ends:
//! it is a record lock, which belongs to the process alone, where one of flock(2) would live on
//! in an init that was just cloned. The price: a process drops its record lock on a file when it
//! closes any descriptor of it, so a sweep must not even open the files of its own runs.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, OFlags, fcntl_lock, linkat, openat};
use thiserror::Error;

use crate::cgroup::{self, CgroupError};
use crate::host::Hierarchy;

/// What every run's name begins with; 12 hex digits follow.
const PREFIX: &str = "tracer-";
const DIGITS: usize = 12;

/// A run from before its first effect until nothing of it is left. Dropping it removes what it
/// can, silently; [`Run::finish`] says what could not be removed.
#[derive(Debug)]
pub struct Run {
    id: String,
    state: PathBuf,
    /// Held, never read: see the top of this file.
    _lock: OwnedFd,
    mount_points: Vec<PathBuf>,
    finished: bool,
}

/// State files of this process' own runs.
static OWN: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn own() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    // A set of paths is whole after any panic.
    OWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why something of a run could not be removed, or its state not be kept.
#[derive(Debug, Error)]
pub enum CleanupError {
    /// The state directory or file.
    #[error("{operation} {path} failed: {source}", path = .path.display())]
    State {
        /// What was done.
        operation: &'static str,
        /// To what.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A name that is no run's.
    #[error("'{id}' can't name a run: it takes '{PREFIX}' and {DIGITS} hex digits")]
    Name {
        /// The name.
        id: String,
    },
    /// A cgroup.
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
}

fn is_run(name: &str) -> bool {
    name.strip_prefix(PREFIX).is_some_and(|digits| {
        digits.len() == DIGITS && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
    })
}

impl Run {
    /// Takes the run's name: a locked state file below `directory`, before the first effect.
    pub fn begin(
        directory: &Path,
        id: &str,
        hierarchies: &[Hierarchy],
    ) -> Result<Self, CleanupError> {
        if !is_run(id) {
            return Err(CleanupError::Name { id: id.to_owned() });
        }
        let state = directory.join(id);
        if !own().insert(state.clone()) {
            return Err(CleanupError::State {
                operation: "naming the state file",
                path: state,
                source: io::ErrorKind::AlreadyExists.into(),
            });
        }
        let lock = make_state(directory, &state).inspect_err(|_| {
            own().remove(&state);
        })?;
        let mount_points = hierarchies
            .iter()
            .map(|hierarchy| hierarchy.mount_point.clone());
        let mount_points = mount_points.collect();
        Ok(Self {
            id: id.to_owned(),
            state,
            _lock: lock,
            mount_points,
            finished: false,
        })
    }

    /// Name of the run.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Kills what is left in the run's cgroups, removes them in every hierarchy, and then the
    /// state file; when something can't be removed the file stays, for a later sweep.
    pub fn finish(mut self) -> Result<(), CleanupError> {
        self.finished = true;
        remove(&self.state, &self.id, &self.mount_points)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if !self.finished {
            // Nobody is left to tell: the next sweep tries again.
            let _ = remove(&self.state, &self.id, &self.mount_points);
        }
        own().remove(&self.state);
    }
}

fn make_state(directory: &Path, state: &Path) -> Result<OwnedFd, CleanupError> {
    let failed = |operation, path: &Path| {
        let path = path.to_owned();
        move |source: io::Error| CleanupError::State {
            operation,
            path,
            source,
        }
    };
    // Searchable by all: inside the container's mount namespace it is where the new root is
    // mounted, by an init that may be root nowhere else.
    match fs::create_dir(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(failed("making the directory", directory)(error));
        }
        _ => {}
    }
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    let lock = openat(CWD, directory, flags, Mode::RUSR | Mode::WUSR)
        .map_err(|errno| failed("making a state file in", directory)(errno.into()))?;
    fcntl_lock(&lock, FlockOperation::NonBlockingLockExclusive)
        .map_err(|errno| failed("locking the state file", state)(errno.into()))?;
    let mut file = fs::File::from(lock);
    writeln!(file, "tracer {}", std::process::id()).map_err(failed("writing", state))?;
    let lock = OwnedFd::from(file);
    linkat(&lock, c"", CWD, state, AtFlags::EMPTY_PATH)
        .map_err(|errno| failed("naming the state file", state)(errno.into()))?;
    Ok(lock)
}

fn remove(state: &Path, id: &str, mount_points: &[PathBuf]) -> Result<(), CleanupError> {
    cgroup::remove_everywhere(mount_points, id)?;
    match fs::remove_file(state) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            let (operation, path) = ("removing the state file", state.to_owned());
            Err(CleanupError::State {
                operation,
                path,
                source,
            })
        }
        _ => Ok(()),
    }
}

/// Removes what runs of killed tracers left below `directory` and in `hierarchies`; gives their
/// names. Runs whose lock is held are left alone. All are tried; the first failure is told.
pub fn sweep(directory: &Path, hierarchies: &[Hierarchy]) -> Result<Vec<String>, CleanupError> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => {
            let (operation, path) = ("listing", directory.to_owned());
            return Err(CleanupError::State {
                operation,
                path,
                source,
            });
        }
    };
    let mount_points: Vec<PathBuf> = hierarchies
        .iter()
        .map(|hierarchy| hierarchy.mount_point.clone())
        .collect();
    let mut removed = Vec::new();
    let mut failure = None;
    for entry in entries.flatten() {
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let path = entry.path();
        if !is_run(&name) {
            continue;
        }
        let Some(_lock) = lock_leftover(&path) else {
            continue;
        };
        match remove(&path, &name, &mount_points) {
            Ok(()) => removed.push(name),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    failure.map_or(Ok(removed), Err)
}

/// The lock of a state file whose tracer is dead; `None` when it lives, when another sweep has
/// it, or when it is gone by now.
fn lock_leftover(path: &Path) -> Option<OwnedFd> {
    if own().contains(path) {
        return None;
    }
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(CWD, path, flags, Mode::empty()).ok()?;
    match fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Some(file),
        Err(_) => None,
    }
}

#[cfg(test)]
#[path = "cleanup_tests.rs"]
mod tests;
