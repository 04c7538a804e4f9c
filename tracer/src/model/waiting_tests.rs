//! Claims about who waits for its payload, on the streams of records of the births.

use super::*;
use crate::model::waiting::left_waiting;

/// What the engine leaves behind at its end, after what was done.
fn left(prepare: impl FnOnce(&mut Run)) -> Vec<u32> {
    let mut run = Run::new();
    prepare(&mut run);
    let record = sample::exit(RUNTIME, 0);
    let event = sample::event(run.next, &record);
    run.apply(&record);
    let left = left_waiting(&event, &run.model, &run.births);
    left.into_iter().map(|task| task.tgid.0).collect()
}

#[test]
fn who_is_left_in_new_namespaces_waits() {
    assert_eq!(
        left(|run| run.fork(RUNTIME, INIT, ALL_NEW, NEW)),
        [INIT.tgid]
    );
}

#[test]
fn who_came_into_them_later_waits_as_well() {
    let prepare = |run: &mut Run| {
        run.fork(RUNTIME, CHILD, 0, HOST);
        let own = NamespaceSet {
            mnt: NEW.mnt,
            ..HOST
        };
        run.apply(&sample::namespace_call(CHILD, UNSHARE, 0, own));
    };
    assert_eq!(left(prepare), [CHILD.tgid]);
}

#[test]
fn who_is_left_among_the_hosts_does_not() {
    assert_eq!(left(|run| run.fork(RUNTIME, CHILD, 0, HOST)), [0; 0]);
}

#[test]
fn a_payload_does_not() {
    assert_eq!(left(Run::container), [0; 0]);
}

#[test]
fn the_first_process_of_a_container_whose_payload_is_its_child_does_not() {
    let prepare = |run: &mut Run| {
        run.fork(RUNTIME, INIT, ALL_NEW, NEW);
        run.fork(INIT, CHILD, 0, NEW);
        run.exec(CHILD, &facts(NEW, &home(), OWN_ROOT, SHELL), "/bin/sh");
        assert_eq!(run.only().payload.tgid, Tgid(CHILD.tgid));
    };
    assert_eq!(left(prepare), [0; 0]);
}

#[test]
fn who_has_ended_does_not() {
    let prepare = |run: &mut Run| {
        run.fork(RUNTIME, INIT, ALL_NEW, NEW);
        run.apply(&sample::exit(INIT, 0));
    };
    assert_eq!(left(prepare), [0; 0]);
}

#[test]
fn whose_parent_is_another_does_not() {
    let prepare = |run: &mut Run| {
        run.fork(RUNTIME, CHILD, 0, HOST);
        run.fork(CHILD, INIT, ALL_NEW, NEW);
    };
    assert_eq!(left(prepare), [0; 0]);
}
