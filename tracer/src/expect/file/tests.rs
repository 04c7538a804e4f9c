//! Claims about expectation files.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::expect::Check;

pub(crate) const FULL: &str = r#"
namespaces:
  private: [mnt, pid, net]
  new: [uts]
  shared: [time]
  joined: { ipc: 4026532177 }
memory.max: "<=512Mi"
pids.max: "<=100"
cpu.max: "<=1.5"
cpuset.cpus: { within: 0-3 }
cpus_allowed: 0,1
cpuset.mems: { within: "0-1" }
capabilities:
  without: [CAP_SYS_ADMIN]
  bounding: { within: [chown, kill] }
  effective: { exactly: [Chown] }
  ambient: none
user: { uid: not 0, gid: 5 }
groups: [5, 4]
uid_map: root_is_not_host_root
gid_map: root_is_not_host_root
securebits: none
no_new_privs: true
seccomp: filter
root: [pivoted, not_host, read_only]
cwd: inside
exe: inside
inherited_fds: none
rlimits:
  nofile: "<=1024"
  core: { soft: 0, hard: "<max" }
devices: { within: [default, "c 10:229 rw"], without: ["b *:* rw"], with: ["c 1:3 rw"] }
mounts:
  /proc: { type: proc, options: [nosuid, ro] }
  /tmp: { type: tmpfs, options: [size=64m, mode=1777, rslave] }
  /etc/hosts: [ro]
  /sys: mounted
masked: [/proc/kcore]
read_only: [/proc/sys, /sys]
oom_score_adj: ">=0"
umask: 0022
session_keyring: private
time_offsets: { monotonic: -1.5, boottime: 3600 }
terminal: private
scheduler: { policy: batch, nice: ">=0", priority: 0, reset_on_fork: false }
io_priority: best-effort 4
memory_policy: { mode: bind, nodes: 0-1, flags: [static] }
personality: linux32
hostname: demo
domainname: example
cgroup: private
payload: sleep
drift: deny
"#;

fn lines(text: &str) -> String {
    let list = parse(text, "a.yaml").expect("a good file");
    let lines: Vec<String> = list
        .iter()
        .map(|one| format!("{} | {} | {}", one.id, one.asked, one.origin))
        .collect();
    lines.join("\n")
}

#[test]
fn every_key_becomes_expectations_with_their_lines() {
    insta::assert_snapshot!(lines(FULL));
}

#[test]
fn an_empty_file_asks_for_nothing() {
    for text in ["", "# nothing\n", "{}", "---\n"] {
        assert_eq!(lines(text), "", "{text}");
    }
}

#[test]
fn what_is_wrong_is_shown_with_its_place_and_what_is_accepted() {
    for (text, place, words) in [
        (
            "memory.max: 5Q",
            "1:13",
            "`5Q` is not accepted, expected an amount of memory",
        ),
        (
            "nope: 1",
            "1:1",
            "unknown field `nope`, expected one of namespaces, memory.max",
        ),
        (
            "namespaces: { private: [x] }",
            "1:25",
            "expected one of mnt, uts, ipc",
        ),
        (
            "namespaces: { nope: [] }",
            "1:15",
            "unknown field `nope`, expected one of private",
        ),
        (
            "capabilities:\n  bounding:\n    within: [chown, cap_x]",
            "3:21",
            "`cap_x` is not accepted, expected a capability",
        ),
        ("umask: 22", "1:8", "expected three or four octal digits"),
        (
            "devices: [bogus]",
            "1:11",
            "expected devices and what can be done",
        ),
        (
            "devices: { with: [\"c 1 r\"] }",
            "1:19",
            "`c 1 r` is not accepted",
        ),
        (
            "mounts: { proc: mounted }",
            "1:11",
            "expected an absolute path",
        ),
        (
            "mounts: { /proc: [bogus] }",
            "1:19",
            "expected an option that a mount shows",
        ),
        ("masked: [/a/../b]", "1:10", "expected an absolute path"),
        (
            "oom_score_adj: \"<=2000\"",
            "1:16",
            "expected a number from",
        ),
        ("time_offsets: { boottime: 1h }", "1:27", "expected seconds"),
        ("session_keyring: shared", "1:18", "expected private"),
        ("terminal: shared", "1:11", "expected none, own, or private"),
        ("scheduler: fair", "1:12", "expected a policy"),
        (
            "scheduler: { nice: 20 }",
            "1:20",
            "expected a number from -20 to 19",
        ),
        ("io_priority: idle 3", "1:14", "expected none, idle"),
        ("memory_policy: near", "1:16", "expected a mode"),
        ("personality: bsd", "1:14", "expected linux, linux32"),
        (
            "cpuset.mems: all",
            "1:14",
            "expected a list of memory nodes",
        ),
        ("no_new_privs: maybe", "1:15", "true or false expected"),
        ("cgroup: {}", "1:9", "missing field `path`"),
        (
            "user: { uid: root }",
            "1:14",
            "expected a number, or \"not 0\"",
        ),
        ("rlimits: { x: 1 }", "1:12", "expected a resource limit"),
        (
            "root: [x]",
            "1:8",
            "expected one of pivoted, not_host, read_only",
        ),
        ("seccomp: on", "1:10", "expected one of filter, unconfined"),
        (
            "groups: { a: 1 }",
            "1:9",
            "expected none, or a list of numbers",
        ),
        ("hostname: a\nhostname: b", "2:1", "duplicate"),
        ("memory.max: >=5Mi", "1:13", "block scalar"),
        ("cgroup:", "1:7", "no value, expected private"),
        ("hostname: ~", "1:11", "null is not allowed here"),
        ("namespaces:", "1:11", "expected mapping"),
    ] {
        is_shown(text, place, words);
    }
}

#[track_caller]
fn is_shown(text: &str, place: &str, words: &str) {
    let error = parse(text, "a.yaml").expect_err(text).to_string();
    let (first, rest) = error.split_once('\n').expect("lines below");
    assert!(first.starts_with(&format!("a.yaml:{place}: ")), "{error}");
    assert!(first.contains(words), "{error}");
    assert!(rest.contains('^'), "{error}");
}

#[test]
fn what_is_wrong_of_how_a_process_is_served_is_shown_too() {
    for (text, place, words) in [
        ("terminal: shared", "1:11", "expected none, own, or private"),
        ("scheduler: fair", "1:12", "expected a policy"),
        (
            "scheduler: { nice: 20 }",
            "1:20",
            "expected a number from -20 to 19",
        ),
        ("io_priority: idle 3", "1:14", "expected none, idle"),
        ("memory_policy: near", "1:16", "expected a mode"),
        ("personality: bsd", "1:14", "expected linux, linux32"),
        (
            "cpuset.mems: all",
            "1:14",
            "expected a list of memory nodes",
        ),
    ] {
        is_shown(text, place, words);
    }
}

#[test]
fn a_key_that_asks_for_nothing_is_refused() {
    for text in [
        "user: {}",
        "namespaces: { private: [] }",
        "capabilities: {}",
        "capabilities: { ambient: none, bounding: {} }",
        "rlimits: { core: {} }",
        "rlimits: {}",
        "scheduler: {}",
        "memory_policy: { flags: [] }",
        "root: []",
    ] {
        let error = parse(text, "a.yaml").expect_err(text).to_string();
        assert!(error.starts_with("a.yaml:1:"), "{error}");
        assert!(error.contains("asks for nothing"), "{error}");
    }
}

#[test]
fn a_caret_stands_under_the_word() {
    let error = parse("hostname: a\npids.max: lots\n", "a.yaml").expect_err("lots");
    insta::assert_snapshot!(error);
}

#[test]
fn a_file_may_not_contradict_itself() {
    let text = "namespaces:\n  private: [net]\n  shared: [net]\n";
    let error = parse(text, "a.yaml")
        .expect_err("a contradiction")
        .to_string();
    assert!(
        error.contains("a.yaml:2") && error.contains("a.yaml:3"),
        "{error}"
    );
}

#[test]
fn a_document_larger_than_people_write_is_refused() {
    let long = "#".repeat(MAX_BYTES + 1);
    assert!(matches!(parse(&long, "a"), Err(FileError::TooLong { .. })));
    let many = format!("groups: [{}]", "1,".repeat(20_000));
    assert!(parse(&many, "a").is_err());
    let deep = format!("groups: {}", "[".repeat(5_000));
    assert!(parse(&deep, "a").is_err());
    assert!(parse("hostname: a\n---\nhostname: b\n", "a").is_err());
}

#[test]
fn a_bomb_of_aliases_is_refused() {
    let mut text = "a: &a [1,1,1,1,1,1,1,1,1,1]\n".to_owned();
    for (name, of) in [("b", "a"), ("c", "b"), ("d", "c"), ("e", "d"), ("f", "e")] {
        let list = format!("*{of},").repeat(10);
        let _ = writeln!(text, "{name}: &{name} [{list}]");
    }
    assert!(parse(&text, "a").is_err());
}

#[test]
fn the_schema_has_every_key_and_refuses_others() {
    let schema = schema();
    let keys = schema["properties"].as_object().expect("properties");
    let error = parse("nope: 1", "a").expect_err("unknown").to_string();
    let line = error.lines().next().expect("a line");
    let (_, all) = line.split_once("one of ").expect("all keys");
    let mut all: Vec<&str> = all.split(", ").collect();
    all.sort_unstable();
    let mut known: Vec<&str> = keys.keys().map(String::as_str).collect();
    known.sort_unstable();
    assert_eq!(known, all);
    assert_eq!(schema["additionalProperties"], false);
}

const PAGE: &str = include_str!("../../../../docs/expectations.md");

#[test]
fn the_example_of_the_page_has_every_key_and_is_accepted() {
    let (_, example) = PAGE.split_once("```yaml\n").expect("an example");
    let (example, _) = example.split_once("```").expect("its end");
    let asked = lines(example);
    assert!(asked.lines().count() > 25, "{asked}");
    for key in schema()["properties"]
        .as_object()
        .expect("properties")
        .keys()
    {
        assert!(
            example.contains(&format!("\n{key}:")) || example.starts_with(key),
            "{key}"
        );
    }
}

#[test]
fn the_page_lists_every_preset() {
    for name in crate::expect::preset::names() {
        assert!(PAGE.contains(&format!("\n| `{name}` |")), "{name}");
    }
}

#[test]
fn amounts_need_no_quotes_where_yaml_needs_none() {
    let text = "pids.max: 100\nhostname: 1.50\nuser: { uid: 7 }\n";
    let list = parse(text, "a").expect("a good file");
    assert!(
        list.iter()
            .any(|one| one.check == Check::Hostname("1.50".to_owned()))
    );
    assert_eq!(list.len(), 3);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        let _either = parse(&text, "a");
    }

    #[test]
    fn no_damage_to_a_good_file_makes_it_panic(at in 0..FULL.len(), with in "[\\[\\]{}:,&*!|>'\"%@` a0\n-]{0,4}") {
        let mut text = FULL.to_owned();
        text.replace_range(at..=at, &with);
        let _either = parse(&text, "a");
    }
}
