//! Which containers a namespace, a cgroup or a process leads to, and how many live in each: so that
//! no event takes longer where there are many containers. Owns no facts of its own; `births` keeps
//! it in step.

use std::collections::HashMap;

use crate::event::{CgroupKey, NsId, Tgid};

use super::{Birth, Domain};

/// Numbers of containers.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    by_namespace: HashMap<NsId, Vec<usize>>,
    by_cgroup: HashMap<CgroupKey, Vec<usize>>,
    by_payload: HashMap<Tgid, Vec<usize>>,
    /// By the one that they are within.
    within: HashMap<usize, Vec<usize>>,
    living: HashMap<usize, usize>,
}

impl Index {
    /// Of all these, of whom nobody is known to live.
    pub(super) fn of<'a>(births: impl Iterator<Item = &'a Birth>) -> Self {
        let mut index = Self::default();
        for birth in births {
            index.add(birth);
        }
        index
    }

    /// Notes a container. One of the same number that was there before stays known by what it had,
    /// too: whoever asks compares.
    pub(super) fn add(&mut self, birth: &Birth) {
        let number = birth.number;
        for (_, id) in &birth.domain.namespaces {
            insert(self.by_namespace.entry(*id).or_default(), number);
        }
        if let Some(outer) = birth.within {
            insert(self.within.entry(outer).or_default(), number);
        }
        if birth.domain.namespaces.is_empty() {
            for key in &birth.domain.cgroups {
                insert(self.by_cgroup.entry(*key).or_default(), number);
            }
        }
        insert(
            self.by_payload.entry(birth.payload.tgid).or_default(),
            number,
        );
    }

    /// Those that may be in the same namespaces, or cgroups, in their order.
    pub(super) fn like(&self, domain: &Domain) -> &[usize] {
        let numbers = match domain.namespaces.first() {
            Some((_, id)) => self.by_namespace.get(id),
            None => domain
                .cgroups
                .first()
                .and_then(|key| self.by_cgroup.get(key)),
        };
        numbers.map_or(&[], Vec::as_slice)
    }

    /// Those that have a namespace of this number.
    pub(super) fn with_namespace(&self, id: NsId) -> &[usize] {
        self.by_namespace.get(&id).map_or(&[], Vec::as_slice)
    }

    /// Those that may be within this one.
    pub(super) fn within(&self, number: usize) -> &[usize] {
        self.within.get(&number).map_or(&[], Vec::as_slice)
    }

    /// Those that may have this payload.
    pub(super) fn with_payload(&self, tgid: Tgid) -> &[usize] {
        self.by_payload.get(&tgid).map_or(&[], Vec::as_slice)
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

fn insert(numbers: &mut Vec<usize>, number: usize) {
    if let Err(at) = numbers.binary_search(&number) {
        numbers.insert(at, number);
    }
}
