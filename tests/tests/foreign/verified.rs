//! A runtime's command under `tracer verify`, and what the report says of its container. Owns
//! the words of that command.

use std::process::Command;

use serde_json::Value;
use tracer_tests::binary::{Said, tracer};
use tracer_tests::foreign::{Runtime, Subject};

/// Runs the command under `tracer verify` with these options; the report is on standard output.
pub fn verify(subject: &Subject, options: &[&str], command: &[String]) -> Said {
    verify_with(subject, options, command, |_| {})
}

/// The same, with more about tracer itself.
pub fn verify_with(
    subject: &Subject,
    options: &[&str],
    command: &[impl AsRef<str>],
    more: impl FnOnce(&mut Command),
) -> Said {
    let mut words: Vec<String> = ["verify", "-o", "json"].map(str::to_owned).to_vec();
    words.extend(options.iter().map(|option| (*option).to_owned()));
    for pid in subject.daemons() {
        words.extend(["--daemon".to_owned(), pid.to_string()]);
    }
    if subject.runtime == Runtime::Crun {
        // What gives it a view of its own is a container too.
        words.extend(["--select".to_owned(), "runtime=crun".to_owned()]);
    }
    words.push("--".to_owned());
    words.extend(command.iter().map(|word| word.as_ref().to_owned()));
    let (mark, value) = subject.runs.mark();
    let mut tracer = tracer(&words);
    more(tracer.env(mark, value));
    subject.runs.finish(&mut tracer)
}

/// The containers that were judged.
#[track_caller]
pub fn judged(report: &Value) -> Vec<&Value> {
    let all = report["containers"].as_array().expect("containers");
    all.iter().filter(|one| !one["verdict"].is_null()).collect()
}

/// The one container that was judged.
#[track_caller]
pub fn the_one(report: &Value) -> &Value {
    let judged = judged(report);
    assert_eq!(judged.len(), 1, "{}", summary(report));
    judged[0]
}

/// The items of a container.
#[track_caller]
pub fn items(container: &Value) -> &[Value] {
    container["items"].as_array().expect("items")
}

/// Names of the items that did not pass.
#[track_caller]
pub fn not_passed(container: &Value) -> Vec<&str> {
    let items = items(container).iter();
    items
        .filter(|item| item["verdict"] != "pass")
        .filter_map(|item| item["id"].as_str())
        .collect()
}

/// What a failed test needs of a report.
pub fn summary(report: &Value) -> String {
    let all = report["containers"].as_array().into_iter().flatten();
    let one = |one: &Value| {
        let items = one["items"].as_array().into_iter().flatten();
        let items: Vec<String> = items
            .filter(|item| item["verdict"] != "pass")
            .map(|item| format!("  {item}"))
            .collect();
        format!(
            "{} {} {} {} {} stage {} {}\n{}",
            one["number"],
            one["id"],
            one["runtime"],
            one["payload"],
            one["own_namespaces"],
            one["stage"],
            one["verdict"],
            items.join("\n")
        )
    };
    let all: Vec<String> = all.map(one).collect();
    format!(
        "{} code {} signal {} lost {}\n{}",
        report["outcome"],
        report["command"]["code"],
        report["command"]["signal"],
        report["counters"]["lost"],
        all.join("\n")
    )
}
