//! One container in the document of a verification. Owns its fields, which only get more.

use serde::Serialize;
use serde_json::Value;

use crate::event::{NamespaceKind, NsId, Tgid};
use crate::expect::catalog::guarantee::{CHANGES, Guarantee};
use crate::host::HostFacts;
use crate::model::{Birth, Births, Drift, Model};
use crate::report::certificate;
use crate::report::change::Names;
use crate::verdict::{self, Act, Held, Item, Judgement, Verdict};

/// One container.
#[derive(Clone, Debug, Serialize)]
pub struct Container {
    /// From 1, in the order of births.
    pub number: usize,
    /// Its name as its cgroup's path tells it.
    pub id: Option<String>,
    /// The program that made it.
    pub runtime: Option<String>,
    /// The payload as it was executed.
    pub payload: Payload,
    /// Number of the record of the payload's exec.
    pub record: u64,
    /// Number of the container that it was made within.
    pub within: Option<usize>,
    /// A runtime's own stage and no payload's container.
    pub stage: bool,
    /// Records of programs that ran in it before its root was its own.
    pub stages: Vec<u64>,
    /// Namespaces that are not tracer's.
    pub own_namespaces: Vec<NamespaceKind>,
    /// It was selected, and this is the outcome.
    pub verdict: Option<Verdict>,
    /// Every expectation, judged.
    pub items: Vec<Item>,
    /// The look at it before its payload was started; absent where nobody was seen to wait.
    pub created: Option<Created>,
    /// What was done about it; absent where nothing was enforced.
    pub enforced: Option<Enforced>,
    /// What changed in it later.
    pub drift: Vec<Drift>,
    /// The payload's end in wait(2)'s encoding; absent while it lives.
    pub ended: Option<u32>,
    /// Its namespaces.
    pub namespaces: Option<Value>,
    /// Its birth certificate.
    pub certificate: Option<Value>,
}

/// A container that was set up and waited for its payload to be started.
#[derive(Clone, Debug, Serialize)]
pub struct Created {
    /// Number of the record that carried its facts.
    pub record: u64,
    /// Of the same expectations then, if it was selected.
    pub verdict: Option<Verdict>,
    /// Those whose outcome was another then.
    pub differing: Vec<Item>,
}

/// What enforcement did about a container.
#[derive(Clone, Debug, Serialize)]
pub struct Enforced {
    /// What it did.
    pub act: Act,
    /// Of what can be judged at exec; absent where nothing of that is expected.
    pub verdict: Option<Verdict>,
    /// Names of the expectations that did not pass then.
    pub not_passed: Vec<String>,
    /// It executed itself anew, in tracer's own root directory, as runtimes do to get a user
    /// namespace: only what comes after it would tell whether it is a stage of its runtime.
    pub may_be_stage: bool,
    /// What of its expectations the kernel saw to, and what is only told of.
    pub guarantees: Vec<Guaranteed>,
}

/// Expectations with the same guarantee.
#[derive(Clone, Debug, Serialize)]
pub struct Guaranteed {
    /// Which.
    pub guarantee: Guarantee,
    /// Names of the expectations; of drift, what of it.
    pub of: Vec<String>,
}

/// By what could be judged as it was held, and by whether the kernel keeps it from changing.
fn guarantees(held: &Held, judgement: Option<&Judgement>) -> Vec<Guaranteed> {
    let at_exec = held.judgement.iter().flat_map(|judged| &judged.items);
    let at_exec: Vec<&str> = at_exec.map(|item| item.id.as_str()).collect();
    let mut all: Vec<(Guarantee, String)> = Vec::new();
    for item in judgement.iter().flat_map(|judged| &judged.items) {
        if item.id == "drift" {
            let changes = CHANGES.iter().map(|change| {
                let guarantee = change.guarantee(held.keeps_namespaces);
                (guarantee, format!("drift: {}", change.what))
            });
            all.extend(changes);
        } else if at_exec.contains(&item.id.as_str()) && held.act != Act::KilledLate {
            all.push((Guarantee::Held, item.id.clone()));
        } else {
            all.push((Guarantee::Detected, item.id.clone()));
        }
    }
    let kinds = [Guarantee::Prevented, Guarantee::Held, Guarantee::Detected];
    let of = |guarantee| Guaranteed {
        guarantee,
        of: all
            .iter()
            .filter(|(one, _)| *one == guarantee)
            .map(|(_, what)| what.clone())
            .collect(),
    };
    let all = kinds.map(of).into_iter();
    all.filter(|guaranteed| !guaranteed.of.is_empty()).collect()
}

impl Enforced {
    fn new(held: &Held, birth: &Birth, judgement: Option<&Judgement>) -> Self {
        let items = held.judgement.iter().flat_map(|judged| &judged.items);
        let not_passed = items.filter(|item| item.verdict != Verdict::Pass);
        Self {
            act: held.act,
            verdict: held.judgement.as_ref().map(|judged| judged.verdict),
            not_passed: not_passed.map(|item| item.id.clone()).collect(),
            may_be_stage: Births::may_be_stage(birth),
            guarantees: guarantees(held, judgement),
        }
    }
}

/// A payload.
#[derive(Clone, Debug, Serialize)]
pub struct Payload {
    /// Its number.
    pub pid: Tgid,
    /// Its number in its own PID namespace.
    pub vpid: Option<u32>,
    /// Its own name for itself.
    pub name: String,
    /// As given to exec.
    pub executable: Option<String>,
}

impl Created {
    /// Items of one list of expectations stand in the same order in both.
    fn new(created: &verdict::Created, later: Option<&Judgement>) -> Self {
        let items = |judgement: Option<&Judgement>| {
            judgement.map_or(Vec::new(), |judgement| judgement.items.clone())
        };
        let then = items(created.judgement.as_ref());
        let differs = |(then, now): &(Item, Item)| then.verdict != now.verdict;
        let pairs = then.into_iter().zip(items(later)).filter(differs);
        Self {
            record: created.seq,
            verdict: created.judgement.as_ref().map(|then| then.verdict),
            differing: pairs.map(|(then, _)| then).collect(),
        }
    }
}

impl Container {
    pub(super) fn new(
        container: &verdict::Container,
        host: &HostFacts,
        model: &Model,
        names: &Names<'_>,
    ) -> Self {
        let context = context(container, host, model);
        let verdict::Container {
            birth,
            stage,
            judgement,
            created,
            held,
            ..
        } = container;
        let Birth {
            payload,
            certificate: facts,
            ..
        } = birth;
        let kinds = |(kind, _): &(NamespaceKind, NsId)| *kind;
        Self {
            number: birth.number,
            id: birth.id.clone(),
            runtime: birth.runtime.as_deref().map(str::to_owned),
            payload: Payload {
                pid: payload.tgid,
                vpid: facts.vpid(),
                name: payload.comm.to_string(),
                executable: facts.filename().map(|path| path.text.into()),
            },
            record: birth.seq,
            within: birth.within,
            stage: *stage,
            stages: birth.stages.clone(),
            own_namespaces: birth.domain.namespaces.iter().map(kinds).collect(),
            verdict: judgement.as_ref().map(|judgement| judgement.verdict),
            items: judgement
                .as_ref()
                .map(|judgement| judgement.items.clone())
                .unwrap_or_default(),
            created: created
                .as_ref()
                .map(|created| Created::new(created, judgement.as_ref())),
            enforced: held
                .as_ref()
                .map(|held| Enforced::new(held, birth, judgement.as_ref())),
            drift: birth.drift.clone(),
            ended: birth.ended.map(|ended| ended.code),
            namespaces: certificate::namespaces(facts, context.baseline),
            certificate: Some(certificate::document(facts, &context, names)),
        }
    }

    /// How many items have this outcome.
    pub fn count(&self, verdict: Verdict) -> usize {
        let items = self.items.iter();
        items.filter(|item| item.verdict == verdict).count()
    }
}

pub(super) fn context<'a>(
    container: &'a verdict::Container,
    host: &'a HostFacts,
    model: &'a Model,
) -> certificate::Context<'a> {
    let payload = &container.birth.payload;
    certificate::Context {
        readings: container.observation.readings.as_ref(),
        host,
        model,
        // Its number may be another's by now.
        task: model
            .leader(payload.tgid)
            .filter(|known| known.task.start_ns == payload.start_ns),
        baseline: container.observation.host(),
    }
}
