//! What runs of the tests came to, kernel by kernel and layout by layout of cgroups: kept as data in
//! docs/kernels-tested.json, from which tables in the documentation are written. Owns what of tracer a
//! group of tests stands for. Pure but for that one file.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value, json};

use super::console::word;
use crate::shell;

const KEPT: &str = "docs/kernels-tested.json";
/// Whoever writes that holds a lock on this.
const LOCK: &str = "target/kernels-tested.lock";

const REFUSE: &str = "refuse by LSM";
/// Said by tests that pass by showing the opposite of that: changes are detected.
const REFUSES_NONE: &str = "skipped: this kernel refuses no changes of namespaces";

/// What of tracer is shown by which tests, by the beginnings of their names.
const CAPABILITIES: [(&str, &[&str]); 12] = [
    ("every test", &[""]),
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
    (REFUSE, &["verify::prevent::"]),
    ("other runtimes", &["foreign::"]),
    ("enforce on other runtimes", &["foreign::enforced::"]),
    ("loss is told", &["loss::", "verify::loss::"]),
];

/// What one machine said of the tests that it ran.
pub struct Said<'a> {
    /// The kernel's name in the list.
    pub name: &'a str,
    pub layout: &'a str,
    /// All that it said, to its end or not.
    pub console: &'a str,
    /// Names of all tests that a guest can run, whether it was given them or not.
    pub all: &'a [String],
    /// As `2026-11-25`.
    pub date: &'a str,
}

impl Said<'_> {
    /// Groups of tests of which every single one has ended: a part of one shows nothing.
    fn groups(&self) -> Map<String, Value> {
        let lines = || self.console.lines().map(str::trim_end);
        let ended = |kind: &'static str| lines().filter_map(move |line| word(line, kind));
        let mut groups = Map::new();
        for (group, starts) in CAPABILITIES {
            let of = |name: &str| starts.iter().any(|start| name.starts_with(start));
            // This machine's tests are more than those of guests.
            let known = |rest: &str| {
                let name = rest.split(' ').next().unwrap_or_default();
                of(name) && self.all.iter().any(|one| one == name.trim_end_matches(':'))
            };
            let count = |kind| ended(kind).filter(|rest| known(rest)).count();
            let (mut passed, skipped, failed) = (count("ok"), count("skip"), count("FAIL"));
            let total = self.all.iter().filter(|name| of(name)).count();
            if total == 0 || passed + skipped + failed != total {
                continue;
            }
            let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
            for rest in ended("skip").filter(|rest| of(rest)) {
                let reason = rest.split_once(": ").map_or("", |(_, reason)| reason);
                *reasons.entry(reason).or_default() += 1;
            }
            let opposite = |rest: &str| of(rest) && rest.ends_with(REFUSES_NONE);
            if group == REFUSE && ended("note:").any(opposite) {
                reasons.insert(REFUSES_NONE, passed);
                passed = 0;
            }
            let kept = json!({
                "passed": passed, "failed": failed, "skipped": reasons, "date": self.date,
            });
            groups.insert(group.to_owned(), kept);
        }
        groups
    }

    /// Keeps them, each in place of an earlier one of the same group in the same machine.
    pub fn keep(&self) -> Result<()> {
        // Of machines that end at the same time, each is to find what the others have kept.
        let turn = File::create(shell::root().join(LOCK)).context("cannot take turns")?;
        turn.lock().context("cannot wait for a turn")?;
        let mut all = kept()?;
        self.merge(&mut all);
        let text = serde_json::to_string_pretty(&all)? + "\n";
        fs::write(path(), text).with_context(|| format!("cannot write {KEPT}"))
    }

    fn merge(&self, all: &mut Vec<Value>) {
        let groups = self.groups();
        let release = self
            .console
            .lines()
            .find_map(|line| word(line.trim_end(), "kernel"));
        let same = |one: &Value| one["kernel"] == self.name && one["cgroups"] == self.layout;
        if !all.iter().any(same) {
            all.push(json!({ "kernel": self.name, "cgroups": self.layout, "groups": {} }));
        }
        for one in all.iter_mut().filter(|one| same(one)) {
            one["release"] = json!(release);
            for (group, kept) in &groups {
                one["groups"][group] = kept.clone();
            }
        }
        all.retain(|one| {
            one["groups"]
                .as_object()
                .is_some_and(|groups| !groups.is_empty())
        });
        all.sort_by_key(|one| (text(one, "kernel"), text(one, "cgroups")));
    }
}

/// What a test runner's JUnit file tells, in the words of a guest. Tests are named there by their
/// program, as `tracer-tests::verify`, and their own name. A test that was not run whole on this machine does
/// not show there, so that it must lack nothing.
pub fn console_of_junit(xml: &str, release: &str) -> String {
    let mut console = format!("tracer-vm kernel {release}\n");
    let attribute = |element: &str, name: &str| {
        let (_, rest) = element.split_once(&format!(" {name}=\""))?;
        Some(rest.split_once('"')?.0.to_owned())
    };
    for element in xml.split("<testcase ").skip(1) {
        let element = element.split("</testsuite>").next().unwrap_or(element);
        let element = format!(" {element}");
        let (Some(test), Some(class)) = (
            attribute(&element, "name"),
            attribute(&element, "classname"),
        ) else {
            continue;
        };
        let suite = class.rsplit("::").next().unwrap_or(&class);
        let failed = ["<failure", "<error"]
            .iter()
            .any(|kind| element.contains(kind));
        let word = if failed { "FAIL" } else { "ok" };
        let _infallible = writeln!(console, "tracer-vm {word} {suite}::{test} 0.0 s");
    }
    console
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
fn cell(kept: &Value) -> String {
    let count = |of: &str| kept[of].as_u64().unwrap_or_default();
    match (count("passed"), count("failed")) {
        _ if kept.is_null() => "not run".to_owned(),
        (0, 0) => "lacks it".to_owned(),
        (passed, 0) => passed.to_string(),
        (passed, failed) => format!("{passed} of {}", passed + failed),
    }
}

fn runs(all: &[Value]) -> String {
    let mut table = "| kernel | cgroups | group of tests | run on | passed | failed | skipped |\n\
                     |---|---|---|---|---|---|---|\n"
        .to_owned();
    for one in all {
        for (group, _) in CAPABILITIES {
            let kept = &one["groups"][group];
            if kept.is_null() {
                continue;
            }
            let skipped = kept["skipped"].as_object();
            let reasons = skipped.into_iter().flatten().map(|(reason, count)| {
                format!("{count}: {}", reason.trim_start_matches("skipped: "))
            });
            let reasons: Vec<String> = reasons.collect();
            let _infallible = writeln!(
                table,
                "| {} | {} | {group} | {} | {} | {} | {} |",
                text(one, "release"),
                text(one, "cgroups"),
                text(kept, "date"),
                kept["passed"],
                kept["failed"],
                reasons.join("; ")
            );
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONSOLE: &str = "tracer-vm kernel 6.1.0\r\ntracer-vm start truth::hooks::a\r\n\
        tracer-vm ok truth::hooks::a 1.0 s\r\n\
        tracer-vm skip truth::ways::clone3_into_a_cgroup_by_name: skipped: this machine has no cgroup v2\r\n\
        tracer-vm ok verify::enforce::b 2.0 s\r\ntracer-vm FAIL loss::d 2.0 s: exit code 101\r\n";

    fn merged(others: &[&str]) -> Vec<Value> {
        let own = [
            "truth::hooks::a",
            "truth::ways::clone3_into_a_cgroup_by_name",
            "verify::enforce::b",
            "loss::d",
        ];
        let all = own.iter().chain(others).map(|name| (*name).to_owned());
        let all: Vec<String> = all.collect();
        let said = Said {
            name: "6.1",
            layout: "v1",
            console: CONSOLE,
            all: &all,
            date: "2026-11-25",
        };
        let mut kept = Vec::new();
        said.merge(&mut kept);
        said.merge(&mut kept);
        kept
    }

    #[test]
    fn each_cell_is_what_tests_have_shown_and_a_skip_shows_nothing() {
        let table = capabilities(&merged(&[]));
        let row = table.lines().last().unwrap();
        assert_eq!(
            row,
            "| 6.1 | v1 | 2 of 3 | 1 | 1 | not run | not run | lacks it | 1 | 1 | not run | not run | \
             not run | 0 of 1 |"
        );
    }

    #[test]
    fn a_kernel_that_refuses_nothing_shows_no_refusal() {
        let console = "tracer-vm kernel 6.1.0\ntracer-vm ok verify::prevent::a 1.0 s\n\
            tracer-vm note: verify::prevent::a: skipped: this kernel refuses no changes of namespaces\n\
            tracer-vm ok verify::prevent::b 1.0 s\n";
        let all = ["verify::prevent::a", "verify::prevent::b"].map(str::to_owned);
        let cells = |console: &str| {
            let said = Said {
                name: "6.1-arm64",
                layout: "v2",
                console,
                all: &all,
                date: "2026-11-28",
            };
            let groups = said.groups();
            (cell(&groups[REFUSE]), cell(&groups["verify"]))
        };
        let of = |refuse: &str| (refuse.to_owned(), "2".to_owned());
        assert_eq!(cells(console), of("lacks it"));
        assert_eq!(cells(&console.replace("note", "word")), of("2"));
    }

    #[test]
    fn a_part_of_a_group_shows_nothing() {
        let table = capabilities(&merged(&["verify::enforce::c", "verify::drift::d"]));
        let row = table.lines().last().unwrap();
        assert_eq!(
            row,
            "| 6.1 | v1 | not run | 1 | 1 | not run | not run | lacks it | not run | not run | \
             not run | not run | not run | 0 of 1 |"
        );
    }

    #[test]
    fn a_run_is_told_with_what_it_skipped_and_why() {
        let table = runs(&merged(&[]));
        let observe = table.lines().find(|line| line.contains("| observe |"));
        assert_eq!(
            observe.unwrap(),
            "| 6.1.0 | v1 | observe | 2026-11-25 | 1 | 0 | 1: this machine has no cgroup v2 |"
        );
    }

    #[test]
    fn a_junit_file_tells_the_same_of_this_machine() {
        let xml = "<testsuites><testsuite name=\"tracer-tests::truth\">\n\
            <testcase name=\"hooks::a\" classname=\"tracer-tests::truth\" time=\"0.1\"/>\n\
            <testcase name=\"b\" classname=\"tracer-tests::loss\" time=\"0.1\">\n<failure/></testcase>\n\
            </testsuite></testsuites>\n";
        assert_eq!(
            console_of_junit(xml, "6.18.1"),
            "tracer-vm kernel 6.18.1\ntracer-vm ok truth::hooks::a 0.0 s\n\
             tracer-vm FAIL loss::b 0.0 s\n"
        );
    }

    #[test]
    fn only_parts_of_its_own_are_its_own() {
        assert!(markdown("hooks").unwrap().is_none());
        assert!(markdown("kernel-rnus").is_err());
    }
}
