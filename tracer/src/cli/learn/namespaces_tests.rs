//! The lesson on made-up records: what makes each part pass, fail or stay open.

use super::*;
use crate::event::{SyscallTable, decode, sample};
use crate::verdict::Verdict;
use tracer_common::TaskId;
use zerocopy::IntoBytes as _;

const OUTER: TaskId = sample::task(500, 500, "sh");
const INNER: TaskId = sample::task(501, 501, "sh");
const FIRST: TaskId = sample::task(1, 1, "init");
const KILL: u32 = 62;
const NEW_PID_AND_MNT: u64 = 0x2002_0000;
const ESRCH: i64 = -3;

/// The host's namespaces but for a new mnt and pid.
fn inner_namespaces() -> tracer_common::record::NamespaceSet {
    let (host, new) = (sample::HOST, sample::NEW);
    tracer_common::record::NamespaceSet {
        mnt: new.mnt,
        pid: new.pid,
        pid_for_children: new.pid,
        ..host
    }
}

fn step(event: Event) -> Step {
    Step {
        event,
        changes: Vec::new(),
    }
}

fn kill(seq: u64, by: TaskId, number: u32, ret: i64) -> Step {
    let arguments = [u64::from(number), 0, 0, 0, 0, 0];
    let mut record = sample::syscall(by, KILL, arguments, "");
    record.ret = ret;
    step(decode(
        &SyscallTable::new([(KILL, "kill")]),
        seq,
        record.as_bytes(),
    ))
}

fn seen(task: TaskId, seq: u64, namespaces: tracer_common::record::NamespaceSet) -> Event {
    sample::event(seq, &sample::seen(task, namespaces, &sample::cgroups(&[])))
}

/// Two shells that show the lesson.
fn shown() -> Seen {
    let none = sample::cgroups(&[]);
    let outer = sample::fork(sample::ROOT, OUTER, 0, sample::HOST, &none);
    let outer = tracer_common::record::ForkRecord { vpid: 500, ..outer };
    let inner = sample::fork(
        sample::ROOT,
        INNER,
        NEW_PID_AND_MNT,
        inner_namespaces(),
        &none,
    );
    Seen {
        outside: View {
            tgid: Tgid(500),
            count: 3,
            own: 500,
        },
        inside: View {
            tgid: Tgid(501),
            count: 1,
            own: 1,
        },
        inventory: vec![
            seen(FIRST, 20, sample::HOST),
            seen(OUTER, 21, sample::HOST),
            seen(INNER, 22, inner_namespaces()),
        ],
        steps: vec![
            step(sample::event(1, &outer)),
            step(sample::event(2, &inner)),
            kill(30, INNER, 500, ESRCH),
            kill(31, INNER, 501, ESRCH),
            kill(32, INNER, 1, 0),
            kill(33, OUTER, 1, 0),
            kill(34, OUTER, 501, 0),
        ],
    }
}

fn texts(part: &Part) -> String {
    let lines: Vec<&str> = part
        .evidence
        .iter()
        .map(|line| line.shows.as_str())
        .collect();
    lines.join("\n")
}

#[test]
fn two_shells_that_differ_in_two_flags_show_the_lesson() {
    let seen = shown();
    assert_eq!(births(&seen).verdict, Verdict::Pass);
    assert_eq!(counts(&seen).verdict, Verdict::Pass);
    assert_eq!(signals(&seen).verdict, Verdict::Pass);
    assert!(texts(&births(&seen)).contains("CLONE_NEWNS CLONE_NEWPID"));
    assert!(texts(&births(&seen)).contains("pid 4026531836 -> 4026532180"));
}

#[test]
fn every_line_names_a_record() {
    let seen = shown();
    for part in [births(&seen), counts(&seen), signals(&seen)] {
        assert!(!part.evidence.is_empty());
        assert!(
            part.evidence.iter().all(|line| !line.records.is_empty()),
            "{part:?}"
        );
    }
}

#[test]
fn a_signal_that_reaches_the_other_side_fails_the_lesson() {
    let mut seen = shown();
    seen.steps[2] = kill(30, INNER, 500, 0);
    assert_eq!(signals(&seen).verdict, Verdict::Fail);
}

#[test]
fn the_inner_number_may_be_anothers_outside_but_not_the_inner_shells() {
    let mut seen = shown();
    assert!(texts(&signals(&seen)).contains("init"));
    // Nobody has it: just as well.
    seen.inventory.remove(0);
    seen.steps[5] = kill(33, OUTER, 1, ESRCH);
    assert_eq!(signals(&seen).verdict, Verdict::Pass);
}

#[test]
fn an_answer_that_no_record_shows_is_not_shown() {
    let mut seen = shown();
    seen.steps.pop();
    assert_eq!(signals(&seen).verdict, Verdict::Inconclusive);
    seen.steps.clear();
    assert_eq!(births(&seen).verdict, Verdict::Inconclusive);
}

#[test]
fn a_second_process_inside_fails_the_lesson_whatever_the_shell_says() {
    let mut seen = shown();
    seen.inventory.push(super::tests::seen(
        sample::task(502, 502, "other"),
        23,
        inner_namespaces(),
    ));
    assert_eq!(counts(&seen).verdict, Verdict::Fail);
}

#[test]
fn a_third_namespace_that_differs_fails_the_lesson() {
    let mut seen = shown();
    let namespaces = tracer_common::record::NamespaceSet {
        net: 7,
        ..inner_namespaces()
    };
    let none = sample::cgroups(&[]);
    let inner = sample::fork(sample::ROOT, INNER, NEW_PID_AND_MNT, namespaces, &none);
    seen.steps[1] = step(sample::event(2, &inner));
    assert_eq!(births(&seen).verdict, Verdict::Fail);
}
