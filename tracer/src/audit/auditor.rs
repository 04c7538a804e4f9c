//! Events in, records out: what each event means for the host's containers. Owns the order of these
//! steps; what a birth, a drift, an end is, the model says.

use std::collections::BTreeMap;

use crate::event::{Body, Event, Lineage, NamespaceSlot, Namespaces, TaskSeen, Tgid, Tid};
use crate::host::HostFacts;
use crate::model::{Births, Happening, Model};
use crate::verdict::{Counters, Observation, Seen, Unattached};

use super::gate::Gate;
use super::identity;
use super::judging::Judging;
use super::lineage::Waiting;
use super::loss::Losses;
use super::order::{Due, Order};
use super::record::{Ended, Process, Record, SCHEMA_VERSION, SeenBy, Started, What};
use super::timeline::Pasts;

/// Looks up whom a task descends from where the kernel has not told.
pub type Ancestry<'a> = dyn Fn(Tgid) -> Option<Lineage> + 'a;

/// What an audit is made with.
pub struct Setting {
    /// The machine.
    pub host: HostFacts,
    /// A certificate of somebody in the namespaces that the machine began with: what "the host's" means.
    pub baseline: Seen,
    /// What is expected of every container.
    pub judging: Judging,
    /// Hooks that are missing.
    pub unattached: Vec<Unattached>,
    /// What the clock of the day is ahead of the time since the machine was started, in nanoseconds.
    pub clock_ns: i128,
    /// When the hooks were attached.
    pub from_ns: u64,
}

/// The state of an audit.
pub struct Auditor {
    pub(super) host: HostFacts,
    pub(super) own: Namespaces,
    pub(super) judging: Judging,
    pub(super) model: Model,
    pub(super) births: Births,
    pub(super) observation: Observation,
    pub(super) losses: Losses,
    pub(super) lineages: Waiting,
    pub(super) pasts: Pasts,
    pub(super) clock_ns: i128,
    pub(super) from_ns: u64,
    pub(super) next: u64,
    pub(super) told: BTreeMap<String, u64>,
    pub(super) gate: Option<Gate>,
    waiting: Order<What>,
    out: Vec<Record>,
}

impl Auditor {
    /// Before the first event.
    pub fn new(setting: Setting) -> Self {
        let root = Tgid(0);
        let baseline = &setting.baseline.certificate;
        let mut observation = Observation::new(root);
        observation.unattached = setting.unattached;
        observation.limiting = Some(setting.host.limiting());
        Self {
            own: baseline.namespaces().unwrap_or_default(),
            model: Model::new(root, baseline),
            births: Births::of_whole_host(baseline),
            observation: Observation {
                baseline: Some(setting.baseline),
                ..observation
            },
            losses: Losses::new(setting.from_ns),
            lineages: Waiting::default(),
            pasts: Pasts::default(),
            host: setting.host,
            judging: setting.judging,
            clock_ns: setting.clock_ns,
            from_ns: setting.from_ns,
            next: 0,
            told: BTreeMap::new(),
            gate: None,
            waiting: Order::default(),
            out: Vec::new(),
        }
    }

    /// What there is to tell of what happened until then and was not given yet, in the order in which it
    /// happened.
    pub fn take_until(&mut self, boot_ns: u64) -> Vec<Record> {
        while let Some(due) = self.waiting.next(boot_ns) {
            self.give(due);
        }
        std::mem::take(&mut self.out)
    }

    /// All that there is to tell and was not given yet.
    pub fn take(&mut self) -> Vec<Record> {
        self.take_until(u64::MAX)
    }

    /// Whether anything waits for what may have happened before.
    pub fn waits(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The condition of every birth.
    pub fn judging(&self) -> &Judging {
        &self.judging
    }

    /// Another condition of every birth from now on.
    pub fn judge_by(&mut self, judging: Judging) {
        self.judging = judging;
    }

    /// The beginning.
    pub fn started(&mut self, started: Started) {
        self.tell(self.from_ns, What::AuditStarted(started));
    }

    /// The output goes on where an earlier audit has left off.
    pub fn resumed(&mut self, unknown_from: Option<String>) {
        let unknown_to = self.time(self.from_ns);
        self.tell(
            self.from_ns,
            What::AuditResumed {
                unknown_from,
                unknown_to,
            },
        );
    }

    /// Takes the counters as they were read at `now_ns`, once all that they count has been applied or
    /// is about to be.
    pub fn count(&mut self, counters: &Counters, now_ns: u64) -> bool {
        match self.losses.read(counters, now_ns) {
            Some(loss) => {
                self.tell(now_ns, What::Loss(loss));
                true
            }
            None => false,
        }
    }

    /// The end.
    pub fn ended(&mut self, reason: String, now_ns: u64) {
        let counters = self.losses.counters();
        let ended = Ended {
            reason,
            duration_ns: now_ns.saturating_sub(self.from_ns),
            records: self.told.clone(),
            submitted: counters.submitted.total(),
            read: counters.read.total(),
            lost: counters.lost.total(),
            containers: self.living(),
        };
        self.tell(now_ns, What::AuditEnded(ended));
    }

    /// Containers in which somebody lives.
    pub fn living(&self) -> usize {
        let all = self.births.all().iter();
        all.filter(|birth| self.births.lives(birth)).count()
    }

    /// Takes in an event of the running host.
    pub fn apply(&mut self, event: &Event, ancestry: &Ancestry<'_>) {
        if let Body::Lineage(lineage) = &event.body {
            self.lineages.put(&event.task, lineage);
            return;
        }
        if let Body::TaskSeen(seen) = &event.body
            && (seen.kernel_thread || has_ended(seen) || !self.is_elsewhere(&seen.namespaces))
        {
            return;
        }
        let member = self.births.container_of(event.task.tgid);
        let new = self.unknown(event);
        let actor = matches!(
            event.body,
            Body::Fork(_) | Body::Namespace(_) | Body::Exec(_)
        );
        let assumed = actor && self.model.assume(&event.task, &self.own);
        let changes = self.model.apply(event);
        let now = self.model.task(event.task.tid);
        let elsewhere = now.is_some_and(|state| self.is_elsewhere(&state.namespaces));
        self.pasts.note(event, &changes, elsewhere, &self.model);
        let happenings = self.births.apply(event, &changes, &self.model);
        // Nothing reads mount tables of the host's containers.
        self.births.take_new_mounts();
        self.cgroups(event);
        let told = self.births_and_ends(event, &happenings, ancestry);
        if member.is_none() && !told {
            self.namespaces(event, &changes, &new);
        }
        if assumed && !matches!(event.body, Body::Exec(_)) && !elsewhere {
            // Of a task of the host nothing more is told, not even its end.
            self.model.forget(event.task.tid);
        }
        if let Body::Exit(exit) = &event.body
            && exit.group_dead
        {
            // Nobody asks for who has ended.
            self.model.forget(event.task.tid);
            self.model.forget(Tid(event.task.tgid.0));
        }
        self.births.sweep();
        self.model.sweep(&self.births);
        self.pasts.sweep(&self.model);
    }

    pub(super) fn is_elsewhere(&self, namespaces: &Namespaces) -> bool {
        self.own.changes_to(namespaces).next().is_some()
    }

    /// Tells what has become of containers. Says whether the event is explained by it.
    fn births_and_ends(
        &mut self,
        event: &Event,
        happenings: &[Happening],
        ancestry: &Ancestry<'_>,
    ) -> bool {
        let mut drifts: BTreeMap<usize, usize> = BTreeMap::new();
        for happening in happenings {
            if let Happening::Changed(number) = happening {
                *drifts.entry(*number).or_default() += 1;
            }
        }
        let told = drifts.clone();
        let mut explained = false;
        for happening in happenings {
            match *happening {
                Happening::Born(number) => {
                    explained = true;
                    self.born(event, number, ancestry);
                }
                Happening::Changed(number) => {
                    let left = drifts.entry(number).or_default();
                    let at = *left;
                    *left = left.saturating_sub(1);
                    self.changed(event, number, at);
                }
                Happening::Entered(number, tgid) => {
                    explained = true;
                    self.entered(event, number, tgid);
                }
                Happening::Ended(number) => {
                    let unseen = !matches!(event.body, Body::Exit(_));
                    self.container_ended(number, event.time_ns, unseen);
                }
            }
        }
        for number in told.into_keys() {
            self.births.release(number);
        }
        let born = |happening: &Happening| matches!(happening, Happening::Born(_));
        if !happenings.iter().any(born) {
            self.pass_by(event);
        }
        explained
    }

    /// The drift that is `from_end` from the last one.
    fn changed(&mut self, event: &Event, number: usize, from_end: usize) {
        let Some(birth) = self.births.get(number) else {
            return;
        };
        let at = birth.drift.len().checked_sub(from_end);
        let Some(drift) = at.and_then(|at| birth.drift.get(at)) else {
            return;
        };
        let (change, by) = (drift.what.clone(), drift.by.clone());
        let what = What::ContainerChanged {
            container: self.container(birth),
            change: change.clone(),
            by: by.clone(),
        };
        self.tell(event.time_ns, what);
        self.denied(event, number, &change, &by);
    }

    fn entered(&mut self, event: &Event, number: usize, tgid: Tgid) {
        let Some(birth) = self.births.get(number) else {
            return;
        };
        let known = self.model.leader(tgid).map(|state| state.task.clone());
        let task = known.unwrap_or_else(|| event.task.clone());
        let (executable, seen_by) = seen(event);
        let what = What::ContainerEntered {
            container: self.container(birth),
            process: identity::process(&self.host.boot_id, &task, executable),
            seen_by,
        };
        self.tell(event.time_ns, what);
    }

    pub(super) fn container_ended(&mut self, number: usize, now_ns: u64, unseen: bool) {
        let Some(birth) = self.births.get(number) else {
            return;
        };
        let code = birth.ended.map(|ended| ended.code);
        let signal = code.map(|code| code & 0x7f).filter(|signal| *signal != 0);
        let what = What::ContainerEnded {
            container: self.container(birth),
            exit_code: code
                .filter(|_| signal.is_none())
                .map(|code| (code >> 8) & 0xff),
            signal,
            unseen: unseen || code.is_none(),
            lifetime_ns: now_ns.saturating_sub(birth.time_ns),
        };
        self.tell(now_ns, what);
        self.gone(number);
    }

    fn time(&self, boot_ns: u64) -> String {
        let ns = i128::from(boot_ns) + self.clock_ns;
        jiff::Timestamp::from_nanosecond(ns).map_or_else(|_| String::new(), |time| time.to_string())
    }

    pub(super) fn tell(&mut self, boot_ns: u64, what: What) {
        *self.told.entry(what.name().to_owned()).or_default() += 1;
        if let Some(due) = self.waiting.put(boot_ns, what) {
            self.give(due);
        }
    }

    fn give(&mut self, due: Due<What>) {
        let record = Record {
            schema_version: SCHEMA_VERSION,
            seq: self.next,
            time: self.time(due.boot_ns),
            boot_ns: due.boot_ns,
            late: due.late,
            what: due.what,
        };
        self.next += 1;
        self.out.push(record);
    }
}

/// Whether a task has ended and only waits for its parent to ask: it has no namespaces any more but
/// that of its number.
pub fn has_ended(seen: &TaskSeen) -> bool {
    seen.namespaces.get(NamespaceSlot::Mnt).is_none()
}

/// What an event tells of whoever did it, and how it came to be noticed.
pub(super) fn seen(event: &Event) -> (Option<String>, SeenBy) {
    match &event.body {
        Body::Exec(exec) => {
            let path = exec.certificate.filename().map(|path| path.text.into());
            (path, SeenBy::Exec)
        }
        Body::Fork(_) => (None, SeenBy::Fork),
        Body::Exit(_) => (None, SeenBy::Exit),
        Body::TaskSeen(_) | Body::Snapshot(_) => (None, SeenBy::Inventory),
        _ => (None, SeenBy::Call),
    }
}

impl Process {
    /// Its user's number.
    pub fn uid(&self) -> Option<u32> {
        self.user.map(|user| user.id)
    }
}
