//! The records. Each is `repr(C)`, padded by hand, and appended to only; numbers are in host
//! byte order. Owns layout and the meaning of each field; must not decode or interpret.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::header::{Header, TaskId};

/// Most hierarchies a task can be in: the kernel has at most 16 v1 controllers and names plus
/// cgroup v2 on any distribution seen.
pub const MAX_HIERARCHIES: usize = 16;
/// Descriptors that a certificate has room for.
pub const MAX_DESCRIPTORS: usize = 32;
/// Supplementary groups that a certificate has room for.
pub const MAX_GROUPS: usize = 30;
/// Levels of ancestors that a limit is looked for in.
pub const MAX_ANCESTORS: usize = 12;
/// Bytes kept of a path, its NUL included.
pub const PATH_LEN: usize = 128;
/// Bytes kept of a cgroup's path, its NUL included: as many as the kernel's tracepoints have
/// (`TRACE_CGROUP_PATH_LEN` in kernel/cgroup/cgroup-internal.h).
pub const CGROUP_PATH_LEN: usize = 1024;
/// Words of a CPU mask: 1,024 processors.
pub const CPU_WORDS: usize = 16;
/// Words of a mask of memory nodes: 1,024 of them, the most that a kernel is built for.
pub const NODE_WORDS: usize = 16;
/// Exceptions of a devices cgroup that a certificate has room for.
pub const MAX_DEVICE_EXCEPTIONS: usize = 32;
/// BPF programs on devices that a certificate has room for.
pub const MAX_DEVICE_PROGRAMS: usize = 6;
/// Instructions of a BPF program in one record.
pub const INSTRUCTIONS: usize = 128;
/// Ancestors that a lineage has room for.
pub const MAX_LINEAGE: usize = 12;
/// Bytes kept of the name of an executable file, its NUL included.
pub const NAME_LEN: usize = 32;
/// No limit.
pub const UNLIMITED: u64 = u64::MAX;

macro_rules! wire {
    ($($(#[$doc:meta])* pub struct $name:ident { $($(#[$fdoc:meta])* pub $field:ident: $ty:ty,)+ })+) => {
        $($(#[$doc])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
        pub struct $name { $($(#[$fdoc])* pub $field: $ty,)+ })+

        /// Name, size and alignment of each part of the contract; a snapshot test lists it.
        pub const SIZES: &[(&str, usize, usize)] = &[
            $((stringify!($name), size_of::<$name>(), align_of::<$name>()),)+
        ];
    };
}

wire! {
    /// The ten namespaces of a task. Inode numbers; 0 = not readable (a task past its exit).
    pub struct NamespaceSet {
        /// `nsproxy->mnt_ns`.
        pub mnt: u32,
        /// `nsproxy->uts_ns`.
        pub uts: u32,
        /// `nsproxy->ipc_ns`.
        pub ipc: u32,
        /// The task's own, from `thread_pid`.
        pub pid: u32,
        /// `nsproxy->pid_ns_for_children`.
        pub pid_for_children: u32,
        /// `nsproxy->net_ns`.
        pub net: u32,
        /// `nsproxy->time_ns`.
        pub time: u32,
        /// `nsproxy->time_ns_for_children`.
        pub time_for_children: u32,
        /// `nsproxy->cgroup_ns`.
        pub cgroup: u32,
        /// `cred->user_ns`.
        pub user: u32,
        /// `ns_common.ns_id` of each of those above, in their order: unlike the inode number, it is
        /// never given to another (since 6.18). 0 = this kernel has none.
        pub unique: [u64; 10],
    }

    /// One cgroup: ids collide across hierarchies, so it takes both numbers to name it.
    pub struct CgroupEntry {
        /// `cgrp->kn->id`, the inode number of its directory.
        pub id: u64,
        /// `cgrp->root->hierarchy_id`; 0 is cgroup v2.
        pub hierarchy: u32,
        /// Depth below the hierarchy's root, which is 0.
        pub level: u32,
        /// Controllers of the hierarchy, a bit for each `cgroup_subsys_id`.
        pub controllers: u32,
        /// Zero.
        pub reserved: u32,
    }

    /// The cgroup of a task in every hierarchy.
    pub struct CgroupSet {
        /// Entries in use.
        pub count: u32,
        /// Not 0: the task is in more hierarchies than there is room for.
        pub truncated: u32,
        /// In the kernel's order.
        pub entries: [CgroupEntry; MAX_HIERARCHIES],
    }

    /// The five capability sets, bit n = capability n.
    pub struct Capabilities {
        /// Inheritable.
        pub inheritable: u64,
        /// Permitted.
        pub permitted: u64,
        /// Effective.
        pub effective: u64,
        /// Bounding.
        pub bounding: u64,
        /// Ambient.
        pub ambient: u64,
    }

    /// User and group ids as the initial user namespace numbers them.
    pub struct Ids {
        /// Real user.
        pub uid: u32,
        /// Real group.
        pub gid: u32,
        /// Saved user.
        pub suid: u32,
        /// Saved group.
        pub sgid: u32,
        /// Effective user.
        pub euid: u32,
        /// Effective group.
        pub egid: u32,
        /// File system user.
        pub fsuid: u32,
        /// File system group.
        pub fsgid: u32,
    }

    /// One line of a user namespace's map.
    pub struct IdExtent {
        /// First id inside.
        pub inside: u32,
        /// First id in the initial user namespace.
        pub outside: u32,
        /// How many.
        pub count: u32,
    }

    /// A user namespace's map; of more than five lines, five are read.
    pub struct IdMap {
        /// Lines that the kernel holds.
        pub count: u32,
        /// Five at most: as they were written, of more those whose ids inside are lowest.
        pub extents: [IdExtent; 5],
    }

    /// A directory or file that a task holds: where it is, by mount and inode.
    pub struct PathFact {
        /// Inode number.
        pub ino: u64,
        /// `super_block->s_magic`.
        pub magic: u64,
        /// `super_block->s_dev` in the kernel's encoding: major << 20 | minor.
        pub dev: u32,
        /// The mount namespace that the mount belongs to; 0 = none (detached or internal).
        pub mnt_ns: u32,
        /// `mount->mnt_id`.
        pub mnt_id: u32,
        /// [`PathFact::MOUNT_ROOT`] and its like.
        pub flags: u32,
    }

    /// A limit of the task's own cgroup and of its ancestors, as the kernel holds them; which is
    /// in force is for the reader to work out.
    pub struct LimitChain {
        /// Levels in `values`, from the own cgroup up.
        pub levels: u32,
        /// Not 0: there are more levels than [`MAX_ANCESTORS`].
        pub truncated: u32,
        /// Bytes of memory, or tasks.
        pub values: [u64; MAX_ANCESTORS],
    }

    /// CPU time per period of the task's own group and of its ancestors, in nanoseconds.
    pub struct BandwidthChain {
        /// Levels in use, from the own group up.
        pub levels: u32,
        /// Not 0: there are more levels than [`MAX_ANCESTORS`].
        pub truncated: u32,
        /// `cfs_bandwidth.quota`; [`UNLIMITED`] = none.
        pub quotas: [u64; MAX_ANCESTORS],
        /// `cfs_bandwidth.period`.
        pub periods: [u64; MAX_ANCESTORS],
    }

    /// A resource limit, `RLIM_INFINITY` = [`UNLIMITED`].
    pub struct Rlimit {
        /// Soft.
        pub soft: u64,
        /// Hard.
        pub hard: u64,
    }

    /// An open descriptor.
    pub struct Descriptor {
        /// Inode number.
        pub ino: u64,
        /// Its number.
        pub fd: u32,
        /// [`Descriptor::CLOSE_ON_EXEC`] and its like.
        pub flags: u32,
        /// `inode->i_mode`: type and permissions.
        pub mode: u32,
        /// The mount namespace that its mount belongs to; 0 = none (pipe, socket, anonymous).
        pub mnt_ns: u32,
        /// `super_block->s_dev`.
        pub dev: u32,
        /// Low half of `super_block->s_magic`.
        pub magic: u32,
    }

    /// What a clock of a time namespace is ahead of the host's, as `struct timespec64` has it.
    pub struct ClockOffset {
        /// Whole seconds, rounded down.
        pub seconds: i64,
        /// The rest, never negative.
        pub nanoseconds: i64,
    }

    /// `time_namespace->offsets`.
    pub struct TimeOffsets {
        /// Of `CLOCK_MONOTONIC`.
        pub monotonic: ClockOffset,
        /// Of `CLOCK_BOOTTIME`.
        pub boottime: ClockOffset,
    }

    /// `struct dev_exception_item`: devices that a devices cgroup (v1) treats as exceptions.
    pub struct DeviceException {
        /// Major number; all ones = any.
        pub major: u32,
        /// Minor number; all ones = any.
        pub minor: u32,
        /// Bit 0: block devices, bit 1: character devices.
        pub kind: u16,
        /// Bit 0: mknod, bit 1: read, bit 2: write.
        pub access: u16,
    }

    /// `struct dev_cgroup` of the task's own devices cgroup (v1). Where v1 has no such hierarchy
    /// it is the root's, which allows all.
    pub struct DeviceList {
        /// 1: all is allowed but the exceptions. 2: nothing is but the exceptions.
        pub behavior: u32,
        /// Exceptions in use.
        pub count: u32,
        /// Not 0: there are more exceptions than there is room for.
        pub truncated: u32,
        /// Zero.
        pub reserved: u32,
        /// In the kernel's order.
        pub exceptions: [DeviceException; MAX_DEVICE_EXCEPTIONS],
    }

    /// The BPF programs that decide on devices for the task's cgroup of v2, its ancestors' included:
    /// each must allow it.
    pub struct DevicePrograms {
        /// Programs in use.
        pub count: u32,
        /// Not 0: there are more than there is room for.
        pub truncated: u32,
        /// `prog->aux->id`; their instructions are in records of
        /// [`crate::Kind::DEVICE_PROGRAM`] that come before.
        pub ids: [u32; MAX_DEVICE_PROGRAMS],
    }

    /// The controlling terminal of a session.
    pub struct Terminal {
        /// Its device number in the kernel's encoding: major << 20 | minor; 0 = the session has none.
        pub device: u32,
        /// `super_block->s_dev` of the devpts that a pseudoterminal is in; 0 = it is none.
        pub devpts: u32,
    }

    /// How the kernel schedules a task.
    pub struct Scheduling {
        /// `task->policy`: `SCHED_*`.
        pub policy: u32,
        /// From -20 to 19: `task->static_prio` less 120.
        pub nice: i32,
        /// `task->rt_priority`.
        pub priority: u32,
        /// `SCHED_FLAG_*`: reset on fork, and of `SCHED_DEADLINE` reclaim and overrun.
        pub flags: u32,
        /// Of `SCHED_DEADLINE`.
        pub deadline: DeadlineParameters,
    }

    /// Nanoseconds, of any other policy than `SCHED_DEADLINE` without meaning.
    pub struct DeadlineParameters {
        /// `sched_dl_entity->dl_runtime`.
        pub runtime: u64,
        /// `sched_dl_entity->dl_deadline`.
        pub deadline: u64,
        /// `sched_dl_entity->dl_period`.
        pub period: u64,
    }

    /// Where the kernel takes a task's memory from.
    pub struct MemoryPolicy {
        /// `MPOL_*`; of a task without a policy `MPOL_DEFAULT`.
        pub mode: u32,
        /// `MPOL_F_*`, those of the kernel's own use included.
        pub flags: u32,
        /// Bit n = node n: with static or relative nodes those that were asked for, else those in
        /// use.
        pub nodes: [u64; NODE_WORDS],
    }

    /// Everything that the kernel knows of a task at one instant. A bit of `valid` says that a
    /// fact could be read on this kernel; an unset one means "cannot say", whatever the field.
    pub struct Certificate {
        /// [`Certificate::NAMESPACES`] and its like.
        pub valid: u64,
        /// Namespaces.
        pub namespaces: NamespaceSet,
        /// The task's number in its own PID namespace.
        pub vpid: u32,
        /// Depth of that namespace; the initial one is 0.
        pub pid_level: u32,
        /// `real_parent->tgid`.
        pub parent_tgid: u32,
        /// `cred->securebits`.
        pub securebits: u32,
        /// 1 when no new privileges can be gained.
        pub no_new_privs: u32,
        /// 0 off, 1 strict, 2 filter.
        pub seccomp_mode: u32,
        /// Number of filters in the chain.
        pub seccomp_filters: u32,
        /// Number of supplementary groups.
        pub group_count: u32,
        /// The first of them.
        pub groups: [u32; MAX_GROUPS],
        /// Users and groups.
        pub ids: Ids,
        /// Capability sets.
        pub capabilities: Capabilities,
        /// Map of users of the task's user namespace.
        pub uid_map: IdMap,
        /// Map of groups.
        pub gid_map: IdMap,
        /// UTS node name, NUL-padded.
        pub hostname: [u8; 64],
        /// The cgroup in every hierarchy.
        pub cgroups: CgroupSet,
        /// Bytes of memory; a count of pages of the kernel's that stands for none is in it as bytes.
        pub memory: LimitChain,
        /// Number of tasks.
        pub pids: LimitChain,
        /// CPU time.
        pub cpu: BandwidthChain,
        /// `task->cpus_ptr`: where the scheduler may run it.
        pub cpus_allowed: [u64; CPU_WORDS],
        /// Effective processors of its cpuset.
        pub cpuset_cpus: [u64; CPU_WORDS],
        /// Root directory.
        pub root: PathFact,
        /// Working directory.
        pub cwd: PathFact,
        /// Executable.
        pub exe: PathFact,
        /// By number of `RLIMIT_*`.
        pub rlimits: [Rlimit; 16],
        /// Open descriptors below 64.
        pub descriptor_count: u32,
        /// Not 0: there are descriptors that `descriptors` does not hold.
        pub descriptors_truncated: u32,
        /// The first of them, ascending.
        pub descriptors: [Descriptor; MAX_DESCRIPTORS],
        /// `bprm->filename` at exec, NUL-terminated; empty in a snapshot.
        pub filename: [u8; PATH_LEN],
        /// `signal->oom_score_adj`.
        pub oom_score_adj: i32,
        /// `fs->umask`.
        pub umask: u32,
        /// `parent->tgid`: a debugger's while one is attached, otherwise `parent_tgid`.
        pub ptrace_parent_tgid: u32,
        /// `cred->session_keyring->serial`; 0 = it has none.
        pub session_keyring: u32,
        /// Of the task's own time namespace, `nsproxy->time_ns`.
        pub time_offsets: TimeOffsets,
        /// Which devices its cgroup of v1 lets it use.
        pub device_list: DeviceList,
        /// Which programs decide on that for its cgroup of v2.
        pub device_programs: DevicePrograms,
        /// `signal->tty`.
        pub terminal: Terminal,
        /// UTS domain name, NUL-padded.
        pub domainname: [u8; 64],
        /// Scheduling.
        pub scheduling: Scheduling,
        /// `io_context->ioprio`: class << 13 | level; 0 = none was set.
        pub io_priority: u32,
        /// `task->personality`.
        pub personality: u32,
        /// `task->mempolicy`.
        pub memory_policy: MemoryPolicy,
        /// Effective memory nodes of its cpuset, bit n = node n.
        pub cpuset_mems: [u64; NODE_WORDS],
    }

    /// A task was created. `task_newtask` runs after the child's css_set is final, so
    /// `CLONE_INTO_CGROUP` shows here and nowhere else.
    pub struct ForkRecord {
        /// `task` is the caller of clone, which need not be the parent (`CLONE_PARENT`).
        pub header: Header,
        /// The new task.
        pub child: TaskId,
        /// Flags of clone, `CLONE_INTO_CGROUP` being bit 33.
        pub flags: u64,
        /// `real_parent->tgid`.
        pub parent_tgid: u32,
        /// The child's number in its own PID namespace.
        pub vpid: u32,
        /// The child's.
        pub namespaces: NamespaceSet,
        /// The child's.
        pub cgroups: CgroupSet,
    }

    /// An exec ([`crate::Kind::EXEC`]) or a task read at rest ([`crate::Kind::SNAPSHOT`]).
    pub struct CertificateRecord {
        /// Whose certificate it is.
        pub header: Header,
        /// At exec: the tid that the caller had before it became the leader.
        pub old_tid: u32,
        /// At exec: what became of holding the task, `FREE`, `HELD` or `NOT_HELD`.
        pub hold: u32,
        /// The facts.
        pub certificate: Certificate,
    }

    /// A task ended.
    pub struct ExitRecord {
        /// Who.
        pub header: Header,
        /// `task->exit_code` in wait(2)'s encoding.
        pub code: u32,
        /// 1 when it was the last thread of its group.
        pub group_dead: u32,
        /// Bits of [`Certificate::valid`] for the limits below, which are read of the last thread
        /// of a group alone.
        pub valid: u64,
        /// As [`Certificate::memory`]: its cgroups are still those that it was in.
        pub memory: LimitChain,
        /// As [`Certificate::pids`].
        pub pids: LimitChain,
        /// As [`Certificate::cpu`].
        pub cpu: BandwidthChain,
        /// As [`Certificate::cpuset_cpus`].
        pub cpuset_cpus: [u64; CPU_WORDS],
        /// What it had at its end; zeros unless the whole host is observed.
        pub namespaces: NamespaceSet,
    }

    /// `setns` or `unshare` returned.
    pub struct NamespaceRecord {
        /// Who.
        pub header: Header,
        /// Number of the system call.
        pub syscall: u32,
        /// Zero.
        pub reserved: u32,
        /// What it returned.
        pub ret: i64,
        /// Its first two arguments: hints only.
        pub arguments: [u64; 2],
        /// What the thread has now.
        pub namespaces: NamespaceSet,
    }

    /// A cgroup was made or removed.
    pub struct CgroupRecord {
        /// Who.
        pub header: Header,
        /// The cgroup.
        pub cgroup: CgroupEntry,
        /// Its path below the hierarchy's root, cut at the end.
        pub path: [u8; CGROUP_PATH_LEN],
    }

    /// A task was moved to a cgroup by a write to `cgroup.procs` or `tasks`.
    pub struct AttachRecord {
        /// Who moved it.
        pub header: Header,
        /// Who was moved.
        pub target: TaskId,
        /// Where to.
        pub cgroup: CgroupEntry,
        /// 1 when the whole thread group was moved.
        pub threadgroup: u32,
        /// Zero.
        pub reserved: u32,
        /// Path of the cgroup below its hierarchy's root.
        pub path: [u8; CGROUP_PATH_LEN],
    }

    /// A system call of the set-up returned. Its arguments are hints, not evidence.
    pub struct SyscallRecord {
        /// Who.
        pub header: Header,
        /// Number of the system call.
        pub syscall: u32,
        /// Zero.
        pub reserved: u32,
        /// What it returned.
        pub ret: i64,
        /// As they stood in the registers.
        pub arguments: [u64; 6],
        /// A path among the arguments where there is one.
        pub path: [u8; PATH_LEN],
    }

    /// Some instructions of a BPF program on devices, once for each program in a run. Several
    /// records make up a long one.
    pub struct ProgramRecord {
        /// Who was the first to be seen under it.
        pub header: Header,
        /// `prog->aux->id`.
        pub id: u32,
        /// `prog->len`: instructions that the program has.
        pub length: u32,
        /// Number of the first instruction below.
        pub first: u32,
        /// Zero.
        pub reserved: u32,
        /// `struct bpf_insn`, as the kernel keeps them after verifying.
        pub instructions: [u64; INSTRUCTIONS],
    }

    /// One process that another descends from.
    pub struct Ancestor {
        /// Start of its thread group's leader, in nanoseconds of boot time.
        pub start_ns: u64,
        /// Thread group.
        pub tgid: u32,
        /// `cred->uid`.
        pub uid: u32,
        /// `task->comm` of the leader, NUL-padded.
        pub comm: [u8; 16],
        /// Name of its executable file without the directory, NUL-terminated; empty = none, as
        /// that of a task of the kernel's.
        pub exe: [u8; NAME_LEN],
    }

    /// Who a task descends from, by `real_parent`, as it executes a program. It comes right before
    /// the record of that exec, where the whole host is observed.
    pub struct LineageRecord {
        /// Whose lineage it is.
        pub header: Header,
        /// Ancestors in use, from the parent up.
        pub count: u32,
        /// Not 0: there are more.
        pub truncated: u32,
        /// The nearest of them.
        pub ancestors: [Ancestor; MAX_LINEAGE],
    }

    /// One task of the host's inventory.
    pub struct TaskRecord {
        /// Who.
        pub header: Header,
        /// `real_parent->tgid`.
        pub parent_tgid: u32,
        /// [`TaskRecord::KERNEL_THREAD`].
        pub flags: u32,
        /// Namespaces.
        pub namespaces: NamespaceSet,
        /// Cgroups.
        pub cgroups: CgroupSet,
    }
}

impl CertificateRecord {
    /// The task goes on.
    pub const FREE: u32 = 0;
    /// It is stopped before the first instruction of the program.
    pub const HELD: u32 = 1;
    /// It should have been stopped, which the kernel refused.
    pub const NOT_HELD: u32 = 2;
}

impl Certificate {
    /// `namespaces`, `vpid`, `pid_level`.
    pub const NAMESPACES: u64 = 1 << 0;
    /// `cgroups`.
    pub const CGROUPS: u64 = 1 << 1;
    /// `ids`, `securebits`.
    pub const IDS: u64 = 1 << 2;
    /// `capabilities`.
    pub const CAPABILITIES: u64 = 1 << 3;
    /// `groups`.
    pub const GROUPS: u64 = 1 << 4;
    /// `uid_map`, `gid_map`.
    pub const ID_MAPS: u64 = 1 << 5;
    /// `hostname`.
    pub const HOSTNAME: u64 = 1 << 6;
    /// `no_new_privs`.
    pub const NO_NEW_PRIVS: u64 = 1 << 7;
    /// `seccomp_mode`.
    pub const SECCOMP: u64 = 1 << 8;
    /// `seccomp_filters`.
    pub const SECCOMP_FILTERS: u64 = 1 << 9;
    /// `memory`.
    pub const MEMORY: u64 = 1 << 10;
    /// `pids`.
    pub const PIDS: u64 = 1 << 11;
    /// `cpu`.
    pub const CPU: u64 = 1 << 12;
    /// `cpus_allowed`.
    pub const CPUS_ALLOWED: u64 = 1 << 13;
    /// `cpuset_cpus`.
    pub const CPUSET: u64 = 1 << 14;
    /// `root`, `cwd`.
    pub const PATHS: u64 = 1 << 15;
    /// `exe`.
    pub const EXE: u64 = 1 << 16;
    /// `rlimits`.
    pub const RLIMITS: u64 = 1 << 17;
    /// `descriptors`.
    pub const DESCRIPTORS: u64 = 1 << 18;
    /// `oom_score_adj`.
    pub const OOM_SCORE_ADJ: u64 = 1 << 19;
    /// `umask`.
    pub const UMASK: u64 = 1 << 20;
    /// `ptrace_parent_tgid`.
    pub const PTRACE_PARENT: u64 = 1 << 21;
    /// `session_keyring`.
    pub const SESSION_KEYRING: u64 = 1 << 22;
    /// `time_offsets`.
    pub const TIME_OFFSETS: u64 = 1 << 23;
    /// `device_list`.
    pub const DEVICE_LIST: u64 = 1 << 24;
    /// `device_programs`.
    pub const DEVICE_PROGRAMS: u64 = 1 << 25;
    /// `terminal`.
    pub const TERMINAL: u64 = 1 << 26;
    /// `domainname`.
    pub const DOMAINNAME: u64 = 1 << 27;
    /// `scheduling`.
    pub const SCHEDULING: u64 = 1 << 28;
    /// `io_priority`.
    pub const IO_PRIORITY: u64 = 1 << 29;
    /// `personality`.
    pub const PERSONALITY: u64 = 1 << 30;
    /// `memory_policy`.
    pub const MEMORY_POLICY: u64 = 1 << 31;
    /// `cpuset_mems`.
    pub const CPUSET_MEMS: u64 = 1 << 32;
}

impl Terminal {
    /// The session has none.
    pub const NONE: Self = Self {
        device: 0,
        devpts: 0,
    };
}

impl Scheduling {
    /// Its children begin with the default policy and no more nice value than others.
    pub const RESET_ON_FORK: u32 = 1 << 0;
    /// It may use time that others leave.
    pub const RECLAIM: u32 = 1 << 1;
    /// It is told of an overrun by a signal.
    pub const OVERRUN: u32 = 1 << 2;
}

impl MemoryPolicy {
    /// Nodes are moved between by their use.
    pub const NUMA_BALANCING: u32 = 1 << 13;
    /// Nodes count from the first that is allowed.
    pub const RELATIVE_NODES: u32 = 1 << 14;
    /// Nodes stay what they are when others are allowed.
    pub const STATIC_NODES: u32 = 1 << 15;
}

impl PathFact {
    /// It is the root of its mount.
    pub const MOUNT_ROOT: u32 = 1 << 0;
    /// Its mount stands directly on the namespace's root mount, or is it: where pivot_root
    /// puts a new root, and chroot does not.
    pub const AT_NAMESPACE_ROOT: u32 = 1 << 1;
    /// Its mount is read-only.
    pub const MOUNT_READ_ONLY: u32 = 1 << 2;
    /// Its file system is read-only.
    pub const FS_READ_ONLY: u32 = 1 << 3;
    /// Another mount lies on top of it; told of the root alone.
    pub const COVERED: u32 = 1 << 4;
    /// No other mount lies on top of it; told of the root alone. Neither of the two: there were
    /// too many mounts to look at.
    pub const UNCOVERED: u32 = 1 << 5;
}

impl Descriptor {
    /// Closed by the next exec.
    pub const CLOSE_ON_EXEC: u32 = 1 << 0;
    /// Opened with `O_PATH`.
    pub const PATH_ONLY: u32 = 1 << 1;
}

impl TaskRecord {
    /// `PF_KTHREAD`.
    pub const KERNEL_THREAD: u32 = 1 << 0;
}
