//! Claims about the judge: each expectation passes, fails and is inconclusive where it should.

mod conditions;
mod facts;
mod loss;
mod mounts;
mod places;
mod run;
mod walk;

use super::sample::Scenario;
use super::{Item, Judgement, Verdict};

fn item<'a>(judgement: &'a Judgement, id: &str) -> &'a Item {
    judgement
        .items
        .iter()
        .find(|item| item.id == id)
        .expect("judged")
}

fn not_passed(judgement: &Judgement) -> Vec<(&str, Verdict)> {
    judgement
        .items
        .iter()
        .filter(|item| item.verdict != Verdict::Pass)
        .map(|item| (item.id.as_str(), item.verdict))
        .collect()
}

/// At the gate and at the end exactly these items fail, and each says why with evidence.
#[track_caller]
fn fails(ids: &[&str], scenario: &Scenario) {
    for (judgement, stage) in [
        (scenario.judge_final(), "end"),
        (scenario.judge_gate(), "gate"),
    ] {
        let judged: Vec<(&str, Verdict)> = ids
            .iter()
            .filter(|id| stage == "end" || !["exe", "payload.exec", "complete"].contains(id))
            .map(|id| (*id, Verdict::Fail))
            .collect();
        if judged.is_empty() {
            continue;
        }
        assert_eq!(
            not_passed(&judgement),
            judged,
            "at the {stage}: {:#?}",
            judgement.items
        );
        assert_eq!(judgement.verdict, Verdict::Fail);
        for (id, _) in judged {
            assert!(item(&judgement, id).reason.is_some(), "{id}");
        }
    }
}

/// At the gate and at the end exactly these items are inconclusive.
#[track_caller]
fn unknown(ids: &[&str], scenario: &Scenario) {
    for (judgement, stage) in [
        (scenario.judge_final(), "end"),
        (scenario.judge_gate(), "gate"),
    ] {
        let judged: Vec<(&str, Verdict)> = ids
            .iter()
            .filter(|id| stage == "end" || !["exe", "payload.exec", "complete"].contains(id))
            .map(|id| (*id, Verdict::Inconclusive))
            .collect();
        if judged.is_empty() {
            continue;
        }
        assert_eq!(
            not_passed(&judgement),
            judged,
            "at the {stage}: {:#?}",
            judgement.items
        );
        assert_eq!(judgement.verdict, Verdict::Inconclusive);
    }
}

#[test]
fn a_run_in_which_everything_is_as_asked_passes() {
    let judgement = Scenario::good().judge_final();
    assert_eq!(not_passed(&judgement), []);
    assert_eq!(judgement.verdict, Verdict::Pass);
    for item in &judgement.items {
        assert!(!item.evidence.is_empty(), "{} passes on nothing", item.id);
    }
    assert_eq!(Scenario::good().judge_gate().verdict, Verdict::Pass);
}

#[test]
fn what_only_the_exec_can_show_is_not_judged_at_the_gate() {
    let judgement = Scenario::good().judge_gate();
    for id in ["exe", "payload.exec", "complete"] {
        assert!(judgement.items.iter().all(|item| item.id != id), "{id}");
    }
}
