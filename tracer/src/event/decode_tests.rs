//! Decoding: what is not understood, what is older or newer, and that nothing makes it panic.

use std::mem::offset_of;

use proptest::prelude::*;
use smol_str::SmolStr;
use tracer_common::older::oldest;
use tracer_common::record::Certificate as Wire;

use super::super::sample;
use super::*;

fn unknown(bytes: &[u8]) -> UnknownReason {
    match decode(&sample::syscalls(), 0, bytes).body {
        Body::Unknown(unknown) => unknown.reason,
        other => panic!("decoded to {other:?}"),
    }
}

#[test]
fn a_record_of_another_abi_is_unknown() {
    let mut record = sample::exit(sample::INIT, 0);
    record.header.abi = ABI_VERSION + 1;
    assert_eq!(
        unknown(record.as_bytes()),
        UnknownReason::Abi(ABI_VERSION + 1)
    );
}

#[test]
fn a_kind_of_a_newer_writer_is_unknown() {
    let mut record = sample::exit(sample::INIT, 0);
    record.header.kind = Kind(Kind::END);
    assert_eq!(unknown(record.as_bytes()), UnknownReason::Kind);
}

#[test]
fn a_record_shorter_than_its_header_says_is_unknown() {
    let record = sample::exit(sample::INIT, 0);
    let bytes = record.as_bytes();
    assert_eq!(
        unknown(&bytes[..bytes.len() - 1]),
        UnknownReason::Truncated {
            promised: record.header.len
        }
    );
    assert_eq!(unknown(&bytes[..10]), UnknownReason::NoHeader);
}

#[test]
fn a_record_shorter_than_its_kind_is_unknown() {
    let mut record = sample::exit(sample::INIT, 0);
    record.header.len -= 4;
    let needed = size_of::<ExitRecord>();
    assert_eq!(unknown(record.as_bytes()), UnknownReason::Short { needed });
}

#[test]
fn a_record_that_a_newer_writer_made_longer_is_read_by_its_prefix() {
    let mut record = sample::exit(sample::INIT, 3 << 8);
    record.header.len += 8;
    let mut bytes = record.as_bytes().to_vec();
    bytes.extend([0xff; 8]);
    let event = decode(&sample::syscalls(), 7, &bytes);
    assert_eq!(event.seq, 7);
    let Body::Exit(exit) = event.body else {
        panic!("another kind")
    };
    assert_eq!((exit.code, exit.group_dead), (3 << 8, true));
}

/// Of a certificate's record without the facts about devices and whatever came after them.
const LENGTH: usize = offset_of!(CertificateRecord, certificate) + offset_of!(Wire, device_list);

/// A version that has no more.
const BEFORE: Older = Older {
    abi: ABI_VERSION - 1,
    end: Kind::LINEAGE.0,
    shorter: &[(Kind::EXEC, LENGTH), (Kind::SNAPSHOT, LENGTH)],
};

fn of_older(bytes: &[u8]) -> Body {
    let (header, _) = Header::read_from_prefix(bytes).expect("a header");
    event(&sample::syscalls(), 0, &header, bytes, Some(&BEFORE)).body
}

/// An exec as a writer of [`BEFORE`] makes it, but for so many bytes.
fn older_exec(missing: usize) -> Vec<u8> {
    let facts = sample::certificate_with(|facts| {
        facts.valid &= !(Wire::DEVICE_LIST | Wire::DEVICE_PROGRAMS);
        facts.umask = 0o27;
        facts.device_list.behavior = 2;
    });
    let mut record = sample::exec(sample::INIT, &facts, "/bin/sh");
    let length = LENGTH - missing;
    record.header.abi = BEFORE.abi;
    record.header.len = u32::try_from(length).expect("small");
    record.as_bytes()[..length].to_vec()
}

#[test]
fn a_certificate_of_abi_2_ends_with_the_devices() {
    let length = older(2).and_then(|abi| abi.length(Kind::EXEC));
    let length = length.expect("a shorter one");
    let facts = sample::certificate_with(|facts| {
        facts.valid &= Wire::TERMINAL - 1;
        facts.device_programs.ids = [7; 6];
        facts.device_programs.count = 6;
    });
    let mut record = sample::exec(sample::INIT, &facts, "/bin/sh");
    record.header.abi = 2;
    record.header.len = u32::try_from(length).expect("small");
    let bytes = &record.as_bytes()[..length];
    let Body::Exec(exec) = decode(&sample::syscalls(), 0, bytes).body else {
        panic!("another kind")
    };
    let facts = exec.certificate;
    assert_eq!(facts.device_programs().expect("known").items, [7; 6]);
    assert_eq!((facts.terminal(), facts.cpuset_mems()), (None, None));
}

#[test]
fn a_path_of_abi_3_that_filled_its_room_is_cut_and_one_of_today_is_not() {
    let text = SmolStr::from("/".to_owned() + &"x".repeat(126));
    let mut record = sample::mkdir(sample::INIT, 0, 7, &text);
    let path = |bytes: &[u8]| match decode(&sample::syscalls(), 0, bytes).body {
        Body::CgroupMkdir(made) => (made.path.text, made.path.cut),
        other => panic!("decoded to {other:?}"),
    };
    assert_eq!(path(record.as_bytes()), (text.clone(), false));
    let length = older(3).and_then(|abi| abi.length(Kind::CGROUP_MKDIR));
    let length = length.expect("a shorter one");
    record.header.abi = 3;
    record.header.len = u32::try_from(length).expect("small");
    assert_eq!(path(&record.as_bytes()[..length]), (text, true));
    // One of 126 left room for its end.
    record.path[126] = 0;
    let (text, cut) = path(&record.as_bytes()[..length]);
    assert_eq!((text.len(), cut), (126, false));
}

#[test]
fn a_record_of_an_older_writer_has_no_facts_that_came_later() {
    let Body::Exec(exec) = of_older(&older_exec(0)) else {
        panic!("another kind")
    };
    let facts = exec.certificate;
    assert_eq!(facts.umask(), Some(0o27));
    assert_eq!(facts.filename().expect("known").text, "/bin/sh");
    assert!(facts.device_list().is_none());
}

#[test]
fn a_record_that_is_shorter_than_its_older_writer_made_them_is_unknown() {
    let reason = |body| match body {
        Body::Unknown(unknown) => unknown.reason,
        other => panic!("decoded to {other:?}"),
    };
    assert_eq!(
        reason(of_older(&older_exec(1))),
        UnknownReason::Short { needed: LENGTH }
    );
    // Other kinds were as long as they are.
    let mut record = sample::exit(sample::INIT, 0);
    record.header.abi = BEFORE.abi;
    record.header.len -= 4;
    let needed = size_of::<ExitRecord>();
    assert_eq!(
        reason(of_older(record.as_bytes())),
        UnknownReason::Short { needed }
    );
    // And one that is there now was none then.
    record.header.kind = Kind::LINEAGE;
    assert_eq!(reason(of_older(record.as_bytes())), UnknownReason::Kind);
    // A version that nobody has described is not read at all.
    record.header.abi = oldest() - 1;
    let reason = UnknownReason::Abi(record.header.abi);
    assert_eq!(unknown(record.as_bytes()), reason);
}

/// Records of the ring are aligned; those of a file need not be, and are copied.
#[test]
fn a_record_is_the_same_wherever_it_stands() {
    let exec = sample::exec(sample::INIT, &sample::certificate(), "/bin/sh");
    let made = sample::mkdir(sample::INIT, 0, 7, "/a");
    let exit = sample::exit(sample::INIT, 3 << 8);
    for bytes in [exec.as_bytes(), made.as_bytes(), exit.as_bytes()] {
        let expected = decode(&sample::syscalls(), 4, bytes);
        assert!(!matches!(expected.body, Body::Unknown(_)), "{expected:?}");
        // Of any nine addresses in a row some are aligned, and most are not.
        for before in 0..9 {
            let mut moved = vec![0xff; before];
            moved.extend_from_slice(bytes);
            let found = decode(&sample::syscalls(), 4, &moved[before..]);
            assert_eq!(found, expected, "behind {before} bytes");
        }
    }
}

#[test]
fn a_namespace_record_of_another_call_is_unknown() {
    let record = sample::namespace_call(sample::INIT, 9, 0, sample::HOST);
    assert_eq!(unknown(record.as_bytes()), UnknownReason::Call(9));
}

#[test]
fn an_exit_by_signal_has_the_status_a_shell_shows() {
    assert_eq!(
        Exit {
            code: 9,
            group_dead: true,
            limits: None,
            namespaces: None,
        }
        .status(),
        137
    );
    assert_eq!(
        Exit {
            code: 0x8b,
            group_dead: true,
            limits: None,
            namespaces: None,
        }
        .status(),
        139,
        "with a core dump"
    );
    assert_eq!(
        Exit {
            code: 3 << 8,
            group_dead: true,
            limits: None,
            namespaces: None,
        }
        .status(),
        3
    );
}

proptest! {
    #[test]
    fn no_bytes_make_decode_panic(bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
        decode(&sample::syscalls(), 0, &bytes);
    }

    /// Random bytes hardly ever pass the header: here it is sound and the rest is not.
    #[test]
    fn no_content_behind_a_sound_header_makes_decode_panic(
        kind in 0..=Kind::END,
        mut bytes in proptest::collection::vec(any::<u8>(), 56..4096),
    ) {
        let len = u32::try_from(bytes.len()).expect("small");
        let header = sample::header(Kind(kind), len, sample::INIT);
        bytes[..size_of::<Header>()].copy_from_slice(header.as_bytes());
        let event = decode(&sample::syscalls(), 0, &bytes);
        prop_assert!(event.body.kind() == Kind(kind));
        if let Body::Exec(exec) = event.body {
            // The accessors are part of what has to be total.
            exec.certificate.groups();
            exec.certificate.descriptors();
            exec.certificate.cgroups();
            exec.certificate.uid_map();
            exec.certificate.filename();
        }
    }
}
