//! Births, judged by what is expected of every container. Owns what is looked at; the judging is
//! `verdict`'s.

use serde_json::Value;

use crate::expect::{Expectation, catalog::Base, rule::Rule};
use crate::host::HostFacts;
use crate::model::{Birth, Model};
use crate::report::verification;
use crate::verdict::{self, Container, Observation, PerKind, Surroundings, Verdict};

use super::record::Item;

/// What is expected of every container.
#[derive(Debug, Default)]
pub struct Judging {
    /// From files and presets.
    pub expectations: Vec<Expectation>,
    /// Conditions of the user's own.
    pub rules: Vec<Rule>,
}

/// A birth, judged.
pub(super) struct Judged {
    pub verdict: Option<Verdict>,
    pub items: Vec<Item>,
    pub certificate: Value,
}

/// Names of expectations that no birth decides.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Undecided {
    /// Only what comes later shows them: they are left out.
    pub later: Vec<String>,
    /// They rest on what an audit does not read: they are inconclusive at every birth.
    pub unread: Vec<String>,
}

impl Undecided {
    /// A line for each reason.
    pub fn words(&self) -> Vec<String> {
        let reasons = [
            ("not judged, as only what comes later shows it", &self.later),
            (
                "inconclusive at every birth, as an audit reads neither mount tables nor files",
                &self.unread,
            ),
        ];
        let given = reasons.into_iter().filter(|(_, names)| !names.is_empty());
        given
            .map(|(reason, names)| format!("{reason}: {}", names.join(", ")))
            .collect()
    }
}

impl Judging {
    /// Those of a list that are judged at births, and the names of those which no birth decides.
    pub fn decidable(all: Vec<Expectation>) -> (Vec<Expectation>, Undecided) {
        let mut undecided = Undecided::default();
        let judged = all.into_iter().filter(|expectation| {
            let family = expectation.check.family();
            let name = expectation.id.clone();
            if !family.at_exec() {
                undecided.later.push(name);
            } else if matches!(family.base, Base::MountInfo | Base::Files) {
                undecided.unread.push(name);
            }
            family.at_exec()
        });
        (judged.collect(), undecided)
    }

    fn is_empty(&self) -> bool {
        self.expectations.is_empty() && self.rules.is_empty()
    }

    /// Judges a birth by what its exec has shown. `lost` is what may be missing of it.
    pub(super) fn judge(
        &self,
        birth: &Birth,
        model: &Model,
        observation: &Observation,
        lost: PerKind,
        host: &HostFacts,
    ) -> Judged {
        let mut observation = observation.clone();
        observation.counters.lost = lost;
        observation.counters.submitted = lost;
        let mut container: Container = verdict::judge_held(
            &self.expectations,
            birth,
            model,
            &observation,
            &Surroundings::default(),
        );
        let certificate = verification::certificate_of(&container, host, model);
        verdict::judge_rules(&mut container, &self.rules, &certificate);
        let judgement = container.judgement.filter(|_| !self.is_empty());
        let items = judgement.iter().flat_map(|judgement| &judgement.items);
        let items = items.filter(|item| item.verdict != Verdict::Pass);
        Judged {
            verdict: judgement.as_ref().map(|judgement| judgement.verdict),
            items: items
                .map(|item| Item {
                    id: item.id.clone(),
                    asked: item.asked.clone(),
                    seen: item.seen.clone(),
                    verdict: item.verdict.name().to_owned(),
                    reason: item.reason.clone(),
                })
                .collect(),
            certificate,
        }
    }
}
