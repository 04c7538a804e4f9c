//! Words that ask for what cannot be: one clear line, the right exit code, and the command is
//! never started.

use std::fs;
use std::process::{Command, Stdio};

use tracer_tests::binary::{Runs, finish, path};

use crate::{NEW, command, expecting};

/// The command line is wrong by its words alone.
const USAGE: i32 = 2;
/// The environment cannot do it.
const ENVIRONMENT: i32 = 122;
/// What is named is not there, or was refused.
const ERROR: i32 = 125;

/// Fails unless these words are refused in one line that names all `names`, before the command
/// was started.
#[track_caller]
fn refused(runs: &Runs, words: &[&str], code: i32, names: &[&str]) {
    let marker = runs.word("started");
    let words = [words, &["--", "touch", &marker]].concat();
    runs.refuses(&mut command(runs, &words), code, names);
    assert!(!fs::exists(&marker).expect("a folder"), "the command ran");
}

#[test]
#[ignore = "needs root"]
fn a_verification_of_nothing_is_a_usage_error() {
    let runs = Runs::new();
    refused(
        &runs,
        &[],
        USAGE,
        &["--expect", "--preset", "--bundle", "--infer"],
    );
    runs.refuses(
        &mut command(&runs, &["--preset", "strict"]),
        USAGE,
        &["CMD"],
    );
    runs.refuses(
        &mut command(&runs, &["--preset", "strict", "--", ""]),
        USAGE,
        &["program"],
    );
}

#[test]
#[ignore = "needs root"]
fn sources_that_are_not_there_are_named() {
    let runs = Runs::new();
    let none = runs.word("none");
    runs.directory("empty");
    let config = format!("{none}/config.json");
    let empty = runs.word("empty");
    refused(
        &runs,
        &["--preset", "bogus"],
        USAGE,
        &["bogus", "oci-default"],
    );
    refused(&runs, &["--expect", &none], ERROR, &[&none, "No such file"]);
    refused(&runs, &["--expect", &empty], ERROR, &[&empty, "directory"]);
    refused(
        &runs,
        &["--bundle", &none],
        ERROR,
        &[&config, "No such file"],
    );
    refused(
        &runs,
        &["--bundle", &empty],
        ERROR,
        &[&empty, "No such file"],
    );
}

#[test]
#[ignore = "needs root"]
fn a_configuration_that_is_none_is_told_with_its_place() {
    let runs = Runs::new();
    let folder = runs.directory("bundle");
    let word = runs.word("bundle");
    for (text, says) in [
        ("", "line 1"),
        ("{", "line 1"),
        ("hello", "line 1"),
        ("[]", "a map"),
        ("{}", "no `ociVersion`"),
        ("{\"ociVersion\": 1}", "a string"),
        (
            "{\"ociVersion\": \"1.0.0\", \"process\": {\"user\": {\"uid\": \"x\"}}}",
            "u32",
        ),
    ] {
        fs::write(folder.join("config.json"), text).expect("a file");
        refused(&runs, &["--bundle", &word], ERROR, &["config.json", says]);
    }
}

#[test]
#[ignore = "needs root"]
fn a_file_that_is_no_list_of_expectations_is_shown_with_a_caret() {
    let runs = Runs::new();
    for text in [
        "hostname: [",
        "hostnam: box\n",
        "pids.max: \"<=many\"\n",
        "drift: allow\n",
    ] {
        let file = expecting(&runs, text);
        let said = runs.finish(&mut command(&runs, &["--expect", &file, "--", "true"]));
        let said = said.ended_with(USAGE);
        println!("{}", said.stderr);
        assert_eq!(said.stdout, "");
        assert!(said.stderr.starts_with("tracer: "), "{said:?}");
        assert!(said.stderr.contains("expect.yaml"), "{said:?}");
        assert!(said.stderr.contains('^'), "{said:?}");
        runs.nothing_is_left();
    }
}

#[test]
#[ignore = "needs root"]
fn files_that_contradict_each_other_are_both_named() {
    let runs = Runs::new();
    let (one, other) = (runs.word("one.yaml"), runs.word("other.yaml"));
    fs::write(&one, "hostname: box\n").expect("a file");
    fs::write(&other, "# A comment.\nhostname: crate\n").expect("a file");
    let places = [format!("{one}:1"), format!("{other}:2")];
    let names = ["hostname", "box", "crate", &places[0], &places[1]];
    refused(
        &runs,
        &["--expect", &one, "--expect", &other],
        USAGE,
        &names,
    );
    fs::write(&one, "memory.max: \"<=64Mi\"\n").expect("a file");
    fs::write(&other, "\n\nmemory.max: \">=1Gi\"\n").expect("a file");
    let places = [format!("{one}:1"), format!("{other}:3")];
    let words = ["--expect", &other, "--preset", "strict", "--expect", &one];
    refused(
        &runs,
        &words,
        USAGE,
        &["memory.max", &places[0], &places[1]],
    );
}

#[test]
#[ignore = "needs root"]
fn options_that_mean_nothing_are_usage_errors() {
    let runs = Runs::new();
    let file = expecting(&runs, NEW);
    for which in ["", "none", "id=", "-1", "program", "all=1"] {
        let select = format!("--select={which}");
        refused(
            &runs,
            &["--expect", &file, &select],
            USAGE,
            &["--select", which],
        );
    }
    refused(&runs, &["--expect", &file, "--bogus"], USAGE, &["--bogus"]);
    refused(&runs, &["--expect", &file, "-o", "xml"], USAGE, &["xml"]);
    refused(
        &runs,
        &["--expect", &file, "--ring-size", "5"],
        USAGE,
        &["--ring-size"],
    );
}

#[test]
#[ignore = "needs root"]
fn a_daemon_that_nobody_is_called_is_named() {
    let runs = Runs::new();
    let file = expecting(&runs, NEW);
    for name in ["no-such-daemon", "4000000000", ""] {
        let daemon = format!("--daemon={name}");
        let words = ["--expect", &file, &daemon];
        refused(&runs, &words, ERROR, &["no process is called", name]);
    }
}

#[test]
#[ignore = "needs root"]
fn words_of_a_command_that_says_nothing_cannot_be_inferred_from() {
    let runs = Runs::new();
    let said = runs.finish(&mut command(&runs, &["--infer", "--", "true"]));
    let said = said.ended_with(USAGE);
    assert!(said.one_line().contains("true"), "{said:?}");
    runs.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn a_report_that_cannot_be_written_is_told_before_the_command_runs() {
    let runs = Runs::new();
    let file = expecting(&runs, NEW);
    let report = runs.word("none/report.json");
    refused(
        &runs,
        &["--expect", &file, "--json", &report],
        ERROR,
        &[&report],
    );
}

#[test]
#[ignore = "needs root"]
fn without_root_it_is_told_that_root_is_needed() {
    let runs = Runs::new();
    let file = expecting(&runs, NEW);
    // The program itself may stand where nobody else can read.
    let program = runs.path("tracer");
    fs::copy(path(), &program).expect("a copy");
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&program)
        .args(["verify", "--expect", &file, "--", "true"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let said = finish(runs.start(&mut command)).ended_with(ENVIRONMENT);
    assert!(said.one_line().contains("root is needed"), "{said:?}");
    runs.nothing_is_left();
}
