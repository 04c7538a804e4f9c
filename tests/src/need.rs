//! What a machine may lack that a test cannot do without. Owns the words in which such a test says
//! that it is skipped: `cargo xtask vm` reads them, and accepts them only where it has made the
//! machine so.

use std::fs;

use serde_json::Value;
use tracer::host::{CgroupVersion, Hierarchy};

use crate::binary::tracer;
use crate::spec::facts;

/// Whether systemd is the first process, as sd_booted(3) has it; says so where it is not.
pub fn systemd() -> bool {
    let booted = std::path::Path::new("/run/systemd/system").is_dir();
    if !booted {
        println!("skipped: this machine has no systemd as its first process");
    }
    booted
}

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

/// Whether a task keeps the processors that it asked for when it is moved into a cpuset. Linux has
/// remembered them since 6.2 (`user_cpus_ptr`); before, a move gave it all those of the cpuset.
pub fn affinity_outlasts_a_move() -> bool {
    kernel_is_at_least((6, 2))
}

/// Whether the running kernel is of this version or a later one.
pub fn kernel_is_at_least(least: (u32, u32)) -> bool {
    version(&facts().kernel) >= least
}

/// The first two numbers of a kernel's release.
fn version(release: &str) -> (u32, u32) {
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit());
    let mut next = || numbers.next().and_then(|digits| digits.parse().ok());
    next()
        .zip(next())
        .unwrap_or_else(|| panic!("{release} is no release of a kernel"))
}

/// Whether this is a guest of `cargo xtask vm` whose kernel takes programs on functions, and so those of BPF LSM: they
/// are distributions' own, and all do but for arm64 before 6.4, where ftrace calls nothing directly (arch/arm64/Kconfig,
/// `HAVE_DYNAMIC_FTRACE_WITH_DIRECT_CALLS`).
pub fn guest_takes_programs_on_functions() -> bool {
    let words = fs::read_to_string("/proc/cmdline").expect("the kernel's words");
    words.contains("tracer.cgroup=") && (cfg!(target_arch = "x86_64") || kernel_is_at_least((6, 4)))
}

/// Whether this kernel can refuse changes of namespaces, as `tracer doctor` says; says so where it cannot, and what
/// the test shows then is that they are detected.
pub fn refuses() -> bool {
    let output = tracer(&["doctor", "-o", "json"]).output().expect("doctor");
    let findings: Value = serde_json::from_slice(&output.stdout).expect("a document");
    let enforcement = &findings["enforcement"];
    let refuses = enforcement["guard"]["chosen"] == "lsm";
    if guest_takes_programs_on_functions() {
        assert!(refuses, "{enforcement:#}");
    }
    let changes = enforcement["changes"].as_array().expect("a list");
    let prevented = changes.iter().any(|one| one["guarantee"] == "prevented");
    assert_eq!(prevented, refuses, "{enforcement:#}");
    if !refuses {
        let refused = enforcement["guard"]["refused"].as_array().expect("a list");
        assert!(!refused.is_empty(), "{enforcement:#}");
        println!("skipped: this kernel refuses no changes of namespaces");
    }
    refuses
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn releases_begin_with_two_numbers() {
        assert_eq!(version("6.1.0-56-cloud-amd64"), (6, 1));
        assert_eq!(version("6.18.5"), (6, 18));
        assert_eq!(version("6.12-rc1"), (6, 12));
    }
}
