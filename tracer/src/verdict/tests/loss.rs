//! What is lost or missing never helps: no pass comes of it.

use proptest::prelude::*;
use tracer_common::Kind;
use tracer_common::record::Certificate;

use super::super::sample::{MEMORY, Scenario};
use super::item;
use crate::event::sample::{self, HOST, INIT, STRANGER};
use crate::verdict::observation::kinds;
use crate::verdict::{Unattached, Verdict};

#[test]
fn an_item_whose_hook_is_missing_is_inconclusive() {
    let mut outcome = Scenario::good().play();
    let reason = "not permitted".to_owned();
    outcome.observation.unattached.push(Unattached {
        kind: Kind::CGROUP_MKDIR,
        reason,
    });
    let judgement = outcome.judge_final();
    let cgroup = item(&judgement, "cgroup.memory");
    assert_eq!(cgroup.verdict, Verdict::Inconclusive);
    let reason = cgroup.reason.as_deref().expect("there");
    assert_eq!(reason, "cgroup_mkdir is not observed: not permitted");
    assert_eq!(item(&judgement, "namespace.mnt").verdict, Verdict::Pass);
}

#[test]
fn a_violation_stays_a_fail_whatever_was_lost() {
    let scenario = Scenario::with_facts(|facts| facts.namespaces.net = HOST.net);
    let mut outcome = scenario.play();
    for kind in kinds() {
        outcome.observation.counters.lost.add(kind, 1);
        outcome.observation.unattached.push(Unattached {
            kind,
            reason: String::new(),
        });
    }
    let judgement = outcome.judge_final();
    assert_eq!(item(&judgement, "namespace.net").verdict, Verdict::Fail);
    assert_eq!(judgement.verdict, Verdict::Fail);
}

#[test]
fn a_missing_proof_is_a_fail_only_when_nothing_was_lost() {
    let scenario = Scenario::good();
    let records = scenario.records();
    let attach = usize::from(1 + 5 + 1 + 2_u8);
    let kept = scenario.play_of(&records, &[attach]).judge_final();
    assert_eq!(item(&kept, "cgroup.memory").verdict, Verdict::Inconclusive);
    let mut fewer = records.clone();
    fewer.remove(attach);
    let gone = scenario.play_of(&fewer, &[]).judge_final();
    assert_eq!(item(&gone, "cgroup.memory").verdict, Verdict::Fail);
}

/// Ways to spoil a run, each seen in some record.
const SPOILS: [fn(&mut Scenario); 8] = [
    |_| {},
    |scenario| set(scenario, |facts| facts.namespaces.net = HOST.net),
    |scenario| set(scenario, |facts| facts.namespaces.uts = 99),
    |scenario| set(scenario, |facts| facts.seccomp_filters = 0),
    |scenario| {
        scenario
            .attaches
            .push(sample::attach(STRANGER, INIT, MEMORY, 900, "/x"));
    },
    |scenario| scenario.mkdirs[2].header.task = STRANGER,
    |scenario| scenario.program = "/bin/other",
    |scenario| set(scenario, |facts| facts.valid &= !Certificate::CAPABILITIES),
];

fn set(scenario: &mut Scenario, change: fn(&mut Certificate)) {
    change(&mut scenario.gate);
    change(&mut scenario.exec);
}

fn spoilt(which: &[bool]) -> Scenario {
    Scenario::with(|scenario| {
        for (spoil, _) in SPOILS.iter().zip(which).filter(|(_, used)| **used) {
            spoil(scenario);
        }
    })
}

proptest! {
    #[test]
    fn losing_records_never_turns_an_item_into_a_pass(
        which in proptest::collection::vec(any::<bool>(), SPOILS.len()),
        lost in proptest::collection::vec(0_usize..40, 1..12),
    ) {
        let scenario = spoilt(&which);
        let records = scenario.records();
        let lost: Vec<usize> = lost.into_iter().filter(|at| *at < records.len()).collect();
        let before = scenario.play_of(&records, &[]).judge_final();
        let after = scenario.play_of(&records, &lost).judge_final();
        for (old, new) in before.items.iter().zip(&after.items) {
            prop_assert_eq!(&old.id, &new.id);
            if old.verdict != Verdict::Pass {
                prop_assert!(new.verdict != Verdict::Pass, "{}: {:?}", old.id, lost);
            }
        }
        if !lost.is_empty() {
            prop_assert!(after.verdict != Verdict::Pass);
        }
    }

    /// Here the counters say nothing: the records simply are not there.
    #[test]
    fn a_proof_that_is_not_there_is_never_a_pass(
        removed in proptest::collection::vec(0_usize..25, 1..8),
    ) {
        let scenario = Scenario::good();
        let records = scenario.records();
        let kept: Vec<Vec<u8>> = records
            .iter()
            .enumerate()
            .filter(|(at, _)| !removed.contains(at))
            .map(|(_, record)| record.clone())
            .collect();
        let mut outcome = scenario.play_of(&kept, &[]);
        // Only what was made is known to the kernel side.
        outcome.observation.counters.submitted = scenario.play().observation.counters.submitted;
        prop_assert!(outcome.judge_final().verdict != Verdict::Pass);
    }

    #[test]
    fn with_any_loss_the_run_does_not_pass(kind in 1..Kind::END, count in 1_u64..1000) {
        let mut outcome = Scenario::good().play();
        outcome.observation.counters.lost.add(Kind(kind), count);
        outcome.observation.counters.submitted.add(Kind(kind), count);
        prop_assert_eq!(outcome.judge_final().verdict, Verdict::Inconclusive);
    }
}
