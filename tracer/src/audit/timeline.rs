//! How a container came to be: what those did who made it, as the kernel recorded it. Owns which steps
//! lead to a birth, and how many of them are kept.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use crate::event::{Body, Event, Fork, Task, Tgid, Tid};
use crate::model::{Birth, Change, Model};

use super::makers::Makers;
use super::step::{Deed, Noted, PLACING, Place, Step, making, noted};

/// Steps of one birth at most; a container with a cgroup in each of v1's hierarchies takes some forty.
pub const MOST: usize = 64;
/// Fewer processes than these are kept anyway.
const FLOOR: usize = 4096;

/// What led to a birth.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Timeline {
    /// In the order in which they happened; the last one is the payload's exec.
    pub steps: Vec<Step>,
    /// So many before these are left out, for want of room.
    pub left_out: u64,
}

/// One step in the past of a process.
#[derive(Clone, Debug)]
struct Entry {
    step: Arc<Noted>,
    /// The thread whose own it is: its namespaces are not those of the others.
    thread: Option<Tid>,
}

/// What a process has done and was done to, and those it descends from up to its creation.
#[derive(Clone, Debug, Default)]
struct Past {
    start_ns: u64,
    entries: Vec<Entry>,
    left_out: u64,
}

impl Past {
    /// Of a process that has done nothing and was done nothing to.
    fn none(start_ns: u64) -> Self {
        Self {
            start_ns,
            ..Self::default()
        }
    }

    /// That of a process of which nothing more is noted than the model knows of its creation.
    fn implied(task: &Task, model: &Model) -> Option<Self> {
        let state = model.leader(task.tgid)?;
        let created = state.created.as_ref()?;
        // A thread may have taken the place of a leader that is not known.
        if state.task.start_ns != task.start_ns || state.told || created.thread {
            return None;
        }
        // Who goes by another name by now had this one.
        let name = state.creators_name()?;
        let named = |tgid: Tgid, start_ns| Task {
            tgid,
            tid: Tid(tgid.0),
            start_ns,
            comm: name.clone(),
        };
        let target = named(task.tgid, task.start_ns);
        let mut past = Self::none(task.start_ns);
        let step = Noted {
            seq: created.seq,
            time_ns: created.time_ns,
            by: named(created.by, created.start_ns),
            namespaces: Box::default(),
            deed: Deed::Creation { target, flags: 0 },
        };
        past.push(step, None);
        Some(past)
    }

    fn push(&mut self, step: Noted, thread: Option<Tid>) {
        if self.entries.len() == MOST {
            self.entries.remove(0);
            self.left_out += 1;
        }
        if self.entries.len() == self.entries.capacity() {
            // Most have one step or two.
            self.entries.reserve_exact(self.entries.len().max(1));
        }
        let step = Arc::new(step);
        self.entries.push(Entry { step, thread });
    }

    /// What a thread hands on to whom it creates, or keeps as it executes a program.
    fn of_thread(&self, tid: Tid, start_ns: u64) -> Self {
        let own = |entry: &&Entry| entry.thread.is_none_or(|thread| thread == tid);
        let own = self.entries.iter().filter(own);
        let mut entries = Vec::with_capacity(self.entries.len() + 1);
        entries.extend(own.map(|entry| Entry {
            step: Arc::clone(&entry.step),
            thread: None,
        }));
        Self {
            start_ns,
            entries,
            left_out: self.left_out,
        }
    }
}

/// The pasts of processes that are told of, and who made the cgroups that are there.
#[derive(Clone, Debug, Default)]
pub(super) struct Pasts {
    of: HashMap<Tgid, Past>,
    made: Makers,
    /// How many were left when it was swept last.
    swept: usize,
}

impl Pasts {
    /// Takes in an event that the model has taken in, which changed `changes`. `elsewhere` says whether
    /// whoever did it is in other namespaces than the host's now.
    pub(super) fn note(
        &mut self,
        event: &Event,
        changes: &[Change],
        elsewhere: bool,
        model: &Model,
    ) {
        let task = &event.task;
        match &event.body {
            Body::Fork(fork) if fork.child.tgid != task.tgid => {
                self.created(event, fork, changes, model);
            }
            // Back to the host's: whatever it does next has nothing of it.
            Body::Namespace(call) if call.ret == 0 && !elsewhere => {
                if let Some(past) = self.of.get_mut(&task.tgid) {
                    past.entries.retain(|entry| entry.thread != Some(task.tid));
                    if past.entries.is_empty() {
                        self.of.remove(&task.tgid);
                    }
                }
            }
            Body::Namespace(call) if call.ret == 0 && !changes.is_empty() => {
                let step = noted(event, changes, Deed::Call(call.call));
                self.past(task, model).push(step, Some(task.tid));
            }
            Body::Exec(exec) => {
                let past = self.past(task, model);
                *past = past.of_thread(exec.old_tid, task.start_ns);
                let filename = exec.certificate.filename().map(|path| path.text);
                let executable = filename.filter(|path| !path.is_empty());
                past.push(noted(event, changes, Deed::Exec(executable)), None);
            }
            Body::CgroupMkdir(dir) => self.made.insert(event, dir),
            Body::CgroupRmdir(dir) => self.made.remove(dir),
            Body::CgroupAttach(attach) if !changes.is_empty() => {
                let place = Place {
                    target: Some(attach.target.clone()),
                    hierarchy: attach.cgroup.key.hierarchy,
                    path: attach.path.text.clone(),
                };
                let step = noted(event, changes, Deed::Cgroup(Box::new(place)));
                self.past(&attach.target, model).push(step, None);
            }
            Body::Exit(exit) if exit.group_dead => {
                self.of.remove(&task.tgid);
            }
            _ => {}
        }
    }

    /// A process was created. Of most the model has all that there is to tell, and nothing is noted here.
    fn created(&mut self, event: &Event, fork: &Fork, changes: &[Change], model: &Model) {
        let (caller, child) = (&event.task, &fork.child);
        if self.get(caller).is_none()
            && let Some(past) = Past::implied(caller, model)
        {
            self.of.insert(caller.tgid, past);
        }
        let before = self.get(caller);
        let target = child.clone();
        let flags = fork.flags & PLACING;
        let step = noted(event, changes, Deed::Creation { target, flags });
        let is_plain = flags == 0 && step.namespaces.is_empty() && child.comm == caller.comm;
        if before.is_none() && is_plain {
            self.of.remove(&child.tgid);
            return;
        }
        let mut past = before.map_or_else(
            || Past::none(child.start_ns),
            |before| before.of_thread(caller.tid, child.start_ns),
        );
        past.push(step, None);
        self.of.insert(child.tgid, past);
    }

    /// Forgets what led to the birth of a container with namespaces: it has been told of, and what is born within
    /// is told of from there on.
    pub(super) fn told(&mut self, payload: &Task, model: &mut Model) {
        if self.get(payload).is_some() {
            self.of.remove(&payload.tgid);
        }
        model.told(payload.tgid);
    }

    fn get(&self, task: &Task) -> Option<&Past> {
        let past = self.of.get(&task.tgid);
        past.filter(|past| past.start_ns == task.start_ns)
    }

    /// That of a process; one that had its number before is forgotten.
    fn past(&mut self, task: &Task, model: &Model) -> &mut Past {
        let anew = || Past::implied(task, model).unwrap_or_else(|| Past::none(task.start_ns));
        match self.of.entry(task.tgid) {
            Slot::Occupied(past) if past.get().start_ns == task.start_ns => past.into_mut(),
            Slot::Occupied(mut past) => {
                past.insert(anew());
                past.into_mut()
            }
            Slot::Vacant(room) => room.insert(anew()),
        }
    }

    /// What led to a birth, after that of the container that it is within, whose own timeline has what was before.
    pub(super) fn timeline(&self, boot_id: &str, birth: &Birth, model: &Model) -> Timeline {
        let implied = Past::implied(&birth.payload, model);
        let past = self.get(&birth.payload).or(implied.as_ref());
        let entries = past.iter().flat_map(|past| &past.entries);
        let mut steps: Vec<Arc<Noted>> = entries.map(|entry| Arc::clone(&entry.step)).collect();
        let after = |step: &Arc<Noted>| birth.since.is_none_or(|since| step.seq > since);
        // Whoever is older than the container that it is within has no room left out of that.
        let whole = steps.first().is_some_and(|first| !after(first));
        steps.retain(after);
        for key in &birth.domain.cgroups {
            if let Some(cgroup) = model.cgroup(*key) {
                let makers = self.made.of(key.hierarchy, &cgroup.path.text);
                let makers = makers
                    .into_iter()
                    .map(|(made, path)| Arc::new(making(made, path)));
                steps.extend(makers.filter(after));
            }
        }
        steps.sort_by_key(|step| (step.time_ns, step.seq));
        let more = steps.len().saturating_sub(MOST);
        let left_out = past.filter(|_| !whole).map_or(0, |past| past.left_out);
        Timeline {
            left_out: left_out + more as u64,
            steps: steps
                .into_iter()
                .skip(more)
                .map(|step| step.record(boot_id, birth.time_ns))
                .collect(),
        }
    }

    /// Of so many processes.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.of.len()
    }

    /// Forgets processes that the model does not know any more, once there are a quarter more than were
    /// left the last time.
    pub(super) fn sweep(&mut self, model: &Model) {
        if self.of.len() < self.swept + self.swept / 4 + FLOOR {
            return;
        }
        self.of.retain(|tgid, past| {
            let known = model.leader(*tgid);
            known.is_some_and(|state| state.task.start_ns == past.start_ns && state.ended.is_none())
        });
        self.swept = self.of.len();
    }
}
