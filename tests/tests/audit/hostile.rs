//! What is made to damage an audit: names, storms, a reader that stands still.

use std::ffi::OsStr;
use std::fs;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tracer_tests::binary;

use super::{Audit, accounted, is_ours, of_type};

#[test]
fn a_hostile_name_damages_neither_lines_nor_a_terminal() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join(OsStr::from_bytes(b"a\x1b[2J\nb\xff"));
    fs::copy("/bin/true", &program).expect("a program");
    let run = || {
        let status = Command::new("unshare").arg("-u").arg(&program).status();
        assert!(status.expect("unshare").success());
    };
    let mut audit = Audit::start(&[]);
    run();
    let born = audit.until("a birth", |record| {
        record["type"] == "container_born" && is_ours(record)
    });
    assert_eq!(born["process"]["name"], "a\x1b[2J\nb\u{fffd}");
    audit.end();

    let mut command = binary::tracer(&["audit", "-o", "compact", "--output", "/dev/null"]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("an audit");
    let mut stdout = child.stdout.take().expect("piped");
    let mut first = [0; 1];
    stdout.read_exact(&mut first).expect("its beginning");
    run();
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("small")).expect("a number");
    kill_process(pid, Signal::TERM).expect("sent");
    let mut text = String::new();
    stdout.read_to_string(&mut text).expect("text");
    child.wait().expect("its end");
    assert!(text.contains("a\\u{1b}[2J\\u{a}b"), "{text}");
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text}");
    let whole = |line: &str| line.contains(" container_") || line.contains("Z ");
    assert!(text.lines().skip(1).all(whole), "{text}");
}

#[test]
fn what_a_reader_that_stands_still_misses_is_counted_and_told() {
    let mut audit = Audit::start(&["--ring", "1"]);
    audit.signal(Signal::STOP);
    let storm = "i=0; while [ $i -lt 3000 ]; do ( : ); i=$((i+1)); done";
    let status = Command::new("unshare")
        .args(["-p", "-f", "sh", "-c", storm])
        .status();
    assert!(status.expect("unshare").success());
    audit.signal(Signal::CONT);
    audit.until("a loss", |record| record["type"] == "loss");
    let records = audit.end();
    let (_, lost) = accounted(&records);
    assert_ne!(lost, 0);
    let births = of_type(&records, "container_born").into_iter();
    for birth in births.filter(|record| is_ours(record)) {
        assert_eq!(birth["container"]["incomplete"], true, "{birth:#}");
    }
}

#[test]
fn of_a_storm_on_the_host_nothing_is_told_and_every_container_in_it_is() {
    const CONTAINERS: usize = 20;
    let audit = Audit::start(&[]);
    let storm = "i=0; while [ $i -lt 4000 ]; do ( : ); i=$((i+1)); done";
    let mut storms: Vec<_> = (0..2)
        .map(|_| {
            Command::new("sh")
                .args(["-c", storm])
                .spawn()
                .expect("a storm")
        })
        .collect();
    for _ in 0..CONTAINERS {
        let status = Command::new("unshare").args(["-u", "true"]).status();
        assert!(status.expect("unshare").success());
    }
    for storm in &mut storms {
        assert!(storm.wait().expect("its end").success());
    }
    let records = audit.end();
    let (submitted, lost) = accounted(&records);
    assert_eq!(lost, 0);
    let ours = of_type(&records, "container_born").into_iter();
    let ours: Vec<_> = ours.filter(|record| is_ours(record)).collect();
    assert_eq!(ours.len(), CONTAINERS);
    for birth in ours {
        let ended = of_type(&records, "container_ended").into_iter();
        let of_it = |record: &&serde_json::Value| record["container"] == birth["container"];
        assert_eq!(ended.filter(of_it).count(), 1);
    }
    assert!(
        submitted < 4000,
        "{submitted} records of 8000 forks of the host"
    );
}
