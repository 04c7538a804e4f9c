//! What a run showed besides the model: the three certificates, the mount table, the counters,
//! the hooks that are missing. Owns the collecting; must not judge.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use tracer_common::Kind;

use crate::event::{Body, Certificate, Event, Tgid};
use crate::expect::Readings;

use super::MountInfo;
pub use crate::model::Drift;

/// A certificate and the record that carried it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Number of the record.
    pub seq: u64,
    /// The facts.
    pub certificate: Certificate,
}

/// Everything that a judgement looks at besides the model. Feed it every event.
#[derive(Clone, Debug)]
pub struct Observation {
    /// tracer itself.
    pub root: Tgid,
    /// The container's init; set it as soon as it is known, before the events that follow.
    pub init: Option<Tgid>,
    /// tracer itself, from the first snapshot of it.
    pub baseline: Option<Seen>,
    /// Init at the gate: the latest snapshot of it before its exec, else the first after it.
    pub gate: Option<Seen>,
    /// Init's first exec.
    pub exec: Option<Seen>,
    /// Mounts of init at the gate; `None` = not read.
    pub mounts: Option<Arc<[MountInfo]>>,
    /// Mounts of tracer itself at that moment; `None` = not read.
    pub host_mounts: Option<Arc<[MountInfo]>>,
    /// What else was read about the container as its payload was executed; `None` = nothing.
    pub readings: Option<Readings>,
    /// Numbers of the hierarchies that have a controller of memory, tasks or CPU; `None` = not
    /// read.
    pub limiting: Option<Vec<u32>>,
    /// What changed about the container after its payload's exec; `None` = not watched.
    pub drift: Option<Vec<Drift>>,
    /// Counts of both sides.
    pub counters: Counters,
    /// Hooks that are missing.
    pub unattached: Vec<Unattached>,
    /// Why all of this is but a part, from its beginning: nothing that it shows is final.
    pub cut: Option<String>,
}

/// A hook that could not be attached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unattached {
    /// The records that it would have made.
    #[serde(with = "crate::history::note::kind")]
    pub kind: Kind,
    /// Why.
    pub reason: String,
}

/// Counts of both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Records that the hooks set out to make.
    pub submitted: PerKind,
    /// Records for which the ring had no room, or which were not made, as the kernel did not run the program.
    pub lost: PerKind,
    /// How many of those lost are of the latter kind, in an audit.
    pub not_run: PerKind,
    /// Records read, those that could not be understood included.
    pub read: PerKind,
    /// Records that could not be understood.
    pub unknown: PerKind,
    /// Tasks, and cgroups made by outsiders, that were left out because a table of the kernel side was
    /// full.
    pub scope_full: u64,
    /// Processes whose mark was taken back to make room, by an audit.
    pub put_out: u64,
}

impl Counters {
    /// Whether each record that was set out to be made was read or lost.
    #[must_use]
    pub fn agree(&self) -> bool {
        self.submitted.total() == self.read.total() + self.lost.total()
    }

    /// Takes those made and not yet read as not made yet: for a judgement that rests on none of
    /// them.
    pub fn on_their_way_left_out(&mut self) {
        for kind in kinds() {
            let known = self.read.get(kind).saturating_add(self.lost.get(kind));
            self.submitted
                .set(kind, self.submitted.get(kind).min(known));
        }
    }
}

/// A count for each kind of record, and one for what has no kind that is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PerKind([u64; Kind::END as usize]);

impl PerKind {
    /// Kind 0 is no record's: it stands for every kind that is not known.
    fn index(kind: Kind) -> usize {
        if kind.0 < Kind::END {
            usize::from(kind.0)
        } else {
            0
        }
    }

    /// The count of one kind.
    pub fn get(&self, kind: Kind) -> u64 {
        self.0[Self::index(kind)]
    }

    /// Sets the count of one kind.
    pub fn set(&mut self, kind: Kind, count: u64) {
        self.0[Self::index(kind)] = count;
    }

    /// Adds to the count of one kind.
    pub fn add(&mut self, kind: Kind, count: u64) {
        let sum = &mut self.0[Self::index(kind)];
        *sum = sum.saturating_add(count);
    }

    /// Of all kinds.
    pub fn total(&self) -> u64 {
        self.0
            .iter()
            .fold(0, |sum, count| sum.saturating_add(*count))
    }
}

/// Every kind that is known.
pub fn kinds() -> impl Iterator<Item = Kind> {
    (1..Kind::END).map(Kind)
}

impl Observation {
    /// Before the first event.
    pub fn new(root: Tgid) -> Self {
        Self {
            root,
            init: None,
            baseline: None,
            gate: None,
            exec: None,
            mounts: None,
            host_mounts: None,
            readings: None,
            limiting: None,
            drift: None,
            counters: Counters::default(),
            unattached: Vec::new(),
            cut: None,
        }
    }

    /// Counts an event and keeps its certificate where it is one of the three.
    pub fn note(&mut self, event: &Event) {
        let kind = event.body.kind();
        self.counters.read.add(kind, 1);
        let (seq, tgid) = (event.seq, event.task.tgid);
        match &event.body {
            Body::Unknown(_) => self.counters.unknown.add(kind, 1),
            Body::Snapshot(facts) if tgid == self.root && self.baseline.is_none() => {
                self.baseline = Some(Seen {
                    seq,
                    certificate: facts.clone(),
                });
            }
            // One that only comes after the exec is kept as well: it shows that there was none
            // before.
            Body::Snapshot(facts)
                if Some(tgid) == self.init && (self.exec.is_none() || self.gate.is_none()) =>
            {
                self.gate = Some(Seen {
                    seq,
                    certificate: facts.clone(),
                });
            }
            Body::Exec(exec) if Some(tgid) == self.init && self.exec.is_none() => {
                self.exec = Some(Seen {
                    seq,
                    certificate: exec.certificate.clone(),
                });
            }
            _ => {}
        }
    }

    /// tracer's own certificate.
    pub fn host(&self) -> Option<&Certificate> {
        self.baseline.as_ref().map(|seen| &seen.certificate)
    }
}
