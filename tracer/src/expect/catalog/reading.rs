//! Families of what stands in files of the kernel's. Owns their words.

use super::{Base, FACT, Family};

const FILES: Family = Family {
    base: Base::Files,
    ..FACT
};

pub static CGROUP_FILE: Family = Family {
    id: "cgroup_file.NAME",
    observes: "the file of that name of the task's own cgroup, in the hierarchy that has its controller",
    passes: "it compares as asked, or has the lines asked for; where v1 and v2 have files of other names, one of them is there and does",
    fails: "it does not, or no such file is there",
    unknown: "the cgroup was gone before it could be read; the hierarchy is not mounted",
    ..FILES
};

pub static SYSCTL: Family = Family {
    id: "sysctl.KEY",
    observes: "the value below /proc/sys, in the task's network, ipc and uts namespaces",
    passes: "it is the one asked for; how many spaces are between words does not matter",
    fails: "it is another, or there is no such value",
    unknown: "the namespaces were gone before they could be held",
    ..FILES
};

pub static DEVICE_NODE: Family = Family {
    id: "device_node.PATH",
    observes: "the file at that path in the task's mount namespace, from its root",
    passes: "it is a device file of the kind, number, permissions and owner asked for",
    fails: "one of them differs, or nothing is there",
    unknown: "the mount namespace could not be held, or its root is not the task's, as after chroot; the file system did not answer within a second",
    ..FILES
};

pub static NET_DEVICE: Family = Family {
    id: "net_device.NAME",
    observes: "the interfaces of the task's network namespace",
    passes: "one has that name",
    fails: "none has",
    unknown: "the namespace was gone before it could be held",
    ..FILES
};

pub static LABEL: Family = Family {
    id: "label.MODULE",
    observes: "what the security module says of the payload in its attr folder below /proc",
    passes: "it is the label asked for; of AppArmor also that its profile is enforced",
    fails: "it is another, the profile only complains, or the kernel does not run the module",
    unknown: "the payload had ended before it could be read",
    ..FILES
};
