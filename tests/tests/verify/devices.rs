//! Devices that containers of a runtime can use, on v1 by its list and on v2 by its program: what
//! is asked of them holds, and fails where it is something else.

use std::fs;

use serde_json::{Value, json};
use tracer_tests::binary::{Runs, Said};
use tracer_tests::foreign::{Request, Runtime, Subject};

use super::condition::asking;
use super::{FAIL, command, containers, expecting, item, list};

/// Words before the runtime's, which show it v2 alone: on a machine with both it takes v1's
/// controllers otherwise.
const V2_ALONE: &str = "unshare --mount --propagation private sh -c 'umount -l /sys/fs/cgroup 2> /dev/null; \
     mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec \"$@\"' x";

fn verify(runs: &Runs, source: &[&str], line: &str) -> Said {
    let words = [source, &["-o", "json", "--", "sh", "-c", line]].concat();
    runs.finish(&mut command(runs, &words))
}

/// The runtime's container; the view of v2 is one as well.
#[track_caller]
fn of_runtime(report: &Value) -> &Value {
    let all = containers(report).iter();
    let mut own = all.filter(|one| one["payload"]["executable"] == "/bin/true");
    own.next()
        .unwrap_or_else(|| panic!("{:#}", report["containers"]))
}

#[track_caller]
fn verdict(said: &Said) -> (Value, Value) {
    let report = said.report();
    let item = item(of_runtime(&report), "devices");
    (item["verdict"].clone(), item["reason"].clone())
}

/// A rule of a bundle.
fn rule(allow: bool, major: u32, minor: u32, access: &str) -> Value {
    json!({ "allow": allow, "type": "c", "major": major, "minor": minor, "access": access })
}

/// What a subject's bundle asks for and more.
fn with_rules(config: &mut Value, rules: &[Value]) {
    let all = &mut config["linux"]["resources"]["devices"];
    let all = all.as_array_mut().expect("rules");
    all.extend_from_slice(rules);
}

/// Each way of asking, once so that it holds and once so that it does not.
fn shown(subject: &Subject, before: &str) {
    let name = if before.is_empty() { "one" } else { "two" };
    let request = Request::new(&["/bin/true"]);
    let words = subject.words(name, &request).join(" ");
    let line = format!("{before} {words}");
    let named = |part: &str| format!("{name}-{part}");
    let fuse = rule(true, 10, 229, "rw");
    let own = asking(subject, &named("own"), |config| {
        with_rules(config, std::slice::from_ref(&fuse));
    });
    // What the runtime reads.
    let config = fs::read(format!("{own}/config.json")).expect("a file");
    fs::write(subject.bundle().join("config.json"), config).expect("a file");
    let denied = asking(subject, &named("denied"), |config| {
        with_rules(config, &[rule(false, 10, 229, "w")]);
    });
    let lacking = asking(subject, &named("lacking"), |config| {
        with_rules(config, &[rule(true, 10, 1, "r")]);
    });
    for (bundle, reason) in [
        (own, Value::Null),
        (denied, json!("c 10:229 w can be used")),
        (lacking, json!("c 10:1 r cannot be used")),
    ] {
        let found = verdict(&verify(&subject.runs, &["--bundle", &bundle], &line));
        let word = if reason.is_null() { "pass" } else { "fail" };
        assert_eq!(found, (json!(word), reason), "{line}");
    }
    for (devices, holds) in [
        (
            "{ within: [default, \"c 10:200 rwm\", \"c 10:229 rw\"] }",
            true,
        ),
        (
            "{ within: [default, \"c 10:200 rwm\", \"c 10:229 r\"] }",
            false,
        ),
        ("{ without: [\"b *:* rw\", \"c 1:1 r\"] }", true),
        ("{ without: [\"c 10:* w\"] }", false),
        ("{ with: [\"c 10:229 rw\", \"c 1:3 rw\"] }", true),
        ("{ with: [\"c 10:229 rw\", \"b 8:0 r\"] }", false),
    ] {
        let file = expecting(&subject.runs, &format!("devices: {devices}\n"));
        let (word, reason) = verdict(&verify(&subject.runs, &["--expect", &file], &line));
        assert_eq!(
            word,
            if holds { "pass" } else { "fail" },
            "{devices}: {reason}"
        );
    }
}

#[test]
#[ignore = "needs root"]
fn devices_of_a_container_are_those_of_its_cgroups_whatever_their_version() {
    let Some(subject) = Subject::new(Runtime::Runc) else {
        return;
    };
    shown(&subject, "");
    shown(&subject, V2_ALONE);
}

#[test]
#[ignore = "needs root"]
fn devices_can_be_asked_about_by_a_rule_and_written_down() {
    let Some(subject) = Subject::new(Runtime::Runc) else {
        return;
    };
    let line = subject
        .words("rule", &Request::new(&["/bin/true"]))
        .join(" ");
    let rule = |text: &str| {
        let said = verify(&subject.runs, &["--rule", text], &line);
        said.code()
    };
    assert_eq!(rule("'c 1:3 rw' in linux.devices.usable"), 0);
    assert_eq!(rule("'b 8:0 rw' in linux.devices.usable"), FAIL);
    let mut from = tracer_tests::binary::tracer(&["expect", "from", "--", "sh", "-c", &line]);
    let (mark, value) = subject.runs.mark();
    let said = subject.runs.finish(from.env(mark, value)).ended_with(0);
    let text = said.stdout;
    let devices = text.lines().find(|line| line.starts_with("devices: "));
    let devices = devices.unwrap_or_else(|| panic!("{text}"));
    assert!(devices.contains("within: [\"a *:* m\", "), "{devices}");
    let file = expecting(&subject.runs, &text);
    verify(&subject.runs, &["--expect", &file], &line).ended_with(0);
    let less = text.replace("\"c 1:3 rw\"", "\"c 1:3 r\"");
    let file = expecting(&subject.runs, &less);
    let report = verify(&subject.runs, &["--expect", &file], &line)
        .ended_with(FAIL)
        .report();
    assert_eq!(item(of_runtime(&report), "devices")["verdict"], "fail");
    let usable = &of_runtime(&report)["certificate"]["linux"]["devices"];
    assert!(
        list(usable, "usable").contains(&json!("c 1:3 rw")),
        "{usable}"
    );
}
