//! Attaching: every hook by the first way that works, on as many threads as that is quicker with.
//! Owns the order and the choice; which ways there are is told by `hooks`.

use std::{
    collections::HashMap,
    mem,
    sync::mpsc::{self, Receiver, Sender},
    thread::{self, JoinHandle},
};

use aya::{
    Ebpf, EbpfLoader,
    programs::{Iter, Program},
};
use tracer_common::Layout;

use super::{
    CollectError,
    hooks::{GUARD, HOOKS, Hook, HookChoice, LEFT_OUT, Means, Way},
    lsm,
    offsets::{OffsetError, Offsets},
    wanted::{Wanted, Wants},
};
use crate::sys::own_thread::{Ended, named};

/// The program that the verifier takes longest over, but for the iterator's.
const LONGEST: &str = "sched_process_exec";
/// The hook that waits for no event.
const ITERATOR: &str = "task";

/// The programs, of which the iterator's may still be loading: nothing asks it before everything
/// else is attached. Dropping it detaches them all.
pub struct Programs {
    state: State,
    hooks: Vec<HookChoice>,
    guard: Option<HookChoice>,
}

/// A thread that prepares the ids which loading looks up while the object is read: those of
/// tracepoints first, which are wanted first.
pub struct Numbering {
    tracepoints: Receiver<Result<aya::Btf, OffsetError>>,
    functions: Ids,
    known: bool,
}

/// The thread that prepares those of functions: the iterator's, and those whose returns are asked for.
type Ids = JoinHandle<Ended<aya::Btf>>;

impl Numbering {
    /// Starts it.
    pub fn start(offsets: &Offsets) -> Self {
        let (tracepoints, functions) = (offsets.tracepoints.clone(), offsets.functions.clone());
        let (sender, receiver) = mpsc::channel();
        Self {
            functions: thread::spawn(named(move || {
                // Only a start that was given up does not want them.
                let _wanted = sender.send(tracepoints.typedefs());
                functions.functions()
            })),
            tracepoints: receiver,
            known: offsets.ids_known,
        }
    }
}

type Loading = JoinHandle<Ended<Loaded>>;

/// Everything, with what became of the hooks that are loaded last.
struct Loaded {
    ebpf: Ebpf,
    iterator: Result<HookChoice, OffsetError>,
    guard: Option<HookChoice>,
}

enum State {
    Loading(Loading),
    Ready(Ebpf),
    /// Loading the iterator failed in a way that no kernel brings about.
    Lost,
}

impl Programs {
    /// Attaches the hooks that wait for events, and returns while the iterator is being loaded.
    pub fn attach(
        ebpf: Ebpf,
        layout: &Layout,
        ids: Numbering,
        wants: Wants,
        refuse: bool,
    ) -> Result<Self, CollectError> {
        let tracepoints = ids.tracepoints.recv().unwrap_or_else(|_| Err(lost()))?;
        let functions = ids.functions;
        let (sender, receiver) = mpsc::channel();
        let ways = Ways {
            layout: *layout,
            wants,
            ids_known: ids.known,
            refuse,
        };
        let loading = thread::spawn(named(move || {
            load(ebpf, &ways, &tracepoints, functions, &sender)
        }));
        Ok(Self {
            hooks: receiver.iter().take(HOOKS.len() - 1).collect(),
            guard: None,
            state: State::Loading(loading),
        })
    }

    /// What became of each hook, in the order of [`HOOKS`].
    pub fn hooks(&mut self) -> Result<&[HookChoice], CollectError> {
        self.ready()?;
        Ok(&self.hooks)
    }

    /// What became of the hook that refuses; `None` where nothing is to be refused.
    pub fn guard(&mut self) -> Result<Option<&HookChoice>, CollectError> {
        self.ready()?;
        Ok(self.guard.as_ref())
    }

    /// All programs.
    pub fn all(&mut self) -> Result<impl Iterator<Item = (&str, &Program)>, CollectError> {
        Ok(self.ready()?.programs())
    }

    /// The iterator's program.
    pub fn iterator(&mut self) -> Result<&mut Iter, CollectError> {
        match self.ready()?.program_mut("snapshot") {
            Some(Program::Iter(program)) => Ok(program),
            _ => Err(CollectError::Missing("snapshot")),
        }
    }

    /// Waits until all are loaded.
    fn ready(&mut self) -> Result<&mut Ebpf, CollectError> {
        if matches!(self.state, State::Loading(_))
            && let State::Loading(loading) = mem::replace(&mut self.state, State::Lost)
            && let Ok(ended) = loading.join()
        {
            let Loaded {
                ebpf,
                iterator,
                guard,
            } = ended.gone();
            self.hooks.push(iterator?);
            self.guard = guard;
            let place =
                |choice: &HookChoice| HOOKS.iter().position(|hook| hook.name == choice.name);
            self.hooks.sort_by_key(place);
            self.state = State::Ready(ebpf);
        }
        match &mut self.state {
            State::Ready(ebpf) => Ok(ebpf),
            _ => Err(CollectError::Missing("snapshot")),
        }
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        // A thread that still loads would keep the hooks attached.
        let _loaded = self.ready();
    }
}

fn lost() -> OffsetError {
    OffsetError::Numbering("a thread was lost".to_owned())
}

/// What decides on the way by which a hook is attached.
struct Ways {
    layout: Layout,
    wants: Wants,
    ids_known: bool,
    /// Whether anything is to be refused.
    refuse: bool,
}

/// Loads and attaches everything; sends what became of each tracepoint. The verifier takes longest
/// over the two programs that read a certificate: one has a thread for itself, the other comes
/// when all others are done.
fn load(
    mut ebpf: Ebpf,
    ways: &Ways,
    tracepoints: &aya::Btf,
    functions: Ids,
    sender: &Sender<HookChoice>,
) -> Loaded {
    let (mut longest, mut others): (ByName<'_>, ByName<'_>) = ebpf
        .programs_mut()
        .partition(|(name, _)| name.ends_with(LONGEST));
    let mut guard = None;
    let iterator = thread::scope(|scope| {
        let attach = |hook: &'static Hook, programs: &mut ByName<'_>, ids: &aya::Btf| {
            // Nobody hears it only where the start has been given up.
            let _heard = sender.send(ways.attach(hook, programs, ids));
        };
        let (first, rest): (Vec<&Hook>, Vec<&Hook>) =
            HOOKS.iter().partition(|hook| hook.name == LONGEST);
        let first = scope.spawn(named(move || {
            for hook in first {
                attach(hook, &mut longest, tracepoints);
            }
        }));
        let (last, events): (Vec<&Hook>, Vec<&Hook>) =
            rest.into_iter().partition(|hook| hook.name == ITERATOR);
        // Ids of functions are ready later than those of tracepoints.
        let by_function = |hook: &&Hook| ways.wants.of(hook.name) == Wanted::By(Way::Fexit);
        let (late, soon): (Vec<&Hook>, Vec<&Hook>) = events.into_iter().partition(by_function);
        for hook in soon {
            attach(hook, &mut others, tracepoints);
        }
        let functions = functions.join().map_err(|_| lost())?.gone();
        for hook in late {
            attach(hook, &mut others, &functions);
        }
        let last = last.into_iter().next();
        let choice = last.map(|hook| ways.attach(hook, &mut others, &functions));
        guard = ways
            .refuse
            .then(|| ways.attach(&GUARD, &mut others, &functions));
        first.join().map_err(|_| lost())?.gone();
        choice.ok_or_else(lost)
    });
    Loaded {
        ebpf,
        iterator,
        guard,
    }
}

/// Programs by name.
type ByName<'a> = HashMap<&'a str, &'a mut Program>;

impl Ways {
    fn attach(&self, hook: &'static Hook, programs: &mut ByName<'_>, ids: &aya::Btf) -> HookChoice {
        let mut choice = HookChoice {
            name: hook.name.into(),
            chosen: None,
            refused: Vec::new(),
        };
        let wanted = self.wants.of(hook.name);
        if wanted == Wanted::Out {
            return choice;
        }
        for means in hook.ways {
            let way = means.way;
            // One that tells less is not missed by whoever has not asked for it.
            if !wanted.takes(means) {
                if means.lacks.is_empty() {
                    choice.refused.push((way, LEFT_OUT.to_owned()));
                }
                continue;
            }
            let attached = if !(hook.needs)(&self.layout) {
                Err("this kernel lacks members of structures that it reads".to_owned())
            } else if way.wants_ids() && !self.ids_known {
                Err("the kernel shows no BTF of its own to take the id from".to_owned())
            } else if let Some(why) = (way == Way::Lsm).then(lsm::why_not).flatten() {
                Err(why)
            } else {
                attach_all(programs, ids, means)
            };
            match attached {
                Ok(()) => {
                    choice.chosen = Some(way);
                    break;
                }
                Err(reason) => choice.refused.push((way, reason)),
            }
        }
        choice
    }
}

/// All programs of one way, or none.
fn attach_all(programs: &mut ByName<'_>, ids: &aya::Btf, means: &Means) -> Result<(), String> {
    for (index, (name, point)) in means.programs.iter().enumerate() {
        let attached = attach_one(programs, ids, means.way, name, point);
        if attached.is_err() {
            for (earlier, _) in &means.programs[..index] {
                // One that is not loaded is what is wanted.
                let _unloaded = match programs.get_mut(earlier) {
                    Some(Program::FExit(program)) => program.unload(),
                    Some(Program::Lsm(program)) => program.unload(),
                    _ => Ok(()),
                };
            }
            return attached;
        }
    }
    Ok(())
}

fn attach_one(
    programs: &mut ByName<'_>,
    ids: &aya::Btf,
    way: Way,
    name: &str,
    point: &str,
) -> Result<(), String> {
    let program = programs
        .get_mut(name)
        .ok_or_else(|| format!("no program `{name}`"))?;
    let result = match (way, program) {
        (Way::TpBtf, Program::BtfTracePoint(program)) => program
            .load(point, ids)
            .and_then(|()| program.attach().map(|_| ())),
        (Way::RawTp, Program::RawTracePoint(program)) => program
            .load()
            .and_then(|()| program.attach(point).map(|_| ())),
        (Way::Fexit, Program::FExit(program)) => program
            .load(point, ids)
            .and_then(|()| program.attach().map(|_| ())),
        (Way::Lsm, Program::Lsm(program)) => program
            .load(point, ids)
            .and_then(|()| program.attach().map(|_| ())),
        (Way::Iter, Program::Iter(program)) => program.load(point, ids),
        _ => return Err("the program is of another type".to_owned()),
    };
    result.map_err(|error| super::reason::chain(&error))
}

/// A loader that has not parsed the kernel's BTF. aya's does so when it is made, for relocations
/// that these programs do not have, and it takes longer than all the rest of the start. Made on a
/// thread of its own whose root is a directory without /sys, it finds none; if that thread may not
/// change its root, the loader is the usual one.
pub fn loader_without_btf() -> EbpfLoader<'static> {
    crate::sys::file_system::hide_file_system();
    // Probes the kernel a dozen times, once a process; the loader would do it later, alone.
    aya::features();
    EbpfLoader::new()
}
