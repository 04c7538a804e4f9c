//! Who is a container, from kernel facts alone: a task that executes a program in namespaces, or
//! in cgroups, that were made in this run. Owns the containers' identity, their members and what
//! changes in them later; must not know any runtime by name, nor judge.

use std::collections::HashSet;
use std::sync::Arc;

use crate::event::{
    Body, Certificate, Event, Exec, Exit, Fork, NamespaceCall, NamespaceKind, NamespaceSlot,
    Namespaces, NsId, Tgid, Tid, body::NamespaceCallName,
};

use super::{
    Birth, Change, Domain, Drift, Happening, Model, domain, drift, groups::Groups, index::Index,
    program::program, residents::home, stage::Makers, task::Ended,
};

/// All containers of a run, built from its events in order.
#[derive(Clone, Debug)]
pub struct Births {
    pub(super) root: Tgid,
    pub(super) host: Certificate,
    /// In the order of their numbers.
    pub(super) all: Vec<Birth>,
    /// Who lives, in which of them, and what they execute.
    pub(super) groups: Groups,
    /// Of those in a container, those who came from outside and have executed nothing since.
    pub(super) newcomers: HashSet<Tgid>,
    pub(super) index: Index,
    pub(super) last: usize,
    pub(super) new_mounts: Vec<(Tid, NsId)>,
    /// The whole host is observed: who comes in shows by what it does there, at the latest.
    pub(super) whole_host: bool,
    pub(super) happenings: Vec<Happening>,
    pub(super) makers: Makers,
    /// What is left of a certificate that was released.
    pub(super) nothing: Certificate,
}

impl Births {
    /// None yet. `root` is tracer and `host` its certificate.
    pub fn new(root: Tgid, host: &Certificate) -> Self {
        Self {
            root,
            new_mounts: Vec::new(),
            host: host.clone(),
            all: Vec::new(),
            groups: Groups::default(),
            newcomers: HashSet::new(),
            index: Index::default(),
            last: 0,
            whole_host: false,
            happenings: Vec::new(),
            makers: Makers::default(),
            nothing: Certificate::nothing(),
        }
    }

    /// The same of the whole host: no process is tracer's, and not every setns is seen.
    pub fn of_whole_host(host: &Certificate) -> Self {
        Self {
            whole_host: true,
            ..Self::new(Tgid(0), host)
        }
    }

    /// All, in their order.
    pub fn all(&self) -> &[Birth] {
        &self.all
    }

    /// Everybody of a container who lives.
    pub fn members(&self, birth: &Birth) -> impl Iterator<Item = Tgid> {
        let number = birth.number;
        let members = self.groups.members();
        members.filter_map(move |(tgid, member)| (member == number).then_some(tgid))
    }

    /// The container of this number.
    pub fn get(&self, number: usize) -> Option<&Birth> {
        let at = self.at(number)?;
        self.all.get(at)
    }

    pub(super) fn at(&self, number: usize) -> Option<usize> {
        let found = self.all.binary_search_by_key(&number, |birth| birth.number);
        found.ok()
    }

    /// Mount namespaces that tasks have come into since the last call, or were created in before
    /// a container was born there, and who.
    pub fn take_new_mounts(&mut self) -> Vec<(Tid, NsId)> {
        std::mem::take(&mut self.new_mounts)
    }

    /// Takes in the next event, which the model has taken in and which changed `changes`. Tells what
    /// it has brought about.
    pub fn apply(&mut self, event: &Event, changes: &[Change], model: &Model) -> Vec<Happening> {
        // What tracer itself does is no container's doing.
        let by_tracer = event.task.tgid == self.root;
        for change in changes {
            if let Change::Namespace {
                tid,
                slot: NamespaceSlot::Mnt,
                after,
                ..
            } = change
                && !(by_tracer && matches!(event.body, Body::Namespace(_)))
            {
                self.new_mounts.push((*tid, *after));
            }
        }
        match &event.body {
            Body::Namespace(_) if by_tracer => {}
            Body::Fork(fork) => self.fork(event, fork, changes, model),
            Body::Exec(exec) => self.exec(event, exec, model),
            Body::Namespace(call) => self.namespace_call(event, call, changes),
            Body::CgroupAttach(attach) => {
                if let Some(number) = self.container_of(attach.target.tgid)
                    && !self.comes_home(number, attach)
                {
                    self.drifted(number, event, drift::moves(changes));
                }
            }
            Body::Exit(exit) if exit.group_dead => {
                let tgid = event.task.tgid;
                self.raised(event, exit);
                self.has_failed(tgid, exit);
                let ended = Ended {
                    seq: event.seq,
                    code: exit.code,
                };
                let numbers: Vec<usize> = self.index.with_payload(tgid).collect();
                for number in numbers {
                    if let Some(at) = self.at(number)
                        && self.all[at].payload.tgid == tgid
                        && self.all[at].ended.is_none()
                    {
                        self.all[at].ended = Some(ended);
                    }
                }
                self.gone(tgid);
            }
            _ => {}
        }
        std::mem::take(&mut self.happenings)
    }

    /// Whether a container is in all namespaces that these facts do not share with tracer.
    pub fn have(&self, certificate: &Certificate, model: &Model) -> bool {
        let namespaces = Domain::of(certificate, &self.host, model).namespaces;
        let Some((_, first)) = namespaces.first() else {
            return !self.all.is_empty();
        };
        let births = self.index.with_namespace(*first);
        let mut births = births.filter_map(|number| self.get(number));
        births.any(|birth| namespaces.iter().all(|(_, id)| birth.domain.has(*id)))
    }

    /// The container that a thread group belongs to.
    pub fn container_of(&self, tgid: Tgid) -> Option<usize> {
        self.groups.container(tgid)
    }

    /// Whether anybody of a container lives: its payload, or what that has started.
    pub fn lives(&self, birth: &Birth) -> bool {
        self.index.living(birth.number) != 0
    }

    fn drifted(&mut self, number: usize, event: &Event, what: Vec<String>) {
        let Some(index) = self.at(number).filter(|_| !what.is_empty()) else {
            return;
        };
        for _ in &what {
            self.happenings.push(Happening::Changed(number));
        }
        let by = format!("{}[{}]", event.task.comm, event.task.tgid);
        let seq = event.seq;
        let drift = what.into_iter().map(|what| Drift {
            seq,
            what,
            by: by.clone(),
        });
        self.all[index].drift.extend(drift);
    }

    /// Limits that were raised by writing to a file of its cgroup show at the end of a member at
    /// the latest. What an exec has shown already, or the end of another member, is told once.
    fn raised(&mut self, event: &Event, exit: &Exit) {
        let member = self.container_of(event.task.tgid);
        let number = member.and_then(|number| Some((number, self.at(number)?)));
        let (Some((number, index)), Some(limits)) = (number, &exit.limits) else {
            return;
        };
        let birth = &mut self.all[index];
        let raised = drift::raised(&birth.basis, limits);
        for what in birth.basis.tell(raised) {
            birth.drift.push(Drift {
                seq: event.seq,
                what,
                by: "somebody unseen".to_owned(),
            });
            self.happenings.push(Happening::Changed(number));
        }
    }

    fn fork(&mut self, event: &Event, fork: &Fork, changes: &[Change], model: &Model) {
        let (creator, child) = (event.task.tgid, fork.child.tgid);
        if creator == child {
            return;
        }
        // The number may have belonged to another before.
        match self.container_of(creator) {
            Some(number) => self.join(child, number),
            None => self.leave(child),
        }
        self.comes_with(child, creator);
        let program = self.groups.program(creator).cloned();
        self.groups.executes(child, program);
        let new = |kind: NamespaceKind| fork.flags & kind.clone_flag() != 0;
        if NamespaceKind::ALL.into_iter().any(new) {
            self.made_namespaces(creator);
        }
        if let Some(number) = self.container_of(creator) {
            self.drifted(number, event, drift::namespaces("clone", changes));
        } else if self.whole_host {
            let domain = Domain::of_sets(&fork.namespaces, &self.host, model);
            if let Some(number) = self.entered_by(&domain) {
                self.comes_in(child, number);
            }
        }
        // Who made the namespace may be gone by now: its child is who becomes the payload.
        let mnt = |set: Option<Namespaces>| set?.get(NamespaceSlot::Mnt);
        let known = |own: NsId| {
            let numbers = self.index.with_namespace(own);
            let mut births = numbers.filter_map(|number| self.get(number));
            births.any(|birth| birth.domain.has(own) && self.lives(birth))
        };
        if let Some(own) = mnt(Some(fork.namespaces))
            && mnt(self.host.namespaces()) != Some(own)
            && !self.whole_host
            && !known(own)
            && !self.new_mounts.contains(&(fork.child.tid, own))
        {
            self.new_mounts.push((fork.child.tid, own));
        }
    }

    fn namespace_call(&mut self, event: &Event, call: &NamespaceCall, changes: &[Change]) {
        if call.call == NamespaceCallName::Unshare && !changes.is_empty() {
            self.made_namespaces(event.task.tgid);
        }
        if let Some(number) = self.container_of(event.task.tgid) {
            let name = event.body.name();
            self.drifted(number, event, drift::namespaces(name, changes));
        } else if call.ret == 0 {
            self.entered(event, changes);
        }
    }

    /// Somebody from outside who has come into a container in which somebody lives.
    fn entered(&mut self, event: &Event, changes: &[Change]) {
        let joined = changes.iter().filter_map(|change| match change {
            Change::Namespace { after, .. } => Some(*after),
            _ => None,
        });
        let number = joined
            .filter_map(|id| {
                let numbers = self.index.with_namespace(id);
                let mut births = numbers.filter_map(|number| self.get(number));
                births.find(|birth| birth.domain.has(id) && self.lives(birth))
            })
            .map(|birth| birth.number)
            .min();
        if let Some(number) = number {
            let what = drift::namespaces("entered from outside by setns", changes);
            self.drifted(number, event, what);
            self.comes_in(event.task.tgid, number);
        }
    }

    fn exec(&mut self, event: &Event, exec: &Exec, model: &Model) {
        let (tgid, certificate) = (event.task.tgid, &exec.certificate);
        let before = self.groups.program(tgid).cloned().unwrap_or_default();
        let program = program(certificate, &before);
        let same_program = program.file.is_some() && program.file == before.file;
        self.groups.executes(tgid, Some(Arc::new(program)));
        self.has_come(tgid);
        let domain = Domain::of(certificate, &self.host, model);
        let member = self.container_of(tgid);
        if let Some(birth) = member.and_then(|number| self.get(number))
            && birth.domain.same(&domain)
        {
            let number = birth.number;
            let mut gains: Vec<String> = drift::gained(&birth.basis, certificate)
                .into_iter()
                .collect();
            let raised = drift::raised(&birth.basis, &certificate.limits());
            gains.extend_from_slice(&raised);
            self.drifted(number, event, gains);
            if let Some(at) = self.at(number) {
                self.all[at].basis.tell(raised);
            }
            return;
        }
        if self.whole_host
            && let Some(number) = self.entered_by(&domain)
            && !self.is_set_up(number, certificate)
        {
            if member != Some(number) {
                self.comes_in(tgid, number);
                self.has_come(tgid);
            }
            return;
        }
        // Where somebody was looked at between unshare and exec, no record shows what the namespaces come from.
        let elsewhere = self.whole_host && !domain.namespaces.is_empty();
        if !elsewhere && !domain.is_container() {
            if self.whole_host {
                // It has gone back to the host's.
                self.leave(tgid);
            }
            return;
        }
        let known = self.known(&domain);
        let known = known.map(|birth| (birth.number, birth.host_root));
        let host_root = self.has_host_root(certificate);
        match known {
            // A further program of whoever set the container up.
            Some((number, stage_root)) if member == Some(number) || !stage_root || host_root => {
                self.join(tgid, number);
            }
            _ => {
                let known = known.map(|(number, _)| number);
                let beside = self.beside(&domain, model);
                let birth = Birth {
                    number: known.unwrap_or(self.last + 1),
                    seq: event.seq,
                    time_ns: event.time_ns,
                    payload: event.task.clone(),
                    certificate: certificate.clone(),
                    within: member,
                    since: self.since(member),
                    runtime: (!before.name.is_empty()).then(|| before.name.clone()),
                    id: domain::id(&domain, model),
                    cgroup_paths: domain::cgroup_paths(&domain, model),
                    domain,
                    stages: Vec::new(),
                    drift: Vec::new(),
                    ended: None,
                    same_program,
                    host_root,
                    failed: false,
                    maker: false,
                    made_namespaces: false,
                    beside,
                    basis: certificate.into(),
                    home: home(tgid, model),
                };
                let own = !birth.domain.namespaces.is_empty();
                self.born(birth, known);
                if own {
                    self.note_makers(&event.task, Some(certificate.parent()), model);
                }
            }
        }
    }

    /// The container that this sets apart. On the whole host one in which nobody lives any more is none, whether it is
    /// forgotten already or not: it is told to have ended, and who executes there has come by itself, or the numbers are of
    /// other namespaces, as kernels before 6.18 use them again and not every call that makes some is seen.
    pub(super) fn known(&self, domain: &Domain) -> Option<&Birth> {
        let numbers = self.index.like(domain);
        let mut births = numbers.filter_map(|number| self.get(number));
        births.find(|birth| birth.domain.same(domain) && (!self.whole_host || self.lives(birth)))
    }

    /// [`Birth::since`] of a container within this one.
    pub(super) fn since(&self, within: Option<usize>) -> Option<u64> {
        let outer = self.get(within?)?;
        let itself = !outer.domain.namespaces.is_empty();
        itself.then_some(outer.seq).or(outer.since)
    }

    /// Whether a program is the payload that a container in which only stages have run was set up
    /// for: it has a root directory of its own now.
    fn is_set_up(&self, number: usize, certificate: &Certificate) -> bool {
        self.get(number).is_some_and(|birth| birth.host_root) && !self.has_host_root(certificate)
    }

    pub(super) fn has_host_root(&self, certificate: &Certificate) -> bool {
        let root = |facts: &Certificate| facts.root().map(|root| (root.dev, root.ino));
        root(certificate) == root(&self.host)
    }

    /// Notes a container, in the place of what ran in it before its root was its own.
    pub(super) fn born(&mut self, mut birth: Birth, known: Option<usize>) {
        let (number, payload) = (birth.number, birth.payload.tgid);
        if let Some(at) = known.and_then(|number| self.at(number)) {
            let stage = &mut self.all[at];
            self.index.remove(stage);
            birth.stages.clone_from(&stage.stages);
            birth.stages.push(stage.seq);
            self.index.add(&birth);
            *stage = birth;
        } else {
            self.last = number;
            self.index.add(&birth);
            if self.all.len() == self.all.capacity() {
                // Thousands may live: room for twice as many would be as much memory again.
                self.all.reserve_exact(self.all.len() / 8 + 16);
            }
            self.all.push(birth);
        }
        self.join(payload, number);
        self.happenings.push(Happening::Born(number));
    }
}

#[cfg(test)]
#[path = "births_tests.rs"]
mod tests;
