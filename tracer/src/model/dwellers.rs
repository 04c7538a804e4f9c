//! Who lives in which cgroup, by the lists of cgroups that tasks share as they do in the kernel (`css_set`): who is
//! created where its creator is costs one step, however many hierarchies there are. Owns these ways.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::event::{CgroupKey, Tid};

use super::{Memberships, Move, WayIn, membership::List};

/// Living leaders, by each of their cgroups.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Dwellers {
    /// Lists in which somebody lives, and how many.
    lists: BTreeMap<Address, (List, usize)>,
    tasks: BTreeSet<(Address, Tid)>,
    cgroups: BTreeSet<(CgroupKey, Address)>,
}

/// Where a list stands in memory: no other does while this one is held.
type Address = usize;

fn address(list: &List) -> Address {
    Arc::as_ptr(list).addr()
}

impl Dwellers {
    pub(super) fn add(&mut self, places: &Memberships, tid: Tid) {
        let list = places.list();
        let at = address(list);
        if !self.tasks.insert((at, tid)) {
            return;
        }
        let (_, count) = self.lists.entry(at).or_insert_with(|| {
            self.cgroups.extend(list.iter().map(|key| (*key, at)));
            (Arc::clone(list), 0)
        });
        *count += 1;
    }

    pub(super) fn remove(&mut self, places: &Memberships, tid: Tid) {
        let list = places.list();
        let at = address(list);
        if !self.tasks.remove(&(at, tid)) {
            return;
        }
        if let Some((_, count)) = self.lists.get_mut(&at) {
            *count -= 1;
            if *count == 0 {
                self.lists.remove(&at);
                for key in list.iter() {
                    self.cgroups.remove(&(*key, at));
                }
            }
        }
    }

    /// Who lives there moves. A list that is nobody else's is changed where it stands: a runtime moves a
    /// container's first process in one of v1's hierarchies after the other.
    pub(super) fn moved(&mut self, places: &mut Memberships, tid: Tid, to: &Move, way: WayIn) {
        let at = address(places.list());
        let before = places.key(to.to.hierarchy);
        // Held here and there.
        let is_own = Arc::strong_count(places.list()) == 2 && self.tasks.contains(&(at, tid));
        let (Some(before), Some((list, 1)), true) = (before, self.lists.get_mut(&at), is_own)
        else {
            self.remove(places, tid);
            places.moved(to, way);
            self.add(places, tid);
            return;
        };
        *list = Arc::default();
        places.moved(to, way);
        *list = Arc::clone(places.list());
        debug_assert_eq!(
            address(list),
            at,
            "whoever holds it alone changes it in place"
        );
        self.cgroups.remove(&(before, at));
        self.cgroups.insert((to.to, at));
    }

    /// Numbers of those who live in a cgroup, in no order.
    pub(super) fn of(&self, cgroup: CgroupKey) -> impl Iterator<Item = Tid> {
        let lists = self
            .cgroups
            .range((cgroup, Address::MIN)..=(cgroup, Address::MAX));
        lists.flat_map(|(_, at)| {
            let tasks = self.tasks.range((*at, Tid(0))..=(*at, Tid(u32::MAX)));
            tasks.map(|(_, tid)| *tid)
        })
    }
}

/// Without addresses, which differ from run to run.
impl fmt::Debug for Dwellers {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cgroups: BTreeSet<CgroupKey> = self.cgroups.iter().map(|(key, _)| *key).collect();
        let with = |key: CgroupKey| self.of(key).collect::<BTreeSet<Tid>>();
        out.debug_map()
            .entries(cgroups.into_iter().map(|key| (key, with(key))))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Membership, WayIn};

    fn key(id: u64) -> CgroupKey {
        CgroupKey { hierarchy: 3, id }
    }

    fn places(id: u64) -> Memberships {
        let place = Membership::new(key(id), WayIn::Before, None);
        [place].into_iter().collect()
    }

    #[test]
    fn whoever_lives_in_a_cgroup_is_found_there_until_it_leaves() {
        let mut dwellers = Dwellers::default();
        let (creator, other) = (places(7), places(7));
        let child = creator.inherited();
        for (places, tid) in [(&creator, 1), (&child, 2), (&other, 3), (&places(8), 4)] {
            dwellers.add(places, Tid(tid));
            dwellers.add(places, Tid(tid));
        }
        let found = |dwellers: &Dwellers, id| -> BTreeSet<u32> {
            dwellers.of(key(id)).map(|tid| tid.0).collect()
        };
        assert_eq!(found(&dwellers, 7), [1, 2, 3].into());
        assert_eq!(found(&dwellers, 8), [4].into());
        assert_eq!(dwellers.lists.len(), 3, "one is shared");
        dwellers.remove(&creator, Tid(1));
        dwellers.remove(&creator, Tid(1));
        assert_eq!(found(&dwellers, 7), [2, 3].into());
        dwellers.remove(&child, Tid(2));
        dwellers.remove(&other, Tid(3));
        assert_eq!(found(&dwellers, 7), [].into());
        assert_eq!((dwellers.lists.len(), dwellers.cgroups.len()), (1, 1));
    }

    fn moved(dwellers: &mut Dwellers, places: &mut Memberships, tid: u32, id: u64) {
        let to = Move {
            by: crate::event::Tgid(9),
            comm: "mover".into(),
            to: key(id),
            seq: 4,
        };
        dwellers.moved(places, Tid(tid), &to, WayIn::MovedBySelf);
    }

    #[test]
    fn who_moves_is_found_where_it_went_and_whoever_shared_its_list_where_it_stayed() {
        let mut dwellers = Dwellers::default();
        let creator = places(7);
        let mut child = creator.inherited();
        dwellers.add(&creator, Tid(1));
        dwellers.add(&child, Tid(2));
        let found = |dwellers: &Dwellers, id| -> BTreeSet<u32> {
            dwellers.of(key(id)).map(|tid| tid.0).collect()
        };
        moved(&mut dwellers, &mut child, 2, 8);
        assert_eq!(found(&dwellers, 7), [1].into());
        assert_eq!(found(&dwellers, 8), [2].into());
        // From here on the list is its own.
        let at = address(child.list());
        moved(&mut dwellers, &mut child, 2, 9);
        moved(&mut dwellers, &mut child, 2, 9);
        assert_eq!(address(child.list()), at, "changed in place");
        assert_eq!(child.key(3), Some(key(9)));
        assert_eq!(found(&dwellers, 8), [].into());
        assert_eq!(found(&dwellers, 9), [2].into());
        dwellers.remove(&child, Tid(2));
        assert_eq!(found(&dwellers, 9), [].into());
        assert_eq!((dwellers.lists.len(), dwellers.cgroups.len()), (1, 1));
    }
}
