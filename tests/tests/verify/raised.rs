//! Limits that are raised by writing to a file of the container's cgroup, while nothing in it
//! executes anything afterwards: told as drift from what the last of its tasks had at its end.

use serde_json::Value;
use tracer::host::CgroupVersion;
use tracer_tests::binary::Runs;
use tracer_tests::cgroup::Leftover;
use tracer_tests::spec::{facts, new_id};

use crate::{FAIL, NEW, NO_DRIFT, UNSHARE, item, list, meeting, not_passing, only, script};

/// A limit of a controller.
struct Limit {
    controller: &'static str,
    /// Its file on v1 and on v2.
    files: [&'static str; 2],
    /// What the container is born with.
    born: &'static str,
    raised: &'static str,
    lowered: &'static str,
    /// What is told when it is raised.
    told: &'static str,
}

const LIMITS: [Limit; 3] = [
    Limit {
        controller: "pids",
        files: ["pids.max"; 2],
        born: "20",
        raised: "40",
        lowered: "10",
        told: "limit of tasks raised: 20 -> 40",
    },
    Limit {
        controller: "memory",
        files: ["memory.limit_in_bytes", "memory.max"],
        born: "67108864",
        raised: "134217728",
        lowered: "33554432",
        told: "memory limit raised: 67108864 -> 134217728",
    },
    Limit {
        controller: "cpu",
        files: ["cpu.cfs_quota_us", "cpu.max"],
        born: "50000",
        raised: "80000",
        lowered: "40000",
        told: "limit of CPU time raised",
    },
];

/// Verifies a container in a cgroup whose limit becomes `later` while its payload waits.
fn after(limit: &Limit, later: &str, expectations: &str, code: i32) -> Value {
    let runs = Runs::new();
    let host = facts();
    let hierarchy = host.hierarchy_of(limit.controller).expect("a hierarchy");
    let [v1, v2] = limit.files;
    let file = if hierarchy.version == CgroupVersion::V2 {
        // Its children have the controllers that it lists.
        let list = hierarchy.mount_point.join("cgroup.subtree_control");
        std::fs::write(list, format!("+{}", limit.controller)).expect("delegated");
        v2
    } else {
        v1
    };
    let cgroup = Leftover::make(hierarchy.mount_point.join(new_id()));
    cgroup.write(file, limit.born);
    let (path, payload) = (cgroup.path().display(), runs.word("payload.sh"));
    let words = format!("sh -c 'echo $$ > {path}/cgroup.procs && exec {UNSHARE} sh {payload}'");
    let outside = format!("echo {later} > {path}/{file}");
    let all = meeting(&runs, &words, "", &outside);
    let report = script(&runs, expectations, &[], &all)
        .ended_with(code)
        .report();
    drop(cgroup);
    runs.nothing_is_left();
    only(&report).clone()
}

#[test]
#[ignore = "needs root"]
fn a_limit_that_is_raised_while_nothing_is_executed_is_drift() {
    for limit in &LIMITS {
        let allowed = after(limit, limit.raised, NEW, 0);
        let [told] = list(&allowed, "drift") else {
            panic!("{}: {allowed:#}", limit.controller)
        };
        println!("{told}");
        assert_eq!(told["what"], limit.told);
        assert_eq!(told["by"], "somebody unseen");
        assert!(told["seq"].as_u64() > allowed["record"].as_u64());

        let denied = after(limit, limit.raised, NO_DRIFT, FAIL);
        assert_eq!(not_passing(&denied), ["drift"]);
        let item = item(&denied, "drift");
        assert_eq!(
            (&item["verdict"], &item["seen"]),
            (&"fail".into(), &limit.told.into())
        );
        let evidence = list(item, "evidence");
        assert_eq!(evidence.len(), 1, "{item}");
        assert_eq!(evidence[0]["seq"], denied["drift"][0]["seq"]);
    }
}

#[test]
#[ignore = "needs root"]
fn a_limit_that_is_lowered_or_written_anew_is_no_drift() {
    for limit in &LIMITS {
        for later in [limit.born, limit.lowered] {
            let one = after(limit, later, NO_DRIFT, 0);
            assert_eq!(list(&one, "drift").len(), 0, "{one:#}");
        }
    }
}
