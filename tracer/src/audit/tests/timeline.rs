//! Claims about the steps that lead to a birth. Owns no rules.

use tracer_common::TaskId;
use tracer_common::record::{CertificateRecord, NamespaceSet};

use super::{ENGINE, PAYLOAD, Run, facts, names};
use crate::audit::record::What;
use crate::audit::step::Step;
use crate::audit::timeline::{MOST, Timeline};
use crate::event::sample::{self, ALL_NEW, HOST, INTO_CGROUP, NEW, SETNS, UNSHARE};

const PART: NamespaceSet = NamespaceSet {
    net: NEW.net,
    ..HOST
};

/// The timeline of a birth that the exec of the payload is.
fn timeline(run: &mut Run, namespaces: NamespaceSet) -> Timeline {
    let told = run.apply(&sample::exec(PAYLOAD, &facts(namespaces), "/bin/payload"));
    let born = told.into_iter().find_map(|what| match what {
        What::ContainerBorn(born) => born.timeline,
        _ => None,
    });
    born.expect("a birth")
}

fn events(steps: &[Step]) -> Vec<(u64, &str)> {
    let all = steps.iter().map(|step| (step.record, &*step.event));
    all.collect()
}

#[test]
fn a_birth_has_the_steps_of_who_made_it_in_their_order() {
    let mut run = Run::new();
    let none = sample::cgroups(&[]);
    let middle = sample::task(160, 160, "engine:1");
    run.apply(&sample::mkdir(ENGINE, 0, 7, "/box"));
    run.apply(&sample::attach(ENGINE, ENGINE, 0, 7, "/box"));
    run.apply(&sample::namespace_call(ENGINE, UNSHARE, 0, PART));
    run.apply(&sample::fork(ENGINE, middle, 0x8000, PART, &none));
    // Its creator's end ends no story.
    run.apply(&sample::exit(ENGINE, 0));
    run.apply(&sample::fork(middle, PAYLOAD, ALL_NEW, NEW, &none));
    let told = timeline(&mut run, NEW);
    assert_eq!(
        events(&told.steps),
        [
            (2, "cgroup_attach_task"),
            (3, "unshare"),
            (4, "task_newtask"),
            (6, "task_newtask"),
            (7, "sched_process_exec")
        ]
    );
    assert_eq!(told.left_out, 0);
    let [.., unshare, middle, clone, exec] = told.steps.as_slice() else {
        panic!("{told:?}");
    };
    assert_eq!((exec.t_ns, unshare.t_ns), (0, -40_000));
    assert_eq!(unshare.namespaces[0].kind, "net");
    assert_eq!(middle.flags, ["CLONE_PARENT"]);
    assert_eq!(clone.flags.len(), 8);
    assert_eq!(
        clone.target.as_ref().map(|target| target.pid),
        Some(PAYLOAD.tgid)
    );
    assert_eq!(exec.process.executable.as_deref(), Some("/bin/payload"));
}

#[test]
fn its_cgroups_and_those_above_are_made_by_one_and_by_no_other() {
    let mut run = Run::new();
    let other = sample::task(170, 170, "other");
    run.apply(&sample::mkdir(other, 0, 5, "/all"));
    run.apply(&sample::mkdir(ENGINE, 0, 6, "/all/pod"));
    run.apply(&sample::mkdir(ENGINE, 0, 7, "/all/pod/box"));
    run.apply(&sample::mkdir(ENGINE, 0, 8, "/all/another"));
    let within = sample::cgroups(&[(0, 7)]);
    run.apply(&sample::fork(
        ENGINE,
        PAYLOAD,
        ALL_NEW | INTO_CGROUP,
        NEW,
        &within,
    ));
    let certificate = sample::certificate_with(|facts| {
        facts.namespaces = NEW;
        facts.cgroups = within;
    });
    let told = run.apply(&sample::exec(PAYLOAD, &certificate, "/bin/payload"));
    let [What::ContainerBorn(born)] = told.as_slice() else {
        panic!("{told:?}");
    };
    let steps = &born.timeline.as_ref().expect("one").steps;
    let paths: Vec<_> = steps
        .iter()
        .filter_map(|step| step.path.as_deref())
        .collect();
    assert_eq!(paths, ["/all/pod", "/all/pod/box"]);
    assert!(steps[2].flags.contains(&"CLONE_INTO_CGROUP".to_owned()));
}

#[test]
fn what_another_thread_did_to_itself_and_what_was_undone_leads_to_nothing() {
    let mut run = Run::new();
    let none = sample::cgroups(&[]);
    let thread = sample::task(ENGINE.tgid, 151, "thread");
    run.apply(&sample::namespace_call(thread, SETNS, 0, PART));
    run.apply(&sample::namespace_call(ENGINE, UNSHARE, 0, PART));
    run.apply(&sample::namespace_call(ENGINE, SETNS, 0, HOST));
    run.apply(&sample::fork(ENGINE, PAYLOAD, ALL_NEW, NEW, &none));
    let told = timeline(&mut run, NEW);
    assert_eq!(
        events(&told.steps),
        [(4, "task_newtask"), (5, "sched_process_exec")]
    );
}

#[test]
fn who_is_made_within_a_container_has_the_steps_since_that_one_was_born() {
    let mut run = Run::new();
    let none = sample::cgroups(&[]);
    run.apply(&sample::fork(ENGINE, PAYLOAD, ALL_NEW, NEW, &none));
    assert_eq!(timeline(&mut run, NEW).steps.len(), 2);
    let inner = sample::task(230, 230, "inner");
    let own = NamespaceSet {
        net: NEW.net + 100,
        ..NEW
    };
    run.apply(&sample::fork(PAYLOAD, inner, 0x4000_0000, own, &none));
    let told = run.apply(&sample::exec(inner, &facts(own), "/bin/inner"));
    let [What::ContainerBorn(born)] = told.as_slice() else {
        panic!("{:?}", names(&told));
    };
    assert!(born.within.is_some());
    let told = born.timeline.as_ref().expect("one");
    assert_eq!(
        events(&told.steps),
        [(3, "task_newtask"), (4, "sched_process_exec")]
    );
}

/// A container that was told of, in which a process was merely created, as record 3.
fn with_a_shell() -> (Run, TaskId) {
    let mut run = Run::new();
    let none = sample::cgroups(&[]);
    run.apply(&sample::fork(ENGINE, PAYLOAD, ALL_NEW, NEW, &none));
    assert_eq!(timeline(&mut run, NEW).steps.len(), 2);
    let shell = sample::task(230, 230, "payload");
    run.apply(&sample::fork(PAYLOAD, shell, 0, NEW, &none));
    assert_eq!(run.auditor.pasts.len(), 0, "the model has all of it");
    (run, shell)
}

/// The steps of a container that `shell` makes within its own.
fn within(run: &mut Run, shell: TaskId) -> Vec<Step> {
    let inner = sample::task(240, 240, "inner");
    let own = NamespaceSet {
        net: NEW.net + 100,
        ..NEW
    };
    let none = sample::cgroups(&[]);
    run.apply(&sample::fork(shell, inner, 0x4000_0000, own, &none));
    let told = run.apply(&sample::exec(inner, &facts(own), "/bin/inner"));
    let [What::ContainerBorn(born)] = told.as_slice() else {
        panic!("{:?}", names(&told));
    };
    born.timeline.as_ref().expect("one").steps.clone()
}

#[test]
fn who_was_merely_created_takes_no_room_and_is_told_all_the_same() {
    let (mut run, shell) = with_a_shell();
    // By another name now, which it had not then.
    let renamed = sample::task(shell.tgid, shell.tid, "renamed");
    let steps = within(&mut run, renamed);
    assert_eq!(
        events(&steps),
        [
            (3, "task_newtask"),
            (4, "task_newtask"),
            (5, "sched_process_exec")
        ]
    );
    let target = steps[0].target.as_ref().expect("who was created");
    assert_eq!((target.pid, &*target.name), (shell.tgid, "payload"));
    assert_eq!(
        (steps[0].process.pid, steps[0].t_ns),
        (PAYLOAD.tgid, -20_000)
    );
    assert_eq!(&*steps[1].process.name, "renamed");
}

#[test]
fn the_creation_of_a_process_stays_its_own_when_another_thread_takes_its_leaders_place() {
    let (mut run, shell) = with_a_shell();
    let none = sample::cgroups(&[]);
    let thread = sample::task(shell.tgid, 231, "payload");
    run.apply(&sample::fork(shell, thread, sample::THREAD, NEW, &none));
    let shell = sample::task(shell.tgid, shell.tid, "sh");
    let exec = sample::exec(shell, &facts(NEW), "/bin/sh");
    run.apply(&CertificateRecord {
        old_tid: thread.tid,
        ..exec
    });
    let steps = within(&mut run, shell);
    assert_eq!(
        events(&steps),
        [
            (3, "task_newtask"),
            (5, "sched_process_exec"),
            (6, "task_newtask"),
            (7, "sched_process_exec")
        ]
    );
    assert_eq!(steps[0].process.pid, PAYLOAD.tgid);
    let target = steps[0].target.as_ref().expect("who was created");
    assert_eq!(&*target.name, "payload", "its name then");
}

#[test]
fn of_many_steps_the_last_are_told_and_the_others_counted() {
    let mut run = Run::new();
    let more = 10;
    for number in 0..MOST as u64 + more {
        run.apply(&sample::attach(ENGINE, PAYLOAD, 0, number, "/box"));
    }
    let told = timeline(&mut run, NEW);
    assert_eq!(told.steps.len(), MOST);
    // The exec, too, takes the place of one.
    assert_eq!(told.left_out, more + 1);
    assert_eq!(told.steps.last().map(|step| step.t_ns), Some(0));
}

#[test]
fn a_later_process_of_the_same_number_has_a_past_of_its_own() {
    let mut run = Run::new();
    let before = tracer_common::TaskId {
        start_ns: 1,
        ..PAYLOAD
    };
    run.apply(&sample::attach(ENGINE, before, 0, 7, "/box"));
    let told = timeline(&mut run, NEW);
    assert_eq!(events(&told.steps), [(2, "sched_process_exec")]);
}

#[test]
fn pasts_leave_with_their_processes() {
    let mut run = Run::new();
    let none = sample::cgroups(&[]);
    run.apply(&sample::fork(ENGINE, PAYLOAD, ALL_NEW, NEW, &none));
    assert_eq!(run.auditor.pasts.len(), 1);
    run.apply(&sample::exit(PAYLOAD, 0));
    assert_eq!(run.auditor.pasts.len(), 0);
    // Of a process of the host no end is told.
    for number in 0..20_000 {
        let target = sample::task(1000 + number, 1000 + number, "moved");
        run.apply(&sample::attach(ENGINE, target, 0, 7, "/box"));
    }
    assert!(run.auditor.pasts.len() < 10_000);
}

#[test]
fn what_led_to_the_container_that_it_is_within_is_told_there_alone() {
    let mut run = Run::new();
    let none = sample::cgroups(&[]);
    let middle = sample::task(160, 160, "engine:1");
    run.apply(&sample::namespace_call(ENGINE, UNSHARE, 0, PART));
    run.apply(&sample::fork(ENGINE, middle, 0, PART, &none));
    let told = run.apply(&sample::exec(ENGINE, &facts(PART), "/bin/outer"));
    assert_eq!(names(&told), ["container_born"]);
    // It has come to be before that container has.
    let told = run.apply(&sample::exec(middle, &facts(PART), "/bin/middle"));
    assert_eq!(names(&told), ["container_entered"]);
    run.apply(&sample::fork(middle, PAYLOAD, ALL_NEW, NEW, &none));
    let told = timeline(&mut run, NEW);
    let steps = events(&told.steps);
    assert_eq!(steps.first(), Some(&(4, "sched_process_exec")), "{steps:?}");
    assert_eq!(steps.last(), Some(&(6, "sched_process_exec")));
}
