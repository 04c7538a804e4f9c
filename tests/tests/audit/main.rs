//! `tracer audit` on the real kernel: what its stream tells of containers that others make, held
//! against what those say of themselves. Owns one audit and the reading of its records.

mod depth;
mod enforced;
mod hostile;
mod listen;
mod makers;
mod names;
mod output;
mod service;
mod start;
mod story;
mod swarm;
mod top;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;
use tracer_tests::binary;

/// An audit that writes JSON lines to a pipe.
pub struct Audit {
    child: Child,
    lines: BufReader<ChildStdout>,
    records: Vec<Value>,
}

impl Audit {
    /// Starts one; it has seen what was there before, and misses nothing from now on.
    pub fn start(words: &[&str]) -> Self {
        let mut audit = Self::of(binary::tracer(&[&["audit", "-o", "jsonl"], words].concat()));
        audit.until("its beginning", |record| record["type"] == "audit_started");
        audit
    }

    fn of(mut command: Command) -> Self {
        tracer_tests::require_root();
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("an audit");
        let lines = BufReader::new(child.stdout.take().expect("piped"));
        Self {
            child,
            lines,
            records: Vec::new(),
        }
    }

    /// Waits for a record.
    #[track_caller]
    pub fn until(&mut self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        while let Some(record) = self.next() {
            if is_it(&record) {
                return record;
            }
        }
        panic!("the stream ended before {what}: {}", self.said());
    }

    /// What it said on standard error, once it has ended.
    fn said(&mut self) -> String {
        let mut said = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            std::io::Read::read_to_string(&mut stderr, &mut said).expect("its words");
        }
        said
    }

    fn next(&mut self) -> Option<Value> {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("a line");
        if line.is_empty() {
            return None;
        }
        let record: Value = serde_json::from_str(&line).expect("a JSON line");
        self.records.push(record.clone());
        Some(record)
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let process = binary::process(self.child.id()).expect("it runs");
        rustix::process::pidfd_send_signal(process, signal).expect("sent");
    }

    /// Has it end, and gives all its records.
    pub fn end(mut self) -> Vec<Value> {
        self.signal(Signal::TERM);
        while self.next().is_some() {}
        let said = self.said();
        assert_eq!(
            self.child.wait().expect("its end").code(),
            Some(0),
            "{said}"
        );
        in_order(&self.records);
        std::mem::take(&mut self.records)
    }

    /// Kills it.
    pub fn kill(mut self) {
        self.signal(Signal::KILL);
        self.child.wait().expect("its end");
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        // One that has ended already needs no kill.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// That records come in the kernel's time, or say that they do not.
#[track_caller]
fn in_order(records: &[Value]) {
    let mut latest = 0;
    for record in records {
        let time = record["boot_ns"].as_u64().expect("a time");
        assert_eq!(record["late"] == true, time < latest, "{record}");
        latest = latest.max(time);
    }
}

/// Records of one type.
pub fn of_type<'a>(records: &'a [Value], kind: &str) -> Vec<&'a Value> {
    let all = records.iter();
    all.filter(|record| record["type"] == kind).collect()
}

/// Whether a birth was asked for by this process.
pub fn is_ours(record: &Value) -> bool {
    let own = u64::from(std::process::id());
    let ancestors = record["lineage"]["ancestors"].as_array();
    ancestors.is_some_and(|all| all.iter().any(|one| one["pid"].as_u64() == Some(own)))
}

/// That a container of this process's was born.
pub fn born(record: &Value) -> bool {
    record["type"] == "container_born" && is_ours(record)
}

/// Makes a container by unshare(1) with that flag, which ends at once.
#[track_caller]
pub fn makes_one(flag: &str) {
    let status = Command::new("unshare").args([flag, "true"]).status();
    assert!(status.expect("unshare").success());
}

/// The namespaces of a birth, by kind.
pub fn namespaces(record: &Value) -> BTreeMap<String, u64> {
    let all = record["namespaces"].as_array().expect("a list");
    all.iter()
        .map(|one| {
            let kind = one["kind"].as_str().expect("a kind").to_owned();
            (kind, one["inum"].as_u64().expect("a number"))
        })
        .collect()
}

/// What `readlink /proc/PID/ns/KIND` says, as a kind and a number.
pub fn link(text: &str) -> Option<(String, u64)> {
    let (kind, rest) = text.trim().split_once(":[")?;
    Some((kind.to_owned(), rest.strip_suffix(']')?.parse().ok()?))
}

/// That every record was read or counted as lost.
#[track_caller]
pub fn accounted(records: &[Value]) -> (u64, u64) {
    let ended = records.last().expect("a last record");
    assert_eq!(ended["type"], "audit_ended");
    let number = |name: &str| ended[name].as_u64().expect("a number");
    assert_eq!(
        number("submitted"),
        number("read") + number("lost"),
        "{ended}"
    );
    let lost = of_type(records, "loss");
    let told: u64 = lost
        .iter()
        .flat_map(|record| record["lost"].as_object().expect("kinds").values())
        .map(|count| count.as_u64().expect("a number"))
        .sum();
    assert_eq!(told, number("lost"), "{lost:#?}");
    (number("submitted"), number("lost"))
}
