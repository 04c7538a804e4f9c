//! The one loop of the record stream: ring to history, and to the tape where there is one. Owns
//! the reconciling of counters; the same for every command that observes.

use std::{
    collections::{HashMap, HashSet},
    fs, io,
    ops::{Deref, DerefMut},
};

use crate::{
    collect::{
        self, CollectError, Collector, KindCount, Options, hooks::HookChoice, patience::until,
    },
    event::{Body, Event, Hold, SyscallTable, Task, Tgid},
    history::{Beginning, Count, History, Note},
    recording::Tape,
    verdict::{Unattached, mountinfo},
};

pub use crate::history::Step;

/// A task that has come to a halt.
#[derive(Clone, Debug)]
pub enum Halt {
    /// It executes a program, and waits for it to be judged.
    Held {
        /// The record of its exec.
        seq: u64,
        /// Who.
        task: Task,
        /// Whether it really is held.
        hold: Hold,
    },
    /// It has sent `SIGSTOP`, as programs do to themselves when a child of theirs has been stopped.
    SentStop(Tgid),
}

impl Halt {
    pub(crate) fn of(event: &Event) -> Option<Self> {
        match &event.body {
            Body::Exec(exec) if exec.hold != Hold::Free => Some(Self::Held {
                seq: event.seq,
                task: event.task.clone(),
                hold: exec.hold,
            }),
            Body::Syscall(call)
                if &*call.name == "kill"
                    && call.ret == 0
                    && call.arguments[1] == nix::libc::SIGSTOP as u64 =>
            {
                Some(Self::SentStop(event.task.tgid))
            }
            _ => None,
        }
    }
}

/// A collector with the history that its records make.
pub struct Session {
    /// The kernel side.
    pub collector: Collector,
    /// What became of each hook.
    pub hooks: Vec<HookChoice>,
    /// What became of the hook that refuses; `None` where nothing is to be refused.
    pub guard: Option<HookChoice>,
    /// What happened so far. A session is read as it.
    pub history: History,
    /// Tasks that have come to a halt, by whom enforcement holds or otherwise.
    pub halts: Vec<Halt>,
    /// Where all of it is written down as it comes.
    tape: Option<Tape>,
}

impl Deref for Session {
    type Target = History;

    fn deref(&self) -> &History {
        &self.history
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut History {
        &mut self.history
    }
}

impl Session {
    /// Attaches the hooks, and reads the host's inventory and tracer's own certificate, which is
    /// what "the host's" means in every comparison.
    pub fn start(options: &Options) -> Result<Self, CollectError> {
        Self::record(options, None)
    }

    /// The same, with everything written to `tape`.
    pub fn record(options: &Options, mut tape: Option<Tape>) -> Result<Self, CollectError> {
        let root = Tgid(options.root_tgid);
        let mut collector = Collector::start(options)?;
        let syscalls = SyscallTable::new(collect::syscall_names());
        let mut beginning = Beginning::new(root, syscalls);
        let mut take = |collector: &mut Collector, tape: &mut Option<Tape>| {
            collector.ring.drain(|bytes| {
                if let Some(tape) = tape {
                    tape.record(bytes);
                }
                beginning.take(bytes);
            });
        };
        // Once everything is loaded: the threads that load end with records of their own.
        let hooks = collector.hooks()?.to_vec();
        let guard = collector.guard()?.cloned();
        // Without it there is no certificate of tracer itself to compare others with.
        needs(&hooks, "task")?;
        take(&mut collector, &mut tape);
        // The certificate by itself: the smallest ring has room for it, which it may not have
        // for all tasks of the host; those that are lost are counted.
        collector.snapshot(root.0)?;
        take(&mut collector, &mut tape);
        collector.inventory(0)?;
        take(&mut collector, &mut tape);
        let unattached = unattached(&hooks);
        if let Some(tape) = &mut tape {
            tape.note(&Note::Began {
                hooks: hooks.clone(),
                unattached: unattached.clone(),
            });
        }
        let Some(history) = beginning.begin(unattached) else {
            return Err(CollectError::Iterate(
                "tracer's own task did not come up; the ring may be too small".to_owned(),
            ));
        };
        Ok(Self {
            collector,
            hooks,
            guard,
            history,
            halts: Vec::new(),
            tape,
        })
    }

    /// Whether changes of namespaces are refused to who was let go on that condition.
    #[must_use]
    pub fn refuses(&self) -> bool {
        let guard = self.guard.as_ref();
        guard.is_some_and(|guard| guard.chosen.is_some())
    }

    /// Takes what is no record.
    pub fn note(&mut self, note: Note) {
        if let Some(tape) = &mut self.tape {
            tape.note(&note);
        }
        self.history.note(note);
    }

    /// The tape, with all that has come so far.
    pub fn into_parts(self) -> (Collector, Vec<HookChoice>, History, Option<Tape>) {
        (self.collector, self.hooks, self.history, self.tape)
    }

    /// Refuses to go on where the hook of this name is missing, or tells less than it could.
    pub fn needs(&self, name: &str) -> Result<(), CollectError> {
        needs(&self.hooks, name)
    }

    /// Takes processes that were there before into scope, and all that descend from them, as if
    /// they were tracer's own: daemons that work on behalf of a command.
    pub fn adopt(&mut self, roots: &[Tgid]) -> Result<(), CollectError> {
        let mut adopted: HashSet<Tgid> = HashSet::new();
        // Who is created while the host's tasks are listed is found in the next list, until one
        // brings nobody new.
        loop {
            let found = self.descendants(roots, &adopted);
            if found.is_empty() {
                return Ok(());
            }
            for task in found {
                self.collector
                    .scope_mut()
                    .adopt(task.tgid.0, task.start_ns)?;
                self.note(Note::Adopted { tgid: task.tgid });
                adopted.insert(task.tgid);
            }
            self.collector.inventory(0)?;
            self.pump();
        }
    }

    /// Those of the inventory that descend from `roots`, and these, but for those that are
    /// `known`.
    fn descendants(&self, roots: &[Tgid], known: &HashSet<Tgid>) -> Vec<Task> {
        let parents: HashMap<Tgid, (Tgid, &Task)> = self
            .inventory
            .iter()
            .filter_map(|event| match &event.body {
                Body::TaskSeen(seen) => Some((event.task.tgid, (seen.parent, &event.task))),
                _ => None,
            })
            .collect();
        let descends = |tgid: Tgid| {
            let mut at = tgid;
            // No chain of parents is longer than there are processes.
            for _ in 0..=parents.len() {
                if roots.contains(&at) {
                    return true;
                }
                match parents.get(&at) {
                    Some((parent, _)) => at = *parent,
                    None => return false,
                }
            }
            false
        };
        parents
            .iter()
            .filter(|(tgid, _)| !known.contains(tgid) && descends(**tgid))
            .map(|(_, (_, task))| (*task).clone())
            .collect()
    }

    /// Takes every record that the ring holds.
    pub fn pump(&mut self) {
        let Self {
            collector,
            hooks: _,
            guard: _,
            history,
            halts,
            tape,
        } = self;
        collector.ring.drain(|bytes| {
            if let Some(tape) = tape {
                tape.record(bytes);
            }
            let event = history.decode(bytes);
            halts.extend(Halt::of(&event));
            history.take(event);
        });
        collector.print_log();
    }

    /// Reads the certificate of a task at rest and takes it, with all that came before it.
    pub fn snapshot(&mut self, task: Tgid) -> Result<(), CollectError> {
        self.collector.snapshot(task.0)?;
        self.pump();
        Ok(())
    }

    /// Takes what is left and reads the counters, once nothing in scope runs any more but tracer
    /// itself. A hook that a stranger's action runs at this very moment may have counted its
    /// record and not yet begun it, so that is waited for; where it does not come, the counters say so
    /// and the run is inconclusive.
    pub fn settle(&mut self) -> Result<(), CollectError> {
        let mut last = None;
        until(|| {
            self.pump();
            let raw = self.collector.counters()?;
            let sum = |of: fn(&KindCount) -> u64| raw.kinds.iter().map(of).sum::<u64>();
            let read = self.observation.counters.read.total();
            let agree = sum(|count| count.submitted) == sum(|count| count.lost) + read;
            last = Some(raw);
            Ok::<_, CollectError>(agree)
        })?;
        if let Some(raw) = last {
            self.take_counters(&raw);
        }
        Ok(())
    }

    /// Reads the counters as they stand.
    pub fn read_counters(&mut self) -> Result<(), CollectError> {
        let raw = self.collector.counters()?;
        self.take_counters(&raw);
        Ok(())
    }

    fn take_counters(&mut self, raw: &collect::Counters) {
        let kinds = raw.kinds.iter().map(|count| Count {
            kind: count.kind,
            submitted: count.submitted,
            lost: count.lost,
        });
        self.note(Note::Counters {
            kinds: kinds.collect(),
            scope_full: raw.scope_full,
        });
    }

    /// Reads the mount tables of `task` and of tracer itself into the observation. What cannot be
    /// read or understood stays unknown.
    pub fn read_mounts(&mut self, task: Tgid) -> io::Result<()> {
        let text = fs::read_to_string(format!("/proc/{}/mountinfo", task.0))?;
        let own = mountinfo::parse(&text);
        let text = fs::read_to_string("/proc/self/mountinfo");
        let host = text.as_ref().ok().and_then(|text| mountinfo::parse(text));
        self.note(Note::GateMounts { own, host });
        text.map(drop)
    }
}

fn needs(hooks: &[HookChoice], name: &str) -> Result<(), CollectError> {
    let Some(choice) = hooks.iter().find(|choice| choice.name == name) else {
        return Ok(());
    };
    match choice.missing().into_iter().next() {
        Some((_, reason)) => Err(CollectError::NoWay {
            name: choice.name.to_string(),
            reason,
        }),
        None => Ok(()),
    }
}

/// The kinds of record that cannot come because no way to attach their hook works, or was wanted.
fn unattached(hooks: &[HookChoice]) -> Vec<Unattached> {
    hooks
        .iter()
        .flat_map(HookChoice::missing)
        .map(|(kind, reason)| Unattached { kind, reason })
        .collect()
}
