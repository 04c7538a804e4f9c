//! Whether the task is in the run's own cgroup and came in as asked, or in one that is its own
//! whoever made it. Owns that.

use crate::event::{Certificate, CgroupKey, CgroupMember};
use crate::expect::{PathPattern, WayAsked};
use crate::model::{Membership, Move, WayIn};

use super::super::Evidence;
use super::super::finding::{Facts, Finding};

pub(super) fn member(hierarchy: u32, name: &str, way: WayAsked, facts: &Facts<'_>) -> Finding {
    facts.fact("cgroups", Certificate::cgroups, |set| {
        match set.in_hierarchy(hierarchy) {
            Some(member) => in_cgroup(member.key, name, way, facts),
            None if set.truncated => {
                Finding::unknown("the task is in more hierarchies than the record has room for")
            }
            None => Finding::unknown("the kernel named no cgroup in this hierarchy"),
        }
    })
}

fn in_cgroup(key: CgroupKey, name: &str, way: WayAsked, facts: &Facts<'_>) -> Finding {
    let mut evidence = facts.certificate_evidence(format!("cgroup {}", key.id));
    let birth = facts.model.cgroup(key);
    if let Some(birth) = birth {
        let path = birth.path.text.clone();
        evidence.push(Facts::record(birth.seq, "cgroup_mkdir", path));
    }
    let place = facts
        .observation
        .init
        .and_then(|init| facts.model.leader(init))
        .and_then(|task| task.place(key.hierarchy));
    // Who moved it where it does not belong says more than where that is.
    let moves = place.as_ref().map_or(&[][..], |place| &place.moves);
    if let Some(step) = moves.iter().find(|step| !allowed(step, way, facts)) {
        let reason = format!("it was moved by {} ({})", step.by, step.comm);
        return moved(step, reason, evidence);
    }
    let Some(birth) = birth else {
        let seen = format!("cgroup {}", key.id);
        if host_is_in(key, facts) {
            let reason = "it is the one that tracer itself is in".to_owned();
            return Finding::Violated {
                seen,
                reason,
                evidence,
            };
        }
        let reason = "no record shows the cgroup being made in this run".to_owned();
        return Finding::Missing {
            seen,
            reason,
            evidence,
        };
    };
    let path = &birth.path.text;
    if birth.path.cut {
        return Finding::unknown(format!("the cgroup's path is cut: {path}"));
    }
    if birth.by != facts.model.root() {
        let reason = format!("the cgroup was made by {}, not by tracer", birth.by);
        return Finding::Violated {
            seen: path.to_string(),
            reason,
            evidence,
        };
    }
    if path.rsplit('/').next() != Some(name) {
        let reason = format!("the run's own ends in /{name}");
        return Finding::Violated {
            seen: path.to_string(),
            reason,
            evidence,
        };
    }
    match place {
        Some(place) => entered(&place, key, path, way, evidence, facts),
        None => Finding::Missing {
            seen: path.to_string(),
            reason: "no record shows the task coming in".to_owned(),
            evidence,
        },
    }
}

fn host_is_in(key: CgroupKey, facts: &Facts<'_>) -> bool {
    let cgroups = facts.observation.host().and_then(Certificate::cgroups);
    cgroups.is_some_and(|set| {
        set.in_hierarchy(key.hierarchy)
            .is_some_and(|own| own.key == key)
    })
}

fn entered(
    place: &Membership,
    key: CgroupKey,
    path: &str,
    way: WayAsked,
    mut evidence: Vec<Evidence>,
    facts: &Facts<'_>,
) -> Finding {
    let root = facts.model.root();
    let seen = format!("{path}, {}", place.way.words(root));
    if place.key != key
        && let Some(step) = place.moves.last()
    {
        let reason = format!("it is in cgroup {} afterwards", place.key.id);
        return moved(step, reason, evidence);
    }
    let holds = match (way, place.way) {
        (_, WayIn::Unseen) => {
            let reason = "no record shows the task coming in".to_owned();
            return Finding::Missing {
                seen,
                reason,
                evidence,
            };
        }
        (WayAsked::CloneIntoCgroup, WayIn::CloneIntoCgroup { by }) => by == root,
        (WayAsked::MovedAtSetUp, WayIn::MovedBy { mover }) => mover == root,
        // Only moves before the exec have come this far.
        (WayAsked::MovedAtSetUp, WayIn::MovedBySelf) => true,
        _ => false,
    };
    if let Some(seq) = place.seq {
        evidence.push(Facts::record(
            seq,
            way_source(place.way),
            place.way.words(root),
        ));
    }
    let reason = match way {
        WayAsked::CloneIntoCgroup => "it was not created there by tracer",
        WayAsked::MovedAtSetUp => "it was not moved there at set-up",
    };
    // Where it holds, the path is in the evidence.
    let seen = if holds {
        format!("its own, {}", place.way.words(root))
    } else {
        seen
    };
    Finding::decide(holds, seen, reason, evidence)
}

fn moved(step: &Move, reason: String, mut evidence: Vec<Evidence>) -> Finding {
    let seen = format!("moved to cgroup {} by {}", step.to.id, step.by);
    let detail = format!("{seen} ({})", step.comm);
    evidence.push(Facts::record(step.seq, "cgroup_attach_task", detail));
    Finding::Violated {
        seen,
        reason,
        evidence,
    }
}

/// On v2 nobody has to move it. On v1 tracer may, and init itself while it is still ours: until
/// it execs the payload.
fn allowed(step: &Move, way: WayAsked, facts: &Facts<'_>) -> bool {
    let before_exec = facts
        .observation
        .exec
        .as_ref()
        .is_none_or(|exec| step.seq < exec.seq);
    let by_init = facts.observation.init == Some(step.by);
    way == WayAsked::MovedAtSetUp && (step.by == facts.model.root() || by_init && before_exec)
}

fn way_source(way: WayIn) -> &'static str {
    match way {
        WayIn::MovedBySelf | WayIn::MovedBy { .. } => "cgroup_attach_task",
        WayIn::Before | WayIn::Inherited { .. } | WayIn::CloneIntoCgroup { .. } | WayIn::Unseen => {
            "task_newtask"
        }
    }
}

/// Looks at the cgroup in each hierarchy that can limit anything.
fn in_each(facts: &Facts<'_>, look: impl Fn(&CgroupMember) -> Finding) -> Finding {
    let Some(limiting) = &facts.observation.limiting else {
        return Finding::unknown("tracer did not read which hierarchies there are");
    };
    if limiting.is_empty() {
        return Finding::unknown("no hierarchy has a controller of memory, tasks or CPU");
    }
    facts.fact("cgroups", Certificate::cgroups, |set| {
        let findings = limiting.iter().map(|hierarchy| {
            set.in_hierarchy(*hierarchy).map_or_else(
                || Finding::unknown(format!("no cgroup is known in hierarchy {hierarchy}")),
                &look,
            )
        });
        all(findings)
    })
}

/// One violation is one, one that cannot be known leaves all unknown.
fn all(findings: impl Iterator<Item = Finding>) -> Finding {
    let (mut all_seen, mut all_evidence) = (Vec::new(), Vec::new());
    let mut unknown = None;
    for finding in findings {
        match finding {
            Finding::Holds { seen, evidence } => {
                if !all_seen.contains(&seen) {
                    all_seen.push(seen);
                }
                all_evidence.extend(evidence);
            }
            Finding::Unknown { reason } => unknown = Some(reason),
            violation => return violation,
        }
    }
    match unknown {
        Some(reason) => Finding::Unknown { reason },
        None => Finding::Holds {
            seen: all_seen.join(", "),
            evidence: all_evidence,
        },
    }
}

/// A cgroup of its own in each hierarchy.
pub(super) fn private(facts: &Facts<'_>) -> Finding {
    let Some(host) = facts.observation.host().and_then(Certificate::cgroups) else {
        return Finding::unknown("tracer's own cgroups are not known");
    };
    in_each(facts, |member| {
        let (hierarchy, id) = (member.key.hierarchy, member.key.id);
        let evidence = facts.certificate_evidence(format!("cgroup {id} of hierarchy {hierarchy}"));
        let seen = path_of(member.key, facts).map_or(format!("cgroup {id}"), str::to_owned);
        let reason = match host.in_hierarchy(hierarchy) {
            _ if member.level == 0 => "it is the root of its hierarchy",
            None => return Finding::unknown("tracer's own cgroup is not known"),
            Some(own) if own.key == member.key => "it is the one that tracer itself is in",
            Some(_) => return Finding::Holds { seen, evidence },
        };
        Finding::Violated {
            seen,
            reason: format!("{reason} (hierarchy {hierarchy})"),
            evidence,
        }
    })
}

fn path_of<'a>(key: CgroupKey, facts: &Facts<'a>) -> Option<&'a str> {
    facts.model.cgroup(key).map(|birth| &*birth.path.text)
}

/// A cgroup with such a path in each hierarchy.
pub(super) fn path(pattern: &PathPattern, facts: &Facts<'_>) -> Finding {
    in_each(facts, |member| {
        let mut evidence = facts.certificate_evidence(format!("cgroup {}", member.key.id));
        let (path, cut) = match facts.model.cgroup(member.key) {
            _ if member.level == 0 => ("/", false),
            None => {
                let id = member.key.id;
                return Finding::unknown(format!("no record has the path of cgroup {id}"));
            }
            Some(birth) => {
                let path = &birth.path.text;
                evidence.push(Facts::record(birth.seq, "cgroup_mkdir", path.clone()));
                (path.as_str(), birth.path.cut)
            }
        };
        if cut {
            return Finding::unknown(format!("the cgroup's path is cut: {path}"));
        }
        let reason = format!("it is not {}", pattern.text());
        Finding::decide(pattern.matches(path), path, reason, evidence)
    })
}
