//! Every namespace with its holders; those that lsns(8) has, and those that it has not.

use std::fs::{self, File};
use std::process::Command;
use std::sync::mpsc::channel;

use nix::sched::{CloneFlags, unshare};
use rustix::mount::{UnmountFlags, mount_bind, unmount};
use serde_json::Value;
use tracer_tests::binary::Runs;
use tracer_tests::shell::Shell;

use super::{link, list, ps};

/// The namespace with this number, of a fresh look.
#[track_caller]
fn namespace(number: u64) -> Value {
    let document = ps(&["--namespaces"]);
    let mut all = list(&document, "namespaces").iter();
    all.find(|one| one["inum"] == number)
        .unwrap_or_else(|| panic!("no namespace {number} in {document}"))
        .clone()
}

#[test]
#[ignore = "needs root"]
fn the_namespaces_that_lsns_has_of_a_shell_are_there_with_the_same_processes() {
    let mut shell = Shell::with(&["-m", "-u", "-i", "-n", "-C", "-U", "-r"]);
    shell.begins("sleep 60 & echo started");
    assert_eq!(shell.answer(), "started");
    let pid = shell.pid().to_string();
    let lsns = Command::new("lsns")
        .args(["--json", "--output", "NS,TYPE,NPROCS,PID", "--task", &pid])
        .output()
        .expect("lsns");
    let theirs: Value = serde_json::from_slice(&lsns.stdout).expect("a document");
    let document = ps(&["--namespaces"]);
    let ours = list(&document, "namespaces");
    let own = list(&theirs, "namespaces")
        .iter()
        .filter(|one| one["pid"] == shell.pid());
    let mut compared = 0;
    for their in own {
        let our = ours.iter().find(|one| one["inum"] == their["ns"]);
        let our = our.unwrap_or_else(|| panic!("{their} is not in {document}"));
        assert_eq!(our["kind"], their["type"]);
        assert_eq!(our["first"]["pid"], their["pid"]);
        let processes = list(our, "processes").len();
        assert_eq!(Some(processes as u64), their["nprocs"].as_u64(), "{our}");
        assert_eq!(our["is_host"], false);
        compared += 1;
    }
    assert_eq!(compared, 6, "{theirs}");
    shell.does("kill $!");
}

#[test]
#[ignore = "needs root"]
fn a_namespace_that_a_single_thread_holds_is_found() {
    let (say, said) = channel();
    let (end, wait) = channel::<()>();
    let thread = std::thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNET).expect("a network of its own");
        let link = fs::read_link("/proc/thread-self/ns/net").expect("a link");
        say.send(link.to_string_lossy().into_owned())
            .expect("heard");
        let _ended = wait.recv();
    });
    let text = said.recv().expect("told");
    let number = text.trim_start_matches("net:[").trim_end_matches(']');
    let found = namespace(number.parse().expect("a number"));
    assert_eq!(list(&found, "processes").len(), 0, "{found}");
    assert_eq!(
        list(&found, "threads_of")[..],
        [Value::from(std::process::id())]
    );
    drop(end);
    thread.join().expect("ended");
}

#[test]
#[ignore = "needs root"]
fn a_namespace_that_a_descriptor_alone_holds_is_found() {
    let shell = Shell::with(&["-n"]);
    let number = link(shell.pid(), "net");
    let file = File::open(format!("/proc/{}/ns/net", shell.pid())).expect("opened");
    drop(shell);
    let found = namespace(number);
    assert_eq!(list(&found, "processes").len(), 0, "{found}");
    let open = list(&found, "descriptors").iter();
    let mut of_this = open.filter(|one| one["pid"] == std::process::id());
    assert!(of_this.next().is_some(), "{found}");
    drop(file);
    let document = ps(&["--namespaces"]);
    let mut all = list(&document, "namespaces").iter();
    assert!(all.all(|one| one["inum"] != number), "it is gone with it");
}

#[test]
#[ignore = "needs root"]
fn a_namespace_that_a_mount_alone_holds_is_found() {
    struct Mounted(std::path::PathBuf);
    impl Drop for Mounted {
        fn drop(&mut self) {
            unmount(&self.0, UnmountFlags::DETACH).expect("unmounted");
        }
    }
    let runs = Runs::new();
    let place = runs.path("net");
    File::create(&place).expect("a file");
    let shell = Shell::with(&["-n"]);
    let number = link(shell.pid(), "net");
    mount_bind(format!("/proc/{}/ns/net", shell.pid()), &place).expect("mounted");
    let mounted = Mounted(place);
    drop(shell);
    let found = namespace(number);
    assert_eq!(list(&found, "processes").len(), 0, "{found}");
    let mut mounts = list(&found, "mounts").iter();
    let path = mounted.0.to_str().expect("text");
    assert!(mounts.any(|one| one["path"] == path), "{found}");
}

#[test]
#[ignore = "needs root"]
fn a_pid_namespace_that_waits_for_its_first_process_is_found() {
    let (say, said) = channel();
    let (end, wait) = channel::<()>();
    // A thread may not do it that shares its process's descriptors with one that did; this one
    // ends with it.
    let thread = std::thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWPID).expect("a PID namespace for children");
        let net = rustix::thread::gettid().as_raw_nonzero().get();
        say.send(net).expect("heard");
        let _ended = wait.recv();
    });
    said.recv().expect("told");
    let document = ps(&["--namespaces"]);
    let mut all = list(&document, "namespaces").iter();
    let this = Value::from(std::process::id());
    let found =
        all.find(|one| one["kind"] == "pid" && list(one, "for_children_of").contains(&this));
    let found = found.unwrap_or_else(|| panic!("{document}"));
    assert_eq!(list(found, "processes").len(), 0, "{found}");
    drop(end);
    thread.join().expect("ended");
}
