//! The expectation file that an observed container would have passed: a line for each fact that
//! can be expected, with a comment. Owns which facts are worth expecting; whether the container
//! passes each line, the judge says.

mod attributes;
mod devices;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::event::certificate::{Certificate, IdExtent, Partial, PathFact, UNLIMITED, set_bits};
use crate::event::{NamespaceKind, NamespaceSlot};
use crate::expect::{capability, rlimit};
use crate::model::Devices;

/// A key of the file: alone on its line, or with a line for each of its parts.
struct Entry {
    key: &'static str,
    lines: Vec<Line>,
}

struct Line {
    text: String,
    comment: String,
}

/// A file to be.
pub struct Observed(Vec<Entry>);

impl Observed {
    /// From the facts of the container's payload, tracer's own, and the devices that the payload can
    /// use.
    #[must_use]
    pub fn new(facts: &Certificate, host: &Certificate, devices: Option<&Devices>) -> Self {
        let mut file = Self(Vec::new());
        file.namespaces(facts, host);
        file.limits(facts);
        file.capabilities(facts);
        file.identity(facts, host);
        file.files(facts);
        file.rlimits(facts, host);
        file.attributes(facts, host);
        file.devices(devices);
        if let Some(name) = facts.hostname()
            && differs(NamespaceKind::Uts, facts, host)
        {
            file.one("hostname", quoted(&name), "its own UTS namespace");
        }
        file.one("cgroup", "private", "not the one that tracer is in");
        if let Some(path) = facts.filename() {
            file.one("payload", quoted(&path.text), "as given to exec");
        }
        file.one("drift", "deny", "nothing changed after the payload's start");
        file
    }

    fn one(&mut self, key: &'static str, value: impl Into<String>, comment: impl Into<String>) {
        let line = Line {
            text: value.into(),
            comment: comment.into(),
        };
        self.0.push(Entry {
            key,
            lines: vec![line],
        });
    }

    fn several(&mut self, key: &'static str, lines: Vec<(String, String)>) {
        if lines.is_empty() {
            return;
        }
        let line = |(text, comment)| Line { text, comment };
        let lines = lines.into_iter().map(line).collect();
        self.0.push(Entry { key, lines });
    }

    fn namespaces(&mut self, facts: &Certificate, host: &Certificate) {
        let (own, shared): (Vec<NamespaceKind>, Vec<NamespaceKind>) = NamespaceKind::ALL
            .into_iter()
            .partition(|kind| differs(*kind, facts, host));
        let list = |kinds: &[NamespaceKind]| {
            let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
            format!("[{}]", names.join(", "))
        };
        let mut lines = Vec::new();
        if !own.is_empty() {
            lines.push((
                format!("private: {}", list(&own)),
                "not the host's".to_owned(),
            ));
        }
        if !shared.is_empty() {
            lines.push((
                format!("shared: {}", list(&shared)),
                "the host's".to_owned(),
            ));
        }
        self.several("namespaces", lines);
    }

    fn limits(&mut self, facts: &Certificate) {
        if let Some(limit) = facts.memory().filter(|limit| limit.effective != UNLIMITED) {
            self.one(
                "memory.max",
                format!("\"<={}\"", bytes(limit.effective)),
                "in force, ancestors included",
            );
        }
        if let Some(limit) = facts.pids().filter(|limit| limit.effective != UNLIMITED) {
            self.one(
                "pids.max",
                format!("\"<={}\"", limit.effective),
                "tasks in force",
            );
        }
        if let Some(cpu) = facts
            .cpu()
            .filter(|cpu| cpu.quota != UNLIMITED && cpu.period > 0)
        {
            // Rounded up to a thousandth, so that it holds.
            let thousandths = (u128::from(cpu.quota) * 1000).div_ceil(u128::from(cpu.period));
            self.one(
                "cpu.max",
                format!("\"<={}.{:03}\"", thousandths / 1000, thousandths % 1000),
                "processors' worth of time",
            );
        }
        for (key, cpus) in [
            ("cpuset.cpus", facts.cpuset_cpus()),
            ("cpus_allowed", facts.cpus_allowed()),
        ] {
            if let Some(cpus) = cpus.filter(|cpus| !cpus.is_empty()) {
                let cpus: Vec<String> = cpus.iter().map(ToString::to_string).collect();
                let within = format!("{{ within: \"{}\" }}", cpus.join(","));
                self.one(key, within, "no other processors");
            }
        }
        if let Some(nodes) = facts.cpuset_mems().filter(|nodes| !nodes.is_empty()) {
            let nodes: Vec<String> = nodes.iter().map(ToString::to_string).collect();
            let within = format!("{{ within: \"{}\" }}", nodes.join(","));
            self.one("cpuset.mems", within, "no other memory nodes");
        }
    }

    fn capabilities(&mut self, facts: &Certificate) {
        let Some(sets) = facts.capabilities() else {
            return;
        };
        let sets = [
            ("bounding", sets.bounding),
            ("permitted", sets.permitted),
            ("effective", sets.effective),
            ("inheritable", sets.inheritable),
            ("ambient", sets.ambient),
        ];
        let lines = sets.map(|(name, set)| {
            let names: Vec<String> = set_bits(set).map(capability::name).collect();
            if names.is_empty() {
                return (format!("{name}: none"), "empty".to_owned());
            }
            let missing: Vec<String> = set_bits(capability::KNOWN & !set)
                .map(capability::name)
                .collect();
            // The shorter list says the same.
            if missing.len() < names.len() {
                let text = format!("{name}: {{ without: [{}] }}", missing.join(", "));
                return (text, format!("it has {} others", names.len()));
            }
            let text = format!("{name}: {{ within: [{}] }}", names.join(", "));
            (text, format!("{} of them", names.len()))
        });
        self.several("capabilities", lines.into());
    }

    fn identity(&mut self, facts: &Certificate, host: &Certificate) {
        let ids = facts.ids();
        let user = |pick: fn(&crate::event::certificate::Ids) -> u32, map| {
            inside(ids.as_ref().map(pick)?, &map?)
        };
        let mut lines = Vec::new();
        for (key, number) in [
            ("uid", user(|ids| ids.uid, facts.uid_map())),
            ("gid", user(|ids| ids.gid, facts.gid_map())),
        ] {
            if let Some(number) = number {
                let comment = "as its own user namespace numbers it";
                lines.push((format!("{key}: {number}"), comment.to_owned()));
            }
        }
        self.several("user", lines);
        for (key, map) in [("uid_map", facts.uid_map()), ("gid_map", facts.gid_map())] {
            let root = map.and_then(|map| map.items.into_iter().find(|line| line.inside == 0));
            if root.is_some_and(|line| line.outside != 0) {
                self.one(key, "root_is_not_host_root", "0 inside is another outside");
            }
        }
        if let Some(groups) = facts.groups().zip(facts.gid_map()) {
            let (groups, map) = groups;
            let numbers: Vec<String> = groups
                .items
                .iter()
                .filter_map(|group| inside(*group, &map))
                .map(|group| group.to_string())
                .collect();
            let list = if numbers.is_empty() {
                "none".to_owned()
            } else {
                format!("[{}]", numbers.join(", "))
            };
            self.one("groups", list, "supplementary ones");
        }
        if facts.securebits() == Some(0) {
            self.one("securebits", "none", "none is set");
        }
        if let Some(set) = facts.no_new_privs() {
            let comment = "whether no exec can gain privileges";
            self.one("no_new_privs", set.to_string(), comment);
        }
        let own = facts.seccomp_filters().unwrap_or_default();
        if own > host.seccomp_filters().unwrap_or_default() {
            self.one("seccomp", "filter", format!("{own} in force"));
        } else {
            self.one("seccomp", "unconfined", "as tracer itself");
        }
    }

    fn files(&mut self, facts: &Certificate) {
        let mut root = vec!["pivoted", "not_host"];
        let read_only = PathFact::MOUNT_READ_ONLY | PathFact::FS_READ_ONLY;
        if facts.root().is_some_and(|root| root.flags & read_only != 0) {
            root.push("read_only");
        }
        let lines = root.into_iter().map(|fact| {
            let comment = match fact {
                "pivoted" => "where pivot_root puts it",
                "not_host" => "another directory than the host's",
                _ => "nothing can be written to it",
            };
            (format!("- {fact}"), comment.to_owned())
        });
        self.several("root", lines.collect());
        self.one("cwd", "inside", "of its own mount namespace");
        self.one("exe", "inside", "of its own mount namespace");
        if let Some(open) = facts.descriptors().filter(|open| !open.truncated) {
            let others: Vec<String> = open
                .items
                .iter()
                .map(|one| one.fd)
                .filter(|fd| *fd > 2)
                .map(|fd| fd.to_string())
                .collect();
            let list = if others.is_empty() {
                "none".to_owned()
            } else {
                format!("[{}]", others.join(", "))
            };
            self.one("inherited_fds", list, "beyond 0, 1 and 2");
        }
    }

    /// Those that are not tracer's own.
    fn rlimits(&mut self, facts: &Certificate, host: &Certificate) {
        let amount = |value: u64| match value {
            UNLIMITED => "max".to_owned(),
            value => value.to_string(),
        };
        let lines = (0..16).filter_map(|resource| {
            let own = facts.rlimit(resource)?;
            let of_host = host.rlimit(resource)?;
            if (own.soft, own.hard) == (of_host.soft, of_host.hard) {
                return None;
            }
            let text = format!(
                "{}: {{ soft: \"<={}\", hard: \"<={}\" }}",
                rlimit::name(resource),
                amount(own.soft),
                amount(own.hard)
            );
            Some((text, "not tracer's own".to_owned()))
        });
        self.several("rlimits", lines.collect());
    }

    /// The file, without the lines of these numbers of the file that has all.
    #[must_use]
    pub fn text(&self, title: &str, without: &BTreeSet<usize>) -> String {
        let mut text = String::new();
        for line in title.lines() {
            let _ = writeln!(text, "# {line}");
        }
        // Numbers are those of the whole file, in which every line is written.
        let mut number = text.lines().count();
        for entry in &self.0 {
            let alone = entry.is_alone();
            number += usize::from(!alone);
            let first = number + 1;
            number += entry.lines.len();
            let kept: Vec<&Line> = (first..)
                .zip(&entry.lines)
                .filter(|(number, _)| !without.contains(number))
                .map(|(_, line)| line)
                .collect();
            if kept.is_empty() {
                continue;
            }
            // Writing to a String cannot fail.
            if !alone {
                let _ = writeln!(text, "{}:", entry.key);
            }
            for line in kept {
                let Line {
                    text: value,
                    comment,
                } = line;
                let _ = if alone {
                    writeln!(text, "{}: {value}  # {comment}", entry.key)
                } else {
                    writeln!(text, "  {value}  # {comment}")
                };
            }
        }
        text
    }
}

impl Entry {
    /// The value stands on the key's own line.
    fn is_alone(&self) -> bool {
        !matches!(
            self.key,
            "namespaces" | "capabilities" | "user" | "root" | "rlimits"
        )
    }
}

fn differs(kind: NamespaceKind, facts: &Certificate, host: &Certificate) -> bool {
    let id = |facts: &Certificate| facts.namespaces()?.get(NamespaceSlot::own(kind));
    id(facts) != id(host)
}

fn inside(id: u32, map: &Partial<IdExtent>) -> Option<u32> {
    map.items.iter().find_map(|line| {
        let offset = id.checked_sub(line.outside)?;
        (offset < line.count).then(|| line.inside.checked_add(offset))?
    })
}

/// An amount of memory in the largest unit in which it is whole.
fn bytes(bytes: u64) -> String {
    let units = [("Ti", 40), ("Gi", 30), ("Mi", 20), ("Ki", 10)];
    let whole = units
        .into_iter()
        .find(|(_, shift)| bytes > 0 && bytes.trailing_zeros() >= *shift);
    whole.map_or_else(
        || bytes.to_string(),
        |(unit, shift)| format!("{}{unit}", bytes >> shift),
    )
}

/// In YAML's double quotes, which take JSON's escapes.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expect::file::parse;
    use crate::verdict::sample::Scenario;

    fn observed() -> Observed {
        let outcome = Scenario::good().play();
        let seen = outcome.observation.exec.as_ref().expect("an exec");
        let host = outcome.observation.host().expect("a baseline");
        let devices = Devices::of(&seen.certificate, outcome.model.device_programs(), []);
        Observed::new(&seen.certificate, host, devices.ok().as_ref())
    }

    #[test]
    fn the_whole_file_is_understood_and_every_line_has_a_comment() {
        let text = observed().text("observed", &BTreeSet::new());
        let list = parse(&text, "f").unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert!(list.len() > 20, "{text}");
        for line in text.lines().filter(|line| !line.ends_with(':')) {
            assert!(line.contains("# "), "{line}");
        }
    }

    #[test]
    fn lines_that_are_left_out_take_their_key_with_them_when_they_are_all() {
        let whole = observed().text("observed", &BTreeSet::new());
        for (index, line) in whole.lines().enumerate() {
            if line.ends_with(':') || line.starts_with("# ") {
                continue;
            }
            let text = observed().text("observed", &[index + 1].into());
            assert!(!text.contains(line), "{line}\n{text}");
            parse(&text, "f").unwrap_or_else(|error| panic!("{error}\n{text}"));
        }
        let first = whole.lines().position(|line| line == "user:").expect("ids");
        let text = observed().text("observed", &[first + 2, first + 3].into());
        assert!(!text.contains("user:"), "{text}");
    }

    #[test]
    fn amounts_of_memory_are_written_whole() {
        assert_eq!(bytes(64 << 20), "64Mi");
        assert_eq!(bytes(4097), "4097");
        assert_eq!(bytes(0), "0");
    }
}
