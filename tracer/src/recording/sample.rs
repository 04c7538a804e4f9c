//! Recordings for tests, frame by frame, from the same records as the judge's tests. Owns no claims.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tracer_common::Kind;

use super::{Asked, Frame, Header, ReadError, Reader, Tape};
use crate::container::spec::GateMode;
use crate::event::sample::{self, HOST, INIT, ROOT, STRANGER};
use crate::event::{Tgid, decode};
use crate::expect::Expectation;
use crate::history::{Count, End, Ending, Note};
use crate::verdict::sample::{HOST_MOUNTS, Scenario, bytes};
use crate::verdict::{PerKind, Select, kinds, mountinfo};

/// A file in memory that is there after its writer.
#[derive(Clone, Default)]
pub(crate) struct Memory(Arc<Mutex<Vec<u8>>>);

impl Memory {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.lock().expect("unharmed").clone()
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("unharmed").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One frame behind the header.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    Record(Vec<u8>),
    Note(Note),
    End(End),
}

/// A recording, taken apart.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub header: Header,
    pub frames: Vec<Entry>,
}

impl Taken {
    /// Of `tracer run`.
    pub(crate) fn run(scenario: &Scenario) -> Self {
        let asked = Asked::Run {
            spec: Box::new(scenario.spec.clone()),
            gate: GateMode::Enforce,
        };
        Self::of(scenario, asked)
    }

    /// Of `tracer verify`.
    pub(crate) fn verification(scenario: &Scenario, expectations: Vec<Expectation>) -> Self {
        let asked = Asked::Verify {
            args: scenario.spec.args.clone(),
            expectations,
            rules: Vec::new(),
            select: Select::Payloads,
            enforce: false,
        };
        Self::of(scenario, asked)
    }

    fn of(scenario: &Scenario, asked: Asked) -> Self {
        let mut frames = Vec::new();
        let mut made = PerKind::default();
        let is_run = matches!(asked, Asked::Run { .. });
        let host_mounts = mountinfo::parse(HOST_MOUNTS);
        let mut records = scenario.records();
        let everybody = sample::cgroups(&[(0, 1)]);
        let stranger = sample::seen(STRANGER, HOST, &everybody);
        records.insert(1, bytes(&stranger));
        let mut birth = 0;
        for (number, record) in (0..).zip(&records) {
            let event = decode(&sample::syscalls(), number, record);
            let kind = event.body.kind();
            made.add(kind, 1);
            frames.push(Entry::Record(record.clone()));
            let notes = match kind {
                Kind::TASK => vec![
                    Note::Began {
                        hooks: Vec::new(),
                        unattached: Vec::new(),
                    },
                    Note::Limiting {
                        hierarchies: scenario.host.limiting(),
                    },
                ],
                Kind::FORK if is_run => vec![Note::Init {
                    tgid: Tgid(INIT.tgid),
                }],
                Kind::SNAPSHOT if is_run && event.task.tgid == Tgid(INIT.tgid) => {
                    frames.push(counters(&made));
                    vec![
                        Note::GateMounts {
                            own: scenario.mounts.clone(),
                            host: host_mounts.clone(),
                        },
                        Note::Gate,
                    ]
                }
                Kind::EXEC if !is_run => {
                    birth = number;
                    vec![
                        Note::Mounts {
                            birth,
                            table: scenario.mounts.clone(),
                        },
                        Note::HostMounts {
                            table: host_mounts.clone(),
                        },
                    ]
                }
                _ => Vec::new(),
            };
            frames.extend(notes.into_iter().map(Entry::Note));
        }
        assert!(is_run || birth > 0, "a container is born");
        frames.push(counters(&made));
        frames.push(Entry::End(End {
            ending: Ending::Exited { code: 0 },
            attach: Duration::from_micros(1),
            detach: Duration::from_micros(2),
            total: Duration::from_micros(3),
        }));
        Self {
            header: Header {
                tracer: "0.1.0".to_owned(),
                abi: tracer_common::ABI_VERSION,
                byte_order: Header::byte_order().to_owned(),
                syscalls: sample::SYSCALLS
                    .map(|(number, name)| (number, name.to_owned()))
                    .to_vec(),
                root: Tgid(ROOT.tgid),
                host: scenario.host.clone(),
                clock: None,
                asked,
                subjects: Vec::new(),
            },
            frames,
        }
    }

    /// The same recording, of which one record was never delivered: the numbers of those behind it are one
    /// less, and the counters tell of as many as before.
    pub(crate) fn without(&self, record: u64) -> Self {
        let mut taken = self.clone();
        let mut number = 0;
        taken.frames.retain_mut(|frame| match frame {
            Entry::Record(_) => {
                number += 1;
                number - 1 != record
            }
            Entry::Note(
                Note::Mounts { birth: seq, .. }
                | Note::Waited { seq, .. }
                | Note::Decided { seq, .. }
                | Note::KilledForDrift { seq },
            ) => {
                let stays = *seq != record;
                *seq -= u64::from(*seq > record);
                stays
            }
            Entry::Note(_) | Entry::End(_) => true,
        });
        taken
    }

    /// The same up to the beginning, then these records, and counters that tell of all of them.
    pub(crate) fn with_records(mut self, records: &[Vec<u8>]) -> Self {
        let began = |frame: &Entry| matches!(frame, Entry::Note(Note::Limiting { .. }));
        let began = self.frames.iter().position(began).expect("it begins");
        let end = self.frames.pop().expect("it ends");
        self.frames.truncate(began + 1);
        let records = records.iter().cloned().map(Entry::Record);
        self.frames.extend(records);
        let mut made = PerKind::default();
        for frame in &self.frames {
            if let Entry::Record(record) = frame {
                made.add(decode(&sample::syscalls(), 0, record).body.kind(), 1);
            }
        }
        self.frames.push(counters(&made));
        self.frames.push(end);
        self
    }

    /// Of a file.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, ReadError> {
        let (mut reader, header) = Reader::open(bytes)?;
        let mut frames = Vec::new();
        while let Some(frame) = reader.frame()? {
            frames.push(match frame {
                Frame::Record(bytes) => Entry::Record(bytes.to_vec()),
                Frame::Note(note) => Entry::Note(*note),
                Frame::End(end) => Entry::End(end),
            });
        }
        Ok(Self { header, frames })
    }

    /// As a file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let file = Memory::default();
        let mut tape = Tape::new(file.clone(), &self.header).expect("a tape");
        for frame in &self.frames {
            match frame {
                Entry::Record(bytes) => tape.record(bytes),
                Entry::Note(note) => tape.note(note),
                Entry::End(end) => {
                    let length = tape.finish(end).expect("written");
                    assert_eq!(length, file.bytes().len() as u64);
                    return file.bytes();
                }
            }
        }
        panic!("a recording without an end");
    }
}

/// Counters by which nothing is lost.
fn counters(made: &PerKind) -> Entry {
    let count = |kind| Count {
        kind,
        submitted: made.get(kind),
        lost: 0,
    };
    Entry::Note(Note::Counters {
        kinds: kinds().map(count).collect(),
        scope_full: 0,
    })
}

/// What is compressed in a file.
pub(crate) fn plain(file: &[u8]) -> Vec<u8> {
    zstd::decode_all(&file[12..]).expect("compressed")
}

/// Where each frame of it ends.
pub(crate) fn ends(plain: &[u8]) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut at = 0;
    while at < plain.len() {
        let length = u32::from_le_bytes(plain[at + 1..at + 5].try_into().expect("four"));
        at += 5 + length as usize + 4;
        ends.push(at);
    }
    ends
}

/// A file of which so much has been written.
pub(crate) fn unfinished(file: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(file[..12].to_vec(), 1).expect("an encoder");
    encoder.write_all(plain).expect("in memory");
    encoder.flush().expect("in memory");
    encoder.get_ref().clone()
}
