//! Wire records for tests, built like the kernel side builds them. Owns no claims.

use tracer_common::record::{
    AttachRecord, Certificate, CertificateRecord, CgroupEntry, CgroupRecord, CgroupSet,
    DeviceException, DeviceList, ExitRecord, ForkRecord, NamespaceRecord, NamespaceSet,
    SyscallRecord, TaskRecord,
};
use tracer_common::{ABI_VERSION, Header, Kind, TaskId};
use zerocopy::{FromZeros, Immutable, IntoBytes};

use super::{Event, SyscallTable, decode};

/// The observer's process.
pub(crate) const ROOT: TaskId = task(100, 100, "tracer");
/// The container's init.
pub(crate) const INIT: TaskId = task(200, 200, "tracer:init");
/// A process of the host that has no part in the run.
pub(crate) const STRANGER: TaskId = task(300, 300, "stranger");

/// Namespaces of the host.
pub(crate) const HOST: NamespaceSet = NamespaceSet {
    mnt: 4026531841,
    uts: 4026531838,
    ipc: 4026531839,
    pid: 4026531836,
    pid_for_children: 4026531836,
    net: 4026531840,
    time: 4026531834,
    time_for_children: 4026531834,
    cgroup: 4026531835,
    user: 4026531837,
    unique: [0; 10],
};

/// Namespaces of the container.
pub(crate) const NEW: NamespaceSet = NamespaceSet {
    mnt: 4026532177,
    uts: 4026532178,
    ipc: 4026532179,
    pid: 4026532180,
    pid_for_children: 4026532180,
    net: 4026532182,
    time: 4026532183,
    time_for_children: 4026532183,
    cgroup: 4026532181,
    user: 4026532176,
    unique: [0; 10],
};

/// All eight `CLONE_NEW*`.
pub(crate) const ALL_NEW: u64 = 0x7e02_0080;
/// `CLONE_INTO_CGROUP`.
pub(crate) const INTO_CGROUP: u64 = 1 << 33;
/// `CLONE_THREAD | CLONE_SIGHAND | CLONE_VM`.
pub(crate) const THREAD: u64 = 0x0001_0900;

pub(crate) const SETNS: u32 = 308;
pub(crate) const UNSHARE: u32 = 272;

pub(crate) const fn task(tgid: u32, tid: u32, comm: &str) -> TaskId {
    let mut bytes = [0; 16];
    let mut at = 0;
    while at < comm.len() {
        bytes[at] = comm.as_bytes()[at];
        at += 1;
    }
    TaskId {
        tgid,
        tid,
        start_ns: 1_000_000_000 + tgid as u64,
        comm: bytes,
    }
}

/// System calls by number.
pub(crate) const SYSCALLS: [(u32, &str); 10] = [
    (SETNS, "setns"),
    (UNSHARE, "unshare"),
    (165, "mount"),
    (429, "move_mount"),
    (430, "fsopen"),
    (432, "fsmount"),
    (155, "pivot_root"),
    (157, "prctl"),
    (126, "capset"),
    (317, "seccomp"),
];

pub(crate) fn syscalls() -> SyscallTable {
    SyscallTable::new(SYSCALLS)
}

pub(crate) fn header(kind: Kind, len: u32, task: TaskId) -> Header {
    Header {
        kind,
        abi: ABI_VERSION,
        len,
        time_ns: 5_000_000_000,
        cpu: 1,
        reserved: 0,
        task,
    }
}

fn header_of<T>(kind: Kind, task: TaskId) -> Header {
    header(kind, u32::try_from(size_of::<T>()).expect("small"), task)
}

fn path<const ROOM: usize>(text: &str) -> [u8; ROOM] {
    let mut bytes = [0; ROOM];
    bytes[..text.len()].copy_from_slice(text.as_bytes());
    bytes
}

pub(crate) fn entry(hierarchy: u32, id: u64) -> CgroupEntry {
    CgroupEntry {
        id,
        hierarchy,
        level: 1,
        controllers: 1 << hierarchy,
        reserved: 0,
    }
}

pub(crate) fn cgroups(members: &[(u32, u64)]) -> CgroupSet {
    let mut set = CgroupSet::new_zeroed();
    set.count = u32::try_from(members.len()).expect("few");
    for (slot, (hierarchy, id)) in set.entries.iter_mut().zip(members) {
        *slot = entry(*hierarchy, *id);
    }
    set
}

pub(crate) fn fork(
    by: TaskId,
    child: TaskId,
    flags: u64,
    namespaces: NamespaceSet,
    cgroups: &CgroupSet,
) -> ForkRecord {
    ForkRecord {
        header: header_of::<ForkRecord>(Kind::FORK, by),
        child,
        flags,
        parent_tgid: by.tgid,
        vpid: 1,
        namespaces,
        cgroups: *cgroups,
    }
}

/// A certificate in which every fact is valid and most are zero.
pub(crate) fn certificate() -> Certificate {
    let mut facts = Certificate::new_zeroed();
    facts.valid = u64::MAX;
    facts
}

pub(crate) fn certificate_with(change: impl FnOnce(&mut Certificate)) -> Certificate {
    let mut facts = certificate();
    change(&mut facts);
    facts
}

pub(crate) fn exec(task: TaskId, certificate: &Certificate, filename: &str) -> CertificateRecord {
    let certificate = Certificate {
        filename: path(filename),
        ..*certificate
    };
    let header = header_of::<CertificateRecord>(Kind::EXEC, task);
    CertificateRecord {
        header,
        old_tid: task.tid,
        hold: CertificateRecord::FREE,
        certificate,
    }
}

pub(crate) fn snapshot(task: TaskId, certificate: &Certificate) -> CertificateRecord {
    let header = header_of::<CertificateRecord>(Kind::SNAPSHOT, task);
    CertificateRecord {
        header,
        old_tid: 0,
        hold: CertificateRecord::FREE,
        certificate: *certificate,
    }
}

pub(crate) fn exit(task: TaskId, code: u32) -> ExitRecord {
    ExitRecord {
        header: header_of::<ExitRecord>(Kind::EXIT, task),
        code,
        group_dead: 1,
        ..ExitRecord::new_zeroed()
    }
}

pub(crate) fn namespace_call(
    task: TaskId,
    syscall: u32,
    ret: i64,
    namespaces: NamespaceSet,
) -> NamespaceRecord {
    NamespaceRecord {
        header: header_of::<NamespaceRecord>(Kind::NAMESPACE, task),
        syscall,
        reserved: 0,
        ret,
        arguments: [0; 2],
        namespaces,
    }
}

pub(crate) fn mkdir(by: TaskId, hierarchy: u32, id: u64, at: &str) -> CgroupRecord {
    CgroupRecord {
        header: header_of::<CgroupRecord>(Kind::CGROUP_MKDIR, by),
        cgroup: entry(hierarchy, id),
        path: path(at),
    }
}

pub(crate) fn rmdir(by: TaskId, hierarchy: u32, id: u64, at: &str) -> CgroupRecord {
    let mut record = mkdir(by, hierarchy, id, at);
    record.header.kind = Kind::CGROUP_RMDIR;
    record
}

pub(crate) fn attach(
    by: TaskId,
    target: TaskId,
    hierarchy: u32,
    id: u64,
    at: &str,
) -> AttachRecord {
    AttachRecord {
        header: header_of::<AttachRecord>(Kind::CGROUP_ATTACH, by),
        target,
        cgroup: entry(hierarchy, id),
        threadgroup: 1,
        reserved: 0,
        path: path(at),
    }
}

pub(crate) fn syscall(task: TaskId, number: u32, arguments: [u64; 6], at: &str) -> SyscallRecord {
    SyscallRecord {
        header: header_of::<SyscallRecord>(Kind::SYSCALL, task),
        syscall: number,
        reserved: 0,
        ret: 0,
        arguments,
        path: path(at),
    }
}

pub(crate) fn seen(task: TaskId, namespaces: NamespaceSet, cgroups: &CgroupSet) -> TaskRecord {
    TaskRecord {
        header: header_of::<TaskRecord>(Kind::TASK, task),
        parent_tgid: 1,
        flags: 0,
        namespaces,
        cgroups: *cgroups,
    }
}

/// Decodes a record as number `seq` of the stream, `seq` * 10 us after the first.
pub(crate) fn event(seq: u64, record: &(impl IntoBytes + Immutable)) -> Event {
    let mut event = decode(&syscalls(), seq, record.as_bytes());
    event.time_ns += seq * 10_000;
    event
}

/// Null, and files for every device.
pub(crate) fn devices() -> DeviceList {
    let exception = |major, minor, kind, access| DeviceException {
        major,
        minor,
        kind,
        access,
    };
    let mut list = DeviceList::new_zeroed();
    (list.behavior, list.count) = (2, 2);
    list.exceptions[0] = exception(u32::MAX, u32::MAX, 3, 1);
    list.exceptions[1] = exception(1, 3, 2, 7);
    list
}
