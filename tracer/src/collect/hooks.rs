//! Which hooks there are, in which ways each can be attached, and which was chosen: best first,
//! each with a fallback. Owns the table; `collect::Collector` does the attaching, and what the user
//! may ask for is in `wanted`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use tracer_common::{Kind, Layout, layout::ABSENT};

use super::syscalls::{SETNS_FUNCTION, UNSHARE_FUNCTION};

/// How a program is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// `tp_btf`: a tracepoint whose arguments the verifier knows the types of; since 5.5.
    TpBtf,
    /// `raw_tp`: the same without types; since 4.17.
    RawTp,
    /// `iter/task`; since 5.8.
    Iter,
    /// `fexit`: the return of a function of the kernel; since 5.5, refused by kernels that do not
    /// let their code be patched.
    Fexit,
    /// `lsm`: a hook of the kernel's security modules, which can refuse; since 5.7, where `bpf` is
    /// among the modules in force.
    Lsm,
}

impl Way {
    /// Every way.
    pub const ALL: [Self; 5] = [Self::TpBtf, Self::RawTp, Self::Iter, Self::Fexit, Self::Lsm];

    /// Its name in libbpf's terms.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TpBtf => "tp_btf",
            Self::RawTp => "raw_tp",
            Self::Iter => "iter",
            Self::Fexit => "fexit",
            Self::Lsm => "lsm",
        }
    }

    /// Whether what it attaches to is named by an id of the kernel's BTF, rather than by a name.
    #[must_use]
    pub const fn wants_ids(self) -> bool {
        !matches!(self, Self::RawTp)
    }
}

/// One way to attach a hook.
#[derive(Debug)]
pub struct Means {
    /// Which.
    pub way: Way,
    /// Programs, each with the tracepoint, iterator or function that it is attached to.
    pub programs: &'static [(&'static str, &'static str)],
    /// Kinds of record that the hook's other ways emit and this one does not. A way that tells
    /// less is taken only when it is asked for.
    pub lacks: &'static [Kind],
}

const fn means(way: Way, programs: &'static [(&'static str, &'static str)]) -> Means {
    Means {
        way,
        programs,
        lacks: &[],
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
    /// Ways, best first.
    pub ways: &'static [Means],
    /// What cannot be known without it, besides the expectations that rest on its records.
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
            means(Way::TpBtf, &[("sched_process_exit", "sched_process_exit")]),
            means(
                Way::RawTp,
                &[("raw_sched_process_exit", "sched_process_exit")],
            ),
        ],
        without: "",
        needs: |layout| layout.task_signal != ABSENT && layout.signal_live != ABSENT,
    },
    Hook {
        name: "task_newtask",
        fact: "a task was created, with which flags, in which namespaces and cgroups",
        prototype: "void (struct task_struct *task, u64 clone_flags)",
        since: "3.4",
        kinds: &[Kind::FORK],
        ways: &[
            means(Way::TpBtf, &[("task_newtask", "task_newtask")]),
            means(Way::RawTp, &[("raw_task_newtask", "task_newtask")]),
        ],
        without: "all that is judged at the end: the scope is inherited by it",
        needs: always,
    },
    Hook {
        name: "sched_process_exec",
        fact: "a program was executed: the birth certificate",
        prototype: "void (struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm)",
        since: "3.4",
        kinds: &[Kind::EXEC, Kind::LINEAGE],
        ways: &[
            means(Way::TpBtf, &[("sched_process_exec", "sched_process_exec")]),
            means(
                Way::RawTp,
                &[("raw_sched_process_exec", "sched_process_exec")],
            ),
        ],
        without: "all that is judged at the end on a certificate",
        needs: always,
    },
    Hook {
        name: "cgroup_mkdir",
        fact: "a cgroup was made",
        prototype: "void (struct cgroup *cgrp, const char *path)",
        since: "3.11",
        kinds: &[Kind::CGROUP_MKDIR],
        ways: &[
            means(Way::TpBtf, &[("cgroup_mkdir", "cgroup_mkdir")]),
            means(Way::RawTp, &[("raw_cgroup_mkdir", "cgroup_mkdir")]),
        ],
        without: "",
        needs: has_cgroups,
    },
    Hook {
        name: "cgroup_rmdir",
        fact: "a cgroup was removed",
        prototype: "void (struct cgroup *cgrp, const char *path)",
        since: "3.11",
        kinds: &[Kind::CGROUP_RMDIR],
        ways: &[
            means(Way::TpBtf, &[("cgroup_rmdir", "cgroup_rmdir")]),
            means(Way::RawTp, &[("raw_cgroup_rmdir", "cgroup_rmdir")]),
        ],
        without: "",
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
            means(Way::TpBtf, &[("cgroup_attach_task", "cgroup_attach_task")]),
            means(
                Way::RawTp,
                &[("raw_cgroup_attach_task", "cgroup_attach_task")],
            ),
        ],
        without: "",
        needs: has_cgroups,
    },
    Hook {
        name: "sys_exit",
        fact: "setns and unshare returned; mount, pivot_root, capset, seccomp, prctl for the \
               timeline",
        prototype: "void (struct pt_regs *regs, long ret)",
        since: "2.6.32",
        kinds: &[Kind::NAMESPACE, Kind::SYSCALL],
        ways: &[
            means(Way::TpBtf, &[("sys_exit", "sys_exit")]),
            means(Way::RawTp, &[("raw_sys_exit", "sys_exit")]),
            // The functions that the table of system calls leads to: what is inlined into them is
            // not missed.
            Means {
                way: Way::Fexit,
                programs: &[
                    ("fexit_setns", SETNS_FUNCTION),
                    ("fexit_unshare", UNSHARE_FUNCTION),
                ],
                lacks: &[Kind::SYSCALL],
            },
        ],
        without: "",
        needs: |layout| layout.regs_number != ABSENT && layout.regs_arg0 != ABSENT,
    },
    Hook {
        name: "task",
        fact: "a task at rest: the certificate at the gate, the host's inventory",
        prototype: "struct bpf_iter__task { struct bpf_iter_meta *meta; struct task_struct *task; }",
        since: "5.8",
        kinds: &[Kind::SNAPSHOT, Kind::TASK],
        ways: &[means(Way::Iter, &[("snapshot", "task")])],
        without: "everything else, too: no run begins, as there is nothing to compare with",
        needs: always,
    },
];

/// The one hook that tells nothing: it refuses, and is attached only where that is wanted.
pub static GUARD: Hook = Hook {
    name: "capable",
    fact: "refuses setns and unshare to containers that were let go, where drift is denied and \
           enforced; with `userns_create`, since 6.1",
    prototype: "int (const struct cred *cred, struct user_namespace *ns, int cap, unsigned int opts)",
    since: "2.6.28",
    kinds: &[],
    ways: &[means(
        Way::Lsm,
        &[
            ("refuse_capable", "capable"),
            ("refuse_userns_create", "userns_create"),
        ],
    )],
    without: "nothing: a change is detected, and its container killed",
    needs: |layout| layout.regs_number != ABSENT,
};

/// All hooks: those that tell, and the one that refuses.
pub fn all() -> impl Iterator<Item = &'static Hook> {
    HOOKS.iter().chain([&GUARD])
}

fn has_cgroups(layout: &Layout) -> bool {
    layout.cgroup_kn != ABSENT && layout.cgroup_root != ABSENT && layout.kernfs_id != ABSENT
}

/// Why a way was not tried that the user did not want.
pub const LEFT_OUT: &str = "left out as asked";

/// What became of one hook.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HookChoice {
    /// Name in [`HOOKS`].
    pub name: Cow<'static, str>,
    /// The way that works, `None` when none does.
    pub chosen: Option<Way>,
    /// Ways that were tried before it, and why each was refused.
    pub refused: Vec<(Way, String)>,
}

impl HookChoice {
    /// Kinds of record that this hook emits by some way and does not here, and why not.
    #[must_use]
    pub fn missing(&self) -> Vec<(Kind, String)> {
        let Some(hook) = HOOKS.iter().find(|hook| hook.name == self.name) else {
            return Vec::new();
        };
        let (kinds, why) = match self.chosen {
            Some(way) => {
                let means = hook.ways.iter().find(|means| means.way == way);
                let kinds = means.map_or(&[][..], |means| means.lacks);
                (kinds, format!("not told by {}", way.name()))
            }
            None => (hook.kinds, self.why_not()),
        };
        kinds.iter().map(|kind| (*kind, why.clone())).collect()
    }

    /// What each way said, or that none was tried.
    #[must_use]
    pub fn why_not(&self) -> String {
        if self.refused.is_empty() {
            return LEFT_OUT.to_owned();
        }
        let refused = self.refused.iter();
        let refused: Vec<String> = refused
            .map(|(way, why)| format!("{}: {why}", way.name()))
            .collect();
        refused.join("; ")
    }
}
