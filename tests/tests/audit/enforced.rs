//! `--enforce`: payloads that --select takes are held until they are judged, killed unless they pass, and nobody
//! else is touched. A payload is a shell of a name of its own.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;

use nix::sched::{CloneFlags, unshare};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::process::Signal;
use serde_json::Value;
use tracer_tests::binary::{self, await_end};
use tracer_tests::cgroup::Leftover;
use tracer_tests::foreign::{Request, Runtime, Subject};
use tracer_tests::need;

use super::{Audit, accounted, of_type};

/// What enforcement is asked to hold against a payload here.
const SAME_NET: &str = "linux.ns.net.is_host";
const SIGKILL: i32 = 9;

/// A shell that is called as nobody else is, and the file that it writes to first thing.
struct Payload {
    folder: tempfile::TempDir,
}

impl Payload {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::copy("/bin/sh", folder.path().join("payload")).expect("a shell");
        Self { folder }
    }

    fn program(&self) -> PathBuf {
        self.folder.path().join("payload")
    }

    fn select(&self) -> String {
        format!("program={}", self.program().display())
    }

    fn trace(&self) -> PathBuf {
        self.folder.path().join("ran")
    }

    fn ran(&self) -> usize {
        let text = fs::read_to_string(self.trace()).unwrap_or_default();
        text.lines().count()
    }

    /// unshare(1) with these flags, and the payload in what it makes.
    fn command(&self, flags: &[&str], script: &str) -> Command {
        let mut command = Command::new("unshare");
        let script = format!("echo ran >> {}; {script}", self.trace().display());
        command
            .args(flags)
            .arg(self.program())
            .args(["-c", &script]);
        command
    }

    fn run(&self, flags: &[&str], script: &str) -> ExitStatus {
        self.command(flags, script).status().expect("unshare")
    }

    fn expect(&self, text: &str) -> String {
        let file = self.folder.path().join("expected.yaml");
        fs::write(&file, text).expect("a file");
        file.to_str().expect("text").to_owned()
    }
}

fn start(payload: &Payload, words: &[&str]) -> Audit {
    let select = payload.select();
    Audit::start(&[&["--enforce", "--select", &select], words].concat())
}

/// What was done about each payload that was judged, in the order of births.
fn done(records: &[Value]) -> Vec<&str> {
    let born = of_type(records, "container_born").into_iter();
    born.filter_map(|one| one["enforced"].as_str()).collect()
}

/// Waits for it: a test that hangs is ended by whoever runs it.
fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        thread::yield_now();
    }
}

/// Whether a process is stopped, and called so.
fn is_stopped(pid: u32, name: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.contains(&format!("({name}) T"))
}

#[test]
#[ignore = "needs root"]
fn nothing_runs_of_a_payload_that_is_not_as_expected() {
    let payload = Payload::new();
    let audit = start(&payload, &["--rule", SAME_NET]);
    let refused = payload.run(&["--mount", "--net"], "exit 7");
    assert_eq!((refused.signal(), payload.ran()), (Some(SIGKILL), 0));
    let taken = payload.run(&["--mount"], "exit 7");
    assert_eq!((taken.code(), payload.ran()), (Some(7), 1));
    // Of somebody else nothing is expected, and who is moved about is no container.
    let other = Command::new("unshare").args(["--net", "true"]).status();
    assert!(other.expect("unshare").success());
    let records = audit.end();
    accounted(&records);
    assert_eq!(done(&records), ["killed", "let_go"]);
    let violations = of_type(&records, "container_violation");
    let [violation] = violations.as_slice() else {
        panic!("{violations:#?}");
    };
    assert_eq!(violation["enforced"], "killed");
    assert_eq!(violation["items"][0]["id"], "rule.1");
    let started = of_type(&records, "audit_started");
    assert_eq!(started[0]["enforced"], payload.select());

    // Without it the same payload runs.
    let audit = Audit::start(&["--select", &payload.select(), "--rule", SAME_NET]);
    let judged = payload.run(&["--mount", "--net"], "exit 7");
    assert_eq!((judged.code(), payload.ran()), (Some(7), 2));
    let records = audit.end();
    assert_eq!(done(&records), [""; 0]);
    assert_eq!(of_type(&records, "container_violation").len(), 1);
}

#[test]
#[ignore = "needs root"]
fn mounts_of_whoever_is_held_are_looked_at() {
    let payload = Payload::new();
    let file = payload.expect("mounts: { /mnt: { type: tmpfs } }\n");
    let audit = start(&payload, &["--expect", &file]);
    let missing = payload.run(&["--mount"], "exit 7");
    assert_eq!((missing.signal(), payload.ran()), (Some(SIGKILL), 0));
    let there = with_a_mount("/mnt", &payload);
    assert_eq!((there.code(), payload.ran()), (Some(7), 1));
    let records = audit.end();
    assert_eq!(done(&records), ["killed", "let_go"]);
    let violations = of_type(&records, "container_violation");
    assert_eq!(violations[0]["verdict"], "fail", "{violations:#?}");
}

/// Runs the payload where something is mounted, with nothing executed there before.
fn with_a_mount(place: &str, payload: &Payload) -> ExitStatus {
    let script = format!("echo ran >> {}; exit 7", payload.trace().display());
    let elsewhere = || {
        unshare(CloneFlags::CLONE_NEWNS).expect("a mount namespace");
        let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        mount_change("/", private).expect("private mounts");
        mount("tmpfs", place, "tmpfs", MountFlags::empty(), None).expect("a mount");
        let mut payload = Command::new(payload.program());
        payload.args(["-c", &script]).status().expect("a payload")
    };
    thread::scope(|scope| scope.spawn(elsewhere).join().expect("a thread"))
}

#[test]
#[ignore = "needs root"]
fn who_was_there_before_and_who_enters_is_not_held_up() {
    let payload = Payload::new();
    let mut before = there(&payload);
    let audit = start(&payload, &["--rule", SAME_NET]);
    // Who enters is let go at once.
    enters(before.id());
    // Who is there executes programs as ever, whether an audit reads or not.
    audit.signal(Signal::STOP);
    let go = payload.folder.path().join("go");
    fs::write(&go, "").expect("a word");
    assert_eq!(before.wait().expect("its end").code(), Some(7));
    assert_eq!(payload.ran(), 2);
    audit.signal(Signal::CONT);
    let records = audit.end();
    assert_eq!(done(&records), [""; 0]);
}

/// A payload in namespaces that the rule denies, which goes on once it is told to.
fn there(payload: &Payload) -> Child {
    let go = payload.folder.path().join("go");
    let script = format!(
        "until [ -e {} ]; do sleep 0.05; done; {} -c 'echo ran >> {}'; exit 7",
        go.display(),
        payload.program().display(),
        payload.trace().display()
    );
    let child = payload
        .command(&["--mount", "--net"], &script)
        .spawn()
        .expect("unshare");
    until(|| payload.ran() == 1);
    child
}

fn enters(pid: u32) {
    let target = pid.to_string();
    let words = ["--target", &target, "--mount", "--net", "true"];
    let status = Command::new("nsenter").args(words).status();
    assert!(status.expect("nsenter").success());
}

/// An audit that is stopped, with a payload that the kernel holds meanwhile.
fn held(payload: &Payload) -> (Audit, Child) {
    let audit = start(payload, &["--rule", SAME_NET]);
    audit.signal(Signal::STOP);
    let child = payload.command(&["--mount"], "exit 7").spawn();
    let child = child.expect("unshare");
    until(|| is_stopped(child.id(), "payload"));
    assert_eq!(payload.ran(), 0);
    (audit, child)
}

#[test]
#[ignore = "needs root"]
fn who_is_held_waits_for_the_audit_and_the_host_does_not() {
    let payload = Payload::new();
    let (audit, mut child) = held(&payload);
    // Programs of the host are executed as ever.
    assert!(Command::new("true").status().expect("true").success());
    audit.signal(Signal::CONT);
    assert_eq!(child.wait().expect("its end").code(), Some(7));
    assert_eq!(payload.ran(), 1);
    assert_eq!(done(&audit.end()), ["let_go"]);
}

#[test]
#[ignore = "needs root"]
fn who_is_held_as_the_audit_is_killed_never_runs_and_does_not_stay() {
    let payload = Payload::new();
    let (audit, mut child) = held(&payload);
    // Who is moved meanwhile is held as before.
    let hierarchy = tracer_tests::cgroup::any_hierarchy();
    let other = hierarchy
        .mount_point
        .join(format!("held{}", std::process::id()));
    let other = Leftover::make(other);
    other.write("cgroup.procs", &child.id().to_string());
    audit.kill();
    assert_eq!(child.wait().expect("its end").signal(), Some(SIGKILL));
    assert_eq!(payload.ran(), 0);
    // Nobody is held any more: the hooks have gone with it.
    let free = payload.run(&["--mount", "--net"], "exit 7");
    assert_eq!((free.code(), payload.ran()), (Some(7), 1));
}

#[test]
#[ignore = "needs root"]
fn a_container_that_changes_is_killed_where_that_is_denied() {
    let payload = Payload::new();
    let file = payload.expect("namespaces: { shared: [net] }\ndrift: deny\n");
    // Kernels that refuse the change leave nothing to be killed for.
    let words = ["--expect", &file, "--hooks", "capable=none"];
    let audit = start(&payload, &words);
    // Nobody waits for ten minutes: it is killed long before.
    let changed = payload.run(&["--mount"], "unshare --net true; sleep 600");
    assert_eq!((changed.signal(), payload.ran()), (Some(SIGKILL), 1));
    let kept = payload.run(&["--mount"], "exit 7");
    assert_eq!((kept.code(), payload.ran()), (Some(7), 2));
    let records = audit.end();
    assert_eq!(done(&records), ["let_go", "let_go"]);
    let violations = of_type(&records, "container_violation");
    let [violation] = violations.as_slice() else {
        panic!("{violations:#?}");
    };
    assert_eq!(violation["enforced"], "killed_for_drift");
    assert_eq!(violation["items"][0]["id"], "drift");
}

/// Its creator was let go, after it had made a namespace that only its children are in.
#[test]
#[ignore = "needs root"]
fn who_is_created_in_a_namespace_that_was_made_for_it_is_held() {
    let payload = Payload::new();
    let audit = start(&payload, &["--rule", "linux.ns.pid.is_host"]);
    let inner = format!(
        "{} -c \"echo inner >> {}\"",
        payload.program().display(),
        payload.trace().display()
    );
    let outer = payload.run(
        &["--mount"],
        &format!("unshare --pid sh -c '{inner}; true'; exit 7"),
    );
    assert_eq!((outer.code(), payload.ran()), (Some(7), 1));
    assert_eq!(done(&audit.end()), ["let_go", "killed"]);
}

#[test]
#[ignore = "needs root"]
fn changes_are_refused_where_the_kernel_can_and_to_nobody_else() {
    let payload = Payload::new();
    let file = payload.expect("namespaces: { shared: [net] }\ndrift: deny\n");
    let audit = start(&payload, &["--expect", &file]);
    let changes = format!(
        "unshare --net true && echo changed >> {0}; exit 7",
        payload.trace().display()
    );
    let changing = payload.run(&["--mount"], &changes);
    let other = Command::new("unshare").args(["--net", "true"]).status();
    assert!(other.expect("unshare").success());
    let records = audit.end();
    assert_eq!(done(&records), ["let_go"]);
    let violations = of_type(&records, "container_violation").len();
    if need::refuses() {
        assert_eq!((changing.code(), violations), (Some(7), 0));
        assert_eq!(payload.ran(), 1, "the change was refused");
    } else {
        // How far it came until it was killed is a matter of moments.
        assert_eq!(violations, 1);
    }
}

#[test]
#[ignore = "needs root"]
fn whose_record_is_lost_is_held_and_killed_if_it_may_be_meant() {
    let payload = Payload::new();
    let program = payload.select();
    for (select, flags, verdict) in [
        ("all", &["--mount"][..], Some("inconclusive")),
        ("all", &["--mount", "--net"], Some("fail")),
        // The path stands in the record that is lost.
        (&program, &["--mount"], Some("inconclusive")),
        ("id=nobody", &["--mount", "--net"], None),
    ] {
        let before = payload.ran();
        let (ended, records) = unrecorded(&payload, flags, select);
        let births = of_type(&records, "container_born").into_iter();
        let verdicts: Vec<&str> = births.filter_map(|one| one["verdict"].as_str()).collect();
        assert_eq!(verdicts, Vec::from_iter(verdict), "{select}");
        if verdict.is_some() {
            assert_eq!((ended.signal(), payload.ran()), (Some(SIGKILL), before));
            assert_eq!(done(&records), ["killed"], "{select}");
        } else {
            assert_eq!((ended.code(), payload.ran()), (Some(7), before + 1));
            assert_eq!(done(&records), [""; 0], "{select}");
        }
    }
}

/// A payload whose exec no record tells, as the ring is full then, and what an audit that does not read meanwhile
/// makes of it.
fn unrecorded(payload: &Payload, flags: &[&str], select: &str) -> (ExitStatus, Vec<Value>) {
    let words = ["--enforce", "--ring", "1", "--select", select];
    let audit = Audit::start(&[&words[..], &["--rule", SAME_NET]].concat());
    audit.signal(Signal::STOP);
    // What fills the ring holds nobody.
    let cgroup = tracer_tests::cgroup::any_hierarchy().mount_point;
    let name = cgroup.join(format!("fill{}", std::process::id()));
    for _ in 0..600 {
        fs::create_dir(&name).expect("a cgroup");
        fs::remove_dir(&name).expect("it is empty");
    }
    let mut child = payload.command(flags, "exit 7").spawn().expect("unshare");
    until(|| is_stopped(child.id(), "payload"));
    audit.signal(Signal::CONT);
    let ended = child.wait().expect("its end");
    let records = audit.end();
    let (_, lost) = accounted(&records);
    assert!(lost > 0);
    (ended, records)
}

#[test]
#[ignore = "needs root"]
fn an_audit_that_nobody_reads_any_more_leaves_nobody_held() {
    let payload = Payload::new();
    let select = payload.select();
    let words = [
        "audit",
        "--enforce",
        "--select",
        &select,
        "--rule",
        SAME_NET,
    ];
    let mut child = binary::tracer(&words)
        .stdout(Stdio::piped())
        .spawn()
        .expect("an audit");
    let mut stdout = child.stdout.take().expect("piped");
    std::io::Read::read_exact(&mut stdout, &mut [0; 1]).expect("its beginning");
    drop(stdout);
    let mut payloads: Vec<Child> = (0..8)
        .map(|_| {
            payload
                .command(&["--mount"], "exit 7")
                .spawn()
                .expect("unshare")
        })
        .collect();
    assert_eq!(child.wait().expect("its end").code(), Some(0));
    for one in &mut payloads {
        let ended = one.wait().expect("its end");
        assert!(
            ended.code() == Some(7) || ended.signal() == Some(SIGKILL),
            "{ended}"
        );
    }
    assert!(payloads.iter().all(|one| await_end(one.id())));
}

#[test]
#[ignore = "needs root"]
fn enforcement_without_a_choice_or_a_condition_is_a_usage_error() {
    let runs = binary::Runs::new();
    let refused = |words: &[&str], names: &[&str]| {
        let words = [&["audit"], words].concat();
        runs.refuses(&mut binary::tracer(&words), 2, names);
    };
    let all = ["--enforce", "--select", "all"];
    refused(&["--enforce", "--rule", "true"], &["--select"]);
    refused(&all, &["nothing is expected", "--expect"]);
    let economy = [&all[..], &["--economy", "--rule", "true"]].concat();
    refused(&economy, &["--economy"]);
    for which in ["3", "label=x", "runtime=runc"] {
        refused(&["--select", which], &[which, "cgroup=PATH"]);
    }
}

/// What runtimes make is held, too, whoever has asked them for it.
#[test]
#[ignore = "needs root"]
fn of_runtimes_containers_nothing_runs_that_is_not_as_expected() {
    for runtime in [Runtime::Runc, Runtime::Crun, Runtime::Podman] {
        let Some(mut subject) = Subject::new(runtime) else {
            continue;
        };
        let script = "echo > /ran; exit 7";
        let request = Request {
            read_only: false,
            ..Request::new(&["/bin/sh", "-c", script])
        };
        let select = format!("cgroup=/{}/**", subject.cgroup());
        for (rule, runs) in [("!linux.ns.net.is_host", true), (SAME_NET, false)] {
            let words = ["--enforce", "--select", &select, "--rule", rule];
            let audit = Audit::start(&words);
            let said = subject.run(if runs { "passes" } else { "fails" }, &request);
            let ran = subject.rootfs().join("ran");
            let name = runtime.name();
            assert_eq!(ran.exists(), runs, "{name}: {said:?}");
            assert_eq!(said.code() == 7, runs, "{name}: {said:?}");
            if runs {
                fs::remove_file(ran).expect("the payload's file");
            }
            let records = audit.end();
            let act = if runs { "let_go" } else { "killed" };
            assert_eq!(done(&records), [act], "{name}");
        }
        assert_eq!(subject.left(), [""; 0]);
    }
}
