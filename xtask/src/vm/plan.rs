//! Which tests a guest runs. Owns the choice: those that need root, as the others are the same on
//! every kernel, without those that need container runtimes that the guest has not.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};
use serde_json::Value;

use super::runtimes::{Runtime, are_enough};
use crate::exit::Unable;
use crate::shell;

/// Test programs whose tests observe other runtimes, of which a guest has some.
const WITH_RUNTIMES: [&str; 1] = ["foreign"];
/// Test programs of which some tests observe those that are there, and leave out the others.
const WITH_SOME_RUNTIMES: [&str; 2] = ["audit", "verify"];
/// Test programs whose tests want systemd as the first process, which few guests have.
const WITH_SYSTEMD: [&str; 1] = ["systemd"];

/// What a guest has that tests may want.
#[derive(Clone, Copy)]
pub struct Has<'a> {
    pub runtimes: &'a [&'a Runtime],
    /// Systemd is its first process; then the tests that want it are run, unless others are asked for.
    pub systemd: bool,
}

impl Has<'_> {
    fn all_for(self, suite: &str, test: &str) -> bool {
        if WITH_SYSTEMD.contains(&suite) {
            return self.systemd;
        }
        !WITH_RUNTIMES.contains(&suite) || are_enough(self.runtimes, test)
    }

    fn is_wanted(self, suite: &str, filter: &[String], shown: &str) -> bool {
        if filter.is_empty() {
            return !self.systemd || WITH_SYSTEMD.contains(&suite);
        }
        filter.iter().any(|part| shown.contains(part))
    }
}

/// A program that holds tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suite {
    pub name: String,
    /// What cargo made it of: `lib`, `bin` or `test`.
    pub kind: String,
    pub program: PathBuf,
    /// Its package's folder, in which its tests are run.
    pub folder: PathBuf,
    /// The tests to run.
    pub tests: Vec<String>,
}

/// What is run, and what of the tests that were asked for is not.
#[derive(Debug, PartialEq, Eq)]
pub struct Plan {
    pub suites: Vec<Suite>,
    /// How many of which test program, and why.
    pub left_out: Vec<(String, usize)>,
    /// The names of all tests that a guest can run, whether they were asked for or not.
    pub all: Vec<String>,
}

impl Plan {
    /// Asks every test program for its tests.
    pub fn make(messages: &str, filter: &[String], has: Has<'_>) -> Result<Self> {
        let mut suites = programs(messages);
        for suite in &mut suites {
            // What is not ignored needs no root.
            let mut list = Command::new(&suite.program);
            list.args(["--list", "--format=terse", "--ignored"]);
            suite.tests = tests(&shell::read(list.current_dir(&suite.folder))?);
        }
        let plan = Self::choose(suites, filter, has);
        // Of a list of tests, one whose name was changed must not be missed.
        let lines = plan.lines();
        let missed = filter
            .iter()
            .find(|part| !shown(&lines).any(|name| name.contains(*part)));
        if let Some(part) = missed {
            bail!(Unable(format!(
                "no test that a guest can run has {part} in its name"
            )));
        }
        Ok(plan)
    }

    fn choose(suites: Vec<Suite>, filter: &[String], has: Has<'_>) -> Self {
        let mut plan = Self {
            suites: Vec::new(),
            left_out: Vec::new(),
            all: Vec::new(),
        };
        for mut suite in suites {
            let shown = |test: &String| format!("{}::{test}", suite.name);
            let can = |test: &str| has.all_for(&suite.name, test);
            let able = suite.tests.iter().filter(|test| can(test));
            plan.all.extend(able.map(shown));
            suite
                .tests
                .retain(|test| has.is_wanted(&suite.name, filter, &shown(test)));
            let asked = suite.tests.len();
            suite.tests.retain(|test| can(test));
            if asked > suite.tests.len() {
                let left = asked - suite.tests.len();
                plan.left_out.push((suite.name.clone(), left));
            }
            if !suite.tests.is_empty() {
                plan.suites.push(suite);
            }
        }
        plan
    }

    /// The same tests, in programs that were built for another architecture and cannot be asked here.
    pub fn of_programs(self, messages: &str) -> Result<Self> {
        let others = programs(messages);
        let mut suites = Vec::new();
        for suite in self.suites {
            let of = |suite: &Suite| (suite.name.clone(), suite.kind.clone(), suite.folder.clone());
            let mut same = others.iter().filter(|other| of(other) == of(&suite));
            match (same.next(), same.next()) {
                (Some(other), None) => suites.push(Suite {
                    program: other.program.clone(),
                    ..suite
                }),
                _ => bail!("not one program, built for the guest, is {}", suite.name),
            }
        }
        Ok(Self { suites, ..self })
    }

    /// Whether any of its tests observes other runtimes.
    pub fn needs_runtimes(&self) -> bool {
        let mut names = self.suites.iter().map(|suite| suite.name.as_str());
        names.any(|name| WITH_RUNTIMES.contains(&name) || WITH_SOME_RUNTIMES.contains(&name))
    }

    /// How many tests are run.
    pub fn count(&self) -> usize {
        self.suites.iter().map(|suite| suite.tests.len()).sum()
    }

    /// As the guest reads it: a line a test with its shown name, program, folder and own name.
    pub fn lines(&self) -> String {
        let line = |suite: &Suite, test: &String| {
            let (program, folder) = (suite.program.display(), suite.folder.display());
            format!("{}::{test}\t{program}\t{folder}\t{test}\n", suite.name)
        };
        self.suites
            .iter()
            .flat_map(|suite| suite.tests.iter().map(move |test| line(suite, test)))
            .collect()
    }
}

/// The shown names of a plan's lines.
fn shown(lines: &str) -> impl Iterator<Item = &str> {
    lines.lines().filter_map(|line| line.split('\t').next())
}

/// The test programs among cargo's messages.
fn programs(messages: &str) -> Vec<Suite> {
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let suites = messages.filter_map(|message| {
        if message["profile"]["test"] != true {
            return None;
        }
        Some(Suite {
            name: message["target"]["name"].as_str()?.to_owned(),
            kind: message["target"]["kind"][0].as_str()?.to_owned(),
            program: message["executable"].as_str()?.into(),
            folder: Path::new(message["manifest_path"].as_str()?)
                .parent()?
                .to_owned(),
            tests: Vec::new(),
        })
    });
    let mut suites: Vec<Suite> = suites.collect();
    suites.sort_by(|a, b| (&a.name, &a.program).cmp(&(&b.name, &b.program)));
    suites
}

/// The other programs of this package and their like: what tests start by their path.
pub fn companions(messages: &str) -> Vec<PathBuf> {
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let programs = messages.filter(|message| message["profile"]["test"] == false);
    programs
        .filter(|message| message["target"]["kind"][0] == "bin")
        .filter(|message| message["target"]["name"] != "xtask")
        .filter_map(|message| Some(message["executable"].as_str()?.into()))
        .collect()
}

/// The names in a listing of a test program's own.
fn tests(listing: &str) -> Vec<String> {
    let names = listing
        .lines()
        .filter_map(|line| line.strip_suffix(": test"));
    names.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Has<'_> = Has {
        runtimes: &[],
        systemd: false,
    };

    fn suite(name: &str, tests: &[&str]) -> Suite {
        Suite {
            name: name.to_owned(),
            kind: "test".to_owned(),
            program: format!("target/{name}-1").into(),
            folder: "tests".into(),
            tests: tests.iter().map(|&test| test.to_owned()).collect(),
        }
    }

    #[test]
    fn tests_with_other_runtimes_are_left_out_by_name() {
        let suites = vec![suite("foreign", &["a", "b"]), suite("truth", &["c::d"])];
        let plan = Plan::choose(suites, &[], NOTHING);
        assert_eq!(plan.left_out, [("foreign".to_owned(), 2)]);
        assert_eq!(plan.count(), 1);
        assert_eq!(plan.lines(), "truth::c::d\ttarget/truth-1\ttests\tc::d\n");
    }

    #[test]
    fn tests_with_a_runtime_that_the_guest_has_are_run() {
        let tests = ["enforced::runc::a", "enforced::lxc::a", "enough"];
        let suites = vec![suite("foreign", &tests)];
        let runtimes = crate::vm::runtimes::there(|program| program == "runc");
        let has = Has {
            runtimes: &runtimes,
            systemd: false,
        };
        let plan = Plan::choose(suites, &[], has);
        assert_eq!(plan.all, ["foreign::enforced::runc::a"]);
        assert_eq!(plan.left_out, [("foreign".to_owned(), 2)]);
        assert!(plan.needs_runtimes());
    }

    #[test]
    fn who_observes_those_that_are_there_gets_them() {
        for (name, needs) in [("verify", true), ("audit", true), ("truth", false)] {
            let plan = Plan::choose(vec![suite(name, &["a"])], &[], NOTHING);
            assert_eq!(plan.needs_runtimes(), needs, "{name}");
        }
    }

    #[test]
    fn tests_that_want_systemd_are_run_where_it_is_and_alone_unless_others_are_asked_for() {
        let suites = || vec![suite("systemd", &["a"]), suite("truth", &["b"])];
        let names = |filter: &[String], systemd| {
            let has = Has { systemd, ..NOTHING };
            let lines = Plan::choose(suites(), filter, has).lines();
            shown(&lines).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(names(&[], false), ["truth::b"]);
        assert_eq!(names(&[], true), ["systemd::a"]);
        assert_eq!(names(&["::b".to_owned()], true), ["truth::b"]);
        assert!(names(&["systemd".to_owned()], false).is_empty());
    }

    #[test]
    fn the_same_tests_are_found_in_other_programs_and_none_is_guessed() {
        let artifact = |name: &str, program: &str| {
            format!(
                "{{\"target\":{{\"name\":\"{name}\",\"kind\":[\"test\"]}},\"profile\":{{\"test\":true}},\
                \"executable\":\"{program}\",\"manifest_path\":\"tests/Cargo.toml\"}}\n"
            )
        };
        let plan = || Plan::choose(vec![suite("truth", &["a"])], &[], NOTHING);
        let (one, two) = (
            artifact("truth", "arm/truth-2"),
            artifact("truth", "arm/truth-3"),
        );
        let other = plan()
            .of_programs(&(artifact("loss", "arm/loss-1") + &one))
            .unwrap();
        assert_eq!(other.lines(), "truth::a\tarm/truth-2\ttests\ta\n");
        assert!(plan().of_programs(&artifact("loss", "arm/loss-1")).is_err());
        assert!(plan().of_programs(&(one + &two)).is_err());
    }

    #[test]
    fn a_filter_is_part_of_the_whole_name() {
        let suites = || vec![suite("loss", &["a"]), suite("truth", &["a", "b"])];
        let count = |filter: &str| Plan::choose(suites(), &[filter.to_owned()], NOTHING).count();
        assert_eq!(count("truth::"), 2);
        assert_eq!(count("::a"), 2);
        assert_eq!(count("truth::b"), 1);
        assert_eq!(count("none"), 0);
    }

    #[test]
    fn only_test_programs_are_asked_and_only_tests_are_listed() {
        let artifact = |name: &str, test: bool| {
            format!(
                "{{\"target\":{{\"name\":\"{name}\",\"kind\":[\"bin\"]}},\"profile\":{{\"test\":{test}}},\
                \"executable\":\"target/{name}\",\"manifest_path\":\"tests/Cargo.toml\"}}\n"
            )
        };
        let messages =
            artifact("truth", true) + &artifact("actor", false) + &artifact("xtask", false);
        let found = programs(&messages);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].folder, Path::new("tests"));
        assert_eq!(companions(&messages), [PathBuf::from("target/actor")]);
        assert_eq!(tests("a::b: test\nc: benchmark\n"), ["a::b"]);
    }
}
