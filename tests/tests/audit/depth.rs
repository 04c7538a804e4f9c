//! Cgroups and user namespaces as deep as the kernel lets them be.

use std::fs;
use std::process::Command;

use serde_json::Value;
use tracer_tests::{cgroup::Leftover, need};

use super::{Audit, accounted, is_ours, of_type};

#[test]
#[ignore = "needs root"]
fn a_container_in_the_last_of_a_thousand_nested_cgroups_is_born_there() {
    const DEPTH: usize = 1000;
    let Some(hierarchy) = need::unified() else {
        return;
    };
    let name = format!("audit-{}", std::process::id());
    let audit = Audit::start(&["--ring", "16"]);
    let top = Leftover::make(hierarchy.mount_point.join(&name));
    let mut path = top.path().to_owned();
    for _ in 1..DEPTH {
        path.push("x");
        fs::create_dir(&path).expect("a cgroup");
    }
    let id = tracer_tests::cgroup::id(&path);
    let script = "echo $$ > \"$0\"/cgroup.procs && exec unshare -u true";
    let status = Command::new("sh").args(["-c", script]).arg(&path).status();
    assert!(status.expect("a shell").success());
    drop(top);
    let records = audit.end();
    let (_, lost) = accounted(&records);
    assert_eq!(lost, 0);
    let ours = |record: &&&Value| {
        let path = record["path"].as_str();
        path.is_some_and(|path| path.starts_with(&format!("/{name}")))
    };
    for kind in ["cgroup_made", "cgroup_removed"] {
        let all = of_type(&records, kind);
        assert_eq!(all.iter().filter(ours).count(), DEPTH, "{kind}");
    }
    let moved = of_type(&records, "cgroup_moved");
    let moved: Vec<_> = moved.iter().filter(ours).collect();
    let [moved] = moved.as_slice() else {
        panic!("{moved:?}");
    };
    assert_eq!(
        (&moved["cgroup_id"], &moved["path_cut"]),
        (&id.into(), &true.into())
    );
    let births = of_type(&records, "container_born").into_iter();
    let births: Vec<_> = births
        .filter(|record| is_ours(record) && record["cgroups_alone"] == false)
        .collect();
    let [birth] = births.as_slice() else {
        panic!("{births:?}");
    };
    assert_eq!(birth["process"]["pid"], moved["target"]["pid"]);
    assert_eq!(birth["cgroups_cut"], true);
    let cgroups = birth["certificate"]["linux"]["cgroup"]["items"].as_array();
    let of_it = |one: &&Value| one["hierarchy"] == 0 && one["id"] == id;
    assert_eq!(
        cgroups.into_iter().flatten().filter(of_it).count(),
        1,
        "{birth:#}"
    );
}

#[test]
#[ignore = "needs root"]
fn thirty_two_nested_user_namespaces_are_as_many_containers_each_within_the_last() {
    const DEPTH: usize = 32;
    let mut audit = Audit::start(&[]);
    let words = ["unshare", "-U", "-r", "-f"].repeat(DEPTH);
    let status = Command::new(words[0])
        .args(&words[1..])
        .arg("true")
        .status();
    assert!(status.expect("unshare").success());
    let mut all = Vec::new();
    let mut outer = Value::Null;
    for depth in 0..DEPTH {
        // Of those further in, the first of all is too far an ancestor.
        let birth = audit.until("a birth", |record| {
            record["type"] == "container_born"
                && record["within"] == outer
                && (depth > 0 || is_ours(record))
        });
        assert_eq!(birth["namespaces"][0]["kind"], "user");
        let last = depth + 1 == DEPTH;
        assert_eq!(
            birth["process"]["name"],
            if last { "true" } else { "unshare" }
        );
        outer = birth["container"]["id"].clone();
        all.push(birth);
    }
    let records = audit.end();
    let (_, lost) = accounted(&records);
    assert_eq!(lost, 0);
    for birth in all {
        let ends = of_type(&records, "container_ended").into_iter();
        let of_it = ends.filter(|end| end["container"]["id"] == birth["container"]["id"]);
        assert_eq!(of_it.count(), 1, "{birth:#}");
    }
}
