//! What enforcement guarantees of each expectation: the documentation and `tracer doctor` tell it from
//! here. Owns the words.

use std::fmt::Write as _;

use serde::Serialize;

use super::{CATALOG, Family};

/// How far a violation gets under enforcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Guarantee {
    /// Nowhere: the kernel refuses the call that would bring it about.
    Prevented,
    /// To the payload's exec: nothing of it runs, as it is held there until it is judged.
    Held,
    /// It happens, and the container is killed or the verdict tells of it then.
    Detected,
}

impl Guarantee {
    /// As reports have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Prevented => "prevented",
            Self::Held => "held",
            Self::Detected => "detected",
        }
    }
}

impl Family {
    /// What enforcement guarantees of it as a whole.
    #[must_use]
    pub fn guarantee(&self) -> Guarantee {
        if self.at_exec() {
            Guarantee::Held
        } else {
            Guarantee::Detected
        }
    }
}

/// A change of a container that was let go, of those that `drift: deny` is about.
#[derive(Debug)]
pub struct Change {
    /// What changes.
    pub what: &'static str,
    /// Where the kernel calls the hook that refuses.
    pub guarded: Guarantee,
}

/// Every such change. Without the hook that refuses all of them are detected.
pub static CHANGES: [Change; 6] = [
    Change {
        what: "setns and unshare by the container's own processes",
        guarded: Guarantee::Prevented,
    },
    Change {
        what: "a clone of its own into new namespaces",
        guarded: Guarantee::Detected,
    },
    Change {
        what: "a move to another cgroup, by whomever",
        guarded: Guarantee::Detected,
    },
    Change {
        what: "somebody who enters from outside",
        guarded: Guarantee::Detected,
    },
    Change {
        what: "capabilities of a later exec",
        guarded: Guarantee::Detected,
    },
    Change {
        what: "limits of a later exec or at an end",
        guarded: Guarantee::Detected,
    },
];

impl Change {
    /// On a kernel that has the hook that refuses, or has not.
    #[must_use]
    pub const fn guarantee(&self, guard: bool) -> Guarantee {
        if guard {
            self.guarded
        } else {
            Guarantee::Detected
        }
    }
}

/// Ids of the families with this guarantee, but for drift, whose parts have their own, and what a
/// verification does not ask for.
#[must_use]
pub fn families(guarantee: Guarantee) -> Vec<&'static str> {
    let families = CATALOG.iter().filter(|family| {
        family.guarantee() == guarantee && !["drift", "payload.exec"].contains(&family.id)
    });
    families.map(|family| family.id).collect()
}

/// The table of docs/verification.md.
#[must_use]
pub fn markdown() -> String {
    let mut text = String::from("| what is expected | with BPF LSM | without |\n|---|---|---|\n");
    for guarantee in [Guarantee::Held, Guarantee::Detected] {
        let name = guarantee.name();
        let ids = families(guarantee).join("`, `");
        let _infallible = writeln!(text, "| `{ids}` | {name} | {name} |");
    }
    let name = Guarantee::Held.name();
    let _infallible = writeln!(text, "| conditions of `--rule` | {name} | {name} |");
    for change in &CHANGES {
        let (with, without) = (change.guarantee(true), change.guarantee(false));
        let _infallible = writeln!(
            text,
            "| `drift`: {} | {} | {} |",
            change.what,
            with.name(),
            without.name()
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_judged_at_exec_is_held_and_nothing_else() {
        for family in CATALOG {
            let held = family.guarantee() == Guarantee::Held;
            assert_eq!(held, family.at_exec(), "{}", family.id);
        }
        assert_eq!(families(Guarantee::Detected), ["complete"]);
        assert!(families(Guarantee::Prevented).is_empty());
    }

    #[test]
    fn without_the_hook_that_refuses_nothing_is_prevented() {
        let prevented = |guard: bool| {
            let changes = CHANGES.iter();
            let prevented =
                changes.filter(|change| change.guarantee(guard) == Guarantee::Prevented);
            prevented.count()
        };
        assert_eq!(prevented(true), 1);
        assert_eq!(prevented(false), 0);
    }
}
