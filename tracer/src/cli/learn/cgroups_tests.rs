//! The lesson on made-up records: what makes each part pass, fail or stay open.

use super::super::samples::{MOST, has_wandered};
use super::*;
use crate::event::{SyscallTable, decode, sample};
use crate::verdict::Verdict;
use tracer_common::TaskId;
use tracer_common::record::CPU_WORDS;
use zerocopy::IntoBytes as _;

const LOOP: TaskId = sample::task(600, 600, "sh");
const OTHER: TaskId = sample::task(601, 601, "sh");
const KILL: u32 = 62;
const CPUSET: u32 = 3;
const PATH: &str = "/tracer-0123456789ab";

fn host() -> HostFacts {
    HostFacts {
        kernel: "6.1.0".to_owned(),
        machine: "x86_64".to_owned(),
        boot_id: "b".to_owned(),
        hierarchies: vec![Hierarchy {
            id: CPUSET,
            version: CgroupVersion::V1,
            controllers: vec![CONTROLLER.to_owned()],
            name: None,
            mount_point: "/sys/fs/cgroup/cpuset".into(),
            own_path: "/".to_owned(),
        }],
        cpus_online: vec![0, 1],
        page_size: 4096,
        last_capability: 40,
        is_root: true,
        root_entries: Vec::new(),
    }
}

fn step(event: Event) -> Step {
    Step {
        event,
        changes: Vec::new(),
    }
}

fn sample_on(seq: u64, cpu: u32, task: TaskId) -> Step {
    let mut record = sample::syscall(task, KILL, [600, 0, 0, 0, 0, 0], "");
    record.header.cpu = cpu;
    step(decode(
        &SyscallTable::new([(KILL, "kill")]),
        seq,
        record.as_bytes(),
    ))
}

fn snapshot(seq: u64, task: TaskId, mask: u64) -> Event {
    let facts = sample::certificate_with(|facts| {
        facts.cpus_allowed = [0; CPU_WORDS];
        facts.cpus_allowed[0] = mask;
        facts.cpuset_cpus = facts.cpus_allowed;
        facts.cgroups = sample::cgroups(&[(CPUSET, 1)]);
    });
    sample::event(seq, &sample::snapshot(task, &facts))
}

/// Before the move on these processors, after it on those.
fn shown<'a>(host: &'a HostFacts, before: &[u32], after: &[u32]) -> Seen<'a> {
    const MOVE: u64 = 100;
    let before = before
        .iter()
        .zip(10..)
        .map(|(cpu, seq)| sample_on(seq, *cpu, LOOP));
    let after = after
        .iter()
        .zip(MOVE + 1..)
        .map(|(cpu, seq)| sample_on(seq, *cpu, LOOP));
    let attach = sample::attach(sample::ROOT, LOOP, CPUSET, 7, PATH);
    let mut steps: Vec<Step> = before.collect();
    steps.push(step(sample::event(
        99,
        &sample::mkdir(sample::ROOT, CPUSET, 7, PATH),
    )));
    steps.push(step(sample::event(MOVE, &attach)));
    steps.extend(after);
    Seen {
        host,
        baseline: Some(snapshot(1, sample::ROOT, 0b11)),
        watched: Tgid(600),
        before: Some(snapshot(98, LOOP, 0b11)),
        after: Some(snapshot(200, LOOP, 0b10)),
        hierarchy: &host.hierarchies[0],
        path: PATH.to_owned(),
        file: "tasks",
        wide: vec![0, 1],
        narrow: 1,
        steps,
    }
}

#[test]
fn a_loop_that_wanders_and_is_then_held_shows_the_lesson() {
    let host = host();
    let seen = shown(&host, &[0, 0, 1, 0], &[1, 1, 1]);
    for part in [
        trees(&seen),
        wandering(&seen),
        the_write(&seen),
        held(&seen),
    ] {
        assert_eq!(part.verdict, Verdict::Pass, "{part:?}");
        assert!(part.evidence.iter().all(|line| !line.records.is_empty()));
    }
    assert_eq!(held(&seen).evidence[0].shows, "1x3");
    assert!(wandering(&seen).meaning.contains("2 times in 4 samples"));
}

#[test]
fn a_loop_that_leaves_its_processor_after_the_move_fails() {
    let host = host();
    assert_eq!(
        held(&shown(&host, &[0, 1], &[1, 0, 1])).verdict,
        Verdict::Fail
    );
}

#[test]
fn a_cpuset_that_is_wider_than_asked_fails() {
    let host = host();
    let mut seen = shown(&host, &[0, 1], &[1]);
    seen.after = Some(snapshot(200, LOOP, 0b11));
    assert_eq!(the_write(&seen).verdict, Verdict::Fail);
}

#[test]
fn a_loop_that_stayed_has_not_been_shown_to_wander() {
    let host = host();
    let part = wandering(&shown(&host, &[1, 1, 1], &[1]));
    assert_eq!(part.verdict, Verdict::Inconclusive);
    assert!(
        part.meaning.contains("stayed where it was"),
        "{}",
        part.meaning
    );
}

#[test]
fn on_one_processor_there_is_nowhere_to_wander() {
    let host = host();
    let mut seen = shown(&host, &[0, 0], &[0]);
    seen.wide = vec![0];
    let part = wandering(&seen);
    assert_eq!(part.verdict, Verdict::Inconclusive);
    assert!(part.meaning.contains("one processor"), "{}", part.meaning);
}

#[test]
fn a_move_without_a_record_is_not_shown() {
    let host = host();
    let mut seen = shown(&host, &[0, 1], &[1]);
    seen.steps
        .retain(|step| !matches!(step.event.body, Body::CgroupAttach(_)));
    assert_eq!(the_write(&seen).verdict, Verdict::Inconclusive);
    assert_eq!(held(&seen).verdict, Verdict::Inconclusive);
}

#[test]
fn another_tasks_calls_are_no_samples_of_the_loop() {
    let steps = [
        sample_on(1, 0, LOOP),
        sample_on(2, 1, OTHER),
        sample_on(3, 1, LOOP),
    ];
    let found = samples(&steps, Tgid(600));
    assert_eq!(
        found.iter().map(|event| event.seq).collect::<Vec<_>>(),
        [1, 3]
    );
}

#[test]
fn watching_ends_when_the_loop_has_moved_often_enough_or_will_not() {
    let watched = |cpus: Vec<u32>| {
        let steps: Vec<Step> = cpus
            .iter()
            .zip(0..)
            .map(|(cpu, seq)| sample_on(seq, *cpu, LOOP))
            .collect();
        has_wandered(&samples(&steps, Tgid(600)))
    };
    let alternating = |count: usize| (0..2).cycle().take(count).collect::<Vec<u32>>();
    assert!(!watched(alternating(FEWEST - 1)));
    assert!(watched(alternating(FEWEST)));
    assert!(!watched(vec![0; MOST - 1]));
    assert!(watched(vec![0; MOST]));
}
