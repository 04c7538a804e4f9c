//! How the kernel serves a payload, its terminal and its names: what was asked for passes, what was
//! not made so fails, whichever runtime passes over it, and the payload itself tells which it is.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tracer_tests::binary::{Runs, path};
use tracer_tests::foreign::{Property, Request, Runtime, Subject};
use tracer_tests::number;
use tracer_tests::shell::TERMINAL;

use super::condition::asking;
use super::{FAIL, INCONCLUSIVE, command, expecting, item, list, not_passing, payload, script};

/// Each of these programs sets one thing and executes the rest; by set_mempolicy(2)
/// memory is bound to node 0 with nodes that stay what they are.
const SERVED: &str = concat!(
    "exec nice -n 5 ionice -c 2 -n 7 setarch linux32 perl -e 'my $m = pack(q(Q), 1); syscall(",
    number!(set_mempolicy),
    ", 2 | 1 << 15, $m, 64) == 0 or die; exec @ARGV' chrt -R -b 0 unshare --mount --uts true"
);
const FILE: &str = "\
terminal: private
scheduler: { policy: batch, nice: \">=5\", priority: 0, reset_on_fork: true }
io_priority: best-effort 7
memory_policy: { mode: bind, nodes: 0, flags: [static] }
personality: linux32
cpuset.mems: { within: 0-1 }
";

#[test]
#[ignore = "needs root"]
fn what_a_payload_is_given_is_as_its_starters_set_it() {
    let runs = Runs::new();
    let report = script(&runs, FILE, &[], SERVED).ended_with(0).report();
    let container = payload(&report);
    for (id, seen) in [
        ("scheduler", "batch, nice 5, reset on fork"),
        ("io_priority", "best-effort 7"),
        ("memory_policy", "bind, node 0, static"),
        ("personality", "linux32"),
        ("cpuset.mems", "node 0"),
    ] {
        assert_eq!(item(container, id)["seen"], seen, "{container:#}");
    }
    for (asked, otherwise, fails) in [
        ("batch", "other", "scheduler"),
        (">=5", ">=6", "scheduler"),
        ("priority: 0", "priority: 1", "scheduler"),
        ("reset_on_fork: true", "reset_on_fork: false", "scheduler"),
        ("best-effort 7", "best-effort 6", "io_priority"),
        ("best-effort 7", "none", "io_priority"),
        ("mode: bind", "mode: prefer", "memory_policy"),
        ("nodes: 0,", "nodes: 1,", "memory_policy"),
        ("[static]", "[relative]", "memory_policy"),
        ("linux32", "linux", "personality"),
        ("0-1", "1", "cpuset.mems"),
    ] {
        let file = FILE.replace(asked, otherwise);
        let report = script(&runs, &file, &[], SERVED).ended_with(FAIL).report();
        assert_eq!(not_passing(payload(&report)), [fails], "{otherwise}");
    }
}

#[test]
#[ignore = "needs root"]
fn a_rule_can_name_how_a_payload_is_served() {
    let runs = Runs::new();
    for (rule, code) in [
        ("linux.scheduler.policy == 'batch'", 0),
        ("linux.scheduler.nice >= 0", 0),
        ("linux.io_priority.class == 'idle'", FAIL),
        ("linux.memory_policy.nodes == [0]", 0),
        ("linux.personality == 'linux'", FAIL),
        ("0 in linux.cpuset_mems", 0),
        ("!linux.terminal.is_host", 0),
        ("0 in linux.cpuset_cpus || 1 in linux.cpuset_cpus", 0),
        ("!linux.root.is_covered", 0),
        ("process.executable.contains('/')", 0),
        ("process.executable == process.name", FAIL),
        ("linux.scheduler.deadline_ns.runtime > 0", INCONCLUSIVE),
    ] {
        // Alone in its session, whoever runs this test.
        let words = format!("exec setsid sh -c {}", quoted(SERVED));
        let options = ["--rule", rule];
        let said = script(&runs, "exe: inside\n", &options, &words);
        assert_eq!(said.code(), code, "{rule}: {said:?}");
    }
}

/// For sh(1).
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[test]
#[ignore = "needs root"]
fn the_file_of_what_was_observed_has_how_it_was_served() {
    let runs = Runs::new();
    let (mark, value) = runs.mark();
    let words = format!("exec setsid sh -c {}", quoted(SERVED));
    let mut command = tracer_tests::binary::tracer(&["expect", "from", "--", "sh", "-c", &words]);
    command.env(mark, value);
    let said = runs.finish(&mut command).ended_with(0);
    for line in [
        "terminal: none  # its session has none",
        "scheduler: { policy: batch, nice: \"==5\", priority: \"==0\", reset_on_fork: true }  # not tracer's own",
        "io_priority: best-effort 7  # not tracer's own",
        "memory_policy: { mode: bind, nodes: \"0\", flags: [static] }  # not tracer's own",
        "personality: \"linux32\"  # not tracer's own",
        "cpuset.mems: { within: \"0\" }  # no other memory nodes",
    ] {
        let mut lines = said.stdout.lines();
        assert!(lines.any(|one| one == line), "{line}\n{}", said.stdout);
    }
    script(&runs, &said.stdout, &[], &words).ended_with(0);
}

/// Tracer at a terminal verifies a container that `line` makes; gives what of the file does not
/// pass, and the terminal that it has.
fn at_a_terminal(runs: &Runs, file: &str, line: &str) -> (Vec<String>, Value) {
    let file = expecting(runs, file);
    let (mark, value) = runs.mark();
    let mut command = Command::new("perl");
    command.args(["-e", TERMINAL, "/dev/pts"]).arg(path());
    command.args(["verify", "--expect", &file, "-o", "json", "--"]);
    command.args(["sh", "-c", line]).stdin(Stdio::null());
    let said = runs.finish(command.env(mark, value));
    let report = said.report();
    let container = payload(&report);
    let names = not_passing(container).into_iter().map(str::to_owned);
    let terminal = container["certificate"]["linux"]["terminal"].clone();
    (names.collect(), terminal)
}

#[test]
#[ignore = "needs root"]
fn a_container_that_keeps_the_terminal_of_its_starter_is_told() {
    let runs = Runs::new();
    let keeps = "exec unshare --mount --uts true";
    let (fails, terminal) = at_a_terminal(&runs, "terminal: private", keeps);
    assert_eq!(fails, ["terminal"]);
    assert_eq!(terminal["is_host"], true, "{terminal}");
    for asked in ["terminal: none", "terminal: own"] {
        let (fails, _) = at_a_terminal(&runs, asked, keeps);
        assert_eq!(fails, ["terminal"], "{asked}");
    }
    let leaves = format!("exec setsid {}", &keeps["exec ".len()..]);
    for (asked, fails) in [
        ("terminal: private", &[][..]),
        ("terminal: none", &[]),
        ("terminal: own", &["terminal"]),
    ] {
        let (failed, terminal) = at_a_terminal(&runs, asked, &leaves);
        assert_eq!(failed, fails, "{asked}");
        assert_eq!(terminal["present"], false, "{terminal}");
    }
    // Another of the same devpts; perl gives it a session of its own with fork(2), and waits.
    let other = format!(
        "setsid perl -e {} /dev/pts unshare --mount --uts true",
        quoted(&TERMINAL.replace(&format!("syscall({}) > 0 or die;", number!(setsid)), ""))
    );
    for (asked, fails) in [
        ("terminal: private", &[][..]),
        ("terminal: own", &[]),
        ("terminal: none", &["terminal"]),
    ] {
        let (failed, terminal) = at_a_terminal(&runs, asked, &other);
        assert_eq!(failed, fails, "{asked}: {terminal}");
    }
}

/// The command of a runtime, for sh(1).
fn line(subject: &Subject, name: &str, request: &Request) -> String {
    let words = subject.words(name, request);
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    words.join(" ")
}

const RUNTIMES: [Runtime; 3] = [Runtime::Runc, Runtime::Crun, Runtime::Youki];

/// Writes what the subject's runtime reads.
fn change(subject: &Subject, name: &str, change: impl FnOnce(&mut Value)) -> String {
    let asked = asking(subject, name, change);
    let config = fs::read(format!("{asked}/config.json")).expect("a file");
    fs::write(subject.bundle().join("config.json"), config).expect("a file");
    asked
}

/// What of a bundle fails. The mounts of a payload as short as these cannot always be read in time,
/// so that they are inconclusive.
fn failed(subject: &Subject, bundle: &str, line: &str) -> Vec<String> {
    // What gives crun a view of its own is a container too.
    let runtime = format!("runtime={}", subject.runtime.name());
    let options = ["--select", &runtime, "--bundle", bundle, "-o", "json"];
    let words = [&options[..], &["--", "sh", "-c", line]].concat();
    let said = subject.runs.finish(&mut command(&subject.runs, &words));
    let report = said.report();
    let items = list(payload(&report), "items").iter();
    let fails = items.filter(|item| item["verdict"] == "fail");
    let names = fails.filter_map(|item| item["id"].as_str().map(str::to_owned));
    let names: Vec<String> = names.collect();
    assert_eq!(said.code() == FAIL, !names.is_empty(), "{said:?}");
    names
}

/// script(1) gives the runtime a terminal, which is the one that its container must not have. Youki
/// makes one only for whoever listens at a socket for it.
#[test]
#[ignore = "needs root"]
fn a_bundle_has_a_terminal_of_its_own_or_none() {
    for runtime in [Runtime::Runc, Runtime::Crun] {
        let Some(subject) = Subject::new(runtime) else {
            continue;
        };
        if is_left_in_the_root(runtime) {
            continue;
        }
        let request = Request::new(&["/bin/true"]);
        for (at, terminal) in [true, false].into_iter().enumerate() {
            let line = line(&subject, &format!("terminal-{at}"), &request);
            let line = format!("exec script -qec {} /dev/null", quoted(&line));
            let other = asking(&subject, &format!("other-{at}"), |config| {
                config["process"]["terminal"] = json!(!terminal);
            });
            let own = change(&subject, &format!("own-{at}"), |config| {
                config["process"]["terminal"] = json!(terminal);
                let options = json!(["nosuid", "noexec", "newinstance", "ptmxmode=0666"]);
                let mounts = config["mounts"].as_array_mut().expect("mounts");
                mounts.push(json!({
                    "destination": "/dev/pts", "type": "devpts", "source": "devpts",
                    "options": options,
                }));
            });
            let name = runtime.name();
            assert_eq!(failed(&subject, &own, &line), [""; 0], "{name}, {terminal}");
            assert_eq!(failed(&subject, &other, &line), ["terminal"], "{name}");
        }
    }
}

/// Whether a runtime leaves its payload in v2's root, where memory has no limit then: every bundle of its fails. Says so.
fn is_left_in_the_root(runtime: Runtime) -> bool {
    let is = runtime != Runtime::Runc && Property::Memory.is_out_of_reach();
    if is {
        println!(
            "skipped: {}: memory has no tree of v1 here, as others have",
            runtime.name()
        );
    }
    is
}

/// An item, the name of a bundle, and what is asked otherwise there.
type Otherwise = (&'static str, &'static str, fn(&mut Value));

/// Runtimes pass over what they do not know. What the payload says of itself tells which that is.
#[test]
#[ignore = "needs root"]
fn what_a_runtime_makes_of_a_bundles_wishes_is_what_its_payload_has() {
    let says = "cat /proc/sys/kernel/domainname /proc/1/personality > /told; \
        ionice -p 1 >> /told; cat /proc/1/stat >> /told";
    for runtime in RUNTIMES {
        let Some(subject) = Subject::new(runtime) else {
            continue;
        };
        if is_left_in_the_root(runtime) {
            continue;
        }
        let cpuset = runtime.can(Property::Cpus);
        let request = Request {
            cpus: cpuset.then(|| "0".to_owned()),
            ..Request::new(&["/bin/sh", "-c", says])
        };
        let line = line(&subject, "wishes", &request);
        let own = change(&subject, "own", |config| {
            config["domainname"] = json!("example");
            let process = &mut config["process"];
            process["scheduler"] = json!({ "policy": "SCHED_BATCH", "nice": 5 });
            process["ioPriority"] = json!({ "class": "IOPRIO_CLASS_BE", "priority": 7 });
            config["linux"]["personality"] = json!({ "domain": "LINUX32" });
            if cpuset {
                config["linux"]["resources"]["cpu"]["mems"] = json!("0");
            }
        });
        let fails = failed(&subject, &own, &line);
        let told = fs::read_to_string(subject.rootfs().join("told"));
        let told = told.unwrap_or_else(|error| panic!("{error}: {fails:?}"));
        let lines: Vec<&str> = told.lines().collect();
        let [domain, personality, priority, stat] = lines[..] else {
            panic!("{told}");
        };
        let stat: Vec<&str> = stat.split_whitespace().collect();
        let made = [
            ("scheduler", [stat[18], stat[40]] == ["5", "3"]),
            ("io_priority", priority == "best-effort: prio 7"),
            ("personality", personality == "00000008"),
            ("domainname", domain == "example"),
        ];
        println!("{}: {made:?}", runtime.name());
        let not_made = made.iter().filter(|(_, made)| !made);
        let not_made: Vec<&str> = not_made.map(|(id, _)| *id).collect();
        assert_eq!(fails, not_made, "{}: {told}", runtime.name());
        // Of what it made, each that is asked otherwise fails as well.
        let others: [Otherwise; 3] = [
            ("cpuset.mems", "mems", |config| {
                config["linux"]["resources"]["cpu"]["mems"] = json!("1");
            }),
            ("personality", "personality", |config| {
                config["linux"]["personality"] = json!({ "domain": "LINUX" });
            }),
            ("domainname", "domainname", |config| {
                config["domainname"] = json!("other");
            }),
        ];
        for (id, folder, otherwise) in others {
            if not_made.contains(&id) || id == "cpuset.mems" && !cpuset {
                continue;
            }
            let other = asking(&subject, folder, otherwise);
            let mut more = failed(&subject, &other, &line);
            more.retain(|item| !not_made.contains(&item.as_str()));
            assert_eq!(more, [id], "{}", runtime.name());
        }
    }
}
