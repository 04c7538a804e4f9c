//! The kinds of namespace: their names in the field and their clone flags. Pure.

use serde::{Deserialize, Serialize};

/// A kind of namespace, by the name that `/proc/PID/ns` gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NamespaceKind {
    /// Mount points.
    Mnt,
    /// Host and domain name.
    Uts,
    /// System V IPC and POSIX message queues.
    Ipc,
    /// Process ids.
    Pid,
    /// Network.
    Net,
    /// Users, groups, capabilities.
    User,
    /// Cgroup root directory.
    Cgroup,
    /// Boot and monotonic clocks.
    Time,
}

impl NamespaceKind {
    /// All eight, in the order of reports.
    pub const ALL: [Self; 8] = [
        Self::Mnt,
        Self::Uts,
        Self::Ipc,
        Self::Pid,
        Self::Net,
        Self::User,
        Self::Cgroup,
        Self::Time,
    ];

    /// Name under `/proc/PID/ns`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mnt => "mnt",
            Self::Uts => "uts",
            Self::Ipc => "ipc",
            Self::Pid => "pid",
            Self::Net => "net",
            Self::User => "user",
            Self::Cgroup => "cgroup",
            Self::Time => "time",
        }
    }

    /// `CLONE_NEW*` (include/uapi/linux/sched.h).
    #[must_use]
    pub const fn clone_flag(self) -> u64 {
        match self {
            Self::Mnt => 0x0002_0000,
            Self::Uts => 0x0400_0000,
            Self::Ipc => 0x0800_0000,
            Self::Pid => 0x2000_0000,
            Self::Net => 0x4000_0000,
            Self::User => 0x1000_0000,
            Self::Cgroup => 0x0200_0000,
            Self::Time => 0x0000_0080,
        }
    }
}
