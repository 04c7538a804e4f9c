//! Judging: expectations on one side, what the kernel showed on the other. Owns the three-valued
//! verdict and its evidence. Pure; must not know how a container is made or a report is written.
mod check;
mod containers;
mod finding;
mod judge;
pub mod mountinfo;
pub mod observation;
mod rule;
mod select;

#[cfg(test)]
pub(crate) mod sample;

use serde::{Deserialize, Serialize};

pub use containers::{
    Act, Container, Created, Held, Surroundings, Waited, judge_containers, judge_held, overall,
};
pub use judge::{judge_final, judge_gate, judge_refused, may_miss_execs};
pub use mountinfo::MountInfo;
pub use observation::{Counters, Drift, Observation, PerKind, Seen, Unattached, kinds};
pub use rule::judge_rules;
pub use select::{Labels, Select};

/// The outcome of one expectation or of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The records show that it holds.
    Pass,
    /// The records show that it does not.
    Fail,
    /// It cannot be known.
    Inconclusive,
}

impl Verdict {
    /// Lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// What a finding rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// Number of the record; `None` for what is not a record.
    pub seq: Option<u64>,
    /// Name of the event, or `mountinfo`, `counters`.
    pub source: String,
    /// What it shows.
    pub detail: String,
}

/// One expectation, judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Item {
    /// Stable name of the expectation.
    pub id: String,
    /// What was asked.
    pub asked: String,
    /// What the kernel showed.
    pub seen: String,
    /// The outcome.
    pub verdict: Verdict,
    /// What asked for it.
    pub origin: String,
    /// Why it is not a pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
}

/// All expectations, judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Judgement {
    /// Fail if one fails, else inconclusive if one is or there is none, else pass.
    pub verdict: Verdict,
    /// In the order of the expectations.
    pub items: Vec<Item>,
}

impl Judgement {
    pub(crate) fn of(items: Vec<Item>) -> Self {
        let any = |verdict| items.iter().any(|item: &Item| item.verdict == verdict);
        let verdict = if any(Verdict::Fail) {
            Verdict::Fail
        } else if items.is_empty() || any(Verdict::Inconclusive) {
            Verdict::Inconclusive
        } else {
            Verdict::Pass
        };
        Self { verdict, items }
    }

    /// How many items have this outcome.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.items
            .iter()
            .filter(|item| item.verdict == verdict)
            .count()
    }
}

#[cfg(test)]
mod tests;
