//! Many containers under one verification: each judged once, none for another, none missing.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use tracer_tests::binary::Runs;
use tracer_tests::foreign::{Request, Runtime, Subject};
use tracer_tests::load;

use crate::{NO_DRIFT, UNSHARE, adds_up, containers, list, script};

/// Commands side by side.
const COMMANDS: usize = 8;
/// Containers of each.
const EACH: usize = 25;
/// Containers one after the other.
const SHORT: usize = 1000;

/// All containers, judged and passed, each by a payload of its own; where they come `in_turn`, by
/// records of its own.
#[track_caller]
fn all_pass(report: &Value, number: usize, in_turn: bool) {
    assert_eq!(report["verdict"], "pass");
    assert_eq!(report["outcome"], "judged");
    assert_eq!(adds_up(report), 0);
    for (index, one) in containers(report).iter().enumerate() {
        assert_eq!(one["number"], index + 1);
    }
    // A runtime's own stages are told, and not judged.
    let (stages, payloads): (Vec<_>, Vec<_>) = containers(report)
        .iter()
        .partition(|one| one["stage"] == true);
    println!("{} payloads, {} stages", payloads.len(), stages.len());
    assert_eq!(payloads.len(), number);
    assert!(stages.iter().all(|one| one["verdict"] == Value::Null));
    let mut records = BTreeSet::new();
    let mut last = 0;
    for one in payloads {
        assert_eq!(one["verdict"], "pass", "{one:#}");
        assert_eq!(one["ended"], 0, "{one:#}");
        let within = |stage: &&Value| stage["number"] == one["within"];
        assert!(
            one["within"].is_null() || stages.iter().any(within),
            "{one:#}"
        );
        let record = one["record"].as_u64().expect("a record");
        records.insert(record);
        // Numbers of namespaces are used again: what made another's is no evidence for this one.
        let of_namespaces = list(one, "items").iter().filter(|item| {
            let id = item["id"].as_str().expect("a name");
            id.starts_with("namespace.")
        });
        for evidence in of_namespaces.flat_map(|item| list(item, "evidence")) {
            let seq = evidence["seq"].as_u64().expect("a record");
            assert!(seq <= record && seq > last, "{one:#}");
        }
        last = if in_turn { record } else { 0 };
    }
    assert_eq!(records.len(), number);
}

/// Host names of all that were judged, which the kernel knew when their payloads were executed.
fn host_names(report: &Value) -> BTreeSet<&str> {
    containers(report)
        .iter()
        .filter(|one| !one["verdict"].is_null())
        .filter_map(|one| one["certificate"]["host"]["hostname"].as_str())
        .collect()
}

/// A script that runs files of commands side by side, and fails if one of them does.
fn side_by_side(files: &[String]) -> String {
    let start: Vec<String> = files
        .iter()
        .map(|file| format!("sh -e {file} & all=\"$all $!\""))
        .collect();
    let start = start.join("\n");
    format!("{start}\nfor one in $all; do wait $one || exit 9; done")
}

/// Runs 25 of them by each of 8 commands, all with a name of their own.
fn are_judged_once_each(runtime: Runtime) {
    let Some(mut subject) = Subject::new(runtime) else {
        return;
    };
    let folder = subject.runs.directory("commands");
    let mut files = Vec::new();
    let mut names = Vec::new();
    for command in 0..COMMANDS {
        let mut lines = String::new();
        for number in 0..load::of(EACH) {
            let name = format!("box-{command}-{number}");
            let mut request = Request::new(&["/bin/true", &name]);
            request.hostname = Some(name.clone());
            let mut words = subject.words(&name, &request);
            // A bundle of its own: the next one is written to the same place.
            if let Some(bundle) = words.iter().position(|word| word == "--bundle") {
                let own = folder.join(&name);
                fs::rename(subject.bundle(), &own).expect("a bundle");
                own.to_str()
                    .expect("text")
                    .clone_into(&mut words[bundle + 1]);
            }
            lines.push_str(&words.join(" "));
            lines.push('\n');
            names.push(name);
        }
        let file = folder.join(format!("{command}.sh"));
        fs::write(&file, lines).expect("a script");
        files.push(file.to_str().expect("text").to_owned());
    }
    let start = std::time::Instant::now();
    let all = side_by_side(&files);
    let asked = "namespaces: { new: [mnt, uts, pid, net, ipc] }\ndrift: deny\nexe: inside\n";
    let report = script(&subject.runs, asked, &[], &all)
        .ended_with(0)
        .report();
    println!("{} in {:?}", names.len(), start.elapsed());
    all_pass(&report, names.len(), false);
    let known = host_names(&report);
    assert_eq!(
        known
            .into_iter()
            .map(str::to_owned)
            .collect::<BTreeSet<_>>(),
        names.into_iter().collect()
    );
    assert_eq!(subject.left(), [""; 0]);
}

#[test]
#[ignore = "needs root"]
fn containers_that_eight_commands_make_with_bwrap_are_judged_once_each() {
    are_judged_once_each(Runtime::Bwrap);
}

#[test]
#[ignore = "needs root"]
fn containers_that_eight_commands_make_with_runc_are_judged_once_each() {
    are_judged_once_each(Runtime::Runc);
}

#[test]
#[ignore = "needs root"]
fn a_thousand_payloads_that_end_at_once_are_all_judged() {
    let runs = Runs::new();
    let number = load::of(SHORT);
    let all =
        format!("i=0; while [ $i -lt {number} ]; do {UNSHARE} busybox true; i=$((i+1)); done");
    let start = std::time::Instant::now();
    let report = script(&runs, NO_DRIFT, &[], &all).ended_with(0).report();
    println!("{number} in {:?}", start.elapsed());
    all_pass(&report, number, true);
    runs.nothing_is_left();
}
