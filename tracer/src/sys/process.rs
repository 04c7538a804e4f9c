//! What a process does to itself between clone and exec, and resource limits by number. Every
//! function is a plain system call: no allocation, no lock.

use std::ffi::{CStr, CString, c_char};
use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::io::Errno;

/// Strings as `execve` wants them: pointers with a null at the end, made before the clone.
#[derive(Debug)]
pub struct Vector {
    pointers: Vec<*const c_char>,
    /// Owns what the pointers point to.
    _strings: Vec<CString>,
}

impl Vector {
    /// Keeps `strings` and points to them.
    pub fn new(strings: Vec<CString>) -> Self {
        let pointers = strings
            .iter()
            .map(|string| string.as_ptr())
            .chain([std::ptr::null()])
            .collect();
        Self {
            pointers,
            _strings: strings,
        }
    }
}

/// Replaces the process' program; comes back only when it failed.
pub fn execve(path: &CStr, arguments: &Vector, environment: &Vector) -> Errno {
    // SAFETY: path is NUL-terminated; each Vector holds pointers to strings that it owns, with
    // a null at the end, and the heap blocks of those strings never move.
    let result = unsafe {
        libc::syscall(
            libc::SYS_execve,
            path.as_ptr(),
            arguments.pointers.as_ptr(),
            environment.pointers.as_ptr(),
        )
    };
    super::check(result).err().unwrap_or(Errno::INVAL)
}

/// Ends the process without running any destructor or exit handler.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: _exit is async-signal-safe and does not return.
    unsafe { libc::_exit(code) }
}

/// Gives every signal its default action and blocks none.
pub fn reset_signals() -> Result<(), Errno> {
    /// `struct sigaction` of the kernel: handler, flags, restorer, mask; all zero is `SIG_DFL`.
    const DEFAULT: [u64; 4] = [0; 4];
    const SET_SIZE: usize = 8;
    for signal in 1..=64 {
        if signal == libc::SIGKILL || signal == libc::SIGSTOP {
            continue;
        }
        // SAFETY: DEFAULT has the size and alignment of the kernel's sigaction on 64-bit
        // machines, whose handler SIG_DFL runs no code of this process.
        super::check(unsafe {
            libc::syscall(
                libc::SYS_rt_sigaction,
                signal,
                DEFAULT.as_ptr(),
                std::ptr::null::<u64>(),
                SET_SIZE,
            )
        })?;
    }
    let none: u64 = 0;
    // SAFETY: the set is eight valid bytes that the kernel only reads.
    super::check(unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_SETMASK,
            &raw const none,
            std::ptr::null::<u64>(),
            SET_SIZE,
        )
    })
    .map(drop)
}

/// Leaves the namespaces of these `CLONE_NEW*` flags for new ones.
pub fn unshare(flags: u64) -> Result<(), Errno> {
    let flags = i32::try_from(flags).map_err(|_| Errno::INVAL)?;
    // SAFETY: unshare of namespaces touches no memory of the process. CLONE_FILES, which could
    // invalidate descriptors of other threads, is masked out.
    super::check(libc::c_long::from(unsafe {
        libc::unshare(flags & !libc::CLONE_FILES)
    }))
    .map(drop)
}

/// Closes every descriptor from `first` on but `kept`. For a cloned child just before exec: the
/// owners of what is closed are copies that are never dropped.
pub fn close_from(first: u32, kept: BorrowedFd<'_>) -> Result<(), Errno> {
    let kept = kept.as_raw_fd().cast_unsigned();
    if kept < first {
        return close_range(first, u32::MAX);
    }
    if kept > first {
        close_range(first, kept - 1)?;
    }
    close_range(kept + 1, u32::MAX)
}

fn close_range(first: u32, last: u32) -> Result<(), Errno> {
    // SAFETY: called by close_from alone, in a process whose descriptor owners are never used
    // again (see there); close_range touches no memory.
    super::check(unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) }).map(drop)
}

/// Duplicates `fd` to the number `number`, open over exec. For a cloned child: whatever had the
/// number is closed.
pub fn duplicate_to(fd: BorrowedFd<'_>, number: u32) -> Result<(), Errno> {
    let number = i32::try_from(number).map_err(|_| Errno::BADF)?;
    if fd.as_raw_fd() == number {
        return rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::empty());
    }
    // SAFETY: the target number's owner, if any, is a copy in a cloned child and is never used
    // again; dup2 touches no memory.
    super::check(libc::c_long::from(unsafe {
        libc::dup2(fd.as_raw_fd(), number)
    }))
    .map(drop)
}

/// Soft and hard limit, `u64::MAX` = unlimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rlimit {
    /// Soft.
    pub soft: u64,
    /// Hard.
    pub hard: u64,
}

/// Reads resource limit number `resource` of process `tgid` (0 = the caller), and sets it where
/// `new` is given.
pub fn rlimit(tgid: u32, resource: u32, new: Option<Rlimit>) -> Result<Rlimit, Errno> {
    let new = new.map(|limit| libc::rlimit64 {
        rlim_cur: limit.soft,
        rlim_max: limit.hard,
    });
    let mut old = libc::rlimit64 {
        rlim_cur: 0,
        rlim_max: 0,
    };
    let new_pointer = new.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: new_pointer is null or points to a valid rlimit64, old is a valid rlimit64; both
    // outlive the call.
    super::check(unsafe {
        libc::syscall(
            libc::SYS_prlimit64,
            tgid,
            resource,
            new_pointer,
            &raw mut old,
        )
    })?;
    Ok(Rlimit {
        soft: old.rlim_cur,
        hard: old.rlim_max,
    })
}

/// Supplementary groups of the calling thread.
pub fn set_groups(groups: &[u32]) -> Result<(), Errno> {
    // SAFETY: the pointer and the length describe one slice of gid_t, which is u32; the kernel
    // only reads it.
    super::check(unsafe { libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()) })
        .map(drop)
}
