//! Where namespaces come from. An inode number alone names nothing, since the kernel reuses it: what
//! counts is the record that showed it being made, and the number that is never used again, where
//! the kernel has one.

use std::slice;

use crate::event::{NsUnique, Tgid};

/// By which call a namespace was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// clone with the kind's `CLONE_NEW` flag.
    Clone,
    /// unshare.
    Unshare,
}

/// One of the namespaces that have borne a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bearer {
    pub(super) origin: NamespaceOrigin,
    /// 0 = not known; there is one for each namespace of each container.
    unique: NsUnique,
}

/// All that have borne a number, one after the other; never none, and nearly always one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Bearers {
    One(Bearer),
    Several(Box<[Bearer]>),
}

impl Bearers {
    pub(super) fn all(&self) -> &[Bearer] {
        match self {
            Self::One(bearer) => slice::from_ref(bearer),
            Self::Several(all) => all,
        }
    }

    pub(super) fn add(&mut self, bearer: Bearer) {
        match self {
            Self::One(first) => *self = Self::Several([*first, bearer].into()),
            Self::Several(all) => *all = all.iter().copied().chain([bearer]).collect(),
        }
    }

    /// Forgets all but so many of the last.
    pub(super) fn keep_last(&mut self, count: usize) {
        if let Self::Several(all) = self {
            let from = all.len().saturating_sub(count.max(1));
            *all = all[from..].into();
        }
    }
}

impl Bearer {
    pub(super) fn new(origin: NamespaceOrigin, unique: Option<NsUnique>) -> Self {
        let unique = unique.unwrap_or_default();
        Self { origin, unique }
    }

    /// Whether it may be the namespace with this unique number: where one of the two is not
    /// known, the inode number is all there is to go by.
    pub(super) fn may_be(&self, unique: Option<NsUnique>) -> bool {
        let both = unique.filter(|_| self.unique != NsUnique::default());
        both.is_none_or(|unique| self.unique == unique)
    }
}

/// How a namespace came to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamespaceOrigin {
    /// A task that was there before the run had it.
    Before,
    /// It was made in this run.
    Made {
        /// By the thread group that made the call.
        by: Tgid,
        /// Which call.
        call: Made,
        /// The record.
        seq: u64,
    },
    /// A task in scope had it, and no record shows how it was made: it was joined, or the record
    /// is missing.
    Found {
        /// The first record that named it.
        seq: u64,
    },
}

impl NamespaceOrigin {
    /// The record that it is known by; 0 for what was there before.
    pub fn seq(&self) -> u64 {
        match self {
            Self::Before => 0,
            Self::Made { seq, .. } | Self::Found { seq } => *seq,
        }
    }
}
