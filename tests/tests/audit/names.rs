//! Names that were made to damage what is written: of programs, of cgroups.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;
use tracer_tests::{binary, cgroup::Leftover, need};

use super::{Audit, born, of_type};

/// At most fifteen bytes each, so that the name of the process has all of them.
const NAMES: [&[u8]; 6] = [
    b"a\x1b[2J\nb\xff",
    b"\r\x08\x07\x7f",
    b"\"}\\{\"type\":1",
    "\u{202e}rtl\u{200b}".as_bytes(),
    b"\xc3(\xe2\x82",
    "\u{9b}31m\u{2028}".as_bytes(),
];

/// An audit that writes one of the other forms to a pipe of its own.
fn of_form(form: &str) -> Child {
    let mut command = binary::tracer(&["audit", "-o", form, "--output", "/dev/null"]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("an audit");
    let mut first = [0; 1];
    let stdout = child.stdout.as_mut().expect("piped");
    std::io::Read::read_exact(stdout, &mut first).expect("its beginning");
    child
}

/// Ends it, and gives what it said.
fn text(child: Child) -> String {
    let process = binary::process(child.id()).expect("it runs");
    rustix::process::pidfd_send_signal(process, Signal::TERM).expect("sent");
    let output = child.wait_with_output().expect("its end");
    assert_eq!(output.status.into_raw(), 0);
    String::from_utf8(output.stdout).expect("text")
}

#[test]
#[ignore = "needs root"]
fn hostile_names_of_programs_damage_no_form_and_belong_to_who_bears_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut audit = Audit::start(&[]);
    let others = ["compact", "table"].map(of_form);
    for (number, name) in NAMES.into_iter().enumerate() {
        let program = folder.path().join(OsStr::from_bytes(name));
        fs::copy("/bin/sleep", &program).expect("a program");
        let mut child = Command::new("unshare")
            .arg("-u")
            .arg(&program)
            .arg("0")
            .spawn()
            .expect("unshare");
        let birth = audit.until("a birth", born);
        // unshare(1) becomes the program: its number is known from here.
        assert_eq!(birth["process"]["pid"], child.id(), "{number}");
        let lossy = String::from_utf8_lossy(name).into_owned();
        assert_eq!(birth["process"]["name"], lossy, "{number}");
        assert!(child.wait().expect("its end").success());
    }
    audit.end();
    for text in others.map(text) {
        let births = text
            .lines()
            .filter(|line| line.contains(" container_born "));
        assert!(births.count() >= NAMES.len(), "{text}");
        let harmful =
            |c: char| c != '\n' && (c.is_control() || "\u{202e}\u{200b}\u{2028}".contains(c));
        assert!(!text.chars().any(harmful), "{text:?}");
        let whole = |line: &str| line.contains("Z ") && line.starts_with("20");
        assert!(text.lines().skip(1).all(whole), "{text}");
        assert!(text.contains("a\\u{1b}[2J\\u{a}b"), "{text}");
    }
}

#[test]
#[ignore = "needs root"]
fn hostile_names_of_cgroups_are_told_as_they_are() {
    let Some(hierarchy) = need::unified() else {
        return;
    };
    let own = format!("audit-{}-", std::process::id());
    let long = own.clone() + &"x".repeat(255 - own.len());
    let names = [
        format!("{own}a\u{1b}[2J\u{202e}"),
        format!("{own}\"}},{{"),
        long,
    ];
    let mut audit = Audit::start(&[]);
    for name in names {
        let made = Leftover::make(hierarchy.mount_point.join(&name));
        let id = made.id();
        let script = "echo $$ > \"$0\"/cgroup.procs && exec unshare -u true";
        let status = Command::new("sh")
            .args(["-c", script])
            .arg(made.path())
            .status();
        assert!(status.expect("a shell").success());
        drop(made);
        let path = format!("/{name}");
        let birth = audit.until("a birth", |record| {
            born(record) && record["cgroups_alone"] == false
        });
        assert_eq!(birth["cgroups"][0], *path);
        assert_ne!(birth["cgroups_cut"], true, "{birth:#}");
        assert_eq!(birth["container"]["name"], *name, "{birth:#}");
        let removed = audit.until("its removal", |record| {
            record["type"] == "cgroup_removed" && record["cgroup_id"] == id
        });
        assert_eq!(removed["path"], *path);
        assert_ne!(removed["path_cut"], true);
    }
    let records = audit.end();
    assert_eq!(of_type(&records, "loss"), [&Value::Null; 0]);
}
