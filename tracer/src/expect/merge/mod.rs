//! Several sources of expectations as one list: what they share is asked once, the stricter of
//! two stays, and a contradiction is an error that names both. Owns that rule; the order of the
//! sources does not matter.

mod relation;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use thiserror::Error;

use super::{CATALOG, Check, Expectation, MapKind, SetName, catalog};
use crate::event::NamespaceKind;
use relation::{excludes, implies};

/// What two sources ask for cannot both be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{id}: {} asks for `{}`, {} for `{}`: nothing can be both; leave one of them out",
    .first.0, .first.1, .second.0, .second.1
)]
pub struct Conflict {
    /// Of the first expectation.
    pub id: String,
    /// Origin, and what it asks for.
    pub first: (String, String),
    /// Origin, and what it asks for.
    pub second: (String, String),
}

/// Expectations that mean the same.
struct Class {
    /// The one that speaks for all.
    head: Expectation,
    origins: BTreeSet<String>,
}

/// Merges lists, each from one source or merged before. In the order of reports; origins that
/// were drawn together are joined with `, `, that of the stricter first.
pub fn merge(sources: &[Vec<Expectation>]) -> Result<Vec<Expectation>, Conflict> {
    let mut classes: Vec<Class> = Vec::new();
    for expectation in sources.iter().flatten() {
        let check = &expectation.check;
        let same = classes
            .iter_mut()
            .find(|class| implies(&class.head.check, check) && implies(check, &class.head.check));
        let origin = expectation.origin.clone();
        match same {
            Some(class) => {
                class.origins.insert(origin);
                if key(expectation) < key(&class.head) {
                    class.head = expectation.clone();
                }
            }
            None => classes.push(Class {
                head: expectation.clone(),
                origins: BTreeSet::from([origin]),
            }),
        }
    }
    classes.sort_by_cached_key(|class| key(&class.head));
    if let Some(conflict) = conflict(&classes) {
        return Err(conflict);
    }
    let kept = classes.iter().filter(|class| {
        let mut others = classes.iter();
        !others.any(|other| stricter(other, class))
    });
    Ok(kept.map(|class| merged(class, &classes)).collect())
}

/// Where it stands in reports, and what tells it from another at the same place.
fn key(expectation: &Expectation) -> (usize, usize, String, String, String) {
    let check = &expectation.check;
    let (family, rank) = match check {
        // One list, whoever made them.
        Check::NamespaceNew(kind)
        | Check::NamespaceShared(kind)
        | Check::NamespacePrivate(kind)
        | Check::NamespaceIs { kind, .. } => {
            let kinds = &NamespaceKind::ALL;
            (
                &catalog::NAMESPACE_NEW,
                kinds.iter().position(|known| known == kind),
            )
        }
        Check::Capabilities { set, .. }
        | Check::CapabilitiesWithin { set, .. }
        | Check::CapabilitiesWithout { set, .. } => {
            let sets = &SetName::ALL;
            (
                &catalog::CAPABILITIES,
                sets.iter().position(|known| known == set),
            )
        }
        Check::IdMap { map, .. } | Check::RootIsNotHostRoot(map) | Check::IdInside { map, .. } => {
            (check.family(), Some(usize::from(*map == MapKind::Groups)))
        }
        _ => (check.family(), None),
    };
    let place = CATALOG
        .iter()
        .position(|entry| std::ptr::eq(*entry, family));
    (
        place.unwrap_or(CATALOG.len()),
        rank.unwrap_or_default(),
        expectation.id.clone(),
        expectation.asked.clone(),
        format!("{check:?}"),
    )
}

fn stricter(one: &Class, than: &Class) -> bool {
    !std::ptr::eq(one, than) && implies(&one.head.check, &than.head.check)
}

fn conflict(classes: &[Class]) -> Option<Conflict> {
    let told = |class: &Class| (joined(&class.origins), class.head.asked.clone());
    classes.iter().enumerate().find_map(|(at, one)| {
        let other = classes[at + 1..]
            .iter()
            .find(|other| excludes(&one.head.check, &other.head.check))?;
        Some(Conflict {
            id: one.head.id.clone(),
            first: told(one),
            second: told(other),
        })
    })
}

/// The one of a class, with the origins of all that it makes needless.
fn merged(class: &Class, classes: &[Class]) -> Expectation {
    let weaker: BTreeSet<String> = classes
        .iter()
        .filter(|other| stricter(class, other))
        .flat_map(|other| other.origins.iter().cloned())
        .collect();
    let mut origin = joined(&class.origins);
    if !weaker.is_empty() {
        let mut parts: Vec<&str> = origin.split(SEPARATOR).collect();
        let weaker = joined(&weaker);
        for part in weaker.split(SEPARATOR) {
            if !parts.contains(&part) {
                parts.push(part);
            }
        }
        origin = parts.join(SEPARATOR);
    }
    Expectation {
        origin,
        ..class.head.clone()
    }
}

const SEPARATOR: &str = ", ";

/// Origins, some of which may have been joined before.
fn joined(origins: &BTreeSet<String>) -> String {
    match origins.first() {
        // As it was: the stricter may stand first in it.
        Some(only) if origins.len() == 1 => only.clone(),
        _ => {
            let parts = origins.iter().flat_map(|origin| origin.split(SEPARATOR));
            let parts: BTreeSet<&str> = parts.collect();
            parts.into_iter().collect::<Vec<_>>().join(SEPARATOR)
        }
    }
}
