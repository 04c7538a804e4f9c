//! Where records go: a file that outlives its audit, a disk that is full, a reader that has gone.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use serde_json::Value;
use tracer_tests::binary;

use super::{Audit, is_ours, of_type};

fn makes_one() {
    let status = Command::new("unshare").args(["-u", "true"]).status();
    assert!(status.expect("unshare").success());
}

fn born(record: &Value) -> bool {
    record["type"] == "container_born" && is_ours(record)
}

#[test]
fn what_was_written_outlives_sigkill_and_the_next_audit_says_what_is_unknown() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("audit.jsonl");
    let words = ["--output", file.to_str().expect("text")];
    let mut audit = Audit::start(&words);
    makes_one();
    let last = audit.until("a birth", born);
    audit.kill();
    assert_eq!(
        fs::metadata(&file).expect("a file").permissions().mode() & 0o777,
        0o600
    );
    // As a disk that was full may have left it.
    let mut cut = fs::read(&file).expect("records");
    cut.extend(b"{\"time\":\"20");
    fs::write(&file, cut).expect("a cut record");
    let audit = Audit::start(&words);
    makes_one();
    let said = audit.end();
    let resumed = of_type(&said, "audit_resumed");
    let [resumed] = resumed.as_slice() else {
        panic!("{resumed:?}");
    };
    let text = fs::read_to_string(&file).expect("records");
    let lines: Vec<Option<Value>> = text
        .lines()
        .map(|line| serde_json::from_str(line).ok())
        .collect();
    let cut = lines.iter().filter(|line| line.is_none()).count();
    assert_eq!(cut, 1, "{text}");
    let whole = lines.iter().map_while(Option::as_ref);
    let before: Vec<Value> = whole.cloned().collect();
    assert!(before.contains(&last));
    assert_eq!(resumed["unknown_from"], before.last().expect("one")["time"]);
    assert_eq!(resumed["unknown_to"], resumed["time"]);
    let after = lines.into_iter().skip(before.len() + 1);
    let after: Vec<Value> = after.map(|line| line.expect("whole")).collect();
    assert_eq!(after, said);
}

#[test]
fn a_file_is_rotated_by_size_and_only_so_many_are_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("audit.jsonl");
    let mut words = vec!["--output", file.to_str().expect("text")];
    words.extend(["--rotate-size", "1", "--rotate-keep", "1"]);
    fs::write(&file, vec![b'\n'; (1 << 20) - 10]).expect("nearly full");
    let audit = Audit::start(&words);
    makes_one();
    let said = audit.end();
    let text = fs::read_to_string(&file).expect("records");
    let records: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("whole"))
        .collect();
    assert_eq!(records, said);
    let names = fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(names, 2);
}

#[test]
fn a_full_disk_is_said_once_and_the_audit_goes_on() {
    let mut command = binary::tracer(&["audit", "-o", "jsonl", "--output", "/dev/full"]);
    command.stderr(Stdio::piped());
    let mut audit = Audit::of(command);
    audit.until("its beginning", |record| record["type"] == "audit_started");
    let mut stderr = audit.child.stderr.take().expect("piped");
    for _ in 0..3 {
        makes_one();
        audit.until("a birth", born);
    }
    audit.end();
    let mut said = String::new();
    stderr.read_to_string(&mut said).expect("its words");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(
        said.contains("/dev/full") && said.contains("No space"),
        "{said}"
    );
}

#[test]
fn an_audit_that_nobody_reads_any_more_ends() {
    let mut command = binary::tracer(&["audit"]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("an audit");
    let mut stdout = child.stdout.take().expect("piped");
    let mut first = [0; 1];
    stdout.read_exact(&mut first).expect("its beginning");
    drop(stdout);
    makes_one();
    assert_eq!(child.wait().expect("its end").code(), Some(0));
}
