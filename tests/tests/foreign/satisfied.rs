//! A container that is made as asked passes, under its own name, and gives its own exit code.

use std::fs;

use tracer_tests::foreign::{Request, Runtime, Subject};

use super::expected::Expected;
use super::verified::{items, not_passed, summary, the_one, verify};

/// The payload's own exit code.
pub const CODE: i32 = 7;
/// The payload.
pub const ARGS: [&str; 3] = ["/bin/sh", "-c", "exit 7"];

/// The program that makes its containers.
fn maker(runtime: Runtime) -> &'static str {
    match runtime {
        Runtime::Podman | Runtime::Docker => "runc",
        Runtime::Lxc => "lxc-execute",
        other => other.name(),
    }
}

fn passes(runtime: Runtime) {
    let Some(mut subject) = Subject::new(runtime) else {
        return;
    };
    let request = Request::everything(runtime, &ARGS);
    let file = subject.runs.word("expected.yaml");
    fs::write(&file, Expected::of(runtime, &request).text()).expect("a file");
    let command = subject.words("satisfied", &request);
    let said = verify(&subject, &["--expect", &file], &command);
    let report = said.report();
    let why = summary(&report);
    let container = the_one(&report);
    println!("{} items, {why}", items(container).len());
    assert_eq!(not_passed(container), [""; 0], "{why}");
    assert_eq!(said.code(), CODE, "{why}");
    assert_eq!(report["verdict"], "pass");
    assert_eq!(report["outcome"], "judged");
    assert_eq!(report["command"]["code"], CODE);
    assert_eq!(container["verdict"], "pass");
    assert_eq!(container["runtime"], maker(runtime), "{why}");
    assert_eq!(container["payload"]["executable"], "/bin/sh", "{why}");
    let id = container["id"].as_str();
    match runtime {
        // They make no cgroup that could bear a name.
        Runtime::Unshare | Runtime::Bwrap | Runtime::Nspawn => assert_eq!(id, None, "{why}"),
        // Theirs is a number.
        Runtime::Podman | Runtime::Docker => {
            let id = id.expect("a number");
            assert!(
                id.len() == 64 && id.chars().all(|one| one.is_ascii_hexdigit()),
                "{id}"
            );
        }
        Runtime::Lxc => assert!(id.is_some_and(|id| id.ends_with("satisfied")), "{why}"),
        Runtime::Runc | Runtime::Crun | Runtime::Youki => {
            assert_eq!(id, Some("satisfied"), "{why}");
        }
    }
    assert_eq!(subject.left(), [""; 0]);
}

#[test]
#[ignore = "needs root"]
fn what_unshare_makes_as_asked_passes() {
    passes(Runtime::Unshare);
}

#[test]
#[ignore = "needs root"]
fn what_bwrap_makes_as_asked_passes() {
    passes(Runtime::Bwrap);
}

#[test]
#[ignore = "needs root"]
fn what_systemd_nspawn_makes_as_asked_passes() {
    passes(Runtime::Nspawn);
}

#[test]
#[ignore = "needs root"]
fn what_lxc_makes_as_asked_passes() {
    passes(Runtime::Lxc);
}

#[test]
#[ignore = "needs root"]
fn what_runc_makes_as_asked_passes() {
    passes(Runtime::Runc);
}

#[test]
#[ignore = "needs root"]
fn what_crun_makes_as_asked_passes() {
    passes(Runtime::Crun);
}

#[test]
#[ignore = "needs root"]
fn what_youki_makes_as_asked_passes() {
    passes(Runtime::Youki);
}

#[test]
#[ignore = "needs root"]
fn what_podman_makes_as_asked_passes() {
    passes(Runtime::Podman);
}

#[test]
#[ignore = "needs root"]
fn what_docker_makes_as_asked_passes() {
    passes(Runtime::Docker);
}
