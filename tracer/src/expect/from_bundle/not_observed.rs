//! What of `config.json` no expectation comes from, and why. Owns the table, which the
//! documentation shows, and finds what of it a bundle uses.

use std::fmt::Write as _;

use oci_spec::runtime::Spec;
use serde_json::Value;

/// A property and why nothing is expected of it.
pub type NotObserved = (&'static str, &'static str);

/// The properties for Linux of the OCI runtime specification that nothing is expected of. Those
/// for other systems are not in it, nor is `annotations`.
pub static NOT_OBSERVED: [NotObserved; 13] = [
    (
        "hooks",
        "they run before the payload, as processes of their own, which the timeline shows",
    ),
    ("process.consoleSize", "it says nothing about isolation"),
    (
        "process.env",
        "the environment is in the payload's own memory",
    ),
    ("process.user.username", "it is not for Linux"),
    (
        "process.execCPUAffinity",
        "it is about processes that join later",
    ),
    (
        "linux.intelRdt",
        "resource groups of the processor are no cgroup",
    ),
    ("linux.mountLabel", "labels of files are not read"),
    (
        "linux.seccomp.defaultAction",
        "that a filter is in force is observed, not what is in it",
    ),
    (
        "linux.seccomp.syscalls",
        "that a filter is in force is observed, not what is in it",
    ),
    ("linux.resources.memory.kernel", "kernels have it no more"),
    (
        "linux.resources.blockIO.leafWeight",
        "kernels have it no more",
    ),
    (
        "linux.resources.blockIO.weightDevice.leafWeight",
        "kernels have it no more",
    ),
    (
        "mounts.uidMappings",
        "what is in the map of a mount is not read; that the mount has one is expected",
    ),
];

/// Those of [`NOT_OBSERVED`] that a `config.json` has.
pub fn not_observed(config: &Value) -> Vec<NotObserved> {
    let mut found = NOT_OBSERVED.to_vec();
    found.retain(|(property, _)| has(config, property));
    found
}

/// Whether a property is there; of a list, in any of its entries. `null` is not there.
fn has(value: &Value, property: &str) -> bool {
    if let Value::Array(entries) = value {
        return entries.iter().any(|entry| has(entry, property));
    }
    let (name, rest) = property.split_once('.').unwrap_or((property, ""));
    match value.get(name) {
        None | Some(Value::Null) => false,
        Some(_) if rest.is_empty() => true,
        Some(inner) => has(inner, rest),
    }
}

/// Properties of a `config.json` that its reader passed over, because it does not know them:
/// what stands there and not in what was read.
pub fn unread(config: &Value, spec: &Spec) -> Vec<String> {
    let mut found = Vec::new();
    if let Ok(read) = serde_json::to_value(spec) {
        compare("", config, &read, &mut found);
    }
    found
}

fn compare(path: &str, there: &Value, read: &Value, found: &mut Vec<String>) {
    match (there, read) {
        (Value::Object(there), Value::Object(read)) => {
            for (name, value) in there {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                match read.get(name) {
                    Some(read) => compare(&path, value, read, found),
                    None if is_empty(value) => {}
                    None => found.push(path),
                }
            }
        }
        (Value::Array(there), Value::Array(read)) => {
            for (there, read) in there.iter().zip(read) {
                compare(path, there, read, found);
            }
        }
        _ => {}
    }
    found.dedup();
}

/// What a writer may leave out.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(entries) => entries.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The table of docs/verdicts.md.
pub fn not_observed_markdown() -> String {
    let mut text =
        String::from("| property of config.json | why nothing is expected of it |\n|---|---|\n");
    for (property, reason) in &NOT_OBSERVED {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| `{property}` | {reason} |");
    }
    text
}
