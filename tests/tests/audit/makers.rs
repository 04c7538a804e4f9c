//! Containers that different programs make at the same time: each has a story of its own, held against what
//! its payload says of itself.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};

use rustix::process::getuid;
use serde_json::Value;
use tracer_tests::cgroup::Leftover;
use tracer_tests::foreign::{Request, Runtime, Subject};
use tracer_tests::need;

use super::{Audit, accounted, is_ours, link, namespaces, of_type};

/// Says which namespaces it is in, and ends with a code of its own.
fn says(code: i32) -> String {
    format!("for n in mnt uts ipc pid net cgroup; do readlink /proc/self/ns/$n; done; exit {code}")
}

/// What a container has said of itself.
struct Told {
    maker: &'static str,
    /// With which it ends: numbers of namespaces are given again once their last process has ended.
    code: i32,
    /// Those of its namespaces that are not the host's.
    own: BTreeMap<String, u64>,
    /// Path of a cgroup where nothing else sets it apart.
    cgroup: Option<String>,
}

impl Told {
    fn new(maker: &'static str, code: i32, said: &str) -> Self {
        let host = host();
        let own = said.lines().filter_map(link);
        Self {
            maker,
            code,
            own: own
                .filter(|(kind, id)| host.get(kind) != Some(id))
                .collect(),
            cgroup: None,
        }
    }
}

fn host() -> BTreeMap<String, u64> {
    let kinds = ["mnt", "uts", "ipc", "pid", "net", "cgroup", "user", "time"];
    let links = kinds
        .iter()
        .map(|kind| fs::read_link(format!("/proc/self/ns/{kind}")));
    links
        .filter_map(|path| link(path.ok()?.to_str()?))
        .collect()
}

fn of_runtime(runtime: Runtime, code: i32) -> Option<Told> {
    let mut subject = Subject::new(runtime)?;
    let request = Request::new(&["/bin/sh", "-c", &says(code)]);
    let said = subject.run("story", &request).ended_with(code);
    assert_eq!(subject.left(), [""; 0]);
    let told = Told::new(runtime.name(), code, &said.stdout);
    assert!(told.own.len() >= 4, "{}: {:?}", told.maker, told.own);
    Some(told)
}

/// A network namespace with a name, which goes with its guard.
struct Named(String);

impl Named {
    fn new() -> Self {
        let name = format!("audit{}", std::process::id());
        let added = Command::new("ip").args(["netns", "add", &name]).status();
        assert!(added.expect("ip").success());
        Self(name)
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        let _gone = Command::new("ip").args(["netns", "del", &self.0]).status();
    }
}

fn by_ip_netns(code: i32) -> Told {
    let named = Named::new();
    let said = Command::new("ip")
        .args(["netns", "exec", &named.0, "/bin/sh", "-c", &says(code)])
        .output()
        .expect("ip");
    assert_eq!(said.status.code(), Some(code));
    let told = Told::new("ip netns", code, &String::from_utf8_lossy(&said.stdout));
    let kinds: Vec<&str> = told.own.keys().map(String::as_str).collect();
    assert_eq!(kinds, ["mnt", "net"]);
    told
}

/// As cgexec(1) does it.
fn by_a_move(code: i32) -> Option<Told> {
    let hierarchy = need::unified()?;
    let name = format!("audit-move-{}", std::process::id());
    let made = Leftover::make(hierarchy.mount_point.join(&name));
    let script = format!("echo $$ > \"$0\"/cgroup.procs && exec /bin/sh -c 'exit {code}'");
    let status = Command::new("sh")
        .args(["-c", &script])
        .arg(made.path())
        .stdin(Stdio::null())
        .status();
    assert_eq!(status.expect("a shell").code(), Some(code));
    Some(Told {
        cgroup: Some(format!("/{name}")),
        ..Told::new("cgexec", code, "")
    })
}

fn is_of(birth: &Value, told: &Told) -> bool {
    if let Some(path) = &told.cgroup {
        return birth["cgroups_alone"] == true && birth["cgroups"][0] == **path;
    }
    let born = namespaces(birth);
    told.own.iter().all(|(kind, id)| born.get(kind) == Some(id))
}

/// With which code a container has ended, as its only end tells.
fn code_of(records: &[Value], birth: &Value) -> Value {
    let ends = of_type(records, "container_ended").into_iter();
    let ends: Vec<_> = ends
        .filter(|end| end["container"]["id"] == birth["container"]["id"])
        .collect();
    match ends.as_slice() {
        [end] if end["unseen"] == false => end["exit_code"].clone(),
        _ => Value::Null,
    }
}

/// Holds what was said of a container against what is told of it.
fn has_a_right_story(records: &[Value], told: &Told) {
    let maker = told.maker;
    let births = of_type(records, "container_born").into_iter();
    let births: Vec<_> = births
        .filter(|birth| is_of(birth, told) && code_of(records, birth) == told.code)
        .collect();
    let [birth] = births.as_slice() else {
        panic!(
            "{maker} has {} births with {:?}: {births:#?}",
            births.len(),
            told.own
        );
    };
    // Nothing of the container descends from docker's client, and podman's monitor leaves its caller.
    if !matches!(maker, "docker" | "podman") {
        assert!(is_ours(birth), "{maker}: {birth:#}");
    }
    let executable = birth["process"]["executable"].as_str().unwrap_or_default();
    assert_eq!(executable, "/bin/sh", "{maker}");
    assert_eq!(birth["lineage"]["source"], "kernel", "{maker}");
    let parent = &birth["lineage"]["ancestors"][0];
    assert_eq!(parent["user"]["id"], getuid().as_raw(), "{maker}");
    assert_eq!(birth["container"].get("incomplete"), None, "{maker}");
    let steps = birth["timeline"]["steps"].as_array().expect("a list");
    let last = steps.last().expect("a step");
    assert_eq!(last["event"], "sched_process_exec", "{maker}: {steps:#?}");
    assert_eq!(last["t_ns"], 0, "{maker}");
    let name = birth["container"]["name"].as_str().unwrap_or_default();
    match maker {
        "runc" | "crun" => assert_eq!(name, "story", "{maker}"),
        "docker" | "podman" => {
            let hexadecimal = name.chars().all(|c| c.is_ascii_hexdigit());
            assert!(name.len() == 64 && hexadecimal, "{maker}: {name}");
        }
        _ => {}
    }
}

#[test]
#[ignore = "needs root"]
fn containers_of_many_makers_at_once_have_a_right_story_each() {
    let audit = Audit::start(&["--ring", "16"]);
    let told: Vec<Told> = std::thread::scope(|scope| {
        let runtimes = (10..).zip(Runtime::ALL);
        let mut started: Vec<_> = runtimes
            .map(|(code, runtime)| scope.spawn(move || of_runtime(runtime, code)))
            .collect();
        started.push(scope.spawn(|| Some(by_ip_netns(7))));
        started.push(scope.spawn(|| by_a_move(8)));
        let joined = started
            .into_iter()
            .filter_map(|one| one.join().expect("a run"));
        joined.collect()
    });
    let records = audit.end();
    let (_, lost) = accounted(&records);
    assert_eq!(lost, 0);
    assert!(told.len() >= 4, "{}", told.len());
    for one in told {
        has_a_right_story(&records, &one);
    }
}
