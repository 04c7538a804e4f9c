//! What an audit of many containers takes: the time of an event beside so many that live, and memory.
//! Owns where the clock and the memory are read; the containers are copies of recorded ones.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tracer::audit::{Auditor, Judging, Setting};
use tracer::event::{Body, Event, SyscallTable, decode};
use tracer::verdict::Seen;

use super::memory;
use super::multiply::{Piece, RUNTIMES, Template, templates};
use super::numbers::with_v2_alone;

/// Lives whose time is one value.
const LIVES: u64 = 60;

struct Audit {
    templates: Vec<Template>,
    syscalls: SyscallTable,
    /// The machine has no cgroups of v1.
    v2_alone: bool,
    auditor: Auditor,
    copies: u64,
    seq: u64,
    told: u64,
}

impl Audit {
    fn new(v2_alone: bool) -> Result<Self> {
        let templates = templates()?;
        let header = &templates[0].header;
        let names = header.syscalls.iter();
        let syscalls = SyscallTable::new(names.map(|(number, name)| (*number, name.as_str())));
        let baseline = templates[0].baseline();
        let baseline = decode(&syscalls, 0, zerocopy::IntoBytes::as_bytes(&baseline));
        let Body::Snapshot(certificate) = baseline.body else {
            anyhow::bail!("tracer's own certificate is not understood");
        };
        let auditor = Auditor::new(Setting {
            host: header.host.clone(),
            baseline: Seen {
                seq: 0,
                certificate,
            },
            judging: Judging::default(),
            unattached: Vec::new(),
            clock_ns: 0,
            from_ns: 0,
        });
        Ok(Self {
            templates,
            syscalls,
            v2_alone,
            auditor,
            copies: 0,
            seq: 1,
            told: 0,
        })
    }

    /// The events of the next copy.
    fn next(&mut self, living: Option<u64>) -> Vec<Event> {
        let turn = usize::try_from(self.copies).unwrap_or(0) % RUNTIMES.len();
        let pieces = self.templates[turn].copy(self.copies, self.seq, living);
        self.copies += 1;
        let mut events = Vec::new();
        for piece in pieces {
            let record = match piece {
                Piece::Record(bytes) if self.v2_alone => with_v2_alone(&bytes),
                Piece::Record(bytes) => Some(bytes),
                Piece::Note(_) => None,
            };
            if let Some(bytes) = record {
                events.push(decode(&self.syscalls, self.seq, &bytes));
                self.seq += 1;
            }
        }
        if living.is_none() {
            self.remove_what_is_left(&mut events);
        }
        events
    }

    /// Runtimes leave cgroups that they were told to use; in the end somebody removes them.
    fn remove_what_is_left(&mut self, events: &mut Vec<Event>) {
        let mut left: Vec<Event> = Vec::new();
        for event in &*events {
            match &event.body {
                Body::CgroupMkdir(made) => left.push(Event {
                    body: Body::CgroupRmdir(made.clone()),
                    ..event.clone()
                }),
                Body::CgroupRmdir(gone) => {
                    let other = |event: &Event| match &event.body {
                        Body::CgroupRmdir(left) => left.cgroup.key != gone.cgroup.key,
                        _ => true,
                    };
                    left.retain(other);
                }
                _ => {}
            }
        }
        let last_ns = events.last().map_or(0, |event| event.time_ns);
        // Those below before those above.
        for event in left.into_iter().rev() {
            events.push(Event {
                seq: self.seq,
                time_ns: last_ns,
                ..event
            });
            self.seq += 1;
        }
    }

    /// Takes in events as an audit does. Only that is timed.
    fn take(&mut self, events: &[Event]) -> Duration {
        let start = Instant::now();
        for event in events {
            self.auditor.apply(event, &|_| None);
            // Whoever writes them has them then.
            self.told += self.auditor.take().len() as u64;
        }
        start.elapsed()
    }

    /// Nanoseconds of an event in some whole lives.
    fn lives(&mut self) -> f64 {
        let (mut took, mut events) = (Duration::ZERO, 0_u32);
        for _ in 0..LIVES {
            let life = self.next(None);
            took += self.take(&life);
            events += u32::try_from(life.len()).unwrap_or(u32::MAX);
        }
        took.as_secs_f64() * 1e9 / f64::from(events)
    }
}

/// An audit of `containers` that live, with `tasks` each, and of `lives` that come and go beside them, on a machine with
/// the cgroups of the recordings or with those of v2 alone.
pub fn audit(v2_alone: bool, containers: u64, tasks: u64, lives: u64) -> Result<Value> {
    let mut audit = Audit::new(v2_alone)?;
    // Once to warm up.
    audit.lives();
    let (empty, _) = memory()?;
    for _ in 0..containers {
        let events = audit.next(Some(tasks));
        audit.take(&events);
    }
    let (full, _) = memory()?;
    let living = audit.auditor.living();
    let rounds = (lives / LIVES).max(2);
    let mut nanoseconds = Vec::new();
    let mut half = 0;
    for round in 0..rounds {
        nanoseconds.push(audit.lives());
        if round + 1 == rounds / 2 {
            half = memory()?.0;
        }
    }
    let (end, peak) = memory()?;
    let left = audit.auditor.living();
    anyhow::ensure!(
        left == living,
        "{left} live and not {living}: a life has not ended"
    );
    // With what is forgotten from time to time, which no median shows.
    let mean = nanoseconds.iter().sum::<f64>() / f64::from(u32::try_from(nanoseconds.len())?);
    nanoseconds.sort_by(f64::total_cmp);
    let median = nanoseconds.get(nanoseconds.len() / 2);
    Ok(json!({
        "cgroups": if v2_alone { "v2" } else { "hybrid" },
        "containers": containers,
        "living": living,
        "tasks": containers * tasks,
        "lives": rounds * LIVES,
        "events": audit.seq,
        "told": audit.told,
        "event_ns": median.context("no round")?,
        "event_mean_ns": mean,
        "empty_kib": empty,
        "full_kib": full,
        "half_kib": half,
        "end_kib": end,
        "peak_kib": peak,
    }))
}
