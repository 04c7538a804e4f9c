//! Who the payload is and what it may.

use tracer::container::Exit;
use tracer::container::spec::{IdMapping, RlimitRequest, Seccomp, User};

use crate::support::*;

fn status(output: &str, field: &str) -> String {
    let line = output
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {field} in {output}"))
        .trim()
        .to_owned()
}

const STATUS: &str = "cat /proc/self/status";

#[test]
#[ignore = "needs root"]
fn root_inside_has_the_capabilities_asked_for_and_no_more() {
    for spec in [shell(STATUS), without_user(STATUS)] {
        let output = run(&spec).success();
        for set in ["CapPrm", "CapEff", "CapBnd"] {
            assert_eq!(status(&output, set), "00000000a80425fb", "{set}");
        }
        for set in ["CapInh", "CapAmb"] {
            assert_eq!(status(&output, set), "0000000000000000", "{set}");
        }
    }
}

#[test]
#[ignore = "needs root"]
fn another_user_has_no_capability_but_the_bounding_set() {
    for mut spec in [shell(STATUS), without_user(STATUS)] {
        spec.user = User {
            uid: 1000,
            gid: 1001,
            groups: vec![7, 8],
        };
        let output = run(&spec).success();
        assert_eq!(status(&output, "Uid"), "1000\t1000\t1000\t1000");
        assert_eq!(status(&output, "Gid"), "1001\t1001\t1001\t1001");
        assert_eq!(status(&output, "Groups"), "7 8");
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(status(&output, set), "0000000000000000", "{set}");
        }
        assert_eq!(status(&output, "CapBnd"), "00000000a80425fb");
    }
}

#[test]
#[ignore = "needs root"]
fn the_groups_of_tracer_are_not_inherited() {
    let output = run(&without_user(STATUS)).success();
    assert_eq!(status(&output, "Groups"), "");
}

#[test]
#[ignore = "needs root"]
fn no_new_privileges_and_one_filter_are_set() {
    let output = run(&shell(STATUS)).success();
    assert_eq!(status(&output, "NoNewPrivs"), "1");
    assert_eq!(status(&output, "Seccomp"), "2");
    assert_eq!(status(&output, "Seccomp_filters"), "1");
}

#[test]
#[ignore = "needs root"]
fn a_filter_needs_no_no_new_privileges() {
    for mut spec in [shell(STATUS), without_user(STATUS)] {
        spec.no_new_privileges = false;
        spec.user = User {
            uid: 1000,
            gid: 1000,
            groups: Vec::new(),
        };
        let output = run(&spec).success();
        assert_eq!(status(&output, "NoNewPrivs"), "0");
        assert_eq!(status(&output, "Seccomp"), "2");
    }
}

#[test]
#[ignore = "needs root"]
fn unconfined_means_no_filter() {
    let mut spec = shell(STATUS);
    spec.seccomp = Seccomp::Unconfined;
    assert_eq!(status(&run(&spec).success(), "Seccomp"), "0");
}

#[test]
#[ignore = "needs root"]
fn the_default_filter_refuses_new_namespaces_and_mounts() {
    let mut spec = shell("unshare -U true; echo $?; mount -t tmpfs x /tmp; echo $?; echo ok");
    spec.capabilities = u64::MAX >> 23;
    // The filter is that of the default capabilities: it refuses what these would allow.
    let output = run(&spec).success();
    assert!(output.contains("Operation not permitted"), "{output}");
    assert!(output.ends_with("ok\n"), "{output}");
    assert!(!output.contains("\n0\n"), "{output}");
}

#[test]
#[ignore = "needs root"]
fn signals_are_at_their_defaults() {
    let output = run(&shell(STATUS)).success();
    assert_eq!(status(&output, "SigIgn"), "0000000000000000");
    assert_eq!(status(&output, "SigBlk"), "0000000000000000");
}

#[test]
#[ignore = "needs root"]
fn only_the_standard_streams_are_inherited() {
    assert_eq!(
        run(&shell("echo /proc/self/fd/*"))
            .success()
            .trim()
            .split(' ')
            .count(),
        4
    );
    // The fourth is the directory that the shell reads.
}

#[test]
#[ignore = "needs root"]
fn a_map_of_the_hosts_own_ids_works() {
    let mut spec = shell("id -u; cat /proc/self/uid_map; touch /tmp/x; stat -c %u /tmp/x /etc");
    let map = vec![IdMapping {
        inside: 0,
        outside: 0,
        count: 65_536,
    }];
    (spec.uid_map, spec.gid_map) = (map.clone(), map);
    let output = run(&spec).success();
    assert!(output.starts_with("0\n"), "{output}");
    assert!(output.ends_with("0\n0\n"), "{output}");
}

#[test]
#[ignore = "needs root"]
fn a_map_without_root_works() {
    let mut spec = shell("id -u; id -g");
    let map = vec![IdMapping {
        inside: 1000,
        outside: 101_000,
        count: 1,
    }];
    (spec.uid_map, spec.gid_map) = (map.clone(), map);
    spec.user = User {
        uid: 1000,
        gid: 1000,
        groups: Vec::new(),
    };
    assert_eq!(run(&spec).success(), "1000\n1000\n");
}

#[test]
#[ignore = "needs root"]
fn lowered_rlimits_are_in_force() {
    for mut spec in [
        shell("ulimit -n; ulimit -Hn"),
        without_user("ulimit -n; ulimit -Hn"),
    ] {
        // 7 = RLIMIT_NOFILE; fewer than the set-up itself opens.
        spec.rlimits = vec![RlimitRequest {
            resource: 7,
            soft: 6,
            hard: 8,
        }];
        assert_eq!(run(&spec).success(), "6\n8\n");
    }
}

#[test]
#[ignore = "needs root"]
fn the_environment_is_exactly_what_was_asked() {
    let mut spec = everything(&["/usr/bin/env"]);
    spec.env = vec!["A=b".to_owned(), "C=d e".to_owned()];
    assert_eq!(run(&spec).success(), "A=b\nC=d e\n");
}

#[test]
#[ignore = "needs root"]
fn the_payloads_own_exit_code_comes_back() {
    assert_eq!(run(&shell("exit 42")).exit, Ok(Exit::Code(42)));
    // A signal that init sends itself is ignored in a PID namespace of its own; not without.
    let mut spec = without_user("kill -TERM $$");
    spec.new_namespaces
        .retain(|kind| *kind != tracer::event::NamespaceKind::Pid);
    assert_eq!(run(&spec).exit, Ok(Exit::Signal(15)));
}
