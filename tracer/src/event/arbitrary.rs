//! Records of any content and in any order, of a world small enough for them to have to do with each
//! other. Owns no claims.

use std::fmt::Debug;
use std::mem::offset_of;

use proptest::prelude::*;
use tracer_common::record::{
    AttachRecord, BandwidthChain, Capabilities, Certificate, CertificateRecord, CgroupRecord,
    CgroupSet, DeviceList, ExitRecord, ForkRecord, LimitChain, LineageRecord, NamespaceRecord,
    NamespaceSet, ProgramRecord, SyscallRecord, TaskRecord,
};
use tracer_common::{Header, Kind, TaskId};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes};

use super::sample::{self, HOST, NEW, SETNS, SYSCALLS, UNSHARE};

/// Who there is: some of them tracer, some of them threads, some with a number that is used again.
pub(crate) fn task() -> impl Strategy<Value = TaskId> + Clone {
    (100..106_u32, 0..2_u32, 0..2_u64).prop_map(|(tgid, thread, life)| TaskId {
        start_ns: 1_000_000_000 + life,
        ..sample::task(tgid, tgid + 1000 * thread, "task")
    })
}

/// The host's, or one of few others.
fn namespace(host: u32, new: u32) -> impl Strategy<Value = u32> {
    prop_oneof![3 => Just(host), 2 => (0..3_u32).prop_map(move |n| new + 16 * n), 1 => Just(0)]
}

pub(crate) fn namespaces() -> impl Strategy<Value = NamespaceSet> {
    let pairs = [
        (HOST.mnt, NEW.mnt),
        (HOST.uts, NEW.uts),
        (HOST.ipc, NEW.ipc),
        (HOST.pid, NEW.pid),
        (HOST.pid, NEW.pid),
        (HOST.net, NEW.net),
        (HOST.time, NEW.time),
        (HOST.time, NEW.time),
        (HOST.cgroup, NEW.cgroup),
        (HOST.user, NEW.user),
    ];
    let all: Vec<_> = pairs
        .into_iter()
        .map(|(host, new)| namespace(host, new).boxed())
        .collect();
    let some = (all, prop::collection::vec(0..3_u64, 10), any::<bool>());
    let some = some.prop_map(|(numbers, lives, has)| {
        let mut set = NamespaceSet::new_zeroed();
        let slots = set.as_mut_bytes()[..40].chunks_exact_mut(4);
        for (slot, number) in slots.zip(&numbers) {
            slot.copy_from_slice(&number.to_ne_bytes());
        }
        for (slot, life) in set.unique.iter_mut().zip(lives) {
            *slot = if has { life } else { 0 };
        }
        set
    });
    prop_oneof![2 => Just(HOST), 2 => Just(NEW), 3 => some]
}

pub(crate) fn cgroups() -> impl Strategy<Value = CgroupSet> {
    prop::collection::vec(1..4_u64, 0..3)
        .prop_map(|ids| sample::cgroups(&(0..).zip(ids).collect::<Vec<_>>()))
}

/// Whole structures of any bytes.
fn any_of<T: FromBytes + Debug>() -> impl Strategy<Value = T> {
    prop::collection::vec(any::<u8>(), size_of::<T>()).prop_map(|bytes| {
        let read = T::read_from_bytes(&bytes);
        read.unwrap_or_else(|_| panic!("as many bytes"))
    })
}

fn limits() -> impl Strategy<Value = LimitChain> {
    (any::<bool>(), 1..5_u64).prop_map(|(known, value)| LimitChain {
        levels: u32::from(known),
        truncated: 0,
        values: [value; tracer_common::record::MAX_ANCESTORS],
    })
}

fn facts() -> impl Strategy<Value = Certificate> {
    let sets = (namespaces(), cgroups(), limits());
    let few = (0..3_u64, 1..3_u64, 0..2_u32);
    let odd = (
        any_of::<Capabilities>(),
        any_of::<BandwidthChain>(),
        any_of::<DeviceList>(),
    );
    let valid = prop_oneof![3 => Just(u64::MAX), 1 => any::<u64>()];
    (sets, few, odd, valid).prop_map(|((own, cgroups, memory), few, odd, valid)| {
        sample::certificate_with(|facts| {
            (facts.valid, facts.namespaces, facts.cgroups) = (valid, own, cgroups);
            (facts.memory, facts.pids) = (memory, memory);
            (facts.exe.ino, facts.root.ino, facts.vpid) = (few.0, few.1, few.2);
            facts.device_programs.count = few.2;
            facts.device_programs.ids[0] = 9;
            (facts.capabilities, facts.cpu, facts.device_list) = odd;
        })
    })
}

fn bytes(record: &(impl IntoBytes + Immutable)) -> Vec<u8> {
    record.as_bytes().to_vec()
}

/// One record of any kind that makes sense by itself.
pub(crate) fn sound() -> impl Strategy<Value = Vec<u8>> {
    let flags = prop_oneof![
        Just(0_u64),
        Just(sample::ALL_NEW),
        Just(sample::INTO_CGROUP),
        Just(sample::THREAD),
        Just(0x2_0000),
    ];
    let fork = (task(), task(), flags, namespaces(), cgroups()).prop_map(
        |(by, child, flags, own, groups)| bytes(&sample::fork(by, child, flags, own, &groups)),
    );
    let exec = (task(), facts(), 0..2_u32).prop_map(|(task, facts, thread)| {
        let leader = TaskId {
            tid: task.tgid,
            ..task
        };
        let mut record = sample::exec(leader, &facts, "/bin/program");
        record.old_tid = task.tgid + 1000 * thread;
        bytes(&record)
    });
    let snapshot =
        (task(), facts()).prop_map(|(task, facts)| bytes(&sample::snapshot(task, &facts)));
    let exit = (task(), 0..2_u32, 0..3_u32, limits(), namespaces());
    let exit = exit.prop_map(|(task, dead, code, memory, own)| {
        let mut record = sample::exit(task, code << 8);
        (record.group_dead, record.valid, record.memory) = (dead, u64::MAX, memory);
        record.namespaces = own;
        bytes(&record)
    });
    let call = (task(), any::<bool>(), -1..1_i64, namespaces());
    let call = call.prop_map(|(task, joins, ret, own)| {
        let number = if joins { SETNS } else { UNSHARE };
        bytes(&sample::namespace_call(task, number, ret, own))
    });
    let place = (task(), 0..3_u32, 1..4_u64);
    let cgroup = (place.clone(), any::<bool>()).prop_map(|((by, hierarchy, id), made)| {
        let path = format!("/box/{id}");
        bytes(&if made {
            sample::mkdir(by, hierarchy, id, &path)
        } else {
            sample::rmdir(by, hierarchy, id, &path)
        })
    });
    let attach = (place, task(), 0..2_u32).prop_map(|((by, hierarchy, id), target, group)| {
        let mut record = sample::attach(by, target, hierarchy, id, "/box");
        record.threadgroup = group;
        bytes(&record)
    });
    let syscall = (task(), prop::sample::select(&SYSCALLS[2..]))
        .prop_map(|(task, (number, _))| bytes(&sample::syscall(task, number, [0; 6], "/proc")));
    let seen = (task(), namespaces(), cgroups());
    let seen = seen.prop_map(|(task, own, groups)| bytes(&sample::seen(task, own, &groups)));
    prop_oneof![
        4 => fork,
        4 => exec,
        1 => snapshot,
        3 => exit,
        3 => call,
        2 => cgroup,
        2 => attach,
        1 => syscall,
        1 => seen,
        1 => any_record(Kind::DEVICE_PROGRAM),
        1 => any_record(Kind::LINEAGE),
    ]
}

/// The length of the records of a kind.
pub(crate) fn length(kind: Kind) -> usize {
    match kind {
        Kind::FORK => size_of::<ForkRecord>(),
        Kind::EXEC | Kind::SNAPSHOT => size_of::<CertificateRecord>(),
        Kind::EXIT => size_of::<ExitRecord>(),
        Kind::NAMESPACE => size_of::<NamespaceRecord>(),
        Kind::CGROUP_MKDIR | Kind::CGROUP_RMDIR => size_of::<CgroupRecord>(),
        Kind::CGROUP_ATTACH => size_of::<AttachRecord>(),
        Kind::SYSCALL => size_of::<SyscallRecord>(),
        Kind::TASK => size_of::<TaskRecord>(),
        Kind::DEVICE_PROGRAM => size_of::<ProgramRecord>(),
        Kind::LINEAGE => size_of::<LineageRecord>(),
        Kind(number) => panic!("what is a record of kind {number}?"),
    }
}

/// A record of this kind and of any content behind a sound header.
pub(crate) fn any_record(kind: Kind) -> impl Strategy<Value = Vec<u8>> {
    let length = length(kind);
    let content = prop::collection::vec(any::<u8>(), length - size_of::<Header>());
    (task(), content, any::<bool>()).prop_map(move |(task, content, joins)| {
        let header = sample::header(kind, u32::try_from(length).expect("small"), task);
        let mut bytes = [header.as_bytes(), &content].concat();
        if kind == Kind::NAMESPACE {
            // No other call makes one.
            let number = if joins { SETNS } else { UNSHARE };
            let at = offset_of!(NamespaceRecord, syscall);
            bytes[at..at + 4].copy_from_slice(&number.to_ne_bytes());
        }
        bytes
    })
}
