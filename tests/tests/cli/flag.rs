//! Flags for the process, its limits and its privileges.

use std::fs;

use tracer_tests::binary::Runs;

use crate::shows;

#[test]
#[ignore = "needs root"]
fn hostname_workdir_and_environment() {
    let runs = Runs::new();
    shows(
        &runs,
        &["--hostname", "box"],
        "uname -n",
        "box\n",
        &[("hostname", "box")],
    );
    shows(
        &runs,
        &["--workdir", "/usr"],
        "pwd -P",
        "/usr\n",
        &[("cwd", "")],
    );
    shows(
        &runs,
        &["-w", "/usr/bin"],
        "pwd -P",
        "/usr/bin\n",
        &[("cwd", "")],
    );
    let flags = [
        "--env",
        "ONE=1 2",
        "-e",
        "TWO=",
        "--env",
        "TRACER_TEST_NONE",
    ];
    let script = "echo \"$ONE/$TWO/${TRACER_TEST_NONE-unset}/$HOME\"";
    shows(&runs, &flags, script, "1 2//unset//root\n", &[]);
    // Nothing of the caller's own.
    let mut command = runs.command(&["sh", "-c", "echo ${SECRET-unset}"]);
    let said = runs.finish(command.env("SECRET", "1")).ended_with(0);
    assert_eq!(said.stdout, "unset\n");
}

#[test]
#[ignore = "needs root"]
fn users_and_their_maps() {
    let runs = Runs::new();
    let script = "echo $(id -u):$(id -g) $(cat /proc/self/uid_map)";
    shows(
        &runs,
        &[],
        script,
        "0:0 0 100000 65536\n",
        &[("ids", "100000:100000")],
    );
    let flags = ["--user", "1000:1001"];
    shows(
        &runs,
        &flags,
        script,
        "1000:1001 0 100000 65536\n",
        &[("ids", "101000:101001")],
    );
    // Without new privileges a user who is not root has none.
    let none = ("capabilities.effective", "none");
    shows(
        &runs,
        &["--user", "5"],
        "id -u",
        "5\n",
        &[("ids", "100005"), none],
    );
    let flags = ["--uid-map", "0:5000:10", "--gid-map", "0:6000:10"];
    let items = [
        ("ids", "5000:6000"),
        ("uid_map", "0:5000:10"),
        ("gid_map", "0:6000:10"),
    ];
    shows(&runs, &flags, script, "0:0 0 5000 10\n", &items);
    let flags = [
        "--uid-map",
        "0:5000:1",
        "--uid-map",
        "7:9000:2",
        "--user",
        "8:0",
    ];
    let items = [("ids", "9001"), ("uid_map", "7:9000:2")];
    shows(&runs, &flags, "id -u", "8\n", &items);
}

#[test]
#[ignore = "needs root"]
fn limits_of_the_cgroup() {
    let runs = Runs::new();
    shows(
        &runs,
        &["--memory", "64m"],
        "true",
        "",
        &[("memory.max", "64 MiB")],
    );
    shows(
        &runs,
        &["-M", "64m"],
        "true",
        "",
        &[("memory.max", "64 MiB")],
    );
    // Two: the shell and one more.
    let script = "(true); (true) && echo one at a time";
    let items = [("pids.max", "2 tasks")];
    shows(
        &runs,
        &["--pids-limit", "2"],
        script,
        "one at a time\n",
        &items,
    );
    shows(
        &runs,
        &["--cpus", "0.5"],
        "true",
        "",
        &[("cpu.max", "50000/100000")],
    );
    let script = "grep Cpus_allowed_list /proc/self/status | tr -d '\\t'";
    let items = [("cpuset.cpus", "cpu 0"), ("cpus_allowed", "cpu 0")];
    shows(
        &runs,
        &["--cpuset-cpus", "0"],
        script,
        "Cpus_allowed_list:0\n",
        &items,
    );
    let script = "ulimit -Sn; ulimit -Hn";
    let items = [("rlimit.nofile", "100:200")];
    shows(
        &runs,
        &["--rlimit", "nofile=100:200"],
        script,
        "100\n200\n",
        &items,
    );
}

#[test]
#[ignore = "needs root"]
fn a_limit_is_in_force_and_not_only_said() {
    let runs = Runs::new();
    let words = [
        "-o",
        "json",
        "--pids-limit",
        "1",
        "sh",
        "-c",
        "(true) && echo forked",
    ];
    let said = runs.run(&words);
    assert!(!said.stderr.contains("forked"), "{said:?}");
    // The shell takes more than it may.
    let words = [
        "-o",
        "json",
        "--memory",
        "16m",
        "sh",
        "-c",
        "x=$(head -c 64m /dev/zero | tr '\\0' x)",
    ];
    let report = runs.run(&words).ended_with(137).report();
    assert_eq!(
        (&report["verdict"], &report["payload"]["signal"]),
        (&"pass".into(), &9.into())
    );
    runs.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn capabilities_are_added_and_dropped() {
    let runs = Runs::new();
    let script = "grep CapBnd /proc/self/status | tr -d '\\t'";
    let all = |mask: &'static str| {
        ["bounding", "permitted", "effective"].map(|set| (format!("capabilities.{set}"), mask))
    };
    for (flags, says, mask) in [
        (&[][..], "CapBnd:00000000a80425fb\n", "0xa80425fb"),
        (
            &["--cap-add", "CAP_SYS_TIME"],
            "CapBnd:00000000aa0425fb\n",
            "0xaa0425fb",
        ),
        (
            &["--cap-drop", "net_raw,chown"],
            "CapBnd:00000000a80405fa\n",
            "0xa80405fa",
        ),
        (&["--cap-drop", "all"], "CapBnd:0000000000000000\n", "none"),
        (
            &["--cap-drop", "all", "--cap-add", "kill"],
            "CapBnd:0000000000000020\n",
            "0x20",
        ),
    ] {
        let items = all(mask);
        let items: Vec<(&str, &str)> = items.iter().map(|(id, mask)| (&**id, *mask)).collect();
        shows(&runs, flags, script, says, &items);
    }
}

#[test]
#[ignore = "needs root"]
fn privileges_and_system_calls() {
    let runs = Runs::new();
    let script = "grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\\t'";
    let both = [("no_new_privs", "set"), ("seccomp", "1 filter")];
    shows(&runs, &[], script, "NoNewPrivs:1\nSeccomp:2\n", &both);
    let flags = ["--no-new-privileges=false"];
    shows(
        &runs,
        &flags,
        script,
        "NoNewPrivs:0\nSeccomp:2\n",
        &both[1..],
    );
    let flags = ["--seccomp", "unconfined"];
    shows(
        &runs,
        &flags,
        script,
        "NoNewPrivs:1\nSeccomp:0\n",
        &[("seccomp", "off")],
    );
    let flags = ["--seccomp", "unconfined", "--no-new-privileges=false"];
    shows(&runs, &flags, script, "NoNewPrivs:0\nSeccomp:0\n", &[]);
    // A profile of one's own.
    let profile = r#"{"defaultAction":"SCMP_ACT_ALLOW",
        "syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":95}]}"#;
    fs::write(runs.path("profile.json"), profile).expect("a file");
    let path = runs.word("profile.json");
    let script = "mkdir /tmp/x 2> /dev/null || echo refused";
    shows(
        &runs,
        &["--seccomp", &path],
        script,
        "refused\n",
        &[("seccomp", "1 filter")],
    );
}
