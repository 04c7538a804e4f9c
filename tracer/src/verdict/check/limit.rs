//! Limits: those of the cgroup, ancestors included, and resource limits. Owns their comparison.

use crate::event::Certificate;
use crate::event::certificate::{Limit, UNLIMITED};
use crate::expect::rlimit as names;
use crate::expect::wording::{bytes_text, cpu_text, cpu_time_text, list_text};

use super::super::finding::{Facts, Finding};

pub(super) fn memory(asked: u64, facts: &Facts<'_>) -> Finding {
    facts.fact("the memory limit", Certificate::memory, |limit| {
        at_most(asked, limit, bytes_text, facts)
    })
}

pub(super) fn pids(asked: u64, facts: &Facts<'_>) -> Finding {
    facts.fact("the limit of tasks", Certificate::pids, |limit| {
        at_most(asked, limit, |tasks| format!("{tasks} tasks"), facts)
    })
}

/// The own limit is the one asked for; what is in force may be less, by an ancestor.
fn at_most(asked: u64, limit: Limit, amount: fn(u64) -> String, facts: &Facts<'_>) -> Finding {
    let text = |value: u64| match value {
        UNLIMITED => "no limit".to_owned(),
        value => amount(value),
    };
    let mut seen = text(limit.own);
    if limit.effective != limit.own {
        seen = format!(
            "{seen}; {} in force, {} levels up",
            text(limit.effective),
            limit.depth
        );
    }
    let holds = limit.own == asked && limit.effective <= asked;
    let reason = if limit.own > asked {
        "it allows more"
    } else {
        "it is not the one asked for"
    };
    Finding::decide(
        holds,
        seen.clone(),
        reason,
        facts.certificate_evidence(seen),
    )
}

pub(super) fn cpu(quota_ns: u64, period_ns: u64, facts: &Facts<'_>) -> Finding {
    facts.fact("CPU bandwidth", Certificate::cpu, |cpu| {
        let text = |quota: u64, period: u64| match quota {
            UNLIMITED => "no limit".to_owned(),
            quota => cpu_time_text(quota / 1000, period / 1000),
        };
        let mut seen = text(cpu.own_quota, cpu.own_period);
        if (cpu.quota, cpu.period) != (cpu.own_quota, cpu.own_period) {
            let in_force = text(cpu.quota, cpu.period);
            seen = format!("{seen}; {in_force} in force, {} levels up", cpu.depth);
        }
        let own = (cpu.own_quota, cpu.own_period) == (quota_ns, period_ns);
        // quota / period in force <= quota / period asked for, without division.
        let in_force = cpu.quota != UNLIMITED
            && u128::from(cpu.quota) * u128::from(period_ns)
                <= u128::from(quota_ns) * u128::from(cpu.period);
        let evidence = facts.certificate_evidence(seen.clone());
        Finding::decide(
            own && in_force,
            seen,
            "it is not the one asked for",
            evidence,
        )
    })
}

pub(super) fn cpuset(asked: &[u32], facts: &Facts<'_>) -> Finding {
    facts.fact("the cpuset", Certificate::cpuset_cpus, |cpus| {
        processors(asked, &cpus, facts)
    })
}

pub(super) fn cpus_allowed(asked: &[u32], facts: &Facts<'_>) -> Finding {
    facts.fact("allowed processors", Certificate::cpus_allowed, |cpus| {
        processors(asked, &cpus, facts)
    })
}

fn processors(asked: &[u32], seen: &[u32], facts: &Facts<'_>) -> Finding {
    let extra: Vec<u32> = seen
        .iter()
        .copied()
        .filter(|cpu| !asked.contains(cpu))
        .collect();
    let lacking: Vec<u32> = asked
        .iter()
        .copied()
        .filter(|cpu| !seen.contains(cpu))
        .collect();
    let reason = if extra.is_empty() {
        format!("lacks {}", list_text(&lacking))
    } else {
        format!("also {}", list_text(&extra))
    };
    let text = cpu_text(seen);
    let holds = extra.is_empty() && lacking.is_empty();
    Finding::decide(
        holds,
        text.clone(),
        reason,
        facts.certificate_evidence(text),
    )
}

pub(super) fn rlimit(resource: u32, soft: u64, hard: u64, facts: &Facts<'_>) -> Finding {
    facts.fact(
        "resource limits",
        |certificate| certificate.rlimit(resource),
        |limit| {
            let seen = format!("{}:{}", names::value(limit.soft), names::value(limit.hard));
            let holds = (limit.soft, limit.hard) == (soft, hard);
            let evidence = facts.certificate_evidence(seen.clone());
            Finding::decide(holds, seen, "it is not the one asked for", evidence)
        },
    )
}
