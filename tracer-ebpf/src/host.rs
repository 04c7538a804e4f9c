//! Observing the whole host: of which tasks anything is told. Those in other namespaces than the
//! machine began with, and those that were moved to another cgroup, which are marked in the map
//! `SCOPE`. Everybody else costs a few reads and tells nothing.

use tracer_common::{
    Counter,
    config::{EXECUTED, Host},
    record::NamespaceSet,
};
use zerocopy::FromZeros as _;

use crate::{
    emit, fact,
    kernel::{self, config, offset},
    map::{HOST, SCOPE},
    scope,
};

/// Whether a namespace of that kind is another than the host's.
#[inline(always)]
fn differs(host: u32, task: u32) -> bool {
    host != 0 && host != task
}

/// Whether a task is in any namespace that is not the host's; while that is not known, everybody is.
#[inline(always)]
pub fn is_elsewhere(task: u64) -> bool {
    let Some(host) = HOST.get(0) else {
        return true;
    };
    // Almost every task shares both with the first one, which keeps them from being given to others.
    let nsproxy = kernel::pointer(task, offset!(task_nsproxy));
    if host.nsproxy == nsproxy && host.user == fact::user_namespace(task) {
        return false;
    }
    // Almost everybody else is in another mount namespace, which takes two reads and not all of them.
    let mnt = kernel::pointer(nsproxy, offset!(nsproxy_mnt));
    differs(host.own[0], kernel::read(mnt, offset!(mnt_inum)))
        // setns back to the host's namespaces leaves a task with an nsproxy of its own.
        || host.nsproxy == 0
        || has_other_namespaces(task) != 0
}

/// Whether a task has a namespace that is not the host's, looked at one by one: 1 or 0. A global function, as the set
/// takes more of the stack than its callers, each of which fills a record by further calls, can spare: the kernel
/// allows 512 bytes for all that are under way.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn has_other_namespaces(task: u64) -> u32 {
    let Some(host) = HOST.get(0) else {
        return 1;
    };
    let mut set = NamespaceSet::new_zeroed();
    fact::namespaces(&mut set, task);
    let other = differs(host.own[0], set.mnt)
        || differs(host.own[1], set.uts)
        || differs(host.own[2], set.ipc)
        || differs(host.own[3], set.pid)
        || differs(host.own[4], set.net)
        || differs(host.own[5], set.time)
        || differs(host.own[6], set.cgroup)
        || differs(host.own[7], set.user)
        || differs(host.own[3], set.pid_for_children)
        || differs(host.own[5], set.time_for_children);
    u32::from(other)
}

/// Takes the namespaces that the machine began with, which a thread of the kernel's has, for the host's.
#[inline(always)]
pub fn learn(task: u64) {
    let Some(slot) = HOST.get_ptr_mut(0) else {
        return;
    };
    let mut set = NamespaceSet::new_zeroed();
    fact::namespaces(&mut set, task);
    let host = Host {
        nsproxy: kernel::pointer(task, offset!(task_nsproxy)),
        user: fact::user_namespace(task),
        own: [
            set.mnt, set.uts, set.ipc, set.pid, set.net, set.time, set.cgroup, set.user,
        ],
    };
    // SAFETY: the slot is memory of the map; whoever reads half of the old and half of the new takes
    // a task of the host for one elsewhere, which tells more and not less.
    unsafe { *slot = host };
}

#[inline(always)]
fn put(tgid: u32, value: u64) {
    if SCOPE.insert(tgid, value, 0).is_err() {
        emit::count(Counter::SCOPE_FULL);
    }
}

/// Marks a thread group that was moved to another cgroup. What was decided of it stays so, and who is held is held.
#[inline(always)]
pub fn mark(tgid: u32, start_ns: u64) {
    let stays = if config!(hold) != 0 {
        scope::stays(tgid)
    } else {
        0
    };
    put(tgid, start_ns | stays);
}

/// Marks a new thread group: one that was created in another cgroup, or by one that was moved; else one
/// that is told of because it is elsewhere, so that its end is told, too, wherever it has gone by then.
/// `decided` is what is known of it, as [`scope::decided`] has it.
#[inline(always)]
pub fn created(tgid: u32, start_ns: u64, moved: bool, decided: u64) {
    let executed = if moved { 0 } else { EXECUTED };
    put(tgid, start_ns | executed | decided);
}

/// Marks one that is told of because it executes a program elsewhere.
#[inline(always)]
pub fn told(tgid: u32, start_ns: u64) {
    put(tgid, start_ns | EXECUTED);
}

/// Whether a thread group is marked.
#[inline(always)]
pub fn is_marked(tgid: u32) -> bool {
    // SAFETY: the value is only tested for presence, never read.
    unsafe { SCOPE.get(tgid) }.is_some()
}

/// Whether what a thread group creates is marked like itself: it was moved, and executes what it
/// was moved for only now, or a child of it does.
#[inline(always)]
pub fn passes_mark_on(tgid: u32) -> bool {
    // SAFETY: values are replaced as a whole; an old one is as good as a new one.
    unsafe { SCOPE.get(tgid) }.is_some_and(|value| value & EXECUTED == 0)
}

/// Notes that a thread group executes a program, and says whether it passed its mark on until then; `None` if
/// it is not marked.
#[inline(always)]
pub fn executes(tgid: u32) -> Option<bool> {
    let value = SCOPE.get_ptr_mut(tgid)?;
    // SAFETY: the entry is memory of the map until the program ends; two that store at once store the same.
    unsafe {
        let before = *value;
        *value = before | EXECUTED;
        Some(before & EXECUTED == 0)
    }
}
