//! Views of documents in memory and of the same documents as JSON.

use serde_json::json;

use super::*;
use crate::report::export::tests::{hostile, nothing_made};
use crate::report::tests::{report, spoilt};
use crate::verdict::sample::Scenario;

#[test]
fn a_run_is_one_suite_with_an_item_a_case() {
    let document = report(&spoilt());
    let view = View::of(&document).expect("a view");
    let [suite] = view.suites.as_slice() else {
        panic!("{:?}", view.suites)
    };
    assert_eq!(suite.cases.len(), document.items.len());
    assert_eq!(view.count(Verdict::Fail), 2);
    assert_eq!(view.verdict, Verdict::Fail);
    assert_eq!(suite.pid, Some(200));
    assert!(!view.timeline.is_empty());
}

#[test]
fn a_document_from_a_file_gives_the_same_view() {
    let document = report(&Scenario::good());
    let text = serde_json::to_string_pretty(&document).expect("JSON");
    let value = serde_json::from_str(&text).expect("JSON");
    let (one, other) = (View::of(&document), View::read(value));
    assert_eq!(
        format!("{:?}", one.expect("a view")),
        format!("{:?}", other.expect("a view"))
    );
}

#[test]
fn what_is_no_report_is_refused() {
    for value in [
        json!(null),
        json!({}),
        json!({"schema_version": 1}),
        json!([1]),
    ] {
        let error = View::read(value).expect_err("refused").to_string();
        assert!(error.starts_with("it is no report"), "{error}");
    }
    let mut value = serde_json::to_value(report(&Scenario::good())).expect("JSON");
    value["schema_version"] = json!(SCHEMA_VERSION + 1);
    let error = View::read(value).expect_err("refused").to_string();
    assert!(error.contains("a newer one"), "{error}");
}

#[test]
fn what_does_not_pass_has_a_case_that_does_not() {
    let view = View::of(&nothing_made()).expect("a view");
    assert_eq!(view.cases().count(), 1);
    assert_eq!(view.count(Verdict::Fail), 1);
    let mut blind = hostile();
    blind.verdict = Verdict::Inconclusive;
    blind.containers.clear();
    let view = View::of(&blind).expect("a view");
    assert_eq!(view.count(Verdict::Inconclusive), 1);
    assert!(View::of(&hostile()).expect("a view").troubles.is_empty());
}

#[test]
fn a_place_is_a_line_where_there_is_one() {
    let cases = [
        (
            "a.yaml:3",
            Place::Line {
                file: "a.yaml",
                line: 3,
                property: None,
            },
        ),
        (
            "b/config.json:41: linux.seccomp",
            Place::Line {
                file: "b/config.json",
                line: 41,
                property: Some("linux.seccomp"),
            },
        ),
        (
            "preset oci:7",
            Place::Preset {
                name: "oci",
                line: 7,
            },
        ),
        ("--memory", Place::Word("--memory")),
        ("--volume=/a:/b:3", Place::Word("--volume=/a:/b:3")),
        ("no --private-network", Place::Word("no --private-network")),
        ("always", Place::Word("always")),
        ("a:0", Place::Word("a:0")),
        (":7", Place::Word(":7")),
        ("", Place::Word("")),
    ];
    for (origin, place) in cases {
        assert_eq!(Place::of(origin), place, "{origin}");
    }
}

#[test]
fn a_recording_that_is_cut_off_is_a_case_of_the_whole_and_a_note_of_each_container() {
    let mut document = hostile();
    document.verdict = Verdict::Inconclusive;
    let cut = crate::recording::Cut {
        frames: 9,
        bytes: 99,
    };
    document.replay = crate::report::Replay::new(vec!["--preset strict".to_owned()], Some(cut));
    let view = View::of(&document).expect("a view");
    let [case] = view.troubles.as_slice() else {
        panic!("{:?}", view.troubles)
    };
    assert_eq!(
        (case.id.as_str(), case.verdict),
        ("recording", Verdict::Inconclusive)
    );
    for suite in &view.suites {
        let notes = suite.notes.join("\n");
        assert!(notes.contains("at byte 99"), "{notes}");
        assert!(notes.contains("judged anew by --preset strict"), "{notes}");
    }
}
