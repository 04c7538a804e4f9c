//! What a machine may lack that a test cannot do without. Owns the words in which such a test says
//! that it is skipped: `cargo xtask vm` reads them, and accepts them only where it has made the
//! machine so.

use tracer::host::{CgroupVersion, Hierarchy};

use crate::spec::facts;

/// The hierarchy of v2, which alone a clone can be made into; says so where there is none.
pub fn unified() -> Option<Hierarchy> {
    let found = of(CgroupVersion::V2).pop();
    if found.is_none() {
        println!("skipped: this machine has no cgroup v2");
    }
    found
}

/// The hierarchies of v1; says so where there are none.
pub fn v1() -> Vec<Hierarchy> {
    let found = of(CgroupVersion::V1);
    if found.is_empty() {
        println!("skipped: this machine has no cgroup v1");
    }
    found
}

/// Whoever finds none must have the kernel's word for it.
fn of(version: CgroupVersion) -> Vec<Hierarchy> {
    let all = facts().hierarchies.into_iter();
    let found: Vec<Hierarchy> = all.filter(|one| one.version == version).collect();
    let kind = match version {
        CgroupVersion::V1 => "cgroup",
        CgroupVersion::V2 => "cgroup2",
    };
    let mounts = std::fs::read_to_string("/proc/mounts").expect("mounts");
    let mounted = mounts
        .lines()
        .any(|line| line.split(' ').nth(2) == Some(kind));
    assert_eq!(found.is_empty(), !mounted, "{kind}: {mounts}");
    found
}
