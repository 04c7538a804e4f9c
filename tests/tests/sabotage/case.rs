//! What a case of sabotage is and how it is proven: at a gate that enforces and at one that only
//! warns. Owns the comparison; the cases are in the other files.

use tracer::container::spec::GateMode;
use tracer::event::Body;
use tracer::expect::catalog::Base;
use tracer::run::{Outcome, Payload};
use tracer::session::Step;
use tracer::verdict::{Item, Judgement, Verdict};
use tracer_tests::trial::{Aids, Trial};

/// One thing that the runtime leaves out or undoes.
pub struct Case {
    /// Name of its test.
    pub name: &'static str,
    /// Items that fail at the gate, in the order of reports; no other does.
    pub at_gate: &'static [&'static str],
    /// Items that fail at the end of a run whose gate was opened; no other does.
    pub at_end: &'static [&'static str],
    /// What fails instead, at the gate and at the end, where a move into a cpuset undoes an affinity.
    pub before_6_2: Option<&'static [&'static str]>,
    /// A run with the sabotage in it.
    pub trial: fn() -> Trial,
}

impl Case {
    /// Is it about the cgroup of v2?
    pub fn needs_v2(&self) -> bool {
        let mut items = self.at_gate.iter().chain(self.at_end);
        items.any(|id| *id == "cgroup.unified")
    }
}

/// Declares `CASES` and a test for each: `fails` at the gate and at the end, or at the gate and
/// `then` at the end where the two differ. Where an affinity does not outlast a move into a cpuset,
/// what stands behind `before_6_2` fails instead.
macro_rules! sabotage {
    ($($(#[doc = $doc:literal])* fn $name:ident() fails $gate:tt $(then $end:tt)? $(before_6_2 $older:tt)? $body:block)+) => {
        /// Every case of this file.
        pub const CASES: &[$crate::case::Case] = &[$($crate::case::Case {
            name: stringify!($name),
            at_gate: &$gate,
            at_end: $crate::case::sabotage!(@end $gate $($end)?),
            before_6_2: $crate::case::sabotage!(@older $($older)?),
            trial: || $body,
        }),+];

        $(
            $(#[doc = $doc])*
            #[test]
            #[ignore = "needs root"]
            fn $name() {
                let case = CASES.iter().find(|case| case.name == stringify!($name));
                let case = case.expect("declared with this test");
                if case.needs_v2() && tracer_tests::need::unified().is_none() {
                    return;
                }
                match case.before_6_2 {
                    Some(fails) if !tracer_tests::need::affinity_outlasts_a_move() => {
                        $crate::case::prove(fails, fails, case.trial);
                    }
                    _ => $crate::case::prove(case.at_gate, case.at_end, case.trial),
                }
            }
        )+
    };
    (@older) => { None };
    (@older $older:tt) => { Some(&$older) };
    (@end $gate:tt) => { &$gate };
    (@end $gate:tt $end:tt) => { &$end };
}
pub(crate) use sabotage;

/// Runs the trial twice, behind a gate that enforces and behind one that warns, and compares
/// what fails.
pub fn prove(at_gate: &[&str], at_end: &[&str], trial: impl Fn() -> Trial) {
    let mut shown = Shown::default();
    let (outcome, aids) = with_gate(trial(), GateMode::Enforce);
    let refused = !at_gate.is_empty();
    assert_eq!(
        matches!(outcome.payload, Payload::NeverRan),
        refused,
        "the gate decides whether the payload runs: {:?}",
        outcome.payload
    );
    assert_eq!(
        execs_of_init(&outcome) == 0,
        refused,
        "execs of init in the timeline"
    );
    let fails = if refused { at_gate } else { at_end };
    compare(&outcome, at_gate, fails, &aids, &mut shown);

    let (outcome, aids) = with_gate(trial(), GateMode::Warn);
    assert!(
        matches!(outcome.payload, Payload::Ended(_)),
        "{:?}",
        outcome.payload
    );
    assert!(
        execs_of_init(&outcome) > 0,
        "no exec of init in the timeline"
    );
    compare(&outcome, at_gate, at_end, &aids, &mut shown);
    shown.all_of(&aids);
}

fn with_gate(mut trial: Trial, gate: GateMode) -> (Outcome, Aids) {
    trial.gate = gate;
    trial.run()
}

fn execs_of_init(outcome: &Outcome) -> usize {
    let of_init = |step: &&Step| {
        matches!(step.event.body, Body::Exec(_)) && step.event.task.tgid == outcome.init
    };
    outcome.session.steps.iter().filter(of_init).count()
}

fn compare(outcome: &Outcome, at_gate: &[&str], at_end: &[&str], aids: &Aids, shown: &mut Shown) {
    assert!(outcome.left_behind.is_none(), "{:?}", outcome.left_behind);
    let gate = outcome.gate.as_ref().expect("judged at the gate");
    failing(gate, at_gate);
    failing(&outcome.judgement, at_end);
    let certificate = match outcome.payload {
        Payload::NeverRan => "task_snapshot",
        _ => "sched_process_exec",
    };
    for (judgement, certificate) in [(gate, "task_snapshot"), (&outcome.judgement, certificate)] {
        for item in judgement
            .items
            .iter()
            .filter(|item| item.verdict == Verdict::Fail)
        {
            well_founded(outcome, item, certificate);
            shown.note(item, aids);
        }
    }
}

/// Exactly these items fail, and nothing is merely inconclusive.
fn failing(judgement: &Judgement, ids: &[&str]) {
    let others: Vec<&Item> = judgement
        .items
        .iter()
        .filter(|item| item.verdict != Verdict::Pass)
        .collect();
    let names: Vec<&str> = others.iter().map(|item| item.id.as_str()).collect();
    assert_eq!(names, ids, "{others:#?}");
    assert!(
        others.iter().all(|item| item.verdict == Verdict::Fail),
        "{others:#?}"
    );
    let verdict = if ids.is_empty() {
        Verdict::Pass
    } else {
        Verdict::Fail
    };
    assert_eq!(judgement.verdict, verdict);
}

/// The evidence of a failure is of the kind that its family rests on, and each record that it
/// refers to is in the timeline under that number and name.
fn well_founded(outcome: &Outcome, item: &Item, certificate: &str) {
    let expectation = outcome
        .expectations
        .iter()
        .find(|expectation| expectation.id == item.id);
    match expectation
        .expect("an item of an expectation")
        .check
        .family()
        .base
    {
        Base::Certificate => {
            let first = item.evidence.first().expect("a certificate");
            assert_eq!(first.source, certificate, "{item:#?}");
            let seq = first.seq.expect("the number of a record");
            assert_eq!(
                step(outcome, seq).event.task.tgid,
                outcome.init,
                "{item:#?}"
            );
        }
        Base::MountInfo => {
            assert!(
                item.evidence.iter().all(|one| one.source == "mountinfo"),
                "{item:#?}"
            );
        }
        Base::Files | Base::Counters | Base::Records => {}
    }
    for evidence in &item.evidence {
        if let Some(seq) = evidence.seq {
            let name = step(outcome, seq).event.body.name();
            assert!(
                evidence.source == "first seen" || evidence.source == name,
                "{item:#?}"
            );
        }
    }
}

fn step(outcome: &Outcome, seq: u64) -> &Step {
    let step = outcome
        .session
        .steps
        .iter()
        .find(|step| step.event.seq == seq);
    step.unwrap_or_else(|| panic!("no record #{seq} in the timeline"))
}

/// Which of the trial's claims were looked at.
#[derive(Default)]
struct Shown(Vec<String>);

impl Shown {
    fn note(&mut self, item: &Item, aids: &Aids) {
        for (_, text) in aids.shows.iter().filter(|(id, _)| *id == item.id) {
            let reason = item.reason.as_deref().unwrap_or_default();
            assert!(
                item.seen.contains(text) || reason.contains(text),
                "{text}: {item:#?}"
            );
            self.0.push(item.id.clone());
        }
        for (_, event, text) in aids.rests_on.iter().filter(|(id, ..)| *id == item.id) {
            let found = item.evidence.iter().any(|evidence| {
                evidence.source == *event && evidence.detail.contains(text.as_str())
            });
            assert!(
                found,
                "no {event} with {text} among the evidence: {item:#?}"
            );
            self.0.push(item.id.clone());
        }
    }

    /// A claim about an item that never failed would not have been looked at.
    fn all_of(&self, aids: &Aids) {
        let shows = aids.shows.iter().map(|(id, _)| id);
        for id in shows.chain(aids.rests_on.iter().map(|(id, ..)| id)) {
            assert!(self.0.contains(id), "{id} never failed");
        }
    }
}
