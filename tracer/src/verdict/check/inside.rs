//! Ids as the task's own user namespace numbers them: the certificate has those of the initial
//! one, and the map. Owns the way back through the map.

use crate::event::certificate::{Certificate, IdExtent, Ids, Partial};
use crate::expect::wording::list_text;
use crate::expect::{IdRule, MapKind};

use super::super::finding::{Facts, Finding};

/// What an id of the initial user namespace is inside.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Number(u32),
    /// The map has no line for it: inside it shows as the overflow id, and it is nobody's.
    Nothing,
    /// There are lines that are not known.
    Unknown,
}

fn inside(id: u32, map: &Partial<IdExtent>) -> Inside {
    let number = map.items.iter().find_map(|line| {
        let offset = id.checked_sub(line.outside)?;
        (offset < line.count).then(|| line.inside.checked_add(offset))?
    });
    match number {
        Some(number) => Inside::Number(number),
        None if map.truncated => Inside::Unknown,
        None => Inside::Nothing,
    }
}

const MORE_LINES: &str = "the map has more lines than the record has room for";

fn lines(map: MapKind, certificate: &Certificate) -> Option<Partial<IdExtent>> {
    match map {
        MapKind::Users => certificate.uid_map(),
        MapKind::Groups => certificate.gid_map(),
    }
}

/// All four ids of a kind, by name.
fn four(map: MapKind, ids: &Ids) -> [(&'static str, u32); 4] {
    match map {
        MapKind::Users => [
            ("uid", ids.uid),
            ("euid", ids.euid),
            ("suid", ids.suid),
            ("fsuid", ids.fsuid),
        ],
        MapKind::Groups => [
            ("gid", ids.gid),
            ("egid", ids.egid),
            ("sgid", ids.sgid),
            ("fsgid", ids.fsgid),
        ],
    }
}

pub(super) fn id(map: MapKind, rule: IdRule, facts: &Facts<'_>) -> Finding {
    let read = |certificate: &Certificate| Some((certificate.ids()?, lines(map, certificate)?));
    facts.fact("ids and their maps", read, |(ids, lines)| {
        let mut wrong = Vec::new();
        let mut unknown = false;
        let mut is_hosts = false;
        let mut shown = String::new();
        for (name, id) in four(map, &ids) {
            let number = inside(id, &lines);
            let (text, right) = match (number, rule) {
                (Inside::Number(number), IdRule::Exactly(asked)) => {
                    (number.to_string(), number == asked)
                }
                (Inside::Number(number), IdRule::NotRoot) => (number.to_string(), number != 0),
                (Inside::Nothing, rule) => {
                    // Files ask for the id outside: without a number inside, the host's root is root.
                    is_hosts |= id == 0;
                    let right = rule == IdRule::NotRoot && id != 0;
                    (format!("not mapped ({id} outside)"), right)
                }
                (Inside::Unknown, _) => {
                    unknown = true;
                    continue;
                }
            };
            if shown.is_empty() {
                shown.clone_from(&text);
            }
            if !right {
                wrong.push(format!("{name} {text}"));
            }
        }
        if wrong.is_empty() && unknown {
            return Finding::unknown(MORE_LINES);
        }
        let seen = if wrong.is_empty() {
            shown
        } else {
            wrong.join(", ")
        };
        let reason = match rule {
            IdRule::Exactly(asked) => format!("it is not {asked}"),
            IdRule::NotRoot if is_hosts => "it is the host's root".to_owned(),
            IdRule::NotRoot => "it is root inside".to_owned(),
        };
        let evidence = facts.certificate_evidence(seen.clone());
        Finding::decide(wrong.is_empty(), seen, reason, evidence)
    })
}

/// 0 inside is not 0 of the initial user namespace.
pub(super) fn root(map: MapKind, facts: &Facts<'_>) -> Finding {
    let read = |certificate: &Certificate| lines(map, certificate);
    facts.fact("id maps", read, |lines| {
        let line = lines
            .items
            .iter()
            .find(|line| line.inside == 0 && line.count > 0);
        let (seen, holds) = match line {
            Some(line) => (format!("0 is {} outside", line.outside), line.outside != 0),
            None if lines.truncated => return Finding::unknown(MORE_LINES),
            None => ("0 is not mapped".to_owned(), true),
        };
        let evidence = facts.certificate_evidence(seen.clone());
        Finding::decide(holds, seen, "root inside is the host's root", evidence)
    })
}

pub(super) fn groups(asked: &[u32], facts: &Facts<'_>) -> Finding {
    let read = |certificate: &Certificate| Some((certificate.groups()?, certificate.gid_map()?));
    facts.fact("groups and their map", read, |(groups, map)| {
        let mut numbers = Vec::new();
        let mut wrong = Vec::new();
        let mut unknown = groups
            .truncated
            .then_some("it has more groups than the record has room for");
        for group in &groups.items {
            match inside(*group, &map) {
                Inside::Number(number) if asked.contains(&number) => numbers.push(number),
                Inside::Number(number) => wrong.push(number.to_string()),
                Inside::Nothing => wrong.push(format!("{group} outside, not mapped")),
                Inside::Unknown => unknown = Some(MORE_LINES),
            }
        }
        if wrong.is_empty()
            && let Some(reason) = unknown
        {
            return Finding::unknown(reason);
        }
        numbers.sort_unstable();
        let seen = if wrong.is_empty() {
            list_text(&numbers)
        } else {
            wrong.join(", ")
        };
        let evidence = facts.certificate_evidence(seen.clone());
        Finding::decide(wrong.is_empty(), seen, "it was not asked for", evidence)
    })
}
