//! What is decided upon whoever is held.

use tracer_common::TaskId;
use tracer_common::record::CertificateRecord;

use super::super::gate::Decision;
use super::super::record::{Enforced, Violation};
use super::*;
use crate::expect::rule::Rule;
use crate::report::certificate;
use crate::verdict::Select;

fn enforcing(rule: &str, select: Select, refuses: bool) -> Run {
    let mut run = Run::new();
    let template = certificate::template(&host());
    run.auditor.judge_by(Judging {
        rules: vec![Rule::new(rule, &template).expect("a rule")],
        select: Some(select),
        denies_drift: true,
        ..Judging::default()
    });
    run.auditor.enforce(refuses);
    run
}

fn held(task: TaskId, hold: u32) -> CertificateRecord {
    CertificateRecord {
        hold,
        ..sample::exec(task, &facts(NEW), "/bin/payload")
    }
}

/// Whom each decision is about, whether it lets go, and on the condition that namespaces are kept.
fn decided(run: &mut Run) -> Vec<(u32, bool, bool)> {
    let all = run.auditor.decisions().into_iter();
    all.map(|decision| match decision {
        Decision::LetGo {
            task,
            keeps_namespaces,
        } => (task.tgid.0, true, keeps_namespaces),
        Decision::End { task } => (task.tgid.0, false, false),
    })
    .collect()
}

fn act(told: &[What]) -> Option<Enforced> {
    let [What::ContainerBorn(born), ..] = told else {
        panic!("{told:?}");
    };
    born.enforced
}

#[test]
fn who_passes_is_let_go_and_who_does_not_is_killed() {
    let payload = PAYLOAD.tgid;
    for (rule, hold, refuses, decision, done) in [
        (
            "true",
            CertificateRecord::HELD,
            true,
            (true, true),
            Enforced::LetGo,
        ),
        (
            "true",
            CertificateRecord::HELD,
            false,
            (true, false),
            Enforced::LetGo,
        ),
        (
            "true",
            CertificateRecord::NOT_HELD,
            false,
            (true, false),
            Enforced::NotHeld,
        ),
        (
            "false",
            CertificateRecord::HELD,
            true,
            (false, false),
            Enforced::Killed,
        ),
        (
            "false",
            CertificateRecord::NOT_HELD,
            true,
            (false, false),
            Enforced::KilledLate,
        ),
        (
            "false",
            CertificateRecord::FREE,
            true,
            (false, false),
            Enforced::KilledLate,
        ),
    ] {
        let mut run = enforcing(rule, Select::All, refuses);
        let told = run.apply(&held(PAYLOAD, hold));
        assert_eq!(act(&told), Some(done), "{rule} {hold}");
        let (goes, keeps) = decision;
        assert_eq!(decided(&mut run), [(payload, goes, keeps)], "{rule} {hold}");
        assert_eq!(decided(&mut run), [], "a second time");
    }
}

#[test]
fn who_is_not_meant_or_nobodys_payload_goes_on_without_a_condition() {
    let nobody = Select::Runtime("nobody".to_owned());
    let mut run = enforcing("false", nobody, true);
    let told = run.apply(&held(PAYLOAD, CertificateRecord::HELD));
    assert_eq!(act(&told), None);
    assert_eq!(decided(&mut run), [(PAYLOAD.tgid, true, false)]);
    let mut run = enforcing("true", Select::All, true);
    run.apply(&held(PAYLOAD, CertificateRecord::HELD));
    decided(&mut run);
    // Of the container that is there already.
    run.apply(&held(VISITOR, CertificateRecord::HELD));
    assert_eq!(decided(&mut run), [(VISITOR.tgid, true, false)]);
}

#[test]
fn nobody_lives_on_in_a_container_that_was_let_go_and_changes() {
    let mut run = enforcing("true", Select::All, false);
    run.apply(&held(PAYLOAD, CertificateRecord::HELD));
    decided(&mut run);
    let other = NamespaceSet {
        net: HOST.net,
        ..NEW
    };
    let told = run.apply(&sample::namespace_call(PAYLOAD, SETNS, 0, other));
    assert_eq!(names(&told), ["container_changed", "container_violation"]);
    let [
        _,
        What::ContainerViolation(Violation {
            enforced, items, ..
        }),
    ] = told.as_slice()
    else {
        panic!("{told:?}");
    };
    assert_eq!(*enforced, Some(Enforced::KilledForDrift));
    assert_eq!(items[0].id, "drift");
    // As often as it is asked for: somebody may have been created meanwhile.
    for _ in 0..2 {
        assert_eq!(decided(&mut run), [(PAYLOAD.tgid, false, false)]);
    }
    run.apply(&sample::exit(PAYLOAD, 9));
    assert_eq!(decided(&mut run), []);
}

#[test]
fn where_nothing_is_enforced_nothing_is_decided() {
    let mut run = Run::new();
    run.apply(&held(PAYLOAD, CertificateRecord::HELD));
    assert_eq!(decided(&mut run), []);
}
