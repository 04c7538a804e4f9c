//! What `--listen` serves: metrics that agree with the stream, health that tells of a reader who stands
//! still.

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use tracer_tests::binary;

use super::{Audit, born, makes_one, of_type};

/// An audit, and the address that it serves at.
fn serving() -> (Audit, String) {
    let mut command = binary::tracer(&["audit", "-o", "jsonl", "--listen", "127.0.0.1:0"]);
    command.stderr(Stdio::piped());
    let mut audit = Audit::of(command);
    let stderr = audit.child.stderr.as_mut().expect("piped");
    let mut said = String::new();
    BufReader::new(stderr).read_line(&mut said).expect("a line");
    let (_, rest) = said.split_once("http://").expect("an address");
    let (address, _) = rest.split_once('/').expect("a path");
    audit.until("its beginning", |record| record["type"] == "audit_started");
    (audit, address.to_owned())
}

/// Status and text of what is at a path.
fn get(address: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("a connection");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: tracer\r\n\r\n").expect("asked");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, text) = answer.split_once("\r\n\r\n").expect("a head");
    let code = head
        .split_whitespace()
        .nth(1)
        .and_then(|code| code.parse().ok());
    (code.expect("a status"), text.to_owned())
}

fn value(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

#[test]
#[ignore = "needs root"]
fn metrics_agree_with_the_stream() {
    let (mut audit, address) = serving();
    // A status is put up once a second. Meanwhile the stream is read, or others' containers fill it.
    let text = loop {
        makes_one("-u");
        audit.until("a birth", born);
        let (code, text) = get(&address, "/metrics");
        if code == 200 && value(&text, "tracer_audit_containers_born_total ") >= Some(1) {
            break text;
        }
    };
    assert_eq!(get(&address, "/readyz").0, 200);
    assert_eq!(get(&address, "/healthz").0, 200);
    assert_eq!(get(&address, "/nothing").0, 404);
    let of = |name: &str| value(&text, name).unwrap_or_else(|| panic!("{name} in {text}"));
    assert_eq!(of("tracer_audit_programs_detached "), 0);
    assert!(of("tracer_audit_ring_size_bytes ") >= 4096);
    assert!(of("tracer_audit_map_size_entries{") >= of("tracer_audit_map_entries{"));
    assert!(of("process_resident_memory_bytes ") > 1 << 20);
    assert!(text.contains("tracer_audit_program_runs_total{"), "{text}");
    let records = audit.end();
    let births = of_type(&records, "container_born").len() as u64;
    let counted = of("tracer_audit_containers_born_total ");
    assert!(counted <= births, "{counted} of {births}");
}

#[test]
#[ignore = "needs root"]
fn a_reader_that_stands_still_is_not_ready_until_it_reads_again() {
    let (mut audit, address) = serving();
    assert_eq!(get(&address, "/readyz").0, 200);
    // More than a pipe has room for, which nobody empties.
    const MANY: usize = 40;
    for _ in 0..MANY {
        makes_one("-u");
    }
    // Who says nothing is let go after longer than a reader may stand still.
    let mut idle = TcpStream::connect(&address).expect("a connection");
    let mut nothing = Vec::new();
    idle.read_to_end(&mut nothing).expect("its end");
    assert_eq!(nothing, b"");
    let (code, why) = get(&address, "/readyz");
    assert_eq!(code, 503, "{why}");
    assert!(why.contains("stands still"), "{why}");
    assert_eq!(get(&address, "/healthz").0, 503);
    for _ in 0..MANY {
        audit.until("a birth", born);
    }
    // What is told of in a later turn comes after the status of the turn that was held up.
    makes_one("-u");
    audit.until("a birth", born);
    assert_eq!(get(&address, "/readyz").0, 200);
    audit.end();
}

/// So that the auditor has no descriptor for another connection, or has them again.
fn descriptors(pid: u32, most: Option<u64>) {
    let pid = Pid::from_raw(i32::try_from(pid).expect("a number"));
    let now = getrlimit(Resource::Nofile);
    let limit = Rlimit {
        current: most.or(now.current),
        maximum: now.maximum,
    };
    prlimit(pid, Resource::Nofile, limit).expect("a limit");
}

#[test]
#[ignore = "needs root"]
fn who_asks_while_there_is_no_descriptor_left_is_answered_when_there_is() {
    let (mut audit, address) = serving();
    let pid = audit.child.id();
    // Once it waits for records it has all that it needs for it.
    makes_one("-u");
    audit.until("a birth", born);
    // 0, 1 and 2 are in use, so that there is none.
    descriptors(pid, Some(3));
    let mut waiting = TcpStream::connect(&address).expect("the kernel takes it");
    write!(waiting, "GET /version HTTP/1.1\r\nHost: tracer\r\n\r\n").expect("asked");
    // The stream goes on meanwhile.
    makes_one("-u");
    audit.until("a birth", born);
    let nothing = waiting.set_read_timeout(Some(Duration::from_millis(300)));
    nothing.expect("a time");
    let early = waiting.read(&mut [0; 1]);
    assert_eq!(early.expect_err("no answer").kind(), ErrorKind::WouldBlock);
    descriptors(pid, None);
    waiting.set_read_timeout(None).expect("no time");
    let mut answer = String::new();
    waiting.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    audit.end();
}

#[test]
#[ignore = "needs root"]
fn a_port_that_is_taken_is_said_before_anything_is_attached() {
    let (audit, address) = serving();
    let mut command = binary::tracer(&["audit", "--listen", &address]);
    let output = command.output().expect("its end");
    assert_eq!(output.status.code(), Some(125));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(&address) && said.contains("in use"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    audit.end();
}
