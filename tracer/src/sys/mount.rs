//! `mount_setattr` (Linux 5.12), which rustix does not have.

use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::io::Errno;

/// `struct mount_attr` (include/uapi/linux/mount.h), version 0.
#[repr(C)]
#[derive(Default)]
struct MountAttr {
    attr_set: u64,
    attr_clr: u64,
    propagation: u64,
    userns_fd: u64,
}

/// Adds attributes (`MOUNT_ATTR_*`) to the mount that `fd` refers to, a path or a detached tree;
/// `private` takes it out of its peer group; `recursive` means the mounts below it too.
pub fn mount_setattr(
    fd: BorrowedFd<'_>,
    set: u64,
    private: bool,
    recursive: bool,
) -> Result<(), Errno> {
    let attr = MountAttr {
        attr_set: set,
        propagation: if private { libc::MS_PRIVATE } else { 0 },
        ..MountAttr::default()
    };
    let mut flags = libc::AT_EMPTY_PATH;
    if recursive {
        flags |= libc::AT_RECURSIVE;
    }
    let empty: &CStr = c"";
    // SAFETY: the path is a NUL-terminated constant and attr a valid mount_attr of the size
    // passed; the kernel only reads both.
    super::check(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            fd.as_raw_fd(),
            empty.as_ptr(),
            flags,
            std::ptr::from_ref(&attr),
            size_of::<MountAttr>(),
        )
    })
    .map(drop)
}
