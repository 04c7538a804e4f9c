//! Who is there at one instant: the tasks of the host, sorted by what sets them apart. Owns the
//! grouping into containers and the holders of each namespace; must not know how a container is
//! made, nor judge. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{
    Body, Certificate, CgroupKey, Cgroups, Event, NamespaceKind, NamespaceSlot, Namespaces, NsId,
    Task, Tgid,
};

/// One task of the host, a process or a thread of one.
#[derive(Clone, Debug)]
pub struct Member {
    /// Who.
    pub task: Task,
    /// Its parent.
    pub parent: Tgid,
    /// It runs in the kernel only.
    pub kernel_thread: bool,
    /// Its namespaces.
    pub namespaces: Namespaces,
    /// Its cgroups.
    pub cgroups: Cgroups,
}

impl Member {
    /// Whether it is the first thread of its process.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.task.tid.0 == self.task.tgid.0
    }
}

/// Tasks that the same namespaces set apart from the host.
#[derive(Clone, Debug)]
pub struct Container {
    /// Its own namespaces that are not the host's, in the order of their kinds.
    pub namespaces: Vec<(NamespaceKind, NsId)>,
    /// Its first process: of those that nobody else of it has started, the oldest. Where no
    /// process is in it as a whole, a thread.
    pub first: Member,
    /// Its processes; those with nothing but a thread in it included.
    pub processes: usize,
    /// Its tasks, every thread being one.
    pub tasks: usize,
}

/// A namespace, and by what it is held.
#[derive(Clone, Debug)]
pub struct Namespace {
    /// Its kind.
    pub kind: NamespaceKind,
    /// Its number.
    pub id: NsId,
    /// It is the host's, which is to say tracer's own.
    pub is_host: bool,
    /// Processes whose first thread is in it.
    pub processes: BTreeSet<Tgid>,
    /// Processes of which another thread alone is in it.
    pub threads: BTreeSet<Tgid>,
    /// Processes that are not in it and whose children will be.
    pub for_children: BTreeSet<Tgid>,
    /// The oldest of its tasks, and its name.
    pub first: Option<Task>,
}

/// All tasks of the host.
#[derive(Clone, Debug)]
pub struct Census {
    host: Namespaces,
    members: Vec<Member>,
}

impl Census {
    /// Of the inventory's events; others are passed over. `host` is tracer's own certificate.
    #[must_use]
    pub fn new<'a>(host: &Certificate, events: impl IntoIterator<Item = &'a Event>) -> Self {
        let member = |event: &Event| match &event.body {
            Body::TaskSeen(seen) => Some(Member {
                task: event.task.clone(),
                parent: seen.parent,
                kernel_thread: seen.kernel_thread,
                namespaces: seen.namespaces,
                cgroups: seen.cgroups.clone(),
            }),
            _ => None,
        };
        Self {
            host: host.namespaces().unwrap_or_default(),
            members: events.into_iter().filter_map(member).collect(),
        }
    }

    /// Every task, in the kernel's order.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The tasks in namespaces of their own, by these; the oldest first. Threads of the kernel are
    /// none: some of them are in a mount namespace of their own. Nor is who has ended and only
    /// waits to be reaped: all but its PID namespace is gone (`exit_task_namespaces()` in
    /// kernel/nsproxy.c).
    #[must_use]
    pub fn containers(&self) -> Vec<Container> {
        let mut groups: BTreeMap<Vec<(NamespaceKind, NsId)>, Vec<&Member>> = BTreeMap::new();
        let lives = |one: &&Member| one.namespaces.get(NamespaceSlot::Mnt).is_some();
        let user = self.members.iter().filter(|one| !one.kernel_thread);
        for member in user.filter(lives) {
            let own = self.own(member);
            if !own.is_empty() {
                groups.entry(own).or_default().push(member);
            }
        }
        let mut containers: Vec<Container> = groups
            .into_iter()
            .filter_map(|(namespaces, members)| {
                let processes: BTreeSet<Tgid> = members.iter().map(|one| one.task.tgid).collect();
                let started_outside = |one: &&&Member| !processes.contains(&one.parent);
                let age = |one: &&&Member| (!one.is_leader(), one.task.start_ns, one.task.tid);
                let oldest = members.iter().filter(started_outside).min_by_key(age);
                Some(Container {
                    namespaces,
                    first: (*oldest.or_else(|| members.iter().min_by_key(age))?).clone(),
                    processes: processes.len(),
                    tasks: members.len(),
                })
            })
            .collect();
        containers.sort_by_key(|one| (one.first.task.start_ns, one.first.task.tid));
        containers
    }

    /// What sets a task apart from the host.
    fn own(&self, member: &Member) -> Vec<(NamespaceKind, NsId)> {
        let differing = NamespaceKind::ALL.into_iter().filter_map(|kind| {
            let slot = NamespaceSlot::own(kind);
            let (id, of_host) = (member.namespaces.get(slot)?, self.host.get(slot)?);
            (id != of_host).then_some((kind, id))
        });
        differing.collect()
    }

    /// Every namespace that a task holds, by kind and number.
    #[must_use]
    pub fn namespaces(&self) -> Vec<Namespace> {
        let mut found: BTreeMap<(NamespaceKind, NsId), Namespace> = BTreeMap::new();
        for member in &self.members {
            for slot in NamespaceSlot::ALL {
                let Some(id) = member.namespaces.get(slot) else {
                    continue;
                };
                let kind = slot.kind();
                let namespace = found
                    .entry((kind, id))
                    .or_insert_with(|| self.unheld(kind, id));
                namespace.held_by(member, slot);
            }
        }
        let mut namespaces: Vec<Namespace> = found.into_values().collect();
        for namespace in &mut namespaces {
            let Namespace {
                processes,
                threads,
                for_children,
                ..
            } = namespace;
            threads.retain(|tgid| !processes.contains(tgid));
            for_children.retain(|tgid| !processes.contains(tgid) && !threads.contains(tgid));
        }
        namespaces
    }

    /// One that no task is known to hold.
    #[must_use]
    pub fn unheld(&self, kind: NamespaceKind, id: NsId) -> Namespace {
        Namespace {
            kind,
            id,
            is_host: self.host.get(NamespaceSlot::own(kind)) == Some(id),
            processes: BTreeSet::new(),
            threads: BTreeSet::new(),
            for_children: BTreeSet::new(),
            first: None,
        }
    }

    /// How many processes and tasks each cgroup has, without those of the cgroups below it.
    #[must_use]
    pub fn cgroups(&self) -> BTreeMap<CgroupKey, Population> {
        let mut found: BTreeMap<CgroupKey, Population> = BTreeMap::new();
        for member in &self.members {
            for cgroup in &member.cgroups.members {
                let population = found.entry(cgroup.key).or_default();
                population.tasks += 1;
                population.processes += usize::from(member.is_leader());
            }
        }
        found
    }
}

/// Who is in a cgroup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Population {
    /// Processes, by their first thread.
    pub processes: usize,
    /// Tasks, every thread being one.
    pub tasks: usize,
}

impl Namespace {
    fn held_by(&mut self, member: &Member, slot: NamespaceSlot) {
        let tgid = member.task.tgid;
        let holders = if slot != NamespaceSlot::own(self.kind) {
            &mut self.for_children
        } else if member.is_leader() {
            &mut self.processes
        } else {
            &mut self.threads
        };
        holders.insert(tgid);
        let age = |task: &Task| (task.start_ns, task.tid);
        if self
            .first
            .as_ref()
            .is_none_or(|first| age(&member.task) < age(first))
        {
            self.first = Some(member.task.clone());
        }
    }
}

#[cfg(test)]
#[path = "census_tests.rs"]
mod tests;
