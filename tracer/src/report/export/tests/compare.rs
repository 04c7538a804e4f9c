//! Several runs on one page.

use super::*;
use crate::report::export::{merged_html, merged_markdown};

#[test]
fn two_runs_as_a_comparison() {
    insta::assert_snapshot!(merged_markdown(&[
        ("one", &passing_run()),
        ("<b>other</b>|", &spoilt_run())
    ]));
}

#[test]
fn only_rows_with_different_outcomes_differ() {
    let (one, other) = (passing_run(), spoilt_run());
    let text = merged_markdown(&[("one", &one), ("other", &other)]);
    assert!(
        text.contains("43 expectations, 3 with different outcomes"),
        "{text}"
    );
    let same = merged_markdown(&[("one", &one), ("again", &one)]);
    assert!(same.contains("0 with different outcomes"), "{same}");
}

#[test]
fn what_was_not_asked_of_one_is_no_difference() {
    let (one, mut other) = (passing_run(), passing_run());
    other.suites[0].cases.truncate(1);
    let text = merged_markdown(&[("one", &one), ("other", &other)]);
    assert!(text.contains("0 with different outcomes"), "{text}");
    assert!(text.contains("| pass | — |"), "{text}");
}

#[test]
fn a_run_without_a_container_has_a_column_that_does_not_pass() {
    let none = View::of(&nothing_made()).expect("a view");
    let text = merged_markdown(&[("one", &passing_run()), ("none", &none)]);
    assert!(text.contains("no container"), "{text}");
}

#[test]
fn the_page_of_several_has_every_run_and_the_table_of_all() {
    let (one, other) = (passing_run(), hostile_view());
    let page = merged_html(&[("one", &one), (HOSTILE, &other)]).expect("a page");
    let page = String::from_utf8(page).expect("text");
    assert_eq!(page.matches("<article").count(), 2);
    assert!(page.contains("2 runs compared"));
    assert_eq!(page.matches("<script").count(), 1);
    assert!(page.contains("id=\"r0-birth\"") && page.contains("id=\"r1-birth\""));
}
