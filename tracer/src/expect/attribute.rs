//! What can be asked of how the kernel serves a process and of its terminal, and the names of all
//! that: policies, classes, modes, personalities. Owns the predicates and the words; must not look
//! at a certificate, which the judge does.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::event::certificate::{IoPriority, MemoryPolicy, SCHED_DEADLINE, Scheduling, Terminal};
use tracer_common::record::MemoryPolicy as Flags;

use super::Bound;
use super::wording::list_text;

/// Of the session's controlling terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TerminalAsked {
    /// There is none.
    None,
    /// There is one, and it is not tracer's.
    Own,
    /// It is not tracer's, if there is one.
    Private,
}

impl TerminalAsked {
    /// As reports say it.
    pub const fn text(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Own => "its own",
            Self::Private => "none, or its own",
        }
    }
}

/// How the processor is to serve it. What is `None` is not asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchedulerAsked {
    /// `SCHED_*`.
    pub policy: Option<u32>,
    /// From -20 to 19.
    pub nice: Option<Bound<i32>>,
    /// From 1 to 99 under a policy for real time, else 0.
    pub priority: Option<Bound<u32>>,
    /// Whether children begin with the default policy.
    pub reset_on_fork: Option<bool>,
    /// Further `SCHED_FLAG_*` that must be set.
    pub flags: u32,
    /// Runtime, deadline and period of `SCHED_DEADLINE` in nanoseconds.
    pub deadline: Option<[u64; 3]>,
}

/// How disks are to serve it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IoPriorityAsked {
    /// `IOPRIO_CLASS_*`.
    pub class: u32,
    /// Within the class; `None` = any.
    pub level: Option<u32>,
}

/// Where its memory is to be taken from. What is `None` is not asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryPolicyAsked {
    /// `MPOL_*`.
    pub mode: Option<u32>,
    /// Nodes, ascending.
    pub nodes: Option<Vec<u32>>,
    /// `MPOL_F_*` that must be set.
    pub flags: u32,
}

/// Numbers and their names.
type Names<const N: usize> = [(u32, &'static str); N];

/// `SCHED_*` (include/uapi/linux/sched.h), in the words of chrt(1).
pub const POLICIES: Names<8> = [
    (0, "other"),
    (1, "fifo"),
    (2, "rr"),
    (3, "batch"),
    (4, "iso"),
    (5, "idle"),
    (SCHED_DEADLINE, "deadline"),
    (7, "ext"),
];

/// `SCHED_FLAG_*` beyond reset on fork.
pub const SCHEDULER_FLAGS: Names<2> = [
    (Scheduling::RECLAIM, "reclaim"),
    (Scheduling::OVERRUN, "overrun"),
];

/// `IOPRIO_CLASS_*`, in the words of ionice(1).
pub const IO_CLASSES: Names<4> = [
    (0, "none"),
    (1, "realtime"),
    (2, "best-effort"),
    (3, "idle"),
];

/// `PER_*` (include/uapi/linux/personality.h) that bundles can ask for.
pub const PERSONALITIES: Names<2> = [(0, "linux"), (8, "linux32")];

/// `MPOL_*` (include/uapi/linux/mempolicy.h), by the words of /proc/PID/numa_maps, of which those that
/// are two have a hyphen here.
pub const MEMORY_MODES: Names<7> = [
    (0, "default"),
    (1, "prefer"),
    (2, "bind"),
    (3, "interleave"),
    (LOCAL, "local"),
    (5, "prefer-many"),
    (6, "weighted-interleave"),
];

/// `MPOL_PREFERRED` and `MPOL_LOCAL`.
pub const PREFER: u32 = 1;
pub const LOCAL: u32 = 4;

/// `MPOL_F_*`, in the words of /proc/PID/numa_maps.
pub const MEMORY_FLAGS: Names<3> = [
    (Flags::STATIC_NODES, "static"),
    (Flags::RELATIVE_NODES, "relative"),
    (Flags::NUMA_BALANCING, "balancing"),
];

/// The name, or the number where it has none.
pub fn name(names: &[(u32, &'static str)], number: u32) -> String {
    let found = names.iter().find(|(own, _)| *own == number);
    found.map_or_else(|| number.to_string(), |(_, name)| (*name).to_owned())
}

/// The number of a name.
pub fn number(names: &[(u32, &'static str)], name: &str) -> Option<u32> {
    let found = names.iter().find(|(_, own)| *own == name)?;
    Some(found.0)
}

/// Names of the bits that are set.
pub fn set_names(names: &[(u32, &'static str)], bits: u32) -> Vec<&'static str> {
    let set = names.iter().filter(|(bit, _)| bits & bit != 0);
    set.map(|(_, name)| *name).collect()
}

/// Major and minor number in the kernel's encoding.
pub fn device_text(device: u32) -> String {
    format!("{}:{}", device >> 20, device & 0xf_ffff)
}

/// A terminal by its numbers: a pseudoterminal's says nothing without its devpts.
pub fn terminal_text(terminal: Terminal) -> String {
    match terminal {
        Terminal::NONE => "none".to_owned(),
        Terminal { device, devpts: 0 } => format!("device {}", device_text(device)),
        Terminal { device, devpts } => format!(
            "device {} of the devpts {}",
            device_text(device),
            device_text(devpts)
        ),
    }
}

/// A name, or hexadecimal with all its flags.
pub fn personality_text(personality: u32) -> String {
    let found = PERSONALITIES.iter().find(|(own, _)| *own == personality);
    found.map_or_else(
        || format!("{personality:#x}"),
        |(_, name)| (*name).to_owned(),
    )
}

/// Memory nodes, or `none`.
pub fn nodes_text(nodes: &[u32]) -> String {
    match nodes {
        [] => "none".to_owned(),
        nodes => format!("node {}", list_text(nodes)),
    }
}

/// As much of it as counts under its policy.
pub fn scheduling_text(seen: &Scheduling) -> String {
    let mut text = name(&POLICIES, seen.policy);
    // Writing to a String cannot fail.
    let _ = match seen.policy {
        1 | 2 => write!(text, ", priority {}", seen.priority),
        SCHED_DEADLINE => {
            let own = seen.deadline;
            write!(
                text,
                ", {}",
                deadline_text([own.runtime, own.deadline, own.period])
            )
        }
        _ => write!(text, ", nice {}", seen.nice),
    };
    if seen.flags & Scheduling::RESET_ON_FORK != 0 {
        text.push_str(", reset on fork");
    }
    if seen.policy == SCHED_DEADLINE {
        for flag in set_names(&SCHEDULER_FLAGS, seen.flags) {
            let _ = write!(text, ", {flag}");
        }
    }
    text
}

fn deadline_text([runtime, deadline, period]: [u64; 3]) -> String {
    format!("{runtime} of {period} ns within {deadline} ns")
}

impl SchedulerAsked {
    /// As reports say it.
    #[must_use]
    pub fn text(&self) -> String {
        let mut parts = Vec::new();
        parts.extend(self.policy.map(|policy| name(&POLICIES, policy)));
        let nice = self.nice.map(|bound| bound.text(ToString::to_string));
        parts.extend(nice.map(|bound| format!("nice {bound}")));
        let priority = self.priority.map(|bound| bound.text(ToString::to_string));
        parts.extend(priority.map(|bound| format!("priority {bound}")));
        parts.extend(self.deadline.map(deadline_text));
        parts.extend(self.reset_on_fork.map(|reset| {
            let text = if reset {
                "reset on fork"
            } else {
                "no reset on fork"
            };
            text.to_owned()
        }));
        let flags = set_names(&SCHEDULER_FLAGS, self.flags);
        parts.extend(flags.into_iter().map(str::to_owned));
        parts.join(", ")
    }

    /// Whatever satisfies this satisfies `other`.
    pub(super) fn implies(&self, other: &Self) -> bool {
        let bounds = less(self.nice, other.nice, |one, other| one.implies(&other))
            && less(self.priority, other.priority, |one, other| {
                one.implies(&other)
            });
        bounds
            && less(self.policy, other.policy, |one, other| one == other)
            && less(self.reset_on_fork, other.reset_on_fork, |one, other| {
                one == other
            })
            && less(self.deadline, other.deadline, |one, other| one == other)
            && other.flags & !self.flags == 0
    }

    /// Nothing satisfies both.
    pub(super) fn excludes(&self, other: &Self) -> bool {
        clash(self.nice, other.nice, |one, other| one.excludes(&other))
            || clash(self.priority, other.priority, |one, other| {
                one.excludes(&other)
            })
            || clash(self.policy, other.policy, |one, other| one != other)
            || clash(self.reset_on_fork, other.reset_on_fork, |one, other| {
                one != other
            })
            || clash(self.deadline, other.deadline, |one, other| one != other)
    }

    /// What of it does not hold, each in a few words.
    #[must_use]
    pub fn wrong(&self, seen: &Scheduling) -> Vec<String> {
        let mut wrong = Vec::new();
        if self.policy.is_some_and(|policy| policy != seen.policy) {
            wrong.push(format!("the policy is {}", name(&POLICIES, seen.policy)));
        }
        if self.nice.is_some_and(|bound| !bound.holds(&seen.nice)) {
            wrong.push(format!("the nice value is {}", seen.nice));
        }
        if self
            .priority
            .is_some_and(|bound| !bound.holds(&seen.priority))
        {
            wrong.push(format!("the priority is {}", seen.priority));
        }
        let reset = seen.flags & Scheduling::RESET_ON_FORK != 0;
        if self.reset_on_fork.is_some_and(|asked| asked != reset) {
            let text = if reset {
                "it resets on fork"
            } else {
                "it does not reset on fork"
            };
            wrong.push(text.to_owned());
        }
        let own = seen.deadline;
        let own = [own.runtime, own.deadline, own.period];
        if self.deadline.is_some_and(|asked| asked != own) {
            wrong.push(format!("it has {}", deadline_text(own)));
        }
        let lacking = set_names(&SCHEDULER_FLAGS, self.flags & !seen.flags);
        wrong.extend(lacking.into_iter().map(|flag| format!("it lacks {flag}")));
        wrong
    }
}

/// What is not asked of the other needs nothing of the one.
fn less<T>(one: Option<T>, other: Option<T>, implies: impl FnOnce(T, T) -> bool) -> bool {
    match (one, other) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(one), Some(other)) => implies(one, other),
    }
}

fn clash<T>(one: Option<T>, other: Option<T>, excludes: impl FnOnce(T, T) -> bool) -> bool {
    one.zip(other)
        .is_some_and(|(one, other)| excludes(one, other))
}

impl IoPriorityAsked {
    /// As reports say it.
    #[must_use]
    pub fn text(self) -> String {
        let class = name(&IO_CLASSES, self.class);
        match self.level {
            None => class,
            Some(level) => format!("{class} {level}"),
        }
    }

    /// Whether it is so.
    #[must_use]
    pub fn holds(self, seen: IoPriority) -> bool {
        self.class == seen.class && self.level.is_none_or(|level| level == seen.level)
    }
}

/// A class, and a level where the class has any.
pub fn io_priority_text(seen: IoPriority) -> String {
    let asked = IoPriorityAsked {
        class: seen.class,
        level: matches!(seen.class, 1 | 2).then_some(seen.level),
    };
    asked.text()
}

impl MemoryPolicyAsked {
    /// As reports say it.
    #[must_use]
    pub fn text(&self) -> String {
        let mut parts = Vec::new();
        parts.extend(self.mode.map(|mode| name(&MEMORY_MODES, mode)));
        parts.extend(self.nodes.as_deref().map(nodes_text));
        let flags = set_names(&MEMORY_FLAGS, self.flags);
        parts.extend(flags.into_iter().map(str::to_owned));
        parts.join(", ")
    }

    /// Whatever satisfies this satisfies `other`.
    pub(super) fn implies(&self, other: &Self) -> bool {
        less(self.mode, other.mode, |one, other| one == other)
            && less(self.nodes.as_ref(), other.nodes.as_ref(), |one, other| {
                one == other
            })
            && other.flags & !self.flags == 0
    }

    /// Nothing satisfies both.
    pub(super) fn excludes(&self, other: &Self) -> bool {
        clash(self.mode, other.mode, |one, other| one != other)
            || clash(self.nodes.as_ref(), other.nodes.as_ref(), |one, other| {
                one != other
            })
    }

    /// Whether it is so.
    #[must_use]
    pub fn holds(&self, seen: &MemoryPolicy) -> bool {
        self.mode.is_none_or(|mode| mode == seen.mode)
            && self.nodes.as_ref().is_none_or(|nodes| *nodes == seen.nodes)
            && self.flags & !seen.flags == 0
    }
}

/// Mode, nodes where it has any, and flags.
pub fn memory_policy_text(seen: &MemoryPolicy) -> String {
    let asked = MemoryPolicyAsked {
        mode: Some(seen.mode),
        nodes: (!seen.nodes.is_empty()).then(|| seen.nodes.clone()),
        flags: seen.flags,
    };
    asked.text()
}
