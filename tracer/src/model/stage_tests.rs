//! Claims about which containers are a runtime's own stages, on the streams of records of the
//! births.

use super::*;
use crate::event::sample::INTO_CGROUP;

/// Of a cgroup for programs that nothing else sets apart, and of one below it.
const JOB: u64 = 9;
const BELOW: u64 = 10;
/// Of a container, or of another program.
const BOX: u64 = 11;

impl Run {
    fn cgroup(&mut self, id: u64, path: &str) {
        self.apply(&sample::mkdir(RUNTIME, 0, id, path));
    }

    /// A program that nothing but the cgroup sets apart, which was moved there.
    fn job(&mut self, by: TaskId, task: TaskId, id: u64, file: u64) {
        self.fork(by, task, 0, HOST);
        self.moved(task, id);
        self.exec(task, &at(HOST, id, HOST_ROOT, file), "/bin/job");
    }

    fn moved(&mut self, task: TaskId, id: u64) {
        self.apply(&sample::attach(RUNTIME, task, 0, id, "/somewhere"));
    }

    /// A container with namespaces of its own.
    fn inside(&mut self, by: TaskId, task: TaskId, id: u64) {
        self.fork(by, task, ALL_NEW, NEW);
        self.moved(task, id);
        self.exec(task, &at(NEW, id, OWN_ROOT, SHELL), "/bin/sh");
    }

    /// Numbers of those that are stages.
    fn stages(&self) -> Vec<usize> {
        let all = self.births.all().iter();
        let all = all.filter(|birth| self.births.is_stage(birth));
        all.map(|birth| birth.number).collect()
    }
}

fn at(namespaces: NamespaceSet, cgroup: u64, root: u64, file: u64) -> Facts {
    facts(namespaces, &sample::cgroups(&[(0, cgroup)]), root, file)
}

#[test]
fn who_makes_a_container_from_a_cgroup_of_its_own_is_a_stage_once_it_is_born() {
    let mut run = Run::new();
    run.cgroup(JOB, "/job");
    run.cgroup(BOX, "/box");
    run.job(RUNTIME, CHILD, JOB, ENGINE);
    assert_eq!(run.stages(), [0; 0]);
    run.fork(CHILD, OTHER, 0, HOST);
    run.inside(OTHER, INIT, BOX);
    assert_eq!(run.births.all().len(), 2);
    assert_eq!(run.stages(), [1]);
}

#[test]
fn a_further_program_in_the_containers_cgroup_on_the_way_there_is_one_too() {
    let mut run = Run::new();
    run.cgroup(JOB, "/job");
    run.cgroup(BOX, "/box");
    run.job(RUNTIME, CHILD, JOB, ENGINE);
    run.job(CHILD, OTHER, BOX, ENGINE);
    run.inside(OTHER, INIT, BOX);
    assert_eq!(run.stages(), [1, 2]);
}

#[test]
fn who_is_a_containers_maker_by_being_its_parent_alone_is_a_stage() {
    let mut run = Run::new();
    run.cgroup(JOB, "/job");
    run.cgroup(BOX, "/box");
    run.job(RUNTIME, CHILD, JOB, ENGINE);
    run.fork(RUNTIME, INIT, ALL_NEW, NEW);
    run.moved(INIT, BOX);
    let mut adopted = at(NEW, BOX, OWN_ROOT, SHELL);
    adopted.parent_tgid = CHILD.tgid;
    run.exec(INIT, &adopted, "/bin/sh");
    assert_eq!(run.stages(), [1]);
}

#[test]
fn who_is_executed_beside_a_maker_or_below_it_is_a_stage() {
    for (id, path) in [(JOB, "/job"), (BELOW, "/job/below")] {
        let mut run = Run::new();
        run.cgroup(JOB, "/job");
        run.cgroup(BELOW, "/job/below");
        run.cgroup(BOX, "/box");
        // Moved after its exec, as the monitors of engines are: it is no container itself.
        run.moved(RUNTIME, JOB);
        run.job(RUNTIME, CHILD, id, 5);
        assert_eq!(run.stages(), [0; 0], "{path}");
        run.inside(RUNTIME, INIT, BOX);
        assert_eq!(run.stages(), [1], "{path}");
        run.job(RUNTIME, OTHER, JOB, 6);
        assert!(run.stages().iter().all(|one| *one != 2), "{path}");
    }
}

#[test]
fn who_is_executed_after_the_container_beside_its_maker_is_a_stage() {
    let mut run = Run::new();
    run.cgroup(JOB, "/job");
    run.cgroup(BOX, "/box");
    run.moved(RUNTIME, JOB);
    run.inside(RUNTIME, INIT, BOX);
    run.job(RUNTIME, CHILD, JOB, 5);
    assert_eq!(run.stages(), [2]);
}

#[test]
fn who_is_put_into_a_containers_cgroup_from_outside_is_a_stage() {
    let mut run = Run::new();
    run.cgroup(BOX, "/box");
    run.inside(RUNTIME, INIT, BOX);
    run.fork(RUNTIME, CHILD, INTO_CGROUP, HOST);
    run.exec(CHILD, &at(HOST, BOX, HOST_ROOT, ENGINE), "/proc/self/exe");
    assert_eq!(run.stages(), [2]);
}

#[test]
fn who_stands_elsewhere_or_came_after_the_maker_had_gone_is_judged() {
    for (id, path, ended) in [
        (BELOW, "/jobs", false),
        (BELOW, "/", false),
        (JOB, "/job", true),
    ] {
        let mut run = Run::new();
        run.cgroup(JOB, "/job");
        if id != JOB {
            run.cgroup(id, path);
        }
        run.cgroup(BOX, "/box");
        run.fork(RUNTIME, OTHER, 0, HOST);
        run.moved(OTHER, JOB);
        run.inside(OTHER, INIT, BOX);
        if ended {
            run.apply(&sample::exit(OTHER, 0));
        }
        run.job(RUNTIME, CHILD, id, 5);
        assert_eq!(run.births.all().len(), 2, "{path}");
        assert_eq!(run.stages(), [0; 0], "{path}");
    }
}

#[test]
fn a_cgroup_of_another_hierarchy_that_the_maker_has_not_is_its_own() {
    let mut run = Run::new();
    run.cgroup(JOB, "/job");
    run.apply(&sample::mkdir(RUNTIME, 3, BOX, "/limits"));
    run.moved(RUNTIME, JOB);
    run.fork(RUNTIME, CHILD, 0, HOST);
    let both = sample::cgroups(&[(0, JOB), (3, BOX)]);
    run.exec(CHILD, &facts(HOST, &both, HOST_ROOT, 5), "/bin/job");
    run.fork(RUNTIME, INIT, ALL_NEW, NEW);
    run.exec(INIT, &facts(NEW, &home(), OWN_ROOT, SHELL), "/bin/sh");
    assert_eq!(run.births.all().len(), 2);
    assert_eq!(run.stages(), [0; 0]);
}

#[test]
fn a_cgroup_that_was_there_before_makes_nobody_a_stage() {
    let mut run = Run::new();
    run.cgroup(JOB, "/job");
    // The maker is where it was, above everybody.
    run.inside(RUNTIME, INIT, 1);
    run.job(RUNTIME, CHILD, JOB, 5);
    assert_eq!(run.births.all().len(), 2);
    assert_eq!(run.stages(), [0; 0]);
}

#[test]
fn a_later_process_with_the_number_of_a_maker_is_none() {
    let mut run = Run::new();
    run.cgroup(JOB, "/job");
    run.cgroup(BOX, "/box");
    run.fork(RUNTIME, OTHER, 0, HOST);
    run.inside(OTHER, INIT, BOX);
    run.apply(&sample::exit(OTHER, 0));
    let later = TaskId {
        start_ns: 9_000_000_000,
        ..OTHER
    };
    run.fork(RUNTIME, later, 0, HOST);
    run.moved(later, JOB);
    run.job(RUNTIME, CHILD, JOB, 5);
    assert_eq!(run.births.all().len(), 2);
    assert_eq!(run.stages(), [0; 0]);
}

#[test]
fn who_made_namespaces_and_failed_is_a_stage_and_who_made_none_is_a_payload_that_failed() {
    let ended = |made: bool, who: TaskId, code: u32| {
        let mut run = Run::new();
        run.cgroup(JOB, "/job");
        run.job(RUNTIME, CHILD, JOB, ENGINE);
        run.fork(CHILD, OTHER, 0, HOST);
        if made {
            run.fork(OTHER, INIT, ALL_NEW, NEW);
        }
        assert_eq!(run.stages(), [0; 0], "it lives");
        run.apply(&sample::exit(who, code));
        run.stages()
    };
    assert_eq!(ended(true, CHILD, 1 << 8), [1]);
    assert_eq!(ended(true, INIT, 1 << 8), [1], "its last process");
    assert_eq!(ended(true, CHILD, 0), [0; 0], "namespaces for itself");
    assert_eq!(ended(false, CHILD, 1 << 8), [0; 0]);
}

#[test]
fn a_program_that_a_payload_starts_can_fail() {
    let mut run = Run::new();
    run.cgroup(JOB, "/job");
    run.job(RUNTIME, CHILD, JOB, ENGINE);
    run.fork(CHILD, INIT, ALL_NEW, NEW);
    run.fork(CHILD, OTHER, 0, HOST);
    run.exec(OTHER, &at(HOST, JOB, HOST_ROOT, 5), "/bin/false");
    run.apply(&sample::exit(OTHER, 1 << 8));
    assert_eq!(run.stages(), [0; 0]);
}

#[test]
fn who_leaves_somebody_waiting_for_a_payload_is_a_stage() {
    let mut run = Run::new();
    run.cgroup(JOB, "/job");
    run.job(RUNTIME, CHILD, JOB, ENGINE);
    run.fork(CHILD, INIT, ALL_NEW, NEW);
    assert_eq!(run.stages(), [0; 0]);
    let task = run
        .model
        .leader(Tgid(INIT.tgid))
        .expect("known")
        .task
        .clone();
    run.births.left_waiting(&task, &run.model);
    assert_eq!(run.stages(), [1]);
}

#[test]
fn a_program_that_executed_itself_anew_to_make_containers_is_a_stage() {
    let mut run = Run::new();
    let stage = NamespaceSet {
        user: NEW.user,
        mnt: NEW.mnt,
        ..HOST
    };
    run.fork(RUNTIME, CHILD, 0x1002_0000, stage);
    let again = facts(stage, &home(), HOST_ROOT, ENGINE);
    run.exec(CHILD, &again, "/proc/self/exe");
    assert!(!run.births.is_stage(run.only()), "nothing was born in it");
    let inner = NamespaceSet { mnt: 99, ..NEW };
    run.fork(CHILD, INIT, ALL_NEW, inner);
    run.exec(INIT, &facts(inner, &home(), OWN_ROOT, SHELL), "/bin/sh");
    let [stage, payload] = run.births.all() else {
        panic!("{:#?}", run.births.all())
    };
    assert!(run.births.is_stage(stage) && !run.births.is_stage(payload));
    assert_eq!(payload.within, Some(1));
    assert_eq!(payload.runtime.as_deref(), Some("engine"));
}

#[test]
fn a_program_that_executed_itself_anew_and_failed_made_no_container() {
    let stage = NamespaceSet { user: 9, ..HOST };
    let ended = |file, code| {
        let mut run = Run::new();
        run.fork(RUNTIME, CHILD, 0x1002_0000, stage);
        run.exec(
            CHILD,
            &facts(stage, &home(), HOST_ROOT, file),
            "/proc/self/exe",
        );
        run.apply(&sample::exit(CHILD, code));
        run.births.is_stage(run.only())
    };
    assert!(ended(ENGINE, 125 << 8));
    // The first keeps the namespaces, a second of the same program does the work.
    let mut run = Run::new();
    run.fork(RUNTIME, CHILD, 0x1002_0000, stage);
    let again = facts(stage, &home(), HOST_ROOT, ENGINE);
    run.exec(CHILD, &again, "/proc/self/exe");
    run.fork(CHILD, OTHER, 0, stage);
    run.exec(OTHER, &again, "/proc/self/exe");
    assert!(!run.births.is_stage(run.only()));
    run.apply(&sample::exit(OTHER, 125 << 8));
    assert!(run.births.is_stage(run.only()));
    assert!(!ended(ENGINE, 0), "it may have been all that was asked for");
    assert!(!ended(SHELL, 125 << 8), "a payload that fails is judged");
}

#[test]
fn a_payload_that_makes_containers_is_still_judged() {
    let mut run = Run::new();
    // With the host's root directory, and by another program than its maker.
    run.fork(RUNTIME, INIT, ALL_NEW, NEW);
    run.exec(INIT, &facts(NEW, &home(), HOST_ROOT, SHELL), "/bin/sh");
    let inner = NamespaceSet { net: 99, ..NEW };
    run.fork(INIT, CHILD, 0x4000_0000, inner);
    run.exec(CHILD, &facts(inner, &home(), HOST_ROOT, 5), "/bin/true");
    assert_eq!(run.births.all().len(), 2);
    assert!(!run.births.is_stage(&run.births.all()[0]));
}
