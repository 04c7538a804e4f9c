//! The Spec: what was asked for, with every default spelled out. The hinge of the whole: the
//! plan (what the runtime will do) and the expectations (what the kernel must show) both come
//! from it and never from each other. Pure data; must not read the machine.

use serde::{Deserialize, Serialize};

use std::path::PathBuf;

use crate::event::NamespaceKind;

/// Everything asked of one container. Built by the command line or a bundle reader, which
/// have already resolved names (users, profiles) and checked that words parse.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// Unique name of this run: `tracer-` and 12 hex digits; also the cgroup's name.
    pub id: String,
    /// Program and its arguments; the program is looked up in the container's `PATH`.
    pub args: Vec<String>,
    /// `NAME=value`, exactly what the payload gets.
    pub env: Vec<String>,
    /// Working directory inside.
    pub workdir: String,
    /// UTS node name; only with a new UTS namespace.
    pub hostname: Option<String>,
    /// Kinds that are new; the others are shared with the host.
    pub new_namespaces: Vec<NamespaceKind>,
    /// Where the root file system comes from.
    pub root: Root,
    /// The container's root mount is read-only.
    pub read_only: bool,
    /// Further mounts, in order.
    pub mounts: Vec<Mount>,
    /// Who the payload runs as, by the numbers of the container's user namespace.
    pub user: User,
    /// Lines of the user map; empty without a new user namespace.
    pub uid_map: Vec<IdMapping>,
    /// Lines of the group map.
    pub gid_map: Vec<IdMapping>,
    /// Limits of the container's cgroup.
    pub resources: Resources,
    /// Bounding set, bit n = capability n; for uid 0 also permitted and effective.
    pub capabilities: u64,
    /// Set `no_new_privs`.
    pub no_new_privileges: bool,
    /// Seccomp filter.
    pub seccomp: Seccomp,
    /// Resource limits that are set; the others are inherited.
    pub rlimits: Vec<RlimitRequest>,
}

/// Source of the root file system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Root {
    /// No new mount namespace: the host's own root.
    Shared,
    /// An empty tmpfs holding the host's top-level directories as read-only binds, with
    /// private /proc, /dev, /tmp, /run, /root and /home.
    HostView,
    /// A directory of the host.
    Directory(PathBuf),
}

/// One mount asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// What.
    pub kind: MountKind,
    /// Absolute path inside.
    pub target: String,
    /// Read-only.
    pub read_only: bool,
}

/// What is mounted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MountKind {
    /// A path of the host.
    Bind {
        /// Absolute path on the host.
        source: PathBuf,
        /// With the mounts below it.
        recursive: bool,
    },
    /// A tmpfs.
    Tmpfs {
        /// Bytes; `None` = the kernel's default.
        size: Option<u64>,
        /// Permission bits; `None` = 1777.
        mode: Option<u32>,
    },
}

/// A user inside the container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
}

/// One line of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdMapping {
    /// First id inside.
    pub inside: u32,
    /// First id outside.
    pub outside: u32,
    /// How many.
    pub count: u32,
}

/// Limits; `None` = none of our own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Resources {
    /// Processors, ascending.
    pub cpuset_cpus: Option<Vec<u32>>,
    /// CPU time in microseconds per period in microseconds.
    pub cpu: Option<CpuQuota>,
    /// Bytes.
    pub memory: Option<u64>,
    /// Tasks.
    pub pids: Option<u64>,
}

/// CPU time per period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpuQuota {
    /// Microseconds.
    pub quota_us: u64,
    /// Microseconds; 100,000 unless asked otherwise.
    pub period_us: u64,
}

/// Seccomp filter asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Seccomp {
    /// None.
    Unconfined,
    /// A filter; `origin` says which (`default` or the profile's path).
    Filter {
        /// For people.
        origin: String,
        /// Parsed profile.
        profile: Box<oci_spec::runtime::LinuxSeccomp>,
    },
}

/// A resource limit to set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RlimitRequest {
    /// Number of `RLIMIT_*`.
    pub resource: u32,
    /// Soft; `u64::MAX` = unlimited.
    pub soft: u64,
    /// Hard.
    pub hard: u64,
}

/// How to treat a container whose facts at the gate do not satisfy the expectations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum GateMode {
    /// The payload never runs unless every expectation passes.
    #[default]
    Enforce,
    /// It runs; the report says so.
    Warn,
    /// Facts are not read at the gate.
    Off,
}

impl Spec {
    /// Whether `kind` is asked to be new.
    #[must_use]
    pub fn is_new(&self, kind: NamespaceKind) -> bool {
        self.new_namespaces.contains(&kind)
    }
}
