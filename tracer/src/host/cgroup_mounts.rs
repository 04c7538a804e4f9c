//! Which cgroup hierarchies are mounted where, and where tracer itself is in each. Pure: texts
//! in, data out; reading the files is the business of `reader`.

use std::path::{Path, PathBuf};

use super::{CgroupVersion, Hierarchy};
use crate::verdict::mountinfo::MountInfo;

/// One line of `/proc/self/cgroup`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// `hierarchy_id`; 0 is v2.
    pub id: u32,
    /// Controllers of a v1 hierarchy.
    pub controllers: Vec<String>,
    /// Name of a named v1 hierarchy.
    pub name: Option<String>,
    /// The cgroup.
    pub path: String,
}

/// The lines of `/proc/PID/cgroup`; `None` when one does not follow its grammar.
#[must_use]
pub fn memberships(text: &str) -> Option<Vec<Membership>> {
    text.lines().map(membership).collect()
}

fn membership(line: &str) -> Option<Membership> {
    let (id, rest) = line.split_once(':')?;
    let (controllers, path) = rest.split_once(':')?;
    let words = || controllers.split(',').filter(|word| !word.is_empty());
    Some(Membership {
        id: id.parse().ok()?,
        controllers: words()
            .filter(|word| !word.starts_with("name="))
            .map(str::to_owned)
            .collect(),
        name: words()
            .find_map(|word| word.strip_prefix("name="))
            .map(str::to_owned),
        path: path.to_owned(),
    })
}

/// The mounted hierarchies by id. One that is mounted more than once is taken where it was
/// mounted first; one that is not mounted is left out. Controllers of v2 are not known here.
#[must_use]
pub fn hierarchies(memberships: &[Membership], mounts: &[MountInfo]) -> Vec<Hierarchy> {
    let mut found: Vec<Hierarchy> = memberships
        .iter()
        .filter_map(|membership| {
            let mount = mounts.iter().find(|mount| holds(mount, membership))?;
            Some(hierarchy(membership, mount))
        })
        .collect();
    found.sort_by_key(|hierarchy| hierarchy.id);
    found
}

fn holds(mount: &MountInfo, membership: &Membership) -> bool {
    let has = |option: &str| mount.super_options.iter().any(|other| other == option);
    match (mount.fs_type.as_str(), membership.id) {
        ("cgroup2", 0) => true,
        ("cgroup", id) if id != 0 => match &membership.name {
            Some(name) => has(&format!("name={name}")),
            None => membership
                .controllers
                .iter()
                .all(|controller| has(controller)),
        },
        _ => false,
    }
}

fn hierarchy(membership: &Membership, mount: &MountInfo) -> Hierarchy {
    // In a container without a cgroup namespace a part of the tree is mounted, and paths still
    // count from the root of the whole.
    let own = membership
        .path
        .strip_prefix(mount.root.trim_end_matches('/'));
    let own = own.unwrap_or(&membership.path);
    let own_path = if own.is_empty() { "/" } else { own };
    Hierarchy {
        id: membership.id,
        version: if membership.id == 0 {
            CgroupVersion::V2
        } else {
            CgroupVersion::V1
        },
        controllers: membership.controllers.clone(),
        name: membership.name.clone(),
        mount_point: PathBuf::from(&mount.mount_point),
        own_path: own_path.to_owned(),
    }
}

/// `path` of the machine as it is found below `root`.
pub(super) fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::mountinfo;

    const HYBRID: &str = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
33 31 0:30 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
34 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
35 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate
36 31 0:30 / /mnt/again rw,relatime - cgroup cgroup rw,memory
";

    fn found(cgroup: &str, mounts: &str) -> Vec<Hierarchy> {
        let mounts = mountinfo::parse(mounts).expect("mountinfo");
        hierarchies(&memberships(cgroup).expect("cgroup"), &mounts)
    }

    #[test]
    fn a_hybrid_machine_has_its_hierarchies_by_id() {
        let text = "9:name=systemd:/x\n4:memory:/api/1\n1:cpu,cpuacct:/\n0::/\n";
        let found = found(text, HYBRID);
        let labels: Vec<(u32, String)> = found
            .iter()
            .map(|hierarchy| (hierarchy.id, hierarchy.label()))
            .collect();
        let wanted = [
            (0, "unified"),
            (1, "cpu,cpuacct"),
            (4, "memory"),
            (9, "name=systemd"),
        ];
        assert_eq!(labels, wanted.map(|(id, label)| (id, label.to_owned())));
        assert_eq!(found[2].own_path, "/api/1");
    }

    #[test]
    fn the_first_of_two_mounts_of_a_hierarchy_is_taken() {
        assert_eq!(
            found("4:memory:/\n", HYBRID)[0].mount_point,
            Path::new("/sys/fs/cgroup/memory")
        );
    }

    #[test]
    fn a_hierarchy_that_is_not_mounted_is_left_out() {
        assert_eq!(found("7:blkio:/\n", HYBRID), []);
    }

    #[test]
    fn on_pure_v2_there_is_one_hierarchy() {
        let mounts = "30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
        let found = found("0::/user.slice/s.scope\n", mounts);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].version, CgroupVersion::V2);
        assert_eq!(found[0].own_path, "/user.slice/s.scope");
    }

    #[test]
    fn a_part_of_a_tree_mounted_alone_gives_paths_below_it() {
        let mounts = "33 31 0:30 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
        assert_eq!(found("4:memory:/docker/abc\n", mounts)[0].own_path, "/");
        assert_eq!(
            found("4:memory:/docker/abc/in\n", mounts)[0].own_path,
            "/in"
        );
    }

    #[test]
    fn a_line_without_its_colons_is_refused() {
        assert_eq!(memberships("4:memory\n"), None);
    }
}
