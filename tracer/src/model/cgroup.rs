//! Cgroups made in this run, and how a task got into each of its cgroups. Owns the words for
//! that; `apply` keeps them.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
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
    all: BTreeMap<CgroupKey, CgroupBirth>,
    /// A short digest of the path, hierarchy, and number: several have borne a path, one after the other.
    by_path: BTreeSet<(u32, u32, u64)>,
}

impl CgroupBirths {
    pub(super) fn get(&self, key: CgroupKey) -> Option<&CgroupBirth> {
        self.all.get(&key)
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Notes one, in the place of what had its number before.
    pub(super) fn insert(&mut self, key: CgroupKey, mut birth: CgroupBirth) {
        let now = place(key, &birth.path.text);
        let (digest, ..) = now;
        let same = self
            .by_path
            .range((digest, 0, 0)..=(digest, u32::MAX, u64::MAX));
        let mut same = same.filter_map(|(_, hierarchy, id)| {
            let (hierarchy, id) = (*hierarchy, *id);
            self.all.get(&CgroupKey { hierarchy, id })
        });
        if let Some(other) = same.find(|other| other.path == birth.path) {
            birth.path = Arc::clone(&other.path);
        }
        if let Some(before) = self.all.insert(key, birth) {
            self.by_path.remove(&place(key, &before.path.text));
        }
        self.by_path.insert(now);
    }

    pub(super) fn removed(&mut self, key: CgroupKey) {
        if let Some(birth) = self.all.get_mut(&key) {
            birth.removed = true;
        }
    }

    /// Forgets those that are gone and in which nobody is.
    pub(super) fn sweep(&mut self, used: &HashSet<CgroupKey>) {
        let by_path = &mut self.by_path;
        self.all.retain(|key, birth| {
            let kept = !birth.removed || used.contains(key);
            if !kept {
                by_path.remove(&place(*key, &birth.path.text));
            }
            kept
        });
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

    /// Those of which that is so.
    pub(super) fn at_or_above(&self, key: CgroupKey) -> Vec<CgroupKey> {
        let Some(lower) = self.get(key) else {
            return Vec::new();
        };
        let path = &lower.path.text;
        let mut found = vec![key];
        for (end, _) in path.match_indices('/') {
            let (digest, hierarchy, _) = place(key, &path[..end]);
            let places = (digest, hierarchy, 0)..=(digest, hierarchy, u64::MAX);
            let keys = self.by_path.range(places);
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
        self.all.keys().copied()
    }
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
