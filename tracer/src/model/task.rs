//! One task: who it is, where it comes from and where it is now. Owns the state; `apply` changes
//! it.

use std::sync::Arc;

use crate::event::{Certificate, CgroupKey, Cgroups, Namespaces, Task, Tgid, Tid};

use super::{
    cgroup::WayIn,
    membership::{Membership, Memberships},
};

/// What is known of a task.
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
    /// Its number in its own PID namespace.
    pub vpid: Option<u32>,
    /// Its namespaces, shared with whom it has created or was created by.
    pub namespaces: Arc<Namespaces>,
    /// Its cgroup in each hierarchy that is known, by hierarchy.
    pub cgroups: Memberships,
    /// Records of its execs, the first and how many.
    pub execs: Execs,
    /// How it ended.
    pub ended: Option<Ended>,
}

/// A task's creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Created {
    /// The caller of clone.
    pub by: Tgid,
    /// The fork record.
    pub seq: u64,
    /// Flags of clone.
    pub flags: u64,
}

/// A task's execs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Execs {
    /// The record of the first.
    pub first: Option<u64>,
    /// How many.
    pub count: u64,
}

/// A task's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The exit record.
    pub seq: u64,
    /// In wait(2)'s encoding.
    pub code: u32,
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
            vpid: None,
            namespaces: Arc::new(namespaces),
            cgroups: cgroups
                .members
                .iter()
                .map(|member| there(member.key))
                .collect(),
            execs: Execs::default(),
            ended: None,
        }
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
