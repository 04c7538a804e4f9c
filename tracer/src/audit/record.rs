//! The records of `tracer audit`: what a reader of its stream gets. Owns their shapes, which only get
//! more fields, under names of the Elastic Common Schema where it has one.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::timeline::Timeline;

/// Version of these shapes.
pub const SCHEMA_VERSION: u32 = 1;

/// One record: a line of the stream.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Record {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Position in this run's stream, from 0.
    pub seq: u64,
    /// When the kernel saw it: UTC, as RFC 3339 has it.
    pub time: String,
    /// The same in nanoseconds since the machine was started.
    pub boot_ns: u64,
    /// It happened before what an earlier record tells.
    #[serde(skip_serializing_if = "is_false")]
    pub late: bool,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// What happened.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum What {
    /// The audit has begun; what was there follows.
    AuditStarted(Started),
    /// The output holds the records of an earlier audit: of the time between, nothing is known.
    AuditResumed {
        /// Time of the last record before; absent where it could not be read.
        unknown_from: Option<String>,
        /// When this audit began.
        unknown_to: String,
    },
    /// A container was there before the audit.
    ContainerFound(Box<Born>),
    /// A container was born: its payload is about to run.
    ContainerBorn(Box<Born>),
    /// A container is not what is expected, or cannot be shown to be.
    ContainerViolation(Violation),
    /// Something changed in a container after its birth.
    ContainerChanged {
        /// Which.
        container: Container,
        /// What changed.
        change: String,
        /// Who did it, as `name[pid]`, or that no record tells.
        by: String,
    },
    /// A process from outside has come into a container.
    ContainerEntered {
        /// Which.
        container: Container,
        /// Who.
        process: Process,
        /// By what it was noticed.
        seen_by: SeenBy,
    },
    /// Nobody lives in a container any more.
    ContainerEnded {
        /// Which.
        container: Container,
        /// Its payload's exit code; absent where a signal ended it, or its end was not seen.
        exit_code: Option<u32>,
        /// The signal that ended its payload.
        signal: Option<u32>,
        /// The end was not seen: a later look at the machine's tasks has shown it.
        unseen: bool,
        /// From the birth, or from when it was found, to the end.
        lifetime_ns: u64,
    },
    /// Namespaces were made outside of any container.
    NamespaceMade {
        /// By whom.
        process: Process,
        /// Which.
        namespaces: Vec<Namespace>,
        /// By which call; absent where it was not seen.
        call: Option<String>,
        /// By what it was noticed.
        seen_by: SeenBy,
    },
    /// A process outside of any container has joined namespaces that are not the host's.
    NamespaceJoined {
        /// Who.
        process: Process,
        /// Which.
        namespaces: Vec<Namespace>,
        /// By what it was noticed.
        seen_by: SeenBy,
    },
    /// A cgroup was made.
    CgroupMade(Cgroup),
    /// A cgroup was removed.
    CgroupRemoved(Cgroup),
    /// A process was moved to a cgroup.
    CgroupMoved {
        /// Who was moved.
        target: Process,
        /// Where to.
        #[serde(flatten)]
        cgroup: Cgroup,
    },
    /// Records were lost: what is told of the time between may lack something.
    Loss(Loss),
    /// The audit has ended as it was told to.
    AuditEnded(Ended),
}

/// The beginning of an audit.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Started {
    /// Version of the program.
    pub version: String,
    /// Kernel, as `uname -r` has it.
    pub kernel: String,
    /// Boot id of the machine.
    pub boot_id: String,
    /// How setns and unshare are seen.
    pub mode: Mode,
    /// How each hook is attached; `null` = it is missing.
    pub hooks: std::collections::BTreeMap<String, Option<String>>,
    /// Whose payloads are held until they are judged, as `--select` has it; absent = nobody's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enforced: Option<String>,
}

/// How setns and unshare are seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// As they return.
    Exact,
    /// Their outcome, at the next fork, exec or exit of whoever called them.
    Economy,
}

/// By which record of the kernel's something was noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SeenBy {
    /// The very call.
    Call,
    /// A fork.
    Fork,
    /// An exec.
    Exec,
    /// An exit.
    Exit,
    /// A look at all tasks.
    Inventory,
}

/// A container, in every record that is about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Container {
    /// The same for the same container, whenever an audit has begun to look: made of the boot id and
    /// of its payload's number and start.
    pub id: String,
    /// Its engine's name for it, as its cgroup's path tells it.
    pub name: Option<String>,
    /// Records were lost while it was made: what is told of it may lack something.
    #[serde(skip_serializing_if = "is_false")]
    pub incomplete: bool,
}

/// A process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// A name that no later process with that number has; absent where its start is not known well enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity_id: Option<String>,
    /// Its name, not to be trusted.
    pub name: String,
    /// Its executable, as far as it is known: the path given to exec, or the file's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executable: Option<String>,
    /// Its user, as the host numbers it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<User>,
}

/// A user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct User {
    /// As the host numbers it.
    pub id: u32,
}

/// Where a container comes from.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Born {
    /// Which.
    pub container: Container,
    /// Its payload.
    pub process: Process,
    /// Number of the payload in its own PID namespace.
    pub vpid: Option<u32>,
    /// Id of the container that it was made within.
    pub within: Option<String>,
    /// The program that made it, where it was seen to.
    pub runtime: Option<String>,
    /// It has cgroups of its own and no namespaces, as services have.
    pub cgroups_alone: bool,
    /// Namespaces that are not the host's.
    pub namespaces: Vec<Namespace>,
    /// Paths of its cgroups that were made during the audit.
    pub cgroups: Vec<String>,
    /// One of these paths is longer than what is there: its end is not known.
    #[serde(skip_serializing_if = "is_false")]
    pub cgroups_cut: bool,
    /// By what it was noticed.
    pub seen_by: SeenBy,
    /// Who asked for it.
    pub lineage: Lineage,
    /// How it came to be; absent of one that was there before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeline: Option<Timeline>,
    /// The outcome of what is expected of it, where anything is.
    pub verdict: Option<String>,
    /// What was done about its payload, where that is enforced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enforced: Option<Enforced>,
    /// All that the kernel knew of the payload.
    pub certificate: Value,
}

/// What was done about a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Enforced {
    /// It was held before its first instruction, judged, and let go.
    LetGo,
    /// It was held and killed: nothing of it has run.
    Killed,
    /// It was not held and killed: something of it may have run.
    KilledLate,
    /// It was let go, and killed with all of its container when that changed.
    KilledForDrift,
    /// It was not held, and satisfies what is expected.
    NotHeld,
}

impl Enforced {
    /// As a line for people has it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::LetGo => "let go",
            Self::Killed => "killed before its first instruction",
            Self::KilledLate => "killed; something of it may have run",
            Self::KilledForDrift => "killed as it changed",
            Self::NotHeld => "not held",
        }
    }
}

/// A namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Namespace {
    /// As under `/proc/PID/ns`.
    pub kind: String,
    /// Inode number.
    pub inum: u32,
}

/// Whom a payload descends from.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Lineage {
    /// Who has told it.
    pub source: LineageSource,
    /// From the parent up.
    pub ancestors: Vec<Process>,
    /// There are more.
    pub truncated: bool,
}

/// Who has told a lineage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LineageSource {
    /// The kernel, as the payload was executed.
    Kernel,
    /// /proc, read a moment later: an ancestor may have ended meanwhile.
    Proc,
    /// Nobody.
    Unknown,
}

/// What is wrong with a container.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Violation {
    /// Which.
    pub container: Container,
    /// Its payload.
    pub process: Process,
    /// `fail` or `inconclusive`.
    pub verdict: String,
    /// What was done about it, where that is enforced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enforced: Option<Enforced>,
    /// Each expectation that does not pass.
    pub items: Vec<Item>,
}

/// An expectation that does not pass.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Item {
    /// Its name.
    pub id: String,
    /// What was asked.
    pub asked: String,
    /// What the kernel showed.
    pub seen: String,
    /// `fail` or `inconclusive`.
    pub verdict: String,
    /// Why.
    pub reason: Option<String>,
}

/// A cgroup, and who made, removed or moved to it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Cgroup {
    /// Who did it.
    pub process: Process,
    /// Below its hierarchy's root.
    pub path: String,
    /// The path is longer than this: its end is not known.
    #[serde(skip_serializing_if = "is_false")]
    pub path_cut: bool,
    /// The kernel's number of the hierarchy; 0 is cgroup v2.
    pub hierarchy: u32,
    /// Inode number of its directory.
    pub cgroup_id: u64,
    /// The container that whoever did it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<Container>,
}

/// Records that were lost.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Loss {
    /// How many of each kind the ring had no room for, or were not made.
    pub lost: std::collections::BTreeMap<String, u64>,
    /// How many of these were not made, as the kernel did not run the program: it ran on the same processor already.
    pub not_run: u64,
    /// Records that were read and not understood.
    pub not_understood: u64,
    /// Processes that the kernel side's table had no room for: their ends may not be told.
    pub not_marked: u64,
    /// Processes in namespaces of their own that were put out of that table to make room: their ends may not be told if
    /// they leave these.
    pub put_out: u64,
    /// They were lost after this, in nanoseconds since the machine was started,
    pub from_boot_ns: u64,
    /// and before this.
    pub to_boot_ns: u64,
}

/// The end of an audit.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Ended {
    /// Why, as `signal 15`.
    pub reason: String,
    /// How long it was.
    pub duration_ns: u64,
    /// Records of this stream, by type.
    pub records: std::collections::BTreeMap<String, u64>,
    /// Records that the kernel side set out to make.
    pub submitted: u64,
    /// Those of them that were read.
    pub read: u64,
    /// Those of them that were lost.
    pub lost: u64,
    /// Containers in which somebody lives.
    pub containers: usize,
}

impl What {
    /// Its `type`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::AuditStarted(_) => "audit_started",
            Self::AuditResumed { .. } => "audit_resumed",
            Self::ContainerFound(_) => "container_found",
            Self::ContainerBorn(_) => "container_born",
            Self::ContainerViolation(_) => "container_violation",
            Self::ContainerChanged { .. } => "container_changed",
            Self::ContainerEntered { .. } => "container_entered",
            Self::ContainerEnded { .. } => "container_ended",
            Self::NamespaceMade { .. } => "namespace_made",
            Self::NamespaceJoined { .. } => "namespace_joined",
            Self::CgroupMade(_) => "cgroup_made",
            Self::CgroupRemoved(_) => "cgroup_removed",
            Self::CgroupMoved { .. } => "cgroup_moved",
            Self::Loss(_) => "loss",
            Self::AuditEnded(_) => "audit_ended",
        }
    }
}

/// Every type of record, as `-e` names them.
pub const NAMES: [&str; 15] = [
    "audit_started",
    "audit_resumed",
    "container_found",
    "container_born",
    "container_violation",
    "container_changed",
    "container_entered",
    "container_ended",
    "namespace_made",
    "namespace_joined",
    "cgroup_made",
    "cgroup_removed",
    "cgroup_moved",
    "loss",
    "audit_ended",
];
