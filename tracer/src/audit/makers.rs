//! Who made the cgroups that are there. Owns how that is kept: a container has a cgroup in each of v1's hierarchies, at
//! one path and made by one process.

use std::collections::HashMap;
use std::sync::Arc;

use crate::event::{CgroupDir, Event, Task};

/// One cgroup's making.
#[derive(Clone, Debug)]
pub(super) struct Made {
    /// The record.
    pub seq: u64,
    pub time_ns: u64,
    pub by: Arc<Task>,
    pub hierarchy: u32,
}

/// Those of all that are there, by path.
#[derive(Clone, Debug, Default)]
pub(super) struct Makers(HashMap<Box<str>, Vec<Made>>);

impl Makers {
    /// Notes one, in the place of what stood there before.
    pub(super) fn insert(&mut self, event: &Event, dir: &CgroupDir) {
        let hierarchy = dir.cgroup.key.hierarchy;
        let all = self.0.entry(dir.path.text.as_str().into()).or_default();
        all.retain(|made| made.hierarchy != hierarchy);
        let same = all.last().filter(|made| *made.by == event.task);
        let by = same.map_or_else(|| Arc::new(event.task.clone()), |made| Arc::clone(&made.by));
        // One for each hierarchy, and no more come.
        all.reserve_exact(1);
        all.push(Made {
            seq: event.seq,
            time_ns: event.time_ns,
            by,
            hierarchy,
        });
    }

    /// It is gone.
    pub(super) fn remove(&mut self, dir: &CgroupDir) {
        let path = dir.path.text.as_str();
        if let Some(all) = self.0.get_mut(path) {
            all.retain(|made| made.hierarchy != dir.cgroup.key.hierarchy);
            if all.is_empty() {
                self.0.remove(path);
            }
        }
    }

    /// Who made a cgroup, and those above it that the same process made, with their paths.
    pub(super) fn of<'a>(&self, hierarchy: u32, path: &'a str) -> Vec<(&Made, &'a str)> {
        let mut found: Vec<(&Made, &str)> = Vec::new();
        let mut path = path;
        while let Some(made) = self.get(hierarchy, path) {
            let same = |(first, _): &(&Made, &str)| {
                (first.by.tgid, first.by.start_ns) == (made.by.tgid, made.by.start_ns)
            };
            if !found.first().is_none_or(same) {
                break;
            }
            found.push((made, path));
            path = path.rsplit_once('/').map_or("", |(above, _)| above);
        }
        found
    }

    fn get(&self, hierarchy: u32, path: &str) -> Option<&Made> {
        let mut all = self.0.get(path)?.iter();
        all.find(|made| made.hierarchy == hierarchy)
    }
}
