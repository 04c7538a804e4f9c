//! From the arguments of `tracer run` to the Spec: defaults are spelled out, names resolved,
//! files read. Owns the defaults; must not create anything.

use std::{
    fs,
    path::{Path, PathBuf},
};

use thiserror::Error;

use super::{
    account::{self, Account},
    arguments::{NamespaceArguments, RunArguments},
};
use crate::{
    cli::value,
    container::{
        seccomp::{self, SeccompError},
        spec::{IdMapping, Resources, Root, Seccomp, Spec},
    },
    event::NamespaceKind,
    expect::capability,
    host::HostFacts,
};

/// What is asked for cannot be.
#[derive(Debug, Error)]
pub enum RequestError {
    /// The words cannot be understood or contradict each other.
    #[error("{0}")]
    Usage(String),
    /// The words are fine, and this machine or container has not what they name.
    #[error("{0}")]
    Absent(String),
    /// A file that was named.
    #[error("reading {what} {} failed: {source}: {way_out}", path.display())]
    File {
        /// What it is for.
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
        /// What to do about it.
        way_out: &'static str,
    },
    /// A profile that was named.
    #[error(transparent)]
    Seccomp(#[from] SeccompError),
}

/// The default map: 65,536 ids from 100,000 on, where no system puts its users.
const DEFAULT_MAP: IdMapping = IdMapping {
    inside: 0,
    outside: 100_000,
    count: 65_536,
};

/// Longest host name (include/uapi/linux/utsname.h, `__NEW_UTS_LEN`).
const HOST_NAME_MAX: usize = 64;

/// Builds the Spec. `id` names the run.
pub fn spec(arguments: &RunArguments, host: &HostFacts, id: String) -> Result<Spec, RequestError> {
    let new_namespaces = namespaces(&arguments.namespaces)?;
    let is_new = |kind| new_namespaces.contains(&kind);
    let root = root(arguments, is_new(NamespaceKind::Mnt))?;
    let (uid_map, gid_map) = maps(&arguments.namespaces, is_new(NamespaceKind::User))?;
    if arguments.process.hostname.is_some() && !is_new(NamespaceKind::Uts) {
        return Err(RequestError::Usage(
            "--hostname would rename the host: it needs a new UTS namespace (-u)".to_owned(),
        ));
    }
    if let Some(name) = &arguments.process.hostname
        && !(1..=HOST_NAME_MAX).contains(&name.len())
    {
        return Err(RequestError::Usage(format!(
            "the host name `{name}` is {} bytes long; it takes 1 to {HOST_NAME_MAX}",
            name.len()
        )));
    }
    if !arguments.process.workdir.starts_with('/') {
        return Err(RequestError::Usage(format!(
            "the working directory `{}` must be an absolute path",
            arguments.process.workdir
        )));
    }
    let files = match &root {
        Root::Directory(path) => path.as_path(),
        Root::HostView | Root::Shared => Path::new("/"),
    };
    let Account { user, home } = account::find(arguments.process.user.as_deref(), files)?;
    for (what, id, map) in [("user", user.uid, &uid_map), ("group", user.gid, &gid_map)] {
        if is_new(NamespaceKind::User) && !map.iter().any(|line| is_mapped(line, id)) {
            return Err(RequestError::Usage(format!(
                "the {what} {id} is not in the user namespace's map; add it with --uid-map and \
                 --gid-map"
            )));
        }
    }
    let limits = &arguments.limits;
    let cpuset_cpus = limits.cpuset_cpus.as_ref().map(|list| list.0.clone());
    check_processors(cpuset_cpus.as_deref(), host)?;
    let security = &arguments.security;
    let capabilities =
        value::capabilities(&security.cap_add, &security.cap_drop, host.last_capability)
            .map_err(RequestError::Usage)?;
    if !is_new(NamespaceKind::User) {
        check_capabilities(capabilities)?;
    }
    let mut mounts = arguments.files.tmpfs.clone();
    mounts.extend(arguments.files.mount.iter().cloned());
    Ok(Spec {
        id,
        args: arguments.command.clone(),
        env: account::environment(&arguments.process.env, &home)?,
        workdir: arguments.process.workdir.clone(),
        hostname: arguments.process.hostname.clone(),
        root,
        read_only: arguments.files.read_only,
        mounts,
        user,
        uid_map,
        gid_map,
        resources: Resources {
            cpuset_cpus,
            cpu: limits.cpus,
            memory: limits.memory,
            pids: limits.pids_limit,
        },
        capabilities,
        no_new_privileges: security.no_new_privileges,
        seccomp: seccomp(&security.seccomp, capabilities)?,
        rlimits: arguments.process.rlimit.clone(),
        new_namespaces,
    })
}

fn namespaces(arguments: &NamespaceArguments) -> Result<Vec<NamespaceKind>, RequestError> {
    let picked = [
        (arguments.mnt, NamespaceKind::Mnt),
        (arguments.uts, NamespaceKind::Uts),
        (arguments.ipc, NamespaceKind::Ipc),
        (arguments.pid, NamespaceKind::Pid),
        (arguments.net, NamespaceKind::Net),
        (arguments.userns, NamespaceKind::User),
        (arguments.cgroup, NamespaceKind::Cgroup),
        (arguments.time, NamespaceKind::Time),
    ];
    let any = picked.iter().any(|(picked, _)| *picked);
    let mut shared = Vec::new();
    for name in &arguments.share {
        let kind = NamespaceKind::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| {
                RequestError::Usage(format!(
                    "--share knows no namespace `{name}`; there are {}",
                    NamespaceKind::ALL.map(NamespaceKind::name).join(", ")
                ))
            })?;
        if picked
            .iter()
            .any(|(picked, other)| *picked && *other == kind)
        {
            return Err(RequestError::Usage(format!(
                "the {name} namespace is asked to be both new and shared"
            )));
        }
        shared.push(kind);
    }
    Ok(NamespaceKind::ALL
        .into_iter()
        .filter(|kind| {
            !any || picked
                .iter()
                .any(|(picked, other)| *picked && other == kind)
        })
        .filter(|kind| !shared.contains(kind))
        .collect())
}

fn root(arguments: &RunArguments, new_mnt: bool) -> Result<Root, RequestError> {
    let files = &arguments.files;
    if !new_mnt {
        let asked = files.rootfs.is_some()
            || files.read_only
            || !files.mount.is_empty()
            || !files.tmpfs.is_empty();
        if asked {
            return Err(RequestError::Usage(
                "--rootfs, --read-only, --mount and --tmpfs would change the host's mounts: they \
                 need a new mount namespace (-m)"
                    .to_owned(),
            ));
        }
        return Ok(Root::Shared);
    }
    let Some(path) = &files.rootfs else {
        return Ok(Root::HostView);
    };
    let failed = |source| RequestError::File {
        what: "the root directory",
        path: path.clone(),
        source,
        way_out: "name a directory that holds the container's files",
    };
    let path = fs::canonicalize(path).map_err(failed)?;
    if !path.is_dir() {
        return Err(RequestError::Absent(format!(
            "the root {} is not a directory; --rootfs wants one that holds the container's files",
            path.display()
        )));
    }
    if path == Path::new("/") {
        return Err(RequestError::Usage(
            "--rootfs / is the host's own root; leave --rootfs out for a read-only view of it"
                .to_owned(),
        ));
    }
    Ok(Root::Directory(path))
}

fn maps(
    arguments: &NamespaceArguments,
    new_user: bool,
) -> Result<(Vec<IdMapping>, Vec<IdMapping>), RequestError> {
    if !new_user {
        if !arguments.uid_map.is_empty() || !arguments.gid_map.is_empty() {
            return Err(RequestError::Usage(
                "--uid-map and --gid-map need a new user namespace (-U)".to_owned(),
            ));
        }
        return Ok((Vec::new(), Vec::new()));
    }
    let or_default = |lines: &[IdMapping], default: Vec<IdMapping>| {
        if lines.is_empty() {
            default
        } else {
            lines.to_vec()
        }
    };
    let uid_map = or_default(&arguments.uid_map, vec![DEFAULT_MAP]);
    let gid_map = or_default(&arguments.gid_map, uid_map.clone());
    for map in [&uid_map, &gid_map] {
        if map.len() > 5 {
            return Err(RequestError::Usage(
                "a map has more than five lines, of which the kernel's record shows five"
                    .to_owned(),
            ));
        }
        if !map.iter().any(|line| is_mapped(line, 0)) {
            return Err(RequestError::Usage(
                "the map has no id 0, as which the container is set up".to_owned(),
            ));
        }
    }
    Ok((uid_map, gid_map))
}

fn is_mapped(line: &IdMapping, id: u32) -> bool {
    id >= line.inside && id - line.inside < line.count
}

fn check_processors(cpus: Option<&[u32]>, host: &HostFacts) -> Result<(), RequestError> {
    let outside = cpus
        .unwrap_or_default()
        .iter()
        .find(|cpu| !host.cpus_online.contains(cpu));
    match outside {
        None => Ok(()),
        Some(cpu) => Err(RequestError::Absent(format!(
            "--cpuset-cpus names processor {cpu}, which this machine has not; online are {}",
            host.cpus_online
                .iter()
                .map(u32::to_string)
                .collect::<Vec<_>>()
                .join(",")
        ))),
    }
}

/// In a user namespace of its own the container has all that there are; in tracer's it has what
/// tracer can give.
fn check_capabilities(wanted: u64) -> Result<(), RequestError> {
    let own = rustix::thread::capabilities(None).map_err(|errno| RequestError::File {
        what: "the capabilities of",
        path: PathBuf::from("tracer itself"),
        source: errno.into(),
        way_out: "run it as root",
    })?;
    match wanted & !own.permitted.bits() {
        0 => Ok(()),
        lacking => Err(RequestError::Absent(format!(
            "tracer itself lacks the capabilities {} and cannot give them; drop them (--cap-drop) \
             or ask for a new user namespace (-U)",
            capability::names(lacking)
        ))),
    }
}

fn seccomp(asked: &str, capabilities: u64) -> Result<Seccomp, RequestError> {
    match asked {
        "unconfined" => Ok(Seccomp::Unconfined),
        "default" => Ok(Seccomp::Filter {
            origin: "default".to_owned(),
            profile: Box::new(seccomp::default_profile(capabilities)),
        }),
        path => {
            let text = fs::read_to_string(path).map_err(|source| RequestError::File {
                what: "the seccomp profile",
                path: PathBuf::from(path),
                source,
                way_out: "name a file, `default` or `unconfined`",
            })?;
            let profile = Box::new(seccomp::parse(path, &text)?);
            Ok(Seccomp::Filter {
                origin: path.to_owned(),
                profile,
            })
        }
    }
}
