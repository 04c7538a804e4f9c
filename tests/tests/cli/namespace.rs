//! Flags that pick namespaces, by what the payload reads of its own and by what the verdict says.

use std::fs;

use tracer::event::NamespaceKind;
use tracer_tests::binary::Runs;

use crate::item;

const ALL: [&str; 8] = ["mnt", "uts", "ipc", "net", "pid", "user", "cgroup", "time"];

/// Runs with these flags; all kinds must be new but those in `shared`.
fn shares(runs: &Runs, flags: &[&str], shared: &[&str]) {
    let script = "for kind in mnt uts ipc net pid user cgroup time; do \
                  echo $kind $(readlink /proc/self/ns/$kind); done";
    let said = runs
        .run(&[flags, &["--", "sh", "-c", script]].concat())
        .ended_with(0);
    for line in said.stdout.lines() {
        let (kind, inside) = line.split_once(' ').expect("a kind and what it is");
        let outside = fs::read_link(format!("/proc/self/ns/{kind}")).expect("a link");
        let outside = outside.to_str().expect("text");
        let same = outside == inside;
        assert_eq!(
            same,
            shared.contains(&kind),
            "{flags:?}: {line}, {outside} outside"
        );
    }
    assert_eq!(said.stdout.lines().count(), ALL.len(), "{said:?}");
    let words = [flags, &["-o", "json", "--", "true"]].concat();
    let report = runs.run(&words).ended_with(0).report();
    for kind in ALL {
        let item = item(&report, &format!("namespace.{kind}"));
        assert_eq!(item["verdict"], "pass", "{flags:?}: {item}");
        let asked = if shared.contains(&kind) {
            "the host's"
        } else {
            "new"
        };
        assert_eq!(item["asked"], asked, "{flags:?}: {item}");
    }
}

/// All but these.
fn but(new: &[&str]) -> Vec<&'static str> {
    ALL.into_iter().filter(|kind| !new.contains(kind)).collect()
}

#[test]
#[ignore = "needs root"]
fn all_eight_are_new_unless_some_are_picked() {
    assert_eq!(ALL.len(), NamespaceKind::ALL.len());
    let runs = Runs::new();
    shares(&runs, &[], &[]);
    shares(&runs, &["--all"], &[]);
}

#[test]
#[ignore = "needs root"]
fn each_letter_of_unshare_picks_one() {
    let runs = Runs::new();
    for (letter, long, kind) in [
        ("-m", "--mnt", "mnt"),
        ("-u", "--uts", "uts"),
        ("-i", "--ipc", "ipc"),
        ("-n", "--net", "net"),
        ("-p", "--pid", "pid"),
        ("-U", "--userns", "user"),
        ("-C", "--cgroup", "cgroup"),
        ("-T", "--time", "time"),
    ] {
        shares(&runs, &[letter], &but(&[kind]));
        shares(&runs, &[long], &but(&[kind]));
    }
}

#[test]
#[ignore = "needs root"]
fn letters_add_up() {
    let runs = Runs::new();
    shares(&runs, &["-p", "-m"], &but(&["pid", "mnt"]));
    shares(&runs, &["-umin"], &but(&["uts", "mnt", "ipc", "net"]));
    shares(&runs, &["-Upm"], &but(&["user", "pid", "mnt"]));
}

#[test]
#[ignore = "needs root"]
fn sharing_leaves_out_what_would_be_new() {
    let runs = Runs::new();
    shares(&runs, &["--share", "pid,net"], &["pid", "net"]);
    shares(&runs, &["--share", "user"], &["user"]);
    shares(
        &runs,
        &["--all", "--share", "uts", "--share", "time"],
        &["uts", "time"],
    );
    shares(
        &runs,
        &["--share", "mnt,uts,ipc,net,pid,user,cgroup,time"],
        &ALL,
    );
}
