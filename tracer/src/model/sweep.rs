//! Forgetting what no longer matters, for runs without an end: tasks that have ended, namespaces that
//! nobody is in, cgroups that are gone. Owns when and what; what it takes is in proportion to what was
//! noted since.

use std::collections::BTreeSet;

use crate::event::{Cgroups, NamespaceSlot, Namespaces, Task, Tgid, Tid};

use super::{Births, Change, Model, NamespaceOrigin, TaskState};

/// Fewer than these are kept anyway.
const FLOOR: usize = 4096;

impl Model {
    /// Takes a task that no record has named for one in these namespaces: where the whole host is
    /// observed, those of the host, of whose tasks nothing is told. Tells whether it was unknown.
    pub fn assume(&mut self, task: &Task, namespaces: &Namespaces) -> bool {
        let known = self.tasks.get(task.tid);
        if known.is_some_and(|known| known.task.start_ns == task.start_ns) {
            return false;
        }
        let state = TaskState::existing(task.clone(), *namespaces, &Cgroups::default());
        self.tasks.insert(task.tid, state);
        true
    }

    /// Forgets a task, such as one that nothing more will be told of.
    pub fn forget(&mut self, tid: Tid) {
        self.tasks.remove(tid);
    }

    /// Notes of a container's payload that it was told of, with what had led to it.
    pub fn told(&mut self, payload: Tgid) {
        self.tasks
            .update_in_place(Tid(payload.0), |state| state.told = true);
    }

    /// Namespaces that a task has come to have from what it was assumed to have.
    pub fn differing(from: &Namespaces, to: &Namespaces, tid: Tid) -> Vec<Change> {
        let changes = from.changes_to(to);
        changes
            .map(|(slot, before, after)| Change::Namespace {
                tid,
                slot,
                before,
                after,
            })
            .collect()
    }

    /// Forgets, once there is twice as much as was left the last time.
    pub fn sweep(&mut self, births: &Births) {
        if self.size() < 2 * self.swept + FLOOR {
            return;
        }
        let living: BTreeSet<Tgid> = self
            .tasks
            .iter()
            .filter(|state| state.ended.is_none() && state.task.tid.0 == state.task.tgid.0)
            .map(|state| state.task.tgid)
            .collect();
        self.tasks
            .retain(|state| state.ended.is_none() && living.contains(&state.task.tgid));
        let mut used = births.namespaces();
        for state in self.tasks.iter() {
            let slots = NamespaceSlot::ALL.into_iter();
            used.extend(slots.filter_map(|slot| state.namespaces.get(slot)));
        }
        self.namespaces.retain(|(_, id), bearers| {
            let before = |origin: &NamespaceOrigin| *origin == NamespaceOrigin::Before;
            let mut origins = bearers.all().iter().map(|bearer| &bearer.origin);
            used.contains(id) || origins.any(before)
        });
        for bearers in self.namespaces.values_mut() {
            // Whoever asks wants the latest.
            bearers.keep_last(2);
        }
        self.sweep_cgroups();
        self.swept = self.size();
    }

    /// Those that are gone, but for those in which somebody is.
    fn sweep_cgroups(&mut self) {
        let mut gone = self.cgroups.removed_ones();
        if gone.is_empty() {
            return;
        }
        for state in self.tasks.iter() {
            for key in state.cgroups.keys() {
                gone.remove(key);
            }
        }
        self.cgroups.forget(&gone);
    }

    fn size(&self) -> usize {
        self.tasks.len() + self.namespaces.len() + self.cgroups.len()
    }
}
