//! Every container of a verification, judged: which are selected, each by itself, and all of them
//! together. Owns these rules.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::event::{Task, Tgid};
use crate::expect::{Expectation, Readings};
use crate::model::{Birth, Births, Model};

use super::judge::{judge_final, may_miss_execs};
use super::{Judgement, Labels, MountInfo, Observation, Seen, Select, Verdict};

/// One container and what became of it.
#[derive(Clone, Debug)]
pub struct Container {
    /// Who it is.
    pub birth: Birth,
    /// It is a runtime's own stage.
    pub stage: bool,
    /// What its judgement looked at.
    pub observation: Observation,
    /// `None` when it was not selected.
    pub judgement: Option<Judgement>,
    /// The look at it as it waited, set up, for its payload to be started.
    pub created: Option<Created>,
    /// What enforcement did about it, where it was enforced.
    pub held: Option<Held>,
}

/// What enforcement did about a container.
#[derive(Clone, Debug)]
pub struct Held {
    /// What it did.
    pub act: Act,
    /// What that rests on; `None` where no expectation can be judged at exec.
    pub judgement: Option<Judgement>,
    /// The kernel refuses to change its namespaces, if it is let go.
    pub keeps_namespaces: bool,
}

/// What enforcement does about a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// It was held, judged, and let go.
    LetGo,
    /// It was held, judged, and killed: nothing of it has run.
    Killed,
    /// The kernel refused to hold it, and it was killed: something of it may have run.
    KilledLate,
    /// It was let go, and killed with all of its container when that changed.
    KilledForDrift,
    /// Nothing: only the end tells whether it is a runtime's own stage, which would be killed
    /// wrongly.
    NotHeld,
}

/// A container before anything ran in it: what OCI calls `created`.
#[derive(Clone, Debug)]
pub struct Created {
    /// Number of the record that carried the facts.
    pub seq: u64,
    /// The same expectations, held against those facts; `None` when it was not selected.
    pub judgement: Option<Judgement>,
}

/// Who waited, and what was seen of it then.
#[derive(Clone, Debug)]
pub struct Waited {
    /// Who.
    pub task: Task,
    /// Its facts.
    pub seen: Seen,
    /// Its mount table; `None` = could not be read.
    pub mounts: Option<Arc<[MountInfo]>>,
    /// What else was read about it; `None` = nothing.
    pub readings: Option<Readings>,
}

impl Waited {
    /// Those that waited, in their order, by who they are: each one's number and start.
    fn by_task(all: &[Self]) -> HashMap<(Tgid, u64), Vec<&Self>> {
        let mut by_task: HashMap<_, Vec<&Self>> = HashMap::new();
        for waited in all {
            let who = (waited.task.tgid, waited.task.start_ns);
            by_task.entry(who).or_default().push(waited);
        }
        by_task
    }
}

/// What was read of the machine beside the records.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Mount tables of containers, by the record of their birth; `None` = could not be read.
    pub containers: BTreeMap<u64, Option<Arc<[MountInfo]>>>,
    /// What else was read of containers, by the record of their birth.
    pub readings: BTreeMap<u64, Readings>,
    /// What engines say of the labels of containers, by the record of their birth.
    pub labels: BTreeMap<u64, Labels>,
    /// tracer's own mount table.
    pub host: Option<Arc<[MountInfo]>>,
}

/// Judges every container that is selected, once all is over. The verdict is of all of them.
pub fn judge_containers(
    expectations: &[Expectation],
    select: &Select,
    births: &Births,
    model: &Model,
    observation: &Observation,
    mounts: &Surroundings,
    waited: &[Waited],
) -> (Vec<Container>, Verdict) {
    let waited = Waited::by_task(waited);
    let container = |birth: &Birth| {
        let stage = births.is_stage(birth);
        let observation = observation_of(birth, observation, mounts);
        let selected = select.takes(birth, stage, mounts);
        let payload = (birth.payload.tgid, birth.payload.start_ns);
        let mut looks = waited.get(&payload).into_iter().flatten();
        // The first look at who became its payload.
        let created = looks.find(|waited| waited.seen.seq < birth.seq);
        let created = created.map(|waited| {
            let then = Observation {
                exec: Some(waited.seen.clone()),
                mounts: waited.mounts.clone(),
                readings: waited.readings.clone(),
                ..observation.clone()
            };
            Created {
                seq: waited.seen.seq,
                judgement: selected.then(|| judge_final(expectations, model, &then)),
            }
        });
        Container {
            birth: birth.clone(),
            stage,
            created,
            held: None,
            judgement: selected.then(|| judge_final(expectations, model, &observation)),
            observation,
        }
    };
    let containers: Vec<Container> = births.all().iter().map(container).collect();
    let verdict = overall(&containers, observation);
    (containers, verdict)
}

/// Judges a container whose payload is held, by what its exec has shown. Records of others that are
/// still on their way don't matter: those of what led up to this exec came before it.
pub fn judge_held(
    expectations: &[Expectation],
    birth: &Birth,
    model: &Model,
    observation: &Observation,
    mounts: &Surroundings,
) -> Container {
    let mut observation = observation_of(birth, observation, mounts);
    observation.counters.on_their_way_left_out();
    let decidable = expectations.iter();
    let decidable: Vec<Expectation> = decidable
        .filter(|expectation| expectation.check.family().at_exec())
        .cloned()
        .collect();
    Container {
        birth: birth.clone(),
        stage: false,
        created: None,
        held: None,
        judgement: Some(judge_final(&decidable, model, &observation)),
        observation,
    }
}

/// What the judgement of one container looks at.
fn observation_of(birth: &Birth, all: &Observation, mounts: &Surroundings) -> Observation {
    Observation {
        init: Some(birth.payload.tgid),
        gate: None,
        exec: Some(Seen {
            seq: birth.seq,
            certificate: birth.certificate.clone(),
        }),
        mounts: mounts.containers.get(&birth.seq).cloned().flatten(),
        host_mounts: mounts.host.clone(),
        readings: mounts.readings.get(&birth.seq).cloned(),
        drift: Some(birth.drift.clone()),
        ..all.clone()
    }
}

/// Of all containers that were judged: fail if one fails or there is none, inconclusive if one is
/// or another may have been missed.
pub fn overall(containers: &[Container], observation: &Observation) -> Verdict {
    let verdicts = containers
        .iter()
        .filter_map(|container| Some(container.judgement.as_ref()?.verdict));
    of_all(&verdicts.collect::<Vec<_>>(), may_miss_execs(observation))
}

fn of_all(verdicts: &[Verdict], blind: bool) -> Verdict {
    if verdicts.contains(&Verdict::Fail) {
        Verdict::Fail
    } else if blind || verdicts.contains(&Verdict::Inconclusive) {
        Verdict::Inconclusive
    } else if verdicts.is_empty() {
        Verdict::Fail
    } else {
        Verdict::Pass
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_container_is_never_a_pass() {
        assert_eq!(of_all(&[], false), Verdict::Fail);
        assert_eq!(of_all(&[], true), Verdict::Inconclusive);
    }

    #[test]
    fn one_container_spoils_all() {
        use Verdict::{Fail, Inconclusive, Pass};
        assert_eq!(of_all(&[Pass, Fail, Inconclusive], true), Fail);
        assert_eq!(of_all(&[Pass, Inconclusive], false), Inconclusive);
        assert_eq!(of_all(&[Pass, Pass], true), Inconclusive);
        assert_eq!(of_all(&[Pass, Pass], false), Pass);
    }
}
