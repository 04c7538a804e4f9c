//! The facts of two birth certificates. Owns which of them are the same container's in another
//! run, such as numbers that the kernel hands out, and are left out.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::Subject;
use super::names::of_any_run;

/// A fact that differs; `None` = that side does not have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Its place in the certificate.
    pub fact: String,
    /// On the one side.
    pub a: Option<String>,
    /// On the other.
    pub b: Option<String>,
}

/// Numbers that the kernel hands out anew each time: namespaces, inodes, mounts, processes, keys,
/// records.
const NUMBERS: [&str; 12] = [
    "serial",
    "inum",
    "inode",
    "device",
    "devpts",
    "mnt_id",
    "mnt_ns",
    "seq",
    "pid",
    "entity_id",
    "hierarchy",
    "level",
];

/// Those that differ, and how many are alike.
pub(super) fn differences(one: &Subject, other: &Subject) -> (Vec<Difference>, usize) {
    let (mine, theirs) = (flat(one), flat(other));
    let mut differences = Vec::new();
    let mut alike = 0;
    let names = mine
        .keys()
        .chain(theirs.keys().filter(|name| !mine.contains_key(*name)));
    for name in names {
        let (a, b) = (mine.get(name), theirs.get(name));
        if a == b {
            alike += 1;
        } else {
            differences.push(Difference {
                fact: name.clone(),
                a: a.cloned(),
                b: b.cloned(),
            });
        }
    }
    differences.sort_by(|a, b| a.fact.cmp(&b.fact));
    (differences, alike)
}

/// Every fact by its place.
fn flat(subject: &Subject) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    let own = subject.certificate["linux"]["ns"]["mnt"]["inum"].as_u64();
    walk("", &subject.certificate, subject, own, &mut facts);
    facts
}

fn walk(
    place: &str,
    value: &Value,
    subject: &Subject,
    own: Option<u64>,
    facts: &mut BTreeMap<String, String>,
) {
    let below = |name: &str| {
        if place.is_empty() {
            name.to_owned()
        } else {
            format!("{place}.{name}")
        }
    };
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if name == "mnt_ns" {
                    facts.insert(below("of_own_mnt"), whose(member, own).to_owned());
                } else if name == "id" && place.contains("cgroup") {
                    // The kernel's number of the cgroup.
                } else if !NUMBERS.contains(&name.as_str()) {
                    walk(&below(name), member, subject, own, facts);
                }
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for (index, item) in items.iter().enumerate() {
                // By what names it among its like, where something does.
                let name = item.get("name").and_then(Value::as_str).map(str::to_owned);
                let name = name.or_else(|| item.get("fd").map(Value::to_string));
                let name = name.unwrap_or_else(|| index.to_string());
                walk(&below(&name), item, subject, own, facts);
            }
        }
        Value::Array(items) => {
            let words: Vec<String> = items.iter().map(text).collect();
            facts.insert(place.to_owned(), words.join(" "));
        }
        _ => {
            let text = text(value);
            let text = match place.rsplit('.').next() {
                Some("way_in") => without_number(&text),
                Some("path") => of_any_run(&text, subject.id.as_deref()),
                _ => text,
            };
            facts.insert(place.to_owned(), text);
        }
    }
}

fn whose(namespace: &Value, own: Option<u64>) -> &'static str {
    match namespace.as_u64() {
        Some(0) => "of none",
        number if number.is_some() && number == own => "yes",
        Some(_) => "no",
        None => "unknown",
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// `inherited from 4711` without the number.
fn without_number(text: &str) -> String {
    let words = text.split(' ').filter(|word| word.parse::<u64>().is_err());
    words.collect::<Vec<_>>().join(" ")
}
