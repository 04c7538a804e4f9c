//! The steps that the container's init walks between `clone3` and the gate: one effect each, so
//! that each can be left out or altered by itself. Pure data with everything prepared: the
//! walker allocates nothing. Must not perform any of them.

use std::ffi::CString;
use std::fmt;

use crate::event::NamespaceKind;

use crate::container::seccomp::Filter;

/// Where a detached mount or a descriptor of the host is kept until it is attached. Slots are
/// filled before the clone (by [`super::Source`]) or by a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub usize);

/// A path inside the container, split so that its directory can be opened safely first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Absolute path of the directory.
    pub directory: CString,
    /// Last component; `.` for the root.
    pub name: CString,
    /// Symbolic links on the way, the last component included.
    pub links: Links,
}

/// What is done with symbolic links of the container's file system. Magic links are refused
/// always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// Followed; they can't leave the container's root.
    Follow,
    /// Refused: where `/proc` or `/dev` lands is not for an image to say.
    Refuse,
}

/// What a step does when the container's file system has not, and cannot have, its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// Fails.
    Fail,
    /// Is passed over: the image decides whether it wants this directory.
    Skip,
}

/// Attributes of a mount, by `mount_setattr`'s names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// `MOUNT_ATTR_RDONLY`.
    pub read_only: bool,
    /// `MOUNT_ATTR_NOSUID`.
    pub no_suid: bool,
    /// `MOUNT_ATTR_NODEV`.
    pub no_dev: bool,
    /// `MOUNT_ATTR_NOEXEC`.
    pub no_exec: bool,
}

/// A parameter of a new file system (`fsconfig`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FsOption {
    /// A word alone.
    Flag(CString),
    /// `key=value`.
    Text(CString, CString),
}

/// One effect of the set-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// SIGKILL for init when tracer dies. Cleared by the kernel at each change of credentials.
    ParentDeathSignal,
    /// Default action for every signal, none blocked.
    ResetSignals,
    /// Standard streams that were given to the launch take the numbers 0, 1 and 2.
    Streams,
    /// File mode creation mask.
    Umask(u32),
    /// Init writes itself to the `tasks` file of its cgroup in a v1 hierarchy.
    JoinCgroup {
        /// `hierarchy_id`.
        hierarchy: u32,
    },
    /// New cgroup namespace, whose root is the cgroups that init is in at that moment.
    UnshareCgroup,
    /// All user and group ids of init, while it keeps every capability of its user namespace.
    SetIds {
        /// By the container's numbers.
        uid: u32,
        /// By the container's numbers.
        gid: u32,
    },
    /// A new file system as a detached mount.
    NewFileSystem {
        /// Where it is kept.
        slot: Slot,
        /// `proc`, `sysfs`, `tmpfs`, `devpts`, `mqueue`.
        kind: CString,
        /// Parameters.
        options: Vec<FsOption>,
        /// Attributes of the mount.
        attributes: Attributes,
    },
    /// No mount of this namespace propagates anywhere.
    MountPrivate,
    /// A detached mount is attached at a path of the still inherited root.
    AttachRoot {
        /// Which.
        slot: Slot,
        /// An existing directory.
        at: CString,
    },
    /// `pivot_root`: the mount at this path becomes the root; the old one lies on top of it.
    PivotRoot {
        /// The new root.
        new_root: CString,
    },
    /// The old root, on top of the new one after `PivotRoot`, is taken away.
    DetachOldRoot,
    /// `chroot`. Never planned: what a careless runtime does in place of `PivotRoot`.
    Chroot {
        /// The new root.
        new_root: CString,
    },
    /// A directory is made; an existing one is left as it is.
    MakeDirectory {
        /// Where.
        place: Place,
        /// Permission bits.
        mode: u32,
        /// When it cannot be made.
        absent: Absent,
    },
    /// An empty file to mount on; an existing one is left as it is.
    MakeFile {
        /// Where.
        place: Place,
        /// When it cannot be made.
        absent: Absent,
    },
    /// A mount point fit for what is in the slot: a directory or an empty file.
    MakeMountPoint {
        /// What will be mounted.
        slot: Slot,
        /// Where.
        place: Place,
    },
    /// A symbolic link; an existing entry is left as it is.
    Symlink {
        /// What it says.
        target: CString,
        /// Where.
        place: Place,
        /// When it cannot be made.
        absent: Absent,
    },
    /// A detached mount is attached.
    Attach {
        /// Which.
        slot: Slot,
        /// Where.
        place: Place,
        /// When there is nothing to mount on.
        absent: Absent,
    },
    /// Attributes are added to what is mounted at a place.
    SetAttributes {
        /// Where.
        place: Place,
        /// What is added; nothing is taken away.
        attributes: Attributes,
        /// With the mounts below.
        recursive: bool,
        /// When there is nothing.
        absent: Absent,
    },
    /// A file is hidden by `/dev/null`, which must be the null device, a directory by an empty read-only tmpfs.
    MaskPath {
        /// Where; passed over when there is nothing.
        place: Place,
    },
    /// A path is mounted on itself, read-only.
    ReadOnlyPath {
        /// Where; passed over when there is nothing.
        place: Place,
    },
    /// UTS node name.
    Hostname(CString),
    /// The loopback device of the network namespace is set up.
    LoopbackUp,
    /// Working directory.
    Chdir(CString),
    /// A resource limit.
    Rlimit {
        /// Number of `RLIMIT_*`.
        resource: u32,
        /// Soft.
        soft: u64,
        /// Hard.
        hard: u64,
    },
    /// One capability leaves the bounding set.
    DropBounding(u8),
    /// Supplementary groups.
    SetGroups(Vec<u32>),
    /// Real, effective and saved group.
    SetGid(u32),
    /// Real, effective and saved user.
    SetUid(u32),
    /// Permitted, effective and inheritable set.
    SetCapabilities {
        /// Permitted.
        permitted: u64,
        /// Effective.
        effective: u64,
        /// Inheritable.
        inheritable: u64,
    },
    /// The ambient set is emptied.
    ClearAmbient,
    /// `no_new_privs`.
    NoNewPrivileges,
    /// Every descriptor from this number on is closed, init's own socket excepted.
    CloseFrom(u32),
    /// A seccomp filter.
    Seccomp(Filter),
    /// A directory of the still visible host is opened at this number and left open over exec.
    /// Never planned: what a careless runtime does.
    OpenDirectory {
        /// Which.
        path: CString,
        /// Number of the descriptor; a high one, since what has it is closed.
        number: u32,
    },
    /// Another process' namespace is joined. Never planned: what a careless runtime does.
    JoinNamespace {
        /// Kind.
        kind: NamespaceKind,
        /// A link below `/proc`, opened when the step is walked.
        path: CString,
    },
}

/// Name of a resource limit, as `prlimit` and the flags spell it.
#[must_use]
pub fn rlimit_name(resource: u32) -> &'static str {
    // include/uapi/asm-generic/resource.h; the same on every architecture that tracer builds for.
    const NAMES: [&str; 16] = [
        "cpu",
        "fsize",
        "data",
        "stack",
        "core",
        "rss",
        "nproc",
        "nofile",
        "memlock",
        "as",
        "locks",
        "sigpending",
        "msgqueue",
        "nice",
        "rtprio",
        "rttime",
    ];
    usize::try_from(resource)
        .ok()
        .and_then(|index| NAMES.get(index))
        .copied()
        .unwrap_or("unknown")
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let directory = self.directory.to_string_lossy();
        let name = self.name.to_string_lossy();
        match (directory.as_ref(), name.as_ref()) {
            (_, ".") => write!(f, "{directory}"),
            ("/", _) => write!(f, "/{name}"),
            _ => write!(f, "{directory}/{name}"),
        }
    }
}

impl fmt::Display for Step {
    /// What is done to what, for an error that goes on with why it failed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ParentDeathSignal => f.write_str("set the parent death signal"),
            Self::ResetSignals => f.write_str("reset signals"),
            Self::Streams => f.write_str("set the standard streams"),
            Self::Umask(mask) => write!(f, "set the umask to {mask:03o}"),
            Self::JoinCgroup { hierarchy } => write!(f, "join the cgroup of hierarchy {hierarchy}"),
            Self::UnshareCgroup => f.write_str("unshare the cgroup namespace"),
            Self::SetIds { uid, gid } => {
                write!(f, "become uid {uid}, gid {gid} of the user namespace")
            }
            Self::NewFileSystem { kind, .. } => write!(f, "make a new {}", kind.to_string_lossy()),
            Self::MountPrivate => f.write_str("make every mount private"),
            Self::AttachRoot { at, .. } => {
                write!(f, "mount the new root on {}", at.to_string_lossy())
            }
            Self::PivotRoot { new_root } => {
                write!(f, "pivot_root to {}", new_root.to_string_lossy())
            }
            Self::DetachOldRoot => f.write_str("detach the old root"),
            Self::Chroot { new_root } => write!(f, "chroot to {}", new_root.to_string_lossy()),
            Self::MakeDirectory { place, .. } => write!(f, "make the directory {place}"),
            Self::MakeFile { place, .. } => write!(f, "make the file {place}"),
            Self::MakeMountPoint { place, .. } => write!(f, "make the mount point {place}"),
            Self::Symlink { place, .. } => write!(f, "make the symbolic link {place}"),
            Self::Attach { place, .. } => write!(f, "mount on {place}"),
            Self::SetAttributes { place, .. } => write!(f, "change the mount at {place}"),
            Self::MaskPath { place } => write!(f, "mask {place}"),
            Self::ReadOnlyPath { place } => write!(f, "make {place} read-only"),
            Self::Hostname(name) => write!(f, "set the host name to '{}'", name.to_string_lossy()),
            Self::LoopbackUp => f.write_str("set up the loopback device"),
            Self::Chdir(path) => write!(
                f,
                "change to the working directory '{}'",
                path.to_string_lossy()
            ),
            Self::Rlimit {
                resource,
                soft,
                hard,
            } => {
                write!(
                    f,
                    "set resource limit {} to {soft}:{hard}",
                    rlimit_name(*resource)
                )
            }
            Self::DropBounding(number) => {
                write!(f, "drop capability {number} from the bounding set")
            }
            Self::SetGroups(groups) => write!(f, "set the supplementary groups to {groups:?}"),
            Self::SetGid(gid) => write!(f, "become gid {gid}"),
            Self::SetUid(uid) => write!(f, "become uid {uid}"),
            Self::SetCapabilities { .. } => f.write_str("set the capability sets"),
            Self::ClearAmbient => f.write_str("empty the ambient capability set"),
            Self::NoNewPrivileges => f.write_str("set no_new_privs"),
            Self::CloseFrom(number) => write!(f, "close the descriptors from {number} on"),
            Self::Seccomp(_) => f.write_str("install the seccomp filter"),
            Self::OpenDirectory { path, .. } => write!(f, "open {}", path.to_string_lossy()),
            Self::JoinNamespace { kind, .. } => write!(f, "join a {} namespace", kind.name()),
        }
    }
}
