//! Claims about what has the say. Owns no rules.

use super::file::read;
use super::layers::{Below, Layered, Origin, Refused, layered};
use super::*;

fn of(line: &[&str], variables: &[(&str, &str)], text: &str) -> Result<Layered, Refused> {
    let line = [&["tracer", "audit"], line].concat();
    let matches = grammar().try_get_matches_from(line).expect("a line");
    let mut built = grammar();
    built.build();
    let command = built.find_subcommand(COMMAND).expect("audit");
    let variables = variables.iter();
    let below = Below {
        variables: variables
            .map(|&(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        settings: read(text, COMMAND).expect("a file"),
    };
    layered(
        command,
        matches.subcommand_matches(COMMAND).expect("audit"),
        &below,
    )
}

fn words(layered: &Layered) -> Vec<&str> {
    let words = layered.words.iter();
    words.map(|word| word.to_str().expect("text")).collect()
}

#[test]
fn flags_stand_above_the_environment_and_that_above_the_file() {
    let text = "[audit]\nring = 8\nrotate-keep = 3\nrotate-size = 5\nevent = ['loss', 'cgroup']\n";
    let variables = [
        ("TRACER_AUDIT_RING", "16"),
        ("TRACER_AUDIT_ROTATE_KEEP", "2"),
    ];
    let all = of(&["--ring", "32"], &variables, text).expect("right");
    assert_eq!(
        words(&all),
        [
            "--rotate-keep=2",
            "--rotate-size=5",
            "--event=loss",
            "--event=cgroup"
        ]
    );
    let origin = |name: &str| all.origins[name].clone();
    assert_eq!(origin("ring"), Origin::Flag);
    let variable = Origin::Variable("TRACER_AUDIT_ROTATE_KEEP".to_owned());
    assert_eq!(origin("rotate-keep"), variable);
    assert_eq!(origin("rotate-size"), Origin::File(2));
    assert_eq!(origin("output"), Origin::Default);
}

#[test]
fn a_list_replaces_the_one_below_it() {
    let all = of(&["-e", "loss"], &[], "[audit]\nevent = ['cgroup']\n").expect("right");
    assert_eq!(words(&all), [""; 0]);
}

#[test]
fn what_contradicts_a_flag_has_no_say_below_it() {
    let all = of(&["--economy"], &[], "[audit]\nexact = true\n").expect("right");
    assert_eq!(words(&all), [""; 0]);
    let all = of(&["--exact"], &[], "[audit]\neconomy = true\n").expect("right");
    assert_eq!(words(&all), [""; 0]);
}

#[test]
fn whoever_is_wrong_is_named() {
    let refused =
        |variables: &[(&str, &str)], text: &str| of(&[], variables, text).expect_err("wrong");
    let unknown = refused(&[], "[audit]\noutptu = 'x'\n");
    assert_eq!(unknown.by, Origin::File(0));
    assert!(unknown.reason.contains("`outptu`"), "{unknown}");
    let value = refused(&[], "[audit]\nexact = true\nring = 3\n");
    assert_eq!(value.by, Origin::File(1));
    assert!(value.reason.contains("power of two"), "{value}");
    assert!(
        refused(&[], "[audit]\nring = [4, 8]\n")
            .reason
            .contains("one value")
    );
    assert!(
        refused(&[], "[audit]\nring = true\n")
            .reason
            .contains("takes a value")
    );
    assert!(
        refused(&[], "[audit]\nexact = 'yes'\n")
            .reason
            .contains("true or false")
    );
    let variable = refused(&[("TRACER_AUDIT_RNG", "4")], "");
    assert_eq!(variable.by, Origin::Variable("TRACER_AUDIT_RNG".to_owned()));
    assert!(
        refused(&[("TRACER_AUDIT_EXACT", "si")], "")
            .reason
            .contains("`si`")
    );
}
