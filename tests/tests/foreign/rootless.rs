//! Containers that an ordinary user makes, under a tracer that root runs: they are found and
//! judged, and their root is not the host's.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tracer::host::CgroupVersion;
use tracer_tests::binary::await_end;
use tracer_tests::foreign::{Request, Runtime, Subject};
use tracer_tests::spec::facts;

use super::failed::makes_none;
use super::satisfied::{ARGS, CODE};
use super::verified::{items, not_passed, summary, the_one, verify};

/// An ordinary user's number.
const USER: &str = "65534";

/// What must hold of each; every user namespace is a private one.
const EXPECTED: &str = "namespaces: { private: [mnt, uts, ipc, pid, net, user, cgroup] }
uid_map: root_is_not_host_root
gid_map: root_is_not_host_root
root: [not_host]
cwd: inside
inherited_fds: none
drift: deny
payload: sh
";

/// The same command as another user's.
fn as_user(command: Vec<String>) -> Vec<String> {
    let before = [
        "setpriv",
        "--reuid",
        USER,
        "--regid",
        USER,
        "--clear-groups",
    ];
    before
        .map(str::to_owned)
        .into_iter()
        .chain(command)
        .collect()
}

/// Demands that it passes, and, under enforcement with these options, is let go.
fn passes(subject: &Subject, enforced: &[&str], command: &[String], after: impl Fn()) -> Value {
    let file = subject.runs.word("expected.yaml");
    fs::write(&file, EXPECTED).expect("a file");
    let options = [&["--enforce", "--expect", &file], enforced].concat();
    let report = verify(subject, &options, &as_user(command.to_vec())).report();
    let container = the_one(&report);
    assert_eq!(
        container["enforced"]["act"],
        "let_go",
        "{}",
        summary(&report)
    );
    assert_eq!(container["enforced"]["verdict"], "pass");
    after();
    let said = verify(subject, &["--expect", &file], &as_user(command.to_vec()));
    let report = said.report();
    println!("{}", said.stderr);
    let why = summary(&report);
    let container = the_one(&report);
    assert_eq!(not_passed(container), [""; 0], "{why}");
    assert_eq!(said.code(), CODE, "{why}");
    report
}

/// A request for namespaces of every kind that is usual, of users too.
fn with_users() -> Request {
    let mut request = Request::new(&ARGS);
    request.namespaces.push(tracer::event::NamespaceKind::User);
    request
}

#[test]
#[ignore = "needs root"]
fn what_bwrap_makes_for_an_ordinary_user_is_judged() {
    let Some(mut subject) = Subject::new(Runtime::Bwrap) else {
        return;
    };
    let words = subject.words("rootless", &with_users());
    let report = passes(&subject, &[], &words, || {});
    let container = the_one(&report);
    assert_eq!(container["runtime"], subject.runtime.name());
    println!("{} items", items(container).len());
    assert_eq!(subject.left(), [""; 0]);
}

#[test]
#[ignore = "needs root"]
fn what_unshare_makes_for_an_ordinary_user_is_judged() {
    let Some(mut subject) = Subject::new(Runtime::Unshare) else {
        return;
    };
    let words = subject.words("rootless", &with_users());
    let report = passes(&subject, &[], &words, || {});
    let container = the_one(&report);
    assert_eq!(container["runtime"], subject.runtime.name());
    println!("{} items", items(container).len());
    assert_eq!(subject.left(), [""; 0]);
}

/// The process that keeps an ordinary user's namespaces for podman's next command; ends with
/// this.
struct Pause(PathBuf);

impl Drop for Pause {
    fn drop(&mut self) {
        let number = fs::read_to_string(&self.0).unwrap_or_default();
        let number = number.trim().parse().ok().and_then(Pid::from_raw);
        // Without the file there is none.
        if let Some(number) = number {
            let _ended = kill_process(number, Signal::KILL);
            await_end(number.as_raw_nonzero().get().unsigned_abs());
        }
    }
}

/// podman's words and surroundings for an ordinary user, whose the files become.
fn of_a_user(subject: &Subject, name: &str) -> Vec<String> {
    // It is asked for no user namespace: it has no other way.
    let mut command = subject.words(name, &Request::new(&ARGS));
    // Nor for a cgroup: none is theirs to make.
    command.retain(|word| !word.starts_with("--cgroup-parent="));
    subject.runs.directory("home");
    let home = subject.runs.word("home");
    let owned = Command::new("chown")
        .args(["-R", "-h", &format!("{USER}:{USER}"), &home])
        .arg(subject.rootfs())
        .status();
    assert!(owned.expect("chown").success());
    let variables = ["HOME", "XDG_RUNTIME_DIR"].map(|name| format!("{name}={home}"));
    let mut words = vec!["env".to_owned(), format!("--chdir={home}")];
    words.extend(variables);
    words.extend(command);
    words
}

/// Its own namespaces are made before it finds out that there is nothing to run in them.
#[test]
#[ignore = "needs root"]
fn an_image_that_an_ordinary_user_does_not_have_makes_no_container() {
    let Some(mut subject) = Subject::new(Runtime::Podman) else {
        return;
    };
    let mut words = of_a_user(&subject, "none");
    let at = words.iter().position(|word| word == "--rootfs");
    words.truncate(at.expect("where the image stands"));
    let image = ["--pull=never", "localhost/none:1", "true"];
    words.extend(image.map(str::to_owned));
    let pause = Pause(subject.runs.path("podman-tmp/pause.pid"));
    makes_none(&subject, &as_user(words), "image not known");
    drop(pause);
    assert_eq!(subject.left(), [""; 0]);
}

#[test]
#[ignore = "needs root"]
fn what_podman_makes_for_an_ordinary_user_is_judged() {
    let is_v1 = facts()
        .hierarchy_of("pids")
        .is_some_and(|one| one.version == CgroupVersion::V1);
    if !is_v1 {
        println!("skipped: podman without systemd has no cgroup of an ordinary user's on v2");
        return;
    }
    let Some(mut subject) = Subject::new(Runtime::Podman) else {
        return;
    };
    let words = of_a_user(&subject, "rootless");
    let file = subject.runs.path("podman-tmp/pause.pid");
    let pause = Pause(file.clone());
    // Its own namespaces would be judged by what is expected of its container's.
    let report = passes(&subject, &["--select", "runtime=runc"], &words, || {
        drop(Pause(file.clone()));
    });
    drop(pause);
    println!("{}", summary(&report));
    assert_eq!(the_one(&report)["runtime"], "runc");
    // podman's own namespaces are a stage, which the container was born in.
    let all = report["containers"].as_array().expect("containers");
    let stages: Vec<&Value> = all.iter().filter(|one| one["stage"] == true).collect();
    assert!(
        stages.iter().any(|one| one["runtime"] == "podman"),
        "{}",
        summary(&report)
    );
    assert_eq!(subject.left(), [""; 0]);
}
