//! From findings to verdicts: what was lost, missing or not understood turns a pass into
//! inconclusive, and never a violation into anything else, unless there is but a part of the
//! records, from their beginning: then all of it is inconclusive. Owns that rule.

use tracer_common::Kind;

use crate::expect::catalog::{Base, hook_name};
use crate::expect::{Expectation, Family};
use crate::model::Model;

use super::check;
use super::finding::{Facts, Finding, Stage};
use super::observation::kinds;
use super::{Item, Judgement, Observation, Verdict};

/// Judges init as it stands at the gate. What only the payload's exec can show is left out.
pub fn judge_gate(
    expectations: &[Expectation],
    model: &Model,
    observation: &Observation,
) -> Judgement {
    judge(
        expectations,
        Facts {
            stage: Stage::Gate,
            model,
            observation,
        },
    )
}

/// Judges a run that is over, with the counters read after its last record.
pub fn judge_final(
    expectations: &[Expectation],
    model: &Model,
    observation: &Observation,
) -> Judgement {
    judge(
        expectations,
        Facts {
            stage: Stage::Final,
            model,
            observation,
        },
    )
}

/// Judges a run whose payload was not started, because the gate stayed shut or exec failed, with
/// the counters read after its last record: the facts are the gate's, and there must be no exec.
pub fn judge_refused(
    expectations: &[Expectation],
    model: &Model,
    observation: &Observation,
) -> Judgement {
    judge(
        expectations,
        Facts {
            stage: Stage::Refused,
            model,
            observation,
        },
    )
}

/// Whether a program may have been executed that no record tells of.
pub fn may_miss_execs(observation: &Observation) -> bool {
    let counters = &observation.counters;
    let unattached = |kind| observation.unattached.iter().any(|hook| hook.kind == kind);
    let missing = |kind| {
        counters.lost.get(kind) > 0
            || counters.unknown.get(kind) > 0
            || counters.submitted.get(kind) != counters.read.get(kind)
            || unattached(kind)
    };
    // Whoever is created is in scope even where its record was lost, but not without the hook.
    observation.cut.is_some()
        || missing(Kind::EXEC)
        || unattached(Kind::FORK)
        || counters.unknown.get(Kind(0)) > 0
        || counters.scope_full > 0
}

fn judge(expectations: &[Expectation], facts: Facts<'_>) -> Judgement {
    let items = expectations
        .iter()
        .filter(|expectation| applies(expectation, facts.stage))
        .map(|expectation| item(expectation, &facts))
        .collect();
    Judgement::of(items)
}

fn applies(expectation: &Expectation, stage: Stage) -> bool {
    let family = expectation.check.family();
    match stage {
        Stage::Final => true,
        Stage::Gate => family.at_gate,
        // Without an exec there is no program to look at; that there is none, is looked at.
        Stage::Refused => family.at_gate || family.base != Base::Certificate,
    }
}

fn item(expectation: &Expectation, facts: &Facts<'_>) -> Item {
    let trouble = trouble(expectation.check.family(), facts);
    let (verdict, seen, reason, evidence) = match check::find(&expectation.check, facts) {
        // What comes behind the end of a part can show that it is about nobody who is judged.
        Finding::Violated {
            seen,
            reason,
            evidence,
        } if facts.observation.cut.is_some() => {
            let reason = format!("so far {reason}; {}", trouble.join("; "));
            (Verdict::Inconclusive, seen, Some(reason), evidence)
        }
        Finding::Violated {
            seen,
            reason,
            evidence,
        } => (Verdict::Fail, seen, Some(reason), evidence),
        Finding::Holds { seen, evidence } if trouble.is_empty() => {
            (Verdict::Pass, seen, None, evidence)
        }
        Finding::Missing {
            seen,
            reason,
            evidence,
        } if trouble.is_empty() => (Verdict::Fail, seen, Some(reason), evidence),
        Finding::Holds { seen, evidence } | Finding::Missing { seen, evidence, .. } => (
            Verdict::Inconclusive,
            seen,
            Some(trouble.join("; ")),
            evidence,
        ),
        Finding::Unknown { reason } => {
            let reasons: Vec<String> = std::iter::once(reason).chain(trouble).collect();
            (
                Verdict::Inconclusive,
                "cannot be known".to_owned(),
                Some(reasons.join("; ")),
                Vec::new(),
            )
        }
    };
    Item {
        id: expectation.id.clone(),
        asked: asked(expectation, facts.stage),
        seen,
        verdict,
        origin: expectation.origin.clone(),
        reason,
        evidence,
    }
}

fn asked(expectation: &Expectation, stage: Stage) -> String {
    match (stage, &expectation.check) {
        (Stage::Refused, crate::expect::Check::PayloadExec { .. }) => {
            "none: it was not started".to_owned()
        }
        _ => expectation.asked.clone(),
    }
}

/// Why a proof within this family may be incomplete.
fn trouble(family: &Family, facts: &Facts<'_>) -> Vec<String> {
    let certificate = match facts.stage {
        Stage::Gate | Stage::Refused => Kind::SNAPSHOT,
        Stage::Final => Kind::EXEC,
    };
    let needs: Vec<Kind> = kinds()
        .filter(|kind| {
            family.needs.contains(kind) || family.base == Base::Certificate && *kind == certificate
        })
        .collect();
    let cut = facts.observation.cut.iter().cloned();
    let mut trouble: Vec<String> = cut
        .chain(needs.iter().flat_map(|kind| unattached(*kind, facts)))
        .collect();
    // All counters are what it looks at itself.
    if family.base == Base::Counters {
        return trouble;
    }
    trouble.extend(needs.iter().flat_map(|kind| trouble_with(*kind, facts)));
    let counters = &facts.observation.counters;
    let nameless = counters.unknown.get(Kind(0));
    if nameless > 0 && !needs.is_empty() {
        trouble.push(format!("{nameless} records of no known kind"));
    }
    let rests_on_tables = [Kind::FORK, Kind::CGROUP_MKDIR].iter();
    let mut rests_on_tables = rests_on_tables.map(|kind| needs.contains(kind));
    if counters.scope_full > 0 && rests_on_tables.any(|rests| rests) {
        trouble.push(format!(
            "{} tasks or cgroups left out: a table was full",
            counters.scope_full
        ));
    }
    trouble
}

fn unattached(kind: Kind, facts: &Facts<'_>) -> Vec<String> {
    let hooks = facts.observation.unattached.iter();
    hooks
        .filter(|hook| hook.kind == kind)
        .map(|hook| format!("{} is not observed: {}", hook_name(kind), hook.reason))
        .collect()
}

fn trouble_with(kind: Kind, facts: &Facts<'_>) -> Vec<String> {
    let (counters, name) = (&facts.observation.counters, hook_name(kind));
    let mut trouble = Vec::new();
    let lost = counters.lost.get(kind);
    if lost > 0 {
        trouble.push(format!("{name}: {lost} records lost"));
    }
    let unknown = counters.unknown.get(kind);
    if unknown > 0 {
        trouble.push(format!("{name}: {unknown} records not understood"));
    }
    // At the gate records are still on their way.
    let (made, found) = (
        counters.submitted.get(kind),
        counters.read.get(kind).saturating_add(lost),
    );
    if facts.stage != Stage::Gate && made != found {
        trouble.push(format!("{name}: {made} records made, {found} read or lost"));
    }
    trouble
}
