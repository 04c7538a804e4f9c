//! Room in the kernel side's table of processes, once it is full. Owns whose mark is taken back, and how often.

use std::time::Duration;

use tokio::time::Instant;

use super::live::Live;
use crate::collect::CollectError;

/// All processes are looked through for it at most so often.
const EVERY: Duration = Duration::from_secs(1);
/// This part of the table is taken back at a time.
const PART: u32 = 4;

/// Whether room is wanted.
pub(super) struct Room {
    /// Most processes that are put out at a time.
    most: usize,
    wanted: bool,
    made_at: Option<Instant>,
}

impl Room {
    /// Of a table for so many processes.
    pub(super) fn new(processes: u32) -> Self {
        Self {
            most: usize::try_from((processes / PART).max(1)).unwrap_or(usize::MAX),
            wanted: false,
            made_at: None,
        }
    }

    /// Takes in how often there was no room, before and now.
    pub(super) fn note(&mut self, before: u64, now: u64) {
        self.wanted |= now > before;
    }

    /// How many are to be put out now.
    fn due(&self, now: Instant) -> usize {
        let paused = self.made_at.is_some_and(|at| now - at < EVERY);
        if self.wanted && !paused { self.most } else { 0 }
    }
}

impl Live {
    /// Puts processes out that are told of because of their namespaces anyway, so that those that only their mark tells of
    /// find room. Where payloads are held nobody is: what was decided of a process stands in its entry.
    pub(super) fn make_room(&mut self) -> Result<(), CollectError> {
        let now = Instant::now();
        let most = self.room.due(now);
        if most == 0 || self.gate.is_some() {
            return Ok(());
        }
        let mut left = most;
        for tgid in self.auditor.told_by_namespaces() {
            if left == 0 {
                break;
            }
            left -= usize::from(self.collector.scope_mut().put_out(tgid.0)?);
        }
        self.counters.put_out += (most - left) as u64;
        (self.room.wanted, self.room.made_at) = (false, Some(now));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_made_once_it_is_wanted_and_not_all_the_time() {
        let mut room = Room::new(16);
        let start = Instant::now();
        assert_eq!(room.due(start), 0);
        room.note(3, 3);
        assert_eq!(room.due(start), 0);
        room.note(3, 4);
        assert_eq!(room.due(start), 4);
        (room.wanted, room.made_at) = (false, Some(start));
        room.note(4, 9);
        room.note(9, 9);
        assert_eq!(room.due(start + EVERY / 2), 0);
        assert_eq!(room.due(start + EVERY), 4);
        assert_eq!(Room::new(1).most, 1);
    }
}
