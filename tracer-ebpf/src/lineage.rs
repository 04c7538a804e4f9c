//! Who a task descends from: the walk up `real_parent`. Owns what is kept of each ancestor.

use tracer_common::{
    Kind,
    record::{Ancestor, LineageRecord, MAX_LINEAGE},
};

use crate::{
    emit::emit,
    fact, host,
    kernel::{self, known, offset, pointer, read},
    scope,
};

/// The task was forked and has executed nothing since (`include/linux/sched.h`).
const PF_FORKNOEXEC: u32 = 0x40;

/// Whether a task is likely the first of a container that executes a program: it comes from elsewhere, or
/// its parent has executed nothing there: it left the host's namespaces itself, as `unshare --fork` does, or was
/// created in others, as the first process of bwrap's containers.
/// What is missed is looked up in /proc by user space.
#[inline(always)]
pub fn is_first(task: u64) -> bool {
    if comes_from_elsewhere(task) {
        return true;
    }
    let parent = pointer(task, offset!(task_real_parent));
    // Whoever was executed elsewhere, or created by somebody there, is marked.
    if !host::is_marked(scope::tgid(parent)) {
        return true;
    }
    let flags: u32 = read(parent, offset!(task_flags));
    flags & PF_FORKNOEXEC != 0 && comes_from_elsewhere(parent)
}

/// Whether a task's parent is in other namespaces, or it is the first process of its own PID namespace.
#[inline(always)]
fn comes_from_elsewhere(task: u64) -> bool {
    let parent = pointer(task, offset!(task_real_parent));
    let of = |task: u64| {
        (
            pointer(task, offset!(task_nsproxy)),
            fact::user_namespace(task),
        )
    };
    of(task) != of(parent) || fact::own_pid(task).number == 1
}

/// Records the ancestors of the task at `task`.
#[inline(always)]
pub fn record(task: u64) {
    emit::<LineageRecord>(Kind::LINEAGE, task, |record| {
        let mut at = pointer(task, offset!(task_group_leader));
        let mut count = 0;
        let mut more = 1;
        for ancestor in record.ancestors.iter_mut().take(MAX_LINEAGE) {
            let parent = pointer(at, offset!(task_real_parent));
            let tgid: u32 = read(parent, offset!(task_tgid));
            // The first process, and the kernel's first task above it, whose number is 0.
            if tgid == 0 {
                more = 0;
                break;
            }
            at = pointer(parent, offset!(task_group_leader));
            of(ancestor, at, tgid);
            count += 1;
        }
        record.count = count;
        record.truncated = more;
    });
}

#[inline(always)]
fn of(ancestor: &mut Ancestor, task: u64, tgid: u32) {
    ancestor.tgid = tgid;
    ancestor.start_ns = read(task, offset!(task_start_boottime));
    ancestor.uid = read(pointer(task, offset!(task_cred)), offset!(cred_uid));
    kernel::read_into(&mut ancestor.comm, task, offset!(task_comm));
    if known!(mm_exe_file, file_path, dentry_name) {
        let file = pointer(pointer(task, offset!(task_mm)), offset!(mm_exe_file));
        let path = file.wrapping_add(u64::from(offset!(file_path)));
        let dentry = pointer(path, offset!(path_dentry));
        kernel::name(&mut ancestor.exe, pointer(dentry, offset!(dentry_name)));
    }
}
