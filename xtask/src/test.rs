//! `cargo xtask test`: every test this machine can run, and a named list of those it cannot. Owns
//! the choice of runner and of tests; timeouts and what runs alone are in .config/nextest.toml.

use std::collections::BTreeMap;
use std::env;
use std::path::Path;
use std::process::Command;
use std::thread;

use anyhow::{Context as _, Result, anyhow, bail};
use clap::Args;
use serde_json::Value;

use crate::exit::{Found, Unable};
use crate::{route, setup, shell, vm};

#[derive(Args, Default)]
pub struct Options {
    /// Leave nothing out: fail where the tests that need root cannot run, and run them on every
    /// kernel in every layout of cgroups
    #[arg(long)]
    all: bool,
    /// Keep what this kernel's tests came to, with --all those of the others, too, in docs/kernels-tested.json
    #[arg(long, conflicts_with = "filter")]
    keep: bool,
    /// Names of tests, or options of the test runner
    #[arg(last = true)]
    filter: Vec<String>,
}

/// Tells tests where the program under test is.
const PROGRAM_VAR: &str = "TRACER_BIN";

/// Where the profile `ci` of .config/nextest.toml has its results.
const JUNIT: &str = "target/nextest/ci/junit.xml";

/// The command.
pub fn command(options: &Options) -> Result<()> {
    let root = shell::is_root()?;
    if options.all && !root {
        bail!(Unable(format!(
            "the tests that observe the kernel need root; run `{}`, or leave out --all to run the others",
            shell::as_root("test --all")
        )));
    }
    setup::ensure(&setup::TEST)?;
    let program = shell::build_for_tests()?;
    if options.filter.is_empty() {
        shell::run_quietly(&mut test_command(&["test", "--doc"], &program))?;
        println!("examples in the documentation: passed");
    }
    let here = || {
        if route::find_program("cargo-nextest").is_some() {
            with_nextest(options, &program, root)
        } else {
            with_cargo(options, &program, root)
        }
    };
    if !options.filter.is_empty() {
        return here();
    }
    // What is found on this kernel does not keep the others from being looked at.
    let (here, elsewhere) = if options.all {
        let matrix = vm::command(&vm::Options::everything(options.keep));
        (here(), both(matrix, vm::command(&vm::Options::systemd())))
    } else {
        with_another_kernel(here)
    };
    if root {
        // The tests themselves say so, too, where nobody reads it when they pass.
        for without in setup::left_out() {
            println!("skipped: tests that observe another program: {without}");
        }
    }
    both(here, elsewhere)
}

/// What two runs found together.
fn both(one: Result<()>, other: Result<()>) -> Result<()> {
    match (one, other) {
        (Err(one), Err(other)) => bail!(Found(format!("{one:#}; {other:#}"))),
        (one, other) => one.and(other),
    }
}

/// Runs the tests `here` while a handful of them is run on other kernels, and those that want systemd
/// as the first process where it is: the tests that observe this kernel run one at a time, which leaves a
/// processor idle.
fn with_another_kernel(here: impl FnOnce() -> Result<()>) -> (Result<()>, Result<()>) {
    let needed = env::var_os("CI").is_some();
    let guests = [vm::Options::handful(), vm::Options::systemd()].map(|one| vm::prepare(&one));
    thread::scope(|scope| {
        let elsewhere = scope.spawn(move || {
            let results = guests.map(|guests| or_skipped(guests.and_then(|all| all.run()), needed));
            results.into_iter().reduce(both).unwrap_or(Ok(()))
        });
        let here = here();
        let elsewhere = elsewhere.join();
        (
            here,
            elsewhere.unwrap_or_else(|_| Err(anyhow!("the thread of the other kernel panicked"))),
        )
    })
}

/// A machine that cannot have any says so by name, which is red where everything must be looked at.
fn or_skipped(result: Result<()>, needed: bool) -> Result<()> {
    match result {
        Err(error) if error.is::<Unable>() && !needed => {
            println!("skipped: the tests on other kernels: {error:#}");
            Ok(())
        }
        result => result,
    }
}

fn with_nextest(options: &Options, program: &Path, root: bool) -> Result<()> {
    if !root {
        report_left_out(program)?;
    }
    let mut nextest = test_command(&["nextest", "run"], program);
    if env::var_os("CI").is_some() || options.keep {
        nextest.args(["--profile", "ci"]);
    }
    if root {
        nextest.args(["--run-ignored", "all"]);
    }
    let result = shell::run(nextest.args(&options.filter));
    if options.keep {
        vm::keep_own(&shell::root().join(JUNIT))?;
    }
    result
}

/// Plain cargo has no groups of tests that run alone, so with root tests all of them do.
fn with_cargo(options: &Options, program: &Path, root: bool) -> Result<()> {
    let mut cargo = test_command(&["test", "--all-targets", "--no-fail-fast"], program);
    cargo.arg("--").args(&options.filter);
    if root {
        cargo.args(["--include-ignored", "--test-threads=1"]);
    } else {
        println!(
            "left out: the tests listed as ignored below need root; run `{}` for them",
            shell::as_root("test")
        );
    }
    shell::run(&mut cargo)
}

/// Says which tests need root, so that leaving them out is never silent.
fn report_left_out(program: &Path) -> Result<()> {
    let mut list = test_command(&["nextest", "list"], program);
    list.args(["--run-ignored", "only", "--message-format", "json"]);
    let left_out = ignored_tests(&shell::read(&mut list)?)?;
    let count: usize = left_out.values().sum();
    if count > 0 {
        let binaries: Vec<String> = left_out
            .iter()
            .map(|(binary, count)| format!("{count} in {binary}"))
            .collect();
        println!(
            "left out: {count} tests that need root ({}); run `{}` for them",
            binaries.join(", "),
            shell::as_root("test")
        );
    }
    Ok(())
}

/// How many ignored tests each test binary has, from nextest's own listing.
fn ignored_tests(listing: &str) -> Result<BTreeMap<String, usize>> {
    let listing: Value =
        serde_json::from_str(listing).context("cannot read nextest's list of tests")?;
    let suites = listing["rust-suites"]
        .as_object()
        .context("nextest's list of tests names no binaries")?;
    let count = |suite: &Value| {
        let cases = suite["testcases"].as_object();
        cases.map_or(0, |cases| {
            cases
                .values()
                .filter(|case| case["ignored"] == true)
                .count()
        })
    };
    Ok(suites
        .iter()
        .map(|(binary, suite)| (binary.clone(), count(suite)))
        .filter(|(_, count)| *count > 0)
        .collect())
}

fn test_command(arguments: &[&str], program: &Path) -> Command {
    let mut cargo = shell::cargo();
    cargo
        .args(arguments)
        .args(shell::HOST_CRATES)
        .env(PROGRAM_VAR, program);
    cargo
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_tests_are_counted_for_each_binary() {
        let listing = r#"{"rust-suites": {
            "tracer-tests::kernel": {"testcases": {"a": {"ignored": true}, "b": {"ignored": true}}},
            "tracer-tests::cli": {"testcases": {"c": {"ignored": false}}},
            "tracer": {"testcases": {}}
        }}"#;
        let counts = ignored_tests(listing).unwrap();
        assert_eq!(
            counts,
            BTreeMap::from([("tracer-tests::kernel".to_owned(), 2)])
        );
    }

    #[test]
    fn only_what_cannot_be_had_and_is_not_needed_is_skipped() {
        let unable = || Err(Unable("no QEMU".to_owned()).into());
        assert!(or_skipped(unable(), false).is_ok());
        assert!(or_skipped(unable(), true).is_err());
        let red = || Err(Found("red".to_owned()).into());
        assert!(or_skipped(red(), false).is_err());
        assert!(or_skipped(Ok(()), true).is_ok());
    }

    #[test]
    fn a_listing_of_another_shape_is_an_error_rather_than_no_tests() {
        assert!(ignored_tests("{}").is_err());
        assert!(ignored_tests("").is_err());
    }
}
