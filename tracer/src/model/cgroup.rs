//! Cgroups made in this run, and how a task got into each of its cgroups. Owns the words for
//! that; `apply` keeps them.

use serde::Serialize;

use crate::event::{CgroupKey, KernelPath, Tgid};

/// The record that made a cgroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CgroupBirth {
    /// Below its hierarchy's root.
    pub path: KernelPath,
    /// Who made it.
    pub by: Tgid,
    /// The record.
    pub seq: u64,
    /// The record of its removal.
    pub removed: Option<u64>,
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
