//! What an index leads to is what a look at everything gives. Owns these looks; the events come from
//! the properties.

use std::sync::Arc;

use proptest::prelude::*;

use crate::event::{
    Body, CgroupKey, Event, KernelPath, NamespaceKind, NamespaceSlot, NsId, Task, Tgid, Tid,
};

use super::cgroup::CgroupBirths;
use super::index::Index;
use super::stage::Who;
use super::{Birth, Births, CgroupBirth, Domain, Model, NamespaceOrigin, TaskState, waiting};

/// How much was found, so that it is known to be something.
#[derive(Debug, Default)]
pub(super) struct Found {
    waiting: usize,
    beside: usize,
    groups: usize,
}

impl Found {
    pub(super) fn add(&mut self, more: &Self) {
        self.waiting += more.waiting;
        self.beside += more.beside;
        self.groups += more.groups;
    }

    pub(super) fn is_much(&self) {
        for count in [self.waiting, self.beside, self.groups] {
            assert!(count > 5, "{self:?}");
        }
    }
}

/// After an event, by all that there is to ask.
pub(super) fn agree(event: &Event, model: &Model, births: &Births) -> Found {
    let mut found = Found::default();
    assert!(model.tasks.are_found());
    for state in model.tasks() {
        let tgid = state.task.tgid;
        let group = tids(model, |other| other.task.tgid == tgid);
        let mut by_index = model.tasks.group(tgid);
        by_index.sort_unstable();
        assert_eq!(by_index, group, "of thread group {tgid}");
        found.groups += usize::from(group.len() > 1);
    }
    if !births.whole_host {
        are_above(&model.cgroups);
    }
    let left = waiting::left_waiting(event, model, births);
    assert_eq!(left, left_waiting(event, model, births));
    found.waiting += left.len();
    let mut index = Index::default();
    births.all().iter().for_each(|birth| index.add(birth));
    let members = births.groups.members();
    members.for_each(|(_, number)| index.enters(number));
    assert_eq!(births.index, index);
    let living = births.all().iter().filter(|birth| births.lives(birth));
    assert_eq!(births.index.inhabited(), living.count());
    for birth in births.all() {
        let inside = |other: &Birth| {
            other.within == Some(birth.number) && !other.domain.namespaces.is_empty()
        };
        let any = births.all().iter().any(inside);
        assert_eq!(births.has_own_within(birth), any);
        if birth.domain.namespaces.is_empty() && !births.whole_host {
            let stands = births.beside(&birth.domain, model);
            assert_eq!(stands, beside(&birth.domain, model));
            found.beside += stands.len();
        }
    }
    found
}

/// How many there are above each, all together.
fn are_above(cgroups: &CgroupBirths) -> usize {
    let all: Vec<CgroupKey> = cgroups.keys().collect();
    let mut found = 0;
    for key in &all {
        let above = all.iter().copied();
        let above = above.filter(|upper| cgroups.is_at_or_above(*upper, *key));
        let above: Vec<CgroupKey> = above.collect();
        assert_eq!(cgroups.at_or_above(*key), above);
        found += above.len() - 1;
    }
    found
}

/// Of few numbers and few paths, so that many are used again and many are below one another.
fn cgroup() -> impl Strategy<Value = (CgroupKey, CgroupBirth)> {
    let path = prop::collection::vec(prop::sample::select(vec!["/a", "/b", "/", "a"]), 0..4);
    let key = (0..2_u32, 0..12_u64);
    (key, path, any::<bool>(), any::<bool>()).prop_map(|((hierarchy, id), path, cut, gone)| {
        let birth = CgroupBirth {
            path: Arc::new(KernelPath {
                text: path.concat().into(),
                cut: cut && id % 4 == 0,
            }),
            by: Tgid(1),
            seq: 1,
            removed: gone,
        };
        (CgroupKey { hierarchy, id }, birth)
    })
}

proptest! {
    #[test]
    fn the_cgroups_above_one_are_those_whose_paths_its_own_begins_with(
        made in prop::collection::vec(cgroup(), 24),
    ) {
        let mut cgroups = CgroupBirths::new(true);
        for (key, birth) in made {
            cgroups.insert(key, birth);
            are_above(&cgroups);
        }
        cgroups.forget(&cgroups.removed_ones());
        are_above(&cgroups);
    }
}

#[test]
fn a_cgroup_is_found_above_another() {
    let mut cgroups = CgroupBirths::new(true);
    for (id, text) in [(1, "/a"), (2, "/a/b"), (3, "/ab"), (4, "/a")] {
        let birth = CgroupBirth {
            path: Arc::new(KernelPath {
                text: text.into(),
                cut: false,
            }),
            by: Tgid(1),
            seq: id,
            removed: false,
        };
        cgroups.insert(CgroupKey { hierarchy: 0, id }, birth);
    }
    assert_eq!(are_above(&cgroups), 2);
}

fn tids(model: &Model, of: impl Fn(&TaskState) -> bool) -> Vec<Tid> {
    let states = model.tasks().filter(|state| of(state));
    states.map(|state| state.task.tid).collect()
}

fn beside(domain: &Domain, model: &Model) -> Vec<Who> {
    let stands = |state: &&TaskState| {
        let covered = |own: &CgroupKey| {
            let mut places = state.cgroups.keys().iter();
            places.any(|key| model.cgroups.is_at_or_above(*key, *own))
        };
        state.ended.is_none()
            && state.task.tid.0 == state.task.tgid.0
            && domain.cgroups.iter().all(covered)
    };
    let who = |state: &TaskState| -> (Tgid, u64) { (state.task.tgid, state.task.start_ns) };
    model.tasks().filter(stands).map(who).collect()
}

fn left_waiting(event: &Event, model: &Model, births: &Births) -> Vec<Task> {
    let Body::Exit(exit) = &event.body else {
        return Vec::new();
    };
    if !exit.group_dead {
        return Vec::new();
    }
    let waits = |state: &&TaskState| {
        state.parent() == Some(event.task.tgid)
            && state.lineage
            && state.ended.is_none()
            && state.task.tid.0 == state.task.tgid.0
            && has_own(state, model, births)
    };
    let tasks = model.tasks().filter(waits);
    tasks.map(|state| state.task.clone()).collect()
}

fn has_own(state: &TaskState, model: &Model, births: &Births) -> bool {
    let kinds = NamespaceKind::ALL.into_iter();
    let made: Vec<(NamespaceKind, NsId)> = kinds
        .filter_map(|kind| Some((kind, state.namespaces.get(NamespaceSlot::own(kind))?)))
        .filter(|(kind, id)| {
            let origin = model.namespace(*kind, *id);
            origin.map_or(0, NamespaceOrigin::seq) != 0
        })
        .collect();
    let has_all = |birth: &Birth| {
        let own = &birth.domain.namespaces;
        made.iter().all(|namespace| own.contains(namespace))
    };
    !made.is_empty() && !births.all().iter().any(has_all)
}
