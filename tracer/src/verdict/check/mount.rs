//! Mounts, from the mount table that was read at the gate. Owns their comparison.

use crate::event::certificate::PathFact;
use crate::expect::MountCheck;

use super::super::finding::{Facts, Finding};
use super::super::{Evidence, MountInfo};

pub(super) const NOT_READ: &str = "the mount table was not read";
pub(super) const NO_ROOT: &str = "the mount table shows no root";
const OTHER_ROOT: &str = "its root directory is not that of its mount namespace, as after chroot: paths are not followed from there";

/// The mount table, where paths in it are those that the payload sees: a table's begin at the root of the
/// namespace, and that of a payload may be elsewhere.
pub(super) fn table<'a>(facts: &Facts<'a>) -> Result<&'a [MountInfo], Finding> {
    let Some(mounts) = facts.observation.mounts.as_deref() else {
        return Err(Finding::unknown(NOT_READ));
    };
    // More than one stands there where the old root still lies on top of the new one.
    let mut roots = mounts.iter().filter(|mount| mount.mount_point == "/");
    if roots.clone().next().is_none() {
        return Err(Finding::unknown(NO_ROOT));
    }
    // Where there was a gate, the table was read there.
    let then = facts.observation.gate.as_ref().or_else(|| facts.seen());
    let root = then.and_then(|seen| seen.certificate.root());
    match root {
        None => Err(Finding::unknown("its root directory is not known")),
        Some(root)
            if root.flags & PathFact::MOUNT_ROOT != 0
                && roots.any(|mount| mount.id == root.mnt_id) =>
        {
            Ok(mounts)
        }
        Some(_) => Err(Finding::unknown(OTHER_ROOT)),
    }
}

pub(super) fn evidence(mount: &MountInfo) -> Vec<Evidence> {
    let detail = format!(
        "{} on {} type {} ({})",
        mount.source,
        mount.mount_point,
        mount.fs_type,
        mount.options.join(",")
    );
    vec![Evidence {
        seq: None,
        source: mount.teller.name().to_owned(),
        detail,
    }]
}

/// The mount that a path walk ends on: mounts can be stacked at one place, and the topmost is
/// the one that no other of them stands on.
pub(super) fn topmost<'a>(target: &str, mounts: &'a [MountInfo]) -> Option<&'a MountInfo> {
    let target = if target.len() > 1 {
        target.trim_end_matches('/')
    } else {
        target
    };
    let there = || mounts.iter().filter(|mount| mount.mount_point == target);
    there().find(|mount| !there().any(|other| other.parent == mount.id && other.id != mount.id))
}

pub(super) fn asked(asked: &MountCheck, facts: &Facts<'_>) -> Finding {
    let mounts = match table(facts) {
        Ok(mounts) => mounts,
        Err(finding) => return finding,
    };
    let Some(mount) = topmost(&asked.target, mounts) else {
        return Finding::Violated {
            seen: "nothing is mounted there".to_owned(),
            reason: "the mount is missing".to_owned(),
            evidence: Vec::new(),
        };
    };
    let mut wrong = Vec::new();
    if asked
        .fs_type
        .as_deref()
        .is_some_and(|fs_type| fs_type != mount.fs_type)
    {
        wrong.push("type".to_owned());
    }
    if asked.read_only != mount.read_only() {
        wrong.push(
            if asked.read_only {
                "it can be written to"
            } else {
                "it is read-only"
            }
            .to_owned(),
        );
    }
    if let Some(size) = asked.size_kib
        && mount.super_option("size") != Some(&format!("{size}k"))
    {
        wrong.push(format!(
            "size {}",
            mount.super_option("size").unwrap_or("not limited")
        ));
    }
    if let Some(mode) = asked.mode
        && mode_of(mount) != Some(mode)
    {
        wrong.push(format!(
            "mode {}",
            mount.super_option("mode").unwrap_or("1777")
        ));
    }
    let access = if mount.read_only() { "ro" } else { "rw" };
    let seen = format!("{}, {access}", mount.fs_type);
    Finding::decide(wrong.is_empty(), seen, wrong.join("; "), evidence(mount))
}

/// A tmpfs tells its mode unless it is the default (shmem_show_options() in mm/shmem.c).
pub(super) fn mode_of(mount: &MountInfo) -> Option<u32> {
    mount
        .super_option("mode")
        .map_or(Some(0o1777), |mode| u32::from_str_radix(mode, 8).ok())
}

/// Device files that every container gets: binds of the host's, and written to by design.
const DEVICES: [&str; 6] = ["/null", "/zero", "/full", "/random", "/urandom", "/tty"];

/// A mount shows the host's files when its file system is one that the host has mounted; where
/// it stands says nothing.
pub(super) fn host_read_only(except: &[String], facts: &Facts<'_>) -> Finding {
    let observation = facts.observation;
    let (Some(mounts), Some(host)) = (&observation.mounts, &observation.host_mounts) else {
        return Finding::unknown(NOT_READ);
    };
    if !mounts.iter().any(|mount| mount.mount_point == "/") {
        return Finding::unknown(NO_ROOT);
    }
    let of_host: Vec<&MountInfo> = mounts
        .iter()
        .filter(|mount| host.iter().any(|own| own.device == mount.device))
        .filter(|mount| !DEVICES.iter().any(|device| mount.root.ends_with(device)))
        .filter(|mount| !exempt(&mount.mount_point, except))
        .collect();
    let writable: Vec<&&MountInfo> = of_host.iter().filter(|mount| !mount.read_only()).collect();
    if let Some(first) = writable.first() {
        let places: Vec<&str> = writable
            .iter()
            .map(|mount| mount.mount_point.as_str())
            .collect();
        return Finding::Violated {
            seen: format!("read-write: {}", places.join(" ")),
            reason: "the host's files can be written to".to_owned(),
            evidence: evidence(first),
        };
    }
    let seen = format!("{}, all read-only", of_host.len());
    let teller = mounts.first().map(|mount| mount.teller);
    let source = teller.unwrap_or_default().name().to_owned();
    let evidence = vec![Evidence {
        seq: None,
        source,
        detail: seen.clone(),
    }];
    Finding::Holds { seen, evidence }
}

/// What lies on top of the root, where `..` of the root leads: the old one, if it was not taken
/// away after `pivot_root`.
pub(super) fn on_top_of_root(root: u32, mounts: &[MountInfo]) -> Option<&MountInfo> {
    mounts
        .iter()
        .find(|mount| mount.mount_point == "/" && mount.parent == root && mount.id != root)
}

/// At one of the places or below it.
fn exempt(mount_point: &str, except: &[String]) -> bool {
    except.iter().any(|place| {
        let below = mount_point.strip_prefix(place.as_str());
        below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}
