//! `tracer ps --cgroups`: the trees of all hierarchies as one list, with who is in each cgroup and
//! what is in force there. Owns the rule that the strictest limit on the way to the root counts.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::{Head, count_text, memory_text};
use crate::event::CgroupKey;
use crate::host::cgroup_tree::{Amount, Cgroup as Read, Limits};
use crate::host::{CgroupVersion, Hierarchy};
use crate::model::census::Population;
use crate::report::escape::escape;
use crate::report::grid::{self, Cell, Column, Row};
use crate::report::{Document, Format, Style, json, jsonl};

/// The document.
#[derive(Clone, Debug, Serialize)]
pub struct Cgroups {
    /// The machine.
    #[serde(flatten)]
    pub head: Head,
    /// Every cgroup: by hierarchy, each before those below it.
    pub cgroups: Vec<Cgroup>,
}

/// One cgroup.
#[derive(Clone, Debug, Serialize)]
pub struct Cgroup {
    /// The kernel's number of the hierarchy; 0 is v2.
    pub hierarchy: u32,
    /// What reports call the hierarchy.
    pub label: String,
    /// v1 or v2.
    pub version: CgroupVersion,
    /// Inode number of its directory.
    pub id: u64,
    /// Below the hierarchy's root.
    pub path: String,
    /// 0 is the root.
    pub depth: usize,
    /// Processes in it, without those of cgroups below it.
    pub processes: usize,
    /// Tasks in it, likewise.
    pub tasks: usize,
    /// Tasks in it and in all cgroups below it.
    pub tasks_below: usize,
    /// What is in force: the strictest of its own and of those above it.
    pub limits: InForce,
}

/// Limits in force; `None` = none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct InForce {
    /// Bytes.
    pub memory_bytes: Option<u64>,
    /// Tasks.
    pub pids: Option<u64>,
    /// Microseconds of CPU time, and in how many.
    pub cpu_us: Option<[u64; 2]>,
    /// Processors, as the kernel lists them.
    pub cpus: Option<String>,
}

impl InForce {
    /// Its own limits below what is in force above it.
    fn below(above: &Self, own: &Limits) -> Self {
        let stricter = |above: Option<u64>, own: Option<Amount>| match own {
            Some(Amount::Of(own)) => Some(above.map_or(own, |above| above.min(own))),
            _ => above,
        };
        let cpu = match own.cpu {
            Some((Amount::Of(quota), period)) => {
                let laxer = |[above, of]: &[u64; 2]| {
                    // quota / period < above / of, without division.
                    u128::from(quota) * u128::from(*of) < u128::from(*above) * u128::from(period)
                };
                match &above.cpu_us {
                    Some(other) if !laxer(other) => Some(*other),
                    _ => Some([quota, period]),
                }
            }
            _ => above.cpu_us,
        };
        Self {
            memory_bytes: stricter(above.memory_bytes, own.memory),
            pids: stricter(above.pids, own.pids),
            cpu_us: cpu,
            cpus: own
                .cpus
                .clone()
                .filter(|list| !list.is_empty())
                .or_else(|| above.cpus.clone()),
        }
    }

    fn text(&self) -> String {
        let parts = [
            self.memory_bytes.map(memory_text),
            self.pids.map(|pids| format!("{pids} tasks")),
            self.cpu_us
                .map(|[quota, period]| format!("{quota}/{period} us")),
            self.cpus.as_ref().map(|list| format!("cpu {list}")),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

impl Cgroups {
    /// Of all hierarchies, each with its cgroups in the order in which they were read.
    #[must_use]
    pub fn new(
        head: Head,
        trees: &[(&Hierarchy, Vec<Read>)],
        population: &BTreeMap<CgroupKey, Population>,
    ) -> Self {
        let mut cgroups = Vec::new();
        for (hierarchy, tree) in trees {
            let start = cgroups.len();
            // What is in force on the way from the root to the one that is looked at.
            let mut way: Vec<InForce> = Vec::new();
            for read in tree {
                way.truncate(read.depth);
                let above = way.last().cloned().unwrap_or_default();
                let limits = InForce::below(&above, &read.limits);
                way.push(limits.clone());
                let members = population.get(&read.key).copied().unwrap_or_default();
                cgroups.push(Cgroup {
                    hierarchy: hierarchy.id,
                    label: hierarchy.label(),
                    version: hierarchy.version,
                    id: read.key.id,
                    path: read.path.clone(),
                    depth: read.depth,
                    processes: members.processes,
                    tasks: members.tasks,
                    tasks_below: members.tasks,
                    limits,
                });
            }
            sum(&mut cgroups[start..]);
        }
        Self { head, cgroups }
    }

    fn row(one: &Cgroup) -> Row {
        let name = match one.path.rsplit_once('/') {
            Some((_, name)) if one.depth > 0 => format!("{}{name}", "  ".repeat(one.depth)),
            _ => one.label.clone(),
        };
        let version = match (one.depth, one.version) {
            (0, CgroupVersion::V1) => "v1",
            (0, CgroupVersion::V2) => "v2",
            _ => "",
        };
        let cells = [
            version.to_owned(),
            name,
            one.processes.to_string(),
            one.tasks.to_string(),
            one.tasks_below.to_string(),
            one.limits.text(),
        ];
        Row {
            cells: cells.into_iter().map(Cell::new).collect(),
            notes: Vec::new(),
        }
    }
}

/// Adds to each the tasks of those below it, which stand behind it.
fn sum(tree: &mut [Cgroup]) {
    for at in (1..tree.len()).rev() {
        let depth = tree[at].depth;
        let below = tree[at].tasks_below;
        if let Some(parent) = tree[..at].iter_mut().rev().find(|one| one.depth < depth) {
            parent.tasks_below += below;
        }
    }
}

const COLUMNS: [Column; 6] = [
    Column::left("", 2),
    Column::left("CGROUP", 16),
    Column::right("PROCESSES", 9),
    Column::right("TASKS", 5),
    Column::right("WITH THOSE BELOW", 8),
    Column::left("LIMITS IN FORCE", 16),
];

impl Document for Cgroups {
    fn write(&self, format: Format, out: &mut dyn Write, style: Style) -> io::Result<()> {
        match format {
            Format::Table => {
                let rows: Vec<Row> = self.cgroups.iter().map(Self::row).collect();
                grid::write(&COLUMNS, &rows, out, style)?;
                let roots = self.cgroups.iter().filter(|one| one.depth == 0).count();
                writeln!(
                    out,
                    "\n{} in {}; {} seen in one pass",
                    count_text(self.cgroups.len(), "cgroup", "cgroups"),
                    count_text(roots, "hierarchy", "hierarchies"),
                    count_text(self.head.tasks, "task", "tasks")
                )?;
                self.head.write_hidden(out)
            }
            Format::Compact => {
                for one in &self.cgroups {
                    let (label, path) = (escape(&one.label), escape(&one.path));
                    let limits = escape(&one.limits.text());
                    writeln!(
                        out,
                        "{label}\t{path}\t{}\t{}\t{limits}",
                        one.processes, one.tasks
                    )?;
                }
                Ok(())
            }
            Format::Json => json::write(self, out),
            Format::Jsonl => {
                for one in &self.cgroups {
                    jsonl::line("cgroup", one, out)?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strictest_limit_on_the_way_to_the_root_is_in_force() {
        let above = InForce {
            memory_bytes: Some(100),
            pids: None,
            cpu_us: Some([50, 100]),
            cpus: Some("0-3".to_owned()),
        };
        let laxer = Limits {
            memory: Some(Amount::Of(200)),
            pids: Some(Amount::Unlimited),
            cpu: Some((Amount::Of(600), 1000)),
            cpus: Some(String::new()),
        };
        assert_eq!(InForce::below(&above, &laxer), above);
        let stricter = Limits {
            memory: Some(Amount::Of(50)),
            pids: Some(Amount::Of(7)),
            cpu: Some((Amount::Of(400), 1000)),
            cpus: Some("1".to_owned()),
        };
        let wanted = InForce {
            memory_bytes: Some(50),
            pids: Some(7),
            cpu_us: Some([400, 1000]),
            cpus: Some("1".to_owned()),
        };
        assert_eq!(InForce::below(&above, &stricter), wanted);
    }

    #[test]
    fn tasks_are_counted_up_to_the_root_and_not_across() {
        let one = |depth, tasks| Cgroup {
            hierarchy: 0,
            label: String::new(),
            version: CgroupVersion::V2,
            id: 0,
            path: String::new(),
            depth,
            processes: tasks,
            tasks,
            tasks_below: tasks,
            limits: InForce::default(),
        };
        let mut tree = [one(0, 1), one(1, 2), one(2, 4), one(1, 8)];
        sum(&mut tree);
        assert_eq!(tree.map(|one| one.tasks_below), [15, 6, 4, 8]);
    }
}
