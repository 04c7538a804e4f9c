//! `tracer ps --namespaces`: every namespace, and all that holds it. Owns the fields and their
//! words for people.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::{Head, count_text};
use crate::event::{NamespaceKind, NsId, Tgid};
use crate::host::namespace_files::{Files, Holder};
use crate::model::census::{Census, Namespace as Held};
use crate::report::escape::escape;
use crate::report::grid::{self, Cell, Column, Row};
use crate::report::{Document, Format, Style, json, jsonl};

/// The document.
#[derive(Clone, Debug, Serialize)]
pub struct Namespaces {
    /// The machine.
    #[serde(flatten)]
    pub head: Head,
    /// Every namespace, by kind and number.
    pub namespaces: Vec<Namespace>,
    /// Processes whose descriptors could not be read: what they alone hold is missing.
    pub unread: Vec<Tgid>,
}

/// One namespace.
#[derive(Clone, Debug, Serialize)]
pub struct Namespace {
    /// Its kind.
    pub kind: NamespaceKind,
    /// Its number.
    pub inum: NsId,
    /// It is tracer's own.
    pub is_host: bool,
    /// Processes in it, as the kernel's list of tasks has them.
    pub processes: Vec<Tgid>,
    /// Processes of which a thread that is not the first is in it, and the first is not.
    pub threads_of: Vec<Tgid>,
    /// Processes whose next child will be in it, and that are not in it.
    pub for_children_of: Vec<Tgid>,
    /// Descriptors that hold it, as /proc shows them after the list of tasks was made.
    pub descriptors: Vec<Descriptor>,
    /// Bind mounts that hold it, as mountinfo shows them.
    pub mounts: Vec<Mount>,
    /// The oldest process of those in it.
    pub first: Option<First>,
}

/// An open descriptor.
#[derive(Clone, Debug, Serialize)]
pub struct Descriptor {
    /// Of this process.
    pub pid: Tgid,
    /// Its number.
    pub fd: u32,
}

/// A bind mount.
#[derive(Clone, Debug, Serialize)]
pub struct Mount {
    /// Where.
    pub path: String,
    /// In the mount table of this process.
    pub seen_by: Tgid,
}

/// The oldest process in a namespace.
#[derive(Clone, Debug, Serialize)]
pub struct First {
    /// Its number.
    pub pid: Tgid,
    /// Its own name for itself.
    pub name: String,
}

impl Namespaces {
    /// Of the tasks, and what files hold.
    #[must_use]
    pub fn new(head: Head, census: &Census, files: &Files) -> Self {
        let mut all: BTreeMap<(NamespaceKind, NsId), Namespace> = census
            .namespaces()
            .into_iter()
            .map(|held| ((held.kind, held.id), Namespace::of(held)))
            .collect();
        for held in &files.held {
            let one = all
                .entry((held.kind, held.id))
                .or_insert_with(|| Namespace::of(census.unheld(held.kind, held.id)));
            match &held.by {
                Holder::Descriptor { process, fd } => one.descriptors.push(Descriptor {
                    pid: *process,
                    fd: *fd,
                }),
                // A mount that several tables have is one.
                Holder::Mount { path, process } => {
                    if one.mounts.iter().all(|mount| mount.path != *path) {
                        one.mounts.push(Mount {
                            path: path.clone(),
                            seen_by: *process,
                        });
                    }
                }
            }
        }
        Self {
            head,
            namespaces: all.into_values().collect(),
            unread: files.unread.clone(),
        }
    }
}

impl Namespace {
    fn of(held: Held) -> Self {
        let list = |all: std::collections::BTreeSet<Tgid>| all.into_iter().collect();
        Self {
            kind: held.kind,
            inum: held.id,
            is_host: held.is_host,
            processes: list(held.processes),
            threads_of: list(held.threads),
            for_children_of: list(held.for_children),
            descriptors: Vec::new(),
            mounts: Vec::new(),
            first: held.first.map(|task| First {
                pid: task.tgid,
                name: task.comm.to_string(),
            }),
        }
    }

    /// What holds it besides processes that are in it.
    fn also_held(&self) -> String {
        let pids = |all: &[Tgid]| {
            let words: Vec<String> = all.iter().map(ToString::to_string).collect();
            words.join(" ")
        };
        let mut parts = Vec::new();
        if !self.threads_of.is_empty() {
            parts.push(format!("a thread of {}", pids(&self.threads_of)));
        }
        if !self.for_children_of.is_empty() {
            parts.push(format!("for children of {}", pids(&self.for_children_of)));
        }
        // Where processes are in it, further holders of the host's would only be noise.
        if !self.is_host {
            let open = self.descriptors.iter();
            parts.extend(open.map(|one| format!("descriptor {} of {}", one.fd, one.pid)));
            parts.extend(self.mounts.iter().map(|one| format!("mount {}", one.path)));
        }
        parts.join(", ")
    }

    fn row(&self) -> Row {
        let whose = if self.is_host { "host" } else { "" };
        let first = self.first.as_ref();
        let first = first.map_or("-".to_owned(), |one| format!("{}[{}]", one.name, one.pid));
        let cells = [
            self.kind.name().to_owned(),
            self.inum.to_string(),
            whose.to_owned(),
            self.processes.len().to_string(),
            first,
            self.also_held(),
        ];
        Row {
            cells: cells.into_iter().map(Cell::new).collect(),
            notes: Vec::new(),
        }
    }
}

const COLUMNS: [Column; 6] = [
    Column::left("KIND", 4),
    Column::right("NUMBER", 10),
    Column::left("WHOSE", 5),
    Column::right("PROCESSES", 9),
    Column::left("FIRST", 10),
    Column::left("ALSO HELD BY", 16),
];

impl Document for Namespaces {
    fn write(&self, format: Format, out: &mut dyn Write, style: Style) -> io::Result<()> {
        match format {
            Format::Table => {
                let rows: Vec<Row> = self.namespaces.iter().map(Namespace::row).collect();
                grid::write(&COLUMNS, &rows, out, style)?;
                let own = self.namespaces.iter().filter(|one| !one.is_host).count();
                writeln!(
                    out,
                    "\n{}, {own} of them not the host's; {} seen in one pass, descriptors and \
                     mounts in /proc after it",
                    count_text(self.namespaces.len(), "namespace", "namespaces"),
                    count_text(self.head.tasks, "task", "tasks")
                )?;
                self.head.write_hidden(out)?;
                if !self.unread.is_empty() {
                    writeln!(
                        out,
                        "not seen: what the descriptors of {} hold, which could not be read",
                        count_text(self.unread.len(), "process", "processes")
                    )?;
                }
                writeln!(
                    out,
                    "nor is what only the kernel holds: a socket's network namespace, a parent of \
                     another, a mount of a table that no process has"
                )
            }
            Format::Compact => {
                for one in &self.namespaces {
                    let cells = one.row().cells;
                    let words: Vec<String> = cells
                        .iter()
                        .map(|cell| escape(&cell.lines.concat()))
                        .collect();
                    writeln!(out, "{}", words.join("\t"))?;
                }
                Ok(())
            }
            Format::Json => json::write(self, out),
            Format::Jsonl => {
                for one in &self.namespaces {
                    jsonl::line("namespace", one, out)?;
                }
                Ok(())
            }
        }
    }
}
