//! What the exported formats have in common: suites of cases, the timeline, the counts. Owns how
//! it is read from a document, be that one of this run or one that was written to a file; so a
//! format is the same bytes whichever it is made from.

mod trouble;
mod wire;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::verdict::Verdict;

use super::document::SCHEMA_VERSION;
pub use wire::{Case, CaseEvidence, Drift, Hook, KindCount, Step, StepChange, Subject};

/// Why a document gives no view.
#[derive(Debug, Error)]
pub enum ViewError {
    /// It is something else, or not whole.
    #[error("it is no report of `tracer run` or `tracer verify`: {0}")]
    Shape(#[from] serde_json::Error),
    /// A newer tracer wrote it.
    #[error(
        "it has version {0} of the document, and this tracer reads up to {SCHEMA_VERSION}; use the \
         tracer that wrote it, or a newer one"
    )]
    Newer(u32),
}

/// One run or verification, as formats see it.
#[derive(Clone, Debug)]
pub struct View {
    /// Version of tracer.
    pub version: String,
    /// `uname -r`.
    pub kernel: String,
    /// `uname -m`.
    pub machine: String,
    /// What was run.
    pub command: Vec<String>,
    /// Of all.
    pub verdict: Verdict,
    /// tracer's exit code.
    pub exit: u8,
    /// How the payload or the command ended, in words.
    pub ended: String,
    /// A suite for each container that was found; those that were not judged have no verdict.
    pub suites: Vec<Suite>,
    /// What is wrong with the whole, beyond any container.
    pub troubles: Vec<Case>,
    /// What happened, in order.
    pub timeline: Vec<Step>,
    /// Events that the timeline had no room for.
    pub omitted: u64,
    /// Counts of both sides.
    pub counters: Counters,
    /// Microseconds of the whole run.
    pub total_us: u64,
    /// How each fact was observed.
    pub hooks: Vec<Hook>,
    /// What the judgement is about, by digest.
    pub subjects: Vec<Subject>,
}

/// Counts of both sides.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Counters {
    /// Records that the hooks set out to make.
    pub submitted: u64,
    /// Records read.
    pub read: u64,
    /// Records lost.
    pub lost: u64,
    /// Records that could not be understood.
    pub unknown: u64,
    /// Tasks left out.
    pub scope_full: u64,
    /// The same for each kind.
    pub kinds: Vec<KindCount>,
}

/// One container.
#[derive(Clone, Debug)]
pub struct Suite {
    /// The same in every run of the same command: number, runtime and payload.
    pub name: String,
    /// From 1.
    pub number: usize,
    /// The name that the runtime gave it.
    pub id: Option<String>,
    /// The payload's number.
    pub pid: Option<u32>,
    /// Of its cases; `None` when it was not judged.
    pub verdict: Option<Verdict>,
    /// Every expectation, judged.
    pub cases: Vec<Case>,
    /// What else there is to say, a sentence each.
    pub notes: Vec<String>,
    /// What changed in it later.
    pub drift: Vec<Drift>,
    /// Its namespaces, `{mnt: {inum, is_host}, ...}`.
    pub namespaces: Option<Value>,
    /// Its birth certificate.
    pub certificate: Option<Value>,
}

impl View {
    /// Of a document in memory.
    pub fn of(document: &impl Serialize) -> Result<Self, ViewError> {
        Self::read(serde_json::to_value(document)?)
    }

    /// Of a document as JSON.
    pub fn read(document: Value) -> Result<Self, ViewError> {
        let wire: wire::Document = serde_json::from_value(document)?;
        if wire.schema_version > SCHEMA_VERSION {
            return Err(ViewError::Newer(wire.schema_version));
        }
        Ok(wire.into())
    }

    /// Suites that were judged.
    pub fn judged(&self) -> impl Iterator<Item = &Suite> {
        self.suites.iter().filter(|suite| suite.verdict.is_some())
    }

    /// Every case that was judged, and what is wrong with the whole.
    pub fn cases(&self) -> impl Iterator<Item = &Case> {
        let judged = self.judged().flat_map(|suite| &suite.cases);
        judged.chain(&self.troubles)
    }

    /// How many cases have this outcome.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.cases().filter(|case| case.verdict == verdict).count()
    }
}

impl Suite {
    /// How many cases have this outcome.
    pub fn count(&self, verdict: Verdict) -> usize {
        let cases = self.cases.iter();
        cases.filter(|case| case.verdict == verdict).count()
    }

    /// Its name, and the runtime's name for it.
    pub fn title(&self) -> String {
        match &self.id {
            Some(id) => format!("{} ({id})", self.name),
            None => self.name.clone(),
        }
    }
}

impl Case {
    /// What asked for it, each source by itself.
    pub fn places(&self) -> impl Iterator<Item = Place<'_>> {
        self.origin.split(", ").map(Place::of)
    }

    /// Records that it rests on, in a few characters.
    pub fn records(&self) -> String {
        let evidence = self.evidence.iter();
        super::summary::records_text(evidence.map(|one| (one.seq, one.source.as_str())))
    }
}

/// What asked for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// A line of a file.
    Line {
        /// As it was named.
        file: &'a str,
        /// From 1.
        line: u32,
        /// Property that stands there, where the line alone does not tell.
        property: Option<&'a str>,
    },
    /// A line of what comes with tracer.
    Preset {
        /// Which.
        name: &'a str,
        /// From 1.
        line: u32,
    },
    /// A word of the command line, or tracer itself.
    Word(&'a str),
}

impl<'a> Place<'a> {
    fn of(origin: &'a str) -> Self {
        let word = Self::Word(origin);
        if origin.starts_with('-') || origin.starts_with("no -") {
            return word;
        }
        let (place, property) = match origin.split_once(": ") {
            Some((place, property)) => (place, Some(property)),
            None => (origin, None),
        };
        let line = |text: &str| text.parse().ok().filter(|line: &u32| *line > 0);
        let Some((file, line)) = place
            .rsplit_once(':')
            .and_then(|(file, number)| Some((file, line(number)?)))
        else {
            return word;
        };
        match file.strip_prefix("preset ") {
            Some(name) => Self::Preset { name, line },
            None if file.is_empty() => word,
            None => Self::Line {
                file,
                line,
                property,
            },
        }
    }
}
