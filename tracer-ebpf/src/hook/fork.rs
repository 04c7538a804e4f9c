//! `task_newtask`: a task was created. `copy_process()` has run `cgroup_post_fork()` by then, so
//! the child's css_set is final, `CLONE_INTO_CGROUP` included.

use tracer_common::{Kind, record::ForkRecord};

use super::Arguments;
use crate::{
    emit::emit,
    fact, host,
    kernel::{self, config, offset},
    scope,
};

/// `CLONE_THREAD` (include/uapi/linux/sched.h).
const CLONE_THREAD: u64 = 0x0001_0000;
/// `CLONE_NEWTIME`, `CLONE_NEWNS`, `CLONE_NEWCGROUP`, `CLONE_NEWUTS`, `CLONE_NEWIPC`,
/// `CLONE_NEWUSER`, `CLONE_NEWPID` and `CLONE_NEWNET` (include/uapi/linux/sched.h).
const NEW_NAMESPACES: u64 = 0x7e02_0080;

/// `CLONE_INTO_CGROUP` (include/uapi/linux/sched.h).
const CLONE_INTO_CGROUP: u64 = 1 << 33;

/// Takes the child into scope and records it.
#[inline(always)]
pub fn task_newtask(arguments: Arguments) {
    let caller = kernel::current();
    let child = arguments.address::<0>();
    let flags = arguments.get::<1>();
    if config!(host) != 0 {
        if !is_told(caller, child, flags) {
            return;
        }
    } else if !scope::contains(scope::tgid(caller)) {
        return;
    } else if flags & CLONE_THREAD == 0 {
        scope::enter(
            scope::tgid(child),
            kernel::read(child, offset!(task_start_boottime)),
            scope::tgid(caller),
            is_set_apart(caller, child, flags)
                || flags & CLONE_INTO_CGROUP != 0
                    && scope::is_set_apart_by_cgroups(scope::tgid(caller)),
        );
    }
    emit::<ForkRecord>(Kind::FORK, caller, |record| {
        fact::identity(&mut record.child, child);
        record.flags = flags;
        record.parent_tgid = fact::parent(child);
        record.vpid = fact::own_pid(child).number;
        fact::namespaces(&mut record.namespaces, child);
        fact::cgroups(&mut record.cgroups, child);
    });
}

/// Whether a new task is in other namespaces than its creator, if only in those that the creator has
/// made for its children: what was decided of that is not decided of it.
#[inline(always)]
fn is_set_apart(caller: u64, child: u64, flags: u64) -> bool {
    let proxy = |task| kernel::pointer(task, offset!(task_nsproxy));
    flags & NEW_NAMESPACES != 0
        || config!(hold) != 0
            && (proxy(caller) != proxy(child)
                || fact::own_pid(caller).namespace != fact::own_pid(child).namespace)
}

/// Whether a new task is told of where the whole host is observed; threads never are. One that is
/// created in another cgroup is marked, and the child of one that was moved and has executed nothing
/// since.
#[inline(always)]
fn is_told(caller: u64, child: u64, flags: u64) -> bool {
    if flags & CLONE_THREAD != 0 {
        return false;
    }
    let moved = flags & CLONE_INTO_CGROUP != 0 || host::passes_mark_on(scope::tgid(caller));
    if !moved && !host::is_elsewhere(child) {
        return false;
    }
    let start = kernel::read(child, offset!(task_start_boottime));
    let decided = if config!(hold) == 0 || is_set_apart(caller, child, flags) {
        0
    } else {
        scope::decided(scope::tgid(caller))
    };
    host::created(scope::tgid(child), start, moved, decided);
    true
}
