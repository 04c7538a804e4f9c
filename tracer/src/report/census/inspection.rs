//! `tracer inspect`: one process, all that the kernel knows of it now. Owns its words for people;
//! the facts have the certificate's own form.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;

use super::Head;
use super::since::Since;
use crate::event::{Certificate, CgroupKey, Task};
use crate::host::HostFacts;
use crate::model::Model;
use crate::report::change::Names;
use crate::report::escape::escape;
use crate::report::grid::{self, Cell, Column, Row};
use crate::report::{Document, Format, Style, certificate, json, jsonl};

/// The document.
#[derive(Clone, Debug, Serialize)]
pub struct Inspection {
    /// The machine.
    #[serde(flatten)]
    pub head: Head,
    /// The certificate.
    pub certificate: Value,
    /// What has changed since its birth, where that was recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since_birth: Option<Since>,
}

impl Inspection {
    /// Of one task. `baseline` is tracer's own certificate; `path` gives the path of a cgroup, where
    /// it is known.
    #[must_use]
    pub fn new(
        head: Head,
        host: &HostFacts,
        task: &Task,
        facts: &Certificate,
        (model, baseline): (&Model, Option<&Certificate>),
        path: &dyn Fn(CgroupKey) -> Option<String>,
    ) -> Self {
        let names = Names {
            root: model.root(),
            hierarchies: &[],
        };
        let context = certificate::Context {
            readings: None,
            host,
            model,
            task: model.leader(task.tgid),
            baseline,
        };
        let mut value = certificate::document(facts, &context, &names);
        paths(&mut value, path);
        Self {
            head,
            certificate: value,
            since_birth: None,
        }
    }

    /// The same with what has changed since a birth that a record tells of.
    #[must_use]
    pub fn since(self, record: &Value) -> Self {
        Self {
            since_birth: Some(Since::new(record, &self.certificate)),
            ..self
        }
    }

    /// A line for each fact, those that have changed last.
    fn lines(&self) -> Vec<(String, String)> {
        let mut lines = lines(&self.certificate);
        if let Some(since) = &self.since_birth {
            lines.push((
                since.kind.clone(),
                format!("{} as {}", since.time, since.container),
            ));
            let changed = since.changed.iter();
            lines.extend(changed.map(|one| {
                let words = |words: &[String]| match words {
                    [] => "nothing".to_owned(),
                    words => words.join("; "),
                };
                let text = format!("{}, was {}", words(&one.now), words(&one.before));
                (format!("changed: {}", one.fact), text)
            }));
            if since.changed.is_empty() {
                lines.push(("changed".to_owned(), "nothing".to_owned()));
            }
        }
        lines
    }
}

/// Paths of cgroups that were there before are known from their directories.
fn paths(certificate: &mut Value, path: &dyn Fn(CgroupKey) -> Option<String>) {
    let items = certificate.pointer_mut("/linux/cgroup/items");
    for item in items.and_then(Value::as_array_mut).into_iter().flatten() {
        let number = |name: &str| item.get(name).and_then(Value::as_u64);
        let Some((hierarchy, id)) = number("hierarchy").zip(number("id")) else {
            continue;
        };
        let key = u32::try_from(hierarchy).map(|hierarchy| CgroupKey { hierarchy, id });
        let known = key.ok().and_then(path);
        if let Some(fields) = item.as_object_mut() {
            fields.insert("path".to_owned(), known.map_or(Value::Null, Value::String));
            // Nobody has seen how it came in.
            fields.insert("way_in".to_owned(), Value::Null);
        }
    }
}

const COLUMNS: [Column; 2] = [Column::left("FACT", 20), Column::left("VALUE", 30)];

impl Document for Inspection {
    fn write(&self, format: Format, out: &mut dyn Write, style: Style) -> io::Result<()> {
        match format {
            Format::Table => {
                let rows: Vec<Row> = self
                    .lines()
                    .into_iter()
                    .map(|(name, text)| Row {
                        cells: vec![Cell::new(name), Cell::new(text)],
                        notes: Vec::new(),
                    })
                    .collect();
                grid::write(&COLUMNS, &rows, out, style)
            }
            Format::Compact => {
                for (name, text) in self.lines() {
                    writeln!(out, "{}\t{}", escape(&name), escape(&text))?;
                }
                Ok(())
            }
            Format::Json => json::write(self, out),
            Format::Jsonl => jsonl::line("inspection", self, out),
        }
    }
}

/// A line for each fact, by its name in the document; what belongs together stays on one line.
pub(super) fn lines(certificate: &Value) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    flatten("", certificate, &mut lines);
    lines
}

fn flatten(name: &str, value: &Value, lines: &mut Vec<(String, String)>) {
    let below = |key: &str| match name {
        "" => key.to_owned(),
        _ => format!("{name}.{key}"),
    };
    match value {
        Value::Object(fields) if fields.contains_key("items") => list(name, fields, lines),
        // What has a few plain values reads as one.
        Value::Object(fields) if fields.values().all(is_plain) && name.contains('.') => {
            lines.push((name.to_owned(), words(value)));
        }
        Value::Object(fields) => {
            for (key, field) in fields {
                flatten(&below(key), field, lines);
            }
        }
        _ => lines.push((name.to_owned(), words(value))),
    }
}

fn list(name: &str, fields: &serde_json::Map<String, Value>, lines: &mut Vec<(String, String)>) {
    let items = fields.get("items").and_then(Value::as_array);
    for item in items.into_iter().flatten() {
        lines.push((name.to_owned(), words(item)));
    }
    if items.is_none_or(Vec::is_empty) {
        lines.push((name.to_owned(), "none".to_owned()));
    }
    if fields.get("truncated") == Some(&Value::Bool(true)) {
        lines.push((name.to_owned(), "and more than the record holds".to_owned()));
    }
}

fn is_plain(value: &Value) -> bool {
    !value.is_object() && !value.is_array()
}

/// Sets of capabilities without what every name begins with.
fn capabilities(items: &[Value]) -> Option<String> {
    let names = items.iter().map(|item| item.as_str()?.strip_prefix("CAP_"));
    let names: Option<Vec<&str>> = names.collect();
    Some(names?.join(" ").to_lowercase())
}

/// What the kernel could not give.
pub(super) const UNKNOWN: &str = "not known";

/// In words: `null` is what the kernel could not give.
fn words(value: &Value) -> String {
    match value {
        Value::Null => UNKNOWN.to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => capabilities(items)
            .unwrap_or_else(|| items.iter().map(words).collect::<Vec<_>>().join(" ")),
        Value::Object(fields) => {
            let pairs: Vec<String> = fields
                .iter()
                .filter_map(|(key, value)| match value {
                    Value::Null | Value::Bool(false) => None,
                    Value::Bool(true) => Some(key.replace('_', " ")),
                    value => Some(format!("{key} {}", words(value))),
                })
                .collect();
            // A group of which nothing holds is not one of which nothing is known.
            if fields.values().all(Value::is_null) {
                UNKNOWN.to_owned()
            } else if pairs.is_empty() {
                "none of it".to_owned()
            } else {
                pairs.join(", ")
            }
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_kernel_could_not_give_is_said_and_what_is_not_so_left_out() {
        let certificate = json!({
            "process": { "vpid": 1, "parent": { "pid": null } },
            "linux": {
                "capabilities": { "ambient": [], "bounding": ["CAP_KILL", "CAP_CHOWN"] },
                "root": { "inode": 2, "read_only": true, "is_mount_root": false },
                "descriptors": { "items": [{ "fd": 0 }, { "fd": 7 }], "truncated": true },
                "limits": { "pids": { "own": "unlimited", "effective": 5 } },
            },
        });
        let lines: Vec<String> = lines(&certificate)
            .into_iter()
            .map(|(name, text)| format!("{name} = {text}"))
            .collect();
        let wanted = [
            "linux.capabilities.ambient = none",
            "linux.capabilities.bounding = kill chown",
            "linux.descriptors = fd 0",
            "linux.descriptors = fd 7",
            "linux.descriptors = and more than the record holds",
            "linux.limits.pids = effective 5, own unlimited",
            "linux.root = inode 2, read only",
            "process.parent = not known",
            "process.vpid = 1",
        ];
        assert_eq!(lines, wanted);
    }
}
