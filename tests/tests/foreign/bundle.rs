//! One bundle through several runtimes: each makes what it asks for, and the two reports differ
//! in the way there and not in what belongs to a run alone. Where one makes something else than
//! the bundle says, that is told, and its payload sees the same.

use std::fs;

use serde_json::{Value, json};
use tracer_tests::binary::{Runs, tracer};
use tracer_tests::foreign::{Request, Runtime, Subject};

use super::satisfied::{ARGS, CODE};
use super::verified::{items, not_passed, summary, the_one, verify};

/// Ends of the names of facts that no two runs share.
const VOLATILE: [&str; 6] = [".pid", ".tid", "_ns", ".seq", ".inode", ".mount_id"];

/// Runs the bundle of `subject` through another runtime; the report goes to a file.
fn passes(subject: &mut Subject, runtime: Runtime) -> (String, Value) {
    subject.runtime = runtime;
    let command = subject.words("same", &Request::everything(runtime, &ARGS));
    let bundle = subject.runs.word("bundle");
    let file = subject.runs.word(&format!("{}.json", runtime.name()));
    // Held until its mount table is read, however busy the machine is.
    let options = ["--enforce", "--bundle", &bundle, "--json", &file];
    let said = verify(subject, &options, &command);
    let report = said.report();
    let why = summary(&report);
    let container = the_one(&report);
    println!("{}: {} items", runtime.name(), items(container).len());
    assert_eq!(not_passed(container), [""; 0], "{why}");
    assert_eq!(said.code(), CODE, "{why}");
    (file, container.clone())
}

/// What a bundle asks for, however it is made.
fn asked(container: &Value) -> Vec<(&Value, &Value)> {
    let items = items(container).iter();
    items.map(|item| (&item["id"], &item["asked"])).collect()
}

fn diff(one: &str, other: &str) -> Value {
    let mut said = tracer(&["diff", "-o", "json", one, other]);
    let said = said.output().expect("its end");
    assert!(said.status.success(), "{said:?}");
    serde_json::from_slice(&said.stdout).expect("a document")
}

/// Names of the facts that differ.
fn facts(diff: &Value) -> Vec<&str> {
    let facts = diff["facts"].as_array().expect("facts").iter();
    facts.filter_map(|one| one["fact"].as_str()).collect()
}

/// Steps and whose they are: `A`, `B` or both.
fn steps(diff: &Value) -> Vec<(&str, &str)> {
    let steps = diff["steps"].as_array().expect("steps").iter();
    steps
        .map(|step| (&step["side"], &step["text"]))
        .map(|(side, text)| (side.as_str().expect("side"), text.as_str().expect("text")))
        .collect()
}

#[test]
#[ignore = "needs root"]
fn two_runs_of_tracer_are_alike_and_another_runtime_is_compared_with_them() {
    let runs = Runs::new();
    let [one, two] = ["one.json", "two.json"].map(|name| runs.word(name));
    for file in [&one, &two] {
        runs.run(&["--json", file, "--", "/bin/true"]).ended_with(0);
    }
    let same = diff(&one, &two);
    assert_eq!(facts(&same), [""; 0]);
    let own = |step: &&(&str, &str)| step.0 != "both";
    assert_eq!(steps(&same).iter().find(own), None);
    assert!(steps(&same).len() > 20, "{same}");
    let Some(mut subject) = Subject::new(Runtime::Runc) else {
        return;
    };
    let (other, _) = passes(&mut subject, Runtime::Runc);
    let diff = diff(&one, &other);
    // A second user namespace or none, other mounts, other steps: all of these are told apart.
    assert!(!facts(&diff).is_empty(), "{diff}");
    for side in ["a", "b", "both"] {
        assert!(steps(&diff).iter().any(|step| step.0 == side), "{diff}");
    }
    runs.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn one_bundle_passes_through_each_runtime_and_only_the_way_differs() {
    let Some(mut subject) = Subject::new(Runtime::Runc) else {
        return;
    };
    let (first, container) = passes(&mut subject, Runtime::Runc);
    for runtime in [Runtime::Crun, Runtime::Youki] {
        if !runtime.is_installed() {
            println!("skipped: {} is not installed", runtime.name());
            continue;
        }
        let (second, other) = passes(&mut subject, runtime);
        assert_eq!(asked(&container), asked(&other));
        let diff = diff(&first, &second);
        let facts = facts(&diff);
        println!("{facts:#?}\n{} alike", diff["alike"]);
        // crun has its container made in its cgroup on v2, runc and youki move theirs there.
        let another_way = facts.iter().any(|fact| fact.ends_with(".way_in"));
        assert!(another_way || runtime != Runtime::Crun, "{diff}");
        for end in VOLATILE {
            assert!(
                !facts.iter().any(|fact| fact.ends_with(end)),
                "{end}: {diff}"
            );
        }
        let is_namespace = |fact: &&str| fact.starts_with("linux.namespaces");
        assert!(!facts.iter().any(is_namespace), "{diff}");
        assert!(diff["alike"].as_u64() > Some(100), "{diff}");
    }
    assert_eq!(subject.left(), [""; 0]);
}

/// What of `/sys/fs/cgroup` is mounted, with its options, and whether `/dev/net/tun` can be opened,
/// as a payload sees it.
const LOOK: &str = r#"while read -r id parent device root point options rest; do
    case $point in /sys/fs/cgroup*) echo "mount $point $options";; esac
done < /proc/self/mountinfo
mknod /dev/made c 10 200
case "`(: < /dev/made) 2>&1`" in *"not permitted"*) echo "tun refused";; *) echo "tun allowed";; esac"#;

/// Asks for cgroups that cannot be written to, for no devices but those that every runtime supplies,
/// and for the right to make device files.
fn asks_for_more(subject: &Subject) {
    let file = subject.bundle().join("config.json");
    let text = fs::read_to_string(&file).expect("a bundle");
    let mut config: Value = serde_json::from_str(&text).expect("a document");
    let list = |value: &mut Value, more: Value| {
        value.as_array_mut().expect("a list").push(more);
    };
    let options = ["nosuid", "noexec", "nodev", "relatime", "ro"];
    let cgroups = json!({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": options});
    list(&mut config["mounts"], cgroups);
    for set in ["bounding", "effective", "permitted"] {
        list(
            &mut config["process"]["capabilities"][set],
            json!("CAP_MKNOD"),
        );
    }
    config["linux"]["resources"]["devices"] = json!([{"allow": false, "access": "rwm"}]);
    fs::write(file, config.to_string()).expect("a file");
}

/// Names of what the payload itself has seen to be otherwise than asked.
fn seen_inside(said: &str) -> Vec<&'static str> {
    let mut otherwise = Vec::new();
    if said.contains("tun allowed") {
        otherwise.push("devices");
    } else {
        assert!(said.contains("tun refused"), "{said}");
    }
    let mounts = said.lines().filter_map(|line| line.strip_prefix("mount "));
    let mounts: Vec<(&str, &str)> = mounts.filter_map(|line| line.split_once(' ')).collect();
    assert!(!mounts.is_empty(), "{said}");
    // Of v1 the hierarchies' mounts stand below one that is no cgroup.
    let is_v1 = mounts.len() > 1;
    let mut cgroups = mounts
        .iter()
        .filter(|(at, _)| !is_v1 || *at != "/sys/fs/cgroup");
    let asked = |options: &str| {
        let mut asked = ["ro", "nosuid", "nodev", "noexec"].iter();
        asked.all(|one| options.split(',').any(|option| option == *one))
    };
    if !cgroups.all(|(_, options)| asked(options)) {
        otherwise.push("mount./sys/fs/cgroup");
    }
    otherwise
}

#[test]
#[ignore = "needs root"]
fn what_a_runtime_makes_otherwise_than_its_bundle_says_fails_as_its_payload_sees_it() {
    for runtime in [Runtime::Runc, Runtime::Crun, Runtime::Youki] {
        let Some(mut subject) = Subject::new(runtime) else {
            continue;
        };
        let command = subject.words("other", &Request::new(&["/bin/sh", "-c", LOOK]));
        asks_for_more(&subject);
        let bundle = subject.runs.word("bundle");
        let said = verify(&subject, &["--bundle", &bundle], &command);
        let report = said.report();
        let otherwise = seen_inside(&said.stderr);
        println!("{}: {otherwise:?}", runtime.name());
        let why = format!("{}\n{}", summary(&report), said.stderr);
        assert_eq!(not_passed(the_one(&report)), otherwise, "{why}");
        assert_eq!(subject.left(), [""; 0]);
    }
}
