//! Each condition of files and bundles that a container does not satisfy fails, and nothing else
//! does.

use std::fs;

use serde_json::{Value, json};
use tracer_tests::binary::Runs;
use tracer_tests::condition::UNSATISFIED;
use tracer_tests::foreign::{Request, Runtime, Subject};

use super::{FAIL, command, item, not_passing, payload, script};

#[test]
#[ignore = "needs root"]
fn each_condition_of_a_file_fails_alone() {
    let runs = Runs::new();
    for one in UNSATISFIED {
        println!("{}", one.family);
        let program = if one.lasting { "sleep 0.3" } else { "true" };
        let line = format!("{}unshare --mount --uts --ipc {program}", one.before);
        // Beside one that holds.
        let file = format!("exe: inside\n{}\n", one.file);
        let report = script(&runs, &file, &[], &line).ended_with(FAIL).report();
        assert_eq!(not_passing(payload(&report)), [one.item], "{}", one.family);
    }
}

/// Writes a bundle beside the subject's with another configuration; gives its folder.
pub(super) fn asking(subject: &Subject, name: &str, change: impl FnOnce(&mut Value)) -> String {
    let text = fs::read_to_string(subject.bundle().join("config.json")).expect("a file");
    let mut config: Value = serde_json::from_str(&text).expect("a configuration");
    change(&mut config);
    let folder = subject.runs.path(name);
    fs::create_dir(&folder).expect("a folder");
    fs::write(folder.join("config.json"), config.to_string()).expect("a file");
    folder.to_str().expect("text").to_owned()
}

#[test]
#[ignore = "needs root"]
fn each_condition_of_a_bundle_on_mounts_fails_alone() {
    let Some(subject) = Subject::new(Runtime::Runc) else {
        return;
    };
    let line = subject
        .words("mounts", &Request::new(&["/bin/true"]))
        .join(" ");
    let mount = asking(&subject, "mount", |config| {
        let mounts = config["mounts"].as_array_mut().expect("mounts");
        mounts.push(json!({ "destination": "/extra", "type": "tmpfs", "source": "tmpfs" }));
    });
    let read_only = asking(&subject, "read-only", |config| {
        config["linux"]["readonlyPaths"] = json!(["/etc"]);
    });
    let spread = asking(&subject, "spread", |config| {
        config["linux"]["rootfsPropagation"] = json!("shared");
    });
    let mapped = asking(&subject, "mapped", |config| {
        let map = json!([{ "containerID": 0, "hostID": 100_000, "size": 65_536 }]);
        config["mounts"][1]["uidMappings"] = map.clone();
        config["mounts"][1]["gidMappings"] = map;
    });
    for (asked, item) in [
        (mapped, "mount./dev"),
        (mount, "mount./extra"),
        (read_only, "read_only./etc"),
        (spread, "root.propagation"),
    ] {
        let words = ["--bundle", &asked, "-o", "json", "--", "sh", "-c", &line];
        let said = subject.runs.finish(&mut command(&subject.runs, &words));
        let report = said.ended_with(FAIL).report();
        assert_eq!(not_passing(payload(&report)), [item]);
    }
}

/// Clocks only the other way: runtimes before 2024 make no time namespace.
#[test]
#[ignore = "needs root"]
fn what_a_process_of_a_bundle_inherits_is_as_the_bundle_asks() {
    let Some(subject) = Subject::new(Runtime::Runc) else {
        return;
    };
    let request = Request::new(&["/bin/true"]);
    let line = subject.words("inherits", &request).join(" ");
    let own = asking(&subject, "own", |config| {
        config["process"]["oomScoreAdj"] = json!(7);
        config["process"]["user"]["umask"] = json!(0o27);
    });
    // What the runtime reads.
    let config = fs::read(format!("{own}/config.json")).expect("a file");
    fs::write(subject.bundle().join("config.json"), config).expect("a file");
    let score = asking(&subject, "score", |config| {
        config["process"]["oomScoreAdj"] = json!(8);
    });
    let umask = asking(&subject, "umask", |config| {
        config["process"]["user"]["umask"] = json!(0o22);
    });
    let clocks = asking(&subject, "clocks", |config| {
        config["linux"]["timeOffsets"] = json!({ "boottime": { "secs": 3600 } });
    });
    let cases: [(String, &[&str]); 4] = [
        (own, &[]),
        (score, &["oom_score_adj"]),
        (umask, &["umask"]),
        (clocks, &["time_offsets.boottime"]),
    ];
    for (asked, fails) in cases {
        let words = ["--bundle", &asked, "-o", "json", "--", "sh", "-c", &line];
        let said = subject.runs.finish(&mut command(&subject.runs, &words));
        let code = if fails.is_empty() { 0 } else { FAIL };
        let report = said.ended_with(code).report();
        let container = payload(&report);
        assert_eq!(not_passing(container), fails);
        assert_eq!(item(container, "umask")["seen"], "0027");
        // It makes one for each container that it is not told to leave without.
        let keyring = &container["certificate"]["linux"]["session_keyring"];
        assert_eq!(keyring["is_host"], false, "{keyring}");
    }
}
