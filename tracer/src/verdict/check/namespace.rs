//! Whether a namespace is new, the host's, or the one to be joined. Owns that; the model knows who made it.

use crate::event::{Certificate, NamespaceKind, NamespaceSlot, Namespaces, NsId};
use crate::model::{Made, NamespaceOrigin};

use super::super::Evidence;
use super::super::finding::{Facts, Finding};

/// The task's own namespace of `kind`, and the one for its children where that is another slot:
/// a child outside is an escape as good as any.
fn ids(kind: NamespaceKind, set: &Namespaces) -> Option<Vec<(NamespaceSlot, NsId)>> {
    let (own, children) = (NamespaceSlot::own(kind), NamespaceSlot::made_in(kind));
    let mut ids = vec![(own, set.get(own)?)];
    if children != own {
        ids.push((children, set.get(children)?));
    }
    Some(ids)
}

/// Made in this run by our own lineage.
pub(super) fn new(kind: NamespaceKind, facts: &Facts<'_>) -> Finding {
    facts.fact_and_host("namespaces", Certificate::namespaces, |set, host| {
        let (Some(ids), Some(host)) = (ids(kind, &set), host.get(NamespaceSlot::own(kind))) else {
            return Finding::unknown(format!("the {} namespace could not be read", kind.name()));
        };
        let mut evidence = facts.certificate_evidence(format!("{} {}", kind.name(), ids[0].1));
        for (slot, id) in &ids {
            let seen = seen(*slot, *id);
            if *id == host {
                return violated(seen, "it is the host's", evidence);
            }
            match facts.namespace(kind, *id) {
                Some(NamespaceOrigin::Made { by, call, seq }) => {
                    let source = match call {
                        Made::Clone => "task_newtask",
                        Made::Unshare => "unshare",
                    };
                    let made = Facts::record(*seq, source, format!("made by {by}"));
                    if !evidence.contains(&made) {
                        evidence.push(made);
                    }
                    if !facts.model.in_lineage(*by) {
                        // The record of its maker's own fork may be lost.
                        return Finding::Missing {
                            seen,
                            reason: "it was made by a stranger".to_owned(),
                            evidence,
                        };
                    }
                }
                Some(NamespaceOrigin::Before) => {
                    return violated(seen, "it was there before the run", evidence);
                }
                Some(NamespaceOrigin::Found { seq }) => {
                    evidence.push(Facts::record(
                        *seq,
                        "first seen",
                        format!("{slot} {id}", slot = slot.name()),
                    ));
                    return missing(seen, evidence);
                }
                None => return missing(seen, evidence),
            }
        }
        if ids.iter().any(|(_, id)| *id != ids[0].1) {
            return violated(
                seen(ids[1].0, ids[1].1),
                "its children get another one",
                evidence,
            );
        }
        Finding::Holds {
            seen: ids[0].1.to_string(),
            evidence,
        }
    })
}

/// The host's.
pub(super) fn shared(kind: NamespaceKind, facts: &Facts<'_>) -> Finding {
    facts.fact_and_host("namespaces", Certificate::namespaces, |set, host| {
        let (Some(ids), Some(host)) = (ids(kind, &set), host.get(NamespaceSlot::own(kind))) else {
            return Finding::unknown(format!("the {} namespace could not be read", kind.name()));
        };
        let evidence = facts.certificate_evidence(format!("{} {}", kind.name(), ids[0].1));
        match ids.iter().find(|(_, id)| *id != host) {
            Some((slot, id)) => {
                violated(seen(*slot, *id), format!("the host's is {host}"), evidence)
            }
            None => Finding::Holds {
                seen: format!("{host}, the host's"),
                evidence,
            },
        }
    })
}

/// Not the host's.
pub(super) fn private(kind: NamespaceKind, facts: &Facts<'_>) -> Finding {
    facts.fact_and_host("namespaces", Certificate::namespaces, |set, host| {
        let (Some(ids), Some(host)) = (ids(kind, &set), host.get(NamespaceSlot::own(kind))) else {
            return Finding::unknown(format!("the {} namespace could not be read", kind.name()));
        };
        let evidence = facts.certificate_evidence(format!("{} {}", kind.name(), ids[0].1));
        match ids.iter().find(|(_, id)| *id == host) {
            Some((slot, id)) => violated(seen(*slot, *id), "it is the host's", evidence),
            None => Finding::Holds {
                seen: ids[0].1.to_string(),
                evidence,
            },
        }
    })
}

/// The one that was to be joined.
pub(super) fn is(kind: NamespaceKind, asked: NsId, facts: &Facts<'_>) -> Finding {
    facts.fact("namespaces", Certificate::namespaces, |set| {
        let Some(ids) = ids(kind, &set) else {
            return Finding::unknown(format!("the {} namespace could not be read", kind.name()));
        };
        let evidence = facts.certificate_evidence(format!("{} {}", kind.name(), ids[0].1));
        match ids.iter().find(|(_, id)| *id != asked) {
            Some((slot, id)) => violated(
                seen(*slot, *id),
                format!("the one to be joined is {asked}"),
                evidence,
            ),
            None => Finding::Holds {
                seen: asked.to_string(),
                evidence,
            },
        }
    })
}

fn seen(slot: NamespaceSlot, id: NsId) -> String {
    if slot == NamespaceSlot::own(slot.kind()) {
        id.to_string()
    } else {
        format!("{} {id}", slot.name())
    }
}

fn violated(seen: String, reason: impl Into<String>, evidence: Vec<Evidence>) -> Finding {
    Finding::Violated {
        seen,
        reason: reason.into(),
        evidence,
    }
}

fn missing(seen: String, evidence: Vec<Evidence>) -> Finding {
    let reason = "no record shows it being made: it was joined".to_owned();
    Finding::Missing {
        seen,
        reason,
        evidence,
    }
}
