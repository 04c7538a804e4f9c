//! Audits that begin before, during and after a container's creation, and end after it: what they say in the
//! end is the same.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::linux::fs::MetadataExt as _;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::{Audit, of_type};

/// A program that leaves namespaces, and executes another when it is told to.
struct Actor {
    child: Child,
    answers: BufReader<std::process::ChildStdout>,
}

impl Actor {
    fn new() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_actor"))
            .args(["unshare", "1"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("an actor");
        let answers = BufReader::new(child.stdout.take().expect("piped"));
        let mut actor = Self { child, answers };
        actor.says("here");
        actor
    }

    fn says(&mut self, word: &str) {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("a line");
        assert_eq!(line.trim_end(), word);
    }

    fn goes_on(&mut self) {
        let orders = self.child.stdin.as_mut().expect("piped");
        writeln!(orders).expect("told");
    }

    fn end(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().expect("its end").success());
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// What an audit says of the container of a process in the end.
fn story(records: &[Value], pid: u32) -> Value {
    let is_it = |record: &&Value| record["process"]["pid"] == pid;
    let births = of_type(records, "container_born").into_iter();
    let found = of_type(records, "container_found").into_iter();
    let all: Vec<&Value> = births.chain(found).filter(is_it).collect();
    let [birth] = all.as_slice() else {
        panic!("{} births: {all:#?}", all.len());
    };
    let id = &birth["container"]["id"];
    let of_it = |record: &&&Value| record["container"]["id"] == *id;
    let ends = of_type(records, "container_ended");
    let ends: Vec<&&Value> = ends.iter().filter(of_it).collect();
    let [end] = ends.as_slice() else {
        panic!("{} ends", ends.len());
    };
    // By number and start, as what executes them is told in other words.
    let ancestors = birth["lineage"]["ancestors"].as_array();
    let ancestors = ancestors.into_iter().flatten().map(|one| {
        // A kernel may hide its first process from who looks at all tasks.
        let names = ["entity_id", "pid", "name", "user"];
        let names = &names[usize::from(one["pid"] == 1)..];
        names.iter().map(|name| one[name].clone()).collect()
    });
    let ancestors: Vec<Vec<Value>> = ancestors.collect();
    assert!(ancestors[0][0].is_string(), "{birth:#}");
    let others = records.iter().filter(|record| of_it(&record)).count();
    json!({
        "container": birth["container"],
        "entity_id": birth["process"]["entity_id"],
        "user": birth["process"]["user"],
        "vpid": birth["vpid"],
        "within": birth["within"],
        "namespaces": birth["namespaces"],
        "ns": birth["certificate"]["linux"]["ns"],
        "ancestors": ancestors,
        "exit_code": end["exit_code"],
        "signal": end["signal"],
        "unseen": end["unseen"],
        "records": others,
    })
}

#[test]
#[ignore = "needs root"]
fn audits_that_begin_before_during_and_after_a_creation_say_the_same_in_the_end() {
    for mode in ["--exact", "--economy"] {
        let before = Audit::start(&[mode]);
        let mut actor = Actor::new();
        let pid = actor.child.id();
        actor.goes_on();
        actor.says("done");
        let during = Audit::start(&[mode]);
        actor.goes_on();
        // It has become another program once its name is another.
        while std::fs::read_to_string(format!("/proc/{pid}/comm")).expect("a name") != "cat\n" {
            std::thread::yield_now();
        }
        let after = Audit::start(&[mode]);
        actor.end();
        let stories = [before, during, after].map(|audit| story(&audit.end(), pid));
        assert_eq!(stories[0], stories[1], "{mode}");
        assert_eq!(stories[0], stories[2], "{mode}");
        assert_eq!(stories[0]["namespaces"].as_array().map(Vec::len), Some(2));
        assert_eq!(stories[0]["exit_code"], 0);
    }
}

/// A shell in namespaces of its own that executes one program after the other, until it is killed.
struct Busy(Child);

impl Busy {
    fn new() -> Self {
        let script = "echo here; while :; do /bin/true; done";
        let mut child = Command::new("unshare")
            .args(["--uts", "--net", "sh", "-c", script])
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare");
        let mut line = String::new();
        let answers = child.stdout.as_mut().expect("piped");
        BufReader::new(answers)
            .read_line(&mut line)
            .expect("a line");
        assert_eq!(line, "here\n");
        Self(child)
    }

    fn namespace(&self) -> u64 {
        let link = format!("/proc/{}/ns/uts", self.0.id());
        std::fs::metadata(link).expect("a namespace").st_ino()
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

#[test]
#[ignore = "needs root"]
fn what_a_container_executes_while_an_audit_begins_is_none_of_a_new_one() {
    let busy = Busy::new();
    let inum = busy.namespace();
    for turn in 0..8 {
        let records = Audit::start(&[]).end();
        let is_its = |record: &&Value| {
            let namespaces = record["namespaces"].as_array();
            let mut namespaces = namespaces.into_iter().flatten();
            namespaces.any(|one| one["inum"] == inum)
        };
        let told = records.iter().filter(is_its);
        let told: Vec<_> = told
            .map(|record| (record["type"].as_str(), record["process"]["pid"].as_u64()))
            .collect();
        let found = (Some("container_found"), Some(u64::from(busy.0.id())));
        let others: Vec<_> = records.iter().filter(|one| !is_its(one)).collect();
        assert_eq!(told, [found], "turn {turn}, beside {others:?}");
    }
}
