//! What each fuzz target does with its input: it must return, and what is claimed of the outcome must
//! hold. Owns these claims; must not read the machine.

mod recording;

use std::sync::LazyLock;

use tracer::event::{Body, Certificate, SyscallTable, decode as decoded};
use tracer::expect::{BundleFacts, PathPattern, file, from_bundle};
use tracer::host::HostFacts;
use tracer::host::cgroup_mounts::{hierarchies, memberships};
use tracer::model::id_of_path;
use tracer::recording::{Header, Reader};
use tracer::verdict::mountinfo;

pub use recording::recording;

/// A kept recording: its header has a machine and what was expected of it.
const KEPT: &[u8] = include_bytes!("../../fixtures/recordings/abi-4/runc/recording");

fn header() -> Header {
    Reader::open(KEPT).expect("a kept recording").1
}

static HOST: LazyLock<HostFacts> = LazyLock::new(|| header().host);
static SYSCALLS: LazyLock<SyscallTable> = LazyLock::new(|| {
    let header = header();
    let names = header.syscalls.iter();
    SyscallTable::new(names.map(|(number, name)| (*number, name.as_str())))
});

/// One record.
pub fn decode(bytes: &[u8]) {
    let event = decoded(&SYSCALLS, 7, bytes);
    assert_eq!(event.seq, 7);
    match &event.body {
        Body::Exec(exec) => facts(&exec.certificate),
        Body::Snapshot(certificate) => facts(certificate),
        _ => {}
    }
}

/// Every fact of a certificate is told or not.
fn facts(certificate: &Certificate) {
    let limits = certificate.limits();
    assert_eq!(limits, certificate.limits());
    let _ = format!(
        "{:?}",
        (
            certificate.namespaces(),
            certificate.cgroups(),
            certificate.groups(),
            (certificate.uid_map(), certificate.gid_map()),
            certificate.hostname(),
            certificate.filename(),
            certificate.cpus_allowed(),
            (certificate.device_list(), certificate.device_programs()),
            (certificate.memory_policy(), certificate.io_priority()),
        )
    );
}

/// A `config.json`.
pub fn spec(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let lines = from_bundle::lines(text);
    let Ok(config) = serde_json::from_str::<serde_json::Value>(text) else {
        return;
    };
    let Ok(spec) = serde_json::from_value::<oci_spec::runtime::Spec>(config.clone()) else {
        return;
    };
    from_bundle::not_observed(&config);
    from_bundle::unread(&config, &spec);
    from_bundle::places(&spec, "rootfs".as_ref());
    let facts = BundleFacts {
        host: &HOST,
        namespaces: &[],
        absent: &[],
    };
    if let Ok(expectations) = tracer::expect::from_bundle(&spec, facts) {
        for expectation in expectations {
            let _line = from_bundle::line_of(&lines, &expectation.origin);
        }
    }
}

/// A file of expectations.
pub fn expectations(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let first = file::parse(text, "file");
    let second = file::parse(text, "file");
    match (first, second) {
        (Ok(first), Ok(second)) => assert_eq!(first, second),
        (Err(first), Err(second)) => {
            let first = first.to_string();
            assert!(!first.is_empty());
            assert_eq!(first, second.to_string());
        }
        _ => panic!("it is understood once and not again"),
    }
}

/// A line for a pattern, one for a path, and the rest as `/proc/PID/cgroup` and its mount table.
pub fn cgroup_path(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut parts = text.splitn(3, '\n');
    let (pattern, path) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let rest = parts.next().unwrap_or("");
    let own = PathPattern::of(pattern);
    assert_eq!(own.text(), pattern);
    own.matches(path);
    if !pattern.contains('*') {
        assert!(own.matches(pattern));
    }
    if let Some(id) = id_of_path(path) {
        assert!(path.contains(&id));
    }
    let (groups, mounts) = rest.split_once("\n\n").unwrap_or((rest, ""));
    let table = mountinfo::parse(mounts).unwrap_or_default();
    if let Some(memberships) = memberships(groups) {
        assert!(hierarchies(&memberships, &table).len() <= memberships.len());
    }
}

/// The bug: four letters, of which each is found by what it adds to the coverage.
pub fn planted(bytes: &[u8]) {
    let mut known = 0;
    for (letter, expected) in bytes.iter().zip(b"BUG!") {
        if letter != expected {
            return;
        }
        known += 1;
        std::hint::black_box(known);
    }
    assert!(known < 4, "the planted bug");
}
