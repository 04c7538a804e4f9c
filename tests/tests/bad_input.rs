//! What cannot be done: one line that says what, why and what to do instead, the right exit code,
//! and nothing left.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use tracer_tests::binary::{Runs, path, tracer};

/// The command line is wrong by its words alone.
const USAGE: i32 = 2;
/// The environment cannot do it.
const ENVIRONMENT: i32 = 122;
/// What is named is not there, or was refused.
const ERROR: i32 = 125;

#[test]
#[ignore = "needs root"]
fn words_that_contradict_each_other_are_a_usage_error() {
    let runs = Runs::new();
    let long = "x".repeat(65);
    for (words, names) in [
        (
            vec!["--share", "bogus", "true"],
            vec!["`bogus`", "mnt, uts"],
        ),
        (
            vec!["--share", "pid,bogus", "true"],
            vec!["`bogus`", "mnt, uts"],
        ),
        (
            vec!["-p", "--share", "pid", "true"],
            vec!["pid", "both new and shared"],
        ),
        (
            vec!["--share", "uts", "--hostname", "box", "true"],
            vec!["--hostname", "-u"],
        ),
        (
            vec!["-p", "--hostname", "box", "true"],
            vec!["--hostname", "-u"],
        ),
        (vec!["--hostname", &long, "true"], vec![&long, "1 to 64"]),
        (vec!["--hostname", "", "true"], vec!["1 to 64"]),
        (
            vec!["-p", "--uid-map", "0:0:1", "true"],
            vec!["--uid-map", "-U"],
        ),
        (vec!["--uid-map", "1:1:1", "true"], vec!["no id 0"]),
        (
            vec!["-p", "--rootfs", "/usr", "true"],
            vec!["--rootfs", "-m"],
        ),
        (vec!["-p", "--read-only", "true"], vec!["--read-only", "-m"]),
        (
            vec!["--rootfs", "/", "true"],
            vec!["--rootfs /", "leave --rootfs out"],
        ),
        (
            vec!["--workdir", "below", "true"],
            vec!["`below`", "absolute"],
        ),
        (vec!["--user", "70000", "true"], vec!["70000", "--uid-map"]),
        (
            vec!["--user", "0:70000", "true"],
            vec!["group 70000", "--gid-map"],
        ),
        (
            vec!["--cap-add", "bogus", "true"],
            vec!["`bogus`", "capabilities(7)"],
        ),
        (vec!["--env", "=x", "true"], vec!["`=x`"]),
        (vec![""], vec!["no program"]),
    ] {
        runs.refused(&words, USAGE, &names);
    }
}

#[test]
#[ignore = "needs root"]
fn what_is_named_must_be_there() {
    let runs = Runs::new();
    fs::write(runs.path("file"), "").expect("a file");
    let (file, none) = (runs.word("file"), runs.word("none"));
    let bind = |from: &str, to: &str| format!("type=bind,source={from},target={to}");
    let gone = bind(&none, "/x");
    let mixed = bind(&file, "/usr");
    let unwritable = bind(&file, "/usr/none/x");
    for (words, names) in [
        (
            vec!["--rootfs", &none, "true"],
            vec![none.as_str(), "No such file"],
        ),
        (
            vec!["--rootfs", &file, "true"],
            vec![&file, "not a directory"],
        ),
        (
            vec!["--user", "nobody-here", "true"],
            vec!["`nobody-here`", "give a number"],
        ),
        (
            vec!["--user", "0:nobody-here", "true"],
            vec!["`nobody-here`", "give a number"],
        ),
        (
            vec!["--user", "99999999999", "true"],
            vec!["99999999999", "give a number"],
        ),
        (
            vec!["--workdir", "/none", "true"],
            vec!["'/none'", "create it"],
        ),
        (
            vec!["--workdir", "/etc/passwd", "true"],
            vec!["'/etc/passwd'", "name a directory"],
        ),
        (
            vec!["--mount", &gone, "true"],
            vec![&none, "name an existing one"],
        ),
        (
            vec!["--mount", &mixed, "true"],
            vec!["/usr", "a file on a file"],
        ),
        (
            vec!["--mount", &unwritable, "true"],
            vec!["/usr/none", "writable"],
        ),
        (
            vec!["--seccomp", &none, "true"],
            vec![&none, "No such file"],
        ),
        (
            vec!["--cpuset-cpus", "0,60000", "true"],
            vec!["processor 60000", "online are"],
        ),
    ] {
        runs.refused(&words, ERROR, &names);
    }
}

#[test]
#[ignore = "needs root"]
fn names_of_users_are_looked_up_in_the_container() {
    let runs = Runs::new();
    let root = runs.directory("root");
    let word = runs.word("root");
    let words = ["--rootfs", &word, "--user", "daemon", "/true"];
    runs.refused(&words, ERROR, &["root/etc/passwd", "give a number"]);
    fs::create_dir(root.join("etc")).expect("a directory");
    fs::write(root.join("etc/passwd"), "root:x:0:0\n").expect("a file");
    runs.refused(&words, ERROR, &["no user `daemon`", "root/etc/passwd"]);
    // What the file says is not taken on trust either.
    fs::write(root.join("etc/passwd"), "daemon:x:70000:70000\n").expect("a file");
    runs.refused(&words, USAGE, &["70000", "--uid-map"]);
}

#[test]
#[ignore = "needs root"]
fn limits_that_the_kernel_refuses() {
    let runs = Runs::new();
    for (words, names) in [
        (
            vec!["--memory", "1", "true"],
            vec!["memory limit", "signal 9"],
        ),
        (
            vec!["--pids-limit", "99999999999", "true"],
            vec!["99999999999", "pids.max", "another"],
        ),
        (
            vec!["--rlimit", "nofile=99999999999", "true"],
            vec!["nofile", "99999999999", "at most"],
        ),
        (
            vec!["--uid-map", "0:0:10", "--uid-map", "5:5:5", "true"],
            vec!["'0 0 10, 5 5 5'", "overlap"],
        ),
    ] {
        runs.refused(&words, ERROR, &names);
    }
}

#[test]
#[ignore = "needs root"]
fn a_command_that_is_not_there_or_cannot_run_has_its_own_code() {
    let runs = Runs::new();
    for (command, code, why) in [
        ("no-such-program", 127, "was not found"),
        ("/no/such/program", 127, "was not found"),
        ("/etc/passwd/below", 127, "was not found"),
        ("/etc/passwd", 126, "Permission denied"),
        ("/etc", 126, "Permission denied"),
    ] {
        let said = runs.run(&["-o", "json", command]).ended_with(code);
        let line = said.stderr.strip_prefix("tracer: ").expect("who says it");
        assert!(line.contains(command) && line.contains(why), "{line}");
        assert_eq!(line.lines().count(), 1, "{line}");
        let report = said.report();
        assert_eq!(report["exit"], code);
        assert_eq!(report["payload"]["status"], "not_executed");
        runs.nothing_is_left();
    }
}

#[test]
#[ignore = "needs root"]
fn a_limit_that_no_program_fits_is_told_from_a_payload_that_was_killed() {
    let runs = Runs::new();
    // Too little for the stack and the program's own mappings: execve is past the point where it
    // could still fail.
    let said = runs
        .run(&["-o", "json", "--rlimit", "as=4096", "true"])
        .ended_with(126);
    assert!(
        said.stderr.contains("before its first instruction"),
        "{said:?}"
    );
    assert_eq!(said.report()["payload"]["status"], "not_executed");
    runs.run(&["-o", "json", "--share", "pid", "sh", "-c", "kill -KILL $$"])
        .ended_with(137);
    runs.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn a_seccomp_profile_that_cannot_be_used() {
    let runs = Runs::new();
    for (text, why) in [
        ("{", "can't be read"),
        ("{}", "defaultAction"),
        (r#"{"defaultAction":"SCMP_ACT_BOGUS"}"#, "SCMP_ACT_BOGUS"),
        (r#"{"defaultAction":"SCMP_ACT_ERRNO"}"#, "does not allow"),
        (
            r#"{"defaultAction":"SCMP_ACT_ALLOW",
                "syscalls":[{"names":["execve"],"action":"SCMP_ACT_KILL_PROCESS"}]}"#,
            "does not allow execve",
        ),
    ] {
        fs::write(runs.path("profile.json"), text).expect("a file");
        let profile = runs.word("profile.json");
        runs.refused(
            &["--seccomp", &profile, "true"],
            ERROR,
            &["profile.json", why],
        );
    }
    let folder = runs.word("");
    runs.refused(
        &["--seccomp", &folder, "true"],
        ERROR,
        &["Is a directory", "`unconfined`"],
    );
}

#[test]
#[ignore = "needs root"]
fn a_report_that_cannot_be_written_keeps_the_payload_from_running() {
    let runs = Runs::new();
    runs.directory("out");
    fs::write(runs.path("file"), "").expect("a file");
    symlink("loop", runs.path("loop")).expect("a link");
    let (out, share) = (runs.path("out/ran"), runs.word("out"));
    let share = format!("type=bind,source={share},target=/out");
    for (path, why) in [
        ("none/report.json", "No such file"),
        ("file/report.json", "Not a directory"),
        ("loop", "symbolic links"),
        ("out", "directory"),
    ] {
        let report = runs.word(path);
        let words = ["--json", &report, "--mount", &share, "touch", "/out/ran"];
        runs.refused(&words, ERROR, &[&report, why, "name another file"]);
        assert!(
            !out.exists(),
            "the payload ran although {path} cannot be written"
        );
    }
}

/// A file system without room, below the folder of the runs.
struct Full<'a> {
    runs: &'a Runs,
}

impl<'a> Full<'a> {
    fn new(runs: &'a Runs) -> Self {
        let place = runs.directory("full");
        mount(
            "tmpfs",
            &place,
            "tmpfs",
            MountFlags::empty(),
            Some(c"size=64k"),
        )
        .expect("a tmpfs");
        let full = Self { runs };
        let filled = fs::write(place.join("filler"), vec![0; 1 << 20]);
        assert!(filled.is_err(), "more than fits");
        full
    }
}

impl Drop for Full<'_> {
    fn drop(&mut self) {
        let unmounted = unmount(self.runs.path("full"), UnmountFlags::DETACH);
        if !std::thread::panicking() {
            unmounted.expect("the tmpfs goes");
        }
    }
}

#[test]
#[ignore = "needs root"]
fn a_full_file_system_is_found_out_before_the_payload_runs() {
    let runs = Runs::new();
    let full = Full::new(&runs);
    let report = runs.word("full/report.json");
    let said = runs
        .run(&["--json", &report, "sh", "-c", "echo ran"])
        .ended_with(ERROR);
    let line = said.one_line();
    assert!(
        line.contains(&report) && line.contains("No space left"),
        "{line}"
    );
    let names = fs::read_dir(runs.path("full")).expect("a directory");
    assert_eq!(names.count(), 1, "the filler alone");
    // For anything else than a report in it, no room is needed.
    let mut command = runs.command(&["true"]);
    let said = runs.finish(command.env("TMPDIR", runs.path("full")));
    let said = said.ended_with(0);
    assert!(said.stderr.contains("PASS"), "{said:?}");
    drop(full);
    runs.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn without_room_for_the_state_of_a_run_there_is_none() {
    let runs = Runs::new();
    // In a mount namespace of its own, so that other runs keep their state.
    let script = "set -e; mkdir -p /run/tracer; mount -t tmpfs -o size=4k tmpfs /run/tracer; \
                  head -c 1m /dev/zero > /run/tracer/filler 2> /dev/null || exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script, "sh"]);
    command.arg(path()).args(["run", "true"]);
    runs.refuses(&mut command, ENVIRONMENT, &["/run/tracer", "No space left"]);
}

#[test]
#[ignore = "needs root"]
fn root_without_capabilities_is_told_which_are_lacking() {
    let runs = Runs::new();
    for (bounding, lacks) in [("-all", "CAP_BPF"), ("-sys_admin", "CAP_SYS_ADMIN")] {
        let mut command = Command::new("setpriv");
        command.arg(format!("--bounding-set={bounding}"));
        command.arg(path()).args(["run", "true"]);
        runs.refuses(&mut command, ENVIRONMENT, &[lacks]);
    }
}

#[test]
#[ignore = "needs root"]
fn in_a_pid_namespace_it_is_told_where_to_run() {
    let runs = Runs::new();
    for words in [&["run", "true"][..], &["doctor"]] {
        let mut command = Command::new("unshare");
        command.args(["--pid", "--fork", "--mount-proc"]);
        command.arg(path()).args(words);
        runs.refuses(&mut command, ENVIRONMENT, &["PID namespace", "on the host"]);
    }
}

/// Where nobody who is held could be killed: by its start, nobody would be who it is.
#[test]
#[ignore = "needs root"]
fn in_a_time_namespace_it_is_told_where_to_run() {
    let runs = Runs::new();
    for words in [&["run", "true"][..], &["doctor"]] {
        let mut command = Command::new("unshare");
        command.args(["--time", "--boottime=1000", "--fork"]);
        command.arg(path()).args(words);
        runs.refuses(
            &mut command,
            ENVIRONMENT,
            &["time namespace", "on the host"],
        );
    }
}

#[test]
#[ignore = "needs root"]
fn capabilities_that_tracer_has_not_cannot_be_given() {
    let runs = Runs::new();
    let start = |words: &[&str]| {
        let mut command = Command::new("setpriv");
        command
            .arg("--bounding-set=-sys_time")
            .arg(path())
            .arg("run");
        command.args(words);
        command
    };
    let words = ["--share", "user", "--cap-add", "sys_time", "true"];
    runs.refuses(&mut start(&words), ERROR, &["sys_time", "--cap-drop", "-U"]);
    // In a user namespace of its own they are not tracer's.
    let said = runs.finish(&mut start(&["--cap-add", "sys_time", "true"]));
    assert!(said.ended_with(0).stderr.contains("PASS"));
}

#[test]
#[ignore = "needs root"]
fn whatever_is_in_a_name_stays_on_one_line() {
    let runs = Runs::new();
    let hostile = "/none/\u{1b}[2J\n\u{202e}x";
    runs.refused(
        &["--rootfs", hostile, "true"],
        ERROR,
        &["\\u{1b}[2J\\u{a}\\u{202e}x"],
    );
    runs.refused(
        &["--share", "\u{1b}]0;x\u{7}", "true"],
        USAGE,
        &["\\u{1b}]0;x\\u{7}"],
    );
    let said = tracer(&["run", "--gate", "\u{1b}[2J", "true"])
        .output()
        .expect("a tracer");
    assert!(!said.stderr.contains(&0x1b), "{said:?}");
}
