//! The timeline: events with their time since the container's clone. Owns what belongs to the
//! run, and which neighbours share a line for people.

use serde::Serialize;

use crate::event::{Body, Event, Tgid};
use crate::model::{Change, Model};

use super::change::{self, ChangeReport, Names, Words};

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Number of the record.
    pub seq: u64,
    /// Microseconds since the container's init was cloned; before that, negative.
    pub t_us: i64,
    /// Nanoseconds of boot time.
    pub time_ns: u64,
    /// The processor that the hook ran on.
    pub cpu: u32,
    /// Who did it.
    pub process: Process,
    /// Name of the event.
    pub event: String,
    /// It is part of the run: done by tracer or a descendant, or to one, from the making of the
    /// cgroups on.
    pub in_run: bool,
    /// What it changed.
    pub changes: Vec<ChangeReport>,
    /// In words.
    pub text: String,
    #[serde(skip)]
    pub(super) words: Words,
}

/// Who, by the names of the Elastic Common Schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Process {
    /// Thread group.
    pub pid: Tgid,
    /// Thread.
    pub thread: Thread,
    /// Its own name for itself.
    pub name: String,
}

/// A thread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Thread {
    /// Its id.
    pub id: u32,
}

/// Neighbouring entries that share a line.
pub(super) struct Line<'a> {
    /// At least one.
    pub entries: Vec<&'a Entry>,
}

pub(super) fn entries<'a>(
    steps: impl IntoIterator<Item = (&'a Event, &'a [Change])> + Clone,
    model: &Model,
    init: Option<Tgid>,
    names: &Names<'_>,
) -> Vec<Entry> {
    let start = start(steps.clone(), init);
    steps
        .into_iter()
        .filter(|(event, _)| !matches!(event.body, Body::TaskSeen(_) | Body::DeviceProgram(_)))
        .map(|(event, changes)| entry(event, changes, model, start, names))
        .collect()
}

/// When init was cloned; without it, the first event.
fn start<'a>(
    steps: impl IntoIterator<Item = (&'a Event, &'a [Change])>,
    init: Option<Tgid>,
) -> u64 {
    let mut first = None;
    for (event, _) in steps {
        first = first.or(Some(event.time_ns));
        if let Body::Fork(fork) = &event.body
            && Some(fork.child.tgid) == init
        {
            return event.time_ns;
        }
    }
    first.unwrap_or_default()
}

fn entry(event: &Event, changes: &[Change], model: &Model, start: u64, names: &Names<'_>) -> Entry {
    let nanoseconds = i128::from(event.time_ns) - i128::from(start);
    let t_us = i64::try_from(nanoseconds.div_euclid(1000)).unwrap_or(i64::MAX);
    let words = change::words(event, changes, names);
    Entry {
        seq: event.seq,
        t_us,
        time_ns: event.time_ns,
        cpu: event.cpu,
        process: Process {
            pid: event.task.tgid,
            thread: Thread {
                id: event.task.tid.0,
            },
            name: event.task.comm.to_string(),
        },
        event: event.body.name().to_owned(),
        in_run: in_run(event, model, t_us),
        changes: changes
            .iter()
            .map(|change| change::report(change, names))
            .collect(),
        text: words.text(),
        words,
    }
}

/// Of cgroups the whole host's records come, of all else only those of tracer and its
/// descendants. Before the clone only the making of cgroups belongs to the run: tracer starts
/// threads of its own.
fn in_run(event: &Event, model: &Model, t_us: i64) -> bool {
    let ours = |tgid| model.in_lineage(tgid);
    match &event.body {
        Body::CgroupMkdir(_) | Body::CgroupRmdir(_) => ours(event.task.tgid),
        Body::CgroupAttach(attach) => ours(event.task.tgid) || ours(attach.target.tgid),
        Body::Unknown(_) => true,
        _ => t_us >= 0,
    }
}

impl Words {
    fn text(&self) -> String {
        let subject = self.subject.join(", ");
        match &self.member {
            None => subject,
            Some(member) if subject.is_empty() => member.clone(),
            Some(member) => format!("{subject} ({member})"),
        }
    }
}

/// Calls that a mount is made of: they come in long runs, in which no single one says much.
const MOUNTING: [&str; 9] = [
    "mount",
    "umount2",
    "open_tree",
    "move_mount",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "mount_setattr",
];

/// The entries of the run; neighbours that differ in their member alone are joined.
pub(super) fn lines(entries: &[Entry]) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> = Vec::new();
    for entry in entries.iter().filter(|entry| entry.in_run) {
        match lines.last_mut() {
            Some(line) if joins(line.entries[0], entry) => line.entries.push(entry),
            _ => lines.push(Line {
                entries: vec![entry],
            }),
        }
    }
    lines
}

fn joins(one: &Entry, other: &Entry) -> bool {
    let mounts =
        |entry: &Entry| MOUNTING.contains(&entry.event.as_str()) && entry.words.subject.is_empty();
    let whole = ["task_newtask", "unknown"].contains(&one.event.as_str());
    let same = one.event == other.event
        && one.words.subject == other.words.subject
        && one.words.member.is_some() == other.words.member.is_some();
    one.process == other.process && !whole && (same || mounts(one) && mounts(other))
}

impl Line<'_> {
    /// Record numbers: `#4` or `#4-9`.
    pub(super) fn records(&self) -> String {
        let (first, last) = (
            self.entries[0].seq,
            self.entries[self.entries.len() - 1].seq,
        );
        if first == last {
            format!("#{first}")
        } else {
            format!("#{first}-{last}")
        }
    }

    fn is_mixed(&self) -> bool {
        self.entries
            .iter()
            .any(|entry| entry.event != self.entries[0].event)
    }

    /// Name of the event, and how many there are.
    pub(super) fn event(&self) -> String {
        let name = if self.is_mixed() {
            "mount calls"
        } else {
            &self.entries[0].event
        };
        match self.entries.len() {
            1 => name.to_owned(),
            count => format!("{name} x{count}"),
        }
    }

    /// A paragraph for each thing that is common, then what is peculiar to each entry.
    pub(super) fn what(&self) -> Vec<String> {
        let mixed = self.is_mixed();
        let members: Vec<String> = self
            .entries
            .iter()
            .filter_map(|entry| match (&entry.words.member, mixed) {
                (Some(member), true) => Some(format!("{} {member}", entry.event)),
                (None, true) => Some(entry.event.clone()),
                (member, false) => member.clone(),
            })
            .collect();
        let members = if mixed {
            counted(&members)
        } else {
            members.join(" ")
        };
        let mut what = self.entries[0].words.subject.clone();
        match what.last_mut() {
            Some(last) if !members.is_empty() => *last = format!("{last} in {members}"),
            None => what.push(members),
            Some(_) => {}
        }
        what
    }
}

/// Each once, in the order of the first, with its number.
fn counted(names: &[String]) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for name in names {
        match counts.iter_mut().find(|(known, _)| known == name) {
            Some((_, count)) => *count += 1,
            None => counts.push((name, 1)),
        }
    }
    let words = counts.into_iter().map(|(name, count)| match count {
        1 => name.to_owned(),
        count => format!("{name} x{count}"),
    });
    words.collect::<Vec<_>>().join(", ")
}
