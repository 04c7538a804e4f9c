//! What the kernel tells of a loaded program and aya does not hand on.

use std::{
    io, mem,
    os::fd::{AsRawFd as _, BorrowedFd},
    ptr,
};

use aya_obj::generated::{bpf_attr, bpf_cmd, bpf_prog_info};

/// How often the kernel did not run a program, as it ran on the same processor already; `None` = the kernel does not
/// tell (before 5.12).
///
/// # Errors
/// It is no program's descriptor.
pub fn not_run(program: BorrowedFd<'_>) -> io::Result<Option<u64>> {
    // SAFETY: both are numbers, and arrays and unions of them, of which zeros are some.
    let (mut info, mut words): (bpf_prog_info, bpf_attr) = unsafe { mem::zeroed() };
    words.info.bpf_fd = program.as_raw_fd().cast_unsigned();
    words.info.info_len = u32::try_from(size_of::<bpf_prog_info>()).map_err(io::Error::other)?;
    words.info.info = ptr::from_mut(&mut info) as u64;
    // SAFETY: the words name `info` with its size, which outlives the call, and no arrays to be filled in.
    let ended = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            bpf_cmd::BPF_OBJ_GET_INFO_BY_FD,
            &raw mut words,
            size_of::<bpf_attr>(),
        )
    };
    if ended < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel stores there how much it knows, and what was stored before is a number, too.
    let known = unsafe { words.info.info_len } as usize;
    let wanted = mem::offset_of!(bpf_prog_info, recursion_misses) + size_of::<u64>();
    Ok((known >= wanted).then_some(info.recursion_misses))
}
