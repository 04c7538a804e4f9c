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
    CollectError, Options,
    hooks::{HOOKS, Hook, HookChoice, Way},
    offsets::{OffsetError, Offsets},
};
use crate::sys::own_thread::{Ended, named};

/// The program that the verifier takes longest over, but for the iterator's.
const LONGEST: &str = "sched_process_exec";

/// The programs, of which the iterator's may still be loading: nothing asks it before everything
/// else is attached. Dropping it detaches them all.
pub struct Programs {
    state: State,
    hooks: Vec<HookChoice>,
}

/// A thread that prepares the ids which loading looks up while the object is read: those of
/// tracepoints first, which are wanted first.
pub struct Numbering {
    tracepoints: Receiver<Result<aya::Btf, OffsetError>>,
    iterators: Ids,
}

/// The thread that prepares those of iterators.
type Ids = JoinHandle<Ended<aya::Btf>>;

impl Numbering {
    /// Starts it.
    pub fn start(offsets: &Offsets) -> Self {
        let (tracepoints, iterators) = (offsets.tracepoints.clone(), offsets.iterators.clone());
        let (sender, receiver) = mpsc::channel();
        Self {
            iterators: thread::spawn(named(move || {
                // Only a start that was given up does not want them.
                let _wanted = sender.send(tracepoints.typedefs());
                iterators.functions()
            })),
            tracepoints: receiver,
        }
    }
}

type Loading = JoinHandle<Ended<(Ebpf, Result<HookChoice, OffsetError>)>>;

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
        options: Options,
    ) -> Result<Self, CollectError> {
        let tracepoints = ids.tracepoints.recv().unwrap_or_else(|_| Err(lost()))?;
        let iterators = ids.iterators;
        let (sender, receiver) = mpsc::channel();
        let ways = Ways {
            layout: *layout,
            fallback: options.fallback,
        };
        let loading = thread::spawn(named(move || {
            load(ebpf, &ways, &tracepoints, iterators, &sender)
        }));
        Ok(Self {
            hooks: receiver.iter().take(HOOKS.len() - 1).collect(),
            state: State::Loading(loading),
        })
    }

    /// What became of each hook, in the order of [`HOOKS`].
    pub fn hooks(&mut self) -> Result<&[HookChoice], CollectError> {
        self.ready()?;
        Ok(&self.hooks)
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
            let (ebpf, choice) = ended.gone();
            self.hooks.push(choice?);
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
    fallback: bool,
}

/// Loads and attaches everything; sends what became of each tracepoint. The verifier takes longest
/// over the two programs that read a certificate: one has a thread for itself, the other comes
/// when all others are done.
fn load(
    mut ebpf: Ebpf,
    ways: &Ways,
    tracepoints: &aya::Btf,
    iterators: Ids,
    sender: &Sender<HookChoice>,
) -> (Ebpf, Result<HookChoice, OffsetError>) {
    let (mut longest, mut others): (ByName<'_>, ByName<'_>) = ebpf
        .programs_mut()
        .partition(|(name, _)| name.ends_with(LONGEST));
    let iterator = |hook: &&Hook| hook.ways[0].0 == Way::Iter;
    let choice = thread::scope(|scope| {
        let attach = |hook: &'static Hook, programs: &mut ByName<'_>| {
            // Nobody hears it only where the start has been given up.
            let _heard = sender.send(ways.attach(hook, programs, tracepoints));
        };
        let (first, rest): (Vec<&Hook>, Vec<&Hook>) =
            HOOKS.iter().partition(|hook| hook.name == LONGEST);
        let first = scope.spawn(named(move || {
            for hook in first {
                attach(hook, &mut longest);
            }
        }));
        for hook in rest.iter().filter(|hook| !iterator(hook)) {
            attach(hook, &mut others);
        }
        let ids = iterators.join().map_err(|_| lost())?.gone();
        let last = rest.into_iter().find(iterator);
        let choice = last.map(|hook| ways.attach(hook, &mut others, &ids));
        first.join().map_err(|_| lost())?.gone();
        choice.ok_or_else(lost)
    });
    (ebpf, choice)
}

/// Programs by name.
type ByName<'a> = HashMap<&'a str, &'a mut Program>;

impl Ways {
    fn attach(&self, hook: &'static Hook, programs: &mut ByName<'_>, ids: &aya::Btf) -> HookChoice {
        let mut choice = HookChoice {
            name: hook.name,
            chosen: None,
            refused: Vec::new(),
        };
        if !(hook.needs)(&self.layout) {
            let reason = "this kernel lacks members of structures that it reads".to_owned();
            choice.refused = hook
                .ways
                .iter()
                .map(|(way, _)| (*way, reason.clone()))
                .collect();
            return choice;
        }
        for (index, (way, program)) in hook.ways.iter().enumerate() {
            if self.fallback && index == 0 && hook.ways.len() > 1 {
                choice.refused.push((*way, "left out as asked".to_owned()));
                continue;
            }
            match attach_way(programs, ids, hook, *way, program) {
                Ok(()) => {
                    choice.chosen = Some(*way);
                    break;
                }
                Err(reason) => choice.refused.push((*way, reason)),
            }
        }
        choice
    }
}

fn attach_way(
    programs: &mut ByName<'_>,
    ids: &aya::Btf,
    hook: &Hook,
    way: Way,
    name: &str,
) -> Result<(), String> {
    let program = programs
        .get_mut(name)
        .ok_or_else(|| format!("no program `{name}`"))?;
    let result = match (way, program) {
        (Way::TpBtf, Program::BtfTracePoint(program)) => program
            .load(hook.name, ids)
            .and_then(|()| program.attach().map(|_| ())),
        (Way::RawTp, Program::RawTracePoint(program)) => program
            .load()
            .and_then(|()| program.attach(hook.name).map(|_| ())),
        (Way::Iter, Program::Iter(program)) => program.load(hook.name, ids),
        _ => return Err("the program is of another type".to_owned()),
    };
    result.map_err(|error| super::chain(&error))
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
