//! Claims about what two reports differ in.

use serde_json::json;

use super::*;

fn report(pid: u64, change: impl FnOnce(&mut Value)) -> Value {
    let mut report = json!({
        "containers": [{
            "number": 1,
            "id": "box",
            "verdict": "pass",
            "record": 3,
            "certificate": {
                "process": { "pid": pid, "executable": "/bin/true" },
                "linux": {
                    "ns": { "mnt": { "inum": 7, "is_host": false } },
                    "cwd": { "inode": 5, "mnt_ns": 7, "read_only": false },
                    "cgroup": { "items": [{ "id": 9, "name": "pids", "path": "/box", "way_in": "moved by 44" }] },
                    "capabilities": { "effective": ["CAP_KILL"] },
                },
            },
        }],
        "timeline": [
            { "seq": 1, "t_us": 0, "in_run": true, "event": "unshare", "text": "mnt 1 -> 7",
              "process": { "pid": pid }, "changes": [{ "kind": "namespace", "name": "mnt" }] },
            { "seq": 2, "t_us": 10, "in_run": true, "event": "pivot_root", "text": ".",
              "process": { "pid": pid }, "changes": [] },
            { "seq": 3, "t_us": 30, "in_run": true, "event": "sched_process_exec", "text": "/bin/true",
              "process": { "pid": pid }, "changes": [] },
            { "seq": 4, "t_us": 70, "in_run": true, "event": "sched_process_exit", "text": "exit 0",
              "process": { "pid": pid }, "changes": [] },
        ],
    });
    change(&mut report);
    report
}

fn compared(one: &Value, other: &Value) -> Comparison {
    let subject = |name, report| Subject::new(name, report, None).expect("a report");
    Comparison::new(&subject("one", one), &subject("other", other))
}

#[test]
fn the_same_container_in_another_run_is_alike() {
    let comparison = compared(
        &report(100, |_| {}),
        &report(200, |report| {
            let container = &mut report["containers"][0];
            container["id"] = json!("crate");
            let linux = &mut container["certificate"]["linux"];
            linux["ns"]["mnt"]["inum"] = json!(8);
            linux["cwd"]["mnt_ns"] = json!(8);
            linux["cgroup"]["items"][0]["path"] = json!("/crate");
            linux["cgroup"]["items"][0]["way_in"] = json!("moved by 55");
        }),
    );
    assert_eq!(comparison.facts, []);
    assert!(comparison.alike > 5, "{}", comparison.alike);
    assert!(
        comparison
            .steps
            .iter()
            .all(|step| step.side == steps::Side::Both)
    );
    assert_eq!(comparison.times[1].us, [Some(30), Some(30)]);
    assert_eq!(comparison.times[2].us, [Some(40), Some(40)]);
}

#[test]
fn a_fact_that_differs_is_told_with_both_sides() {
    let comparison = compared(
        &report(100, |_| {}),
        &report(100, |report| {
            let linux = &mut report["containers"][0]["certificate"]["linux"];
            linux["cwd"]["mnt_ns"] = json!(99);
            linux["capabilities"]["effective"] = json!([]);
        }),
    );
    let facts: Vec<(&str, Option<&str>, Option<&str>)> = comparison
        .facts
        .iter()
        .map(|one| (one.fact.as_str(), one.a.as_deref(), one.b.as_deref()))
        .collect();
    assert_eq!(
        facts,
        [
            ("linux.capabilities.effective", Some("CAP_KILL"), Some("")),
            ("linux.cwd.of_own_mnt", Some("yes"), Some("no")),
        ]
    );
}

#[test]
fn a_step_that_one_side_lacks_is_the_others() {
    let comparison = compared(
        &report(100, |report| {
            report["timeline"][1]["in_run"] = json!(false);
        }),
        &report(100, |_| {}),
    );
    let pivot = comparison
        .steps
        .iter()
        .find(|step| step.text == "pivot_root .");
    assert_eq!(pivot.map(|step| step.side), Some(steps::Side::B));
}

#[test]
fn what_is_no_report_is_refused() {
    let refusal = |report: &Value, number| Subject::new("x", report, number).map(|_| ());
    assert_eq!(refusal(&json!({}), None), Err(DiffError::NotAReport));
    assert_eq!(refusal(&json!([1]), None), Err(DiffError::NotAReport));
    let one = report(1, |_| {});
    assert_eq!(refusal(&one, Some(2)), Err(DiffError::NoContainer(2)));
    let two = report(1, |report| {
        let again = report["containers"][0].clone();
        report["containers"] = json!([again, again]);
    });
    assert_eq!(refusal(&two, None), Err(DiffError::Several(2)));
    let none = report(1, |report| {
        report["containers"][0]["certificate"] = Value::Null;
    });
    assert_eq!(refusal(&none, None), Err(DiffError::NoCertificate));
}
