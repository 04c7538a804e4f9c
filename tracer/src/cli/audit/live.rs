//! The running audit: hooks first, then what was there before, then the records as they come, in
//! batches. Owns the order of these, the counters and the clock; what records mean is `audit`'s.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::time::{Instant, interval_at};

use tracer_common::Kind;

use super::ancestry::{self, Starts};
use super::gate::{Gate, carry_out};
use super::room::Room;
use crate::{
    audit::{
        Auditor, Judging, Record, Setting,
        auditor::has_ended,
        record::{Mode, Started},
        status::Status,
    },
    collect::{
        self, CollectError, Collector, Options,
        hooks::{HookChoice, Way},
        patience::until,
        ring::Ring,
    },
    event::{self, Body, Event, SyscallTable, Tgid},
    host::HostFacts,
    session::Halt,
    verdict::{Counters, Seen, Unattached},
};

/// Records of one batch at most: they are decoded before the counters are read, which tell whether
/// something of the same time is missing.
const BATCH: usize = 4096;
/// A thread of the kernel's, whose namespaces are those that the machine began with.
const KTHREADD: Tgid = Tgid(2);
/// All tasks are looked at again after so long: whose end was not told is found out.
pub const LOOK_AGAIN: Duration = Duration::from_mins(1);

/// Records wait for so long, as one that happened before them may still be on its way: the kernel side takes room
/// in the ring, looks at the clock, and may be interrupted between the two.
pub const WAIT: Duration = Duration::from_millis(20);

/// Records gather for so long before they are read. To wake the reader costs the task that makes a record more than the
/// record does, so that the first one alone does it; from then on the reader looks by itself, at first after this time
/// and at last after [`WAIT`]. So long records wait anyway.
const GATHER: Duration = Duration::from_millis(5);

/// After so long without a record the next one wakes the reader again.
const QUIET: Duration = Duration::from_millis(30);

/// An audit with its hooks attached.
pub struct Live {
    pub(super) collector: Collector,
    syscalls: SyscallTable,
    started: Started,
    /// What it means.
    pub auditor: Auditor,
    pub(super) counters: Counters,
    next: u64,
    /// All that happened until then was read, but for what is on its way.
    read_ns: u64,
    pub(super) starts: Starts,
    /// Something was lost since all tasks were looked at.
    doubtful: bool,
    /// When the last records were read.
    read_at: Instant,
    pub(super) room: Room,
    /// After the collector: whoever is held when all of this goes has nobody hold more.
    pub(super) gate: Option<Gate>,
}

/// Events, and what is read of the ring that makes them.
pub(super) struct Intake<'a> {
    collector: &'a mut Collector,
    syscalls: &'a SyscallTable,
    counters: &'a mut Counters,
    next: &'a mut u64,
}

impl Intake<'_> {
    /// All events that have begun by now, those of a look that was taken at tasks among them.
    pub(super) fn all_events(&mut self) -> Vec<Event> {
        self.events_by(|ring, take| ring.drain(take))
    }

    /// The next events, at most `most`.
    fn events(&mut self, most: usize) -> Vec<Event> {
        self.events_by(|ring, take| ring.drain_some(most, take))
    }

    /// The same, after which nobody wakes the reader: see [`Ring::drain_quietly`].
    fn events_quietly(&mut self, most: usize) -> Vec<Event> {
        self.events_by(|ring, take| ring.drain_quietly(most, take))
    }

    fn events_by(
        &mut self,
        drain: impl FnOnce(&mut Ring, &mut dyn FnMut(&[u8])) -> usize,
    ) -> Vec<Event> {
        let mut events = Vec::new();
        let (syscalls, counters, next) = (self.syscalls, &mut *self.counters, &mut *self.next);
        drain(&mut self.collector.ring, &mut |bytes| {
            let event = event::decode(syscalls, *next, bytes);
            *next += 1;
            let kind = event.body.kind();
            counters.read.add(kind, 1);
            if matches!(event.body, Body::Unknown(_)) {
                counters.unknown.add(kind, 1);
            }
            events.push(event);
        });
        events
    }
}

impl Live {
    /// Attaches the hooks and takes in what is there.
    pub fn start(
        options: &Options,
        host: &HostFacts,
        judging: Judging,
    ) -> Result<Self, CollectError> {
        let from_ns = now_ns();
        let mut collector = Collector::start(options)?;
        let hooks = collector.hooks()?.to_vec();
        needs(&hooks, options)?;
        let syscalls = SyscallTable::new(collect::syscall_names());
        let (mut counters, mut next) = (Counters::default(), 0);
        let mut intake = Intake {
            collector: &mut collector,
            syscalls: &syscalls,
            counters: &mut counters,
            next: &mut next,
        };
        // By itself first: from then on nothing is told of tasks of the host.
        intake.collector.snapshot(KTHREADD.0)?;
        let mut first = intake.all_events();
        intake.collector.snapshot(options.root_tgid)?;
        intake.collector.inventory(0)?;
        first.extend(intake.all_events());
        let baseline = baseline(&first)?;
        let select = judging.select.as_ref().filter(|_| options.hold);
        let enforced = select.map(ToString::to_string);
        let auditor = Auditor::new(Setting {
            host: host.clone(),
            baseline,
            judging,
            unattached: unattached(&hooks),
            clock_ns: clock_ns(),
            from_ns,
        });
        let started = Started {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            kernel: host.kernel.clone(),
            boot_id: host.boot_id.clone(),
            mode: mode(&hooks),
            hooks: chosen(&hooks),
            enforced,
        };
        let mut live = Self {
            collector,
            syscalls,
            started: started.clone(),
            auditor,
            counters,
            next,
            read_ns: from_ns,
            starts: starts(&first),
            doubtful: false,
            read_at: Instant::now(),
            room: Room::new(options.scope_groups),
            gate: None,
        };
        live.auditor.started(started);
        // Whoever was there before is known before anything is that happened while all were looked at: a program that
        // a container executes meanwhile is none of a new one.
        let is_look = |event: &Event| matches!(event.body, Body::TaskSeen(_));
        let (seen, meanwhile) = first.into_iter().partition(is_look);
        live.take(seen)?;
        let meanwhile = live.find(meanwhile)?;
        live.take(meanwhile)?;
        if options.hold {
            live.enforce(host)?;
        }
        Ok(live)
    }

    /// The part of a status that does not change.
    pub(super) fn described(&self) -> Status {
        Status {
            kernel: self.started.kernel.clone(),
            mode: match self.started.mode {
                Mode::Exact => "exact",
                Mode::Economy => "economy",
            },
            hooks: self.started.hooks.clone(),
            ..Status::default()
        }
    }

    /// Takes in events, with the counters as they stand after them.
    pub(super) fn take(&mut self, events: Vec<Event>) -> Result<(), CollectError> {
        let lost = |live: &Self, kind| live.counters.lost.get(kind);
        let before = [Kind::EXEC, Kind::SYSCALL].map(|kind| lost(self, kind));
        self.read_counters()?;
        let ancestry = |tgid| ancestry::of(tgid, &self.starts);
        for event in events {
            let halt = self.gate.as_mut().zip(Halt::of(&event));
            if let Some((gate, Halt::SentStop(tgid))) = halt {
                gate.resume_parent(tgid);
            } else if let Some((gate, Halt::Held { .. })) = halt {
                let around = gate.look_at(&event);
                self.auditor.apply_held(&event, around, &ancestry);
                gate.holds(event.task.tgid, &self.auditor);
                carry_out(self.auditor.decisions(), &mut self.collector);
            } else if !matches!(event.body, Body::Snapshot(_)) {
                self.auditor.apply(&event, &ancestry);
            }
        }
        carry_out(self.auditor.decisions(), &mut self.collector);
        let [execs, calls] = [Kind::EXEC, Kind::SYSCALL].map(|kind| lost(self, kind));
        if let Some(gate) = &mut self.gate {
            if execs != before[0] {
                gate.lost();
            }
            if calls != before[1] {
                gate.resume_parents();
            }
        }
        self.make_room()
    }

    /// Containers that were there before, but for those whose payload was executed `meanwhile`, which are born by that. Gives
    /// what has happened by now.
    fn find(&mut self, mut meanwhile: Vec<Event>) -> Result<Vec<Event>, CollectError> {
        for (first, members) in self.auditor.to_find(&meanwhile) {
            let born = |event: &Event| {
                event.task.tgid == first.tgid && matches!(event.body, Body::Exec(_))
            };
            if meanwhile.iter().any(born) {
                continue;
            }
            self.collector.snapshot(first.tgid.0)?;
            let events = self.intake().all_events();
            let ancestry = |tgid| ancestry::of(tgid, &self.starts);
            for event in events {
                match &event.body {
                    Body::Snapshot(certificate) if event.task.tgid == first.tgid => {
                        let found = certificate.clone();
                        self.auditor.find(&event, &found, &members, &ancestry);
                    }
                    Body::Snapshot(_) => {}
                    _ => meanwhile.push(event),
                }
            }
        }
        Ok(meanwhile)
    }

    pub(super) fn intake(&mut self) -> Intake<'_> {
        Intake {
            collector: &mut self.collector,
            syscalls: &self.syscalls,
            counters: &mut self.counters,
            next: &mut self.next,
        }
    }

    /// Takes the next batch. Tells whether there may be more.
    pub fn follow(&mut self) -> Result<bool, CollectError> {
        let now_ns = now_ns();
        let events = self.next_batch();
        let more = events.len() == BATCH;
        let last = events.last().filter(|_| more);
        self.read_ns = last.map_or(now_ns, |event| event.time_ns.min(now_ns));
        self.take(events)?;
        if !more && self.doubtful {
            self.look_again()?;
        }
        if !more && self.gate.as_mut().is_some_and(Gate::may_hold_untold) {
            self.decide_on_untold()?;
        }
        self.collector.print_log();
        Ok(more)
    }

    fn next_batch(&mut self) -> Vec<Event> {
        // Whoever is held must not wait for the reader's next look.
        if self.gate.is_some() {
            return self.intake().events(BATCH);
        }
        let mut events = self.intake().events_quietly(BATCH);
        if events.is_empty() && self.read_at.elapsed() >= QUIET {
            events = self.intake().events(BATCH);
        }
        if !events.is_empty() {
            self.read_at = Instant::now();
        }
        events
    }

    /// What can be told: nothing that happened before it is on its way any more.
    pub fn due(&mut self) -> Vec<Record> {
        let wait = u64::try_from(WAIT.as_nanos()).unwrap_or(u64::MAX);
        self.auditor.take_until(self.read_ns.saturating_sub(wait))
    }

    /// Waits until there may be something to read, and a little longer. Must run inside a tokio runtime with I/O and
    /// time enabled; who stops to wait misses nothing.
    pub async fn readable(&mut self) -> std::io::Result<()> {
        let ring = &mut self.collector.ring;
        if self.gate.is_some() {
            // Somebody may be held by it.
            return ring.readable().await;
        }
        let pause = if ring.keeps() {
            self.read_at.elapsed().clamp(GATHER, WAIT)
        } else {
            ring.readable().await?;
            GATHER
        };
        interval_at(Instant::now() + pause, pause).tick().await;
        Ok(())
    }

    /// Looks at all tasks: whoever is not there any more has ended, whatever was told.
    pub fn look_again(&mut self) -> Result<(), CollectError> {
        self.doubtful = false;
        let from_ns = now_ns();
        self.collector.inventory(0)?;
        let events = self.intake().all_events();
        let lost = self.counters.lost.total();
        let living: BTreeSet<Tgid> = events
            .iter()
            .filter(|event| match &event.body {
                Body::TaskSeen(seen) => !has_ended(seen),
                _ => false,
            })
            .map(|event| event.task.tgid)
            .collect();
        self.starts = starts(&events);
        self.take(events)?;
        // An inventory that is not whole shows nobody's end.
        if self.counters.lost.total() == lost {
            self.auditor.reconcile(&living, from_ns);
        }
        Ok(())
    }

    /// The last records, and the end.
    pub fn end(mut self, reason: String) -> Result<Auditor, CollectError> {
        if self.gate.is_some() {
            self.collector.hold_no_more()?;
        }
        // A hook that runs at this moment may have counted its record and not yet begun it.
        until(|| {
            while self.follow()? {}
            Ok::<_, CollectError>(self.counters.agree())
        })?;
        self.hold_is_over()?;
        self.auditor.ended(reason, now_ns());
        Ok(self.auditor)
    }

    pub(super) fn read_counters(&mut self) -> Result<(), CollectError> {
        let raw = self.collector.counters()?;
        for count in raw.kinds {
            self.counters.submitted.set(count.kind, count.submitted);
            self.counters.lost.set(count.kind, count.lost);
            self.counters.not_run.set(count.kind, count.not_run);
        }
        self.room.note(self.counters.scope_full, raw.scope_full);
        self.counters.scope_full = raw.scope_full;
        self.doubtful |= self.auditor.count(&self.counters, now_ns());
        Ok(())
    }
}

/// The certificate that "the host's" is taken from: this process's, whose root directory is that of the
/// host, unless it is in a container itself.
fn baseline(events: &[Event]) -> Result<Seen, CollectError> {
    let snapshots = events.iter().filter_map(|event| match &event.body {
        Body::Snapshot(certificate) => Some(Seen {
            seq: event.seq,
            certificate: certificate.clone(),
        }),
        _ => None,
    });
    let mut snapshots = snapshots.fuse();
    let (Some(kernel), Some(own)) = (snapshots.next(), snapshots.next()) else {
        return Err(CollectError::Iterate(
            "the kernel's own thread did not come up; the ring may be too small".to_owned(),
        ));
    };
    let namespaces = |seen: &Seen| seen.certificate.namespaces();
    Ok(if namespaces(&kernel) == namespaces(&own) {
        own
    } else {
        kernel
    })
}

/// When the processes have started that were looked at.
fn starts(events: &[Event]) -> Starts {
    let seen = events.iter().filter(|event| {
        matches!(event.body, Body::TaskSeen(_)) && event.task.tid.0 == event.task.tgid.0
    });
    seen.map(|event| (event.task.tgid, event.task.start_ns))
        .collect()
}

/// Hooks without which nothing can be told of containers.
fn needs(hooks: &[HookChoice], options: &Options) -> Result<(), CollectError> {
    let needed = [
        "task",
        "sched_process_exec",
        "sched_process_exit",
        "task_newtask",
    ];
    // Who is let go is held again once it has changed its namespaces.
    let is_needed = |name: &str| needed.contains(&name) || options.hold && name == "sys_exit";
    let missing = hooks.iter().filter(|hook| is_needed(&hook.name));
    for hook in missing {
        if let Some((_, reason)) = hook.missing().into_iter().next() {
            return Err(CollectError::NoWay {
                name: hook.name.to_string(),
                reason,
            });
        }
    }
    Ok(())
}

fn mode(hooks: &[HookChoice]) -> Mode {
    let seen = hooks.iter().find(|hook| hook.name == "sys_exit");
    match seen.and_then(|hook| hook.chosen) {
        Some(_) => Mode::Exact,
        None => Mode::Economy,
    }
}

fn chosen(hooks: &[HookChoice]) -> BTreeMap<String, Option<String>> {
    let named = |hook: &HookChoice| {
        let way = hook.chosen.map(Way::name).map(str::to_owned);
        (hook.name.to_string(), way)
    };
    hooks.iter().map(named).collect()
}

fn unattached(hooks: &[HookChoice]) -> Vec<Unattached> {
    let missing = hooks.iter().flat_map(HookChoice::missing);
    missing
        .map(|(kind, reason)| Unattached { kind, reason })
        .collect()
}

/// Nanoseconds since the machine was started.
pub fn now_ns() -> u64 {
    u64::try_from(ns(ClockId::Boottime)).unwrap_or(0)
}

/// What the clock of the day is ahead of it.
fn clock_ns() -> i128 {
    ns(ClockId::Realtime) - ns(ClockId::Boottime)
}

fn ns(clock: ClockId) -> i128 {
    let time = clock_gettime(clock);
    i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec)
}
