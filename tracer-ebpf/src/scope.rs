//! Is this task ours? The process that started the run, and everything that descends from it:
//! inherited at fork inside the kernel, so no round trip can come too late.

use tracer_common::{
    Counter,
    config::{HELD, HOLD_CGROUPS, KEEPS_NAMESPACES, LET_GO, UNTOLD},
};

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

/// Takes a new thread group into scope, and, unless it is set apart from its creator, what was
/// decided of that along with it.
#[inline(always)]
pub fn enter(tgid: u32, start_ns: u64, creator: u32, set_apart: bool) {
    let mut value = start_ns;
    if config!(hold) != 0 && !set_apart {
        value |= decided(creator);
    }
    if SCOPE.insert(tgid, value, 0).is_err() {
        emit::count(Counter::SCOPE_FULL);
    }
}

/// What was decided of a thread group: bits of its value.
#[inline(always)]
pub fn decided(tgid: u32) -> u64 {
    // SAFETY: user space replaces the value as a whole; an old one is as good as a new one.
    unsafe { SCOPE.get(tgid) }.map_or(0, |value| value & (LET_GO | KEEPS_NAMESPACES))
}

/// What is known of a thread group that a move to another cgroup does not change.
#[inline(always)]
pub fn stays(tgid: u32) -> u64 {
    const STAYS: u64 = LET_GO | KEEPS_NAMESPACES | HELD | UNTOLD;
    // SAFETY: as above.
    unsafe { SCOPE.get(tgid) }.map_or(0, |value| value & STAYS)
}

/// Whether the thread group belongs to a container that has been judged.
#[inline(always)]
pub fn is_let_go(tgid: u32) -> bool {
    decided(tgid) & LET_GO != 0
}

/// Whether it was let go on the condition that it keeps its namespaces.
#[inline(always)]
pub fn keeps_namespaces(tgid: u32) -> bool {
    decided(tgid) & KEEPS_NAMESPACES != 0
}

/// Whether a thread group, or what it creates, is another container in another cgroup: where nothing
/// else tells two apart, and who was let go on the condition that it keeps its namespaces is not let
/// off it.
#[inline(always)]
pub fn is_set_apart_by_cgroups(tgid: u32) -> bool {
    config!(hold) & HOLD_CGROUPS != 0 && !keeps_namespaces(tgid)
}

/// Has a thread group held again when it executes a program, as it has changed its namespaces, or its
/// cgroup.
#[inline(always)]
pub fn changed(tgid: u32) {
    if config!(hold) == 0 {
        return;
    }
    if let Some(value) = SCOPE.get_ptr_mut(tgid) {
        // SAFETY: the entry is memory of the map until the program ends; two threads of the group
        // that store at once store the same.
        unsafe { *value &= !LET_GO };
    }
}

/// Notes that a thread group is held, and with `why` in which way. Where it is not in the table,
/// nothing can be noted, and that is told.
#[inline(always)]
pub fn held(tgid: u32, why: u64) -> bool {
    let Some(value) = SCOPE.get_ptr_mut(tgid) else {
        return false;
    };
    // SAFETY: the entry is memory of the map until the program ends; of a group that executes a
    // program one thread is left, and nobody else stores these bits.
    unsafe { *value |= HELD | why };
    true
}

/// Removes a thread group that has ended, so that a later one with its number is not ours.
#[inline(always)]
pub fn leave(tgid: u32) {
    // A number that is not in the table is not an error: the caller need not know.
    let _absent = SCOPE.remove(tgid);
}
