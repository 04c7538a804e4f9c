//! Records that are lost: then nothing passes that rests on them, and the counters tell how many
//! there were. Owns rings that are too small and tables that are full.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;

use tracer::collect::Options;
use tracer::container::plan::Step;
use tracer::container::spec::{GateMode, Mount, MountKind, Resources, Spec};
use tracer::event::{Body, Tgid};
use tracer::run::{Outcome, Payload};
use tracer::session::Session;
use tracer::verdict::observation::kinds;
use tracer::verdict::{Counters, Verdict};
use tracer_common::Kind;
use tracer_tests::cgroup::{Leftover, any_hierarchy};
use tracer_tests::edit::replace;
use tracer_tests::fifo::Fifos;
use tracer_tests::require_root;
use tracer_tests::shell::Shell;
use tracer_tests::spec::everything;
use tracer_tests::trial::Trial;

/// The least that the kernel takes.
const ONE_PAGE: u32 = 4096;
/// Room for the certificate of a payload, not for what it does in a storm.
const SMALL: u32 = 64 << 10;

/// A payload that says `here`, waits for a line, and says `done` when it is done; tracer takes no
/// record in between, so that what the ring has no room for is lost.
fn undisturbed(spec: Spec, ring_bytes: u32) -> Trial {
    let mut trial = Trial::new(spec);
    trial.collect.ring_bytes = ring_bytes;
    let fifos = Fifos::new();
    trial.streams = fifos.streams();
    let answer = fifos.end("in");
    trial.once_readable(fifos.end("out"), move |fd| {
        rustix::io::write(&answer, b"go\n").expect("a line to a pipe");
        let mut lines = BufReader::new(File::from(fd)).lines();
        assert!(lines.any(|line| line.expect("a line") == "done"));
    });
    trial.sabotage(move |_, aids| aids.keep(fifos));
    trial
}

/// Forks, each with an end, as fast as they come.
fn storm() -> Spec {
    let script =
        "echo here; read go; i=0; while [ $i -lt 1500 ]; do ( : ); i=$((i+1)); done; echo done";
    Spec {
        resources: Resources::default(),
        ..everything(&["/bin/sh", "-c", script])
    }
}

fn not_passing(outcome: &Outcome) -> Vec<&str> {
    let items = outcome.judgement.items.iter();
    items
        .filter(|item| item.verdict != Verdict::Pass)
        .map(|item| item.id.as_str())
        .collect()
}

/// Of every kind as many were made as were read and lost.
fn adds_up(counters: &Counters) {
    for kind in kinds() {
        let (made, read) = (counters.submitted.get(kind), counters.read.get(kind));
        assert_eq!(made, read + counters.lost.get(kind), "{kind:?}");
    }
    assert_eq!(counters.unknown.total(), 0);
}

#[test]
#[ignore = "needs root"]
fn a_ring_of_one_page_keeps_the_gate_shut() {
    let mut trial = Trial::new(everything(&["/bin/true"]));
    trial.collect.ring_bytes = ONE_PAGE;
    let (outcome, _) = trial.run();
    assert!(
        matches!(outcome.payload, Payload::NeverRan),
        "{:?}",
        outcome.payload
    );
    let gate = outcome.gate.as_ref().expect("judged at the gate");
    assert_eq!(gate.verdict, Verdict::Inconclusive);
    assert_eq!(outcome.judgement.verdict, Verdict::Inconclusive);
    let counters = &outcome.session.observation.counters;
    adds_up(counters);
    assert!(counters.lost.total() > 0, "{counters:?}");
}

#[test]
#[ignore = "needs root"]
fn a_fork_storm_in_a_ring_of_one_page_never_passes_and_its_counters_add_up() {
    never_passes(ONE_PAGE);
}

#[test]
#[ignore = "needs root"]
fn a_fork_storm_in_a_small_ring_never_passes_and_its_counters_add_up() {
    never_passes(SMALL);
}

fn never_passes(ring_bytes: u32) {
    let mut trial = undisturbed(storm(), ring_bytes);
    trial.gate = GateMode::Warn;
    let (outcome, _) = trial.run();
    assert!(
        matches!(outcome.payload, Payload::Ended(_)),
        "{:?}",
        outcome.payload
    );
    let counters = &outcome.session.observation.counters;
    adds_up(counters);
    for kind in [Kind::FORK, Kind::EXIT] {
        assert!(counters.lost.get(kind) > 0, "{kind:?}: {counters:?}");
        assert!(
            counters.submitted.get(kind) >= 1500,
            "{kind:?}: {counters:?}"
        );
    }
    assert_eq!(outcome.judgement.verdict, Verdict::Inconclusive);
    // Whatever rests on forks: a lost one could be that of a task elsewhere.
    let found = not_passing(&outcome);
    for item in &outcome.judgement.items {
        let rests = item.id.starts_with("namespace.") || item.id.starts_with("cgroup.");
        if rests || ["payload.exec", "complete"].contains(&item.id.as_str()) {
            assert!(found.contains(&item.id.as_str()), "{item:#?}");
            let reason = item.reason.as_deref().unwrap_or_default();
            assert!(reason.contains("lost"), "{item:#?}");
        }
    }
}

#[test]
#[ignore = "needs root"]
fn the_same_storm_in_the_usual_ring_passes_with_nothing_lost() {
    let (outcome, _) = undisturbed(storm(), Options::RING_BYTES).run();
    let counters = &outcome.session.observation.counters;
    adds_up(counters);
    assert_eq!(counters.lost.total(), 0);
    assert!(counters.read.get(Kind::FORK) >= 1500, "{counters:?}");
    assert_eq!(not_passing(&outcome), [""; 0]);
    assert_eq!(outcome.judgement.verdict, Verdict::Pass);
}

#[test]
#[ignore = "needs root"]
fn a_violation_that_was_seen_stays_one_whatever_is_lost() {
    let mut trial = undisturbed(storm(), SMALL);
    trial.gate = GateMode::Warn;
    trial.sabotage(|plan, _| {
        replace(plan, |step| {
            matches!(step, Step::Hostname(_)).then(Vec::new)
        });
    });
    let (outcome, _) = trial.run();
    assert!(outcome.session.observation.counters.lost.total() > 0);
    let items = outcome.judgement.items.iter();
    let failed: Vec<&str> = items
        .filter(|item| item.verdict == Verdict::Fail)
        .map(|item| item.id.as_str())
        .collect();
    assert_eq!(failed, ["hostname"]);
    assert_eq!(outcome.judgement.verdict, Verdict::Fail);
}

/// The timeline's calls are no expectation's, so that their loss leaves but one thing open.
#[test]
#[ignore = "needs root"]
fn losing_calls_alone_leaves_completeness_open_and_nothing_else() {
    let actor = Mount {
        kind: MountKind::Bind {
            source: PathBuf::from(env!("CARGO_BIN_EXE_actor")),
            recursive: false,
        },
        target: "/actor".to_owned(),
        read_only: true,
    };
    let mut spec = everything(&["/actor", "prctl", "40000"]);
    spec.mounts.push(actor);
    let (outcome, _) = undisturbed(spec, Options::RING_BYTES).run();
    let counters = &outcome.session.observation.counters;
    adds_up(counters);
    assert!(counters.lost.get(Kind::SYSCALL) > 0, "{counters:?}");
    assert_eq!(not_passing(&outcome), ["complete"]);
    assert_eq!(outcome.judgement.verdict, Verdict::Inconclusive);
}

/// More children live at the same time than the table has room for.
#[test]
#[ignore = "needs root"]
fn a_full_table_of_tasks_never_passes() {
    let script = "echo here; read go; exec 3<&0; for i in 1 2 3 4 5 6 7 8; do ( read line <&3 ) & done; echo done";
    let mut trial = undisturbed(everything(&["/bin/sh", "-c", script]), Options::RING_BYTES);
    trial.collect.scope_groups = 4;
    let (outcome, _) = trial.run();
    let counters = &outcome.session.observation.counters;
    assert!(counters.scope_full > 0, "{counters:?}");
    assert_eq!(outcome.judgement.verdict, Verdict::Inconclusive);
    let found = not_passing(&outcome);
    assert!(
        found.contains(&"complete") && found.contains(&"namespace.pid"),
        "{found:?}"
    );
}

/// Of cgroups that outsiders make, one that is not noted would be taken for one that was there before.
#[test]
#[ignore = "needs root"]
fn a_full_table_of_outsiders_cgroups_never_passes() {
    require_root();
    // Somebody from before is in nobody's scope.
    let mut outsider = Shell::new();
    let root = any_hierarchy().mount_point;
    let names = (0..8).map(|number| format!("outside-{}-{number}", std::process::id()));
    let made: Vec<Leftover> = names.map(|name| Leftover::at(root.join(name))).collect();
    let paths: Vec<String> = made
        .iter()
        .map(|one| one.path().display().to_string())
        .collect();
    let mut trial = Trial::new(everything(&["/bin/true"]));
    trial.collect.outside_cgroups = 4;
    trial.meanwhile(move |_| outsider.does(&format!("mkdir {}", paths.join(" "))));
    let (outcome, _) = trial.run();
    drop(made);
    let counters = &outcome.session.observation.counters;
    assert_eq!(counters.scope_full, 4, "{counters:?}");
    assert_eq!(outcome.judgement.verdict, Verdict::Inconclusive);
    assert!(not_passing(&outcome).contains(&"complete"));
}

/// Who was left out is left out for good: its later children are nobody's.
#[test]
#[ignore = "needs root"]
fn a_stranger_leaves_no_record_of_its_own() {
    require_root();
    let mut stranger = Shell::new();
    let mut session = Session::start(&Options::for_this_process()).expect("a session");
    stranger.does("( : )");
    session.settle().expect("counters");
    let of_stranger = |step: &&tracer::session::Step| {
        step.event.task.tgid == Tgid(stranger.pid()) || matches!(step.event.body, Body::Fork(_))
    };
    assert_eq!(session.steps.iter().filter(of_stranger).count(), 0);
}
