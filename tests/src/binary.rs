//! The built program as a user runs it: finding it, running it, and what it leaves behind. Owns
//! no claims about what it says.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, Once};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde_json::Value;
use tempfile::TempDir;
use tracer::run::STATE_DIRECTORY;

use crate::require_root;
use crate::spec::facts;

/// Variable that names the program under test; `cargo xtask test` sets it.
const PROGRAM: &str = "TRACER_BIN";
/// Variable by which every process of a test's runs can be told from all others.
const MARK: &str = "TRACER_TEST_MARK";
/// What is killed ends within that.
const PATIENCE: Timespec = Timespec {
    tv_sec: 20,
    tv_nsec: 0,
};

/// What is killed may have started others, and they again.
const ROUNDS: usize = 10;

/// An exec gives a process its environment within that.
const EXEC_PATIENCE: Duration = Duration::from_millis(20);

/// The built program: the one that is named, or the one beside this test.
pub fn path() -> PathBuf {
    let named = std::env::var_os(PROGRAM).map(PathBuf::from);
    let path = named.unwrap_or_else(|| {
        let this = std::env::current_exe().expect("this test's own file");
        let folder = this.parent().and_then(Path::parent);
        folder.expect("target/<profile>/deps").join("tracer")
    });
    assert!(
        path.is_file(),
        "{} is missing: run the tests with `cargo xtask test`, which builds it first",
        path.display()
    );
    path
}

/// The program with these words and nothing on its standard input.
pub fn tracer(words: &[impl AsRef<OsStr>]) -> Command {
    let mut command = Command::new(path());
    command.args(words).stdin(Stdio::null());
    command
}

/// `tracer audit` with JSON lines on its standard output and in this file.
#[must_use]
pub fn audit_to(file: &Path) -> Command {
    let mut audit = tracer(&["audit", "-o", "jsonl", "--output"]);
    audit.arg(file);
    audit
}

/// What a finished program has said.
pub struct Said {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// As it stood on the terminal, not in one line.
impl fmt::Debug for Said {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            status,
            stdout,
            stderr,
        } = self;
        write!(out, "{status}\n{stdout}\n{stderr}")
    }
}

impl Said {
    /// Its exit code; -n when signal n ended it.
    pub fn code(&self) -> i32 {
        self.status
            .code()
            .unwrap_or_else(|| -self.status.signal().unwrap_or_default())
    }

    /// Fails with all that it said unless it ended with `code`.
    #[track_caller]
    #[expect(
        clippy::return_self_not_must_use,
        reason = "it is called for the check"
    )]
    pub fn ended_with(self, code: i32) -> Self {
        assert_eq!(self.code(), code, "{self:?}");
        self
    }

    /// The one line that it said on standard error, and nothing on standard output.
    #[track_caller]
    pub fn one_line(&self) -> &str {
        assert_eq!(self.stdout, "", "{self:?}");
        let line = self.stderr.strip_suffix('\n').expect("a whole line");
        assert!(!line.contains(char::is_control), "{self:?}");
        line.strip_prefix("tracer: ").expect("who says it")
    }

    /// The document that it wrote to standard output.
    #[track_caller]
    pub fn report(&self) -> Value {
        let report = serde_json::from_str(&self.stdout);
        report.unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Waits for a program whose output may be piped.
pub fn finish(mut child: Child) -> Said {
    let mut stderr = child.stderr.take();
    let beside = std::thread::spawn(move || text(stderr.take()));
    let stdout = text(child.stdout.take());
    Said {
        status: child.wait().expect("its end"),
        stdout,
        stderr: beside.join().expect("its standard error"),
    }
}

fn text(source: Option<impl std::io::Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut source) = source {
        source.read_to_end(&mut bytes).expect("its output");
    }
    String::from_utf8(bytes).expect("text")
}

/// Runs of one test: what belongs to them bears a mark, and they have a folder of their own.
pub struct Runs {
    mark: String,
    folder: TempDir,
    tracers: Mutex<Vec<u32>>,
}

impl Default for Runs {
    fn default() -> Self {
        Self::new()
    }
}

impl Runs {
    /// None yet.
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        static SWEPT: Once = Once::new();
        require_root();
        SWEPT.call_once(end_orphans);
        let folder = tempfile::tempdir().expect("a folder");
        open_to_all(folder.path());
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self {
            mark: format!("{}-{number}", std::process::id()),
            folder,
            tracers: Mutex::new(Vec::new()),
        }
    }

    /// Name and value of the variable by which the processes of these runs are found.
    pub fn mark(&self) -> (&'static str, &str) {
        (MARK, &self.mark)
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The same as a word of a command line.
    pub fn word(&self, name: &str) -> String {
        self.path(name).to_str().expect("text").to_owned()
    }

    /// A directory in the folder that every user may write to.
    pub fn directory(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(&path).expect("a directory");
        open_to_all(&path);
        path
    }

    /// `tracer run` with these words; its processes bear the mark.
    pub fn command(&self, words: &[impl AsRef<OsStr>]) -> Command {
        let mut command = tracer(&["run", "--env", MARK]);
        command.args(words).env(MARK, &self.mark);
        command
    }

    /// Starts it, with what it says piped unless the command says otherwise.
    pub fn start(&self, command: &mut Command) -> Child {
        let child = command.spawn().expect("a tracer");
        self.tracers.lock().expect("a list").push(child.id());
        child
    }

    /// Runs it to its end.
    pub fn run(&self, words: &[impl AsRef<OsStr>]) -> Said {
        self.finish(&mut self.command(words))
    }

    /// Runs a command to its end.
    pub fn finish(&self, command: &mut Command) -> Said {
        finish(self.start(command.stdout(Stdio::piped()).stderr(Stdio::piped())))
    }

    /// Runs what must be refused: one line that names all `names`, and nothing is left.
    #[track_caller]
    pub fn refused(&self, words: &[impl AsRef<OsStr>], code: i32, names: &[&str]) {
        self.refuses(&mut self.command(words), code, names);
    }

    /// The same for a command.
    #[track_caller]
    pub fn refuses(&self, command: &mut Command, code: i32, names: &[&str]) {
        let said = self.finish(command).ended_with(code);
        let line = said.one_line();
        for name in names {
            assert!(line.contains(name), "no {name} in: {line}");
        }
        self.nothing_is_left();
    }

    /// Fails with the names of what the runs have left.
    #[track_caller]
    pub fn nothing_is_left(&self) {
        let left = self.left();
        assert!(left.is_empty(), "left: {left:#?}");
    }

    /// Processes, state files, cgroups and mounts of these runs. Killed processes are waited for.
    pub fn left(&self) -> Vec<String> {
        let mut left = Vec::new();
        for pid in self.processes() {
            if !await_end(pid) {
                left.push(format!("process {pid}"));
            }
        }
        let tracers = self.tracers.lock().expect("a list");
        let ours = tracers.iter().map(|pid| format!("tracer {pid}\n"));
        let ours: Vec<String> = ours.collect();
        for (name, text) in states() {
            if ours.contains(&text) {
                left.push(format!("state {name}"));
            }
        }
        left.extend(stray_cgroups());
        let mounts = fs::read_to_string("/proc/self/mountinfo").expect("mounts");
        let folder = self.folder.path().to_str().expect("text");
        let of_ours = |line: &&str| line.contains(STATE_DIRECTORY) || line.contains(folder);
        left.extend(
            mounts
                .lines()
                .filter(of_ours)
                .map(|line| format!("mount {line}")),
        );
        left
    }

    /// Kills what belongs to these runs and waits for its end, until nothing is left that could
    /// start more.
    pub fn end(&self) {
        for _ in 0..ROUNDS {
            let processes = self.processes();
            let living: Vec<u32> = processes.into_iter().filter(|pid| is_alive(*pid)).collect();
            if living.is_empty() {
                return;
            }
            for pid in &living {
                if let Some(process) = process(*pid) {
                    // One that has ended meanwhile needs no signal.
                    let _ended = pidfd_send_signal(process, Signal::KILL);
                }
            }
            for pid in living {
                await_end(pid);
            }
        }
    }

    /// Processes that bear the mark, by number.
    pub fn processes(&self) -> Vec<u32> {
        let mark = format!("{MARK}={}", self.mark);
        let bears = |pid: &u32| {
            environment(*pid)
                .split(|byte| *byte == 0)
                .any(|one| one == mark.as_bytes())
        };
        numbers("/proc").filter(bears).collect()
    }
}

/// A test that fails in the middle of a run leaves it to nobody else.
impl Drop for Runs {
    fn drop(&mut self) {
        for process in self.processes().into_iter().filter_map(process) {
            // One that has ended meanwhile needs no signal.
            let _ended = pidfd_send_signal(process, Signal::KILL);
        }
    }
}

/// Kills what tests have left that were killed themselves, by the runner for their slowness: nobody
/// else would, and it would show up in what later tests measure.
fn end_orphans() {
    for pid in numbers("/proc") {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let mut variables = environment.split(|byte| *byte == 0);
        let mark = variables.find_map(|one| {
            let one = std::str::from_utf8(one).ok()?;
            one.strip_prefix(MARK)?.strip_prefix('=')
        });
        if mark.is_some_and(is_of_ended_test)
            && let Some(process) = process(pid)
        {
            // One that has ended meanwhile needs no signal.
            let _ended = pidfd_send_signal(process, Signal::KILL);
            await_end(pid);
        }
    }
}

/// Whether a name of the form `PID-NUMBER` is a test's that runs no more.
pub(crate) fn is_of_ended_test(name: &str) -> bool {
    let test = name.split_once('-').map(|(pid, _)| pid.parse::<u32>());
    matches!(test, Some(Ok(pid)) if !Path::new(&format!("/proc/{pid}")).exists())
}

/// A process's environment, as the kernel holds it: empty for those that are not ours to read.
fn environment(pid: u32) -> Vec<u8> {
    let read = || fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let start = Instant::now();
    while start.elapsed() < EXEC_PATIENCE {
        let environment = read();
        // A process without a program is a zombie or the kernel's own; one with a program and
        // no environment is most likely just executing it.
        if !environment.is_empty() || fs::read_link(format!("/proc/{pid}/exe")).is_err() {
            return environment;
        }
        std::thread::yield_now();
    }
    read()
}

fn open_to_all(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o777)).expect("permissions");
}

fn names(directory: impl AsRef<Path>) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok())
}

fn numbers(directory: &str) -> impl Iterator<Item = u32> {
    names(directory).filter_map(|name| name.parse().ok())
}

/// Names and texts of the state files.
fn states() -> Vec<(String, String)> {
    let text = |name: &String| fs::read_to_string(Path::new(STATE_DIRECTORY).join(name));
    names(STATE_DIRECTORY)
        .filter_map(|name| text(&name).ok().map(|text| (name, text)))
        .collect()
}

/// Cgroups of runs that have no state file: a run has one from before its cgroups are made until
/// they are gone.
fn stray_cgroups() -> Vec<String> {
    let mut stray = Vec::new();
    for hierarchy in facts().hierarchies {
        for name in names(&hierarchy.mount_point).filter(|name| name.starts_with("tracer-")) {
            let path = hierarchy.mount_point.join(&name);
            if !Path::new(STATE_DIRECTORY).join(&name).exists() && path.exists() {
                stray.push(format!("cgroup {}", path.display()));
            }
        }
    }
    stray
}

/// Refers to a process, if there is one of that number.
pub fn process(pid: u32) -> Option<OwnedFd> {
    let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
    pidfd_open(pid, PidfdFlags::empty()).ok()
}

/// Whether there is such a process and it has not ended.
fn is_alive(pid: u32) -> bool {
    let Some(process) = process(pid) else {
        return false;
    };
    let mut ended = [PollFd::new(&process, PollFlags::IN)];
    poll(&mut ended, Some(&Timespec::default())).expect("a look") == 0
}

/// Whether a process has ended, or does so within the patience of these tests.
pub fn await_end(pid: u32) -> bool {
    let Some(process) = process(pid) else {
        return true;
    };
    let mut ended = [PollFd::new(&process, PollFlags::IN)];
    poll(&mut ended, Some(&PATIENCE)).expect("a wait") > 0
}
