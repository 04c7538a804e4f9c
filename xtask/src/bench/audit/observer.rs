//! Who watches while something is measured: nobody, tracer's auditor, or another tool on the same hooks. Owns
//! their command lines and when each is ready; must not know what is measured.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::exit::{Found, Unable};
use crate::vm::leashed;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observer {
    Nobody,
    /// `tracer audit`, without a hook at system calls.
    Economy,
    /// `tracer audit --exact`.
    Exact,
    /// The two with programs that read by the helper, as on kernels before 6.2.
    EconomyByHelper,
    ExactByHelper,
    /// A line for each event of the hooks of the economy way.
    Bpftrace,
    /// Every system call of the machine.
    PerfTrace,
    /// Every system call of what is measured alone: it is started by strace.
    Strace,
    /// A line for each exec.
    Execsnoop,
    /// A line for each mount.
    Mountsnoop,
}

/// A line each for what tracer has hooks for, with what those tools commonly print of it.
const SCRIPT: &str = r#"
tracepoint:task:task_newtask { printf("newtask %d %s %d %x\n", pid, comm, args->pid, args->clone_flags); }
tracepoint:sched:sched_process_exec { printf("exec %d %s %s\n", pid, comm, str(args->filename)); }
tracepoint:sched:sched_process_exit { printf("exit %d %s\n", pid, comm); }
tracepoint:cgroup:cgroup_mkdir { printf("mkdir %d %s\n", pid, str(args->path)); }
tracepoint:cgroup:cgroup_rmdir { printf("rmdir %d %s\n", pid, str(args->path)); }
tracepoint:cgroup:cgroup_attach_task { printf("attach %d %s %d\n", pid, str(args->dst_path), args->pid); }
"#;
/// The longest that any of them takes to begin.
const PATIENCE: Duration = Duration::from_mins(1);
/// Where the auditor is asked how it fares.
const PORT: u16 = 9478;

impl Observer {
    pub fn name(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Economy => "tracer audit --economy",
            Self::Exact => "tracer audit --exact",
            Self::EconomyByHelper => "tracer audit --economy --hooks reads=helper",
            Self::ExactByHelper => "tracer audit --exact --hooks reads=helper",
            Self::Bpftrace => "bpftrace",
            Self::PerfTrace => "perf trace",
            Self::Strace => "strace -f",
            Self::Execsnoop => "execsnoop",
            Self::Mountsnoop => "mountsnoop",
        }
    }

    /// The program that it needs beside tracer.
    pub fn program(self) -> Option<&'static str> {
        match self {
            Self::Nobody
            | Self::Economy
            | Self::Exact
            | Self::EconomyByHelper
            | Self::ExactByHelper => None,
            Self::Bpftrace => Some("bpftrace"),
            Self::PerfTrace => Some("perf"),
            Self::Strace => Some("strace"),
            Self::Execsnoop => Some("execsnoop"),
            Self::Mountsnoop => Some("mountsnoop"),
        }
    }

    /// What is measured is started by it.
    pub fn wraps(self) -> bool {
        self == Self::Strace
    }

    /// What `program` with these words is called by, so that it is observed.
    pub fn around(self, program: &Path, words: &[String]) -> Command {
        if !self.wraps() {
            let mut command = Command::new(program);
            command.args(words);
            return command;
        }
        let mut command = Command::new("strace");
        command.args(["-f", "-o", "/dev/null"]);
        command.arg(program).args(words);
        command
    }

    fn words(self, tracer: &Path) -> Option<Vec<OsString>> {
        let tracer = tracer.as_os_str().to_owned();
        // The other tools find tracepoints by tracefs, which not every machine has mounted.
        let mounted = |words: &[&str]| {
            let line = "mountpoint -q /sys/kernel/tracing || mount -t tracefs none /sys/kernel/tracing; exec \"$@\"";
            let first = ["unshare", "--mount", "sh", "-c", line, "sh"];
            let all = first.iter().chain(words);
            all.map(|word| OsString::from(*word)).collect::<Vec<_>>()
        };
        let listen = format!("127.0.0.1:{PORT}");
        let audit = |ways: &[&str]| {
            let words = ["audit", "-o", "jsonl", "--listen", &listen];
            let mut all = vec![tracer.clone()];
            all.extend(words.iter().chain(ways).map(OsString::from));
            all
        };
        Some(match self {
            Self::Nobody | Self::Strace => return None,
            Self::Economy => audit(&["--economy"]),
            Self::Exact => audit(&["--exact"]),
            Self::EconomyByHelper => audit(&["--economy", "--hooks", "reads=helper"]),
            Self::ExactByHelper => audit(&["--exact", "--hooks", "reads=helper"]),
            Self::Bpftrace => mounted(&["bpftrace", "-e", SCRIPT]),
            Self::PerfTrace => mounted(&["perf", "trace", "--all-cpus", "-o", "/dev/null"]),
            Self::Execsnoop => mounted(&["execsnoop"]),
            Self::Mountsnoop => mounted(&["mountsnoop"]),
        })
    }

    /// Starts it and waits until it observes. Its output goes to the file of this name.
    pub fn start(self, tracer: &Path, output: &Path) -> Result<Watching> {
        let Some(words) = self.words(tracer) else {
            return Ok(Watching { child: None });
        };
        if self.is_auditor() && ask("/readyz").is_ok() {
            bail!(Unable(format!(
                "port {PORT} is answered already: what would be measured is another auditor; end it first"
            )));
        }
        let file = fs::File::create(output).context("cannot make the output file")?;
        // It ends with this process, whatever ends that.
        let child = leashed(&words[0])
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(Stdio::piped())
            .spawn();
        let child = child.with_context(|| format!("cannot start {}", self.name()))?;
        let mut watching = Watching { child: Some(child) };
        let begin = Instant::now();
        while !self.observes(output) {
            if begin.elapsed() > PATIENCE || watching.has_ended()? {
                let said = watching.said();
                bail!(Found(format!("{} does not begin: {said}", self.name())));
            }
            // Each of them takes some milliseconds, so that this is no busy loop.
            provoke()?;
        }
        Ok(watching)
    }

    /// Whether it is tracer's auditor, which tells of itself when it is asked.
    pub fn is_auditor(self) -> bool {
        matches!(
            self,
            Self::Economy | Self::Exact | Self::EconomyByHelper | Self::ExactByHelper
        )
    }

    /// It has told of something that was done to see that, or says so itself.
    fn observes(self, output: &Path) -> bool {
        match self {
            _ if self.is_auditor() => ask("/readyz").is_ok_and(|(status, _)| status == 200),
            // It writes to a file of its own.
            Self::PerfTrace => true,
            _ => fs::read_to_string(output).is_ok_and(|text| text.lines().count() > 2),
        }
    }
}

/// Something that each of them tells of.
fn provoke() -> Result<()> {
    let mut command = Command::new("unshare");
    let status = command.args(["--mount", "true"]).status();
    status.context("cannot run unshare").map(drop)
}

/// An observer at work, which ends with this.
pub struct Watching {
    child: Option<Child>,
}

impl Watching {
    /// The process that observes.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    fn has_ended(&mut self) -> Result<bool> {
        let child = self.child.as_mut().context("nobody was started")?;
        Ok(child.try_wait()?.is_some())
    }

    fn said(&mut self) -> String {
        let mut text = String::new();
        if let Some(child) = &mut self.child {
            let _gone = child.kill();
            if let Some(stderr) = &mut child.stderr {
                let _whatever = BufReader::new(stderr).read_line(&mut text);
            }
        }
        text.trim().to_owned()
    }

    /// Asks it to end, and waits for that.
    pub fn end(mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        let asked = Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status();
        asked.context("cannot run kill")?;
        child.wait().context("cannot wait for the observer")?;
        Ok(())
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _gone = child.kill();
            let _reaped = child.wait();
        }
    }
}

/// What the auditor answers to a path: status and body.
pub fn ask(path: &str) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", PORT)).context("nobody listens")?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (head, body) = text.split_once("\r\n\r\n").context("no answer")?;
    let status = head.split(' ').nth(1).context("no status")?;
    Ok((status.parse().context("no status")?, body.to_owned()))
}
