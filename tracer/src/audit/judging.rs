//! Births, judged by what is expected of every container. Owns what is looked at; the judging is
//! `verdict`'s.

use serde_json::Value;

use crate::expect::{Check, Expectation, catalog::Base, rule::Rule};
use crate::host::HostFacts;
use crate::model::{Birth, Model};
use crate::report::verification;
use crate::verdict::{
    self, Container, Judgement, Observation, PerKind, Select, Surroundings, Verdict,
};

use super::record::Item;

/// What is expected of every container.
#[derive(Debug, Default)]
pub struct Judging {
    /// From files and presets.
    pub expectations: Vec<Expectation>,
    /// Conditions of the user's own.
    pub rules: Vec<Rule>,
    /// Of which containers; `None` = of all.
    pub select: Option<Select>,
    /// A container that was let go must not change.
    pub denies_drift: bool,
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

fn reads_more(expectation: &Expectation) -> bool {
    let base = expectation.check.family().base;
    matches!(base, Base::MountInfo | Base::Files)
}

impl Judging {
    /// By those of a list that are judged at births; gives the names of those which no birth decides, too.
    /// `enforced` = payloads are held meanwhile: then more can be read of each, and changes are denied.
    pub fn decidable(all: Vec<Expectation>, enforced: bool) -> (Self, Undecided) {
        let mut undecided = Undecided::default();
        let denies_drift = enforced && all.iter().any(|one| one.check == Check::Drift);
        let judged = all.into_iter().filter(|expectation| {
            let at_exec = expectation.check.family().at_exec();
            let name = expectation.id.clone();
            let watched = enforced && expectation.check == Check::Drift;
            if !at_exec && !watched {
                undecided.later.push(name);
            } else if !enforced && reads_more(expectation) {
                undecided.unread.push(name);
            }
            at_exec
        });
        let judging = Self {
            expectations: judged.collect(),
            denies_drift,
            ..Self::default()
        };
        (judging, undecided)
    }

    /// Whether it is expected of that container. At its birth nothing tells a runtime's own stage from a
    /// payload.
    pub(super) fn takes(&self, birth: &Birth) -> bool {
        let nothing = Surroundings::default();
        let select = self.select.as_ref();
        select.is_none_or(|select| select.takes(birth, false, &nothing))
    }

    /// Whether an expectation rests on more than records: mount tables, or files of the kernel's.
    pub fn calls_for_more(&self) -> bool {
        let mut all = self.expectations.iter();
        all.any(reads_more)
    }

    /// Whether nothing is expected.
    pub fn is_empty(&self) -> bool {
        self.expectations.is_empty() && self.rules.is_empty()
    }

    /// Judges a birth by what its exec has shown. `lost` is what may be missing of it, `around` what was
    /// read of it beside the records.
    pub(super) fn judge(
        &self,
        birth: &Birth,
        model: &Model,
        observation: &Observation,
        lost: PerKind,
        around: &Surroundings,
        host: &HostFacts,
    ) -> Judged {
        let mut observation = observation.clone();
        observation.counters.lost = lost;
        observation.counters.submitted = lost;
        let mut container: Container =
            verdict::judge_held(&self.expectations, birth, model, &observation, around);
        let certificate = verification::certificate_of(&container, host, model);
        verdict::judge_rules(&mut container, &self.rules, &certificate);
        let mut judgement = container.judgement.filter(|_| !self.is_empty());
        if let Some(judgement) = &mut judgement
            && let Some(select) = &self.select
            && let Some(item) = select.unsure(birth, around)
        {
            judgement.items.push(item);
            *judgement = Judgement::of(std::mem::take(&mut judgement.items));
        }
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
