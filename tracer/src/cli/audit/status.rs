//! How the running audit fares, measured now and then and put up where others can read it. Owns when and
//! what; what it means is `audit::status`'s.

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::live::Live;
use crate::{
    audit::status::{Fill, Runs, Status, Tally},
    collect::CollectError,
};

/// A status is as old as this at most, unless the reader stands still.
pub const EVERY: Duration = Duration::from_secs(1);
/// What takes a walk over a table of the kernel's is measured so seldom.
const SELDOM: Duration = Duration::from_secs(15);

/// The latest status, and when it was taken; `None` before the hooks are attached.
#[derive(Default)]
pub struct Board(Mutex<Option<(Instant, Status)>>);

impl Board {
    fn put_up(&self, status: Status) {
        let mut latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *latest = Some((Instant::now(), status));
    }

    /// What `read` makes of the latest status and its age.
    pub fn read<T>(&self, read: impl FnOnce(Option<(&Status, Duration)>) -> T) -> T {
        let latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        read(
            latest
                .as_ref()
                .map(|(taken, status)| (status, taken.elapsed())),
        )
    }
}

/// Who measures.
pub struct Measurer {
    board: Arc<Board>,
    due: Instant,
    seldom_due: Instant,
    /// Links of the programs as they were attached.
    links: Option<BTreeMap<u32, String>>,
    /// Names of those that are not there any more; `None` = the kernel does not tell.
    gone: Option<Vec<String>>,
    marked: Option<Fill>,
    /// There is room for so many marked processes.
    room: u32,
    /// Has the kernel measure programs while it is open.
    _statistics: Option<OwnedFd>,
}

impl Measurer {
    /// One that puts up what it measures on a board.
    pub fn new(board: Arc<Board>, room: u32, live: &mut Live) -> Result<Self, CollectError> {
        let now = Instant::now();
        Ok(Self {
            board,
            room,
            due: now,
            seldom_due: now,
            links: live.collector.links()?,
            gone: None,
            marked: None,
            // It takes two looks at a clock each time that any program of the machine runs. Before 5.8 there
            // is only the sysctl.
            _statistics: aya::sys::enable_stats(aya::sys::Stats::RunTime).ok(),
        })
    }

    /// Measures, if it is time to.
    pub fn measure(&mut self, live: &mut Live, tally: &Tally) -> Result<(), CollectError> {
        let now = Instant::now();
        if now < self.due {
            return Ok(());
        }
        self.due = now + EVERY;
        if now >= self.seldom_due {
            self.seldom_due = now + SELDOM;
            let scope = live.collector.scope();
            self.marked = Some(Fill {
                used: scope.entries(),
                size: u64::from(self.room),
            });
            if let (Some(before), Some(after)) = (&self.links, live.collector.links()?) {
                let gone = before.iter().filter(|(id, _)| !after.contains_key(id));
                self.gone = Some(gone.map(|(_, name)| name.clone()).collect());
            }
        }
        let runs = live.collector.runs()?;
        let measured = runs.iter().any(|runs| runs.count != 0);
        let runs = runs.into_iter().filter(|_| measured).map(|runs| Runs {
            program: runs.name,
            count: runs.count,
            time: runs.time,
        });
        let fill = live.collector.ring.fill();
        let status = Status {
            gone: self.gone.clone(),
            counters: live.counters,
            tally: tally.clone(),
            living: live.auditor.living(),
            runs: runs.collect(),
            ring: fill.map(|(used, size)| Fill { used, size }),
            marked: self.marked,
            resident: resident(),
            ..live.described()
        };
        self.board.put_up(status);
        Ok(())
    }
}

/// Resident memory of this process.
fn resident() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}
