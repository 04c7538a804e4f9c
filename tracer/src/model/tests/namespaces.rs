//! Claims about namespaces: who made them, who has them.

use super::*;

#[test]
fn clone_with_all_flags_makes_eight_namespaces() {
    let mut run = Run::new();
    let changes = run.apply(&sample::fork(ROOT, INIT, sample::ALL_NEW, NEW, &home()));
    assert_eq!(namespaces_changed(&changes).len(), 10);
    for kind in NamespaceKind::ALL {
        let id = run
            .0
            .task(Tid(INIT.tid))
            .expect("known")
            .namespaces
            .get(NamespaceSlot::own(kind));
        let made = NamespaceOrigin::Made {
            by: Tgid(ROOT.tgid),
            call: Made::Clone,
            seq: 0,
        };
        assert_eq!(
            run.0.namespace(kind, id.expect("readable")),
            Some(&made),
            "{kind:?}"
        );
    }
}

#[test]
fn a_namespace_of_the_host_is_not_made_by_inheriting_it() {
    let mut run = Run::new();
    let changes = run.fork(ROOT, INIT, 0, &home());
    assert_eq!(namespaces_changed(&changes), []);
    let origin = run.0.namespace(NamespaceKind::Net, NsId(HOST.net));
    assert_eq!(origin, Some(&NamespaceOrigin::Before));
}

#[test]
fn a_reused_namespace_number_gets_a_new_birth() {
    let mut run = Run::new();
    run.apply(&sample::seen(STRANGER, NEW, &home()));
    assert_eq!(
        run.0.namespace(NamespaceKind::Net, NsId(NEW.net)),
        Some(&NamespaceOrigin::Before)
    );
    run.apply(&sample::fork(ROOT, INIT, sample::ALL_NEW, NEW, &home()));
    assert!(matches!(
        run.0.namespace(NamespaceKind::Net, NsId(NEW.net)),
        Some(NamespaceOrigin::Made { seq: 1, .. })
    ));
}

#[test]
fn unshare_makes_what_differs_after_it() {
    let mut run = Run::new();
    run.fork(ROOT, INIT, 0, &home());
    let after = NamespaceSet {
        uts: NEW.uts,
        pid_for_children: NEW.pid,
        ..HOST
    };
    let changes = run.apply(&sample::namespace_call(INIT, sample::UNSHARE, 0, after));
    assert_eq!(
        namespaces_changed(&changes),
        [
            (NamespaceSlot::Uts, HOST.uts, NEW.uts),
            (NamespaceSlot::PidForChildren, HOST.pid, NEW.pid),
        ]
    );
    let made = NamespaceOrigin::Made {
        by: Tgid(INIT.tgid),
        call: Made::Unshare,
        seq: 1,
    };
    assert_eq!(
        run.0.namespace(NamespaceKind::Uts, NsId(NEW.uts)),
        Some(&made)
    );
    assert_eq!(
        run.0.namespace(NamespaceKind::Pid, NsId(NEW.pid)),
        Some(&made)
    );
}

#[test]
fn unshare_of_nothing_changes_nothing() {
    let mut run = Run::new();
    run.fork(ROOT, INIT, 0, &home());
    let changes = run.apply(&sample::namespace_call(INIT, sample::UNSHARE, 0, HOST));
    assert_eq!(changes, []);
}

#[test]
fn a_failed_call_changes_nothing() {
    let mut run = Run::new();
    run.fork(ROOT, INIT, 0, &home());
    // The set in the record of a failed call is not looked at, whatever it holds.
    let changes = run.apply(&sample::namespace_call(INIT, sample::UNSHARE, -1, NEW));
    assert_eq!(changes, []);
    assert_eq!(run.namespace(INIT, NamespaceSlot::Mnt), HOST.mnt);
}

#[test]
fn setns_into_the_same_namespace_is_not_a_change() {
    let mut run = Run::new();
    run.fork(ROOT, INIT, 0, &home());
    let changes = run.apply(&sample::namespace_call(INIT, sample::SETNS, 0, HOST));
    assert_eq!(changes, []);
}

#[test]
fn setns_joins_and_makes_nothing() {
    let mut run = Run::new();
    run.fork(ROOT, INIT, 0, &home());
    let after = NamespaceSet { net: 77, ..HOST };
    let changes = run.apply(&sample::namespace_call(INIT, sample::SETNS, 0, after));
    assert_eq!(
        namespaces_changed(&changes),
        [(NamespaceSlot::Net, HOST.net, 77)]
    );
    let found = NamespaceOrigin::Found { seq: 1 };
    assert_eq!(run.0.namespace(NamespaceKind::Net, NsId(77)), Some(&found));
}

#[test]
fn setns_by_one_thread_changes_that_thread_only() {
    let mut run = Run::new();
    run.fork(ROOT, INIT, 0, &home());
    run.fork(INIT, THREAD, sample::THREAD, &home());
    let after = NamespaceSet { net: 77, ..HOST };
    run.apply(&sample::namespace_call(THREAD, sample::SETNS, 0, after));
    assert_eq!(run.namespace(THREAD, NamespaceSlot::Net), 77);
    assert_eq!(run.namespace(INIT, NamespaceSlot::Net), HOST.net);
}

#[test]
fn a_child_of_a_thread_inherits_from_that_thread() {
    let mut run = Run::new();
    run.fork(ROOT, INIT, 0, &home());
    run.fork(INIT, THREAD, sample::THREAD, &home());
    let after = NamespaceSet { net: 77, ..HOST };
    run.apply(&sample::namespace_call(THREAD, sample::SETNS, 0, after));
    let changes = run.apply(&sample::fork(THREAD, CHILD, 0, after, &home()));
    assert_eq!(namespaces_changed(&changes), []);
    assert_eq!(run.namespace(CHILD, NamespaceSlot::Net), 77);
}

#[test]
fn a_thread_that_execs_keeps_its_own_namespaces_under_its_leaders_number() {
    let mut run = Run::new();
    run.fork(ROOT, INIT, 0, &home());
    run.fork(INIT, THREAD, sample::THREAD, &home());
    let after = NamespaceSet { net: 77, ..HOST };
    run.apply(&sample::namespace_call(THREAD, sample::SETNS, 0, after));
    let facts = sample::certificate_with(|facts| {
        facts.namespaces = after;
        facts.cgroups = home();
    });
    let mut exec = sample::exec(INIT, &facts, "/bin/sh");
    exec.old_tid = THREAD.tid;
    let changes = run.apply(&exec);
    assert!(
        matches!(changes[..], [Change::Executed { .. }]),
        "{changes:?}"
    );
    assert_eq!(run.namespace(INIT, NamespaceSlot::Net), 77);
    assert!(run.0.task(Tid(THREAD.tid)).is_none());
}

#[test]
fn a_number_that_is_used_again_is_told_by_the_record_that_asks() {
    let mut run = Run::new();
    run.fork(ROOT, INIT, 0, &home());
    let own = NamespaceSet { uts: 77, ..HOST };
    run.apply(&sample::namespace_call(INIT, sample::UNSHARE, 0, own));
    run.apply(&sample::exit(INIT, 0));
    run.fork(ROOT, CHILD, 0, &home());
    run.apply(&sample::namespace_call(CHILD, sample::UNSHARE, 0, own));
    let made = |task: tracer_common::TaskId, seq| NamespaceOrigin::Made {
        by: Tgid(task.tgid),
        call: Made::Unshare,
        seq,
    };
    let at = |seq| run.0.namespace_at(NamespaceKind::Uts, NsId(77), seq);
    let (first, second) = (made(INIT, 1), made(CHILD, 4));
    assert_eq!(at(0), None);
    assert_eq!([at(1), at(3)], [Some(&first); 2]);
    assert_eq!([at(4), at(9)], [Some(&second); 2]);
}

/// `NEW`'s numbers, borne by other namespaces each time.
fn another(unique: u64) -> NamespaceSet {
    NamespaceSet {
        unique: [unique; 10],
        ..NEW
    }
}

#[test]
fn a_number_that_is_used_again_outside_and_joined_was_not_made_here() {
    let mut run = Run::new();
    run.apply(&sample::fork(
        ROOT,
        INIT,
        sample::ALL_NEW,
        another(500),
        &home(),
    ));
    run.apply(&sample::exit(INIT, 0));
    run.fork(ROOT, CHILD, 0, &home());
    let joined = another(501);
    run.apply(&sample::namespace_call(CHILD, sample::SETNS, 0, joined));
    let found = NamespaceOrigin::Found { seq: 3 };
    let made = NamespaceOrigin::Made {
        by: Tgid(ROOT.tgid),
        call: Made::Clone,
        seq: 0,
    };
    let at = |seq| run.0.namespace_at(NamespaceKind::Net, NsId(NEW.net), seq);
    assert_eq!([at(0), at(2)], [Some(&made); 2]);
    assert_eq!(at(3), Some(&found));
    assert_eq!(run.0.namespace(NamespaceKind::Net, NsId(NEW.net)), at(3));
}

#[test]
fn a_number_that_is_used_again_is_no_more_what_was_there_before() {
    let mut run = Run::new();
    run.apply(&sample::seen(STRANGER, another(500), &home()));
    run.fork(ROOT, INIT, 0, &home());
    run.apply(&sample::namespace_call(
        INIT,
        sample::SETNS,
        0,
        another(500),
    ));
    let origin = |run: &Run| run.0.namespace(NamespaceKind::Net, NsId(NEW.net)).copied();
    assert_eq!(origin(&run), Some(NamespaceOrigin::Before));
    run.apply(&sample::namespace_call(
        INIT,
        sample::SETNS,
        0,
        another(501),
    ));
    assert_eq!(origin(&run), Some(NamespaceOrigin::Found { seq: 3 }));
}

#[test]
fn what_was_made_here_and_joined_is_still_that() {
    let mut run = Run::new();
    run.apply(&sample::fork(
        ROOT,
        INIT,
        sample::ALL_NEW,
        another(500),
        &home(),
    ));
    run.fork(ROOT, CHILD, 0, &home());
    // Of a record without them nothing but the inode number is known.
    for unique in [500, 0, 500] {
        run.apply(&sample::namespace_call(
            CHILD,
            sample::SETNS,
            0,
            another(unique),
        ));
        let origin = run.0.namespace(NamespaceKind::Net, NsId(NEW.net));
        assert!(matches!(origin, Some(NamespaceOrigin::Made { seq: 0, .. })));
    }
}
