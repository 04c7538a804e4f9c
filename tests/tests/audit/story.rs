//! The stories of containers that different programs make at the same time, each held against what
//! its own payload says; who comes in, who was there before.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};

use rustix::process::getuid;
use serde_json::Value;
use tracer_tests::foreign::{Request, Runtime, Subject};
use tracer_tests::shell::Shell;

use super::{Audit, accounted, is_ours, link, namespaces, of_type};

/// Says which namespaces it is in, and ends.
const PAYLOAD: [&str; 3] = [
    "/bin/sh",
    "-c",
    "for n in mnt uts ipc pid net cgroup; do readlink /proc/self/ns/$n; done; exit 7",
];

fn host() -> BTreeMap<String, u64> {
    let kinds = ["mnt", "uts", "ipc", "pid", "net", "cgroup", "user", "time"];
    let links = kinds
        .iter()
        .map(|kind| fs::read_link(format!("/proc/self/ns/{kind}")));
    links
        .filter_map(|path| link(path.ok()?.to_str()?))
        .collect()
}

/// Those of `own` that are not the host's.
fn differing(own: BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let host = host();
    own.into_iter()
        .filter(|(kind, id)| host.get(kind) != Some(id))
        .collect()
}

fn ends<'a>(records: &'a [Value], id: &Value) -> Vec<&'a Value> {
    let all = of_type(records, "container_ended").into_iter();
    all.filter(|record| record["container"]["id"] == *id)
        .collect()
}

#[test]
fn containers_of_many_makers_at_once_have_a_right_story_each() {
    let audit = Audit::start(&[]);
    let runtimes = [
        Runtime::Unshare,
        Runtime::Bwrap,
        Runtime::Runc,
        Runtime::Crun,
    ];
    let told: Vec<(&str, BTreeMap<String, u64>)> = std::thread::scope(|scope| {
        let started: Vec<_> = runtimes
            .into_iter()
            .map(|runtime| {
                scope.spawn(move || {
                    let mut subject = Subject::new(runtime)?;
                    let said = subject.run("story", &Request::new(&PAYLOAD)).ended_with(7);
                    assert_eq!(subject.left(), [""; 0]);
                    let own = said.stdout.lines().filter_map(link).collect();
                    Some((runtime.name(), differing(own)))
                })
            })
            .collect();
        let joined = started
            .into_iter()
            .filter_map(|one| one.join().expect("a run"));
        joined.collect()
    });
    let records = audit.end();
    let (_, lost) = accounted(&records);
    assert_eq!(lost, 0);
    let births = of_type(&records, "container_born");
    for (runtime, own) in told {
        assert!(own.len() >= 5, "{runtime}: {own:?}");
        let of_them = |birth: &&&Value| {
            let born = namespaces(birth);
            own.iter().all(|(kind, id)| born.get(kind) == Some(id))
                && birth["process"]["executable"] == "/bin/sh"
        };
        let births: Vec<_> = births.iter().filter(of_them).collect();
        let [birth] = births.as_slice() else {
            panic!("{runtime} has {} births with {own:?}", births.len());
        };
        assert!(is_ours(birth), "{runtime}: {birth:#}");
        assert_eq!(
            birth["lineage"]["ancestors"][0]["user"]["id"],
            getuid().as_raw()
        );
        assert_eq!(birth["container"].get("incomplete"), None);
        let ends = ends(&records, &birth["container"]["id"]);
        let [end] = ends.as_slice() else {
            panic!("{runtime} ended {} times", ends.len());
        };
        assert_eq!(
            (&end["exit_code"], &end["unseen"]),
            (&7.into(), &false.into()),
            "{runtime}"
        );
        if matches!(runtime, "runc" | "crun") {
            assert_eq!(birth["container"]["name"], "story", "{runtime}");
        }
    }
}

#[test]
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

#[test]
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
    let born = audit.until("a program", |record| {
        record["type"] == "container_born" && is_ours(record)
    });
    assert_eq!(born["cgroups_alone"], true);
    assert_eq!(born["cgroups"][0], path);
    assert_eq!(born["process"]["pid"], moved["process"]["pid"]);
    audit.until("its removal", |record| of_it(record, "cgroup_removed"));
}

#[test]
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
    let born = audit.until("a birth", |record| {
        record["type"] == "container_born" && is_ours(record)
    });
    assert_eq!(born["verdict"], "pass");
    run("-n");
    let born = audit.until("a birth", |record| {
        record["type"] == "container_born" && is_ours(record)
    });
    assert_eq!(born["verdict"], "fail");
    let violation = audit.until("a violation", |record| {
        record["type"] == "container_violation"
    });
    assert_eq!(violation["container"], born["container"]);
    assert_eq!(
        violation["items"][0]["asked"],
        "linux.ns.net.is_host == true"
    );
}

#[test]
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
