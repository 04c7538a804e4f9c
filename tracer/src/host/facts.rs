//! The facts of this host that a plan and the expectations depend on: plain data, so that the
//! pure code can be shown any machine.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Which interface a hierarchy speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CgroupVersion {
    /// One tree per controller or name, with a `tasks` file.
    V1,
    /// The unified tree.
    V2,
}

/// One mounted cgroup hierarchy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hierarchy {
    /// `hierarchy_id` as the kernel numbers it; 0 is v2. From `/proc/self/cgroup`.
    pub id: u32,
    /// v1 or v2.
    pub version: CgroupVersion,
    /// Controllers that can be used there (v2: `cgroup.controllers` of the root).
    pub controllers: Vec<String>,
    /// Name of a named v1 hierarchy (`systemd`).
    pub name: Option<String>,
    /// Where it is mounted.
    pub mount_point: PathBuf,
    /// The cgroup of tracer itself, as a path below `mount_point`.
    pub own_path: String,
}

impl Hierarchy {
    /// What reports call it: the controllers, the name, or `unified`.
    #[must_use]
    pub fn label(&self) -> String {
        match (&self.name, self.version) {
            (Some(name), _) => format!("name={name}"),
            (None, CgroupVersion::V2) => "unified".to_owned(),
            (None, CgroupVersion::V1) => self.controllers.join(","),
        }
    }
}

/// Facts of the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostFacts {
    /// `uname -r`.
    pub kernel: String,
    /// `uname -m`.
    pub machine: String,
    /// Boot id of `/proc/sys/kernel/random/boot_id`.
    pub boot_id: String,
    /// Every mounted hierarchy, by id.
    pub hierarchies: Vec<Hierarchy>,
    /// Processors online, ascending.
    pub cpus_online: Vec<u32>,
    /// Bytes.
    pub page_size: u64,
    /// Highest capability (`/proc/sys/kernel/cap_last_cap`).
    pub last_capability: u8,
    /// Whether tracer runs with effective uid 0 in the initial user namespace.
    pub is_root: bool,
    /// Entries of `/`, for the host view: name and, for symbolic links, where they point.
    pub root_entries: Vec<RootEntry>,
}

/// One entry of the host's `/`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootEntry {
    /// Its name.
    pub name: String,
    /// `Some(target)` for a symbolic link, `None` for a directory; others are left out.
    pub link: Option<String>,
}

impl HostFacts {
    /// The hierarchy that `controller` is on, v1 or v2.
    #[must_use]
    pub fn hierarchy_of(&self, controller: &str) -> Option<&Hierarchy> {
        self.hierarchies
            .iter()
            .find(|hierarchy| hierarchy.controllers.iter().any(|name| name == controller))
    }

    /// Numbers of the hierarchies that have a controller of memory, tasks or CPU: those in which
    /// a container without a cgroup of its own has no limits of its own.
    #[must_use]
    pub fn limiting(&self) -> Vec<u32> {
        let limits = |hierarchy: &&Hierarchy| {
            let mut names = hierarchy.controllers.iter().map(String::as_str);
            names.any(|name| matches!(name, "memory" | "pids" | "cpu" | "cpuset"))
        };
        let limiting = self.hierarchies.iter().filter(limits);
        limiting.map(|hierarchy| hierarchy.id).collect()
    }

    /// The cgroup v2 hierarchy, where one is mounted.
    #[must_use]
    pub fn unified(&self) -> Option<&Hierarchy> {
        self.hierarchies
            .iter()
            .find(|hierarchy| hierarchy.version == CgroupVersion::V2)
    }
}
