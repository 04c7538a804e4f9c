//! Attributes that a payload inherits from whoever started it: as asked for they pass, and
//! `tracer expect from` writes the file that says so.

use tracer_tests::binary::{Runs, Said, tracer};

use super::{FAIL, item, not_passing, payload, script};

/// Joins a new session keyring (keyctl(2), `KEYCTL_JOIN_SESSION_KEYRING`) and executes the rest.
const JOINED: &str = concat!(
    "perl -e 'syscall(",
    tracer_tests::number!(keyctl),
    ", 1, 0) > 0 or die; exec @ARGV'"
);
const SET: &str = "umask 0027; echo 7 > /proc/self/oom_score_adj; exec";
const UNSHARE: &str =
    "unshare --mount --uts --time --monotonic=-5 --boottime=3600 --fork --kill-child true";
const FILE: &str = "\
oom_score_adj: \">=7\"
umask: 0027
session_keyring: private
time_offsets: { monotonic: -5, boottime: 3600 }
";

fn words() -> String {
    format!("{SET} {JOINED} {UNSHARE}")
}

#[test]
#[ignore = "needs root"]
fn what_a_payload_inherits_is_as_its_starters_set_it() {
    let runs = Runs::new();
    let report = script(&runs, FILE, &[], &words()).ended_with(0).report();
    let container = payload(&report);
    for (id, seen) in [
        ("oom_score_adj", "7"),
        ("umask", "0027"),
        ("time_offsets.monotonic", "-5 s"),
        ("time_offsets.boottime", "+3600 s"),
    ] {
        assert_eq!(item(container, id)["seen"], seen, "{container:#}");
    }
    let facts = &container["certificate"]["linux"];
    assert_eq!(facts["session_keyring"]["is_host"], false, "{facts:#}");
    assert_eq!(facts["time_offsets"]["boottime"]["seconds"], 3600);
}

#[test]
#[ignore = "needs root"]
fn each_that_is_asked_otherwise_fails_alone() {
    let runs = Runs::new();
    for (asked, otherwise, fails) in [
        ("\">=7\"", "\">7\"", "oom_score_adj"),
        ("0027", "0022", "umask"),
        ("-5", "-5.000000001", "time_offsets.monotonic"),
        ("3600", "0", "time_offsets.boottime"),
    ] {
        let file = FILE.replace(asked, otherwise);
        let report = script(&runs, &file, &[], &words())
            .ended_with(FAIL)
            .report();
        assert_eq!(not_passing(payload(&report)), [fails]);
    }
    // Started without one of its own, it has tracer's or none.
    let words = format!("{SET} {UNSHARE}");
    let report = script(&runs, FILE, &[], &words).ended_with(FAIL).report();
    assert_eq!(not_passing(payload(&report)), ["session_keyring"]);
}

#[test]
#[ignore = "needs root"]
fn a_rule_can_name_them() {
    let runs = Runs::new();
    for (rule, code) in [
        ("linux.oom_score_adj == 7 && linux.umask == '0027'", 0),
        ("!linux.session_keyring.is_host", 0),
        ("linux.time_offsets.monotonic.seconds < -5", FAIL),
        ("linux.ptrace_parent.pid != process.parent.pid", FAIL),
    ] {
        let options = ["--rule", rule];
        let file = "exe: inside\n";
        script(&runs, file, &options, &words()).ended_with(code);
    }
}

#[test]
#[ignore = "needs root"]
fn the_file_of_what_was_observed_has_them() {
    let runs = Runs::new();
    let (mark, value) = runs.mark();
    let mut command = tracer(&["expect", "from", "--", "sh", "-c", &words()]);
    command.env(mark, value);
    let said: Said = runs.finish(&mut command).ended_with(0);
    for line in [
        "oom_score_adj: \"==7\"  # not tracer's own",
        "umask: 0027  # not tracer's own",
        "session_keyring: private  # not tracer's own",
        "time_offsets: { monotonic: -5, boottime: 3600 }  # seconds, in its own time namespace",
    ] {
        assert!(
            said.stdout.lines().any(|one| one == line),
            "{}",
            said.stdout
        );
    }
    script(&runs, &said.stdout, &[], &words()).ended_with(0);
}
