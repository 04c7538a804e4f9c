//! How the kernel serves a task: its turn on the processor and on disks, and the memory nodes that
//! it is given. Owns these reads; they have no loops.

use tracer_common::record::{
    Certificate, DeadlineParameters, MemoryPolicy, NODE_WORDS, Scheduling,
};

use crate::{
    kernel::{self, known, offset, pointer, read, read_into},
    limit,
};

/// `static_prio` of nice value 0 (include/linux/sched/prio.h, `DEFAULT_PRIO`).
const DEFAULT_PRIO: i32 = 120;

/// Reads all of them; gives the valid bits.
#[inline(always)]
pub fn all(certificate: &mut Certificate, task: u64) -> u64 {
    let mut valid = scheduling(&mut certificate.scheduling, task);
    if known!(task_io_context, io_context_ioprio) {
        // Without a context none was set; it is null, from which nothing can be read, which gives 0.
        let context = pointer(task, offset!(task_io_context));
        let priority: u16 = read(context, offset!(io_context_ioprio));
        certificate.io_priority = u32::from(priority);
        valid |= Certificate::IO_PRIORITY;
    }
    valid |= memory_policy(&mut certificate.memory_policy, task);
    if known!(
        ssid_cpuset,
        cpuset_effective_mems,
        cpuset_effective_mems_size
    ) {
        let state = limit::css(task, offset!(ssid_cpuset));
        nodes(
            &mut certificate.cpuset_mems,
            offset!(cpuset_effective_mems_size),
            state.wrapping_add(u64::from(offset!(cpuset_effective_mems))),
        );
        valid |= Certificate::CPUSET_MEMS;
    }
    valid
}

/// As sched_getattr(2) tells it (kernel/sched/syscalls.c). One read takes the parameters of
/// deadlines, so they must stand side by side, as they do in the source (include/linux/sched.h,
/// `struct sched_dl_entity`).
#[inline(always)]
fn scheduling(scheduling: &mut Scheduling, task: u64) -> u64 {
    let side_by_side = size_of::<DeadlineParameters>() as u32 - 8;
    if !known!(
        task_policy,
        task_static_prio,
        task_rt_priority,
        task_reset_on_fork,
        task_dl_runtime,
        task_dl_deadline,
        task_dl_period,
        task_dl_flags
    ) || offset!(task_dl_period).wrapping_sub(offset!(task_dl_runtime)) != side_by_side
    {
        return 0;
    }
    scheduling.policy = read(task, offset!(task_policy));
    let priority: i32 = read(task, offset!(task_static_prio));
    scheduling.nice = priority.wrapping_sub(DEFAULT_PRIO);
    scheduling.priority = read(task, offset!(task_rt_priority));
    let bit = offset!(task_reset_on_fork);
    let byte: u8 = read(task, bit / 8);
    let reset = u32::from(byte) >> (bit % 8) & Scheduling::RESET_ON_FORK;
    let flags: u32 = read(task, offset!(task_dl_flags));
    scheduling.flags = reset | flags & (Scheduling::RECLAIM | Scheduling::OVERRUN);
    read_into(&mut scheduling.deadline, task, offset!(task_dl_runtime));
    Certificate::SCHEDULING
}

/// As get_mempolicy(2) tells it (mm/mempolicy.c, `get_policy_nodemask`): with static or relative
/// nodes those that were asked for.
#[inline(always)]
fn memory_policy(policy: &mut MemoryPolicy, task: u64) -> u64 {
    if !known!(
        task_mempolicy,
        mempolicy_mode,
        mempolicy_flags,
        mempolicy_nodes,
        mempolicy_nodes_size,
        mempolicy_asked
    ) {
        return 0;
    }
    // Without one it is null, from which nothing can be read, which gives 0: the default.
    let own = pointer(task, offset!(task_mempolicy));
    let mode: u16 = read(own, offset!(mempolicy_mode));
    let flags: u16 = read(own, offset!(mempolicy_flags));
    (policy.mode, policy.flags) = (u32::from(mode), u32::from(flags));
    // Instead of a branch, which the verifier would walk twice.
    let as_asked = MemoryPolicy::STATIC_NODES | MemoryPolicy::RELATIVE_NODES;
    let between = offset!(mempolicy_asked).wrapping_sub(offset!(mempolicy_nodes));
    let further = u64::from(policy.flags & as_asked != 0) * u64::from(between);
    let source = own.wrapping_add(u64::from(offset!(mempolicy_nodes)) + further);
    nodes(
        &mut policy.nodes,
        offset!(mempolicy_nodes_size),
        u64::from(own != 0) * source,
    );
    Certificate::MEMORY_POLICY
}

/// A mask of nodes, of which bits that stand for none are zero.
#[inline(always)]
fn nodes(mask: &mut [u64; NODE_WORDS], size: u32, source: u64) {
    kernel::read_part(mask, size.min(8 * NODE_WORDS as u32), source, 0);
}
