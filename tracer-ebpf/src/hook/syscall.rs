//! `sys_exit`, and the returns of single calls: what a system call of the set-up left behind. For
//! setns and unshare the evidence is the thread's namespaces after the call; for the others the
//! arguments are kept as hints for the timeline.

use tracer_common::{
    Kind,
    config::SYSCALL_WORDS,
    record::{NamespaceRecord, SyscallRecord},
};

use super::Arguments;
use crate::{
    emit::emit,
    fact,
    hold::SIGSTOP,
    kernel::{self, config, offset},
    scope,
};

/// Records the call when its number is wanted and its task in scope. The number is tested first:
/// this hook runs for every system call of the machine.
#[inline(always)]
pub fn sys_exit(arguments: Arguments) {
    let number: u32 = kernel::read(arguments.get::<0>(), offset!(regs_number));
    if number >= 64 * SYSCALL_WORDS as u32 {
        return;
    }
    let word = (number >> 6) as usize & (SYSCALL_WORDS - 1);
    if config!(syscalls[word]) >> (number & 63) & 1 == 0 {
        return;
    }
    let task = kernel::current();
    let ret = arguments.get::<1>() as i64;
    if !is_told(task, ret) {
        return;
    }
    let registers = arguments.address::<0>();
    if number == config!(nr_setns) || number == config!(nr_unshare) {
        namespaces_after(task, registers, number, ret);
        return;
    }
    // Of the whole host, only who may stop because a child of it was held.
    if config!(host) != 0
        && kernel::read::<u64>(registers, offset!(regs_arg1)) != u64::from(SIGSTOP)
    {
        return;
    }
    emit::<SyscallRecord>(Kind::SYSCALL, task, |record| {
        record.syscall = number;
        record.ret = ret;
        record.arguments[0] = kernel::read(registers, offset!(regs_arg0));
        record.arguments[1] = kernel::read(registers, offset!(regs_arg1));
        record.arguments[2] = kernel::read(registers, offset!(regs_arg2));
        record.arguments[3] = kernel::read(registers, offset!(regs_arg3));
        record.arguments[4] = kernel::read(registers, offset!(regs_arg4));
        record.arguments[5] = kernel::read(registers, offset!(regs_arg5));
        let word = (number >> 5) as usize & (2 * SYSCALL_WORDS - 1);
        match config!(path_argument[word]) >> (2 * (number & 31)) & 3 {
            0 => {}
            1 => kernel::user_string(&mut record.path, record.arguments[0]),
            2 => kernel::user_string(&mut record.path, record.arguments[1]),
            _ => kernel::user_string(&mut record.path, record.arguments[2]),
        }
    });
}

/// The same of setns and unshare, whose functions get the registers and give what the call returns:
/// `sys_exit`'s arguments, too.
#[inline(always)]
pub fn namespace_call(arguments: Arguments) {
    let task = kernel::current();
    let ret = arguments.get::<1>() as i64;
    if !is_told(task, ret) {
        return;
    }
    let registers = arguments.address::<0>();
    let number: u32 = kernel::read(registers, offset!(regs_number));
    namespaces_after(task, registers, number, ret);
}

/// Whether a call is told of: those of tasks in scope, or on the whole host those that succeed.
#[inline(always)]
fn is_told(task: u64, ret: i64) -> bool {
    if config!(host) != 0 {
        return ret == 0;
    }
    scope::contains(scope::tgid(task))
}

#[inline(always)]
fn namespaces_after(task: u64, registers: u64, number: u32, ret: i64) {
    if ret == 0 {
        scope::changed(scope::tgid(task));
    }
    emit::<NamespaceRecord>(Kind::NAMESPACE, task, |record| {
        record.syscall = number;
        record.ret = ret;
        record.arguments[0] = kernel::read(registers, offset!(regs_arg0));
        record.arguments[1] = kernel::read(registers, offset!(regs_arg1));
        fact::namespaces(&mut record.namespaces, task);
    });
}
