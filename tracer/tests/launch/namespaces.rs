//! Namespaces and cgroups that a payload finds itself in.

use std::path::Path;

use tracer::container::plan::{AttachBy, Step};
use tracer::container::{Exit, plan};
use tracer::event::NamespaceKind;

use crate::support::*;

/// `kind -> kind:[inode]` of this process.
fn own(kind: NamespaceKind) -> String {
    let link = std::fs::read_link(Path::new("/proc/self/ns").join(kind.name()));
    link.expect("a namespace").to_string_lossy().into_owned()
}

const NAMESPACES: &str = "for n in mnt uts ipc pid net user cgroup time; do \
                          echo $n $(readlink /proc/self/ns/$n); done";

fn assert_new(output: &str, new: &[NamespaceKind]) {
    for kind in NamespaceKind::ALL {
        let found = output
            .lines()
            .find_map(|line| line.strip_prefix(kind.name())?.strip_prefix(' '))
            .unwrap_or_else(|| panic!("no {} in {output}", kind.name()));
        assert_eq!(
            found != own(kind),
            new.contains(&kind),
            "{}: {found}",
            kind.name()
        );
    }
}

#[test]
#[ignore = "needs root"]
fn all_eight_namespaces_are_new() {
    assert_new(&run(&shell(NAMESPACES)).success(), &NamespaceKind::ALL);
}

#[test]
#[ignore = "needs root"]
fn each_kind_can_be_new_alone() {
    for kind in NamespaceKind::ALL {
        let output = run(&only(&[kind], NAMESPACES)).success();
        assert_new(&output, &[kind]);
    }
}

#[test]
#[ignore = "needs root"]
fn each_kind_can_be_shared_alone() {
    for kind in NamespaceKind::ALL {
        let new: Vec<NamespaceKind> = NamespaceKind::ALL
            .into_iter()
            .filter(|other| *other != kind)
            .collect();
        if kind == NamespaceKind::Mnt {
            // The host's /proc has no /proc/self for a process of another PID namespace.
            run(&only(&new, "true")).success();
        } else {
            assert_new(&run(&only(&new, NAMESPACES)).success(), &new);
        }
    }
}

#[test]
#[ignore = "needs root"]
fn init_is_process_one_and_sees_only_its_own() {
    let output = run(&shell("echo $$ /proc/[0-9]*")).success();
    assert_eq!(output, "1 /proc/1\n");
}

#[test]
#[ignore = "needs root"]
fn the_hostname_is_the_containers() {
    assert_eq!(run(&shell("hostname")).success(), "inside\n");
}

#[test]
#[ignore = "needs root"]
fn only_a_loopback_that_is_up_is_there() {
    let output = run(&shell("ls /sys/class/net; cat /sys/class/net/lo/flags")).success();
    assert_eq!(output, "lo\n0x9\n");
}

#[test]
#[ignore = "needs root"]
fn the_payload_is_in_a_cgroup_of_its_own_everywhere() {
    let mut spec = shell("cat /proc/self/cgroup");
    spec.new_namespaces
        .retain(|kind| *kind != NamespaceKind::Cgroup);
    let output = run(&spec).success();
    for hierarchy in facts().hierarchies {
        let wanted = format!("{}:", hierarchy.id);
        let line = output
            .lines()
            .find(|line| line.starts_with(&wanted))
            .expect("a line");
        assert!(line.ends_with(&format!(":/{}", spec.id)), "{line}");
    }
}

#[test]
#[ignore = "needs root"]
fn the_cgroup_namespace_is_rooted_at_the_containers_cgroups() {
    let output = run(&shell("cat /proc/self/cgroup")).success();
    assert!(output.lines().all(|line| line.ends_with(":/")), "{output}");
}

#[test]
#[ignore = "needs root"]
fn tracer_can_put_init_into_its_cgroups_too() {
    let mut spec = shell("cat /proc/self/cgroup");
    spec.new_namespaces
        .retain(|kind| *kind != NamespaceKind::Cgroup);
    let mut plan = plan(&spec, &facts()).expect("a plan");
    plan.steps
        .retain(|step| !matches!(step, Step::JoinCgroup { .. }));
    for cgroup in &mut plan.cgroups {
        cgroup.attach = AttachBy::Tracer;
    }
    let output = run_plan(&plan).success();
    assert!(
        output.lines().all(|line| line.ends_with(&spec.id)),
        "{output}"
    );
}

#[test]
#[ignore = "needs root"]
fn the_processor_set_is_in_force() {
    let output = run(&shell("grep Cpus_allowed_list /proc/self/status")).success();
    assert_eq!(output, "Cpus_allowed_list:\t0\n");
}

#[test]
#[ignore = "needs root"]
fn the_process_limit_is_in_force() {
    let mut spec = shell("(true) && (true | true | true | true)");
    spec.resources.pids = Some(2);
    let outcome = run(&spec);
    assert_ne!(outcome.exit, Ok(Exit::Code(0)), "{}", outcome.output);
    assert!(outcome.output.contains("fork"), "{}", outcome.output);
}

#[test]
#[ignore = "needs root"]
fn the_memory_limit_is_in_force() {
    let mut spec = shell("head -c 64M /dev/zero | tail -c 60M | wc -c");
    spec.resources.memory = Some(16 << 20);
    let outcome = run(&spec);
    assert!(!outcome.output.contains("62914560"), "{outcome:?}");
}

#[test]
#[ignore = "needs root"]
fn nothing_is_left_of_a_finished_run() {
    let spec = shell("true");
    run(&spec).success();
    assert_eq!(left_of(&spec.id), [""; 0]);
}

#[test]
#[ignore = "needs root"]
fn processes_that_outlive_init_are_killed() {
    // Without a PID namespace nothing but the cgroup holds them together.
    let spec = only(&[NamespaceKind::Uts], "sleep 1000 & sleep 1000 & exit 0");
    run(&spec).success();
    assert_eq!(left_of(&spec.id), [""; 0]);
}
