//! Cgroups made in this run, and how a task got into each of its cgroups. Owns the words for
//! that; `apply` keeps them.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::mem;
use std::sync::Arc;

use serde::Serialize;

use crate::event::{CgroupKey, KernelPath, Tgid};

/// The record that made a cgroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CgroupBirth {
    /// Below its hierarchy's root; one for those that were made at it in one hierarchy after the other.
    pub path: Arc<KernelPath>,
    /// Who made it.
    pub by: Tgid,
    /// The record.
    pub seq: u64,
    /// It was removed.
    pub removed: bool,
}

/// All that were made in the run, and those above each.
#[derive(Clone, Debug, Default)]
pub(super) struct CgroupBirths {
    /// By hierarchy, each in the order of numbers: the kernel gives them out ascending, so that a new one is the last.
    all: BTreeMap<u32, Vec<(u64, CgroupBirth)>>,
    /// A short digest of the path, hierarchy, and number: several have borne a path, one after the other. `None`
    /// where nobody asks for those above one.
    by_path: Option<BTreeSet<(u32, u32, u64)>>,
    /// Those of the ones that were made last: a container's is made in one hierarchy after the other, often
    /// along with those above it.
    recent: VecDeque<Arc<KernelPath>>,
    /// So many were removed since some were forgotten.
    removed: usize,
}

/// Paths that are looked at for the same one.
const RECENT: usize = 4;

/// So many are kept anyway after they were removed.
const FLOOR: usize = 256;

impl CgroupBirths {
    /// None yet. With `above` it is kept which are above which.
    pub(super) fn new(above: bool) -> Self {
        Self {
            by_path: above.then(BTreeSet::new),
            ..Self::default()
        }
    }

    pub(super) fn get(&self, key: CgroupKey) -> Option<&CgroupBirth> {
        let all = self.all.get(&key.hierarchy)?;
        let at = position(all, key.id).ok()?;
        Some(&all[at].1)
    }

    pub(super) fn len(&self) -> usize {
        self.all.values().map(Vec::len).sum()
    }

    /// A path to be kept: one that was kept just before, where it is the same.
    pub(super) fn path(&mut self, path: &KernelPath) -> Arc<KernelPath> {
        if let Some(same) = self.recent.iter().find(|recent| ***recent == *path) {
            return Arc::clone(same);
        }
        let path = Arc::new(path.clone());
        self.recent.truncate(RECENT - 1);
        self.recent.push_front(Arc::clone(&path));
        path
    }

    /// Notes one, in the place of what had its number before.
    pub(super) fn insert(&mut self, key: CgroupKey, birth: CgroupBirth) {
        let by_path = self.by_path.as_mut();
        let now = by_path.is_some().then(|| place(key, &birth.path.text));
        let all = self.all.entry(key.hierarchy).or_default();
        let before = match position(all, key.id) {
            Ok(at) => Some(mem::replace(&mut all[at].1, birth)),
            Err(at) => {
                if all.len() == all.capacity() {
                    // A hundred thousand may be there: room for twice as many would be as much memory again.
                    all.reserve_exact(all.len() / 8 + 16);
                }
                all.insert(at, (key.id, birth));
                None
            }
        };
        if let Some(by_path) = by_path {
            if let Some(before) = before {
                by_path.remove(&place(key, &before.path.text));
            }
            by_path.extend(now);
        }
    }

    pub(super) fn removed(&mut self, key: CgroupKey) {
        if let Some(all) = self.all.get_mut(&key.hierarchy)
            && let Ok(at) = position(all, key.id)
        {
            all[at].1.removed = true;
            self.removed += 1;
        }
    }

    /// Whether more than a sixteenth was removed: what it takes to forget these is in proportion to it.
    pub(super) fn is_sweep_due(&self) -> bool {
        self.removed >= self.len() / 16 + FLOOR
    }

    /// Those that were removed.
    pub(super) fn removed_ones(&self) -> HashSet<CgroupKey> {
        let all = self.iter().filter(|(_, birth)| birth.removed);
        all.map(|(key, _)| key).collect()
    }

    /// Forgets these.
    pub(super) fn forget(&mut self, gone: &HashSet<CgroupKey>) {
        self.removed = 0;
        let by_path = &mut self.by_path;
        for (hierarchy, all) in &mut self.all {
            all.retain(|(id, birth)| {
                let (hierarchy, id) = (*hierarchy, *id);
                let key = CgroupKey { hierarchy, id };
                let kept = !gone.contains(&key);
                if let Some(by_path) = by_path.as_mut().filter(|_| !kept) {
                    by_path.remove(&place(key, &birth.path.text));
                }
                kept
            });
            all.shrink_to(all.len() / 8 * 9 + 16);
        }
    }

    fn iter(&self) -> impl Iterator<Item = (CgroupKey, &CgroupBirth)> {
        let all = self.all.iter();
        all.flat_map(|(hierarchy, all)| {
            let hierarchy = *hierarchy;
            all.iter()
                .map(move |(id, birth)| (CgroupKey { hierarchy, id: *id }, birth))
        })
    }

    /// Whether one is another, or above it.
    pub(super) fn is_at_or_above(&self, key: CgroupKey, other: CgroupKey) -> bool {
        if key.hierarchy != other.hierarchy {
            return false;
        }
        let (Some(upper), Some(lower)) = (self.get(key), self.get(other)) else {
            return false;
        };
        let rest = lower.path.text.strip_prefix(&*upper.path.text);
        key == other || !upper.path.cut && rest.is_some_and(|rest| rest.starts_with('/'))
    }

    /// Those of which that is so, where that is kept.
    pub(super) fn at_or_above(&self, key: CgroupKey) -> Vec<CgroupKey> {
        let (Some(lower), Some(by_path)) = (self.get(key), &self.by_path) else {
            return Vec::new();
        };
        let path = &lower.path.text;
        let mut found = vec![key];
        for (end, _) in path.match_indices('/') {
            let (digest, hierarchy, _) = place(key, &path[..end]);
            let places = (digest, hierarchy, 0)..=(digest, hierarchy, u64::MAX);
            let keys = by_path.range(places);
            let keys = keys.map(|(_, hierarchy, id)| CgroupKey {
                hierarchy: *hierarchy,
                id: *id,
            });
            // Others have the same digest, if rarely.
            found.extend(keys.filter(|upper| *upper != key && self.is_at_or_above(*upper, key)));
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    #[cfg(test)]
    pub(super) fn keys(&self) -> impl Iterator<Item = CgroupKey> {
        self.iter().map(|(key, _)| key)
    }
}

/// Where the one of this number is, or would be. Who asks mostly asks for a new one, or for one that was
/// there before all of these.
fn position(all: &[(u64, CgroupBirth)], id: u64) -> Result<usize, usize> {
    match all {
        [(first, _), ..] if id < *first => return Err(0),
        [.., (last, _)] if id <= *last => {}
        _ => return Err(all.len()),
    }
    all.binary_search_by_key(&id, |(id, _)| *id)
}

fn place(key: CgroupKey, path: &str) -> (u32, u32, u64) {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    let [_, _, _, _, digest @ ..] = hasher.finish().to_be_bytes();
    (u32::from_be_bytes(digest), key.hierarchy, key.id)
}

/// How a task got into a cgroup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "way")]
pub enum WayIn {
    /// It was there before the run.
    Before,
    /// Its creator was there.
    Inherited {
        /// The caller of clone.
        from: Tgid,
    },
    /// It was created there.
    CloneIntoCgroup {
        /// The caller of clone.
        by: Tgid,
    },
    /// A thread of its own group moved it.
    MovedBySelf,
    /// Another process moved it.
    MovedBy {
        /// Who.
        mover: Tgid,
    },
    /// It was found there and no record shows how.
    Unseen,
}

impl WayIn {
    /// In words; `root` is called tracer.
    pub fn words(self, root: Tgid) -> String {
        let who = |tgid: Tgid| {
            if tgid == root {
                "tracer".to_owned()
            } else {
                tgid.to_string()
            }
        };
        match self {
            Self::Before => "there before the run".to_owned(),
            Self::Inherited { from } => format!("inherited from {}", who(from)),
            Self::CloneIntoCgroup { by } => format!("created there by {}", who(by)),
            Self::MovedBySelf => "moved by itself".to_owned(),
            Self::MovedBy { mover } => format!("moved by {}", who(mover)),
            Self::Unseen => "by an unseen way".to_owned(),
        }
    }
}
