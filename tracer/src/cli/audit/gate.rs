//! Enforcement by a running audit: what is read of whoever is held, and what is decided of it carried out.
//! Owns the doing; the deciding is `audit`'s.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{ancestry, live::Live};
use crate::{
    audit::{Auditor, Judging, gate::Decision},
    collect::{CollectError, Collector},
    event::{Body, Event, NamespaceSlot, Task, Tgid},
    host::{Hierarchy, HostFacts, mount_table::MountNamespace},
    verdict::{
        Surroundings,
        mountinfo::{self, MountInfo},
    },
    verify::{
        enforce::{end, has_ended, resume},
        keeper::Keeper,
        readings::Reader,
    },
};

/// Whoever is held by a record that was lost shows in the table a moment after the loss was counted.
const SHOWS: Duration = Duration::from_secs(1);

/// Who stops because its child has been stopped does so soon.
const STOPS: Duration = Duration::from_mins(1);

/// Who is held, and what is known of the machine to judge them by.
pub struct Gate {
    reader: Option<Reader>,
    hierarchies: Vec<Hierarchy>,
    host: Option<Arc<[MountInfo]>>,
    /// Until then somebody may be held of whom no record tells.
    untold: Option<Instant>,
    /// Who has had a child held, and may stop with it, and when.
    parents: HashMap<Tgid, Instant>,
    keeper: Keeper,
}

impl Gate {
    /// Starts who cleans up behind an audit that is killed.
    pub fn start(
        collector: &Collector,
        judging: &Judging,
        hierarchies: &[Hierarchy],
    ) -> Result<Self, CollectError> {
        let own = fs::read_to_string("/proc/self/mountinfo").ok();
        let mut gate = Self {
            reader: None,
            hierarchies: hierarchies.to_vec(),
            host: own.and_then(|text| mountinfo::parse(&text)).map(Arc::from),
            untold: None,
            parents: HashMap::new(),
            keeper: Keeper::start(collector.scope()).map_err(CollectError::Keeper)?,
        };
        gate.judge_by(judging);
        Ok(gate)
    }

    /// Reads what these expectations call for from now on.
    pub fn judge_by(&mut self, judging: &Judging) {
        self.reader = judging
            .calls_for_more()
            .then(|| Reader::new(&judging.expectations, self.hierarchies.clone()));
    }

    /// What expectations call for beside the record, of a task that is held by it.
    pub fn look_at(&mut self, event: &Event) -> Surroundings {
        let mut around = Surroundings::default();
        let (Some(reader), Body::Exec(exec)) = (&mut self.reader, &event.body) else {
            return around;
        };
        let task = event.task.tgid.0;
        let own = exec.certificate.namespaces();
        let own = own.and_then(|set| set.get(NamespaceSlot::Mnt));
        let held = own.and_then(|own| MountNamespace::hold(task, own));
        let table = held.as_ref().and_then(|held| held.read().ok());
        around.containers.insert(event.seq, table.map(Arc::from));
        if let Some(found) = reader.read(&exec.certificate, task, held.as_ref()) {
            around.readings.insert(event.seq, found);
        }
        around.host.clone_from(&self.host);
        around
    }

    /// Notes whose child that is, which is held.
    pub fn holds(&mut self, held: Tgid, auditor: &Auditor) {
        let Some(parent) = auditor.parent_of(held) else {
            return;
        };
        let now = Instant::now();
        self.parents.retain(|_, since| now - *since < STOPS);
        self.parents.insert(parent, now);
    }

    /// Has a process go on that has stopped because its child has.
    pub fn resume_parent(&self, tgid: Tgid) {
        if self.parents.contains_key(&tgid) {
            resume(tgid);
        }
    }

    /// The same for everybody who may have: the record that would tell who has was lost. Who has not stopped
    /// does not notice.
    pub fn resume_parents(&self) {
        self.parents.keys().copied().for_each(resume);
    }

    /// The record of an exec was lost.
    pub fn lost(&mut self) {
        self.untold = Some(Instant::now() + SHOWS);
    }

    /// Whether somebody may be held of whom no record tells.
    pub fn may_hold_untold(&mut self) -> bool {
        self.untold = self.untold.filter(|until| *until > Instant::now());
        self.untold.is_some()
    }

    /// Nobody is held any more.
    pub fn over(&mut self) {
        self.keeper.nobody_is_held();
    }
}

impl Live {
    /// Lets everybody go who is there, and holds whoever comes.
    pub(super) fn enforce(&mut self, host: &HostFacts) -> Result<(), CollectError> {
        let guard = self.collector.guard()?;
        let refuses = guard.is_some_and(|guard| guard.chosen.is_some());
        let judging = self.auditor.judging();
        self.gate = Some(Gate::start(&self.collector, judging, &host.hierarchies)?);
        let mut known = HashSet::new();
        // Who is let go passes that on to whom it creates: only what has come meanwhile is new.
        loop {
            let new = self.auditor.elsewhere();
            let new: Vec<Task> = new
                .filter(|task| known.insert((task.tgid, task.start_ns)))
                .cloned()
                .collect();
            if new.is_empty() {
                break;
            }
            for task in &new {
                let scope = self.collector.scope_mut();
                scope.admit(task.tgid.0, task.start_ns)?;
                if has_ended(task.tgid, task.start_ns) {
                    scope.put_out(task.tgid.0)?;
                }
            }
            let events = self.intake().all_events();
            self.take(events)?;
        }
        self.auditor.enforce(refuses);
        self.collector.hold_from_now()
    }

    /// Decides upon who is held though the record that would tell so was lost.
    pub(super) fn decide_on_untold(&mut self) -> Result<(), CollectError> {
        let untold: Vec<(u32, u64)> = self.collector.scope().held_untold().collect();
        for (tgid, _) in untold {
            self.collector.snapshot(tgid)?;
            let events = self.intake().all_events();
            self.read_counters()?;
            let ancestry = |tgid| ancestry::of(tgid, &self.starts);
            let (facts, others): (Vec<Event>, Vec<Event>) = events
                .into_iter()
                .partition(|event| matches!(event.body, Body::Snapshot(_)));
            for event in &facts {
                if let Body::Snapshot(certificate) = &event.body {
                    self.auditor.find_held(event, certificate, &ancestry);
                    if let Some(gate) = &mut self.gate {
                        gate.holds(event.task.tgid, &self.auditor);
                        // What would tell that it has stopped may be lost as well.
                        gate.resume_parents();
                    }
                }
            }
            self.take(others)?;
        }
        Ok(())
    }

    /// Whether something is to be done before the next record comes.
    pub fn waits(&mut self) -> bool {
        self.auditor.waits() || self.gate.as_mut().is_some_and(Gate::may_hold_untold)
    }

    /// Another condition of every birth from now on.
    pub fn judge_by(&mut self, judging: Judging) {
        if let Some(gate) = &mut self.gate {
            gate.judge_by(&judging);
        }
        self.auditor.judge_by(judging);
    }

    /// Decides upon the last ones that are held; nobody is any more.
    pub(super) fn hold_is_over(&mut self) -> Result<(), CollectError> {
        if self.gate.is_some() {
            self.decide_on_untold()?;
        }
        if let Some(gate) = &mut self.gate {
            gate.over();
        }
        Ok(())
    }
}

/// Carries decisions out.
pub fn carry_out(decisions: Vec<Decision>, collector: &mut Collector) {
    for decision in decisions {
        match decision {
            Decision::LetGo {
                task,
                keeps_namespaces,
            } => {
                let (tgid, start_ns) = (task.tgid.0, task.start_ns);
                // Who found no room in the table is held and judged again when it executes something.
                let _failed = collector
                    .scope_mut()
                    .let_go(tgid, start_ns, keeps_namespaces);
                resume(task.tgid);
            }
            Decision::End { task } => end(task.tgid, task.start_ns),
        }
    }
}
