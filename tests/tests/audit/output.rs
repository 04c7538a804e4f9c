//! Where records go: a file that outlives its audit, a disk that is full, a reader that has gone.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rustix::mount::UnmountFlags;
use rustix::process::Signal;
use serde_json::Value;
use tracer_tests::binary;

use super::{Audit, accounted, born, makes_one, of_type};

#[test]
#[ignore = "needs root"]
fn what_was_written_outlives_sigkill_and_the_next_audit_says_what_is_unknown() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("audit.jsonl");
    let words = ["--output", file.to_str().expect("text")];
    let mut audit = Audit::start(&words);
    makes_one("-u");
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
    makes_one("-u");
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
#[ignore = "needs root"]
fn a_file_is_rotated_by_size_and_only_so_many_are_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("audit.jsonl");
    let mut words = vec!["--output", file.to_str().expect("text")];
    words.extend(["--rotate-size", "1", "--rotate-keep", "1"]);
    fs::write(&file, vec![b'\n'; (1 << 20) - 10]).expect("nearly full");
    let audit = Audit::start(&words);
    makes_one("-u");
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
#[ignore = "needs root"]
fn a_full_disk_is_said_once_and_the_audit_goes_on() {
    let mut command = binary::tracer(&["audit", "-o", "jsonl", "--output", "/dev/full"]);
    command.stderr(Stdio::piped());
    let mut audit = Audit::of(command);
    audit.until("its beginning", |record| record["type"] == "audit_started");
    let mut stderr = audit.child.stderr.take().expect("piped");
    for _ in 0..3 {
        makes_one("-u");
        audit.until("a birth", born);
    }
    let told = audit.end();
    let mut said = String::new();
    stderr.read_to_string(&mut said).expect("its words");
    let lines: Vec<&str> = said.lines().collect();
    let [failed, missing] = lines.as_slice() else {
        panic!("{said}");
    };
    assert!(
        failed.contains("/dev/full") && failed.contains("No space"),
        "{said}"
    );
    let records = told.len();
    assert!(
        missing.contains(&format!("{records} records are missing in /dev/full")),
        "{said}"
    );
}

#[test]
#[ignore = "needs root"]
fn an_audit_that_nobody_reads_any_more_ends() {
    let mut command = binary::tracer(&["audit"]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("an audit");
    let mut stdout = child.stdout.take().expect("piped");
    let mut first = [0; 1];
    stdout.read_exact(&mut first).expect("its beginning");
    drop(stdout);
    makes_one("-u");
    assert_eq!(child.wait().expect("its end").code(), Some(0));
}

/// A file system with room for little.
struct Small(tempfile::TempDir);

impl Small {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
            .arg(folder.path())
            .status();
        assert!(mounted.expect("mount").success());
        Self(folder)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _unmounted = rustix::mount::unmount(self.0.path(), UnmountFlags::DETACH);
    }
}

#[test]
#[ignore = "needs root"]
fn what_a_full_disk_had_no_room_for_is_counted_and_what_comes_later_is_whole() {
    let disk = Small::new();
    let file = disk.file("audit.jsonl");
    let filler = disk.file("filler");
    let mut audit = Audit::start(&["--output", file.to_str().expect("text")]);
    // As much as there is room for.
    let _full = fs::write(&filler, vec![0; 1 << 20]);
    for _ in 0..12 {
        makes_one("-u");
        audit.until("a birth", born);
    }
    fs::remove_file(&filler).expect("room again");
    makes_one("-n");
    audit.until("a birth", born);
    let mut stderr = audit.child.stderr.take().expect("piped");
    let told = audit.end();
    let mut said = String::new();
    stderr.read_to_string(&mut said).expect("its words");
    let lines: Vec<&str> = said.lines().collect();
    // Where a page of the file has room left, a short record still goes, and the next is a trouble anew.
    let mut missing = 0;
    for pair in lines.chunks(2) {
        let [failed, again] = pair else {
            panic!("{said}");
        };
        assert!(failed.contains("No space"), "{said}");
        let count = again
            .split_once("written to again; ")
            .and_then(|(_, rest)| rest.split_once(' '));
        missing += count
            .expect("a number")
            .0
            .parse::<usize>()
            .expect("a number");
    }
    let text = fs::read_to_string(&file).expect("records");
    let written: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("whole"))
        .collect();
    assert_eq!(written.len() + missing, told.len(), "{said}");
    assert!(missing > 0 && written.last() == told.last(), "{said}");
}

#[test]
#[ignore = "needs root"]
fn standard_output_on_a_full_disk_is_said_once_and_keeps_no_file_from_being_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("audit.jsonl");
    let mut child = binary::audit_to(&file)
        .stdout(File::create("/dev/full").expect("it"))
        .stderr(Stdio::piped())
        .spawn()
        .expect("an audit");
    let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
    let mut said = String::new();
    stderr.read_line(&mut said).expect("a word");
    assert!(
        said.contains("standard output") && said.contains("No space"),
        "{said}"
    );
    for _ in 0..3 {
        makes_one("-u");
    }
    let process = binary::process(child.id()).expect("it lives");
    rustix::process::pidfd_send_signal(process, Signal::TERM).expect("sent");
    assert_eq!(child.wait().expect("its end").code(), Some(0));
    let text = fs::read_to_string(&file).expect("records");
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).expect("its words");
    let count = text.lines().count();
    assert_eq!(
        rest,
        format!(
            "tracer: {count} records are missing in standard output, the last one among them\n"
        )
    );
    assert!(text.contains("audit_ended"));
}

#[test]
#[ignore = "needs root"]
fn an_audit_whose_reader_goes_says_so_once_and_goes_on_to_its_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("audit.jsonl");
    let mut command = binary::audit_to(&file);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("an audit");
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    stdout.read_line(&mut String::new()).expect("its beginning");
    drop(stdout);
    makes_one("-u");
    let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
    let mut said = String::new();
    stderr.read_line(&mut said).expect("a word");
    assert!(said.contains("nobody reads standard output"), "{said}");
    makes_one("-n");
    let process = binary::process(child.id()).expect("it lives");
    rustix::process::pidfd_send_signal(process, Signal::TERM).expect("sent");
    assert_eq!(child.wait().expect("its end").code(), Some(0));
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).expect("its words");
    assert_eq!(rest, "");
    let text = fs::read_to_string(&file).expect("records");
    let births = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("whole"));
    assert_eq!(births.filter(born).count(), 2, "{text}");
}

#[test]
#[ignore = "needs root"]
fn a_reader_that_is_slow_holds_up_nobody_and_what_it_misses_is_counted() {
    let mut command = binary::tracer(&["audit", "-o", "jsonl", "--ring", "1"]);
    command.stderr(Stdio::piped());
    let mut audit = Audit::of(command);
    audit.until("its beginning", |record| record["type"] == "audit_started");
    // More than a pipe and the ring have room for: it ends though nobody reads.
    for _ in 0..40 {
        makes_one("-u");
    }
    let storm = "i=0; while [ $i -lt 4000 ]; do ( : ); i=$((i+1)); done";
    let status = Command::new("unshare")
        .args(["-p", "-f", "sh", "-c", storm])
        .status();
    assert!(status.expect("unshare").success());
    audit.until("a loss", |record| record["type"] == "loss");
    makes_one("-n");
    audit.until("a birth after it", |record| {
        born(record) && record["namespaces"][0]["kind"] == "net"
    });
    let mut stderr = audit.child.stderr.take().expect("piped");
    let (_, lost) = accounted(&audit.end());
    assert_ne!(lost, 0);
    let mut said = String::new();
    stderr.read_to_string(&mut said).expect("its words");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("records were lost"), "{said}");
}

#[test]
#[ignore = "needs root"]
fn a_reader_that_stands_still_keeps_no_file_from_being_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("audit.jsonl");
    let mut audit = Audit::of(binary::audit_to(&file));
    audit.until("its beginning", |record| record["type"] == "audit_started");
    // More than a pipe has room for.
    for _ in 0..40 {
        makes_one("-u");
    }
    audit.signal(Signal::TERM);
    assert_eq!(audit.child.wait().expect("its end").code(), Some(0));
    let text = fs::read_to_string(&file).expect("records");
    let written: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("whole"))
        .collect();
    let births = written.iter().filter(|record| born(record));
    assert_eq!(births.count(), 40);
    let (_, lost) = accounted(&written);
    assert_eq!(lost, 0);
    // The last line that was begun may be cut.
    let mut said = String::new();
    audit.lines.read_to_string(&mut said).expect("its records");
    let whole = said.matches('\n').count() + audit.records.len();
    let missing = written.len() - whole;
    let mut words = String::new();
    let mut stderr = audit.child.stderr.take().expect("piped");
    stderr.read_to_string(&mut words).expect("its words");
    let expected = format!("{missing} records are missing in standard output");
    assert!(words.contains(&expected), "{missing}: {words}");
}

/// A journal of our own: the next entry, with its fields by name.
fn entry(journal: &UnixDatagram) -> BTreeMap<String, String> {
    let mut bytes = vec![0; 1 << 20];
    let length = journal.recv(&mut bytes).expect("an entry");
    let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
    let fields = text.lines().filter_map(|line| line.split_once('='));
    fields
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[test]
#[ignore = "needs root"]
fn the_journal_gets_each_record_as_an_entry_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal");
    let journal = UnixDatagram::bind(&path).expect("a socket");
    let words = [
        "--rule",
        "!linux.ns.net.is_host",
        &format!("--journald={}", path.display()),
    ];
    let mut audit = Audit::start(&words);
    assert_eq!(entry(&journal)["TRACER_TYPE"], "audit_started");
    makes_one("-u");
    let violation = audit.until("a violation", |record| {
        record["type"] == "container_violation"
    });
    let mut entries = std::iter::repeat_with(|| entry(&journal));
    let found = entries.find(|entry| {
        entry["TRACER_TYPE"] == "container_violation"
            && violation["container"]["id"] == entry["TRACER_CONTAINER_ID"].as_str()
    });
    let found = found.expect("it came");
    let told: Value = serde_json::from_str(&found["TRACER_RECORD"]).expect("a record");
    assert_eq!(told, violation);
    assert_eq!(
        (&*found["PRIORITY"], &*found["SYSLOG_IDENTIFIER"]),
        ("4", "tracer")
    );
    assert_eq!(found["TRACER_PID"], violation["process"]["pid"].to_string());
    assert!(found["MESSAGE"].contains("FAIL"), "{found:?}");
    // Nobody listens any more.
    let mut stderr = audit.child.stderr.take().expect("piped");
    drop(journal);
    fs::remove_file(&path).expect("a socket");
    makes_one("-u");
    audit.until("a birth", born);
    let journal = UnixDatagram::bind(&path).expect("a new one");
    makes_one("-u");
    let birth = audit.until("a birth", born);
    let mut entries = std::iter::repeat_with(|| entry(&journal));
    let mut found = entries
        .find(|entry| entry["TRACER_TYPE"] == "container_born")
        .expect("it came");
    while birth["container"]["id"] != found["TRACER_CONTAINER_ID"].as_str() {
        found = entry(&journal);
    }
    audit.end();
    let mut said = String::new();
    stderr.read_to_string(&mut said).expect("its words");
    assert_eq!(said.lines().count(), 2, "{said}");
    assert!(
        said.contains("journal") && said.contains("is written to again"),
        "{said}"
    );
}

#[test]
#[ignore = "needs root"]
fn a_journal_that_is_not_there_keeps_it_from_starting() {
    let mut command = binary::tracer(&["audit", "--journald=/nowhere/socket"]);
    let output = command.output().expect("its end");
    assert_eq!(output.status.code(), Some(125));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("/nowhere/socket"), "{said}");
}

/// Payloads wait for an audit that holds them, which must not wait for whoever reads it.
#[test]
#[ignore = "needs root"]
fn an_audit_that_holds_payloads_waits_for_no_reader() {
    // Their records are more than a pipe has room for.
    const PAYLOADS: usize = 20;
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("payload");
    fs::copy("/bin/true", &program).expect("a program");
    let select = format!("program={}", program.display());
    let audit = Audit::start(&["--enforce", "--select", &select, "--rule", "true"]);
    for _ in 0..PAYLOADS {
        let mut command = Command::new("unshare");
        let ended = command.arg("--mount").arg(&program).status();
        assert!(ended.expect("unshare").success());
    }
    let records = audit.end();
    accounted(&records);
    let births = of_type(&records, "container_born");
    assert_eq!(births.len(), PAYLOADS);
    assert!(births.iter().all(|one| one["enforced"] == "let_go"));
    let bytes: usize = births.iter().map(|one| one.to_string().len()).sum();
    assert!(bytes > 64 << 10, "{bytes}");
}
