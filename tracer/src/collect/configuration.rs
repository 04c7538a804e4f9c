//! What the programs are told when they are loaded: whom to observe, which system calls, whom to
//! hold. Owns its reading off this machine.

use std::os::unix::fs::MetadataExt as _;

use tracer_common::{
    ABI_VERSION, Config,
    config::{HOLD_CGROUPS, HOLD_ELSEWHERE, SYSCALL_WORDS},
};

use super::{Options, syscalls};

/// For these options, on this machine.
pub(super) fn of(options: &Options) -> Config {
    let mut config = Config {
        abi: u32::from(ABI_VERSION),
        root_tgid: options.root_tgid,
        page_shift: rustix::param::page_size().trailing_zeros(),
        nr_setns: syscalls::SETNS,
        nr_unshare: syscalls::UNSHARE,
        cpu_ids: cpu_ids(),
        hold: match (options.hold, options.hold_cgroups) {
            (false, _) => 0,
            (true, false) => HOLD_ELSEWHERE,
            (true, true) => HOLD_ELSEWHERE | HOLD_CGROUPS,
        },
        own: if options.hold && !options.host {
            own_namespaces()
        } else {
            [0; 8]
        },
        host: u32::from(options.host),
        padding: [0; 2],
        syscalls: [0; SYSCALL_WORDS],
        path_argument: [0; 2 * SYSCALL_WORDS],
    };
    // Of the host as a whole, what changes namespaces alone.
    let of_host = |call: &&syscalls::Recorded| {
        !options.host || [syscalls::SETNS, syscalls::UNSHARE].contains(&call.number)
    };
    for call in syscalls::RECORDED
        .iter()
        .filter(of_host)
        .chain(options.signals.then_some(&syscalls::KILL))
    {
        config.syscalls[call.number as usize / 64] |= 1 << (call.number % 64);
        config.path_argument[call.number as usize / 32] |=
            u64::from(call.path_argument) << (2 * (call.number % 32));
    }
    config
}

/// The namespaces of this process, in the order of [`Config::own`]; 0 = this kernel has none of
/// that kind.
fn own_namespaces() -> [u32; 8] {
    ["mnt", "uts", "ipc", "pid", "net", "time", "cgroup", "user"].map(|kind| {
        let own = std::fs::metadata(format!("/proc/self/ns/{kind}"));
        own.map_or(0, |own| u32::try_from(own.ino()).unwrap_or(0))
    })
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
