//! A lesson as data: what is told, the records that show it, and whether they did. Owns the
//! shape that people and programs get; must not observe anything.

use serde::Serialize;

use crate::{
    event::{Event, NamespaceKind},
    verdict::{Counters, Verdict},
};

/// A lesson as it went this time.
#[derive(Clone, Debug, Serialize)]
pub struct Lesson {
    /// Its name on the command line.
    pub name: &'static str,
    /// One line.
    pub title: &'static str,
    /// What is done, before anything is shown.
    pub introduction: String,
    /// The steps, in order.
    pub parts: Vec<Part>,
    /// Of the records of this lesson.
    pub records: Records,
}

/// One step: an experiment, what the kernel recorded of it, what that means.
#[derive(Clone, Debug, Serialize)]
pub struct Part {
    /// A few words.
    pub title: String,
    /// What is done and why.
    pub text: String,
    /// What the kernel recorded.
    pub evidence: Vec<Evidence>,
    /// Whether the records show what the lesson says.
    pub verdict: Verdict,
    /// What it means; where it was not shown, why not.
    pub meaning: String,
}

/// One line that rests on records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// Their numbers, ascending.
    pub records: Vec<u64>,
    /// Their event.
    pub event: String,
    /// What they show.
    pub shows: String,
}

/// How many records there were, for all that happened in scope while the lesson went on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Records {
    /// Read.
    pub read: u64,
    /// Lost: the ring had no room.
    pub lost: u64,
    /// Not understood.
    pub unknown: u64,
}

impl Evidence {
    /// What `events`, all of one kind, show together.
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Event>, shows: impl Into<String>) -> Self {
        let mut name = String::new();
        let mut records: Vec<u64> = events
            .into_iter()
            .map(|event| {
                event.body.name().clone_into(&mut name);
                event.seq
            })
            .collect();
        records.sort_unstable();
        Self {
            records,
            event: name,
            shows: shows.into(),
        }
    }
}

impl Records {
    /// The totals of both sides.
    pub fn of(counters: &Counters) -> Self {
        Self {
            read: counters.read.total(),
            lost: counters.lost.total(),
            unknown: counters.unknown.total(),
        }
    }
}

impl Lesson {
    /// Fail when a part was contradicted, else inconclusive when one was not shown or records
    /// are missing that could have contradicted it, else pass.
    pub fn verdict(&self) -> Verdict {
        let any = |verdict| self.parts.iter().any(|part| part.verdict == verdict);
        if any(Verdict::Fail) {
            Verdict::Fail
        } else if any(Verdict::Inconclusive) || self.records.lost + self.records.unknown > 0 {
            Verdict::Inconclusive
        } else {
            Verdict::Pass
        }
    }
}

/// The verdict of a part that is shown when `holds`, and cannot be known without what is `None`.
pub fn verdict_of(holds: Option<bool>) -> Verdict {
    match holds {
        Some(true) => Verdict::Pass,
        Some(false) => Verdict::Fail,
        None => Verdict::Inconclusive,
    }
}

/// The flag of clone that makes a namespace of this kind.
pub fn flag_name(kind: NamespaceKind) -> String {
    match kind {
        // Mount namespaces were the first, when no other kind was thought of.
        NamespaceKind::Mnt => "CLONE_NEWNS".to_owned(),
        other => format!("CLONE_NEW{}", other.name().to_uppercase()),
    }
}

/// The namespace flags among those of a clone; `no CLONE_NEW* flag` when there is none.
pub fn namespace_flags(flags: u64) -> String {
    let names: Vec<String> = NamespaceKind::ALL
        .into_iter()
        .filter(|kind| flags & kind.clone_flag() != 0)
        .map(flag_name)
        .collect();
    if names.is_empty() {
        "no CLONE_NEW* flag".to_owned()
    } else {
        names.join(" ")
    }
}

/// `1 process`, `2 processes`.
pub fn processes(count: usize) -> String {
    if count == 1 {
        "1 process".to_owned()
    } else {
        format!("{count} processes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(verdict: Verdict) -> Part {
        Part {
            title: String::new(),
            text: String::new(),
            evidence: Vec::new(),
            verdict,
            meaning: String::new(),
        }
    }

    fn lesson(verdicts: &[Verdict], records: Records) -> Lesson {
        Lesson {
            name: "test",
            title: "",
            introduction: String::new(),
            parts: verdicts.iter().copied().map(part).collect(),
            records,
        }
    }

    #[test]
    fn one_part_that_is_contradicted_fails_the_lesson() {
        let all = [Verdict::Pass, Verdict::Inconclusive, Verdict::Fail];
        assert_eq!(lesson(&all, Records::default()).verdict(), Verdict::Fail);
        assert_eq!(
            lesson(&all[..2], Records::default()).verdict(),
            Verdict::Inconclusive
        );
        assert_eq!(
            lesson(&all[..1], Records::default()).verdict(),
            Verdict::Pass
        );
    }

    #[test]
    fn a_lost_record_could_have_been_the_one_that_contradicts() {
        let lost = Records {
            read: 9,
            lost: 1,
            unknown: 0,
        };
        assert_eq!(
            lesson(&[Verdict::Pass], lost).verdict(),
            Verdict::Inconclusive
        );
        let unknown = Records {
            read: 9,
            lost: 0,
            unknown: 1,
        };
        assert_eq!(
            lesson(&[Verdict::Pass], unknown).verdict(),
            Verdict::Inconclusive
        );
    }

    #[test]
    fn flags_are_named_as_clone_names_them() {
        assert_eq!(namespace_flags(0x2002_0000), "CLONE_NEWNS CLONE_NEWPID");
        assert_eq!(namespace_flags(0x0001_0900), "no CLONE_NEW* flag");
    }
}
