//! An attestation: in-toto's Statement v1 (<https://in-toto.io/Statement/v1>) with the predicate
//! test-result v0.1. Owns what is claimed: PASSED only where every expectation passed.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Case, View};
use crate::verdict::Verdict;

const STATEMENT: &str = "https://in-toto.io/Statement/v1";
const PREDICATE: &str = "https://in-toto.io/attestation/test-result/v0.1";

pub(super) fn text(view: &View) -> String {
    let names = |wanted: fn(Verdict) -> bool| {
        let suites = view
            .judged()
            .map(|suite| (suite.name.as_str(), &suite.cases));
        let all = suites.chain([("tracer", &view.troubles)]);
        let cases = all.flat_map(|(suite, cases)| cases.iter().map(move |case| (suite, case)));
        cases
            .filter(|(_, case)| wanted(case.verdict))
            .map(|(suite, case)| format!("{suite}: {}", case.id))
            .collect::<Vec<_>>()
    };
    let subjects = view
        .subjects
        .iter()
        .map(|subject| json!({ "name": subject.name, "digest": { "sha256": subject.sha256 } }));
    let statement = json!({
        "_type": STATEMENT,
        "subject": subjects.collect::<Vec<_>>(),
        "predicateType": PREDICATE,
        "predicate": {
            // What cannot be known is not shown to hold. WARNED would be a pass to most readers.
            "result": if view.verdict == Verdict::Pass { "PASSED" } else { "FAILED" },
            "configuration": [
                { "name": "expectations", "digest": { "sha256": expectations(view) } },
                { "name": "tracer", "annotations": annotations(view) },
            ],
            "passedTests": names(|verdict| verdict == Verdict::Pass),
            "warnedTests": [],
            "failedTests": names(|verdict| verdict != Verdict::Pass),
        },
    });
    format!("{statement:#}\n")
}

fn annotations(view: &View) -> Value {
    let counters = &view.counters;
    json!({
        "version": view.version,
        "kernel": view.kernel,
        "machine": view.machine,
        "verdict": view.verdict.name(),
        "passed": view.count(Verdict::Pass),
        "failed": view.count(Verdict::Fail),
        "inconclusive": view.count(Verdict::Inconclusive),
        "containers": view.judged().count(),
        "records": counters.read,
        "lost": counters.lost,
        "unknown": counters.unknown,
        "tasks_left_out": counters.scope_full,
    })
}

/// SHA-256 of the JSON array of `[id, asked]` of every expectation, each once, sorted, without
/// white space.
fn expectations(view: &View) -> String {
    let pair = |case: &Case| (case.id.clone(), case.asked.clone());
    let pairs: BTreeSet<(String, String)> = view.cases().map(pair).collect();
    super::hex(&Sha256::digest(json!(pairs).to_string()))
}
