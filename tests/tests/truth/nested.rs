//! Nested cgroups: the strictest of a task's own limit and its ancestors' is the one in force.

use std::path::PathBuf;

use tracer::container::plan::AttachBy;
use tracer::event::certificate::UNLIMITED;
use tracer::host::{CgroupVersion, Hierarchy};
use tracer::verdict::Verdict;
use tracer_tests::cgroup::Leftover;
use tracer_tests::edit;
use tracer_tests::shell::Shell;
use tracer_tests::spec::{everything, facts, new_id};
use tracer_tests::trial::Trial;

use super::reader::agrees;
use super::{certificate, observe};

fn hierarchy(controller: &str) -> Hierarchy {
    facts()
        .hierarchy_of(controller)
        .cloned()
        .expect("a hierarchy with it")
}

/// On v2 a directory's children have the controllers that it lists.
fn delegate(hierarchy: &Hierarchy, directories: &[PathBuf], controller: &str) {
    if hierarchy.version == CgroupVersion::V2 {
        for directory in directories {
            let file = directory.join("cgroup.subtree_control");
            std::fs::write(file, format!("+{controller}")).expect("delegated");
        }
    }
}

/// An outer cgroup and one in it, with a shell in the inner.
struct Nest {
    shell: Shell,
    outer: Leftover,
    inner: Leftover,
}

impl Nest {
    fn new(controller: &str) -> Self {
        let hierarchy = hierarchy(controller);
        let outer = Leftover::make(hierarchy.mount_point.join(new_id()));
        let directories = [hierarchy.mount_point.clone(), outer.path().to_owned()];
        delegate(&hierarchy, &directories, controller);
        let inner = Leftover::make(outer.path().join("inner"));
        let shell = Shell::new();
        inner.write("cgroup.procs", &shell.pid().to_string());
        Self {
            shell,
            outer,
            inner,
        }
    }

    fn certificate(&self) -> tracer::event::Certificate {
        let certificate = certificate(&mut observe(), self.shell.pid());
        agrees(&certificate, self.shell.pid());
        certificate
    }
}

/// The file of a limit, as v1 or v2 calls it.
fn set(cgroup: &Leftover, files: [&str; 2], value: &str) {
    let file = files
        .into_iter()
        .find(|file| cgroup.path().join(file).exists());
    cgroup.write(file.expect("the limit's file"), value);
}

const MEMORY: [&str; 2] = ["memory.limit_in_bytes", "memory.max"];
const PIDS: [&str; 2] = ["pids.max", "pids.max"];

#[test]
#[ignore = "needs root"]
fn an_ancestors_stricter_memory_limit_is_in_force() {
    let nest = Nest::new("memory");
    set(&nest.outer, MEMORY, "67108864");
    set(&nest.inner, MEMORY, "134217728");
    let limit = nest.certificate().memory().expect("memory");
    assert_eq!(
        (limit.own, limit.effective, limit.depth),
        (128 << 20, 64 << 20, 1)
    );
    set(&nest.inner, MEMORY, "33554432");
    let limit = nest.certificate().memory().expect("memory");
    assert_eq!(
        (limit.own, limit.effective, limit.depth),
        (32 << 20, 32 << 20, 0)
    );
}

#[test]
#[ignore = "needs root"]
fn an_ancestors_stricter_limit_of_tasks_is_in_force() {
    let nest = Nest::new("pids");
    set(&nest.outer, PIDS, "7");
    set(&nest.inner, PIDS, "70");
    let limit = nest.certificate().pids().expect("pids");
    assert_eq!((limit.own, limit.effective, limit.depth), (70, 7, 1));
    set(&nest.inner, PIDS, "max");
    let limit = nest.certificate().pids().expect("pids");
    assert_eq!((limit.own, limit.effective, limit.depth), (UNLIMITED, 7, 1));
}

/// v1 refuses a share above the ancestor's, so that the inner one has none of its own.
#[test]
#[ignore = "needs root"]
fn an_ancestors_quota_is_in_force_where_there_is_none_below() {
    let nest = Nest::new("cpu");
    if nest.outer.path().join("cpu.max").exists() {
        nest.outer.write("cpu.max", "30000 60000");
    } else {
        nest.outer.write("cpu.cfs_period_us", "60000");
        nest.outer.write("cpu.cfs_quota_us", "30000");
    }
    let cpu = nest.certificate().cpu().expect("CPU time");
    assert_eq!(
        (cpu.own_quota, cpu.quota, cpu.period),
        (UNLIMITED, 30_000_000, 60_000_000)
    );
    assert_eq!(cpu.depth, 1);
}

/// As asked for, and stricter for being where it is.
#[test]
#[ignore = "needs root"]
fn a_container_below_a_stricter_cgroup_passes_and_says_so() {
    let mut trial = Trial::new(everything(&["/bin/true"]));
    trial.sabotage(|plan, aids| {
        let label = hierarchy("pids").label();
        let outer = Leftover::make(hierarchy("pids").mount_point.join(new_id()));
        set(&outer, PIDS, "9");
        let directories = [outer.path().to_owned()];
        delegate(&hierarchy("pids"), &directories, "pids");
        let cgroup = edit::cgroup(plan, &label);
        assert_ne!(cgroup.attach, AttachBy::Nobody);
        cgroup.mount_point = outer.path().to_owned();
        aids.keep(outer);
    });
    let (outcome, _) = trial.run();
    let mut items = outcome.judgement.items.iter();
    let item = items.find(|item| item.id == "pids.max").expect("judged");
    assert_eq!(item.verdict, Verdict::Pass, "{item:#?}");
    assert!(
        item.seen.contains("64 tasks") && item.seen.contains("9 tasks"),
        "{item:#?}"
    );
    assert_eq!(outcome.judgement.verdict, Verdict::Pass);
}
