//! Forgetting what no longer matters, for runs without an end: tasks that have ended, namespaces that
//! nobody is in, cgroups that are gone. Owns when and what; what it takes is in proportion to what was
//! noted since.

use std::sync::Arc;

use crate::event::{Cgroups, NamespaceSlot, Namespaces, Task, Tgid, Tid};

use super::{Births, Change, Model, NamespaceOrigin, TaskState};

/// So many are kept anyway.
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

    /// Forgets what nobody is in, once that may be much.
    pub fn sweep(&mut self, births: &Births) {
        if self.size() >= self.swept + self.swept / 8 + FLOOR {
            self.sweep_tasks();
            self.sweep_namespaces(births);
            self.swept = self.size();
        }
        if self.cgroups.is_sweep_due() {
            self.sweep_cgroups();
        }
    }

    /// Those that have ended, and threads whose leader has.
    fn sweep_tasks(&mut self) {
        let lives = |state: &TaskState| state.ended.is_none();
        let gone = self.tasks.iter().filter(|state| {
            let tgid = state.task.tgid;
            let leads = state.task.tid.0 == tgid.0;
            let leader = || self.leader(tgid).filter(|leader| leader.task.tgid == tgid);
            !lives(state) || !leads && !leader().is_some_and(lives)
        });
        let gone: Vec<Tid> = gone.map(|state| state.task.tid).collect();
        for tid in gone {
            self.tasks.remove(tid);
        }
    }

    /// Those that neither a task nor a container is in, but for those that were there before.
    fn sweep_namespaces(&mut self, births: &Births) {
        let mut used = births.namespaces();
        let sets = self.tasks.iter().map(|state| &state.namespaces);
        for set in not_again(sets) {
            used.extend(
                NamespaceSlot::ALL
                    .into_iter()
                    .filter_map(|slot| set.get(slot)),
            );
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
    }

    /// Those that are gone, but for those in which somebody is.
    fn sweep_cgroups(&mut self) {
        let mut gone = self.cgroups.removed_ones();
        let lists = self.tasks.iter().map(|state| state.cgroups.list());
        for list in not_again(lists) {
            for key in list {
                gone.remove(key);
            }
        }
        self.cgroups.forget(&gone);
    }

    /// Tasks, namespaces and cgroups.
    #[cfg(test)]
    pub(crate) fn kept(&self) -> [usize; 3] {
        [self.tasks.len(), self.namespaces.len(), self.cgroups.len()]
    }

    /// Whether the next event would make it look for cgroups that are gone.
    #[cfg(test)]
    pub(crate) fn is_sweep_due(&self) -> bool {
        self.cgroups.is_sweep_due()
    }

    fn size(&self) -> usize {
        self.tasks.len() + self.namespaces.len()
    }
}

/// Those that are another than the one before: who was created one after the other mostly shares them.
fn not_again<'a, T: 'a>(all: impl Iterator<Item = &'a Arc<T>>) -> impl Iterator<Item = &'a T> {
    let mut last: Option<&Arc<T>> = None;
    let others = all.filter(move |this| {
        let again = last
            .replace(this)
            .is_some_and(|last| Arc::ptr_eq(last, this));
        !again
    });
    others.map(AsRef::as_ref)
}
