//! What goes down once at load (a read-only global) and the indices of the counters that come
//! up at the end. Owns no behaviour.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::header::Kind;

/// Words in the bitmap of system calls; covers numbers 0 to 511.
pub const SYSCALL_WORDS: usize = 8;

/// Read-only global `CONFIG` of the object.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Config {
    /// [`crate::ABI_VERSION`] of the loader.
    pub abi: u32,
    /// The process whose descendants are in scope, in the initial PID namespace.
    pub root_tgid: u32,
    /// log2 of the page size, to turn page counters into bytes.
    pub page_shift: u32,
    /// Number of `setns`.
    pub nr_setns: u32,
    /// Number of `unshare`.
    pub nr_unshare: u32,
    /// One above the highest number that a processor of this machine can have.
    pub cpu_ids: u32,
    /// [`HOLD_ELSEWHERE`] and [`HOLD_CGROUPS`]: who is held, while [`Request::hold`] says so, too.
    pub hold: u32,
    /// Inode numbers of tracer's own namespaces: mnt, uts, ipc, pid, net, time, cgroup, user.
    /// 0 = this kernel has none of that kind.
    pub own: [u32; 8],
    /// Not 0: the whole host is observed, and not the descendants of `root_tgid`: whoever is in
    /// other namespaces than the machine began with, or was moved to another cgroup.
    pub host: u32,
    /// Bytes without meaning.
    pub padding: [u32; 2],
    /// Bit n set: the return of system call n by a task in scope is recorded.
    pub syscalls: [u64; SYSCALL_WORDS],
    /// Two bits for each system call below 512, packed 32 to a word: 0 = no path among the
    /// arguments, n = argument n-1 points to a path that is kept as a hint.
    pub path_argument: [u64; 2 * SYSCALL_WORDS],
}

/// Number of a helper that no kernel has. The object calls it where the loader is to put a call of
/// `bpf_rdonly_cast(address, CAST_TYPE)`.
pub const CAST_CALL: u32 = 0x7472_6163;
/// A number that stands for the id of a struct that is an array of 64-bit numbers in the running kernel's BTF, which the
/// loader is to put wherever it is moved to a register.
pub const CAST_TYPE: u32 = 0x7472_7479;

/// Bit of [`Config::hold`]: who executes a program in other namespaces than [`Config::own`].
pub const HOLD_ELSEWHERE: u32 = 1;

/// Another such bit: who executes one in other cgroups than tracer is in, in any hierarchy.
pub const HOLD_CGROUPS: u32 = 2;

/// Bits of a value in the map `SCOPE` that are the start of the thread group's leader in nanoseconds
/// of boot time: enough for 18 years.
pub const STARTED: u64 = (1 << 59) - 1;

/// Another bit of such a value: the group, and what it creates in its own namespaces, belongs to a
/// container that has been judged, and is not held any more.
pub const LET_GO: u64 = 1 << 63;

/// Another such bit: it was let go on the condition that it keeps its namespaces, so that setns and
/// unshare are refused to it where the kernel has hooks for that.
pub const KEEPS_NAMESPACES: u64 = 1 << 62;

/// Bit of a value in the map `SCOPE` where the whole host is observed: the group was moved to
/// another cgroup, or created there, and has executed a program since. What it creates from then on
/// is not observed for that reason.
pub const EXECUTED: u64 = 1 << 61;

/// Another such bit: the group is held, and nobody has decided upon it.
pub const HELD: u64 = 1 << 60;

/// Another such bit, beside [`HELD`]: the record of what it executed was lost, so that nobody is told
/// that it is held.
pub const UNTOLD: u64 = 1 << 59;

/// What changes while the programs run: the one slot of the array map `REQUEST`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Request {
    /// A thread group whose leader's certificate the iterator shall emit, or 0.
    pub tgid: u32,
    /// Not 0: emit a [`crate::record::TaskRecord`] for every task.
    pub inventory: u32,
    /// Not 0: hold, as far as [`Config::hold`] allows it.
    pub hold: u32,
}

/// The one slot of the array map `HOST`: the host's own namespaces, as the iterator has found them
/// at the kernel's own `kthreadd`. Until then everybody is taken to be elsewhere.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Host {
    /// Address of its `nsproxy`, which nearly all tasks of the host share with it; 0 = not known.
    pub nsproxy: u64,
    /// Address of its user namespace.
    pub user: u64,
    /// Inode numbers, in the order of [`Config::own`].
    pub own: [u32; 8],
}

/// Index into the per-CPU array map `COUNTERS`, whose values are `u64`.
///
/// At any quiet moment, for each kind, `submitted = read + lost` holds, where `submitted`
/// counts every record that a hook set out to emit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter(pub u32);

impl Counter {
    /// A task could not be taken into scope, or a cgroup that somebody outside of it has made not be
    /// noted, because a table is full.
    pub const SCOPE_FULL: Self = Self(0);
    /// Number of counters.
    pub const COUNT: u32 = 1 + 2 * Kind::END as u32;

    /// Records of `kind` that a hook set out to emit.
    #[must_use]
    pub const fn submitted(kind: Kind) -> Self {
        Self(1 + kind.0 as u32)
    }

    /// Records of `kind` for which the ring had no room.
    #[must_use]
    pub const fn lost(kind: Kind) -> Self {
        Self(1 + Kind::END as u32 + kind.0 as u32)
    }
}

const _: () = assert!(size_of::<Config>() == 72 + 64 + 128);
