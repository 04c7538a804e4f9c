//! Files in which the kernel tells more of a container than its records do: those of its cgroup,
//! values below /proc/sys, device files, interfaces, labels. Owns the reading, each from where the
//! container stands; what must stand there is `expect`'s.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
    sync::mpsc,
    thread,
    time::Duration,
};

use rustix::{
    fs::{AtFlags, CWD, FileType, Mode, OFlags, StatxFlags, openat, statx},
    io::Errno,
    thread::{LinkNameSpaceType, move_into_link_name_space},
};

use super::Hierarchy;
use crate::{
    event::{NsId, certificate::PathFact},
    expect::{DeviceNode, NodeKind, Reading, SecurityModule, reading::sysctl_parts},
    sys::{
        cgroup_handle, file_system,
        own_thread::{Ended, named},
    },
};

/// Longest text that is kept: no file of these is longer but by mistake.
const LONGEST: u64 = 64 * 1024;
/// How long a file system may take to answer: one that a process serves may never do so.
const PATIENCE: Duration = Duration::from_secs(1);

/// A namespace that stays as long as this does.
#[derive(Debug)]
pub struct HeldNamespace(OwnedFd);

impl HeldNamespace {
    /// The namespace of a task by the name that /proc/PID/ns gives its kind, if that is the one
    /// with this number.
    #[must_use]
    pub fn hold(task: u32, kind: &str, namespace: NsId) -> Option<Self> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let path = format!("/proc/{task}/ns/{kind}");
        let held = openat(CWD, path, flags, Mode::empty()).ok()?;
        let inode = rustix::fs::fstat(&held).ok()?.st_ino;
        (inode == u64::from(namespace.0)).then_some(Self(held))
    }
}

impl AsFd for HeldNamespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn unread(what: &str, error: impl std::fmt::Display) -> Reading {
    Reading::Unread(format!("{what}: {error}"))
}

fn text_of(file: OwnedFd) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::from(file).take(LONGEST).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.trim_end_matches(['\n', '\0']).to_owned())
}

/// Files of one cgroup, which stays open as long as this does.
#[derive(Debug)]
pub struct CgroupFolder(Result<OwnedFd, String>);

impl CgroupFolder {
    /// The cgroup with this number in the hierarchy.
    #[must_use]
    pub fn open(hierarchy: &Hierarchy, cgroup: u64) -> Self {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = openat(CWD, &hierarchy.mount_point, flags, Mode::empty());
        let opened = root.and_then(|root| cgroup_handle::open(root.as_fd(), cgroup));
        Self(opened.map_err(|error| match error {
            Errno::STALE | Errno::NOENT => "its cgroup was gone before it was read".to_owned(),
            other => format!("opening its cgroup failed: {other}"),
        }))
    }

    /// What stands in a file.
    #[must_use]
    pub fn read(&self, name: &str) -> Reading {
        let folder = match &self.0 {
            Ok(folder) => folder,
            Err(reason) => return Reading::Unread(reason.clone()),
        };
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match openat(folder, name, flags, Mode::empty()) {
            Ok(file) => match text_of(file) {
                Ok(text) => Reading::Text(text),
                // What kernfs says of a file whose cgroup has been removed.
                Err(error) if error.raw_os_error() == Some(Errno::NODEV.raw_os_error()) => {
                    Reading::Unread("its cgroup was gone before it was read".to_owned())
                }
                Err(error) => unread(&format!("reading {name} failed"), error),
            },
            // Of a removed cgroup nothing is found any more, which says nothing of what it had.
            Err(Errno::NOENT) if self.is_there() => Reading::Missing,
            Err(Errno::NOENT | Errno::NODEV) => {
                Reading::Unread("its cgroup was gone before it was read".to_owned())
            }
            Err(error) => unread(&format!("opening {name} failed"), error),
        }
    }

    /// It has not been removed: each has this file.
    fn is_there(&self) -> bool {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let folder = self.0.as_ref().ok();
        folder.is_some_and(|folder| openat(folder, "cgroup.procs", flags, Mode::empty()).is_ok())
    }
}

/// Does `work` in these namespaces, on a thread of its own.
fn within<T: Send>(
    namespaces: &[(LinkNameSpaceType, BorrowedFd<'_>)],
    work: impl FnOnce() -> T + Send,
) -> Result<T, String> {
    let entered = || {
        for (kind, namespace) in namespaces {
            move_into_link_name_space(*namespace, Some(*kind))
                .map_err(|error| format!("entering its namespaces failed: {error}"))?;
        }
        Ok(work())
    };
    thread::scope(|scope| scope.spawn(named(entered)).join()).map_or_else(
        |_| Err("the reading thread panicked".to_owned()),
        Ended::gone,
    )
}

/// Values below /proc/sys as these namespaces have them.
#[must_use]
pub fn sysctls(
    keys: &[&str],
    network: &HeldNamespace,
    ipc: &HeldNamespace,
    uts: &HeldNamespace,
) -> Vec<Reading> {
    let namespaces = [
        (LinkNameSpaceType::Network, network.as_fd()),
        (LinkNameSpaceType::InterProcessCommunication, ipc.as_fd()),
        (LinkNameSpaceType::HostNameAndNISDomainName, uts.as_fd()),
    ];
    let read = || keys.iter().map(|key| sysctl(key)).collect::<Vec<_>>();
    within(&namespaces, read).unwrap_or_else(|reason| vec![Reading::Unread(reason); keys.len()])
}

fn sysctl(key: &str) -> Reading {
    let Some(parts) = sysctl_parts(key) else {
        return Reading::Missing;
    };
    let path = Path::new("/proc/sys").join(parts.join("/"));
    match fs::read_to_string(&path) {
        Ok(text) => Reading::Text(text.trim_end().to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Reading::Missing,
        Err(error) => unread(&format!("reading {} failed", path.display()), error),
    }
}

/// Interfaces of this network namespace.
#[must_use]
pub fn net_devices(names: &[&str], network: &HeldNamespace) -> Vec<Reading> {
    let namespaces = [(LinkNameSpaceType::Network, network.as_fd())];
    let all = within(&namespaces, || {
        let interfaces = nix::net::if_::if_nameindex().map_err(|error| error.to_string())?;
        let names = interfaces.to_slice().iter();
        let names = names.map(|one| one.name().to_string_lossy().into_owned());
        Ok::<_, String>(names.collect::<Vec<_>>())
    });
    let all = all.and_then(|all| all);
    let reading = |name: &&str| match &all {
        Ok(all) if all.iter().any(|one| one == name) => Reading::Text((*name).to_owned()),
        Ok(_) => Reading::Missing,
        Err(reason) => Reading::Unread(reason.clone()),
    };
    names.iter().map(reading).collect()
}

/// Device files at these paths of a mount namespace, as a task with this root directory sees them. A file
/// system that does not answer is not waited for: the thread that asks is left to itself.
#[must_use]
pub fn device_nodes(paths: &[&str], namespace: BorrowedFd<'_>, root: PathFact) -> Vec<Reading> {
    let all = |reason: String| vec![Reading::Unread(reason); paths.len()];
    let held = match namespace.try_clone_to_owned() {
        Ok(held) => held,
        Err(error) => return all(error.to_string()),
    };
    let owned: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
    let (sender, receiver) = mpsc::channel();
    let work = move || {
        let told = nodes_in(held.as_fd(), &owned, root);
        let _nobody_waits = sender.send(told);
    };
    let Ok(thread) = thread::Builder::new().spawn(named(work)) else {
        return all("no thread could be started".to_owned());
    };
    match receiver.recv_timeout(PATIENCE) {
        Ok(Ok(nodes)) => {
            if let Ok(ended) = thread.join() {
                ended.gone();
            }
            nodes
        }
        Ok(Err(reason)) => all(reason),
        Err(_) => all("a file system of the container did not answer".to_owned()),
    }
}

/// For a thread of its own, which is in another namespace from then on.
fn nodes_in(
    namespace: BorrowedFd<'_>,
    paths: &[String],
    root: PathFact,
) -> Result<Vec<Reading>, String> {
    let entered = file_system::own_file_system()
        .and_then(|()| move_into_link_name_space(namespace, Some(LinkNameSpaceType::Mount)));
    entered.map_err(|error| format!("entering its mount namespace failed: {error}"))?;
    if is_root(root) {
        Ok(paths.iter().map(|path| node(path)).collect())
    } else {
        Err("its root directory is not that of its mount namespace, as after chroot: paths are not followed from there".to_owned())
    }
}

/// Whether this is the calling thread's own root directory, and the root of a mount.
fn is_root(root: PathFact) -> bool {
    let flags = StatxFlags::MNT_ID | StatxFlags::BASIC_STATS;
    let own = statx(CWD, "/", AtFlags::STATX_DONT_SYNC, flags);
    root.flags & PathFact::MOUNT_ROOT != 0
        && own.is_ok_and(|own| {
            StatxFlags::from_bits_retain(own.stx_mask).contains(StatxFlags::MNT_ID)
                && own.stx_mnt_id == u64::from(root.mnt_id)
        })
}

fn node(path: &str) -> Reading {
    // Not synchronised with a server, and no symbolic link followed at the end.
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::STATX_DONT_SYNC;
    match statx(CWD, path, flags, StatxFlags::BASIC_STATS) {
        Ok(found) => Reading::Device(DeviceNode {
            kind: match FileType::from_raw_mode(found.stx_mode.into()) {
                FileType::BlockDevice => NodeKind::Block,
                FileType::CharacterDevice => NodeKind::Character,
                FileType::Fifo => NodeKind::Fifo,
                _ => NodeKind::Other,
            },
            major: found.stx_rdev_major,
            minor: found.stx_rdev_minor,
            mode: u32::from(found.stx_mode) & 0o7777,
            uid: found.stx_uid,
            gid: found.stx_gid,
        }),
        Err(Errno::NOENT | Errno::NOTDIR) => Reading::Missing,
        Err(error) => unread(&format!("looking at {path} failed"), error),
    }
}

/// The security modules that this kernel runs.
#[must_use]
pub fn security_modules() -> Vec<SecurityModule> {
    let runs = |module: &SecurityModule| match module {
        SecurityModule::AppArmor => fs::read_to_string("/sys/module/apparmor/parameters/enabled")
            .is_ok_and(|text| text.trim() == "Y"),
        // Registered when it is initialised.
        SecurityModule::SeLinux => fs::read_to_string("/proc/filesystems")
            .is_ok_and(|text| text.lines().any(|line| line.ends_with("\tselinuxfs"))),
    };
    SecurityModule::ALL.into_iter().filter(runs).collect()
}

/// The label of a task, if it is still in this mount namespace.
#[must_use]
pub fn label(module: SecurityModule, task: u32, mounts: NsId) -> Reading {
    let path = match module {
        SecurityModule::AppArmor => format!("/proc/{task}/attr/apparmor/current"),
        SecurityModule::SeLinux => format!("/proc/{task}/attr/current"),
    };
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let text = openat(CWD, path, flags, Mode::empty())
        .map_err(io::Error::from)
        .and_then(text_of);
    // After the reading: it is still the one that was meant.
    match text {
        Ok(text) if HeldNamespace::hold(task, "mnt", mounts).is_some() => Reading::Text(text),
        Ok(_) => Reading::Unread("the payload had ended before it was read".to_owned()),
        Err(error) => unread("the payload had ended before it was read", error),
    }
}
