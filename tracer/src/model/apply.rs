//! Applies one event to the state and says what it changed. Owns the kernel's rules of
//! inheritance and movement; must not judge.

use std::collections::btree_map::Entry;
use std::sync::Arc;

use crate::event::body::NamespaceCallName;
use crate::event::{
    Body, Certificate, CgroupAttach, CgroupDir, CgroupKey, Cgroups, Event, Exit, Fork,
    NamespaceCall, NamespaceKind, NamespaceSlot, Namespaces, Task, TaskSeen, Tgid, Tid,
};

use super::cgroup::{CgroupBirth, WayIn};
use super::membership::{Membership, Memberships, Move};
use super::namespace::{Bearer, Bearers, Made, NamespaceOrigin};
use super::task::{Created, Ended, TaskState};
use super::{Change, Model};

/// Bit of clone's flags (include/uapi/linux/sched.h).
const CLONE_THREAD: u64 = 0x0001_0000;
/// Bit of clone3's flags (include/uapi/linux/sched.h).
const CLONE_INTO_CGROUP: u64 = 1 << 33;
/// `CLONE_INTO_CGROUP` is about the default hierarchy alone (cgroup_css_set_fork() in
/// kernel/cgroup/cgroup.c), whose number is 0.
const UNIFIED: u32 = 0;

impl Model {
    /// Takes in the next event.
    pub fn apply(&mut self, event: &Event) -> Vec<Change> {
        let (seq, task) = (event.seq, &event.task);
        match &event.body {
            Body::Fork(fork) => self.fork(event, fork),
            Body::Exec(exec) => self.exec(seq, task, exec.old_tid, &exec.certificate),
            Body::Exit(exit) => self.exit(seq, task, exit),
            Body::Namespace(call) => self.namespace_call(seq, task, call),
            Body::CgroupMkdir(made) => self.mkdir(seq, task.tgid, made),
            Body::CgroupRmdir(gone) => self.rmdir(gone),
            Body::CgroupAttach(attach) => self.attach(seq, task, attach),
            Body::Snapshot(certificate) => self.align(seq, task, certificate),
            Body::TaskSeen(seen) => self.task_seen(task, seen),
            Body::DeviceProgram(part) => {
                self.devices.add(part);
                Vec::new()
            }
            Body::Syscall(_) | Body::Lineage(_) | Body::Unknown(_) => Vec::new(),
        }
    }

    /// These namespaces existed before the run, unless a record shows them being made.
    pub(super) fn note_existing(&mut self, namespaces: &Namespaces) {
        self.note(NamespaceOrigin::Before, namespaces);
    }

    /// A task in scope has these; what nothing else has named is merely found.
    fn note_found(&mut self, seq: u64, namespaces: &Namespaces) {
        self.note(NamespaceOrigin::Found { seq }, namespaces);
    }

    /// Notes those that are not known. Where the kernel tells the numbers that are never used
    /// again, another namespace with a number that is known is not.
    fn note(&mut self, origin: NamespaceOrigin, namespaces: &Namespaces) {
        for slot in NamespaceSlot::ALL {
            let unique = namespaces.unique(slot);
            // The root's own were noted first.
            let of_root = |id| self.own.get(slot) == Some(id) && self.own.unique(slot) == unique;
            if let Some(id) = namespaces.get(slot).filter(|id| !of_root(*id)) {
                let bearer = Bearer::new(origin, unique);
                match self.namespaces.entry((slot.kind(), id)) {
                    Entry::Vacant(room) => {
                        room.insert(Bearers::One(bearer));
                    }
                    Entry::Occupied(mut all) => {
                        if !all.get().all().iter().any(|bearer| bearer.may_be(unique)) {
                            all.get_mut().add(bearer);
                        }
                    }
                }
            }
        }
    }

    /// A namespace was made. The number may have belonged to another one before.
    fn note_made(&mut self, seq: u64, by: Tgid, call: Made, kind: NamespaceKind, set: &Namespaces) {
        let slot = NamespaceSlot::made_in(kind);
        if let Some(id) = set.get(slot) {
            let origin = NamespaceOrigin::Made { by, call, seq };
            let bearer = Bearer::new(origin, set.unique(slot));
            self.namespaces
                .entry((kind, id))
                .and_modify(|all| all.add(bearer))
                .or_insert(Bearers::One(bearer));
        }
    }

    /// The state of who did something. The root had threads before the run that no record
    /// named: they are taken to be where their leader is.
    fn actor(&self, task: &Task) -> Option<&TaskState> {
        self.tasks.get(task.tid).or_else(|| {
            (task.tgid == self.root)
                .then(|| self.tasks.get(Tid(self.root.0)))
                .flatten()
        })
    }

    fn fork(&mut self, event: &Event, fork: &Fork) -> Vec<Change> {
        let (seq, caller) = (event.seq, &event.task);
        for kind in NamespaceKind::ALL {
            if fork.flags & kind.clone_flag() != 0 {
                self.note_made(seq, caller.tgid, Made::Clone, kind, &fork.namespaces);
            }
        }
        // Those of a task that is known were noted with it.
        let creator = self.actor(caller);
        let same = creator.is_some_and(|creator| *creator.namespaces == fork.namespaces);
        let creator = if same {
            creator
        } else {
            self.note_found(seq, &fork.namespaces);
            self.actor(caller)
        };
        let thread = fork.flags & CLONE_THREAD != 0;
        let created = Change::Created {
            child: fork.child.clone(),
            vpid: fork.vpid,
            thread,
        };
        let mut changes = vec![created];
        if let Some(creator) = creator.filter(|_| !same) {
            let tid = fork.child.tid;
            changes.extend(creator.namespaces.changes_to(&fork.namespaces).map(
                |(slot, before, after)| Change::Namespace {
                    tid,
                    slot,
                    before,
                    after,
                },
            ));
        }
        let cgroups = self.inherit(seq, caller, creator, fork, &mut changes);
        let namespaces = creator.filter(|_| same).map_or_else(
            || Arc::new(fork.namespaces),
            |creator| Arc::clone(&creator.namespaces),
        );
        let state = TaskState {
            task: fork.child.clone(),
            parent: fork.parent,
            created: Some(Created::new(event, &fork.child)),
            lineage: caller.tgid == self.root || creator.is_some_and(|creator| creator.lineage),
            told: false,
            namespaces,
            cgroups,
            ended: None,
        };
        self.tasks.insert(fork.child.tid, state);
        changes
    }

    /// The places of who was created, and what is new of them.
    fn inherit(
        &self,
        seq: u64,
        caller: &Task,
        creator: Option<&TaskState>,
        fork: &Fork,
        changes: &mut Vec<Change>,
    ) -> Memberships {
        let into = fork.flags & CLONE_INTO_CGROUP != 0;
        let members = fork.cgroups.members.iter().map(|member| member.key);
        // css_set is inherited from the caller, whoever the parent is (cgroup_css_set_fork()).
        if let Some(creator) = creator
            && !into
            && creator.cgroups.are(&members)
        {
            return creator.cgroups.inherited();
        }
        let places = members.map(|key| {
            let before = creator.and_then(|creator| creator.cgroups.key(key.hierarchy));
            let way = if key.hierarchy == UNIFIED && into {
                WayIn::CloneIntoCgroup { by: caller.tgid }
            } else if before == Some(key) {
                WayIn::Inherited { from: caller.tgid }
            } else {
                WayIn::Unseen
            };
            if before != Some(key) {
                changes.push(self.cgroup_change(&fork.child, before, key, way));
            }
            Membership::new(key, way, Some(seq))
        });
        places.collect()
    }

    fn cgroup_change(
        &self,
        task: &Task,
        before: Option<CgroupKey>,
        after: CgroupKey,
        way: WayIn,
    ) -> Change {
        let path = self.cgroups.get(after).map(|birth| (*birth.path).clone());
        Change::Cgroup {
            task: task.clone(),
            before,
            after,
            path,
            way,
        }
    }

    fn exec(
        &mut self,
        seq: u64,
        task: &Task,
        old_tid: Tid,
        certificate: &Certificate,
    ) -> Vec<Change> {
        // A thread that execs takes over its leader's number, and the others are killed
        // (de_thread() in fs/exec.c); its namespaces are its own and come along.
        if old_tid != task.tid
            && let Some(mut state) = self.tasks.remove(old_tid)
        {
            if let Some(leader) = self.leader(task.tgid) {
                state.replaces(leader);
            }
            self.tasks.insert(task.tid, state);
        }
        let others = self.tasks.threads(task.tgid).into_iter();
        for other in others.filter(|other| *other != task.tid) {
            self.tasks.remove(other);
        }
        let mut changes = vec![Change::Executed {
            filename: certificate.filename(),
        }];
        changes.extend(self.align(seq, task, certificate));
        changes
    }

    /// Makes the state agree with what the kernel said of the task, and notes what no record
    /// had announced.
    fn align(&mut self, seq: u64, task: &Task, certificate: &Certificate) -> Vec<Change> {
        let namespaces = certificate.namespaces().unwrap_or_default();
        let cgroups = certificate.cgroups().unwrap_or_default();
        let same = |state: &TaskState| *state.namespaces == namespaces;
        if !self.tasks.get(task.tid).is_some_and(same) {
            self.note_found(seq, &namespaces);
        }
        let Some(state) = self.tasks.get(task.tid) else {
            self.tasks
                .insert(task.tid, found(seq, task, namespaces, &cgroups));
            return Vec::new();
        };
        let mut changes: Vec<Change> = state
            .namespaces
            .changes_to(&namespaces)
            .map(|(slot, before, after)| Change::Namespace {
                tid: task.tid,
                slot,
                before,
                after,
            })
            .collect();
        let keys = cgroups.members.iter().map(|member| member.key);
        let elsewhere = |key: &CgroupKey| state.cgroups.key(key.hierarchy) != Some(*key);
        let elsewhere: Vec<CgroupKey> = keys.filter(elsewhere).collect();
        changes.extend(elsewhere.iter().map(|key| {
            let before = state.cgroups.key(key.hierarchy);
            self.cgroup_change(task, before, *key, WayIn::Unseen)
        }));
        // A thread that has just taken over its leader's number still has its own in its state.
        let is = (state.task.tgid, state.task.tid) == (task.tgid, task.tid);
        let same = elsewhere.is_empty() && is;
        let ways_are_kept = self.tasks.ways_are_kept();
        let aligned = |state: &mut TaskState| {
            state.update_namespaces(&namespaces);
            state.is_now(task);
            for key in elsewhere {
                if !ways_are_kept {
                    state.cgroups.put_alone(key);
                    continue;
                }
                // What is known of moves stays.
                state.settle();
                let moves = state.place(key.hierarchy);
                state.cgroups.put(Membership {
                    moves: moves.map(|place| place.moves).unwrap_or_default(),
                    ..Membership::new(key, WayIn::Unseen, Some(seq))
                });
            }
        };
        if same {
            self.tasks.update_in_place(task.tid, aligned);
        } else {
            self.tasks.update(task.tid, aligned);
        }
        changes
    }

    fn exit(&mut self, seq: u64, task: &Task, exit: &Exit) -> Vec<Change> {
        if task.tid.0 == task.tgid.0 {
            let code = exit.code;
            self.tasks.update(task.tid, |state| {
                state.ended = Some(Box::new(Ended { seq, code }));
            });
        } else {
            self.tasks.remove(task.tid);
        }
        vec![Change::Ended {
            status: exit.status(),
            signal: exit.signal(),
            group: exit.group_dead,
        }]
    }

    fn namespace_call(&mut self, seq: u64, task: &Task, call: &NamespaceCall) -> Vec<Change> {
        if call.ret != 0 {
            return Vec::new();
        }
        let Some(actor) = self.actor(task) else {
            self.note_found(seq, &call.namespaces);
            let state = found(seq, task, call.namespaces, &Cgroups::default());
            self.tasks.insert(task.tid, state);
            return Vec::new();
        };
        let changed: Vec<_> = actor.namespaces.changes_to(&call.namespaces).collect();
        let mut state = actor.clone();
        state.is_now(task);
        if call.call == NamespaceCallName::Unshare {
            // Whatever differs after unshare was made by it: it cannot join.
            for (slot, ..) in &changed {
                self.note_made(seq, task.tgid, Made::Unshare, slot.kind(), &call.namespaces);
            }
        }
        self.note_found(seq, &call.namespaces);
        state.update_namespaces(&call.namespaces);
        self.tasks.insert(task.tid, state);
        let tid = task.tid;
        changed
            .into_iter()
            .map(|(slot, before, after)| Change::Namespace {
                tid,
                slot,
                before,
                after,
            })
            .collect()
    }

    fn mkdir(&mut self, seq: u64, by: Tgid, made: &CgroupDir) -> Vec<Change> {
        let birth = CgroupBirth {
            path: self.cgroups.path(&made.path),
            by,
            seq,
            removed: false,
        };
        self.cgroups.insert(made.cgroup.key, birth);
        vec![Change::CgroupMade {
            key: made.cgroup.key,
            path: made.path.clone(),
        }]
    }

    fn rmdir(&mut self, gone: &CgroupDir) -> Vec<Change> {
        self.cgroups.removed(gone.cgroup.key);
        vec![Change::CgroupRemoved {
            key: gone.cgroup.key,
            path: gone.path.clone(),
        }]
    }

    /// The kernel runs the hook once for a whole thread group, naming its leader
    /// (cgroup_attach_task() in kernel/cgroup/cgroup.c).
    fn attach(&mut self, seq: u64, mover: &Task, attach: &CgroupAttach) -> Vec<Change> {
        let (target, key) = (&attach.target, attach.cgroup.key);
        let way = if mover.tgid == target.tgid {
            WayIn::MovedBySelf
        } else {
            WayIn::MovedBy { mover: mover.tgid }
        };
        let before = self
            .tasks
            .get(target.tid)
            .and_then(|state| state.cgroups.key(key.hierarchy));
        let to = Move {
            by: mover.tgid,
            comm: mover.comm.clone(),
            to: key,
            seq,
        };
        self.tasks.moved(target.tid, &to, way);
        if attach.threadgroup {
            let group = self.tasks.group(target.tgid).into_iter();
            for tid in group.filter(|tid| *tid != target.tid) {
                self.tasks.moved(tid, &to, way);
            }
        }
        if before == Some(key) {
            return Vec::new();
        }
        let path = Some(attach.path.clone());
        vec![Change::Cgroup {
            task: target.clone(),
            before,
            after: key,
            path,
            way,
        }]
    }

    fn task_seen(&mut self, task: &Task, seen: &TaskSeen) -> Vec<Change> {
        // An inventory taken during the run holds tasks of the run, too.
        if !self.tasks.get(task.tid).is_some_and(|known| known.lineage) {
            self.note_existing(&seen.namespaces);
        }
        if self.tasks.get(task.tid).is_none() {
            let mut state = TaskState {
                parent: seen.parent,
                ..TaskState::existing(task.clone(), seen.namespaces, &seen.cgroups)
            };
            let near = self.leader(task.tgid).or_else(|| self.leader(seen.parent));
            if let Some(near) = near {
                state.share(near);
            }
            self.tasks.insert(task.tid, state);
        }
        Vec::new()
    }
}

/// A task of which no earlier record is known.
fn found(seq: u64, task: &Task, namespaces: Namespaces, cgroups: &Cgroups) -> TaskState {
    let mut state = TaskState::existing(task.clone(), namespaces, cgroups);
    state.cgroups.found(seq);
    state
}
