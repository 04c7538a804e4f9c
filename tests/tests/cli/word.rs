//! Help, version, words that cannot be understood, and users who are not root.

use std::fs;
use std::io::pipe;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use tracer_tests::binary::{Said, finish, path, tracer};

fn say(words: &[&str]) -> Said {
    let mut command = tracer(words);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    finish(command.spawn().expect("a tracer"))
}

#[test]
fn help_goes_to_standard_output_and_names_every_exit_code() {
    for words in [&["--help"][..], &["run", "--help"], &["doctor", "--help"]] {
        let said = say(words).ended_with(0);
        assert_eq!(said.stderr, "");
        let codes: Vec<&str> = said
            .stdout
            .split_once("Exit codes:")
            .expect("exit codes")
            .1
            .lines()
            .filter_map(|line| line.split_whitespace().next())
            .filter(|word| word.parse::<u8>().is_ok())
            .collect();
        assert_eq!(
            codes,
            ["2", "120", "121", "122", "123", "125", "126", "127"]
        );
    }
}

#[test]
fn help_fits_a_hundred_columns() {
    for words in [&["--help"][..], &["run", "--help"], &["run", "-h"]] {
        let said = say(words).ended_with(0);
        let long = said.stdout.lines().find(|line| line.chars().count() > 100);
        assert_eq!(long, None);
    }
}

#[test]
fn the_version_is_one_line() {
    let said = say(&["--version"]).ended_with(0);
    assert_eq!(
        said.stdout,
        format!("tracer {}\n", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(said.stderr, "");
}

#[test]
fn without_a_command_there_is_help_and_it_is_an_error() {
    let said = say(&[]).ended_with(2);
    assert_eq!(said.stdout, "");
    assert!(said.stderr.contains("Usage: tracer"), "{said:?}");
}

#[test]
fn words_that_cannot_be_understood_are_one_line_and_code_2() {
    for (words, names) in [
        (&["--bogus"][..], &["'--bogus'", "`tracer --help`"][..]),
        (&["bogus"], &["'bogus'", "`tracer --help`"]),
        (
            &["run", "--bogus", "true"],
            &["'--bogus'", "`tracer run --help`"],
        ),
        (&["run"], &["<CMD>", "`tracer run --help`"]),
        (&["run", "--"], &["<CMD>"]),
        (&["run", "--all", "-p", "true"], &["'--all'", "'--pid'"]),
        (
            &["run", "-o", "bogus", "true"],
            &["'bogus'", "compact, table, json, jsonl"],
        ),
        (
            &["run", "--gate", "bogus", "true"],
            &["'bogus'", "enforce, warn, off"],
        ),
        (
            &["run", "--memory", "lots", "true"],
            &["`lots`", "64k, 512m, 2g"],
        ),
        (&["run", "--memory", "0", "true"], &["`0`", "64k, 512m, 2g"]),
        (&["run", "--pids-limit", "0", "true"], &["`0`", "1 or more"]),
        (
            &["run", "--cpus", "0.001", "true"],
            &["`0.001`", "at least 0.01"],
        ),
        (&["run", "--cpuset-cpus", "1-", "true"], &["`1-`", "0-2"]),
        (
            &["run", "--uid-map", "0:0", "true"],
            &["`0:0`", "0:100000:65536"],
        ),
        (
            &["run", "--mount", "bogus", "true"],
            &["`bogus`", "tmpfs-size"],
        ),
        (
            &["run", "--mount", "type=bind,target=/x", "true"],
            &["no source"],
        ),
        (&["run", "--tmpfs", "x", "true"], &["`x`", "absolute"]),
        (
            &["run", "--rlimit", "bogus=1", "true"],
            &["`bogus`", "nofile"],
        ),
        (
            &["run", "--rlimit", "nofile=2:1", "true"],
            &["`nofile=2:1`", "above the hard one"],
        ),
        (
            &["run", "--no-new-privileges=maybe", "true"],
            &["'maybe'", "true, false"],
        ),
        (
            &["run", "--ring-size", "5000", "true"],
            &["`5000`", "power of two"],
        ),
        (&["doctor", "extra"], &["'extra'", "`tracer doctor"]),
    ] {
        let said = say(words).ended_with(2);
        let line = said.one_line();
        for name in names {
            assert!(line.contains(name), "no {name} in: {line}");
        }
    }
}

#[test]
fn words_behind_the_command_are_the_commands() {
    // The flags are not tracer's, so what is wrong is something else: there is no such root.
    let words = [
        "run", "--rootfs", "/none", "sh", "--bogus", "-o", "bogus", "--", "--help",
    ];
    let said = say(&words);
    assert_ne!(said.code(), 2, "{said:?}");
    assert!(!said.stderr.contains("bogus"), "{said:?}");
}

#[test]
fn a_reader_of_help_may_go_away() {
    for words in [
        &["--help"][..],
        &["run", "--help"],
        &["--version"],
        &["docs", "events"],
    ] {
        let (reader, writer) = pipe().expect("a pipe");
        drop(reader);
        let mut command = tracer(words);
        command.stdout(writer).stderr(Stdio::piped());
        let said = finish(command.spawn().expect("a tracer")).ended_with(0);
        assert_eq!(said.stderr, "");
    }
}

#[test]
fn without_root_it_is_the_environment_in_one_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    let everybody = fs::Permissions::from_mode(0o755);
    fs::set_permissions(folder.path(), everybody).expect("permissions");
    // Where every user can find it.
    let program = folder.path().join("tracer");
    fs::copy(path(), &program).expect("a copy");
    for words in [
        &["run", "true"][..],
        &["run", "--rootfs", "/none", "true"],
        &["doctor"],
    ] {
        let mut command = Command::new(&program);
        command.args(words).stdin(Stdio::null());
        if rustix::process::geteuid().is_root() {
            command.uid(65_534).gid(65_534);
        }
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let said = finish(command.spawn().expect("a tracer")).ended_with(122);
        let line = said.one_line();
        assert!(line.contains("root") && line.contains("sudo"), "{line}");
        assert_eq!(line.matches('.').count(), 0, "more than a sentence: {line}");
    }
}
