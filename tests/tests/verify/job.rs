//! Programs that nothing but a cgroup of their own sets apart, as cgexec's: judged like any payload,
//! unless they turn out to be a runtime's helpers. What enforcement does about them.

use std::fs;
use std::process::{Child, Command};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};
use tracer_tests::binary::Runs;
use tracer_tests::cgroup::{Leftover, any_hierarchy};

use crate::{
    FAIL, NEW, NO_CONTAINER, UNSHARE, containers, list, not_passing, only, payload, script,
};

/// What a program satisfies that asks for nothing, and one that it does not.
const SATISFIED: &str = "no_new_privs: false\n";
const UNSATISFIED: &str = "no_new_privs: true\n";

/// A cgroup for each name, which go with this; the script makes them.
struct Jobs {
    runs: Runs,
    left: Vec<Leftover>,
}

impl Jobs {
    fn new(names: &[&str]) -> Self {
        let parent = any_hierarchy().mount_point;
        let own = |name: &&str| parent.join(format!("job-{}-{name}", std::process::id()));
        let left: Vec<Leftover> = names.iter().map(own).map(Leftover::at).collect();
        Self {
            runs: Runs::new(),
            left,
        }
    }

    /// Its path as a word.
    fn path(&self, at: usize) -> &str {
        self.left[at].path().to_str().expect("text")
    }

    /// The id that its cgroup gives a container.
    fn id(&self, at: usize) -> &str {
        self.path(at).rsplit('/').next().expect("a name")
    }

    /// Has a shell put itself into a cgroup and do something; the cgroup is of that time alone.
    fn inside(&self, at: usize, what: &str) -> String {
        let path = self.path(at);
        let what = format!("sh -c 'echo $$ > {path}/cgroup.procs && {what}'");
        format!("mkdir {path}; {what}; code=$?; rmdir {path}; (exit $code)")
    }

    /// What the payloads have left.
    fn traces(&self) -> Vec<String> {
        let file = self.runs.path("traces");
        let text = fs::read_to_string(&file).unwrap_or_default();
        let _none = fs::remove_file(file);
        text.lines().map(str::to_owned).collect()
    }

    /// A program that leaves a trace.
    fn traced(&self, word: &str) -> String {
        format!(
            "busybox sh -c \"echo {word} >> {}\"",
            self.runs.word("traces")
        )
    }

    #[track_caller]
    fn verify(&self, expected: &str, options: &[&str], all: &str, code: i32) -> Value {
        script(&self.runs, expected, options, all)
            .ended_with(code)
            .report()
    }
}

/// Of each container its payload and whether it is a stage.
fn stages(report: &Value) -> Vec<(&str, bool)> {
    let all = containers(report).iter();
    all.map(|one| {
        let program = one["payload"]["executable"].as_str().expect("a program");
        (
            program.rsplit('/').next().expect("a name"),
            one["stage"] == true,
        )
    })
    .collect()
}

fn act(container: &Value) -> &Value {
    &container["enforced"]["act"]
}

#[test]
#[ignore = "needs root"]
fn a_program_in_a_cgroup_of_its_own_is_judged_by_default() {
    let jobs = Jobs::new(&["one"]);
    let all = jobs.inside(0, "exec busybox sh -c \"exit 7\"");
    for (expected, code, failed) in [
        (SATISFIED, 7, vec![]),
        (UNSATISFIED, FAIL, vec!["no_new_privs"]),
    ] {
        let report = jobs.verify(expected, &[], &all, code);
        let one = only(&report);
        assert_eq!(not_passing(one), failed);
        assert_eq!(
            (&one["stage"], &one["id"]),
            (&json!(false), &json!(jobs.id(0)))
        );
        assert_eq!(list(one, "own_namespaces").len(), 0);
        assert_eq!(one["enforced"], Value::Null);
    }
    jobs.runs.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn a_program_in_a_cgroup_that_was_there_before_is_no_container() {
    let jobs = Jobs::new(&["one"]);
    fs::create_dir(jobs.path(0)).expect("a cgroup");
    let all = jobs
        .inside(0, "exec busybox true")
        .replacen("mkdir", ": mkdir", 1);
    let report = jobs.verify(SATISFIED, &[], &all, NO_CONTAINER);
    assert_eq!(containers(&report).len(), 0);
    jobs.runs.nothing_is_left();
}

/// Who reads a number, makes a cgroup, moves that process there or does not, and says so: a service
/// manager.
struct Manager(Child);

impl Manager {
    fn start(jobs: &Jobs, moves: bool) -> Self {
        let [ask, answer] = ["ask", "answer"].map(|name| {
            let path = jobs.runs.word(name);
            mknodat(CWD, &path, FileType::Fifo, Mode::RWXU, 0).expect("a pipe");
            path
        });
        let path = jobs.path(0);
        let procs = if moves {
            format!("{path}/cgroup.procs")
        } else {
            "/dev/null".to_owned()
        };
        let deed = format!(
            "read pid < {ask} && mkdir {path} && echo $pid > {procs} && echo go > {answer}"
        );
        let mut command = Command::new("sh");
        Self(command.args(["-c", &deed]).spawn().expect("a shell"))
    }

    /// Asks it to, from within the command.
    fn asked(jobs: &Jobs, what: &str) -> String {
        let [ask, answer] = ["ask", "answer"].map(|name| jobs.runs.word(name));
        format!("sh -c 'echo $$ > {ask}; read go < {answer}; {what}'")
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

#[test]
#[ignore = "needs root"]
fn a_cgroup_that_somebody_outside_makes_for_it_is_its_own() {
    let jobs = Jobs::new(&["one"]);
    let manager = Manager::start(&jobs, true);
    let all = Manager::asked(&jobs, "exec busybox true");
    let report = jobs.verify(UNSATISFIED, &[], &all, FAIL);
    let one = only(&report);
    assert_eq!(not_passing(one), ["no_new_privs"]);
    assert_eq!(
        (&one["stage"], &one["id"]),
        (&json!(false), &json!(jobs.id(0)))
    );
    let made = list(&report, "timeline").iter();
    let mut made = made.filter(|entry| entry["event"] == "cgroup_mkdir");
    let entry = made.next().expect("a record");
    assert_eq!(made.next(), None);
    // The shell itself made the directory, or another program for it.
    let maker = entry["process"]["name"].as_str().expect("a name");
    assert!(["sh", "mkdir"].contains(&maker), "{entry}");
    assert_eq!(entry["in_run"], false, "{entry}");
    drop(manager);
    jobs.runs.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn a_cgroup_that_somebody_outside_makes_for_somebody_else_is_not_told() {
    let jobs = Jobs::new(&["one"]);
    let manager = Manager::start(&jobs, false);
    let all = Manager::asked(&jobs, "exec busybox true");
    let report = jobs.verify(SATISFIED, &[], &all, NO_CONTAINER);
    let mut timeline = list(&report, "timeline").iter();
    assert!(!timeline.any(|entry| entry["event"] == "cgroup_mkdir"));
    drop(manager);
    jobs.runs.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn two_programs_in_cgroups_of_their_own_are_two_containers() {
    let jobs = Jobs::new(&["one", "two"]);
    let [one, two] = [0, 1].map(|at| jobs.inside(at, "exec busybox true"));
    let report = jobs.verify(SATISFIED, &[], &format!("{one}; {two}"), 0);
    let ids = containers(&report).iter().map(|one| &one["id"]);
    assert_eq!(ids.collect::<Vec<_>>(), [jobs.id(0), jobs.id(1)]);
    assert!(
        containers(&report)
            .iter()
            .all(|one| one["verdict"] == "pass")
    );
    jobs.runs.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn who_makes_a_container_from_its_cgroup_is_a_stage_whatever_comes_first() {
    let jobs = Jobs::new(&["one"]);
    let container = format!("{UNSHARE} busybox true");
    // It executes itself there, or another is executed beside it, before or after.
    for (what, programs) in [
        (
            format!("exec {container}"),
            vec![("unshare", true), ("busybox", false)],
        ),
        (
            format!("env true; {container}"),
            vec![("env", true), ("busybox", false)],
        ),
        // What is executed beside is one container, the cgroup's, and has to be there to be a stage.
        (
            format!("{container}; env true"),
            vec![("unshare", true), ("busybox", false)],
        ),
    ] {
        let report = jobs.verify(NEW, &[], &jobs.inside(0, &what), 0);
        assert_eq!(stages(&report), programs, "{what}");
        assert_eq!(payload(&report)["verdict"], "pass", "{what}");
    }
    jobs.runs.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn who_is_in_another_cgroup_than_a_containers_maker_is_judged_beside_it() {
    let jobs = Jobs::new(&["one", "two"]);
    let maker = jobs.inside(0, &format!("exec {UNSHARE} busybox true"));
    let other = jobs.inside(1, "exec env true");
    let report = jobs.verify(NEW, &[], &format!("{maker}; {other}"), FAIL);
    let expected = [("unshare", true), ("busybox", false), ("env", false)];
    assert_eq!(stages(&report), expected);
    let verdicts = containers(&report).iter().map(|one| &one["verdict"]);
    let expected = [Value::Null, json!("pass"), json!("fail")];
    assert!(verdicts.eq(&expected), "{report:#}");
    jobs.runs.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn enforcement_leaves_who_may_be_a_helper_alone_and_tells_at_the_end() {
    let jobs = Jobs::new(&["one"]);
    // A payload: nothing tells that before its end.
    let all = jobs.inside(0, &format!("exec {}", jobs.traced("ran")));
    for (expected, code) in [(SATISFIED, 0), (UNSATISFIED, FAIL)] {
        let report = jobs.verify(expected, &["--enforce"], &all, code);
        assert_eq!(jobs.traces(), ["ran"]);
        let one = only(&report);
        assert_eq!(act(one), "not_held");
        let guarantees = list(&one["enforced"], "guarantees");
        assert!(guarantees.iter().all(|one| one["guarantee"] == "detected"));
    }
    // A helper: it would fail, and so would what it makes, if it were taken for a payload.
    let container = format!("exec {UNSHARE} {}", jobs.traced("inside"));
    let report = jobs.verify(NEW, &["--enforce"], &jobs.inside(0, &container), 0);
    assert_eq!(jobs.traces(), ["inside"]);
    assert_eq!(stages(&report), [("unshare", true), ("busybox", false)]);
    assert_eq!(containers(&report)[0]["enforced"], Value::Null);
    assert_eq!(act(payload(&report)), "let_go");
    jobs.runs.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn who_is_named_whatever_it_is_is_held_and_runs_only_if_it_passes() {
    let jobs = Jobs::new(&["one"]);
    let all = jobs.inside(0, &format!("exec {}", jobs.traced("ran")));
    for select in ["--select=all", "--select=1"] {
        let options = ["--enforce", select];
        let report = jobs.verify(UNSATISFIED, &options, &all, FAIL);
        assert_eq!(jobs.traces(), [""; 0], "{select}");
        assert_eq!(act(only(&report)), "killed", "{select}");
        let report = jobs.verify(SATISFIED, &options, &all, 0);
        assert_eq!(jobs.traces(), ["ran"], "{select}");
        assert_eq!(act(only(&report)), "let_go", "{select}");
    }
    // A helper is killed as well, before it has made anything: that is what was asked for.
    let container = format!("exec {UNSHARE} {}", jobs.traced("inside"));
    let options = ["--enforce", "--select=all"];
    let report = jobs.verify(NEW, &options, &jobs.inside(0, &container), FAIL);
    assert_eq!(jobs.traces(), [""; 0]);
    assert_eq!(act(only(&report)), "killed");
    jobs.runs.nothing_is_left();
}

#[test]
#[ignore = "needs root"]
fn who_was_let_go_and_is_moved_on_is_held_again() {
    let jobs = Jobs::new(&["one", "two"]);
    let further = jobs.traced("further").replace('"', "\\\"");
    let path = jobs.path(1);
    let trace = jobs.runs.word("traces");
    // What is executed after the move has fewer files than the first.
    let inner = format!(
        "echo first >> {trace}; ulimit -n 64; echo \\$\\$ > {path}/cgroup.procs; exec {further}"
    );
    let first = jobs.inside(0, &format!("exec busybox sh -c \"{inner}\""));
    let all = format!("mkdir {path}; {first}; code=$?; rmdir {path}; exit $code");
    for (files, code, second, traces) in [
        (64, 0, "let_go", vec!["first", "further"]),
        (65, FAIL, "killed", vec!["first"]),
    ] {
        let expected = format!("rlimits: {{ nofile: {{ soft: '>={files}' }} }}\n");
        let options = ["--enforce", "--select=all"];
        let report = jobs.verify(&expected, &options, &all, code);
        let acts: Vec<&Value> = containers(&report).iter().map(act).collect();
        assert_eq!(acts, ["let_go", second]);
        assert_eq!(jobs.traces(), traces);
    }
    jobs.runs.nothing_is_left();
}
