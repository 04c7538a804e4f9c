//! Every map and read-only global of the object. Owns their declaration; must not read them.

use aya_ebpf::{
    macros::map,
    maps::{Array, HashMap, PerCpuArray, RingBuf},
};
use tracer_common::{
    Config, Counter, Layout, TaskId,
    config::{Host, Request, SYSCALL_WORDS},
};

/// Records on their way up. The loader sets the size.
#[map]
pub static RECORDS: RingBuf = RingBuf::with_byte_size(1 << 20, 0);

/// Thread groups in scope: tgid to the start time of its leader.
#[map]
pub static SCOPE: HashMap<u32, u64> = HashMap::with_max_entries(8192, 0);

/// Indexed by [`Counter`].
#[map]
pub static COUNTERS: PerCpuArray<u64> = PerCpuArray::with_max_entries(Counter::COUNT, 0);

/// What the snapshot iterator shall emit, and whether payloads are held.
#[map]
pub static REQUEST: Array<Request> = Array::with_max_entries(1, 0);

/// Address of tracer's own `css_set`, which is all its cgroups, once the iterator has met it; 0 = not
/// known.
#[map]
pub static OWN_CGROUPS: Array<u64> = Array::with_max_entries(1, 0);

/// Cgroups, by hierarchy and id, that somebody outside of the scope has made meanwhile, and who.
#[map]
pub static ELSEWHERE: HashMap<[u64; 2], TaskId> = HashMap::with_max_entries(4096, 0);

/// Ids of the BPF programs on devices whose instructions went up already.
#[map]
pub static PROGRAMS: HashMap<u32, u32> = HashMap::with_max_entries(1024, 0);

/// The host's own namespaces, once the iterator has met a thread of the kernel's.
#[map]
pub static HOST: Array<Host> = Array::with_max_entries(1, 0);

/// Set by the loader before the programs are verified, which makes each field a constant.
#[unsafe(no_mangle)]
pub static CONFIG: Config = Config {
    abi: 0,
    root_tgid: 0,
    page_shift: 0,
    nr_setns: 0,
    nr_unshare: 0,
    cpu_ids: 0,
    hold: 0,
    own: [0; 8],
    host: 0,
    padding: [0; 2],
    syscalls: [0; SYSCALL_WORDS],
    path_argument: [0; 2 * SYSCALL_WORDS],
};

/// Offsets of the running kernel's structures.
#[unsafe(no_mangle)]
pub static LAYOUT: Layout = Layout::ABSENT;
