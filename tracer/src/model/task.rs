//! One task: who it is, where it comes from and where it is now. Owns the state; `apply` changes
//! it.

use std::sync::Arc;

use smol_str::SmolStr;

use crate::event::{Certificate, CgroupKey, Cgroups, Event, Namespaces, Task, Tgid, Tid};

use super::{
    cgroup::WayIn,
    membership::{Membership, Memberships},
};

/// What is known of a task. There may be a hundred thousand: what few have is apart.
#[derive(Clone, Debug)]
pub struct TaskState {
    /// Who, as of the last event that named it.
    pub task: Task,
    /// Its parent at creation; 0 = not known, or the kernel itself.
    pub(super) parent: Tgid,
    /// Who called clone, and the record that shows it.
    pub created: Option<Created>,
    /// It is the root or descends from it.
    pub lineage: bool,
    /// It was told of as a container's payload, with what had led to it.
    pub told: bool,
    /// Its namespaces, shared with whom it has created or was created by.
    pub namespaces: Arc<Namespaces>,
    /// Its cgroup in each hierarchy that is known, by hierarchy.
    pub cgroups: Memberships,
    /// How it ended.
    pub ended: Option<Box<Ended>>,
}

/// A task's creation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// The caller of clone.
    pub by: Tgid,
    /// The caller's [`Task::start_ns`].
    pub start_ns: u64,
    /// The fork record.
    pub seq: u64,
    /// Its time, nanoseconds of boot time.
    pub time_ns: u64,
    /// It is a thread of the caller's group.
    pub thread: bool,
    /// The caller's name; `None` where whoever was created goes by the same.
    name: Option<Box<SmolStr>>,
}

/// A task's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The exit record.
    pub seq: u64,
    /// In wait(2)'s encoding.
    pub code: u32,
}

impl Created {
    /// What the record of a fork shows of `child`.
    pub(super) fn new(event: &Event, child: &Task) -> Self {
        let caller = &event.task;
        Self {
            by: caller.tgid,
            start_ns: caller.start_ns,
            seq: event.seq,
            time_ns: event.time_ns,
            thread: child.tgid == caller.tgid,
            name: (child.comm != caller.comm).then(|| Box::new(caller.comm.clone())),
        }
    }

    /// How whoever was created so got to the cgroups of its creator.
    pub(super) fn way(&self) -> WayIn {
        let from = self.by;
        WayIn::Inherited { from }
    }
}

impl TaskState {
    /// Of a task that was there before the run.
    pub(super) fn existing(task: Task, namespaces: Namespaces, cgroups: &Cgroups) -> Self {
        let there = |key: CgroupKey| Membership::new(key, WayIn::Before, None);
        Self {
            task,
            parent: Tgid(0),
            created: None,
            lineage: false,
            told: false,
            namespaces: Arc::new(namespaces),
            cgroups: cgroups
                .members
                .iter()
                .map(|member| there(member.key))
                .collect(),
            ended: None,
        }
    }

    /// Its parent at creation.
    pub fn parent(&self) -> Option<Tgid> {
        (self.parent != Tgid(0)).then_some(self.parent)
    }

    /// The name of who created it, at that time, if that is known.
    pub fn creators_name(&self) -> Option<&SmolStr> {
        let name = self.created.as_ref()?.name.as_deref();
        Some(name.unwrap_or(&self.task.comm))
    }

    /// A record names it so now.
    pub(super) fn is_now(&mut self, task: &Task) {
        if self.task.comm != task.comm {
            self.settle_name();
        }
        self.task = task.clone();
    }

    /// Notes the name of who created it, which rests on its own until then.
    fn settle_name(&mut self) {
        if let Some(created) = &mut self.created {
            let own = &self.task.comm;
            created.name.get_or_insert_with(|| Box::new(own.clone()));
        }
    }

    /// It takes the place of its thread group's leader, and is the process that was created as that was.
    pub(super) fn replaces(&mut self, leader: &Self) {
        self.settle();
        let mut leader = leader.clone();
        leader.settle_name();
        self.created = leader.created;
        self.told = leader.told;
    }

    /// How it got to its cgroup in this hierarchy, if that is known.
    pub fn place(&self, hierarchy: u32) -> Option<Membership> {
        self.cgroups.get(hierarchy, self.created.as_ref())
    }

    /// Notes how it got to its cgroups, apart from its creation: they are about to change, or that is.
    pub(super) fn settle(&mut self) {
        self.cgroups.settle(self.created.as_ref());
    }

    /// Keeps no namespaces nor list of cgroups of its own where another task's are the same.
    pub(super) fn share(&mut self, other: &Self) {
        if self.namespaces == other.namespaces {
            self.namespaces = Arc::clone(&other.namespaces);
        }
        self.cgroups.share(&other.cgroups);
    }

    /// It has these now, as far as they are known.
    pub(super) fn update_namespaces(&mut self, namespaces: &Namespaces) {
        if *self.namespaces != *namespaces {
            Arc::make_mut(&mut self.namespaces).update(namespaces);
        }
    }

    /// Of the process whose descendants are in scope.
    pub(super) fn root(root: Tgid, baseline: &Certificate) -> Self {
        let task = Task {
            tgid: root,
            tid: Tid(root.0),
            ..Task::default()
        };
        let namespaces = baseline.namespaces().unwrap_or_default();
        let cgroups = baseline.cgroups().unwrap_or_default();
        Self {
            lineage: true,
            ..Self::existing(task, namespaces, &cgroups)
        }
    }
}
