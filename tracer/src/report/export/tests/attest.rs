//! What is attested, and what never is.

use serde_json::Value;

use super::*;
use crate::report::view::Subject;

fn statement(view: &View) -> Value {
    serde_json::from_str(&of(Export::Attest, view)).expect("JSON")
}

fn with_subject(mut view: View) -> View {
    view.subjects.push(Subject {
        name: "b/config.json".to_owned(),
        sha256: "0".repeat(64),
    });
    view
}

#[test]
fn a_failing_run_as_an_attestation() {
    insta::assert_snapshot!(of(Export::Attest, &with_subject(spoilt_run())));
}

#[test]
fn only_a_pass_is_attested_as_passed() {
    let mut view = passing_run();
    assert_eq!(statement(&view)["predicate"]["result"], "PASSED");
    for verdict in [Verdict::Fail, Verdict::Inconclusive] {
        view.verdict = verdict;
        view.suites[0].cases[0].verdict = verdict;
        let statement = statement(&view);
        assert_eq!(statement["predicate"]["result"], "FAILED");
        assert_eq!(
            statement["predicate"]["failedTests"][0],
            "container 1: sh: namespace.mnt"
        );
    }
}

#[test]
fn the_digest_of_expectations_is_of_what_was_asked_and_of_nothing_else() {
    let digest =
        |view: &View| statement(view)["predicate"]["configuration"][0]["digest"]["sha256"].clone();
    assert_eq!(
        digest(&passing_run()),
        digest(&spoilt_run()),
        "the same was asked"
    );
    let mut other = passing_run();
    other.suites[0].cases[0].asked.push('!');
    assert_ne!(digest(&passing_run()), digest(&other));
}
