//! The container's file systems: which mounts are made, from what, where and with which
//! attributes. Pure.
//!
//! Every new file system is made before `pivot_root`: in a user namespace of its own the kernel
//! lets proc and sysfs be mounted only while another, fully visible one is in the mount
//! namespace (fs/namespace.c, `mount_too_revealing`). Everything is attached after it, where no
//! path can lead out of the new root.

mod own;

use std::path::Path;

use super::place::text;
use super::{
    Absent, Attributes, FsOption, Links, Place, PlanError, Purpose, RUN_DIRECTORY, Slot, Source,
    Spec, Step,
};
use crate::container::spec::{Mount, MountKind, Root};
use crate::event::NamespaceKind;
use crate::host::HostFacts;

/// Top-level directories of the host that a view of it never shows.
const PRIVATE: &[&str] = &["proc", "dev", "sys", "run", "tmp", "root", "home"];

/// No attribute.
const PLAIN: Attributes = Attributes {
    read_only: false,
    no_suid: false,
    no_dev: false,
    no_exec: false,
};
const NO_SUID_NO_DEV: Attributes = Attributes {
    no_suid: true,
    no_dev: true,
    ..PLAIN
};
const NO_SUID_NO_EXEC: Attributes = Attributes {
    no_suid: true,
    no_exec: true,
    ..PLAIN
};
const INERT: Attributes = Attributes {
    no_exec: true,
    ..NO_SUID_NO_DEV
};
const HOST_VIEW: Attributes = Attributes {
    read_only: true,
    ..NO_SUID_NO_DEV
};
const INERT_READ_ONLY: Attributes = Attributes {
    read_only: true,
    ..INERT
};

/// Mounts of the host to clone, and the steps of init.
#[derive(Debug, Default)]
pub(super) struct Mounts {
    pub sources: Vec<Source>,
    pub steps: Vec<Step>,
}

/// Collects sources and steps; slots are numbered as they come.
struct Builder<'a> {
    spec: &'a Spec,
    sources: Vec<Source>,
    made: Vec<Step>,
    attached: Vec<Step>,
    slots: usize,
    absent: Absent,
}

/// Every mount of the container.
pub(super) fn mounts(spec: &Spec, host: &HostFacts) -> Result<Mounts, PlanError> {
    if !spec.is_new(NamespaceKind::Mnt) {
        return without_namespace(spec);
    }
    let absent = if matches!(spec.root, Root::Directory(_)) {
        Absent::Skip
    } else {
        Absent::Fail
    };
    let mut builder = Builder {
        spec,
        sources: Vec::new(),
        made: vec![Step::MountPrivate],
        attached: Vec::new(),
        slots: 0,
        absent,
    };
    let root = match &spec.root {
        Root::Shared => return builder.shared_root(),
        Root::HostView => {
            let options = [("mode", "755".to_owned())];
            let root = builder.new_file_system("tmpfs", &options, NO_SUID_NO_DEV)?;
            builder.host_view(host)?;
            root
        }
        Root::Directory(path) => {
            if !path.is_absolute() {
                let path = path.display().to_string();
                return Err(PlanError::NotAbsolute {
                    what: "root file system",
                    path,
                });
            }
            builder.source(path, true, Purpose::Rootfs)
        }
    };
    builder.proc()?;
    builder.dev()?;
    builder.sys()?;
    builder.tmpfs_at("/tmp", "1777")?;
    if spec.root == Root::HostView {
        builder.tmpfs_at("/run", "755")?;
    }
    for mount in &spec.mounts {
        builder.asked(mount)?;
    }
    builder.cover()?;
    builder.finish(root)
}

/// Without a mount namespace of its own nothing may be mounted: it would be the host's.
fn without_namespace(spec: &Spec) -> Result<Mounts, PlanError> {
    let what = if spec.root != Root::Shared {
        "a root file system of its own"
    } else if !spec.mounts.is_empty() {
        "a mount"
    } else if spec.read_only {
        "a read-only root"
    } else {
        return Ok(Mounts::default());
    };
    Err(PlanError::NeedsNamespace {
        what,
        kind: NamespaceKind::Mnt,
    })
}

impl Builder<'_> {
    fn slot(&mut self) -> Slot {
        self.slots += 1;
        Slot(self.slots - 1)
    }

    fn source(&mut self, path: &Path, recursive: bool, purpose: Purpose) -> Slot {
        let slot = self.slot();
        self.sources.push(Source {
            slot,
            path: path.to_owned(),
            recursive,
            purpose,
        });
        slot
    }

    fn new_file_system(
        &mut self,
        kind: &str,
        options: &[(&str, String)],
        attributes: Attributes,
    ) -> Result<Slot, PlanError> {
        let slot = self.slot();
        // The source is for people who read the table of mounts.
        let source = ("source", kind.to_owned());
        let options = std::iter::once(&source)
            .chain(options)
            .map(|(name, value)| {
                let what = "file system parameter";
                Ok(FsOption::Text(text(what, name)?, text(what, value)?))
            })
            .collect::<Result<Vec<_>, PlanError>>()?;
        let kind = text("file system", kind)?;
        self.made.push(Step::NewFileSystem {
            slot,
            kind,
            options,
            attributes,
        });
        Ok(slot)
    }

    fn make_directory(&mut self, path: &str, mode: u32) -> Result<(), PlanError> {
        let place = Place::new("directory", path, Links::Follow)?;
        self.attached.push(Step::MakeDirectory {
            place,
            mode,
            absent: self.absent,
        });
        Ok(())
    }

    /// A directory of the container's own and what is mounted there.
    fn attach(&mut self, slot: Slot, path: &str, links: Links) -> Result<(), PlanError> {
        let place = Place::new("mount target", path, links)?;
        let absent = self.absent;
        self.attached.push(Step::MakeDirectory {
            place: place.clone(),
            mode: 0o755,
            absent,
        });
        self.attached.push(Step::Attach {
            slot,
            place,
            absent,
        });
        Ok(())
    }

    fn set_attributes(
        &mut self,
        path: &str,
        attributes: Attributes,
        recursive: bool,
    ) -> Result<(), PlanError> {
        let place = Place::new("mount target", path, Links::Follow)?;
        let absent = self.absent;
        self.attached.push(Step::SetAttributes {
            place,
            attributes,
            recursive,
            absent,
        });
        Ok(())
    }

    fn tmpfs_at(&mut self, path: &str, mode: &str) -> Result<(), PlanError> {
        let slot = self.new_file_system("tmpfs", &[("mode", mode.to_owned())], NO_SUID_NO_DEV)?;
        self.attach(slot, path, Links::Follow)
    }

    /// The host's top directories as they are, read-only; private ones in place of the others.
    fn host_view(&mut self, host: &HostFacts) -> Result<(), PlanError> {
        for entry in &host.root_entries {
            if PRIVATE.contains(&entry.name.as_str()) {
                continue;
            }
            let path = format!("/{}", entry.name);
            if let Some(target) = &entry.link {
                let place = Place::new("symbolic link", &path, Links::Follow)?;
                let target = text("symbolic link", target)?;
                self.attached.push(Step::Symlink {
                    target,
                    place,
                    absent: self.absent,
                });
            } else {
                let slot = self.source(Path::new(&path), true, Purpose::Host);
                self.attach(slot, &path, Links::Follow)?;
                self.set_attributes(&path, HOST_VIEW, true)?;
            }
        }
        self.make_directory("/root", 0o700)?;
        self.make_directory("/home", 0o755)
    }

    /// The host's root with mounts of one's own, as `unshare --mount-proc` has it.
    fn shared_root(mut self) -> Result<Mounts, PlanError> {
        if self.spec.is_new(NamespaceKind::Pid) {
            let slot = self.new_file_system("proc", &[], INERT)?;
            let place = Place::new("mount target", "/proc", Links::Refuse)?;
            self.attached.push(Step::Attach {
                slot,
                place,
                absent: Absent::Fail,
            });
        }
        for mount in &self.spec.mounts {
            self.asked(mount)?;
        }
        self.read_only_root()?;
        let mut steps = self.made;
        steps.append(&mut self.attached);
        Ok(Mounts {
            sources: self.sources,
            steps,
        })
    }

    /// A mount that was asked for.
    fn asked(&mut self, mount: &Mount) -> Result<(), PlanError> {
        let place = Place::new("mount target", &mount.target, Links::Follow)?;
        let slot = match &mount.kind {
            MountKind::Bind { source, recursive } => {
                if !source.is_absolute() {
                    let path = source.display().to_string();
                    return Err(PlanError::NotAbsolute {
                        what: "mount source",
                        path,
                    });
                }
                self.source(source, *recursive, Purpose::Bind)
            }
            MountKind::Tmpfs { size, mode } => {
                let mut options = vec![("mode", format!("{:o}", mode.unwrap_or(0o1777)))];
                options.extend(size.map(|bytes| ("size", bytes.to_string())));
                self.new_file_system("tmpfs", &options, NO_SUID_NO_DEV)?
            }
        };
        // On the host's own root no mount point is made: it would stay there.
        if self.spec.root != Root::Shared {
            for ancestor in place.ancestors()? {
                let absent = Absent::Fail;
                self.attached.push(Step::MakeDirectory {
                    place: ancestor,
                    mode: 0o755,
                    absent,
                });
            }
            self.attached.push(Step::MakeMountPoint {
                slot,
                place: place.clone(),
            });
        }
        let absent = Absent::Fail;
        self.attached.push(Step::Attach {
            slot,
            place: place.clone(),
            absent,
        });
        if mount.read_only {
            let recursive = matches!(
                mount.kind,
                MountKind::Bind {
                    recursive: true,
                    ..
                }
            );
            let attributes = Attributes {
                read_only: true,
                ..PLAIN
            };
            self.attached.push(Step::SetAttributes {
                place,
                attributes,
                recursive,
                absent,
            });
        }
        Ok(())
    }

    fn read_only_root(&mut self) -> Result<(), PlanError> {
        if self.spec.read_only {
            let place = Place::new("root", "/", Links::Follow)?;
            let attributes = Attributes {
                read_only: true,
                ..PLAIN
            };
            let absent = Absent::Fail;
            let step = Step::SetAttributes {
                place,
                attributes,
                recursive: false,
                absent,
            };
            self.attached.push(step);
        }
        Ok(())
    }

    /// All new file systems, the change of root, and then what is attached.
    fn finish(mut self, root: Slot) -> Result<Mounts, PlanError> {
        self.read_only_root()?;
        let at = text("directory", RUN_DIRECTORY)?;
        let mut steps = self.made;
        steps.push(Step::AttachRoot {
            slot: root,
            at: at.clone(),
        });
        steps.push(Step::PivotRoot { new_root: at });
        steps.push(Step::DetachOldRoot);
        steps.append(&mut self.attached);
        Ok(Mounts {
            sources: self.sources,
            steps,
        })
    }
}
