//! Limits: those of the cgroup, ancestors included, and resource limits. Owns their comparison.

use crate::event::Certificate;
use crate::event::certificate::{Limit, UNLIMITED};
use crate::expect::rlimit as names;
use crate::expect::wording::{bytes_text, cpu_text, cpu_time_text, list_text};
use crate::expect::{Bound, Comparison, Processors};

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

pub(super) fn memory_bound(asked: Bound<u64>, facts: &Facts<'_>) -> Finding {
    let asked = asked.in_pages();
    facts.fact("the memory limit", Certificate::memory, |limit| {
        in_force(asked, limit, &bytes_text, facts)
    })
}

pub(super) fn pids_bound(asked: Bound<u64>, facts: &Facts<'_>) -> Finding {
    facts.fact("the limit of tasks", Certificate::pids, |limit| {
        in_force(asked, limit, &|tasks| format!("{tasks} tasks"), facts)
    })
}

fn in_force(
    asked: Bound<u64>,
    limit: Limit,
    amount: &dyn Fn(u64) -> String,
    facts: &Facts<'_>,
) -> Finding {
    let text = match limit.effective {
        UNLIMITED => "no limit".to_owned(),
        value => amount(value),
    };
    compared(
        &asked,
        &limit.effective,
        limit.truncated,
        limit.depth,
        text,
        facts,
    )
}

pub(super) fn cpu_bound(asked: Bound<Processors>, facts: &Facts<'_>) -> Finding {
    facts.fact("CPU bandwidth", Certificate::cpu, |cpu| {
        let seen = match cpu.quota {
            UNLIMITED => Processors::UNLIMITED,
            quota => Processors {
                quota,
                period: cpu.period.max(1),
            },
        };
        let text = seen.to_string();
        compared(&asked, &seen, cpu.truncated, cpu.depth, text, facts)
    })
}

/// Compares what is in force. With ancestors that are not known it may be less than what is
/// seen, and never more.
fn compared<T: Ord>(
    asked: &Bound<T>,
    seen: &T,
    truncated: bool,
    depth: usize,
    text: String,
    facts: &Facts<'_>,
) -> Finding {
    let holds = asked.holds(seen);
    let certain = match asked.comparison {
        Comparison::AtMost | Comparison::Below => holds,
        Comparison::AtLeast | Comparison::Above => !holds,
        Comparison::Exactly => *seen < asked.value,
    };
    if truncated && !certain {
        return Finding::unknown("there are more ancestors than the record has room for");
    }
    let text = match depth {
        0 => text,
        levels => format!("{text}, {levels} levels up"),
    };
    let reason = match asked.comparison {
        Comparison::AtMost | Comparison::Below => "it allows more",
        Comparison::AtLeast | Comparison::Above => "it allows less",
        Comparison::Exactly => "it is another",
    };
    let evidence = facts.certificate_evidence(text.clone());
    Finding::decide(holds, text, reason, evidence)
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

pub(super) fn cpuset_within(asked: &[u32], facts: &Facts<'_>) -> Finding {
    facts.fact("the cpuset", Certificate::cpuset_cpus, |cpus| {
        processors_within(asked, &cpus, facts)
    })
}

pub(super) fn cpus_allowed_within(asked: &[u32], facts: &Facts<'_>) -> Finding {
    facts.fact("allowed processors", Certificate::cpus_allowed, |cpus| {
        processors_within(asked, &cpus, facts)
    })
}

fn processors_within(asked: &[u32], seen: &[u32], facts: &Facts<'_>) -> Finding {
    let extra = seen.iter().copied().filter(|cpu| !asked.contains(cpu));
    let extra: Vec<u32> = extra.collect();
    let text = cpu_text(seen);
    let evidence = facts.certificate_evidence(text.clone());
    let reason = format!("also {}", list_text(&extra));
    Finding::decide(extra.is_empty(), text, reason, evidence)
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

pub(super) fn rlimit_bound(
    resource: u32,
    soft: Option<Bound<u64>>,
    hard: Option<Bound<u64>>,
    facts: &Facts<'_>,
) -> Finding {
    facts.fact(
        "resource limits",
        |certificate| certificate.rlimit(resource),
        |limit| {
            let seen = format!("{}:{}", names::value(limit.soft), names::value(limit.hard));
            let wrong = |bound: Option<Bound<u64>>, value, name| match bound {
                Some(bound) if !bound.holds(&value) => {
                    let asked = bound.text(|value| names::value(*value));
                    Some(format!("the {name} one is not {asked}"))
                }
                _ => None,
            };
            let wrong = [
                wrong(soft, limit.soft, "soft"),
                wrong(hard, limit.hard, "hard"),
            ];
            let reasons: Vec<String> = wrong.into_iter().flatten().collect();
            let evidence = facts.certificate_evidence(seen.clone());
            Finding::decide(reasons.is_empty(), seen, reasons.join("; "), evidence)
        },
    )
}
