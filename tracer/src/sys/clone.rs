//! `clone3` as a fork with a pidfd. Owns the one place where two processes return from one call.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use rustix::io::Errno;

/// `CLONE_PIDFD` (include/uapi/linux/sched.h).
const CLONE_PIDFD: u64 = 0x0000_1000;
/// `CLONE_CLEAR_SIGHAND`, Linux 5.5: no handler of the parent can run in the child.
const CLONE_CLEAR_SIGHAND: u64 = 0x1_0000_0000;
/// `CLONE_INTO_CGROUP`, Linux 5.7.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// `struct clone_args` as of Linux 5.7.
#[repr(C)]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

/// A cloned child, seen by its parent.
#[derive(Debug)]
pub struct Cloned {
    /// Its number in the caller's PID namespace.
    pub tgid: u32,
    /// Refers to it until it is closed, whatever becomes of the number.
    pub pidfd: OwnedFd,
}

/// Ends the child where unwinding would otherwise go on in a copy of the parent.
struct ExitOnUnwind;

impl Drop for ExitOnUnwind {
    fn drop(&mut self) {
        super::process::exit_now(255);
    }
}

/// Forks with these namespace `flags`, into `cgroup` (a directory of cgroup v2) where given.
///
/// The child closes `closed_in_child` and runs `child`, which must do nothing but system calls
/// on memory prepared before: no allocation, no lock, no output, because any other thread of
/// the parent is missing in the child and may have held a lock.
pub fn clone_init(
    flags: u64,
    cgroup: Option<BorrowedFd<'_>>,
    closed_in_child: &[BorrowedFd<'_>],
    child: impl FnOnce(),
) -> Result<Cloned, Errno> {
    let mut pidfd: RawFd = -1;
    let mut args = CloneArgs {
        flags: flags | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
        pidfd: std::ptr::from_mut(&mut pidfd) as u64,
        exit_signal: libc::SIGCHLD as u64,
        ..CloneArgs::default()
    };
    if let Some(cgroup) = cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = cgroup.as_raw_fd() as u64;
    }
    // SAFETY: args is a valid clone_args of the size passed, and pidfd outlives the call. Without
    // CLONE_VM the child gets a copy of this address space and goes on with this stack and
    // thread-local storage of its own; it never returns from this function.
    let tgid = super::check(unsafe {
        libc::syscall(
            libc::SYS_clone3,
            std::ptr::from_ref(&args),
            size_of::<CloneArgs>(),
        )
    })?;
    if tgid == 0 {
        let _guard = ExitOnUnwind;
        for fd in closed_in_child {
            // SAFETY: without CLONE_FILES the child's descriptor table is a copy: the parent's
            // descriptors stay open. The child's copies of their owners are never dropped,
            // because `child` does not return.
            unsafe { libc::close(fd.as_raw_fd()) };
        }
        child();
        super::process::exit_now(255);
    }
    // SAFETY: clone3 succeeded with CLONE_PIDFD, so the kernel has stored a new descriptor that
    // nobody else owns.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    Ok(Cloned {
        tgid: u32::try_from(tgid).expect("a process id fits 32 bits"),
        pidfd,
    })
}
