//! Holding a payload: who executes a program in other namespaces than tracer's own, or than the host's
//! where the whole host is observed, or, where that is asked for, in other cgroups, is stopped before
//! its first instruction, until user space has judged it.
//! Owns who is held and how.

use aya_ebpf::helpers::generated::bpf_send_signal;
use tracer_common::{
    config::{HOLD_CGROUPS, UNTOLD},
    record::{CertificateRecord, NamespaceSet},
};

use zerocopy::FromZeros as _;

use crate::{
    fact, host,
    kernel::{self, config, offset},
    map::{OWN_CGROUPS, REQUEST},
    scope,
};

/// Of include/uapi/asm-generic/signal.h, which x86-64 and arm64 follow.
const SIGKILL: u32 = 9;
pub const SIGSTOP: u32 = 19;

/// Whether payloads are held at all, at this moment, and this is not one that was judged.
#[inline(always)]
fn wanted(tgid: u32) -> bool {
    config!(hold) != 0
        && REQUEST.get(0).is_some_and(|request| request.hold != 0)
        && !scope::is_let_go(tgid)
}

/// Whether a namespace of that kind is another than tracer's.
#[inline(always)]
fn differs(own: u32, task: u32) -> bool {
    own != 0 && own != task
}

#[inline(always)]
fn is_elsewhere(set: &NamespaceSet, task: u64) -> bool {
    if config!(host) != 0 {
        return host::is_elsewhere(task);
    }
    differs(config!(own[0]), set.mnt)
        || differs(config!(own[1]), set.uts)
        || differs(config!(own[2]), set.ipc)
        || differs(config!(own[3]), set.pid)
        || differs(config!(own[4]), set.net)
        || differs(config!(own[5]), set.time)
        || differs(config!(own[6]), set.cgroup)
        || differs(config!(own[7]), set.user)
}

/// Whether a task is in other cgroups than tracer, in any hierarchy; while tracer's are not known,
/// everybody is. Tasks with the same cgroups share one `css_set` (find_css_set() in
/// kernel/cgroup/cgroup.c). More are held than are containers: user space lets go of those that are in
/// a cgroup which was there before.
#[inline(always)]
fn is_in_other_cgroups(task: u64) -> bool {
    let own = OWN_CGROUPS.get(0).map_or(0, |own| *own);
    config!(hold) & HOLD_CGROUPS != 0 && own != kernel::pointer(task, offset!(task_cgroups))
}

/// Takes the cgroups of this task for tracer's own.
#[inline(always)]
pub fn learn(task: u64) {
    if config!(hold) & HOLD_CGROUPS == 0 {
        return;
    }
    let own = kernel::pointer(task, offset!(task_cgroups));
    if let Some(slot) = OWN_CGROUPS.get_ptr_mut(0) {
        // SAFETY: the slot is memory of the map, of the size that is written at once.
        unsafe { *slot = own };
    }
}

/// Stops the current task, on its way to user mode. The kernel may refuse.
#[inline(always)]
fn stop() -> bool {
    // SAFETY: a helper that takes a number and acts on the current task.
    (unsafe { bpf_send_signal(SIGSTOP) }) == 0
}

/// Stops the current task, which is executing a program, if it is to be held. What became of it is
/// for its record, which is submitted afterwards: whoever reads that lets go of a task that has
/// its signal already. The signal is dealt with on the way to user mode, before the first
/// instruction, and stops the first process of a PID namespace like any other: it is the kernel's
/// (kernel/signal.c, `sig_task_ignored`).
#[inline(always)]
pub fn hold(set: &NamespaceSet, task: u64, tgid: u32) -> u32 {
    if !wanted(tgid) || !is_elsewhere(set, task) && !is_in_other_cgroups(task) {
        return CertificateRecord::FREE;
    }
    if stop() {
        // Who has no room in the table is held all the same, but by nobody's book.
        let _full = scope::held(tgid, 0);
        CertificateRecord::HELD
    } else {
        CertificateRecord::NOT_HELD
    }
}

/// Ends the current task, whose record was lost, if it might have been held: nobody would judge
/// it, and nobody let go of it. On the whole host it is held, and user space looks for it: it may be
/// somebody of whom nothing is expected.
#[inline(always)]
pub fn lost(task: u64, tgid: u32) {
    if wanted(tgid) {
        hold_of_lost(task, tgid);
    }
}

/// A global function for its set's sake, as [`host::has_other_namespaces`]. Gives 0.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn hold_of_lost(task: u64, tgid: u32) -> u32 {
    let mut set = NamespaceSet::new_zeroed();
    fact::namespaces(&mut set, task);
    if is_elsewhere(&set, task) || is_in_other_cgroups(task) {
        if config!(host) != 0 && scope::held(tgid, UNTOLD) && stop() {
            return 0;
        }
        // SAFETY: as in `stop`. A task that cannot be sent a signal goes on; the lost record makes the
        // verdict inconclusive.
        let _refused = unsafe { bpf_send_signal(SIGKILL) };
    }
    0
}
