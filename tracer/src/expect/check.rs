//! How an expectation is checked, as data: `verdict` holds the code for each. Owns the numbers
//! asked for, already in the kernel's terms (initial-namespace ids, whole pages).

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::container::spec::IdMapping;
use crate::event::certificate::ClockOffset;
use crate::event::{NamespaceKind, NsId};

use super::attribute::{IoPriorityAsked, MemoryPolicyAsked, SchedulerAsked, TerminalAsked};
use super::catalog::{self, Family, attribute, condition, device, files, reading};
use super::condition::{Bound, IdRule, PathPattern, Processors};
use super::device::DevicesAsked;
use super::mount::{MountRule, Propagation};
use super::reading::{FileAsked, NodeAsked, SecurityModule};

/// What must hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Check {
    /// A namespace made in this run by our own lineage, and not the host's.
    NamespaceNew(NamespaceKind),
    /// The host's namespace.
    NamespaceShared(NamespaceKind),
    /// Not the host's namespace, whoever made it.
    NamespacePrivate(NamespaceKind),
    /// A namespace that was there before, which it was to join.
    NamespaceIs {
        /// Of which kind.
        kind: NamespaceKind,
        /// Its inode number.
        id: NsId,
    },
    /// Lines of the user namespace's map, in any order.
    IdMap {
        /// Which map.
        map: MapKind,
        /// Its lines; `outside` in the initial user namespace.
        lines: Vec<IdMapping>,
    },
    /// Member of the run's own cgroup.
    Cgroup {
        /// The kernel's number of the hierarchy.
        hierarchy: u32,
        /// Last component of the cgroup's path.
        name: String,
        /// How it must have got there.
        way: WayAsked,
    },
    /// In each hierarchy with a controller of memory, tasks or CPU, a cgroup that is neither the
    /// root nor tracer's own.
    CgroupPrivate,
    /// In each such hierarchy, a cgroup whose path looks like this.
    CgroupPath(PathPattern),
    /// Bytes, a multiple of the page size.
    MemoryMax(u64),
    /// Tasks.
    PidsMax(u64),
    /// CPU time in nanoseconds.
    CpuMax {
        /// Time.
        quota_ns: u64,
        /// In each.
        period_ns: u64,
    },
    /// Bytes in force, the own cgroup's and its ancestors' taken together.
    MemoryBound(Bound<u64>),
    /// Tasks in force.
    PidsBound(Bound<u64>),
    /// CPU time in force.
    CpuBound(Bound<Processors>),
    /// Processors of which the cpuset may have any, ascending.
    CpusetWithin(Vec<u32>),
    /// Processors of which the scheduler may run it on any, ascending.
    CpusAllowedWithin(Vec<u32>),
    /// Processors of the cpuset, ascending.
    CpusetCpus(Vec<u32>),
    /// Processors that the scheduler may run it on, ascending.
    CpusAllowed(Vec<u32>),
    /// One of the five capability sets.
    Capabilities {
        /// Which.
        set: SetName,
        /// Its members, bit n = capability n.
        asked: u64,
        /// Bits that stand for a capability of this kernel.
        mask: u64,
    },
    /// No capability in one of the sets but these.
    CapabilitiesWithin {
        /// Which.
        set: SetName,
        /// Bit n = capability n.
        allowed: u64,
    },
    /// None of these capabilities in one of the sets.
    CapabilitiesWithout {
        /// Which.
        set: SetName,
        /// Bit n = capability n.
        denied: u64,
    },
    /// All four user ids, or all four group ids, as the task's own user namespace numbers them.
    IdInside {
        /// Users or groups.
        map: MapKind,
        /// Which they may be.
        rule: IdRule,
    },
    /// 0 inside the task's user namespace is not 0 of the initial one.
    RootIsNotHostRoot(MapKind),
    /// No supplementary groups but these, as its own user namespace numbers them; ascending.
    GroupsWithin(Vec<u32>),
    /// All four user ids and all four group ids; `None` = outside the map that was asked for.
    Ids {
        /// In the initial user namespace.
        uid: Option<u32>,
        /// In the initial user namespace.
        gid: Option<u32>,
    },
    /// Supplementary groups in the initial user namespace, ascending; `None` = one of them is
    /// outside the map that was asked for.
    Groups(Option<Vec<u32>>),
    /// `SECBIT_*`.
    Securebits(u32),
    /// The flag is set.
    NoNewPrivs,
    /// The flag is not set.
    NoNewPrivsUnset,
    /// Filter mode, with at least one filter that tracer itself does not have.
    SeccompFiltered,
    /// One more filter than tracer itself has, and filter mode.
    SeccompFilter,
    /// As tracer itself.
    SeccompUnconfined,
    /// The root is where pivot_root puts it.
    RootPivoted,
    /// The root is not the host's.
    RootNotHost,
    /// The root cannot be written to.
    RootReadOnly,
    /// The working directory is the container's own.
    Cwd,
    /// The program is the container's own.
    Exe,
    /// Nothing is inherited but 0, 1 and 2.
    Descriptors,
    /// Nothing is inherited but 0, 1, 2 and these; ascending.
    DescriptorsWithin(Vec<u32>),
    /// Soft and hard value of a resource, compared.
    RlimitBound {
        /// Number of `RLIMIT_*`.
        resource: u32,
        /// Soft; `None` = whatever it is.
        soft: Option<Bound<u64>>,
        /// Hard; `None` = whatever it is.
        hard: Option<Bound<u64>>,
    },
    /// Soft and hard value of a resource.
    Rlimit {
        /// Number of `RLIMIT_*`.
        resource: u32,
        /// Soft; `u64::MAX` = unlimited.
        soft: u64,
        /// Hard.
        hard: u64,
    },
    /// How soon the kernel kills it when memory is short.
    OomScoreAdj(Bound<i32>),
    /// Permission bits that are left out of what it makes.
    Umask(u32),
    /// A session keyring, and not tracer's.
    SessionKeyringPrivate,
    /// What a clock of its time namespace is ahead of the initial one's.
    TimeOffset {
        /// Which.
        clock: Clock,
        /// By how much.
        #[serde(with = "clock_offset")]
        offset: ClockOffset,
    },
    /// Its session's controlling terminal.
    Terminal(TerminalAsked),
    /// How the processor serves it.
    Scheduler(SchedulerAsked),
    /// How disks serve it.
    IoPriority(IoPriorityAsked),
    /// Execution domain and flags of personality(2).
    Personality(u32),
    /// Where its memory is taken from.
    MemoryPolicy(MemoryPolicyAsked),
    /// Memory nodes of the cpuset, ascending.
    CpusetMems(Vec<u32>),
    /// Memory nodes of which the cpuset may have any, ascending.
    CpusetMemsWithin(Vec<u32>),
    /// What its cgroups let it do with devices.
    Devices(DevicesAsked),
    /// One of these files of its cgroup is there and holds what is asked: the names of v1 and v2.
    CgroupFile(Vec<FileAsked>),
    /// A value below /proc/sys, words with one space between.
    Sysctl {
        /// Its parts with dots between.
        key: String,
        /// What must stand there.
        value: String,
    },
    /// A device file.
    DeviceNode(NodeAsked),
    /// An interface of its network namespace, by name.
    NetDevice(String),
    /// What a security module labels it with.
    Label {
        /// Which module.
        module: SecurityModule,
        /// The profile's name or the context.
        label: String,
    },
    /// UTS node name.
    Hostname(String),
    /// UTS domain name.
    Domainname(String),
    /// A mount that was asked for.
    Mount(MountCheck),
    /// A mount that a bundle asks for.
    MountRule(MountRule),
    /// A path that shows nothing of what lies there.
    PathMasked {
        /// Absolute, inside.
        path: String,
        /// It is not there: nothing need be done about it.
        absent: bool,
    },
    /// A path that cannot be written to.
    PathReadOnly {
        /// Absolute, inside.
        path: String,
        /// It is not there: nothing need be done about it.
        absent: bool,
    },
    /// How the root mount propagates.
    RootPropagation(Propagation),
    /// Of the host's files nothing can be written to.
    HostMountsReadOnly {
        /// Places where they may be, because that was asked for, and what is below those.
        except: Vec<String>,
    },
    /// The payload's exec, and none before it.
    PayloadExec {
        /// The program as asked for.
        program: String,
    },
    /// The program of the payload's exec, whatever came before it: a path, or a name, which is
    /// a path's last component.
    Program(String),
    /// Nothing about it changed after the payload's exec.
    Drift,
    /// Every record that was made has been read.
    Complete,
}

/// Which map of a user namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MapKind {
    /// Users.
    Users,
    /// Groups.
    Groups,
}

/// A clock that a time namespace sets apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Clock {
    /// `CLOCK_MONOTONIC`.
    Monotonic,
    /// `CLOCK_BOOTTIME`.
    Boottime,
}

/// How a task was to get into its cgroup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WayAsked {
    /// Created there.
    CloneIntoCgroup,
    /// Moved there while it was set up: by tracer, or by init itself before its exec.
    MovedAtSetUp,
}

/// One of the five capability sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SetName {
    /// What can be gained at all.
    Bounding,
    /// What can be made effective.
    Permitted,
    /// What counts.
    Effective,
    /// What exec can carry over.
    Inheritable,
    /// What exec does carry over.
    Ambient,
}

/// A mount that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountCheck {
    /// Absolute path inside.
    pub target: String,
    /// `Some` for one of its own, `None` for a bind of whatever is there.
    pub fs_type: Option<Cow<'static, str>>,
    /// Read-only.
    pub read_only: bool,
    /// Size in KiB, whole pages; only a tmpfs has it.
    pub size_kib: Option<u64>,
    /// Permission bits; only a tmpfs has them.
    pub mode: Option<u32>,
}

/// The wire's own, which knows no serde.
mod clock_offset {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::ClockOffset;

    pub(super) fn serialize<S: Serializer>(
        offset: &ClockOffset,
        out: S,
    ) -> Result<S::Ok, S::Error> {
        (offset.seconds, offset.nanoseconds).serialize(out)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<ClockOffset, D::Error> {
        let (seconds, nanoseconds) = <(i64, i64)>::deserialize(from)?;
        Ok(ClockOffset {
            seconds,
            nanoseconds,
        })
    }
}

impl Clock {
    /// As the kernel's file has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Monotonic => "monotonic",
            Self::Boottime => "boottime",
        }
    }
}

impl SetName {
    /// All five, in the order of reports.
    pub const ALL: [Self; 5] = [
        Self::Bounding,
        Self::Permitted,
        Self::Effective,
        Self::Inheritable,
        Self::Ambient,
    ];

    /// Lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bounding => "bounding",
            Self::Permitted => "permitted",
            Self::Effective => "effective",
            Self::Inheritable => "inheritable",
            Self::Ambient => "ambient",
        }
    }
}

impl Check {
    /// What the documentation says of it, and which records it rests on.
    pub fn family(&self) -> &'static Family {
        match self {
            Self::NamespaceNew(_) => &catalog::NAMESPACE_NEW,
            Self::NamespaceShared(_) => &catalog::NAMESPACE_SHARED,
            Self::NamespacePrivate(_) => &condition::NAMESPACE_PRIVATE,
            Self::NamespaceIs { .. } => &condition::NAMESPACE_IS,
            Self::IdMap { .. } => &catalog::ID_MAP,
            Self::RootIsNotHostRoot(_) => &condition::ROOT_ID,
            Self::CgroupPrivate => &condition::CGROUP_PRIVATE,
            Self::CgroupPath(_) => &condition::CGROUP_PATH,
            Self::MemoryBound(_) => &condition::MEMORY_BOUND,
            Self::PidsBound(_) => &condition::PIDS_BOUND,
            Self::CpuBound(_) => &condition::CPU_BOUND,
            Self::CpusetWithin(_) => &condition::CPUSET_WITHIN,
            Self::CpusAllowedWithin(_) => &condition::CPUS_ALLOWED_WITHIN,
            Self::CapabilitiesWithin { .. } => &condition::CAPABILITIES_WITHIN,
            Self::CapabilitiesWithout { .. } => &condition::CAPABILITIES_WITHOUT,
            Self::IdInside { .. } => &condition::ID_INSIDE,
            Self::GroupsWithin(_) => &condition::GROUPS_WITHIN,
            Self::NoNewPrivsUnset => &condition::NO_NEW_PRIVS_UNSET,
            Self::SeccompFiltered => &condition::SECCOMP_FILTERED,
            Self::DescriptorsWithin(_) => &condition::DESCRIPTORS_WITHIN,
            Self::RlimitBound { .. } => &condition::RLIMIT_BOUND,
            Self::Program(_) => &condition::PROGRAM,
            Self::Drift => &condition::DRIFT,
            Self::Cgroup { .. } => &catalog::CGROUP,
            Self::MemoryMax(_) => &catalog::MEMORY_MAX,
            Self::PidsMax(_) => &catalog::PIDS_MAX,
            Self::CpuMax { .. } => &catalog::CPU_MAX,
            Self::CpusetCpus(_) => &catalog::CPUSET_CPUS,
            Self::CpusAllowed(_) => &catalog::CPUS_ALLOWED,
            Self::Capabilities { .. } => &catalog::CAPABILITIES,
            Self::Ids { .. } => &catalog::IDS,
            Self::Groups(_) => &catalog::GROUPS,
            Self::Securebits(_) => &catalog::SECUREBITS,
            Self::NoNewPrivs => &catalog::NO_NEW_PRIVS,
            Self::SeccompFilter | Self::SeccompUnconfined => &catalog::SECCOMP,
            Self::RootPivoted => &files::ROOT_PIVOTED,
            Self::RootNotHost => &files::ROOT_NOT_HOST,
            Self::RootReadOnly => &files::ROOT_READ_ONLY,
            Self::Cwd => &files::CWD,
            Self::Exe => &files::EXE,
            Self::Descriptors => &files::DESCRIPTORS,
            Self::Rlimit { .. } => &catalog::RLIMIT,
            Self::OomScoreAdj(_) => &attribute::OOM_SCORE_ADJ,
            Self::Umask(_) => &attribute::UMASK,
            Self::SessionKeyringPrivate => &attribute::SESSION_KEYRING,
            Self::TimeOffset { .. } => &attribute::TIME_OFFSET,
            Self::Terminal(_) => &attribute::TERMINAL,
            Self::Scheduler(_) => &attribute::SCHEDULER,
            Self::IoPriority(_) => &attribute::IO_PRIORITY,
            Self::Personality(_) => &attribute::PERSONALITY,
            Self::MemoryPolicy(_) => &attribute::MEMORY_POLICY,
            Self::CpusetMems(_) => &attribute::CPUSET_MEMS,
            Self::CpusetMemsWithin(_) => &attribute::CPUSET_MEMS_WITHIN,
            Self::Devices(DevicesAsked::Within(_)) => &device::DEVICES_WITHIN,
            Self::Devices(DevicesAsked::Without(_)) => &device::DEVICES_WITHOUT,
            Self::Devices(DevicesAsked::With(_)) => &device::DEVICES_WITH,
            Self::Devices(DevicesAsked::Rules(_)) => &device::DEVICE_RULES,
            Self::CgroupFile(_) => &reading::CGROUP_FILE,
            Self::Sysctl { .. } => &reading::SYSCTL,
            Self::DeviceNode(_) => &reading::DEVICE_NODE,
            Self::NetDevice(_) => &reading::NET_DEVICE,
            Self::Label { .. } => &reading::LABEL,
            Self::Hostname(_) => &catalog::HOSTNAME,
            Self::Domainname(_) => &attribute::DOMAINNAME,
            Self::Mount(_) => &catalog::MOUNT,
            Self::MountRule(_) => &catalog::mount::MOUNT_RULE,
            Self::PathMasked { .. } => &catalog::mount::PATH_MASKED,
            Self::PathReadOnly { .. } => &catalog::mount::PATH_READ_ONLY,
            Self::RootPropagation(_) => &catalog::mount::ROOT_PROPAGATION,
            Self::HostMountsReadOnly { .. } => &catalog::HOST_MOUNTS_READ_ONLY,
            Self::PayloadExec { .. } => &catalog::PAYLOAD_EXEC,
            Self::Complete => &catalog::COMPLETE,
        }
    }
}
