//! Root, working directory, program and descriptors, from the magic links of /proc/PID, fdinfo and
//! mountinfo.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use procfs::process::{MountInfo, Process};
use rustix::fs::{AtFlags, OFlags, StatxAttributes, StatxFlags, major, minor, statfs, statx};
use tracer::event::certificate::{Certificate, Descriptor, PathFact};

use super::namespace;

/// What a magic link leads to: opened as a path it stays on its mount.
fn opened(link: &Path) -> File {
    let flags = OFlags::PATH.bits().cast_signed();
    let mut options = File::options();
    options.read(true).custom_flags(flags);
    options.open(link).expect("a path")
}

fn mount_id(link: &Path) -> u32 {
    let file = opened(link);
    fdinfo(&format!("/proc/self/fdinfo/{}", file.as_raw_fd()), "mnt_id")
}

fn fdinfo(path: &str, name: &str) -> u32 {
    let mut text = String::new();
    File::open(path)
        .and_then(|mut file| file.read_to_string(&mut text))
        .expect("fdinfo");
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let radix = if name == "flags" { 8 } else { 10 };
    u32::from_str_radix(value.expect("a field").trim(), radix).expect("a number")
}

/// `super_block->s_dev` of what the kernel tells user space in another form.
fn device(number: u64) -> u32 {
    major(number) << 20 | minor(number)
}

fn mounts(pid: u32) -> Vec<MountInfo> {
    let process = Process::new(pid.cast_signed()).expect("a process");
    process.mountinfo().expect("its mounts").0
}

/// Whether it is the root of a mount.
fn is_mount_root(link: &Path) -> bool {
    let told = statx(
        opened(link),
        "",
        AtFlags::EMPTY_PATH,
        StatxFlags::BASIC_STATS,
    );
    let told = told.expect("what it leads to");
    let root = StatxAttributes::MOUNT_ROOT;
    assert!(told.stx_attributes_mask.contains(root), "before Linux 5.8");
    told.stx_attributes.contains(root)
}

/// Whether a task's own mountinfo has a mount on its root directory.
pub fn root_is_covered(pid: u32) -> bool {
    let root = mount_id(&PathBuf::from(format!("/proc/{pid}/root"))).cast_signed();
    // Mount points are told as the task's root has them.
    let on_top = |mount: &MountInfo| {
        mount.pid == root && mount.mnt_id != root && mount.mount_point == Path::new("/")
    };
    mounts(pid).iter().any(on_top)
}

/// What the certificate says, if it says anything. It must where the root is a mount's.
fn covered(root: &PathFact, pid: u32) {
    if root.mnt_ns != namespace(&pid.to_string(), "mnt") {
        return;
    }
    let told = root.flags & (PathFact::COVERED | PathFact::UNCOVERED);
    let expected = if root_is_covered(pid) {
        PathFact::COVERED
    } else {
        PathFact::UNCOVERED
    };
    if told != 0 || root.flags & PathFact::MOUNT_ROOT != 0 {
        assert_eq!(told, expected, "root of {pid}");
    }
}

pub(super) fn paths(certificate: &Certificate, pid: u32) {
    let facts = [
        ("root", certificate.root()),
        ("cwd", certificate.cwd()),
        ("exe", certificate.exe()),
    ];
    for (name, fact) in facts {
        let link = PathBuf::from(format!("/proc/{pid}/{name}"));
        path(&fact.expect("a path"), &link, pid);
    }
    covered(&certificate.root().expect("a path"), pid);
}

fn path(fact: &PathFact, link: &Path, pid: u32) {
    let told = fs::metadata(link).expect("what it leads to");
    assert_eq!(
        (fact.ino, fact.dev),
        (told.ino(), device(told.dev())),
        "{}",
        link.display()
    );
    let id = mount_id(link);
    assert_eq!(fact.mnt_id, id, "{}", link.display());
    assert_eq!(
        fact.flags & PathFact::MOUNT_ROOT != 0,
        is_mount_root(link),
        "{}",
        link.display()
    );
    let mounts = mounts(pid);
    let mount = mounts
        .iter()
        .find(|mount| mount.mnt_id.cast_unsigned() == id);
    let Some(mount) = mount else {
        // Of another namespace: its mounts are this process', or nobody's.
        let host = self::mounts(std::process::id());
        let there = host.iter().any(|mount| mount.mnt_id.cast_unsigned() == id);
        let own = namespace("self", "mnt");
        assert_eq!(
            fact.mnt_ns,
            if there { own } else { 0 },
            "{}",
            link.display()
        );
        return;
    };
    assert_eq!(
        fact.mnt_ns,
        namespace(&pid.to_string(), "mnt"),
        "{}",
        link.display()
    );
    let read_only = mount.mount_options.contains_key("ro");
    assert_eq!(
        fact.flags & PathFact::MOUNT_READ_ONLY != 0,
        read_only,
        "{}",
        link.display()
    );
    let read_only = mount.super_options.contains_key("ro");
    assert_eq!(
        fact.flags & PathFact::FS_READ_ONLY != 0,
        read_only,
        "{}",
        link.display()
    );
}

pub(super) fn descriptors(certificate: &Certificate, pid: u32) {
    let seen = certificate.descriptors().expect("descriptors");
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).expect("its descriptors");
    let mut told: Vec<u32> = entries
        .map(|entry| {
            let name = entry.expect("an entry").file_name();
            name.to_string_lossy().parse().expect("a number")
        })
        .collect();
    told.sort_unstable();
    let numbers: Vec<u32> = seen.items.iter().map(|descriptor| descriptor.fd).collect();
    let room = told
        .iter()
        .copied()
        .filter(|number| *number < 64)
        .take(32)
        .collect::<Vec<_>>();
    assert_eq!(numbers, room);
    for fact in &seen.items {
        descriptor(fact, pid);
    }
}

fn descriptor(fact: &Descriptor, pid: u32) {
    let link = PathBuf::from(format!("/proc/{pid}/fd/{}", fact.fd));
    let told = fs::metadata(&link).expect("what is open");
    assert_eq!(
        (fact.ino, fact.mode),
        (told.ino(), told.mode()),
        "{}",
        link.display()
    );
    assert_eq!(fact.dev, device(told.dev()), "{}", link.display());
    let info = format!("/proc/{pid}/fdinfo/{}", fact.fd);
    let flags = fdinfo(&info, "flags");
    let closing = flags & OFlags::CLOEXEC.bits() != 0;
    assert_eq!(
        fact.flags & Descriptor::CLOSE_ON_EXEC != 0,
        closing,
        "{}",
        link.display()
    );
    let path_only = flags & OFlags::PATH.bits() != 0;
    assert_eq!(
        fact.flags & Descriptor::PATH_ONLY != 0,
        path_only,
        "{}",
        link.display()
    );
    let magic = statfs(&link).expect("its file system").f_type;
    assert_eq!(
        i64::from(fact.magic),
        magic & 0xffff_ffff,
        "{}",
        link.display()
    );
    let id = fdinfo(&info, "mnt_id");
    let of = |pid: u32| {
        mounts(pid)
            .iter()
            .any(|mount| mount.mnt_id.cast_unsigned() == id)
    };
    let namespace = if of(pid) {
        namespace(&pid.to_string(), "mnt")
    } else if of(std::process::id()) {
        namespace("self", "mnt")
    } else {
        0
    };
    assert_eq!(fact.mnt_ns, namespace, "{}", link.display());
}
