//! Claims about the census: who is a container, and who holds a namespace.

use tracer_common::TaskId;
use tracer_common::record::{NamespaceSet, TaskRecord};
use zerocopy::FromZeros as _;

use super::*;
use crate::event::sample::{self, HOST, INIT, NEW, ROOT, STRANGER};

fn host() -> Certificate {
    Certificate::from(sample::certificate_with(|facts| facts.namespaces = HOST))
}

fn seen(task: TaskId, parent: u32, flags: u32, namespaces: NamespaceSet) -> Event {
    let mut record = sample::seen(task, namespaces, &sample::cgroups(&[]));
    record.parent_tgid = parent;
    record.flags = flags;
    sample::event(0, &record)
}

fn census(events: &[Event]) -> Census {
    Census::new(&host(), events)
}

const SHELL: TaskId = sample::task(201, 201, "sh");
const THREAD: TaskId = sample::task(300, 301, "worker");

#[test]
fn tasks_in_the_same_namespaces_are_one_container_of_the_first() {
    let census = census(&[
        seen(ROOT, 1, 0, HOST),
        seen(SHELL, INIT.tgid, 0, NEW),
        seen(INIT, ROOT.tgid, 0, NEW),
    ]);
    let [container] = &census.containers()[..] else {
        panic!("{census:?}");
    };
    assert_eq!(container.first.task.tgid, Tgid(INIT.tgid));
    assert_eq!((container.processes, container.tasks), (2, 2));
    assert_eq!(container.namespaces.len(), 8);
}

#[test]
fn a_machine_on_which_all_share_the_hosts_namespaces_has_no_container() {
    let census = census(&[seen(ROOT, 1, 0, HOST), seen(STRANGER, 1, 0, HOST)]);
    assert!(census.containers().is_empty());
    assert!(census.namespaces().iter().all(|one| one.is_host));
}

#[test]
fn a_thread_of_the_kernel_in_its_own_mount_namespace_is_no_container() {
    let own = NamespaceSet { mnt: 7, ..HOST };
    let census = census(&[seen(STRANGER, 2, TaskRecord::KERNEL_THREAD, own)]);
    assert!(census.containers().is_empty());
    let held = census.namespaces();
    assert!(
        held.iter().any(|one| one.id == NsId(7)),
        "its namespace is listed all the same"
    );
}

#[test]
fn who_has_ended_and_waits_to_be_reaped_is_no_container() {
    let left = NamespaceSet {
        pid: NEW.pid,
        ..NamespaceSet::new_zeroed()
    };
    let census = census(&[seen(INIT, ROOT.tgid, 0, left)]);
    assert!(census.containers().is_empty(), "{census:?}");
}

#[test]
fn a_namespace_that_a_thread_alone_is_in_is_held_by_that_thread() {
    let own = NamespaceSet { net: 9, ..HOST };
    let census = census(&[seen(STRANGER, 1, 0, HOST), seen(THREAD, 1, 0, own)]);
    let all = census.namespaces();
    let net = all.iter().find(|one| one.id == NsId(9)).expect("listed");
    assert!(net.processes.is_empty());
    assert_eq!(net.threads, BTreeSet::from([Tgid(STRANGER.tgid)]));
    let [container] = &census.containers()[..] else {
        panic!("{census:?}");
    };
    assert!(!container.first.is_leader());
}

#[test]
fn a_pid_namespace_without_a_task_yet_is_held_for_children() {
    let own = NamespaceSet {
        pid_for_children: 9,
        ..HOST
    };
    let census = census(&[seen(STRANGER, 1, 0, own)]);
    let all = census.namespaces();
    let pid = all.iter().find(|one| one.id == NsId(9)).expect("listed");
    assert_eq!(pid.for_children, BTreeSet::from([Tgid(STRANGER.tgid)]));
    assert!(pid.processes.is_empty() && !pid.is_host);
    assert!(census.containers().is_empty(), "nobody is in it");
}

#[test]
fn a_cgroup_counts_threads_as_tasks_and_their_leader_as_the_process() {
    let cgroups = sample::cgroups(&[(0, 5)]);
    let events =
        [STRANGER, THREAD].map(|task| sample::event(0, &sample::seen(task, HOST, &cgroups)));
    let counts = census(&events).cgroups();
    let key = CgroupKey {
        hierarchy: 0,
        id: 5,
    };
    let two = Population {
        processes: 1,
        tasks: 2,
    };
    assert_eq!(counts.get(&key), Some(&two));
}
