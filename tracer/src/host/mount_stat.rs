//! The mount table by `statmount` and `listmount`: the same facts as mountinfo has, without its
//! text. Owns what the kernel's numbers mean.

use rustix::io::Errno;

use crate::{
    sys::mount_stat::{self, Answer},
    verdict::mountinfo::{MountInfo, Teller},
};

/// Offsets in `struct statmount` (include/uapi/linux/mount.h).
mod at {
    pub const OPTIONS: usize = 4;
    pub const MAJOR: usize = 16;
    pub const MINOR: usize = 20;
    pub const SUPER_FLAGS: usize = 32;
    pub const TYPE: usize = 36;
    pub const ID: usize = 56;
    pub const PARENT: usize = 60;
    pub const ATTRIBUTES: usize = 64;
    pub const PROPAGATION: usize = 72;
    pub const PEERS: usize = 80;
    pub const MASTER: usize = 88;
    pub const FROM: usize = 96;
    pub const ROOT: usize = 104;
    pub const POINT: usize = 108;
    pub const SUBTYPE: usize = 120;
    pub const SOURCE: usize = 124;
}

/// Bits of its mask for what not every kernel tells.
const TELLS_OPTIONS: u64 = 0x80;
const TELLS_SUBTYPE: u64 = 0x100;
const TELLS_SOURCE: u64 = 0x200;

/// Words of mountinfo for the attributes of a mount, in its order; times of access apart.
const ATTRIBUTES: [(u64, &str); 3] = [
    (libc::MOUNT_ATTR_NOSUID, "nosuid"),
    (libc::MOUNT_ATTR_NODEV, "nodev"),
    (libc::MOUNT_ATTR_NOEXEC, "noexec"),
];
const RARE_ATTRIBUTES: [(u64, &str); 2] = [
    (libc::MOUNT_ATTR_NOSYMFOLLOW, "nosymfollow"),
    (libc::MOUNT_ATTR_IDMAP, "idmapped"),
];
/// The same for the flags of a super block.
const SUPER_FLAGS: [(u64, &str); 3] = [
    (libc::MS_SYNCHRONOUS, "sync"),
    (libc::MS_DIRSYNC, "dirsync"),
    (libc::MS_LAZYTIME, "lazytime"),
];

/// All mounts below the calling thread's root directory.
///
/// # Errors
/// `ENOSYS` on a kernel before 6.8, and on one before 6.13, which does not tell what is mounted:
/// mountinfo is then to be read. Otherwise of the system calls.
pub fn table() -> Result<Vec<MountInfo>, Errno> {
    let mut answers = Vec::new();
    for id in mount_stat::list()? {
        match mount_stat::stat(id) {
            Ok(answer) => answers.push(answer),
            // It was unmounted since it was listed.
            Err(Errno::NOENT) => {}
            Err(error) => return Err(error),
        }
    }
    // A mount may have no source; that none has one means that the kernel does not tell.
    if !answers.iter().any(|answer| answer.tells(TELLS_SOURCE)) {
        return Err(Errno::NOSYS);
    }
    Ok(answers.iter().map(read).collect())
}

fn read(answer: &Answer) -> MountInfo {
    let text = |offset| String::from_utf8_lossy(&answer.string(offset)).into_owned();
    let told = |bit, offset| answer.tells(bit).then(|| text(offset));
    let mut fs_type = text(at::TYPE);
    if let Some(subtype) = told(TELLS_SUBTYPE, at::SUBTYPE) {
        fs_type = format!("{fs_type}.{subtype}");
    }
    MountInfo {
        id: answer.word(at::ID),
        parent: answer.word(at::PARENT),
        device: format!("{}:{}", answer.word(at::MAJOR), answer.word(at::MINOR)),
        root: text(at::ROOT),
        mount_point: text(at::POINT),
        options: options(answer.long(at::ATTRIBUTES)),
        propagation: propagation(answer),
        fs_type,
        source: told(TELLS_SOURCE, at::SOURCE).unwrap_or_else(|| "none".to_owned()),
        super_options: super_options(
            u64::from(answer.word(at::SUPER_FLAGS)),
            told(TELLS_OPTIONS, at::OPTIONS),
        ),
        teller: Teller::Statmount,
    }
}

fn options(attributes: u64) -> Vec<String> {
    let has = |bit: u64| attributes & bit != 0;
    let access = match attributes & libc::MOUNT_ATTR__ATIME {
        libc::MOUNT_ATTR_NOATIME => Some("noatime"),
        libc::MOUNT_ATTR_STRICTATIME => None,
        _ => Some("relatime"),
    };
    let directories = has(libc::MOUNT_ATTR_NODIRATIME).then_some("nodiratime");
    // show_mnt_opts (fs/proc_namespace.c): noatime, nodiratime, relatime.
    let (first, last) = match access {
        Some("noatime") => (access, None),
        other => (None, other),
    };
    let words = |table: &'static [(u64, &'static str)]| {
        table
            .iter()
            .filter(move |(bit, _)| attributes & bit != 0)
            .map(|(_, word)| *word)
    };
    let write = if has(libc::MOUNT_ATTR_RDONLY) {
        "ro"
    } else {
        "rw"
    };
    std::iter::once(write)
        .chain(words(&ATTRIBUTES))
        .chain(first)
        .chain(directories)
        .chain(last)
        .chain(words(&RARE_ATTRIBUTES))
        .map(str::to_owned)
        .collect()
}

fn propagation(answer: &Answer) -> Vec<String> {
    let kind = answer.long(at::PROPAGATION);
    let mut words = Vec::new();
    if kind & libc::MS_SHARED != 0 {
        words.push(format!("shared:{}", answer.long(at::PEERS)));
    }
    if kind & libc::MS_SLAVE != 0 {
        let (master, from) = (answer.long(at::MASTER), answer.long(at::FROM));
        words.push(format!("master:{master}"));
        if from != 0 && from != master {
            words.push(format!("propagate_from:{from}"));
        }
    }
    if kind & libc::MS_UNBINDABLE != 0 {
        words.push("unbindable".to_owned());
    }
    words
}

fn super_options(flags: u64, told: Option<String>) -> Vec<String> {
    let write = if flags & libc::MS_RDONLY != 0 {
        "ro"
    } else {
        "rw"
    };
    let set = SUPER_FLAGS
        .iter()
        .filter(|(bit, _)| flags & bit != 0)
        .map(|(_, word)| (*word).to_owned());
    let told = told.unwrap_or_default();
    let own = told.split(',').filter(|word| !word.is_empty());
    std::iter::once(write.to_owned())
        .chain(set)
        .chain(own.map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::mountinfo;

    #[test]
    fn both_readers_tell_the_same_of_every_mount() {
        let Ok(mut stated) = table() else {
            // A kernel without the system calls has one reader, and nothing to compare.
            assert!(mount_stat::list().is_err() || mount_stat::stat(0).is_err());
            return;
        };
        let text = std::fs::read_to_string("/proc/thread-self/mountinfo").expect("mountinfo");
        let mut listed = mountinfo::parse(&text).expect("its grammar");
        for mount in &mut listed {
            mount.teller = Teller::Statmount;
        }
        listed.sort_by_key(|mount| mount.id);
        stated.sort_by_key(|mount| mount.id);
        assert_eq!(stated, listed);
    }

    #[test]
    fn attributes_are_told_in_the_words_of_mountinfo() {
        let bits = libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOEXEC | libc::MOUNT_ATTR_NODIRATIME;
        assert_eq!(options(bits), ["ro", "noexec", "nodiratime", "relatime"]);
        let bits = libc::MOUNT_ATTR_NOATIME | libc::MOUNT_ATTR_NOSYMFOLLOW;
        assert_eq!(options(bits), ["rw", "noatime", "nosymfollow"]);
        assert_eq!(options(libc::MOUNT_ATTR_STRICTATIME), ["rw"]);
    }

    #[test]
    fn a_super_block_has_its_flags_before_its_own_options() {
        let flags = libc::MS_RDONLY | libc::MS_LAZYTIME;
        let own = Some("size=4k,mode=700".to_owned());
        assert_eq!(
            super_options(flags, own),
            ["ro", "lazytime", "size=4k", "mode=700"]
        );
        assert_eq!(super_options(0, None), ["rw"]);
    }
}
