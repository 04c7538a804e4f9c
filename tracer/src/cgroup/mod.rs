//! Cgroups of the container in every mounted hierarchy, v1, v2 and both at once. Owns every
//! write below a cgroup mount; must not decide what is written.

mod removal;

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use thiserror::Error;

pub use self::removal::remove_everywhere;
use crate::container::plan::{CgroupPlan, Setting, SettingValue};

/// What could not be done with a cgroup.
#[derive(Debug, Error)]
pub enum CgroupError {
    /// The directory could not be made.
    #[error("making the cgroup {path} failed: {source}{}", way_out(.source), path = .path.display())]
    Make {
        /// Its directory.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A controller could not be enabled for the children of the root.
    #[error("enabling the controller {controller} in {path} failed: {source}: enable it yourself or leave its limit out", path = .path.display())]
    Enable {
        /// Which controller.
        controller: String,
        /// The root's `cgroup.subtree_control`.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A limit was refused.
    #[error("the kernel refused '{value}' for {path}: {source}: choose another value", path = .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What was written.
        value: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A file could not be read or opened.
    #[error("reading {path} failed: {source}", path = .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Init could not be put into the cgroup.
    #[error("moving process {tgid} to {path} failed: {source}", path = .path.display())]
    Attach {
        /// Which process.
        tgid: u32,
        /// Its directory.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// It could not be removed.
    #[error("removing the cgroup {path} failed: {source}{}", remaining(.members))]
    Remove {
        /// Its directory.
        path: PathBuf,
        /// Who is still in it.
        members: Vec<u32>,
        /// The kernel's answer.
        source: io::Error,
    },
}

/// What to do when no cgroup can be made.
fn way_out(error: &io::Error) -> &'static str {
    match Errno::from_io_error(error) {
        Some(Errno::ROFS) => ": the hierarchy is mounted read-only; mount it writable",
        Some(Errno::MFILE) => ": raise tracer's limit of open files (ulimit -n)",
        Some(Errno::ACCESS | Errno::PERM) => ": tracer needs CAP_DAC_OVERRIDE in it",
        _ => "",
    }
}

fn remaining(members: &[u32]) -> String {
    if members.is_empty() {
        return String::new();
    }
    format!(": processes {members:?} are still in it and could not be killed")
}

/// A cgroup that was made for a container.
#[derive(Debug)]
pub struct Cgroup {
    /// `hierarchy_id`; 0 is v2.
    pub hierarchy: u32,
    /// What reports call the hierarchy.
    pub label: String,
    /// Its directory.
    pub path: PathBuf,
    /// The kernel's id of it: the inode number of its directory.
    pub id: u64,
    directory: OwnedFd,
}

/// Makes the cgroup and gives it its settings. What was made stays when a setting is refused:
/// removing is the business of the run.
pub fn create(plan: &CgroupPlan) -> Result<Cgroup, CgroupError> {
    enable(plan)?;
    let path = plan.mount_point.join(&plan.name);
    let make = |source: io::Error| CgroupError::Make {
        path: path.clone(),
        source,
    };
    fs::create_dir(&path).map_err(make)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory =
        rustix::fs::openat(CWD, &path, flags, Mode::empty()).map_err(|errno| make(errno.into()))?;
    let id = rustix::fs::fstat(&directory)
        .map_err(|errno| make(errno.into()))?
        .st_ino;
    for setting in &plan.settings {
        apply(plan, &path, setting)?;
    }
    Ok(Cgroup {
        hierarchy: plan.hierarchy,
        label: plan.label.clone(),
        path,
        id,
        directory,
    })
}

/// Lets the children of the root have the controllers that the plan's settings need.
fn enable(plan: &CgroupPlan) -> Result<(), CgroupError> {
    if plan.enable.is_empty() {
        return Ok(());
    }
    let path = plan.mount_point.join("cgroup.subtree_control");
    let enabled = read(&path)?;
    for controller in &plan.enable {
        if enabled.split_whitespace().any(|name| name == controller) {
            continue;
        }
        fs::write(&path, format!("+{controller}")).map_err(|source| CgroupError::Enable {
            controller: controller.clone(),
            path: path.clone(),
            source,
        })?;
    }
    Ok(())
}

fn apply(plan: &CgroupPlan, path: &Path, setting: &Setting) -> Result<(), CgroupError> {
    let value = match &setting.value {
        SettingValue::Text(text) => text.clone(),
        SettingValue::FromParent => read(&plan.mount_point.join(&setting.file))?
            .trim()
            .to_owned(),
    };
    let path = path.join(&setting.file);
    fs::write(&path, &value).map_err(|source| CgroupError::Write {
        path,
        value,
        source,
    })
}

fn read(path: &Path) -> Result<String, CgroupError> {
    fs::read_to_string(path).map_err(|source| CgroupError::Read {
        path: path.to_owned(),
        source,
    })
}

impl Cgroup {
    /// Its directory, for `CLONE_INTO_CGROUP`.
    pub fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// Its `tasks` file, opened while that is allowed: the kernel goes by who opened it.
    pub fn tasks(&self) -> Result<OwnedFd, CgroupError> {
        let flags = OFlags::WRONLY | OFlags::CLOEXEC;
        rustix::fs::openat(&self.directory, c"tasks", flags, Mode::empty()).map_err(|errno| {
            CgroupError::Read {
                path: self.path.join("tasks"),
                source: errno.into(),
            }
        })
    }

    /// Moves a whole process into it.
    pub fn attach(&self, tgid: u32) -> Result<(), CgroupError> {
        fs::write(self.path.join("cgroup.procs"), tgid.to_string()).map_err(|source| {
            CgroupError::Attach {
                tgid,
                path: self.path.clone(),
                source,
            }
        })
    }
}
