//! What each runtime can be asked for, as a table, and what of it a machine keeps from all of them. Owns the table.

use tracer::event::NamespaceKind;
use tracer::host::CgroupVersion;

use super::Runtime;
use crate::spec::facts;

/// Something that a request can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Property {
    /// The memory limit of its cgroup.
    Memory,
    /// The limit of tasks.
    Pids,
    /// The processors of its cpuset.
    Cpus,
    /// CPU time per period.
    CpuTime,
    /// User and group by number.
    User,
    /// UTS node name.
    Hostname,
    /// Exactly these capabilities.
    Capabilities,
    /// `no_new_privs`.
    NoNewPrivileges,
    /// A root that cannot be written to.
    ReadOnly,
    /// The limit of open files.
    OpenFiles,
}

impl Property {
    /// All.
    pub const ALL: [Self; 10] = [
        Self::Memory,
        Self::Pids,
        Self::Cpus,
        Self::CpuTime,
        Self::User,
        Self::Hostname,
        Self::Capabilities,
        Self::NoNewPrivileges,
        Self::ReadOnly,
        Self::OpenFiles,
    ];

    /// The controller that it takes, where it is a limit of a cgroup.
    const fn controller(self) -> Option<&'static str> {
        match self {
            Self::Memory => Some("memory"),
            Self::Pids => Some("pids"),
            Self::Cpus => Some("cpuset"),
            Self::CpuTime => Some("cpu"),
            Self::User
            | Self::Hostname
            | Self::Capabilities
            | Self::NoNewPrivileges
            | Self::ReadOnly
            | Self::OpenFiles => None,
        }
    }

    /// Whether this machine keeps it from every runtime: where there are trees of v1, they write limits there alone, and
    /// kernels since 6.12 may have a controller for v2 alone.
    #[must_use]
    pub fn is_out_of_reach(self) -> bool {
        let Some(controller) = self.controller() else {
            return false;
        };
        let facts = facts();
        let of_v1 = |one: &tracer::host::Hierarchy| {
            one.version == CgroupVersion::V1 && !one.controllers.is_empty()
        };
        let hierarchy = facts.hierarchy_of(controller);
        facts.hierarchies.iter().any(of_v1) && !hierarchy.is_some_and(of_v1)
    }
}

/// What a runtime can be asked for.
#[derive(Clone, Copy, Debug)]
pub struct Takes {
    /// Kinds of namespace that are new in each of its containers.
    pub always: &'static [NamespaceKind],
    /// Kinds that are new or the host's as asked.
    pub choice: &'static [NamespaceKind],
    /// What else.
    pub properties: &'static [Property],
    /// A new user namespace maps user 0 to 100000 and so on.
    pub maps: bool,
}

impl Takes {
    /// Whether a namespace of that kind can be new, or the host's.
    pub fn can_be(&self, kind: NamespaceKind, new: bool) -> bool {
        self.choice.contains(&kind) || self.always.contains(&kind) == new
    }
}

use NamespaceKind::{Cgroup, Ipc, Mnt, Net, Pid, Time, User, Uts};

const OCI: Takes = Takes {
    always: &[Mnt],
    choice: &[Uts, Ipc, Pid, Net, User, Cgroup],
    properties: &Property::ALL,
    maps: true,
};

impl Runtime {
    /// Whether it can be asked for this on this machine; says so where it is for the machine that it cannot.
    #[must_use]
    pub fn can(self, property: Property) -> bool {
        let takes = self.takes().properties.contains(&property);
        if takes && property.is_out_of_reach() {
            println!(
                "skipped: {property:?}: its controller has no tree of v1 here, as others have"
            );
            return false;
        }
        takes
    }

    /// What it can be asked for.
    pub const fn takes(self) -> Takes {
        match self {
            Self::Unshare => Takes {
                always: &[Mnt],
                choice: &[Uts, Ipc, Pid, Net, User, Cgroup, Time],
                properties: &[Property::User],
                maps: false,
            },
            Self::Bwrap => Takes {
                always: &[Mnt],
                choice: &[Uts, Ipc, Pid, Net, User, Cgroup],
                // It sets no_new_privs whether asked or not, and leaves the bounding set alone.
                properties: &[
                    Property::Hostname,
                    Property::NoNewPrivileges,
                    Property::ReadOnly,
                ],
                maps: false,
            },
            Self::Nspawn => Takes {
                always: &[Mnt, Uts, Ipc, Pid, Cgroup],
                choice: &[Net, User],
                // Limits are properties of a unit, and there is none without systemd.
                properties: &[
                    Property::Hostname,
                    Property::NoNewPrivileges,
                    Property::ReadOnly,
                    Property::OpenFiles,
                ],
                maps: true,
            },
            Self::Lxc => Takes {
                always: &[Mnt],
                // One of users needs ranges for root in /etc/subuid, which is the host's to give.
                choice: &[Uts, Ipc, Pid, Net, Cgroup],
                properties: &[
                    Property::Memory,
                    Property::Pids,
                    Property::Cpus,
                    Property::CpuTime,
                    Property::Hostname,
                    Property::Capabilities,
                    Property::NoNewPrivileges,
                    Property::OpenFiles,
                ],
                maps: false,
            },
            Self::Runc | Self::Crun | Self::Youki | Self::Podman => OCI,
            // Its user namespaces are the daemon's choice.
            Self::Docker => Takes {
                choice: &[Uts, Ipc, Pid, Net, Cgroup],
                maps: false,
                ..OCI
            },
        }
    }
}
