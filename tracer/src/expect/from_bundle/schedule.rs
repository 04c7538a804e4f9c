//! How a bundle's process is to be served: its turn on the processor and on disks, and its memory
//! policy. Owns what of it the kernel heeds under which policy.

use oci_spec::runtime::{
    IOPriorityClass, LinuxIOPriority, LinuxMemoryPolicy, LinuxSchedulerFlag, LinuxSchedulerPolicy,
    MemoryPolicyFlagType, MemoryPolicyModeType, Scheduler, Spec,
};
use tracer_common::record::MemoryPolicy;

use crate::event::certificate::{SCHED_DEADLINE, Scheduling};

use super::super::attribute::{
    IoPriorityAsked, LOCAL, MemoryPolicyAsked, PREFER, SchedulerAsked, nodes_text,
};
use super::super::condition::{Bound, Comparison};
use super::super::{Check, cpu_list};
use super::{BundleError, List};

pub(super) fn all(spec: &Spec, list: &mut List) -> Result<(), BundleError> {
    let process = spec.process().as_ref();
    if let Some(asked) = process.and_then(|process| process.scheduler().as_ref()) {
        let asked = scheduler(asked);
        let (text, check) = (asked.text(), Check::Scheduler(asked));
        list.add("scheduler", text, "process.scheduler", check);
    }
    if let Some(asked) = process.and_then(|process| process.io_priority().as_ref()) {
        let asked = io_priority(asked)?;
        let (text, check) = (asked.text(), Check::IoPriority(asked));
        list.add("io_priority", text, "process.ioPriority", check);
    }
    let linux = spec.linux().as_ref();
    if let Some(asked) = linux.and_then(|linux| linux.memory_policy().as_ref()) {
        let asked = memory_policy(asked)?;
        let (text, check) = (asked.text(), Check::MemoryPolicy(asked));
        list.add("memory_policy", text, "linux.memoryPolicy", check);
    }
    let resources = linux.and_then(|linux| linux.resources().as_ref());
    let cpu = resources.and_then(|resources| resources.cpu().as_ref());
    let mems = cpu.and_then(|cpu| cpu.mems().as_ref());
    if let Some(asked) = mems.filter(|asked| !asked.is_empty()) {
        let property = "linux.resources.cpu.mems";
        let nodes = nodes(asked, property)?;
        let text = nodes_text(&nodes);
        list.add("cpuset.mems", text, property, Check::CpusetMems(nodes));
    }
    Ok(())
}

fn nodes(asked: &str, property: &'static str) -> Result<Vec<u32>, BundleError> {
    cpu_list(asked).ok_or_else(|| BundleError::Value {
        property,
        value: asked.to_owned(),
        must: "a list of memory nodes as in 0-3,8",
    })
}

/// The nice value counts under two policies, the priority under two others, and deadlines under one
/// (config.md, "Process", and sched(7)); the kernel passes over the rest.
fn scheduler(asked: &Scheduler) -> SchedulerAsked {
    let policy = match asked.policy() {
        LinuxSchedulerPolicy::SchedOther => 0,
        LinuxSchedulerPolicy::SchedFifo => 1,
        LinuxSchedulerPolicy::SchedRr => 2,
        LinuxSchedulerPolicy::SchedBatch => 3,
        LinuxSchedulerPolicy::SchedIso => 4,
        LinuxSchedulerPolicy::SchedIdle => 5,
        LinuxSchedulerPolicy::SchedDeadline => SCHED_DEADLINE,
    };
    let nice = asked.nice().filter(|_| matches!(policy, 0 | 3));
    let priority = asked.priority().filter(|_| matches!(policy, 1 | 2));
    let priority = priority.map(|priority| u32::try_from(priority).unwrap_or_default());
    let runtime = asked.runtime().filter(|_| policy == SCHED_DEADLINE);
    let mut wanted = SchedulerAsked {
        policy: Some(policy),
        nice: nice.map(|nice| Bound::new(Comparison::Exactly, nice)),
        priority: priority.map(|priority| Bound::new(Comparison::Exactly, priority)),
        reset_on_fork: None,
        flags: 0,
        deadline: runtime.map(|runtime| {
            let deadline = asked.deadline().unwrap_or_default();
            // Without a period it is the deadline (kernel/sched/deadline.c, `__setparam_dl`).
            let period = asked.period().filter(|period| *period > 0);
            [runtime, deadline, period.unwrap_or(deadline)]
        }),
    };
    for flag in asked.flags().iter().flatten() {
        match flag {
            LinuxSchedulerFlag::SchedResetOnFork => wanted.reset_on_fork = Some(true),
            LinuxSchedulerFlag::SchedFlagReclaim if policy == SCHED_DEADLINE => {
                wanted.flags |= Scheduling::RECLAIM;
            }
            LinuxSchedulerFlag::SchedFlagDLOverrun if policy == SCHED_DEADLINE => {
                wanted.flags |= Scheduling::OVERRUN;
            }
            // They say how the call is to be understood, and leave nothing behind.
            _ => {}
        }
    }
    wanted
}

/// The idle class has no levels (ioprio_set(2)).
fn io_priority(asked: &LinuxIOPriority) -> Result<IoPriorityAsked, BundleError> {
    let class = match asked.class() {
        IOPriorityClass::IoprioClassRt => 1,
        IOPriorityClass::IoprioClassBe => 2,
        IOPriorityClass::IoprioClassIdle => {
            return Ok(IoPriorityAsked {
                class: 3,
                level: None,
            });
        }
    };
    let level = u32::try_from(asked.priority());
    let level = level.ok().filter(|level| *level < 8);
    let level = level.ok_or_else(|| BundleError::Value {
        property: "process.ioPriority",
        value: asked.priority().to_string(),
        must: "a priority from 0 to 7",
    })?;
    Ok(IoPriorityAsked {
        class,
        level: Some(level),
    })
}

fn memory_policy(asked: &LinuxMemoryPolicy) -> Result<MemoryPolicyAsked, BundleError> {
    let wanted = asked.nodes().as_ref().filter(|nodes| !nodes.is_empty());
    let wanted = wanted.map(|wanted| nodes(wanted, "linux.memoryPolicy.nodes"));
    let wanted = wanted.transpose()?;
    let mode = match asked.mode() {
        MemoryPolicyModeType::MpolDefault => 0,
        // Of no node it is the one that the process runs on (mm/mempolicy.c, `mpol_new`).
        MemoryPolicyModeType::MpolPreferred if wanted.is_none() => LOCAL,
        MemoryPolicyModeType::MpolPreferred => PREFER,
        MemoryPolicyModeType::MpolBind => 2,
        MemoryPolicyModeType::MpolInterleave => 3,
        MemoryPolicyModeType::MpolLocal => LOCAL,
        MemoryPolicyModeType::MpolPreferredMany => 5,
        MemoryPolicyModeType::MpolWeightedInterleave => 6,
    };
    let flags = asked.flags().iter().flatten();
    let flags = flags.fold(0, |flags, flag| {
        flags
            | match flag {
                MemoryPolicyFlagType::MpolFNumaBalancing => MemoryPolicy::NUMA_BALANCING,
                MemoryPolicyFlagType::MpolFRelativeNodes => MemoryPolicy::RELATIVE_NODES,
                MemoryPolicyFlagType::MpolFStaticNodes => MemoryPolicy::STATIC_NODES,
            }
    });
    Ok(MemoryPolicyAsked {
        mode: Some(mode),
        nodes: wanted,
        flags,
    })
}
