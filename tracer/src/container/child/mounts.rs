//! The mount steps of init. Detached mounts are made or were inherited in slots, and attached by
//! descriptor, so that no path of the container's image is followed out of it. Allocates nothing.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{self, CWD, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use rustix::mount::{
    self, FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags,
};
use rustix::process;

use super::Kit;
use crate::container::plan::{Absent, Attributes, FsOption, Links, Place, Slot, Step};
use crate::sys;

impl Kit<'_> {
    /// The steps that touch mounts or files; any other is a bug, answered with `ENOSYS`.
    pub(super) fn walk_mount(&mut self, step: &Step) -> Result<(), Errno> {
        match step {
            Step::NewFileSystem {
                slot,
                kind,
                options,
                attributes,
            } => {
                let made = new_file_system(kind, options, *attributes)?;
                self.put(*slot, made)
            }
            Step::MountPrivate => {
                let root = open(CWD, c"/", OFlags::PATH | OFlags::DIRECTORY, Links::Follow)?;
                sys::mount::mount_setattr(root.as_fd(), 0, true, true)
            }
            Step::AttachRoot { slot, at } => {
                let tree = self.take(*slot)?;
                let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
                mount::move_mount(tree.as_fd(), c"", CWD, at.as_c_str(), flags)
            }
            Step::PivotRoot { new_root } => {
                process::chdir(new_root.as_c_str())?;
                process::pivot_root(c".", c".")
            }
            Step::DetachOldRoot => {
                mount::unmount(c".", UnmountFlags::DETACH)?;
                process::chdir(c"/")
            }
            Step::Chroot { new_root } => {
                process::chroot(new_root.as_c_str())?;
                process::chdir(c"/")
            }
            Step::MakeDirectory {
                place,
                mode,
                absent,
            } => excuse_making(*absent, make_directory(place, *mode)),
            Step::MakeFile { place, absent } => excuse_making(*absent, make_file(place)),
            Step::MakeMountPoint { slot, place } => {
                let stat = fs::fstat(self.peek(*slot)?)?;
                if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                    make_directory(place, 0o755)
                } else {
                    make_file(place)
                }
            }
            Step::Symlink {
                target,
                place,
                absent,
            } => {
                let made = directory_of(place)
                    .and_then(|at| fs::symlinkat(target.as_c_str(), &at, place.name.as_c_str()));
                excuse_making(*absent, excuse_existing(made))
            }
            Step::Attach {
                slot,
                place,
                absent,
            } => {
                let tree = self.take(*slot)?;
                let Some(target) = find(place, *absent)? else {
                    return Ok(());
                };
                attach(tree.as_fd(), target.as_fd())
            }
            Step::SetAttributes {
                place,
                attributes,
                recursive,
                absent,
            } => {
                let Some(target) = find(place, *absent)? else {
                    return Ok(());
                };
                let bits = attribute_bits(*attributes);
                sys::mount::mount_setattr(target.as_fd(), bits, false, *recursive)
            }
            Step::MaskPath { place } => mask(place),
            Step::ReadOnlyPath { place } => read_only(place),
            _ => Err(Errno::NOSYS),
        }
    }

    fn put(&mut self, slot: Slot, fd: OwnedFd) -> Result<(), Errno> {
        *self.slots.get_mut(slot.0).ok_or(Errno::BADF)? = Some(fd);
        Ok(())
    }

    fn take(&mut self, slot: Slot) -> Result<OwnedFd, Errno> {
        self.slots
            .get_mut(slot.0)
            .and_then(Option::take)
            .ok_or(Errno::BADF)
    }

    fn peek(&self, slot: Slot) -> Result<BorrowedFd<'_>, Errno> {
        self.slots
            .get(slot.0)
            .and_then(Option::as_ref)
            .map(AsFd::as_fd)
            .ok_or(Errno::BADF)
    }
}

fn new_file_system(
    kind: &CStr,
    options: &[FsOption],
    attributes: Attributes,
) -> Result<OwnedFd, Errno> {
    let context = mount::fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    for option in options {
        match option {
            FsOption::Flag(name) => mount::fsconfig_set_flag(&context, name.as_c_str())?,
            FsOption::Text(name, value) => {
                mount::fsconfig_set_string(&context, name.as_c_str(), value.as_c_str())?;
            }
        }
    }
    mount::fsconfig_create(&context)?;
    let attributes = MountAttrFlags::from_bits_retain(
        u32::try_from(attribute_bits(attributes)).map_err(|_| Errno::INVAL)?,
    );
    mount::fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}

fn attribute_bits(attributes: Attributes) -> u64 {
    let mut bits = MountAttrFlags::empty();
    bits.set(MountAttrFlags::MOUNT_ATTR_RDONLY, attributes.read_only);
    bits.set(MountAttrFlags::MOUNT_ATTR_NOSUID, attributes.no_suid);
    bits.set(MountAttrFlags::MOUNT_ATTR_NODEV, attributes.no_dev);
    bits.set(MountAttrFlags::MOUNT_ATTR_NOEXEC, attributes.no_exec);
    u64::from(bits.bits())
}

/// Opens a path without following magic links, which lead out of any root.
fn open(at: impl AsFd, path: &CStr, flags: OFlags, links: Links) -> Result<OwnedFd, Errno> {
    let mut resolve = ResolveFlags::NO_MAGICLINKS;
    if links == Links::Refuse {
        resolve |= ResolveFlags::NO_SYMLINKS;
    }
    fs::openat2(at, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve)
}

fn directory_of(place: &Place) -> Result<OwnedFd, Errno> {
    open(
        CWD,
        &place.directory,
        OFlags::PATH | OFlags::DIRECTORY,
        place.links,
    )
}

/// What is at a place; `None` when there is nothing and that is no failure.
fn find(place: &Place, absent: Absent) -> Result<Option<OwnedFd>, Errno> {
    let found =
        directory_of(place).and_then(|at| open(&at, &place.name, OFlags::PATH, place.links));
    match (found, absent) {
        (Err(Errno::NOENT | Errno::NOTDIR), Absent::Skip) => Ok(None),
        (found, _) => found.map(Some),
    }
}

fn make_directory(place: &Place, mode: u32) -> Result<(), Errno> {
    let at = directory_of(place)?;
    excuse_existing(fs::mkdirat(
        &at,
        place.name.as_c_str(),
        Mode::from_raw_mode(mode),
    ))
}

fn make_file(place: &Place) -> Result<(), Errno> {
    let at = directory_of(place)?;
    let mode = Mode::from_raw_mode(0o644);
    excuse_existing(fs::mknodat(
        &at,
        place.name.as_c_str(),
        FileType::RegularFile,
        mode,
        0,
    ))
}

fn excuse_existing(made: Result<(), Errno>) -> Result<(), Errno> {
    match made {
        Err(Errno::EXIST) => Ok(()),
        made => made,
    }
}

/// An image that has not a directory and does not let it be made does without.
fn excuse_making(absent: Absent, made: Result<(), Errno>) -> Result<(), Errno> {
    match (made, absent) {
        (
            Err(
                Errno::NOENT
                | Errno::NOTDIR
                | Errno::ROFS
                | Errno::ACCESS
                | Errno::PERM
                | Errno::OVERFLOW,
            ),
            Absent::Skip,
        ) => Ok(()),
        (made, _) => made,
    }
}

fn attach(tree: BorrowedFd<'_>, target: BorrowedFd<'_>) -> Result<(), Errno> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    mount::move_mount(tree, c"", target, c"", flags)
}

/// Major and minor number of the null device (Documentation/admin-guide/devices.txt).
const NULL_DEVICE: (u32, u32) = (1, 3);
const CLONE_TREE: OpenTreeFlags =
    OpenTreeFlags::OPEN_TREE_CLONE.union(OpenTreeFlags::OPEN_TREE_CLOEXEC);

fn mask(place: &Place) -> Result<(), Errno> {
    let Some(target) = find(place, Absent::Skip)? else {
        return Ok(());
    };
    let stat = fs::fstat(&target)?;
    let cover = if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
        let attributes = Attributes {
            read_only: true,
            no_suid: true,
            no_dev: true,
            no_exec: true,
        };
        new_file_system(c"tmpfs", &[], attributes)?
    } else {
        null_device()?
    };
    attach(cover.as_fd(), target.as_fd())
}

/// Whoever mounts a `/dev` of their own says what its `null` is: any other file would show itself where
/// something is to be hidden, and a link back to that would hide nothing (the class of CVE-2025-31133).
fn null_device() -> Result<OwnedFd, Errno> {
    let tree = mount::open_tree(CWD, c"/dev/null", CLONE_TREE)?;
    let stat = fs::fstat(&tree)?;
    let is_device = FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice;
    let number = (fs::major(stat.st_rdev), fs::minor(stat.st_rdev));
    if is_device && number == NULL_DEVICE {
        Ok(tree)
    } else {
        Err(Errno::NODEV)
    }
}

fn read_only(place: &Place) -> Result<(), Errno> {
    let Some(target) = find(place, Absent::Skip)? else {
        return Ok(());
    };
    let flags = CLONE_TREE | OpenTreeFlags::AT_EMPTY_PATH | OpenTreeFlags::AT_RECURSIVE;
    let tree = mount::open_tree(&target, c"", flags)?;
    let bits = u64::from(MountAttrFlags::MOUNT_ATTR_RDONLY.bits());
    sys::mount::mount_setattr(tree.as_fd(), bits, false, true)?;
    attach(tree.as_fd(), target.as_fd())
}
