//! `iter/task`: certificates of tasks at rest, and the inventory of all tasks. Its records go
//! through the ring like all others, so that they are ordered, counted and recorded alike.

use tracer_common::{
    Kind,
    record::{CertificateRecord, TaskRecord},
};

use super::Arguments;
use crate::{
    certificate, device,
    emit::emit,
    fact, hold, host,
    kernel::{self, config, offset},
    map::REQUEST,
    scope,
};

/// `PF_KTHREAD` (include/linux/sched.h).
const PF_KTHREAD: u32 = 0x0020_0000;

/// Number of the kernel's thread that starts all others of its own, which is in the namespaces that the
/// machine began with (init/main.c, `rest_init`). The first process may have left them, or be hidden.
const KTHREADD: u32 = 2;

/// `struct bpf_iter__task { struct bpf_iter_meta *meta; struct task_struct *task; }`; the task
/// is null at the end of the walk.
#[inline(always)]
pub fn task(arguments: Arguments) {
    let task = arguments.address::<1>();
    if task == 0 {
        return;
    }
    let Some(request) = REQUEST.get(0) else {
        return;
    };
    let tgid = scope::tgid(task);
    let tid: u32 = kernel::read(task, offset!(task_pid));
    if config!(host) != 0 && tid == KTHREADD {
        host::learn(task);
    }
    if tid == config!(root_tgid) {
        hold::learn(task);
    }
    if request.tgid == tgid && tid == tgid {
        device::programs(task);
        emit::<CertificateRecord>(Kind::SNAPSHOT, task, |record| {
            certificate::certify(&mut record.certificate, task);
        });
    }
    if request.inventory != 0 {
        emit::<TaskRecord>(Kind::TASK, task, |record| {
            let flags: u32 = kernel::read(task, offset!(task_flags));
            record.flags = u32::from(flags & PF_KTHREAD != 0) * TaskRecord::KERNEL_THREAD;
            record.parent_tgid = fact::parent(task);
            fact::namespaces(&mut record.namespaces, task);
            fact::cgroups(&mut record.cgroups, task);
        });
    }
}
