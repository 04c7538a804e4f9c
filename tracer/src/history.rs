//! What happened, as far as tracer was told: records and notes in their order, and what they mean
//! together. Owns the one way from these to a model and an observation, whether they are taken now
//! or read from a recording. Pure: must not read the machine.

pub mod note;

use std::sync::Arc;

use crate::event::{self, Body, Event, SyscallTable, Task, Tgid};
use crate::model::{Births, Change, Model, waiting};
use crate::verdict::{Observation, Seen, Surroundings, Unattached, Waited};

pub use note::{Count, End, Ending, Note};

/// An event and what it changed.
#[derive(Clone, Debug)]
pub struct Step {
    /// The event.
    pub event: Event,
    /// What it changed, as the model saw it.
    pub changes: Vec<Change>,
}

/// Most events that are kept for the timeline; the model and the observation take all.
const TIMELINE: usize = 100_000;

/// Records before the first comparison can be made: of the host as it was found.
pub struct Beginning {
    root: Tgid,
    syscalls: SyscallTable,
    events: Vec<Event>,
}

impl Beginning {
    /// Nothing yet. `root` is tracer's own process.
    #[must_use]
    pub const fn new(root: Tgid, syscalls: SyscallTable) -> Self {
        Self {
            root,
            syscalls,
            events: Vec::new(),
        }
    }

    /// Takes a record.
    pub fn take(&mut self, bytes: &[u8]) {
        let event = event::decode(&self.syscalls, self.events.len() as u64, bytes);
        self.events.push(event);
    }

    /// Takes what has come so far for the host as it was found; `None` when tracer's own
    /// certificate, which is what "the host's" means in every comparison, is not among it.
    #[must_use]
    pub fn begin(self, unattached: Vec<Unattached>) -> Option<History> {
        let Self {
            root,
            syscalls,
            events,
        } = self;
        let mut observation = Observation::new(root);
        observation.unattached = unattached;
        for event in &events {
            observation.note(event);
        }
        let baseline = observation.host()?;
        let births = Births::new(root, baseline);
        let mut model = Model::new(root, baseline);
        for event in &events {
            model.apply(event);
        }
        Some(History {
            model,
            births,
            observation,
            steps: Vec::new(),
            omitted: 0,
            next: events.len() as u64,
            inventory: events.into_iter().filter(is_inventory).collect(),
            waiting: Vec::new(),
            tables: Surroundings::default(),
            waited: Vec::new(),
            syscalls,
        })
    }
}

/// All of it so far.
pub struct History {
    /// What the events mean.
    pub model: Model,
    /// Containers that were made in the run.
    pub births: Births,
    /// Certificates, counters, missing hooks.
    pub observation: Observation,
    /// The timeline, without the host's inventory, in the order of numbers.
    pub steps: Vec<Step>,
    /// Events that the timeline has no room for.
    pub omitted: u64,
    /// The tasks of the host as the start and any later inventory found them.
    pub inventory: Vec<Event>,
    /// Tasks that were left waiting, set up, for their payload to be started; for who looks at
    /// them and takes them out.
    pub waiting: Vec<Task>,
    /// Mount tables and what else was read of containers, and tracer's own table.
    pub tables: Surroundings,
    /// Tasks that were seen as they waited.
    pub waited: Vec<Waited>,
    syscalls: SyscallTable,
    next: u64,
}

impl History {
    /// What a record says, with the next number.
    pub fn decode(&mut self, bytes: &[u8]) -> Event {
        let event = event::decode(&self.syscalls, self.next, bytes);
        self.next += 1;
        event
    }

    /// Takes an event that [`Self::decode`] gave.
    pub fn take(&mut self, event: Event) {
        self.observation.note(&event);
        let changes = self.model.apply(&event);
        self.births.apply(&event, &changes, &self.model);
        for task in waiting::left_waiting(&event, &self.model, &self.births) {
            self.births.left_waiting(&task, &self.model);
            self.waiting.push(task);
        }
        if is_inventory(&event) {
            self.inventory.push(event);
        } else if self.steps.len() < TIMELINE {
            self.steps.push(Step { event, changes });
        } else {
            self.omitted += 1;
        }
    }

    /// Takes a note. Those that mark a moment change nothing here: who judges by them does so
    /// between two.
    pub fn note(&mut self, note: Note) {
        let observation = &mut self.observation;
        match note {
            Note::Limiting { hierarchies } => observation.limiting = Some(hierarchies),
            Note::Adopted { tgid } => self.model.adopt(tgid),
            Note::Init { tgid } => observation.init = Some(tgid),
            Note::Counters { kinds, scope_full } => {
                let counters = &mut observation.counters;
                for count in kinds {
                    counters.submitted.set(count.kind, count.submitted);
                    counters.lost.set(count.kind, count.lost);
                }
                counters.scope_full = scope_full;
            }
            Note::GateMounts { own, host } => {
                observation.mounts = own.map(Arc::from);
                observation.host_mounts = host.map(Arc::from);
            }
            Note::HostMounts { table } => self.tables.host = table.map(Arc::from),
            Note::Mounts { birth, table } => {
                self.tables.containers.insert(birth, table.map(Arc::from));
            }
            Note::Readings { birth, found } => {
                self.tables.readings.insert(birth, found);
            }
            Note::Labels { birth, labels } => {
                self.tables.labels.insert(birth, labels);
            }
            Note::Waited {
                seq,
                mounts,
                readings,
            } => {
                if let Some((task, seen)) = self.snapshot(seq) {
                    self.waited.push(Waited {
                        task,
                        seen,
                        mounts: mounts.map(Arc::from),
                        readings,
                    });
                }
            }
            Note::Began { .. }
            | Note::Gate
            | Note::Decided { .. }
            | Note::KilledForDrift { .. } => {}
        }
    }

    /// The facts of the snapshot of this number, as long as the timeline holds it.
    fn snapshot(&self, seq: u64) -> Option<(Task, Seen)> {
        let found = self.steps.binary_search_by_key(&seq, |step| step.event.seq);
        let step = self.steps.get(found.ok()?)?;
        match &step.event.body {
            Body::Snapshot(facts) => Some((
                step.event.task.clone(),
                Seen {
                    seq,
                    certificate: facts.clone(),
                },
            )),
            _ => None,
        }
    }
}

fn is_inventory(event: &Event) -> bool {
    matches!(event.body, Body::TaskSeen(_))
}
