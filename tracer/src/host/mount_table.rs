//! The mount table of a mount namespace, read through a reference that outlives its tasks. Owns
//! the holding and the choice of reader: `statmount` where the kernel has it, else mountinfo.

use std::{
    fs, io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    os::unix::fs::MetadataExt as _,
    thread,
};

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::mount_stat;
use crate::{
    event::NsId,
    sys::{
        file_system,
        own_thread::{Ended, named},
    },
    verdict::mountinfo::{self, MountInfo},
};

/// A mount namespace that stays as long as this does, with all of its mounts.
#[derive(Debug)]
pub struct MountNamespace(OwnedFd);

impl MountNamespace {
    /// The namespace of a task, if it is still in that one.
    #[must_use]
    pub fn hold(task: u32, namespace: NsId) -> Option<Self> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let held = openat(CWD, format!("/proc/{task}/ns/mnt"), flags, Mode::empty()).ok()?;
        let inode = fs::File::from(held.try_clone().ok()?)
            .metadata()
            .ok()?
            .ino();
        (inode == u64::from(namespace.0)).then_some(Self(held))
    }

    /// Its descriptor, to enter it by.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Its mount table, with paths as seen from the namespace's root.
    /// The calling thread stays where it is.
    ///
    /// # Errors
    /// Of entering the namespace, which takes `CAP_SYS_ADMIN` over it, and of reading.
    pub fn read(&self) -> io::Result<Vec<MountInfo>> {
        let read = || table_in(self.0.as_fd());
        thread::scope(|scope| scope.spawn(named(read)).join())
            .map_or_else(|_| Err(io::ErrorKind::Other.into()), Ended::gone)
    }
}

/// For a thread of its own, which is in another namespace from then on.
fn table_in(namespace: BorrowedFd<'_>) -> io::Result<Vec<MountInfo>> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    // Of the host's /proc: the namespace's own may be missing, or be of another PID namespace.
    let own = openat(CWD, "/proc/thread-self", flags, Mode::empty())?;
    file_system::own_file_system()?;
    move_into_link_name_space(namespace, Some(LinkNameSpaceType::Mount))?;
    if let Ok(mounts) = mount_stat::table() {
        return Ok(mounts);
    }
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let table = openat(own, "mountinfo", flags, Mode::empty())?;
    let text = io::read_to_string(fs::File::from(table))?;
    mountinfo::parse(&text).ok_or_else(|| io::ErrorKind::InvalidData.into())
}
