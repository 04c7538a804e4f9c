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

use std::ffi::{CString, NulError};
use std::path::PathBuf;

use thiserror::Error;

pub use self::cgroups::{AttachBy, CgroupPlan, Setting, SettingValue};
pub use super::seccomp::{Filter, Instruction, SeccompError};
pub use self::step::{Absent, Attributes, FsOption, Links, Place, Slot, Step};
use super::spec::{Root, Spec};
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
    #[error("{kind} {id} is not mapped in the container's user namespace: choose one of {mapped} or widen the map")]
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
    #[error("a {limit} limit needs the {controller} controller, which no mounted cgroup hierarchy has: mount one or leave the limit out")]
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
pub fn plan(_spec: &Spec, _host: &HostFacts) -> Result<Plan, PlanError> {
    Err(PlanError::NoProgram)
}
