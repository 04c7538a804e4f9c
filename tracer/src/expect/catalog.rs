//! What each family of expectations observes, what passes, what fails and what cannot be known:
//! the documentation is generated from it, and the judge reads from it which records an item
//! rests on. Owns the words.

pub mod attribute;
pub mod condition;
pub mod device;
pub mod files;
pub mod guarantee;
pub mod mount;
pub mod reading;

use std::fmt::Write as _;

use tracer_common::Kind;

/// A family of expectations.
#[derive(Debug)]
pub struct Family {
    /// Id, with the part that varies in capitals.
    pub id: &'static str,
    /// What it looks at.
    pub observes: &'static str,
    /// When it passes.
    pub passes: &'static str,
    /// When it fails.
    pub fails: &'static str,
    /// What makes it inconclusive, beyond lost records and hooks that are missing.
    pub unknown: &'static str,
    /// What it looks at first.
    pub base: Base,
    /// Further kinds of record that it rests on.
    pub needs: &'static [Kind],
    /// It can be judged before the payload runs.
    pub at_gate: bool,
}

impl Family {
    /// It can be judged as the payload is executed, before anything of it has run.
    #[must_use]
    pub fn at_exec(&self) -> bool {
        self.at_gate || self.base == Base::Certificate
    }
}

/// What an expectation looks at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// The certificate, read at the gate and again at exec.
    Certificate,
    /// The mount table, read at the gate.
    MountInfo,
    /// Files of the kernel's, read as soon as the record of the payload's exec has come.
    Files,
    /// The counters of the kernel side, read at the end.
    Counters,
    /// The records that are named and nothing else.
    Records,
}

impl Base {
    /// What the documentation calls it.
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Certificate => Some("certificate"),
            Self::MountInfo => Some("mount table"),
            Self::Files => Some("files"),
            Self::Counters => Some("counters"),
            Self::Records => None,
        }
    }
}

/// Rests on the certificate alone.
const FACT: Family = Family {
    id: "",
    observes: "",
    passes: "",
    fails: "",
    unknown: "the kernel does not tell",
    base: Base::Certificate,
    needs: &[],
    at_gate: true,
};

pub static NAMESPACE_NEW: Family = Family {
    id: "namespace.KIND (new)",
    observes: "the task's namespace, and for pid and time the one for its children; the record that made it",
    passes: "both are one namespace that clone or unshare made in this run, called by tracer or a descendant, and it is not the host's",
    fails: "it is the host's, one that was there before, or no record shows it being made: it was joined",
    unknown: "the kernel does not tell its number",
    needs: &[Kind::FORK, Kind::NAMESPACE],
    ..FACT
};

pub static NAMESPACE_SHARED: Family = Family {
    id: "namespace.KIND (shared)",
    observes: "the task's namespace, and for pid and time the one for its children",
    passes: "both are the host's, as tracer itself has it",
    fails: "one of them is another",
    ..FACT
};

pub static ID_MAP: Family = Family {
    id: "uid_map, gid_map",
    observes: "the map of the task's user namespace, in ids of the initial one",
    passes: "it has exactly the lines asked for",
    fails: "a line is missing, differs or is one too many",
    unknown: "more than five lines: the record has no room for them",
    ..FACT
};

pub static CGROUP: Family = Family {
    id: "cgroup.HIERARCHY",
    observes: "the task's cgroup in that hierarchy, the record that made it, and every move of the task",
    passes: "tracer made it in this run under the run's name, and the task came in as asked: on v2 created there, on v1 moved there by tracer, or by init itself before its exec; nobody else moved it",
    fails: "another cgroup, another way in, or a move by anyone else, before or after; no record shows the cgroup being made, or the task coming in",
    unknown: "the path is cut; more hierarchies than the record has room for",
    needs: &[Kind::FORK, Kind::CGROUP_MKDIR, Kind::CGROUP_ATTACH],
    ..FACT
};

pub static MEMORY_MAX: Family = Family {
    id: "memory.max",
    observes: "the memory limit of the task's cgroup and the least among its ancestors'",
    passes: "its own is the one asked for, rounded down to whole pages; an ancestor's may be stricter",
    fails: "its own is another",
    unknown: "the kernel has no memory controller or does not tell",
    ..FACT
};

pub static PIDS_MAX: Family = Family {
    id: "pids.max",
    observes: "the limit of tasks of its cgroup and the least among its ancestors'",
    passes: "its own is the one asked for; an ancestor's may be stricter",
    fails: "its own is another",
    unknown: "the kernel has no pids controller or does not tell",
    ..FACT
};

pub static CPU_MAX: Family = Family {
    id: "cpu.max",
    observes: "quota and period of its cgroup and the strictest among its ancestors'",
    passes: "its own are the ones asked for; an ancestor's may be stricter",
    fails: "its own are others",
    unknown: "the kernel has no CPU bandwidth control or does not tell",
    ..FACT
};

pub static CPUSET_CPUS: Family = Family {
    id: "cpuset.cpus",
    observes: "the effective processors of its cpuset",
    passes: "exactly those asked for",
    fails: "any other set",
    unknown: "the kernel has no cpuset controller or does not tell",
    ..FACT
};

pub static CPUS_ALLOWED: Family = Family {
    id: "cpus_allowed",
    observes: "the processors that the scheduler may run the task on",
    passes: "exactly those asked for",
    fails: "any other set",
    ..FACT
};

pub static CAPABILITIES: Family = Family {
    id: "capabilities.SET",
    observes: "one of the five capability sets",
    passes: "bounding is the set asked for; permitted and effective are the same for uid 0 and empty for any other user; inheritable and ambient are empty",
    fails: "a capability too many or too few",
    ..FACT
};

pub static IDS: Family = Family {
    id: "ids",
    observes: "real, effective, saved and file system user and group, in ids of the initial user namespace",
    passes: "all eight are what the maps make of the user asked for",
    fails: "one of them is another",
    unknown: "the user asked for is outside the map asked for",
    ..FACT
};

pub static GROUPS: Family = Family {
    id: "groups",
    observes: "the supplementary groups, in ids of the initial user namespace",
    passes: "exactly those asked for",
    fails: "one too many or too few",
    unknown: "a group asked for is outside the map asked for; more groups than the record has room for",
    ..FACT
};

pub static SECUREBITS: Family = Family {
    id: "securebits",
    observes: "the securebits of the task's credentials",
    passes: "none is set",
    fails: "one is set",
    ..FACT
};

pub static NO_NEW_PRIVS: Family = Family {
    id: "no_new_privs",
    observes: "the task's no_new_privs flag",
    passes: "it is set",
    fails: "it is not",
    ..FACT
};

pub static SECCOMP: Family = Family {
    id: "seccomp",
    observes: "seccomp mode and number of filters, next to tracer's own",
    passes: "filter mode with one filter more than tracer; unconfined: both as tracer's",
    fails: "no filter, or another number of them",
    unknown: "the kernel does not count filters (before 5.11)",
    ..FACT
};

pub static RLIMIT: Family = Family {
    id: "rlimit.NAME",
    observes: "soft and hard value of a resource limit",
    passes: "both are as asked",
    fails: "one differs",
    ..FACT
};

pub static HOSTNAME: Family = Family {
    id: "hostname",
    observes: "the node name of the task's UTS namespace",
    passes: "it is the one asked for",
    fails: "it is another",
    ..FACT
};

pub static MOUNT: Family = Family {
    id: "mount.TARGET",
    observes: "the topmost mount at that place, in the mount table at the gate",
    passes: "it is there, of the type asked for, read-only or not as asked; for a tmpfs also size and mode",
    fails: "it is missing or differs",
    unknown: "the mount table was not read, shows no root, or begins at another root than the task's, as after chroot",
    base: Base::MountInfo,
    ..FACT
};

pub static HOST_MOUNTS_READ_ONLY: Family = Family {
    id: "mounts.host_read_only",
    observes: "in the mount table at the gate, every mount of a file system that tracer's own table has too, but those asked for and device files",
    passes: "each is read-only",
    fails: "one can be written to",
    unknown: "the mount table was not read",
    base: Base::MountInfo,
    ..FACT
};

pub static PAYLOAD_EXEC: Family = Family {
    id: "payload.exec",
    observes: "the execs of the container's init",
    passes: "the first is the payload's, and comes after the facts at the gate were read",
    fails: "another program, an exec before the gate, or none; when the payload was not started, any at all",
    unknown: "the path is cut",
    base: Base::Records,
    needs: &[Kind::FORK, Kind::EXEC, Kind::SNAPSHOT],
    at_gate: false,
};

pub static COMPLETE: Family = Family {
    id: "complete",
    observes: "the kernel side's counters of records made and lost, for each kind, and what was read",
    passes: "made = read + lost, none lost, none unknown, no task left out",
    fails: "more records were read than made",
    unknown: "anything else; a hook that tells who is in scope is missing",
    base: Base::Counters,
    needs: &[Kind::FORK, Kind::EXIT],
    at_gate: false,
};

/// Every family, in the order of reports.
pub static CATALOG: [&Family; 72] = [
    &NAMESPACE_NEW,
    &NAMESPACE_SHARED,
    &condition::NAMESPACE_PRIVATE,
    &condition::NAMESPACE_IS,
    &ID_MAP,
    &condition::ROOT_ID,
    &CGROUP,
    &condition::CGROUP_PRIVATE,
    &condition::CGROUP_PATH,
    &MEMORY_MAX,
    &condition::MEMORY_BOUND,
    &PIDS_MAX,
    &condition::PIDS_BOUND,
    &CPU_MAX,
    &condition::CPU_BOUND,
    &CPUSET_CPUS,
    &condition::CPUSET_WITHIN,
    &attribute::CPUSET_MEMS,
    &attribute::CPUSET_MEMS_WITHIN,
    &CPUS_ALLOWED,
    &condition::CPUS_ALLOWED_WITHIN,
    &CAPABILITIES,
    &condition::CAPABILITIES_WITHIN,
    &condition::CAPABILITIES_WITHOUT,
    &IDS,
    &condition::ID_INSIDE,
    &GROUPS,
    &condition::GROUPS_WITHIN,
    &SECUREBITS,
    &NO_NEW_PRIVS,
    &condition::NO_NEW_PRIVS_UNSET,
    &SECCOMP,
    &condition::SECCOMP_FILTERED,
    &files::ROOT_PIVOTED,
    &files::ROOT_NOT_HOST,
    &files::ROOT_READ_ONLY,
    &files::CWD,
    &files::EXE,
    &files::DESCRIPTORS,
    &condition::DESCRIPTORS_WITHIN,
    &RLIMIT,
    &condition::RLIMIT_BOUND,
    &device::DEVICES_WITHIN,
    &device::DEVICES_WITHOUT,
    &device::DEVICES_WITH,
    &device::DEVICE_RULES,
    &attribute::OOM_SCORE_ADJ,
    &attribute::UMASK,
    &attribute::SESSION_KEYRING,
    &attribute::TIME_OFFSET,
    &attribute::TERMINAL,
    &attribute::SCHEDULER,
    &attribute::IO_PRIORITY,
    &attribute::MEMORY_POLICY,
    &attribute::PERSONALITY,
    &reading::CGROUP_FILE,
    &reading::SYSCTL,
    &reading::DEVICE_NODE,
    &reading::NET_DEVICE,
    &reading::LABEL,
    &HOSTNAME,
    &attribute::DOMAINNAME,
    &MOUNT,
    &mount::MOUNT_RULE,
    &mount::PATH_MASKED,
    &mount::PATH_READ_ONLY,
    &mount::ROOT_PROPAGATION,
    &HOST_MOUNTS_READ_ONLY,
    &PAYLOAD_EXEC,
    &condition::PROGRAM,
    &condition::DRIFT,
    &COMPLETE,
];

/// Name of the hook that makes records of `kind`.
pub fn hook_name(kind: Kind) -> &'static str {
    crate::event::catalog::CATALOG
        .iter()
        .find(|doc| doc.kind == kind)
        .map_or("unknown", |doc| doc.name)
}

/// Ids of the families that rest on records of any of these kinds.
pub fn resting_on(kinds: &[Kind]) -> String {
    let families = CATALOG
        .iter()
        .filter(|family| family.needs.iter().any(|kind| kinds.contains(kind)));
    let ids: Vec<&str> = families.map(|family| family.id).collect();
    ids.join(", ")
}

/// The table of docs/verdicts.md.
pub fn verdicts_markdown() -> String {
    let mut text = String::from(
        "| expectation | observes | passes | fails | cannot be known | rests on | judged |\n|---|---|---|---|---|---|---|\n",
    );
    for family in CATALOG {
        let rests: Vec<&str> = family
            .base
            .name()
            .into_iter()
            .chain(family.needs.iter().map(|kind| hook_name(*kind)))
            .collect();
        let rests = rests.join(", ");
        let judged = match (family.at_gate, family.at_exec()) {
            (true, _) => "gate, exec, end",
            (false, true) => "exec, end",
            (false, false) => "end",
        };
        let Family {
            id,
            observes,
            passes,
            fails,
            unknown,
            ..
        } = family;
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| `{id}` | {observes} | {passes} | {fails} | {unknown} | {rests} | {judged} |"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_holds_the_table_as_generated() {
        let page = include_str!("../../../docs/verdicts.md");
        let table = page
            .split_once("<!-- generated: verdicts -->\n")
            .and_then(|(_, rest)| rest.split_once("<!-- end -->"))
            .map(|(table, _)| table)
            .expect("docs/verdicts.md has its markers");
        assert_eq!(table, verdicts_markdown(), "run `cargo xtask docs`");
    }
}
