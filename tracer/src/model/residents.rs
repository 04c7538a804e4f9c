//! Who lives in which container: joining, leaving, coming in from outside, being there before; and
//! forgetting containers in which nobody does. Owns these changes of [`Births`].

use std::collections::HashSet;
use std::sync::Arc;

use crate::event::{Certificate, CgroupAttach, Event, NamespaceKind, NsId, Tgid};

use super::{Birth, Births, Domain, Happening, Model, TaskState, domain, membership::List};

/// The cgroups of a thread group.
pub(super) fn home(tgid: Tgid, model: &Model) -> List {
    let leader = model.leader(tgid);
    leader.map_or_else(Arc::default, |state| Arc::clone(state.cgroups.list()))
}

/// Ended containers that are kept anyway.
const FLOOR: usize = 64;

impl Births {
    /// A thread group lives no more, whatever its end was.
    pub(super) fn gone(&mut self, tgid: Tgid) {
        self.leave(tgid);
        if self.whole_host {
            // Those of a run are few, and asked for at its end.
            self.groups.executes(tgid, None);
        }
    }

    /// Makes a thread group one of a container.
    pub(super) fn join(&mut self, tgid: Tgid, number: usize) {
        if self.container_of(tgid) != Some(number) {
            // First, so that a payload that takes the place of its own stage does not end it.
            self.index.enters(number);
            self.leave(tgid);
            self.groups.join(tgid, number);
        }
    }

    /// Somebody comes into a container from outside.
    pub(super) fn comes_in(&mut self, tgid: Tgid, number: usize) {
        self.join(tgid, number);
        self.newcomers.insert(tgid);
        self.happenings.push(Happening::Entered(number, tgid));
    }

    /// Whoever a newcomer creates before it executes a program is one, too: an engine's `exec` takes several
    /// processes to come in.
    pub(super) fn comes_with(&mut self, child: Tgid, creator: Tgid) {
        if self.newcomers.contains(&creator) {
            self.newcomers.insert(child);
        } else {
            // Whoever had its number before may have been one whose end was not told.
            self.newcomers.remove(&child);
        }
    }

    /// It executes a program: what happens to it from now on happens to somebody of the container.
    pub(super) fn has_come(&mut self, tgid: Tgid) {
        self.newcomers.remove(&tgid);
    }

    /// Whether a newcomer is moved to where the container's payload was born. This is part of its coming in, and changes
    /// nothing in the container.
    pub(super) fn comes_home(&self, number: usize, attach: &CgroupAttach) -> bool {
        let is_home = |birth: &Birth| birth.home.contains(&attach.cgroup.key);
        self.newcomers.contains(&attach.target.tgid) && self.get(number).is_some_and(is_home)
    }

    pub(super) fn leave(&mut self, tgid: Tgid) {
        self.newcomers.remove(&tgid);
        if let Some(number) = self.groups.leave(tgid)
            && self.index.leaves(number)
        {
            self.happenings.push(Happening::Ended(number));
        }
    }

    /// Takes thread groups for gone of which `lives` says that they are: their ends may have been
    /// lost.
    pub fn reconcile(&mut self, lives: impl Fn(Tgid) -> bool) -> Vec<Happening> {
        let members = self.groups.members().map(|(tgid, _)| tgid);
        let gone: Vec<Tgid> = members.filter(|tgid| !lives(*tgid)).collect();
        for tgid in gone {
            self.gone(tgid);
        }
        std::mem::take(&mut self.happenings)
    }

    /// Forgets what the kernel knew of a payload, what made it, and what has changed since, once it has been told:
    /// thousands of containers may live.
    pub fn release(&mut self, number: usize) {
        if let Some(at) = self.at(number) {
            let birth = &mut self.all[at];
            birth.certificate = self.nothing.clone();
            birth.runtime = None;
            birth.cgroup_paths = Vec::new();
            birth.drift = Vec::new();
            if !birth.domain.namespaces.is_empty() {
                // By them it is known.
                birth.domain.cgroups = Vec::new();
            }
        }
    }

    /// Forgets containers in which nobody lives, once they are an eighth of those in which somebody
    /// does: what it takes is in proportion to what has ended.
    pub fn sweep(&mut self) {
        let living = self.index.inhabited();
        if self.all.len() >= living + living / 8 + FLOOR {
            self.forget_ended();
        }
    }

    /// Forgets containers in which nobody lives.
    pub(super) fn forget_ended(&mut self) {
        let index = &mut self.index;
        self.all.retain(|birth| {
            let lives = index.living(birth.number) != 0;
            if !lives {
                index.remove(birth);
            }
            lives
        });
        self.all.shrink_to(self.all.len() / 8 * 9 + 16);
    }

    /// Whether a container is in all of these.
    pub(super) fn have_all(&self, namespaces: &[(NamespaceKind, NsId)]) -> bool {
        let Some((_, first)) = namespaces.first() else {
            return false;
        };
        let births = self.index.with_namespace(*first);
        let mut births = births.filter_map(|number| self.get(number));
        births.any(|birth| {
            let own = &birth.domain.namespaces;
            namespaces.iter().all(|namespace| own.contains(namespace))
        })
    }

    /// Numbers of namespaces that containers have.
    pub(super) fn namespaces(&self) -> HashSet<NsId> {
        let all = self.all.iter().flat_map(|birth| &birth.domain.namespaces);
        all.map(|(_, id)| *id).collect()
    }

    /// Takes a container that was there before into account: `task` is its first process, of which
    /// these are the facts, and `members` are in the same namespaces.
    pub fn find(
        &mut self,
        event: &Event,
        certificate: &Certificate,
        members: &[Tgid],
        model: &Model,
    ) -> Option<usize> {
        let domain = Domain::of(certificate, &self.host, model);
        if domain.namespaces.is_empty() || self.known(&domain).is_some() {
            return None;
        }
        let parent = model
            .leader(event.task.tgid)
            .and_then(TaskState::parent)
            .and_then(|parent| self.container_of(parent));
        let birth = Birth {
            number: self.last + 1,
            seq: event.seq,
            time_ns: event.time_ns,
            payload: event.task.clone(),
            certificate: certificate.clone(),
            within: parent,
            since: self.since(parent),
            runtime: None,
            id: domain::id(&domain, model),
            cgroup_paths: domain::cgroup_paths(&domain, model),
            domain,
            stages: Vec::new(),
            drift: Vec::new(),
            ended: None,
            same_program: false,
            host_root: false,
            failed: false,
            maker: false,
            made_namespaces: false,
            beside: Vec::new(),
            basis: certificate.into(),
            home: home(event.task.tgid, model),
        };
        let number = birth.number;
        self.born(birth, None);
        for member in members {
            self.join(*member, number);
        }
        self.happenings.clear();
        Some(number)
    }

    /// The container in which somebody lives that has every namespace that sets these apart: who is
    /// found there has come from outside.
    pub(super) fn entered_by(&self, domain: &Domain) -> Option<usize> {
        let numbers = self.index.like(domain);
        let births = numbers.filter_map(|number| self.get(number));
        births
            .filter(|birth| domain.is_part_of(&birth.domain) && self.lives(birth))
            .map(|birth| birth.number)
            .min()
    }
}
