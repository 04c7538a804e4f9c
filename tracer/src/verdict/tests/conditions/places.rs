//! Where it is and what it runs: cgroups, the program, drift.

use tracer_common::record::{Certificate, CgroupEntry};

use super::{becomes, good, judged, without};
use crate::expect::{Check, PathPattern};
use crate::verdict::Verdict::{Fail, Inconclusive, Pass};
use crate::verdict::sample::{Scenario, UNIFIED, nothing};
use crate::verdict::{Drift, Observation};

#[test]
fn a_cgroup_is_private_below_the_root_and_away_from_tracers() {
    let private = Check::CgroupPrivate;
    becomes(&private, Pass, good);
    becomes(&private, Inconclusive, without(Certificate::CGROUPS));
    let at = |change: fn(&mut CgroupEntry)| {
        move |facts: &mut Certificate| {
            let entries = facts.cgroups.entries.iter_mut();
            entries
                .filter(|entry| entry.hierarchy == 3)
                .for_each(change);
        }
    };
    becomes(&private, Fail, at(|entry| entry.level = 0));
    // tracer's own, in every hierarchy.
    becomes(&private, Fail, at(|entry| entry.id = 1));
    let elsewhere = Scenario::with_facts(|facts| {
        let unified = |entry: &&mut CgroupEntry| entry.hierarchy == UNIFIED;
        let entries = facts.cgroups.entries.iter_mut().filter(unified);
        entries.for_each(|entry| entry.id = 1);
    });
    let check = || Check::CgroupPrivate;
    // A hierarchy that limits nothing does not count.
    assert_eq!(judged(check(), &elsewhere, |_| {}).verdict, Pass);
    let none = |facts: &mut Observation| facts.limiting = None;
    assert_eq!(
        judged(check(), &Scenario::good(), none).verdict,
        Inconclusive
    );
    let missing = |facts: &mut Observation| facts.limiting = Some(vec![1, 9]);
    assert_eq!(
        judged(check(), &Scenario::good(), missing).verdict,
        Inconclusive
    );
}

#[test]
fn a_cgroups_path_is_known_from_the_record_that_made_it() {
    let path = |text| Check::CgroupPath(PathPattern::of(text));
    for text in ["/tracer-0123456789ab", "tracer-0123456789ab", "/tracer-*"] {
        becomes(&path(text), Pass, good);
    }
    becomes(&path("/other"), Fail, good);
    becomes(&path("/tracer-*"), Inconclusive, |facts| {
        facts.cgroups.entries[3].id = 4444;
    });
    becomes(
        &path("/tracer-*"),
        Inconclusive,
        without(Certificate::CGROUPS),
    );
}

#[test]
fn a_program_is_a_path_or_the_last_component_of_one() {
    for (text, verdict) in [
        ("sh", Pass),
        ("/bin/sh", Pass),
        ("bash", Fail),
        ("/sh", Fail),
    ] {
        becomes(&Check::Program(text.to_owned()), verdict, good);
    }
    let never = Scenario::with(|scenario| scenario.exec = nothing());
    let check = Check::Program("sh".to_owned());
    // The path comes with the record whatever else is not known.
    assert_eq!(judged(check.clone(), &never, |_| {}).verdict, Pass);
    let no_exec = |facts: &mut Observation| facts.exec = None;
    assert_eq!(
        judged(check, &Scenario::good(), no_exec).verdict,
        Inconclusive
    );
}

#[test]
fn drift_is_a_violation_with_each_change_as_evidence() {
    let drift = |changes: Option<Vec<Drift>>| {
        judged(Check::Drift, &Scenario::good(), |facts| {
            facts.drift.clone_from(&changes);
        })
    };
    let change = |seq| Drift {
        seq,
        what: "net 1 to 2".to_owned(),
        by: "200".to_owned(),
    };
    assert_eq!(drift(None).verdict, Inconclusive);
    assert_eq!(drift(Some(Vec::new())).verdict, Pass);
    let item = drift(Some(vec![change(5), change(6)]));
    assert_eq!(item.verdict, Fail);
    assert_eq!(item.evidence.len(), 2);
    assert_eq!(item.seen, "net 1 to 2 and 1 more");
    let no_exec = judged(Check::Drift, &Scenario::good(), |facts| {
        (facts.drift, facts.exec) = (Some(Vec::new()), None);
    });
    assert_eq!(no_exec.verdict, Inconclusive);
}

#[test]
fn a_hierarchy_limits_by_its_controllers() {
    assert_eq!(Scenario::good().host.limiting(), [1, 2, 3, 4]);
}
