//! What looking at one expectation gave, before losses are weighed. Owns the difference between
//! a violation that was seen and a proof that is missing.

use crate::event::{Certificate, NamespaceKind, NsId};
use crate::model::{Model, NamespaceOrigin};

use super::{Evidence, Observation, Seen};

/// When it is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Init stands at the gate.
    Gate,
    /// Everything is over.
    Final,
    /// Everything is over, and the payload was not started.
    Refused,
}

/// What a check looks at.
#[derive(Clone, Copy)]
pub(super) struct Facts<'a> {
    pub stage: Stage,
    pub model: &'a Model,
    pub observation: &'a Observation,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// It holds, if nothing was lost that it rests on.
    Holds {
        seen: String,
        evidence: Vec<Evidence>,
    },
    /// It does not hold: losses don't matter.
    Violated {
        seen: String,
        reason: String,
        evidence: Vec<Evidence>,
    },
    /// What would prove it is not there: a violation, unless it was lost.
    Missing {
        seen: String,
        reason: String,
        evidence: Vec<Evidence>,
    },
    /// This kernel cannot say.
    Unknown { reason: String },
}

impl Finding {
    pub(super) fn unknown(reason: impl Into<String>) -> Self {
        Self::Unknown {
            reason: reason.into(),
        }
    }

    /// Holds or is violated, on one fact.
    pub(super) fn decide(
        holds: bool,
        seen: impl Into<String>,
        reason: impl Into<String>,
        evidence: Vec<Evidence>,
    ) -> Self {
        let seen = seen.into();
        if holds {
            Self::Holds { seen, evidence }
        } else {
            Self::Violated {
                seen,
                reason: reason.into(),
                evidence,
            }
        }
    }
}

impl<'a> Facts<'a> {
    /// The certificate that this stage judges.
    pub(super) fn seen(&self) -> Option<&'a Seen> {
        match self.stage {
            Stage::Gate | Stage::Refused => self.observation.gate.as_ref(),
            Stage::Final => self.observation.exec.as_ref(),
        }
    }

    /// Where the namespace came from that had this number when this stage's certificate was
    /// made: judged at the end, it may be another's by then.
    pub(super) fn namespace(&self, kind: NamespaceKind, id: NsId) -> Option<&'a NamespaceOrigin> {
        match self.seen() {
            Some(seen) => self.model.namespace_at(kind, id, seen.seq),
            None => self.model.namespace(kind, id),
        }
    }

    /// Name of the event that carries this stage's certificate.
    pub(super) fn source(&self) -> &'static str {
        match self.stage {
            Stage::Gate | Stage::Refused => "task_snapshot",
            Stage::Final => "sched_process_exec",
        }
    }

    /// Evidence from this stage's certificate.
    pub(super) fn certificate_evidence(&self, detail: impl Into<String>) -> Vec<Evidence> {
        let seq = self.seen().map(|seen| seen.seq);
        vec![Evidence {
            seq,
            source: self.source().to_owned(),
            detail: detail.into(),
        }]
    }

    /// Evidence from another record.
    pub(super) fn record(seq: u64, source: &str, detail: impl Into<String>) -> Evidence {
        Evidence {
            seq: Some(seq),
            source: source.to_owned(),
            detail: detail.into(),
        }
    }

    /// Looks at one fact of the certificate.
    pub(super) fn fact<T>(
        &self,
        name: &str,
        read: impl FnOnce(&'a Certificate) -> Option<T>,
        check: impl FnOnce(T) -> Finding,
    ) -> Finding {
        match self.seen() {
            None => Finding::unknown(format!("no {} record of init", self.source())),
            Some(seen) => match read(&seen.certificate) {
                None => Finding::unknown(format!("this kernel does not tell {name}")),
                Some(fact) => check(fact),
            },
        }
    }

    /// Looks at one fact of the certificate next to the same fact of tracer itself.
    pub(super) fn fact_and_host<T>(
        &self,
        name: &str,
        read: impl Fn(&'a Certificate) -> Option<T>,
        check: impl FnOnce(T, T) -> Finding,
    ) -> Finding {
        let host = self.observation.host().and_then(&read);
        self.fact(name, &read, |fact| match host {
            None => Finding::unknown(format!("tracer's own {name} is not known")),
            Some(host) => check(fact, host),
        })
    }
}
