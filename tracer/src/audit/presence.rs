//! Who is there: containers that were there before the audit, and those that are gone without anybody
//! having told. Owns what a look at all tasks comes to.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Body, Certificate, Event, NamespaceKind, NamespaceSlot, NsId, Task, Tgid};
use crate::model::Happening;

use super::auditor::{Ancestry, Auditor};
use super::lineage;
use super::record::{LineageSource, SeenBy, What};

impl Auditor {
    /// The first process of each container that was there before and is not known, with all who are in
    /// the same namespaces. Who has ended `meanwhile`, by events that were not taken in yet, is none of them.
    pub fn to_find(&self, meanwhile: &[Event]) -> Vec<(Task, Vec<Tgid>)> {
        let ended = |event: &&Event| match &event.body {
            Body::Exit(exit) => exit.group_dead,
            _ => false,
        };
        let ended = meanwhile.iter().filter(ended);
        let ended: BTreeSet<_> = ended
            .map(|event| (event.task.tgid, event.task.start_ns))
            .collect();
        let mut groups: BTreeMap<Vec<(NamespaceSlot, NsId)>, Vec<Task>> = BTreeMap::new();
        for state in self.model.tasks() {
            let leader = state.task.tid.0 == state.task.tgid.0;
            let own = NamespaceKind::ALL.into_iter().filter_map(|kind| {
                let slot = NamespaceSlot::own(kind);
                let id = state.namespaces.get(slot)?;
                (self.own.get(slot) != Some(id)).then_some((slot, id))
            });
            let own: Vec<_> = own.collect();
            let lives = !ended.contains(&(state.task.tgid, state.task.start_ns));
            if leader
                && lives
                && !own.is_empty()
                && self.births.container_of(state.task.tgid).is_none()
            {
                groups.entry(own).or_default().push(state.task.clone());
            }
        }
        let mut found: Vec<(Task, Vec<Tgid>)> = Vec::new();
        for mut tasks in groups.into_values() {
            tasks.sort_by_key(|task| (task.start_ns, task.tgid));
            let members = tasks.iter().map(|task| task.tgid).collect();
            found.extend(tasks.into_iter().next().map(|first| (first, members)));
        }
        // Outer ones first: what is within them names them.
        found.sort_by_key(|(first, _)| (first.start_ns, first.tgid));
        found
    }

    /// Processes that are told of because of their namespaces, whether they are marked or not, those that have lived longest
    /// first.
    pub fn told_by_namespaces(&self) -> Vec<Tgid> {
        let leaders = self.model.tasks().filter(|state| {
            state.task.tid.0 == state.task.tgid.0
                && state.ended.is_none()
                && self.is_elsewhere(&state.namespaces)
        });
        let mut all: Vec<_> = leaders
            .map(|state| (state.task.start_ns, state.task.tgid))
            .collect();
        all.sort_unstable();
        all.into_iter().map(|(_, tgid)| tgid).collect()
    }

    /// Takes a container that was there before by the certificate of its first process.
    pub fn find(
        &mut self,
        event: &Event,
        certificate: &Certificate,
        members: &[Tgid],
        ancestry: &Ancestry<'_>,
    ) {
        let found = self.births.find(event, certificate, members, &self.model);
        let Some(birth) = found.and_then(|number| self.births.get(number)).cloned() else {
            return;
        };
        let lineage = ancestry(birth.payload.tgid);
        let lineage = lineage::record(&self.host.boot_id, lineage.as_ref(), LineageSource::Proc);
        let (born, ..) = self.born_record(&birth, SeenBy::Inventory, lineage);
        self.tell(event.time_ns, What::ContainerFound(Box::new(born)));
        self.births.release(birth.number);
    }

    /// Takes everybody for gone who was there before `now_ns` and is not among `living`, whose ends may
    /// have been lost.
    pub fn reconcile(&mut self, living: &BTreeSet<Tgid>, now_ns: u64) {
        let started_since = |tgid: Tgid| {
            let known = self.model.leader(tgid);
            known.is_some_and(|state| state.task.start_ns >= now_ns)
        };
        let lives = |tgid: Tgid| living.contains(&tgid) || started_since(tgid);
        for happening in self.births.reconcile(lives) {
            if let Happening::Ended(number) = happening {
                self.container_ended(number, now_ns, true);
            }
        }
    }
}
