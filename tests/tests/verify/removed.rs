//! Of recordings of real containers each record is missing once: what was no pass never becomes one.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use tracer::event::NamespaceKind;
use tracer::expect::{Expectation, file, preset};
use tracer::history::{End, Note};
use tracer::recording::{Frame, Header, Reader, Tape};
use tracer::replay;
use tracer::verdict::{Select, Verdict};
use tracer::verify::judging::Terms;
use tracer_tests::binary::{Runs, path, tracer};

use crate::UNSHARE;

/// A file in memory that is there after its writer.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("unharmed").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

enum Entry {
    Record(Vec<u8>),
    Note(Note),
}

/// A recording, taken apart.
struct Taken {
    header: Header,
    entries: Vec<Entry>,
    end: End,
}

impl Taken {
    fn read(bytes: &[u8]) -> Self {
        let (mut reader, header) = Reader::open(bytes).expect("readable");
        let (mut entries, mut end) = (Vec::new(), None);
        while let Some(frame) = reader.frame().expect("whole") {
            match frame {
                Frame::Record(bytes) => entries.push(Entry::Record(bytes.to_vec())),
                Frame::Note(note) => entries.push(Entry::Note(*note)),
                Frame::End(found) => end = Some(found),
            }
        }
        Self {
            header,
            entries,
            end: end.expect("an end"),
        }
    }

    /// The file without one record, which the counters tell of all the same. Those behind it have
    /// numbers that are one less, as if it had never been delivered.
    fn without(&self, missing: Option<u64>) -> Vec<u8> {
        let file = Memory::default();
        let mut tape = Tape::new(file.clone(), &self.header).expect("a tape");
        let mut number = 0;
        for entry in &self.entries {
            match entry {
                Entry::Record(bytes) => {
                    if Some(number) != missing {
                        tape.record(bytes);
                    }
                    number += 1;
                }
                Entry::Note(note) => {
                    if let Some(note) = renumbered(note, missing) {
                        tape.note(&note);
                    }
                }
            }
        }
        tape.finish(&self.end).expect("written");
        let bytes = file.0.lock().expect("unharmed");
        bytes.clone()
    }

    fn records(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let records = self.entries.iter().filter_map(|entry| match entry {
            Entry::Record(bytes) => Some(bytes.as_slice()),
            Entry::Note(_) => None,
        });
        (0..).zip(records)
    }
}

/// What a note says where this record is missing; `None` where it is about that.
fn renumbered(note: &Note, missing: Option<u64>) -> Option<Note> {
    let (mut note, missing) = (note.clone(), missing.unwrap_or(u64::MAX));
    if let Note::Mounts { birth: seq, .. } | Note::Waited { seq, .. } = &mut note {
        if *seq == missing {
            return None;
        }
        *seq -= u64::from(*seq > missing);
    }
    Some(note)
}

/// Verdicts of items, by the payload's number and the name of the item.
type Items = BTreeMap<(u32, String), Verdict>;

/// The verdict of all, and of each item; `None` where nothing can be judged.
fn judged(file: &[u8], expectations: &[Expectation]) -> Option<(Verdict, Items)> {
    let (mut reader, header) = Reader::open(file).expect("readable");
    let terms = Terms {
        expectations,
        rules: None,
        select: &Select::Payloads,
    };
    let (outcome, cut) = replay::verify(&mut reader, &header, &terms, None).ok()?;
    assert!(cut.is_none());
    let mut verdicts = BTreeMap::new();
    for (container, judgement) in outcome.judged() {
        let payload = container.birth.payload.tgid.0;
        for item in &judgement.items {
            verdicts.insert((payload, item.id.clone()), item.verdict);
        }
    }
    Some((outcome.verdict, verdicts))
}

/// Every preset, and that each kind of namespace is new, the host's, and of its own.
fn expectations() -> Vec<Expectation> {
    let mut texts: Vec<String> = preset::names()
        .filter_map(preset::preset)
        .map(str::to_owned)
        .collect();
    for kind in NamespaceKind::ALL {
        let name = kind.name();
        for how in ["private", "new", "shared"] {
            texts.push(format!("namespaces: {{ {how}: [{name}] }}\n"));
        }
    }
    texts.push("drift: deny\ncgroup: private\n".to_owned());
    let mut all = Vec::new();
    for (number, text) in texts.iter().enumerate() {
        let list = file::parse(text, "text").unwrap_or_else(|error| panic!("{error}"));
        all.extend(list.into_iter().map(|one| Expectation {
            id: format!("{number} {}", one.id),
            ..one
        }));
    }
    all
}

#[test]
#[ignore = "needs root"]
fn a_record_that_is_missing_never_makes_a_pass_of_what_was_none() {
    let runs = Runs::new();
    let program = path();
    let program = program.to_str().expect("text");
    for script in [
        // Of its own and of the host's, changed later, entered from outside, with a container within.
        format!("{UNSHARE} sh -c 'unshare --net true; unshare --pid --fork true'"),
        format!("{UNSHARE} sh -c 'sleep 60 & nsenter --target $! --uts true; kill $!'"),
        // Moved to cgroups of its own, and out of the host's root.
        format!("{program} run -o compact true"),
    ] {
        let file = runs.word("recording");
        let words = ["record", "-o", &file, "--", "sh", "-c", &script];
        let mut command = tracer(&words);
        let (mark, value) = runs.mark();
        runs.finish(command.env(mark, value)).ended_with(0);
        let taken = Taken::read(&fs::read(&file).expect("a file"));
        let expectations = expectations();
        let whole = taken.without(None);
        let (verdict, before) = judged(&whole, &expectations).expect("whole");
        for verdict in [Verdict::Pass, Verdict::Fail] {
            assert!(before.values().any(|one| *one == verdict), "{script}");
        }
        let mut tried = 0;
        for (number, record) in taken.records() {
            // Of the host's tasks, of which there are many alike, every tenth.
            let of_host = record[0] == 10;
            if of_host && number % 10 != 0 {
                continue;
            }
            tried += 1;
            let Some((now, after)) = judged(&taken.without(Some(number)), &expectations) else {
                continue;
            };
            let came = |before, now| before != Verdict::Pass && now == Verdict::Pass;
            assert!(!came(verdict, now), "{script}: without #{number}");
            for (item, now) in after {
                if let Some(before) = before.get(&item) {
                    let lost = format!("{script}: without #{number} {item:?} passes");
                    assert!(!came(*before, now), "{lost}");
                }
            }
        }
        assert!(tried > 10, "{tried}");
    }
}
