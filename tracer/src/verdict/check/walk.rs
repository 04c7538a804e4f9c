//! What a bundle asks of mounts, found as the kernel finds it: by walking the path from the root,
//! so that a mount that another one hides is not taken for what the payload sees. Owns the walk
//! and these comparisons.

use std::path::Path;

use crate::expect::{MountRule, Propagation};

use super::super::MountInfo;
use super::super::finding::{Facts, Finding};
use super::mount;

/// The mount that a walk to `path` ends in; `None` without a root to begin at.
fn reach<'a>(path: &str, mounts: &'a [MountInfo]) -> Option<&'a MountInfo> {
    let mut here = mount::topmost("/", mounts)?;
    let ends = path
        .match_indices('/')
        .map(|(at, _)| at)
        .skip(1)
        .chain([path.len()]);
    for end in ends {
        let prefix = &path[..end];
        // Mounts can be stacked at one place: each stands on the one below. No table of the kernel's has more
        // steps than mounts; one of a recording may.
        for _ in mounts {
            let on_it = |next: &&MountInfo| {
                next.parent == here.id && next.mount_point == prefix && next.id != here.id
            };
            let Some(next) = mounts.iter().find(on_it) else {
                break;
            };
            here = next;
        }
    }
    Some(here)
}

fn trimmed(path: &str) -> &str {
    match path.trim_end_matches('/') {
        "" => "/",
        path => path,
    }
}

/// The mount that a path leads to, and the mount table; the finding where there is none.
fn walked<'a>(path: &str, facts: &Facts<'a>) -> Result<(&'a MountInfo, &'a [MountInfo]), Finding> {
    let mounts = mount::table(facts)?;
    match reach(path, mounts) {
        Some(mount) => Ok((mount, mounts)),
        None => Err(Finding::unknown(mount::NO_ROOT)),
    }
}

/// What the path shows lies in another mount, further up.
fn uncovered(mount: &MountInfo, reason: &str) -> Finding {
    Finding::Violated {
        seen: format!("nothing is mounted there; it is in {}", mount.mount_point),
        reason: reason.to_owned(),
        evidence: mount::evidence(mount),
    }
}

/// The path is not there: nothing needs to be done about it.
fn absent(mount: &MountInfo) -> Finding {
    Finding::Holds {
        seen: "not there, as on the host".to_owned(),
        evidence: mount::evidence(mount),
    }
}

/// What the type `cgroup` stands for: on version 1 a tmpfs of the runtime's with a mount of each
/// hierarchy in it, on version 2 one of cgroup2. The hierarchies are what counts.
fn cgroups(rule: &MountRule, facts: &Facts<'_>) -> Finding {
    let mounts = match mount::table(facts) {
        Ok(mounts) => mounts,
        Err(finding) => return finding,
    };
    let below = Path::new(trimmed(&rule.target));
    let hierarchies: Vec<&MountInfo> = mounts
        .iter()
        .filter(|mount| matches!(mount.fs_type.as_str(), "cgroup" | "cgroup2"))
        .filter(|mount| Path::new(&mount.mount_point).starts_with(below))
        .collect();
    let Some(first) = hierarchies.first() else {
        return Finding::Violated {
            seen: "no cgroup hierarchy is mounted there".to_owned(),
            reason: "the mount is missing".to_owned(),
            evidence: Vec::new(),
        };
    };
    let wrong = hierarchies.iter().find_map(|mount| {
        let wrong = options(rule, mount);
        (!wrong.is_empty()).then_some((mount, wrong))
    });
    let (mount, wrong) = wrong.unwrap_or((first, Vec::new()));
    let seen = format!("{} mounts of cgroups", hierarchies.len());
    let reason = format!("{}: {}", mount.mount_point, wrong.join("; "));
    Finding::decide(wrong.is_empty(), seen, reason, mount::evidence(mount))
}

/// Options that are not as asked.
fn options(rule: &MountRule, mount: &MountInfo) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, asked) in &rule.options {
        let set = match &**name {
            "ro" => mount.read_only(),
            name => mount.options.iter().any(|option| option == name),
        };
        if set != *asked {
            wrong.push(match (&**name, set) {
                ("ro", false) => "it can be written to".to_owned(),
                ("ro", true) => "it is read-only".to_owned(),
                (name, false) => format!("it lacks {name}"),
                (name, true) => format!("it has {name}"),
            });
        }
    }
    wrong
}

pub(super) fn rule(rule: &MountRule, facts: &Facts<'_>) -> Finding {
    if rule.fs_type.as_deref() == Some("cgroup") {
        return cgroups(rule, facts);
    }
    let target = trimmed(&rule.target);
    let mount = match walked(target, facts) {
        Ok((mount, _)) => mount,
        Err(finding) => return finding,
    };
    if mount.mount_point != target {
        return uncovered(mount, "the mount is missing");
    }
    let mut wrong = Vec::new();
    if rule
        .fs_type
        .as_ref()
        .is_some_and(|fs_type| *fs_type != mount.fs_type)
    {
        wrong.push("it is of another type".to_owned());
    }
    wrong.extend(options(rule, mount));
    wrong.extend(rule.propagation.and_then(|asked| spreads(asked, mount)));
    if let Some(size) = rule.size_kib
        && mount.super_option("size") != Some(&format!("{size}k"))
    {
        let seen = mount.super_option("size").unwrap_or("not limited");
        wrong.push(format!("its size is {seen}"));
    }
    if let Some(mode) = rule.mode
        && mount::mode_of(mount) != Some(mode)
    {
        let seen = mount.super_option("mode").unwrap_or("1777");
        wrong.push(format!("its mode is {seen}"));
    }
    let seen = format!("{}, {}", mount.fs_type, mount.options.join(","));
    let evidence = mount::evidence(mount);
    Finding::decide(wrong.is_empty(), seen, wrong.join("; "), evidence)
}

/// Why the mount does not spread as asked. Unless it is in a peer group, which is `shared:N`, or
/// receives from one, which is `master:N`, a mount is private (proc_pid_mountinfo(5)).
fn spreads(asked: Propagation, mount: &MountInfo) -> Option<String> {
    let has = |tag: &str| {
        let mut tags = mount.propagation.iter();
        tags.any(|own| own.split(':').next() == Some(tag))
    };
    let holds = match asked {
        Propagation::Private => !has("shared") && !has("master"),
        Propagation::Slave => !has("shared"),
        Propagation::Shared => has("shared"),
        Propagation::Unbindable => has("unbindable"),
    };
    let seen = if mount.propagation.is_empty() {
        "private".to_owned()
    } else {
        mount.propagation.join(" ")
    };
    (!holds).then(|| format!("its propagation is {seen}"))
}

pub(super) fn root_propagation(asked: Propagation, facts: &Facts<'_>) -> Finding {
    let mount = match walked("/", facts) {
        Ok((mount, _)) => mount,
        Err(finding) => return finding,
    };
    let seen = if mount.propagation.is_empty() {
        "private".to_owned()
    } else {
        mount.propagation.join(" ")
    };
    let wrong = spreads(asked, mount);
    let evidence = mount::evidence(mount);
    Finding::decide(wrong.is_none(), seen, wrong.unwrap_or_default(), evidence)
}

pub(super) fn masked(path: &str, is_absent: bool, facts: &Facts<'_>) -> Finding {
    let path = trimmed(path);
    let (mount, mounts) = match walked(path, facts) {
        Ok(walked) => walked,
        Err(finding) => return finding,
    };
    if mount.mount_point != path {
        return if is_absent {
            absent(mount)
        } else {
            uncovered(mount, "what is there can be reached")
        };
    }
    let seen = format!("{} of {}", mount.root, mount.fs_type);
    let evidence = mount::evidence(mount);
    let is_own_tmpfs = mount.fs_type == "tmpfs" && mount.root == "/";
    if is_own_tmpfs {
        let reason = "the tmpfs that covers it can be written to";
        return Finding::decide(mount.read_only(), seen, reason, evidence);
    }
    if mount.root.rsplit('/').next() != Some("null") {
        let reason = "what covers it is neither an empty tmpfs nor the null device (class of CVE-2025-31133)";
        return Finding::decide(false, seen, reason, evidence);
    }
    let host = facts.observation.host_mounts.as_deref().unwrap_or_default();
    let of_devices = [reach("/dev", mounts), reach("/dev", host)]
        .into_iter()
        .flatten()
        .any(|devices| devices.device == mount.device);
    if mount.fs_type == "devtmpfs" || of_devices {
        return Finding::Holds { seen, evidence };
    }
    Finding::unknown("it is covered by a file named null, which need not be the device")
}

pub(super) fn read_only(path: &str, is_absent: bool, facts: &Facts<'_>) -> Finding {
    let path = trimmed(path);
    let mount = match walked(path, facts) {
        Ok((mount, _)) => mount,
        Err(finding) => return finding,
    };
    if is_absent && mount.mount_point != path {
        return absent(mount);
    }
    let seen = if mount.read_only() {
        "read-only"
    } else {
        "read-write"
    };
    let seen = format!("{seen}, in {}", mount.mount_point);
    let evidence = mount::evidence(mount);
    Finding::decide(mount.read_only(), seen, "it can be written to", evidence)
}
