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
    if stat(tgid).is_some_and(|stat| stat.started == start_ns / NS_PER_TICK) {
        let _gone = pidfd_send_signal(&process, Signal::KILL);
    }
}

/// Whether a thread group has come to its end, or is somebody else by now.
pub(crate) fn has_ended(tgid: Tgid, start_ns: u64) -> bool {
    stat(tgid).is_none_or(|stat| {
        // A leader that ends before its threads is a zombie, too.
        let is_zombie = matches!(stat.state.as_str(), "Z" | "X") && stat.threads <= 1;
        is_zombie || stat.started != start_ns / NS_PER_TICK
    })
}

/// proc(5) tells starts in hundredths of a second, on every architecture that Rust has.
const NS_PER_TICK: u64 = 10_000_000;

/// Of `/proc/PID/stat`.
struct Stat {
    state: String,
    threads: u64,
    /// In ticks since boot.
    started: u64,
}

fn stat(tgid: Tgid) -> Option<Stat> {
    of_text(&fs::read_to_string(format!("/proc/{}/stat", tgid.0)).ok()?)
}

fn of_text(text: &str) -> Option<Stat> {
    // The name, which may hold anything, ends with the last parenthesis; the state is field 3.
    let (_, fields) = text.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    Some(Stat {
        state: fields.next()?.to_owned(),
        threads: fields.nth(16)?.parse().ok()?,
        started: fields.nth(1)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_counted_after_a_name_that_may_hold_anything() {
        let text = "7 (a) b (c)) S 1 7 7 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 3 0 4711 1 1\n";
        let stat = of_text(text).expect("a process");
        assert_eq!(
            (stat.state.as_str(), stat.threads, stat.started),
            ("S", 3, 4711)
        );
        assert!(of_text("7 (a) S 1").is_none());
    }

    #[test]
    fn this_process_has_not_ended_and_one_that_began_at_another_time_has() {
        let own = Tgid(std::process::id());
        let started = stat(own).expect("this process").started;
        assert!(!has_ended(own, started * NS_PER_TICK));
        assert!(has_ended(own, (started + 1) * NS_PER_TICK));
        assert!(has_ended(Tgid(u32::MAX), 0));
    }

    #[test]
    fn a_zombie_has_ended() {
        let mut child = std::process::Command::new("true").spawn().expect("a child");
        let tgid = Tgid(child.id());
        let started = stat(tgid).expect("a child").started;
        let pid = rustix::process::Pid::from_child(&child);
        let options =
            rustix::process::WaitIdOptions::EXITED | rustix::process::WaitIdOptions::NOWAIT;
        rustix::process::waitid(rustix::process::WaitId::Pid(pid), options).expect("its end");
        assert!(has_ended(tgid, started * NS_PER_TICK));
        child.wait().expect("its end");
    }
}
