//! From an OCI bundle's `config.json` to what the kernel must show of its container, whichever
//! runtime made it. Owns the translation; must not know what a runtime does with a bundle, nor
//! read one: what it needs of the machine its caller hands it.

mod attributes;
mod credentials;
mod devices;
mod files;
mod limits;
mod lines;
mod mounts;
mod not_observed;
mod readings;
mod schedule;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use oci_spec::runtime::{LinuxIdMapping, LinuxNamespaceType, Spec};
use thiserror::Error;

use crate::container::spec::IdMapping;
use crate::event::{NamespaceKind, NsId};
use crate::host::HostFacts;

use super::condition::PathPattern;
use super::wording::map_text;
use super::{Check, Expectation, MapKind};

pub use lines::{line_of, lines};
pub use mounts::{Place, places};
pub use not_observed::{NOT_OBSERVED, NotObserved, not_observed, not_observed_markdown, unread};

/// What of the machine the expectations depend on.
#[derive(Clone, Copy, Debug)]
pub struct BundleFacts<'a> {
    /// This host.
    pub host: &'a HostFacts,
    /// The inode number of each namespace that is to be joined, by the path that names it.
    pub namespaces: &'a [(PathBuf, NsId)],
    /// The masked and read-only paths that are not there, of those that [`places`] names.
    pub absent: &'a [String],
}

/// Why there are no expectations.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BundleError {
    /// A namespace is to be joined and which one that is is not known.
    #[error(
        "cannot tell which {kind} namespace config.json asks to join: {path} was not read; it must name a namespace, as /proc/PID/ns/{kind} does",
        kind = .kind.name(),
        path = .path.display()
    )]
    Namespace {
        /// Of this kind.
        kind: NamespaceKind,
        /// Named so.
        path: PathBuf,
    },
    /// A value does not follow the specification.
    #[error("config.json: {property} is {value:?}; it must be {must}")]
    Value {
        /// Where it stands.
        property: &'static str,
        /// What stands there.
        value: String,
        /// What should.
        must: &'static str,
    },
}

/// The kind that OCI gives another name.
pub const fn kind_of(kind: LinuxNamespaceType) -> NamespaceKind {
    match kind {
        LinuxNamespaceType::Mount => NamespaceKind::Mnt,
        LinuxNamespaceType::Uts => NamespaceKind::Uts,
        LinuxNamespaceType::Ipc => NamespaceKind::Ipc,
        LinuxNamespaceType::Pid => NamespaceKind::Pid,
        LinuxNamespaceType::Network => NamespaceKind::Net,
        LinuxNamespaceType::User => NamespaceKind::User,
        LinuxNamespaceType::Cgroup => NamespaceKind::Cgroup,
        LinuxNamespaceType::Time => NamespaceKind::Time,
    }
}

/// Where a kind of namespace is to come from.
enum Source<'a> {
    New,
    Joined(&'a Path),
    /// It is not mentioned: the runtime's own.
    Shared,
}

fn source(spec: &Spec, kind: NamespaceKind) -> Source<'_> {
    let linux = spec.linux().as_ref();
    let all = linux.and_then(|linux| linux.namespaces().as_ref());
    let asked = all.and_then(|all| all.iter().find(|one| kind_of(one.typ()) == kind));
    match asked.map(|one| one.path().as_deref()) {
        None => Source::Shared,
        Some(None) => Source::New,
        Some(Some(path)) if path.as_os_str().is_empty() => Source::New,
        Some(Some(path)) => Source::Joined(path),
    }
}

/// Everything that must hold of a container of this bundle, in the order of reports. What stands
/// in [`NOT_OBSERVED`] is not in it.
pub fn from_bundle(spec: &Spec, facts: BundleFacts<'_>) -> Result<Vec<Expectation>, BundleError> {
    let mut list = List(Vec::new());
    namespaces(spec, facts, &mut list)?;
    cgroups(spec, &mut list);
    limits::all(spec, facts.host, &mut list)?;
    files::all(spec, &mut list);
    devices::all(spec, &mut list)?;
    credentials::all(spec, facts.host, &mut list);
    attributes::all(spec, &mut list);
    readings::all(spec, &mut list)?;
    schedule::all(spec, &mut list)?;
    mounts::all(spec, facts, &mut list)?;
    program(spec, &mut list);
    Ok(list.0)
}

/// Expectations, each with the property of `config.json` that it comes from.
struct List(Vec<Expectation>);

impl List {
    fn add(
        &mut self,
        id: impl Into<String>,
        asked: impl Into<String>,
        property: &str,
        check: Check,
    ) {
        let id = id.into();
        // What is asked for twice, as a mount at one place, is as the last one asks for it.
        self.0.retain(|other| other.id != id);
        self.0.push(Expectation {
            id,
            asked: asked.into(),
            origin: format!("config.json: {property}"),
            check,
        });
    }
}

fn namespaces(spec: &Spec, facts: BundleFacts<'_>, list: &mut List) -> Result<(), BundleError> {
    for kind in NamespaceKind::ALL {
        let id = format!("namespace.{}", kind.name());
        let (asked, check) = match source(spec, kind) {
            Source::New => ("new".to_owned(), Check::NamespaceNew(kind)),
            Source::Shared => ("the host's".to_owned(), Check::NamespaceShared(kind)),
            Source::Joined(path) => {
                let known = facts.namespaces.iter().find(|(own, _)| own == path);
                let (_, number) = known.ok_or_else(|| BundleError::Namespace {
                    kind,
                    path: path.to_owned(),
                })?;
                let asked = format!("{number}, of {}", path.display());
                (asked, Check::NamespaceIs { kind, id: *number })
            }
        };
        list.add(id, asked, "linux.namespaces", check);
    }
    if matches!(source(spec, NamespaceKind::User), Source::New) {
        for (id, property, map, lines) in maps(spec) {
            let text = map_text(&lines);
            list.add(id, text, property, Check::IdMap { map, lines });
        }
    }
    Ok(())
}

type Map = (&'static str, &'static str, MapKind, Vec<IdMapping>);

/// Both maps, as they stand there.
fn maps(spec: &Spec) -> [Map; 2] {
    let lines = |lines: Option<&Vec<LinuxIdMapping>>| {
        let line = |line: &LinuxIdMapping| IdMapping {
            inside: line.container_id(),
            outside: line.host_id(),
            count: line.size(),
        };
        lines.into_iter().flatten().map(line).collect()
    };
    let linux = spec.linux().as_ref();
    let users = lines(linux.and_then(|linux| linux.uid_mappings().as_ref()));
    let groups = lines(linux.and_then(|linux| linux.gid_mappings().as_ref()));
    [
        ("uid_map", "linux.uidMappings", MapKind::Users, users),
        ("gid_map", "linux.gidMappings", MapKind::Groups, groups),
    ]
}

fn cgroups(spec: &Spec, list: &mut List) {
    let property = "linux.cgroupsPath";
    list.add("cgroup.private", "its own", property, Check::CgroupPrivate);
    let linux = spec.linux().as_ref();
    let path = linux.and_then(|linux| linux.cgroups_path().as_deref());
    let Some(path) = path.and_then(Path::to_str).filter(|path| !path.is_empty()) else {
        return;
    };
    let pattern = match path.split(':').collect::<Vec<_>>()[..] {
        // `slice:prefix:name` is how runtimes are told to have systemd make a scope.
        [_, prefix, name] => {
            let unit = if prefix.is_empty() {
                name.to_owned()
            } else {
                format!("{prefix}-{name}.scope")
            };
            PathPattern::Suffix(unit)
        }
        // From the root of each hierarchy as the runtime has it mounted, which in a container
        // need not be the hierarchy's own.
        _ => PathPattern::Suffix(path.trim_matches('/').to_owned()),
    };
    let text = pattern.text().to_owned();
    list.add("cgroup.path", text, property, Check::CgroupPath(pattern));
}

fn program(spec: &Spec, list: &mut List) {
    let process = spec.process().as_ref();
    let args = process.and_then(|process| process.args().as_ref());
    let program = args.and_then(|args| args.first());
    // A path from the working directory may be made absolute before it is executed.
    if let Some(program) =
        program.filter(|program| program.starts_with('/') || !program.contains('/'))
    {
        let check = Check::Program(program.clone());
        list.add("payload", program.clone(), "process.args", check);
    }
}
