//! Enforcement: the payload of each container is held before its first instruction, judged, and
//! let go only if it passes. Owns what is done to whom; the kernel side decides who is held
//! (tracer-ebpf/src/hold.rs).

use std::{collections::HashSet, fs, io, mem};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::{
    Request, denies_drift,
    judging::{self, Acts, Terms},
    keeper::Keeper,
    mounts,
};
use crate::{
    collect::CollectError,
    event::{Hold, Task, Tgid},
    history::Note,
    model::TaskState,
    session::{Halt, Session},
    verdict::{Act, Held},
};

/// What was done so far.
pub(super) struct Enforcement {
    acts: Acts,
    /// Who has had a child held, and may stop with it.
    parents: HashSet<Tgid>,
    /// Containers that have changed, by the record of each payload's exec: nobody in them lives on.
    changed: Vec<u64>,
    keeper: Keeper,
}

impl Enforcement {
    /// Starts who cleans up behind a tracer that is killed.
    pub(super) fn start(session: &Session) -> io::Result<Self> {
        Ok(Self {
            acts: Acts::of_enforcement(),
            parents: HashSet::new(),
            changed: Vec::new(),
            keeper: Keeper::start(session.collector.scope())?,
        })
    }

    /// Whoever was held is decided upon, and nobody is held any more.
    pub(super) fn over(&mut self) {
        self.keeper.nobody_is_held();
    }

    /// What was done to whom.
    pub(super) fn acts(&self) -> &Acts {
        &self.acts
    }

    /// Decides upon everybody who has come to a halt, and upon containers that have changed.
    pub(super) fn decide(
        &mut self,
        request: &Request,
        session: &mut Session,
    ) -> Result<(), CollectError> {
        for halt in mem::take(&mut session.halts) {
            match halt {
                Halt::Held { seq, task, hold } => {
                    self.decide_on(seq, &task, hold, request, session)?;
                }
                Halt::SentStop(tgid) if self.parents.contains(&tgid) => resume(tgid),
                Halt::SentStop(_) => {}
            }
        }
        self.end_changed(request, session);
        Ok(())
    }

    fn decide_on(
        &mut self,
        seq: u64,
        task: &Task,
        hold: Hold,
        request: &Request,
        session: &mut Session,
    ) -> Result<(), CollectError> {
        session.read_counters()?;
        mounts::read_own(session);
        let terms = Terms::from(request);
        let births = &session.births;
        let mut found = births.all().iter().filter(|birth| birth.seq == seq);
        let keeps_namespaces = session.refuses()
            && denies_drift(&request.expectations)
            && found.any(|birth| terms.judge(birth, session));
        let (judgement, passes) = judging::decision(&terms, session, seq);
        if let Some(parent) = session.model.leader(task.tgid).and_then(TaskState::parent) {
            self.parents.insert(parent);
        }
        let act = if passes {
            session
                .collector
                .scope_mut()
                .let_go(task.tgid.0, task.start_ns, keeps_namespaces)?;
            resume(task.tgid);
            Act::LetGo
        } else {
            end(task.tgid, task.start_ns);
            if hold == Hold::Held {
                Act::Killed
            } else {
                Act::KilledLate
            }
        };
        session.note(Note::Decided {
            seq,
            act,
            keeps_namespaces,
        });
        self.acts.take(
            seq,
            Held {
                act,
                judgement,
                keeps_namespaces,
            },
        );
        Ok(())
    }

    /// Ends containers that have changed since they were let go, where that is denied.
    fn end_changed(&mut self, request: &Request, session: &mut Session) {
        if !denies_drift(&request.expectations) {
            return;
        }
        self.changed
            .extend(judging::changed(&Terms::from(request), session, &self.acts));
        // Every time: who was created, or let go, before its creator was dead is told of later.
        for changed in self.changed.clone() {
            for (seq, members) in judging::all_of(&session.births, changed) {
                for member in members {
                    let task = session.model.leader(member).map(|state| &state.task);
                    if let Some(task) = task {
                        end(task.tgid, task.start_ns);
                    }
                }
                if self.acts.let_go(seq) {
                    session.note(Note::KilledForDrift { seq });
                    self.acts.killed_for_drift(seq);
                }
            }
        }
    }
}

/// Lets a task that is stopped go on. One that is gone needs no letting go.
pub(crate) fn resume(tgid: Tgid) {
    let pid = i32::try_from(tgid.0).ok().and_then(Pid::from_raw);
    if let Some(process) = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) {
        let _gone = pidfd_send_signal(&process, Signal::CONT);
    }
}

/// Kills a thread group, and nobody who has its number by now.
pub(crate) fn end(tgid: Tgid, start_ns: u64) {
    let pid = i32::try_from(tgid.0).ok().and_then(Pid::from_raw);
    let Some(process) = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) else {
        return;
    };
    // The descriptor is of whoever has the number now: its start tells whether that is the one.
    if started(tgid) == Some(start_ns / NS_PER_TICK) {
        let _gone = pidfd_send_signal(&process, Signal::KILL);
    }
}

/// proc(5) tells starts in hundredths of a second, on every architecture that Rust has.
const NS_PER_TICK: u64 = 10_000_000;

/// When a process was started, in ticks since boot.
fn started(tgid: Tgid) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", tgid.0)).ok()?;
    // The name, which may hold anything, ends with the last parenthesis; the start is field 22.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19)?.parse().ok()
}
