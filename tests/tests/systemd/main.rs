//! `examples/systemd`: that systemd understands the unit, and how much it leaves to it, which needs no root.
//! What the unit does is for `running`, where systemd is the first process.

mod running;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tracer_tests::binary;

/// Settings that give a service namespaces of its own, in which it takes itself for a container.
const NAMESPACES: [&str; 12] = [
    "InaccessiblePaths",
    "PrivateDevices",
    "PrivateMounts",
    "PrivateNetwork",
    "PrivateTmp",
    "PrivateUsers",
    "ProtectControlGroups",
    "ProtectHome",
    "ProtectHostname",
    "ProtectKernelTunables",
    "ProtectProc",
    "ProtectSystem",
];

fn unit() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    let path = root
        .expect("a workspace")
        .join("examples/systemd/tracer-audit.service");
    fs::read_to_string(path).expect("a unit")
}

/// What `systemd-analyze` says of the unit, whose program is the one that was built; `None` = it is not here.
fn analyzed(words: &[&str]) -> Option<Output> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tracer-audit.service");
    let program = binary::tracer(&[""; 0]);
    let program = program.get_program().to_str().expect("text");
    fs::write(&path, unit().replace("/usr/local/bin/tracer", program)).expect("a unit");
    let output = Command::new("systemd-analyze")
        .args(words)
        .arg(&path)
        .output();
    if output.is_err() {
        assert!(
            std::env::var_os("CI").is_none(),
            "systemd-analyze is not installed"
        );
        println!("skipped: systemd-analyze is not installed");
    }
    output.ok()
}

#[test]
fn systemd_understands_the_unit() {
    if let Some(output) = analyzed(&["verify", "--man=no"]) {
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{said}");
    }
}

#[test]
fn the_unit_leaves_little_to_the_service() {
    let Some(output) = analyzed(&["security", "--offline=true", "--no-pager"]) else {
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let score = said.lines().find_map(|line| {
        let (_, rest) = line.split_once("Overall exposure level for")?;
        let (_, score) = rest.split_once(": ")?;
        score.split_whitespace().next()?.parse::<f64>().ok()
    });
    let score = score.unwrap_or_else(|| panic!("no score in {said}"));
    // Without namespaces of its own, which it must not have, little more can be had.
    assert!(score <= 3.5, "{score}: {said}");
}

#[test]
fn the_unit_gives_the_service_no_namespaces_and_three_capabilities() {
    let unit = unit();
    for line in unit.lines() {
        let name = line.split_once('=').map_or("", |(name, _)| name);
        assert!(!NAMESPACES.contains(&name), "{line}");
    }
    let capabilities = "\nCapabilityBoundingSet=CAP_BPF CAP_PERFMON CAP_SYS_PTRACE\n";
    assert!(unit.contains(capabilities));
}
