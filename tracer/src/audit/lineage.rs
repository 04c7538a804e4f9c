//! Lineages on their way from their own record to that of the exec which they belong to. Owns the
//! waiting; few wait, since the two come one right after the other.

use std::collections::HashMap;

use crate::event::{Lineage, Task, Tgid};

use super::identity;
use super::record::{self, LineageSource};

/// More than these wait only where the execs of theirs were lost.
const ROOM: usize = 1024;

/// Lineages that wait.
#[derive(Debug, Default)]
pub(super) struct Waiting(HashMap<Tgid, (u64, Lineage)>);

impl Waiting {
    /// Notes one.
    pub(super) fn put(&mut self, task: &Task, lineage: &Lineage) {
        if self.0.len() >= ROOM {
            // None of them is waited for any more.
            self.0.clear();
        }
        self.0.insert(task.tgid, (task.start_ns, lineage.clone()));
    }

    /// That of a task which executes a program.
    pub(super) fn take(&mut self, task: &Task) -> Option<Lineage> {
        let (start, lineage) = self.0.remove(&task.tgid)?;
        (start == task.start_ns).then_some(lineage)
    }
}

/// As a record has it.
pub(super) fn record(
    boot_id: &str,
    lineage: Option<&Lineage>,
    source: LineageSource,
) -> record::Lineage {
    let Some(lineage) = lineage else {
        return record::Lineage {
            source: LineageSource::Unknown,
            ancestors: Vec::new(),
            truncated: false,
        };
    };
    let ancestors = lineage.ancestors.iter();
    record::Lineage {
        source,
        ancestors: ancestors
            .map(|one| identity::ancestor(boot_id, one))
            .collect(),
        truncated: lineage.truncated,
    }
}
