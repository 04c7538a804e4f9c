//! Which devices a container may and must be able to use. Owns what such a demand means of one
//! device; which it can use, `model` works out.

use serde::{Deserialize, Serialize};

use crate::event::device::{Access, DeviceKind, DeviceSet};

/// What is asked of the devices that can be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DevicesAsked {
    /// No others, and nothing else of these.
    Within(Vec<DeviceSet>),
    /// None of these.
    Without(Vec<DeviceSet>),
    /// All of these.
    With(Vec<DeviceSet>),
    /// Each as the last rule that names it says; what none names can be either way.
    Rules(Vec<DeviceRule>),
}

/// A rule as a bundle has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRule {
    /// They can be used; otherwise they cannot.
    pub allow: bool,
    /// Which, and in which way.
    pub devices: DeviceSet,
}

const fn character(major: u32, minor: Option<u32>) -> DeviceSet {
    DeviceSet {
        kind: Some(DeviceKind::Character),
        major: Some(major),
        minor,
        access: Access::ALL,
    }
}

/// What every OCI runtime supplies: null, zero, full, random, urandom, tty, console, ptmx and the
/// terminals of /dev/pts (opencontainers/runtime-spec, config-linux.md, "Default Devices"); and that
/// device files can be made, without which no rule says that they can be opened.
pub const DEFAULT: [DeviceSet; 10] = [
    DeviceSet {
        kind: None,
        major: None,
        minor: None,
        access: Access::MKNOD,
    },
    character(1, Some(3)),
    character(1, Some(5)),
    character(1, Some(7)),
    character(1, Some(8)),
    character(1, Some(9)),
    character(5, Some(0)),
    character(5, Some(1)),
    character(5, Some(2)),
    character(136, None),
];

impl DevicesAsked {
    /// The devices that it names.
    pub fn sets(&self) -> Vec<DeviceSet> {
        match self {
            Self::Within(sets) | Self::Without(sets) | Self::With(sets) => sets.clone(),
            Self::Rules(rules) => {
                let named = rules.iter().map(|rule| rule.devices);
                named.chain(DEFAULT).collect()
            }
        }
    }

    /// What may and what must be possible with a device, given what a set says of it.
    pub fn of(&self, said: impl Fn(&DeviceSet) -> Access) -> (Access, Access) {
        let any = |sets: &[DeviceSet]| sets.iter().fold(Access::NONE, |all, set| all.or(said(set)));
        match self {
            Self::Within(sets) => (any(sets), Access::NONE),
            Self::Without(sets) => (Access::ALL.without(any(sets)), Access::NONE),
            Self::With(sets) => (Access::ALL, any(sets)),
            Self::Rules(rules) => {
                let (mut may, mut must) = (Access::ALL, Access::NONE);
                for rule in rules {
                    let of_rule = said(&rule.devices);
                    if rule.allow {
                        (may, must) = (may.or(of_rule), must.or(of_rule));
                    } else {
                        (may, must) = (may.without(of_rule), must.without(of_rule));
                    }
                }
                (may.or(any(&DEFAULT)), must)
            }
        }
    }

    /// In words.
    pub fn text(&self) -> String {
        match self {
            Self::Within(sets) if sets.is_empty() => "none".to_owned(),
            Self::Within(sets) => format!("within {}", few(sets)),
            Self::Without(sets) => format!("without {}", few(sets)),
            Self::With(sets) => format!("with {}", few(sets)),
            Self::Rules(rules) => match rules.as_slice() {
                [] => "no rule".to_owned(),
                [one] => one.text(),
                [first, others @ ..] => {
                    format!("{}, then {} more rules", first.text(), others.len())
                }
            },
        }
    }

    /// Whatever satisfies this satisfies `other`.
    pub fn implies(&self, other: &Self) -> bool {
        let each = |one: &[DeviceSet], in_other: &[DeviceSet]| {
            one.iter()
                .all(|set| in_other.iter().any(|other| covers(other, set)))
        };
        match (self, other) {
            (Self::Within(one), Self::Within(other)) => each(one, other),
            (Self::Without(one), Self::Without(other)) | (Self::With(one), Self::With(other)) => {
                each(other, one)
            }
            _ => self == other,
        }
    }

    /// Nothing satisfies both.
    pub fn excludes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::With(one), Self::Without(other)) => {
                let pairs = one
                    .iter()
                    .flat_map(|one| other.iter().map(move |two| (one, two)));
                pairs.into_iter().any(|(one, two)| overlaps(one, two))
            }
            (Self::With(one), Self::Within(other)) => one
                .iter()
                .any(|set| !other.iter().any(|within| overlaps(set, within))),
            _ => false,
        }
    }
}

impl DeviceRule {
    fn text(&self) -> String {
        let word = if self.allow { "allow" } else { "deny" };
        format!("{word} {}", self.devices)
    }
}

/// As many as fit into a column of a report.
const FEW: usize = 2;

/// Some of them, and how many there are besides.
pub(crate) fn few(sets: &[DeviceSet]) -> String {
    let (default, sets) = match sets.strip_prefix(&DEFAULT) {
        Some(others) => (Some("the default ones".to_owned()), others),
        None => (None, sets),
    };
    let count = sets.len() + usize::from(default.is_some());
    let named = default
        .into_iter()
        .chain(sets.iter().map(ToString::to_string));
    let named: Vec<String> = named.take(FEW).collect();
    match count.saturating_sub(FEW) {
        0 => named.join(", "),
        others => format!("{} and {others} more", named.join(", ")),
    }
}

fn covers(wide: &DeviceSet, narrow: &DeviceSet) -> bool {
    wide.kind.is_none_or(|kind| narrow.kind == Some(kind))
        && wide.major.is_none_or(|major| narrow.major == Some(major))
        && wide.minor.is_none_or(|minor| narrow.minor == Some(minor))
        && narrow.access.without(wide.access).is_none()
}

fn overlaps(one: &DeviceSet, other: &DeviceSet) -> bool {
    fn same<T: Copy + PartialEq>(one: Option<T>, other: Option<T>) -> bool {
        one.is_none() || other.is_none() || one == other
    }
    same(one.kind, other.kind)
        && same(one.major, other.major)
        && same(one.minor, other.minor)
        && !one.access.and(other.access).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets(texts: &[&str]) -> Vec<DeviceSet> {
        let set = |text: &&str| DeviceSet::read(text).expect("a set");
        texts.iter().map(set).collect()
    }

    fn rule(allow: bool, text: &str) -> DeviceRule {
        let devices = DeviceSet::read(text).expect("a set");
        DeviceRule { allow, devices }
    }

    #[test]
    fn the_last_rule_that_names_a_device_decides() {
        let asked = DevicesAsked::Rules(vec![
            rule(false, "a *:* rwm"),
            rule(true, "c 10:* rw"),
            rule(false, "c 10:200 w"),
        ]);
        let of = |minor| asked.of(|set| set.of(DeviceKind::Character, 10, minor));
        let read_and_write = Access::READ.or(Access::WRITE);
        // That files can be made is every runtime's own.
        assert_eq!(of(229), (Access::ALL, read_and_write));
        let may = Access::READ.or(Access::MKNOD);
        assert_eq!(of(200), (may, Access::READ));
        let null = asked.of(|set| set.of(DeviceKind::Character, 1, 3));
        assert_eq!(null, (Access::ALL, Access::NONE));
    }

    #[test]
    fn a_narrower_demand_implies_a_wider_one() {
        let within = |texts: &[&str]| DevicesAsked::Within(sets(texts));
        let without = |texts: &[&str]| DevicesAsked::Without(sets(texts));
        let with = |texts: &[&str]| DevicesAsked::With(sets(texts));
        assert!(within(&["c 1:3 r"]).implies(&within(&["c 1:* rwm", "b *:* m"])));
        assert!(!within(&["c *:* r"]).implies(&within(&["c 1:* rwm"])));
        assert!(without(&["b *:* rw"]).implies(&without(&["b 8:0 r"])));
        assert!(!without(&["b 8:0 r"]).implies(&without(&["b *:* rw"])));
        assert!(with(&["a *:* rwm"]).implies(&with(&["c 10:229 rw"])));
        assert!(with(&["c 10:229 rw"]).excludes(&without(&["c 10:* w"])));
        assert!(with(&["c 10:229 rw"]).excludes(&within(&["c 1:3 rwm"])));
        assert!(!with(&["c 1:3 rw"]).excludes(&within(&["c 1:3 r", "c *:* w"])));
    }
}
