//! One task: who it is, where it comes from and where it is now. Owns the state; `apply` changes
//! it.

use std::sync::Arc;

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
    /// Its parent at creation.
    pub parent: Option<Tgid>,
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
    pub by: Task,
    /// The fork record.
    pub seq: u64,
    /// Its time, nanoseconds of boot time.
    pub time_ns: u64,
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
    /// What this record of a fork shows.
    pub(super) fn by(event: &Event) -> Self {
        Self {
            by: event.task.clone(),
            seq: event.seq,
            time_ns: event.time_ns,
        }
    }

    /// How whoever was created so got to the cgroups of its creator.
    pub(super) fn way(&self) -> WayIn {
        let from = self.by.tgid;
        WayIn::Inherited { from }
    }
}

impl TaskState {
    /// Of a task that was there before the run.
    pub(super) fn existing(task: Task, namespaces: Namespaces, cgroups: &Cgroups) -> Self {
        let there = |key: CgroupKey| Membership::new(key, WayIn::Before, None);
        Self {
            task,
            parent: None,
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
