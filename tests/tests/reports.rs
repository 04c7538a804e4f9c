//! Report files of live runs: all at once, one that fails among them, GitHub's, and the script for
//! other CI servers. As root.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tracer_tests::binary::{Runs, path};

/// Every flag of a report file.
const FLAGS: [&str; 8] = [
    "--json",
    "--junit",
    "--sarif",
    "--tap",
    "--markdown",
    "--html",
    "--trace",
    "--attest",
];

#[test]
#[ignore = "needs root"]
fn every_format_at_once() {
    let runs = Runs::new();
    let subject = format!("box@sha256:{}", "0".repeat(64));
    let paths = FLAGS.map(|flag| runs.word(&flag[2..]));
    let mut words = vec!["--subject", &subject];
    words.extend(
        FLAGS
            .iter()
            .zip(&paths)
            .flat_map(|(flag, path)| [*flag, path.as_str()]),
    );
    words.push("true");
    let said = runs.run(&words).ended_with(0);
    let read = |name: &str| {
        fs::read_to_string(runs.path(name))
            .unwrap_or_else(|error| panic!("{name}: {error}: {said:?}"))
    };
    let json = |name: &str| -> Value { serde_json::from_str(&read(name)).expect("JSON") };
    let report = json("json");
    let items = report["items"].as_array().expect("items").len();
    assert_eq!(read("junit").matches("<testcase ").count(), items);
    assert_eq!(read("tap").matches("    ok ").count(), items);
    assert_eq!(
        json("sarif")["runs"][0]["results"],
        Value::Array(Vec::new())
    );
    assert!(read("markdown").contains(&format!("PASS: {items} expectations")));
    assert!(read("html").contains("<svg"));
    assert!(
        json("trace")["traceEvents"]
            .as_array()
            .expect("events")
            .len()
            > items
    );
    let statement = json("attest");
    assert_eq!(statement["predicate"]["result"], "PASSED");
    assert_eq!(statement["subject"][0]["name"], "box");
}

#[test]
#[ignore = "needs root"]
fn one_that_fails_stops_no_other_and_is_told_of() {
    let runs = Runs::new();
    let (json, html) = (runs.word("json"), runs.word("html"));
    let words = [
        "--json",
        &json,
        "--tap",
        "/dev/full",
        "--html",
        &html,
        "-o",
        "compact",
        "true",
    ];
    let said = runs.run(&words).ended_with(125);
    assert!(said.stderr.contains("/dev/full"), "{said:?}");
    assert!(Path::new(&json).exists() && Path::new(&html).exists());
}

#[test]
#[ignore = "needs root"]
fn two_in_one_place_end_before_the_payload_runs() {
    let runs = Runs::new();
    let (same, ran) = (runs.word("same"), runs.word("ran"));
    let words = ["--json", &same, "--tap", &same, "touch", &ran];
    let said = runs.run(&words).ended_with(2);
    assert!(said.one_line().contains("--json and --tap"), "{said:?}");
    assert!(!Path::new(&same).exists());
}

#[test]
#[ignore = "needs root"]
fn github_is_told_of_what_does_not_pass() {
    let runs = Runs::new();
    let summary = runs.path("summary");
    fs::write(&summary, "before\n").expect("a file");
    let mut command = Command::new(path());
    let (mark, value) = runs.mark();
    command
        .args([
            "verify", "--preset", "unshared", "-o", "compact", "--", "unshare", "--mount", "true",
        ])
        .env(mark, value)
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_STEP_SUMMARY", &summary)
        .stdin(Stdio::null());
    let said = runs.finish(&mut command).ended_with(120);
    let errors = said
        .stdout
        .lines()
        .filter(|line| line.starts_with("::error "));
    // All but the mount namespace are the host's.
    assert_eq!(errors.count(), 4, "{said:?}");
    let summary = fs::read_to_string(summary).expect("a summary");
    assert!(
        summary.starts_with("before\n### ❌ tracer: FAIL"),
        "{summary}"
    );
}

#[test]
#[ignore = "needs root"]
fn the_script_for_ci_servers_tells_a_pass_from_a_fail_and_leaves_reports() {
    let runs = Runs::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    let script = root.expect("a workspace").join("examples/ci/verify.sh");
    let all = ["--mount", "--uts", "--ipc", "--net", "--pid", "--fork"];
    for (flags, code, verdict) in [(&all[..], 0, "pass"), (&all[..2], 120, "fail")] {
        let reports = runs.path(verdict);
        let mut command = Command::new(&script);
        let (mark, value) = runs.mark();
        command
            .arg("unshare")
            .args(flags)
            .arg("true")
            .env(mark, value)
            .env("TRACER", path())
            .env("PRESET", "unshared")
            .env("REPORTS", &reports)
            .stdin(Stdio::null());
        let said = runs.finish(&mut command).ended_with(code);
        let report = fs::read_to_string(reports.join("tracer.json")).expect("a report");
        let report: Value = serde_json::from_str(&report).expect("JSON");
        assert_eq!(report["verdict"], verdict, "{said:?}");
        for name in ["tracer.xml", "tracer.html"] {
            assert!(reports.join(name).exists(), "{name}");
        }
    }
}
