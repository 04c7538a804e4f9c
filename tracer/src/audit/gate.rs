//! Enforcement: what an audit decides upon whoever is held, and upon containers that were let go and
//! have changed. Owns the decisions; that they are carried out is up to the caller.

use std::collections::BTreeSet;

use crate::event::{Body, Certificate, Event, Hold, Task, Tgid};
use crate::model::Birth;
use crate::verdict::{Surroundings, Verdict};

use super::auditor::{Ancestry, Auditor};
use super::identity;
use super::lineage;
use super::record::{Enforced, Item, LineageSource, SeenBy, Violation, What};

/// What is to be done about a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It goes on, if it is held.
    LetGo {
        /// Who.
        task: Task,
        /// On the condition that it keeps its namespaces.
        keeps_namespaces: bool,
    },
    /// It is killed.
    End {
        /// Who.
        task: Task,
    },
}

/// Where enforcement stands.
#[derive(Default)]
pub(super) struct Gate {
    /// The kernel can refuse changes of namespaces.
    refuses: bool,
    /// Containers that were let go, by number, and must not change.
    unchanging: BTreeSet<usize>,
    /// Containers that have changed all the same: nobody in them lives on.
    changed: BTreeSet<usize>,
    decisions: Vec<Decision>,
    /// What was read of whoever is held, for the event that is applied.
    around: Surroundings,
}

impl Auditor {
    /// From now on, decides upon whoever is held. `refuses` = the kernel side can refuse changes of
    /// namespaces.
    pub fn enforce(&mut self, refuses: bool) {
        self.gate = Some(Gate {
            refuses,
            ..Gate::default()
        });
    }

    /// Everybody who is in namespaces of their own, as far as is known.
    pub fn elsewhere(&self) -> impl Iterator<Item = &Task> {
        let leaders = self
            .model
            .tasks()
            .filter(|state| state.task.tid.0 == state.task.tgid.0);
        leaders
            .filter(|state| self.is_elsewhere(&state.namespaces))
            .map(|state| &state.task)
    }

    /// Who has created that process, as far as is known.
    pub fn parent_of(&self, tgid: Tgid) -> Option<Tgid> {
        self.model.leader(tgid)?.parent()
    }

    /// As [`Auditor::apply`], with what was read of the task meanwhile, which is held.
    pub fn apply_held(&mut self, event: &Event, around: Surroundings, ancestry: &Ancestry<'_>) {
        if let Some(gate) = &mut self.gate {
            gate.around = around;
        }
        self.apply(event, ancestry);
        if let Some(gate) = &mut self.gate {
            gate.around = Surroundings::default();
        }
    }

    /// Takes a task that is held and whose exec was lost, by its certificate as it is now.
    pub fn find_held(&mut self, event: &Event, certificate: &Certificate, ancestry: &Ancestry<'_>) {
        let members = [event.task.tgid];
        let found = self.births.find(event, certificate, &members, &self.model);
        let Some(birth) = found.and_then(|number| self.births.get(number)).cloned() else {
            self.decide(&event.task, true);
            return;
        };
        let lineage = ancestry(birth.payload.tgid);
        let lineage = lineage::record(&self.host.boot_id, lineage.as_ref(), LineageSource::Proc);
        self.tell_birth(event, &birth, SeenBy::Inventory, lineage, Hold::Held);
    }

    /// What is to be done now.
    pub fn decisions(&mut self) -> Vec<Decision> {
        let Some(gate) = &mut self.gate else {
            return Vec::new();
        };
        let mut decisions = std::mem::take(&mut gate.decisions);
        gate.changed
            .retain(|number| self.births.get(*number).is_some());
        // Every time: who was created before its creator was dead is told of later.
        for birth in gate
            .changed
            .iter()
            .filter_map(|number| self.births.get(*number))
        {
            let members = self.births.members(birth);
            let leaders = members.filter_map(|tgid| self.model.leader(tgid));
            decisions.extend(leaders.map(|state| Decision::End {
                task: state.task.clone(),
            }));
        }
        decisions
    }

    /// Whether anybody is in a container that has changed and must not.
    pub(super) fn is_ending(&self, tgid: Tgid) -> bool {
        let container = self.births.container_of(tgid);
        let gate = self.gate.as_ref();
        gate.zip(container)
            .is_some_and(|(gate, number)| gate.changed.contains(&number))
    }

    pub(super) fn around(&self) -> &Surroundings {
        const NOTHING: &Surroundings = &Surroundings {
            containers: std::collections::BTreeMap::new(),
            readings: std::collections::BTreeMap::new(),
            labels: std::collections::BTreeMap::new(),
            host: None,
        };
        self.gate.as_ref().map_or(NOTHING, |gate| &gate.around)
    }

    /// Decides upon whoever has come to a halt by this event and is nobody's payload.
    pub(super) fn pass_by(&mut self, event: &Event) {
        if held(event).is_some() {
            let goes = !self.is_ending(event.task.tgid);
            self.decide(&event.task, goes);
        }
    }

    fn decide(&mut self, task: &Task, goes: bool) {
        let Some(gate) = &mut self.gate else {
            return;
        };
        let task = task.clone();
        gate.decisions.push(if goes {
            Decision::LetGo {
                task,
                keeps_namespaces: false,
            }
        } else {
            Decision::End { task }
        });
    }

    /// Decides upon a payload, and says what is done about it. Nothing is done about who is not judged.
    pub(super) fn judged(
        &mut self,
        birth: &Birth,
        verdict: Option<Verdict>,
        hold: Hold,
    ) -> Option<Enforced> {
        let gate = self.gate.as_mut()?;
        let task = birth.payload.clone();
        let goes = verdict.is_none_or(|verdict| verdict == Verdict::Pass);
        if !goes {
            gate.decisions.push(Decision::End { task });
            return Some(if hold == Hold::Held {
                Enforced::Killed
            } else {
                Enforced::KilledLate
            });
        }
        let unchanging = verdict.is_some() && self.judging.denies_drift;
        if unchanging {
            gate.unchanging.insert(birth.number);
        }
        if hold != Hold::Free {
            gate.decisions.push(Decision::LetGo {
                task,
                keeps_namespaces: unchanging && gate.refuses,
            });
        }
        verdict.map(|_| {
            if hold == Hold::Held {
                Enforced::LetGo
            } else {
                Enforced::NotHeld
            }
        })
    }

    /// A container has changed: where that is denied, it ends.
    pub(super) fn denied(&mut self, event: &Event, number: usize, what: &str, by: &str) {
        let Some(gate) = &mut self.gate else {
            return;
        };
        if !gate.unchanging.contains(&number) {
            return;
        }
        let first = gate.changed.insert(number);
        let Some(birth) = self.births.get(number).filter(|_| first) else {
            return;
        };
        let violation = Violation {
            container: self.container(birth),
            process: identity::payload(&self.host.boot_id, birth),
            verdict: Verdict::Fail.name().to_owned(),
            enforced: Some(Enforced::KilledForDrift),
            items: vec![Item {
                id: "drift".to_owned(),
                asked: "none".to_owned(),
                seen: format!("{what} by {by}"),
                verdict: Verdict::Fail.name().to_owned(),
                reason: Some("it was let go as it was".to_owned()),
            }],
        };
        self.tell(event.time_ns, What::ContainerViolation(violation));
    }

    /// Forgets what is known of containers that have ended.
    pub(super) fn gone(&mut self, number: usize) {
        if let Some(gate) = &mut self.gate {
            gate.unchanging.remove(&number);
            gate.changed.remove(&number);
        }
    }
}

/// How whoever this event is about is held by it; `None` = the event is no exec, or holds nobody.
pub(super) fn held(event: &Event) -> Option<Hold> {
    match &event.body {
        Body::Exec(exec) if exec.hold != Hold::Free => Some(exec.hold),
        _ => None,
    }
}
