//! `sched_process_exit`: a task ended, and what its cgroups limited it to then: a limit that is
//! written to a cgroup's file has no hook of its own.

use tracer_common::{Kind, record::ExitRecord};

use super::Arguments;
use crate::{
    emit::emit,
    fact, host,
    kernel::{self, config, offset},
    limit, scope,
};

/// Records the end of a task in scope and lets go of its group with the last thread.
#[inline(always)]
pub fn sched_process_exit(_arguments: Arguments) {
    // Whoever ends is the current task (kernel/exit.c, `do_exit`).
    let task = kernel::current();
    let tgid = scope::tgid(task);
    if config!(host) == 0 && !scope::contains(tgid) {
        return;
    }
    // `do_exit()` counts the thread out before it fires the tracepoint (kernel/exit.c).
    let signal = kernel::pointer(task, offset!(task_signal));
    let live: u32 = kernel::read(signal, offset!(signal_live));
    let group_dead = u32::from(live == 0);
    if config!(host) != 0
        && (group_dead == 0 || !host::is_marked(tgid) && !host::is_elsewhere(task))
    {
        return;
    }
    emit::<ExitRecord>(Kind::EXIT, task, |record| {
        record.code = kernel::read(task, offset!(task_exit_code));
        record.group_dead = group_dead;
        if group_dead == 1 {
            // `do_exit()` takes the task out of its cgroups only later (`cgroup_exit()`).
            record.valid = limit::all(
                &mut record.memory,
                &mut record.pids,
                &mut record.cpu,
                &mut record.cpuset_cpus,
                task,
            );
        }
        if config!(host) != 0 {
            // `exit_nsproxy_namespaces()` comes only later.
            fact::namespaces(&mut record.namespaces, task);
        }
    });
    if group_dead == 1 {
        scope::leave(tgid);
    }
}
