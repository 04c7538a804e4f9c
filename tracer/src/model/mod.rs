//! What the events mean: who descends from whom, which namespaces and cgroups were made in this
//! run and by whom, and how each task got where it is. Owns that state and what each event
//! changed in it. Pure; must not judge (that is `verdict`) nor know what was asked for.
pub mod birth;
pub mod births;
pub mod census;
pub mod cgroup;
pub mod change;
pub mod device;
pub mod membership;
pub mod namespace;
pub mod task;
pub mod waiting;

mod apply;
mod domain;
mod drift;
mod dwellers;
mod groups;
mod index;
mod program;
mod residents;
mod stage;
mod sweep;
mod tasks;

use std::collections::BTreeMap;

use crate::event::{Certificate, CgroupKey, NamespaceKind, Namespaces, NsId, Tgid, Tid};

pub use birth::{Birth, Drift, Happening};
pub use births::Births;
use cgroup::CgroupBirths;
pub use cgroup::{CgroupBirth, WayIn};
pub use change::Change;
pub use device::{DevicePrograms, Devices, DevicesUnknown};
pub use domain::{Domain, id_of_path};
pub use membership::{Membership, Memberships, Move};
use namespace::Bearers;
pub use namespace::{Made, NamespaceOrigin};
pub use task::TaskState;
use tasks::Tasks;

/// State of a run, built by [`Model::apply`] from its events in order.
#[derive(Clone, Debug)]
pub struct Model {
    root: Tgid,
    /// The root's namespaces before the run, once they are noted.
    own: Namespaces,
    /// The latest task with each number. Threads leave at their end; leaders stay, since the
    /// judgement comes after it.
    tasks: Tasks,
    /// All that have borne a number, one after the other: the kernel uses numbers again.
    namespaces: BTreeMap<(NamespaceKind, NsId), Bearers>,
    cgroups: CgroupBirths,
    devices: DevicePrograms,
    /// How much was left when it was swept last.
    swept: usize,
}

impl Model {
    /// Before the first event. `root` is the process whose descendants are in scope (tracer
    /// itself) and `baseline` its certificate, which holds what existed before the run.
    pub fn new(root: Tgid, baseline: &Certificate) -> Self {
        let task = TaskState::root(root, baseline);
        let is_run = root != Tgid(0);
        let mut model = Self {
            root,
            own: Namespaces::default(),
            // Where the whole host is observed, nobody asks who lives in a cgroup, nor below which.
            tasks: Tasks::new(is_run),
            namespaces: BTreeMap::new(),
            cgroups: CgroupBirths::new(is_run),
            devices: DevicePrograms::default(),
            swept: 0,
        };
        model.note_existing(&task.namespaces);
        model.own = *task.namespaces;
        model.tasks.insert(Tid(root.0), task);
        model
    }

    /// The process whose descendants are in scope.
    pub fn root(&self) -> Tgid {
        self.root
    }

    /// The latest task with this number; a thread that has ended is forgotten, a leader is not.
    pub fn task(&self, tid: Tid) -> Option<&TaskState> {
        self.tasks.get(tid)
    }

    /// The leader of a thread group, also after its end.
    pub fn leader(&self, tgid: Tgid) -> Option<&TaskState> {
        self.tasks.get(Tid(tgid.0))
    }

    /// Every task known, by number.
    pub fn tasks(&self) -> impl Iterator<Item = &TaskState> {
        self.tasks.iter()
    }

    /// Whether `tgid` is the root or descends from it, by fork records.
    pub fn in_lineage(&self, tgid: Tgid) -> bool {
        self.leader(tgid).is_some_and(|task| task.lineage)
    }

    /// Takes a task that was there before the run for one of the run, because it works on behalf
    /// of it.
    pub fn adopt(&mut self, tgid: Tgid) {
        self.tasks.update(Tid(tgid.0), |task| task.lineage = true);
    }

    /// Where a namespace came from; `None` when nothing seen has named it. Of those that have
    /// borne the number it is the latest.
    pub fn namespace(&self, kind: NamespaceKind, id: NsId) -> Option<&NamespaceOrigin> {
        let latest = self.namespaces.get(&(kind, id))?.all().last();
        latest.map(|bearer| &bearer.origin)
    }

    /// Where the namespace came from that had this number when record `seq` was made, which
    /// may be another than has it now.
    pub fn namespace_at(
        &self,
        kind: NamespaceKind,
        id: NsId,
        seq: u64,
    ) -> Option<&NamespaceOrigin> {
        let all = self.namespaces.get(&(kind, id))?.all();
        let origins = all.iter().map(|bearer| &bearer.origin);
        origins.rev().find(|origin| origin.seq() <= seq)
    }

    /// The BPF programs on devices that were seen.
    pub fn device_programs(&self) -> &DevicePrograms {
        &self.devices
    }

    /// The record that made a cgroup in this run.
    pub fn cgroup(&self, key: CgroupKey) -> Option<&CgroupBirth> {
        self.cgroups.get(key)
    }
}

#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod scan_tests;
#[cfg(test)]
mod tests;
