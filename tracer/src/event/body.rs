//! The events, one type for each kind of record. Owns shapes and names; what they mean for a
//! container is `model`'s.

use serde::Serialize;
use smol_str::SmolStr;
use tracer_common::{Header, Kind};

use super::limit::Limits;
use super::{Certificate, CgroupMember, Cgroups, KernelPath, Namespaces, Task, Tgid, Tid};

/// One thing that the kernel reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Position in the stream of records, from 0: what evidence refers to as `#seq`.
    pub seq: u64,
    /// Nanoseconds of boot time.
    pub time_ns: u64,
    /// The processor that the hook ran on.
    pub cpu: u32,
    /// Who did it; for a snapshot or the inventory, the task that was read.
    pub task: Task,
    /// What it was.
    pub body: Body,
}

/// What an event was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A task was created.
    Fork(Box<Fork>),
    /// A task executed a program.
    Exec(Box<Exec>),
    /// A task ended.
    Exit(Exit),
    /// setns or unshare returned.
    Namespace(Box<NamespaceCall>),
    /// A cgroup was made.
    CgroupMkdir(CgroupDir),
    /// A cgroup was removed.
    CgroupRmdir(CgroupDir),
    /// A task was moved to a cgroup.
    CgroupAttach(CgroupAttach),
    /// Another system call returned.
    Syscall(SyscallReturn),
    /// A task that was asked for, read at rest.
    Snapshot(Certificate),
    /// One task of the host's inventory.
    TaskSeen(Box<TaskSeen>),
    /// Some instructions of a BPF program on devices.
    DeviceProgram(Box<DeviceProgramPart>),
    /// Who a task descends from, as it executes a program.
    Lineage(Box<Lineage>),
    /// A record that this reader does not understand.
    Unknown(Unknown),
}

/// A task was created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fork {
    /// The new task.
    pub child: Task,
    /// Flags of clone as the kernel took them, `CLONE_INTO_CGROUP` being bit 33.
    pub flags: u64,
    /// The child's parent, which need not be the caller (`CLONE_PARENT`).
    pub parent: Tgid,
    /// The child's number in its own PID namespace.
    pub vpid: u32,
    /// The child's.
    pub namespaces: Namespaces,
    /// The child's.
    pub cgroups: Cgroups,
}

/// A task executed a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exec {
    /// The tid that the caller had before it became the leader of its group.
    pub old_tid: Tid,
    /// Everything that the kernel knew of the task when the program was about to start.
    pub certificate: Certificate,
    /// Whether the program waits to be let go.
    pub hold: Hold,
}

/// What became of holding a task that executes a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// It goes on: nobody asked for it to be held.
    Free,
    /// It is stopped before the first instruction of its program.
    Held,
    /// It should be, and the kernel refused.
    Refused,
}

/// A task ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// In wait(2)'s encoding.
    pub code: u32,
    /// It was the last thread of its group.
    pub group_dead: bool,
    /// What its cgroups limited it to at its end; told of the last thread of its group.
    pub limits: Option<Box<Limits>>,
    /// What it had at its end; `None` unless the whole host is observed.
    pub namespaces: Option<Box<Namespaces>>,
}

/// Which call changed namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NamespaceCallName {
    /// Joins a namespace that exists.
    Setns,
    /// Makes new namespaces.
    Unshare,
}

/// setns or unshare returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespaceCall {
    /// Which.
    pub call: NamespaceCallName,
    /// What it returned; 0 is success.
    pub ret: i64,
    /// Its first two arguments: hints only.
    pub arguments: [u64; 2],
    /// What the thread has now.
    pub namespaces: Namespaces,
}

/// A cgroup was made or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CgroupDir {
    /// The cgroup.
    pub cgroup: CgroupMember,
    /// Below its hierarchy's root.
    pub path: KernelPath,
}

/// A task was moved to a cgroup by a write to `cgroup.procs` or `tasks`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CgroupAttach {
    /// Who was moved.
    pub target: Task,
    /// Where to.
    pub cgroup: CgroupMember,
    /// The target's whole thread group was moved.
    pub threadgroup: bool,
    /// Path of the cgroup below its hierarchy's root.
    pub path: KernelPath,
}

/// A system call of the set-up returned. Its arguments are hints, not evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyscallReturn {
    /// Its name.
    pub name: SmolStr,
    /// What it returned; -4095 to -1 are errors.
    pub ret: i64,
    /// As they stood in the registers.
    pub arguments: [u64; 6],
    /// A path among the arguments where there is one.
    pub path: KernelPath,
}

/// One task of the host's inventory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskSeen {
    /// Its parent.
    pub parent: Tgid,
    /// It runs in the kernel only.
    pub kernel_thread: bool,
    /// Its namespaces.
    pub namespaces: Namespaces,
    /// Its cgroups.
    pub cgroups: Cgroups,
}

/// Some instructions of a BPF program that decides which devices can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceProgramPart {
    /// The kernel's number of the program.
    pub id: u32,
    /// Instructions that it has.
    pub length: u32,
    /// Number of the first of those below.
    pub first: u32,
    /// `struct bpf_insn` each.
    pub instructions: Vec<u64>,
}

/// Who a task descends from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lineage {
    /// From the parent up.
    pub ancestors: Vec<Ancestor>,
    /// There are more than there was room for.
    pub truncated: bool,
}

/// One process that another descends from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ancestor {
    /// Its number.
    pub tgid: Tgid,
    /// Its start, in nanoseconds of boot time.
    pub start_ns: u64,
    /// Its user, as the initial user namespace numbers it.
    pub uid: u32,
    /// Its name, not to be trusted.
    pub comm: String,
    /// Name of its executable file without the directory; `None` = it has none.
    pub exe: Option<String>,
}

/// A record that this reader does not understand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// Number of the kind; 0 when not even the header could be read.
    pub kind: u16,
    /// Bytes of the record.
    pub len: usize,
    /// Why.
    pub reason: UnknownReason,
}

/// Why a record could not be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownReason {
    /// Shorter than a header.
    NoHeader,
    /// Written for another version of the contract.
    Abi(u16),
    /// Its header promises more bytes than there are.
    Truncated {
        /// Bytes promised.
        promised: u32,
    },
    /// A kind of a newer writer.
    Kind,
    /// Shorter than its kind.
    Short {
        /// Bytes that the kind takes.
        needed: usize,
    },
    /// A namespace record of a call that is neither setns nor unshare.
    Call(u32),
}

impl Body {
    /// What reports call the event; tracee's names where the meaning is the same.
    pub fn name(&self) -> &str {
        match self {
            Self::Fork(_) => "task_newtask",
            Self::Exec(_) => "sched_process_exec",
            Self::Exit(_) => "sched_process_exit",
            Self::Namespace(call) => match call.call {
                NamespaceCallName::Setns => "setns",
                NamespaceCallName::Unshare => "unshare",
            },
            Self::CgroupMkdir(_) => "cgroup_mkdir",
            Self::CgroupRmdir(_) => "cgroup_rmdir",
            Self::CgroupAttach(_) => "cgroup_attach_task",
            Self::Syscall(call) => &call.name,
            Self::Snapshot(_) => "task_snapshot",
            Self::TaskSeen(_) => "task_inventory",
            Self::DeviceProgram(_) => "device_program",
            Self::Lineage(_) => "lineage",
            Self::Unknown(_) => "unknown",
        }
    }

    /// The kind of the record that it came from.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Fork(_) => Kind::FORK,
            Self::Exec(_) => Kind::EXEC,
            Self::Exit(_) => Kind::EXIT,
            Self::Namespace(_) => Kind::NAMESPACE,
            Self::CgroupMkdir(_) => Kind::CGROUP_MKDIR,
            Self::CgroupRmdir(_) => Kind::CGROUP_RMDIR,
            Self::CgroupAttach(_) => Kind::CGROUP_ATTACH,
            Self::Syscall(_) => Kind::SYSCALL,
            Self::Snapshot(_) => Kind::SNAPSHOT,
            Self::TaskSeen(_) => Kind::TASK,
            Self::DeviceProgram(_) => Kind::DEVICE_PROGRAM,
            Self::Lineage(_) => Kind::LINEAGE,
            Self::Unknown(unknown) => Kind(unknown.kind),
        }
    }
}

impl Event {
    /// From a header and what it opens.
    pub(super) fn new(seq: u64, header: &Header, body: Body) -> Self {
        Self {
            seq,
            time_ns: header.time_ns,
            cpu: header.cpu,
            task: Task::from(&header.task),
            body,
        }
    }
}

impl Exit {
    /// The status that a shell would show: the exit code, or 128 + the signal.
    pub fn status(&self) -> u32 {
        match self.signal() {
            Some(signal) => 128 + signal,
            None => (self.code >> 8) & 0xff,
        }
    }

    /// The signal that ended it, if one did.
    pub fn signal(&self) -> Option<u32> {
        let signal = self.code & 0x7f;
        (signal != 0).then_some(signal)
    }
}
