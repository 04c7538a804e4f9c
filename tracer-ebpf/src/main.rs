//! The kernel side: programs on the kernel's tracepoints that read kernel objects and emit
//! records. This file owns the entry points alone: each hook has a BTF and a raw form with one
//! body, so that the fallback cannot disagree with the preferred way.
#![cfg_attr(target_arch = "bpf", no_std, no_main)]
#![allow(
    clippy::cast_possible_truncation,
    reason = "registers are 64 bits wide, what they hold is as wide as its kernel type"
)]
#![allow(
    unsafe_code,
    reason = "kernel memory and maps are reached through raw helpers"
)]

mod attribute;
mod certificate;
mod device;
mod elsewhere;
mod emit;
mod fact;
mod hold;
mod hook;
mod host;
mod kernel;
mod limit;
mod lineage;
#[cfg(feature = "log")]
mod log;
mod map;
mod refuse;
mod schedule;
mod scope;

use aya_ebpf::{
    EbpfContext as _,
    macros::{btf_tracepoint, fexit, lsm, raw_tracepoint},
    programs::{BtfTracePointContext, FExitContext, LsmContext, RawTracePointContext},
};
use hook::Arguments;

/// Declares the BTF form `$name` and the raw form `$raw` of the tracepoint `$tracepoint`.
macro_rules! tracepoint {
    ($(#[$doc:meta])* $tracepoint:literal, $name:ident, $raw:ident, $body:path) => {
        $(#[$doc])*
        #[btf_tracepoint(function = $tracepoint)]
        pub fn $name(ctx: BtfTracePointContext) -> i32 {
            $body(Arguments::new(ctx.as_ptr()));
            0
        }

        $(#[$doc])*
        #[raw_tracepoint(tracepoint = $tracepoint)]
        pub fn $raw(ctx: RawTracePointContext) -> i32 {
            $body(Arguments::new(ctx.as_ptr()));
            0
        }
    };
}

tracepoint! {
    /// `void task_newtask(struct task_struct *task, u64 clone_flags)`, since 3.4.
    "task_newtask", task_newtask, raw_task_newtask, hook::fork::task_newtask
}
tracepoint! {
    /// `void sched_process_exec(struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm)`,
    /// since 3.4. It fires after credentials are committed and close-on-exec descriptors are
    /// closed (fs/exec.c, `exec_binprm`).
    "sched_process_exec", sched_process_exec, raw_sched_process_exec, hook::exec::sched_process_exec
}
tracepoint! {
    /// `void sched_process_exit(struct task_struct *p)`, since 2.6; 6.17 adds `bool group_dead`,
    /// which is not used.
    "sched_process_exit", sched_process_exit, raw_sched_process_exit, hook::exit::sched_process_exit
}
tracepoint! {
    /// `void cgroup_mkdir(struct cgroup *cgrp, const char *path)`, since 3.11.
    "cgroup_mkdir", cgroup_mkdir, raw_cgroup_mkdir, hook::cgroup::cgroup_mkdir
}
tracepoint! {
    /// `void cgroup_rmdir(struct cgroup *cgrp, const char *path)`, since 3.11.
    "cgroup_rmdir", cgroup_rmdir, raw_cgroup_rmdir, hook::cgroup::cgroup_rmdir
}
tracepoint! {
    /// `void cgroup_attach_task(struct cgroup *dst_cgrp, const char *path,
    /// struct task_struct *task, bool threadgroup)`, since 3.11. Not fired by fork, not even by
    /// `CLONE_INTO_CGROUP`: that way in shows in the fork record.
    "cgroup_attach_task", cgroup_attach_task, raw_cgroup_attach_task, hook::cgroup::cgroup_attach_task
}
tracepoint! {
    /// `void sys_exit(struct pt_regs *regs, long ret)`, since 2.6: setns, unshare and, for the
    /// timeline, the calls that set a container up.
    "sys_exit", sys_exit, raw_sys_exit, hook::syscall::sys_exit
}

/// `long __x64_sys_setns(const struct pt_regs *regs)`, since 4.17, or what it is called on another
/// architecture, which the loader knows: what sys_exit tells of it, at no
/// cost to any other system call.
#[fexit(function = "__x64_sys_setns")]
#[expect(
    clippy::needless_pass_by_value,
    reason = "the entry that aya makes hands it over"
)]
pub fn fexit_setns(ctx: FExitContext) -> i32 {
    hook::syscall::namespace_call(Arguments::new(ctx.as_ptr()));
    0
}

/// `long __x64_sys_unshare(const struct pt_regs *regs)`, since 4.17: as that of setns.
#[fexit(function = "__x64_sys_unshare")]
#[expect(
    clippy::needless_pass_by_value,
    reason = "the entry that aya makes hands it over"
)]
pub fn fexit_unshare(ctx: FExitContext) -> i32 {
    hook::syscall::namespace_call(Arguments::new(ctx.as_ptr()));
    0
}

/// `int capable(const struct cred *cred, struct user_namespace *ns, int cap, unsigned int opts)`, BPF
/// LSM since 5.7: refuses, and tells nothing.
#[lsm(hook = "capable")]
#[expect(
    clippy::needless_pass_by_value,
    reason = "the entry that aya makes hands it over"
)]
pub fn refuse_capable(ctx: LsmContext) -> i32 {
    refuse::capable(Arguments::new(ctx.as_ptr()))
}

/// `int userns_create(const struct cred *cred)`, since 6.1: the same.
#[lsm(hook = "userns_create")]
pub fn refuse_userns_create(_ctx: LsmContext) -> i32 {
    refuse::userns_create()
}

/// Reads by an instruction and does nothing else: attached nowhere, it is loaded to learn whether the kernel takes
/// programs that do.
#[raw_tracepoint(tracepoint = "sys_exit")]
pub fn probe_reads(_ctx: RawTracePointContext) -> i32 {
    kernel::read::<u64>(0, 0) as i32
}

/// `iter/task`, since 5.8: reads tasks at rest. aya has no attribute for iterators, so the
/// section is named by hand.
#[unsafe(no_mangle)]
#[unsafe(link_section = "iter/task")]
pub extern "C" fn snapshot(ctx: *mut core::ffi::c_void) -> i32 {
    hook::snapshot::task(Arguments::new(ctx));
    0
}

#[cfg(target_arch = "bpf")]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo) -> ! {
    loop {}
}

/// The kernel reads the licence from this section; tracing helpers want a GPL-compatible one.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

#[cfg(not(target_arch = "bpf"))]
fn main() {}
