//! What is told of a container in the course of its life: by which steps it came about, who comes in, that it
//! was there before.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;
use tracer_tests::foreign::{Request, Runtime, Subject};
use tracer_tests::shell::Shell;

use super::{Audit, born, is_ours, of_type};

#[test]
#[ignore = "needs root"]
fn who_comes_in_by_nsenter_is_told_and_is_no_birth() {
    let mut audit = Audit::start(&["--economy"]);
    let shell = Shell::with(&["-n", "-u"]);
    let birth = audit.until("a birth", |record| {
        record["type"] == "container_born" && record["process"]["pid"] == shell.pid()
    });
    let pid = shell.pid().to_string();
    let status = Command::new("nsenter")
        .args(["-t", &pid, "-n", "-u", "true"])
        .status();
    assert!(status.expect("nsenter").success());
    let entry = audit.until("an entry", |record| record["type"] == "container_entered");
    assert_eq!(entry["container"], birth["container"]);
    assert_eq!(entry["seen_by"], "exec");
    assert_eq!(entry["process"]["name"], "true");
    drop(shell);
    let id = birth["container"]["id"].clone();
    let end = audit.until("an end", |record| {
        record["type"] == "container_ended" && record["container"]["id"] == id
    });
    assert_eq!(end["signal"], 9);
    let records = audit.end();
    let births = of_type(&records, "container_born").into_iter();
    let of_it = |record: &&Value| record["process"]["pid"] == shell_pid(&birth) && is_ours(record);
    assert_eq!(births.filter(of_it).count(), 1);
}

fn shell_pid(birth: &Value) -> Value {
    birth["process"]["pid"].clone()
}

/// What an engine's `exec` is made of: several processes that come in one after the other, and are moved to the
/// container's cgroups by a process outside.
#[test]
#[ignore = "needs root"]
fn what_a_runtime_executes_in_a_container_has_entered_it_and_changes_nothing() {
    for runtime in [Runtime::Runc, Runtime::Crun] {
        let Some(mut subject) = Subject::new(runtime) else {
            continue;
        };
        let mut audit = Audit::start(&["--economy"]);
        let request = Request::new(&["/bin/sh", "-c", "read line"]);
        let mut command = subject.command("home", &request);
        let container = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let container = container.expect("a container");
        // runc executes a copy of itself first, which may be in the container's cgroups by then and is born by
        // these alone.
        let birth = audit.until("a birth", |record| {
            record["type"] == "container_born"
                && record["container"]["name"] == "home"
                && record["cgroups_alone"] != true
        });
        let mut words = subject.words("home", &request);
        words.truncate(words.iter().position(|word| word == "run").expect("run"));
        let executed = Command::new(&words[0])
            .args(&words[1..])
            .args(["exec", "home", "/bin/true"])
            .output()
            .expect("a runtime");
        assert!(executed.status.success(), "{executed:?}");
        let of_it = |record: &Value| record["container"] == birth["container"];
        audit.until("an entry", |record| {
            record["type"] == "container_entered" && of_it(record)
        });
        // It reads the end of its standard input.
        let said = container.wait_with_output().expect("its end");
        assert_eq!(said.status.code(), Some(1), "{said:?}");
        let records = audit.end();
        let changes = of_type(&records, "container_changed").into_iter();
        let changes: Vec<&Value> = changes.filter(|record| of_it(record)).collect();
        assert_eq!(changes, [&Value::Null; 0], "{}", runtime.name());
        let entries = of_type(&records, "container_entered").into_iter();
        assert_eq!(entries.filter(|record| of_it(record)).count(), 1);
        assert_eq!(subject.left(), [""; 0]);
    }
}

#[test]
#[ignore = "needs root"]
fn a_container_that_was_there_before_bears_the_id_that_it_was_born_with() {
    let mut first = Audit::start(&[]);
    let shell = Shell::with(&["-n"]);
    let is_it = |record: &Value, kind: &str| {
        record["type"] == kind && record["process"]["pid"] == shell.pid()
    };
    let birth = first.until("a birth", |record| is_it(record, "container_born"));
    let mut second = Audit::start(&[]);
    let found = second.until("it to be found", |record| is_it(record, "container_found"));
    assert_eq!(found["container"]["id"], birth["container"]["id"]);
    assert_eq!(found["namespaces"], birth["namespaces"]);
    assert_eq!(found["lineage"]["source"], "proc");
    drop(shell);
    let ended = |record: &Value| {
        record["type"] == "container_ended" && record["container"]["id"] == birth["container"]["id"]
    };
    assert_eq!(first.until("its end", ended)["signal"], 9);
    assert_eq!(second.until("its end", ended)["signal"], 9);
}

#[test]
#[ignore = "needs root"]
fn a_process_that_is_moved_to_a_cgroup_is_told_of_with_what_it_executes_there() {
    let Some(hierarchy) = tracer_tests::need::unified() else {
        return;
    };
    let name = format!("audit-{}", std::process::id());
    let folder = hierarchy.mount_point.join(&name);
    let mut audit = Audit::start(&[]);
    fs::create_dir(&folder).expect("a cgroup");
    let script = format!("echo $$ > {}/cgroup.procs && exec true", folder.display());
    let status = Command::new("sh").args(["-c", &script]).status();
    let removed = fs::remove_dir(&folder);
    assert!(status.expect("a shell").success());
    removed.expect("nobody is in it");
    let path = format!("/{name}");
    let of_it = |record: &Value, kind: &str| record["type"] == kind && record["path"] == path;
    audit.until("it to be made", |record| of_it(record, "cgroup_made"));
    let moved = audit.until("a move", |record| of_it(record, "cgroup_moved"));
    assert_eq!(moved["target"]["pid"], moved["process"]["pid"]);
    let birth = audit.until("a program", born);
    assert_eq!(birth["cgroups_alone"], true);
    assert_eq!(birth["cgroups"][0], path);
    assert_eq!(birth["process"]["pid"], moved["process"]["pid"]);
    audit.until("its removal", |record| of_it(record, "cgroup_removed"));
}

#[test]
#[ignore = "needs root"]
fn a_condition_that_does_not_hold_is_a_record_of_its_own() {
    let mut audit = Audit::start(&["--rule", "linux.ns.net.is_host == true"]);
    let run = |flag: &str| {
        let status = Command::new("unshare")
            .args([flag, "true"])
            .stdin(Stdio::null())
            .status();
        assert!(status.expect("unshare").success());
    };
    run("-u");
    let birth = audit.until("a birth", born);
    assert_eq!(birth["verdict"], "pass");
    run("-n");
    let birth = audit.until("a birth", born);
    assert_eq!(birth["verdict"], "fail");
    let violation = audit.until("a violation", |record| {
        record["type"] == "container_violation"
    });
    assert_eq!(violation["container"], birth["container"]);
    assert_eq!(
        violation["items"][0]["asked"],
        "linux.ns.net.is_host == true"
    );
}

#[test]
#[ignore = "needs root"]
fn setns_and_unshare_are_seen_as_they_return_when_exact_is_asked_for() {
    let mut audit = Audit::start(&["--exact"]);
    let name = format!("audit{}", std::process::id());
    let ip = |word: &str| Command::new("ip").args(["netns", word, &name]).status();
    assert!(ip("add").expect("ip").success());
    assert!(ip("del").expect("ip").success());
    let made = audit.until("a namespace", |record| {
        record["type"] == "namespace_made" && record["process"]["name"] == "ip"
    });
    assert_eq!(
        (&made["call"], &made["seen_by"]),
        (&"unshare".into(), &"call".into())
    );
    assert_eq!(made["namespaces"][0]["kind"], "net");
}

#[test]
#[ignore = "needs root"]
fn a_birth_tells_by_which_steps_it_came_about() {
    let Some(hierarchy) = tracer_tests::need::unified() else {
        return;
    };
    let name = format!("audit-steps-{}", std::process::id());
    let folder = hierarchy.mount_point.join(&name);
    let mut audit = Audit::start(&["--exact"]);
    fs::create_dir(&folder).expect("a cgroup");
    let script = format!(
        "echo $$ > {}/cgroup.procs && exec unshare -u -f true",
        folder.display()
    );
    let status = Command::new("sh").args(["-c", &script]).status();
    fs::remove_dir(&folder).expect("nobody is in it");
    assert!(status.expect("a shell").success());
    let born = audit.until("a birth", |record| {
        record["type"] == "container_born"
            && record["cgroups_alone"] == false
            && record["cgroups"][0] == format!("/{name}")
    });
    let timeline = &born["timeline"];
    assert_eq!(timeline["left_out"], 0);
    let steps = timeline["steps"].as_array().expect("a list");
    let events: Vec<&str> = steps
        .iter()
        .filter_map(|step| step["event"].as_str())
        .collect();
    let expected = [
        "cgroup_mkdir",
        "cgroup_attach_task",
        "sched_process_exec",
        "unshare",
        "task_newtask",
        "sched_process_exec",
    ];
    assert_eq!(events, expected, "{timeline:#}");
    let pid = |step: usize, who: &str| steps[step][who]["pid"].clone();
    assert_eq!(pid(0, "process"), std::process::id());
    assert_eq!(pid(1, "target"), pid(3, "process"));
    assert_eq!(steps[2]["process"]["name"], "unshare");
    assert_eq!(steps[3]["namespaces"], born["namespaces"]);
    assert_eq!(pid(4, "target"), born["process"]["pid"]);
    let times: Vec<i64> = steps
        .iter()
        .filter_map(|step| step["t_ns"].as_i64())
        .collect();
    assert!(times.is_sorted() && times[0] < 0, "{times:?}");
    assert_eq!(times.last(), Some(&0));
}
