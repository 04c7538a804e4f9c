//! What the kernel tells of a container in files of its own: those of its cgroup, values below
//! /proc/sys, device files, interfaces. As a bundle asks for them they pass; each that is asked for
//! otherwise fails alone.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};
use tracer_tests::binary::Runs;
use tracer_tests::foreign::{Property, Request, Runtime, Subject, memory_is_of_real_time};
use tracer_tests::spec::facts;

use super::condition::asking;
use super::{FAIL, command, item, not_passing, payload, script};

/// What the runtime is given.
fn asked(config: &mut Value) {
    let linux = &mut config["linux"];
    linux["sysctl"] = json!({ "net.ipv4.ip_forward": "1", "kernel.msgmax": "4096" });
    linux["devices"] = json!([
        { "path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 0o640, "uid": 7, "gid": 8 },
    ]);
    if why_no_reservation().is_none() {
        linux["resources"]["memory"] = json!({ "limit": 64 << 20, "reservation": (32 << 20) + 5 });
    }
    linux["resources"]["cpu"]["shares"] = json!(512);
}

/// What keeps runc from asking for memory that is given back last.
fn why_no_reservation() -> Option<&'static str> {
    if Property::Memory.is_out_of_reach() {
        Some("memory has no tree of v1 here, as others have")
    } else if memory_is_of_real_time(&facts()) {
        Some("v1's memory controller has no soft limit in a real-time kernel")
    } else {
        None
    }
}

/// A change of a configuration.
type Change = fn(&mut Value);

#[test]
#[ignore = "needs root"]
fn what_a_bundle_asks_of_the_kernels_files_is_judged_item_by_item() {
    let Some(subject) = Subject::new(Runtime::Runc) else {
        return;
    };
    // It lives until everything about it is read.
    let request = Request::new(&["/bin/sleep", "0.3"]);
    let line = subject.words("files", &request).join(" ");
    let given = asking(&subject, "given", asked);
    let config = fs::read(format!("{given}/config.json")).expect("a file");
    fs::write(subject.bundle().join("config.json"), config).expect("a file");
    let otherwise: [(&str, Change, &str); 8] = [
        (
            "forward",
            |config| config["linux"]["sysctl"]["net.ipv4.ip_forward"] = json!("0"),
            "sysctl.net.ipv4.ip_forward",
        ),
        (
            "msgmax",
            |config| config["linux"]["sysctl"]["kernel.msgmax"] = json!("8192"),
            "sysctl.kernel.msgmax",
        ),
        (
            "minor",
            |config| config["linux"]["devices"][0]["minor"] = json!(228),
            "device_node./dev/fuse",
        ),
        (
            "mode",
            |config| config["linux"]["devices"][0]["fileMode"] = json!(0o666),
            "device_node./dev/fuse",
        ),
        (
            "owner",
            |config| config["linux"]["devices"][0]["uid"] = json!(0),
            "device_node./dev/fuse",
        ),
        (
            "reservation",
            |config| config["linux"]["resources"]["memory"]["reservation"] = json!(16 << 20),
            "cgroup_file.memory.reservation",
        ),
        (
            "shares",
            |config| config["linux"]["resources"]["cpu"]["shares"] = json!(1024),
            "cgroup_file.cpu.shares",
        ),
        (
            "interface",
            |config| config["linux"]["netDevices"] = json!({ "eth0": { "name": "inside0" } }),
            "net_device.inside0",
        ),
    ];
    let judged = |folder: &str, code| {
        let words = ["--bundle", folder, "-o", "json", "--", "sh", "-c", &line];
        let said = subject.runs.finish(&mut command(&subject.runs, &words));
        said.ended_with(code).report()
    };
    let report = judged(&given, 0);
    let container = payload(&report);
    assert_eq!(item(container, "sysctl.net.ipv4.ip_forward")["seen"], "1");
    let node = &item(container, "device_node./dev/fuse")["seen"];
    assert_eq!(node, "character device 10:229 mode 0640 uid 7 gid 8");
    for (name, change, fails) in otherwise {
        if let Some(why) = why_no_reservation().filter(|_| name == "reservation") {
            println!("skipped: reservation: {why}");
            continue;
        }
        let folder = asking(&subject, name, change);
        let report = judged(&folder, FAIL);
        assert_eq!(not_passing(payload(&report)), [fails], "{name}");
    }
}

#[test]
#[ignore = "needs root"]
fn a_payload_that_is_held_is_read_however_short_it_lives() {
    let runs = Runs::new();
    let file = "\
sysctls: { kernel.shmmni: 4096, net.ipv4.ip_forward: 0 }
device_nodes: { /dev/null: c 1:3 }
net_devices: [lo]
";
    for _ in 0..10 {
        let line = "unshare --mount --net --ipc --uts true";
        let report = script(&runs, file, &["--enforce"], line)
            .ended_with(0)
            .report();
        let container = payload(&report);
        assert_eq!(item(container, "net_device.lo")["verdict"], "pass");
    }
}

/// Whoever has gone before anything was held cannot be judged.
#[test]
#[ignore = "needs root"]
fn what_was_not_read_is_inconclusive_and_never_passes() {
    let runs = Runs::new();
    // No mount namespace of its own: nothing is held before the payload's own record is read.
    let line = "for i in $(seq 100); do unshare --net true; done";
    let file = "sysctls: { net.ipv4.ip_forward: 0 }\n";
    let said = script(&runs, file, &[], line);
    let report = said.report();
    let containers = report["containers"].as_array().expect("containers");
    assert_eq!(containers.len(), 100);
    for container in containers {
        let item = item(container, "sysctl.net.ipv4.ip_forward");
        match item["verdict"].as_str() {
            Some("pass") => assert_eq!(item["seen"], "0"),
            Some("inconclusive") => assert_eq!(item["seen"], "cannot be known"),
            other => panic!("{other:?}: {item:#}"),
        }
    }
}

/// After chroot a path of the payload's is not that of its namespace, where the host's file would be found.
#[test]
#[ignore = "needs root"]
fn what_lies_at_a_path_of_another_root_is_inconclusive() {
    let Some(subject) = Subject::new(Runtime::Unshare) else {
        return;
    };
    let root = subject.rootfs();
    let file = "\
device_nodes: { /dev/null: c 1:3 }
mounts: { /proc: { type: proc } }
";
    let judged = |options: &str| {
        let line = format!("unshare --mount {options} /bin/sleep 0.3");
        let said = script(&subject.runs, file, &[], &line);
        let report = said.report();
        let container = payload(&report);
        ["device_node./dev/null", "mount./proc"].map(|id| item(container, id).clone())
    };
    for item in judged("") {
        assert_eq!(item["verdict"], "pass", "{item:#}");
    }
    for item in judged(&format!("--root {}", root.display())) {
        assert_eq!(item["verdict"], "inconclusive", "{item:#}");
        let reason = item["reason"].as_str().expect("a reason");
        assert!(reason.contains("as after chroot"), "{reason}");
    }
}

fn runs_apparmor() -> bool {
    let parameter = fs::read_to_string("/sys/module/apparmor/parameters/enabled");
    parameter.is_ok_and(|text| text.trim() == "Y")
}

/// Every process has a label where the kernel runs that module, here the one of who starts it, and none where it
/// does not.
#[test]
#[ignore = "needs root"]
fn a_label_is_what_the_kernels_security_module_gives() {
    let runs = Runs::new();
    let systems = fs::read_to_string("/proc/filesystems").expect("a list");
    let runs_selinux = systems.contains("selinuxfs");
    let attributes = "/proc/self/attr/";
    let modules = [
        ("apparmor", "AppArmor", "apparmor/current", runs_apparmor()),
        ("selinux", "SELinux", "current", runs_selinux),
    ];
    for (module, title, path, is_run) in modules {
        let item_id = format!("label.{module}");
        let judged = |label: &str| {
            let file = format!("exe: inside\n{module}: {label}\n");
            script(&runs, &file, &[], "unshare --mount --uts sleep 0.3").report()
        };
        let (own, reason) = if is_run {
            let label = fs::read_to_string(format!("{attributes}{path}")).expect("a label");
            let label = label.trim_end_matches(['\n', '\0']).to_owned();
            (label, "it is another".to_owned())
        } else {
            let reason = format!("this kernel does not run {title}");
            ("unconfined".to_owned(), reason)
        };
        let report = judged(&own);
        let container = payload(&report);
        let labels = &container["certificate"]["linux"]["security_labels"];
        let item_of = item(container, &item_id);
        if is_run {
            assert_eq!(labels[module], *own, "{container:#}");
            assert_eq!(item_of["verdict"], "pass", "{item_of:#}");
            assert_eq!(item_of["evidence"][0]["source"], module);
        } else {
            assert!(labels[module].is_null(), "{labels:#}");
            assert_eq!(item_of["reason"], *reason);
        }
        let report = judged("some-profile");
        let container = payload(&report);
        assert_eq!(not_passing(container), [&*item_id]);
        assert_eq!(item(container, &item_id)["reason"], *reason);
    }
}

/// What is allowed to whoever is under it: all that these payloads do.
const RULES: &str =
    "capability, network, unix, signal, ptrace, mount, umount, pivot_root, /** rwlkmix,";

/// A profile that the kernel has, and has no more when this goes.
struct Profile {
    runs: Runs,
    name: String,
}

impl Profile {
    fn load(mode: &str) -> Self {
        let runs = Runs::new();
        let name = format!("tracer-{mode}-{}", std::process::id());
        let text = format!("profile {name} flags=({mode}) {{ {RULES} }}\n");
        fs::write(runs.path("profile"), text).expect("a file");
        let profile = Self { runs, name };
        assert!(profile.parser("--replace"), "loading {}", profile.name);
        profile
    }

    fn parser(&self, act: &str) -> bool {
        let mut parser = Command::new("apparmor_parser");
        parser
            .args(["--skip-cache", act])
            .arg(self.runs.path("profile"));
        parser.status().expect("apparmor_parser").success()
    }
}

impl Drop for Profile {
    fn drop(&mut self) {
        self.parser("--remove");
    }
}

/// Whoever is started under a profile has its label, and with it the mode.
#[test]
#[ignore = "needs root"]
fn a_profile_holds_only_of_whom_it_confines() {
    if !runs_apparmor() {
        println!("skipped: this machine has no AppArmor");
        return;
    }
    let (enforced, complaining) = (Profile::load("enforce"), Profile::load("complain"));
    let judged = |under: &Profile, asked: &str| {
        let file = format!("exe: inside\napparmor: {asked}\n");
        let line = format!(
            "echo exec {} > /proc/self/attr/apparmor/exec && exec unshare --mount --uts sleep 0.5",
            under.name
        );
        let report = script(&under.runs, &file, &[], &line).report();
        item(payload(&report), "label.apparmor").clone()
    };
    let passes = judged(&enforced, &enforced.name);
    assert_eq!(passes["verdict"], "pass", "{passes:#}");
    for (under, asked) in [(&enforced, "unconfined"), (&enforced, &*complaining.name)] {
        assert_eq!(judged(under, asked)["verdict"], "fail", "{asked}");
    }
    let complains = judged(&complaining, &complaining.name);
    assert_eq!(complains["verdict"], "fail", "{complains:#}");
    let reason = complains["reason"].as_str().expect("a reason");
    assert!(reason.contains("complain"), "{reason}");
}
