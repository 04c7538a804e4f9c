//! `tracer ps`: the containers that there are. Owns their fields and their words for people.

use std::io::{self, Write};

use serde::Serialize;

use super::{Head, age_text, count_text, memory_text};
use crate::event::certificate::{Certificate, Limits, UNLIMITED};
use crate::event::{NamespaceKind, NsId, Tgid};
use crate::expect::wording::cpu_text;
use crate::model::census::Container as Group;
use crate::report::escape::escape;
use crate::report::grid::{self, Cell, Column, Row};
use crate::report::{Document, Format, Style, json, jsonl};

/// The document.
#[derive(Clone, Debug, Serialize)]
pub struct Containers {
    /// The machine.
    #[serde(flatten)]
    pub head: Head,
    /// Every container, the oldest first.
    pub containers: Vec<Container>,
}

/// One container.
#[derive(Clone, Debug, Serialize)]
pub struct Container {
    /// Its first process.
    pub pid: Tgid,
    /// The thread, where no process is in it as a whole.
    pub tid: Option<u32>,
    /// That process's number in its own PID namespace.
    pub vpid: Option<u32>,
    /// That process's own name for itself.
    pub name: String,
    /// Seconds since that process started.
    pub age_s: u64,
    /// Who started that process.
    pub parent: Option<Parent>,
    /// Its name as its cgroup's path tells it.
    pub id: Option<String>,
    /// Processes in it.
    pub processes: usize,
    /// Tasks in it, every thread being one.
    pub tasks: usize,
    /// Namespaces that are not the host's.
    pub own_namespaces: Vec<Own>,
    /// Limits in force, those of cgroups above included.
    pub limits: InForce,
}

/// Who started a process.
#[derive(Clone, Debug, Serialize)]
pub struct Parent {
    /// Its number.
    pub pid: Tgid,
    /// Its own name for itself.
    pub name: String,
}

/// A namespace of its own.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Own {
    /// Its kind.
    pub kind: NamespaceKind,
    /// Its number.
    pub inum: NsId,
}

/// Limits in force; `None` = none, or not known.
#[derive(Clone, Debug, Default, Serialize)]
pub struct InForce {
    /// Bytes.
    pub memory_bytes: Option<u64>,
    /// Tasks.
    pub pids: Option<u64>,
    /// Nanoseconds of CPU time, and in how many.
    pub cpu_ns: Option<[u64; 2]>,
    /// Processors of its cpuset.
    pub cpus: Option<Vec<u32>>,
}

/// What is known of a container besides its members.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The certificate of its first process now; `None` when that has ended meanwhile.
    pub certificate: Option<Certificate>,
    /// Who started its first process.
    pub parent: Option<Parent>,
    /// Its name as its cgroup's path tells it.
    pub id: Option<String>,
}

impl Container {
    /// Of a group of tasks; `now_ns` is boot time.
    #[must_use]
    pub fn new(group: &Group, known: Known, now_ns: u64) -> Self {
        let first = &group.first;
        let own = |(kind, inum): &(NamespaceKind, NsId)| Own {
            kind: *kind,
            inum: *inum,
        };
        let facts = known.certificate.as_ref();
        Self {
            pid: first.task.tgid,
            tid: (!first.is_leader()).then_some(first.task.tid.0),
            vpid: facts.and_then(Certificate::vpid),
            name: first.task.comm.to_string(),
            age_s: now_ns.saturating_sub(first.task.start_ns) / 1_000_000_000,
            parent: known.parent,
            id: known.id,
            processes: group.processes,
            tasks: group.tasks,
            own_namespaces: group.namespaces.iter().map(own).collect(),
            limits: facts
                .map(|facts| InForce::of(&facts.limits()))
                .unwrap_or_default(),
        }
    }

    fn row(&self) -> Row {
        let kinds: Vec<&str> = self
            .own_namespaces
            .iter()
            .map(|own| own.kind.name())
            .collect();
        let kinds = if kinds.len() == NamespaceKind::ALL.len() {
            "all eight".to_owned()
        } else {
            kinds.join(" ")
        };
        let name = match self.tid {
            Some(tid) => format!("{}, thread {tid}", self.name),
            None => self.name.clone(),
        };
        let parent = self.parent.as_ref();
        let parent = parent.map_or("-".to_owned(), |one| format!("{}[{}]", one.name, one.pid));
        let cells = [
            self.pid.to_string(),
            age_text(self.age_s),
            name,
            self.id.clone().unwrap_or_else(|| "-".to_owned()),
            self.tasks.to_string(),
            kinds,
            self.limits.text(),
            parent,
        ];
        Row {
            cells: cells.into_iter().map(Cell::new).collect(),
            notes: Vec::new(),
        }
    }
}

impl InForce {
    fn of(limits: &Limits) -> Self {
        let finite = |value: u64| (value != UNLIMITED).then_some(value);
        Self {
            memory_bytes: limits.memory.and_then(|limit| finite(limit.effective)),
            pids: limits.pids.and_then(|limit| finite(limit.effective)),
            cpu_ns: limits
                .cpu
                .and_then(|cpu| Some([finite(cpu.quota)?, cpu.period])),
            cpus: limits.cpuset_cpus.clone(),
        }
    }

    fn text(&self) -> String {
        let parts = [
            self.memory_bytes.map(memory_text),
            self.pids.map(|pids| format!("{pids} tasks")),
            self.cpu_ns
                .map(|[quota, period]| format!("{}/{} us", quota / 1000, period / 1000)),
            self.cpus.as_deref().map(cpu_text),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        if parts.is_empty() {
            "none".to_owned()
        } else {
            parts.join(", ")
        }
    }
}

const COLUMNS: [Column; 8] = [
    Column::right("PID", 3),
    Column::right("AGE", 3),
    Column::left("PROCESS", 8),
    Column::left("ID", 8),
    Column::right("TASKS", 5),
    Column::left("OWN NAMESPACES", 14),
    Column::left("LIMITS IN FORCE", 12),
    Column::left("STARTED BY", 8),
];

impl Document for Containers {
    fn write(&self, format: Format, out: &mut dyn Write, style: Style) -> io::Result<()> {
        match format {
            Format::Table => self.table(out, style),
            Format::Compact => {
                for one in &self.containers {
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
                for one in &self.containers {
                    jsonl::line("container", one, out)?;
                }
                Ok(())
            }
        }
    }
}

impl Containers {
    fn table(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        if self.containers.is_empty() {
            writeln!(
                out,
                "no containers: all {} are in one set of namespaces, that of tracer itself; \
                 `tracer learn host` shows it",
                count_text(self.head.tasks, "task", "tasks")
            )?;
            return self.head.write_hidden(out);
        }
        let rows: Vec<Row> = self.containers.iter().map(Container::row).collect();
        grid::write(&COLUMNS, &rows, out, style)?;
        writeln!(
            out,
            "\n{}; {} seen in one pass",
            count_text(self.containers.len(), "container", "containers"),
            count_text(self.head.tasks, "task", "tasks")
        )?;
        self.head.write_hidden(out)
    }
}
