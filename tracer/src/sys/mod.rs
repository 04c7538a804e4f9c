//! System calls that no crate offers safely. The only unsafe code of user space lives here,
//! behind safe functions that take `BorrowedFd`, `CStr` and plain data. Nothing here decides.
#![allow(
    unsafe_code,
    reason = "this room holds the unsafe code of user space, and nothing else"
)]

pub mod async_fd;
pub mod cgroup_handle;
pub mod clone;
pub mod file_system;
pub mod mapping;
pub mod mount;
pub mod mount_stat;
pub mod network;
pub mod own_thread;
pub mod process;
pub mod program_info;
pub mod ring_positions;
pub mod seccomp;

use rustix::io::Errno;

/// The result of a raw system call through libc, which leaves -1 and `errno`. Reading `errno`
/// allocates nothing, so this may be used between clone and exec.
fn check(result: libc::c_long) -> Result<libc::c_long, Errno> {
    if result == -1 {
        // SAFETY: __errno_location gives a pointer to this thread's own errno, valid for the
        // thread's life; a cloned child runs on a copy of the thread-local storage.
        let number = unsafe { *libc::__errno_location() };
        return Err(Errno::from_raw_os_error(number));
    }
    Ok(result)
}
