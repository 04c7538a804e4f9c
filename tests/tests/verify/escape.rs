//! Escapes that have happened, made again: each is caught, and what is repaired passes.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::{Value, json};
use tracer::event::NamespaceKind;
use tracer_tests::cgroup::Leftover;
use tracer_tests::foreign::{Request, Runtime, Subject};
use tracer_tests::spec::facts;

use crate::{FAIL, command, item, meeting, not_passing, payload, script};

/// What an item says, all of it.
fn said(container: &Value, id: &str) -> String {
    let text = item(container, id).to_string();
    println!("{text}");
    text
}

/// Closes what whoever runs these tests has left open to all programs: it is nobody's leak here.
/// bash, because others take no number beyond 9.
const CLOSE: &str =
    "for fd in /proc/$$/fd/*; do n=${fd##*/}; [ $n -le 2 ] || eval \"exec $n>&-\"; done";

/// CVE-2024-21626: a descriptor of a host directory is left open, and the working directory is
/// reached through it.
#[test]
#[ignore = "needs root"]
fn a_working_directory_through_a_leaked_descriptor_is_caught() {
    let Some(subject) = Subject::new(Runtime::Unshare) else {
        return;
    };
    let runs = &subject.runs;
    let root = subject.rootfs();
    let root = root.to_str().expect("text");
    let host = runs.directory("host");
    let asked = "cwd: inside\ninherited_fds: none\nroot: [not_host]\n";
    // A launcher that gives the root folder its proc in a mount namespace of its own first.
    let launch = |before: &str, to: &str| {
        let launcher = format!(
            "mount -t proc proc {root}/proc && \
             exec unshare --mount --uts --root={root} --wd={to} /bin/busybox true\n"
        );
        fs::write(runs.path("launcher.sh"), launcher).expect("a script");
        let launcher = runs.word("launcher.sh");
        format!("exec bash -c '{CLOSE}; {before} exec unshare --mount sh {launcher}'")
    };
    let select = ["--select", "program=/bin/busybox"];
    let leaky = launch(&format!("exec 9< {};", host.display()), "/proc/self/fd/9");
    let report = script(runs, asked, &select, &leaky)
        .ended_with(FAIL)
        .report();
    let one = payload(&report);
    assert_eq!(not_passing(one), ["cwd", "descriptors"]);
    assert!(said(one, "descriptors").contains('9'));
    said(one, "cwd");
    // One that is merely left open is told by itself.
    let left_open = launch(&format!("exec 9< {};", host.display()), "/tmp");
    let report = script(runs, asked, &select, &left_open)
        .ended_with(FAIL)
        .report();
    assert_eq!(not_passing(payload(&report)), ["descriptors"]);
    let repaired = launch("", "/tmp");
    let report = script(runs, asked, &select, &repaired)
        .ended_with(0)
        .report();
    assert_eq!(not_passing(payload(&report)), [""; 0]);
}

/// Files of a bundle whose `/dev` is a folder of the host's, with what stands there as `null`.
fn bundle(subject: &Subject, spoiled: bool) -> (String, String) {
    let words = subject.words("masking", &Request::new(&["/bin/true"]));
    let folder = if spoiled { "spoiled" } else { "good" };
    let folder = subject.runs.path(folder);
    fs::rename(subject.bundle(), &folder).expect("a bundle");
    let file = folder.join("config.json");
    let text = fs::read_to_string(&file).expect("a file");
    let mut config: Value = serde_json::from_str(&text).expect("a configuration");
    let mut source = "/dev".to_owned();
    if spoiled {
        let device = subject.runs.directory("device");
        symlink("/etc/decoy", device.join("null")).expect("a link");
        device.to_str().expect("text").clone_into(&mut source);
    }
    let mounts = config["mounts"].as_array_mut().expect("mounts");
    mounts.retain(|mount| {
        !mount["destination"]
            .as_str()
            .expect("text")
            .starts_with("/dev")
    });
    mounts.push(json!({
        "destination": "/dev", "type": "bind", "source": source, "options": ["bind"],
    }));
    config["linux"]["maskedPaths"] = json!(["/etc/secret"]);
    fs::write(&file, config.to_string()).expect("a file");
    let folder = folder.to_str().expect("text").to_owned();
    let line = words
        .join(" ")
        .replace(&subject.runs.word("bundle"), &folder);
    (folder, line)
}

/// CVE-2025-31133: what the runtime takes for the null device is a link, so that a masked path
/// becomes another file.
#[test]
#[ignore = "needs root"]
fn a_mask_that_is_another_file_is_caught() {
    let Some(subject) = Subject::new(Runtime::Runc) else {
        return;
    };
    for name in ["secret", "decoy"] {
        fs::write(subject.rootfs().join("etc").join(name), name).expect("a file");
    }
    let (asked, good) = bundle(&subject, false);
    let (_, bad) = bundle(&subject, true);
    let verify = |line: &str| {
        let words = ["--bundle", &asked, "-o", "json", "--", "sh", "-c", line];
        subject.runs.finish(&mut command(&subject.runs, &words))
    };
    let report = verify(&good).ended_with(0).report();
    let one = payload(&report);
    assert_eq!(item(one, "masked./etc/secret")["verdict"], "pass");
    let report = verify(&bad).ended_with(FAIL).report();
    let one = payload(&report);
    assert_eq!(not_passing(one), ["masked./etc/secret"]);
    assert!(said(one, "masked./etc/secret").contains("decoy"));
}

/// The class of runc#4812: a process of the container finds itself in another cgroup.
#[test]
#[ignore = "needs root"]
fn a_payload_that_is_moved_out_of_its_cgroup_is_caught_with_its_mover() {
    let Some(subject) = Subject::new(Runtime::Runc) else {
        return;
    };
    let host = facts();
    let pids = host.hierarchy_of("pids").expect("a hierarchy");
    let name = format!("elsewhere-{}", std::process::id());
    let cgroup = Leftover::make(pids.mount_point.join(&name));
    let runs = &subject.runs;
    let asked = "namespaces: { new: [mnt, uts] }\ndrift: deny\n";
    for (id, outside, code) in [
        ("left-alone", "true".to_owned(), 0),
        (
            "moved",
            format!(
                "sh -c 'echo '$pid' > {}/cgroup.procs'",
                cgroup.path().display()
            ),
            FAIL,
        ),
    ] {
        let mut request = Request::new(&["/bin/sh", &runs.word("payload.sh")]);
        // So that its number is its own for itself, too.
        request
            .namespaces
            .retain(|kind| *kind != NamespaceKind::Pid);
        let words = subject.words(id, &request);
        let file = subject.bundle().join("config.json");
        let text = fs::read_to_string(&file).expect("a file");
        let mut config: Value = serde_json::from_str(&text).expect("a configuration");
        let folder = runs.path("");
        // The same path inside as outside, for what the script says to the payload.
        config["mounts"]
            .as_array_mut()
            .expect("mounts")
            .push(json!({
                "destination": folder, "type": "bind", "source": folder, "options": ["bind"],
            }));
        fs::write(&file, config.to_string()).expect("a file");
        let all = meeting(runs, &words.join(" "), "", &outside);
        let report = script(runs, asked, &[], &all).ended_with(code).report();
        let one = payload(&report);
        if code == 0 {
            assert_eq!(not_passing(one), [""; 0]);
        } else {
            assert_eq!(not_passing(one), ["drift"]);
            let text = said(one, "drift");
            assert!(text.contains(&format!("to /{name}")), "{text}");
            assert!(text.contains("by sh["), "{text}");
        }
    }
}
