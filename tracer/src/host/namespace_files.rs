//! Namespaces that files hold: descriptors of processes, and mounts of the file system `nsfs`.
//! Reads `/proc` below a root; what holds a namespace otherwise is told by the kernel's own list
//! of tasks.

use std::fs;
use std::path::Path;

use crate::event::{NamespaceKind, NsId, Tgid};
use crate::verdict::mountinfo;

/// A file that holds a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The namespace's kind.
    pub kind: NamespaceKind,
    /// Its number.
    pub id: NsId,
    /// What holds it.
    pub by: Holder,
}

/// What holds a namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    /// An open descriptor.
    Descriptor {
        /// Of this process.
        process: Tgid,
        /// Its number.
        fd: u32,
    },
    /// A bind mount.
    Mount {
        /// Its mount point, as those see it who have that mount table.
        path: String,
        /// A process that has that mount table.
        process: Tgid,
    },
}

/// What could be seen, and what not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// Every file that was found.
    pub held: Vec<Held>,
    /// Processes whose descriptors could not be read.
    pub unread: Vec<Tgid>,
}

/// Looks at the descriptors of `processes`, and at the mount tables of `tables`: one process for
/// each mount namespace is enough. Processes that end meanwhile hold nothing any more.
#[must_use]
pub fn read(root: &Path, processes: &[Tgid], tables: &[Tgid]) -> Files {
    let mut files = Files::default();
    for process in processes {
        match descriptors(root, *process) {
            Some(held) => files.held.extend(held),
            None if root.join(format!("proc/{process}")).exists() => files.unread.push(*process),
            None => {}
        }
    }
    for process in tables {
        let path = root.join(format!("proc/{process}/mountinfo"));
        let mounts = fs::read_to_string(path).ok();
        let mounts = mounts.and_then(|text| mountinfo::parse(&text));
        let mounts = mounts.unwrap_or_default().into_iter();
        files.held.extend(mounts.filter_map(|mount| {
            let (kind, id) = (mount.fs_type == "nsfs").then(|| name(&mount.root))??;
            let by = Holder::Mount {
                path: mount.mount_point,
                process: *process,
            };
            Some(Held { kind, id, by })
        }));
    }
    files
}

fn descriptors(root: &Path, process: Tgid) -> Option<Vec<Held>> {
    let entries = fs::read_dir(root.join(format!("proc/{process}/fd"))).ok()?;
    let held = entries.filter_map(|entry| {
        let entry = entry.ok()?;
        let fd = entry.file_name().to_str()?.parse().ok()?;
        let (kind, id) = name(fs::read_link(entry.path()).ok()?.to_str()?)?;
        let by = Holder::Descriptor { process, fd };
        Some(Held { kind, id, by })
    });
    Some(held.collect())
}

/// `net:[4026531840]`, as nsfs names its files (fs/nsfs.c).
fn name(text: &str) -> Option<(NamespaceKind, NsId)> {
    let (kind, number) = text.strip_suffix(']')?.split_once(":[")?;
    // A descriptor of what children will have is of the same kind.
    let kind = kind.strip_suffix("_for_children").unwrap_or(kind);
    let kind = NamespaceKind::ALL
        .into_iter()
        .find(|one| one.name() == kind)?;
    Some((kind, NsId(number.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_nsfs_are_told_from_other_links() {
        let net = Some((NamespaceKind::Net, NsId(4026531840)));
        assert_eq!(name("net:[4026531840]"), net);
        let pid = Some((NamespaceKind::Pid, NsId(7)));
        assert_eq!(name("pid_for_children:[7]"), pid);
        for other in [
            "socket:[77]",
            "pipe:[1]",
            "/dev/null",
            "net:[]",
            "net:[1] (deleted)",
        ] {
            assert_eq!(name(other), None, "{other}");
        }
    }

    #[test]
    fn a_descriptor_and_a_mount_are_found_and_who_ended_is_not_missed() {
        let root = tempfile::tempdir().expect("a folder");
        let fd = root.path().join("proc/7/fd");
        fs::create_dir_all(&fd).expect("made");
        std::os::unix::fs::symlink("uts:[5]", fd.join("3")).expect("a link");
        let line = "40 1 0:4 net:[9] /run/netns/blue rw shared:1 - nsfs nsfs rw\n";
        fs::write(root.path().join("proc/7/mountinfo"), line).expect("written");
        let files = read(root.path(), &[Tgid(7), Tgid(8)], &[Tgid(7)]);
        let seen: Vec<(&str, u32)> = files
            .held
            .iter()
            .map(|one| (one.kind.name(), one.id.0))
            .collect();
        assert_eq!(seen, [("uts", 5), ("net", 9)]);
        assert_eq!(files.unread, []);
        fs::create_dir_all(root.path().join("proc/9")).expect("made");
        assert_eq!(read(root.path(), &[Tgid(9)], &[]).unread, [Tgid(9)]);
    }
}
