//! What the words of a command ask for: it passes where they are obeyed, and fails where they
//! are not or where a file says otherwise.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use tracer_tests::foreign::{Property, Request, Runtime, Subject};

use super::satisfied::{ARGS, CODE};
use super::verified::{items, not_passed, summary, the_one, verify};

/// tracer's own exit code for a failed verdict.
const FAIL: i32 = 120;
/// And for words that contradict each other.
const USAGE: i32 = 2;

fn passes(runtime: Runtime, expected: &[&str]) {
    let Some(mut subject) = Subject::new(runtime) else {
        return;
    };
    let command = subject.words("inferred", &Request::everything(runtime, &ARGS));
    let said = verify(&subject, &["--infer"], &command);
    let report = said.report();
    let why = summary(&report);
    let container = the_one(&report);
    let items: Vec<&str> = items(container)
        .iter()
        .filter_map(|item| item["id"].as_str())
        .collect();
    println!("{} items: {items:?}\n{}", items.len(), said.stderr);
    assert_eq!(not_passed(container), [""; 0], "{why}");
    assert_eq!(said.code(), CODE, "{why}");
    let out_of_reach = |id: &str| match id {
        "memory.max" => Property::Memory.is_out_of_reach(),
        "cpuset.cpus" => Property::Cpus.is_out_of_reach(),
        _ => false,
    };
    for id in expected.iter().filter(|id| !out_of_reach(id)) {
        assert!(items.contains(id), "no {id} among {items:?}");
    }
    assert_eq!(subject.left(), [""; 0]);
}

/// What every request asks for.
const ALWAYS: [&str; 2] = ["namespace.mnt", "namespace.net"];
/// What those ask for that take limits.
const ENGINE: [&str; 9] = [
    "namespace.net",
    "memory.max",
    "pids.max",
    "cpuset.cpus",
    "cpu.max",
    "user.uid",
    "hostname",
    "no_new_privs",
    "rlimit.nofile",
];

#[test]
#[ignore = "needs root"]
fn what_unshare_is_asked_in_words_passes() {
    passes(Runtime::Unshare, &ALWAYS);
}

#[test]
#[ignore = "needs root"]
fn what_bwrap_is_asked_in_words_passes() {
    passes(Runtime::Bwrap, &ALWAYS);
}

#[test]
#[ignore = "needs root"]
fn what_systemd_nspawn_is_asked_in_words_passes() {
    passes(Runtime::Nspawn, &ALWAYS);
}

#[test]
#[ignore = "needs root"]
fn what_runc_is_asked_in_its_bundle_passes() {
    passes(Runtime::Runc, &ENGINE);
}

#[test]
#[ignore = "needs root"]
fn what_podman_is_asked_in_words_passes() {
    passes(Runtime::Podman, &ENGINE);
}

#[test]
#[ignore = "needs root"]
fn what_docker_is_asked_in_words_passes() {
    passes(Runtime::Docker, &ENGINE);
}

/// Puts a program of the runtime's name before it, which leaves out the words like `pattern`.
fn deaf(subject: &Subject, command: &mut [String], pattern: &str) {
    mishears(subject, command, pattern, "");
}

/// The same, with other words in their place.
fn mishears(subject: &Subject, command: &mut [String], pattern: &str, words: &str) {
    let script = format!(
        "#!/bin/sh\nfor word; do shift; case $word in {pattern}) set -- \"$@\" {words} ;; \
         *) set -- \"$@\" \"$word\" ;; esac; done\nexec {} \"$@\"\n",
        command[0]
    );
    let folder = subject.runs.directory("deaf");
    let file = folder.join(subject.runtime.name());
    fs::write(&file, script).expect("a file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("permissions");
    file.to_str().expect("text").clone_into(&mut command[0]);
}

fn fails_when_deaf_to(runtime: Runtime, pattern: &str, item: &str) {
    let Some(mut subject) = Subject::new(runtime) else {
        return;
    };
    let mut command = subject.words("deaf", &Request::everything(runtime, &ARGS));
    deaf(&subject, &mut command, pattern);
    let said = verify(&subject, &["--infer"], &command);
    let report = said.report();
    let why = summary(&report);
    assert_eq!(not_passed(the_one(&report)), [item], "{why}");
    assert_eq!(said.code(), FAIL, "{why}");
    assert_eq!(subject.left(), [""; 0]);
}

#[test]
#[ignore = "needs root"]
fn a_network_that_is_asked_for_and_not_made_fails() {
    fails_when_deaf_to(Runtime::Bwrap, "--unshare-net", "namespace.net");
}

#[test]
#[ignore = "needs root"]
fn a_limit_that_is_asked_for_and_not_handed_on_fails() {
    fails_when_deaf_to(Runtime::Podman, "--pids-limit=*", "pids.max");
}

/// What it can do with the device that it is given.
const USES_DEVICE: [&str; 3] = [
    "/bin/sh",
    "-c",
    "(: < /dev/own) && echo can read; (: > /dev/own) 2>&1; exit 7",
];

/// Hands on a device of the host that no runtime supplies, to be read alone.
fn handing_on(subject: &Subject, name: &str) -> Vec<String> {
    let all = ["/dev/fuse", "/dev/loop-control", "/dev/cpu_dma_latency"];
    let device = all
        .into_iter()
        .find(|path| fs::exists(path).expect("a look"));
    let device = device.expect("a device to hand on");
    let mut command = subject.words(name, &Request::new(&USES_DEVICE));
    let run = command.iter().position(|word| word == "run").expect("run");
    command.insert(run + 1, format!("--device={device}:/dev/own:r"));
    command
}

fn hands_a_device_on(runtime: Runtime) {
    let Some(mut subject) = Subject::new(runtime) else {
        return;
    };
    let command = handing_on(&subject, "device");
    let said = verify(&subject, &["--infer", "--enforce"], &command);
    let report = said.report();
    let why = format!("{}\n{}", summary(&report), said.stderr);
    let container = the_one(&report);
    assert_eq!(not_passed(container), [""; 0], "{why}");
    assert_eq!(said.code(), CODE, "{why}");
    let all = items(container).iter();
    let all = all.filter_map(|item| item["id"].as_str());
    let of_devices = all.filter(|id| id.starts_with("device"));
    let expected = ["devices", "devices", "device_node./dev/own"];
    assert!(of_devices.eq(expected), "{why}");
    // The payload's own experience.
    assert!(said.stderr.contains("can read"), "{why}");
    assert!(said.stderr.contains("not permitted"), "{why}");
    assert_eq!(subject.left(), [""; 0]);
}

#[test]
#[ignore = "needs root"]
fn a_device_that_podman_is_asked_for_in_words_passes() {
    hands_a_device_on(Runtime::Podman);
}

#[test]
#[ignore = "needs root"]
fn a_device_that_docker_is_asked_for_in_words_passes() {
    hands_a_device_on(Runtime::Docker);
}

#[test]
#[ignore = "needs root"]
fn devices_that_are_asked_for_and_not_given_or_given_and_not_asked_for_fail() {
    let Some(mut subject) = Subject::new(Runtime::Podman) else {
        return;
    };
    let refused = handing_on(&subject, "refused");
    let open = subject.words("open", &Request::new(&USES_DEVICE));
    let both = ["devices", "device_node./dev/own"];
    for (name, mut command, pattern, words, expected) in [
        ("refused", refused, "--device=*", "", &both[..]),
        ("open", open, "run", "run --privileged", &both[..1]),
    ] {
        mishears(&subject, &mut command, pattern, words);
        let said = verify(&subject, &["--infer", "--enforce"], &command);
        let report = said.report();
        let why = format!("{name}: {}\n{}", summary(&report), said.stderr);
        assert_eq!(not_passed(the_one(&report)), expected, "{why}");
        assert_eq!(said.code(), FAIL, "{why}");
    }
    assert_eq!(subject.left(), [""; 0]);
}

#[test]
#[ignore = "needs root"]
fn a_file_that_contradicts_the_words_is_refused_with_both() {
    let Some(subject) = Subject::new(Runtime::Bwrap) else {
        return;
    };
    let request = Request::everything(Runtime::Bwrap, &ARGS);
    let command = subject.words("contradicted", &request);
    let file = subject.runs.word("contradicts.yaml");
    fs::write(&file, "hostname: elsewhere\n").expect("a file");
    let said = verify(&subject, &["--infer", "--expect", &file], &command).ended_with(USAGE);
    // What is not inferred is told before.
    let line = said.stderr.lines().last().expect("a line");
    assert_eq!(said.stdout, "", "{said:?}");
    for name in ["hostname", "contradicts.yaml:1", "--hostname"] {
        assert!(line.contains(name), "no {name} in: {line}");
    }
    subject.runs.nothing_is_left();
}
