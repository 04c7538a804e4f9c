//! Claims about the model, each on the smallest stream of records that shows it.

use tracer_common::TaskId;
use tracer_common::record::{CgroupSet, NamespaceSet};
use zerocopy::{Immutable, IntoBytes};

use super::*;
use crate::event::sample::{self, HOST, INIT, NEW, ROOT, STRANGER};
use crate::event::{NamespaceSlot, Task};

const MEMORY: u32 = 4;
const THREAD: TaskId = sample::task(200, 201, "worker");
const CHILD: TaskId = sample::task(210, 210, "child");

/// A model and the number of its next record.
struct Run(Model, u64);

impl Run {
    fn new() -> Self {
        let baseline = sample::certificate_with(|facts| {
            facts.namespaces = HOST;
            facts.cgroups = home();
        });
        Self(Model::new(Tgid(ROOT.tgid), &baseline.into()), 0)
    }

    fn apply(&mut self, record: &(impl IntoBytes + Immutable)) -> Vec<Change> {
        let event = sample::event(self.1, record);
        self.1 += 1;
        self.0.apply(&event)
    }

    fn fork(&mut self, by: TaskId, child: TaskId, flags: u64, cgroups: &CgroupSet) -> Vec<Change> {
        self.apply(&sample::fork(by, child, flags, HOST, cgroups))
    }

    fn place(&self, task: TaskId, hierarchy: u32) -> &Membership {
        &self.0.task(Tid(task.tid)).expect("known").cgroups[&hierarchy]
    }

    fn namespace(&self, task: TaskId, slot: NamespaceSlot) -> u32 {
        let task = self.0.task(Tid(task.tid)).expect("known");
        task.namespaces.get(slot).expect("readable").0
    }
}

/// Where tracer itself is.
fn home() -> CgroupSet {
    sample::cgroups(&[(0, 1), (MEMORY, 10)])
}

fn namespaces_changed(changes: &[Change]) -> Vec<(NamespaceSlot, u32, u32)> {
    changes
        .iter()
        .filter_map(|change| match change {
            Change::Namespace {
                slot,
                before,
                after,
                ..
            } => Some((*slot, before.0, after.0)),
            _ => None,
        })
        .collect()
}

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
    assert_eq!(
        run.0.task(Tid(INIT.tid)).expect("known").execs.first,
        Some(1)
    );
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
        .expect("ended");
    assert_eq!(ended.code, 3 << 8);
}

#[test]
fn a_reused_task_number_names_the_later_task() {
    let mut run = Run::new();
    run.fork(ROOT, INIT, 0, &home());
    run.apply(&sample::exit(INIT, 0));
    let later = sample::task(INIT.tgid, INIT.tid, "later");
    run.fork(ROOT, later, 0, &home());
    let state = run.0.leader(Tgid(INIT.tgid)).expect("known");
    assert_eq!((state.task.comm.as_str(), state.ended), ("later", None));
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
        (Tgid(ROOT.tgid), 0, Some(1))
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
