//! Mapping a file of the kernel's for reading.

use std::{ffi::c_void, fs::File, io, ptr::NonNull};

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// A read-only mapping of a whole file whose bytes never change.
pub struct Mapping {
    start: NonNull<c_void>,
    len: usize,
}

impl Mapping {
    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: `start` is `len` readable bytes until drop, and `map_read_only` is for files
        // that the kernel never changes or cuts while it runs.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr().cast(), self.len) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: unmaps exactly what was mapped; `bytes` borrows from self, so nothing points
        // there any more. It can only fail for a range that is not a mapping.
        let _cannot_fail = unsafe { munmap(self.start.as_ptr(), self.len) };
    }
}

/// Maps `file`, which must be one that the kernel never changes, such as `/sys/kernel/btf/vmlinux`.
pub fn map_read_only(file: &File) -> io::Result<Mapping> {
    let len = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
    // SAFETY: a fresh private mapping at an address of the kernel's choice.
    let start = unsafe {
        mmap(
            std::ptr::null_mut(),
            len,
            ProtFlags::READ,
            MapFlags::PRIVATE,
            file,
            0,
        )?
    };
    let start = NonNull::new(start).ok_or_else(|| io::Error::other("mapped at address 0"))?;
    Ok(Mapping { start, len })
}
