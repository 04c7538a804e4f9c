//! The machine of the sample. Owns no claims.

use std::path::PathBuf;

use crate::host::{CgroupVersion, Hierarchy, HostFacts};

use super::{MEMORY, UNIFIED};

/// Hybrid: four v1 hierarchies and v2.
pub(crate) fn host() -> HostFacts {
    let hierarchy = |id, controllers: &[&str]| Hierarchy {
        id,
        version: if id == UNIFIED {
            CgroupVersion::V2
        } else {
            CgroupVersion::V1
        },
        controllers: controllers.iter().map(|name| (*name).to_owned()).collect(),
        name: None,
        mount_point: PathBuf::from("/sys/fs/cgroup"),
        own_path: "/".to_owned(),
    };
    HostFacts {
        kernel: "6.18.0".to_owned(),
        machine: "x86_64".to_owned(),
        boot_id: "00000000-0000-0000-0000-000000000000".to_owned(),
        hierarchies: vec![
            hierarchy(UNIFIED, &["hugetlb"]),
            hierarchy(1, &["cpuset"]),
            hierarchy(2, &["cpu", "cpuacct"]),
            hierarchy(MEMORY, &["memory"]),
            hierarchy(4, &["pids"]),
        ],
        cpus_online: vec![0, 1],
        page_size: 4096,
        last_capability: 40,
        is_root: true,
        root_entries: Vec::new(),
    }
}
