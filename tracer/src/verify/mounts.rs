//! What is looked at while a container lives and gone afterwards: its mount table, and whoever
//! waits, set up, for a payload. Owns when that is read.

use std::{
    collections::{HashMap, hash_map::Entry},
    fs, mem,
};

use super::readings::Reader;
use crate::{
    event::{Body, NamespaceSlot, NsId, Task},
    history::Note,
    host::mount_table::MountNamespace,
    model::Birth,
    session::Session,
    verdict::mountinfo,
};

/// What is held until it is read. A namespace that could not be held before its last task ended
/// has no table, which makes what rests on it inconclusive.
pub(super) struct Mounts {
    /// What else is read of each container.
    readings: Reader,
    /// Namespaces of tasks that may become payloads.
    held: HashMap<NsId, MountNamespace>,
    /// All that were left waiting, whether they could be looked at or not.
    pub(super) left: Vec<Task>,
}

impl Mounts {
    /// Nothing is held yet.
    pub(super) fn new(readings: Reader) -> Self {
        Self {
            readings,
            held: HashMap::new(),
            left: Vec::new(),
        }
    }

    /// Looks at who waits, and reads the tables of containers that are new. Looking makes records.
    pub(super) fn follow(&mut self, session: &mut Session) {
        self.hold(session);
        for task in mem::take(&mut session.waiting) {
            self.look_at(&task, session);
            self.left.push(task);
        }
        self.read_tables(session);
    }

    /// Holds the namespaces that are new.
    fn hold(&mut self, session: &mut Session) {
        for (task, namespace) in session.births.take_new_mounts() {
            self.readings.hold(task.0, session);
            if let Entry::Vacant(place) = self.held.entry(namespace)
                && let Some(held) = MountNamespace::hold(task.0, namespace)
            {
                place.insert(held);
            }
        }
    }

    /// Reads the tables of containers that are new, while somebody lives there or the namespace
    /// is held.
    pub(super) fn read_tables(&mut self, session: &mut Session) {
        self.hold(session);
        let births = session.births.all().iter();
        let known = &session.tables.containers;
        let new = births.filter(|birth| !known.contains_key(&birth.seq));
        for birth in new.cloned().collect::<Vec<_>>() {
            let held = self.held_for(&birth);
            let table = held.as_ref().and_then(|held| held.read().ok());
            session.note(Note::Mounts {
                birth: birth.seq,
                table,
            });
            let task = birth.payload.tgid.0;
            let found = self.readings.read(&birth.certificate, task, held.as_ref());
            if let Some(found) = found {
                session.note(Note::Readings {
                    birth: birth.seq,
                    found,
                });
            }
        }
    }

    /// Reads the facts of a task that waits. Who has gone on meanwhile shows by its record, which
    /// comes before, and is left to that.
    fn look_at(&mut self, task: &Task, session: &mut Session) {
        let before = session.steps.len();
        if session.snapshot(task.tgid).is_err() {
            return;
        }
        let steps = session.steps.iter().skip(before);
        let facts = steps.rev().find_map(|step| match &step.event.body {
            Body::Snapshot(facts) if step.event.task.tgid == task.tgid => {
                Some((step.event.seq, facts))
            }
            _ => None,
        });
        if let Some((seq, facts)) = facts {
            let own = facts
                .namespaces()
                .and_then(|set| set.get(NamespaceSlot::Mnt));
            let held = own.and_then(|own| self.held.get(&own));
            let mounts = held.and_then(|held| held.read().ok());
            let readings = self.readings.read_waiting(facts, task.tgid.0, held);
            session.note(Note::Waited {
                seq,
                mounts,
                readings,
            });
        }
    }

    fn held_for(&mut self, birth: &Birth) -> Option<MountNamespace> {
        let own = birth.certificate.namespaces()?.get(NamespaceSlot::Mnt)?;
        let held = self.held.remove(&own);
        held.or_else(|| MountNamespace::hold(birth.payload.tgid.0, own))
    }
}

/// Reads tracer's own table, once.
pub(super) fn read_own(session: &mut Session) {
    if session.tables.host.is_none() {
        let own = fs::read_to_string("/proc/self/mountinfo").ok();
        let table = own.and_then(|text| mountinfo::parse(&text));
        session.note(Note::HostMounts { table });
    }
}
