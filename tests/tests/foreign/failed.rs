//! Runtimes that cannot do what they are told: no container was made, which is neither a pass
//! nor a failed verdict.

use std::fs;

use tracer_tests::foreign::{Request, Runtime, Subject};

use super::verified::{summary, verify};

/// tracer's own exit code.
const NO_CONTAINER: i32 = 123;
/// What they fail at must not hang on how their tasks come to be scheduled.
const ROUNDS: usize = 6;

/// The command must fail before it makes a container.
pub(super) fn makes_none(subject: &Subject, command: &[String], says: &str) {
    let file = subject.runs.word("expected.yaml");
    fs::write(&file, "drift: deny\n").expect("a file");
    let said = verify(subject, &["--expect", &file], command);
    let report = said.report();
    let why = format!("{}\n{}", summary(&report), said.stderr);
    assert_eq!(said.code(), NO_CONTAINER, "{why}");
    assert_eq!(report["outcome"], "command_failed", "{why}");
    assert_eq!(report["verdict"], "fail", "{why}");
    assert_ne!(report["command"]["code"], 0, "{why}");
    assert!(said.stderr.contains(says), "no {says} in: {why}");
}

#[test]
#[ignore = "needs root"]
fn a_program_that_is_not_there_makes_no_container() {
    let Some(mut subject) = Subject::new(Runtime::Runc) else {
        return;
    };
    for round in 0..ROUNDS {
        let command = subject.words(&format!("none-{round}"), &Request::new(&["/bin/none"]));
        makes_none(&subject, &command, "/bin/none");
    }
    assert_eq!(subject.left(), [""; 0]);
}

#[test]
#[ignore = "needs root"]
fn a_bundle_that_cannot_be_read_makes_no_container() {
    let Some(mut subject) = Subject::new(Runtime::Runc) else {
        return;
    };
    let command = subject.words("unread", &Request::new(&["/bin/true"]));
    fs::write(subject.bundle().join("config.json"), "{ \"process\": ").expect("a file");
    makes_none(&subject, &command, "unexpected EOF");
    assert_eq!(subject.left(), [""; 0]);
}

#[test]
#[ignore = "needs root"]
fn an_image_that_is_not_there_makes_no_container() {
    let Some(mut subject) = Subject::new(Runtime::Podman) else {
        return;
    };
    let mut command = subject.words("unknown", &Request::new(&["/bin/true"]));
    let at = command.iter().position(|word| word == "--rootfs");
    command.truncate(at.expect("where the image stands"));
    let image = ["--pull=never", "localhost/none:1", "true"];
    command.extend(image.map(str::to_owned));
    makes_none(&subject, &command, "image not known");
    assert_eq!(subject.left(), [""; 0]);
}
