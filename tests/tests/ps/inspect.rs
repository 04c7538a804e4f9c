//! One process beside /proc.

use procfs::process::Process;
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
