//! Containers that are chosen by a label, which only their engine knows.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::thread;

use serde_json::Value;
use tracer_tests::binary::Said;
use tracer_tests::foreign::{Request, Runtime, Subject, start};

use super::verified::{items, judged, summary, the_one, verify_with};

/// Passes of any container.
const RULE: [&str; 2] = ["--rule", "true"];

/// The engine's command for a container of this name, in words for a shell.
fn words(subject: &Subject, name: &str, label: Option<&str>, payload: &[&str]) -> String {
    let mut words = subject.words(name, &Request::new(payload));
    let at = words.iter().position(|word| word == "run").expect("run");
    let label = label.map(|label| format!("--label={label}"));
    words.splice(at + 1..=at, label);
    // Podman's client would have its service make the container.
    format!("env --unset=CONTAINER_HOST {}", words.join(" "))
}

/// Three at once that live for a moment, two of them labelled, under a selection by label.
fn three(subject: &Subject, select: &str, socket: &Path) -> Said {
    let payload = ["/bin/sleep", "0.3"];
    let options = [&["--select", select], &RULE[..]].concat();
    three_of(subject, &options, socket, |_| payload.map(str::to_owned))
}

fn three_of(
    subject: &Subject,
    options: &[&str],
    socket: &Path,
    payload: impl Fn(&str) -> [String; 2],
) -> Said {
    let three = [
        ("seven", Some("job=7")),
        ("eight", Some("job=8")),
        ("none", None),
    ];
    let lines = three.map(|(name, label)| {
        let payload = payload(name);
        words(subject, name, label, &[&payload[0], &payload[1]]) + " &"
    });
    let script = format!("{} wait", lines.join(" "));
    let socket = format!("unix://{}", socket.display());
    verify_with(subject, options, &["sh", "-c", &script], |command| {
        command.env("DOCKER_HOST", &socket);
        command.env("CONTAINER_HOST", &socket);
        command.env("CONTAINERD_ADDRESS", "");
    })
}

fn are_told_apart(subject: &Subject, socket: &Path) {
    for (select, count) in [("label=job", 2), ("label=job=8", 1)] {
        let report = three(subject, select, socket).ended_with(0).report();
        let judged = judged(&report);
        assert_eq!(judged.len(), count, "{select}: {}", summary(&report));
        let containers = report["containers"].as_array().expect("containers");
        assert!(containers.len() >= 3, "{}", summary(&report));
    }
    // No container bears it.
    three(subject, "label=job=9", socket).ended_with(123);
}

#[test]
#[ignore = "needs root"]
fn docker_is_asked_for_labels() {
    let Some(subject) = Subject::new(Runtime::Docker) else {
        return;
    };
    let socket = subject.runs.path("docker/docker.sock");
    are_told_apart(&subject, &socket);
}

/// A payload is held until its engine has answered, however short it would have lived.
#[test]
#[ignore = "needs root"]
fn only_who_bears_the_label_is_kept_from_running() {
    let Some(subject) = Subject::new(Runtime::Docker) else {
        return;
    };
    let options = ["--enforce", "--select", "label=job=7", "--rule", "false"];
    let socket = subject.runs.path("docker/docker.sock");
    let said = three_of(&subject, &options, &socket, |name| {
        ["/bin/echo".to_owned(), format!("{name}-has-run")]
    });
    let said = said.ended_with(120);
    for (name, runs) in [("seven", false), ("eight", true), ("none", true)] {
        let line = format!("{name}-has-run");
        let ran = said.stderr.lines().any(|one| one == line);
        assert_eq!(ran, runs, "{name}: {}", said.stderr);
    }
    let report = said.report();
    assert_eq!(the_one(&report)["enforced"]["act"], "killed");
}

#[test]
#[ignore = "needs root"]
fn podmans_service_is_asked_for_labels() {
    let Some(subject) = Subject::new(Runtime::Podman) else {
        return;
    };
    let socket = subject.runs.path("podman.sock");
    let words = subject.words("service", &Request::new(&["true"]));
    let own = words.split(|word| word == "run").next().expect("words");
    let mut service = Command::new(&own[0]);
    service
        .args(&own[1..])
        .args(["system", "service", "--time=0"]);
    service.arg(format!("unix://{}", socket.display()));
    let mut service = start(
        &subject,
        &mut service,
        &subject.runs.path(""),
        "podman.sock",
    );
    are_told_apart(&subject, &socket);
    service.kill().expect("a signal");
    service.wait().expect("its end");
}

/// Its own tool gives containers names in place of numbers, and the labels of docker's are not its to tell.
#[test]
#[ignore = "needs root"]
fn containerd_is_asked_for_labels() {
    let Some(subject) = Subject::new(Runtime::Docker) else {
        return;
    };
    let path = |name: &str| subject.runs.word(&format!("docker/{name}"));
    let root = subject.rootfs();
    let line = |name: &str, label: Option<&str>| {
        let label = label.map_or_else(String::new, |label| format!("--label={label}"));
        let root = root.display();
        let socket = path("containerd.sock");
        format!("ctr --address={socket} run --rm {label} --rootfs {root} {name} /bin/sleep 0.3 &")
    };
    let three = [
        ("seven", Some("job=7")),
        ("eight", Some("job=8")),
        ("none", None),
    ];
    let lines = three.map(|(name, label)| line(name, label));
    let dockers = words(&subject, "dockers", Some("job=8"), &["/bin/sleep", "0.3"]);
    let script = format!("{} {dockers} & wait", lines.join(" "));
    let run = |select: &str| {
        let options = [&["--select", select], &RULE[..]].concat();
        verify_with(&subject, &options, &["sh", "-c", &script], |command| {
            command
                .env("DOCKER_HOST", "unix:///nowhere/engine.sock")
                .env("CONTAINER_HOST", "unix:///nowhere/engine.sock")
                .env("CONTAINERD_ADDRESS", path("containerd.sock"));
        })
    };
    let report = run("label=job=7").ended_with(121).report();
    let mut judged = judged(&report).into_iter().map(|one| {
        let asked = |item: &&Value| item["id"] == "selected";
        let unsure = items(one)
            .iter()
            .find(asked)
            .map(|item| item["reason"].clone());
        (one["id"].as_str().expect("an id").len(), unsure)
    });
    let mut judged: Vec<_> = judged.by_ref().collect();
    judged.sort_by_key(|one| one.0);
    let [(5, None), (64, Some(reason))] = judged.as_slice() else {
        panic!("{judged:?}: {}", summary(&report));
    };
    assert!(
        reason
            .as_str()
            .expect("words")
            .contains("has no such container")
    );
}

/// An engine that knows none of its containers: whoever has an id may be the one that is meant.
#[test]
#[ignore = "needs root"]
fn whose_label_nobody_knows_never_passes() {
    let Some(subject) = Subject::new(Runtime::Runc) else {
        return;
    };
    let socket = subject.runs.path("engine.sock");
    let listener = UnixListener::bind(&socket).expect("a socket");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut request = [0; 4096];
            let length = stream.read(&mut request).expect("a request");
            assert!(request[..length].starts_with(b"GET /containers/6f3a/json"));
            let none = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
            stream.write_all(none).expect("an answer");
        }
    });
    let line = subject.words("6f3a", &Request::new(&["/bin/sleep", "0.2"]));
    let line: Vec<&str> = line.iter().map(String::as_str).collect();
    let options = [&["--select", "label=job"], &RULE[..]].concat();
    let host = format!("unix://{}", socket.display());
    let said = verify_with(&subject, &options, &line, |command| {
        command
            .env("DOCKER_HOST", &host)
            .env("CONTAINER_HOST", "unix://")
            .env("CONTAINERD_ADDRESS", "");
    });
    let report = said.ended_with(121).report();
    let container = the_one(&report);
    let item = container["items"].as_array().expect("items").last();
    let item = item.expect("an item");
    assert_eq!(item["id"], "selected", "{item:#}");
    let reason = item["reason"].as_str().expect("a reason");
    assert!(reason.contains("has no such container"), "{reason}");
}

#[test]
#[ignore = "needs root"]
fn without_an_engine_no_label_selects() {
    let Some(subject) = Subject::new(Runtime::Unshare) else {
        return;
    };
    let options = [&["--select", "label=job"], &RULE[..]].concat();
    let said = verify_with(&subject, &options, &["true"], |command| {
        let nowhere = "unix:///nowhere/engine.sock";
        command
            .env("DOCKER_HOST", nowhere)
            .env("CONTAINER_HOST", nowhere)
            .env("CONTAINERD_ADDRESS", nowhere);
    });
    let said = said.ended_with(125);
    assert!(said.one_line().contains("select by id="), "{said:?}");
}
