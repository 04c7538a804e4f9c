//! Annotations and summary, by GitHub's limits.

use super::*;
use crate::report::export::github::{annotations, summary};

fn with_failures(count: usize) -> View {
    let mut verification = hostile();
    let items = (0..count).map(|number| item(&format!("rule.{number}"), Verdict::Fail, "x"));
    verification.containers[1].items = items.collect();
    View::of(&verification).expect("a view")
}

#[test]
fn a_failure_points_at_its_line() {
    let text = annotations(&with_failures(1));
    let line = text.lines().next().expect("a line");
    assert!(
        line.starts_with("::error file=expect.yaml,line=3,title=rule.0%3A container 2"),
        "{line}"
    );
}

#[test]
fn of_one_type_there_are_ten_at_most_and_the_last_says_what_is_left() {
    assert_eq!(annotations(&with_failures(10)).lines().count(), 10);
    let text = annotations(&with_failures(30));
    assert_eq!(text.lines().count(), 10);
    assert!(
        text.lines()
            .last()
            .expect("a line")
            .contains("21 more fail"),
        "{text}"
    );
}

#[test]
fn a_hostile_name_is_neither_a_command_nor_a_property() {
    let mut verification = hostile();
    let name = "x,file=/etc/passwd::\n::set-output name=a::b";
    verification.containers[1].items = vec![item(name, Verdict::Fail, name)];
    let text = annotations(&View::of(&verification).expect("a view"));
    assert_eq!(text.lines().count(), 1, "{text}");
    let (properties, _) = text
        .strip_prefix("::error ")
        .and_then(|rest| rest.split_once("::"))
        .expect("a command");
    assert_eq!(
        properties.matches(',').count(),
        2,
        "file, line, title: {properties}"
    );
}

#[test]
fn what_passes_is_not_annotated() {
    assert_eq!(annotations(&passing_run()), "");
    let text = annotations(&hostile_view());
    assert_eq!(
        text.lines()
            .filter(|line| line.starts_with("::warning"))
            .count(),
        1
    );
}

#[test]
fn a_summary_keeps_within_what_is_left_of_its_file() {
    let view = spoilt_run();
    let whole = of(Export::Markdown, &view);
    assert_eq!(summary(&view, 0), whole);
    assert_eq!(summary(&view, (1 << 20) - whole.len()), whole);
    let short = summary(&view, (1 << 20) - whole.len() + 1);
    assert!(
        short.contains("FAIL") && short.len() < whole.len(),
        "{short}"
    );
    assert_eq!(summary(&view, 1 << 20), "");
}
