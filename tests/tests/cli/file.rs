//! Flags for files: mounts, tmpfs, the view of the host, a root file system of one's own.

use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::path::Path;

use tracer_tests::binary::Runs;

use crate::{ids, shows};

#[test]
#[ignore = "needs root"]
fn mounts_are_what_was_asked() {
    let runs = Runs::new();
    runs.directory("share");
    let share = |options: &str| {
        format!(
            "type=bind,source={},target=/share{options}",
            runs.word("share")
        )
    };
    let write = "touch /share/x 2> /dev/null && echo written || echo refused";
    let items = [("mount./share", "rw")];
    shows(&runs, &["--mount", &share("")], write, "written\n", &items);
    assert!(runs.path("share/x").exists());
    let items = [("mount./share", "ro")];
    shows(
        &runs,
        &["--mount", &share(",readonly")],
        write,
        "refused\n",
        &items,
    );
    let script = "stat -f -c %T /scratch; stat -c %a /scratch; df -k /scratch | tail -n 1 | \
                  { read from size rest; echo $size; }";
    let flags = ["--tmpfs", "/scratch:size=1m,mode=700"];
    shows(
        &runs,
        &flags,
        script,
        "tmpfs\n700\n1024\n",
        &[("mount./scratch", "tmpfs, rw")],
    );
    let write = "touch /none 2> /dev/null && echo written || echo refused";
    shows(&runs, &[], write, "written\n", &[]);
    let items = [("root.read_only", "read-only")];
    shows(&runs, &["--read-only"], write, "refused\n", &items);
    runs.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn without_a_root_of_its_own_it_has_a_view_of_the_hosts() {
    let runs = Runs::new();
    let script = "touch /usr/none 2> /dev/null || echo refused; ls /home /root /run /tmp | \
                  grep -v '^/\\|^$' | wc -l; [ -e /proc/1/root/etc/passwd ] && echo own";
    shows(
        &runs,
        &[],
        script,
        "refused\n0\nown\n",
        &[("mounts.host_read_only", "all read-only")],
    );
}

/// A root file system made of the host's programs: what is a link at the top stays one, what is a
/// directory is mounted. Gives the flags for it.
fn root(runs: &Runs) -> Vec<String> {
    let root = runs.directory("root");
    let mut flags = vec!["--rootfs".to_owned(), runs.word("root")];
    for name in ["bin", "lib", "lib32", "lib64", "libx32", "sbin", "usr"] {
        let host = Path::new("/").join(name);
        if let Ok(target) = fs::read_link(&host) {
            symlink(target, root.join(name)).expect("a link");
        } else if host.is_dir() {
            flags.push("--mount".to_owned());
            flags.push(format!("type=bind,source=/{name},target=/{name},readonly"));
        }
    }
    for name in ["dev", "proc", "sys", "tmp", "etc"] {
        fs::create_dir(root.join(name)).expect("a directory");
    }
    fs::write(root.join("etc/passwd"), "worker:x:1000:100::/:/bin/sh\n").expect("a file");
    fs::write(root.join("etc/group"), "helpers:x:300:\n").expect("a file");
    fs::write(root.join("inside"), "it\n").expect("a file");
    chown_all(&root);
    flags
}

/// The container's root owns its files.
fn chown_all(path: &Path) {
    std::os::unix::fs::lchown(path, Some(100_000), Some(100_000)).expect("an owner");
    if path.is_dir() && !path.is_symlink() {
        for entry in fs::read_dir(path).expect("a directory") {
            chown_all(&entry.expect("an entry").path());
        }
    }
}

#[test]
#[ignore = "needs root"]
fn a_root_file_system_is_the_containers_root() {
    let runs = Runs::new();
    let flags = root(&runs);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let script = "cat /inside; touch /made && echo written; ls -d /boot /home /etc/shadow 2> /dev/null; \
                  echo $$; cat /proc/1/comm";
    let items = [
        ("root.pivoted", ""),
        ("root.not_host", "inode"),
        ("exe", ""),
    ];
    shows(&runs, &flags, script, "it\nwritten\n1\nsh\n", &items);
    assert!(runs.path("root/made").exists());
    let read_only = [&flags[..], &["--read-only"]].concat();
    let write = "touch /again 2> /dev/null || echo refused";
    shows(
        &runs,
        &read_only,
        write,
        "refused\n",
        &[("root.read_only", "read-only")],
    );
    // Names are the container's own.
    let user = [&flags[..], &["--user", "worker:helpers"]].concat();
    shows(
        &runs,
        &user,
        "id -u; id -g",
        "1000\n300\n",
        &[("ids", "101000:100300")],
    );
    let user = [&flags[..], &["--user", "worker"]].concat();
    shows(
        &runs,
        &user,
        "id -u; id -g",
        "1000\n100\n",
        &[("ids", "101000:100100")],
    );
    runs.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn everything_at_once() {
    let runs = Runs::new();
    let flags = root(&runs);
    chown(runs.path("root"), Some(100_000), Some(100_000)).expect("an owner");
    let more = [
        "--hostname",
        "box",
        "--memory",
        "64m",
        "--pids-limit",
        "16",
        "--cpus",
        "1.5",
        "--cpuset-cpus",
        "0",
        "--cap-drop",
        "all",
        "--read-only",
        "--tmpfs",
        "/tmp",
        "--rlimit",
        "nofile=64",
        "--user",
        "1000:1000",
        "--workdir",
        "/usr",
    ];
    let flags: Vec<&str> = flags.iter().map(String::as_str).chain(more).collect();
    let items = [
        ("memory.max", "64 MiB"),
        ("pids.max", "16 tasks"),
        ("cpu.max", "150000/100000"),
        ("hostname", "box"),
        ("rlimit.nofile", "64:64"),
        ("mount./tmp", "tmpfs"),
        ("complete", "records"),
    ];
    shows(
        &runs,
        &flags,
        "echo $(uname -n) $(pwd) $(id -u)",
        "box /usr 1000\n",
        &items,
    );
    let report = runs
        .run(&[&flags[..], &["-o", "json", "true"]].concat())
        .report();
    let mut names = ids(&report);
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all, "an item is there once");
}
