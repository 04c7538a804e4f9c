//! `tracer expect`: files and presets are checked without root and without running anything.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tracer_tests::binary::{Said, finish, tracer};

fn say(words: &[&str]) -> Said {
    let mut command = tracer(words);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    finish(command.spawn().expect("a tracer"))
}

/// A file with this text, and its path as a word.
fn file(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).expect("a file");
    path.to_str().expect("a word").to_owned()
}

#[test]
fn the_schema_is_a_document_that_names_every_key() {
    let said = say(&["expect", "schema"]).ended_with(0);
    let schema: Value = serde_json::from_str(&said.stdout).expect("JSON");
    for key in ["namespaces", "memory.max", "drift"] {
        assert!(schema["properties"][key].is_object(), "{key}");
    }
    assert_eq!(said.stderr, "");
}

#[test]
fn a_file_is_shown_one_expectation_a_line_with_its_origin() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = file(
        folder.path(),
        "a.yaml",
        "hostname: box\nmemory.max: \"<=64Mi\"\n",
    );
    let said = say(&["expect", "check", &path]).ended_with(0);
    let lines: Vec<Vec<&str>> = said
        .stdout
        .lines()
        .map(|line| {
            line.split("  ")
                .map(str::trim)
                .filter(|part| !part.is_empty())
                .collect()
        })
        .collect();
    assert_eq!(
        lines,
        [
            ["memory.max", "<= 64 MiB", &format!("{path}:2")],
            ["hostname", "box", &format!("{path}:1")],
        ]
    );
}

#[test]
fn a_word_that_is_not_accepted_is_shown_with_a_caret() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = file(folder.path(), "a.yaml", "hostname: box\npids.max: lots\n");
    let said = say(&["expect", "check", &path]).ended_with(2);
    assert_eq!(said.stdout, "");
    let mut lines = said.stderr.lines();
    let first = lines.next().expect("a line");
    assert!(
        first.starts_with(&format!("tracer: {path}:2:11: `lots`")),
        "{first}"
    );
    assert!(first.contains("\"<=100\""), "{first}");
    let shown: Vec<&str> = lines.collect();
    let [.., line, caret] = shown[..] else {
        panic!("no caret: {said:?}")
    };
    assert_eq!(line.find("lots"), caret.find('^'), "{said:?}");
}

#[test]
fn files_that_contradict_each_other_are_both_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let one = file(folder.path(), "a.yaml", "memory.max: \"<=64Mi\"\n");
    let two = file(folder.path(), "b.yaml", "\nmemory.max: \">=1Gi\"\n");
    let said = say(&["expect", "check", &one, &two]).ended_with(2);
    let line = said.one_line();
    for part in [
        &*format!("{one}:1"),
        &*format!("{two}:2"),
        "<= 64 MiB",
        ">= 1 GiB",
    ] {
        assert!(line.contains(part), "no {part} in: {line}");
    }
}

#[test]
fn presets_add_to_files_and_the_stricter_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = file(folder.path(), "a.yaml", "pids.max: \"<=5\"\n");
    let said = say(&["expect", "check", "--preset", "strict", &path]).ended_with(0);
    let line = said
        .stdout
        .lines()
        .find(|line| line.starts_with("pids.max"));
    let line = line.expect("a line");
    assert!(line.contains("<= 5 tasks"), "{line}");
    assert!(
        line.contains(&format!("{path}:1, preset strict:")),
        "{line}"
    );
}

#[test]
fn what_is_not_there_is_told_in_one_line() {
    let said = say(&["expect", "check", "/none"]).ended_with(125);
    assert!(said.one_line().contains("/none"), "{said:?}");
    let said = say(&["expect", "check", "--preset", "none"]).ended_with(2);
    assert!(said.one_line().contains("pss-restricted"), "{said:?}");
    say(&["expect", "check"]).ended_with(2);
    say(&["expect"]).ended_with(2);
}

#[test]
fn a_file_without_end_is_refused() {
    let said = say(&["expect", "check", "/dev/zero"]).ended_with(2);
    assert!(said.one_line().contains("more than"), "{said:?}");
}
