//! Each item, violated by itself: the container is made otherwise than expected, or, where its
//! runtime has no other way, more is expected than it does. Exactly that item fails, by the
//! kernel's own record.

use std::fs;

use serde_json::Value;
use tracer::event::NamespaceKind;
use tracer_tests::foreign::{Property, Request, Runtime, Subject};

use super::expected::Expected;
use super::satisfied::ARGS;
use super::verified::{items, not_passed, summary, the_one, verify};

/// tracer's own exit code for a failed verdict.
const FAIL: i32 = 120;

/// One item and what violates it.
struct Break {
    item: String,
    request: Request,
    expected: Expected,
    /// The command inherits a descriptor.
    leaks: bool,
}

/// Breaks of one runtime.
struct Breaks {
    runtime: Runtime,
    request: Request,
    expected: Expected,
    all: Vec<Break>,
}

impl Breaks {
    fn new(runtime: Runtime) -> Self {
        let request = Request::everything(runtime, &ARGS);
        Self {
            runtime,
            expected: Expected::of(runtime, &request),
            request,
            all: Vec::new(),
        }
    }

    fn add(&mut self, item: impl Into<String>, spoil: impl FnOnce(&mut Break)) {
        let mut one = Break {
            item: item.into(),
            request: self.request.clone(),
            expected: self.expected.clone(),
            leaks: false,
        };
        spoil(&mut one);
        self.all.push(one);
    }

    /// The container is made otherwise.
    fn asked(&mut self, item: &str, property: Property, spoil: fn(&mut Request)) {
        if self.runtime.can(property) {
            self.add(item, |one| spoil(&mut one.request));
        }
    }

    /// Something else is expected.
    fn tightened(&mut self, item: &str, key: &str, value: &str) {
        if self.expected.get(key).is_some() {
            self.add(item, |one| one.expected.set(key, value));
        }
    }

    fn namespace(&mut self, kind: NamespaceKind) {
        let item = format!("namespace.{}", kind.name());
        let is_choice = self.runtime.takes().choice.contains(&kind);
        // Its one user has no other number to be than root's.
        let needs_root = self.runtime == Runtime::Unshare && kind == NamespaceKind::User;
        self.add(item, |one| {
            if !is_choice || needs_root {
                one.expected.turn(kind);
            } else if one.request.is_new(kind) {
                one.request.namespaces.retain(|other| *other != kind);
            } else {
                one.request.namespaces.push(kind);
            }
            // The host's name is not for a container to set.
            if !one.request.is_new(NamespaceKind::Uts) {
                one.request.hostname = None;
                one.expected.without("hostname");
            }
        });
    }

    /// What can be asked for otherwise.
    fn requests(&mut self) {
        self.asked("memory.max", Property::Memory, |one| {
            one.memory = Some(128 << 20);
        });
        self.asked("pids.max", Property::Pids, |one| one.pids = Some(51));
        self.asked("cpu.max", Property::CpuTime, |one| {
            one.cpu_time = Some((60_000, 100_000));
        });
        if std::thread::available_parallelism().is_ok_and(|all| all.get() > 1) {
            self.asked("cpuset.cpus", Property::Cpus, |one| {
                one.cpus = Some("0-1".to_owned());
            });
        } else {
            println!("skipped: cpuset.cpus, with a single processor");
        }
        self.asked("user.uid", Property::User, |one| {
            one.user = Some((1002, 1001));
        });
        self.asked("user.gid", Property::User, |one| {
            one.user = Some((1000, 1002));
        });
        self.asked("hostname", Property::Hostname, |one| {
            one.hostname = Some("elsewhere".to_owned());
        });
        self.asked("capabilities.bounding", Property::Capabilities, |one| {
            one.capabilities = Some(vec!["chown", "net_raw", "kill"]);
        });
        self.asked("root.read_only", Property::ReadOnly, |one| {
            one.read_only = false;
        });
        self.asked("rlimit.nofile", Property::OpenFiles, |one| {
            one.open_files = Some((256, 1024));
        });
        if self.runtime == Runtime::Bwrap {
            // It has no other way.
            self.tightened("no_new_privs", "no_new_privs", "false");
        } else {
            self.asked("no_new_privs", Property::NoNewPrivileges, |one| {
                one.no_new_privileges = false;
            });
        }
    }

    /// The rest.
    fn others(&mut self) {
        let filter = self.expected.get("seccomp") == Some("filter");
        let seccomp = if filter { "unconfined" } else { "filter" };
        self.tightened("seccomp", "seccomp", seccomp);
        self.tightened("cgroup", "cgroup", "{ path: /elsewhere/entirely }");
        self.add("payload", |one| {
            one.request.args.insert(0, "/bin/busybox".to_owned());
            "sh".clone_into(&mut one.request.args[1]);
        });
        match self.runtime {
            // It enters its root by chroot(2), in which nobody makes a namespace of users.
            Runtime::Unshare => self.tightened("root.pivoted", "root", "[not_host, pivoted]"),
            // Their filters forbid it.
            Runtime::Podman | Runtime::Docker => {}
            _ => self.add("drift", |one| {
                // The namespace is made; what would run in it is not there.
                let script = "unshare -U /none 2> /dev/null; exit 7";
                script.clone_into(&mut one.request.args[2]);
            }),
        }
        // The others close what they are not asked to hand on.
        if matches!(self.runtime, Runtime::Unshare | Runtime::Bwrap) {
            self.add("descriptors", |one| one.leaks = true);
        }
    }

    fn every(mut self) -> Vec<Break> {
        for kind in NamespaceKind::ALL {
            self.namespace(kind);
        }
        self.requests();
        self.others();
        self.all
    }

    /// Those whose start takes long: these items alone.
    fn some(self, items: &[&str]) -> Vec<Break> {
        let mut all = self.every();
        all.retain(|one| items.contains(&one.item.as_str()));
        assert_eq!(all.len(), items.len(), "items that there are no breaks of");
        all
    }
}

fn each_fails(runtime: Runtime, breaks: impl FnOnce(Breaks) -> Vec<Break>) {
    let Some(mut subject) = Subject::new(runtime) else {
        return;
    };
    let mut wrong = Vec::new();
    for one in breaks(Breaks::new(runtime)) {
        if let Err(why) = fails(&subject, &one) {
            wrong.push(format!("{}: {why}", one.item));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(subject.left(), [""; 0]);
}

/// What else happened than that this one item failed.
fn fails(subject: &Subject, one: &Break) -> Result<(), String> {
    let file = subject.runs.word("expected.yaml");
    fs::write(&file, one.expected.text()).expect("a file");
    let name = format!("broken-{}", one.item.replace('.', "-"));
    let mut command = subject.words(&name, &one.request);
    if one.leaks {
        let before = ["sh", "-c", "exec 9< /dev/null && exec \"$@\"", "sh"];
        command.splice(0..0, before.map(str::to_owned));
    }
    let said = verify(subject, &["--expect", &file], &command);
    if said.code() != FAIL {
        return Err(format!("exit {} {}", said.code(), said.stderr));
    }
    let report = said.report();
    let container = the_one(&report);
    let failed = not_passed(container);
    println!("{}: {failed:?}", one.item);
    if failed != [one.item.as_str()] {
        return Err(summary(&report));
    }
    let mut items = items(container).iter();
    let item = items.find(|item| item["id"] == one.item).expect("failed");
    if item["verdict"] != "fail" || !names_its_record(item, container) {
        return Err(format!("{item}, and not of {}", container["record"]));
    }
    Ok(())
}

/// Whether the evidence is the record of the payload's exec, the mount table, or a later record
/// for what changed later.
fn names_its_record(item: &Value, container: &Value) -> bool {
    let evidence = item["evidence"].as_array().expect("evidence");
    let birth = container["record"].as_u64().expect("a number");
    let is_drift = item["id"] == "drift";
    !evidence.is_empty()
        && evidence.iter().any(|one| {
            let seq = one["seq"].as_u64();
            let later = is_drift && seq.is_some_and(|seq| seq > birth);
            let table = ["mountinfo", "statmount"]
                .iter()
                .any(|name| one["source"] == *name);
            later || seq == Some(birth) || table
        })
}

#[test]
#[ignore = "needs root"]
fn each_item_that_unshare_violates_fails_by_itself() {
    each_fails(Runtime::Unshare, Breaks::every);
}

#[test]
#[ignore = "needs root"]
fn each_item_that_bwrap_violates_fails_by_itself() {
    each_fails(Runtime::Bwrap, Breaks::every);
}

#[test]
#[ignore = "needs root"]
fn each_item_that_systemd_nspawn_violates_fails_by_itself() {
    each_fails(Runtime::Nspawn, Breaks::every);
}

#[test]
#[ignore = "needs root"]
fn each_item_that_lxc_violates_fails_by_itself() {
    each_fails(Runtime::Lxc, Breaks::every);
}

#[test]
#[ignore = "needs root"]
fn each_item_that_runc_violates_fails_by_itself() {
    each_fails(Runtime::Runc, Breaks::every);
}

#[test]
#[ignore = "needs root"]
fn each_item_that_crun_violates_fails_by_itself() {
    each_fails(Runtime::Crun, Breaks::every);
}

#[test]
#[ignore = "needs root"]
fn each_item_that_youki_violates_fails_by_itself() {
    each_fails(Runtime::Youki, Breaks::every);
}

#[test]
#[ignore = "needs root"]
fn each_item_that_podman_violates_fails_by_itself() {
    let few = ["namespace.net", "pids.max", "user.uid", "seccomp"];
    each_fails(Runtime::Podman, |breaks| breaks.some(&few));
}

#[test]
#[ignore = "needs root"]
fn each_item_that_docker_violates_fails_by_itself() {
    let few = [
        "namespace.uts",
        "pids.max",
        "capabilities.bounding",
        "root.read_only",
    ];
    each_fails(Runtime::Docker, |breaks| breaks.some(&few));
}
