//! The tasks of a run, and the ways to those that an event is about: by thread group, by parent, by
//! cgroup. So no event takes longer where there are many tasks. Owns that the ways lead where a look
//! at every task would; must not know what an event means.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use crate::event::{CgroupKey, Tgid, Tid};

use super::{Move, TaskState, WayIn, dwellers::Dwellers};

/// The latest task with each number.
#[derive(Clone, Debug)]
pub(super) struct Tasks {
    /// Apart, so that a node of the map that is half full takes little.
    all: BTreeMap<Tid, Box<TaskState>>,
    ways: Ways,
}

/// Each a set of pairs, so that what belongs to one key stands together, in the order of numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Ways {
    /// Other tasks of a thread group than its leader.
    threads: BTreeSet<(Tgid, Tid)>,
    /// Living leaders that are the run's, by their parent at creation.
    children: BTreeSet<(Tgid, Tid)>,
    /// Living leaders, by each of their cgroups; `None` where nobody asks.
    residents: Option<Dwellers>,
}

impl Tasks {
    /// Nobody yet. With `residents` it is kept who lives in which cgroup.
    pub(super) fn new(residents: bool) -> Self {
        Self {
            all: BTreeMap::new(),
            ways: Ways {
                residents: residents.then(Dwellers::default),
                ..Ways::default()
            },
        }
    }

    pub(super) fn get(&self, tid: Tid) -> Option<&TaskState> {
        self.all.get(&tid).map(AsRef::as_ref)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &TaskState> {
        self.all.values().map(AsRef::as_ref)
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Notes a task, in the place of whoever had its number.
    pub(super) fn insert(&mut self, tid: Tid, state: TaskState) {
        match self.all.entry(tid) {
            Entry::Vacant(room) => {
                self.ways.add(tid, &state);
                room.insert(Box::new(state));
            }
            Entry::Occupied(mut before) => {
                self.ways.remove(tid, before.get());
                self.ways.add(tid, &state);
                **before.get_mut() = state;
            }
        }
    }

    pub(super) fn remove(&mut self, tid: Tid) -> Option<TaskState> {
        let state = self.all.remove(&tid)?;
        self.ways.remove(tid, &state);
        Some(*state)
    }

    /// Changes a task, if there is one with this number.
    pub(super) fn update(&mut self, tid: Tid, change: impl FnOnce(&mut TaskState)) {
        if let Some(state) = self.all.get_mut(&tid) {
            self.ways.remove(tid, state);
            change(state);
            self.ways.add(tid, state);
        }
    }

    /// Takes note of a move of a task that lives.
    pub(super) fn moved(&mut self, tid: Tid, to: &Move, way: WayIn) {
        let Some(state) = self.all.get_mut(&tid).filter(|state| state.ended.is_none()) else {
            return;
        };
        if self.ways.residents.is_some() {
            state.settle();
        }
        match &mut self.ways.residents {
            Some(residents) if is_living_leader(state) => {
                residents.moved(&mut state.cgroups, tid, to, way);
            }
            Some(_) => state.cgroups.moved(to, way),
            None => state.cgroups.put_alone(to.to),
        }
    }

    /// Whether it is kept how tasks got to where they are, which is asked of a run's.
    pub(super) fn ways_are_kept(&self) -> bool {
        self.ways.residents.is_some()
    }

    /// Changes what no way leads by: neither who it is, its parent, its cgroups nor its end.
    pub(super) fn update_in_place(&mut self, tid: Tid, change: impl FnOnce(&mut TaskState)) {
        if let Some(state) = self.all.get_mut(&tid) {
            change(state);
        }
    }

    /// Numbers of the tasks of a thread group that are known, but for its leader.
    pub(super) fn threads(&self, tgid: Tgid) -> Vec<Tid> {
        with(&self.ways.threads, tgid).collect()
    }

    /// Numbers of all tasks of a thread group that are known.
    pub(super) fn group(&self, tgid: Tgid) -> Vec<Tid> {
        let leader = Tid(tgid.0);
        let leads = |state: &TaskState| state.task.tgid == tgid;
        let leader = self.get(leader).is_some_and(leads).then_some(leader);
        leader
            .into_iter()
            .chain(with(&self.ways.threads, tgid))
            .collect()
    }

    /// Living leaders that are the run's and have this parent.
    pub(super) fn children(&self, parent: Tgid) -> impl Iterator<Item = &TaskState> {
        let tids = with(&self.ways.children, parent);
        tids.filter_map(|tid| self.get(tid))
    }

    /// Numbers of living leaders in a cgroup, of a run.
    pub(super) fn residents(&self, cgroup: CgroupKey) -> impl Iterator<Item = Tid> {
        let residents = self.ways.residents.iter();
        residents.flat_map(move |all| all.of(cgroup))
    }

    /// Whether the ways lead where a look at every task would.
    #[cfg(test)]
    pub(super) fn are_found(&self) -> bool {
        let mut anew = Ways {
            residents: self.ways.residents.as_ref().map(|_| Dwellers::default()),
            ..Ways::default()
        };
        for (tid, state) in &self.all {
            anew.add(*tid, state);
        }
        anew == self.ways
    }
}

impl Ways {
    fn add(&mut self, tid: Tid, state: &TaskState) {
        if tid.0 != state.task.tgid.0 {
            self.threads.insert((state.task.tgid, tid));
        }
        if !is_living_leader(state) {
            return;
        }
        if let Some(parent) = state.parent().filter(|_| state.lineage) {
            self.children.insert((parent, tid));
        }
        if let Some(residents) = &mut self.residents {
            residents.add(&state.cgroups, tid);
        }
    }

    fn remove(&mut self, tid: Tid, state: &TaskState) {
        if tid.0 != state.task.tgid.0 {
            self.threads.remove(&(state.task.tgid, tid));
        }
        if !is_living_leader(state) {
            return;
        }
        if let Some(parent) = state.parent().filter(|_| state.lineage) {
            self.children.remove(&(parent, tid));
        }
        if let Some(residents) = &mut self.residents {
            residents.remove(&state.cgroups, tid);
        }
    }
}

fn is_living_leader(state: &TaskState) -> bool {
    state.ended.is_none() && state.task.tid.0 == state.task.tgid.0
}

/// What stands beside one key.
fn with<K: Ord + Copy>(pairs: &BTreeSet<(K, Tid)>, key: K) -> impl Iterator<Item = Tid> {
    let all = pairs.range((key, Tid(0))..=(key, Tid(u32::MAX)));
    all.map(|(_, tid)| *tid)
}
