//! A process beside its birth, as an audit has recorded it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::Value;
use tracer_tests::binary::{self, Runs, audit_to, tracer};
use tracer_tests::shell::Shell;

/// What is named is not there.
const ERROR: i32 = 125;

/// Records an audit while `deed` makes a container. Gives what it makes and the record of its birth.
fn recorded(file: &std::path::Path, deed: impl FnOnce() -> Shell) -> (Shell, Value) {
    let mut child = audit_to(file)
        .stdout(Stdio::piped())
        .spawn()
        .expect("an audit");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    lines.next().expect("its beginning").expect("a line");
    let shell = deed();
    let births =
        lines.map(|line| serde_json::from_str::<Value>(&line.expect("a line")).expect("a record"));
    let birth = births.into_iter().find(|record| {
        record["type"] == "container_born" && record["process"]["pid"] == shell.pid()
    });
    let process = binary::process(child.id()).expect("it runs");
    rustix::process::pidfd_send_signal(process, Signal::KILL).expect("sent");
    child.wait().expect("its end");
    (shell, birth.expect("a birth"))
}

#[test]
#[ignore = "needs root"]
fn what_has_changed_since_its_birth_is_told_of_a_container_by_its_id() {
    tracer_tests::require_root();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("audit.jsonl");
    let (mut shell, birth) = recorded(&file, || Shell::with(&["-u", "-n"]));
    let file = file.to_str().expect("text");
    let id = birth["container"]["id"].as_str().expect("text").to_owned();
    let inspect = |who: &str| {
        let words = ["inspect", who, "--births", file, "-o", "json"];
        Runs::new()
            .finish(&mut tracer(&words))
            .ended_with(0)
            .report()
    };
    let document = inspect(&id);
    assert_eq!(document["certificate"]["process"]["pid"], shell.pid());
    assert_eq!(document["since_birth"]["container"], id);
    let changed = |document: &Value| -> Vec<String> {
        let all = document["since_birth"]["changed"]
            .as_array()
            .expect("a list");
        all.iter()
            .map(|one| one["fact"].as_str().expect("text").to_owned())
            .collect()
    };
    assert_eq!(changed(&document), [""; 0], "{:#}", document["since_birth"]);
    shell.does("ulimit -n 77 && cd /proc && exec 9</dev/null");
    let document = inspect(&shell.pid().to_string());
    let facts = changed(&document);
    assert_eq!(facts.len(), 3, "{:#}", document["since_birth"]);
    for part in ["cwd", "descriptors", "rlimits"] {
        assert!(
            facts.iter().any(|fact| fact.contains(part)),
            "{part}: {facts:?}"
        );
    }
    let people = Runs::new()
        .finish(&mut tracer(&["inspect", &id, "--births", file]))
        .ended_with(0)
        .stdout;
    assert!(people.contains("changed: linux.descriptors"), "{people}");
}

#[test]
#[ignore = "needs root"]
fn a_birth_that_was_not_recorded_and_an_id_that_is_nobodys_are_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("audit.jsonl");
    fs::write(&file, "{\"type\":\"container_born\"}\nnonsense\n").expect("a file");
    let runs = Runs::new();
    let file = file.to_str().expect("text");
    let shell = Shell::with(&["-u"]);
    let pid = shell.pid().to_string();
    runs.refuses(
        &mut tracer(&["inspect", &pid, "--births", file]),
        ERROR,
        &["not among"],
    );
    runs.refuses(
        &mut tracer(&["inspect", "zzzzzzzzzzzzzzzz"]),
        ERROR,
        &["no container"],
    );
}
