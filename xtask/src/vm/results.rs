//! What whole runs of the tests came to, kernel by kernel and layout by layout of cgroups: kept as data in
//! docs/kernels-tested.json, from which tables in the documentation are written. Owns what of tracer a
//! group of tests stands for. Pure but for that one file.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::console::word;
use crate::shell;

const KEPT: &str = "docs/kernels-tested.json";

/// What of tracer is shown by which tests, by the beginnings of their names.
const CAPABILITIES: [(&str, &[&str]); 9] = [
    ("observe", &["truth::"]),
    (
        "each way of each hook",
        &["truth::hooks::", "verify::hooks::"],
    ),
    (
        "run",
        &[
            "launch::",
            "lifecycle::",
            "sabotage::",
            "cli::",
            "bad_input::",
        ],
    ),
    (
        "limits in force",
        &["sabotage::limits::", "verify::raised::"],
    ),
    (
        "clone into a cgroup",
        &[
            "truth::ways::clone3_into_a_cgroup",
            "sabotage::cgroups::leaving_out_clone_into_cgroup",
        ],
    ),
    ("verify", &["verify::"]),
    ("enforce", &["verify::enforce::"]),
    ("refuse by LSM", &["verify::prevent::"]),
    ("loss is told", &["loss::", "verify::loss::"]),
];

/// A run of all tests in one machine that ended green.
pub struct Whole<'a> {
    /// The kernel's name in the list, or `host`.
    pub name: &'a str,
    pub layout: &'a str,
    /// All that the machine said.
    pub console: &'a str,
    /// As `2026-11-25`.
    pub date: &'a str,
}

/// Counts of a group of tests: passed, and skipped.
type Counts = (u64, u64);

impl Whole<'_> {
    /// As it is kept: counts by group, names of what was skipped and why.
    fn entry(&self) -> Value {
        let lines = || self.console.lines().map(str::trim_end);
        let kernel = lines().find_map(|line| word(line, "kernel"));
        let passed = lines().filter_map(|line| Some((word(line, "ok")?.split(' ').next()?, true)));
        let skips = lines().filter_map(|line| word(line, "skip")?.split_once(": "));
        let skipped = skips.clone().map(|(name, _)| (name, false));
        let mut groups: BTreeMap<&str, Counts> = BTreeMap::new();
        for (name, passed) in passed.chain(skipped) {
            let of = CAPABILITIES.iter();
            let of = of.filter(|(_, starts)| starts.iter().any(|start| name.starts_with(start)));
            for (capability, _) in of {
                let counts = groups.entry(capability).or_default();
                *if passed { &mut counts.0 } else { &mut counts.1 } += 1;
            }
        }
        let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, reason) in skips {
            reasons.entry(reason).or_default().push(name);
        }
        let total = lines().filter(|line| word(line, "ok").is_some()).count();
        json!({
            "kernel": self.name,
            "release": kernel,
            "cgroups": self.layout,
            "date": self.date,
            "passed": total,
            "skipped": reasons,
            "groups": groups
                .iter()
                .map(|(name, (passed, skipped))| {
                    ((*name).to_owned(), json!({ "passed": passed, "skipped": skipped }))
                })
                .collect::<serde_json::Map<_, _>>(),
        })
    }

    /// Keeps it, in place of an earlier one of the same machine.
    pub fn keep(&self) -> Result<()> {
        let mut all = kept()?;
        all.retain(|one| one["kernel"] != self.name || one["cgroups"] != self.layout);
        all.push(self.entry());
        all.sort_by_key(|one| (text(one, "kernel"), text(one, "cgroups")));
        let text = serde_json::to_string_pretty(&all)? + "\n";
        fs::write(path(), text).with_context(|| format!("cannot write {KEPT}"))
    }
}

fn path() -> PathBuf {
    shell::root().join(KEPT)
}

fn kept() -> Result<Vec<Value>> {
    match fs::read_to_string(path()) {
        Ok(text) => serde_json::from_str(&text).with_context(|| KEPT.to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| format!("cannot read {KEPT}")),
    }
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}

/// The generated parts of the documentation that are written from it, by name.
pub fn markdown(name: &str) -> Result<Option<String>> {
    match name {
        "kernels" => Ok(Some(capabilities(&kept()?))),
        "kernel-runs" => Ok(Some(runs(&kept()?))),
        _ if name.starts_with("kernel") => bail!("there is no generated part `{name}`"),
        _ => Ok(None),
    }
}

fn capabilities(all: &[Value]) -> String {
    let mut table = "| kernel | cgroups |".to_owned();
    for (name, _) in CAPABILITIES {
        let _infallible = write!(table, " {name} |");
    }
    table.push_str("\n|---|---|");
    table.push_str(&"---|".repeat(CAPABILITIES.len()));
    table.push('\n');
    for one in all {
        let _infallible = write!(
            table,
            "| {} | {} |",
            text(one, "kernel"),
            text(one, "cgroups")
        );
        for (name, _) in CAPABILITIES {
            let _infallible = write!(table, " {} |", cell(&one["groups"][name]));
        }
        table.push('\n');
    }
    table
}

/// How many tests have shown it; nothing has where all of them were skipped.
fn cell(counts: &Value) -> String {
    let count = |of: &str| counts[of].as_u64().unwrap_or_default();
    match (count("passed"), count("skipped")) {
        (0, 0) => "not run".to_owned(),
        (0, _) => "lacks it".to_owned(),
        (passed, _) => passed.to_string(),
    }
}

fn runs(all: &[Value]) -> String {
    let mut table =
        "| kernel | release | cgroups | run on | passed | skipped |\n|---|---|---|---|---|---|\n"
            .to_owned();
    for one in all {
        let skipped = one["skipped"].as_object();
        let reasons = skipped.into_iter().flatten().map(|(reason, names)| {
            let count = names.as_array().map_or(0, Vec::len);
            format!("{count}: {}", reason.trim_start_matches("skipped: "))
        });
        let reasons: Vec<String> = reasons.collect();
        let skipped = if reasons.is_empty() {
            "0".to_owned()
        } else {
            reasons.join("; ")
        };
        let _infallible = writeln!(
            table,
            "| {} | {} | {} | {} | {} | {skipped} |",
            text(one, "kernel"),
            text(one, "release"),
            text(one, "cgroups"),
            text(one, "date"),
            one["passed"]
        );
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONSOLE: &str = "tracer-vm kernel 6.1.0\r\ntracer-vm start truth::hooks::a\r\n\
        tracer-vm ok truth::hooks::a 1.0 s\r\n\
        tracer-vm skip truth::ways::clone3_into_a_cgroup_by_name: skipped: this machine has no cgroup v2\r\n\
        tracer-vm ok verify::enforce::b 2.0 s\r\ntracer-vm verdict: 2 passed, 0 failed, 1 skipped\r\n";

    fn entry() -> Value {
        let whole = Whole {
            name: "6.1",
            layout: "v1",
            console: CONSOLE,
            date: "2026-11-25",
        };
        whole.entry()
    }

    #[test]
    fn each_cell_is_what_tests_have_shown_and_a_skip_shows_nothing() {
        let all = [entry()];
        let table = capabilities(&all);
        let row = table.lines().last().unwrap();
        assert_eq!(
            row,
            "| 6.1 | v1 | 1 | 1 | not run | not run | lacks it | 1 | 1 | not run | not run |"
        );
    }

    #[test]
    fn a_run_is_told_with_what_it_skipped_and_why() {
        let table = runs(&[entry()]);
        let row = table.lines().last().unwrap();
        assert_eq!(
            row,
            "| 6.1 | 6.1.0 | v1 | 2026-11-25 | 2 | 1: this machine has no cgroup v2 |"
        );
    }

    #[test]
    fn only_parts_of_its_own_are_its_own() {
        assert!(markdown("hooks").unwrap().is_none());
        assert!(markdown("kernel-rnus").is_err());
    }
}
