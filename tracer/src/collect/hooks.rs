//! Which hooks there are, in which ways each can be attached, and which was chosen: best first,
//! each with a fallback. Owns the table; `collect::Collector` does the attaching.

use serde::Serialize;
use tracer_common::{Kind, Layout, layout::ABSENT};

/// How a program is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// `tp_btf`: a tracepoint whose arguments the verifier knows the types of; since 5.5.
    TpBtf,
    /// `raw_tp`: the same without types; since 4.17.
    RawTp,
    /// `iter/task`; since 5.8.
    Iter,
}

impl Way {
    /// Its name in libbpf's terms.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TpBtf => "tp_btf",
            Self::RawTp => "raw_tp",
            Self::Iter => "iter",
        }
    }
}

/// One hook of the kernel.
#[derive(Debug)]
pub struct Hook {
    /// Tracepoint or iterator.
    pub name: &'static str,
    /// What it tells.
    pub fact: &'static str,
    /// Prototype in the kernel.
    pub prototype: &'static str,
    /// First kernel that has it.
    pub since: &'static str,
    /// Kinds of record that it emits.
    pub kinds: &'static [Kind],
    /// Ways, best first, each with the program that it attaches.
    pub ways: &'static [(Way, &'static str)],
    /// What cannot be known without it: families of expectations.
    pub without: &'static str,
    /// Members of [`Layout`] without which it can say nothing.
    pub needs: fn(&Layout) -> bool,
}

fn always(_: &Layout) -> bool {
    true
}

/// Every hook, in the order of attaching: exit comes before fork, so that no thread group enters
/// the scope whose end would be missed.
pub const HOOKS: &[Hook] = &[
    Hook {
        name: "sched_process_exit",
        fact: "a task ended",
        prototype: "void (struct task_struct *p[, bool group_dead])",
        since: "2.6.24",
        kinds: &[Kind::EXIT],
        ways: &[
            (Way::TpBtf, "sched_process_exit"),
            (Way::RawTp, "raw_sched_process_exit"),
        ],
        without: "complete",
        needs: |layout| layout.task_signal != ABSENT && layout.signal_live != ABSENT,
    },
    Hook {
        name: "task_newtask",
        fact: "a task was created, with which flags, in which namespaces and cgroups",
        prototype: "void (struct task_struct *task, u64 clone_flags)",
        since: "3.4",
        kinds: &[Kind::FORK],
        ways: &[
            (Way::TpBtf, "task_newtask"),
            (Way::RawTp, "raw_task_newtask"),
        ],
        without: "namespace.*, cgroup.*",
        needs: always,
    },
    Hook {
        name: "sched_process_exec",
        fact: "a program was executed: the birth certificate",
        prototype: "void (struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm)",
        since: "3.4",
        kinds: &[Kind::EXEC],
        ways: &[
            (Way::TpBtf, "sched_process_exec"),
            (Way::RawTp, "raw_sched_process_exec"),
        ],
        without: "every expectation on the payload",
        needs: always,
    },
    Hook {
        name: "cgroup_mkdir",
        fact: "a cgroup was made",
        prototype: "void (struct cgroup *cgrp, const char *path)",
        since: "3.11",
        kinds: &[Kind::CGROUP_MKDIR],
        ways: &[
            (Way::TpBtf, "cgroup_mkdir"),
            (Way::RawTp, "raw_cgroup_mkdir"),
        ],
        without: "cgroup.*",
        needs: has_cgroups,
    },
    Hook {
        name: "cgroup_rmdir",
        fact: "a cgroup was removed",
        prototype: "void (struct cgroup *cgrp, const char *path)",
        since: "3.11",
        kinds: &[Kind::CGROUP_RMDIR],
        ways: &[
            (Way::TpBtf, "cgroup_rmdir"),
            (Way::RawTp, "raw_cgroup_rmdir"),
        ],
        without: "nothing: the timeline alone",
        needs: has_cgroups,
    },
    Hook {
        name: "cgroup_attach_task",
        fact: "a task was moved to a cgroup, and by whom",
        prototype: "void (struct cgroup *dst_cgrp, const char *path, struct task_struct *task, \
                    bool threadgroup)",
        since: "3.11",
        kinds: &[Kind::CGROUP_ATTACH],
        ways: &[
            (Way::TpBtf, "cgroup_attach_task"),
            (Way::RawTp, "raw_cgroup_attach_task"),
        ],
        without: "cgroup.*",
        needs: has_cgroups,
    },
    Hook {
        name: "sys_exit",
        fact: "setns and unshare returned; mount, pivot_root, capset, seccomp, prctl for the \
               timeline",
        prototype: "void (struct pt_regs *regs, long ret)",
        since: "2.6.32",
        kinds: &[Kind::NAMESPACE, Kind::SYSCALL],
        ways: &[(Way::TpBtf, "sys_exit"), (Way::RawTp, "raw_sys_exit")],
        without: "namespace.*",
        needs: |layout| layout.regs_number != ABSENT && layout.regs_arg0 != ABSENT,
    },
    Hook {
        name: "task",
        fact: "a task at rest: the certificate at the gate, the host's inventory",
        prototype: "struct bpf_iter__task { struct bpf_iter_meta *meta; struct task_struct *task; }",
        since: "5.8",
        kinds: &[Kind::SNAPSHOT, Kind::TASK],
        ways: &[(Way::Iter, "snapshot")],
        without: "the gate, and what the host itself has",
        needs: always,
    },
];

fn has_cgroups(layout: &Layout) -> bool {
    layout.cgroup_kn != ABSENT && layout.cgroup_root != ABSENT && layout.kernfs_id != ABSENT
}

/// What became of one hook.
#[derive(Clone, Debug, Serialize)]
pub struct HookChoice {
    /// Name in [`HOOKS`].
    pub name: &'static str,
    /// The way that works, `None` when none does.
    pub chosen: Option<Way>,
    /// Ways that were tried before it, and why each was refused.
    pub refused: Vec<(Way, String)>,
}
