//! Who made the cgroups that are there. Owns how that is kept: a container has a cgroup in each of v1's hierarchies, at
//! one path and made by one process, one soon after the other.

use std::collections::HashMap;

use smol_str::SmolStr;

use crate::event::{CgroupDir, Event, Task};

/// One cgroup's making.
#[derive(Clone, Copy, Debug)]
pub(super) struct Made<'a> {
    /// The record.
    pub seq: u64,
    pub time_ns: u64,
    pub by: &'a Task,
    pub hierarchy: u32,
}

/// Those of all that are there, by path.
#[derive(Clone, Debug, Default)]
pub(super) struct Makers(HashMap<SmolStr, Vec<Making>>);

/// What one process made at one path.
#[derive(Clone, Debug)]
struct Making {
    by: Task,
    /// The first record, and when that was.
    seq: u64,
    time_ns: u64,
    places: Vec<Place>,
}

/// In one hierarchy.
#[derive(Clone, Copy, Debug)]
struct Place {
    hierarchy: u32,
    /// So many records after the first.
    seq: u32,
    /// So many nanoseconds after it.
    time_ns: u32,
}

impl Making {
    fn of(event: &Event) -> Self {
        Self {
            by: event.task.clone(),
            seq: event.seq,
            time_ns: event.time_ns,
            places: Vec::new(),
        }
    }

    /// Where an event stands among these, if whoever made them did it, and soon.
    fn place(&self, event: &Event, hierarchy: u32) -> Option<Place> {
        if self.by != event.task {
            return None;
        }
        let since = |now: u64, then: u64| u32::try_from(now.checked_sub(then)?).ok();
        Some(Place {
            hierarchy,
            seq: since(event.seq, self.seq)?,
            time_ns: since(event.time_ns, self.time_ns)?,
        })
    }

    fn in_hierarchy(&self, hierarchy: u32) -> Option<Made<'_>> {
        let mut places = self.places.iter();
        let place = places.find(|place| place.hierarchy == hierarchy)?;
        Some(Made {
            seq: self.seq + u64::from(place.seq),
            time_ns: self.time_ns + u64::from(place.time_ns),
            by: &self.by,
            hierarchy,
        })
    }
}

impl Makers {
    /// Notes one, in the place of what stood there before.
    pub(super) fn insert(&mut self, event: &Event, dir: &CgroupDir) {
        let hierarchy = dir.cgroup.key.hierarchy;
        let all = self.0.entry(dir.path.text.clone()).or_default();
        remove(all, hierarchy);
        let last = all.last().and_then(|last| last.place(event, hierarchy));
        if last.is_none() {
            all.reserve_exact(1);
            all.push(Making::of(event));
        }
        if let Some(making) = all.last_mut() {
            let place = last.or_else(|| making.place(event, hierarchy));
            // One for each hierarchy, and no more come.
            making.places.reserve_exact(1);
            making.places.extend(place);
        }
    }

    /// It is gone.
    pub(super) fn remove(&mut self, dir: &CgroupDir) {
        let path = dir.path.text.as_str();
        if let Some(all) = self.0.get_mut(path) {
            remove(all, dir.cgroup.key.hierarchy);
            if all.is_empty() {
                self.0.remove(path);
            }
        }
    }

    /// Who made a cgroup, and those above it that the same process made, with their paths.
    pub(super) fn of<'a>(&self, hierarchy: u32, path: &'a str) -> Vec<(Made<'_>, &'a str)> {
        let mut found: Vec<(Made<'_>, &str)> = Vec::new();
        let mut path = path;
        while let Some(made) = self.get(hierarchy, path) {
            let same = |(first, _): &(Made<'_>, &str)| {
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

    fn get(&self, hierarchy: u32, path: &str) -> Option<Made<'_>> {
        let mut all = self.0.get(path)?.iter();
        all.find_map(|making| making.in_hierarchy(hierarchy))
    }
}

fn remove(all: &mut Vec<Making>, hierarchy: u32) {
    for making in &mut *all {
        making.places.retain(|place| place.hierarchy != hierarchy);
    }
    all.retain(|making| !making.places.is_empty());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Body, CgroupKey, CgroupMember, KernelPath, Tgid};

    const LATER: u64 = 1 << 40;

    fn made(makers: &mut Makers, pid: u32, seq: u64, hierarchy: u32, path: &str) {
        let dir = CgroupDir {
            cgroup: CgroupMember {
                key: CgroupKey { hierarchy, id: seq },
                level: 1,
                controllers: 0,
            },
            path: KernelPath {
                text: path.into(),
                cut: false,
            },
        };
        let event = Event {
            seq,
            time_ns: seq * 10,
            cpu: 0,
            task: Task {
                tgid: Tgid(pid),
                ..Task::default()
            },
            body: Body::CgroupMkdir(dir.clone()),
        };
        makers.insert(&event, &dir);
    }

    fn told(makers: &Makers, hierarchy: u32, path: &str) -> Vec<(u32, u64, u64, String)> {
        let found = makers.of(hierarchy, path).into_iter();
        found
            .map(|(made, path)| (made.by.tgid.0, made.seq, made.time_ns, path.to_owned()))
            .collect()
    }

    #[test]
    fn each_hierarchy_has_the_record_of_its_own_cgroup() {
        let mut makers = Makers::default();
        made(&mut makers, 1, 3, 0, "/a");
        for (seq, hierarchy) in [(5, 0), (6, 1), (9, 2)] {
            made(&mut makers, 1, seq, hierarchy, "/a/b");
        }
        let both = [(1, 5, 50, "/a/b".to_owned()), (1, 3, 30, "/a".to_owned())];
        assert_eq!(told(&makers, 0, "/a/b"), both);
        assert_eq!(told(&makers, 2, "/a/b"), [(1, 9, 90, "/a/b".to_owned())]);
        assert_eq!(told(&makers, 3, "/a/b"), []);
    }

    #[test]
    fn what_another_made_or_the_same_much_later_is_told_of_as_theirs() {
        let mut makers = Makers::default();
        made(&mut makers, 1, 5, 0, "/a");
        made(&mut makers, 2, 6, 1, "/a");
        made(&mut makers, 2, LATER, 2, "/a");
        assert_eq!(told(&makers, 0, "/a"), [(1, 5, 50, "/a".to_owned())]);
        assert_eq!(told(&makers, 1, "/a"), [(2, 6, 60, "/a".to_owned())]);
        let later = [(2, LATER, LATER * 10, "/a".to_owned())];
        assert_eq!(told(&makers, 2, "/a"), later);
        // One that was made anew stands in the place of the one before.
        made(&mut makers, 3, LATER + 1, 0, "/a");
        let anew = [(3, LATER + 1, (LATER + 1) * 10, "/a".to_owned())];
        assert_eq!(told(&makers, 0, "/a"), anew);
        assert_eq!(makers.0.values().map(Vec::len).sum::<usize>(), 3);
    }
}
