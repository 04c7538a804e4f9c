//! The run as a whole: the payload's exec, completeness, the gate that stays shut.

use tracer_common::Kind;

use super::super::sample::{Scenario, bytes};
use super::{item, not_passed};
use crate::event::sample::{self, INIT, ROOT};
use crate::verdict::{Judgement, Observation, Verdict, judge_final, judge_gate};

#[test]
fn another_program_than_asked_for_fails() {
    let scenario = Scenario::with(|scenario| scenario.program = "/bin/other");
    assert_eq!(
        not_passed(&scenario.judge_final()),
        [("payload.exec", Verdict::Fail)]
    );
}

#[test]
fn a_program_with_a_slash_goes_to_exec_as_it_stands() {
    let run = |asked: &str, program| {
        Scenario::with(|scenario| {
            scenario.spec.args[0] = asked.to_owned();
            scenario.program = program;
        })
        .judge_final()
        .verdict
    };
    assert_eq!(run("/bin/sh", "/bin/sh"), Verdict::Pass);
    assert_eq!(run("/bin/sh", "/usr/bin/sh"), Verdict::Fail);
    assert_eq!(run("./tool", "./tool"), Verdict::Pass);
    assert_eq!(run("./tool", "/opt/tool"), Verdict::Fail);
    assert_eq!(run("sh", "/usr/bin/bash"), Verdict::Fail);
}

#[test]
fn an_exec_before_the_gate_fails() {
    let scenario = Scenario::good();
    let exec = sample::exec(INIT, &scenario.exec, "/bin/sh");
    let mut records = scenario.records();
    let gate = records
        .iter()
        .rposition(|record| *record == bytes(&sample::snapshot(INIT, &scenario.gate)));
    records.insert(gate.expect("there"), bytes(&exec));
    let judgement = scenario.play_of(&records, &[]).judge_final();
    let item = item(&judgement, "payload.exec");
    assert_eq!(item.verdict, Verdict::Fail, "{item:#?}");
}

#[test]
fn a_payload_that_did_not_run_fails_when_nothing_was_lost() {
    let scenario = Scenario::good();
    let exec = bytes(&sample::exec(INIT, &scenario.exec, "/bin/sh"));
    let mut records = scenario.records();
    records.retain(|record| *record != exec);
    let judgement = scenario.play_of(&records, &[]).judge_final();
    assert_eq!(item(&judgement, "payload.exec").verdict, Verdict::Fail);
    assert_eq!(
        item(&judgement, "namespace.mnt").verdict,
        Verdict::Inconclusive
    );
}

#[test]
fn a_program_whose_path_is_cut_is_inconclusive() {
    let long: &'static str = "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    assert_eq!(long.len(), 127);
    let scenario = Scenario::with(|scenario| scenario.program = long);
    assert_eq!(
        not_passed(&scenario.judge_final()),
        [("payload.exec", Verdict::Inconclusive)]
    );
}

#[test]
fn a_gate_that_stayed_shut_is_proven_by_the_absence_of_an_exec() {
    let spoilt = Scenario::with_facts(|facts| facts.no_new_privs = 0);
    let judgement = spoilt.judge_refused(false);
    assert_eq!(not_passed(&judgement), [("no_new_privs", Verdict::Fail)]);
    assert_eq!(
        item(&judgement, "payload.exec").asked,
        "none: it was not started"
    );
    let judgement = spoilt.judge_refused(true);
    assert_eq!(item(&judgement, "payload.exec").verdict, Verdict::Fail);
}

fn final_with(change: impl FnOnce(&mut Observation)) -> Judgement {
    let mut outcome = Scenario::good().play();
    change(&mut outcome.observation);
    outcome.judge_final()
}

#[test]
fn more_records_than_were_made_fail() {
    let judgement = final_with(|observation| observation.counters.submitted.set(Kind::EXIT, 0));
    assert_eq!(not_passed(&judgement), [("complete", Verdict::Fail)]);
}

#[test]
fn records_that_are_neither_read_nor_lost_are_inconclusive() {
    let judgement = final_with(|observation| observation.counters.submitted.add(Kind::EXIT, 1));
    assert_eq!(
        not_passed(&judgement),
        [("complete", Verdict::Inconclusive)]
    );
}

#[test]
fn a_full_table_of_tasks_is_inconclusive() {
    let judgement = final_with(|observation| observation.counters.scope_full = 1);
    assert_eq!(judgement.verdict, Verdict::Inconclusive);
    assert_eq!(item(&judgement, "complete").verdict, Verdict::Inconclusive);
    assert_eq!(
        item(&judgement, "namespace.pid").verdict,
        Verdict::Inconclusive
    );
}

#[test]
fn a_record_of_an_unknown_kind_is_inconclusive() {
    let mut scenario = Scenario::good();
    let mut unknown = sample::exit(ROOT, 0);
    unknown.header.kind = Kind(Kind::END);
    scenario.between.push(bytes(&unknown));
    let judgement = scenario.judge_final();
    assert_eq!(judgement.verdict, Verdict::Inconclusive);
    assert_eq!(item(&judgement, "complete").verdict, Verdict::Inconclusive);
}

#[test]
fn nothing_expected_is_inconclusive_and_never_a_pass() {
    let outcome = Scenario::good().play();
    let judge = judge_final(&[], &outcome.model, &outcome.observation);
    assert_eq!(judge.verdict, Verdict::Inconclusive);
    let judge = judge_gate(&[], &outcome.model, &outcome.observation);
    assert_eq!(judge.verdict, Verdict::Inconclusive);
}

#[test]
fn a_gate_at_which_nothing_was_read_does_not_pass() {
    let mut outcome = Scenario::good().play();
    outcome.observation.gate = None;
    let judgement = judge_gate(&outcome.expectations, &outcome.model, &outcome.observation);
    assert_eq!(judgement.verdict, Verdict::Inconclusive);
    assert_eq!(
        item(&judgement, "namespace.mnt").verdict,
        Verdict::Inconclusive
    );
}
