//! Enforcement: the payload of each container is held before its first instruction, judged, and
//! let go only if it passes. Owns what is done to whom; the kernel side decides who is held
//! (tracer-ebpf/src/hold.rs).

use std::{
    collections::{BTreeMap, HashSet},
    fs, io, mem,
};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::{Request, Rules, denies_drift, keeper::Keeper, mounts::Mounts};
use crate::{
    collect::CollectError,
    event::{Hold, Task, Tgid},
    model::{Birth, Births},
    session::{Halt, Session},
    verdict::{Act, Container, Held, Judgement, Verdict, judge_held},
};

/// What was done so far.
pub(super) struct Enforcement {
    /// By the record of the payload's exec.
    done: BTreeMap<u64, Held>,
    /// Who has had a child held, and may stop with it.
    parents: HashSet<Tgid>,
    _keeper: Keeper,
}

impl Enforcement {
    /// Starts who cleans up behind a tracer that is killed.
    pub(super) fn start(session: &Session) -> io::Result<Self> {
        Ok(Self {
            done: BTreeMap::new(),
            parents: HashSet::new(),
            _keeper: Keeper::start(session.collector.scope())?,
        })
    }

    /// Decides upon everybody who has come to a halt, and upon containers that have changed.
    pub(super) fn decide(
        &mut self,
        request: &Request,
        session: &mut Session,
        mounts: &mut Mounts,
    ) -> Result<(), CollectError> {
        for halt in mem::take(&mut session.halts) {
            match halt {
                Halt::Held { seq, task, hold } => {
                    let held = self.decide_on(seq, &task, hold, request, session, mounts)?;
                    self.done.insert(seq, held);
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
        mounts: &mut Mounts,
    ) -> Result<Held, CollectError> {
        session.read_counters()?;
        let births = &session.births;
        let birth = births.all().iter().find(|birth| birth.seq == seq);
        let mut keeps_namespaces = false;
        let (judgement, passes) = match birth.cloned() {
            Some(birth) if is_judged(&birth, request, births) => {
                keeps_namespaces = session.refuses() && denies_drift(&request.expectations);
                let judgement = judge(&birth, request, session, mounts);
                let passes = judgement
                    .as_ref()
                    .is_none_or(|judgement| judgement.verdict == Verdict::Pass);
                (judgement, passes)
            }
            // Not selected, somebody more of a container, or who has joined namespaces that were
            // there before: all that rests on records, so that with one lost it cannot be known.
            _ => {
                let counters = &session.observation.counters;
                let missing =
                    counters.lost.total() + counters.unknown.total() + counters.scope_full;
                (None, missing == 0)
            }
        };
        if let Some(parent) = session
            .model
            .leader(task.tgid)
            .and_then(|state| state.parent)
        {
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
        Ok(Held {
            act,
            judgement,
            keeps_namespaces,
        })
    }

    /// Ends containers that have changed since they were let go, where that is denied.
    fn end_changed(&mut self, request: &Request, session: &Session) {
        if !denies_drift(&request.expectations) {
            return;
        }
        let births = &session.births;
        for birth in births.all().iter().filter(|birth| !birth.drift.is_empty()) {
            let Some(held) = self.done.get_mut(&birth.seq) else {
                continue;
            };
            if held.act != Act::LetGo || !is_judged(birth, request, births) {
                continue;
            }
            held.act = Act::KilledForDrift;
            for member in births.members(birth) {
                let task = session.model.leader(member).map(|state| &state.task);
                if let Some(task) = task {
                    end(task.tgid, task.start_ns);
                }
            }
        }
    }

    /// Notes what was done about a container. One that was killed does not pass, whatever is known
    /// by now: what could not be known then is why.
    pub(super) fn note(&self, container: &mut Container) {
        let held = self.done.get(&container.birth.seq).cloned();
        if let Some(held) = &held
            && matches!(held.act, Act::Killed | Act::KilledLate)
            && let Some(last) = &mut container.judgement
            && last.verdict == Verdict::Pass
            && let Some(first) = &held.judgement
        {
            last.clone_from(first);
        }
        container.held = held;
    }
}

/// Whether a container is one that is judged. What may turn out to be a runtime's own stage by what
/// comes after it is: it may as well be a payload.
fn is_judged(birth: &Birth, request: &Request, births: &Births) -> bool {
    request.select.takes(birth, births.is_stage(birth))
}

/// What its exec has shown of a container, judged by the counters as they were read; `None` where nothing is expected of that.
fn judge(
    birth: &Birth,
    request: &Request,
    session: &mut Session,
    mounts: &mut Mounts,
) -> Option<Judgement> {
    mounts.read_own();
    let mut container = judge_held(
        &request.expectations,
        birth,
        &session.model,
        &session.observation,
        &mounts.tables,
    );
    if let Some(Rules(judge)) = &request.rules {
        judge(&mut container, &session.model);
    }
    let judgement = container.judgement;
    judgement.filter(|judgement| !judgement.items.is_empty())
}

/// Lets a task that is stopped go on. One that is gone needs no letting go.
fn resume(tgid: Tgid) {
    let pid = i32::try_from(tgid.0).ok().and_then(Pid::from_raw);
    if let Some(process) = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) {
        let _gone = pidfd_send_signal(&process, Signal::CONT);
    }
}

/// Kills a thread group, and nobody who has its number by now.
pub(super) fn end(tgid: Tgid, start_ns: u64) {
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
