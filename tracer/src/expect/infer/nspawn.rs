//! Flags of systemd-nspawn. Owns their meaning.

use crate::container::spec::IdMapping;
use crate::event::NamespaceKind;

use super::super::wording::{cpu_text, map_text};
use super::super::{Check, MapKind, SetName, capability, cpu_list, rlimit};
use super::flags::{Given, Split, Table, Takes, split};
use super::{Fate, InferError, Inference, value};

const TABLE: &Table = &[
    (
        Takes::Words(0),
        &[
            "-q",
            "--quiet",
            "-x",
            "--ephemeral",
            "-a",
            "--as-pid2",
            "-b",
            "--boot",
            "-U",
            "--keep-unit",
            "--private-network",
            "-n",
            "--network-veth",
            "--read-only",
            "-P",
            "--pipe",
            "-j",
            "--suppress-sync",
        ],
    ),
    (Takes::Optional, &["--volatile", "--private-users"]),
    (
        Takes::Words(1),
        &[
            "-D",
            "--directory",
            "--template",
            "-i",
            "--image",
            "--oci-bundle",
            "--root-hash",
            "--verity-data",
            "--pivot-root",
            "-E",
            "--setenv",
            "-u",
            "--user",
            "--kill-signal",
            "--notify-ready",
            "-M",
            "--machine",
            "--hostname",
            "--uuid",
            "-S",
            "--slice",
            "--property",
            "--register",
            "--private-users-ownership",
            "--network-interface",
            "--network-macvlan",
            "--network-ipvlan",
            "--network-veth-extra",
            "--network-bridge",
            "--network-zone",
            "--network-namespace-path",
            "-p",
            "--port",
            "--capability",
            "--drop-capability",
            "--ambient-capability",
            "--no-new-privileges",
            "--system-call-filter",
            "-Z",
            "--selinux-context",
            "-L",
            "--selinux-apifs-context",
            "--rlimit",
            "--oom-score-adjust",
            "--cpu-affinity",
            "--personality",
            "--resolv-conf",
            "--timezone",
            "--link-journal",
            "--bind",
            "--bind-ro",
            "--bind-user",
            "--inaccessible",
            "--tmpfs",
            "--overlay",
            "--overlay-ro",
            "--console",
            "--chdir",
            "--settings",
            "--load-credential",
            "--set-credential",
            "--no-pager",
        ],
    ),
];

/// Made for each of its containers.
const ALWAYS: [NamespaceKind; 4] = [
    NamespaceKind::Mnt,
    NamespaceKind::Uts,
    NamespaceKind::Ipc,
    NamespaceKind::Pid,
];

pub(super) fn infer(words: &[String]) -> Result<Inference, InferError> {
    let split = split(words, TABLE)?;
    let mut inference = Inference::default();
    for kind in ALWAYS {
        inference.namespace(kind, Fate::New, "systemd-nspawn");
    }
    network(&split, &mut inference);
    users(&split, &mut inference);
    for flag in &split.given {
        one(flag, &mut inference)?;
    }
    let given = |names: [&str; 2]| {
        let mut given = split.given.iter().rev();
        given.find(|flag| names.contains(&flag.name))
    };
    // The machine's name is the host name where no other is given.
    if let Some(flag) = given(["--hostname"; 2]).or_else(|| given(["-M", "--machine"])) {
        let name = flag.value().to_owned();
        inference.add("hostname", name.clone(), flag.text(), Check::Hostname(name));
    }
    if given(["-b", "--boot"]).is_none()
        && let Some(rest) = split.rest
    {
        inference.program(rest);
    }
    inference.not_inferred.extend(split.unknown);
    Ok(inference)
}

fn network(split: &Split<'_>, inference: &mut Inference) {
    let named = |flag: &&Given<'_>| {
        flag.name == "-n" || flag.name == "--private-network" || flag.name.starts_with("--network-")
    };
    match split.given.iter().find(named) {
        Some(flag) if flag.name == "--network-namespace-path" => inference.not(flag.text()),
        Some(flag) => inference.namespace(NamespaceKind::Net, Fate::New, flag.text()),
        None if split.unknown.is_empty() => {
            let origin = "no --private-network";
            inference.namespace(NamespaceKind::Net, Fate::Shared, origin);
        }
        None => {}
    }
}

fn users(split: &Split<'_>, inference: &mut Inference) {
    let kind = NamespaceKind::User;
    let mut given = split.given.iter().rev();
    let Some(flag) = given.find(|flag| matches!(flag.name, "-U" | "--private-users")) else {
        if split.unknown.is_empty() {
            inference.namespace(kind, Fate::Shared, "no --private-users");
        }
        return;
    };
    match (flag.name, flag.value()) {
        // Where the kernel cannot, it does without.
        ("-U", _) => inference.not(flag.text()),
        (_, "no" | "false" | "0") => inference.namespace(kind, Fate::Shared, flag.text()),
        (_, text) => {
            inference.namespace(kind, Fate::New, flag.text());
            let (first, count) = text.split_once(':').unwrap_or((text, "65536"));
            let (Ok(outside), Ok(count)) = (first.parse(), count.parse()) else {
                return;
            };
            let lines = vec![IdMapping {
                inside: 0,
                outside,
                count,
            }];
            for (map, id) in [(MapKind::Users, "uid_map"), (MapKind::Groups, "gid_map")] {
                let lines = lines.clone();
                let asked = map_text(&lines);
                inference.add(id, asked, flag.text(), Check::IdMap { map, lines });
            }
        }
    }
}

fn one(flag: &Given<'_>, inference: &mut Inference) -> Result<(), InferError> {
    let origin = flag.text();
    match flag.name {
        "-D" | "--directory" | "-i" | "--image" if flag.value() != "/" => {
            let asked = "not the host's";
            inference.add("root.not_host", asked, origin, Check::RootNotHost);
        }
        "--read-only" => {
            inference.add("root.read_only", "read-only", origin, Check::RootReadOnly);
        }
        "--no-new-privileges" if flag.is_on()? => {
            inference.add("no_new_privs", "set", origin, Check::NoNewPrivs);
        }
        "--drop-capability" => {
            let mut denied = 0;
            for name in flag.value().split(',') {
                let must = "capabilities with commas between";
                denied |= value::capabilities(name).ok_or_else(|| flag.wrong(must))?;
            }
            let set = SetName::Bounding;
            let asked = format!("without {}", capability::names(denied & capability::KNOWN));
            let check = Check::CapabilitiesWithout { set, denied };
            inference.add("capabilities.bounding", asked, origin, check);
        }
        "--rlimit" => match value::rlimit(flag.value()) {
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
        "--oom-score-adjust" => inference.oom_score_adj(flag),
        "--personality" => {
            // The names that it takes on x86-64 (systemd, `personality_from_string`).
            let number = match flag.value() {
                "x86-64" => Some(0),
                "x86" => Some(8),
                _ => None,
            };
            inference.personality(number, flag);
        }
        "--cpu-affinity" => match cpu_list(flag.value()) {
            Some(cpus) => {
                let (asked, check) = (cpu_text(&cpus), Check::CpusAllowed(cpus));
                inference.add("cpus_allowed", asked, origin, check);
            }
            None => inference.not(origin),
        },
        "-u" | "--user" => match flag.value().parse() {
            Ok(number) => inference.id(MapKind::Users, number, origin),
            Err(_) => inference.not(origin),
        },
        // How it goes about it, and what is looked at elsewhere.
        "-q"
        | "--quiet"
        | "-a"
        | "--as-pid2"
        | "-b"
        | "--boot"
        | "-U"
        | "--private-users"
        | "--keep-unit"
        | "-P"
        | "--pipe"
        | "--console"
        | "--no-pager"
        | "-M"
        | "--machine"
        | "--hostname"
        | "-E"
        | "--setenv"
        | "--register"
        | "-n"
        | "--private-network"
        | "--resolv-conf"
        | "--timezone"
        | "--link-journal"
        | "--no-new-privileges" => {}
        name if name.starts_with("--network-") => {}
        _ => inference.not(origin),
    }
    Ok(())
}
