//! Families of what a bundle demands of mounts. Owns their words.

use super::{Base, FACT, Family};

pub static MOUNT_RULE: Family = Family {
    id: "mount.TARGET (bundle)",
    observes: "in the mount table of the task's namespace, the mount that a walk to that very path ends on",
    passes: "it is mounted there, with the type, the options and the propagation asked for; for a tmpfs also size and mode",
    fails: "nothing is mounted there, or it differs",
    unknown: "the mount table was not read, shows no root, or begins at another root than the task's, as after chroot",
    base: Base::MountInfo,
    ..FACT
};

pub static PATH_MASKED: Family = Family {
    id: "masked.PATH",
    observes: "in the mount table of the task's namespace, the mount that a walk to that path ends on",
    passes: "it is a read-only tmpfs of its own, or the null device: the file `null` of the container's /dev or of a device file system; or nothing is mounted there and the path is not there on the host either",
    fails: "nothing covers it, or something else does (the class of CVE-2025-31133)",
    unknown: "the mount table was not read, shows no root, or begins at another root than the task's, as after chroot; a file named `null` of a file system that is not known",
    base: Base::MountInfo,
    ..FACT
};

pub static PATH_READ_ONLY: Family = Family {
    id: "read_only.PATH",
    observes: "in the mount table of the task's namespace, the mount that a walk to that path ends in",
    passes: "the mount or its file system is read-only; or the path is not there on the host either",
    fails: "neither is",
    unknown: "the mount table was not read, shows no root, or begins at another root than the task's, as after chroot",
    base: Base::MountInfo,
    ..FACT
};

pub static ROOT_PROPAGATION: Family = Family {
    id: "root.propagation",
    observes: "in the mount table of the task's namespace, the peer groups of the root mount",
    passes: "private: it is in none; slave: it sends to none; shared: it is in one; unbindable: it is marked so",
    fails: "anything else",
    unknown: "the mount table was not read, shows no root, or begins at another root than the task's, as after chroot",
    base: Base::MountInfo,
    ..FACT
};
