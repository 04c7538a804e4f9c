//! What enforcement does about containers of runtimes: one that is as expected runs, and of one
//! that is not, nothing ever does.

use std::fs;

use serde_json::{Value, json};
use tracer_tests::binary::Said;
use tracer_tests::foreign::{Request, Runtime, Subject};

use super::expected::Expected;
use super::satisfied::{ARGS, CODE};
use super::verified::{not_passed, summary, the_one, verify};

/// tracer's own exit code for a failed verdict.
const FAIL: i32 = 120;
/// What the payload does first: a file in its root folder, a word on its output. The word does not
/// stand in the command.
const LEAVES_TRACES: [&str; 3] = ["/bin/sh", "-c", "echo > /ran; echo it''ran; exit 7"];

fn write(subject: &Subject, expected: &Expected) -> String {
    let file = subject.runs.word("expected.yaml");
    fs::write(&file, expected.text()).expect("a file");
    file
}

/// What enforcement did, without what it guarantees, which depends on the kernel.
fn done(container: &Value) -> Value {
    let mut enforced = container["enforced"].clone();
    let fields = enforced.as_object_mut().expect("enforced");
    let guarantees = fields.remove("guarantees").expect("what is guaranteed");
    let held = json!("held");
    let mut all = guarantees.as_array().expect("a list").iter();
    assert!(all.any(|one| one["guarantee"] == held), "{guarantees}");
    enforced
}

fn what_is_as_expected_runs(runtime: Runtime) {
    let Some(mut subject) = Subject::new(runtime) else {
        return;
    };
    let request = Request::everything(runtime, &ARGS);
    let file = write(&subject, &Expected::of(runtime, &request));
    let command = subject.words("enforced", &request);
    let said = verify(&subject, &["--enforce", "--expect", &file], &command);
    let report = said.report();
    let container = the_one(&report);
    let why = summary(&report);
    assert_eq!(not_passed(container), [""; 0], "{why}");
    assert_eq!(said.code(), CODE, "{why}");
    let let_go =
        json!({"act": "let_go", "verdict": "pass", "not_passed": [], "may_be_stage": false});
    assert_eq!(done(container), let_go, "{why}");
    assert_eq!(subject.left(), [""; 0]);
}

/// Runs what leaves traces, where the filter of system calls is another than expected.
fn violating(subject: &mut Subject, options: &[&str], name: &str) -> (Said, Value) {
    let request = Request {
        read_only: false,
        user: None,
        ..Request::everything(subject.runtime, &LEAVES_TRACES)
    };
    let mut expected = Expected::of(subject.runtime, &request);
    let other = match expected.get("seccomp") {
        Some("filter") => "unconfined",
        _ => "filter",
    };
    expected.set("seccomp", other);
    for key in ["root", "user"] {
        if expected.get(key).is_some() {
            expected.without(key);
        }
    }
    let file = write(subject, &expected);
    let command = subject.words(name, &request);
    let options = [options, &["--expect", &file]].concat();
    let said = verify(subject, &options, &command).ended_with(FAIL);
    let report = said.report();
    let container = the_one(&report).clone();
    assert_eq!(not_passed(&container), ["seccomp"], "{}", summary(&report));
    (said, container)
}

/// Whether the payload has left a trace, and which.
fn has_run(subject: &Subject, said: &Said) -> bool {
    let ran = subject.rootfs().join("ran");
    let file = ran.exists();
    if file {
        fs::remove_file(ran).expect("the payload's file");
    }
    file || said.stdout.contains("itran") || said.stderr.contains("itran")
}

fn nothing_runs_of_what_is_not(runtime: Runtime) {
    let Some(mut subject) = Subject::new(runtime) else {
        return;
    };
    // Without enforcement it does run, so that its traces would be found.
    let (said, container) = violating(&mut subject, &[], "judged");
    assert!(has_run(&subject, &said), "{}", said.stderr);
    assert_eq!(container["enforced"], Value::Null);

    let (said, container) = violating(&mut subject, &["--enforce"], "enforced");
    assert!(!has_run(&subject, &said), "{}", said.stderr);
    let killed = json!({"act": "killed", "verdict": "fail", "not_passed": ["seccomp"], "may_be_stage": false});
    assert_eq!(done(&container), killed);
    assert_eq!(container["ended"], 9, "by SIGKILL");
    assert_eq!(subject.left(), [""; 0]);
}

macro_rules! for_each_runtime {
    ($($name:ident: $runtime:ident;)+) => {
        $(mod $name {
            use super::*;

            #[test]
            #[ignore = "needs root"]
            fn what_is_as_expected_runs() {
                super::what_is_as_expected_runs(Runtime::$runtime);
            }

            #[test]
            #[ignore = "needs root"]
            fn nothing_runs_of_what_is_not() {
                super::nothing_runs_of_what_is_not(Runtime::$runtime);
            }
        })+
    };
}

for_each_runtime! {
    unshare: Unshare;
    bwrap: Bwrap;
    nspawn: Nspawn;
    lxc: Lxc;
    runc: Runc;
    crun: Crun;
    youki: Youki;
    podman: Podman;
    docker: Docker;
}
