//! An audit as a service: its configuration, read anew on a signal, and what it tells its manager.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::Value;
use tracer_tests::binary;

use super::{Audit, born, makes_one, of_type};

/// An audit that is configured by a file, as a service is started.
fn configured(config: &Path) -> (Audit, BufReader<std::process::ChildStderr>) {
    let config = config.to_str().expect("text");
    let mut command = binary::tracer(&["audit", "-o", "jsonl", "--config", config]);
    command.stdin(Stdio::null());
    let mut audit = Audit::of(command);
    audit.until("its beginning", |record| record["type"] == "audit_started");
    let stderr = audit.child.stderr.take().expect("piped");
    (audit, BufReader::new(stderr))
}

/// Without the choice, everybody would be meant.
#[test]
#[ignore = "needs root"]
fn an_audit_that_enforces_keeps_its_choice_when_the_configuration_has_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("config.toml");
    let write = |rest: &str| {
        let rule = "rule = ['!linux.ns.net.is_host']";
        fs::write(&config, format!("[audit]\n{rule}\n{rest}\n")).expect("a file");
    };
    write("enforce = true\nselect = 'id=nobody'");
    let (mut audit, mut stderr) = configured(&config);
    makes_one("-u");
    assert_eq!(audit.until("a birth", born)["verdict"], Value::Null);
    write("");
    audit.signal(Signal::HUP);
    let mut said = String::new();
    stderr.read_line(&mut said).expect("a line");
    assert!(
        said.contains("--enforce") && said.contains("--select"),
        "{said}"
    );
    makes_one("-u");
    assert_eq!(audit.until("a birth", born)["verdict"], Value::Null);
    audit.end();
}

#[test]
#[ignore = "needs root"]
fn the_configuration_is_read_anew_on_a_signal_and_one_that_is_wrong_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (config, output) = (folder.path().join("config.toml"), folder.path().join("out"));
    let write = |rest: &str| {
        let text = format!("[audit]\noutput = '{}'\n{rest}\n", output.display());
        fs::write(&config, text).expect("a file");
    };
    write("rule = ['linux.ns.net.is_host']");
    let (mut audit, mut stderr) = configured(&config);
    let mut said = || {
        let mut line = String::new();
        stderr.read_line(&mut line).expect("a line");
        line
    };
    makes_one("-u");
    assert_eq!(audit.until("a birth", born)["verdict"], "pass");

    write("rul = ['!linux.ns.net.is_host']");
    audit.signal(Signal::HUP);
    let wrong = said();
    assert!(
        wrong.contains("unknown key `rul`") && wrong.contains(":3"),
        "{wrong}"
    );
    assert!(said().contains("rul = ") && said().contains("^^^"));
    makes_one("-u");
    assert_eq!(audit.until("a birth", born)["verdict"], "pass");

    let moved = folder.path().join("moved");
    fs::rename(&output, &moved).expect("renamed");
    write("rule = ['!linux.ns.net.is_host']\nring = 8");
    audit.signal(Signal::HUP);
    let anew = said();
    assert!(
        anew.contains("read anew") && anew.contains("--ring"),
        "{anew}"
    );
    makes_one("-u");
    assert_eq!(audit.until("a birth", born)["verdict"], "fail");
    let records = audit.end();
    let text = fs::read_to_string(&moved).expect("the old file")
        + &fs::read_to_string(&output).expect("a new file");
    let written: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("whole"))
        .collect();
    assert_eq!(written, records);
    assert!(fs::read_to_string(&output).is_ok_and(|text| text.contains("audit_ended")));
}

#[test]
#[ignore = "needs root"]
fn a_manager_is_told_of_the_beginning_the_watchdogs_turns_and_the_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).expect("a socket");
    let next = || {
        let mut word = [0; 64];
        let length = manager.recv(&mut word).expect("a word");
        String::from_utf8_lossy(&word[..length]).into_owned()
    };
    let mut command = binary::tracer(&["audit", "-o", "jsonl"]);
    command
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "100000");
    let audit = Audit::of(command);
    assert_eq!(next(), "READY=1");
    // Nothing happens, and it comes by nevertheless.
    assert_eq!((next(), next()), ("WATCHDOG=1".into(), "WATCHDOG=1".into()));
    let records = audit.end();
    let words = std::iter::repeat_with(next);
    let last = words.into_iter().find(|word| word != "WATCHDOG=1");
    assert_eq!(last.as_deref(), Some("STOPPING=1"));
    assert_eq!(of_type(&records, "audit_ended").len(), 1);
}

#[test]
#[ignore = "needs root"]
fn a_condition_chooses_what_is_written() {
    let words = [
        "--expr",
        "type != 'container_born' || namespaces.exists(n, n.kind == 'net')",
    ];
    let mut audit = Audit::start(&words);
    makes_one("-u");
    makes_one("-n");
    let birth = audit.until("a birth", born);
    assert_eq!(birth["namespaces"][0]["kind"], "net");
    audit.end();
    let mut command = binary::tracer(&["audit", "--expr", "contaner.id == 'x'"]);
    let output = command.stdout(Stdio::null()).output().expect("its end");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("`contaner`"), "{said}");
}

#[test]
fn whatever_is_in_effect_says_where_it_comes_from() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("config.toml");
    fs::write(
        &config,
        "[audit]\nrotate-keep = 3\nring = 8\nexact = true\n",
    )
    .expect("a file");
    let config = config.to_str().expect("text");
    let words = ["config", "print", "--config", config, "--ring", "16"];
    let mut command = binary::tracer(&words);
    command
        .env("TRACER_AUDIT_ROTATE_SIZE", "5")
        .stdin(File::open("/dev/null").expect("it"));
    let output = command.output().expect("its end");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for line in [
        "ring = 16  # flag".to_owned(),
        "rotate-size = 5  # $TRACER_AUDIT_ROTATE_SIZE".to_owned(),
        format!("rotate-keep = 3  # {config}:2"),
        format!("exact = true  # {config}:4"),
        "economy = false  # default".to_owned(),
        "# output is not set".to_owned(),
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "no {line} in {text}"
        );
    }
}
