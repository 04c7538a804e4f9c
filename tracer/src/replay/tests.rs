//! What becomes of recordings that are whole, cut off, or damaged, and of other questions.

use super::*;
use crate::event::sample::{self, INIT, NEW, SETNS, STRANGER, UNSHARE};
use crate::expect::{Expectation, file, preset};
use crate::recording::Asked;
use crate::recording::sample::{Entry, Taken, ends, plain, unfinished};
use crate::verdict::sample::{Scenario, bytes};
use crate::verdict::{Act, Item, Select, Verdict};

/// What a replay came to.
#[derive(Clone, Debug, PartialEq)]
struct Came {
    verdict: Verdict,
    items: Vec<Item>,
    cut: Option<Cut>,
}

/// Replays a file by what it holds.
fn replayed(file: &[u8]) -> Result<Came, ReplayError> {
    let (mut reader, header) = Reader::open(file)?;
    match &header.asked {
        Asked::Run { spec, .. } => {
            let (outcome, cut) = run(&mut reader, &header, spec)?;
            Ok(Came {
                verdict: outcome.judgement.verdict,
                items: outcome.judgement.items,
                cut,
            })
        }
        Asked::Verify {
            expectations,
            select,
            ..
        } => {
            let terms = Terms {
                expectations,
                rules: None,
                select,
            };
            verify(&mut reader, &header, &terms, None).map(came)
        }
    }
}

fn came((outcome, cut): (verify::Outcome, Option<Cut>)) -> Came {
    let judged = outcome.judged();
    Came {
        verdict: outcome.verdict,
        items: judged.flat_map(|(_, one)| one.items.clone()).collect(),
        cut,
    }
}

fn expected(name: &str) -> Vec<Expectation> {
    let text = preset::preset(name).expect("a preset");
    file::parse(text, name).expect("a preset is sound")
}

/// A container that breaks what was asked of its birth, and changes later.
fn bad() -> Scenario {
    Scenario::with(|scenario| {
        scenario.exec.no_new_privs = 0;
        let other = tracer_common::record::NamespaceSet { net: 7, ..NEW };
        let call = sample::namespace_call(INIT, UNSHARE, 0, other);
        scenario.after.push(bytes(&call));
    })
}

fn recordings() -> Vec<(Verdict, Taken)> {
    let good = Scenario::good();
    vec![
        (Verdict::Pass, Taken::run(&good)),
        (Verdict::Fail, Taken::run(&bad())),
        (
            Verdict::Pass,
            Taken::verification(&good, expected("unshared")),
        ),
        (
            Verdict::Fail,
            Taken::verification(&bad(), expected("strict")),
        ),
    ]
}

/// What is left of a file says nothing final, and where it ends.
fn says_nothing_final(file: &[u8]) {
    match replayed(file) {
        Ok(came) => {
            assert!(came.cut.is_some(), "{came:?}");
            assert_eq!(came.verdict, Verdict::Inconclusive);
            for item in came.items {
                assert_eq!(item.verdict, Verdict::Inconclusive, "{item:?}");
                let reason = item.reason.unwrap_or_default();
                assert!(reason.contains("cut off after"), "{reason}");
            }
        }
        Err(ReplayError::NothingYet(_) | ReplayError::Read(ReadError::Truncated(_))) => {}
        Err(ReplayError::Read(ReadError::NotARecording)) => assert_eq!(file, b""),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_whole_recording_comes_to_the_verdict_of_its_run() {
    for (verdict, taken) in recordings() {
        let came = replayed(&taken.bytes()).expect("whole");
        assert_eq!((came.verdict, came.cut), (verdict, None), "{came:#?}");
    }
    let judgement = bad().judge_final();
    let came = replayed(&Taken::run(&bad()).bytes()).expect("whole");
    let verdicts = |items: &[Item]| -> Vec<(String, Verdict)> {
        let items = items.iter();
        items.map(|item| (item.id.clone(), item.verdict)).collect()
    };
    assert_eq!(verdicts(&came.items), verdicts(&judgement.items));
}

#[test]
fn nothing_is_final_at_any_frame_at_which_a_recording_is_cut_off() {
    for (_, taken) in recordings() {
        let file = taken.bytes();
        let plain = plain(&file);
        let ends = ends(&plain);
        let whole = ends.len();
        let mut partial = 0;
        for (frames, end) in (1_u64..).zip(ends).take(whole - 1) {
            let file = unfinished(&file, &plain[..end]);
            says_nothing_final(&file);
            if let Ok(came) = replayed(&file) {
                partial += 1;
                let bytes = file.len() as u64;
                assert_eq!(came.cut, Some(Cut { frames, bytes }));
            }
            // The same where the compression has been ended, as by an editor.
            let mut ended = file[..12].to_vec();
            ended.extend(zstd::encode_all(&plain[..end], 1).expect("compressed"));
            says_nothing_final(&ended);
            // And within the next frame.
            says_nothing_final(&unfinished(&file, &plain[..end + 7]));
        }
        assert!(partial > 20, "{partial}");
    }
}

#[test]
fn nothing_is_final_at_any_byte_at_which_a_file_is_cut_off() {
    for (_, taken) in recordings() {
        let file = taken.bytes();
        for length in 0..file.len() {
            says_nothing_final(&file[..length]);
        }
    }
}

#[test]
fn a_byte_that_is_another_never_makes_another_verdict() {
    for (_, taken) in recordings() {
        let file = taken.bytes();
        let whole = replayed(&file).expect("whole");
        for at in 0..file.len() {
            for flip in [0x01, 0x10, 0x80] {
                let mut file = file.clone();
                file[at] ^= flip;
                match replayed(&file) {
                    // A few bits of the compression say nothing about what is compressed.
                    Ok(came) if came.cut.is_none() => assert_eq!(came, whole),
                    Ok(came) => assert_eq!(came.verdict, Verdict::Inconclusive),
                    Err(_) => {}
                }
            }
        }
    }
}

#[test]
fn a_byte_that_is_another_under_a_sound_compression_is_refused() {
    let (_, taken) = recordings().remove(2);
    let file = taken.bytes();
    let plain = plain(&file);
    let header = ends(&plain)[0];
    for at in (header..plain.len()).step_by(3) {
        let mut plain = plain.clone();
        plain[at] ^= 0x40;
        let mut file = file[..12].to_vec();
        file.extend(zstd::encode_all(plain.as_slice(), 1).expect("compressed"));
        match replayed(&file) {
            // A length that leads behind the end.
            Ok(came) => assert!(came.cut.is_some(), "{came:?}"),
            Err(ReplayError::NothingYet(_)) => {}
            Err(error) => assert!(error.to_string().contains("damaged at frame"), "{error}"),
        }
    }
}

#[test]
fn what_an_older_tracer_did_not_record_is_not_observed() {
    assert_eq!(unobserved(None, "1.0.0"), []);
    let older = Older {
        abi: tracer_common::ABI_VERSION - 1,
        end: Kind::END - 2,
        shorter: &[],
    };
    let kinds = unobserved(Some(&older), "0.9.0");
    let kinds: Vec<u16> = kinds.iter().map(|one| one.kind.0).collect();
    assert_eq!(kinds, [Kind::END - 2, Kind::END - 1]);
}

/// Replays a verification by other terms.
fn anew(taken: &Taken, expectations: &[Expectation], select: &Select) -> Came {
    let file = taken.bytes();
    let (mut reader, header) = Reader::open(file.as_slice()).expect("readable");
    let terms = |expectations, select| Terms {
        expectations,
        rules: None,
        select,
    };
    let anew = terms(expectations, select);
    match &header.asked {
        Asked::Run { .. } => came(run_anew(&mut reader, &header, &anew).expect("whole")),
        Asked::Verify {
            expectations,
            select,
            ..
        } => {
            let recorded = terms(expectations, select);
            came(verify(&mut reader, &header, &recorded, Some(&anew)).expect("whole"))
        }
    }
}

#[test]
fn other_expectations_take_the_place_of_what_was_recorded() {
    let good = Scenario::good();
    let few = expected("unshared");
    let ids = |came: &Came| came.items.iter().map(|item| item.id.clone()).collect();
    let wanted: Vec<String> = few.iter().map(|one| one.id.clone()).collect();
    for taken in [
        Taken::verification(&good, expected("strict")),
        // Nothing was expected: `tracer record`.
        Taken::verification(&good, Vec::new()),
        Taken::run(&good),
    ] {
        let came = anew(&taken, &few, &Select::Payloads);
        assert_eq!(came.verdict, Verdict::Pass, "{came:#?}");
        let ids: Vec<String> = ids(&came);
        assert_eq!(ids, wanted);
    }
    let taken = Taken::verification(&bad(), few.clone());
    let came = anew(&taken, &expected("strict"), &Select::Payloads);
    assert_eq!(came.verdict, Verdict::Fail);
    let none = anew(&taken, &few, &Select::Number(2));
    assert_eq!((none.items, none.verdict), (Vec::new(), Verdict::Fail));
}

#[test]
fn the_mounts_of_a_run_are_those_that_its_gate_saw() {
    let masked = "masked: [/proc]\n";
    let list = file::parse(masked, "file").expect("sound");
    let came = anew(&Taken::run(&Scenario::good()), &list, &Select::Payloads);
    assert_eq!(came.verdict, Verdict::Fail, "{came:#?}");
    let unread = Scenario::with(|scenario| scenario.mounts = None);
    let came = anew(&Taken::run(&unread), &list, &Select::Payloads);
    assert_eq!(came.verdict, Verdict::Inconclusive, "{came:#?}");
}

#[test]
fn a_payload_that_was_killed_is_judged_by_the_other_terms_and_says_why_it_was() {
    let mut taken = Taken::verification(&bad(), expected("strict"));
    let exec = |frame: &Entry| matches!(frame, Entry::Note(Note::Mounts { .. }));
    let at = taken.frames.iter().position(exec).expect("there");
    let Entry::Note(Note::Mounts { birth: seq, .. }) = taken.frames[at] else {
        panic!("another frame")
    };
    taken.frames.insert(
        at,
        Entry::Note(Note::Decided {
            seq,
            act: Act::Killed,
            keeps_namespaces: false,
        }),
    );
    let file = taken.bytes();
    let (mut reader, header) = Reader::open(file.as_slice()).expect("readable");
    let (strict, few) = (expected("strict"), expected("unshared"));
    let terms = |expectations| Terms {
        expectations,
        rules: None,
        select: &Select::Payloads,
    };
    let (outcome, _) =
        verify(&mut reader, &header, &terms(&strict), Some(&terms(&few))).expect("whole");
    assert_eq!(outcome.verdict, Verdict::Pass);
    let held = outcome.containers[0].held.as_ref().expect("held");
    let then = held.judgement.as_ref().expect("judged");
    assert_eq!((held.act, then.verdict), (Act::Killed, Verdict::Fail));
}

#[test]
fn a_run_whose_payload_never_started_is_not_judged_anew() {
    let mut taken = Taken::run(&Scenario::good());
    if let Some(Entry::End(end)) = taken.frames.last_mut() {
        end.ending = Ending::NeverRan;
    }
    let file = taken.bytes();
    let (mut reader, header) = Reader::open(file.as_slice()).expect("readable");
    let terms = Terms {
        expectations: &expected("unshared"),
        rules: None,
        select: &Select::Payloads,
    };
    let error = run_anew(&mut reader, &header, &terms).map(|_| ());
    assert!(matches!(error, Err(ReplayError::NoPayload)), "{error:?}");
}

#[test]
fn a_note_that_no_verification_writes_first_is_damage() {
    let mut taken = Taken::verification(&Scenario::good(), expected("unshared"));
    taken.frames.insert(0, Entry::Note(Note::Gate));
    let error = replayed(&taken.bytes()).expect_err("refused").to_string();
    assert!(error.contains("damaged at frame 1"), "{error}");
}

/// Where a stranger was before is in the list of the host's tasks alone: without that, joining a
/// container's namespaces does not show.
#[test]
fn who_comes_in_and_was_never_listed_leaves_it_open_whether_anybody_did() {
    let scenario = Scenario::with(|scenario| {
        let call = sample::namespace_call(STRANGER, SETNS, 0, NEW);
        scenario.after.push(bytes(&call));
    });
    let drift = file::parse("drift: deny\n", "file").expect("sound");
    let taken = Taken::verification(&scenario, drift);
    let verdict = |taken: &Taken| replayed(&taken.bytes()).expect("whole").verdict;
    assert_eq!(verdict(&taken), Verdict::Fail);
    assert_eq!(verdict(&taken.without(1)), Verdict::Inconclusive);
}

#[test]
fn a_record_that_is_missing_never_makes_a_pass_of_what_was_none() {
    for (_, taken) in recordings() {
        let whole = replayed(&taken.bytes()).expect("whole");
        let records = taken.frames.iter();
        let records = records.filter(|frame| matches!(frame, Entry::Record(_)));
        for record in 0..records.count() as u64 {
            let Ok(came) = replayed(&taken.without(record).bytes()) else {
                // tracer's own certificate.
                assert_eq!(record, 0);
                continue;
            };
            let passed = whole.verdict == Verdict::Pass;
            assert!(passed || came.verdict != Verdict::Pass, "#{record}");
            for item in &came.items {
                let before = whole.items.iter().find(|one| one.id == item.id);
                let passed = before.is_some_and(|one| one.verdict == Verdict::Pass);
                assert!(
                    passed || item.verdict != Verdict::Pass,
                    "#{record}: {before:#?} became {item:#?}"
                );
            }
        }
    }
}
