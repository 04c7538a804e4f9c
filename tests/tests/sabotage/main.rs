//! Sabotage: the runtime leaves out or undoes one thing, and exactly the item that asks for it
//! fails, on evidence of the right kind. Owns the rule that no expectation goes without.

mod case;
mod cgroups;
mod credentials;
mod files;
mod limits;
mod namespaces;
mod run;

use std::collections::BTreeSet;

use tracer::expect::{self, CATALOG, Family};
use tracer::verdict::Verdict;
use tracer_tests::condition::{SHOWN_ELSEWHERE, UNSATISFIED};
use tracer_tests::spec::{everything, facts};
use tracer_tests::trial::Trial;

use case::Case;

fn cases() -> impl Iterator<Item = &'static Case> {
    [
        namespaces::CASES,
        cgroups::CASES,
        limits::CASES,
        credentials::CASES,
        files::CASES,
        run::CASES,
    ]
    .into_iter()
    .flatten()
}

/// Without it the others would prove nothing.
#[test]
#[ignore = "needs root"]
fn a_run_with_nothing_left_out_passes() {
    let (outcome, _) = Trial::new(everything(&["/bin/true"])).run();
    let others: Vec<_> = outcome
        .judgement
        .items
        .iter()
        .filter(|item| item.verdict != Verdict::Pass)
        .collect();
    assert!(others.is_empty(), "{others:#?}");
    assert_eq!(outcome.judgement.verdict, Verdict::Pass);
}

/// Families whose violation is no sabotage of the runtime's, and where they are tested.
const ELSEWHERE: [(&str, &str); 1] = [(
    "complete",
    "tests/loss.rs: a violation would be a record that nobody made",
)];

#[test]
fn every_expectation_has_a_sabotage() {
    let mut families: BTreeSet<&str> = ELSEWHERE.iter().map(|(id, _)| *id).collect();
    families.extend(SHOWN_ELSEWHERE.iter().map(|(id, _)| *id));
    families.extend(UNSATISFIED.iter().map(|one| one.family));
    let mut sabotaged: BTreeSet<String> = BTreeSet::new();
    let has_v2 = facts().unified().is_some();
    if !has_v2 {
        // Shown in each hierarchy of v1, by tests that make their cases as they go.
        families.insert("cgroup.HIERARCHY");
    }
    for case in cases().filter(|case| has_v2 || !case.needs_v2()) {
        let trial = (case.trial)();
        let expectations = expect::from_spec(&trial.spec, &trial.host);
        for id in case.at_gate.iter().chain(case.at_end) {
            let expectation = expectations
                .iter()
                .find(|expectation| expectation.id == *id);
            let expectation = expectation
                .unwrap_or_else(|| panic!("{} names {id}, which its spec does not ask", case.name));
            families.insert(expectation.check.family().id);
            sabotaged.insert((*id).to_owned());
        }
    }
    let all: BTreeSet<&str> = CATALOG.iter().map(|family: &&Family| family.id).collect();
    assert_eq!(families, all, "families with a sabotage, and all");
    let hierarchy = |id: &String| id.starts_with("cgroup.");
    let left_out: Vec<String> = expect::from_spec(&everything(&["/bin/true"]), &facts())
        .into_iter()
        .map(|expectation| expectation.id)
        .filter(|id| !sabotaged.contains(id) && !families.contains(id.as_str()) && !hierarchy(id))
        .collect();
    assert!(left_out.is_empty(), "no sabotage of {left_out:?}");
}
