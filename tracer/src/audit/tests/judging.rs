//! Which expectations a birth decides.

use std::collections::BTreeMap;

use super::{NEW, PAYLOAD, Run, facts, sample};
use crate::audit::{Judging, record::What};
use crate::expect::{self, Check, Expectation};
use crate::verdict::sample::{host, spec};

fn expectation(id: &str, check: Check) -> Expectation {
    Expectation {
        id: id.to_owned(),
        asked: String::new(),
        origin: String::new(),
        check,
    }
}

#[test]
fn what_no_birth_decides_is_named_by_its_reason() {
    let masked = Check::PathMasked {
        path: "/proc/kcore".to_owned(),
        absent: false,
    };
    let all = vec![
        expectation("no_new_privs", Check::NoNewPrivs),
        expectation("masked", masked),
        expectation("complete", Check::Complete),
        expectation("drift", Check::Drift),
    ];
    let (judging, undecided) = Judging::decidable(all.clone(), false);
    let names = judging.expectations.iter();
    let names: Vec<&str> = names.map(|one| one.id.as_str()).collect();
    assert_eq!(names, ["no_new_privs", "masked"]);
    assert_eq!(undecided.later, ["complete", "drift"]);
    assert!(!judging.denies_drift);
    assert_eq!(undecided.unread, ["masked"]);
    let words = undecided.words();
    assert_eq!(words.len(), 2);
    assert!(words[0].starts_with("not judged") && words[0].ends_with(": complete, drift"));
    assert!(words[1].starts_with("inconclusive at every birth"));
    // Whoever is held can be looked at, and watched from then on.
    let (judging, undecided) = Judging::decidable(all, true);
    assert_eq!(judging.expectations.len(), 2);
    assert!(judging.denies_drift && judging.calls_for_more());
    assert_eq!(undecided.later, ["complete"]);
    assert_eq!(undecided.unread, [""; 0]);
}

/// Of all that a container of tracer's own is expected to be.
#[test]
fn what_no_birth_decides_neither_passes_nor_fails() {
    let all = expect::from_spec(&spec(), &host());
    let (judging, undecided) = Judging::decidable(all.clone(), false);
    assert!(!undecided.unread.is_empty() && !undecided.later.is_empty());
    let asked = judging.expectations.len() + undecided.later.len();
    assert_eq!(asked, all.len());
    let mut run = Run::new();
    run.auditor.judge_by(judging);
    let told = run.apply(&sample::exec(PAYLOAD, &facts(NEW), "/bin/payload"));
    let [What::ContainerBorn(_), What::ContainerViolation(violation)] = told.as_slice() else {
        panic!("{told:?}");
    };
    let items = violation.items.iter();
    let verdicts: BTreeMap<&str, &str> = items
        .map(|item| (item.id.as_str(), item.verdict.as_str()))
        .collect();
    for id in &undecided.unread {
        assert_eq!(verdicts.get(id.as_str()), Some(&"inconclusive"), "{id}");
    }
    for id in &undecided.later {
        assert_eq!(verdicts.get(id.as_str()), None, "{id}");
    }
}
