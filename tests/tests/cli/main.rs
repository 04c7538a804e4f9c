//! The command line: what needs no root; forms of the report; and every flag that changes the
//! container, which the payload sees, and for which the verdict has an item that rests on what
//! the kernel showed.

mod expect;
mod file;
mod flag;
mod kernel;
mod namespace;
mod output;
mod word;

use serde_json::Value;
use tracer_tests::binary::Runs;

/// The item of a report.
#[track_caller]
fn item<'a>(report: &'a Value, id: &str) -> &'a Value {
    let items = report["items"].as_array().expect("items");
    let found = items.iter().find(|item| item["id"] == id);
    found.unwrap_or_else(|| panic!("no {id} among {}", ids(report).join(" ")))
}

/// Names of all items.
fn ids(report: &Value) -> Vec<&str> {
    let items = report["items"].as_array().expect("items");
    items
        .iter()
        .filter_map(|item| item["id"].as_str())
        .collect()
}

/// Runs `script` with these flags; it must say `says`, and all items must pass, `items` with what
/// is given of what was seen.
#[track_caller]
fn shows(runs: &Runs, flags: &[&str], script: &str, says: &str, items: &[(&str, &str)]) {
    let words = [flags, &["-o", "json", "--", "sh", "-c", script]].concat();
    let said = runs.run(&words).ended_with(0);
    assert_eq!(said.stderr, says, "{flags:?}");
    let report = said.report();
    assert_eq!(report["verdict"], "pass", "{flags:?}");
    for (id, seen) in items {
        let item = item(&report, id);
        assert_eq!(item["verdict"], "pass");
        let text = item["seen"].as_str().expect("text");
        assert!(text.contains(seen), "{flags:?}: no {seen} in {item}");
        assert!(
            !item["evidence"].as_array().expect("evidence").is_empty(),
            "{item}"
        );
    }
}
