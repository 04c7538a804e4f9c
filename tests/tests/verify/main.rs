//! `tracer verify` from outside: containers that other programs make, few and many, that drift,
//! that escape, that outlive their command; and what it says when there is nothing to judge or
//! the words are wrong. As root.

mod anew;
mod attribute;
mod condition;
mod devices;
mod drift;
mod end;
mod enforce;
mod escape;
mod hooks;
mod job;
mod kill;
mod loss;
mod many;
mod prevent;
mod raised;
mod reading;
mod removed;
mod replay;
mod select;
mod served;
mod word;

use std::fs;
use std::process::Command;

use serde_json::Value;
use tracer_tests::binary::{Runs, Said, tracer};

/// The kernel showed something else than was asked for.
const FAIL: i32 = 120;
/// The kernel could not show that it was as asked for.
const INCONCLUSIVE: i32 = 121;
/// There was no container to judge.
const NO_CONTAINER: i32 = 123;

/// What each container of [`UNSHARE`] is.
const NEW: &str = "namespaces: { new: [mnt, uts] }\n";
/// The same, and nothing may change later.
const NO_DRIFT: &str = "namespaces: { new: [mnt, uts] }\ndrift: deny\n";
/// Makes a container that needs no root folder, whose payload is the command's own child.
const UNSHARE: &str = "unshare --mount --uts";

/// `tracer verify` with these words; what it starts bears the mark.
fn command(runs: &Runs, words: &[&str]) -> Command {
    let mut command = tracer(&["verify"]);
    let (mark, value) = runs.mark();
    command.args(words).env(mark, value);
    command
}

/// Writes expectations to a file, and gives its path as a word.
fn expecting(runs: &Runs, text: &str) -> String {
    fs::write(runs.path("expect.yaml"), text).expect("a file");
    runs.word("expect.yaml")
}

/// Verifies a script with these expectations.
fn script(runs: &Runs, expectations: &str, options: &[&str], script: &str) -> Said {
    let file = expecting(runs, expectations);
    let words = [
        &["--expect", &file, "-o", "json"],
        options,
        &["--", "sh", "-c", script],
    ];
    runs.finish(&mut command(runs, &words.concat()))
}

/// A script that makes a container with these words, whose payload is `sh payload.sh` and waits
/// while `outside` is done, which knows it as `$pid`, and does `inside` then.
fn meeting(runs: &Runs, words: &str, inside: &str, outside: &str) -> String {
    let (here, go) = (runs.word("here"), runs.word("go"));
    let text = format!("echo $$ > {here}\nread go < {go}\n{inside}\ntrue\n");
    fs::write(runs.path("payload.sh"), text).expect("a script");
    format!(
        "rm -f {here} {go} && mkfifo {here} {go} || exit 9
        {words} &
        read pid < {here}
        {outside}
        echo go > {go}
        wait $! || exit 8"
    )
}

/// The same of a container that [`UNSHARE`] makes.
fn unshared(runs: &Runs, inside: &str, outside: &str) -> String {
    let words = format!("{UNSHARE} sh {}", runs.word("payload.sh"));
    meeting(runs, &words, inside, outside)
}

/// What a list of the document holds.
#[track_caller]
fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    let list = value[name].as_array();
    list.unwrap_or_else(|| panic!("no list {name} in {value}"))
}

/// The containers.
#[track_caller]
fn containers(report: &Value) -> &[Value] {
    list(report, "containers")
}

/// The only container.
#[track_caller]
fn only(report: &Value) -> &Value {
    let [one] = containers(report) else {
        panic!("not one container: {:#}", report["containers"]);
    };
    one
}

/// An item of a container's judgement.
#[track_caller]
fn item<'a>(container: &'a Value, id: &str) -> &'a Value {
    let items = list(container, "items");
    let found = items.iter().find(|item| item["id"] == id);
    found.unwrap_or_else(|| panic!("no {id} in {items:#?}"))
}

/// Names of the items that are not a pass.
fn not_passing(container: &Value) -> Vec<&str> {
    list(container, "items")
        .iter()
        .filter(|item| item["verdict"] != "pass")
        .filter_map(|item| item["id"].as_str())
        .collect()
}

/// Of every kind as many records were made as were read and lost. Gives the number lost.
#[track_caller]
fn adds_up(report: &Value) -> u64 {
    let counters = &report["counters"];
    let number = |of: &Value, name: &str| of[name].as_u64().expect("a count");
    for one in list(counters, "kinds").iter().chain([counters]) {
        let known = number(one, "read") + number(one, "lost");
        assert_eq!(number(one, "submitted"), known, "{one}");
    }
    assert_eq!(number(counters, "unknown"), 0, "{counters}");
    number(counters, "lost")
}

/// The only container that was judged.
#[track_caller]
fn payload(report: &Value) -> &Value {
    let mut judged = containers(report)
        .iter()
        .filter(|one| !one["verdict"].is_null());
    let one = judged.next().expect("a container");
    assert!(judged.next().is_none(), "{:#}", report["containers"]);
    one
}
