//! Loading and attaching the programs, and the live ring: the only room that knows aya. Owns
//! the choice of hooks and the counters; must not interpret a record.

mod attach;
pub mod btf;
pub mod cast;
mod configuration;
pub mod external;
pub mod hooks;
#[cfg(feature = "debug-ebpf")]
mod log;
mod lsm;
pub mod measure;
mod not_run;
mod object;
pub mod offsets;
pub mod patience;
mod reason;
pub mod ring;
pub mod scope;
mod syscalls;
pub mod wanted;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use attach::{Numbering, Programs};
use aya::{
    Ebpf,
    maps::{Array, MapData, PerCpuArray},
    programs::iter::IterLink,
};
use cast::ReadsChoice;
use hooks::{GUARD, HOOKS, HookChoice, Way};
use not_run::NotRun;
use offsets::{OffsetError, Offsets};
use ring::Ring;
use scope::Scope;
pub use syscalls::{FUNCTION_PREFIX, names as syscall_names};
use thiserror::Error;
use tracer_common::{Counter, Kind, config::Request};
use wanted::Wants;

use crate::sys::own_thread::named;

/// Why observing cannot start or go on.
#[derive(Debug, Error)]
pub enum CollectError {
    /// Built with `AYA_BUILD_SKIP`.
    #[error("this binary was built without the eBPF programs; build it with `cargo xtask build`")]
    Stub,
    /// Logging was asked of a build without it.
    #[error("the eBPF programs of this build do not log; build with `--features debug-ebpf`")]
    NoLog,
    /// The running kernel's structures.
    #[error(transparent)]
    Offsets(#[from] OffsetError),
    /// The object as a whole.
    #[error(
        "loading the eBPF object failed: {}; tracer needs root, CAP_BPF and CAP_PERFMON, and a \
         kernel with CONFIG_BPF_SYSCALL",
        reason::chain(.0)
    )]
    Load(#[from] aya::EbpfError),
    /// A map or program that the object should have.
    #[error("the eBPF object has no `{0}`: it was not built from this source; build again")]
    Missing(&'static str),
    /// The kernel would panic.
    #[error(
        "this kernel interprets eBPF programs ({} is 0), and on arm64 some kernels panic then; set it to 1: \
         sysctl -w net.core.bpf_jit_enable=1",
        object::COMPILED
    )]
    Interpreted,
    /// The kernel may panic.
    #[error(
        "whether this kernel interprets eBPF programs is not to be seen here, as only the first network namespace has {file}, \
         and it refuses one as interpreters do ({why}); on arm64 some kernels panic when they interpret: start tracer in \
         the first network namespace",
        why = .0,
        file = object::COMPILED
    )]
    PerhapsInterpreted(String),
    /// Reading by instructions was asked for.
    #[error("the programs cannot read by instructions here: {0}; leave out reads=instruction")]
    Reads(String),
    /// A map operation.
    #[error("{what} failed: {source}")]
    Map {
        /// Which.
        what: &'static str,
        /// Why.
        source: aya::maps::MapError,
    },
    /// No way to attach what nothing can be judged without.
    #[error("the hook {name} cannot be attached ({reason}); see `tracer doctor`")]
    NoWay {
        /// Hook.
        name: String,
        /// What each way said.
        reason: String,
    },
    /// The iterator.
    #[error("reading tasks with iter/task failed: {0}")]
    Iterate(String),
    /// The kernel said nothing of its programs.
    #[error("asking the kernel how often it did not run a program failed: {0}")]
    Asking(std::io::Error),
    /// Who would clean up behind a tracer that was killed cannot be started.
    #[error("starting the keeper of held payloads failed: {0}")]
    Keeper(std::io::Error),
}

/// What to load.
#[derive(Clone, Debug)]
pub struct Options {
    /// The process whose descendants are in scope.
    pub root_tgid: u32,
    /// Size of the ring in bytes: a power of two and whole pages.
    pub ring_bytes: u32,
    /// Most thread groups that can be in scope at a time.
    pub scope_groups: u32,
    /// Most cgroups, made by outsiders meanwhile, that are noted at a time.
    pub outside_cgroups: u32,
    /// By which way each hook is attached, where that is asked for.
    pub hooks: Wants,
    /// A file with the kernel's BTF, in place of what the kernel shows of its own.
    pub btf: Option<PathBuf>,
    /// Record the returns of `kill`, too.
    pub signals: bool,
    /// Hold who executes a program in other namespaces than this process's; with `host`, than the
    /// host's, from [`Collector::hold_from_now`] on.
    pub hold: bool,
    /// Then also who does so in other cgroups.
    pub hold_cgroups: bool,
    /// Refuse changes of namespaces to who was let go on that condition, where the kernel has hooks
    /// for it.
    pub refuse: bool,
    /// Observe the whole host, and not the descendants of `root_tgid` alone.
    pub host: bool,
    /// Print what the programs log; needs a build with the feature `debug-ebpf`.
    pub log: bool,
}

impl Options {
    /// Room for a thousand certificates.
    pub const RING_BYTES: u32 = 4 << 20;
    /// A quarter of the process numbers of a usual machine.
    pub const SCOPE_GROUPS: u32 = 8192;
    /// As many as a service manager makes in a busy hour.
    pub const OUTSIDE_CGROUPS: u32 = 4096;

    /// The usual, for the descendants of this process.
    #[must_use]
    pub fn for_this_process() -> Self {
        Self {
            root_tgid: std::process::id(),
            ring_bytes: Self::RING_BYTES,
            scope_groups: Self::SCOPE_GROUPS,
            outside_cgroups: Self::OUTSIDE_CGROUPS,
            hooks: Wants::default(),
            btf: None,
            signals: false,
            hold: false,
            hold_cgroups: false,
            refuse: false,
            host: false,
            log: false,
        }
    }
}

/// One kind's part of the counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindCount {
    /// The kind.
    pub kind: Kind,
    /// Records that a hook set out to emit.
    pub submitted: u64,
    /// Records for which the ring had no room, and those that were not made, as the kernel did not run the program.
    pub lost: u64,
    /// How many of those lost were not made: the program ran on the same processor already.
    pub not_run: u64,
}

/// The counters of the kernel side, summed over processors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// By kind.
    pub kinds: Vec<KindCount>,
    /// Thread groups that could not be taken into scope, and cgroups made by outsiders that could not be
    /// noted.
    pub scope_full: u64,
}

/// Programs attached and the ring they fill. Dropping it detaches them.
pub struct Collector {
    programs: Programs,
    /// The records.
    pub ring: Ring,
    #[cfg(feature = "debug-ebpf")]
    log: Option<log::Log>,
    counters: PerCpuArray<MapData, u64>,
    request: Array<MapData, [u32; size_of::<Request>() / 4]>,
    hold: bool,
    scope: Scope,
    not_run: Option<NotRun>,
    /// Members of kernel structures that this kernel does not have, and why.
    pub absent: Vec<(&'static str, String)>,
    /// How the programs read kernel memory.
    pub reads: ReadsChoice,
    /// From the call of [`Collector::start`] to the last hook attached. The iterator, which waits
    /// for no event, may still be loading; who asks it first waits for it.
    pub attach_time: Duration,
}

impl Collector {
    /// Loads the object for the running kernel and attaches every hook that can be.
    ///
    /// A hook that no way works for is not an error but a [`HookChoice`] with nothing chosen;
    /// what depends on it becomes inconclusive.
    pub fn start(options: &Options) -> Result<Self, CollectError> {
        let start = Instant::now();
        if options.log && !cfg!(feature = "debug-ebpf") {
            return Err(CollectError::NoLog);
        }
        if object::is_stub() {
            return Err(CollectError::Stub);
        }
        // Loading waits for the kernel at every step; what needs only the processor runs beside.
        let (offsets, loader) = std::thread::scope(|scope| {
            let loader = scope.spawn(named(attach::loader_without_btf));
            let (typedefs, functions) = (typedefs(), functions(options));
            let offsets = match &options.btf {
                Some(path) => Offsets::of_file(path, &typedefs, &functions),
                None => Offsets::of_kernel(&typedefs, &functions),
            };
            (offsets, loader.join())
        });
        let offsets = offsets?;
        let Ok(loader) = loader else {
            return Err(CollectError::Missing("loader"));
        };
        let loader = loader.gone();
        let ids = Numbering::start(&offsets);
        let (mut ebpf, reads) = object::load(loader, options, &offsets)?;
        #[cfg(feature = "debug-ebpf")]
        let log = options.log.then(|| log::Log::open(&mut ebpf)).transpose()?;
        let failed = |what| move |source| CollectError::Map { what, source };
        Ok(Self {
            ring: Ring::new(take(&mut ebpf, "RECORDS")?, options.ring_bytes)?,
            #[cfg(feature = "debug-ebpf")]
            log,
            counters: PerCpuArray::try_from(take(&mut ebpf, "COUNTERS")?)
                .map_err(failed("opening the counters"))?,
            hold: options.hold && !options.host,
            request: Array::try_from(take(&mut ebpf, "REQUEST")?)
                .map_err(failed("opening the request"))?,
            scope: Scope::new(take(&mut ebpf, "SCOPE")?)?,
            not_run: None,
            programs: Programs::attach(ebpf, &offsets.layout, ids, options.hooks, options.refuse)?,
            absent: offsets.absent,
            reads,
            attach_time: start.elapsed(),
        })
    }

    /// What became of each hook, once all are loaded.
    pub fn hooks(&mut self) -> Result<&[HookChoice], CollectError> {
        if self.not_run.is_none() {
            self.not_run = Some(NotRun::of(&mut self.programs)?);
        }
        self.programs.hooks()
    }

    /// What became of the hook that refuses; `None` where nothing is to be refused.
    pub fn guard(&mut self) -> Result<Option<&HookChoice>, CollectError> {
        self.programs.guard()
    }

    /// The thread groups in scope.
    #[must_use]
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The same, to take some into it.
    pub const fn scope_mut(&mut self) -> &mut Scope {
        &mut self.scope
    }

    /// Has the certificate of `tgid` put into the ring. The task must be at rest for it to be of
    /// one instant.
    pub fn snapshot(&mut self, tgid: u32) -> Result<(), CollectError> {
        self.iterate(tgid, 0)
    }

    /// Has every task of the host put into the ring, and the certificate of `tgid`.
    pub fn inventory(&mut self, tgid: u32) -> Result<(), CollectError> {
        self.iterate(tgid, 1)
    }

    /// Begins to hold, where the whole host is observed: once it is known who is there.
    pub fn hold_from_now(&mut self) -> Result<(), CollectError> {
        self.hold = true;
        self.ask(0, 0)
    }

    /// Holds nobody any more. Who was held stays so.
    pub fn hold_no_more(&mut self) -> Result<(), CollectError> {
        self.hold = false;
        self.ask(0, 0)
    }

    fn ask(&mut self, tgid: u32, inventory: u32) -> Result<(), CollectError> {
        let request = [tgid, inventory, u32::from(self.hold)];
        self.request
            .set(0, request, 0)
            .map_err(|source| CollectError::Map {
                what: "asking the programs",
                source,
            })
    }

    fn iterate(&mut self, tgid: u32, inventory: u32) -> Result<(), CollectError> {
        self.ask(tgid, inventory)?;
        let failed = |error: &dyn std::fmt::Display| CollectError::Iterate(error.to_string());
        let program = self.programs.iterator()?;
        let id = program.attach().map_err(|error| failed(&error))?;
        let link: IterLink = program.take_link(id).map_err(|error| failed(&error))?;
        let mut file = link.into_file().map_err(|error| failed(&error))?;
        // The walk happens in the read; its records go to the ring, so nothing is read here.
        std::io::copy(&mut file, &mut std::io::sink()).map_err(|error| failed(&error))?;
        Ok(())
    }

    /// Prints what the programs have logged so far, if they were asked to.
    pub fn print_log(&mut self) {
        #[cfg(feature = "debug-ebpf")]
        if let Some(log) = &mut self.log {
            log.print();
        }
    }

    /// The counters as they stand, summed over processors. The numbers read are the caller's.
    pub fn counters(&self) -> Result<Counters, CollectError> {
        let get = |counter: Counter| -> Result<u64, CollectError> {
            let values = self
                .counters
                .get(&counter.0, 0)
                .map_err(|source| CollectError::Map {
                    what: "reading the counters",
                    source,
                })?;
            Ok(values.iter().sum())
        };
        let mut kinds = Vec::new();
        for number in 1..Kind::END {
            let kind = Kind(number);
            kinds.push(KindCount {
                kind,
                submitted: get(Counter::submitted(kind))?,
                lost: get(Counter::lost(kind))?,
                not_run: 0,
            });
        }
        let not_run = self.not_run.as_ref().map(NotRun::counts).transpose()?;
        for (kind, count) in not_run.into_iter().flatten() {
            for one in kinds.iter_mut().filter(|one| one.kind == kind) {
                one.submitted += count;
                one.lost += count;
                one.not_run += count;
            }
        }
        Ok(Counters {
            kinds,
            scope_full: get(Counter::SCOPE_FULL)?,
        })
    }

    /// Program and number of instructions that the verifier walked to accept it (since 5.16).
    pub fn verified_instructions(&mut self) -> Result<Vec<(String, u32)>, CollectError> {
        let counted = self.programs.all()?.filter_map(|(name, program)| {
            let count = program.info().ok()?.verified_instruction_count()?;
            Some((name.to_owned(), count))
        });
        Ok(counted.collect())
    }

    /// Detaches every hook; returns how long that took.
    #[must_use]
    pub fn stop(self) -> Duration {
        let start = Instant::now();
        drop(self);
        start.elapsed()
    }
}

fn typedefs() -> Vec<String> {
    HOOKS
        .iter()
        .map(|hook| format!("btf_trace_{}", hook.name))
        .collect()
}

/// Functions that have to be known by their ids: the iterator's, those whose returns are asked for,
/// and those of the hook that refuses.
fn functions(options: &Options) -> Vec<String> {
    let wants = options.hooks;
    let guards = GUARD
        .ways
        .iter()
        .filter(|_| options.refuse)
        .flat_map(|means| means.programs)
        .map(|(_, point)| format!("bpf_lsm_{point}"));
    let returns = HOOKS
        .iter()
        .flat_map(|hook| hook.ways)
        .filter(|means| means.way == Way::Fexit && wants.names(Way::Fexit))
        .flat_map(|means| means.programs)
        .map(|(_, point)| (*point).to_owned());
    std::iter::once("bpf_iter_task".to_owned())
        .chain(returns)
        .chain(guards)
        .collect()
}

fn take(ebpf: &mut Ebpf, name: &'static str) -> Result<aya::maps::Map, CollectError> {
    ebpf.take_map(name).ok_or(CollectError::Missing(name))
}
