//! Waiting on a descriptor inside tokio: the one place that vouches for its lifetime.

use std::{io, os::fd::OwnedFd};

use tokio::io::{Interest, unix::AsyncFd};

/// Registers `fd` for reading. Must run inside a tokio runtime with I/O enabled.
pub fn readable(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: the `AsyncFd` owns the descriptor from here on, so it stays open and the same until
    // the registration is dropped, and an `OwnedFd` always returns the same number.
    unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }.map_err(io::Error::from)
}
