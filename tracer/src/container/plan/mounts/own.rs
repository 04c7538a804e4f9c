//! The file systems that every container has for itself: `/proc`, `/sys`, `/dev`, and what of
//! them is hidden. Pure.

use std::path::{Path, PathBuf};

use super::super::identity::is_mapped;
use super::super::place::text;
use super::{
    Builder, INERT, INERT_READ_ONLY, Links, NO_SUID_NO_EXEC, Place, PlanError, Purpose, Step,
};
use crate::event::NamespaceKind;

/// Devices that every container has.
const DEVICES: &[&str] = &["null", "zero", "full", "random", "urandom", "tty"];
/// Links of `/dev`: name and what it says.
const DEVICE_LINKS: &[(&str, &str)] = &[
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];
/// What the OCI's runtimes hide: `get_default_maskedpaths` and what Docker adds to it.
const MASKED: &[&str] = &[
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];
/// What they make read-only.
const READ_ONLY: &[&str] = &[
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
];
/// The group that terminals belong to on every distribution.
const TTY_GROUP: u32 = 5;

impl Builder<'_> {
    pub(super) fn proc(&mut self) -> Result<(), PlanError> {
        if self.spec.is_new(NamespaceKind::Pid) {
            let slot = self.new_file_system("proc", &[], INERT)?;
            return self.attach(slot, "/proc", Links::Refuse);
        }
        let slot = self.source(Path::new("/proc"), true, Purpose::Host);
        self.attach(slot, "/proc", Links::Refuse)?;
        self.set_attributes("/proc", INERT, true)
    }

    pub(super) fn sys(&mut self) -> Result<(), PlanError> {
        if self.spec.is_new(NamespaceKind::Net) {
            let slot = self.new_file_system("sysfs", &[], INERT_READ_ONLY)?;
            return self.attach(slot, "/sys", Links::Refuse);
        }
        let slot = self.source(Path::new("/sys"), true, Purpose::Host);
        self.attach(slot, "/sys", Links::Refuse)?;
        self.set_attributes("/sys", INERT_READ_ONLY, true)
    }

    pub(super) fn dev(&mut self) -> Result<(), PlanError> {
        let size = || ("size", "65536k".to_owned());
        let options = [("mode", "755".to_owned()), size()];
        // Each device is a mount of its own; one that is made here is none.
        let dev = self.new_file_system("tmpfs", &options, INERT)?;
        self.attach(dev, "/dev", Links::Refuse)?;
        for name in DEVICES {
            let slot = self.source(&PathBuf::from(format!("/dev/{name}")), false, Purpose::Host);
            let place = Place::new("device", &format!("/dev/{name}"), Links::Refuse)?;
            let absent = self.absent;
            self.attached.push(Step::MakeFile {
                place: place.clone(),
                absent,
            });
            self.attached.push(Step::Attach {
                slot,
                place,
                absent,
            });
        }
        for (name, target) in DEVICE_LINKS {
            let place = Place::new("device", &format!("/dev/{name}"), Links::Refuse)?;
            let target = text("symbolic link", target)?;
            self.attached.push(Step::Symlink {
                target,
                place,
                absent: self.absent,
            });
        }
        let mut options = vec![("ptmxmode", "0666".to_owned()), ("mode", "0620".to_owned())];
        let user_namespace = self.spec.is_new(NamespaceKind::User);
        if !user_namespace || is_mapped(TTY_GROUP, &self.spec.gid_map) {
            options.push(("gid", TTY_GROUP.to_string()));
        }
        let pts = self.new_file_system("devpts", &options, NO_SUID_NO_EXEC)?;
        self.attach(pts, "/dev/pts", Links::Refuse)?;
        let shm = self.new_file_system("tmpfs", &[("mode", "1777".to_owned()), size()], INERT)?;
        self.attach(shm, "/dev/shm", Links::Refuse)?;
        if self.spec.is_new(NamespaceKind::Ipc) {
            let mqueue = self.new_file_system("mqueue", &[], INERT)?;
            self.attach(mqueue, "/dev/mqueue", Links::Refuse)?;
        }
        Ok(())
    }

    /// Hides what tells of the host and protects what sets it.
    pub(super) fn cover(&mut self) -> Result<(), PlanError> {
        for path in MASKED {
            let place = Place::new("masked path", path, Links::Refuse)?;
            self.attached.push(Step::MaskPath { place });
        }
        for path in READ_ONLY {
            let place = Place::new("read-only path", path, Links::Refuse)?;
            self.attached.push(Step::ReadOnlyPath { place });
        }
        Ok(())
    }
}
