//! Flags of bubblewrap. Owns their meaning.

use crate::event::NamespaceKind;
use crate::host::HostFacts;

use super::super::{Check, MapKind, SetName, TerminalAsked, capability};
use super::flags::{Given, Split, Table, Takes, split};
use super::{Fate, InferError, Inference, kept_text, value};

const TABLE: &Table = &[
    (
        Takes::Words(0),
        &[
            "--unshare-all",
            "--share-net",
            "--unshare-user",
            "--unshare-user-try",
            "--unshare-ipc",
            "--unshare-pid",
            "--unshare-net",
            "--unshare-uts",
            "--unshare-cgroup",
            "--unshare-cgroup-try",
            "--die-with-parent",
            "--new-session",
            "--as-pid-1",
            "--clearenv",
            "--disable-userns",
            "--assert-userns-disabled",
        ],
    ),
    (
        Takes::Words(1),
        &[
            "--uid",
            "--gid",
            "--hostname",
            "--chdir",
            "--unsetenv",
            "--lock-file",
            "--sync-fd",
            "--remount-ro",
            "--exec-label",
            "--file-label",
            "--proc",
            "--dev",
            "--tmpfs",
            "--mqueue",
            "--dir",
            "--seccomp",
            "--add-seccomp-fd",
            "--block-fd",
            "--userns-block-fd",
            "--info-fd",
            "--json-status-fd",
            "--cap-add",
            "--cap-drop",
            "--perms",
            "--size",
            "--userns",
            "--userns2",
            "--pidns",
            "--args",
            "--argv0",
            "--level-prefix",
            "--overlay-src",
            "--tmp-overlay",
            "--ro-overlay",
        ],
    ),
    (
        Takes::Words(2),
        &[
            "--setenv",
            "--bind",
            "--bind-try",
            "--dev-bind",
            "--dev-bind-try",
            "--ro-bind",
            "--ro-bind-try",
            "--bind-fd",
            "--ro-bind-fd",
            "--file",
            "--bind-data",
            "--ro-bind-data",
            "--symlink",
            "--chmod",
        ],
    ),
    (Takes::Words(3), &["--overlay"]),
];

/// The kind that a flag makes new, whatever this kernel can.
fn kind(name: &str) -> Option<NamespaceKind> {
    let kinds = NamespaceKind::ALL.into_iter();
    let name = name.strip_prefix("--unshare-")?;
    kinds.into_iter().find(|kind| kind.name() == name)
}

/// What `--unshare-all` stands for.
const ALL: [NamespaceKind; 4] = [
    NamespaceKind::Ipc,
    NamespaceKind::Pid,
    NamespaceKind::Net,
    NamespaceKind::Uts,
];
/// What it tries, and does without where that fails.
const TRIED: [NamespaceKind; 2] = [NamespaceKind::User, NamespaceKind::Cgroup];

pub(super) fn infer(words: &[String], host: &HostFacts) -> Result<Inference, InferError> {
    let split = split(words, TABLE)?;
    let mut inference = Inference::default();
    namespaces(&split, host, &mut inference);
    let asked = "set";
    inference.add("no_new_privs", asked, "bwrap", Check::NoNewPrivs);
    for flag in &split.given {
        one(flag, &mut inference)?;
    }
    root(&split, &mut inference);
    capabilities(&split, &mut inference)?;
    if let Some(rest) = split.rest {
        inference.program(rest);
    }
    inference.not_inferred.extend(split.unknown);
    Ok(inference)
}

fn namespaces(split: &Split<'_>, host: &HostFacts, inference: &mut Inference) {
    let given = |name: &str| split.given.iter().any(|flag| flag.name == name);
    let all = given("--unshare-all");
    for own in NamespaceKind::ALL {
        let flag = split.given.iter().find(|flag| kind(flag.name) == Some(own));
        if own == NamespaceKind::Mnt {
            inference.namespace(own, Fate::New, "bwrap");
        } else if let Some(flag) = flag {
            inference.namespace(own, Fate::New, flag.name);
        } else if own == NamespaceKind::Net && given("--share-net") {
            inference.namespace(own, Fate::Shared, "--share-net");
        } else if all && ALL.contains(&own) {
            inference.namespace(own, Fate::New, "--unshare-all");
        } else if all && TRIED.contains(&own) {
            inference.not(format!("--unshare-all: {} is only tried", own.name()));
        } else if !split.unknown.is_empty()
            || given(&format!("--unshare-{}-try", own.name()))
            // What it joins is named by a descriptor.
            || own == NamespaceKind::User && (given("--userns") || !host.is_root)
            || own == NamespaceKind::Pid && given("--pidns")
            // Words that stand in a file are not known.
            || given("--args")
        {
            inference.not(format!("the {} namespace", own.name()));
        } else {
            let origin = match own {
                // It has no flag for them.
                NamespaceKind::Time => "bwrap".to_owned(),
                own => format!("no --unshare-{}", own.name()),
            };
            inference.namespace(own, Fate::Shared, origin);
        }
    }
}

fn one(flag: &Given<'_>, inference: &mut Inference) -> Result<(), InferError> {
    match flag.name {
        "--uid" | "--gid" => {
            let number = flag.value().parse().map_err(|_| flag.wrong("a number"))?;
            let map = if flag.name == "--uid" {
                MapKind::Users
            } else {
                MapKind::Groups
            };
            inference.id(map, number, flag.text());
        }
        "--hostname" => {
            let name = flag.value().to_owned();
            inference.add("hostname", name.clone(), flag.text(), Check::Hostname(name));
        }
        // setsid(2), by which the starter's terminal is lost.
        "--new-session" => inference.terminal(TerminalAsked::None, flag),
        "--seccomp" | "--add-seccomp-fd" => {
            inference.add("seccomp", "a filter", flag.text(), Check::SeccompFiltered);
        }
        // How it goes about it, files of the container, and what is looked at elsewhere.
        "--die-with-parent" | "--as-pid-1" | "--clearenv" | "--setenv" | "--unsetenv"
        | "--share-net" | "--cap-add" | "--cap-drop" => {}
        name if name.starts_with("--unshare-") => {}
        _ if flag.values.last() == Some(&"/") => {}
        _ => inference.not(flag.text()),
    }
    Ok(())
}

/// The root, where a bind says what it is.
fn root(split: &Split<'_>, inference: &mut Inference) {
    let (mut read_only, mut bind) = (None, None);
    for flag in &split.given {
        match (flag.name, &flag.values[..]) {
            ("--bind" | "--dev-bind", [_, "/"]) => (read_only, bind) = (None, Some(flag)),
            ("--ro-bind", [_, "/"]) => (read_only, bind) = (Some(flag), Some(flag)),
            ("--remount-ro", ["/"]) => read_only = Some(flag),
            _ => {}
        }
    }
    if let Some(flag) = read_only {
        let check = Check::RootReadOnly;
        inference.add("root.read_only", "read-only", flag.text(), check);
    }
    if let Some(flag) = bind.filter(|flag| flag.value() != "/") {
        let asked = "not the host's";
        inference.add("root.not_host", asked, flag.text(), Check::RootNotHost);
    }
}

/// In order: each flag changes what is kept. The bounding set it leaves alone; as no exec gains
/// privileges, what counts stays within what is kept.
fn capabilities(split: &Split<'_>, inference: &mut Inference) -> Result<(), InferError> {
    let (mut kept, mut origin) = (u64::MAX, Vec::new());
    for flag in &split.given {
        if !matches!(flag.name, "--cap-add" | "--cap-drop") {
            continue;
        }
        let must = "a capability or ALL";
        let set = value::capabilities(flag.value()).ok_or_else(|| flag.wrong(must))?;
        kept = if flag.name == "--cap-add" {
            kept | set
        } else {
            kept & !set
        };
        origin.push(flag.text());
    }
    if kept == u64::MAX {
        inference.not_inferred.extend(origin);
        return Ok(());
    }
    let set = SetName::Effective;
    let asked = kept_text(kept & capability::KNOWN);
    let check = Check::CapabilitiesWithin { set, allowed: kept };
    inference.add("capabilities.effective", asked, origin.join(" "), check);
    Ok(())
}
