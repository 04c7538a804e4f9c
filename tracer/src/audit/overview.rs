//! Who lives now, as the records of an audit tell it. Owns what is kept of each container. Pure: records in.

use std::collections::BTreeMap;

use super::record::{Born, Record, What};

/// One that somebody lives in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resident {
    /// Its id.
    pub id: String,
    /// Its engine's name for it.
    pub name: Option<String>,
    /// Number of its payload.
    pub pid: u32,
    /// The payload's own name for itself.
    pub process: String,
    /// When it was born or found, in nanoseconds since the machine was started.
    pub since_ns: u64,
    /// It was there before the audit: when it was born is not known.
    pub found: bool,
    /// What sets it apart: kinds of namespace, or a cgroup.
    pub apart: String,
    /// The outcome of what is expected of it.
    pub verdict: Option<String>,
    /// How often it has changed.
    pub changes: u64,
    /// How many have come in from outside.
    pub entered: u64,
    /// Who asked for it: its payload's parent.
    pub by: Option<String>,
    /// Records were lost while it was made.
    pub incomplete: bool,
}

/// All of them, and what the records add up to.
#[derive(Clone, Debug, Default)]
pub struct Overview {
    living: BTreeMap<String, Resident>,
    /// Births since the beginning.
    pub born: u64,
    /// Ends since the beginning.
    pub ended: u64,
    /// Violations since the beginning.
    pub violations: u64,
    /// Records that were lost.
    pub lost: u64,
}

impl Overview {
    /// Takes in a record.
    pub fn note(&mut self, record: &Record) {
        match &record.what {
            What::ContainerFound(born) => self.lives(record.boot_ns, born, true),
            What::ContainerBorn(born) => {
                self.born += 1;
                self.lives(record.boot_ns, born, false);
            }
            What::ContainerViolation(_) => self.violations += 1,
            What::ContainerChanged { container, .. } => {
                if let Some(one) = self.living.get_mut(&container.id) {
                    one.changes += 1;
                }
            }
            What::ContainerEntered { container, .. } => {
                if let Some(one) = self.living.get_mut(&container.id) {
                    one.entered += 1;
                }
            }
            What::ContainerEnded { container, .. } => {
                self.ended += 1;
                self.living.remove(&container.id);
            }
            What::Loss(loss) => {
                self.lost += loss.lost.values().sum::<u64>() + loss.not_understood;
            }
            _ => {}
        }
    }

    fn lives(&mut self, since_ns: u64, born: &Born, found: bool) {
        let kinds: Vec<&str> = born.namespaces.iter().map(|one| &*one.kind).collect();
        let parent = born.lineage.ancestors.first();
        let one = Resident {
            id: born.container.id.clone(),
            name: born.container.name.clone(),
            pid: born.process.pid,
            process: born.process.name.clone(),
            since_ns,
            found,
            apart: if born.cgroups_alone {
                format!("cgroup {}", born.cgroups.join(" "))
            } else {
                kinds.join(" ")
            },
            verdict: born.verdict.clone(),
            changes: 0,
            entered: 0,
            by: parent.map(|parent| format!("{}[{}]", parent.name, parent.pid)),
            incomplete: born.container.incomplete,
        };
        self.living.insert(one.id.clone(), one);
    }

    /// Those that live, the youngest first.
    pub fn living(&self) -> Vec<&Resident> {
        let mut all: Vec<&Resident> = self.living.values().collect();
        all.sort_by_key(|one| std::cmp::Reverse((one.since_ns, one.pid)));
        all
    }
}

#[cfg(test)]
impl Overview {
    /// Births of payloads with these names, a second from each other.
    pub fn sample(names: &[&str]) -> Self {
        let mut overview = Self::default();
        for (number, name) in (1..).zip(names) {
            overview.born += 1;
            let one = Resident {
                id: format!("{number:016x}"),
                name: None,
                pid: 100 + number,
                process: (*name).to_owned(),
                since_ns: u64::from(number) * 1_000_000_000,
                found: false,
                apart: "uts net".to_owned(),
                verdict: None,
                changes: 0,
                entered: 0,
                by: Some("sh[1]".to_owned()),
                incomplete: false,
            };
            overview.living.insert(one.id.clone(), one);
        }
        overview
    }
}
