//! Reading the facts of a host from its files, below a root that tests can choose. Must not
//! decide anything from them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::cgroup_mounts::{self, below};
use super::facts::RootEntry;
use super::{CgroupVersion, Hierarchy, HostFacts};
use crate::verdict::mountinfo;

/// Why a fact could not be had.
#[derive(Debug, Error)]
pub enum FactsError {
    /// A file could not be read.
    #[error("reading {path} failed: {source}: are /proc and /sys mounted?", path = .path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A file is not as the kernel writes it.
    #[error("{path} is not as the kernel writes it: {what}", path = .path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
}

struct Reader<'a> {
    root: &'a Path,
}

/// The facts of the machine below `root` (`/` for this one).
pub fn read(root: &Path) -> Result<HostFacts, FactsError> {
    let reader = Reader { root };
    let last_capability = reader.word("/proc/sys/kernel/cap_last_cap")?;
    let online = "/sys/devices/system/cpu/online";
    Ok(HostFacts {
        kernel: reader.word("/proc/sys/kernel/osrelease")?,
        machine: std::env::consts::ARCH.to_owned(),
        boot_id: reader.word("/proc/sys/kernel/random/boot_id")?,
        hierarchies: reader.hierarchies()?,
        cpus_online: cpu_list(&reader.word(online)?)
            .ok_or_else(|| reader.malformed(online, "a list of processors"))?,
        page_size: rustix::param::page_size() as u64,
        last_capability: last_capability
            .parse()
            .map_err(|_| reader.malformed("/proc/sys/kernel/cap_last_cap", "a number"))?,
        is_root: reader.is_root()?,
        root_entries: reader.root_entries()?,
    })
}

impl Reader<'_> {
    fn path(&self, path: &str) -> PathBuf {
        below(self.root, Path::new(path))
    }

    fn text(&self, path: &str) -> Result<String, FactsError> {
        let path = self.path(path);
        fs::read_to_string(&path).map_err(|source| FactsError::Read { path, source })
    }

    fn word(&self, path: &str) -> Result<String, FactsError> {
        Ok(self.text(path)?.trim().to_owned())
    }

    fn malformed(&self, path: &str, what: &'static str) -> FactsError {
        FactsError::Malformed {
            path: self.path(path),
            what,
        }
    }

    fn hierarchies(&self) -> Result<Vec<Hierarchy>, FactsError> {
        let (cgroup, mounts) = ("/proc/self/cgroup", "/proc/self/mountinfo");
        let memberships = cgroup_mounts::memberships(&self.text(cgroup)?)
            .ok_or_else(|| self.malformed(cgroup, "hierarchy:controllers:path"))?;
        let parsed = mountinfo::parse(&self.text(mounts)?)
            .ok_or_else(|| self.malformed(mounts, "a line for each mount"))?;
        let mut found = cgroup_mounts::hierarchies(&memberships, &parsed);
        for hierarchy in &mut found {
            if hierarchy.version == CgroupVersion::V2 {
                let file = hierarchy.mount_point.join("cgroup.controllers");
                let text = self.text(&file.to_string_lossy())?;
                hierarchy.controllers = text.split_whitespace().map(str::to_owned).collect();
            }
        }
        Ok(found)
    }

    /// Effective uid 0, and a user namespace that maps every id to itself: the initial one.
    fn is_root(&self) -> Result<bool, FactsError> {
        let status = self.text("/proc/self/status")?;
        let mut ids = status
            .lines()
            .find_map(|line| line.strip_prefix("Uid:"))
            .ok_or_else(|| self.malformed("/proc/self/status", "a line Uid:"))?
            .split_whitespace();
        let map = self.text("/proc/self/uid_map")?;
        let map: Vec<&str> = map.split_whitespace().collect();
        Ok(ids.nth(1) == Some("0") && map == ["0", "0", "4294967295"])
    }

    /// Directories and symbolic links of `/`, by name.
    fn root_entries(&self) -> Result<Vec<RootEntry>, FactsError> {
        let failed = |source| FactsError::Read {
            path: self.root.to_owned(),
            source,
        };
        let mut entries = Vec::new();
        for entry in fs::read_dir(self.root).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            // A name that is no UTF-8 can't be told to people; nothing the system needs has one.
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let link = if kind.is_symlink() {
                let target = fs::read_link(entry.path()).map_err(failed)?;
                Some(target.to_string_lossy().into_owned())
            } else if kind.is_dir() {
                None
            } else {
                continue;
            };
            entries.push(RootEntry { name, link });
        }
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(entries)
    }
}

/// The kernel's list format: `0-2,5`.
fn cpu_list(text: &str) -> Option<Vec<u32>> {
    let mut cpus = Vec::new();
    for range in text.split(',').filter(|range| !range.is_empty()) {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        cpus.extend(first.parse::<u32>().ok()?..=last.parse::<u32>().ok()?);
    }
    Some(cpus)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine as files below a directory.
    fn machine(uid_map: &str, uid: u32) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a directory");
        let put = |path: &str, text: &str| {
            let path = below(root.path(), Path::new(path));
            fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
            fs::write(path, text).expect("a file");
        };
        put("/proc/sys/kernel/cap_last_cap", "40\n");
        put("/proc/sys/kernel/osrelease", "6.1.0-test\n");
        put("/proc/sys/kernel/random/boot_id", "b\n");
        put("/sys/devices/system/cpu/online", "0-2,5\n");
        put("/proc/self/cgroup", "0::/me\n");
        put(
            "/proc/self/mountinfo",
            "30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
        );
        put(
            "/sys/fs/cgroup/cgroup.controllers",
            "cpuset cpu memory pids\n",
        );
        put(
            "/proc/self/status",
            &format!("Name:\tx\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\n"),
        );
        put("/proc/self/uid_map", uid_map);
        put("/a-file", "");
        std::os::unix::fs::symlink("usr/bin", root.path().join("bin")).expect("a link");
        root
    }

    const INITIAL: &str = "         0          0 4294967295\n";

    #[test]
    fn a_machine_is_read_from_its_files() {
        let root = machine(INITIAL, 0);
        let facts = read(root.path()).expect("facts");
        assert_eq!(facts.kernel, "6.1.0-test");
        assert_eq!(facts.cpus_online, [0, 1, 2, 5]);
        assert_eq!(facts.last_capability, 40);
        let unified = facts.unified().expect("a v2 hierarchy");
        assert_eq!(unified.controllers, ["cpuset", "cpu", "memory", "pids"]);
        assert_eq!(unified.own_path, "/me");
        assert!(facts.is_root);
    }

    #[test]
    fn the_entries_of_the_root_are_directories_and_links() {
        let root = machine(INITIAL, 0);
        let facts = read(root.path()).expect("facts");
        let entries: Vec<(&str, Option<&str>)> = facts
            .root_entries
            .iter()
            .map(|entry| (entry.name.as_str(), entry.link.as_deref()))
            .collect();
        assert_eq!(
            entries,
            [("bin", Some("usr/bin")), ("proc", None), ("sys", None)]
        );
    }

    #[test]
    fn root_of_another_user_namespace_is_not_root() {
        let root = machine("0 100000 65536\n", 0);
        assert!(!read(root.path()).expect("facts").is_root);
    }

    #[test]
    fn another_user_is_not_root() {
        let root = machine(INITIAL, 1000);
        assert!(!read(root.path()).expect("facts").is_root);
    }

    #[test]
    fn a_missing_proc_is_named() {
        let root = tempfile::tempdir().expect("a directory");
        let error = read(root.path()).expect_err("no facts").to_string();
        assert!(error.contains("cap_last_cap"), "{error}");
    }

    #[test]
    fn a_processor_list_that_is_none_is_refused() {
        assert_eq!(cpu_list("0-x"), None);
    }
}
