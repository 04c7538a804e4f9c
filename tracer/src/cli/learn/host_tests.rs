//! The lesson on made-up machines: who counts, and what counts as shared.

use super::*;
use crate::event::sample;
use crate::host::CgroupVersion;
use crate::verdict::Verdict;
use tracer_common::TaskId;
use tracer_common::record::{NamespaceSet, TaskRecord};

const CPU: u32 = 1;
const MEMORY: u32 = 4;

fn hierarchies() -> Vec<Hierarchy> {
    let hierarchy = |id: u32, controller: &str| Hierarchy {
        id,
        version: CgroupVersion::V1,
        controllers: vec![controller.to_owned()],
        name: None,
        mount_point: "/sys/fs/cgroup".into(),
        own_path: "/".to_owned(),
    };
    vec![hierarchy(CPU, "cpu"), hierarchy(MEMORY, "memory")]
}

/// A process of the inventory; its number is that of its record, too.
fn process(number: u32, namespaces: NamespaceSet, memory: u64) -> Event {
    let name = sample::task(number, number, "daemon");
    record(name, namespaces, memory, |_| {})
}

fn record(
    task: TaskId,
    namespaces: NamespaceSet,
    memory: u64,
    change: impl FnOnce(&mut TaskRecord),
) -> Event {
    let cgroups = sample::cgroups(&[(CPU, 1), (MEMORY, memory)]);
    let mut record = sample::seen(task, namespaces, &cgroups);
    change(&mut record);
    sample::event(u64::from(task.tid), &record)
}

fn lesson(inventory: &[Event]) -> Lesson {
    let census = Census::of(inventory);
    let common = common(&census, &hierarchies());
    let records = Records::default();
    tell(
        &census,
        &common,
        &hierarchies(),
        &BTreeMap::new(),
        Tgid(1),
        records,
    )
}

fn texts(part: &Part) -> Vec<&str> {
    part.evidence
        .iter()
        .map(|line| line.shows.as_str())
        .collect()
}

#[test]
fn what_more_than_half_share_is_the_hosts() {
    let inventory = [
        process(1, sample::HOST, 1),
        process(2, sample::HOST, 1),
        process(3, sample::NEW, 1),
    ];
    let lesson = lesson(&inventory);
    assert_eq!(lesson.verdict(), Verdict::Pass);
    assert!(texts(&lesson.parts[0]).contains(&"net    4026531840: 2 of 3"));
    let members = texts(&lesson.parts[2]);
    assert!(
        members[0].starts_with("2 processes in all of them"),
        "{members:?}"
    );
    assert!(members[1].contains("elsewhere in mnt, uts, ipc, pid, net, user, cgroup, time"));
    assert_eq!(lesson.parts[2].evidence[1].records, [3]);
}

#[test]
fn threads_kernel_threads_and_the_dead_are_not_counted() {
    let nothing = NamespaceSet {
        mnt: 0,
        uts: 0,
        ipc: 0,
        pid: 0,
        pid_for_children: 0,
        net: 0,
        time: 0,
        time_for_children: 0,
        cgroup: 0,
        user: 0,
        unique: [0; 10],
    };
    let thread = sample::task(1, 2, "thread");
    let kernel = sample::task(3, 3, "kthreadd");
    let inventory = [
        process(1, sample::HOST, 1),
        record(thread, sample::NEW, 1, |_| {}),
        record(kernel, sample::HOST, 1, |task| {
            task.flags = TaskRecord::KERNEL_THREAD;
        }),
        process(4, nothing, 1),
    ];
    let census = Census::of(&inventory);
    assert_eq!(census.processes.len(), 1);
    assert_eq!(census.kernel_threads.len(), 1);
    assert_eq!(census.ended.len(), 1);
}

#[test]
fn a_tree_where_processes_are_spread_does_not_put_them_outside() {
    let inventory: Vec<Event> = (1..5)
        .map(|number| process(number, sample::HOST, u64::from(number)))
        .collect();
    let lesson = lesson(&inventory);
    assert!(
        lesson.parts[1]
            .meaning
            .contains("In memory no cgroup holds more than half")
    );
    assert!(texts(&lesson.parts[2])[0].starts_with("4 processes in all of them"));
}

#[test]
fn exactly_half_is_not_most() {
    let inventory = [process(1, sample::HOST, 1), process(2, sample::NEW, 1)];
    let lesson = lesson(&inventory);
    assert_eq!(lesson.parts[0].verdict, Verdict::Inconclusive);
}

#[test]
fn a_machine_that_shows_nothing_shows_no_lesson() {
    assert_eq!(lesson(&[]).verdict(), Verdict::Inconclusive);
}

#[test]
fn names_are_counted_and_cut() {
    let inventory: Vec<Event> = ["a", "b", "b", "c", "d", "e", "f", "g", "h"]
        .iter()
        .zip(1..)
        .map(|(name, number)| record(sample::task(number, number, name), sample::HOST, 1, |_| {}))
        .collect();
    let events: Vec<&Event> = inventory.iter().collect();
    assert_eq!(names(&events), "b x2, a, c, d, e, f, and 2 more");
}
