//! A task's places, one in each hierarchy of cgroups. Owns the set; how a task got to a place is `cgroup`'s word, and `apply`
//! keeps it.

use crate::event::{CgroupKey, Tgid};

use super::cgroup::WayIn;

/// A task's places in the order of the hierarchies, each of which has one at most. There are as many sets as tasks, and
/// most machines have one hierarchy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memberships(Vec<Membership>);

impl Memberships {
    /// Nowhere yet, with room for so many.
    pub(super) fn with_room(hierarchies: usize) -> Self {
        Self(Vec::with_capacity(hierarchies))
    }

    /// The place in this hierarchy, if that is known.
    #[must_use]
    pub fn get(&self, hierarchy: u32) -> Option<&Membership> {
        self.0.get(self.position(hierarchy).ok()?)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Membership> {
        self.0.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Membership> {
        self.0.iter_mut()
    }

    /// Puts a place where the one in its hierarchy was, which it gives back.
    pub(super) fn insert(&mut self, place: Membership) -> Option<Membership> {
        match self.position(place.key.hierarchy) {
            Ok(at) => Some(std::mem::replace(&mut self.0[at], place)),
            Err(at) => {
                self.0.insert(at, place);
                None
            }
        }
    }

    /// The place in the hierarchy of `or`, which becomes it where none is known.
    pub(super) fn get_or_insert(&mut self, or: Membership) -> &mut Membership {
        let at = match self.position(or.key.hierarchy) {
            Ok(at) => at,
            Err(at) => {
                self.0.insert(at, or);
                at
            }
        };
        &mut self.0[at]
    }

    fn position(&self, hierarchy: u32) -> Result<usize, usize> {
        self.0
            .binary_search_by_key(&hierarchy, |place| place.key.hierarchy)
    }
}

/// Of one place in each hierarchy; the last one counts.
impl FromIterator<Membership> for Memberships {
    fn from_iter<Places: IntoIterator<Item = Membership>>(places: Places) -> Self {
        let places = places.into_iter();
        let mut all = Self::with_room(places.size_hint().0);
        for place in places {
            all.insert(place);
        }
        all
    }
}

/// A task's place in one hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The cgroup.
    pub key: CgroupKey,
    /// How it got there.
    pub way: WayIn,
    /// The record that shows it; `None` for [`WayIn::Before`].
    pub seq: Option<u64>,
    /// Every move since the task was created, in order.
    pub moves: Vec<Move>,
}

/// One move between cgroups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// Who moved it.
    pub by: Tgid,
    /// The mover's name, not to be trusted.
    pub comm: String,
    /// Where to.
    pub to: CgroupKey,
    /// The record.
    pub seq: u64,
}

impl Membership {
    pub(super) fn new(key: CgroupKey, way: WayIn, seq: Option<u64>) -> Self {
        Self {
            key,
            way,
            seq,
            moves: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(hierarchy: u32, id: u64) -> Membership {
        Membership::new(CgroupKey { hierarchy, id }, WayIn::Unseen, None)
    }

    #[test]
    fn there_is_one_place_in_each_hierarchy_in_their_order() {
        let mut all: Memberships = [place(3, 1), place(0, 2), place(7, 3)]
            .into_iter()
            .collect();
        assert_eq!(all.insert(place(3, 4)), Some(place(3, 1)));
        assert_eq!(all.insert(place(5, 5)), None);
        assert_eq!(*all.get_or_insert(place(5, 6)), place(5, 5));
        assert_eq!(*all.get_or_insert(place(1, 7)), place(1, 7));
        let ids: Vec<(u32, u64)> = all
            .iter()
            .map(|one| (one.key.hierarchy, one.key.id))
            .collect();
        assert_eq!(ids, [(0, 2), (1, 7), (3, 4), (5, 5), (7, 3)]);
        assert_eq!(all.get(7), Some(&place(7, 3)));
        assert_eq!(all.get(2), None);
    }
}
