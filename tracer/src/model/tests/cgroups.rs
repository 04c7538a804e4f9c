//! Claims about cgroups: where a task is, and how it got there.

use super::*;

#[test]
fn clone_into_cgroup_is_its_own_way_in() {
    let mut run = Run::new();
    run.apply(&sample::mkdir(ROOT, 0, 20, "/tracer-1"));
    let there = sample::cgroups(&[(0, 20), (MEMORY, 10)]);
    let changes = run.fork(ROOT, INIT, sample::INTO_CGROUP, &there);
    let by = Tgid(ROOT.tgid);
    assert_eq!(run.place(INIT, 0).way, WayIn::CloneIntoCgroup { by });
    assert_eq!(run.place(INIT, 0).seq, Some(1));
    // The flag is about v2 alone.
    assert_eq!(run.place(INIT, MEMORY).way, WayIn::Inherited { from: by });
    let moved = changes.iter().find_map(|change| match change {
        Change::Cgroup {
            before,
            after,
            path,
            ..
        } => Some((*before, *after, path.clone())),
        _ => None,
    });
    let (before, after, path) = moved.expect("a change of cgroup");
    assert_eq!(
        before,
        Some(CgroupKey {
            hierarchy: 0,
            id: 1
        })
    );
    assert_eq!(
        after,
        CgroupKey {
            hierarchy: 0,
            id: 20
        }
    );
    assert_eq!(path.expect("known from its mkdir").text, "/tracer-1");
}

#[test]
fn clone_into_the_callers_own_cgroup_is_still_that_way_in() {
    let mut run = Run::new();
    run.fork(ROOT, INIT, sample::INTO_CGROUP, &home());
    assert_eq!(
        run.place(INIT, 0).way,
        WayIn::CloneIntoCgroup {
            by: Tgid(ROOT.tgid)
        }
    );
}

#[test]
fn a_move_by_another_and_a_move_by_itself_are_told_apart() {
    let mut run = Run::new();
    run.fork(ROOT, INIT, 0, &home());
    run.apply(&sample::attach(ROOT, INIT, MEMORY, 30, "/a"));
    assert_eq!(
        run.place(INIT, MEMORY).way,
        WayIn::MovedBy {
            mover: Tgid(ROOT.tgid)
        }
    );
    run.apply(&sample::attach(INIT, INIT, MEMORY, 31, "/b"));
    assert_eq!(run.place(INIT, MEMORY).way, WayIn::MovedBySelf);
    let movers: Vec<_> = run
        .place(INIT, MEMORY)
        .moves
        .iter()
        .map(|step| step.by.0)
        .collect();
    assert_eq!(movers, [ROOT.tgid, INIT.tgid]);
}

#[test]
fn a_move_to_where_a_task_is_already_changes_nothing() {
    let mut run = Run::new();
    run.fork(ROOT, INIT, 0, &home());
    let changes = run.apply(&sample::attach(STRANGER, INIT, MEMORY, 10, "/"));
    assert_eq!(changes, []);
    assert_eq!(
        run.place(INIT, MEMORY).way,
        WayIn::Inherited {
            from: Tgid(ROOT.tgid)
        }
    );
}

#[test]
fn a_cgroup_that_the_parent_was_moved_to_is_inherited_afterwards() {
    let mut run = Run::new();
    run.fork(ROOT, INIT, 0, &home());
    run.apply(&sample::attach(ROOT, INIT, MEMORY, 30, "/a"));
    run.fork(INIT, CHILD, 0, &sample::cgroups(&[(0, 1), (MEMORY, 30)]));
    assert_eq!(
        run.place(CHILD, MEMORY).way,
        WayIn::Inherited {
            from: Tgid(INIT.tgid)
        }
    );
    assert_eq!(run.place(CHILD, MEMORY).moves, []);
}

#[test]
fn a_move_of_the_whole_group_moves_every_thread() {
    let mut run = Run::new();
    run.fork(ROOT, INIT, 0, &home());
    run.fork(INIT, THREAD, sample::THREAD, &home());
    run.apply(&sample::attach(ROOT, INIT, MEMORY, 30, "/a"));
    assert_eq!(run.place(THREAD, MEMORY).key.id, 30);
}

#[test]
fn a_move_of_one_thread_leaves_the_others() {
    let mut run = Run::new();
    run.fork(ROOT, INIT, 0, &home());
    run.fork(INIT, THREAD, sample::THREAD, &home());
    let mut record = sample::attach(ROOT, THREAD, MEMORY, 30, "/a");
    record.threadgroup = 0;
    run.apply(&record);
    assert_eq!(run.place(THREAD, MEMORY).key.id, 30);
    assert_eq!(run.place(INIT, MEMORY).key.id, 10);
}

#[test]
fn a_cgroup_that_no_record_explains_is_unseen() {
    let mut run = Run::new();
    run.fork(ROOT, INIT, 0, &sample::cgroups(&[(0, 1), (MEMORY, 99)]));
    assert_eq!(run.place(INIT, MEMORY).way, WayIn::Unseen);
}

#[test]
fn a_cgroup_remembers_its_birth_and_its_end() {
    let mut run = Run::new();
    run.apply(&sample::mkdir(ROOT, MEMORY, 30, "/tracer-1"));
    run.apply(&sample::rmdir(ROOT, MEMORY, 30, "/tracer-1"));
    let birth = run
        .0
        .cgroup(CgroupKey {
            hierarchy: MEMORY,
            id: 30,
        })
        .expect("made");
    assert_eq!(
        (birth.by, birth.seq, birth.removed),
        (Tgid(ROOT.tgid), 0, true)
    );
}

#[test]
fn moves_of_strangers_are_changes_without_state() {
    let mut run = Run::new();
    let changes = run.apply(&sample::attach(ROOT, STRANGER, MEMORY, 30, "/a"));
    assert!(matches!(
        &changes[..],
        [Change::Cgroup { before: None, .. }]
    ));
    assert!(run.0.task(Tid(STRANGER.tid)).is_none());
    let Change::Cgroup { task, .. } = &changes[0] else {
        unreachable!()
    };
    assert_eq!(*task, Task::from(&STRANGER));
}
