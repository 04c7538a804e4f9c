//! Loading and attaching the programs, and the live ring: the only room that knows aya. Owns
//! the choice of hooks and the counters; must not interpret a record.

pub mod btf;
pub mod hooks;
#[cfg(feature = "debug-ebpf")]
mod log;
pub mod offsets;
pub mod ring;
mod syscalls;

use std::{
    collections::HashMap,
    thread::ScopedJoinHandle,
    time::{Duration, Instant},
};

use aya::{
    Ebpf, EbpfLoader, VerifierLogLevel,
    maps::{Array, HashMap as KernelMap, MapData, PerCpuArray},
    programs::{Program, iter::IterLink},
};
use hooks::{HOOKS, Hook, HookChoice, Way};
use offsets::{OffsetError, Offsets};
use ring::Ring;
pub use syscalls::names as syscall_names;
use thiserror::Error;
use tracer_common::{
    ABI_VERSION, Config, Counter, Kind, Layout,
    config::{Request, SYSCALL_WORDS},
};
use zerocopy::IntoBytes as _;

/// The object that tracer/build.rs built.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/tracer"));

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
        chain(.0)
    )]
    Load(#[from] aya::EbpfError),
    /// A map or program that the object should have.
    #[error("the eBPF object has no `{0}`: it was not built from this source; build again")]
    Missing(&'static str),
    /// A map operation.
    #[error("{what} failed: {source}")]
    Map {
        /// Which.
        what: &'static str,
        /// Why.
        source: aya::maps::MapError,
    },
    /// No way to attach what nothing can be judged without.
    #[error("no way to attach {name} works on this kernel ({reason}); see `tracer doctor`")]
    NoWay {
        /// Hook.
        name: &'static str,
        /// What each way said.
        reason: String,
    },
    /// The iterator.
    #[error("reading tasks with iter/task failed: {0}")]
    Iterate(String),
}

/// What to load.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The process whose descendants are in scope.
    pub root_tgid: u32,
    /// Size of the ring in bytes: a power of two and whole pages.
    pub ring_bytes: u32,
    /// Most thread groups that can be in scope at a time.
    pub scope_groups: u32,
    /// Leave out the preferred way of each hook, to test the fallback.
    pub fallback: bool,
    /// Record the returns of `kill`, too.
    pub signals: bool,
    /// Print what the programs log; needs a build with the feature `debug-ebpf`.
    pub log: bool,
}

impl Options {
    /// Room for a thousand certificates.
    pub const RING_BYTES: u32 = 4 << 20;
    /// A quarter of the process numbers of a usual machine.
    pub const SCOPE_GROUPS: u32 = 8192;

    /// The usual, for the descendants of this process.
    #[must_use]
    pub fn for_this_process() -> Self {
        Self {
            root_tgid: std::process::id(),
            ring_bytes: Self::RING_BYTES,
            scope_groups: Self::SCOPE_GROUPS,
            fallback: false,
            signals: false,
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
    /// Records for which the ring had no room.
    pub lost: u64,
}

/// The counters of the kernel side, summed over processors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// By kind.
    pub kinds: Vec<KindCount>,
    /// Thread groups that could not be taken into scope.
    pub scope_full: u64,
}

/// Programs attached and the ring they fill. Dropping it detaches them.
pub struct Collector {
    ebpf: Ebpf,
    /// The records.
    pub ring: Ring,
    #[cfg(feature = "debug-ebpf")]
    log: Option<log::Log>,
    counters: PerCpuArray<MapData, u64>,
    request: Array<MapData, [u32; 2]>,
    scope: KernelMap<MapData, u32, u64>,
    /// What became of each hook.
    pub hooks: Vec<HookChoice>,
    /// Members of kernel structures that this kernel does not have, and why.
    pub absent: Vec<(&'static str, String)>,
    /// From the call of [`Collector::start`] to the last hook attached.
    pub attach_time: Duration,
}

impl Collector {
    /// Loads the object for the running kernel and attaches every hook that can be.
    ///
    /// A hook that no way works for is not an error but a [`HookChoice`] with nothing chosen;
    /// what depends on it becomes inconclusive.
    pub fn start(options: Options) -> Result<Self, CollectError> {
        let start = Instant::now();
        if options.log && !cfg!(feature = "debug-ebpf") {
            return Err(CollectError::NoLog);
        }
        if OBJECT.is_empty() {
            return Err(CollectError::Stub);
        }
        // Loading waits for the kernel at every step; what needs only the processor runs beside.
        let (offsets, loader) = std::thread::scope(|scope| {
            let loader = scope.spawn(loader_without_btf);
            let offsets = Offsets::of_kernel(&typedefs(), &["bpf_iter_task".to_owned()]);
            (offsets, loader.join())
        });
        let offsets = offsets?;
        let Ok(mut loader) = loader else {
            return Err(CollectError::Missing("loader"));
        };
        let config = config(options);
        std::thread::scope(|scope| {
            let functions = scope.spawn(|| offsets.functions.parse());
            let mut ebpf = loader
                .verifier_log_level(VerifierLogLevel::DISABLE)
                .override_global("LAYOUT", offsets.layout.as_bytes(), true)
                .override_global("CONFIG", config.as_bytes(), true)
                .map_max_entries("RECORDS", options.ring_bytes)
                .map_max_entries("SCOPE", options.scope_groups)
                .load(OBJECT)?;
            let hooks = attach_all(&mut ebpf, &offsets, options, functions)?;
            let mut collector = Self::around(ebpf, hooks, options)?;
            collector.absent.clone_from(&offsets.absent);
            collector.attach_time = start.elapsed();
            Ok(collector)
        })
    }

    /// Takes the maps out of the object.
    #[cfg_attr(
        not(feature = "debug-ebpf"),
        expect(unused_variables, reason = "no log to open")
    )]
    fn around(
        mut ebpf: Ebpf,
        hooks: Vec<HookChoice>,
        options: Options,
    ) -> Result<Self, CollectError> {
        let failed = |what| move |source| CollectError::Map { what, source };
        Ok(Self {
            ring: Ring::new(take(&mut ebpf, "RECORDS")?)?,
            #[cfg(feature = "debug-ebpf")]
            log: if options.log {
                Some(log::Log::open(&mut ebpf)?)
            } else {
                None
            },
            counters: PerCpuArray::try_from(take(&mut ebpf, "COUNTERS")?)
                .map_err(failed("opening the counters"))?,
            request: Array::try_from(take(&mut ebpf, "REQUEST")?)
                .map_err(failed("opening the request"))?,
            scope: KernelMap::try_from(take(&mut ebpf, "SCOPE")?)
                .map_err(failed("opening the table of tasks"))?,
            ebpf,
            hooks,
            absent: Vec::new(),
            attach_time: Duration::ZERO,
        })
    }

    /// The kinds of record that can't come because their hook is not attached.
    #[must_use]
    pub fn blind_kinds(&self) -> Vec<Kind> {
        HOOKS
            .iter()
            .zip(&self.hooks)
            .filter(|(_, choice)| choice.chosen.is_none())
            .flat_map(|(hook, _)| hook.kinds.iter().copied())
            .collect()
    }

    /// Takes a thread group that was there before into scope, with all that it creates from now
    /// on. `start_ns` is the start of its leader in nanoseconds of boot time.
    pub fn adopt(&mut self, tgid: u32, start_ns: u64) -> Result<(), CollectError> {
        self.scope
            .insert(tgid, start_ns, 0)
            .map_err(|source| CollectError::Map {
                what: "taking a process into scope",
                source,
            })
    }

    /// Has the certificate of `tgid` put into the ring. The task must be at rest for it to be of
    /// one instant.
    pub fn snapshot(&mut self, tgid: u32) -> Result<(), CollectError> {
        self.iterate(Request { tgid, inventory: 0 })
    }

    /// Has every task of the host put into the ring, and the certificate of `tgid`.
    pub fn inventory(&mut self, tgid: u32) -> Result<(), CollectError> {
        self.iterate(Request { tgid, inventory: 1 })
    }

    fn iterate(&mut self, request: Request) -> Result<(), CollectError> {
        self.request
            .set(0, [request.tgid, request.inventory], 0)
            .map_err(|source| CollectError::Map {
                what: "asking for a snapshot",
                source,
            })?;
        let failed = |error: &dyn std::fmt::Display| CollectError::Iterate(error.to_string());
        let Some(Program::Iter(program)) = self.ebpf.program_mut("snapshot") else {
            return Err(CollectError::Missing("snapshot"));
        };
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
            });
        }
        Ok(Counters {
            kinds,
            scope_full: get(Counter::SCOPE_FULL)?,
        })
    }

    /// Program and number of instructions that the verifier walked to accept it (since 5.16).
    #[must_use]
    pub fn verified_instructions(&self) -> Vec<(String, u32)> {
        self.ebpf
            .programs()
            .filter_map(|(name, program)| {
                let count = program.info().ok()?.verified_instruction_count()?;
                Some((name.to_owned(), count))
            })
            .collect()
    }

    /// Detaches every hook; returns how long that took.
    #[must_use]
    pub fn stop(self) -> Duration {
        let start = Instant::now();
        drop(self);
        start.elapsed()
    }
}

fn config(options: Options) -> Config {
    let mut config = Config {
        abi: u32::from(ABI_VERSION),
        root_tgid: options.root_tgid,
        page_shift: rustix::param::page_size().trailing_zeros(),
        nr_setns: syscalls::SETNS,
        nr_unshare: syscalls::UNSHARE,
        cpu_ids: cpu_ids(),
        syscalls: [0; SYSCALL_WORDS],
        path_argument: [0; 2 * SYSCALL_WORDS],
    };
    for call in syscalls::RECORDED
        .iter()
        .chain(options.signals.then_some(&syscalls::KILL))
    {
        config.syscalls[call.number as usize / 64] |= 1 << (call.number % 64);
        config.path_argument[call.number as usize / 32] |=
            u64::from(call.path_argument) << (2 * (call.number % 32));
    }
    config
}

/// One above the highest number that a processor can have; where the file is missing, all that a
/// record has room for.
fn cpu_ids() -> u32 {
    let possible = std::fs::read_to_string("/sys/devices/system/cpu/possible").unwrap_or_default();
    let last = possible
        .trim()
        .rsplit([',', '-'])
        .next()
        .and_then(|last| last.parse::<u32>().ok());
    last.map_or(u32::MAX, |last| last.saturating_add(1))
}

fn typedefs() -> Vec<String> {
    HOOKS
        .iter()
        .map(|hook| format!("btf_trace_{}", hook.name))
        .collect()
}

fn take(ebpf: &mut Ebpf, name: &'static str) -> Result<aya::maps::Map, CollectError> {
    ebpf.take_map(name).ok_or(CollectError::Missing(name))
}

/// A loader that has not parsed the kernel's BTF. aya's does so when it is made, for relocations
/// that these programs do not have, and it takes longer than all the rest of the start. Made on a
/// thread of its own whose root is a directory without /sys, it finds none; if that thread may not
/// change its root, the loader is the usual one.
fn loader_without_btf() -> EbpfLoader<'static> {
    crate::sys::file_system::hide_file_system();
    // Probes the kernel a dozen times, once a process; the loader would do it later, alone.
    aya::features();
    EbpfLoader::new()
}

/// Attaches every hook by the first way that works. The verifier takes longest over the two
/// programs that read a certificate, so the iterator's is loaded beside the others.
fn attach_all(
    ebpf: &mut Ebpf,
    offsets: &Offsets,
    options: Options,
    functions: ScopedJoinHandle<'_, Result<aya::Btf, OffsetError>>,
) -> Result<Vec<HookChoice>, CollectError> {
    let (mut iterators, mut tracepoints): (Programs<'_>, Programs<'_>) = ebpf
        .programs_mut()
        .partition(|(_, program)| matches!(program, Program::Iter(_)));
    let attach = |iterator: bool, ids: &aya::Btf, programs: &mut Programs<'_>| {
        HOOKS
            .iter()
            .filter(|hook| (hook.ways[0].0 == Way::Iter) == iterator)
            .map(|hook| attach_hook(hook, programs, &offsets.layout, ids, options))
            .collect::<Vec<HookChoice>>()
    };
    let lost = || CollectError::Missing("bpf_iter_task");
    std::thread::scope(|scope| {
        let beside = scope.spawn(|| {
            let ids = functions.join().map_err(|_| lost())??;
            Ok::<_, CollectError>(attach(true, &ids, &mut iterators))
        });
        let mut hooks = attach(false, &offsets.typedefs.parse()?, &mut tracepoints);
        hooks.extend(beside.join().map_err(|_| lost())??);
        Ok(hooks)
    })
}

/// Programs by name.
type Programs<'a> = HashMap<&'a str, &'a mut Program>;

fn attach_hook(
    hook: &'static Hook,
    programs: &mut Programs<'_>,
    layout: &Layout,
    ids: &aya::Btf,
    options: Options,
) -> HookChoice {
    let mut choice = HookChoice {
        name: hook.name,
        chosen: None,
        refused: Vec::new(),
    };
    if !(hook.needs)(layout) {
        let reason = "this kernel lacks members of structures that it reads".to_owned();
        choice.refused = hook
            .ways
            .iter()
            .map(|(way, _)| (*way, reason.clone()))
            .collect();
        return choice;
    }
    for (index, (way, program)) in hook.ways.iter().enumerate() {
        if options.fallback && index == 0 && hook.ways.len() > 1 {
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

fn attach_way(
    programs: &mut Programs<'_>,
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
    result.map_err(|error| chain(&error))
}

/// An error with its causes, each once, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        let source_text = source.to_string();
        // Some errors say their cause themselves.
        if !text.ends_with(&source_text) {
            text.push_str(": ");
            text.push_str(&source_text);
        }
        cause = source.source();
    }
    text
}
