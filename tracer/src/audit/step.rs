//! One step that led to a birth: as it is kept until then, and as it is told. Owns the names of steps and flags; which
//! steps there are is `timeline`'s.

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use crate::event::body::NamespaceCallName;
use crate::event::{Event, NamespaceKind, Task};
use crate::model::Change;

use super::identity;
use super::makers::Made;
use super::record::{Namespace, Process};

/// Bits of clone's flags (include/uapi/linux/sched.h) that say where a child comes to be, beside those of
/// new namespaces.
const PLACES: [(u64, &str); 2] = [(0x8000, "CLONE_PARENT"), (1 << 33, "CLONE_INTO_CGROUP")];
/// All that say where a child comes to be.
pub(super) const PLACING: u64 = {
    let mut bits = PLACES[0].0 | PLACES[1].0;
    let mut at = 0;
    while at < NamespaceKind::ALL.len() {
        bits |= NamespaceKind::ALL[at].clone_flag();
        at += 1;
    }
    bits
};

/// One of the kernel's records of those who made a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Step {
    /// Nanoseconds from the birth to it: negative before.
    pub t_ns: i64,
    /// Number of the kernel's record, from 0 in this audit.
    pub record: u64,
    /// What happened: `task_newtask`, `unshare`, `setns`, `cgroup_mkdir`, `cgroup_attach_task` or
    /// `sched_process_exec`.
    pub event: String,
    /// Who did it.
    pub process: Process,
    /// Who was created, or moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Process>,
    /// Flags of clone that say where a child comes to be.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
    /// Namespaces that it has brought; those that a clone without flags or an exec shows were brought by a call
    /// that no record tells.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<Namespace>,
    /// Path of the cgroup, below its hierarchy's root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The kernel's number of the cgroup's hierarchy; 0 is cgroup v2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hierarchy: Option<u32>,
}

/// A step as it is kept, until it is known what it leads to.
#[derive(Clone, Debug)]
pub(super) struct Noted {
    pub seq: u64,
    pub time_ns: u64,
    pub by: Task,
    pub namespaces: Box<[Namespace]>,
    pub deed: Deed,
}

/// What happened, and what is told of that alone.
#[derive(Clone, Debug)]
pub(super) enum Deed {
    Creation { target: Task, flags: u64 },
    Call(NamespaceCallName),
    Exec(Option<SmolStr>),
    Cgroup(Box<Place>),
}

/// A cgroup that was made, or that somebody was moved to.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub target: Option<Task>,
    pub hierarchy: u32,
    pub path: SmolStr,
}

pub(super) fn noted(event: &Event, changes: &[Change], deed: Deed) -> Noted {
    let mut namespaces: Vec<Namespace> = Vec::new();
    for change in changes {
        if let Change::Namespace { slot, after, .. } = change {
            let namespace = identity::namespace(*slot, *after);
            if !namespaces.contains(&namespace) {
                namespaces.push(namespace);
            }
        }
    }
    Noted {
        seq: event.seq,
        time_ns: event.time_ns,
        by: event.task.clone(),
        namespaces: namespaces.into(),
        deed,
    }
}

pub(super) fn making(made: Made<'_>, path: &str) -> Noted {
    let place = Place {
        target: None,
        hierarchy: made.hierarchy,
        path: path.into(),
    };
    Noted {
        seq: made.seq,
        time_ns: made.time_ns,
        by: made.by.clone(),
        namespaces: Box::default(),
        deed: Deed::Cgroup(Box::new(place)),
    }
}

impl Deed {
    /// As [`Body::name`] has it.
    fn event(&self) -> &'static str {
        match self {
            Self::Creation { .. } => "task_newtask",
            Self::Call(NamespaceCallName::Setns) => "setns",
            Self::Call(NamespaceCallName::Unshare) => "unshare",
            Self::Exec(_) => "sched_process_exec",
            Self::Cgroup(place) if place.target.is_some() => "cgroup_attach_task",
            Self::Cgroup(_) => "cgroup_mkdir",
        }
    }
}

impl Noted {
    pub(super) fn record(&self, boot_id: &str, birth_ns: u64) -> Step {
        let t_ns = i128::from(self.time_ns) - i128::from(birth_ns);
        let (target, cgroup) = match &self.deed {
            Deed::Creation { target, .. } => (Some(target), None),
            Deed::Cgroup(place) => (place.target.as_ref(), Some(&**place)),
            Deed::Call(_) | Deed::Exec(_) => (None, None),
        };
        let executable = match &self.deed {
            Deed::Exec(executable) => executable.as_deref().map(str::to_owned),
            _ => None,
        };
        let flags = match self.deed {
            Deed::Creation { flags, .. } => names(flags),
            _ => Vec::new(),
        };
        Step {
            t_ns: i64::try_from(t_ns).unwrap_or(i64::MIN),
            record: self.seq,
            event: self.deed.event().to_owned(),
            process: identity::process(boot_id, &self.by, executable),
            target: target.map(|target| identity::process(boot_id, target, None)),
            flags,
            namespaces: self.namespaces.to_vec(),
            path: cgroup.map(|place| place.path.to_string()),
            hierarchy: cgroup.map(|place| place.hierarchy),
        }
    }
}

/// By their names in C.
fn names(bits: u64) -> Vec<String> {
    let new = NamespaceKind::ALL.into_iter().map(|kind| {
        let name = match kind {
            NamespaceKind::Mnt => "NS".to_owned(),
            _ => kind.name().to_uppercase(),
        };
        (kind.clone_flag(), format!("CLONE_NEW{name}"))
    });
    let places = PLACES.into_iter().map(|(bit, name)| (bit, name.to_owned()));
    let all = new.chain(places).filter(|(bit, _)| bits & bit != 0);
    all.map(|(_, name)| name).collect()
}
