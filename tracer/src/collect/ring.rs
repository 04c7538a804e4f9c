//! The live ring as a source of records: reading until nothing is left, and waiting until there
//! is something. Owns the consumer side; counts what it reads.

use std::convert::Infallible;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd as _, OwnedFd};

use aya::maps::{Map, MapData, RingBuf};
use tokio::io::unix::AsyncFd;

use super::CollectError;
use super::patience::until;
use crate::sys::{async_fd, ring_positions::RingPositions};

/// The consumer side of the ring.
pub struct Ring {
    records: RingBuf<MapData>,
    ready: Option<AsyncFd<OwnedFd>>,
    /// Where it stands, and how many bytes it has; `None` = there was no memory to map it.
    fill: Option<(RingPositions, u32)>,
    /// Bytes of the record that was read and still stands in the ring; 0 = there is none.
    kept: usize,
}

/// In front of each record, and what a record with it is a multiple of (include/uapi/linux/bpf.h,
/// `BPF_RINGBUF_HDR_SZ`).
const RECORD_HEADER: usize = 8;

impl Ring {
    pub(super) fn new(map: Map, bytes: u32) -> Result<Self, CollectError> {
        let positions = match &map {
            Map::RingBuf(data) => RingPositions::of(data.fd().as_fd()).ok(),
            _ => None,
        };
        let ring = RingBuf::try_from(map).map_err(|source| CollectError::Map {
            what: "mapping the ring",
            source,
        })?;
        Ok(Self {
            records: ring,
            ready: None,
            fill: positions.map(|positions| (positions, bytes)),
            kept: 0,
        })
    }

    /// Bytes that wait to be read, and bytes in all.
    pub fn fill(&self) -> Option<(u64, u64)> {
        let (positions, bytes) = self.fill.as_ref()?;
        let unread = positions.waiting() - self.kept;
        Some((unread as u64, u64::from(*bytes)))
    }

    /// Hands every record that was begun by now to `take`, and frees its room. Returns how many. One that is not finished
    /// hides all behind it, so it is waited for: the program cannot sleep, but its processor may be taken from it.
    pub fn drain(&mut self, mut take: impl FnMut(&[u8])) -> usize {
        let positions = |ring: &Self| {
            ring.fill
                .as_ref()
                .map(|(positions, _)| (positions.read(), positions.written()))
        };
        let Some((_, end)) = positions(self) else {
            return self.drain_some(usize::MAX, take);
        };
        let mut count = 0;
        reach(end, || {
            count += self.drain_some(usize::MAX, &mut take);
            positions(self).map_or(end, |(read, _)| read)
        });
        count
    }

    /// The same of the next records that are finished, at most `most`.
    pub fn drain_some(&mut self, most: usize, mut take: impl FnMut(&[u8])) -> usize {
        self.free_kept();
        let mut read = 0;
        while read < most
            && let Some(record) = self.records.next()
        {
            take(&record);
            read += 1;
        }
        read
    }

    /// As [`Ring::drain_some`], but the room of the last record is freed by the next call, so that nobody who adds
    /// one until then wakes the reader: the kernel does so for a record in front of which everything is freed, and it
    /// costs the task more than the record does. Who reads like this has to look again by itself
    /// while [`Ring::keeps`].
    pub fn drain_quietly(&mut self, most: usize, mut take: impl FnMut(&[u8])) -> usize {
        if self.keeps() && self.fill().is_some_and(|(unread, _)| unread == 0) {
            return 0;
        }
        self.free_kept();
        let waiting = |fill: &Option<(RingPositions, u32)>| {
            // Without positions no record is known to be the last.
            fill.as_ref()
                .map_or(usize::MAX, |(positions, _)| positions.waiting())
        };
        let (mut read, mut left) = (0, waiting(&self.fill));
        while read < most
            && let Some(record) = self.records.next()
        {
            // It owns nothing: to drop it is to free the room in which it stands.
            let record = ManuallyDrop::new(record);
            take(&record);
            read += 1;
            let bytes = (RECORD_HEADER + record.len()).next_multiple_of(RECORD_HEADER);
            if left <= bytes {
                left = waiting(&self.fill);
            }
            if left == bytes {
                self.kept = bytes;
                break;
            }
            left = left.saturating_sub(bytes);
            drop(ManuallyDrop::into_inner(record));
        }
        read
    }

    /// Whether a record that was read stands in the ring, because of which nobody wakes the reader.
    pub fn keeps(&self) -> bool {
        self.kept != 0
    }

    fn free_kept(&mut self) {
        if self.keeps() {
            drop(self.records.next());
            self.kept = 0;
        }
    }

    /// Waits until the ring has a record; never ends while [`Ring::keeps`]. Must run inside a tokio runtime with I/O
    /// enabled.
    pub async fn readable(&mut self) -> std::io::Result<()> {
        if self.ready.is_none() {
            let fd = self.records.as_fd().try_clone_to_owned()?;
            self.ready = Some(async_fd::readable(fd)?);
        }
        if let Some(ready) = &self.ready {
            ready.readable().await?.clear_ready();
        }
        Ok(())
    }
}

/// Has `go_on`, which tells how far it has come, come to `end`.
fn reach(end: usize, mut go_on: impl FnMut() -> usize) {
    // Positions are of a ring and wrap around.
    let reached = until(|| Ok::<_, Infallible>(end.wrapping_sub(go_on()).cast_signed() <= 0));
    let Ok(()) = reached;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_begun_is_waited_for_and_what_comes_later_is_not() {
        for (end, steps, calls) in [
            (24, &[24][..], 1),
            (24, &[0, 0, 8, 24], 4),
            (24, &[0, 48], 2),
            (8, &[usize::MAX - 7, 0, 8], 3),
        ] {
            let mut called = 0;
            reach(end, || {
                called += 1;
                steps[called - 1]
            });
            assert_eq!(called, calls, "{end} by {steps:?}");
        }
    }
}
