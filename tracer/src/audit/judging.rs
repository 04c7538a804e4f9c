//! Births, judged by what is expected of every container. Owns what is looked at; the judging is
//! `verdict`'s.

use serde_json::Value;

use crate::expect::{Expectation, rule::Rule};
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

impl Judging {
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
