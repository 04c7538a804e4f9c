//! The files that a bundle's process sees: its root, mounts, masked and read-only paths. Owns
//! which of them mountinfo can show.

use std::path::{Path, PathBuf};

use oci_spec::runtime::{LinuxIdMapping, Mount, Spec};

use crate::event::NamespaceKind;

use super::super::Check;
use super::super::mount::{MountRule, Propagation};
use super::{BundleError, BundleFacts, List, Source, source};

/// A masked or read-only path, and where to look whether it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// As `config.json` names it.
    pub inside: String,
    /// The file of the host that the container's one is, or is like.
    pub outside: PathBuf,
}

/// Where to look whether each masked and read-only path is there: a runtime passes over those
/// that are not. `rootfs` is the container's root folder.
pub fn places(spec: &Spec, rootfs: &Path) -> Vec<Place> {
    let mut all: Vec<Place> = Vec::new();
    for inside in masked(spec).iter().chain(read_only(spec)) {
        if all.iter().all(|place| place.inside != *inside) {
            let outside = outside(spec, rootfs, inside);
            let inside = inside.clone();
            all.push(Place { inside, outside });
        }
    }
    all
}

/// Below a mount of the kernel's own files systems it is the host's file of that name; below a
/// bind the source's; else the root folder's.
fn outside(spec: &Spec, rootfs: &Path, inside: &str) -> PathBuf {
    let below = rootfs.join(inside.trim_start_matches('/'));
    let mounts = spec.mounts().iter().flatten();
    let over = mounts
        .filter_map(|mount| {
            // Without the slash that it should begin with, it is taken from the root, too.
            let target = Path::new("/").join(mount.destination());
            let rest = Path::new(inside).strip_prefix(target).ok()?;
            Some((mount, rest))
        })
        .min_by_key(|(_, rest)| rest.components().count());
    match over {
        Some((mount, _)) if matches!(mount.typ().as_deref(), Some("proc" | "sysfs")) => {
            PathBuf::from(inside)
        }
        Some((mount, rest)) if is_bind(mount) => mount
            .source()
            .as_ref()
            .map_or(below, |source| source.join(rest)),
        _ => below,
    }
}

fn masked(spec: &Spec) -> &[String] {
    let linux = spec.linux().as_ref();
    let paths = linux.and_then(|linux| linux.masked_paths().as_deref());
    paths.unwrap_or_default()
}

fn read_only(spec: &Spec) -> &[String] {
    let linux = spec.linux().as_ref();
    let paths = linux.and_then(|linux| linux.readonly_paths().as_deref());
    paths.unwrap_or_default()
}

pub(super) fn all(spec: &Spec, facts: BundleFacts<'_>, list: &mut List) -> Result<(), BundleError> {
    root(spec, list)?;
    for mount in spec.mounts().iter().flatten() {
        let rule = rule(mount, facts.host.page_size.max(1));
        let id = format!("mount.{}", rule.target);
        list.add(id, rule.text(), "mounts", Check::MountRule(rule));
    }
    let is_absent = |path: &String| facts.absent.contains(path);
    for path in masked(spec) {
        let check = Check::PathMasked {
            path: path.clone(),
            absent: is_absent(path),
        };
        let asked = "shows nothing";
        list.add(format!("masked.{path}"), asked, "linux.maskedPaths", check);
    }
    for path in read_only(spec) {
        let check = Check::PathReadOnly {
            path: path.clone(),
            absent: is_absent(path),
        };
        let id = format!("read_only.{path}");
        list.add(id, "read-only", "linux.readonlyPaths", check);
    }
    Ok(())
}

fn root(spec: &Spec, list: &mut List) -> Result<(), BundleError> {
    if let Some(root) = spec.root() {
        // In another's mount namespace the root is what it is there.
        if matches!(source(spec, NamespaceKind::Mnt), Source::New) {
            let own = "the root of its own mnt";
            list.add("root.pivoted", own, "root.path", Check::RootPivoted);
        }
        let asked = "not the host's";
        list.add("root.not_host", asked, "root.path", Check::RootNotHost);
        if root.readonly() == Some(true) {
            let check = Check::RootReadOnly;
            list.add("root.read_only", "read-only", "root.readonly", check);
        }
    }
    let property = "linux.rootfsPropagation";
    let linux = spec.linux().as_ref();
    let mode = linux.and_then(|linux| linux.rootfs_propagation().as_ref());
    if let Some(mode) = mode.filter(|mode| !mode.is_empty()) {
        let known = Propagation::named(mode).ok_or_else(|| BundleError::Value {
            property,
            value: mode.clone(),
            must: "shared, slave, private or unbindable",
        })?;
        let check = Check::RootPropagation(known);
        list.add("root.propagation", known.name(), property, check);
    }
    list.add("cwd", "in its own mnt", "process.cwd", Check::Cwd);
    list.add("exe", "in its own mnt", "process.args", Check::Exe);
    let asked = "0, 1 and 2 alone";
    list.add("descriptors", asked, "process", Check::Descriptors);
    if let Some(hostname) = spec.hostname().as_ref().filter(|name| !name.is_empty()) {
        let check = Check::Hostname(hostname.clone());
        list.add("hostname", hostname.clone(), "hostname", check);
    }
    Ok(())
}

fn is_bind(mount: &Mount) -> bool {
    let options = mount.options().iter().flatten();
    mount.typ().as_deref() == Some("bind")
        || options
            .into_iter()
            .any(|word| word == "bind" || word == "rbind")
}

fn rule(mount: &Mount, page: u64) -> MountRule {
    // A destination without a slash before it counts from the root.
    let target = Path::new("/").join(mount.destination());
    let mut rule = MountRule {
        target: target.display().to_string(),
        fs_type: mount.typ().clone(),
        ..MountRule::default()
    };
    // What a bind shows has a type of its own.
    if is_bind(mount) || matches!(rule.fs_type.as_deref(), Some("none" | "")) {
        rule.fs_type = None;
    }
    let is_tmpfs = rule.fs_type.as_deref() == Some("tmpfs");
    for word in mount.options().iter().flatten() {
        if !rule.take(word) && is_tmpfs {
            rule.take_of_tmpfs(word, page);
        }
    }
    let map =
        |lines: &Option<Vec<LinuxIdMapping>>| lines.as_ref().is_some_and(|all| !all.is_empty());
    if map(mount.uid_mappings()) || map(mount.gid_mappings()) {
        rule.take("idmap");
    }
    rule
}
