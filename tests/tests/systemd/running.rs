//! The unit under a systemd that is the first process, and containers that systemd itself makes. `cargo
//! xtask vm --systemd` boots one; elsewhere these tests say that they are skipped.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;
use tracer::host::CgroupVersion;
use tracer_tests::spec::facts;
use tracer_tests::{binary, need, require_root};

/// Where units stand until the next boot.
const UNITS: &str = "/run/systemd/system";
/// `CAP_SYS_PTRACE`, `CAP_PERFMON` and `CAP_BPF` (include/uapi/linux/capability.h).
const CAPABILITIES: u64 = 1 << 19 | 1 << 38 | 1 << 39;

/// Has systemctl do something.
#[track_caller]
fn systemctl(words: &[&str]) {
    let output = Command::new("systemctl").args(words).output();
    let output = output.expect("systemctl");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {said}");
}

/// The unit of `examples/systemd` under a name of this process's own, with the program that was built, and all
/// that it writes in a folder.
struct Service {
    name: String,
    folder: TempDir,
}

impl Service {
    /// Starts it, with more settings. Systemd says that it has started when the audit itself says so.
    fn start(more: &str) -> Self {
        let name = format!("tracer-check-{}.service", std::process::id());
        let folder = tempfile::tempdir().expect("a folder");
        let service = Self { name, folder };
        let program = binary::path();
        let program = program.to_str().expect("text");
        let unit = super::unit()
            .replace("/usr/local/bin/tracer", program)
            .replace("/var/log/tracer/audit.jsonl", &service.place("audit.jsonl"));
        // What a later section of a name says stands above an earlier one.
        let unit = format!(
            "{unit}\n[Service]\nStandardError=append:{}\nEnvironment=TRACER_CONFIG={}\n{more}\n",
            service.place("stderr"),
            service.place("config.toml"),
        );
        service.configure("");
        fs::write(Path::new(UNITS).join(&service.name), unit).expect("a unit");
        systemctl(&["daemon-reload"]);
        systemctl(&["start", &service.name]);
        service
    }

    fn place(&self, name: &str) -> String {
        let path = self.folder.path().join(name);
        path.to_str().expect("text").to_owned()
    }

    fn configure(&self, text: &str) {
        fs::write(self.place("config.toml"), format!("[audit]\n{text}\n")).expect("a file");
    }

    /// What systemd knows of it.
    fn property(&self, name: &str) -> String {
        let mut show = Command::new("systemctl");
        show.args(["show", "--value", "--property", name, &self.name]);
        let output = show.output().expect("systemctl");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn main(&self) -> u32 {
        self.property("MainPID").parse().expect("a number")
    }

    /// A line of the main process's status that begins so.
    fn status(&self, name: &str) -> String {
        let status = fs::read_to_string(format!("/proc/{}/status", self.main()));
        let status = status.expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.expect(name).trim().to_owned()
    }

    fn records(&self) -> Records {
        Records::of(&self.place("audit.jsonl"))
    }

    fn signal(&self, signal: Signal) {
        let process = binary::process(self.main()).expect("it runs");
        rustix::process::pidfd_send_signal(process, signal).expect("sent");
    }

    fn said(&self) -> String {
        fs::read_to_string(self.place("stderr")).expect("its words")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Whatever has failed, nothing stays behind.
        let _stopped = Command::new("systemctl")
            .args(["stop", &self.name])
            .status();
        let _removed = fs::remove_file(Path::new(UNITS).join(&self.name));
        let _forgotten = Command::new("systemctl").arg("daemon-reload").status();
        let _log = fs::remove_dir("/var/log/tracer");
    }
}

/// A file that is written to, line by line.
struct Records {
    tail: Child,
    lines: BufReader<ChildStdout>,
}

impl Records {
    fn of(file: &str) -> Self {
        let mut tail = Command::new("tail");
        tail.args(["-n", "+1", "-F", file]).stdout(Stdio::piped());
        let mut tail = tail.spawn().expect("tail");
        let lines = BufReader::new(tail.stdout.take().expect("piped"));
        Self { tail, lines }
    }

    /// Waits for a record.
    #[track_caller]
    fn until(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            let mut line = String::new();
            self.lines.read_line(&mut line).expect("a line");
            assert!(!line.is_empty(), "tail has ended");
            let record: Value = serde_json::from_str(&line).expect("a record");
            if is_it(&record) {
                return record;
            }
        }
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        // It ends in no other way.
        let _killed = self.tail.kill();
        let _reaped = self.tail.wait();
    }
}

fn is(kind: &'static str) -> impl Fn(&Value) -> bool {
    move |record| record["type"] == kind
}

/// That a container was born of which this is the payload's program.
fn born(name: &str) -> impl Fn(&Value) -> bool {
    let end = format!("/{name}");
    move |record| {
        let path = record["process"]["executable"].as_str();
        record["type"] == "container_born" && path.is_some_and(|path| path.ends_with(&end))
    }
}

/// A copy of true(1) by a name that nothing else has.
fn program(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    fs::copy("/usr/bin/true", &path).expect("a copy");
    path
}

#[test]
#[ignore = "needs root"]
fn the_unit_audits_with_three_capabilities_is_reloaded_and_ends() {
    require_root();
    if !need::systemd() {
        return;
    }
    let service = Service::start("");
    assert_eq!(service.property("ActiveState"), "active");
    assert_eq!(service.property("SubState"), "running");
    let bounding = service.status("CapBnd:");
    let bounding = u64::from_str_radix(&bounding, 16).expect("a mask");
    assert_eq!(bounding, CAPABILITIES, "{bounding:x}");
    assert_eq!(service.status("NoNewPrivs:"), "1");
    assert_eq!(service.status("Seccomp:"), "2");

    let mut records = service.records();
    let folder = tempfile::tempdir().expect("a folder");
    let first = program(folder.path(), "first");
    let status = Command::new("unshare").arg("-u").arg(&first).status();
    assert!(status.expect("unshare").success());
    let birth = records.until(born("first"));
    assert_eq!(birth["verdict"], Value::Null, "{birth:#}");

    service.configure("rule = ['linux.ns.uts.is_host']");
    systemctl(&["reload", &service.name]);
    let second = program(folder.path(), "second");
    loop {
        let status = Command::new("unshare").arg("-u").arg(&second).status();
        assert!(status.expect("unshare").success());
        // kill(1) is done before the signal is taken.
        if records.until(born("second"))["verdict"] == "fail" {
            break;
        }
    }
    assert!(service.said().contains("read anew"), "{}", service.said());
    systemctl(&["stop", &service.name]);
    records.until(is("audit_ended"));
    assert_eq!(service.property("Result"), "success");
}

#[test]
#[ignore = "needs root"]
fn an_auditor_that_stands_still_or_dies_is_started_anew_and_says_what_is_unknown() {
    require_root();
    if !need::systemd() {
        return;
    }
    // What is stopped does not take the watchdog's signal.
    let service = Service::start("WatchdogSec=2s\nTimeoutAbortSec=1s\nRestartSec=100ms");
    let mut records = service.records();
    let mut before = service.main();
    records.until(is("audit_started"));
    for signal in [Signal::STOP, Signal::KILL] {
        service.signal(signal);
        let resumed = records.until(is("audit_resumed"));
        assert!(resumed["unknown_from"].is_string(), "{resumed:#}");
        let after = service.main();
        assert_ne!(after, before);
        before = after;
    }
    assert_eq!(service.property("NRestarts"), "2");
}

#[test]
#[ignore = "needs root"]
fn what_systemd_sets_apart_is_told_with_systemd_as_its_origin() {
    require_root();
    if !need::systemd() {
        return;
    }
    let service = Service::start("");
    let mut records = service.records();
    let folder = tempfile::tempdir().expect("a folder");
    let alone = program(folder.path(), "alone");
    let mut run = Command::new("systemd-run");
    run.args(["--quiet", "--wait", "-p", "PrivateNetwork=yes"]);
    assert!(run.arg(&alone).status().expect("systemd-run").success());
    let birth = records.until(born("alone"));
    let kinds: Vec<&str> = birth["namespaces"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["kind"].as_str())
        .collect();
    assert!(kinds.contains(&"net"), "{birth:#}");
    let ancestors = birth["lineage"]["ancestors"].as_array().expect("a list");
    let first = ancestors.last().expect("one");
    assert_eq!(first["pid"], 1, "{birth:#}");
    assert_eq!(first["name"], "systemd", "{birth:#}");

    let scoped = program(folder.path(), "scoped");
    let mut run = Command::new("systemd-run");
    run.args(["--quiet", "--scope", "--unit", "tracer-check-scope"]);
    assert!(run.arg(&scoped).status().expect("systemd-run").success());
    let birth = records.until(born("scoped"));
    assert!(
        birth.to_string().contains("tracer-check-scope.scope"),
        "{birth:#}"
    );
}

/// The verdict of `tracer verify` on a scope with this limit of tasks, and the items that did not pass.
fn verified(tasks: &str, file: &Path) -> (Value, Vec<String>) {
    let file = file.to_str().expect("text");
    let mut verify = binary::tracer(&["verify", "-o", "json", "--expect", file, "--"]);
    verify.args(["systemd-run", "--quiet", "--scope", "-p", tasks]);
    verify.args(["-p", "MemoryMax=64M", "/bin/true"]);
    let output = verify.output().expect("its end");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {}", String::from_utf8_lossy(&output.stderr));
    });
    let containers = report["containers"].as_array().expect("a list");
    let items = containers
        .iter()
        .flat_map(|container| container["items"].as_array().expect("a list"));
    let open = items.filter(|item| item["verdict"] != "pass");
    let open = open
        .filter_map(|item| item["id"].as_str())
        .map(str::to_owned);
    (report["verdict"].clone(), open.collect())
}

#[test]
#[ignore = "needs root"]
fn limits_of_a_scope_are_those_that_systemd_run_was_asked_for() {
    require_root();
    if !need::systemd() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("limits.yaml");
    fs::write(&file, "memory.max: \"<=64Mi\"\npids.max: \"<=16\"\n").expect("a file");
    // Beside v1's trees systemd sets limits in them alone: without one for memory, in none.
    let all = facts().hierarchies.into_iter();
    let (v1, v2): (Vec<_>, Vec<_>) = all.partition(|one| one.version == CgroupVersion::V1);
    let set = if v1.is_empty() { v2 } else { v1 };
    let mut named = set.iter().flat_map(|one| &one.controllers);
    let memory = (!named.any(|name| name == "memory")).then_some("memory.max");
    let (verdict, open) = verified("TasksMax=16", &file);
    let expected = if memory.is_none() { "pass" } else { "fail" };
    assert_eq!((verdict, open), (expected.into(), names(memory, None)));
    // One more than was expected.
    let (verdict, open) = verified("TasksMax=17", &file);
    let found = names(memory, Some("pids.max"));
    assert_eq!((verdict, open), ("fail".into(), found));
}

fn names(one: Option<&str>, other: Option<&str>) -> Vec<String> {
    one.into_iter().chain(other).map(str::to_owned).collect()
}

#[test]
#[ignore = "needs root"]
fn a_run_within_a_service_passes_and_leaves_nothing() {
    require_root();
    if !need::systemd() {
        return;
    }
    let cgroups = || {
        let roots = facts().hierarchies.into_iter().map(|one| one.mount_point);
        let all = roots.flat_map(|root| fs::read_dir(root).expect("cgroups").flatten());
        let names = all.map(|one| one.file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.filter(|name| name.starts_with("tracer")).collect();
        names.sort();
        names
    };
    let before = cgroups();
    let folder = tempfile::tempdir().expect("a folder");
    let report = folder.path().join("report.json");
    let mut run = Command::new("systemd-run");
    run.args(["--quiet", "--wait", "--pipe"])
        .arg(binary::path());
    run.args(["run", "--memory", "64m", "--pids-limit", "16", "--json"]);
    run.arg(&report).args(["--", "/bin/true"]);
    let output = run.output().expect("systemd-run");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let report: Value =
        serde_json::from_reader(File::open(&report).expect("a report")).expect("JSON");
    assert_eq!(report["verdict"], "pass");
    assert_eq!(cgroups(), before);
}
