//! What there is to know about each kind of record, as data: docs/events.md is generated from
//! it. Owns the words; the layouts are `tracer_common`'s.

use std::fmt::Write as _;

use tracer_common::Kind;
use tracer_common::record::SIZES;

/// One kind of record.
#[derive(Clone, Copy, Debug)]
pub struct EventDoc {
    /// Number on the wire.
    pub kind: Kind,
    /// What reports call the event.
    pub name: &'static str,
    /// Struct in `tracer_common::record`.
    pub record: &'static str,
    /// Hook of the kernel that it comes from, first choice first.
    pub hook: &'static str,
    /// Whose events are recorded.
    pub scope: &'static str,
    /// What it says.
    pub says: &'static str,
    /// What it does not say.
    pub silent: &'static str,
}

const SCOPE: &str = "tracer's process and its descendants";
const MOVED: &str = "those processes, as mover or moved";
const HOST: &str = "the whole host";

/// Every kind, by number.
pub const CATALOG: &[EventDoc] = &[
    EventDoc {
        kind: Kind::FORK,
        name: "task_newtask",
        record: "ForkRecord",
        hook: "task_newtask",
        scope: SCOPE,
        says: "A task was created: who called clone, with which flags, who the parent is, and the child's ten namespaces and its cgroup in every hierarchy, all final.",
        silent: "Nothing of a clone that failed.",
    },
    EventDoc {
        kind: Kind::EXEC,
        name: "sched_process_exec",
        record: "CertificateRecord",
        hook: "sched_process_exec",
        scope: SCOPE,
        says: "A task is about to run a new program: its birth certificate, read after credentials are committed and close-on-exec descriptors are closed.",
        silent: "Arguments and environment.",
    },
    EventDoc {
        kind: Kind::EXIT,
        name: "sched_process_exit",
        record: "ExitRecord",
        hook: "sched_process_exit",
        scope: SCOPE,
        says: "A task ended: its exit code or signal, and whether it was the last thread of its group, and then what its cgroups limited it to.",
        silent: "When its parent reaped it.",
    },
    EventDoc {
        kind: Kind::NAMESPACE,
        name: "setns, unshare",
        record: "NamespaceRecord",
        hook: "the return of setns and unshare",
        scope: SCOPE,
        says: "What the call returned and the ten namespaces that the calling thread has now.",
        silent: "Which descriptor named the namespace: the argument is a hint.",
    },
    EventDoc {
        kind: Kind::CGROUP_MKDIR,
        name: "cgroup_mkdir",
        record: "CgroupRecord",
        hook: "cgroup_mkdir",
        scope: "tracer's process and its descendants; anybody, once a task of these is moved to what was made during the run",
        says: "A cgroup was made: hierarchy, id, depth, path below the hierarchy's root, and by whom.",
        silent: "The end of a path that is longer than there is room for.",
    },
    EventDoc {
        kind: Kind::CGROUP_RMDIR,
        name: "cgroup_rmdir",
        record: "CgroupRecord",
        hook: "cgroup_rmdir",
        scope: SCOPE,
        says: "A cgroup was removed. Its id may be given to a later one.",
        silent: "The end of a path that is longer than there is room for.",
    },
    EventDoc {
        kind: Kind::CGROUP_ATTACH,
        name: "cgroup_attach_task",
        record: "AttachRecord",
        hook: "cgroup_attach_task",
        scope: MOVED,
        says: "A task, or with `threadgroup` its whole thread group, was moved to a cgroup by a write to `cgroup.procs` or `tasks`, and by whom.",
        silent: "Membership by `CLONE_INTO_CGROUP` or by inheritance: the kernel does not run this hook for them, the `task_newtask` record holds them.",
    },
    EventDoc {
        kind: Kind::SYSCALL,
        name: "mount, pivot_root, capset, seccomp, prctl and their like",
        record: "SyscallRecord",
        hook: "the return of the call",
        scope: SCOPE,
        says: "That a call of a container's set-up returned, and what. For the timeline only.",
        silent: "What it did: arguments and path are hints that another thread could have changed. No expectation rests on them.",
    },
    EventDoc {
        kind: Kind::SNAPSHOT,
        name: "task_snapshot",
        record: "CertificateRecord",
        hook: "iter/task",
        scope: "the task that was asked for",
        says: "The certificate of a task at rest: of tracer itself at the start, of a container's init at the gate.",
        silent: "The path of the program, which only exec knows.",
    },
    EventDoc {
        kind: Kind::TASK,
        name: "task_inventory",
        record: "TaskRecord",
        hook: "iter/task",
        scope: HOST,
        says: "One task that was there already: its namespaces and cgroups.",
        silent: "How it got them.",
    },
    EventDoc {
        kind: Kind::DEVICE_PROGRAM,
        name: "device_program",
        record: "ProgramRecord",
        hook: "sched_process_exec, iter/task",
        scope: SCOPE,
        says: "Instructions of a BPF program that decides which devices a cgroup of v2 can use, the first time in a run that a task is seen under it; a long program takes several records.",
        silent: "Who attached it, and where; instructions beyond 4,096.",
    },
    EventDoc {
        kind: Kind::LINEAGE,
        name: "lineage",
        record: "LineageRecord",
        hook: "sched_process_exec",
        scope: "with `tracer audit`, the first of a container",
        says: "Who a task descends from as it executes a program, from its parent up: number, start, user, name, name of the executable file.",
        silent: "Ancestors beyond the twelfth, directories of executables, and who an ancestor was before its own parent ended.",
    },
];

/// The table of docs/events.md.
pub fn events_markdown() -> String {
    let mut text = String::from(
        "| event | record, bytes | hook | recorded for | says | does not say |\n|---|---|---|---|---|---|\n",
    );
    for doc in CATALOG {
        let size = SIZES
            .iter()
            .find(|(name, ..)| *name == doc.record)
            .map_or(0, |entry| entry.1);
        let EventDoc {
            name,
            record,
            hook,
            scope,
            says,
            silent,
            ..
        } = doc;
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| `{name}` | `{record}`, {size} | {hook} | {scope} | {says} | {silent} |"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_documented_once_and_in_order() {
        let kinds: Vec<u16> = CATALOG.iter().map(|doc| doc.kind.0).collect();
        assert_eq!(kinds, (1..Kind::END).collect::<Vec<_>>());
    }

    #[test]
    fn every_record_named_exists() {
        for doc in CATALOG {
            assert!(
                SIZES.iter().any(|(name, ..)| *name == doc.record),
                "{}",
                doc.record
            );
        }
    }

    #[test]
    fn the_page_holds_the_table_as_generated() {
        let page = include_str!("../../../docs/events.md");
        let table = page
            .split_once("<!-- generated: events -->\n")
            .and_then(|(_, rest)| rest.split_once("<!-- end -->"))
            .map(|(table, _)| table)
            .expect("docs/events.md has its markers");
        assert_eq!(table, events_markdown(), "run `cargo xtask docs`");
    }
}
