//! Shells that do what they are told, one line at a time, and stand still in between. One that is
//! started before the hooks are attached is a stranger: neither it nor its descendants are in
//! scope.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// For perl: a pseudoterminal of the devpts at `ARGV[0]`, which becomes that of a new session by
/// being opened; 0x40045431 is `TIOCSPTLCK`, 0x80045430 `TIOCGPTN` (ioctl_tty(2)).
pub const TERMINAL: &str = concat!(
    "my $at = shift; syscall(",
    crate::number!(setsid),
    ") > 0 or die; $^F = 255;
    open(my $master, '+<', \"$at/ptmx\") or die; my $open = pack('i', 0);
    ioctl($master, 0x40045431, $open) or die; my $number = pack('i', 0);
    ioctl($master, 0x80045430, $number) or die; $number = unpack('i', $number);
    open(my $slave, '+<', \"$at/$number\") or die; exec @ARGV"
);

/// A shell, killed with its guard.
pub struct Shell {
    child: Child,
    pid: u32,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Default for Shell {
    fn default() -> Self {
        Self::new()
    }
}

impl Shell {
    /// One like this process.
    pub fn new() -> Self {
        Self::behind(&[])
    }

    /// One with namespaces of its own, by the flags of unshare(1).
    pub fn with(unshare: &[&str]) -> Self {
        Self::behind(&[&["unshare"], unshare].concat())
    }

    /// One that is executed by these words: unshare(1), setpriv(1) and their like.
    pub fn behind(words: &[&str]) -> Self {
        crate::require_root();
        let words = [words, &["sh"]].concat();
        let mut child = Command::new(words[0])
            .args(&words[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell of its own");
        let orders = child.stdin.take().expect("piped");
        let answers = BufReader::new(child.stdout.take().expect("piped"));
        let mut shell = Self {
            child,
            pid: 0,
            orders,
            answers,
        };
        // unshare(1) may have forked. Once the shell answers, its namespaces are made; proc is
        // still the host's, and so is the number.
        shell.begins("read pid rest < /proc/self/stat && echo $pid");
        shell.pid = shell.answer().parse().expect("a number");
        shell
    }

    /// The shell's number.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Has a command executed and waits until it is done.
    pub fn does(&mut self, command: &str) {
        self.begins(&format!("{command} && echo done || echo failed"));
        assert_eq!(self.answer(), "done", "the shell could not `{command}`");
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
            "the shell could not unshare {unshare}"
        );
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // One that has ended already needs no kill; reaping it is what counts.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}
