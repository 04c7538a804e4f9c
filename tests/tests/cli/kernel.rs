//! What is told of the kernel: ways of hooks, and where its type information is.

use std::fs;
use std::process::Command;

use serde_json::Value;
use tracer_tests::binary::{Runs, path, tracer};

use super::item;

const USAGE: i32 = 2;
const INCONCLUSIVE: i32 = 121;
const ENVIRONMENT: i32 = 122;
const ERROR: i32 = 125;

/// The running kernel's own.
const BTF: &str = "/sys/kernel/btf/vmlinux";
/// Each command that observes, with the words that it needs.
const OBSERVERS: [(&str, &[&str]); 3] = [
    ("run", &["true"]),
    ("verify", &["--preset", "oci-default", "true"]),
    ("doctor", &[]),
];

/// Where the kernel shows no BTF of its own: tracer with these words, in a mount namespace where
/// the folder is empty.
fn without_btf(words: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    let script = "mount -t tmpfs none /sys/kernel/btf && exec \"$@\"";
    command.args(["--mount", "sh", "-c", script, "sh"]);
    command.arg(path()).args(words);
    command
}

fn hooks(document: &Value) -> Vec<(&str, Option<&str>)> {
    let hooks = document["hooks"].as_array().expect("hooks");
    let choice = |hook| {
        let hook: &Value = hook;
        (
            hook["name"].as_str().expect("a name"),
            hook["chosen"].as_str(),
        )
    };
    hooks.iter().map(choice).collect()
}

#[test]
fn hooks_and_ways_that_there_are_not_are_a_usage_error_that_says_what_there_is() {
    for (command, rest) in OBSERVERS {
        for (list, says) in [
            ("bogus", "tp_btf, raw_tp, iter, fexit, lsm, and none"),
            (
                "bogus=raw_tp",
                "sched_process_exit, task_newtask, sched_process_exec",
            ),
            ("sys_exit=iter", "tp_btf, raw_tp, fexit"),
            ("task=none", "cannot be left out"),
            ("raw_tp,tp_btf", "name the hook"),
        ] {
            let mut words = vec![command, "--hooks", list];
            words.extend(rest);
            let said = tracer(&words).output().expect("a tracer");
            let line = String::from_utf8(said.stderr).expect("text");
            assert_eq!(said.status.code(), Some(USAGE), "{line}");
            assert!(line.contains(says) && line.contains("--hooks"), "{line}");
            assert_eq!(line.lines().count(), 1, "{line}");
        }
    }
}

#[test]
#[ignore = "needs root"]
fn a_run_is_made_by_the_ways_that_are_named_and_the_report_says_so() {
    let runs = Runs::new();
    let words = ["-o", "json", "--hooks", "raw_tp,sys_exit=tp_btf", "true"];
    let report = runs.run(&words).ended_with(0).report();
    for (name, chosen) in hooks(&report) {
        let way = match name {
            "task" => "iter",
            "sys_exit" => "tp_btf",
            _ => "raw_tp",
        };
        assert_eq!(chosen, Some(way), "{name}");
    }
}

#[test]
#[ignore = "needs root"]
fn a_hook_that_is_left_out_is_named_and_its_items_are_inconclusive() {
    let runs = Runs::new();
    let words = ["-o", "json", "--hooks", "cgroup_mkdir=none", "true"];
    let report = runs.run(&words).ended_with(INCONCLUSIVE).report();
    assert!(hooks(&report).contains(&("cgroup_mkdir", None)));
    let items = report["items"].as_array().expect("items");
    let cgroup = |item: &&Value| item["id"].as_str().expect("an id").starts_with("cgroup.");
    let cgroup = items.iter().find(cgroup).expect("one at least");
    assert_eq!(
        cgroup["reason"],
        "cgroup_mkdir is not observed: left out as asked"
    );
    assert_eq!(item(&report, "namespace.mnt")["verdict"], "pass");
}

#[test]
#[ignore = "needs root"]
fn doctor_names_what_a_missing_hook_makes_inconclusive() {
    let said = Runs::new().finish(&mut tracer(&["doctor", "--hooks", "cgroup_mkdir=none"]));
    let said = said.ended_with(ENVIRONMENT);
    let mut lines = said.stdout.lines().map(str::trim);
    assert!(lines.any(|line| line.starts_with("cgroup_mkdir ") && line.contains(" none ")));
    let next = lines.next().expect("a line");
    assert_eq!(next, "inconclusive: cgroup.HIERARCHY, cgroup (path)");
}

#[test]
#[ignore = "needs root"]
fn a_kernel_without_type_information_is_refused_in_one_sentence() {
    let runs = Runs::new();
    for (command, rest) in OBSERVERS {
        let words = [&[command], rest].concat();
        let names = [BTF, "CONFIG_DEBUG_INFO_BTF"];
        runs.refuses(&mut without_btf(&words), ENVIRONMENT, &names);
    }
}

#[test]
#[ignore = "needs root"]
fn the_running_kernels_type_information_can_come_from_a_file() {
    let runs = Runs::new();
    fs::copy(BTF, runs.path("btf")).expect("a copy");
    let file = runs.word("btf");
    let report = runs.run(&["-o", "json", "--btf", &file, "true"]);
    let report = report.ended_with(0).report();
    assert!(hooks(&report).iter().all(|(_, chosen)| chosen.is_some()));
    runs.nothing_is_left();
}

/// Its ids may be another kernel's, and nothing tells.
#[test]
#[ignore = "needs root"]
fn a_file_alone_gives_offsets_and_no_ids() {
    let runs = Runs::new();
    fs::copy(BTF, runs.path("btf")).expect("a copy");
    let file = runs.word("btf");
    let mut doctor = without_btf(&["doctor", "-o", "json", "--btf", &file]);
    let findings = runs.finish(&mut doctor).ended_with(ENVIRONMENT).report();
    for (name, chosen) in hooks(&findings) {
        let way = (name != "task").then_some("raw_tp");
        assert_eq!(chosen, way, "{name}");
    }
    for (command, rest) in &OBSERVERS[..2] {
        let words = [&[*command, "--btf", &file], *rest].concat();
        let names = ["hook task", "no BTF of its own", "tracer doctor"];
        runs.refuses(&mut without_btf(&words), ENVIRONMENT, &names);
    }
}

#[test]
#[ignore = "needs root"]
fn a_file_that_is_not_the_kernels_type_information_is_refused_by_name() {
    let runs = Runs::new();
    let mut own = fs::read(BTF).expect("the kernel's own");
    fs::write(runs.path("text"), "no such thing").expect("a file");
    fs::write(runs.path("half"), &own[..own.len() / 2]).expect("a file");
    runs.directory("folder");
    another_kernel(&mut own);
    fs::write(runs.path("other"), own).expect("a file");
    let this = path();
    let this = this.to_str().expect("text");
    for (file, why) in [
        (runs.word("none"), "No such file"),
        (runs.word("folder"), "directory"),
        ("/dev/zero".to_owned(), "not a regular file"),
        (runs.word("text"), "is not BTF"),
        (runs.word("half"), "cut off"),
        (this.to_owned(), "no section .BTF"),
        (runs.word("other"), "not of the running kernel"),
    ] {
        for (command, rest) in OBSERVERS {
            let words = [&[command, "--btf", &file], rest].concat();
            let mut command = tracer(&words);
            runs.refuses(&mut command, ERROR, &[&file, why]);
        }
    }
}

/// Renames a member that not all hangs on: what a kernel without it has.
fn another_kernel(btf: &mut [u8]) {
    let name = b"\0session_keyring\0";
    let at = btf.windows(name.len()).position(|part| part == name);
    btf[at.expect("a name of its own") + 1] = b'X';
}
