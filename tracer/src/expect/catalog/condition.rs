//! Families of the conditions that expectation files, presets and bundles make of a container
//! that another runtime made. Owns their words.

use tracer_common::Kind;

use super::{Base, FACT, Family};

pub static NAMESPACE_PRIVATE: Family = Family {
    id: "namespace.KIND (private)",
    observes: "the task's namespace, and for pid and time the one for its children, next to tracer's own",
    passes: "neither is the host's, whoever made it",
    fails: "one of them is the host's",
    unknown: "the kernel does not tell its number",
    ..FACT
};

pub static NAMESPACE_IS: Family = Family {
    id: "namespace.KIND (joined)",
    observes: "the task's namespace, and for pid and time the one for its children",
    passes: "both have the inode number of the namespace that was to be joined",
    fails: "one of them has another",
    unknown: "the kernel does not tell its number",
    ..FACT
};

pub static ROOT_ID: Family = Family {
    id: "uid_map.root, gid_map.root",
    observes: "the map of the task's user namespace, in ids of the initial one",
    passes: "0 inside is mapped to another than 0, or not at all",
    fails: "0 inside is 0 of the initial user namespace",
    unknown: "no line that is known maps 0, and there are more lines than the record has room for",
    ..FACT
};

pub static CGROUP_PRIVATE: Family = Family {
    id: "cgroup (private)",
    observes: "the task's cgroup in each hierarchy that has a controller of memory, pids, cpu or cpuset, next to tracer's own",
    passes: "each is below the hierarchy's root and not the one that tracer is in",
    fails: "one is the root, or tracer's own",
    unknown: "the hierarchies were not read; the kernel names no cgroup in one of them",
    ..FACT
};

pub static CGROUP_PATH: Family = Family {
    id: "cgroup (path)",
    observes: "the path of the task's cgroup in each hierarchy that has a controller of memory, pids, cpu or cpuset, from the record that made it",
    passes: "each is the path asked for, ends in the components asked for, or matches the pattern",
    fails: "one does not",
    unknown: "the cgroup was there before the run, or its path is cut; the hierarchies were not read",
    needs: &[Kind::CGROUP_MKDIR],
    ..FACT
};

pub static MEMORY_BOUND: Family = Family {
    id: "memory.max (in force)",
    observes: "the least memory limit of the task's cgroup and its ancestors",
    passes: "it compares as asked; what is asked counts in whole pages, no limit is more than any amount",
    fails: "it does not",
    unknown: "the kernel has no memory controller or does not tell; an ancestor for which the record has no room could decide it",
    ..FACT
};

pub static PIDS_BOUND: Family = Family {
    id: "pids.max (in force)",
    observes: "the least limit of tasks of its cgroup and its ancestors",
    passes: "it compares as asked; no limit is more than any amount",
    fails: "it does not",
    unknown: "the kernel has no pids controller or does not tell; an ancestor for which the record has no room could decide it",
    ..FACT
};

pub static CPU_BOUND: Family = Family {
    id: "cpu.max (in force)",
    observes: "quota for period, the strictest of its cgroup and its ancestors",
    passes: "as a number of processors it compares as asked; no limit is more than any",
    fails: "it does not",
    unknown: "the kernel has no CPU bandwidth control or does not tell; an ancestor for which the record has no room could decide it",
    ..FACT
};

pub static CPUSET_WITHIN: Family = Family {
    id: "cpuset.cpus (within)",
    observes: "the effective processors of its cpuset",
    passes: "none but those asked for",
    fails: "another is among them",
    unknown: "the kernel has no cpuset controller or does not tell",
    ..FACT
};

pub static CPUS_ALLOWED_WITHIN: Family = Family {
    id: "cpus_allowed (within)",
    observes: "the processors that the scheduler may run the task on",
    passes: "none but those asked for",
    fails: "another is among them",
    ..FACT
};

pub static CAPABILITIES_WITHIN: Family = Family {
    id: "capabilities.SET (within)",
    observes: "one of the five capability sets",
    passes: "it has none but those asked for",
    fails: "another is in it",
    ..FACT
};

pub static CAPABILITIES_WITHOUT: Family = Family {
    id: "capabilities.SET (without)",
    observes: "one of the five capability sets",
    passes: "it has none of those named",
    fails: "one of them is in it",
    ..FACT
};

pub static ID_INSIDE: Family = Family {
    id: "user.uid, user.gid",
    observes: "real, effective, saved and file system id, as the task's own user namespace numbers them",
    passes: "all four are the one asked for, or none is 0 where that is asked, nor, without a number there, 0 of the initial user namespace",
    fails: "one of them is another, is such a 0, or has no number inside where one was asked for",
    unknown: "an id is in no line of the map that is known, and there are more lines than the record has room for",
    ..FACT
};

pub static GROUPS_WITHIN: Family = Family {
    id: "groups (within)",
    observes: "the supplementary groups, as the task's own user namespace numbers them",
    passes: "none but those asked for",
    fails: "another, or one that has no number inside",
    unknown: "more groups than the record has room for, or a group in no line of the map that is known",
    ..FACT
};

pub static NO_NEW_PRIVS_UNSET: Family = Family {
    id: "no_new_privs (not set)",
    observes: "the task's no_new_privs flag",
    passes: "it is not set",
    fails: "it is",
    ..FACT
};

pub static SECCOMP_FILTERED: Family = Family {
    id: "seccomp (filter)",
    observes: "seccomp mode and number of filters, next to tracer's own",
    passes: "filter mode, with more filters than tracer has itself",
    fails: "no filter, or none but tracer's own",
    unknown: "tracer has filters itself and the kernel does not count them (before 5.11)",
    ..FACT
};

pub static DESCRIPTORS_WITHIN: Family = Family {
    id: "descriptors (within)",
    observes: "the open descriptors: number, type, mount namespace",
    passes: "none but 0, 1, 2 and those asked for; none of the three is a directory",
    fails: "any other, or a directory among the three (the class of CVE-2024-21626)",
    unknown: "none is wrong, but there are more than the record has room for",
    ..FACT
};

pub static RLIMIT_BOUND: Family = Family {
    id: "rlimit.NAME (compared)",
    observes: "soft and hard value of a resource limit",
    passes: "each compares as asked; no limit is more than any amount",
    fails: "one does not",
    ..FACT
};

pub static PROGRAM: Family = Family {
    id: "payload",
    observes: "the path that the payload's exec was given",
    passes: "it is the path asked for, or ends in the name asked for",
    fails: "it is another",
    unknown: "the path is cut",
    at_gate: false,
    ..FACT
};

pub static DRIFT: Family = Family {
    id: "drift",
    observes: "after the payload's exec, every record of the container's processes and of others that changes it",
    passes: "nothing about it changed",
    fails: "something did",
    unknown: "it was not watched",
    base: Base::Records,
    needs: &[
        Kind::FORK,
        Kind::EXEC,
        Kind::EXIT,
        Kind::NAMESPACE,
        Kind::CGROUP_ATTACH,
        // These two tell where somebody was before who has no other record.
        Kind::SNAPSHOT,
        Kind::TASK,
    ],
    at_gate: false,
};
