//! Where a lesson happens: the observer, and shells made by tracer's own runtime that are talked
//! to over pipes. Owns their life and their removal, also when interrupted; must not know what a
//! lesson is about.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use tokio::io::unix::AsyncFd;

use crate::{
    cli::{
        Failure, exit,
        run::{of_run, run_id},
    },
    collect::Options,
    container::{
        cleanup::{self, Run},
        gate::{ExecError, Exit, Init},
        launch::{self, Streams},
        plan,
        spec::{Resources, Root, Seccomp, Spec, User},
    },
    event::{Body, Certificate, Event, NamespaceKind, Tgid},
    host::{self, HostFacts},
    run::{RunError, STATE_DIRECTORY, Signals},
    session::{Session, Step},
    sys,
    verdict::Verdict,
};

/// Where the shell is looked for.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// The longest line that a shell of a lesson says.
const LINE: usize = 256;

/// The observer and the facts of the host.
pub struct Stage {
    /// The host.
    pub host: HostFacts,
    /// What the kernel records.
    pub session: Session,
    signals: Signals,
}

/// A shell that runs a script, with pipes to its standard input and output. Dropping it kills
/// it and removes its cgroups.
pub struct Shell {
    /// Its number.
    pub tgid: Tgid,
    init: Init,
    input: File,
    output: AsyncFd<OwnedFd>,
    said: Vec<u8>,
}

impl Stage {
    /// Starts observing.
    pub fn open() -> Result<Self, Failure> {
        let host =
            host::read(Path::new("/")).map_err(|error| Failure::new(exit::ENVIRONMENT, error))?;
        // Before anything is made: what an earlier, killed tracer left is not mistaken for ours.
        cleanup::sweep(Path::new(STATE_DIRECTORY), &host.hierarchies).map_err(of)?;
        let signals = Signals::new().map_err(|source| of(RunError::Signals(source)))?;
        let ring_bytes = ring_for_all_tasks();
        let options = Options {
            ring_bytes,
            signals: true,
            ..Options::for_this_process()
        };
        let session = Session::start(&options).map_err(of)?;
        Ok(Self {
            host,
            session,
            signals,
        })
    }

    /// The spec of a shell that runs `script`, as root with tracer's own capabilities: a lesson is
    /// about the namespaces and cgroups it asks for, and nothing else shall differ from the host.
    pub fn spec(&self, script: &str, new_namespaces: Vec<NamespaceKind>) -> Result<Spec, Failure> {
        let own_root = new_namespaces.contains(&NamespaceKind::Mnt);
        Ok(Spec {
            id: run_id()?,
            args: ["sh", "-c", script].map(str::to_owned).to_vec(),
            env: vec![PATH.to_owned(), "LC_ALL=C".to_owned()],
            workdir: "/".to_owned(),
            hostname: None,
            new_namespaces,
            root: if own_root {
                Root::HostView
            } else {
                Root::Shared
            },
            read_only: false,
            mounts: Vec::new(),
            user: User::default(),
            uid_map: Vec::new(),
            gid_map: Vec::new(),
            resources: Resources::default(),
            capabilities: self.own_capabilities(),
            no_new_privileges: false,
            seccomp: Seccomp::Unconfined,
            rlimits: Vec::new(),
        })
    }

    fn own_capabilities(&self) -> u64 {
        let own = self
            .session
            .observation
            .host()
            .and_then(Certificate::capabilities);
        own.map_or(0, |sets| sets.permitted & sets.bounding)
    }

    /// Makes the shell and lets it run.
    pub async fn shell(&mut self, spec: &Spec) -> Result<Shell, Failure> {
        let plan = plan::plan(spec, &self.host).map_err(of)?;
        let (stdin, input) = pipe()?;
        let (output, stdout) = pipe()?;
        let null = File::options()
            .write(true)
            .open("/dev/null")
            .map_err(|source| {
                Failure::new(
                    exit::ENVIRONMENT,
                    format!("opening /dev/null failed: {source}"),
                )
            })?;
        let streams = Streams {
            stdin: Some(stdin),
            stdout: Some(stdout),
            stderr: Some(null.into()),
        };
        let run = self.begin(&spec.id)?;
        let init = launch::launch(&plan, run, streams).map_err(of)?;
        let mut shell = Shell {
            tgid: Tgid(init.tgid()),
            init,
            input: input.into(),
            output: sys::async_fd::readable(output).map_err(of_pipe)?,
            said: Vec::new(),
        };
        self.watch(shell.init.wait_ready()).await?.map_err(of)?;
        shell.init.open_gate().map_err(of)?;
        self.watch(shell.init.exec_outcome())
            .await?
            .map_err(of_exec)?;
        Ok(shell)
    }

    /// Takes the name `id` for cgroups that a lesson makes by itself.
    pub fn begin(&self, id: &str) -> Result<Run, Failure> {
        Run::begin(Path::new(STATE_DIRECTORY), id, &self.host.hierarchies).map_err(of)
    }

    /// Says `line` to the shell and gives its answer, one line. What the shell did for it has
    /// been recorded by then, since a record comes before the call's return.
    pub async fn ask(&mut self, shell: &mut Shell, line: &str) -> Result<String, Failure> {
        writeln!(shell.input, "{line}").map_err(of_pipe)?;
        let answer = self.watch(shell.line()).await??;
        self.session.pump();
        Ok(answer)
    }

    /// Goes on until the records satisfy `enough`.
    pub async fn until(&mut self, enough: impl Fn(&[Step]) -> bool) -> Result<(), Failure> {
        while !enough(&self.session.steps) {
            tokio::select! {
                ready = self.session.collector.ring.readable() => ready.map_err(of_pipe)?,
                number = self.signals.next_ending() => return Err(interrupted(number)),
            }
            self.session.pump();
        }
        Ok(())
    }

    /// The certificate of a task as it is now; `None` when it has ended.
    pub fn certificate(&mut self, task: Tgid) -> Result<Option<Event>, Failure> {
        let before = self.session.steps.len();
        self.session.snapshot(task).map_err(of)?;
        let new = self.session.steps.get(before..).unwrap_or_default();
        let found = new.iter().find(|step| {
            step.event.task.tgid == task && matches!(step.event.body, Body::Snapshot(_))
        });
        Ok(found.map(|step| step.event.clone()))
    }

    /// Every task of the host as it is now.
    pub fn inventory(&mut self) -> Result<Vec<Event>, Failure> {
        self.session.pump();
        let before = self.session.inventory.len();
        let root = self.session.model.root();
        self.session.collector.inventory(root.0).map_err(of)?;
        self.session.pump();
        Ok(self.session.inventory.split_off(before))
    }

    /// Ends the shell by closing its input, and removes what is left of it.
    pub async fn end(&mut self, shell: Shell) -> Result<Exit, Failure> {
        let Shell {
            mut init, input, ..
        } = shell;
        drop(input);
        let exit = self.watch(init.wait()).await?.map_err(of)?;
        init.finish().map_err(of)?;
        Ok(exit)
    }

    /// Kills the shell and whatever it has started, and removes what is left of it.
    pub fn kill(shell: Shell) -> Result<(), Failure> {
        shell.init.finish().map_err(of)
    }

    /// Takes the last records, once all that a lesson made is gone.
    pub fn settle(&mut self) -> Result<(), Failure> {
        self.session.settle().map_err(of)
    }

    /// Takes records while `future` goes on, until a signal ends the lesson.
    async fn watch<T>(&mut self, future: impl Future<Output = T>) -> Result<T, Failure> {
        tokio::pin!(future);
        loop {
            tokio::select! {
                done = &mut future => return Ok(done),
                ready = self.session.collector.ring.readable() => ready.map_err(of_pipe)?,
                number = self.signals.next_ending() => return Err(interrupted(number)),
            }
            self.session.pump();
        }
    }
}

impl Shell {
    /// The next line that it says.
    async fn line(&mut self) -> Result<String, Failure> {
        loop {
            if let Some(end) = self.said.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.said.drain(..=end).collect();
                return Ok(String::from_utf8_lossy(&line).trim().to_owned());
            }
            let mut buffer = [0_u8; LINE];
            let mut ready = self.output.readable().await.map_err(of_pipe)?;
            // The pipe's own flag is not set: reading after it was said to be readable gives
            // what is there, and this is its only reader.
            let read = rustix::io::read(self.output.get_ref(), &mut buffer);
            ready.clear_ready();
            match read {
                Ok(0) => return Err(lost_shell()),
                Ok(length) => self.said.extend_from_slice(&buffer[..length]),
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(errno) => return Err(of_pipe(errno.into())),
            }
            if self.said.len() > LINE {
                return Err(lost_shell());
            }
        }
    }
}

fn lost_shell() -> Failure {
    Failure::new(
        exit::ERROR,
        "the shell of the lesson ended or spoke out of turn; try `sh -c :`",
    )
}

fn pipe() -> Result<(OwnedFd, OwnedFd), Failure> {
    pipe_with(PipeFlags::CLOEXEC).map_err(|errno| of_pipe(errno.into()))
}

/// A ring that holds a record for each task, twice over, whatever else happens meanwhile. The
/// kernel's own count of tasks is the second number of the fourth word.
fn ring_for_all_tasks() -> u32 {
    let loadavg = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let tasks = loadavg
        .split_whitespace()
        .nth(3)
        .and_then(|word| word.split_once('/'))
        .and_then(|(_, total)| total.parse::<u32>().ok())
        .unwrap_or(0);
    let record = u32::try_from(size_of::<tracer_common::record::TaskRecord>()).unwrap_or(u32::MAX);
    let bytes = tasks.saturating_mul(record).saturating_mul(2);
    bytes
        .checked_next_power_of_two()
        .unwrap_or(1 << 30)
        .clamp(Options::RING_BYTES, 1 << 30)
}

fn interrupted(number: i32) -> Failure {
    let code = u8::try_from(128 + number).unwrap_or(exit::ERROR);
    Failure::new(code, "interrupted; what the lesson made is removed")
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "map_err hands over what it has"
)]
fn of_pipe(source: std::io::Error) -> Failure {
    Failure::new(
        exit::ERROR,
        format!("talking to the shell of the lesson failed: {source}"),
    )
}

/// By the same rule as in a run.
fn of(error: impl Into<RunError>) -> Failure {
    of_run(&error.into())
}

fn of_exec(error: ExecError) -> Failure {
    match error {
        ExecError::Lost(error) => of(error),
        other => {
            let payload = exit::Payload::NotExecuted {
                found: other.found(),
            };
            Failure::new(exit::of_run(Verdict::Inconclusive, payload), other)
        }
    }
}
