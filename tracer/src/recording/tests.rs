//! Tests of the format: what is written comes back, and what is not whole is refused.

use std::io::{self, Write};
use std::time::Duration;

use proptest::prelude::*;

use super::frame::{self, FrameKind};
use super::sample::{Memory, Taken};
use super::*;
use crate::event::Tgid;
use crate::expect::{self, Expectation, preset};
use crate::history::{Count, End, Ending, Note};
use crate::verdict::sample::{Scenario, host, spec};
use crate::verdict::{Act, MountInfo, Select};

fn header() -> Header {
    let list = |name: &str| {
        let text = preset::preset(name).expect("a preset");
        expect::file::parse(text, name).unwrap_or_else(|error| panic!("{error}"))
    };
    Header {
        tracer: "0.1.0".to_owned(),
        abi: tracer_common::ABI_VERSION,
        byte_order: Header::byte_order().to_owned(),
        syscalls: vec![(165, "mount".to_owned())],
        root: Tgid(7),
        host: host(),
        clock: None,
        asked: Asked::Verify {
            args: vec!["unshare".to_owned(), "-m".to_owned()],
            expectations: preset::names().flat_map(list).collect(),
            rules: vec!["linux.no_new_privs".to_owned()],
            select: Select::Id("6f".to_owned()),
            enforce: true,
        },
        subjects: Vec::new(),
    }
}

fn end() -> End {
    End {
        ending: Ending::Exited { code: 7 },
        attach: Duration::from_micros(1),
        detach: Duration::from_micros(2),
        total: Duration::from_micros(3),
    }
}

fn notes() -> Vec<Note> {
    let mount = MountInfo {
        mount_point: "/a b".to_owned(),
        options: vec!["ro".to_owned()],
        teller: crate::verdict::mountinfo::Teller::Statmount,
        ..MountInfo::default()
    };
    vec![
        Note::Counters {
            kinds: vec![Count {
                kind: tracer_common::Kind::FORK,
                submitted: 3,
                lost: 1,
            }],
            scope_full: 0,
        },
        Note::Gate,
        Note::Mounts {
            birth: 5,
            table: Some(vec![mount]),
        },
        Note::HostMounts { table: None },
        Note::Decided {
            seq: 5,
            act: Act::KilledLate,
            keeps_namespaces: false,
        },
    ]
}

/// A recording of these records, with [`notes`] behind them.
fn recording(header: &Header, records: &[Vec<u8>]) -> Vec<u8> {
    let file = Memory::default();
    let mut tape = Tape::new(file.clone(), header).expect("a tape");
    for record in records {
        tape.record(record);
    }
    for note in notes() {
        tape.note(&note);
    }
    let length = tape.finish(&end()).expect("written");
    let bytes = file.bytes();
    assert_eq!(length, bytes.len() as u64);
    bytes
}

fn small() -> Vec<u8> {
    recording(&header(), &[vec![1; 40], Vec::new(), vec![2; 300]])
}

/// All that a recording holds, as text.
fn all(bytes: &[u8]) -> Result<Vec<String>, ReadError> {
    let (mut reader, header) = Reader::open(bytes)?;
    let mut all = vec![format!("{header:?}")];
    while let Some(frame) = reader.frame()? {
        all.push(format!("{frame:?}"));
    }
    Ok(all)
}

fn refusal(bytes: &[u8]) -> String {
    match all(bytes) {
        Ok(all) => panic!("read: {all:?}"),
        Err(error) => error.to_string(),
    }
}

/// The same file, with another frame 0, or with what `change` makes of its frames.
fn rewritten(bytes: &[u8], change: impl FnOnce(&mut Vec<(u8, Vec<u8>)>)) -> Vec<u8> {
    let plain = zstd::decode_all(&bytes[12..]).expect("compressed");
    let mut rest = plain.as_slice();
    let mut frames = Vec::new();
    let mut buffer = Vec::new();
    while let Ok(Some(FrameKind(kind))) = frame::read(&mut rest, frames.len() as u64, &mut buffer) {
        frames.push((kind, buffer.clone()));
    }
    change(&mut frames);
    let mut plain = Vec::new();
    for (number, (kind, bytes)) in (0..).zip(&frames) {
        frame::write(&mut plain, number, FrameKind(*kind), bytes).expect("in memory");
    }
    let mut file = bytes[..12].to_vec();
    file.extend(zstd::encode_all(plain.as_slice(), 3).expect("compressed"));
    file
}

#[test]
fn what_is_written_comes_back_in_its_order() {
    let bytes = small();
    let mut wanted = vec![
        format!("{:?}", header()),
        format!("{:?}", Frame::Record(&[1; 40])),
        format!("{:?}", Frame::Record(&[])),
        format!("{:?}", Frame::Record(&[2; 300])),
    ];
    wanted.extend(
        notes()
            .into_iter()
            .map(|note| format!("{:?}", Frame::Note(Box::new(note)))),
    );
    wanted.push(format!("{:?}", Frame::End(end())));
    for (read, wanted) in all(&bytes).expect("readable").iter().zip(&wanted) {
        assert!(read == wanted, "{}", &read[..read.len().min(300)]);
    }
    assert_eq!(all(&bytes).expect("readable").len(), wanted.len());
}

#[test]
fn every_frame_of_a_run_comes_back() {
    let taken = Taken::run(&Scenario::good());
    let read = Taken::read(&taken.bytes()).expect("readable");
    assert!(format!("{read:?}") == format!("{taken:?}"));
}

#[test]
fn a_spec_and_every_expectation_survive_being_written_down() {
    let asked = Asked::Run {
        spec: Box::new(spec()),
        gate: crate::container::spec::GateMode::Warn,
    };
    let text = serde_json::to_string(&asked).expect("written");
    assert_eq!(serde_json::from_str::<Asked>(&text).expect("read"), asked);
    let list = expect::from_spec(&spec(), &host());
    let text = serde_json::to_string(&list).expect("written");
    assert_eq!(
        serde_json::from_str::<Vec<Expectation>>(&text).expect("read"),
        list
    );
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_refused() {
    let bytes = small();
    for length in 0..bytes.len() {
        let refusal = refusal(&bytes[..length]);
        let known = ["no recording", "before its own end", "damaged"];
        assert!(
            known.iter().any(|word| refusal.contains(word)),
            "{length}: {refusal}"
        );
    }
}

#[test]
fn a_byte_that_is_another_is_refused_or_changes_nothing() {
    let bytes = small();
    let whole = all(&bytes).expect("readable");
    let mut refused = 0;
    for at in 0..bytes.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut bytes = bytes.clone();
            bytes[at] ^= flip;
            match all(&bytes) {
                Err(_) => refused += 1,
                // A few bits of the compression say nothing about what is compressed.
                Ok(read) => assert!(read == whole, "byte {at} ^ {flip:#x}"),
            }
        }
    }
    assert!(
        refused * 100 > bytes.len() * 3 * 99,
        "{refused} of {}",
        bytes.len() * 3
    );
}

#[test]
fn another_format_is_told_with_what_to_do() {
    let mut bytes = small();
    bytes[8] = 2;
    assert!(refusal(&bytes).contains("format 2 and this tracer reads formats up to 1; use"));
    bytes[8] = 0;
    assert!(refusal(&bytes).contains("record anew"));
    assert!(refusal(b"{\"schema_version\": 1}").contains("no recording"));
    let other = |change: fn(&mut Header)| {
        let mut header = header();
        change(&mut header);
        refusal(&recording(&header, &[]))
    };
    let text = other(|header| header.abi += 1);
    let way_out = "use tracer 0.1.0, which made it, or a later one";
    assert!(text.contains(way_out), "{text}");
    let text = other(|header| header.abi = oldest() - 1);
    assert!(text.ends_with("use tracer 0.1.0, which made it"), "{text}");
    let text = other(|header| header.byte_order = "middle".to_owned());
    assert!(text.contains("middle-endian"), "{text}");
}

#[test]
fn frames_that_are_missing_moved_or_more_are_refused() {
    let bytes = small();
    let refused = |change: fn(&mut Vec<(u8, Vec<u8>)>)| refusal(&rewritten(&bytes, change));
    assert!(
        all(&rewritten(&bytes, |_| {})).is_ok(),
        "nothing is changed"
    );
    assert!(refused(|frames| drop(frames.remove(1))).contains("frames are missing"));
    assert!(refused(|frames| drop(frames.pop())).contains("before its own end"));
    assert!(refused(|frames| frames.push((2, Vec::new()))).contains("after the trailer"));
    assert!(refused(|frames| frames.insert(1, frames[0].clone())).contains("does not belong"));
    assert!(refused(|frames| frames.insert(1, (9, Vec::new()))).contains("kind 9"));
    let text = refused(|frames| frames[4].1 = b"{\"note\":\"no_such\"}".to_vec());
    assert!(
        text.contains("no_such") && text.contains("a later one"),
        "{text}"
    );
    // The order is part of each checksum.
    let plain = zstd::decode_all(&bytes[12..]).expect("compressed");
    let mut file = bytes[..12].to_vec();
    let header = 5 + u32::from_le_bytes(plain[1..5].try_into().expect("four")) as usize + 4;
    let first = header + 5 + 40 + 4;
    let swapped = [
        &plain[..header],
        &plain[first..first + 9],
        &plain[header..first],
        &plain[first + 9..],
    ];
    file.extend(zstd::encode_all(swapped.concat().as_slice(), 3).expect("compressed"));
    assert!(refusal(&file).contains("checksum"));
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(refusal(&longer).contains("follow the trailer"));
}

#[test]
fn no_length_makes_the_reader_take_much_memory() {
    let mut plain = vec![1];
    plain.extend((MAX_FRAME + 1).to_le_bytes());
    let mut file = small()[..12].to_vec();
    file.extend(zstd::encode_all(plain.as_slice(), 3).expect("compressed"));
    assert!(refusal(&file).contains("impossible"));
    // A window of half a gigabyte.
    let mut encoder = zstd::Encoder::new(small()[..12].to_vec(), 1).expect("an encoder");
    encoder.window_log(29).expect("a window");
    encoder.write_all(&plain).expect("in memory");
    assert!(refusal(&encoder.finish().expect("in memory")).contains("damaged"));
}

#[test]
fn a_full_disk_is_told_of_at_the_end() {
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self
                .0
                .checked_sub(bytes.len())
                .ok_or(io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut tape = Tape::new(Full(50_000), &header()).expect("a tape");
    let mut random = 1_u32;
    for _ in 0..1000 {
        let noise = std::iter::repeat_with(|| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            random.to_le_bytes()[3]
        });
        tape.record(&noise.take(1000).collect::<Vec<_>>());
    }
    let error = tape.finish(&end()).expect_err("no room");
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
}

proptest! {
    #[test]
    fn any_records_come_back(records in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..600), 0..20)) {
        let bytes = recording(&header(), &records);
        let (mut reader, _) = Reader::open(bytes.as_slice()).expect("readable");
        for record in &records {
            let frame = reader.frame().expect("whole");
            prop_assert!(matches!(frame, Some(Frame::Record(bytes)) if bytes == record));
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), behind in any::<bool>()) {
        let file = if behind {
            let mut file = small()[..12].to_vec();
            file.extend(zstd::encode_all(bytes.as_slice(), 3).expect("compressed"));
            file
        } else {
            bytes
        };
        prop_assert!(all(&file).is_err());
    }
}
