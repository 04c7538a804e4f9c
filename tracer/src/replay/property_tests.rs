//! What holds of every recording, whatever is in it: it comes to the same again, to the same as what
//! was judged live, and to no pass for want of a record.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::*;
use crate::event::arbitrary::sound;
use crate::expect::file::{self, tests::FULL};
use crate::expect::{Expectation, preset};
use crate::recording::sample::{Entry, Taken};
use crate::verdict::sample::Scenario;
use crate::verdict::{Select, Verdict};

/// Of every kind of expectation some.
fn everything() -> Vec<Expectation> {
    let mut all = file::parse(FULL, "full").expect("sound");
    for name in preset::names() {
        let text = preset::preset(name).expect("a preset");
        all.extend(file::parse(text, name).expect("sound"));
    }
    for (number, one) in all.iter_mut().enumerate() {
        one.id = format!("{number} {}", one.id);
    }
    all
}

fn terms(expectations: &[Expectation]) -> Terms<'_> {
    Terms {
        expectations,
        rules: None,
        select: &Select::All,
    }
}

fn replayed(taken: &Taken, expectations: &[Expectation]) -> verify::Outcome {
    let file = taken.bytes();
    let (mut reader, header) = Reader::open(file.as_slice()).expect("readable");
    let came = verify(&mut reader, &header, &terms(expectations), None);
    came.expect("whole").0
}

/// All that a report is made of.
fn all(outcome: &verify::Outcome) -> String {
    let session = &outcome.session;
    format!(
        "{:?}\n{:?}\n{:?}\n{:?}\n{:?}",
        outcome.verdict, outcome.containers, session.model, session.observation, session.steps
    )
}

/// The same frames, taken as they come, without a file.
fn live(taken: &Taken, expectations: &[Expectation]) -> verify::Outcome {
    let syscalls = taken.header.syscalls.iter();
    let syscalls = SyscallTable::new(syscalls.map(|(number, name)| (*number, name.as_str())));
    let mut beginning = Some(Beginning::new(taken.header.root, syscalls));
    let mut history: Option<History> = None;
    let mut last = End::UNKNOWN;
    for frame in &taken.frames {
        match (frame, &mut history) {
            (Entry::Record(bytes), Some(history)) => {
                let event = history.decode(bytes);
                history.take(event);
            }
            (Entry::Note(note), Some(history)) => history.note(note.clone()),
            (Entry::Record(bytes), None) => beginning.as_mut().expect("not begun").take(bytes),
            (Entry::Note(Note::Began { unattached, .. }), None) => {
                let begun = beginning.take().expect("not begun");
                history = begun.begin(unattached.clone());
            }
            (Entry::End(end), _) => last = end.clone(),
            (Entry::Note(note), None) => panic!("{note:?}"),
        }
    }
    let history = history.expect("begun");
    let judged = judging::judge(&terms(expectations), &history, &Acts::default());
    let ended = run::Ended::new(history, Vec::new(), &last);
    verify::Outcome::new(ended, judged, Some(Exit::Code(0)))
}

/// Verdicts of items, by the record of the payload's exec and the name of the item.
fn verdicts(outcome: &verify::Outcome) -> BTreeMap<(u64, String), Verdict> {
    let judged = outcome.judged().flat_map(|(container, judgement)| {
        let seq = container.birth.seq;
        let items = judgement.items.iter();
        items.map(move |item| ((seq, item.id.clone()), item.verdict))
    });
    judged.collect()
}

fn taken(records: &[Vec<u8>]) -> Taken {
    Taken::verification(&Scenario::good(), Vec::new()).with_records(records)
}

/// The records of the host and of tracer itself that stand before the others.
const FIRST: u64 = 2;

fn records(most: usize) -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(sound(), 0..most)
}

fn none_turns_into_a_pass(records: &[Vec<u8>], missing: u64, expectations: &[Expectation]) {
    let taken = taken(records);
    let (number, before) = (FIRST + missing, replayed(&taken, expectations));
    let after = replayed(&taken.without(number), expectations);
    assert!(
        before.verdict == Verdict::Pass || after.verdict != Verdict::Pass,
        "without #{number}"
    );
    let before = verdicts(&before);
    for ((seq, id), verdict) in verdicts(&after) {
        // It bears the number that it would have had.
        let then = before.get(&(seq + u64::from(seq >= number), id.clone()));
        assert!(
            verdict != Verdict::Pass || then.is_none_or(|then| *then == Verdict::Pass),
            "without #{number} {id} of #{seq} is {verdict:?}, and was {then:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_recording_comes_to_the_same_again_and_to_what_was_judged_live(records in records(40)) {
        let (taken, expectations) = (taken(&records), everything());
        let replayed = || all(&replayed(&taken, &expectations));
        let once = replayed();
        prop_assert!(once == replayed());
        prop_assert!(once == all(&live(&taken, &expectations)));
    }

    #[test]
    fn no_record_that_is_missing_makes_a_pass(
        records in records(30),
        missing in any::<prop::sample::Index>(),
    ) {
        if !records.is_empty() {
            let missing = missing.index(records.len()) as u64;
            none_turns_into_a_pass(&records, missing, &everything());
        }
    }
}

/// Runs of good containers are not to be found by chance: there each of them is missing once.
#[test]
fn no_record_of_a_good_run_that_is_missing_makes_a_pass() {
    let records = Scenario::good().records();
    let expectations = everything();
    for missing in 0..records.len() as u64 - 1 {
        none_turns_into_a_pass(&records[1..], missing, &expectations);
    }
}

/// What is claimed above is claimed of something.
#[test]
fn these_recordings_have_items_of_every_verdict() {
    let mut runner = TestRunner::deterministic();
    let (records, expectations) = (records(40), everything());
    let mut counts = [0; 3];
    for _ in 0..40 {
        let tree = records.new_tree(&mut runner).expect("records");
        let outcome = replayed(&taken(&tree.current()), &expectations);
        for verdict in verdicts(&outcome).values() {
            counts[*verdict as usize] += 1;
        }
    }
    assert!(counts.iter().all(|count| *count > 50), "{counts:?}");
}
