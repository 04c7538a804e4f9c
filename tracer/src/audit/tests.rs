//! Claims about the stream, each on the smallest run of records that shows it. Owns no rules.

mod condition;
mod gate;
mod judging;
mod timeline;

use std::collections::BTreeSet;

use tracer_common::Kind;
use tracer_common::TaskId;
use tracer_common::record::{Ancestor, Certificate as Facts, LineageRecord, NamespaceSet};
use zerocopy::{FromZeros as _, Immutable, IntoBytes};

use super::record::{LineageSource, SeenBy, What};
use super::*;
use crate::event::sample::{self, HOST, NEW, SETNS, UNSHARE};
use crate::event::{Certificate, Lineage, NamespaceKind, NsId, Tgid};
use crate::verdict::{Counters, Seen, sample::host};

const ENGINE: TaskId = sample::task(150, 150, "engine");
const PAYLOAD: TaskId = sample::task(210, 210, "payload");
const VISITOR: TaskId = sample::task(220, 220, "visitor");

struct Run {
    auditor: Auditor,
    next: u64,
}

fn facts(namespaces: NamespaceSet) -> Facts {
    sample::certificate_with(|facts| facts.namespaces = namespaces)
}

fn nobody(_: Tgid) -> Option<Lineage> {
    None
}

impl Run {
    fn new() -> Self {
        let auditor = Auditor::new(Setting {
            host: host(),
            baseline: Seen {
                seq: 0,
                certificate: facts(HOST).into(),
            },
            judging: Judging::default(),
            unattached: Vec::new(),
            clock_ns: 0,
            from_ns: 0,
        });
        Self { auditor, next: 1 }
    }

    fn apply(&mut self, record: &(impl IntoBytes + Immutable)) -> Vec<What> {
        let event = sample::event(self.next, record);
        self.next += 1;
        self.auditor.apply(&event, &nobody);
        self.told()
    }

    fn told(&mut self) -> Vec<What> {
        let records = self.auditor.take().into_iter();
        records.map(|record| record.what).collect()
    }

    fn born(&mut self) {
        let told = self.apply(&sample::exec(PAYLOAD, &facts(NEW), "/bin/payload"));
        assert!(
            matches!(told.as_slice(), [What::ContainerBorn(_)]),
            "{told:?}"
        );
    }
}

fn names(told: &[What]) -> Vec<&'static str> {
    told.iter().map(What::name).collect()
}

#[test]
fn a_program_of_the_host_is_nothing_to_tell() {
    let mut run = Run::new();
    assert_eq!(
        names(&run.apply(&sample::exec(PAYLOAD, &facts(HOST), "/bin/true"))),
        [""; 0]
    );
    assert_eq!(names(&run.apply(&sample::exit(PAYLOAD, 0))), [""; 0]);
}

#[test]
fn a_birth_has_the_lineage_that_came_right_before_it() {
    let mut run = Run::new();
    let mut lineage = LineageRecord::new_zeroed();
    lineage.header = sample::header(
        Kind::LINEAGE,
        u32::try_from(size_of::<LineageRecord>()).expect("small"),
        PAYLOAD,
    );
    lineage.count = 1;
    lineage.ancestors[0] = Ancestor {
        tgid: ENGINE.tgid,
        uid: 1000,
        comm: ENGINE.comm,
        ..Ancestor::new_zeroed()
    };
    assert_eq!(names(&run.apply(&lineage)), [""; 0]);
    let told = run.apply(&sample::exec(PAYLOAD, &facts(NEW), "/bin/payload"));
    let [What::ContainerBorn(born)] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert_eq!(born.lineage.source, LineageSource::Kernel);
    let ancestors = &born.lineage.ancestors;
    assert_eq!(
        (ancestors[0].name.as_str(), ancestors[0].uid()),
        ("engine", Some(1000))
    );
    // It is not there for a second time.
    let again = sample::task(210, 210, "again");
    let told = run.apply(&sample::exec(again, &facts(NEW), "/bin/again"));
    assert_eq!(names(&told), [""; 0], "a program of the same container");
}

#[test]
fn a_container_ends_once_with_the_last_who_lives_in_it_and_by_its_payloads_code() {
    let mut run = Run::new();
    run.born();
    let child = sample::task(211, 211, "child");
    let fork = sample::fork(PAYLOAD, child, 0, NEW, &sample::cgroups(&[]));
    assert_eq!(names(&run.apply(&fork)), [""; 0]);
    assert_eq!(names(&run.apply(&sample::exit(PAYLOAD, 7 << 8))), [""; 0]);
    let told = run.apply(&sample::exit(child, 0));
    let [
        What::ContainerEnded {
            exit_code, unseen, ..
        },
    ] = told.as_slice()
    else {
        panic!("{told:?}");
    };
    assert_eq!((*exit_code, *unseen), (Some(7), false));
}

/// Kernels before 6.18 give the numbers of namespaces that are gone to new ones, and not every call that makes some is
/// seen; and who comes into namespaces that somebody has kept is not who lived there.
#[test]
fn who_executes_where_nobody_lives_any_more_is_a_container_of_its_own() {
    let mut run = Run::new();
    let mut ids = BTreeSet::new();
    for number in 0..3 {
        let payload = sample::task(210 + number, 210 + number, "payload");
        let told = run.apply(&sample::exec(payload, &facts(NEW), "/bin/payload"));
        let [What::ContainerBorn(born)] = told.as_slice() else {
            panic!("{told:?}");
        };
        assert_eq!(born.process.pid, payload.tgid);
        assert!(ids.insert(born.container.id.clone()));
        let told = run.apply(&sample::exit(payload, 0));
        let [What::ContainerEnded { container, .. }] = told.as_slice() else {
            panic!("{told:?}");
        };
        assert_eq!(container.id, born.container.id);
    }
}

/// What was told to have ended has ended, and whether it is forgotten already shows nowhere.
#[test]
fn who_executes_in_a_cgroup_is_of_its_container_while_anybody_lives_in_it() {
    let mut run = Run::new();
    run.apply(&sample::mkdir(ENGINE, 0, 7, "/box"));
    let inside = sample::certificate_with(|facts| {
        facts.namespaces = HOST;
        facts.cgroups = sample::cgroups(&[(0, 7)]);
    });
    let payload = |number: u32| sample::task(210 + number, 210 + number, "payload");
    let mut told = Vec::new();
    for number in [0, 1] {
        told.extend(run.apply(&sample::exec(payload(number), &inside, "/bin/payload")));
    }
    for number in [0, 1] {
        told.extend(run.apply(&sample::exit(payload(number), 0)));
    }
    told.extend(run.apply(&sample::exec(payload(2), &inside, "/bin/payload")));
    told.extend(run.apply(&sample::exit(payload(2), 0)));
    let once = ["container_born", "container_ended"];
    assert_eq!(names(&told), [once, once].concat());
}

#[test]
fn who_executes_in_part_of_a_containers_namespaces_has_entered_it() {
    let mut run = Run::new();
    run.born();
    let part = NamespaceSet {
        net: NEW.net,
        ..HOST
    };
    let told = run.apply(&sample::exec(VISITOR, &facts(part), "/bin/true"));
    let [
        What::ContainerEntered {
            process, seen_by, ..
        },
    ] = told.as_slice()
    else {
        panic!("{told:?}");
    };
    assert_eq!((process.pid, *seen_by), (VISITOR.tgid, SeenBy::Exec));
}

#[test]
fn who_comes_in_by_setns_and_goes_back_keeps_no_container_alive() {
    let mut run = Run::new();
    run.born();
    let part = NamespaceSet {
        net: NEW.net,
        ..HOST
    };
    let told = run.apply(&sample::namespace_call(VISITOR, SETNS, 0, part));
    assert_eq!(names(&told), ["container_changed", "container_entered"]);
    run.apply(&sample::namespace_call(VISITOR, SETNS, 0, HOST));
    run.apply(&sample::exec(VISITOR, &facts(HOST), "/bin/true"));
    let told = run.apply(&sample::exit(PAYLOAD, 9));
    let [What::ContainerEnded { signal, .. }] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert_eq!(*signal, Some(9));
}

#[test]
fn a_namespace_that_is_made_outside_is_told_of_once() {
    let mut run = Run::new();
    let own = NamespaceSet {
        net: NEW.net,
        ..HOST
    };
    let told = run.apply(&sample::namespace_call(ENGINE, UNSHARE, 0, own));
    let [
        What::NamespaceMade {
            namespaces, call, ..
        },
    ] = told.as_slice()
    else {
        panic!("{told:?}");
    };
    assert_eq!((namespaces.len(), call.as_deref()), (1, Some("unshare")));
    assert_eq!(names(&run.apply(&sample::exit(ENGINE, 0))), [""; 0]);
}

#[test]
fn one_that_was_made_unseen_shows_at_the_end_of_its_maker() {
    let mut run = Run::new();
    let mut exit = sample::exit(ENGINE, 0);
    exit.namespaces = NamespaceSet {
        net: NEW.net,
        ..HOST
    };
    let told = run.apply(&exit);
    let [What::NamespaceMade { call, seen_by, .. }] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert_eq!((call.as_deref(), *seen_by), (None, SeenBy::Exit));
}

#[test]
fn whose_end_was_lost_is_found_out_by_a_look_at_all_tasks() {
    let mut run = Run::new();
    run.born();
    run.auditor
        .reconcile(&BTreeSet::from([Tgid(PAYLOAD.tgid)]), u64::MAX);
    assert_eq!(names(&run.told()), [""; 0]);
    run.auditor.reconcile(&BTreeSet::new(), u64::MAX);
    let told = run.told();
    let [
        What::ContainerEnded {
            unseen, exit_code, ..
        },
    ] = told.as_slice()
    else {
        panic!("{told:?}");
    };
    assert_eq!((*unseen, *exit_code), (true, None));
}

#[test]
fn a_birth_in_a_time_of_loss_says_so() {
    let mut run = Run::new();
    let mut counters = Counters::default();
    counters.lost.set(Kind::FORK, 1);
    counters.submitted.set(Kind::FORK, 1);
    run.auditor.count(&counters, u64::MAX);
    assert_eq!(names(&run.told()), ["loss"]);
    let told = run.apply(&sample::exec(PAYLOAD, &facts(NEW), "/bin/payload"));
    let [What::ContainerBorn(born)] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert!(born.container.incomplete);
}

#[test]
fn what_has_ended_is_forgotten() {
    let mut run = Run::new();
    // One that lives, although its cgroup is said to be gone.
    let living = inside(&mut run, VISITOR, 1);
    run.apply(&sample::rmdir(ENGINE, 0, 1, "/box"));
    for round in 2..12_000 {
        let payload = sample::task(1000 + round, 1000 + round, "payload");
        inside(&mut run, payload, round);
        let ended = run.apply(&sample::exit(payload, 0));
        assert_eq!(names(&ended), ["container_ended"]);
        run.apply(&sample::rmdir(ENGINE, 0, u64::from(round), "/box"));
        assert!(!run.auditor.model.is_sweep_due(), "after each event");
    }
    assert!(run.auditor.births.all().len() <= 65);
    let [tasks, namespaces, cgroups] = run.auditor.model.kept();
    assert_eq!(tasks, 2, "the root, and one that lives");
    assert!(namespaces <= 2 * 4096, "{namespaces}");
    assert!(cgroups <= 300, "{cgroups}");
    let key = living.cgroup_keys().next().expect("one");
    let made = run.auditor.model.cgroup(key).expect("somebody is in it");
    assert_eq!(made.path.text, "/box");
    let origin = run
        .auditor
        .model
        .namespace(NamespaceKind::Net, NsId(NET + 1));
    assert!(origin.is_some(), "somebody is in it");
}

const NET: u32 = 5_000_000;

/// Born in a network namespace and a cgroup of its own.
fn inside(run: &mut Run, payload: TaskId, number: u32) -> Certificate {
    let cgroup = u64::from(number);
    run.apply(&sample::mkdir(ENGINE, 0, cgroup, "/box"));
    let own = NamespaceSet {
        net: NET + number,
        ..HOST
    };
    let facts = sample::certificate_with(|facts| {
        facts.namespaces = own;
        facts.cgroups = sample::cgroups(&[(0, cgroup)]);
    });
    let told = run.apply(&sample::exec(payload, &facts, "/bin/payload"));
    assert_eq!(names(&told), ["container_born"]);
    facts.into()
}

/// A look at all tasks may come between an unshare that no record tells and the exec.
#[test]
fn who_was_looked_at_before_its_exec_is_told_of() {
    let mut run = Run::new();
    let own = NamespaceSet { uts: 77, ..HOST };
    let looked = sample::seen(PAYLOAD, own, &sample::cgroups(&[(0, 1)]));
    assert_eq!(names(&run.apply(&looked)), [""; 0]);
    let told = run.apply(&sample::exec(PAYLOAD, &facts(own), "/bin/payload"));
    assert_eq!(names(&told), ["container_born"]);
    // A further program of its is no other container.
    let told = run.apply(&sample::exec(PAYLOAD, &facts(own), "/bin/other"));
    assert_eq!(names(&told), [""; 0]);
    let ended = run.apply(&sample::exit(PAYLOAD, 0));
    assert_eq!(names(&ended), ["container_ended"]);
}

#[test]
fn a_reader_of_one_type_gets_that_and_losses() {
    let mut run = Run::new();
    let filter = filter::Filter {
        kinds: filter::kinds("cgroup").expect("three"),
        ..filter::Filter::default()
    };
    assert_eq!(filter.kinds.len(), 3);
    assert!(filter::kinds("cgrou").is_err());
    run.auditor.apply(
        &sample::event(1, &sample::exec(PAYLOAD, &facts(NEW), "/x")),
        &nobody,
    );
    let mut counters = Counters::default();
    counters.lost.set(Kind::EXEC, 1);
    run.auditor.count(&counters, 1);
    let records = run.auditor.take();
    let taken = records.iter().filter(|record| filter.takes(record));
    let taken: Vec<_> = taken.map(|record| record.what.name()).collect();
    assert_eq!(taken, ["loss"]);
}

#[test]
fn the_schema_names_every_type() {
    let text = schema().to_string();
    for name in record::NAMES {
        assert!(text.contains(&format!("\"{name}\"")), "{name}");
    }
}
