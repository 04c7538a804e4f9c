//! Claims about who is a container and what changes in it, each on the smallest stream of records
//! that shows it. Owns no rules.

use tracer_common::TaskId;
use tracer_common::record::{Certificate as Facts, CgroupSet, NamespaceSet, PathFact};
use zerocopy::{FromZeros as _, Immutable, IntoBytes};

use super::*;
use crate::event::sample::{self, ALL_NEW, HOST, INIT, NEW, ROOT, SETNS, STRANGER, UNSHARE};

const RUNTIME: TaskId = sample::task(150, 150, "engine");
const CHILD: TaskId = sample::task(210, 210, "child");
const OTHER: TaskId = sample::task(220, 220, "other");
/// Inodes of root directories and of files.
const HOST_ROOT: u64 = 2;
const OWN_ROOT: u64 = 77;
const ENGINE: u64 = 1000;
const SHELL: u64 = 1001;

struct Run {
    model: Model,
    births: Births,
    next: u64,
}

fn place(ino: u64) -> PathFact {
    PathFact {
        ino,
        ..PathFact::new_zeroed()
    }
}

fn facts(namespaces: NamespaceSet, cgroups: &CgroupSet, root: u64, file: u64) -> Facts {
    sample::certificate_with(|facts| {
        facts.namespaces = namespaces;
        facts.cgroups = *cgroups;
        (facts.root, facts.exe) = (place(root), place(file));
    })
}

fn home() -> CgroupSet {
    sample::cgroups(&[(0, 1)])
}

impl Run {
    fn new() -> Self {
        let baseline = facts(HOST, &home(), HOST_ROOT, 1).into();
        let mut run = Self {
            model: Model::new(Tgid(ROOT.tgid), &baseline),
            births: Births::new(Tgid(ROOT.tgid), &baseline),
            next: 1,
        };
        run.fork(ROOT, RUNTIME, 0, HOST);
        run.exec(
            RUNTIME,
            &facts(HOST, &home(), HOST_ROOT, ENGINE),
            "/bin/engine",
        );
        run
    }

    fn apply(&mut self, record: &(impl IntoBytes + Immutable)) {
        let event = sample::event(self.next, record);
        self.next += 1;
        let changes = self.model.apply(&event);
        self.births.apply(&event, &changes, &self.model);
    }

    fn fork(&mut self, by: TaskId, child: TaskId, flags: u64, namespaces: NamespaceSet) {
        self.apply(&sample::fork(by, child, flags, namespaces, &home()));
    }

    fn exec(&mut self, task: TaskId, facts: &Facts, program: &str) {
        self.apply(&sample::exec(task, facts, program));
    }

    /// A container of every namespace.
    fn container(&mut self) {
        self.fork(RUNTIME, INIT, ALL_NEW, NEW);
        self.exec(INIT, &facts(NEW, &home(), OWN_ROOT, SHELL), "/bin/sh");
    }

    fn only(&self) -> &Birth {
        let [birth] = self.births.all() else {
            panic!("{:#?}", self.births.all());
        };
        birth
    }

    fn drift(&self) -> Vec<&str> {
        let drift = self.only().drift.iter();
        drift.map(|drift| drift.what.as_str()).collect()
    }
}

#[test]
fn programs_among_the_hosts_namespaces_are_no_containers() {
    let mut run = Run::new();
    run.fork(RUNTIME, CHILD, 0, HOST);
    run.exec(CHILD, &facts(HOST, &home(), HOST_ROOT, SHELL), "/bin/sh");
    assert!(run.births.all().is_empty());
}

#[test]
fn a_program_in_namespaces_that_clone_made_is_one() {
    let mut run = Run::new();
    run.container();
    let birth = run.only();
    assert_eq!((birth.number, birth.payload.tgid), (1, Tgid(INIT.tgid)));
    assert_eq!(birth.runtime.as_deref(), Some("engine"));
    assert_eq!(birth.domain.namespaces.len(), 8);
    assert!(!run.births.is_stage(birth));
    assert_eq!(run.drift(), [""; 0]);
}

#[test]
fn a_program_in_a_namespace_that_was_there_before_is_none() {
    let mut run = Run::new();
    run.apply(&sample::seen(STRANGER, NEW, &home()));
    run.fork(RUNTIME, CHILD, 0, HOST);
    let joined = NamespaceSet {
        net: NEW.net,
        ..HOST
    };
    run.apply(&sample::namespace_call(CHILD, SETNS, 0, joined));
    run.exec(CHILD, &facts(joined, &home(), HOST_ROOT, SHELL), "/bin/sh");
    assert!(run.births.all().is_empty());
}

#[test]
fn what_a_payload_starts_belongs_to_it() {
    let mut run = Run::new();
    run.container();
    run.fork(INIT, CHILD, 0, NEW);
    run.exec(CHILD, &facts(NEW, &home(), OWN_ROOT, 5), "/bin/ls");
    assert_eq!(run.drift(), [""; 0]);
}

#[test]
fn numbers_of_namespaces_that_are_used_again_are_another_container() {
    let mut run = Run::new();
    run.container();
    run.apply(&sample::exit(INIT, 0));
    run.fork(RUNTIME, OTHER, ALL_NEW, NEW);
    run.exec(OTHER, &facts(NEW, &home(), OWN_ROOT, SHELL), "/bin/sh");
    assert_eq!(run.births.all().len(), 2);
    assert_eq!(run.births.all()[1].payload.tgid, Tgid(OTHER.tgid));
}

#[test]
fn a_cgroup_of_its_own_makes_it_one_and_names_it() {
    let mut run = Run::new();
    run.apply(&sample::mkdir(
        RUNTIME,
        0,
        9,
        "/jobs/job-0123456789abcdef.scope",
    ));
    run.fork(RUNTIME, CHILD, 0, HOST);
    run.apply(&sample::attach(RUNTIME, CHILD, 0, 9, "/jobs/job"));
    let own = sample::cgroups(&[(0, 9)]);
    run.exec(CHILD, &facts(HOST, &own, HOST_ROOT, SHELL), "/bin/sh");
    assert_eq!(run.only().id.as_deref(), Some("0123456789abcdef"));
    assert!(run.only().domain.namespaces.is_empty());
    assert!(!run.births.is_stage(run.only()), "nothing tells that it is");
}

#[test]
fn a_hook_before_the_root_is_its_own_is_not_the_payload() {
    let mut run = Run::new();
    run.fork(RUNTIME, INIT, ALL_NEW, NEW);
    run.fork(INIT, CHILD, 0, NEW);
    run.exec(CHILD, &facts(NEW, &home(), HOST_ROOT, 5), "/bin/hook");
    run.apply(&sample::exit(CHILD, 0));
    run.exec(INIT, &facts(NEW, &home(), OWN_ROOT, SHELL), "/bin/sh");
    let birth = run.only();
    assert_eq!(birth.payload.tgid, Tgid(INIT.tgid));
    assert_eq!(birth.stages.len(), 1);
}

#[test]
fn a_child_of_the_payload_with_another_root_does_not_take_its_place() {
    let mut run = Run::new();
    run.fork(RUNTIME, INIT, ALL_NEW, NEW);
    run.exec(INIT, &facts(NEW, &home(), HOST_ROOT, SHELL), "/bin/sh");
    run.fork(INIT, CHILD, 0, NEW);
    run.apply(&sample::exit(INIT, 0));
    run.exec(CHILD, &facts(NEW, &home(), OWN_ROOT, 5), "/bin/true");
    assert_eq!(run.only().payload.tgid, Tgid(INIT.tgid));
}

#[test]
fn namespaces_that_the_payload_changes_later_are_drift() {
    let mut run = Run::new();
    run.container();
    let left = NamespaceSet { net: 99, ..NEW };
    run.apply(&sample::namespace_call(INIT, UNSHARE, 0, left));
    assert_eq!(run.drift(), [format!("unshare: net {} -> 99", NEW.net)]);
    let back = NamespaceSet {
        net: HOST.net,
        ..NEW
    };
    run.apply(&sample::namespace_call(INIT, SETNS, 0, back));
    assert_eq!(run.drift().len(), 2);
}

#[test]
fn a_call_that_failed_is_no_drift() {
    let mut run = Run::new();
    run.container();
    let left = NamespaceSet { net: 99, ..NEW };
    run.apply(&sample::namespace_call(INIT, UNSHARE, -1, left));
    assert_eq!(run.drift(), [""; 0]);
}

#[test]
fn a_member_that_is_moved_is_drift_by_whoever_moved_it() {
    let mut run = Run::new();
    run.container();
    run.fork(INIT, CHILD, 0, NEW);
    run.apply(&sample::attach(STRANGER, CHILD, 0, 5, "/elsewhere"));
    let drift = &run.only().drift[0];
    assert_eq!(drift.what, "moved child[210] to /elsewhere, hierarchy 0");
    assert_eq!(drift.by, "stranger[300]");
}

#[test]
fn who_comes_in_from_outside_is_drift() {
    let mut run = Run::new();
    run.container();
    run.fork(RUNTIME, OTHER, 0, HOST);
    run.apply(&sample::namespace_call(OTHER, SETNS, 0, NEW));
    assert!(
        run.drift()[0].starts_with("entered from outside by setns: mnt "),
        "{:?}",
        run.drift()
    );
    // From then on it is a member.
    run.exec(OTHER, &facts(NEW, &home(), OWN_ROOT, 5), "/bin/ls");
    assert_eq!(run.drift().len(), 1);
}

/// A container whose payload was born in cgroups `own`, and a child in it of somebody who has come in.
fn with_a_newcomer(own: &CgroupSet) -> Run {
    let mut run = Run::new();
    run.fork(RUNTIME, INIT, ALL_NEW, NEW);
    run.exec(INIT, &facts(NEW, own, OWN_ROOT, SHELL), "/bin/sh");
    run.fork(RUNTIME, OTHER, 0, HOST);
    run.apply(&sample::namespace_call(OTHER, SETNS, 0, NEW));
    run.fork(OTHER, CHILD, 0, NEW);
    run
}

#[test]
fn who_comes_in_and_is_moved_home_changes_nothing_until_it_executes_a_program() {
    let own = sample::cgroups(&[(0, 9)]);
    let mut run = with_a_newcomer(&own);
    let before = run.drift().len();
    let to = |id| sample::attach(RUNTIME, CHILD, 0, id, "/somewhere");
    run.apply(&to(9));
    assert_eq!(run.drift().len(), before);
    run.apply(&to(5));
    assert_eq!(run.drift().len(), before + 1, "not home");
    run.exec(CHILD, &facts(NEW, &own, OWN_ROOT, 5), "/bin/ls");
    run.apply(&to(5));
    run.apply(&to(9));
    assert_eq!(run.drift().len(), before + 3, "one of the container's");
}

#[test]
fn who_has_a_newcomers_number_is_none() {
    let mut run = with_a_newcomer(&sample::cgroups(&[(0, 9)]));
    let before = run.drift().len();
    // Its end was lost.
    run.fork(INIT, CHILD, 0, NEW);
    run.apply(&sample::attach(RUNTIME, CHILD, 0, 9, "/somewhere"));
    assert_eq!(run.drift().len(), before + 1);
}

#[test]
fn set_up_before_the_payload_and_clean_up_after_it_are_no_drift() {
    let mut run = Run::new();
    run.fork(RUNTIME, INIT, ALL_NEW, NEW);
    run.fork(RUNTIME, OTHER, 0, HOST);
    run.apply(&sample::namespace_call(OTHER, SETNS, 0, NEW));
    run.exec(INIT, &facts(NEW, &home(), OWN_ROOT, SHELL), "/bin/sh");
    run.apply(&sample::exit(INIT, 0));
    run.fork(RUNTIME, CHILD, 0, HOST);
    run.apply(&sample::namespace_call(CHILD, SETNS, 0, NEW));
    assert_eq!(run.drift(), [""; 0]);
    assert!(run.only().ended.is_some());
}

#[test]
fn what_outlives_the_payload_is_still_watched() {
    let mut run = Run::new();
    run.container();
    run.fork(INIT, CHILD, 0, NEW);
    run.apply(&sample::exit(INIT, 0));
    assert!(run.births.lives(run.only()), "a child of the payload");
    let left = NamespaceSet { net: 99, ..NEW };
    run.apply(&sample::namespace_call(CHILD, UNSHARE, 0, left));
    run.apply(&sample::attach(STRANGER, CHILD, 0, 5, "/elsewhere"));
    run.fork(RUNTIME, OTHER, 0, HOST);
    run.apply(&sample::namespace_call(OTHER, SETNS, 0, NEW));
    assert_eq!(run.drift().len(), 3, "{:?}", run.drift());
    run.apply(&sample::exit(CHILD, 0));
    run.apply(&sample::exit(OTHER, 0));
    assert!(!run.births.lives(run.only()));
}

#[test]
fn capabilities_and_limits_that_the_payload_had_not_are_gains() {
    let mut run = Run::new();
    let mut born = facts(NEW, &home(), OWN_ROOT, SHELL);
    born.capabilities.permitted = 0b01;
    born.memory.levels = 1;
    born.memory.values[0] = 4096;
    run.fork(RUNTIME, INIT, ALL_NEW, NEW);
    run.exec(INIT, &born, "/bin/sh");
    let mut later = born;
    later.capabilities.effective = 0b11;
    later.memory.values[0] = 8192;
    run.exec(INIT, &later, "/bin/sh");
    assert_eq!(
        run.drift(),
        ["gained dac_override", "memory limit raised: 4096 -> 8192"]
    );
}

#[test]
fn mount_namespaces_are_told_as_tasks_come_into_them() {
    let mut run = Run::new();
    run.container();
    let mut told = run.births.take_new_mounts();
    told.dedup();
    assert_eq!(told, [(Tid(INIT.tid), NsId(NEW.mnt))]);
    assert_eq!(run.births.take_new_mounts(), []);
}

#[test]
fn who_is_created_in_a_namespace_can_hold_it_until_a_container_is_born_there() {
    let mut run = Run::new();
    run.fork(RUNTIME, CHILD, 0, HOST);
    run.apply(&sample::namespace_call(CHILD, UNSHARE, 0, NEW));
    run.fork(CHILD, INIT, 0, NEW);
    let new = NsId(NEW.mnt);
    let both = [(Tid(CHILD.tid), new), (Tid(INIT.tid), new)];
    assert_eq!(run.births.take_new_mounts(), both);
    run.exec(INIT, &facts(NEW, &home(), OWN_ROOT, SHELL), "/bin/sh");
    run.fork(INIT, OTHER, 0, NEW);
    assert_eq!(run.births.take_new_mounts(), []);
}

#[test]
fn a_child_of_who_made_a_mount_namespace_is_told_until_it_is_a_container() {
    let mut run = Run::new();
    let made = NamespaceSet {
        mnt: NEW.mnt,
        ..HOST
    };
    run.fork(RUNTIME, CHILD, 0, HOST);
    run.apply(&sample::namespace_call(CHILD, UNSHARE, 0, made));
    run.fork(CHILD, INIT, 0, made);
    let own = NsId(NEW.mnt);
    let both = [(Tid(CHILD.tid), own), (Tid(INIT.tid), own)];
    assert_eq!(run.births.take_new_mounts(), both);
    run.exec(INIT, &facts(made, &home(), OWN_ROOT, SHELL), "/bin/sh");
    run.fork(INIT, OTHER, 0, made);
    assert_eq!(run.births.take_new_mounts(), []);
}

/// Limits of one level below the root, which has none.
fn limited(pids: u64) -> (u64, tracer_common::record::LimitChain) {
    let mut chain = tracer_common::record::LimitChain::new_zeroed();
    chain.levels = 2;
    chain.values[0] = pids;
    (Facts::PIDS, chain)
}

#[test]
fn a_limit_that_is_raised_shows_at_a_members_end_once() {
    let mut run = Run::new();
    run.fork(RUNTIME, INIT, ALL_NEW, NEW);
    let mut born = facts(NEW, &home(), OWN_ROOT, SHELL);
    born.pids = limited(20).1;
    run.exec(INIT, &born, "/bin/sh");
    for (task, pids) in [(CHILD, 20), (OTHER, 10), (CHILD, 40), (INIT, 40)] {
        if task != INIT {
            run.fork(INIT, task, 0, NEW);
        }
        let mut end = sample::exit(task, 0);
        (end.valid, end.pids) = limited(pids);
        run.apply(&end);
    }
    assert_eq!(run.drift(), ["limit of tasks raised: 20 -> 40"]);
    assert_eq!(run.only().drift[0].by, "somebody unseen");
}

#[test]
fn limits_of_who_is_no_member_or_that_are_not_told_are_no_drift() {
    let mut run = Run::new();
    run.fork(RUNTIME, INIT, ALL_NEW, NEW);
    let mut born = facts(NEW, &home(), OWN_ROOT, SHELL);
    born.pids = limited(20).1;
    run.exec(INIT, &born, "/bin/sh");
    let mut end = sample::exit(RUNTIME, 0);
    (end.valid, end.pids) = limited(40);
    run.apply(&end);
    let mut end = sample::exit(INIT, 0);
    end.pids = limited(40).1;
    run.apply(&end);
    assert_eq!(run.drift(), [""; 0]);
}

#[path = "waiting_tests.rs"]
mod waiting;

#[path = "stage_tests.rs"]
mod stage;

/// A cgroup alone in between may be a runtime's own stage.
#[test]
fn what_led_to_a_container_begins_after_the_one_with_namespaces_that_it_is_within() {
    const INNER: TaskId = sample::task(230, 230, "inner");
    let mut run = Run::new();
    let (home, box_) = (home(), sample::cgroups(&[(0, 9)]));
    let net = |net| NamespaceSet { net, ..HOST };
    run.exec(CHILD, &facts(net(77), &home, OWN_ROOT, SHELL), "/bin/outer");
    run.apply(&sample::mkdir(CHILD, 0, 9, "/box"));
    run.apply(&sample::fork(CHILD, OTHER, 0, HOST, &box_));
    run.exec(OTHER, &facts(HOST, &box_, OWN_ROOT, SHELL), "/bin/between");
    run.fork(OTHER, INNER, 0, net(78));
    run.exec(INNER, &facts(net(78), &home, OWN_ROOT, SHELL), "/bin/inner");
    let [outer, between, inner] = run.births.all() else {
        panic!("{:?}", run.births.all());
    };
    assert_eq!(inner.within, Some(between.number));
    assert_eq!(outer.since, None);
    assert_eq!([between.since, inner.since], [Some(outer.seq); 2]);
}
