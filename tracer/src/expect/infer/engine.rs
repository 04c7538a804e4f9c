//! Flags of `docker run` and `podman run`. Owns their meaning; what an engine does without being
//! told is its own configuration, and nothing is expected of it, but for devices.

mod devices;
mod files;
mod table;

use crate::event::NamespaceKind;
use crate::host::HostFacts;

use super::super::attribute::{self, TerminalAsked, nodes_text};
use super::super::wording::{bytes_text, cpu_text, cpu_time_text, map_text};
use super::super::{Check, MapKind, SetName, capability, cpu_list, rlimit};
use super::flags::{Given, Split, split};
use super::{Fate, FindDevices, InferError, Inference, kept_text, value};

pub(super) fn infer(
    program: &'static str,
    words: &[String],
    host: &HostFacts,
    find: FindDevices<'_>,
) -> Result<Inference, InferError> {
    let global = split(words, table::GLOBAL)?;
    let rest = match global.rest.unwrap_or_default() {
        [first, rest @ ..] if first == "container" => rest,
        rest => rest,
    };
    let word = rest.first().cloned().unwrap_or_default();
    if word != "run" {
        return Err(InferError::Subcommand {
            program,
            word,
            must: "run",
        });
    }
    // What comes behind the flags are the image, and the words for its program.
    let split = split(&rest[1..], table::RUN)?;
    let mut inference = Inference::default();
    // Who makes them is the engine's affair: a daemon, or a process that others join.
    inference.namespace(NamespaceKind::Mnt, Fate::Private, program);
    namespaces(&split, &mut inference);
    for flag in &split.given {
        limit(flag, host, &mut inference)?;
        one(flag, host, &mut inference)?;
    }
    cpu(&split, &mut inference)?;
    files::infer(&split, &mut inference)?;
    capabilities(&split, &mut inference)?;
    devices::infer(&split, host, find, &mut inference)?;
    inference.not_inferred.extend(global.unknown);
    inference.not_inferred.extend(split.unknown);
    Ok(inference)
}

fn last<'a, 'b>(split: &'b Split<'a>, names: &[&str]) -> Option<&'b Given<'a>> {
    let mut given = split.given.iter().rev();
    given.find(|flag| names.contains(&flag.name))
}

fn namespaces(split: &Split<'_>, inference: &mut Inference) {
    for (kind, names) in [
        (NamespaceKind::Uts, &["--uts"][..]),
        (NamespaceKind::Ipc, &["--ipc"]),
        (NamespaceKind::Pid, &["--pid"]),
        (NamespaceKind::Net, &["--network", "--net"]),
        (NamespaceKind::User, &["--userns"]),
        (NamespaceKind::Cgroup, &["--cgroupns"]),
    ] {
        let Some(flag) = last(split, names) else {
            continue;
        };
        let value = flag.value().split([':', ',']).next().unwrap_or_default();
        let fate = match (kind, value) {
            (_, "host") => Fate::Shared,
            (_, "container" | "ns" | "pod" | "") => {
                inference.not(flag.text());
                continue;
            }
            // Any other value is a network, or a way to make an own one.
            _ => Fate::Private,
        };
        inference.namespace(kind, fate, flag.text());
    }
}

fn limit(flag: &Given<'_>, host: &HostFacts, inference: &mut Inference) -> Result<(), InferError> {
    let origin = flag.text();
    match flag.name {
        "-m" | "--memory" => {
            let must = "an amount as in 64m";
            let bytes = value::bytes(flag.value()).ok_or_else(|| flag.wrong(must))?;
            // The kernel counts pages: page_counter_memparse() divides (mm/page_counter.c).
            let whole = bytes - bytes % host.page_size.max(1);
            if whole > 0 {
                let check = Check::MemoryMax(whole);
                inference.add("memory.max", bytes_text(whole), origin, check);
            }
        }
        "--pids-limit" => {
            let tasks: i64 = flag.value().parse().map_err(|_| flag.wrong("a number"))?;
            match u64::try_from(tasks) {
                Ok(tasks) if tasks > 0 => {
                    let check = Check::PidsMax(tasks);
                    inference.add("pids.max", format!("{tasks} tasks"), origin, check);
                }
                // It asks for no limit.
                _ => inference.not(origin),
            }
        }
        "--cpuset-cpus" => {
            let must = "a list of processors as in 0-3,8";
            let cpus = cpu_list(flag.value()).ok_or_else(|| flag.wrong(must))?;
            let text = cpu_text(&cpus);
            let check = Check::CpusetCpus(cpus.clone());
            inference.add("cpuset.cpus", text.clone(), origin.clone(), check);
            inference.add("cpus_allowed", text, origin, Check::CpusAllowed(cpus));
        }
        "--cpuset-mems" => {
            let must = "a list of memory nodes as in 0-3,8";
            let nodes = cpu_list(flag.value()).ok_or_else(|| flag.wrong(must))?;
            let text = nodes_text(&nodes);
            inference.add("cpuset.mems", text, origin, Check::CpusetMems(nodes));
        }
        "--ulimit" => match value::rlimit(flag.value()) {
            Some((resource, name, soft, hard)) => {
                let asked = format!("{}:{}", rlimit::value(soft), rlimit::value(hard));
                let check = Check::Rlimit {
                    resource,
                    soft,
                    hard,
                };
                inference.add(format!("rlimit.{name}"), asked, origin, check);
            }
            None => inference.not(origin),
        },
        _ => {}
    }
    Ok(())
}

/// The period that both engines take where none is given, in microseconds.
const PERIOD: u64 = 100_000;

fn cpu(split: &Split<'_>, inference: &mut Inference) -> Result<(), InferError> {
    let number = |flag: &Given<'_>| flag.value().parse().map_err(|_| flag.wrong("a number"));
    let period = match last(split, &["--cpu-period"]) {
        Some(flag) => number(flag)?,
        None => PERIOD,
    };
    let (flag, quota, period) = match (last(split, &["--cpus"]), last(split, &["--cpu-quota"])) {
        (Some(flag), _) => {
            let must = "a number of processors as in 1.5";
            let quota = value::quota(flag.value()).ok_or_else(|| flag.wrong(must))?;
            (flag, quota, PERIOD)
        }
        (None, Some(flag)) if flag.value().starts_with('-') => return Ok(()),
        (None, Some(flag)) => (flag, number(flag)?, period),
        (None, None) => return Ok(()),
    };
    if quota > 0 {
        let check = Check::CpuMax {
            quota_ns: quota.saturating_mul(1000),
            period_ns: period.saturating_mul(1000),
        };
        inference.add("cpu.max", cpu_time_text(quota, period), flag.text(), check);
    }
    Ok(())
}

fn one(flag: &Given<'_>, host: &HostFacts, inference: &mut Inference) -> Result<(), InferError> {
    let origin = flag.text();
    match flag.name {
        "--read-only" if flag.is_on()? => {
            inference.add("root.read_only", "read-only", origin, Check::RootReadOnly);
        }
        "-h" | "--hostname" => {
            let name = flag.value().to_owned();
            inference.add("hostname", name.clone(), origin, Check::Hostname(name));
        }
        "--domainname" => {
            let name = flag.value().to_owned();
            let check = Check::Domainname(name.clone());
            inference.add("domainname", name, origin, check);
        }
        "-t" | "--tty" if flag.is_on()? => inference.terminal(TerminalAsked::Own, flag),
        // It takes back what stood before it, and asks for none at all.
        "-t" | "--tty" => inference.expectations.retain(|one| one.id != "terminal"),
        "--personality" => {
            let name = flag.value().to_ascii_lowercase();
            let number = attribute::number(&attribute::PERSONALITIES, &name);
            inference.personality(number, flag);
        }
        "-u" | "--user" => user(flag, inference),
        "--security-opt" => security(flag, inference),
        // Without root an engine may not go below its own, and takes that.
        "--oom-score-adj" if host.is_root => inference.oom_score_adj(flag),
        "--uidmap" | "--gidmap" => map(flag, host, inference),
        "-m" | "--memory" | "--pids-limit" | "--cpuset-cpus" | "--cpuset-mems" | "--ulimit"
        | "--cpus" | "--cpu-quota" | "--cpu-period" | "--cap-add" | "--cap-drop" | "--uts"
        | "--ipc" | "--pid" | "--network" | "--net" | "--userns" | "--cgroupns" | "--read-only" => {
        }
        name if devices::KNOWN.contains(&name) => {}
        name if files::KNOWN.contains(&name) => {}
        name if table::SAYS_NOTHING.contains(&name) => {}
        _ => inference.not(origin),
    }
    Ok(())
}

/// Numbers say who that is; names stand in the image.
fn user(flag: &Given<'_>, inference: &mut Inference) {
    let (user, group) = match flag.value().split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (flag.value(), None),
    };
    match user.parse() {
        Ok(number) => inference.id(MapKind::Users, number, flag.text()),
        Err(_) => inference.not(flag.text()),
    }
    match group.map(str::parse) {
        Some(Ok(number)) => inference.id(MapKind::Groups, number, flag.text()),
        Some(Err(_)) if user.parse::<u32>().is_ok() => inference.not(flag.text()),
        _ => {}
    }
}

fn security(flag: &Given<'_>, inference: &mut Inference) {
    let (name, value) = flag
        .value()
        .split_once(['=', ':'])
        .unwrap_or((flag.value(), ""));
    match (name, value) {
        ("no-new-privileges", "" | "true") => {
            inference.add("no_new_privs", "set", flag.text(), Check::NoNewPrivs);
        }
        ("seccomp", "unconfined") => {
            let check = Check::SeccompUnconfined;
            inference.add("seccomp", "none of its own", flag.text(), check);
        }
        ("seccomp", _) => {
            inference.add("seccomp", "a filter", flag.text(), Check::SeccompFiltered);
        }
        ("apparmor", label) if !label.is_empty() => files::apparmor(label, flag, inference),
        _ => inference.not(flag.text()),
    }
}

/// Without root the other side counts from a map of the engine's own.
fn map(flag: &Given<'_>, host: &HostFacts, inference: &mut Inference) {
    inference.namespace(NamespaceKind::User, Fate::Private, flag.text());
    let (map, id) = if flag.name == "--uidmap" {
        (MapKind::Users, "uid_map")
    } else {
        (MapKind::Groups, "gid_map")
    };
    let Some(line) = value::mapping(flag.value()).filter(|_| host.is_root) else {
        inference.not(flag.text());
        return;
    };
    // Each flag is one more line.
    let before = inference.expectations.iter().find(|other| other.id == id);
    let mut lines = match before.map(|other| &other.check) {
        Some(Check::IdMap { lines, .. }) => lines.clone(),
        _ => Vec::new(),
    };
    lines.push(line);
    let asked = map_text(&lines);
    inference.add(id, asked, flag.name, Check::IdMap { map, lines });
}

/// What is dropped and not added again is in no set. Only where all are dropped is it known what
/// is left: what they begin with is the engine's own.
fn capabilities(split: &Split<'_>, inference: &mut Inference) -> Result<(), InferError> {
    let (mut added, mut dropped) = (0, 0);
    let mut origin: Vec<String> = Vec::new();
    for flag in &split.given {
        let target = match flag.name {
            "--cap-add" => &mut added,
            "--cap-drop" => &mut dropped,
            _ => continue,
        };
        for name in flag.value().split(',') {
            let must = "a capability or ALL";
            *target |= value::capabilities(name).ok_or_else(|| flag.wrong(must))?;
        }
        origin.push(flag.text());
    }
    let all = u64::MAX;
    let is_privileged = match last(split, &["--privileged"]) {
        Some(flag) => flag.is_on()?,
        None => false,
    };
    if is_privileged || dropped == 0 || added == all && dropped == all {
        inference.not_inferred.extend(origin);
        return Ok(());
    }
    let set = SetName::Bounding;
    let (asked, check) = if dropped == all {
        let asked = kept_text(added & capability::KNOWN);
        let allowed = added;
        (asked, Check::CapabilitiesWithin { set, allowed })
    } else {
        let denied = if added == all {
            dropped
        } else {
            dropped & !added
        };
        let asked = format!("without {}", capability::names(denied & capability::KNOWN));
        (asked, Check::CapabilitiesWithout { set, denied })
    };
    inference.add("capabilities.bounding", asked, origin.join(" "), check);
    Ok(())
}
