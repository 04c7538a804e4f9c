//! `tracer learn host`: the namespaces and cgroups that most processes of this machine share.
//! Owns the counting and its words; makes nothing.

use std::collections::BTreeMap;
use std::fs;

use super::{
    Failure,
    lesson::{Evidence, Lesson, Part, Records, processes, verdict_of},
    stage::Stage,
};
use crate::{
    event::{Body, CgroupKey, Event, NamespaceKind, NamespaceSlot, NsId, TaskSeen, Tgid},
    host::{Hierarchy, cgroup_mounts},
    report::escape::escape,
};

/// Names of processes that a line holds.
const NAMES: usize = 6;
/// Groups of processes that are told one by one.
const GROUPS: usize = 12;

/// Something that a process is in, one of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Namespace(NamespaceKind, NsId),
    Cgroup(CgroupKey),
}

/// What can be shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Facet {
    Namespace(NamespaceKind),
    Hierarchy(u32),
}

/// An ordinary process and the record that names it.
#[derive(Clone, Copy, Debug)]
struct Process<'a> {
    event: &'a Event,
    task: &'a TaskSeen,
}

/// The tasks of the host, sorted out.
#[derive(Debug, Default)]
struct Census<'a> {
    processes: Vec<Process<'a>>,
    /// Processes that have ended and wait for their parent: they are in nothing any more.
    ended: Vec<&'a Event>,
    kernel_threads: Vec<&'a Event>,
}

/// What most processes have in one facet.
#[derive(Debug)]
struct Common<'a> {
    facet: Facet,
    place: Place,
    sharers: Vec<&'a Event>,
}

/// The lesson. The inventory is that of the start, before tracer had made anything.
pub fn teach(stage: &mut Stage) -> Result<Lesson, Failure> {
    let inventory = std::mem::take(&mut stage.session.inventory);
    stage.settle()?;
    let hierarchies = &stage.host.hierarchies;
    let census = Census::of(&inventory);
    let common = common(&census, hierarchies);
    let paths = common.iter().filter_map(|common| {
        let Place::Cgroup(key) = common.place else {
            return None;
        };
        common
            .sharers
            .iter()
            .find_map(|event| Some((key, path(event.task.tgid, key)?)))
    });
    let paths: BTreeMap<CgroupKey, String> = paths.collect();
    let records = Records::of(&stage.session.observation.counters);
    Ok(tell(
        &census,
        &common,
        hierarchies,
        &paths,
        stage.session.model.root(),
        records,
    ))
}

/// Path of the cgroup of a process as /proc has it: a name for people, while the record has the
/// identity. `None` when the process is gone by now.
fn path(tgid: Tgid, key: CgroupKey) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{tgid}/cgroup")).ok()?;
    let all = cgroup_mounts::memberships(&text)?;
    all.into_iter()
        .find(|one| one.id == key.hierarchy)
        .map(|one| one.path)
}

impl<'a> Census<'a> {
    fn of(inventory: &'a [Event]) -> Self {
        let mut census = Self::default();
        for event in inventory {
            let Body::TaskSeen(task) = &event.body else {
                continue;
            };
            if event.task.tid.0 != event.task.tgid.0 {
                continue;
            }
            if task.kernel_thread {
                census.kernel_threads.push(event);
            } else if task.namespaces.get(NamespaceSlot::Mnt).is_none() {
                census.ended.push(event);
            } else {
                census.processes.push(Process { event, task });
            }
        }
        census
    }
}

impl Process<'_> {
    fn place(&self, facet: Facet) -> Option<Place> {
        match facet {
            Facet::Namespace(kind) => {
                let id = self.task.namespaces.get(own_slot(kind))?;
                Some(Place::Namespace(kind, id))
            }
            Facet::Hierarchy(id) => Some(Place::Cgroup(self.task.cgroups.in_hierarchy(id)?.key)),
        }
    }
}

/// Where a process is itself, not its children.
fn own_slot(kind: NamespaceKind) -> NamespaceSlot {
    match kind {
        NamespaceKind::Mnt => NamespaceSlot::Mnt,
        NamespaceKind::Uts => NamespaceSlot::Uts,
        NamespaceKind::Ipc => NamespaceSlot::Ipc,
        NamespaceKind::Pid => NamespaceSlot::Pid,
        NamespaceKind::Net => NamespaceSlot::Net,
        NamespaceKind::User => NamespaceSlot::User,
        NamespaceKind::Cgroup => NamespaceSlot::Cgroup,
        NamespaceKind::Time => NamespaceSlot::Time,
    }
}

/// What the most processes have, in every facet.
fn common<'a>(census: &Census<'a>, hierarchies: &[Hierarchy]) -> Vec<Common<'a>> {
    let facets = NamespaceKind::ALL.into_iter().map(Facet::Namespace).chain(
        hierarchies
            .iter()
            .map(|hierarchy| Facet::Hierarchy(hierarchy.id)),
    );
    facets
        .filter_map(|facet| {
            let mut places: BTreeMap<Place, Vec<&Event>> = BTreeMap::new();
            for process in &census.processes {
                if let Some(place) = process.place(facet) {
                    places.entry(place).or_default().push(process.event);
                }
            }
            let (place, sharers) = places
                .into_iter()
                .max_by_key(|(_, sharers)| sharers.len())?;
            Some(Common {
                facet,
                place,
                sharers,
            })
        })
        .collect()
}

/// What more than half of the processes share.
fn is_shared(common: &Common<'_>, census: &Census<'_>) -> bool {
    2 * common.sharers.len() > census.processes.len()
}

fn tell(
    census: &Census<'_>,
    common: &[Common<'_>],
    hierarchies: &[Hierarchy],
    paths: &BTreeMap<CgroupKey, String>,
    root: Tgid,
    records: Records,
) -> Lesson {
    Lesson {
        name: "host",
        title: "What the host is: the container that everybody is in",
        introduction: "Every process has one namespace of each kind and one cgroup in each tree, \
                       those of the host as well: there is no place outside. The kernel's list of \
                       tasks is walked once, and what most processes share is counted."
            .to_owned(),
        parts: vec![
            namespaces(census, common),
            cgroups(census, common, hierarchies, paths),
            members(census, common, hierarchies, root),
        ],
        records,
    }
}

fn namespaces(census: &Census<'_>, common: &[Common<'_>]) -> Part {
    let of_namespaces = || {
        common
            .iter()
            .filter(|common| matches!(common.facet, Facet::Namespace(_)))
    };
    let evidence = of_namespaces()
        .filter_map(|common| {
            let Place::Namespace(kind, id) = common.place else {
                return None;
            };
            let kind = kind.name();
            Some(share(census, common, &format!("{kind:<6} {id}")))
        })
        .collect();
    let all = of_namespaces()
        .filter(|common| is_shared(common, census))
        .count();
    let holds = (all == NamespaceKind::ALL.len()).then_some(true);
    Part {
        title: "One namespace of each kind".to_owned(),
        text: "The namespace of each kind that the most processes have, by its inode number:"
            .to_owned(),
        evidence,
        verdict: verdict_of(holds),
        meaning: if holds.is_some() {
            "More than half of the processes share each of them. `The host's network` is one of \
             these numbers, and a process on it has the host's network."
                .to_owned()
        } else {
            "there is a kind of which no namespace is shared by more than half of the processes"
                .to_owned()
        },
    }
}

fn share(census: &Census<'_>, common: &Common<'_>, what: &str) -> Evidence {
    let (some, all) = (common.sharers.len(), census.processes.len());
    Evidence::of(
        common.sharers.iter().copied(),
        format!("{what}: {some} of {all}"),
    )
}

fn cgroups(
    census: &Census<'_>,
    common: &[Common<'_>],
    hierarchies: &[Hierarchy],
    paths: &BTreeMap<CgroupKey, String>,
) -> Part {
    let mut scattered = Vec::new();
    let mut evidence = Vec::new();
    for common in common {
        let Place::Cgroup(key) = common.place else {
            continue;
        };
        let label = label(hierarchies, key.hierarchy);
        let path = paths.get(&key).map(|path| format!(" {}", escape(path)));
        let path = path.unwrap_or_default();
        evidence.push(share(
            census,
            common,
            &format!("{label}{path}, cgroup {}", key.id),
        ));
        if !is_shared(common, census) {
            scattered.push(label);
        }
    }
    let found = !evidence.is_empty();
    Part {
        title: "One cgroup in each tree".to_owned(),
        text: "The cgroup of each tree that the most processes are in, with its path from /proc:"
            .to_owned(),
        evidence,
        verdict: verdict_of(found.then_some(true)),
        meaning: if !found {
            "this kernel could not say in which cgroups its processes are".to_owned()
        } else if scattered.is_empty() {
            "More than half of the processes share each of them.".to_owned()
        } else {
            format!(
                "In {} no cgroup holds more than half: there the processes are spread over many. \
                 Such a tree is left out of what follows.",
                scattered.join(" and ")
            )
        },
    }
}

fn label(hierarchies: &[Hierarchy], id: u32) -> String {
    let found = hierarchies.iter().find(|hierarchy| hierarchy.id == id);
    found.map_or_else(|| format!("tree {id}"), Hierarchy::label)
}

fn members(
    census: &Census<'_>,
    common: &[Common<'_>],
    hierarchies: &[Hierarchy],
    root: Tgid,
) -> Part {
    let shared: Vec<&Common<'_>> = common
        .iter()
        .filter(|common| is_shared(common, census))
        .collect();
    let mut inside: Vec<&Event> = Vec::new();
    let mut outside: BTreeMap<Vec<Facet>, Vec<&Event>> = BTreeMap::new();
    for process in &census.processes {
        let differs: Vec<Facet> = shared
            .iter()
            .filter(|common| process.place(common.facet) != Some(common.place))
            .map(|common| common.facet)
            .collect();
        if differs.is_empty() {
            inside.push(process.event);
        } else {
            outside.entry(differs).or_default().push(process.event);
        }
    }
    let mut evidence = vec![Evidence::of(
        inside.iter().copied(),
        format!(
            "{} in all of them: {}",
            processes(inside.len()),
            names(&inside)
        ),
    )];
    let mut groups: Vec<(Vec<Facet>, Vec<&Event>)> = outside.into_iter().collect();
    groups.sort_by_key(|(_, events)| std::cmp::Reverse(events.len()));
    for (differs, events) in groups.iter().take(GROUPS) {
        evidence.push(Evidence::of(
            events.iter().copied(),
            format!(
                "{} elsewhere in {}: {}",
                processes(events.len()),
                facets(differs, hierarchies),
                names(events)
            ),
        ));
    }
    let rest: Vec<&Event> = groups
        .iter()
        .skip(GROUPS)
        .flat_map(|(_, events)| events.iter().copied())
        .collect();
    for (events, what) in [
        (&rest, "elsewhere in other ways"),
        (
            &census.ended,
            "ended and not yet reaped, in nothing any more",
        ),
        (&census.kernel_threads, "of the kernel's own, left out"),
    ] {
        if !events.is_empty() {
            let text = format!("{} {what}", processes(events.len()));
            evidence.push(Evidence::of(events.iter().copied(), text));
        }
    }
    let others = census.processes.len() - inside.len();
    let own = inside.iter().any(|event| event.task.tgid == root);
    let tracer = if own {
        "tracer itself is in it"
    } else {
        "tracer itself is not"
    };
    Part {
        title: "Who is in it, and who is not".to_owned(),
        text: "A process is in the host's container when it has everything that was just found \
               to be shared."
            .to_owned(),
        evidence,
        verdict: verdict_of((!inside.is_empty()).then_some(true)),
        meaning: if inside.is_empty() {
            "no process has everything that most share".to_owned()
        } else {
            format!(
                "{} of {} are in it, {others} are not, and {tracer}. A container is no other \
                 kind of place: only other numbers.",
                inside.len(),
                processes(census.processes.len())
            )
        },
    }
}

fn facets(facets: &[Facet], hierarchies: &[Hierarchy]) -> String {
    let names: Vec<String> = facets
        .iter()
        .map(|facet| match facet {
            Facet::Namespace(kind) => kind.name().to_owned(),
            Facet::Hierarchy(id) => format!("cgroup {}", label(hierarchies, *id)),
        })
        .collect();
    names.join(", ")
}

/// `sshd x3, cron, and 5 more`: names by how many processes have them.
fn names(events: &[&Event]) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for event in events {
        *counts.entry(escape(&event.task.comm)).or_default() += 1;
    }
    let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mut words: Vec<String> = counts
        .iter()
        .take(NAMES)
        .map(|(name, count)| {
            if *count == 1 {
                name.clone()
            } else {
                format!("{name} x{count}")
            }
        })
        .collect();
    let more: usize = counts.iter().skip(NAMES).map(|(_, count)| count).sum();
    if more > 0 {
        words.push(format!("and {more} more"));
    }
    words.join(", ")
}

#[cfg(test)]
#[path = "host_tests.rs"]
mod tests;
