//! A task's places, one in each hierarchy of cgroups. Owns the set; how a task got to a place is `cgroup`'s word, and `apply`
//! keeps it.

use std::sync::{Arc, LazyLock};

use smol_str::SmolStr;

use crate::event::{CgroupKey, Tgid};

use super::cgroup::WayIn;
use super::task::Created;

/// A task's places in the order of the hierarchies, each of which has one at most. There are as many sets as tasks:
/// who was created shares the list of cgroups with its creator, and has come to all of them in one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memberships {
    keys: List,
    /// `None` where it was moved to none of them: it got to all as its creation says.
    ways: Option<Arc<Ways>>,
}

/// Cgroups, which many tasks are in: what each of them has of it is one address.
pub(super) type List = Arc<Vec<CgroupKey>>;

/// What an audit knows of all who were moved.
static UNSEEN: LazyLock<Arc<Ways>> = LazyLock::new(Arc::default);

/// How it got there.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ways {
    /// To all of them alike, and it was moved to none.
    Alike(WayIn, Option<u64>),
    /// To each of them, in the order of the cgroups.
    Each(Box<[Arrival]>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Arrival {
    way: WayIn,
    seq: Option<u64>,
    moves: Vec<Move>,
}

impl Memberships {
    /// The places of a task that was created in these cgroups by one that is in all of them.
    pub(super) fn inherited(&self) -> Self {
        Self {
            keys: Arc::clone(&self.keys),
            ways: None,
        }
    }

    /// The place in this hierarchy, if that is known, of a task that was created so.
    pub(super) fn get(&self, hierarchy: u32, created: Option<&Created>) -> Option<Membership> {
        let at = self.position(hierarchy).ok()?;
        Some(match created.filter(|_| self.ways.is_none()) {
            Some(created) => Membership::new(self.keys[at], created.way(), Some(created.seq)),
            None => self.at(at),
        })
    }

    /// Notes how a task that was created so got to them, which rests on its creation until then.
    pub(super) fn settle(&mut self, created: Option<&Created>) {
        if let Some(created) = created.filter(|_| self.ways.is_none()) {
            let ways = Ways::Alike(created.way(), Some(created.seq));
            self.ways = Some(Arc::new(ways));
        }
    }

    /// The cgroup in this hierarchy, if that is known.
    #[must_use]
    pub fn key(&self, hierarchy: u32) -> Option<CgroupKey> {
        Some(self.keys[self.position(hierarchy).ok()?])
    }

    /// All cgroups.
    #[must_use]
    pub fn keys(&self) -> &[CgroupKey] {
        &self.keys
    }

    /// Whether these are all of them. The kernel mostly names them from the last hierarchy to the first.
    pub(super) fn are(
        &self,
        keys: &(impl DoubleEndedIterator<Item = CgroupKey> + ExactSizeIterator + Clone),
    ) -> bool {
        keys.len() == self.keys.len()
            && (keys.clone().rev().eq(self.keys.iter().copied())
                || keys.clone().all(|key| self.key(key.hierarchy) == Some(key)))
    }

    /// The list of cgroups, which others may have, too.
    pub(super) fn list(&self) -> &List {
        &self.keys
    }

    /// Keeps no list of its own where another's is the same.
    pub(super) fn share(&mut self, other: &Self) {
        if self.keys == other.keys {
            self.keys = Arc::clone(&other.keys);
        }
        if self.ways == other.ways {
            self.ways.clone_from(&other.ways);
        }
    }

    /// Puts a place where the one in its hierarchy was; how it got to the others is settled.
    pub(super) fn put(&mut self, place: Membership) {
        let mut all: Vec<Membership> = (0..self.keys.len()).map(|at| self.at(at)).collect();
        match self.position(place.key.hierarchy) {
            Ok(at) => all[at] = place,
            Err(at) => all.insert(at, place),
        }
        *self = Self::in_order(all, &self.keys);
    }

    /// Takes note of a move to another cgroup; how it got to all of them is settled. A write that names the cgroup a
    /// task is in already runs the hook and moves nothing.
    pub(super) fn moved(&mut self, to: &Move, way: WayIn) {
        let Ok(at) = self.position(to.to.hierarchy) else {
            self.put(Membership {
                moves: vec![to.clone()],
                ..Membership::new(to.to, way, Some(to.seq))
            });
            return;
        };
        let before = self.at(at);
        let is_known = before.seq.is_some() || before.way != WayIn::Unseen;
        if self.keys[at] == to.to && is_known {
            return;
        }
        if self.keys[at] != to.to {
            Arc::make_mut(&mut self.keys)[at] = to.to;
        }
        let arrival = &mut self.each()[at];
        (arrival.way, arrival.seq) = (way, Some(to.seq));
        // Most are moved once.
        arrival.moves.reserve_exact(1);
        arrival.moves.push(to.clone());
    }

    /// Puts a cgroup where the one in its hierarchy was, and forgets how it got to any of them.
    pub(super) fn put_alone(&mut self, key: CgroupKey) {
        let Ok(at) = self.position(key.hierarchy) else {
            self.put(Membership::new(key, WayIn::Unseen, None));
            return;
        };
        if self.keys[at] != key {
            Arc::make_mut(&mut self.keys)[at] = key;
            self.ways = Some(Arc::clone(&UNSEEN));
        }
    }

    /// How it got to each of them, to be changed.
    fn each(&mut self) -> &mut [Arrival] {
        let ways = Arc::make_mut(self.ways.get_or_insert_default());
        if let Ways::Alike(way, seq) = *ways {
            let arrival = Arrival {
                way,
                seq,
                moves: Vec::new(),
            };
            *ways = Ways::Each(vec![arrival; self.keys.len()].into());
        }
        match ways {
            Ways::Each(arrivals) => arrivals,
            Ways::Alike(..) => &mut [],
        }
    }

    /// Notes of all places that they were found in record `seq`.
    pub(super) fn found(&mut self, seq: u64) {
        self.ways = Some(Arc::new(Ways::Alike(WayIn::Unseen, Some(seq))));
    }

    fn at(&self, at: usize) -> Membership {
        let key = self.keys[at];
        match self.ways.as_deref() {
            None => Membership::new(key, WayIn::Unseen, None),
            Some(Ways::Alike(way, seq)) => Membership::new(key, *way, *seq),
            Some(Ways::Each(arrivals)) => Membership {
                moves: arrivals[at].moves.clone(),
                ..Membership::new(key, arrivals[at].way, arrivals[at].seq)
            },
        }
    }

    fn position(&self, hierarchy: u32) -> Result<usize, usize> {
        self.keys
            .binary_search_by_key(&hierarchy, |key| key.hierarchy)
    }

    /// Of places in the order of their hierarchies; the list of cgroups is this one, if they are the same.
    fn in_order(places: Vec<Membership>, keys: &List) -> Self {
        let own = || places.iter().map(|place| place.key);
        let keys = if own().eq(keys.iter().copied()) {
            Arc::clone(keys)
        } else {
            Arc::new(own().collect())
        };
        let ways = match places.split_first() {
            None => Ways::default(),
            Some((first, others))
                if first.moves.is_empty()
                    && others.iter().all(|place| {
                        (place.way, place.seq) == (first.way, first.seq) && place.moves.is_empty()
                    }) =>
            {
                Ways::Alike(first.way, first.seq)
            }
            Some(_) => Ways::Each(places.into_iter().map(Arrival::from).collect()),
        };
        let ways = (!keys.is_empty()).then(|| Arc::new(ways));
        Self { keys, ways }
    }
}

/// Nobody knows.
impl Default for Ways {
    fn default() -> Self {
        Self::Alike(WayIn::Unseen, None)
    }
}

/// Nowhere yet.
impl Default for Memberships {
    fn default() -> Self {
        Self::in_order(Vec::new(), &Arc::default())
    }
}

/// Of one place in each hierarchy; the last one counts.
impl FromIterator<Membership> for Memberships {
    fn from_iter<Places: IntoIterator<Item = Membership>>(places: Places) -> Self {
        let mut all: Vec<Membership> = places.into_iter().collect();
        // Stable: of those in one hierarchy the last stays last.
        all.sort_by_key(|place| place.key.hierarchy);
        all.reverse();
        all.dedup_by_key(|place| place.key.hierarchy);
        all.reverse();
        Self::in_order(all, &Arc::default())
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
    pub comm: SmolStr,
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

impl From<Membership> for Arrival {
    fn from(place: Membership) -> Self {
        let mut moves = place.moves;
        moves.shrink_to_fit();
        Self {
            way: place.way,
            seq: place.seq,
            moves,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::sample;

    fn place(hierarchy: u32, id: u64) -> Membership {
        Membership::new(CgroupKey { hierarchy, id }, WayIn::Unseen, None)
    }

    fn moved(hierarchy: u32, id: u64) -> Membership {
        let to = CgroupKey { hierarchy, id };
        let step = Move {
            by: Tgid(9),
            comm: "mover".into(),
            to,
            seq: 5,
        };
        Membership {
            moves: vec![step],
            ..Membership::new(to, WayIn::MovedBySelf, Some(5))
        }
    }

    /// By 3, as record 8 shows.
    fn created() -> Created {
        let creator = sample::task(3, 3, "creator");
        let child = sample::task(4, 4, "creator");
        let fork = sample::fork(creator, child, 0, sample::HOST, &sample::cgroups(&[]));
        Created::new(&sample::event(8, &fork), &(&child).into())
    }

    #[test]
    fn there_is_one_place_in_each_hierarchy_in_their_order() {
        let mut all: Memberships = [place(3, 1), place(0, 2), place(7, 3), place(3, 9)]
            .into_iter()
            .collect();
        assert_eq!(all.get(3, None), Some(place(3, 9)));
        all.put(moved(3, 4));
        all.put(place(5, 5));
        all.put(place(1, 7));
        let ids: Vec<(u32, u64)> = all
            .keys()
            .iter()
            .map(|key| (key.hierarchy, key.id))
            .collect();
        assert_eq!(ids, [(0, 2), (1, 7), (3, 4), (5, 5), (7, 3)]);
        assert_eq!(all.get(3, None), Some(moved(3, 4)));
        assert_eq!(all.get(7, None), Some(place(7, 3)));
        assert_eq!((all.get(2, None), all.key(2)), (None, None));
        assert_eq!(all.key(5), Some(place(5, 5).key));
    }

    #[test]
    fn the_same_cgroups_are_the_same_in_any_order() {
        let all: Memberships = [place(0, 2), place(3, 1), place(7, 3)]
            .into_iter()
            .collect();
        let are = |ids: &[(u32, u64)]| {
            let keys = ids.iter();
            all.are(&keys.map(|(hierarchy, id)| place(*hierarchy, *id).key))
        };
        assert!(are(&[(7, 3), (3, 1), (0, 2)]));
        assert!(are(&[(0, 2), (3, 1), (7, 3)]));
        assert!(are(&[(3, 1), (7, 3), (0, 2)]));
        assert!(!are(&[(3, 1), (7, 3), (0, 1)]));
        assert!(!are(&[(3, 1), (7, 3)]));
        assert!(!are(&[]));
    }

    #[test]
    fn who_was_created_shares_the_list_until_it_is_moved() {
        let creator: Memberships = [place(0, 1), moved(4, 2)].into_iter().collect();
        let mut child = creator.inherited();
        assert!(Arc::ptr_eq(&creator.keys, &child.keys));
        let created = created();
        let way = WayIn::Inherited { from: Tgid(3) };
        let inherited = Membership::new(moved(4, 2).key, way, Some(8));
        assert_eq!(child.get(4, Some(&created)), Some(inherited.clone()));
        child.settle(Some(&created));
        assert_eq!(child.get(4, None), Some(inherited));
        child.put(moved(4, 6));
        assert_eq!(creator.get(4, None), Some(moved(4, 2)));
        assert_eq!(child.get(4, None), Some(moved(4, 6)));
        assert_eq!(child.get(0, None).map(|place| place.way), Some(way));
    }

    #[test]
    fn of_a_move_it_is_kept_who_did_it_or_nothing_of_how_it_got_anywhere() {
        let creator: Memberships = [place(0, 1), place(4, 2)].into_iter().collect();
        let mut told = creator.inherited();
        let mut alone = told.clone();
        let to = moved(4, 6);
        told.settle(Some(&created()));
        let mut put = told.clone();
        told.moved(&to.moves[0], WayIn::MovedBySelf);
        put.put(to.clone());
        assert_eq!(told, put);
        // A write that names the cgroup that it is in moves nothing.
        told.moved(&to.moves[0], WayIn::Unseen);
        assert_eq!(told, put);
        alone.put_alone(creator.keys[0]);
        assert_eq!(alone, creator.inherited(), "nothing has changed");
        alone.put_alone(to.key);
        let alone_at = |hierarchy| alone.get(hierarchy, Some(&created()));
        assert_eq!(alone_at(4), Some(place(4, 6)));
        assert_eq!(
            alone_at(0),
            Some(place(0, 1)),
            "how it got there is not known"
        );
        alone.put_alone(place(2, 5).key);
        assert_eq!(alone.key(2), Some(place(2, 5).key));
        assert_eq!(creator.get(4, None), Some(place(4, 2)));
    }
}
