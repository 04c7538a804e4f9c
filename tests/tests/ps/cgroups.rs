//! The trees of cgroups beside their own files.

use tracer::host::CgroupVersion;
use tracer_tests::cgroup::{Leftover, any_hierarchy};
use tracer_tests::shell::Shell;
use tracer_tests::spec::facts;

use super::{list, ps};

#[test]
#[ignore = "needs root"]
fn a_cgroup_is_listed_with_who_is_in_it() {
    let hierarchy = any_hierarchy();
    let cgroup = Leftover::make(hierarchy.mount_point.join("tracer-test-ps"));
    let mut shell = Shell::new();
    cgroup.write("cgroup.procs", &shell.pid().to_string());
    shell.begins("sleep 60 & echo started");
    assert_eq!(shell.answer(), "started");
    let document = ps(&["--cgroups"]);
    let mut all = list(&document, "cgroups").iter();
    let found = all
        .find(|one| one["id"] == cgroup.id() && one["hierarchy"] == hierarchy.id)
        .unwrap_or_else(|| panic!("{document}"));
    assert_eq!(found["path"], "/tracer-test-ps");
    assert_eq!(
        (&found["processes"], &found["tasks"]),
        (&2.into(), &2.into())
    );
    shell.does("kill $!");
    drop(shell);
}

#[test]
#[ignore = "needs root"]
fn the_limit_of_a_cgroup_above_is_in_force_below() {
    let host = facts();
    let pids = host.hierarchy_of("pids").expect("a controller of tasks");
    if pids.version == CgroupVersion::V2 {
        let control = pids.mount_point.join("cgroup.subtree_control");
        std::fs::write(control, "+pids").expect("enabled");
    }
    let above = Leftover::make(pids.mount_point.join("tracer-test-ps-above"));
    above.write("pids.max", "77");
    if pids.version == CgroupVersion::V2 {
        above.write("cgroup.subtree_control", "+pids");
    }
    let below = Leftover::make(above.path().join("below"));
    below.write("pids.max", "100");
    let document = ps(&["--cgroups"]);
    let limit = |cgroup: &Leftover| {
        let mut all = list(&document, "cgroups").iter();
        let found = all.find(|one| one["id"] == cgroup.id() && one["hierarchy"] == pids.id);
        found.unwrap_or_else(|| panic!("{document}"))["limits"]["pids"].clone()
    };
    assert_eq!((limit(&above), limit(&below)), (77.into(), 77.into()));
}
