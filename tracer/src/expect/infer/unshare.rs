//! Flags of unshare(1), of util-linux. Owns their meaning.

use crate::container::spec::IdMapping;
use crate::event::NamespaceKind;
use crate::event::certificate::ClockOffset;
use crate::host::HostFacts;

use super::super::wording::{clock_text, map_text};
use super::super::{Check, Clock, MapKind, Propagation};
use super::flags::{Given, Table, Takes, split};
use super::{Fate, InferError, Inference};

const TABLE: &Table = &[
    (
        Takes::Optional,
        &[
            "--mount",
            "--uts",
            "--ipc",
            "--net",
            "--pid",
            "--user",
            "--cgroup",
            "--time",
            "--mount-proc",
            "--mount-binfmt",
            "--kill-child",
        ],
    ),
    (
        Takes::Words(0),
        &[
            "-m",
            "-u",
            "-i",
            "-n",
            "-p",
            "-U",
            "-C",
            "-T",
            "-f",
            "--fork",
            "-r",
            "--map-root-user",
            "-c",
            "--map-current-user",
            "--map-auto",
            "--keep-caps",
        ],
    ),
    (
        Takes::Words(1),
        &[
            "-R",
            "--root",
            "-w",
            "--wd",
            "-S",
            "--setuid",
            "-G",
            "--setgid",
            "--map-user",
            "--map-group",
            "--map-users",
            "--map-groups",
            "--propagation",
            "--setgroups",
            "--monotonic",
            "--boottime",
            "-l",
            "--load-interp",
        ],
    ),
];

/// The kind that a flag makes new, by itself or because it needs that.
fn kind(name: &str) -> Option<NamespaceKind> {
    match name {
        "-m" | "--mount" | "--mount-proc" | "--mount-binfmt" => Some(NamespaceKind::Mnt),
        "-u" | "--uts" => Some(NamespaceKind::Uts),
        "-i" | "--ipc" => Some(NamespaceKind::Ipc),
        "-n" | "--net" => Some(NamespaceKind::Net),
        "-p" | "--pid" => Some(NamespaceKind::Pid),
        "-C" | "--cgroup" => Some(NamespaceKind::Cgroup),
        "-T" | "--time" => Some(NamespaceKind::Time),
        "-U" | "--user" | "-r" | "-c" => Some(NamespaceKind::User),
        name if name.starts_with("--map-") => Some(NamespaceKind::User),
        _ => None,
    }
}

pub(super) fn infer(words: &[String], host: &HostFacts) -> Result<Inference, InferError> {
    let split = split(words, TABLE)?;
    let mut inference = Inference::default();
    let forks = split
        .given
        .iter()
        .any(|flag| matches!(flag.name, "-f" | "--fork" | "--kill-child"));
    for own in NamespaceKind::ALL {
        let asked = split.given.iter().find(|flag| kind(flag.name) == Some(own));
        match asked {
            // Of these it is the children that get the new one.
            Some(flag) if !forks && matches!(own, NamespaceKind::Pid | NamespaceKind::Time) => {
                inference.not(format!("{} without --fork", flag.text()));
            }
            Some(flag) => inference.namespace(own, Fate::New, flag.text()),
            // A flag that is not known could ask for it.
            None if split.unknown.is_empty() => {
                let origin = format!("no --{}", long_name(own));
                inference.namespace(own, Fate::Shared, origin);
            }
            None => {}
        }
    }
    for flag in &split.given {
        one(flag, host, forks, &mut inference)?;
    }
    if let Some(rest) = split.rest {
        inference.program(rest);
    }
    inference.not_inferred.extend(split.unknown);
    Ok(inference)
}

fn long_name(kind: NamespaceKind) -> &'static str {
    match kind {
        NamespaceKind::Mnt => "mount",
        other => other.name(),
    }
}

fn one(
    flag: &Given<'_>,
    host: &HostFacts,
    forks: bool,
    inference: &mut Inference,
) -> Result<(), InferError> {
    let number = || flag.value().parse::<u32>().ok();
    match flag.name {
        "-r" | "--map-root-user" => {
            let own = [(MapKind::Users, "uid_map"), (MapKind::Groups, "gid_map")];
            for (map, id) in own {
                inference.id(map, 0, flag.text());
                // The other side of the line is whoever runs it.
                if host.is_root {
                    let lines = vec![IdMapping {
                        inside: 0,
                        outside: 0,
                        count: 1,
                    }];
                    let asked = map_text(&lines);
                    inference.add(id, asked, flag.text(), Check::IdMap { map, lines });
                }
            }
        }
        "-S" | "--setuid" | "--map-user" => match number() {
            Some(number) => inference.id(MapKind::Users, number, flag.text()),
            None => inference.not(flag.text()),
        },
        "-G" | "--setgid" | "--map-group" => match number() {
            Some(number) => inference.id(MapKind::Groups, number, flag.text()),
            None => inference.not(flag.text()),
        },
        "-R" | "--root" => {
            let asked = "not the host's";
            inference.add("root.not_host", asked, flag.text(), Check::RootNotHost);
        }
        "--monotonic" if forks => clock(Clock::Monotonic, flag, inference),
        "--boottime" if forks => clock(Clock::Boottime, flag, inference),
        "--propagation" if flag.value() == "unchanged" => inference.not(flag.text()),
        "--propagation" => {
            let must = "private, shared, slave or unchanged";
            let mode = Propagation::named(flag.value()).ok_or_else(|| flag.wrong(must))?;
            let check = Check::RootPropagation(mode);
            inference.add("root.propagation", mode.name(), flag.text(), check);
        }
        "-c" | "--map-current-user" | "--map-auto" | "--map-users" | "--map-groups"
        | "--keep-caps" | "--setgroups" | "--monotonic" | "--boottime" | "-w" | "--wd" | "-l"
        | "--load-interp" => inference.not(flag.text()),
        // Kinds of namespace, and how it goes about it.
        _ => {}
    }
    Ok(())
}

/// Whole seconds.
fn clock(clock: Clock, flag: &Given<'_>, inference: &mut Inference) {
    let Ok(seconds) = flag.value().parse() else {
        inference.not(flag.text());
        return;
    };
    let offset = ClockOffset {
        seconds,
        nanoseconds: 0,
    };
    let id = format!("time_offsets.{}", clock.name());
    let check = Check::TimeOffset { clock, offset };
    inference.add(id, clock_text(offset), flag.text(), check);
}
