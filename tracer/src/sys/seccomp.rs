//! Installing a seccomp filter. What it holds was compiled elsewhere.

use rustix::io::Errno;

/// One classic BPF instruction, as `struct sock_filter` has it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Operation.
    pub code: u16,
    /// Instructions to pass over when a comparison holds.
    pub jt: u8,
    /// Instructions to pass over when it does not.
    pub jf: u8,
    /// Operand.
    pub k: u32,
}

/// `struct sock_fprog`.
#[repr(C)]
struct Program {
    len: u16,
    filter: *const Instruction,
}

/// Adds `program` to the calling thread's filters; `flags` are `SECCOMP_FILTER_FLAG_*`.
pub fn install(program: &[Instruction], flags: u32) -> Result<(), Errno> {
    let len = u16::try_from(program.len()).map_err(|_| Errno::INVAL)?;
    let program = Program {
        len,
        filter: program.as_ptr(),
    };
    // SAFETY: program describes len valid instructions laid out as sock_filter, which the kernel
    // copies before it returns.
    super::check(unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            flags,
            &raw const program,
        )
    })
    .map(drop)
}
