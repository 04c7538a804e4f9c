//! Which containers are no payload's, but a runtime's own stages: told by what they did, and by
//! whom they stood beside. Owns that distinction, which is asked for of a run's containers and not of a whole host's; must
//! not know any runtime by name. What makes the difference may come later, so that the last word is said once all is over.

use std::collections::{BTreeSet, HashSet};

use crate::event::{CgroupKey, Exit, Task, Tgid, Tid};

use super::{Birth, Births, Domain, Model, TaskState};

/// A thread group, among all that bear its number one after the other: by its start.
pub(super) type Who = (Tgid, u64);

/// Payloads of containers with namespaces of their own, and whom they descend from.
#[derive(Clone, Debug, Default)]
pub(super) struct Makers(HashSet<Who>);

impl Births {
    /// Whether it is no container of a payload, but a runtime's own stage.
    ///
    /// What nothing but a cgroup sets apart is one if it made a container that has namespaces of its
    /// own, or such a container's maker or payload stood in the same cgroups, or above them, as it
    /// was executed; or if it made namespaces and failed before anything was executed there.
    ///
    /// What has namespaces of its own is one if it is a program that executed itself anew, with
    /// tracer's own root directory, as rootless runtimes do to get a user namespace, and another
    /// container was born in it, or it failed before any was.
    pub fn is_stage(&self, birth: &Birth) -> bool {
        if birth.domain.namespaces.is_empty() {
            return birth.maker
                || birth.failed
                || birth.beside.iter().any(|who| self.makers.0.contains(who));
        }
        Self::may_be_stage(birth) && (birth.failed || self.has_own_within(birth))
    }

    /// Whether it may turn out to be a stage, which only what comes after it shows: nothing but a
    /// cgroup sets it apart, or it is a program that executed itself anew, with tracer's own root
    /// directory.
    #[must_use]
    pub fn may_be_stage(birth: &Birth) -> bool {
        birth.domain.namespaces.is_empty() || birth.same_program && birth.host_root
    }

    /// Whether a container with namespaces of its own was born in one.
    pub(super) fn has_own_within(&self, birth: &Birth) -> bool {
        let inner = self.index.within(birth.number);
        let mut inner = inner.filter_map(|number| self.get(number));
        inner.any(|other| other.within == Some(birth.number) && !other.domain.namespaces.is_empty())
    }

    /// A container was born, or somebody was left waiting to become one: whom it descends from, by
    /// who created whom and whose child each was, has made it.
    pub(super) fn note_makers(&mut self, payload: &Task, parent: Option<Tgid>, model: &Model) {
        if self.whole_host {
            return;
        }
        let mut next = vec![(payload.tgid, u64::MAX)];
        next.extend(parent.map(|parent| (parent, u64::MAX)));
        while let Some((tgid, before)) = next.pop() {
            let state = model.leader(tgid).filter(|_| tgid != self.root);
            // Who was started later is not whom the other descends from, but has its number.
            let Some(state) = state.filter(|state| state.task.start_ns <= before) else {
                continue;
            };
            if self.makers.0.insert(who(state)) {
                let creator = state.created.as_ref().map(|created| created.by);
                let both = creator.into_iter().chain(state.parent());
                next.extend(both.map(|tgid| (tgid, state.task.start_ns)));
            }
        }
        let innermost = self.container_of(payload.tgid);
        self.each_outer(innermost, |birth| birth.maker = true);
    }

    /// Somebody waits, set up, for a payload to be started: who made it has made a container.
    pub fn left_waiting(&mut self, task: &Task, model: &Model) {
        self.note_makers(task, None, model);
    }

    /// A container and those that it is within, from the inside out.
    fn each_outer(&mut self, first: Option<usize>, mut deed: impl FnMut(&mut Birth)) {
        let mut next = first;
        while let Some(at) = next.and_then(|number| self.at(number)) {
            let birth = &mut self.all[at];
            deed(birth);
            // A container is within an older one.
            next = birth.within.filter(|outer| *outer < birth.number);
        }
    }

    /// Thread groups that live in the cgroups of this domain, or above them; of cgroups that were
    /// there before the run none counts, as everybody is below the root.
    pub(super) fn beside(&self, domain: &Domain, model: &Model) -> Vec<Who> {
        if self.whole_host || !domain.namespaces.is_empty() {
            return Vec::new();
        }
        let Some((first, others)) = domain.cgroups.split_first() else {
            return Vec::new();
        };
        let above = model.cgroups.at_or_above(*first).into_iter();
        let beside: BTreeSet<Tid> = above.flat_map(|key| model.tasks.residents(key)).collect();
        let stands = |state: &&TaskState| {
            let places = || state.cgroups.keys().iter();
            let covered =
                |own: &CgroupKey| places().any(|key| model.cgroups.is_at_or_above(*key, *own));
            others.iter().all(covered)
        };
        let beside = beside.into_iter().filter_map(|tid| model.task(tid));
        beside.filter(stands).map(who).collect()
    }

    /// Somebody of a container has made namespaces, by clone for a child or by unshare.
    pub(super) fn made_namespaces(&mut self, maker: Tgid) {
        if self.whole_host {
            return;
        }
        let innermost = self.container_of(maker);
        self.each_outer(innermost, |birth| birth.made_namespaces = true);
    }

    /// Of a stage several processes may be left, of which one works on and another keeps its
    /// namespaces, or none but those that it has started: whichever executed first is taken for the
    /// payload, and whoever runs the same file fails for it.
    pub(super) fn has_failed(&mut self, tgid: Tgid, exit: &Exit) {
        let member = self.container_of(tgid);
        let member = member.filter(|_| exit.code != 0 && !self.whole_host);
        let Some(index) = member.and_then(|number| self.at(number)) else {
            return;
        };
        let birth = &mut self.all[index];
        let file = |tgid| self.groups.program(tgid).and_then(|program| program.file);
        let may_be = if birth.domain.namespaces.is_empty() {
            birth.made_namespaces
        } else {
            birth.same_program
        };
        birth.failed |= may_be && file(tgid) == file(birth.payload.tgid);
    }
}

fn who(state: &TaskState) -> Who {
    (state.task.tgid, state.task.start_ns)
}
