//! One process beside /proc.

use procfs::process::Process;
use serde_json::json;
use tracer_tests::binary::{Runs, tracer};
use tracer_tests::shell::Shell;

use super::link;

/// What is named is not there.
const ERROR: i32 = 125;

#[test]
#[ignore = "needs root"]
fn a_process_is_shown_as_proc_shows_it() {
    let shell = Shell::behind(&[
        "setpriv",
        "--reuid=1234",
        "--clear-groups",
        "--no-new-privs",
        "unshare",
        "-U",
    ]);
    let pid = shell.pid().to_string();
    let document = Runs::new()
        .finish(&mut tracer(&["inspect", &pid, "-o", "json"]))
        .ended_with(0)
        .report();
    let facts = &document["certificate"];
    let status = Process::new(shell.pid().cast_signed()).and_then(|one| one.status());
    let status = status.expect("a status");
    assert_eq!(facts["process"]["pid"], shell.pid());
    assert_eq!(facts["process"]["parent"]["pid"], std::process::id());
    assert_eq!(facts["process"]["real_user"]["id"], 1234);
    assert_eq!(facts["linux"]["no_new_privs"], status.nonewprivs == Some(1));
    assert_eq!(
        facts["linux"]["ns"]["user"]["inum"],
        link(shell.pid(), "user")
    );
    assert_eq!(facts["linux"]["ns"]["user"]["is_host"], false);
    assert_eq!(facts["linux"]["ns"]["net"]["is_host"], true);
    let cgroups = facts["linux"]["cgroup"]["items"]
        .as_array()
        .expect("a list");
    let text = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).expect("readable");
    for line in text.lines() {
        let (hierarchy, path) = (line.split(':').next(), line.rsplit(':').next());
        let hierarchy: u32 = hierarchy.and_then(|id| id.parse().ok()).expect("a number");
        let mut all = cgroups.iter();
        let ours = all
            .find(|one| one["hierarchy"] == hierarchy)
            .expect("listed");
        if let Some(known) = ours["path"].as_str() {
            assert_eq!(Some(known), path, "{line}");
        }
    }
    let people = Runs::new()
        .finish(&mut tracer(&["inspect", &pid]))
        .ended_with(0)
        .stdout;
    assert!(
        people.contains("linux.no_new_privs") && people.contains("true"),
        "{people}"
    );
}

/// Up to five lines the kernel keeps in place, and of more a pointer to them.
#[test]
#[ignore = "needs root"]
fn of_a_map_with_more_lines_than_there_is_room_for_those_with_the_lowest_ids_are_shown() {
    for lines in [5, 6, 200] {
        let shell = Shell::with(&["-U"]);
        let line = |number: u32| [number * 10, 100_000 + number * 20, 7];
        // Written from the highest down: the kernel orders them once there are more than five.
        let text: Vec<String> = (0..lines)
            .rev()
            .map(|number| line(number).map(|id| id.to_string()).join(" "))
            .collect();
        let text = text.join("\n");
        let pid = shell.pid().to_string();
        std::fs::write(format!("/proc/{pid}/uid_map"), &text).expect("a map");
        let document = Runs::new()
            .finish(&mut tracer(&["inspect", &pid, "-o", "json"]))
            .ended_with(0)
            .report();
        let map = &document["certificate"]["linux"]["uid_map"];
        let first = (0..5).map(line).map(|[inside, outside, count]| {
            json!({ "inside": inside, "outside": outside, "count": count })
        });
        let mut shown = map["items"].as_array().expect("lines").clone();
        shown.sort_by_key(|line| line["inside"].as_u64());
        assert_eq!(shown, first.collect::<Vec<_>>(), "{lines} lines");
        assert_eq!(map["truncated"], lines > 5, "{lines} lines");
    }
}

#[test]
#[ignore = "needs root"]
fn who_is_not_there_is_named_and_a_thread_is_told_from_its_process() {
    let runs = Runs::new();
    let mut shell = Shell::new();
    shell.begins("sh -c 'echo $$'");
    let ended = shell.answer();
    shell.does("true");
    runs.refuses(
        &mut tracer(&["inspect", &ended]),
        ERROR,
        &["no process", &ended],
    );
    let (say, said) = std::sync::mpsc::channel();
    let (end, wait) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || {
        say.send(rustix::thread::gettid().as_raw_nonzero().get())
            .expect("heard");
        let _ended = wait.recv();
    });
    let tid = said.recv().expect("told").to_string();
    let this = std::process::id().to_string();
    runs.refuses(
        &mut tracer(&["inspect", &tid]),
        ERROR,
        &["a thread of process", &this],
    );
    drop(end);
    thread.join().expect("ended");
    runs.refuses(&mut tracer(&["inspect", "0"]), 2, &["0"]);
    runs.refuses(&mut tracer(&["inspect", "x"]), 2, &["x"]);
}
