//! What holds of the model and of the containers in it whatever happens, in whichever order.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::scan_tests::{self, Found};
use super::{Births, Change, Happening, Model, NamespaceOrigin};
use crate::event::arbitrary::{namespaces, sound};
use crate::event::sample::{ROOT, certificate_with, syscalls};
use crate::event::{Body, Certificate, Event, NamespaceSlot, Namespaces, Tgid, Tid, decode};
use crate::verdict::sample::Scenario;

/// Both, fed by the same events.
struct World {
    model: Model,
    births: Births,
    whole_host: bool,
    /// Containers are forgotten as soon as nobody lives in them.
    forgets: bool,
    found: Found,
}

impl World {
    fn new(whole_host: bool) -> Self {
        let baseline = Certificate::from(Scenario::good().baseline);
        let root = Tgid(if whole_host { 0 } else { ROOT.tgid });
        Self {
            model: Model::new(root, &baseline),
            births: if whole_host {
                Births::of_whole_host(&baseline)
            } else {
                Births::new(root, &baseline)
            },
            whole_host,
            forgets: false,
            found: Found::default(),
        }
    }

    /// Of the whole host, as an audit has it.
    fn that_forgets() -> Self {
        Self {
            forgets: true,
            ..Self::new(true)
        }
    }

    fn take(&mut self, event: &Event) -> Vec<Happening> {
        let changes = self.model.apply(event);
        for change in &changes {
            changes_something(change);
        }
        let happenings = self.births.apply(event, &changes, &self.model);
        self.births.take_new_mounts();
        if self.forgets {
            self.births.forget_ended();
        }
        self.agrees_with(event);
        self.is_sound(event.seq);
        self.found
            .add(&scan_tests::agree(event, &self.model, &self.births));
        happenings
    }

    /// What the record said last of somebody is what the model has.
    fn agrees_with(&self, event: &Event) {
        let has = |tid: Tid, set: &Namespaces| {
            let state = self.model.task(tid).expect("known");
            for slot in NamespaceSlot::ALL {
                if let Some(id) = set.get(slot) {
                    assert_eq!(state.namespaces.get(slot), Some(id), "{slot:?}");
                }
            }
        };
        match &event.body {
            Body::Fork(fork) => has(fork.child.tid, &fork.namespaces),
            Body::Exec(exec) => {
                has(
                    event.task.tid,
                    &exec.certificate.namespaces().unwrap_or_default(),
                );
            }
            Body::Namespace(call) if call.ret == 0 => has(event.task.tid, &call.namespaces),
            _ => {}
        }
    }

    fn is_sound(&self, now: u64) {
        for task in self.model.tasks() {
            let known = self.model.task(task.task.tid).expect("by its number");
            assert_eq!(known.task, task.task);
            assert!(task.ended.as_ref().is_none_or(|ended| ended.seq <= now));
            assert!(
                task.created
                    .as_ref()
                    .is_none_or(|created| created.seq <= now)
            );
            for slot in NamespaceSlot::ALL {
                if let Some(id) = task.namespaces.get(slot) {
                    let origin = self.model.namespace(slot.kind(), id);
                    assert!(origin.map(NamespaceOrigin::seq) <= Some(now), "{slot:?}");
                    assert!(origin.is_some(), "{slot:?} came from nowhere");
                }
            }
        }
        let births = &self.births;
        let mut living: BTreeMap<usize, usize> = BTreeMap::new();
        for (_, number) in births.groups.members() {
            assert!(births.get(number).is_some(), "a member of nothing");
            *living.entry(number).or_default() += 1;
        }
        let mut last = 0;
        for birth in births.all() {
            let number = birth.number;
            assert!(number > last, "not in their order");
            last = number;
            let members = living.get(&number).copied().unwrap_or_default();
            assert_eq!(births.index.living(number), members, "container {number}");
            assert_eq!(births.lives(birth), members > 0);
            assert_eq!(births.members(birth).count(), members);
            assert!(birth.seq <= now && birth.stages.iter().all(|seq| *seq < birth.seq));
            assert!(birth.drift.iter().all(|drift| drift.seq > birth.seq));
            assert!(birth.ended.is_none_or(|ended| ended.seq > birth.seq));
            let outer_is_known = |outer| births.get(outer).is_some();
            assert!(self.forgets || birth.within.is_none_or(outer_is_known));
            assert!(birth.domain.is_container() || self.whole_host);
            let mut payload = births.index.with_payload(birth.payload.tgid);
            assert!(payload.any(|one| one == number));
            // Total, whatever there is.
            births.is_stage(birth);
        }
        assert!(births.last >= last);
    }
}

fn changes_something(change: &Change) {
    match change {
        Change::Namespace { before, after, .. } => assert_ne!(before, after),
        Change::Cgroup { before, after, .. } => assert_ne!(before.as_ref(), Some(after)),
        _ => {}
    }
}

fn events(records: &[Vec<u8>]) -> Vec<Event> {
    let decoded = (1..).zip(records);
    decoded
        .map(|(seq, record)| decode(&syscalls(), seq, record))
        .collect()
}

/// Records of a run in which all goes well, in another order and with some missing.
fn shuffled() -> impl Strategy<Value = Vec<Vec<u8>>> {
    Just(Scenario::good().records())
        .prop_shuffle()
        .prop_flat_map(|records| {
            let all = records.len();
            proptest::sample::subsequence(records, all / 2..=all)
        })
}

proptest! {
    #[test]
    fn the_model_is_sound_after_any_events_in_any_order(
        records in prop::collection::vec(sound(), 0..40),
        whole_host in any::<bool>(),
    ) {
        let mut world = World::new(whole_host);
        for event in events(&records) {
            world.take(&event);
        }
    }

    #[test]
    fn the_model_is_sound_whatever_the_order_of_a_run(
        records in shuffled(),
        whole_host in any::<bool>(),
    ) {
        let mut world = World::new(whole_host);
        for event in events(&records) {
            world.take(&event);
        }
    }

    #[test]
    fn what_is_forgotten_is_nobodys(records in prop::collection::vec(sound(), 0..60)) {
        let (mut world, mut other) = (World::that_forgets(), World::new(true));
        for event in events(&records) {
            prop_assert_eq!(world.take(&event), other.take(&event));
            for birth in other.births.all().iter().filter(|birth| other.births.lives(birth)) {
                let own = world.births.get(birth.number).map(|own| format!("{own:?}"));
                prop_assert_eq!(own, Some(format!("{birth:?}")));
            }
            prop_assert_eq!(world.births.all().len(), world.births.index.inhabited());
        }
        world.births.reconcile(|_| false);
        prop_assert!(world.births.groups.members().next().is_none());
    }

    #[test]
    fn the_same_events_mean_the_same_again(records in prop::collection::vec(sound(), 0..30)) {
        let end = || {
            let mut world = World::new(false);
            for event in events(&records) {
                world.take(&event);
            }
            (format!("{:?}", world.model), format!("{:?}", world.births.all()))
        };
        prop_assert_eq!(end(), end());
    }

    #[test]
    fn a_set_of_namespaces_is_itself(set in namespaces()) {
        let facts = certificate_with(|facts| facts.namespaces = set);
        let namespaces = Certificate::from(facts).namespaces().expect("valid");
        prop_assert_eq!(namespaces.changes_to(&namespaces).count(), 0);
    }
}

/// What is claimed above is claimed of something.
#[test]
fn these_events_make_containers_that_are_entered_and_change() {
    let mut runner = TestRunner::deterministic();
    let records = prop::collection::vec(sound(), 40);
    let (mut births, mut within, mut stages, mut drifts, mut ends) = (0, 0, 0, 0, 0);
    let mut found = Found::default();
    for number in 0..200 {
        let tree = records.new_tree(&mut runner).expect("records");
        let mut world = World::new(number % 2 == 0);
        for event in events(&tree.current()) {
            world.take(&event);
        }
        found.add(&world.found);
        for birth in world.births.all() {
            births += 1;
            within += usize::from(birth.within.is_some());
            stages += birth.stages.len();
            drifts += birth.drift.len();
            ends += usize::from(birth.ended.is_some());
        }
    }
    for count in [births, within, stages, drifts, ends] {
        assert!(count > 20, "{births} {within} {stages} {drifts} {ends}");
    }
    found.is_much();
}
