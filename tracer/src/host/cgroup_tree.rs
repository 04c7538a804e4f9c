//! The cgroups that there are, and what is written in the files of each: its limits, and what it
//! has used. Reads below the mount points of the hierarchies; must not decide which limit is in
//! force.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::cgroup_mounts::below;
use super::{CgroupVersion, Hierarchy};
use crate::event::CgroupKey;

/// One cgroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cgroup {
    /// Which.
    pub key: CgroupKey,
    /// Below its hierarchy's root, which is `/`. Bytes that are no UTF-8 are replaced.
    pub path: String,
    /// 0 is the root.
    pub depth: usize,
    /// Its own limits.
    pub limits: Limits,
}

/// Limits as a cgroup's own files have them; `None` = no such file here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes.
    pub memory: Option<Amount>,
    /// Tasks.
    pub pids: Option<Amount>,
    /// CPU time in a period, both in microseconds.
    pub cpu: Option<(Amount, u64)>,
    /// Processors, as the file lists them.
    pub cpus: Option<String>,
}

/// A limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// So much.
    Of(u64),
    /// No limit.
    Unlimited,
}

/// What v1 has for no limit of memory is the largest multiple of a page that fits: nothing has
/// that much (`PAGE_COUNTER_MAX` in include/linux/page_counter.h).
const V1_UNLIMITED: u64 = 0x7fff_ffff_0000_0000;

impl Amount {
    /// `max`, `-1`, and v1's largest number are no limit.
    fn parse(text: &str) -> Option<Self> {
        match text.trim() {
            "max" | "-1" => Some(Self::Unlimited),
            number => {
                let number = number.parse().ok()?;
                Some(if number >= V1_UNLIMITED {
                    Self::Unlimited
                } else {
                    Self::Of(number)
                })
            }
        }
    }
}

/// Every cgroup of a hierarchy, each before those below it, in the order of their names. One that
/// is removed meanwhile is left out. `root` is where the machine's own root is.
#[must_use]
pub fn read(root: &Path, hierarchy: &Hierarchy) -> Vec<Cgroup> {
    let mut found = Vec::new();
    let mut open = vec![(below(root, &hierarchy.mount_point), String::new(), 0)];
    while let Some((folder, path, depth)) = open.pop() {
        let Ok(metadata) = fs::metadata(&folder) else {
            continue;
        };
        found.push(Cgroup {
            key: CgroupKey {
                hierarchy: hierarchy.id,
                id: metadata.ino(),
            },
            path: if path.is_empty() { "/" } else { &path }.to_owned(),
            depth,
            limits: limits(&folder, hierarchy.version),
        });
        let mut folders = children(&folder);
        folders.sort_unstable();
        // The last one in is taken first.
        open.extend(folders.into_iter().rev().map(|child| {
            let name = child.file_name().unwrap_or_default().to_string_lossy();
            let path = format!("{path}/{name}");
            (child.clone(), path, depth + 1)
        }));
    }
    found
}

fn children(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

fn limits(folder: &Path, version: CgroupVersion) -> Limits {
    let text = |name: &str| fs::read_to_string(folder.join(name)).ok();
    let amount = |name: &str| Amount::parse(&text(name)?);
    let (memory, cpu, cpus) = match version {
        CgroupVersion::V2 => (
            amount("memory.max"),
            text("cpu.max").and_then(|text| bandwidth(&text)),
            text("cpuset.cpus.effective"),
        ),
        CgroupVersion::V1 => (
            amount("memory.limit_in_bytes"),
            amount("cpu.cfs_quota_us")
                .zip(text("cpu.cfs_period_us").and_then(|period| period.trim().parse().ok())),
            text("cpuset.effective_cpus").or_else(|| text("cpuset.cpus")),
        ),
    };
    Limits {
        memory,
        pids: amount("pids.max"),
        cpu,
        cpus: cpus.map(|cpus| cpus.trim().to_owned()),
    }
}

/// `QUOTA PERIOD`, as `cpu.max` has it.
fn bandwidth(text: &str) -> Option<(Amount, u64)> {
    let (quota, period) = text.trim().split_once(' ')?;
    Some((Amount::parse(quota)?, period.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }

    fn hierarchy(version: CgroupVersion) -> Hierarchy {
        Hierarchy {
            id: 3,
            version,
            controllers: Vec::new(),
            name: None,
            mount_point: PathBuf::from("/sys/fs/cgroup"),
            own_path: "/".to_owned(),
        }
    }

    #[test]
    fn a_cgroup_comes_before_those_below_it_with_the_limits_of_its_files() {
        let root = tempfile::tempdir().expect("a folder");
        let at = |path: &str| format!("sys/fs/cgroup/{path}");
        write(root.path(), &at("b/memory.max"), "1048576\n");
        write(root.path(), &at("b/c/pids.max"), "max\n");
        write(root.path(), &at("a/cpu.max"), "50000 100000\n");
        write(root.path(), &at("a/cpuset.cpus.effective"), "0-1\n");
        let found = read(root.path(), &hierarchy(CgroupVersion::V2));
        let seen: Vec<(&str, usize)> = found.iter().map(|one| (&*one.path, one.depth)).collect();
        assert_eq!(seen, [("/", 0), ("/a", 1), ("/b", 1), ("/b/c", 2)]);
        assert_eq!(found[1].limits.cpu, Some((Amount::Of(50000), 100000)));
        assert_eq!(found[1].limits.cpus.as_deref(), Some("0-1"));
        assert_eq!(found[2].limits.memory, Some(Amount::Of(1048576)));
        assert_eq!(found[2].limits.pids, None);
        assert_eq!(found[3].limits.pids, Some(Amount::Unlimited));
        let inode = fs::metadata(root.path().join(at("b")))
            .expect("there")
            .ino();
        assert_eq!(
            found[2].key,
            CgroupKey {
                hierarchy: 3,
                id: inode
            }
        );
    }

    #[test]
    fn what_v1_has_for_no_limit_is_none() {
        let root = tempfile::tempdir().expect("a folder");
        let at = |path: &str| format!("sys/fs/cgroup/{path}");
        write(
            root.path(),
            &at("memory.limit_in_bytes"),
            "9223372036854771712\n",
        );
        write(root.path(), &at("cpu.cfs_quota_us"), "-1\n");
        write(root.path(), &at("cpu.cfs_period_us"), "100000\n");
        let limits = read(root.path(), &hierarchy(CgroupVersion::V1))
            .remove(0)
            .limits;
        assert_eq!(limits.memory, Some(Amount::Unlimited));
        assert_eq!(limits.cpu, Some((Amount::Unlimited, 100000)));
    }
}
