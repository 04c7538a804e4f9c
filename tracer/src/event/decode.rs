//! Wire bytes to events: total, so that no record, however damaged, stops a run. Owns the
//! mapping from kinds to bodies; must not read fields' meaning beyond that.

use std::mem::offset_of;

use tracer_common::older::{Older, older};
use tracer_common::record::{
    AttachRecord, CGROUP_PATH_LEN, CertificateRecord, CgroupRecord, ExitRecord, ForkRecord,
    INSTRUCTIONS, LineageRecord, NamespaceRecord, ProgramRecord, SyscallRecord, TaskRecord,
};
use tracer_common::{ABI_VERSION, Header, Kind};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::body::NamespaceCallName;
use super::body::{Ancestor, Lineage};
use super::limit::Limits;
use super::text::until_nul;
use super::{
    Body, Certificate, CgroupAttach, CgroupDir, CgroupMember, Cgroups, DeviceProgramPart, Event,
    Exec, Exit, Fork, Hold, KernelPath, NamespaceCall, Namespaces, SyscallReturn, SyscallTable,
    Task, TaskSeen, Tgid, Tid, Unknown, UnknownReason,
};

/// Decodes one record. Whatever cannot be understood becomes [`Body::Unknown`]; a record that is
/// longer than its kind is read by the part that is known, since fields are only appended, and one of
/// an older writer as if it had zeros there.
pub fn decode(syscalls: &SyscallTable, seq: u64, bytes: &[u8]) -> Event {
    let Ok((header, _)) = Header::read_from_prefix(bytes) else {
        return Event {
            seq,
            time_ns: 0,
            cpu: 0,
            task: Task::default(),
            body: Body::Unknown(Unknown {
                kind: 0,
                len: bytes.len(),
                reason: UnknownReason::NoHeader,
            }),
        };
    };
    let older = if header.abi == ABI_VERSION {
        None
    } else {
        older(header.abi)
    };
    event(syscalls, seq, &header, bytes, older)
}

fn event(
    syscalls: &SyscallTable,
    seq: u64,
    header: &Header,
    bytes: &[u8],
    older: Option<&Older>,
) -> Event {
    let body = body(syscalls, header, bytes, older).unwrap_or_else(|reason| {
        Body::Unknown(Unknown {
            kind: header.kind.0,
            len: bytes.len(),
            reason,
        })
    });
    Event::new(seq, header, body)
}

fn body(
    syscalls: &SyscallTable,
    header: &Header,
    bytes: &[u8],
    older: Option<&Older>,
) -> Result<Body, UnknownReason> {
    if header.abi != older.map_or(ABI_VERSION, |older| older.abi) {
        return Err(UnknownReason::Abi(header.abi));
    }
    if older.is_some_and(|older| header.kind.0 >= older.end) {
        return Err(UnknownReason::Kind);
    }
    // The ring may hand over more bytes than the record has, never fewer.
    let bytes = usize::try_from(header.len)
        .ok()
        .and_then(|len| bytes.get(..len))
        .ok_or(UnknownReason::Truncated {
            promised: header.len,
        })?;
    let length = older.and_then(|older| older.length(header.kind));
    Ok(match header.kind {
        Kind::FORK => read(bytes, length, |record: &ForkRecord| {
            Body::Fork(Box::new(Fork::from(record)))
        })?,
        Kind::EXEC => read(bytes, length, |record| {
            Body::Exec(Box::new(Exec::from(record)))
        })?,
        Kind::EXIT => read(bytes, length, |record| Body::Exit(Exit::from(record)))?,
        Kind::NAMESPACE => read(bytes, length, |record| namespace(syscalls, record))
            .flatten()
            .map(|call| Body::Namespace(Box::new(call)))?,
        Kind::CGROUP_MKDIR => read(bytes, length, |record| {
            Body::CgroupMkdir(cgroup_dir(record, length))
        })?,
        Kind::CGROUP_RMDIR => read(bytes, length, |record| {
            Body::CgroupRmdir(cgroup_dir(record, length))
        })?,
        Kind::CGROUP_ATTACH => read(bytes, length, |record| {
            Body::CgroupAttach(cgroup_attach(record, length))
        })?,
        Kind::SYSCALL => read(bytes, length, |record: &SyscallRecord| {
            Body::Syscall(SyscallReturn {
                name: syscalls.name(record.syscall),
                ret: record.ret,
                arguments: record.arguments,
                path: KernelPath::new(&record.path),
            })
        })?,
        Kind::SNAPSHOT => read(bytes, length, |record: &CertificateRecord| {
            Body::Snapshot(Certificate::from(record.certificate))
        })?,
        Kind::TASK => read(bytes, length, |record: &TaskRecord| {
            Body::TaskSeen(Box::new(TaskSeen::from(record)))
        })?,
        Kind::DEVICE_PROGRAM => read(bytes, length, |record: &ProgramRecord| {
            Body::DeviceProgram(Box::new(DeviceProgramPart::from(record)))
        })?,
        Kind::LINEAGE => read(bytes, length, |record: &LineageRecord| {
            Body::Lineage(Box::new(Lineage::from(record)))
        })?,
        _ => return Err(UnknownReason::Kind),
    })
}

impl From<&CertificateRecord> for Exec {
    fn from(record: &CertificateRecord) -> Self {
        Self {
            old_tid: Tid(record.old_tid),
            certificate: Certificate::from(record.certificate),
            hold: match record.hold {
                CertificateRecord::FREE => Hold::Free,
                CertificateRecord::HELD => Hold::Held,
                _ => Hold::Refused,
            },
        }
    }
}

impl From<&ExitRecord> for Exit {
    fn from(record: &ExitRecord) -> Self {
        Self {
            code: record.code,
            group_dead: record.group_dead != 0,
            limits: (record.group_dead != 0).then(|| Box::new(Limits::from(record))),
            namespaces: Some(Namespaces::from(&record.namespaces))
                .filter(|set| *set != Namespaces::default())
                .map(Box::new),
        }
    }
}

impl From<&LineageRecord> for Lineage {
    fn from(wire: &LineageRecord) -> Self {
        let count = usize::try_from(wire.count).unwrap_or(usize::MAX);
        let ancestors = wire.ancestors.iter().take(count);
        let name = |bytes: &[u8]| Some(until_nul(bytes)).filter(|name| !name.is_empty());
        Self {
            ancestors: ancestors
                .map(|ancestor| Ancestor {
                    tgid: Tgid(ancestor.tgid),
                    start_ns: ancestor.start_ns,
                    uid: ancestor.uid,
                    comm: until_nul(&ancestor.comm),
                    exe: name(&ancestor.exe),
                })
                .collect(),
            truncated: wire.truncated != 0,
        }
    }
}

/// What to make of a record, of which an older writer has written `length` bytes. It is read where it
/// stands if it can be.
fn read<T, R>(
    bytes: &[u8],
    length: Option<usize>,
    make: impl FnOnce(&T) -> R,
) -> Result<R, UnknownReason>
where
    T: FromBytes + IntoBytes + KnownLayout + Immutable,
{
    if let Ok((record, _)) = T::ref_from_prefix(bytes) {
        return Ok(make(record));
    }
    let whole = size_of::<T>();
    let needed = length.filter(|_| bytes.len() < whole).unwrap_or(whole);
    let mut record = T::new_zeroed();
    match (bytes.get(..needed), record.as_mut_bytes().get_mut(..needed)) {
        (Some(written), Some(part)) => {
            part.copy_from_slice(written);
            Ok(make(&record))
        }
        _ => Err(UnknownReason::Short { needed }),
    }
}

fn namespace(
    syscalls: &SyscallTable,
    record: &NamespaceRecord,
) -> Result<NamespaceCall, UnknownReason> {
    let call = match &*syscalls.name(record.syscall) {
        "setns" => NamespaceCallName::Setns,
        "unshare" => NamespaceCallName::Unshare,
        _ => return Err(UnknownReason::Call(record.syscall)),
    };
    Ok(NamespaceCall {
        call,
        ret: record.ret,
        arguments: record.arguments,
        namespaces: Namespaces::from(&record.namespaces),
    })
}

impl From<&ForkRecord> for Fork {
    fn from(record: &ForkRecord) -> Self {
        Self {
            child: Task::from(&record.child),
            flags: record.flags,
            parent: Tgid(record.parent_tgid),
            vpid: record.vpid,
            namespaces: Namespaces::from(&record.namespaces),
            cgroups: Cgroups::from(&record.cgroups),
        }
    }
}

/// The path with which a record ends, of which an older writer has written `length` bytes: one that filled
/// the room it had then is cut.
fn last_path(path: &[u8; CGROUP_PATH_LEN], before: usize, length: Option<usize>) -> KernelPath {
    let room = length.and_then(|length| length.checked_sub(before));
    KernelPath::new(room.and_then(|room| path.get(..room)).unwrap_or(path))
}

fn cgroup_dir(record: &CgroupRecord, length: Option<usize>) -> CgroupDir {
    CgroupDir {
        cgroup: CgroupMember::from(&record.cgroup),
        path: last_path(&record.path, offset_of!(CgroupRecord, path), length),
    }
}

fn cgroup_attach(record: &AttachRecord, length: Option<usize>) -> CgroupAttach {
    CgroupAttach {
        target: Task::from(&record.target),
        cgroup: CgroupMember::from(&record.cgroup),
        threadgroup: record.threadgroup != 0,
        path: last_path(&record.path, offset_of!(AttachRecord, path), length),
    }
}

impl From<&ProgramRecord> for DeviceProgramPart {
    fn from(record: &ProgramRecord) -> Self {
        let left = record.length.saturating_sub(record.first) as usize;
        Self {
            id: record.id,
            length: record.length,
            first: record.first,
            instructions: record.instructions[..left.min(INSTRUCTIONS)].to_vec(),
        }
    }
}

impl From<&TaskRecord> for TaskSeen {
    fn from(record: &TaskRecord) -> Self {
        Self {
            parent: Tgid(record.parent_tgid),
            kernel_thread: record.flags & TaskRecord::KERNEL_THREAD != 0,
            namespaces: Namespaces::from(&record.namespaces),
            cgroups: Cgroups::from(&record.cgroups),
        }
    }
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
