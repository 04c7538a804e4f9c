//! How the kernel serves a process: its turn on the processor and on disks, and its memory nodes.
//! Owns their comparison.

use crate::event::Certificate;
use crate::expect::attribute::{
    IoPriorityAsked, MemoryPolicyAsked, SchedulerAsked, io_priority_text, memory_policy_text,
    nodes_text, scheduling_text,
};
use crate::expect::wording::list_text;

use super::super::finding::{Facts, Finding};

pub(super) fn scheduler(asked: &SchedulerAsked, facts: &Facts<'_>) -> Finding {
    facts.fact("scheduling", Certificate::scheduling, |seen| {
        let text = scheduling_text(&seen);
        let wrong = asked.wrong(&seen);
        let evidence = facts.certificate_evidence(text.clone());
        Finding::decide(wrong.is_empty(), text, wrong.join("; "), evidence)
    })
}

pub(super) fn io_priority(asked: IoPriorityAsked, facts: &Facts<'_>) -> Finding {
    facts.fact("the priority at disks", Certificate::io_priority, |seen| {
        let text = io_priority_text(seen);
        let evidence = facts.certificate_evidence(text.clone());
        Finding::decide(
            asked.holds(seen),
            text,
            "it is not the one asked for",
            evidence,
        )
    })
}

pub(super) fn memory_policy(asked: &MemoryPolicyAsked, facts: &Facts<'_>) -> Finding {
    facts.fact("the memory policy", Certificate::memory_policy, |seen| {
        let text = memory_policy_text(&seen);
        let evidence = facts.certificate_evidence(text.clone());
        Finding::decide(
            asked.holds(&seen),
            text,
            "it is not the one asked for",
            evidence,
        )
    })
}

pub(super) fn cpuset_mems(asked: &[u32], facts: &Facts<'_>) -> Finding {
    nodes(asked, true, facts)
}

pub(super) fn cpuset_mems_within(asked: &[u32], facts: &Facts<'_>) -> Finding {
    nodes(asked, false, facts)
}

fn nodes(asked: &[u32], all: bool, facts: &Facts<'_>) -> Finding {
    let name = "the cpuset's memory nodes";
    facts.fact(name, Certificate::cpuset_mems, |seen| {
        let lacking_in = |these: &[u32], those: &[u32]| -> Vec<u32> {
            let lacking = these.iter().filter(|node| !those.contains(node));
            lacking.copied().collect()
        };
        let extra = lacking_in(&seen, asked);
        let lacking = if all {
            lacking_in(asked, &seen)
        } else {
            Vec::new()
        };
        let reason = if extra.is_empty() {
            format!("lacks {}", list_text(&lacking))
        } else {
            format!("also {}", list_text(&extra))
        };
        let text = nodes_text(&seen);
        let evidence = facts.certificate_evidence(text.clone());
        let holds = extra.is_empty() && lacking.is_empty();
        Finding::decide(holds, text, reason, evidence)
    })
}
