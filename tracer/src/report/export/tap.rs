//! Test Anything Protocol, version 14 (<https://testanything.org/tap-version-14-specification.html>):
//! a subtest for each container, a test point for each expectation. Owns that mapping.

use std::fmt::Write as _;

use super::{Case, View, counts, escape, headline, remarks};
use crate::verdict::Verdict;

pub(super) fn text(view: &View) -> String {
    let mut text = String::from("TAP version 14\n");
    let plan = view.judged().count() + view.troubles.len();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "1..{plan}");
    let mut number = 0;
    for suite in view.judged() {
        number += 1;
        let name = description(&suite.title());
        let _ = writeln!(text, "# Subtest: {name}\n    1..{}", suite.cases.len());
        for (at, case) in (1..).zip(&suite.cases) {
            point(&mut text, "    ", at, case);
        }
        for remark in remarks(suite) {
            let _ = writeln!(text, "    # {remark}");
        }
        let word = word(suite.verdict.unwrap_or(Verdict::Inconclusive));
        let _ = writeln!(text, "{word} {number} - {name}");
    }
    for case in &view.troubles {
        number += 1;
        point(&mut text, "", number, case);
    }
    let _ = writeln!(text, "# {}; {}", headline(view), counts(view));
    text
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "ok",
        Verdict::Fail | Verdict::Inconclusive => "not ok",
    }
}

fn point(text: &mut String, indent: &str, number: usize, case: &Case) {
    let name = description(&format!("{}: {}", case.id, case.asked));
    let _ = writeln!(text, "{indent}{} {number} - {name}", word(case.verdict));
    if case.verdict == Verdict::Pass {
        return;
    }
    let records = case.records();
    let fields = [
        ("verdict", case.verdict.name()),
        ("asked", &case.asked),
        ("seen", &case.seen),
        ("reason", case.reason.as_deref().unwrap_or_default()),
        ("asked_by", &case.origin),
        ("evidence", &records),
    ];
    let _ = writeln!(text, "{indent}  ---");
    for (key, value) in fields {
        // A string of JSON is one of YAML, whatever is in it.
        let value = serde_json::Value::from(escape(value));
        let _ = writeln!(text, "{indent}  {key}: {value}");
    }
    let _ = writeln!(text, "{indent}  ...");
}

/// `#` would begin a directive such as SKIP, and so make a failure harmless.
fn description(text: &str) -> String {
    escape(text).replace('\\', "\\\\").replace('#', "\\#")
}
