//! The parent's side of a launch: cgroups, mounts of the host, `clone3`, maps, `go`. Must not
//! decide anything: the plan has.

mod way_out;

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use rustix::fs::{CWD, FileType};
use rustix::io::Errno;
use rustix::mount::{MountAttrFlags, OpenTreeFlags, open_tree};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use thiserror::Error;

pub(super) use self::way_out::way_out;
use super::child::Kit;
use super::cleanup::Run;
use super::gate::{Exit, Init};
use super::handshake::{Handshake, ProtocolError};
use super::plan::{AttachBy, Plan, Purpose, Source, Step};
use crate::cgroup::{self, Cgroup, CgroupError};
use crate::sys;
use crate::sys::process::{Rlimit, Vector};

/// Standard streams of the payload; `None` = tracer's own.
#[derive(Debug, Default)]
pub struct Streams {
    /// Descriptor 0.
    pub stdin: Option<OwnedFd>,
    /// Descriptor 1.
    pub stdout: Option<OwnedFd>,
    /// Descriptor 2.
    pub stderr: Option<OwnedFd>,
}

/// Why a container could not be made.
#[derive(Debug, Error)]
pub enum LaunchError {
    /// A system call of tracer itself.
    #[error("{operation} {object} failed: {source}")]
    System {
        /// What was done.
        operation: &'static str,
        /// To what.
        object: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A cgroup.
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
    /// Something of the host that goes into the container.
    #[error("{what} {path} can't be mounted: {source}{way_out}", path = .path.display())]
    Source {
        /// What it is to the container.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
        /// What to do about it.
        way_out: &'static str,
    },
    /// The kernel makes no such process.
    #[error("cloning the container's init failed: {source}{way_out}")]
    Clone {
        /// The kernel's answer.
        source: io::Error,
        /// What to do about it.
        way_out: &'static str,
    },
    /// The user or group map.
    #[error(
        "writing the map '{map}' to {file} failed: {source}: ranges must not overlap, and take at most 340 lines"
    )]
    Map {
        /// Which file.
        file: String,
        /// What was written.
        map: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A resource limit above tracer's own.
    #[error(
        "raising resource limit {name} to {hard} failed: {source}: without CAP_SYS_RESOURCE it can be {most} at most"
    )]
    Rlimit {
        /// Its name.
        name: &'static str,
        /// What was asked.
        hard: u64,
        /// tracer's own.
        most: u64,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A step of the set-up inside the container.
    #[error("the container's init could not {step}: {source}{way_out}")]
    Step {
        /// What was done to what.
        step: String,
        /// The kernel's answer.
        source: io::Error,
        /// What to do about it.
        way_out: &'static str,
    },
    /// Init ended before the gate.
    #[error(
        "the container's init ended before the gate, with {exit}: a memory limit below what its set-up takes, or a seccomp filter that kills, does this"
    )]
    InitDied {
        /// How.
        exit: Exit,
    },
    /// The conversation with init.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
}

/// Carries out `plan` up to the moment when init may start its set-up. Whatever fails, what was
/// made so far is removed again. Must be called inside a tokio runtime, on a thread that lives as
/// long as the container: the death signal goes by the thread.
pub fn launch(plan: &Plan, run: Run, streams: Streams) -> Result<Init, LaunchError> {
    let cgroups = plan
        .cgroups
        .iter()
        .map(cgroup::create)
        .collect::<Result<Vec<Cgroup>, CgroupError>>()?;
    let slots = clone_sources(plan)?;
    let (ours, theirs) = socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )
    .map_err(|errno| system("making a socket for", &plan.id, errno))?;
    let cloned = clone(plan, &streams, &cgroups, slots, (&ours, &theirs))?;
    drop((theirs, streams));

    let register = |fd| {
        sys::async_fd::readable(fd).map_err(|source| LaunchError::System {
            operation: "watching",
            object: plan.id.clone(),
            source,
        })
    };
    // From here on dropping init kills and reaps it.
    let mut init = Init {
        tgid: cloned.tgid,
        pidfd: register(cloned.pidfd)?,
        socket: register(ours)?,
        handshake: Handshake::new(),
        steps: plan.steps.clone(),
        program: plan
            .exec
            .argv
            .first()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default(),
        exit: None,
        cgroups,
        run: Some(run),
    };
    write_maps(plan, init.tgid)?;
    raise_rlimits(plan, init.tgid)?;
    for (plan, cgroup) in plan.cgroups.iter().zip(&init.cgroups) {
        if plan.attach == AttachBy::Tracer {
            cgroup.attach(init.tgid)?;
        }
    }
    let word = init.handshake.go()?;
    init.send(word, "starting")?;
    Ok(init)
}

fn system(operation: &'static str, object: &str, errno: Errno) -> LaunchError {
    LaunchError::System {
        operation,
        object: object.to_owned(),
        source: errno.into(),
    }
}

/// Clones the host's mounts, private and detached, into their slots.
fn clone_sources(plan: &Plan) -> Result<Vec<Option<OwnedFd>>, LaunchError> {
    let mut slots: Vec<Option<OwnedFd>> = (0..plan.slots()).map(|_| None).collect();
    for source in &plan.sources {
        let tree = clone_source(source).map_err(|errno| LaunchError::Source {
            what: match source.purpose {
                Purpose::Rootfs => "the root file system",
                Purpose::Bind => "the mount source",
                Purpose::Host => "the host's",
            },
            path: source.path.clone(),
            source: errno.into(),
            way_out: match errno {
                Errno::NOENT => ": name an existing one",
                Errno::NOTDIR => ": name a directory",
                Errno::PERM => ": tracer needs CAP_SYS_ADMIN for it",
                _ => "",
            },
        })?;
        if let Some(slot) = slots.get_mut(source.slot.0) {
            *slot = Some(tree);
        }
    }
    Ok(slots)
}

fn clone_source(source: &Source) -> Result<OwnedFd, Errno> {
    // A view of the host must not set off its automounts.
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_NO_AUTOMOUNT;
    if source.recursive {
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    let tree = open_tree(CWD, &source.path, flags)?;
    if source.purpose == Purpose::Rootfs {
        let stat = rustix::fs::fstat(&tree)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
            return Err(Errno::NOTDIR);
        }
    }
    // A device file of an image, or one that is made there, would be the host's device.
    let attributes = if source.purpose == Purpose::Rootfs {
        MountAttrFlags::MOUNT_ATTR_NODEV
    } else {
        MountAttrFlags::empty()
    };
    // A clone is a peer of its original: what is mounted in it would appear on the host.
    let bits = u64::from(attributes.bits());
    sys::mount::mount_setattr(tree.as_fd(), bits, true, source.recursive)?;
    Ok(tree)
}

fn clone(
    plan: &Plan,
    streams: &Streams,
    cgroups: &[Cgroup],
    slots: Vec<Option<OwnedFd>>,
    (ours, theirs): (&OwnedFd, &OwnedFd),
) -> Result<sys::clone::Cloned, LaunchError> {
    let by = |how: AttachBy| {
        let pairs = plan.cgroups.iter().zip(cgroups);
        pairs
            .filter(move |(plan, _)| plan.attach == how)
            .map(|(_, cgroup)| cgroup)
    };
    let tasks = by(AttachBy::Init)
        .map(|cgroup| Ok((cgroup.hierarchy, cgroup.tasks()?)))
        .collect::<Result<Vec<_>, CgroupError>>()?;
    let into = by(AttachBy::Clone).next().map(Cgroup::directory);
    let arguments = Vector::new(plan.exec.argv.clone());
    let environment = Vector::new(plan.exec.envp.clone());
    let mut kit = Kit {
        steps: &plan.steps,
        slots,
        tasks: &tasks,
        socket: theirs.as_fd(),
        streams,
        candidates: &plan.exec.candidates,
        arguments: &arguments,
        environment: &environment,
    };
    // tracer's end, or the end of file would never come.
    let closed = [ours.as_fd()];
    sys::clone::clone_init(plan.clone_flags, into, &closed, || kit.run()).map_err(|errno| {
        let way_out = match errno {
            Errno::NOSPC | Errno::USERS => ": raise the limits in /proc/sys/user",
            Errno::BUSY => {
                ": the cgroup v2 root takes no processes below it; disable its controllers"
            }
            Errno::INVAL => ": this kernel lacks one of the namespace kinds that were asked for",
            Errno::AGAIN => ": a process limit is reached",
            _ => "",
        };
        LaunchError::Clone {
            source: errno.into(),
            way_out,
        }
    })
}

fn write_maps(plan: &Plan, tgid: u32) -> Result<(), LaunchError> {
    for (name, map) in [("uid_map", &plan.uid_map), ("gid_map", &plan.gid_map)] {
        if map.is_empty() {
            continue;
        }
        let file = format!("/proc/{tgid}/{name}");
        fs::write(&file, map).map_err(|source| {
            let map = map.trim_end().replace('\n', ", ");
            LaunchError::Map {
                file: name.to_owned(),
                map,
                source,
            }
        })?;
    }
    Ok(())
}

/// A hard limit is raised here, where tracer may: init in a user namespace never may. Init sets
/// both values at its step, so that a low one does not hinder its set-up.
fn raise_rlimits(plan: &Plan, tgid: u32) -> Result<(), LaunchError> {
    for step in &plan.steps {
        let Step::Rlimit { resource, hard, .. } = *step else {
            continue;
        };
        let name = super::plan::rlimit_name(resource);
        let failed = |errno| system("reading resource limit", name, errno);
        let own = sys::process::rlimit(tgid, resource, None).map_err(failed)?;
        if hard > own.hard {
            let raised = Rlimit {
                soft: own.soft,
                hard,
            };
            sys::process::rlimit(tgid, resource, Some(raised)).map_err(|errno| {
                LaunchError::Rlimit {
                    name,
                    hard,
                    most: own.hard,
                    source: errno.into(),
                }
            })?;
        }
    }
    Ok(())
}
