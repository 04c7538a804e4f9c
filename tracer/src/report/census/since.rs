//! A process now beside its birth, as a record of `tracer audit` has it. Owns which facts are held against
//! each other. Pure.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::inspection::{UNKNOWN, lines};

/// What has changed since a birth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Since {
    /// `container_born`, or `container_found`: then it is what an audit has found.
    #[serde(rename = "type")]
    pub kind: String,
    /// When.
    pub time: String,
    /// Id of the container.
    pub container: String,
    /// Facts that are not what they were.
    pub changed: Vec<Changed>,
}

/// A fact that has changed; of a list, what has gone and what has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// Its place in the certificate.
    pub fact: String,
    /// At the birth.
    pub before: Vec<String>,
    /// Now.
    pub now: Vec<String>,
}

impl Since {
    /// Between a record of a birth and a certificate of the same process.
    #[must_use]
    pub fn new(record: &Value, now: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (mut before, now) = (facts(&record["certificate"]), facts(now));
        let mut changed = Vec::new();
        for (fact, now) in now {
            let before = before.remove(&fact).unwrap_or_default();
            changed.extend(Changed::between(fact, before, now));
        }
        let gone = before.into_iter();
        changed
            .extend(gone.filter_map(|(fact, before)| Changed::between(fact, before, Vec::new())));
        changed.sort_by(|a, b| a.fact.cmp(&b.fact));
        Self {
            kind: text(&record["type"]),
            time: text(&record["time"]),
            container: text(&record["container"]["id"]),
            changed,
        }
    }
}

impl Changed {
    fn between(fact: String, mut before: Vec<String>, mut now: Vec<String>) -> Option<Self> {
        // What is in both, as often as it is.
        before.retain(|one| {
            let at = now.iter().position(|other| other == one);
            at.map(|at| now.remove(at)).is_none()
        });
        // What is not told of one side, as the path that was executed is not afterwards, has not changed by that.
        let told = [&before, &now]
            .iter()
            .all(|side| side.as_slice() != [UNKNOWN]);
        let differs = !before.is_empty() || !now.is_empty();
        (differs && told).then_some(Self { fact, before, now })
    }
}

/// Each fact by its place. How the process came into its cgroups, by which record, and by which paths they are known
/// is told of a birth by other means than of a process that is there, and is no fact about it.
fn facts(certificate: &Value) -> BTreeMap<String, Vec<String>> {
    let mut certificate = certificate.clone();
    let items = certificate.pointer_mut("/linux/cgroup/items");
    for item in items.and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(fields) = item.as_object_mut() {
            fields.remove("path");
            fields.remove("way_in");
            fields.remove("seq");
        }
    }
    let mut facts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (fact, text) in lines(&certificate) {
        facts.entry(fact).or_default().push(text);
    }
    facts
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_has_changed_is_told_with_both_sides_and_nothing_else() {
        let certificate = |user: u32, fds: Value, path: &str| {
            json!({
                "process": { "pid": 7, "user": { "id": user }, "executable": (user == 0).then_some("/x") },
                "linux": {
                    "no_new_privs": true,
                    "cgroup": { "items": [{ "hierarchy": 0, "id": 9, "path": path }] },
                    "descriptors": { "items": fds, "truncated": false },
                },
            })
        };
        let record = json!({
            "type": "container_born", "time": "T", "container": { "id": "c" },
            "certificate": certificate(0, json!([{ "fd": 0 }, { "fd": 1 }]), "/a"),
        });
        let now = certificate(5, json!([{ "fd": 1 }, { "fd": 9 }]), "/b");
        let since = Since::new(&record, &now);
        let words: Vec<(&str, String, String)> = since
            .changed
            .iter()
            .map(|one| (&*one.fact, one.before.join(";"), one.now.join(";")))
            .collect();
        let of = |fact, before: &str, now: &str| (fact, before.to_owned(), now.to_owned());
        assert_eq!(
            words,
            [
                of("linux.descriptors", "fd 0", "fd 9"),
                of("process.user", "id 0", "id 5"),
            ]
        );
        assert!(
            Since::new(&record, &record["certificate"])
                .changed
                .is_empty()
        );
    }
}
