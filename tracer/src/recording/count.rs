//! How far a file has been read. Owns the counting.

use std::io::{self, BufRead, Read};

/// A reader that knows how many bytes it has given.
pub(super) struct Counted<R> {
    from: R,
    /// As many.
    pub(super) bytes: u64,
}

impl<R> Counted<R> {
    /// None so far.
    pub(super) const fn new(from: R) -> Self {
        Self { from, bytes: 0 }
    }
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(bytes)?;
        self.bytes += read as u64;
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.from.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.bytes += amount as u64;
        self.from.consume(amount);
    }
}
