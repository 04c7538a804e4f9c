//! What changes in a container after its payload has begun: told each time, and a violation where
//! it is denied.

use std::fs;

use serde_json::Value;
use tracer::host::{CgroupVersion, Hierarchy};
use tracer_tests::binary::Runs;
use tracer_tests::cgroup::Leftover;
use tracer_tests::foreign::{Request, Runtime, Subject};
use tracer_tests::spec::facts;

use crate::{FAIL, NEW, NO_DRIFT, UNSHARE, containers, item, list, not_passing, script, unshared};

/// What changes, and who changes it.
struct Deed<'a> {
    /// By the payload, once it is let go on.
    inside: &'a str,
    /// By the command that has made the container, whose payload is `$pid` and waits.
    outside: &'a str,
    /// What is told of it.
    what: &'a str,
    /// Whose name is told.
    by: &'a str,
}

/// Lets the deed be done, and gives the first container.
fn after(deed: &Deed<'_>, expectations: &str, code: i32) -> Value {
    let runs = Runs::new();
    let all = unshared(&runs, deed.inside, deed.outside);
    // The first: who leaves a namespace may be a container by itself.
    let report = script(&runs, expectations, &["--select", "1"], &all)
        .ended_with(code)
        .report();
    runs.nothing_is_left();
    containers(&report)[0].clone()
}

#[track_caller]
fn is_drift(deed: &Deed<'_>) {
    let allowed = after(deed, NEW, 0);
    let told = list(&allowed, "drift");
    println!("{told:#?}");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    assert!(!told.is_empty());
    assert!(text(&told[0]["what"]).contains(deed.what), "{told:#?}");
    for drift in told {
        let by = text(&drift["by"]);
        assert!(by.starts_with(&format!("{}[", deed.by)), "{drift}");
        assert!(drift["seq"].as_u64() > allowed["record"].as_u64());
    }

    let denied = after(deed, NO_DRIFT, FAIL);
    assert_eq!(not_passing(&denied), ["drift"]);
    let item = item(&denied, "drift");
    assert_eq!(item["verdict"], "fail");
    assert!(text(&item["seen"]).contains(deed.what), "{item}");
    assert!(text(&item["reason"]).contains(deed.by), "{item}");
    let evidence = list(item, "evidence");
    let records = |list: &[Value]| {
        list.iter()
            .map(|one| one["seq"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(records(evidence), records(list(&denied, "drift")), "{item}");
    assert_eq!(evidence.len(), told.len(), "{item}");
}

/// The container goes on with what its payload has started.
#[test]
#[ignore = "needs root"]
fn a_change_after_the_payloads_own_end_is_drift() {
    let runs = Runs::new();
    let text = "( while kill -0 $$ 2> /dev/null; do :; done; unshare --ipc true ) &\n";
    fs::write(runs.path("payload.sh"), text).expect("a script");
    let line = format!("{UNSHARE} sh {}", runs.word("payload.sh"));
    for (expectations, code, verdict) in [(NEW, 0, "pass"), (NO_DRIFT, FAIL, "fail")] {
        let options = ["--wait", "--select", "1"];
        let report = script(&runs, expectations, &options, &line)
            .ended_with(code)
            .report();
        let one = &containers(&report)[0];
        let told = list(one, "drift");
        assert_eq!(told.len(), 1, "{one:#}");
        let what = told[0]["what"].as_str().expect("text");
        assert!(what.contains("unshare: ipc"), "{what}");
        assert_eq!(one["verdict"], verdict);
    }
}

#[test]
#[ignore = "needs root"]
fn a_payload_that_unshares_is_drift() {
    is_drift(&Deed {
        inside: "unshare --ipc true",
        outside: "",
        what: "unshare: ipc",
        by: "unshare",
    });
}

#[test]
#[ignore = "needs root"]
fn a_payload_that_joins_a_namespace_is_drift() {
    is_drift(&Deed {
        inside: "nsenter --uts=/proc/$PPID/ns/uts true",
        outside: "",
        what: "setns: uts",
        by: "nsenter",
    });
}

#[test]
#[ignore = "needs root"]
fn who_enters_from_outside_is_drift() {
    is_drift(&Deed {
        inside: "",
        outside: "nsenter --target $pid --mount --uts true",
        what: "entered from outside",
        by: "nsenter",
    });
}

#[test]
#[ignore = "needs root"]
fn a_member_that_is_moved_to_another_cgroup_is_drift_by_its_mover() {
    let name = format!("elsewhere-{}", std::process::id());
    for version in [CgroupVersion::V1, CgroupVersion::V2] {
        let hierarchies = facts().hierarchies;
        // A cpuset takes nobody before it is told its processors.
        let takes = |one: &&Hierarchy| {
            one.version == version
                && (version == CgroupVersion::V2 || !one.controllers.contains(&"cpuset".to_owned()))
        };
        let Some(hierarchy) = hierarchies.iter().find(takes) else {
            println!("this machine has no cgroups {version:?}");
            continue;
        };
        println!("{version:?}: {}", hierarchy.label());
        let cgroup = Leftover::make(hierarchy.mount_point.join(&name));
        let path = cgroup.path().display();
        is_drift(&Deed {
            inside: "",
            outside: &format!("sh -c 'echo '$pid' > {path}/cgroup.procs'"),
            what: &format!("to /{name}, hierarchy {}", hierarchy.id),
            by: "sh",
        });
    }
}

#[test]
#[ignore = "needs root"]
fn a_payload_that_works_within_its_bounds_is_no_drift() {
    let runs = Runs::new();
    let inside = "( busybox true ); hostname box; mount -t tmpfs none /tmp; busybox true | cat";
    let all = unshared(&runs, inside, "busybox true");
    let report = script(&runs, NO_DRIFT, &[], &all).ended_with(0).report();
    assert_eq!(
        list(&containers(&report)[0], "drift").len(),
        0,
        "{report:#}"
    );
    assert_eq!(containers(&report).len(), 1);
}

#[test]
#[ignore = "needs root"]
fn set_up_by_a_runtime_is_no_drift() {
    for runtime in [Runtime::Bwrap, Runtime::Lxc, Runtime::Runc] {
        let Some(subject) = Subject::new(runtime) else {
            continue;
        };
        let request = Request::everything(runtime, &["/bin/sh", "-c", "/bin/true"]);
        let words = subject.words("quiet", &request);
        let line = words.iter().map(|word| format!("'{word}'"));
        let line = line.collect::<Vec<_>>().join(" ");
        let report = script(&subject.runs, "drift: deny\n", &[], &line)
            .ended_with(0)
            .report();
        // What a runtime's own stage does is set-up, too.
        let judged = containers(&report).iter();
        let judged: Vec<&Value> = judged.filter(|one| one["stage"] == false).collect();
        let [one] = judged.as_slice() else {
            panic!("{}: {:#}", runtime.name(), report["containers"]);
        };
        assert_eq!(one["verdict"], "pass", "{}: {one:#}", runtime.name());
        assert_eq!(list(one, "drift").len(), 0, "{}: {one:#}", runtime.name());
    }
}
