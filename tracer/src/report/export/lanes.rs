//! The timeline task by task: which stretch of time led up to each record. Owns what a lane is and
//! what kind of work a record stands for.

use std::collections::HashMap;

use crate::report::view::{Step, View};

/// What a record stands for in the making of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Clone,
    Namespace,
    Mount,
    Cgroup,
    Credentials,
    Seccomp,
    Exec,
    Exit,
    Other,
}

impl Phase {
    pub(super) const ALL: [Self; 9] = [
        Self::Clone,
        Self::Namespace,
        Self::Mount,
        Self::Cgroup,
        Self::Credentials,
        Self::Seccomp,
        Self::Exec,
        Self::Exit,
        Self::Other,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Clone => "clone",
            Self::Namespace => "namespace",
            Self::Mount => "mount",
            Self::Cgroup => "cgroup",
            Self::Credentials => "credentials",
            Self::Seccomp => "seccomp",
            Self::Exec => "exec",
            Self::Exit => "exit",
            Self::Other => "other",
        }
    }

    fn of(event: &str) -> Self {
        match event {
            "task_newtask" => Self::Clone,
            "setns" | "unshare" => Self::Namespace,
            "mount" | "umount2" | "pivot_root" | "chroot" | "open_tree" | "move_mount"
            | "fsopen" | "fsconfig" | "fsmount" | "fspick" | "mount_setattr" => Self::Mount,
            "cgroup_mkdir" | "cgroup_rmdir" | "cgroup_attach_task" => Self::Cgroup,
            "capset" | "prctl" | "setuid" | "setgid" | "setresuid" | "setresgid" | "setgroups" => {
                Self::Credentials
            }
            "seccomp" => Self::Seccomp,
            "sched_process_exec" => Self::Exec,
            "sched_process_exit" => Self::Exit,
            _ => Self::Other,
        }
    }
}

/// From a task's record before, or its birth, to a record of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bar<'a> {
    /// Nanoseconds since the first record of the run.
    pub from: u64,
    /// The record's own.
    pub to: u64,
    pub phase: Phase,
    pub step: &'a Step,
}

/// One task, from its first record to its last.
#[derive(Clone, Debug)]
pub(super) struct Lane<'a> {
    pub pid: u32,
    pub tid: u32,
    /// The last name that it had.
    pub name: &'a str,
    /// Who made it, and when, if a record tells.
    pub born: Option<Born>,
    pub bars: Vec<Bar<'a>>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Born {
    /// Lane of the maker.
    pub by: usize,
    /// Nanoseconds since the first record of the run.
    pub at: u64,
}

/// Every task of the run, in the order of first records.
pub(super) fn lanes(view: &View) -> Vec<Lane<'_>> {
    let steps = || view.timeline.iter().filter(|step| step.in_run);
    let start = steps().map(|step| step.time_ns).min().unwrap_or_default();
    let mut lanes: Vec<Lane<'_>> = Vec::new();
    // Numbers are used again once a task has ended, so these are of tasks that live.
    let mut living: HashMap<(u32, u32), usize> = HashMap::new();
    let mut births: HashMap<u64, Born> = HashMap::new();
    for step in steps() {
        let task = (step.process.pid, step.process.thread.id);
        let to = step.time_ns.saturating_sub(start);
        let at = *living.entry(task).or_insert_with(|| {
            lanes.push(Lane {
                pid: task.0,
                tid: task.1,
                name: &step.process.name,
                born: births.remove(&u64::from(task.1)),
                bars: Vec::new(),
            });
            lanes.len() - 1
        });
        let lane = &mut lanes[at];
        let before = lane.bars.last().map(|bar| bar.to);
        let from = before.or(lane.born.map(|born| born.at)).unwrap_or(to);
        let phase = Phase::of(&step.event);
        lane.name = &step.process.name;
        lane.bars.push(Bar {
            // Records of two processors can come a little out of order.
            from: from.min(to),
            to,
            phase,
            step,
        });
        for change in step.changes.iter().filter(|change| change.kind == "task") {
            births.extend(change.after.map(|child| (child, Born { by: at, at: to })));
        }
        if phase == Phase::Exit {
            living.remove(&task);
        }
    }
    lanes
}
