//! What a verification comes to, from its terms and its history alone, so that a recording comes
//! to the same. Owns this for single payloads that are held and for all containers in the end; must
//! not read the machine.

use std::collections::{BTreeMap, HashSet};
use std::mem;

use super::{Request, Rules};
use crate::{
    event::Tgid,
    expect::Expectation,
    history::History,
    model::{Birth, Births},
    verdict::{
        self, Act, Container, Held, Judgement, Select, Verdict, Waited, judge_containers,
        judge_held,
    },
};

/// By what containers are judged.
#[derive(Clone, Copy)]
pub struct Terms<'a> {
    /// What each that is selected must satisfy.
    pub expectations: &'a [Expectation],
    /// And what else.
    pub rules: Option<&'a Rules>,
    /// Which are judged.
    pub select: &'a Select,
}

impl<'a> From<&'a Request> for Terms<'a> {
    fn from(request: &'a Request) -> Self {
        Self {
            expectations: &request.expectations,
            rules: request.rules.as_ref(),
            select: &request.select,
        }
    }
}

impl Terms<'_> {
    /// Whether a container is one that is judged. What may turn out to be a runtime's own stage by
    /// what comes after it is: it may as well be a payload.
    pub(super) fn judge(&self, birth: &Birth, history: &History) -> bool {
        let stage = history.births.is_stage(birth);
        self.select.takes(birth, stage, &history.tables)
    }
}

/// What enforcement has done so far, by the record of each payload's exec.
#[derive(Default)]
pub struct Acts {
    held: BTreeMap<u64, Held>,
    by_others: bool,
    enforced: bool,
}

impl Acts {
    /// Nothing yet, where it is enforced.
    #[must_use]
    pub fn of_enforcement() -> Self {
        Self {
            enforced: true,
            ..Self::default()
        }
    }

    /// Takes what was done about a task that was held, with the judgement that it rests on.
    pub fn take(&mut self, seq: u64, held: Held) {
        self.held.insert(seq, held);
    }

    /// What was done rests on other terms than those that all is judged by in the end.
    #[must_use]
    pub fn by_other_terms(self) -> Self {
        Self {
            by_others: true,
            ..self
        }
    }

    /// Takes that a container was killed because it had changed.
    pub fn killed_for_drift(&mut self, seq: u64) {
        if let Some(held) = self.held.get_mut(&seq) {
            held.act = Act::KilledForDrift;
        }
    }

    /// Whether a container was let go and is not known to be killed.
    pub(super) fn let_go(&self, seq: u64) -> bool {
        self.held
            .get(&seq)
            .is_some_and(|held| held.act == Act::LetGo)
    }

    /// Notes what was done about a container. One that was killed does not pass, whatever is known
    /// by now: what could not be known then is why.
    fn note(&self, container: &mut Container) {
        let held = self.held.get(&container.birth.seq).cloned();
        if let Some(held) = &held
            && !self.by_others
            && matches!(held.act, Act::Killed | Act::KilledLate)
            && let Some(last) = &mut container.judgement
            && last.verdict == Verdict::Pass
            && let Some(first) = &held.judgement
        {
            last.clone_from(first);
        }
        let not_held = self.enforced
            && container.judgement.is_some()
            && container.birth.domain.namespaces.is_empty();
        let nothing = || Held {
            act: Act::NotHeld,
            judgement: None,
            keeps_namespaces: false,
        };
        container.held = held.or_else(|| not_held.then(nothing));
    }
}

/// What the exec of this record has shown, judged by the counters as they were read last, and
/// whether whoever executed it may go on. No judgement where nothing is expected of it.
#[must_use]
pub fn decision(terms: &Terms<'_>, history: &History, seq: u64) -> (Option<Judgement>, bool) {
    let births = &history.births;
    // It is among the last, as a rule.
    match births.all().iter().rfind(|birth| birth.seq == seq) {
        Some(birth) if terms.judge(birth, history) => {
            let judgement = at_exec(terms, history, birth);
            let passes = judgement
                .as_ref()
                .is_none_or(|judgement| judgement.verdict == Verdict::Pass);
            (judgement, passes)
        }
        // Not selected, somebody more of a container, or who has joined namespaces that were
        // there before: all that rests on records, so that with one lost it cannot be known.
        _ => {
            let counters = &history.observation.counters;
            let missing = counters.lost.total() + counters.unknown.total() + counters.scope_full;
            (None, missing == 0)
        }
    }
}

fn at_exec(terms: &Terms<'_>, history: &History, birth: &Birth) -> Option<Judgement> {
    let mut container = judge_held(
        terms.expectations,
        birth,
        &history.model,
        &history.observation,
        &history.tables,
    );
    if let Some(Rules(judge)) = terms.rules {
        judge(&mut container, &history.model);
    }
    let judgement = container.judgement;
    judgement.filter(|judgement| !judgement.items.is_empty())
}

/// Containers that have changed since they were let go, by the record of each payload's exec.
pub(super) fn changed(terms: &Terms<'_>, history: &History, acts: &Acts) -> Vec<u64> {
    let births = &history.births;
    let changed = births.all().iter().filter(|birth| {
        !birth.drift.is_empty() && acts.let_go(birth.seq) && terms.judge(birth, history)
    });
    changed.map(|birth| birth.seq).collect()
}

/// A container and all that were born within it, by the record of each payload's exec, and who lives in
/// each.
pub(super) fn all_of(births: &Births, seq: u64) -> Vec<(u64, Vec<Tgid>)> {
    let mut numbers = HashSet::new();
    let mut found = Vec::new();
    // Whatever is within another was born after it.
    for birth in births.all() {
        let within = birth.within.is_some_and(|outer| numbers.contains(&outer));
        if birth.seq == seq || within {
            numbers.insert(birth.number);
            found.push((birth.seq, births.members(birth).collect()));
        }
    }
    found
}

/// What all of it came to.
pub struct Judged {
    /// Every container, in the order of births.
    pub containers: Vec<Container>,
    /// Tasks that waited, set up, for a payload that never came.
    pub never_started: Vec<Waited>,
    /// Of all containers that were selected.
    pub verdict: Verdict,
}

/// Judges everything, once all is over.
#[must_use]
pub fn judge(terms: &Terms<'_>, history: &History, acts: &Acts) -> Judged {
    let (mut containers, _) = judge_containers(
        terms.expectations,
        terms.select,
        &history.births,
        &history.model,
        &history.observation,
        &history.tables,
        &history.waited,
    );
    for container in &mut containers {
        if let Some(Rules(judge)) = terms.rules {
            judge(container, &history.model);
        }
        if let Some(judgement) = &mut container.judgement
            && let Some(item) = terms.select.unsure(&container.birth, &history.tables)
        {
            judgement.items.push(item);
            *judgement = Judgement::of(mem::take(&mut judgement.items));
        }
        acts.note(container);
    }
    let verdict = verdict::overall(&containers, &history.observation);
    let mut never_started = history.waited.clone();
    never_started.retain(|waited| {
        !history
            .births
            .have(&waited.seen.certificate, &history.model)
    });
    Judged {
        containers,
        never_started,
        verdict,
    }
}
