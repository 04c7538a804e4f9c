//! Claims about the translation of a spec.

use super::*;
use crate::container::spec::{IdMapping, Resources, Root, User};
use crate::event::NamespaceKind;
use crate::verdict::sample;

fn ids(list: &[Expectation]) -> Vec<&str> {
    list.iter()
        .map(|expectation| expectation.id.as_str())
        .collect()
}

fn check<'a>(list: &'a [Expectation], id: &str) -> &'a Check {
    &list
        .iter()
        .find(|expectation| expectation.id == id)
        .expect("expected")
        .check
}

#[test]
fn the_full_spec_has_these_expectations() {
    let list = from_spec(&sample::spec(), &sample::host());
    let lines: Vec<String> = list
        .iter()
        .map(|one| format!("{} | {} | {}", one.id, one.asked, one.origin))
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn ids_are_unique() {
    let list = from_spec(&sample::spec(), &sample::host());
    let mut all = ids(&list);
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), list.len());
}

#[test]
fn what_was_not_asked_for_is_not_expected() {
    let mut spec = sample::spec();
    spec.resources = Resources::default();
    spec.no_new_privileges = false;
    spec.read_only = false;
    spec.hostname = None;
    spec.rlimits.clear();
    spec.mounts.clear();
    spec.root = Root::Shared;
    spec.new_namespaces
        .retain(|kind| *kind != NamespaceKind::User);
    let list = from_spec(&spec, &sample::host());
    for absent in [
        "memory.max",
        "pids.max",
        "cpu.max",
        "cpuset.cpus",
        "cpus_allowed",
        "no_new_privs",
        "root.pivoted",
        "root.not_host",
        "root.read_only",
        "hostname",
        "uid_map",
        "gid_map",
        "mounts.host_read_only",
    ] {
        assert!(!ids(&list).contains(&absent), "{absent}");
    }
    assert!(
        !ids(&list)
            .iter()
            .any(|id| id.starts_with("rlimit.") || id.starts_with("mount."))
    );
    // Membership in the run's own cgroup is always expected.
    assert_eq!(
        ids(&list)
            .iter()
            .filter(|id| id.starts_with("cgroup."))
            .count(),
        5
    );
    assert_eq!(
        check(&list, "namespace.user"),
        &Check::NamespaceShared(NamespaceKind::User)
    );
}

#[test]
fn memory_is_asked_for_in_whole_pages() {
    let mut spec = sample::spec();
    spec.resources.memory = Some(8191);
    let list = from_spec(&spec, &sample::host());
    assert_eq!(check(&list, "memory.max"), &Check::MemoryMax(4096));
}

#[test]
fn a_user_is_expected_by_what_the_map_makes_of_it() {
    let mut spec = sample::spec();
    spec.user = User {
        uid: 5,
        gid: 6,
        groups: vec![8, 7, 8],
    };
    let line = |outside| IdMapping {
        inside: 0,
        outside,
        count: 10,
    };
    (spec.uid_map, spec.gid_map) = (vec![line(100000)], vec![line(200000)]);
    let list = from_spec(&spec, &sample::host());
    let asked = Check::Ids {
        uid: Some(100005),
        gid: Some(200006),
    };
    assert_eq!(check(&list, "ids"), &asked);
    assert_eq!(
        check(&list, "groups"),
        &Check::Groups(Some(vec![200007, 200008]))
    );
}

#[test]
fn a_user_outside_the_map_has_no_number_to_expect() {
    let mut spec = sample::spec();
    let line = IdMapping {
        inside: 0,
        outside: 100000,
        count: 10,
    };
    (spec.uid_map, spec.gid_map) = (vec![line], vec![line]);
    spec.user = User {
        uid: 10,
        gid: 9,
        groups: vec![10],
    };
    let list = from_spec(&spec, &sample::host());
    assert_eq!(
        check(&list, "ids"),
        &Check::Ids {
            uid: None,
            gid: Some(100009)
        }
    );
    assert_eq!(check(&list, "groups"), &Check::Groups(None));
}

#[test]
fn without_a_new_user_namespace_ids_are_the_hosts() {
    let mut spec = sample::spec();
    spec.new_namespaces
        .retain(|kind| *kind != NamespaceKind::User);
    (spec.uid_map, spec.gid_map) = (Vec::new(), Vec::new());
    spec.user = User {
        uid: 1000,
        gid: 1000,
        groups: Vec::new(),
    };
    let list = from_spec(&spec, &sample::host());
    assert_eq!(
        check(&list, "ids"),
        &Check::Ids {
            uid: Some(1000),
            gid: Some(1000)
        }
    );
}

#[test]
fn a_user_other_than_root_keeps_no_capability_over_exec() {
    let mut spec = sample::spec();
    spec.user.uid = 5;
    let list = from_spec(&spec, &sample::host());
    for (id, is_empty) in [
        ("capabilities.bounding", false),
        ("capabilities.permitted", true),
        ("capabilities.effective", true),
        ("capabilities.inheritable", true),
        ("capabilities.ambient", true),
    ] {
        let Check::Capabilities { asked, .. } = check(&list, id) else {
            panic!("{id}")
        };
        assert_eq!(*asked == 0, is_empty, "{id}");
    }
}

#[test]
fn capabilities_that_this_kernel_has_not_are_not_asked_for() {
    let mut spec = sample::spec();
    spec.capabilities = u64::MAX;
    let list = from_spec(&spec, &sample::host());
    let Check::Capabilities { asked, mask, .. } = check(&list, "capabilities.bounding") else {
        panic!("another check");
    };
    assert_eq!((*asked, *mask), ((1 << 41) - 1, (1 << 41) - 1));
}

#[test]
fn a_tmpfs_has_whole_pages() {
    let list = from_spec(&sample::spec(), &sample::host());
    let Check::Mount(scratch) = check(&list, "mount./scratch") else {
        panic!("another check")
    };
    assert_eq!(scratch.size_kib, Some(68));
}

#[test]
fn every_check_is_in_the_catalogue() {
    let mut spec = sample::spec();
    spec.new_namespaces
        .retain(|kind| *kind != NamespaceKind::Net);
    for expectation in from_spec(&spec, &sample::host()) {
        let family = expectation.check.family();
        assert!(
            CATALOG.iter().any(|entry| std::ptr::eq(*entry, family)),
            "{}",
            expectation.id
        );
    }
}

#[test]
fn processors_read_in_runs() {
    assert_eq!(wording::cpu_text(&[0, 1, 2, 5, 7, 8]), "cpu 0-2 5 7-8");
    assert_eq!(wording::cpu_text(&[]), "none");
}
