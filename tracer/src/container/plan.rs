//! The plan: every single effect that the runtime will have, in order, computed from the Spec
//! and the facts of the host. Pure: must not touch the machine; carrying it out is the
//! business of `launch` and `child`.

mod cgroups;
mod identity;
mod mounts;
mod place;
mod step;
#[cfg(test)]
mod tests;

use std::ffi::CString;
use std::path::PathBuf;

use thiserror::Error;

pub use self::cgroups::{AttachBy, CgroupPlan, Setting, SettingValue};
use self::mounts::Mounts;
pub use self::step::{Absent, Attributes, FsOption, Links, Place, Slot, Step, rlimit_name};
use super::seccomp::{self, Filter, SeccompError};
use super::spec::{Seccomp, Spec};
use crate::event::NamespaceKind;
use crate::host::HostFacts;

/// Where tracer keeps what must outlive it: state files, and the directory that the new root is
/// mounted on inside the container's own mount namespace.
pub const RUN_DIRECTORY: &str = "/run/tracer";

/// Everything that the runtime will do for one container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The run's name; also that of its cgroups.
    pub id: String,
    /// `CLONE_NEW*` of the clone. The cgroup namespace is not among them: see
    /// [`Step::UnshareCgroup`].
    pub clone_flags: u64,
    /// One cgroup for each mounted hierarchy.
    pub cgroups: Vec<CgroupPlan>,
    /// Text for `/proc/PID/uid_map`; empty = not written.
    pub uid_map: String,
    /// Text for `/proc/PID/gid_map`; empty = not written.
    pub gid_map: String,
    /// Mounts of the host that are cloned before init is, while paths can still be walked with
    /// every privilege.
    pub sources: Vec<Source>,
    /// What init does between `go` and the gate.
    pub steps: Vec<Step>,
    /// What runs behind the gate.
    pub exec: Exec,
}

/// A mount of the host, cloned as a detached tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Slot that it fills.
    pub slot: Slot,
    /// Path on the host.
    pub path: PathBuf,
    /// With the mounts below.
    pub recursive: bool,
    /// What it is for, for people and for checks.
    pub purpose: Purpose,
}

/// What a source is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Root file system: must be a directory.
    Rootfs,
    /// A bind mount that was asked for.
    Bind,
    /// Part of the host that every container gets: a device, `/proc`, `/sys`, a top directory.
    Host,
}

/// The program behind the gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exec {
    /// Paths to try in turn, as `execvp` does.
    pub candidates: Vec<CString>,
    /// Arguments.
    pub argv: Vec<CString>,
    /// Environment.
    pub envp: Vec<CString>,
}

/// Why no plan can be made of a Spec on this host.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PlanError {
    /// tracer has not the privileges.
    #[error("making a container needs root in the initial user namespace: run tracer as root")]
    NeedsRoot,
    /// A text holds a NUL byte.
    #[error("{what} {text:?} holds a NUL byte, which the kernel can't take: leave it out")]
    Nul {
        /// Which text.
        what: &'static str,
        /// The text.
        text: String,
    },
    /// An id of the container that its map does not have.
    #[error(
        "{kind} {id} is not mapped in the container's user namespace: choose one of {mapped} or widen the map"
    )]
    NotMapped {
        /// `user` or `group`.
        kind: &'static str,
        /// The id.
        id: u32,
        /// What is mapped.
        mapped: String,
    },
    /// Something was asked for that needs a new namespace.
    #[error("{what} needs a new {} namespace, which was not asked for: add it or leave this out", .kind.name())]
    NeedsNamespace {
        /// What was asked for.
        what: &'static str,
        /// Which namespace.
        kind: NamespaceKind,
    },
    /// A processor that the machine does not have.
    #[error("processor {cpu} is not on this machine, which has {online}: choose among them")]
    CpusetOutside {
        /// The processor.
        cpu: u32,
        /// The machine's.
        online: String,
    },
    /// A limit that no mounted hierarchy can hold.
    #[error(
        "a {limit} limit needs the {controller} controller, which no mounted cgroup hierarchy has: mount one or leave the limit out"
    )]
    NoController {
        /// Which limit.
        limit: &'static str,
        /// Which controller.
        controller: &'static str,
    },
    /// Nothing to run.
    #[error("no program was given: name one after the flags")]
    NoProgram,
    /// A path that must be absolute.
    #[error("{what} '{path}' is not an absolute path: start it with /")]
    NotAbsolute {
        /// Which path.
        what: &'static str,
        /// The path.
        path: String,
    },
    /// The seccomp profile cannot be used.
    #[error(transparent)]
    Seccomp(#[from] SeccompError),
}

/// What the runtime will do for `spec` on `host`.
pub fn plan(spec: &Spec, host: &HostFacts) -> Result<Plan, PlanError> {
    if !host.is_root {
        return Err(PlanError::NeedsRoot);
    }
    let exec = identity::exec(spec)?;
    let cgroups = cgroups::cgroups(spec, host)?;
    let set_up_ids = identity::set_up_ids(spec)?;
    let Mounts {
        sources,
        steps: mount_steps,
    } = mounts::mounts(spec, host)?;
    let seccomp = filter(spec)?.map(Step::Seccomp);

    let mut steps = vec![
        Step::ParentDeathSignal,
        Step::ResetSignals,
        Step::Streams,
        Step::Umask(0),
    ];
    let joined = cgroups
        .iter()
        .filter(|cgroup| cgroup.attach == AttachBy::Init);
    steps.extend(joined.map(|cgroup| Step::JoinCgroup {
        hierarchy: cgroup.hierarchy,
    }));
    if spec.is_new(NamespaceKind::Cgroup) {
        steps.push(Step::UnshareCgroup);
    }
    steps.extend(set_up_ids);
    steps.extend(mount_steps);
    steps.extend(hostname(spec)?);
    if spec.is_new(NamespaceKind::Net) {
        steps.push(Step::LoopbackUp);
    }
    if !spec.workdir.starts_with('/') {
        let path = spec.workdir.clone();
        return Err(PlanError::NotAbsolute {
            what: "working directory",
            path,
        });
    }
    steps.push(Step::Chdir(place::text(
        "working directory",
        &spec.workdir,
    )?));
    steps.extend(spec.rlimits.iter().map(|limit| Step::Rlimit {
        resource: limit.resource,
        soft: limit.soft,
        hard: limit.hard,
    }));
    steps.extend(identity::bounding(spec, host));
    // Without no_new_privs a filter takes CAP_SYS_ADMIN, which init is about to lose.
    let (early, late) = if spec.no_new_privileges {
        (None, seccomp)
    } else {
        (seccomp, None)
    };
    steps.extend(early);
    steps.extend(identity::become_user(spec, host));
    steps.push(Step::Umask(0o022));
    if spec.no_new_privileges {
        steps.push(Step::NoNewPrivileges);
    }
    // Again, because the changes of credentials cleared it.
    steps.push(Step::ParentDeathSignal);
    steps.push(Step::CloseFrom(3));
    steps.extend(late);

    let clone_flags = spec
        .new_namespaces
        .iter()
        .filter(|kind| **kind != NamespaceKind::Cgroup)
        .fold(0, |flags, kind| flags | kind.clone_flag());
    Ok(Plan {
        id: spec.id.clone(),
        clone_flags,
        cgroups,
        uid_map: identity::map_text(&spec.uid_map),
        gid_map: identity::map_text(&spec.gid_map),
        sources,
        steps,
        exec,
    })
}

fn hostname(spec: &Spec) -> Result<Option<Step>, PlanError> {
    let Some(name) = &spec.hostname else {
        return Ok(None);
    };
    if !spec.is_new(NamespaceKind::Uts) {
        return Err(PlanError::NeedsNamespace {
            what: "a host name",
            kind: NamespaceKind::Uts,
        });
    }
    Ok(Some(Step::Hostname(place::text("host name", name)?)))
}

fn filter(spec: &Spec) -> Result<Option<Filter>, PlanError> {
    let Seccomp::Filter { origin, profile } = &spec.seccomp else {
        return Ok(None);
    };
    let filter = seccomp::compile(origin, profile)?;
    let behind_identity = !spec.no_new_privileges;
    seccomp::check_gate(origin, &filter, behind_identity)?;
    Ok(Some(filter))
}

impl Plan {
    /// How many slots the plan's sources and steps use.
    #[must_use]
    pub fn slots(&self) -> usize {
        let sources = self.sources.iter().map(|source| source.slot.0 + 1);
        let steps = self.steps.iter().map(|step| match step {
            Step::NewFileSystem { slot, .. }
            | Step::AttachRoot { slot, .. }
            | Step::MakeMountPoint { slot, .. }
            | Step::Attach { slot, .. } => slot.0 + 1,
            _ => 0,
        });
        sources.chain(steps).max().unwrap_or(0)
    }
}
