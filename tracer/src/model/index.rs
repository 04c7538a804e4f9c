//! Which containers a namespace, a cgroup or a process leads to, and how many live in each: so that
//! no event takes longer where there are many containers. Owns no facts of its own; `births` keeps
//! it in step.

use std::collections::{BTreeSet, HashMap};
use std::ops::RangeInclusive;

use crate::event::{CgroupKey, NsId, Tgid};

use super::{Birth, Domain};

/// Numbers of containers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Index {
    by_namespace: BTreeSet<(NsId, usize)>,
    by_cgroup: BTreeSet<(CgroupKey, usize)>,
    by_payload: BTreeSet<(Tgid, usize)>,
    /// By the one that they are within.
    within: BTreeSet<(usize, usize)>,
    living: HashMap<usize, usize>,
}

impl Index {
    /// Notes a container, whose number no other has.
    pub(super) fn add(&mut self, birth: &Birth) {
        let number = birth.number;
        for (_, id) in &birth.domain.namespaces {
            self.by_namespace.insert((*id, number));
        }
        if let Some(outer) = birth.within {
            self.within.insert((outer, number));
        }
        for key in cgroups(birth) {
            self.by_cgroup.insert((*key, number));
        }
        self.by_payload.insert((birth.payload.tgid, number));
    }

    /// Forgets a container, or what it was until now. How many live in it stays.
    pub(super) fn remove(&mut self, birth: &Birth) {
        let number = birth.number;
        for (_, id) in &birth.domain.namespaces {
            self.by_namespace.remove(&(*id, number));
        }
        if let Some(outer) = birth.within {
            self.within.remove(&(outer, number));
        }
        for key in cgroups(birth) {
            self.by_cgroup.remove(&(*key, number));
        }
        self.by_payload.remove(&(birth.payload.tgid, number));
    }

    /// Those that may be in the same namespaces, or cgroups, in their order.
    pub(super) fn like(&self, domain: &Domain) -> impl Iterator<Item = usize> {
        let namespace = domain.namespaces.first().map(|(_, id)| *id);
        let cgroup = domain.cgroups.first().filter(|_| namespace.is_none());
        let by_namespace = namespace.map(|id| self.with_namespace(id));
        let by_cgroup = cgroup.map(|key| self.by_cgroup.range(of(*key)));
        let by_cgroup = by_cgroup.into_iter().flatten().map(|(_, number)| *number);
        by_namespace.into_iter().flatten().chain(by_cgroup)
    }

    /// Those that have a namespace of this number.
    pub(super) fn with_namespace(&self, id: NsId) -> impl Iterator<Item = usize> {
        self.by_namespace.range(of(id)).map(|(_, number)| *number)
    }

    /// Those that may be within this one.
    pub(super) fn within(&self, number: usize) -> impl Iterator<Item = usize> {
        self.within.range(of(number)).map(|(_, inner)| *inner)
    }

    /// Those that may have this payload.
    pub(super) fn with_payload(&self, tgid: Tgid) -> impl Iterator<Item = usize> {
        self.by_payload.range(of(tgid)).map(|(_, number)| *number)
    }

    /// Somebody more lives in a container.
    pub(super) fn enters(&mut self, number: usize) {
        *self.living.entry(number).or_default() += 1;
    }

    /// Somebody has left it. Tells whether it was the last one.
    pub(super) fn leaves(&mut self, number: usize) -> bool {
        let Some(count) = self.living.get_mut(&number) else {
            return false;
        };
        *count -= 1;
        if *count == 0 {
            self.living.remove(&number);
            return true;
        }
        false
    }

    /// In how many somebody lives.
    pub(super) fn inhabited(&self) -> usize {
        self.living.len()
    }

    /// How many live in it.
    pub(super) fn living(&self, number: usize) -> usize {
        self.living.get(&number).copied().unwrap_or_default()
    }
}

/// Those that it is known by.
fn cgroups(birth: &Birth) -> &[CgroupKey] {
    if birth.domain.namespaces.is_empty() {
        &birth.domain.cgroups
    } else {
        &[]
    }
}

/// All that stands beside this.
fn of<K: Copy>(key: K) -> RangeInclusive<(K, usize)> {
    (key, 0)..=(key, usize::MAX)
}
