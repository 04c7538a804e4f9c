//! The run as a whole: that the payload ran when it should, that nothing changed afterwards, and
//! that nothing is missing. Owns these.

use super::super::Evidence;
use super::super::finding::{Facts, Finding, Stage};
use super::super::observation::kinds;
use crate::event::{Certificate, KernelPath};
use crate::expect::catalog::hook_name;

pub(super) fn payload_exec(program: &str, facts: &Facts<'_>) -> Finding {
    let observation = facts.observation;
    let Some(exec) = &observation.exec else {
        let seen = "no exec of init".to_owned();
        if facts.stage == Stage::Refused {
            return Finding::Holds {
                seen,
                evidence: Vec::new(),
            };
        }
        let reason = "the payload did not run".to_owned();
        return Finding::Missing {
            seen,
            reason,
            evidence: Vec::new(),
        };
    };
    let filename = exec.certificate.filename();
    let seen = filename
        .as_ref()
        .map_or("exec", |path| &path.text)
        .to_owned();
    let mut evidence = vec![Facts::record(exec.seq, "sched_process_exec", seen.clone())];
    if facts.stage == Stage::Refused {
        let reason = "init ran a program although the payload was not started".to_owned();
        return Finding::Violated {
            seen,
            reason,
            evidence,
        };
    }
    let gate = observation.gate.as_ref().map(|gate| gate.seq);
    if let Some(gate) = gate {
        evidence.push(Facts::record(gate, "task_snapshot", "facts at the gate"));
    }
    if gate.is_some_and(|gate| exec.seq < gate) {
        let reason = "init ran a program before its facts were read at the gate".to_owned();
        return Finding::Violated {
            seen,
            reason,
            evidence,
        };
    }
    match filename.map(|path| same_program(program, &path)) {
        None => Finding::unknown("the exec record holds no path"),
        Some(None) => Finding::unknown("the path of the program is cut"),
        Some(Some(same)) => {
            Finding::decide(same, seen, "it is not the program asked for", evidence)
        }
    }
}

/// A bare name is looked up in `PATH`, so its last component must agree; anything else goes to
/// exec as it stands. `None` = the path is cut.
fn same_program(program: &str, path: &KernelPath) -> Option<bool> {
    if path.cut {
        return None;
    }
    let seen = if program.contains('/') {
        Some(&*path.text)
    } else {
        path.text.rsplit('/').next()
    };
    Some(seen == Some(program))
}

/// The payload's exec was of this program, whatever came before it.
pub(super) fn program(program: &str, facts: &Facts<'_>) -> Finding {
    facts.fact(
        "the path of the exec",
        Certificate::filename,
        |path| match same_program(program, &path) {
            None => Finding::unknown("the path of the program is cut"),
            Some(same) => {
                let evidence = facts.certificate_evidence(path.text.clone());
                Finding::decide(same, path.text, "it is not the program asked for", evidence)
            }
        },
    )
}

/// Nothing changed after the payload's exec.
pub(super) fn drift(facts: &Facts<'_>) -> Finding {
    let Some(changes) = &facts.observation.drift else {
        return Finding::unknown("changes after the exec were not watched");
    };
    let Some(first) = changes.first() else {
        // Without an exec there is no after.
        if facts.seen().is_none() {
            return Finding::unknown(format!("no {} record of init", facts.source()));
        }
        return Finding::Holds {
            seen: "none".to_owned(),
            evidence: facts.certificate_evidence("nothing changed after it"),
        };
    };
    let evidence = changes.iter().map(|change| {
        let detail = format!("{} by {}", change.what, change.by);
        Facts::record(change.seq, "drift", detail)
    });
    let more = match changes.len() - 1 {
        0 => String::new(),
        others => format!(" and {others} more"),
    };
    Finding::Violated {
        seen: format!("{}{more}", first.what),
        reason: format!("it changed after the payload's exec, first by {}", first.by),
        evidence: evidence.collect(),
    }
}

pub(super) fn complete(facts: &Facts<'_>) -> Finding {
    let counters = &facts.observation.counters;
    let (lost, unknown) = (counters.lost.total(), counters.unknown.total());
    let (made, read) = (counters.submitted.total(), counters.read.total());
    let seen = format!("{read} of {made} records");
    let source = "counters".to_owned();
    let detail = format!("{made} made, {read} read, {lost} lost, {unknown} unknown");
    let evidence = vec![Evidence {
        seq: None,
        source,
        detail,
    }];
    let mut reasons = Vec::new();
    for kind in kinds() {
        let (made, read) = (counters.submitted.get(kind), counters.read.get(kind));
        let found = read.saturating_add(counters.lost.get(kind));
        let name = hook_name(kind);
        if found > made {
            let reason = format!("{name}: {found} records read or lost, but only {made} made");
            return Finding::Violated {
                seen,
                reason,
                evidence,
            };
        }
        if found < made {
            reasons.push(format!("{name}: {} records missing", made - found));
        }
    }
    if lost > 0 {
        reasons.push(format!("{lost} records lost"));
    }
    if unknown > 0 {
        reasons.push(format!("{unknown} records not understood"));
    }
    if counters.scope_full > 0 {
        reasons.push(format!(
            "{} tasks or cgroups left out: a table was full",
            counters.scope_full
        ));
    }
    if reasons.is_empty() {
        Finding::Holds { seen, evidence }
    } else {
        Finding::unknown(reasons.join("; "))
    }
}
