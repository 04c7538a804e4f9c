//! The live ring as a source of records: reading until nothing is left, and waiting until there
//! is something. Owns the consumer side; counts what it reads.

use std::os::fd::{AsFd as _, OwnedFd};

use aya::maps::{Map, MapData, RingBuf};
use tokio::io::unix::AsyncFd;

use super::CollectError;
use crate::sys::{async_fd, ring_positions::RingPositions};

/// The consumer side of the ring.
pub struct Ring {
    records: RingBuf<MapData>,
    ready: Option<AsyncFd<OwnedFd>>,
    /// Where it stands, and how many bytes it has; `None` = there was no memory to map it.
    fill: Option<(RingPositions, u32)>,
}

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
        })
    }

    /// Bytes that wait to be read, and bytes in all.
    pub fn fill(&self) -> Option<(u64, u64)> {
        let (positions, bytes) = self.fill.as_ref()?;
        Some((positions.waiting() as u64, u64::from(*bytes)))
    }

    /// Hands every record that the ring holds to `take`, and frees its room. Returns how many.
    pub fn drain(&mut self, take: impl FnMut(&[u8])) -> usize {
        self.drain_some(usize::MAX, take)
    }

    /// The same of the next records, at most `most`.
    pub fn drain_some(&mut self, most: usize, mut take: impl FnMut(&[u8])) -> usize {
        let mut read = 0;
        while read < most
            && let Some(record) = self.records.next()
        {
            take(&record);
            read += 1;
        }
        read
    }

    /// Waits until the ring has a record. Must run inside a tokio runtime with I/O enabled.
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
