//! Who the task is and what it may do: ids, groups, capabilities, no_new_privs, seccomp. Owns
//! their comparison.

use crate::container::spec::IdMapping;
use crate::event::certificate::{Capabilities, Certificate, IdExtent};
use crate::expect::wording::{ids_text, list_text, map_text};
use crate::expect::{MapKind, SetName, capability};

use super::super::finding::{Facts, Finding};

pub(super) fn id_map(map: MapKind, asked: &[IdMapping], facts: &Facts<'_>) -> Finding {
    let read = |certificate: &Certificate| match map {
        MapKind::Users => certificate.uid_map(),
        MapKind::Groups => certificate.gid_map(),
    };
    facts.fact("id maps", read, |seen| {
        let line = |extent: &IdExtent| IdMapping {
            inside: extent.inside,
            outside: extent.outside,
            count: extent.count,
        };
        let lines: Vec<IdMapping> = seen.items.iter().map(line).collect();
        let mut text = map_text(&lines);
        let evidence = facts.certificate_evidence(text.clone());
        if let Some(extra) = lines.iter().find(|line| !asked.contains(line)) {
            let reason = format!("{} was not asked for", map_text(&[*extra]));
            return Finding::Violated {
                seen: text,
                reason,
                evidence,
            };
        }
        if seen.truncated {
            // Every line that is known was asked for; the kernel keeps the others elsewhere.
            if asked.len() > lines.len() {
                return Finding::unknown("the map has more lines than the record has room for");
            }
            text.push_str(" ...");
            let reason = "it has lines that were not asked for".to_owned();
            return Finding::Violated {
                seen: text,
                reason,
                evidence,
            };
        }
        let complete = asked.iter().all(|line| lines.contains(line));
        Finding::decide(complete, text, "a line is missing", evidence)
    })
}

/// The members of one set.
fn members(set: SetName, sets: &Capabilities) -> u64 {
    match set {
        SetName::Bounding => sets.bounding,
        SetName::Permitted => sets.permitted,
        SetName::Effective => sets.effective,
        SetName::Inheritable => sets.inheritable,
        SetName::Ambient => sets.ambient,
    }
}

pub(super) fn capabilities(set: SetName, asked: u64, mask: u64, facts: &Facts<'_>) -> Finding {
    facts.fact("capabilities", Certificate::capabilities, |sets| {
        let seen = mask & members(set, &sets);
        let (extra, lacking) = (seen & !asked, asked & !seen);
        let mut reasons = Vec::new();
        if extra != 0 {
            reasons.push(format!("also {}", capability::names(extra)));
        }
        if lacking != 0 {
            reasons.push(format!("lacks {}", capability::names(lacking)));
        }
        let text = capability::summary(seen);
        let evidence = facts.certificate_evidence(format!("{} {text}", set.name()));
        Finding::decide(reasons.is_empty(), text, reasons.join("; "), evidence)
    })
}

/// None of those denied. Bits without a name don't count: kernels before 6.3 fill the whole word
/// when a user namespace is made.
pub(super) fn capabilities_without(set: SetName, denied: u64, facts: &Facts<'_>) -> Finding {
    facts.fact("capabilities", Certificate::capabilities, |sets| {
        let seen = capability::KNOWN & members(set, &sets);
        let extra = seen & denied;
        let text = capability::summary(seen);
        let evidence = facts.certificate_evidence(format!("{} {text}", set.name()));
        let reason = format!("it has {}", capability::names(extra));
        Finding::decide(extra == 0, text, reason, evidence)
    })
}

pub(super) fn ids(uid: Option<u32>, gid: Option<u32>, facts: &Facts<'_>) -> Finding {
    let (Some(uid), Some(gid)) = (uid, gid) else {
        return Finding::unknown("the user asked for is outside the map asked for");
    };
    facts.fact("ids", Certificate::ids, |ids| {
        let all = [
            ("uid", ids.uid, uid),
            ("euid", ids.euid, uid),
            ("suid", ids.suid, uid),
            ("fsuid", ids.fsuid, uid),
            ("gid", ids.gid, gid),
            ("egid", ids.egid, gid),
            ("sgid", ids.sgid, gid),
            ("fsgid", ids.fsgid, gid),
        ];
        let wrong: Vec<String> = all
            .iter()
            .filter(|(_, seen, asked)| seen != asked)
            .map(|(name, seen, _)| format!("{name} {seen}"))
            .collect();
        let seen = if wrong.is_empty() {
            ids_text(Some(uid), Some(gid))
        } else {
            wrong.join(", ")
        };
        let evidence = facts.certificate_evidence(seen.clone());
        Finding::decide(wrong.is_empty(), seen, "it runs as another", evidence)
    })
}

pub(super) fn groups(asked: Option<&[u32]>, facts: &Facts<'_>) -> Finding {
    let Some(asked) = asked else {
        return Finding::unknown("a group asked for is outside the map asked for");
    };
    facts.fact("groups", Certificate::groups, |groups| {
        let mut seen = groups.items;
        seen.sort_unstable();
        seen.dedup();
        let text = list_text(&seen);
        let evidence = facts.certificate_evidence(text.clone());
        if let Some(extra) = seen.iter().find(|group| !asked.contains(group)) {
            let reason = format!("group {extra} was not asked for");
            return Finding::Violated {
                seen: text,
                reason,
                evidence,
            };
        }
        if groups.truncated {
            return Finding::unknown("it has more groups than the record has room for");
        }
        let complete = asked.iter().all(|group| seen.contains(group));
        Finding::decide(complete, text, "a group is missing", evidence)
    })
}

pub(super) fn securebits(asked: u32, facts: &Facts<'_>) -> Finding {
    facts.fact("securebits", Certificate::securebits, |bits| {
        let seen = if bits == 0 {
            "none".to_owned()
        } else {
            format!("{bits:#x}")
        };
        let evidence = facts.certificate_evidence(seen.clone());
        Finding::decide(bits == asked, seen, "not as asked", evidence)
    })
}

pub(super) fn no_new_privs(facts: &Facts<'_>) -> Finding {
    facts.fact("no_new_privs", Certificate::no_new_privs, |set| {
        let seen = if set { "set" } else { "not set" };
        let reason = "an exec can gain privileges";
        Finding::decide(set, seen, reason, facts.certificate_evidence(seen))
    })
}

pub(super) fn no_new_privs_unset(facts: &Facts<'_>) -> Finding {
    facts.fact("no_new_privs", Certificate::no_new_privs, |set| {
        let seen = if set { "set" } else { "not set" };
        let reason = "no exec can gain privileges";
        Finding::decide(!set, seen, reason, facts.certificate_evidence(seen))
    })
}

/// `SECCOMP_MODE_FILTER`.
const FILTER: u32 = 2;

pub(super) fn seccomp_filter(facts: &Facts<'_>) -> Finding {
    facts.fact("seccomp", Certificate::seccomp_mode, |mode| {
        if mode != FILTER {
            let seen = mode_text(mode);
            let evidence = facts.certificate_evidence(seen.clone());
            let reason = "no filter is in force".to_owned();
            return Finding::Violated {
                seen,
                reason,
                evidence,
            };
        }
        let count = Certificate::seccomp_filters;
        facts.fact_and_host("the number of seccomp filters", count, |own, host| {
            let seen = filters_text(own, host);
            let evidence = facts.certificate_evidence(seen.clone());
            let reason = "it is not one filter more than tracer has";
            Finding::decide(host.checked_add(1) == Some(own), seen, reason, evidence)
        })
    })
}

/// At least one filter of its own. Where tracer has none, filter mode alone tells.
pub(super) fn seccomp_filtered(facts: &Facts<'_>) -> Finding {
    facts.fact_and_host("seccomp", Certificate::seccomp_mode, |mode, host_mode| {
        let count = Certificate::seccomp_filters;
        let told = facts.seen().and_then(|seen| count(&seen.certificate));
        if mode != FILTER || host_mode != FILTER && told.is_none() {
            let seen = mode_text(mode);
            let evidence = facts.certificate_evidence(seen.clone());
            return Finding::decide(mode == FILTER, seen, "no filter is in force", evidence);
        }
        facts.fact_and_host("the number of seccomp filters", count, |own, host| {
            let seen = filters_text(own, host);
            let evidence = facts.certificate_evidence(seen.clone());
            Finding::decide(own > host, seen, "it has none but tracer's own", evidence)
        })
    })
}

pub(super) fn seccomp_unconfined(facts: &Facts<'_>) -> Finding {
    let read = Certificate::seccomp_mode;
    facts.fact_and_host("seccomp", read, |mode, host_mode| {
        if mode != host_mode {
            let seen = mode_text(mode);
            let evidence = facts.certificate_evidence(seen.clone());
            let reason = format!("tracer's is {}", mode_text(host_mode));
            return Finding::Violated {
                seen,
                reason,
                evidence,
            };
        }
        if mode != FILTER {
            let seen = mode_text(mode);
            return Finding::Holds {
                evidence: facts.certificate_evidence(seen.clone()),
                seen,
            };
        }
        let count = Certificate::seccomp_filters;
        facts.fact_and_host("the number of seccomp filters", count, |own, host| {
            let seen = filters_text(own, host);
            let evidence = facts.certificate_evidence(seen.clone());
            Finding::decide(own == host, seen, "it has filters of its own", evidence)
        })
    })
}

fn mode_text(mode: u32) -> String {
    match mode {
        0 => "off".to_owned(),
        1 => "strict mode".to_owned(),
        FILTER => "filter mode".to_owned(),
        other => format!("mode {other}"),
    }
}

fn filters_text(own: u32, host: u32) -> String {
    let plural = if own == 1 { "" } else { "s" };
    format!("{own} filter{plural} (tracer: {host})")
}
