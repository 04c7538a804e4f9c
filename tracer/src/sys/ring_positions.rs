//! How far a ring of the kernel's has been written and read: two pages of it, mapped for reading.

use std::{
    ffi::c_void,
    io,
    os::fd::BorrowedFd,
    ptr::NonNull,
    sync::atomic::{AtomicUsize, Ordering},
};

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// The pages in front of a ring's records (struct bpf_ringbuf in kernel/bpf/ringbuf.c).
pub struct RingPositions {
    consumer: NonNull<c_void>,
    producer: NonNull<c_void>,
    page: usize,
}

// SAFETY: the mapping belongs to the process, not to a thread, and nothing but this value unmaps it; it is only
// ever read, atomically.
unsafe impl Send for RingPositions {}

impl RingPositions {
    /// Those of the ring that `map` is.
    ///
    /// # Errors
    /// It is no ring, or there is no memory.
    pub fn of(map: BorrowedFd<'_>) -> io::Result<Self> {
        let page = rustix::param::page_size();
        let consumer = map_page(map, page, 0)?;
        let producer = map_page(map, page, page as u64).inspect_err(|_| unmap(consumer, page))?;
        Ok(Self {
            consumer,
            producer,
            page,
        })
    }

    /// Bytes that were ever read.
    #[must_use]
    pub fn read(&self) -> usize {
        at(self.consumer)
    }

    /// Bytes that were ever written, and those that are being written.
    #[must_use]
    pub fn written(&self) -> usize {
        at(self.producer)
    }

    /// Bytes that were written and not yet read.
    #[must_use]
    pub fn waiting(&self) -> usize {
        // Read first, it is never beyond what is written by then.
        let read = self.read();
        self.written().wrapping_sub(read)
    }
}

/// The first word of a page of [`RingPositions`].
fn at(page: NonNull<c_void>) -> usize {
    // SAFETY: both pages stay mapped until the owner's drop, and only its methods call this; the kernel and the
    // reader store whole words there, so an atomic load reads one of them.
    unsafe { AtomicUsize::from_ptr(page.as_ptr().cast()).load(Ordering::Acquire) }
}

impl Drop for RingPositions {
    fn drop(&mut self) {
        unmap(self.consumer, self.page);
        unmap(self.producer, self.page);
    }
}

fn map_page(map: BorrowedFd<'_>, len: usize, offset: u64) -> io::Result<NonNull<c_void>> {
    // SAFETY: a fresh mapping at an address of the kernel's choice.
    let start = unsafe {
        mmap(
            std::ptr::null_mut(),
            len,
            ProtFlags::READ,
            MapFlags::SHARED,
            map,
            offset,
        )?
    };
    NonNull::new(start).ok_or_else(|| io::Error::other("mapped at address 0"))
}

fn unmap(start: NonNull<c_void>, len: usize) {
    // SAFETY: `start` and `len` are what was mapped; references into it live only within `at`,
    // which is called by who borrows the owner. It can only fail for a range that is not a mapping.
    let _cannot_fail = unsafe { munmap(start.as_ptr(), len) };
}
