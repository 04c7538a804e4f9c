//! How a container came to be: what those did who made it, as the kernel recorded it. Owns which steps
//! lead to a birth, and how many of them are kept.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use crate::event::{Body, Event, NamespaceKind, Task, Tgid, Tid};
use crate::model::{Birth, Change, Model};

use super::identity;
use super::makers::{Made, Makers};
use super::record::{Namespace, Process};

/// Steps of one birth at most; a container with a cgroup in each of v1's hierarchies takes some forty.
pub const MOST: usize = 64;
/// Fewer processes than these are kept anyway.
const FLOOR: usize = 4096;
/// Bits of clone's flags (include/uapi/linux/sched.h) that say where a child comes to be, beside those of
/// new namespaces.
const PLACES: [(u64, &str); 2] = [(0x8000, "CLONE_PARENT"), (1 << 33, "CLONE_INTO_CGROUP")];

/// What led to a birth.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Timeline {
    /// In the order in which they happened; the last one is the payload's exec.
    pub steps: Vec<Step>,
    /// So many before these are left out, for want of room.
    pub left_out: u64,
}

/// One of the kernel's records of those who made a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Step {
    /// Nanoseconds from the birth to it: negative before.
    pub t_ns: i64,
    /// Number of the kernel's record, from 0 in this audit.
    pub record: u64,
    /// What happened: `task_newtask`, `unshare`, `setns`, `cgroup_mkdir`, `cgroup_attach_task` or
    /// `sched_process_exec`.
    pub event: String,
    /// Who did it.
    pub process: Process,
    /// Who was created, or moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Process>,
    /// Flags of clone that say where a child comes to be.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
    /// Namespaces that it has brought; those that a clone without flags or an exec shows were brought by a call
    /// that no record tells.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<Namespace>,
    /// Path of the cgroup, below its hierarchy's root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The kernel's number of the cgroup's hierarchy; 0 is cgroup v2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hierarchy: Option<u32>,
}

/// A step as it is kept, until it is known what it leads to.
#[derive(Clone, Debug)]
struct Noted {
    seq: u64,
    time_ns: u64,
    event: SmolStr,
    by: Task,
    executable: Option<SmolStr>,
    target: Option<Task>,
    flags: u64,
    namespaces: Vec<Namespace>,
    /// Hierarchy and path.
    cgroup: Option<(u32, SmolStr)>,
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
    entries: VecDeque<Entry>,
    left_out: u64,
}

impl Past {
    fn push(&mut self, step: Noted, thread: Option<Tid>) {
        if self.entries.len() == MOST {
            self.entries.pop_front();
            self.left_out += 1;
        }
        let step = Arc::new(step);
        self.entries.push_back(Entry { step, thread });
    }

    /// What a thread hands on to whom it creates, or keeps as it executes a program.
    fn of_thread(&self, tid: Tid, start_ns: u64) -> Self {
        let own = |entry: &&Entry| entry.thread.is_none_or(|thread| thread == tid);
        let entries = self.entries.iter().filter(own);
        Self {
            start_ns,
            entries: entries
                .map(|entry| Entry {
                    step: Arc::clone(&entry.step),
                    thread: None,
                })
                .collect(),
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
    pub(super) fn note(&mut self, event: &Event, changes: &[Change], elsewhere: bool) {
        let task = &event.task;
        match &event.body {
            Body::Fork(fork) if fork.child.tgid != task.tgid => {
                let child = &fork.child;
                let before = self.get(task);
                let mut past = before.map_or_else(
                    || Past {
                        start_ns: child.start_ns,
                        ..Past::default()
                    },
                    |before| before.of_thread(task.tid, child.start_ns),
                );
                let step = Noted {
                    target: Some(child.clone()),
                    flags: fork.flags,
                    ..noted(event, changes)
                };
                past.push(step, None);
                self.of.insert(child.tgid, past);
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
                self.past(task).push(noted(event, changes), Some(task.tid));
            }
            Body::Exec(exec) => {
                let past = self.past(task);
                *past = past.of_thread(exec.old_tid, task.start_ns);
                let filename = exec.certificate.filename().map(|path| path.text);
                let step = Noted {
                    executable: filename.filter(|path| !path.is_empty()),
                    ..noted(event, changes)
                };
                past.push(step, None);
            }
            Body::CgroupMkdir(dir) => self.made.insert(event, dir),
            Body::CgroupRmdir(dir) => self.made.remove(dir),
            Body::CgroupAttach(attach) if !changes.is_empty() => {
                let step = Noted {
                    target: Some(attach.target.clone()),
                    cgroup: Some((attach.cgroup.key.hierarchy, attach.path.text.clone())),
                    ..noted(event, changes)
                };
                self.past(&attach.target).push(step, None);
            }
            Body::Exit(exit) if exit.group_dead => {
                self.of.remove(&task.tgid);
            }
            _ => {}
        }
    }

    /// Forgets what led to the birth of a container with namespaces: it has been told of, and what is born within
    /// is told of from there on.
    pub(super) fn told(&mut self, payload: &Task) {
        if self.get(payload).is_some() {
            self.of.remove(&payload.tgid);
        }
    }

    fn get(&self, task: &Task) -> Option<&Past> {
        let past = self.of.get(&task.tgid);
        past.filter(|past| past.start_ns == task.start_ns)
    }

    /// That of a process; one that had its number before is forgotten.
    fn past(&mut self, task: &Task) -> &mut Past {
        let past = self.of.entry(task.tgid).or_default();
        if past.start_ns != task.start_ns {
            *past = Past {
                start_ns: task.start_ns,
                ..Past::default()
            };
        }
        past
    }

    /// What led to a birth, after record `since`: that of the container that it is within, whose own
    /// timeline has what was before.
    pub(super) fn timeline(
        &self,
        boot_id: &str,
        birth: &Birth,
        since: Option<u64>,
        model: &Model,
    ) -> Timeline {
        let past = self.get(&birth.payload);
        let entries = past.iter().flat_map(|past| &past.entries);
        let mut steps: Vec<Arc<Noted>> = entries.map(|entry| Arc::clone(&entry.step)).collect();
        let after = |step: &Arc<Noted>| since.is_none_or(|since| step.seq > since);
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

    /// Forgets processes that the model does not know any more, once there are twice as many as were left
    /// the last time.
    pub(super) fn sweep(&mut self, model: &Model) {
        if self.of.len() < 2 * self.swept + FLOOR {
            return;
        }
        self.of.retain(|tgid, past| {
            let known = model.leader(*tgid);
            known.is_some_and(|state| state.task.start_ns == past.start_ns && state.ended.is_none())
        });
        self.swept = self.of.len();
    }
}

fn noted(event: &Event, changes: &[Change]) -> Noted {
    let mut namespaces: Vec<Namespace> = Vec::new();
    for change in changes {
        if let Change::Namespace { slot, after, .. } = change {
            let namespace = identity::namespace(*slot, *after);
            if !namespaces.contains(&namespace) {
                namespaces.push(namespace);
            }
        }
    }
    Noted {
        seq: event.seq,
        time_ns: event.time_ns,
        event: event.body.name().into(),
        by: event.task.clone(),
        executable: None,
        target: None,
        flags: 0,
        namespaces,
        cgroup: None,
    }
}

fn making(made: Made<'_>, path: &str) -> Noted {
    Noted {
        seq: made.seq,
        time_ns: made.time_ns,
        event: "cgroup_mkdir".into(),
        by: made.by.clone(),
        executable: None,
        target: None,
        flags: 0,
        namespaces: Vec::new(),
        cgroup: Some((made.hierarchy, path.into())),
    }
}

impl Noted {
    fn record(&self, boot_id: &str, birth_ns: u64) -> Step {
        let t_ns = i128::from(self.time_ns) - i128::from(birth_ns);
        let target = self.target.as_ref();
        let cgroup = self.cgroup.as_ref();
        Step {
            t_ns: i64::try_from(t_ns).unwrap_or(i64::MIN),
            record: self.seq,
            event: self.event.to_string(),
            process: identity::process(
                boot_id,
                &self.by,
                self.executable.as_deref().map(str::to_owned),
            ),
            target: target.map(|target| identity::process(boot_id, target, None)),
            flags: flags(self.flags),
            namespaces: self.namespaces.clone(),
            path: cgroup.map(|(_, path)| path.to_string()),
            hierarchy: cgroup.map(|(hierarchy, _)| *hierarchy),
        }
    }
}

/// By their names in C.
fn flags(bits: u64) -> Vec<String> {
    let new = NamespaceKind::ALL.into_iter().map(|kind| {
        let name = match kind {
            NamespaceKind::Mnt => "NS".to_owned(),
            _ => kind.name().to_uppercase(),
        };
        (kind.clone_flag(), format!("CLONE_NEW{name}"))
    });
    let places = PLACES.into_iter().map(|(bit, name)| (bit, name.to_owned()));
    let all = new.chain(places).filter(|(bit, _)| bits & bit != 0);
    all.map(|(_, name)| name).collect()
}
