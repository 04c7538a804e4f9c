//! JUnit, read back by its own library and as XML by another.

use quick_junit::{NonSuccessKind, Report, TestCaseStatus};

use super::*;

#[test]
fn a_failing_run_as_junit() {
    insta::assert_snapshot!(of(Export::Junit, &spoilt_run()));
}

#[test]
fn hostile_names_as_junit() {
    insta::assert_snapshot!(of(Export::Junit, &hostile_view()));
}

#[test]
fn two_parsers_find_every_case_with_its_outcome() {
    for view in [
        passing_run(),
        spoilt_run(),
        hostile_view(),
        View::of(&nothing_made()).expect("a view"),
    ] {
        let text = of(Export::Junit, &view);
        let report = Report::deserialize_from_str(&text).expect("JUnit");
        let cases: Vec<_> = report
            .test_suites
            .iter()
            .flat_map(|suite| &suite.test_cases)
            .collect();
        let count = |kind| {
            let of_kind = |case: &&&quick_junit::TestCase| matches!(&case.status, TestCaseStatus::NonSuccess { kind: found, .. } if *found == kind);
            cases.iter().filter(of_kind).count()
        };
        assert_eq!(cases.len(), view.cases().count());
        assert_eq!(count(NonSuccessKind::Failure), view.count(Verdict::Fail));
        assert_eq!(
            count(NonSuccessKind::Error),
            view.count(Verdict::Inconclusive)
        );

        let xml = roxmltree::Document::parse(&text).expect("XML");
        let named = |name| {
            xml.descendants()
                .filter(move |node| node.has_tag_name(name))
                .count()
        };
        assert_eq!(named("testcase"), view.cases().count());
        assert_eq!(named("failure"), view.count(Verdict::Fail));
        assert_eq!(named("error"), view.count(Verdict::Inconclusive));
        assert_eq!(named("skipped"), 0);
        assert_eq!(named("script"), 0, "a name is no element");
        let root = xml.root_element();
        assert_eq!(
            root.attribute("failures"),
            Some(view.count(Verdict::Fail).to_string().as_str())
        );
        assert_eq!(
            root.attribute("errors"),
            Some(view.count(Verdict::Inconclusive).to_string().as_str())
        );
    }
}

#[test]
fn a_failure_says_what_was_asked_seen_and_shown() {
    let text = of(Export::Junit, &spoilt_run());
    let xml = roxmltree::Document::parse(&text).expect("XML");
    let failure = xml
        .descendants()
        .find(|node| node.has_tag_name("failure"))
        .and_then(|node| node.text())
        .expect("a failure");
    for part in ["asked: ", "seen: ", "reason: ", "asked by: ", "evidence: #"] {
        assert!(failure.contains(part), "{part} in {failure}");
    }
}
