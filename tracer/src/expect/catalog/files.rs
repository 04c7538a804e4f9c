//! Families of what a process holds of file systems: its root, its working directory, its program
//! and its descriptors. Owns their words.

use super::{FACT, Family};

pub static ROOT_PIVOTED: Family = Family {
    id: "root.pivoted",
    observes: "the task's root directory: its mount, where that stands, the mount namespace it belongs to, and what lies on top of it, by the kernel's own word and by the mount table",
    passes: "it is the root of a mount of the task's own mount namespace, at that namespace's root, with nothing on top",
    fails: "a directory inside a mount, a mount further down (chroot), another namespace's mount, or the old root still on top",
    unknown: "more than 40 mounts stand on it and the mount table was not read; the kernel does not tell",
    ..FACT
};

pub static ROOT_NOT_HOST: Family = Family {
    id: "root.not_host",
    observes: "device and inode of the task's root directory, next to tracer's own",
    passes: "they differ",
    fails: "they are the same",
    unknown: "the kernel does not tell one of the two",
    ..FACT
};

pub static ROOT_READ_ONLY: Family = Family {
    id: "root.read_only",
    observes: "the mount and the file system of the task's root directory",
    passes: "either is read-only",
    fails: "neither is",
    ..FACT
};

pub static CWD: Family = Family {
    id: "cwd",
    observes: "the mount namespace that the working directory's mount belongs to",
    passes: "the task's own",
    fails: "another (the class of CVE-2024-21626), or none",
    ..FACT
};

pub static EXE: Family = Family {
    id: "exe",
    observes: "the mount namespace that the program's mount belongs to",
    passes: "the task's own",
    fails: "another, or none (a program in memory only)",
    at_gate: false,
    ..FACT
};

pub static DESCRIPTORS: Family = Family {
    id: "descriptors",
    observes: "the open descriptors: number, type, mount namespace",
    passes: "none but 0, 1 and 2, none of which is a directory; at the gate those that close at exec do not count",
    fails: "any other, or a directory among the three (the class of CVE-2024-21626)",
    unknown: "none is wrong, but there are more than the record has room for",
    ..FACT
};
