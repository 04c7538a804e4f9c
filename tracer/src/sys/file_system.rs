//! A thread's own view of the file system.

use rustix::io::Errno;

/// Ends the sharing of root, cwd and umask with the process's other threads, which entering
/// another mount namespace takes.
pub fn own_file_system() -> Result<(), Errno> {
    // SAFETY: CLONE_FS only ends the sharing of root, cwd and umask with the other threads; no
    // code of this process relies on that sharing, and descriptors stay as they are.
    unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::FS) }
}

/// Makes a directory of /proc, which holds no other, the root of this thread alone, so that
/// whatever it opens by path is not found. For a thread that is about to end; where the kernel
/// refuses, nothing changes.
pub fn hide_file_system() {
    if own_file_system().is_ok() {
        let _refused = std::os::unix::fs::chroot("/proc/self/fdinfo");
    }
}
