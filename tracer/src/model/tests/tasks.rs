//! Claims about tasks: lineage, ends, reused numbers.

use std::sync::Arc;

use tracer_common::record::CertificateRecord;

use super::*;

#[test]
fn a_certificate_corrects_the_model_and_says_so() {
    let mut run = Run::new();
    run.fork(ROOT, INIT, 0, &home());
    let facts = sample::certificate_with(|facts| {
        facts.namespaces = NamespaceSet { time: 88, ..HOST };
        facts.cgroups = sample::cgroups(&[(0, 1), (MEMORY, 99)]);
    });
    let changes = run.apply(&sample::exec(INIT, &facts, "/bin/sh"));
    assert_eq!(
        namespaces_changed(&changes),
        [(NamespaceSlot::Time, HOST.time, 88)]
    );
    assert_eq!(run.place(INIT, MEMORY).way, WayIn::Unseen);
}

#[test]
fn who_is_found_beside_its_parent_shares_what_that_one_has() {
    let mut run = Run::new();
    let seen = |task, namespaces| {
        let mut seen = sample::seen(task, namespaces, &home());
        seen.parent_tgid = STRANGER.tgid;
        seen
    };
    run.apply(&seen(STRANGER, HOST));
    run.apply(&seen(INIT, HOST));
    run.apply(&seen(CHILD, NamespaceSet { time: 88, ..HOST }));
    let state = |task: TaskId| run.0.task(Tid(task.tid)).expect("known");
    let (parent, like, other) = (state(STRANGER), state(INIT), state(CHILD));
    assert!(Arc::ptr_eq(&parent.namespaces, &like.namespaces));
    assert_eq!(other.namespaces.get(NamespaceSlot::Time), Some(NsId(88)));
    for state in [like, other] {
        assert!(std::ptr::eq(parent.cgroups.keys(), state.cgroups.keys()));
    }
}

#[test]
fn lineage_is_proven_by_forks() {
    let mut run = Run::new();
    run.apply(&sample::seen(STRANGER, HOST, &home()));
    run.fork(ROOT, INIT, 0, &home());
    run.fork(INIT, CHILD, 0, &home());
    assert!(run.0.in_lineage(Tgid(CHILD.tgid)));
    assert!(!run.0.in_lineage(Tgid(STRANGER.tgid)));
}

#[test]
fn a_leader_is_remembered_after_its_end_and_a_thread_is_not() {
    let mut run = Run::new();
    run.fork(ROOT, INIT, 0, &home());
    run.fork(INIT, THREAD, sample::THREAD, &home());
    run.apply(&sample::exit(THREAD, 0));
    run.apply(&sample::exit(INIT, 3 << 8));
    assert!(run.0.task(Tid(THREAD.tid)).is_none());
    let ended = run
        .0
        .leader(Tgid(INIT.tgid))
        .expect("remembered")
        .ended
        .as_ref()
        .expect("ended");
    assert_eq!(ended.code, 3 << 8);
}

#[test]
fn threads_do_not_outlive_an_exec_though_their_ends_are_lost() {
    let mut run = Run::new();
    run.fork(ROOT, INIT, 0, &home());
    run.fork(INIT, THREAD, sample::THREAD, &home());
    run.fork(INIT, CHILD, 0, &home());
    run.apply(&sample::exec(INIT, &sample::certificate(), "/bin/sh"));
    assert!(run.0.task(Tid(THREAD.tid)).is_none());
    assert!(run.0.task(Tid(CHILD.tid)).is_some());
    assert!(run.0.task(Tid(INIT.tid)).is_some());
}

#[test]
fn who_executes_is_known_as_before_whatever_number_its_record_names() {
    let mut run = Run::new();
    run.fork(ROOT, INIT, 0, &home());
    run.fork(INIT, THREAD, sample::THREAD, &home());
    run.apply(&sample::exec(THREAD, &sample::certificate(), "/bin/sh"));
    let state = run.0.task(Tid(THREAD.tid)).expect("known");
    assert!(state.created.is_some() && state.lineage);
}

#[test]
fn a_thread_that_takes_its_leaders_place_got_to_its_cgroups_as_itself_was_created() {
    let mut run = Run::new();
    run.fork(ROOT, INIT, 0, &home());
    run.fork(INIT, THREAD, sample::THREAD, &home());
    let facts = sample::certificate_with(|facts| facts.cgroups = home());
    run.apply(&CertificateRecord {
        old_tid: THREAD.tid,
        ..sample::exec(INIT, &facts, "/bin/sh")
    });
    let created = run.0.task(Tid(INIT.tid)).expect("known").created.as_ref();
    assert_eq!(created.map(|created| created.seq), Some(0));
    let place = run.place(INIT, MEMORY);
    let from = Tgid(INIT.tgid);
    assert_eq!((place.way, place.seq), (WayIn::Inherited { from }, Some(1)));
}

#[test]
fn a_reused_task_number_names_the_later_task() {
    let mut run = Run::new();
    run.fork(ROOT, INIT, 0, &home());
    run.apply(&sample::exit(INIT, 0));
    let later = sample::task(INIT.tgid, INIT.tid, "later");
    run.fork(ROOT, later, 0, &home());
    let state = run.0.leader(Tgid(INIT.tgid)).expect("known");
    assert_eq!((state.task.comm.as_str(), &state.ended), ("later", &None));
}

#[test]
fn a_thread_of_tracer_that_no_record_named_is_where_tracer_is() {
    let mut run = Run::new();
    let poller = sample::task(ROOT.tgid, 105, "poller");
    run.fork(poller, INIT, 0, &home());
    let state = run.0.leader(Tgid(INIT.tgid)).expect("known");
    assert!(state.lineage);
    assert_eq!(
        run.place(INIT, MEMORY).way,
        WayIn::Inherited {
            from: Tgid(ROOT.tgid)
        }
    );
}
