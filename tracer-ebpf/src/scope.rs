//! Is this task ours? The process that started the run, and everything that descends from it:
//! inherited at fork inside the kernel, so no round trip can come too late.

use tracer_common::Counter;

use crate::{
    emit,
    kernel::{self, config, offset},
    map::SCOPE,
};

/// Thread group of the task at `task`.
#[inline(always)]
pub fn tgid(task: u64) -> u32 {
    kernel::read(task, offset!(task_tgid))
}

/// Whether the thread group is in scope.
#[inline(always)]
pub fn contains(tgid: u32) -> bool {
    // SAFETY: the value is only tested for presence, never read.
    tgid == config!(root_tgid) || unsafe { SCOPE.get(tgid) }.is_some()
}

/// Takes a new thread group into scope.
#[inline(always)]
pub fn enter(tgid: u32, start_ns: u64) {
    if SCOPE.insert(tgid, start_ns, 0).is_err() {
        emit::count(Counter::SCOPE_FULL);
    }
}

/// Lets go of a thread group that has ended, so that a later one with its number is not ours.
#[inline(always)]
pub fn leave(tgid: u32) {
    // A number that is not in the table is not an error: the caller need not know.
    let _absent = SCOPE.remove(tgid);
}
