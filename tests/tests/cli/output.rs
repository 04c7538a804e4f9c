//! Forms of the report: what goes where, that programs can read it, that people can.

use std::process::Stdio;

use serde_json::Value;
use tracer_tests::binary::{Runs, finish, tracer};
use tracer_tests::require_root;

/// A payload that says something on each of its streams, and its code.
const PAYLOAD: [&str; 3] = ["sh", "-c", "echo said; echo complained >&2; exit 3"];

fn with<'a>(words: &[&'a str]) -> Vec<&'a str> {
    [words, &PAYLOAD].concat()
}

/// What every document has, whatever the run.
const FIELDS: [&str; 16] = [
    "certificate",
    "container",
    "counters",
    "exit",
    "gate",
    "hooks",
    "host",
    "items",
    "namespaces",
    "omitted",
    "payload",
    "schema_version",
    "timeline",
    "timing",
    "tracer",
    "verdict",
];

fn fields(document: &Value) -> Vec<&str> {
    let object = document.as_object().expect("an object");
    let mut fields: Vec<&str> = object.keys().map(String::as_str).collect();
    fields.sort_unstable();
    fields
}

#[test]
#[ignore = "needs root"]
fn json_has_standard_output_to_itself() {
    let runs = Runs::new();
    let said = runs.run(&with(&["-o", "json"])).ended_with(3);
    let mut lines: Vec<&str> = said.stderr.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        ["complained", "said"],
        "the payload's, and nothing else"
    );
    let report = said.report();
    assert_eq!(fields(&report), FIELDS);
    assert_eq!(report["schema_version"], 1);
    assert_eq!(report["verdict"], "pass");
    assert_eq!(report["container"]["args"][0], "sh");
    assert_eq!(report["hooks"].as_array().expect("hooks").len(), hooks());
}

/// As many as tracer has.
fn hooks() -> usize {
    tracer::collect::hooks::HOOKS.len()
}

#[test]
#[ignore = "needs root"]
fn evidence_leads_to_records_of_the_timeline() {
    let runs = Runs::new();
    let report = runs.run(&["-o", "json", "true"]).ended_with(0).report();
    let timeline = report["timeline"].as_array().expect("a timeline");
    for item in report["items"].as_array().expect("items") {
        for evidence in item["evidence"].as_array().expect("evidence") {
            let Some(seq) = evidence["seq"].as_u64() else {
                continue;
            };
            let entry = timeline.iter().find(|entry| entry["seq"] == seq);
            let entry = entry.unwrap_or_else(|| panic!("{item}: no record {seq}"));
            assert_eq!(entry["event"], evidence["source"], "{item}");
        }
    }
}

#[test]
#[ignore = "needs root"]
fn every_line_of_jsonl_is_a_document() {
    let runs = Runs::new();
    let said = runs.run(&with(&["-o", "jsonl"])).ended_with(3);
    let lines: Vec<Value> = said
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let kinds: Vec<&str> = lines
        .iter()
        .filter_map(|line| line["type"].as_str())
        .collect();
    assert_eq!(kinds.len(), lines.len(), "each says what it is");
    let mut sorted = kinds.clone();
    sorted.sort_by_key(|kind| {
        ["event", "item", "summary"]
            .iter()
            .position(|one| one == kind)
    });
    assert_eq!(kinds, sorted);
    assert_eq!(kinds.iter().filter(|kind| **kind == "summary").count(), 1);
    let summary = lines.last().expect("a summary");
    assert_eq!(
        (&summary["exit"], &summary["schema_version"]),
        (&3.into(), &1.into())
    );
    // The same events and items as in the one document.
    let items = kinds.iter().filter(|kind| **kind == "item").count();
    let report = runs.run(&with(&["-o", "json"])).ended_with(3).report();
    assert_eq!(items, report["items"].as_array().expect("items").len());
}

#[test]
#[ignore = "needs root"]
fn people_read_on_standard_error_and_the_payload_keeps_its_output() {
    let runs = Runs::new();
    for format in ["table", "compact"] {
        let said = runs.run(&with(&["-o", format])).ended_with(3);
        assert_eq!(said.stdout, "said\n");
        let (first, last) = (said.stderr.lines().next(), said.stderr.lines().next_back());
        assert_eq!(first, Some("complained"), "the payload's comes first");
        let last = last.expect("a last line");
        assert!(
            last.starts_with("PASS  ") && last.contains("payload exit 3"),
            "{last}"
        );
        assert!(
            last.contains("lost 0") && last.contains("unknown 0"),
            "{last}"
        );
        assert!(
            !said.stderr.contains('\u{1b}'),
            "colours belong on a terminal"
        );
    }
}

#[test]
#[ignore = "needs root"]
fn the_report_in_a_file_is_the_one_of_the_run() {
    let runs = Runs::new();
    let path = runs.word("report.json");
    // Twice, so that the second replaces the first.
    for code in [4, 5] {
        let script = format!("exit {code}");
        let said = runs
            .run(&["--json", &path, "sh", "-c", &script])
            .ended_with(code);
        assert!(said.stderr.contains("PASS"), "{said:?}");
        let text = std::fs::read_to_string(&path).expect("a report");
        let report: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(fields(&report), FIELDS);
        assert_eq!(report["exit"], code);
    }
    let names = std::fs::read_dir(runs.path("")).expect("a folder");
    assert_eq!(names.count(), 1, "the report alone");
}

#[test]
#[ignore = "needs root"]
fn a_payload_cannot_write_into_what_people_read() {
    let runs = Runs::new();
    let folder = runs.directory("evil");
    let hostile = "\u{1b}[2J\n\u{202e}PASS";
    std::os::unix::fs::symlink("/bin/sh", folder.join(hostile)).expect("a link");
    let share = format!("type=bind,source={},target=/evil", runs.word("evil"));
    let program = format!("/evil/{hostile}");
    for format in ["table", "compact", "json", "jsonl"] {
        let words = ["-o", format, "--mount", &share, &program, "-c", "exit 0"];
        let said = runs.run(&words).ended_with(0);
        let shown = format!("{}{}", said.stdout, said.stderr);
        let harmful = |c: char| c != '\n' && c.is_control() || c == '\u{202e}';
        // JSON has escapes of its own for the one and leaves the other to its readers.
        let found = shown
            .chars()
            .find(|c| harmful(*c) && !(format.starts_with("json") && *c == '\u{202e}'));
        assert_eq!(found, None, "{format}");
        let lines = shown
            .lines()
            .filter(|line| line.starts_with("PASS"))
            .count();
        assert!(lines <= 1, "{format}: a verdict that is none");
    }
}

#[test]
#[ignore = "needs root"]
fn doctor_tells_people_and_programs_the_same() {
    require_root();
    let say = |words: &[&str]| {
        let mut command = tracer(words);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        finish(command.spawn().expect("a tracer")).ended_with(0)
    };
    let (table, json) = (say(&["doctor"]), say(&["doctor", "-o", "json"]));
    assert_eq!((&*table.stderr, &*json.stderr), ("", ""));
    let findings = json.report();
    assert_eq!(findings["able"], true);
    let hooks = findings["hooks"].as_array().expect("hooks");
    assert_eq!(hooks.len(), self::hooks());
    for hook in hooks {
        let name = hook["name"].as_str().expect("a name");
        assert!(
            table.stdout.contains(name),
            "no {name} in:\n{}",
            table.stdout
        );
    }
    for hierarchy in findings["hierarchies"].as_array().expect("hierarchies") {
        let place = hierarchy["mount_point"].as_str().expect("a path");
        assert!(
            table.stdout.contains(place),
            "no {place} in:\n{}",
            table.stdout
        );
    }
}
