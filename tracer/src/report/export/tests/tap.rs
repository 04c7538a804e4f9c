//! TAP, read back by the rules of its specification.

use super::*;

#[test]
fn a_failing_run_as_tap() {
    insta::assert_snapshot!(of(Export::Tap, &spoilt_run()));
}

#[test]
fn hostile_names_as_tap() {
    insta::assert_snapshot!(of(Export::Tap, &hostile_view()));
}

/// Test points at this indentation: whether each is ok, and its directive.
fn points(text: &str, indent: &str) -> Vec<(bool, Option<String>)> {
    let lines = text.lines().filter_map(|line| line.strip_prefix(indent));
    let points = lines.filter(|line| line.starts_with("ok ") || line.starts_with("not ok "));
    let directive = |line: &str| {
        let mut escaped = false;
        let at = line.char_indices().find(|(_, c)| {
            let begins = *c == '#' && !escaped;
            escaped = *c == '\\' && !escaped;
            begins
        });
        at.map(|(at, _)| line[at..].to_owned())
    };
    points
        .map(|line| (line.starts_with("ok"), directive(line)))
        .collect()
}

#[test]
fn every_case_is_a_point_and_none_is_skipped() {
    for view in [passing_run(), spoilt_run(), hostile_view()] {
        let text = of(Export::Tap, &view);
        let outer = points(&text, "");
        let inner = points(&text, "    ");
        assert_eq!(outer.len(), view.judged().count());
        assert_eq!(inner.len(), view.cases().count());
        let ok = inner.iter().filter(|(ok, _)| *ok).count();
        assert_eq!(ok, view.count(Verdict::Pass));
        assert!(
            outer
                .iter()
                .chain(&inner)
                .all(|(_, directive)| directive.is_none())
        );
    }
}

#[test]
fn no_container_is_not_ok() {
    let text = of(Export::Tap, &View::of(&nothing_made()).expect("a view"));
    assert!(text.contains("\n1..1\nnot ok 1 - containers"), "{text}");
}
