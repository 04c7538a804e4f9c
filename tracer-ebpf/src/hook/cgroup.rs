//! Cgroups made and removed, and tasks moved into them.

use tracer_common::{
    Kind,
    record::{AttachRecord, CgroupRecord},
};

use super::Arguments;
use crate::{
    elsewhere,
    emit::emit,
    fact, host,
    kernel::{self, config, offset},
    scope,
};

/// A cgroup was made by a task in scope; by another, it may become somebody's in scope.
#[inline(always)]
pub fn cgroup_mkdir(arguments: Arguments) {
    let task = kernel::current();
    if is_told(task) {
        directory(Kind::CGROUP_MKDIR, task, arguments);
    } else {
        elsewhere::made(arguments.address::<0>(), task);
    }
}

/// A cgroup was removed by a task in scope.
#[inline(always)]
pub fn cgroup_rmdir(arguments: Arguments) {
    let task = kernel::current();
    if is_told(task) {
        directory(Kind::CGROUP_RMDIR, task, arguments);
    } else {
        elsewhere::removed(arguments.address::<0>());
    }
}

#[inline(always)]
fn is_told(task: u64) -> bool {
    config!(host) != 0 || scope::contains(scope::tgid(task))
}

#[inline(always)]
fn directory(kind: Kind, task: u64, arguments: Arguments) {
    let cgroup = arguments.address::<0>();
    let path = arguments.address::<1>();
    emit::<CgroupRecord>(kind, task, |record| {
        fact::cgroup(&mut record.cgroup, cgroup);
        kernel::string(&mut record.path, path);
    });
}

/// A task was moved: recorded when either the mover or the moved is in scope, so that a stranger
/// who takes a task of ours out of its cgroup is seen.
#[inline(always)]
pub fn cgroup_attach_task(arguments: Arguments) {
    let mover = kernel::current();
    let target = arguments.address::<2>();
    if config!(host) != 0 {
        let leader = kernel::pointer(target, offset!(task_group_leader));
        let start = kernel::read(leader, offset!(task_start_boottime));
        host::mark(scope::tgid(target), start);
    } else if !scope::contains(scope::tgid(mover)) && !scope::contains(scope::tgid(target)) {
        return;
    } else if scope::is_set_apart_by_cgroups(scope::tgid(target)) {
        scope::changed(scope::tgid(target));
    }
    let cgroup = arguments.address::<0>();
    let path = arguments.address::<1>();
    if config!(host) == 0 {
        elsewhere::tell(cgroup, path, mover);
    }
    let threadgroup = arguments.get::<3>() as u8;
    emit::<AttachRecord>(Kind::CGROUP_ATTACH, mover, |record| {
        fact::identity(&mut record.target, target);
        fact::cgroup(&mut record.cgroup, cgroup);
        record.threadgroup = u32::from(threadgroup != 0);
        kernel::string(&mut record.path, path);
    });
}
