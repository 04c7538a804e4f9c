//! The header that every record opens with, and the identity of a task inside it.
//! Owns kinds and versions; must not know what a record carries behind the header.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Version of this contract. It is stamped into every header and into the object's
/// [`crate::Config`]; a reader refuses records of another version but for those in
/// [`crate::older::OLDER`].
pub const ABI_VERSION: u16 = 4;

/// What a record is. A transparent number and not an enum, so that a kind from a newer
/// writer decodes to "unknown" and never to undefined behaviour.
#[repr(transparent)]
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct Kind(pub u16);

impl Kind {
    /// [`crate::record::ForkRecord`]: a task was created.
    pub const FORK: Self = Self(1);
    /// [`crate::record::CertificateRecord`]: a task executed a program.
    pub const EXEC: Self = Self(2);
    /// [`crate::record::ExitRecord`]: a task ended.
    pub const EXIT: Self = Self(3);
    /// [`crate::record::NamespaceRecord`]: setns or unshare returned.
    pub const NAMESPACE: Self = Self(4);
    /// [`crate::record::CgroupRecord`]: a cgroup was made.
    pub const CGROUP_MKDIR: Self = Self(5);
    /// [`crate::record::CgroupRecord`]: a cgroup was removed.
    pub const CGROUP_RMDIR: Self = Self(6);
    /// [`crate::record::AttachRecord`]: a task was moved to a cgroup.
    pub const CGROUP_ATTACH: Self = Self(7);
    /// [`crate::record::SyscallRecord`]: a system call of the set-up returned.
    pub const SYSCALL: Self = Self(8);
    /// [`crate::record::CertificateRecord`] of a task that was asked for, read at rest.
    pub const SNAPSHOT: Self = Self(9);
    /// [`crate::record::TaskRecord`]: one task of the host's inventory.
    pub const TASK: Self = Self(10);

    /// [`crate::record::ProgramRecord`]: instructions of a BPF program that decides which devices
    /// can be opened.
    pub const DEVICE_PROGRAM: Self = Self(11);

    /// [`crate::record::LineageRecord`]: who a task that executes a program descends from.
    pub const LINEAGE: Self = Self(12);

    /// One above the highest kind; the size of per-kind counter tables.
    pub const END: u16 = 13;
}

/// A task, told apart from any later task with the same numbers by its start time.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct TaskId {
    /// Thread group id in the initial PID namespace (what user space calls the pid).
    pub tgid: u32,
    /// Thread id in the initial PID namespace.
    pub tid: u32,
    /// `group_leader->start_boottime`, nanoseconds of boot time.
    pub start_ns: u64,
    /// `task->comm`, NUL-padded.
    pub comm: [u8; 16],
}

/// Opens every record.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Header {
    /// What follows.
    pub kind: Kind,
    /// [`ABI_VERSION`] of the writer.
    pub abi: u16,
    /// Length of the whole record in bytes, this header included.
    pub len: u32,
    /// `bpf_ktime_get_boot_ns()` when the hook ran.
    pub time_ns: u64,
    /// The processor that the hook ran on.
    pub cpu: u32,
    /// Zero.
    pub reserved: u32,
    /// Who did it; for [`Kind::SNAPSHOT`] and [`Kind::TASK`], the task that was read.
    pub task: TaskId,
}

const _: () = {
    assert!(size_of::<TaskId>() == 32);
    assert!(size_of::<Header>() == 56);
};
