//! `task_newtask`: a task was created. `copy_process()` has run `cgroup_post_fork()` by then, so
//! the child's css_set is final, `CLONE_INTO_CGROUP` included.

use tracer_common::{Kind, record::ForkRecord};

use super::Arguments;
use crate::{
    emit::emit,
    fact,
    kernel::{self, offset},
    scope,
};

/// `CLONE_THREAD` (include/uapi/linux/sched.h).
const CLONE_THREAD: u64 = 0x0001_0000;
/// `CLONE_NEWTIME`, `CLONE_NEWNS`, `CLONE_NEWCGROUP`, `CLONE_NEWUTS`, `CLONE_NEWIPC`,
/// `CLONE_NEWUSER`, `CLONE_NEWPID` and `CLONE_NEWNET` (include/uapi/linux/sched.h).
const NEW_NAMESPACES: u64 = 0x7e02_0080;

/// Takes the child into scope and records it.
#[inline(always)]
pub fn task_newtask(arguments: Arguments) {
    let caller = kernel::current();
    if !scope::contains(scope::tgid(caller)) {
        return;
    }
    let child = arguments.get::<0>();
    let flags = arguments.get::<1>();
    if flags & CLONE_THREAD == 0 {
        scope::enter(
            scope::tgid(child),
            kernel::read(child, offset!(task_start_boottime)),
            scope::tgid(caller),
            flags & NEW_NAMESPACES != 0,
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
