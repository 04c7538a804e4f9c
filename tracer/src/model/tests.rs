//! Claims about the model, each on the smallest stream of records that shows it. Owns what they
//! share.

mod cgroups;
mod namespaces;
mod tasks;

use tracer_common::TaskId;
use tracer_common::record::{CgroupSet, NamespaceSet};
use zerocopy::{Immutable, IntoBytes};

use super::*;
use crate::event::sample::{self, HOST, INIT, NEW, ROOT, STRANGER};
use crate::event::{NamespaceSlot, Task};

const MEMORY: u32 = 4;
const THREAD: TaskId = sample::task(200, 201, "worker");
const CHILD: TaskId = sample::task(210, 210, "child");

/// A model and the number of its next record.
struct Run(Model, u64);

impl Run {
    fn new() -> Self {
        let baseline = sample::certificate_with(|facts| {
            facts.namespaces = HOST;
            facts.cgroups = home();
        });
        Self(Model::new(Tgid(ROOT.tgid), &baseline.into()), 0)
    }

    fn apply(&mut self, record: &(impl IntoBytes + Immutable)) -> Vec<Change> {
        let event = sample::event(self.1, record);
        self.1 += 1;
        self.0.apply(&event)
    }

    fn fork(&mut self, by: TaskId, child: TaskId, flags: u64, cgroups: &CgroupSet) -> Vec<Change> {
        self.apply(&sample::fork(by, child, flags, HOST, cgroups))
    }

    fn place(&self, task: TaskId, hierarchy: u32) -> Membership {
        let task = self.0.task(Tid(task.tid)).expect("known");
        task.place(hierarchy).expect("a place")
    }

    fn namespace(&self, task: TaskId, slot: NamespaceSlot) -> u32 {
        let task = self.0.task(Tid(task.tid)).expect("known");
        task.namespaces.get(slot).expect("readable").0
    }
}

/// Where tracer itself is.
fn home() -> CgroupSet {
    sample::cgroups(&[(0, 1), (MEMORY, 10)])
}

fn namespaces_changed(changes: &[Change]) -> Vec<(NamespaceSlot, u32, u32)> {
    changes
        .iter()
        .filter_map(|change| match change {
            Change::Namespace {
                slot,
                before,
                after,
                ..
            } => Some((*slot, before.0, after.0)),
            _ => None,
        })
        .collect()
}
