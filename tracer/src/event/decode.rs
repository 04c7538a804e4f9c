//! Wire bytes to events: total, so that no record, however damaged, stops a run. Owns the
//! mapping from kinds to bodies; must not read fields' meaning beyond that.

use tracer_common::record::{
    AttachRecord, CertificateRecord, CgroupRecord, ExitRecord, ForkRecord, INSTRUCTIONS,
    LineageRecord, NamespaceRecord, ProgramRecord, SyscallRecord, TaskRecord,
};
use tracer_common::{ABI_VERSION, Header, Kind};
use zerocopy::FromBytes;

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
/// longer than its kind is read by the part that is known, since fields are only appended.
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
    let body = body(syscalls, &header, bytes).unwrap_or_else(|reason| {
        Body::Unknown(Unknown {
            kind: header.kind.0,
            len: bytes.len(),
            reason,
        })
    });
    Event::new(seq, &header, body)
}

fn body(syscalls: &SyscallTable, header: &Header, bytes: &[u8]) -> Result<Body, UnknownReason> {
    if header.abi != ABI_VERSION {
        return Err(UnknownReason::Abi(header.abi));
    }
    // The ring may hand over more bytes than the record has, never fewer.
    let bytes = usize::try_from(header.len)
        .ok()
        .and_then(|len| bytes.get(..len))
        .ok_or(UnknownReason::Truncated {
            promised: header.len,
        })?;
    Ok(match header.kind {
        Kind::FORK => Body::Fork(Box::new(Fork::from(&read::<ForkRecord>(bytes)?))),
        Kind::EXEC => {
            let record: CertificateRecord = read(bytes)?;
            let certificate = Certificate::from(record.certificate);
            Body::Exec(Box::new(Exec {
                old_tid: Tid(record.old_tid),
                certificate,
                hold: match record.hold {
                    CertificateRecord::FREE => Hold::Free,
                    CertificateRecord::HELD => Hold::Held,
                    _ => Hold::Refused,
                },
            }))
        }
        Kind::EXIT => {
            let record: ExitRecord = read(bytes)?;
            Body::Exit(Exit {
                code: record.code,
                group_dead: record.group_dead != 0,
                limits: (record.group_dead != 0).then(|| Box::new(Limits::from(&record))),
                namespaces: Namespaces::from(&record.namespaces),
            })
        }
        Kind::NAMESPACE => Body::Namespace(namespace(syscalls, &read(bytes)?)?),
        Kind::CGROUP_MKDIR => Body::CgroupMkdir(CgroupDir::from(&read::<CgroupRecord>(bytes)?)),
        Kind::CGROUP_RMDIR => Body::CgroupRmdir(CgroupDir::from(&read::<CgroupRecord>(bytes)?)),
        Kind::CGROUP_ATTACH => {
            Body::CgroupAttach(CgroupAttach::from(&read::<AttachRecord>(bytes)?))
        }
        Kind::SYSCALL => {
            let record: SyscallRecord = read(bytes)?;
            Body::Syscall(SyscallReturn {
                name: syscalls.name(record.syscall),
                ret: record.ret,
                arguments: record.arguments,
                path: KernelPath::new(&record.path),
            })
        }
        Kind::SNAPSHOT => Body::Snapshot(Certificate::from(
            read::<CertificateRecord>(bytes)?.certificate,
        )),
        Kind::TASK => Body::TaskSeen(Box::new(TaskSeen::from(&read::<TaskRecord>(bytes)?))),
        Kind::DEVICE_PROGRAM => {
            Body::DeviceProgram(Box::new(DeviceProgramPart::from(&read::<ProgramRecord>(
                bytes,
            )?)))
        }
        Kind::LINEAGE => Body::Lineage(Box::new(Lineage::from(&read(bytes)?))),
        _ => return Err(UnknownReason::Kind),
    })
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

fn read<T: FromBytes>(bytes: &[u8]) -> Result<T, UnknownReason> {
    T::read_from_prefix(bytes)
        .map(|(record, _)| record)
        .map_err(|_| UnknownReason::Short {
            needed: size_of::<T>(),
        })
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

impl From<&CgroupRecord> for CgroupDir {
    fn from(record: &CgroupRecord) -> Self {
        Self {
            cgroup: CgroupMember::from(&record.cgroup),
            path: KernelPath::new(&record.path),
        }
    }
}

impl From<&AttachRecord> for CgroupAttach {
    fn from(record: &AttachRecord) -> Self {
        Self {
            target: Task::from(&record.target),
            cgroup: CgroupMember::from(&record.cgroup),
            threadgroup: record.threadgroup != 0,
            path: KernelPath::new(&record.path),
        }
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
mod tests {
    use proptest::prelude::*;
    use zerocopy::IntoBytes;

    use super::super::sample;
    use super::*;

    fn unknown(bytes: &[u8]) -> UnknownReason {
        match decode(&sample::syscalls(), 0, bytes).body {
            Body::Unknown(unknown) => unknown.reason,
            other => panic!("decoded to {other:?}"),
        }
    }

    #[test]
    fn a_record_of_another_abi_is_unknown() {
        let mut record = sample::exit(sample::INIT, 0);
        record.header.abi = ABI_VERSION + 1;
        assert_eq!(
            unknown(record.as_bytes()),
            UnknownReason::Abi(ABI_VERSION + 1)
        );
    }

    #[test]
    fn a_kind_of_a_newer_writer_is_unknown() {
        let mut record = sample::exit(sample::INIT, 0);
        record.header.kind = Kind(Kind::END);
        assert_eq!(unknown(record.as_bytes()), UnknownReason::Kind);
    }

    #[test]
    fn a_record_shorter_than_its_header_says_is_unknown() {
        let record = sample::exit(sample::INIT, 0);
        let bytes = record.as_bytes();
        assert_eq!(
            unknown(&bytes[..bytes.len() - 1]),
            UnknownReason::Truncated {
                promised: record.header.len
            }
        );
        assert_eq!(unknown(&bytes[..10]), UnknownReason::NoHeader);
    }

    #[test]
    fn a_record_shorter_than_its_kind_is_unknown() {
        let mut record = sample::exit(sample::INIT, 0);
        record.header.len -= 4;
        let needed = size_of::<ExitRecord>();
        assert_eq!(unknown(record.as_bytes()), UnknownReason::Short { needed });
    }

    #[test]
    fn a_record_that_a_newer_writer_made_longer_is_read_by_its_prefix() {
        let mut record = sample::exit(sample::INIT, 3 << 8);
        record.header.len += 8;
        let mut bytes = record.as_bytes().to_vec();
        bytes.extend([0xff; 8]);
        let event = decode(&sample::syscalls(), 7, &bytes);
        assert_eq!(event.seq, 7);
        let Body::Exit(exit) = event.body else {
            panic!("another kind")
        };
        assert_eq!((exit.code, exit.group_dead), (3 << 8, true));
    }

    #[test]
    fn a_namespace_record_of_another_call_is_unknown() {
        let record = sample::namespace_call(sample::INIT, 9, 0, sample::HOST);
        assert_eq!(unknown(record.as_bytes()), UnknownReason::Call(9));
    }

    #[test]
    fn an_exit_by_signal_has_the_status_a_shell_shows() {
        assert_eq!(
            Exit {
                code: 9,
                group_dead: true,
                limits: None,
                namespaces: Namespaces::default(),
            }
            .status(),
            137
        );
        assert_eq!(
            Exit {
                code: 0x8b,
                group_dead: true,
                limits: None,
                namespaces: Namespaces::default(),
            }
            .status(),
            139,
            "with a core dump"
        );
        assert_eq!(
            Exit {
                code: 3 << 8,
                group_dead: true,
                limits: None,
                namespaces: Namespaces::default(),
            }
            .status(),
            3
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_decode_panic(bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
            decode(&sample::syscalls(), 0, &bytes);
        }

        /// Random bytes hardly ever pass the header: here it is sound and the rest is not.
        #[test]
        fn no_content_behind_a_sound_header_makes_decode_panic(
            kind in 0..=Kind::END,
            mut bytes in proptest::collection::vec(any::<u8>(), 56..4096),
        ) {
            let len = u32::try_from(bytes.len()).expect("small");
            let header = sample::header(Kind(kind), len, sample::INIT);
            bytes[..size_of::<Header>()].copy_from_slice(header.as_bytes());
            let event = decode(&sample::syscalls(), 0, &bytes);
            prop_assert!(event.body.kind() == Kind(kind));
            if let Body::Exec(exec) = event.body {
                // The accessors are part of what has to be total.
                exec.certificate.groups();
                exec.certificate.descriptors();
                exec.certificate.cgroups();
                exec.certificate.uid_map();
                exec.certificate.filename();
            }
        }
    }
}
