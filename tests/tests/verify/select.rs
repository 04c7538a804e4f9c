//! `--select`: which containers are judged. The others are told, and have no verdict.

use serde_json::Value;
use tracer_tests::binary::Runs;
use tracer_tests::foreign::{Request, Runtime, Subject};

use crate::{FAIL, NEW, NO_CONTAINER, UNSHARE, containers, script};

/// Numbers of the containers that were judged.
fn judged(report: &Value) -> Vec<u64> {
    containers(report)
        .iter()
        .filter(|one| !one["verdict"].is_null())
        .map(|one| one["number"].as_u64().expect("a number"))
        .collect()
}

#[test]
#[ignore = "needs root"]
fn each_way_to_select_takes_the_right_containers() {
    let runs = Runs::new();
    // A stage with the payload's container in it, and two more of other programs.
    let all = format!(
        "{UNSHARE} busybox true
        setsid unshare --uts unshare --mount --uts busybox false
        {UNSHARE} env true"
    );
    let told = script(&runs, NEW, &["--select", "all"], &all);
    let report: Value = serde_json::from_str(&told.stdout).expect("a report");
    for one in containers(&report) {
        println!(
            "{} {} {} stage {} within {}",
            one["number"], one["runtime"], one["payload"], one["stage"], one["within"]
        );
    }
    for (which, numbers, code) in [
        ("all", vec![1, 2, 3, 4], FAIL),
        ("payloads", vec![1, 3, 4], 0),
        ("1", vec![1], 0),
        ("2", vec![2], FAIL),
        ("9", vec![], NO_CONTAINER),
        ("program=busybox", vec![1, 3], 0),
        ("program=env", vec![4], 0),
        ("program=/no/env", vec![], NO_CONTAINER),
        ("runtime=unshare", vec![1, 3, 4], 0),
        ("runtime=unshar", vec![], NO_CONTAINER),
        ("id=x", vec![], NO_CONTAINER),
    ] {
        let report = script(&runs, NEW, &["--select", which], &all)
            .ended_with(code)
            .report();
        assert_eq!(judged(&report), numbers, "{which}");
        assert_eq!(containers(&report).len(), 4, "{which}");
    }
    runs.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn an_id_selects_by_its_beginning_and_a_cgroup_by_its_path() {
    let Some(subject) = Subject::new(Runtime::Runc) else {
        return;
    };
    let mut lines = Vec::new();
    for name in ["first", "second"] {
        let words = subject.words(name, &Request::new(&["/bin/true"]));
        let own = subject.runs.word(name);
        let line = words.join(" ").replace(&subject.runs.word("bundle"), &own);
        lines.push(line);
        std::fs::rename(subject.bundle(), subject.runs.path(name)).expect("a bundle");
    }
    let all = lines.join("\n");
    let asked = "namespaces: { new: [mnt] }\n";
    let path = format!("cgroup={}/second", subject.cgroup());
    for (which, id) in [
        ("id=first", "first"),
        ("id=sec", "second"),
        (path.as_str(), "second"),
        ("cgroup=*/first", "first"),
    ] {
        let words = ["--select", which];
        let report = script(&subject.runs, asked, &words, &all)
            .ended_with(0)
            .report();
        let mut judged = containers(&report)
            .iter()
            .filter(|one| one["verdict"] == "pass");
        assert_eq!(judged.next().expect("one")["id"], id);
        assert!(judged.next().is_none(), "{which}");
    }
}
