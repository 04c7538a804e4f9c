//! The lessons of `tracer learn`, held by the built program on this machine's kernel.

use std::fs;
use std::process::{Child, Command, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::process::{
    Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, waitpid,
};
use serde_json::Value;
use tracer::run::STATE_DIRECTORY;
use tracer_tests::binary::{Runs, Said, finish, path, tracer};
use tracer_tests::shell::Shell;

/// Runs of the program whose orphans come to this process, since the environment of a lesson's
/// shells bears no mark to know them by.
struct Lessons(Runs);

impl Lessons {
    fn new() -> Self {
        set_child_subreaper(Some(getpid())).expect("a subreaper");
        Self(Runs::new())
    }

    fn start(&self, words: &[&str]) -> Child {
        let mut command = tracer(&[&["learn"], words].concat());
        self.0
            .start(command.stdout(Stdio::piped()).stderr(Stdio::piped()))
    }

    /// Runs it to its end, and fails when anything is left.
    fn hold(&self, words: &[&str]) -> Said {
        let said = finish(self.start(words));
        self.nothing_is_left();
        said
    }

    fn nothing_is_left(&self) {
        // Who has ended and only waits to be reaped is not left.
        while let Ok(child) = waitpid(None, WaitOptions::NOHANG) {
            assert!(child.is_some(), "a process is left that still runs");
        }
        self.0.nothing_is_left();
    }
}

/// The lesson as a document; when the scheduler left the loop where it was, the lesson is run
/// again as it then asks its reader to, a few times.
fn of_a_loop_that_wandered() -> Value {
    const TIMES: usize = 4;
    let lessons = Lessons::new();
    for _ in 1..TIMES {
        let said = lessons.hold(&["cgroups", "-o", "json"]);
        if !said.stdout.contains("run the lesson again") {
            return backed(said);
        }
        said.ended_with(121);
    }
    backed(lessons.hold(&["cgroups", "-o", "json"]))
}

/// The lesson as a document, whose every line must name its records.
fn document(name: &str) -> Value {
    backed(Lessons::new().hold(&[name, "-o", "json"]))
}

fn backed(said: Said) -> Value {
    let lesson = said.ended_with(0).report();
    assert_eq!(lesson["verdict"], "pass", "{lesson:#}");
    let lines = lines(&lesson);
    assert!(!lines.is_empty(), "{lesson:#}");
    for line in lines {
        let records = line["records"].as_array().expect("records");
        assert!(!records.is_empty(), "no record backs {line}");
        assert!(records.iter().all(Value::is_u64), "{line}");
    }
    lesson
}

fn lines(lesson: &Value) -> Vec<&Value> {
    let parts = lesson["parts"].as_array().expect("parts");
    parts
        .iter()
        .filter_map(|part| part["evidence"].as_array())
        .flatten()
        .collect()
}

/// Fails unless one line of this event says all these words.
#[track_caller]
fn shows(lesson: &Value, event: &str, words: &[&str]) {
    let says = |line: &&Value| {
        let text = line["shows"].as_str().expect("text");
        line["event"] == event && words.iter().all(|word| text.contains(word))
    };
    let found = lines(lesson).iter().any(says);
    assert!(found, "no {event} that says {words:?} in {lesson:#}");
}

#[test]
#[ignore = "needs root"]
fn a_shell_in_a_new_pid_namespace_is_alone_and_out_of_reach() {
    let lesson = document("namespaces");
    let births = ["CLONE_NEWNS CLONE_NEWPID", "which is 1 inside"];
    shows(&lesson, "task_newtask", &births);
    shows(&lesson, "task_newtask", &["pid ", " -> "]);
    shows(&lesson, "sched_process_exec", &["as number 1 of pid"]);
    let alone = ["1 process in pid", "counts 1 and says that it is 1"];
    shows(&lesson, "task_inventory", &alone);
    let refused = ["inside", "ESRCH", "the number of the shell outside"];
    shows(&lesson, "kill", &refused);
}

#[test]
#[ignore = "needs root"]
fn a_loop_in_a_cgroup_with_one_processor_stays_on_it() {
    let processors = std::thread::available_parallelism().expect("processors");
    if processors.get() == 1 {
        // There is nowhere to wander, and the lesson must say so.
        let said = Lessons::new().hold(&["cgroups"]).ended_with(121);
        assert!(said.stdout.contains("one processor"), "{said:?}");
        return;
    }
    let lesson = of_a_loop_that_wandered();
    shows(&lesson, "cgroup_attach_task", &["tracer", "moves sh"]);
    shows(&lesson, "task_snapshot", &["allowed: processors "]);
    let held = ["allowed: processor ", "cpuset: processor "];
    shows(&lesson, "task_snapshot", &held);
    shows(&lesson, "task_snapshot", &["tree ", "cpuset"]);
}

/// The numbers are compared with what /proc says of this very process, which shares them.
#[test]
#[ignore = "needs root"]
fn the_hosts_namespaces_are_those_that_proc_names() {
    // On a machine with few processes, as a container, those of this test could be in the
    // minority.
    let processes = fs::read_dir("/proc").expect("processes").count();
    let company: Vec<Shell> = (0..processes.min(50)).map(|_| Shell::new()).collect();
    let lessons = Lessons::new();
    let lesson = finish(lessons.start(&["host", "-o", "json"]));
    drop(company);
    lessons.nothing_is_left();
    let lesson = backed(lesson);
    for kind in ["mnt", "uts", "ipc", "pid", "net", "user", "cgroup", "time"] {
        let link = fs::read_link(format!("/proc/self/ns/{kind}")).expect("a namespace");
        let link = link.to_str().expect("text");
        let (_, number) = link.split_once('[').expect("KIND:[NUMBER]");
        let number = number.trim_end_matches(']');
        shows(
            &lesson,
            "task_inventory",
            &[&format!("{kind:<6} {number}:")],
        );
    }
    let meaning = lesson["parts"][2]["meaning"].as_str().expect("text");
    assert!(meaning.contains("tracer itself is in it"), "{meaning}");
}

#[test]
#[ignore = "needs root"]
fn a_page_fits_80_columns_and_has_no_colour_in_a_pipe() {
    let said = Lessons::new().hold(&["namespaces"]).ended_with(0);
    assert!(said.stdout.lines().count() > 20, "{said:?}");
    for line in said.stdout.lines() {
        assert!(line.chars().count() <= 80, "{line}");
        assert!(!line.contains('\u{1b}'), "{line:?}");
    }
}

#[test]
#[ignore = "needs root"]
fn an_interrupted_lesson_leaves_nothing() {
    let lessons = Lessons::new();
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let states = States::watch();
        let child = lessons.start(&["cgroups"]);
        states.await_one_of(child.id());
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a number"), signal).expect("a signal");
        let said = finish(child).ended_with(128 + signal.as_raw());
        assert!(said.one_line().contains("interrupted"), "{said:?}");
        lessons.nothing_is_left();
    }
}

/// The state files of runs, as they come.
struct States(std::os::fd::OwnedFd);

impl States {
    fn watch() -> Self {
        fs::create_dir_all(STATE_DIRECTORY).expect("the directory");
        let states = inotify::init(CreateFlags::CLOEXEC).expect("a watch");
        inotify::add_watch(&states, STATE_DIRECTORY, WatchFlags::CREATE).expect("a watch");
        Self(states)
    }

    /// Waits until `tracer` has made one: from then on it has something to remove.
    fn await_one_of(&self, tracer: u32) {
        const PATIENCE: Timespec = Timespec {
            tv_sec: 60,
            tv_nsec: 0,
        };
        let line = format!("tracer {tracer}\n");
        let mut buffer = [std::mem::MaybeUninit::uninit(); 4096];
        loop {
            let mut polled = [PollFd::new(&self.0, PollFlags::IN)];
            let ready = poll(&mut polled, Some(&PATIENCE)).expect("a wait");
            assert!(ready > 0, "tracer {tracer} made no run");
            let mut made = inotify::Reader::new(&self.0, &mut buffer);
            made.next().expect("an event");
            let entries = fs::read_dir(STATE_DIRECTORY).expect("states").flatten();
            let mut texts = entries.filter_map(|entry| fs::read_to_string(entry.path()).ok());
            if texts.any(|text| text == line) {
                return;
            }
        }
    }
}

#[test]
#[ignore = "needs root"]
fn without_root_there_is_one_sentence_and_its_exit_code() {
    let lessons = Lessons::new();
    // Where everybody can get at it: the folder that it was built in may be root's own.
    let copy = lessons.0.directory("bin").join("tracer");
    fs::copy(path(), &copy).expect("a copy");
    for lesson in ["namespaces", "cgroups", "host"] {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        command.arg(&copy).args(["learn", lesson]);
        let said = lessons.0.finish(&mut command).ended_with(122);
        assert!(said.one_line().contains("root"), "{said:?}");
    }
}
