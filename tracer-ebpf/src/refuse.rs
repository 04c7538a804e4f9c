//! Refusing: who belongs to a container that was let go on the condition that it keeps its namespaces
//! cannot change them. Owns which calls are refused; whom that is about, `scope` knows.

use aya_ebpf::helpers::generated::{
    bpf_get_current_pid_tgid, bpf_get_current_task_btf, bpf_task_pt_regs,
};

use crate::{
    hook::Arguments,
    kernel::{self, config, offset},
    scope,
};

/// Of include/uapi/asm-generic/errno-base.h.
const EPERM: i32 = 1;
/// Of include/uapi/linux/capability.h: what setns and unshare ask for, for every kind of namespace
/// but a new user namespace.
const CAP_SYS_ADMIN: u64 = 21;
/// unshare and setns of 32-bit programs on x86-64 (arch/x86/entry/syscalls/syscall_32.tbl) and arm64
/// (arch/arm/tools/syscall.tbl). The 64-bit calls of these numbers, process_vm_readv on x86-64 and none, ask
/// for no CAP_SYS_ADMIN.
const COMPAT: [u32; 2] = if cfg!(bpf_target_arch = "aarch64") {
    [337, 375]
} else {
    [310, 346]
};
/// What x32 programs add to a number.
const X32: u32 = 1 << 30;

/// `capable(cred, ns, cap, opts)`: refuses the capability that a change of namespaces takes.
#[inline(always)]
pub fn capable(arguments: Arguments) -> i32 {
    if arguments.get::<2>() & 0xffff_ffff == CAP_SYS_ADMIN && refused() {
        -EPERM
    } else {
        0
    }
}

/// `userns_create(cred)`: a new user namespace takes no capability.
#[inline(always)]
pub fn userns_create() -> i32 {
    if refused() { -EPERM } else { 0 }
}

/// The current task is about to change its namespaces, and must not. A clone makes a new task in
/// new namespaces and changes nobody's.
#[inline(always)]
fn refused() -> bool {
    // SAFETY: a helper that takes nothing and gives a number.
    let tgid = (unsafe { bpf_get_current_pid_tgid() } >> 32) as u32;
    if !scope::keeps_namespaces(tgid) {
        return false;
    }
    // SAFETY: the helper takes the current task, which the other has just given, and gives the address
    // of its registers, which is only read through `kernel`.
    let registers = unsafe { bpf_task_pt_regs(bpf_get_current_task_btf()) } as u64;
    let number: u32 = kernel::read(registers, offset!(regs_number));
    let number = number & !X32;
    number == config!(nr_setns)
        || number == config!(nr_unshare)
        || number == COMPAT[0]
        || number == COMPAT[1]
}
