//! That every kind of record says, decoded, what its bytes say, whatever they are.

use proptest::prelude::*;
use tracer_common::Kind;
use tracer_common::record::{
    self as wire, AttachRecord, CertificateRecord, CgroupRecord, ExitRecord, ForkRecord,
    LineageRecord, NamespaceRecord, ProgramRecord, SyscallRecord, TaskRecord,
};
use zerocopy::FromBytes;

use super::arbitrary::{any_record, length};
use super::sample::syscalls;
use super::{
    Body, Certificate, CgroupMember, Cgroups, Hold, KernelPath, NamespaceSlot, Namespaces, Task,
    decode,
};

fn read<T: FromBytes>(bytes: &[u8]) -> T {
    let read = T::read_from_bytes(bytes);
    read.unwrap_or_else(|_| panic!("a whole record"))
}

/// What stands before the first NUL.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0);
    String::from_utf8_lossy(&bytes[..end.unwrap_or(bytes.len())]).into_owned()
}

fn same_path(path: &KernelPath, wire: &[u8]) {
    assert_eq!(path.text, text(wire));
}

fn same_task(task: &Task, wire: &tracer_common::TaskId) {
    assert_eq!((task.tgid.0, task.tid.0), (wire.tgid, wire.tid));
    assert_eq!(task.start_ns, wire.start_ns);
    assert_eq!(task.comm, text(&wire.comm));
}

fn same_namespaces(set: &Namespaces, wire: &wire::NamespaceSet) {
    let numbers = [
        (NamespaceSlot::Mnt, wire.mnt),
        (NamespaceSlot::Uts, wire.uts),
        (NamespaceSlot::Ipc, wire.ipc),
        (NamespaceSlot::Pid, wire.pid),
        (NamespaceSlot::PidForChildren, wire.pid_for_children),
        (NamespaceSlot::Net, wire.net),
        (NamespaceSlot::Time, wire.time),
        (NamespaceSlot::TimeForChildren, wire.time_for_children),
        (NamespaceSlot::Cgroup, wire.cgroup),
        (NamespaceSlot::User, wire.user),
    ];
    for ((slot, number), unique) in numbers.into_iter().zip(wire.unique) {
        // 0 is none.
        assert_eq!(set.get(slot).map_or(0, |id| id.0), number, "{slot:?}");
        assert_eq!(set.unique(slot).map_or(0, |id| id.0), unique, "{slot:?}");
    }
}

fn same_member(member: &CgroupMember, wire: &wire::CgroupEntry) {
    assert_eq!(member.key.id, wire.id);
    assert_eq!(member.key.hierarchy, wire.hierarchy);
}

fn same_cgroups(cgroups: &Cgroups, wire: &wire::CgroupSet) {
    let count = usize::try_from(wire.count)
        .expect("fits")
        .min(wire.entries.len());
    assert_eq!(cgroups.members.len(), count);
    for (member, entry) in cgroups.members.iter().zip(&wire.entries) {
        same_member(member, entry);
    }
}

/// Those facts of a certificate that read as they stand; what is made of the others is tested where
/// that is done.
fn same_facts(facts: &Certificate, wire: &wire::Certificate) {
    let valid = |bit: u64| wire.valid & bit != 0;
    let namespaces = facts.namespaces();
    assert_eq!(namespaces.is_some(), valid(wire::Certificate::NAMESPACES));
    if let Some(set) = &namespaces {
        same_namespaces(set, &wire.namespaces);
    }
    let cgroups = facts.cgroups();
    assert_eq!(cgroups.is_some(), valid(wire::Certificate::CGROUPS));
    if let Some(set) = &cgroups {
        same_cgroups(set, &wire.cgroups);
    }
    let umask = valid(wire::Certificate::UMASK).then_some(wire.umask);
    assert_eq!(facts.umask(), umask);
    let score = valid(wire::Certificate::OOM_SCORE_ADJ).then_some(wire.oom_score_adj);
    assert_eq!(facts.oom_score_adj(), score);
    let ids = facts.ids().map(|ids| (ids.uid, ids.egid, ids.fsgid));
    let of_wire = (wire.ids.uid, wire.ids.egid, wire.ids.fsgid);
    assert_eq!(ids, valid(wire::Certificate::IDS).then_some(of_wire));
    let sets = facts.capabilities().map(|sets| {
        let rest = (sets.bounding, sets.ambient);
        (sets.inheritable, sets.permitted, sets.effective, rest)
    });
    let of_wire = &wire.capabilities;
    let rest = (of_wire.bounding, of_wire.ambient);
    let of_wire = (
        of_wire.inheritable,
        of_wire.permitted,
        of_wire.effective,
        rest,
    );
    let bit = wire::Certificate::CAPABILITIES;
    assert_eq!(sets, valid(bit).then_some(of_wire));
}

/// Compares a decoded record with its bytes.
fn same(bytes: &[u8]) {
    let event = decode(&syscalls(), 7, bytes);
    let (header, _) = tracer_common::Header::read_from_prefix(bytes).expect("a header");
    assert_eq!(
        (event.seq, event.time_ns, event.cpu),
        (7, header.time_ns, header.cpu)
    );
    same_task(&event.task, &header.task);
    assert_eq!(event.body.kind(), header.kind);
    match event.body {
        Body::Fork(fork) => {
            let record: ForkRecord = read(bytes);
            same_task(&fork.child, &record.child);
            let decoded = (fork.flags, fork.parent.0, fork.vpid);
            assert_eq!(decoded, (record.flags, record.parent_tgid, record.vpid));
            same_namespaces(&fork.namespaces, &record.namespaces);
            same_cgroups(&fork.cgroups, &record.cgroups);
        }
        Body::Exec(exec) => {
            let record: CertificateRecord = read(bytes);
            assert_eq!(exec.old_tid.0, record.old_tid);
            assert_eq!(exec.hold == Hold::Free, record.hold == 0);
            same_facts(&exec.certificate, &record.certificate);
        }
        Body::Snapshot(facts) => {
            same_facts(&facts, &read::<CertificateRecord>(bytes).certificate);
        }
        Body::Exit(exit) => {
            let record: ExitRecord = read(bytes);
            assert_eq!(exit.code, record.code);
            assert_eq!(exit.group_dead, record.group_dead != 0);
            assert_eq!(exit.limits.is_some(), exit.group_dead);
            let namespaces = exit.namespaces.map_or_else(Namespaces::default, |set| *set);
            same_namespaces(&namespaces, &record.namespaces);
        }
        Body::Namespace(call) => {
            let record: NamespaceRecord = read(bytes);
            assert_eq!((call.ret, call.arguments), (record.ret, record.arguments));
            same_namespaces(&call.namespaces, &record.namespaces);
        }
        Body::CgroupMkdir(dir) | Body::CgroupRmdir(dir) => {
            let record: CgroupRecord = read(bytes);
            same_member(&dir.cgroup, &record.cgroup);
            same_path(&dir.path, &record.path);
        }
        Body::CgroupAttach(attach) => {
            let record: AttachRecord = read(bytes);
            same_task(&attach.target, &record.target);
            same_member(&attach.cgroup, &record.cgroup);
            assert_eq!(attach.threadgroup, record.threadgroup != 0);
            same_path(&attach.path, &record.path);
        }
        Body::Syscall(call) => {
            let record: SyscallRecord = read(bytes);
            assert_eq!((call.ret, call.arguments), (record.ret, record.arguments));
            same_path(&call.path, &record.path);
        }
        Body::TaskSeen(seen) => {
            let record: TaskRecord = read(bytes);
            assert_eq!(seen.parent.0, record.parent_tgid);
            assert_eq!(
                seen.kernel_thread,
                record.flags & TaskRecord::KERNEL_THREAD != 0
            );
            same_namespaces(&seen.namespaces, &record.namespaces);
            same_cgroups(&seen.cgroups, &record.cgroups);
        }
        Body::DeviceProgram(part) => {
            let record: ProgramRecord = read(bytes);
            let decoded = (part.id, part.length, part.first);
            assert_eq!(decoded, (record.id, record.length, record.first));
            assert!(record.instructions.starts_with(&part.instructions));
        }
        Body::Lineage(lineage) => {
            let record: LineageRecord = read(bytes);
            assert_eq!(lineage.truncated, record.truncated != 0);
            for (ancestor, wire) in lineage.ancestors.iter().zip(&record.ancestors) {
                let decoded = (ancestor.tgid.0, ancestor.start_ns, ancestor.uid);
                assert_eq!(decoded, (wire.tgid, wire.start_ns, wire.uid));
                assert_eq!(ancestor.comm, text(&wire.comm));
                assert_eq!(ancestor.exe.clone().unwrap_or_default(), text(&wire.exe));
            }
        }
        Body::Unknown(unknown) => panic!("{unknown:?}"),
    }
}

fn of_any_kind() -> impl Strategy<Value = Vec<u8>> {
    (1..Kind::END).prop_flat_map(|kind| any_record(Kind(kind)))
}

proptest! {
    #[test]
    fn a_record_of_every_kind_says_decoded_what_its_bytes_say(
        bytes in of_any_kind(),
    ) {
        same(&bytes);
    }

    #[test]
    fn nothing_behind_a_record_changes_what_it_says(
        bytes in of_any_kind(),
        behind in prop::collection::vec(any::<u8>(), 0..16),
    ) {
        let longer = [&bytes[..], &behind].concat();
        prop_assert_eq!(decode(&syscalls(), 0, &bytes), decode(&syscalls(), 0, &longer));
    }
}

#[test]
fn every_kind_has_records_here() {
    for kind in 1..Kind::END {
        assert!(length(Kind(kind)) > size_of::<tracer_common::Header>());
    }
}
