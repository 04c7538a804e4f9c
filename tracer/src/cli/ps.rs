//! `tracer ps`: who is there now. Owns the one look at the machine that all its forms are made of.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::Path,
};

use clap::Args;
use tracer_common::record::TaskRecord;

use super::run::{Format, format};
use super::{Failure, doctor, exit, sink};
use crate::{
    collect::{CollectError, Options, wanted::Wants},
    event::{Body, Certificate, CgroupKey, Cgroups as Membership, Task, Tgid},
    host::{self, HostFacts, cgroup_tree, namespace_files},
    model::{census::Census, id_of_path},
    report::census::{
        Head,
        cgroups::Cgroups,
        containers::{Container, Containers, Known, Parent},
        namespaces::Namespaces,
    },
    session::Session,
};

/// Show who is there, in one look at the kernel's own list of tasks: no daemon is asked, and no
/// runtime is known by name.
#[derive(Args, Debug)]
#[command(after_help = exit::HELP)]
pub struct PsArguments {
    /// Every namespace with all that holds it: processes, single threads, descriptors, mounts
    #[arg(long, conflicts_with = "cgroups")]
    namespaces: bool,
    /// Every cgroup of every hierarchy, with who is in it and the limits in force
    #[arg(long)]
    cgroups: bool,
    /// For people or for programs
    #[arg(short = 'o', long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

/// The command: 0 whoever is there.
///
/// # Errors
/// What keeps it from looking, and tasks that it missed.
pub fn run(arguments: &PsArguments) -> Result<u8, Failure> {
    let mut look = Look::start()?;
    let head = look.head();
    let form = format(arguments.output);
    if arguments.namespaces {
        sink::print(form, &namespaces(&look, head))?;
    } else if arguments.cgroups {
        let trees = look.host.hierarchies.iter();
        let trees: Vec<_> = trees
            .map(|hierarchy| (hierarchy, cgroup_tree::read(Path::new("/"), hierarchy)))
            .collect();
        sink::print(form, &Cgroups::new(head, &trees, &look.census.cgroups()))?;
    } else {
        let containers = look.containers()?;
        sink::print(form, &Containers { head, containers })?;
    }
    Ok(exit::PASS)
}

/// Who was there at one instant, and the iterator to ask further of them.
pub(super) struct Look {
    pub host: HostFacts,
    pub session: Session,
    pub census: Census,
    hidden: Vec<Tgid>,
    paths: Option<HashMap<CgroupKey, String>>,
}

impl Look {
    /// Loads the iterator alone, and walks the tasks once.
    pub fn start() -> Result<Self, Failure> {
        super::require_host()?;
        let host =
            host::read(Path::new("/")).map_err(|error| Failure::new(exit::ENVIRONMENT, error))?;
        let options = Options {
            ring_bytes: ring_for(tasks()),
            hooks: Wants::tasks_alone(),
            ..Options::for_this_process()
        };
        let before = listed();
        let mut session = Session::start(&options).map_err(|error| of_collect(&error))?;
        session
            .read_counters()
            .map_err(|error| of_collect(&error))?;
        let lost = session.observation.counters.lost.total();
        if lost > 0 {
            return Err(Failure::new(
                exit::INCONCLUSIVE,
                format!(
                    "{lost} tasks were missed, as more were started than there was room for; \
                     look again"
                ),
            ));
        }
        let Some(baseline) = session.observation.host() else {
            return Err(Failure::new(
                exit::ERROR,
                "tracer's own task did not come up; look again",
            ));
        };
        let census = Census::new(baseline, &session.inventory);
        let seen: BTreeSet<Tgid> = census.members().iter().map(|one| one.task.tgid).collect();
        let after = listed();
        let listed = before.intersection(&after);
        Ok(Self {
            hidden: listed.filter(|one| !seen.contains(one)).copied().collect(),
            host,
            session,
            census,
            paths: None,
        })
    }

    /// What opens each document.
    pub fn head(&self) -> Head {
        let tasks = self.census.members().len();
        let version = env!("CARGO_PKG_VERSION");
        Head::new(&self.host, version, tasks, self.hidden.clone())
    }

    /// Whether /proc has a process that the kernel's iterator did not show.
    pub fn hides(&self, process: Tgid) -> bool {
        self.hidden.contains(&process)
    }

    /// The certificate of a process now, and who it is; `None` when it is not there.
    pub fn certificate(&mut self, process: Tgid) -> Result<Option<(Task, Certificate)>, Failure> {
        let before = self.session.steps.len();
        self.session
            .snapshot(process)
            .map_err(|error| of_collect(&error))?;
        let steps = &self.session.steps[before..];
        let found = steps.iter().find_map(|step| match &step.event.body {
            Body::Snapshot(facts) if step.event.task.tgid == process => {
                Some((step.event.task.clone(), facts.clone()))
            }
            _ => None,
        });
        Ok(found)
    }

    /// The path of a cgroup below its hierarchy's root.
    pub fn path(&mut self, key: CgroupKey) -> Option<String> {
        let hierarchies = &self.host.hierarchies;
        let read = || {
            let trees = hierarchies.iter();
            let all = trees.flat_map(|hierarchy| cgroup_tree::read(Path::new("/"), hierarchy));
            all.map(|cgroup| (cgroup.key, cgroup.path)).collect()
        };
        self.paths.get_or_insert_with(read).get(&key).cloned()
    }

    /// The name that the deepest of its cgroups gives; none of the root.
    fn id(&mut self, cgroups: &Membership) -> Option<String> {
        let mut members = cgroups.members.clone();
        members.retain(|member| member.level > 0);
        members.sort_by_key(|member| std::cmp::Reverse(member.level));
        members
            .iter()
            .find_map(|member| id_of_path(&self.path(member.key)?))
    }

    /// Those that there are.
    pub fn containers(&mut self) -> Result<Vec<Container>, Failure> {
        let now = boot_time_ns();
        let names: HashMap<Tgid, String> = self
            .census
            .members()
            .iter()
            .filter(|one| one.is_leader())
            .map(|one| (one.task.tgid, one.task.comm.to_string()))
            .collect();
        let mut containers = Vec::new();
        for group in self.census.containers() {
            let first = &group.first;
            let seen = self.certificate(first.task.tgid)?;
            // Its number may be another's by now.
            let seen = seen.filter(|(task, _)| task.start_ns == first.task.start_ns);
            let parent = names.get(&first.parent).map(|name| Parent {
                pid: first.parent,
                name: name.clone(),
            });
            let known = Known {
                // The certificate is the first thread's.
                certificate: seen.map(|(_, facts)| facts).filter(|_| first.is_leader()),
                parent,
                id: self.id(&first.cgroups),
            };
            containers.push(Container::new(&group, known, now));
        }
        Ok(containers)
    }
}

fn namespaces(look: &Look, head: Head) -> Namespaces {
    let members = look.census.members();
    let user = members.iter().filter(|one| !one.kernel_thread);
    let processes: BTreeSet<Tgid> = user.map(|one| one.task.tgid).collect();
    // One process is enough to read a mount table that many have.
    let tables = look.census.namespaces().into_iter();
    let tables = tables.filter(|one| one.kind == crate::event::NamespaceKind::Mnt);
    let tables: Vec<Tgid> = tables
        .filter_map(|one| one.processes.iter().next().copied())
        .collect();
    let processes: Vec<Tgid> = processes.into_iter().collect();
    let files = namespace_files::read(Path::new("/"), &processes, &tables);
    Namespaces::new(head, &look.census, &files)
}

fn of_collect(error: &CollectError) -> Failure {
    Failure::new(doctor::code_of(error), error)
}

/// Processes as /proc lists them.
fn listed() -> BTreeSet<Tgid> {
    let entries = fs::read_dir("/proc").into_iter().flatten();
    let number = |entry: std::io::Result<fs::DirEntry>| {
        let name = entry.ok()?.file_name();
        name.to_str()?.parse().ok().map(Tgid)
    };
    entries.filter_map(number).collect()
}

/// Nanoseconds of boot time, in which the kernel's own records are stamped.
fn boot_time_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

/// Tasks of the machine, as the fourth field of /proc/loadavg counts them; where that cannot be
/// read, as many as an ordinary machine has at most.
fn tasks() -> usize {
    const MANY: usize = 8192;
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let field = text.split_whitespace().nth(3);
    let total = field.and_then(|field| field.split_once('/')?.1.parse().ok());
    total.unwrap_or(MANY)
}

/// Room for all of them in one pass and for as many that start meanwhile: a power of two.
fn ring_for(tasks: usize) -> u32 {
    // A record of the ring has eight bytes before it (kernel/bpf/ringbuf.c).
    let bytes = 2 * tasks * (size_of::<TaskRecord>() + 8);
    let bytes = u32::try_from(bytes.next_power_of_two()).unwrap_or(1 << 30);
    bytes.clamp(Options::RING_BYTES, 1 << 30)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_has_room_for_every_task_twice() {
        assert_eq!(ring_for(100), Options::RING_BYTES);
        let ring = ring_for(100_000);
        assert!(ring.is_power_of_two());
        assert!(ring as usize >= 2 * 100_000 * size_of::<TaskRecord>());
        assert_eq!(ring_for(usize::MAX / 4096), 1 << 30);
    }
}
