//! `tracer ps` and `tracer inspect` beside independent readers: /proc, lsns(8) and the cgroups' own
//! files.

mod cgroups;
mod containers;
mod inspect;
mod namespaces;
mod since;

use serde_json::Value;
use tracer_tests::binary::{Runs, tracer};

/// The document of `tracer ps` with these words.
#[track_caller]
fn ps(words: &[&str]) -> Value {
    let words = [&["ps", "-o", "json"], words].concat();
    Runs::new()
        .finish(&mut tracer(&words))
        .ended_with(0)
        .report()
}

fn list<'a>(document: &'a Value, name: &str) -> &'a Vec<Value> {
    document[name].as_array().expect("a list")
}

/// The number of a namespace of a process, from its link below /proc.
fn link(pid: u32, name: &str) -> u64 {
    let link = std::fs::read_link(format!("/proc/{pid}/ns/{name}")).expect("a link");
    let text = link.to_string_lossy();
    let number = text.split(['[', ']']).nth(1).expect("a number");
    number.parse().expect("a number")
}
