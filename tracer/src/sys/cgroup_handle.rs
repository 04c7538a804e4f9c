//! Opening a cgroup's directory by the number that records carry, which no path need be known for.

use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

use rustix::io::Errno;

/// `FILEID_KERNFS`: eight bytes, the node's id (include/linux/exportfs.h).
const KERNFS: libc::c_int = 0xfe;

/// `struct file_handle` with the room that this kind takes.
#[repr(C)]
struct Handle {
    bytes: libc::c_uint,
    kind: libc::c_int,
    id: u64,
}

/// Opens the directory of the cgroup with this number. `mount` is any directory of its hierarchy.
///
/// # Errors
/// `ESTALE` or `ENOENT` when there is none any more; `EPERM` without `CAP_DAC_READ_SEARCH`.
pub fn open(mount: BorrowedFd<'_>, id: u64) -> Result<OwnedFd, Errno> {
    let mut handle = Handle {
        bytes: 8,
        kind: KERNFS,
        id,
    };
    let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC;
    // SAFETY: the handle is laid out as struct file_handle with eight bytes behind it, as it
    // says; the kernel only reads it, and nothing keeps a pointer to it.
    let opened = super::check(unsafe {
        libc::syscall(
            libc::SYS_open_by_handle_at,
            mount.as_raw_fd(),
            std::ptr::from_mut(&mut handle),
            flags,
        )
    })?;
    let number = i32::try_from(opened).map_err(|_| Errno::BADF)?;
    // SAFETY: the kernel has just opened it for this process, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}
