//! Processes that are not tracer's: started before the hooks are attached, so that neither they
//! nor their descendants are in scope. They do what they are told, one line at a time, and are
//! killed with their guard.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A process out of scope.
pub struct Stranger {
    child: Child,
    pid: u32,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Stranger {
    /// A shell that executes what it is told.
    pub fn shell() -> Self {
        Self::with(&[])
    }

    /// Such a shell with namespaces of its own, by the flags of unshare(1).
    pub fn with(unshare: &[&str]) -> Self {
        let mut command = if unshare.is_empty() {
            Command::new("sh")
        } else {
            let mut command = Command::new("unshare");
            command.args(unshare).arg("sh");
            command
        };
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell of its own");
        let orders = child.stdin.take().expect("piped");
        let answers = BufReader::new(child.stdout.take().expect("piped"));
        let mut stranger = Self {
            child,
            pid: 0,
            orders,
            answers,
        };
        // unshare(1) may have forked. Once the shell answers, its namespaces are made; proc is
        // still the host's, and so is the number.
        stranger.begins("read pid rest < /proc/self/stat && echo $pid");
        stranger.pid = stranger.answer().parse().expect("a number");
        stranger
    }

    /// The shell's number.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Has a command executed and waits until it is done.
    pub fn does(&mut self, command: &str) {
        self.begins(&format!("{command} && echo done || echo failed"));
        assert_eq!(self.answer(), "done", "the stranger could not `{command}`");
    }

    /// Has a command executed and does not wait for it.
    pub fn begins(&mut self, command: &str) {
        writeln!(self.orders, "{command}").expect("told");
    }

    /// The next line that it says.
    pub fn answer(&mut self) -> String {
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("answered");
        answer.trim_end().to_owned()
    }

    /// Leaves namespaces for new ones, by the flags of unshare(1), and goes on as a shell.
    pub fn becomes(&mut self, unshare: &str) {
        self.begins(&format!(
            "exec unshare {unshare} sh -c 'echo done; exec sh'"
        ));
        assert_eq!(
            self.answer(),
            "done",
            "the stranger could not unshare {unshare}"
        );
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        // One that has ended already needs no kill; reaping it is what counts.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}
