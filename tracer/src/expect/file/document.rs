//! The keys of an expectation file and what each may hold; the JSON Schema is made of it. Owns
//! the file's shape and the words that explain it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{self, Deserializer};

use crate::event::NamespaceKind;

use super::form::{Asked, At, Form, Never, Shape, Text, Word as _};
use super::word::{
    AllOrNone, Capability, CgroupFileName, Contents, Count, CpuList, Deny, DeviceGroup, DeviceWord,
    Id, Inside, IoPriority, Memory, MemoryFlag, MemoryMode, MountOption, Mounted, Name, Nice,
    NoCapabilities, NoNumbers, Node, NodeList, NotHosts, Nothing, OomScore, Personality, Place,
    Policy, Private, RealTime, Resource, RootMapping, Seconds, Share, Sysctl, Terminal, Umask,
};

/// What the kernel must show of a container. Every key may be left out: what is not asked is
/// not judged.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(title = "tracer expectations", rename = "Expectations")]
#[serde(default, deny_unknown_fields)]
pub(super) struct Document {
    /// Whose namespaces the container has.
    pub namespaces: Asked<Namespaces>,
    /// Memory in force, the cgroup's ancestors included.
    #[serde(rename = "memory.max")]
    pub memory_max: Asked<Text<Memory>>,
    /// Tasks in force, the cgroup's ancestors included.
    #[serde(rename = "pids.max")]
    pub pids_max: Asked<Text<Count>>,
    /// Processors' worth of time in force, the cgroup's ancestors included.
    #[serde(rename = "cpu.max")]
    pub cpu_max: Asked<Text<Share>>,
    /// Processors of the cpuset.
    #[serde(rename = "cpuset.cpus")]
    pub cpuset_cpus: Asked<Form<CpuList, Never, Cpus>>,
    /// Processors that the scheduler may use for it.
    pub cpus_allowed: Asked<Form<CpuList, Never, Cpus>>,
    /// Memory nodes of the cpuset.
    #[serde(rename = "cpuset.mems")]
    pub cpuset_mems: Asked<Form<NodeList, Never, Mems>>,
    /// Of each capability set, or of all five.
    pub capabilities: Asked<Form<NoCapabilities, Never, Capabilities>>,
    /// Who it is, as its own user namespace numbers users and groups.
    pub user: Asked<User>,
    /// Supplementary groups that it may have, as its own user namespace numbers them.
    pub groups: Asked<Form<NoNumbers, Vec<u32>, Never>>,
    /// What user 0 inside is outside.
    pub uid_map: Asked<Text<RootMapping>>,
    /// What group 0 inside is outside.
    pub gid_map: Asked<Text<RootMapping>>,
    /// Securebits of its credentials.
    pub securebits: Asked<Text<Nothing>>,
    /// Whether an exec can gain privileges.
    pub no_new_privs: Asked<bool>,
    /// Whether a seccomp filter of its own is in force.
    pub seccomp: Asked<Seccomp>,
    /// Facts of its root directory.
    pub root: Asked<Vec<At<RootFact>>>,
    /// Whose mount namespace the working directory belongs to.
    pub cwd: Asked<Text<Inside>>,
    /// Whose mount namespace the program's file belongs to.
    pub exe: Asked<Text<Inside>>,
    /// Descriptors beyond 0, 1 and 2 that it may have.
    pub inherited_fds: Asked<Form<NoNumbers, Vec<u32>, Never>>,
    /// Resource limits by name: one comparison for soft and hard, or one for each.
    #[schemars(with = "BTreeMap<String, RlimitForm>")]
    pub rlimits: Asked<BTreeMap<Resource, At<RlimitForm>>>,
    /// Devices that its cgroups let it use: no others than these, or more of it.
    pub devices: Asked<DevicesForm>,
    /// What is mounted at these places: `mounted`, or options as mount(8) has them, or those and the
    /// type of the file system.
    #[schemars(with = "BTreeMap<String, MountForm>")]
    pub mounts: Asked<BTreeMap<Place, At<MountForm>>>,
    /// Places that show nothing of what lies there.
    pub masked: Asked<Vec<At<Text<Place>>>>,
    /// Places at which nothing can be written to.
    pub read_only: Asked<Vec<At<Text<Place>>>>,
    /// How soon the kernel kills it when memory is short, from -1000, which is never, to 1000.
    pub oom_score_adj: Asked<Text<OomScore>>,
    /// Permission bits that are left out of what it makes.
    pub umask: Asked<Text<Umask>>,
    /// Whose session keyring it has.
    pub session_keyring: Asked<Text<NotHosts>>,
    /// What the clocks of its time namespace are ahead of the initial one's.
    pub time_offsets: Asked<TimeOffsets>,
    /// What stands in files of its own cgroup, as the kernel names them, of v1 or of v2.
    #[schemars(with = "BTreeMap<String, Text<Contents>>")]
    pub cgroup_files: Asked<BTreeMap<CgroupFileName, At<Text<Contents>>>>,
    /// Values below /proc/sys, as its namespaces have them.
    #[schemars(with = "BTreeMap<String, Text<Contents>>")]
    pub sysctls: Asked<BTreeMap<Sysctl, At<Text<Contents>>>>,
    /// Device files at these places.
    #[schemars(with = "BTreeMap<String, Text<Node>>")]
    pub device_nodes: Asked<BTreeMap<Place, At<Text<Node>>>>,
    /// Interfaces that its network namespace has.
    pub net_devices: Asked<Vec<At<Text<Name>>>>,
    /// The AppArmor profile that is enforced on it, or unconfined.
    pub apparmor: Asked<Text<Name>>,
    /// Its SELinux context.
    pub selinux: Asked<Text<Name>>,
    /// Controlling terminal of its session: none, one of its own, or (private) none but its own.
    pub terminal: Asked<Text<Terminal>>,
    /// How the processor serves it: the policy, or a map.
    pub scheduler: Asked<Form<Policy, Never, Scheduler>>,
    /// How disks serve it.
    pub io_priority: Asked<Text<IoPriority>>,
    /// Where its memory is taken from: the mode, or a map.
    pub memory_policy: Asked<Form<MemoryMode, Never, MemoryPolicy>>,
    /// Execution domain and flags of personality(2).
    pub personality: Asked<Text<Personality>>,
    /// Domain name of the host as it sees it.
    pub domainname: Asked<Text<Name>>,
    /// Name of the host as it sees it.
    pub hostname: Asked<Text<Name>>,
    /// Its cgroup in each hierarchy that limits memory, tasks or CPU.
    pub cgroup: Asked<Form<Private, Never, Cgroup>>,
    /// The program that it runs: a path, or the last component of one.
    pub payload: Asked<Text<Name>>,
    /// What may change about it after its start.
    pub drift: Asked<Text<Deny>>,
}

/// Namespaces by whose they are.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Namespaces {
    /// Not the host's, whoever made them.
    pub private: Asked<Vec<At<Kind>>>,
    /// Made in this run, by the command or a descendant of it.
    pub new: Asked<Vec<At<Kind>>>,
    /// The host's.
    pub shared: Asked<Vec<At<Kind>>>,
    /// The one with this inode number.
    pub joined: Asked<BTreeMap<Kind, At<u32>>>,
}

/// A kind of namespace, by the name that /proc/PID/ns gives it.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Mnt,
    Uts,
    Ipc,
    Pid,
    Net,
    User,
    Cgroup,
    Time,
}

impl From<Kind> for NamespaceKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Mnt => Self::Mnt,
            Kind::Uts => Self::Uts,
            Kind::Ipc => Self::Ipc,
            Kind::Pid => Self::Pid,
            Kind::Net => Self::Net,
            Kind::User => Self::User,
            Kind::Cgroup => Self::Cgroup,
            Kind::Time => Self::Time,
        }
    }
}

/// A set of processors that may be larger than what is there.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Cpus {
    /// Any of these.
    pub within: Text<CpuList>,
}

/// A set of memory nodes that may be larger than what is there.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Mems {
    /// Any of these.
    pub within: Text<NodeList>,
}

/// The same of all five sets, and more of each.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Capabilities {
    /// No set has another.
    pub within: Asked<List>,
    /// No set has one of these.
    pub without: Asked<List>,
    /// What can be gained at all.
    pub bounding: Asked<SetForm>,
    /// What can be made effective.
    pub permitted: Asked<SetForm>,
    /// What counts.
    pub effective: Asked<SetForm>,
    /// What exec can carry over.
    pub inheritable: Asked<SetForm>,
    /// What exec does carry over.
    pub ambient: Asked<SetForm>,
}

pub(super) type RlimitForm = Form<Count, Never, SoftHard>;
pub(super) type SetForm = Form<NoCapabilities, Never, Set>;
pub(super) type List = Form<AllOrNone, Vec<Text<Capability>>, Never>;

/// What one capability set may have.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Set {
    /// No other.
    pub within: Asked<List>,
    /// None of these.
    pub without: Asked<List>,
    /// These and no other.
    pub exactly: Asked<List>,
}

/// Real, effective, saved and file system ids.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct User {
    /// The user.
    pub uid: Asked<Text<Id>>,
    /// The group.
    pub gid: Asked<Text<Id>>,
}

/// Whether there is a filter.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Seccomp {
    /// One that tracer itself has not.
    Filter,
    /// None that tracer itself has not.
    Unconfined,
}

/// A fact of the root directory.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RootFact {
    /// It is where pivot_root puts it, with nothing on top.
    Pivoted,
    /// It is not the host's.
    NotHost,
    /// It cannot be written to.
    ReadOnly,
}

/// Both values of a resource limit.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct SoftHard {
    /// The one in force.
    pub soft: Asked<Text<Count>>,
    /// What the soft one can be raised to.
    pub hard: Asked<Text<Count>>,
}

/// Offsets of clocks in seconds.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct TimeOffsets {
    /// Of the clock that starts at boot and stops while the machine sleeps.
    pub monotonic: Asked<Text<Seconds>>,
    /// Of the clock that goes on while the machine sleeps.
    pub boottime: Asked<Text<Seconds>>,
}

/// A turn on the processor.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Scheduler {
    /// The policy: other, fifo, rr, batch, idle or deadline.
    pub policy: Asked<Text<Policy>>,
    /// From -20 to 19: who has less goes first.
    pub nice: Asked<Text<Nice>>,
    /// From 1 to 99 under fifo and rr, otherwise 0: who has more goes first.
    pub priority: Asked<Text<RealTime>>,
    /// Whether children begin with the default policy.
    pub reset_on_fork: Asked<bool>,
}

/// Where memory is taken from.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct MemoryPolicy {
    /// default, prefer, bind, interleave, local, prefer-many or weighted-interleave.
    pub mode: Asked<Text<MemoryMode>>,
    /// Its nodes.
    pub nodes: Asked<Text<NodeList>>,
    /// Flags that it must have: static, relative, balancing.
    pub flags: Asked<Vec<Text<MemoryFlag>>>,
}

pub(super) type MountForm = Form<Mounted, Vec<Text<MountOption>>, Mount>;

/// A mount.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Mount {
    /// Type of its file system.
    #[serde(rename = "type")]
    pub fs_type: Asked<Text<Name>>,
    /// Options and propagation; of a tmpfs, size= and mode= as well.
    pub options: Asked<Vec<Text<MountOption>>>,
}

/// What can be made and opened.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Devices {
    /// No others.
    pub within: Asked<DeviceList>,
    /// None of these.
    pub without: Asked<DeviceList>,
    /// All of these.
    pub with: Asked<DeviceList>,
}

pub(super) type DevicesForm = Form<DeviceGroup, Vec<Text<DeviceWord>>, Devices>;
pub(super) type DeviceList = Form<DeviceGroup, Vec<Text<DeviceWord>>, Never>;

/// Where the cgroup is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Cgroup {
    /// An absolute path, the last components of one, or a pattern with `*`.
    pub path: Text<Name>,
}

impl Shape for Cpus {}
impl Shape for Mems {}
impl Shape for Capabilities {}

impl Shape for Set {
    fn asks(&self) -> bool {
        self.within.0.is_some() || self.without.0.is_some() || self.exactly.0.is_some()
    }
}

impl Shape for SoftHard {
    fn asks(&self) -> bool {
        self.soft.0.is_some() || self.hard.0.is_some()
    }
}

impl Shape for Scheduler {
    fn asks(&self) -> bool {
        self.policy.0.is_some()
            || self.nice.0.is_some()
            || self.priority.0.is_some()
            || self.reset_on_fork.0.is_some()
    }
}

impl Shape for MemoryPolicy {
    fn asks(&self) -> bool {
        let flags = self.flags.0.as_ref();
        self.mode.0.is_some()
            || self.nodes.0.is_some()
            || flags.is_some_and(|at| !at.value.is_empty())
    }
}

impl Shape for Mount {
    fn asks(&self) -> bool {
        self.fs_type.0.is_some() || self.options.0.is_some()
    }
}

impl Shape for Devices {
    fn asks(&self) -> bool {
        self.within.0.is_some() || self.without.0.is_some() || self.with.0.is_some()
    }
}

impl Shape for Cgroup {}

/// Words that are keys.
macro_rules! keys {
    ($($name:ident),*) => {$(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let key = String::deserialize(from)?;
                let wrong = || format!("`{key}` is not accepted, expected {}", Self::ACCEPTS);
                Self::read(&key).ok_or_else(|| de::Error::custom(wrong()))
            }
        }
    )*};
}

keys!(CgroupFileName, Place, Resource, Sysctl);
