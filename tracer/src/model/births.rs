//! Who is a container, from kernel facts alone: a task that executes a program in namespaces, or
//! in cgroups, that were made in this run. Owns the containers' identity, their members and what
//! changes in them later; must not know any runtime by name, nor judge.

use std::collections::HashMap;

use serde::Serialize;

use crate::event::{
    Body, Certificate, Event, Exec, Exit, Fork, NamespaceCall, NamespaceSlot, Namespaces, NsId,
    Task, Tgid, Tid,
};

use super::{
    Change, Domain, Model, domain, drift,
    program::{Program, program},
    task::Ended,
};

/// One container: a payload and what it was born into.
#[derive(Clone, Debug)]
pub struct Birth {
    /// From 1, in the order of births.
    pub number: usize,
    /// The payload's exec.
    pub seq: u64,
    /// When that was, in nanoseconds of boot time.
    pub time_ns: u64,
    /// The payload.
    pub payload: Task,
    /// What the kernel knew of the payload as it was executed.
    pub certificate: Certificate,
    /// What sets it apart.
    pub domain: Domain,
    /// Number of the container that its payload descends from.
    pub within: Option<usize>,
    /// The program that made it: the last one that the payload's creators executed outside.
    pub runtime: Option<String>,
    /// Its name as its cgroup's path tells it.
    pub id: Option<String>,
    /// Records of programs that ran in it before its root was its own, such as a runtime's hooks.
    pub stages: Vec<u64>,
    /// What changed in it later.
    pub drift: Vec<Drift>,
    /// The payload's end.
    pub ended: Option<Ended>,
    /// The payload's file is its creator's: a program that executed itself anew.
    same_program: bool,
    /// Its root directory is tracer's own.
    host_root: bool,
}

/// Something that changed in a container after its payload was executed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// The record.
    pub seq: u64,
    /// What changed.
    pub what: String,
    /// Who did it, as `name[pid]`, or that no record tells.
    pub by: String,
}

/// All containers of a run, built from its events in order.
#[derive(Clone, Debug)]
pub struct Births {
    root: Tgid,
    host: Certificate,
    all: Vec<Birth>,
    /// Index of the container that a thread group which lives belongs to.
    members: HashMap<Tgid, usize>,
    programs: HashMap<Tgid, Program>,
    new_mounts: Vec<(Tid, NsId)>,
}

impl Births {
    /// None yet. `root` is tracer and `host` its certificate.
    pub fn new(root: Tgid, host: &Certificate) -> Self {
        Self {
            root,
            new_mounts: Vec::new(),
            host: host.clone(),
            all: Vec::new(),
            members: HashMap::new(),
            programs: HashMap::new(),
        }
    }

    /// All, in their order.
    pub fn all(&self) -> &[Birth] {
        &self.all
    }

    /// Whether it is no container of a payload, but a runtime's own stage: it has no namespace of
    /// its own, as the monitors of engines and the programs of cgroup experiments; or it is a program
    /// that executed itself anew, with tracer's own root directory, as rootless runtimes do to get a
    /// user namespace, and another container was born in it, or it failed before any was.
    pub fn is_stage(&self, birth: &Birth) -> bool {
        let inside = |other: &Birth| {
            other.within == Some(birth.number) && !other.domain.namespaces.is_empty()
        };
        birth.domain.namespaces.is_empty()
            || Self::may_be_stage(birth)
                && (birth.ended.is_some_and(Ended::has_failed) || self.all.iter().any(inside))
    }

    /// Whether it may turn out to be a stage, which only what comes after it shows: a program that
    /// executed itself anew, with tracer's own root directory.
    #[must_use]
    pub fn may_be_stage(birth: &Birth) -> bool {
        birth.same_program && birth.host_root
    }

    /// Everybody of a container who lives.
    pub fn members(&self, birth: &Birth) -> impl Iterator<Item = Tgid> {
        let index = birth.number.checked_sub(1);
        let members = self.members.iter();
        members.filter_map(move |(tgid, member)| (Some(*member) == index).then_some(*tgid))
    }

    /// Mount namespaces that tasks have come into since the last call, or were created in before
    /// a container was born there, and who.
    pub fn take_new_mounts(&mut self) -> Vec<(Tid, NsId)> {
        std::mem::take(&mut self.new_mounts)
    }

    /// Takes in the next event, which the model has taken in and which changed `changes`.
    pub fn apply(&mut self, event: &Event, changes: &[Change], model: &Model) {
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
            Body::Fork(fork) => self.fork(event, fork, changes),
            Body::Exec(exec) => self.exec(event, exec, model),
            Body::Namespace(call) => self.namespace_call(event, call, changes),
            Body::CgroupAttach(attach) => {
                if let Some(index) = self.container_of(attach.target.tgid) {
                    self.drifted(index, event, drift::moves(changes));
                }
            }
            Body::Exit(exit) if exit.group_dead => {
                let tgid = event.task.tgid;
                self.raised(event, exit);
                let ended = Ended {
                    seq: event.seq,
                    code: exit.code,
                };
                for birth in &mut self.all {
                    if birth.payload.tgid == tgid && birth.ended.is_none() {
                        birth.ended = Some(ended);
                    }
                }
                self.members.remove(&tgid);
            }
            _ => {}
        }
    }

    /// Whether a container is in all namespaces that these facts do not share with tracer.
    pub fn have(&self, certificate: &Certificate, model: &Model) -> bool {
        let namespaces = Domain::of(certificate, &self.host, model).namespaces;
        let has_all = |birth: &Birth| namespaces.iter().all(|(_, id)| birth.domain.has(*id));
        self.all.iter().any(has_all)
    }

    /// The container that a thread group belongs to.
    fn container_of(&self, tgid: Tgid) -> Option<usize> {
        self.members.get(&tgid).copied()
    }

    /// Whether anybody of a container lives: its payload, or what that has started.
    pub fn lives(&self, birth: &Birth) -> bool {
        let index = birth.number.checked_sub(1);
        self.members.values().any(|member| Some(*member) == index)
    }

    fn drifted(&mut self, index: usize, event: &Event, what: Vec<String>) {
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
        let (Some(index), Some(limits)) = (member, &exit.limits) else {
            return;
        };
        let birth = &mut self.all[index];
        for what in drift::raised(&birth.certificate.limits(), limits) {
            if birth.drift.iter().all(|drift| drift.what != what) {
                birth.drift.push(Drift {
                    seq: event.seq,
                    what,
                    by: "somebody unseen".to_owned(),
                });
            }
        }
    }

    fn fork(&mut self, event: &Event, fork: &Fork, changes: &[Change]) {
        let (creator, child) = (event.task.tgid, fork.child.tgid);
        if creator == child {
            return;
        }
        // The number may have belonged to another before.
        match self.members.get(&creator).copied() {
            Some(index) => self.members.insert(child, index),
            None => self.members.remove(&child),
        };
        match self.programs.get(&creator).cloned() {
            Some(program) => self.programs.insert(child, program),
            None => self.programs.remove(&child),
        };
        if let Some(index) = self.container_of(creator) {
            self.drifted(index, event, drift::namespaces("clone", changes));
        }
        // Who made the namespace may be gone by now: its child is who becomes the payload.
        let mnt = |set: Option<Namespaces>| set?.get(NamespaceSlot::Mnt);
        let known = |birth: &Birth, own| birth.domain.has(own) && self.lives(birth);
        if let Some(own) = mnt(Some(fork.namespaces))
            && mnt(self.host.namespaces()) != Some(own)
            && !self.all.iter().any(|birth| known(birth, own))
            && !self.new_mounts.contains(&(fork.child.tid, own))
        {
            self.new_mounts.push((fork.child.tid, own));
        }
    }

    fn namespace_call(&mut self, event: &Event, call: &NamespaceCall, changes: &[Change]) {
        if let Some(index) = self.container_of(event.task.tgid) {
            let name = event.body.name();
            self.drifted(index, event, drift::namespaces(name, changes));
        } else if call.ret == 0 {
            self.entered(event, changes);
        }
    }

    /// Somebody from outside who has come into a container in which somebody lives.
    fn entered(&mut self, event: &Event, changes: &[Change]) {
        let joined = |birth: &Birth| {
            changes.iter().any(|change| {
                matches!(change, Change::Namespace { after, .. } if birth.domain.has(*after))
            })
        };
        let index = self
            .all
            .iter()
            .position(|birth| joined(birth) && self.lives(birth));
        if let Some(index) = index {
            let what = drift::namespaces("entered from outside by setns", changes);
            self.drifted(index, event, what);
            self.members.insert(event.task.tgid, index);
        }
    }

    fn exec(&mut self, event: &Event, exec: &Exec, model: &Model) {
        let (tgid, certificate) = (event.task.tgid, &exec.certificate);
        let before = self.programs.get(&tgid).cloned().unwrap_or_default();
        let program = program(certificate, &before);
        let same_program = program.file.is_some() && program.file == before.file;
        self.programs.insert(tgid, program);
        let domain = Domain::of(certificate, &self.host, model);
        let member = self.members.get(&tgid).copied();
        if let Some(index) = self.container_of(tgid)
            && self.all[index].domain.same(&domain)
        {
            let gains = drift::gains(&self.all[index].certificate, certificate);
            self.drifted(index, event, gains);
            return;
        }
        if !domain.is_container() {
            return;
        }
        let root = |facts: &Certificate| facts.root().map(|root| (root.dev, root.ino));
        let host_root = root(certificate) == root(&self.host);
        let known = self.all.iter().position(|birth| birth.domain.same(&domain));
        match known {
            // A further program of whoever set the container up.
            Some(index) if member == known || !self.all[index].host_root || host_root => {
                self.members.insert(tgid, index);
            }
            _ => {
                let birth = Birth {
                    number: known.unwrap_or(self.all.len()) + 1,
                    seq: event.seq,
                    time_ns: event.time_ns,
                    payload: event.task.clone(),
                    certificate: certificate.clone(),
                    within: member.map(|index| self.all[index].number),
                    runtime: (!before.name.is_empty()).then_some(before.name),
                    id: domain::id(&domain, model),
                    domain,
                    stages: Vec::new(),
                    drift: Vec::new(),
                    ended: None,
                    same_program,
                    host_root,
                };
                self.born(birth, known);
            }
        }
    }

    /// Notes a container, in the place of what ran in it before its root was its own.
    fn born(&mut self, mut birth: Birth, known: Option<usize>) {
        let index = known.unwrap_or(self.all.len());
        self.members.insert(birth.payload.tgid, index);
        match self.all.get_mut(index) {
            Some(stage) => {
                birth.stages.clone_from(&stage.stages);
                birth.stages.push(stage.seq);
                *stage = birth;
            }
            None => self.all.push(birth),
        }
    }
}

#[cfg(test)]
#[path = "births_tests.rs"]
mod tests;
