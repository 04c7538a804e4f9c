//! Any command, observed from its start to its end, and every container that its processes make
//! judged: observe, start, follow, judge. Owns the order of these; it makes no container itself
//! and must not know the command line.

use std::{
    collections::{HashMap, hash_map::Entry},
    fs, io, mem,
    os::fd::OwnedFd,
    os::unix::process::ExitStatusExt as _,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use thiserror::Error;
use tokio::io::unix::AsyncFd;

use crate::{
    collect::{CollectError, Options},
    container::gate::Exit,
    event::{Body, NamespaceSlot, NsId, Task, Tgid},
    expect::Expectation,
    host::mount_table::MountNamespace,
    model::Birth,
    run::{self, Ended, Signals},
    session::Session,
    sys::async_fd,
    verdict::{
        self, Container, Judgement, MountInfo, MountTables, Seen, Select, Verdict, Waited,
        mountinfo,
    },
};

/// Why a verification ended without a judgement.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// The kernel side.
    #[error(transparent)]
    Collect(#[from] CollectError),
    /// The command could not be started.
    #[error("starting {program} failed: {source}")]
    Start {
        /// As it was given.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// The command could not be followed.
    #[error("waiting for {program} failed: {source}")]
    Wait {
        /// As it was given.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// No process bears the name of a daemon.
    #[error(
        "no process is called {0}: start the daemon, or name it as `ps -o comm` does, or by number"
    )]
    NoDaemon(String),
    /// Signals cannot be caught.
    #[error("catching signals failed: {0}")]
    Signals(io::Error),
}

/// What to verify.
#[derive(Debug)]
pub struct Request {
    /// Program and arguments; at least the program.
    pub command: Vec<String>,
    /// What each container that is selected must satisfy.
    pub expectations: Vec<Expectation>,
    /// Which containers are judged.
    pub select: Select,
    /// Processes, by name or number, that make containers on behalf of the command.
    pub daemons: Vec<String>,
    /// Go on until every container that is judged has ended, and not only the command.
    pub wait: bool,
    /// Standard output of the command is tracer's standard error.
    pub stdout_to_stderr: bool,
    /// Numbers of the hierarchies that have limits.
    pub limiting: Vec<u32>,
    /// The kernel side.
    pub collect: Options,
}

/// What a verification showed.
pub struct Outcome {
    /// What the kernel side gathered; its hooks are detached.
    pub session: Ended,
    /// Every container, in the order of births.
    pub containers: Vec<Container>,
    /// Tasks that waited, set up, for a payload that never came.
    pub never_started: Vec<Waited>,
    /// Of all containers that were selected; inconclusive when records are missing that could
    /// have shown another.
    pub verdict: Verdict,
    /// How the command ended.
    pub exit: Exit,
    /// From the start to detached hooks.
    pub total: Duration,
}

impl Outcome {
    /// Containers that were judged.
    pub fn judged(&self) -> impl Iterator<Item = (&Container, &Judgement)> {
        let containers = self.containers.iter();
        containers.filter_map(|container| Some((container, container.judgement.as_ref()?)))
    }
}

/// Runs the command and judges every container that it makes.
pub async fn execute(request: Request) -> Result<Outcome, VerifyError> {
    let start = Instant::now();
    let mut session = Session::start(request.collect.clone())?;
    if request.wait {
        // Without it nobody's end would ever be told.
        session.needs("sched_process_exit")?;
    }
    session.observation.limiting = Some(request.limiting.clone());
    let daemons = daemons(&request.daemons, &session)?;
    session.adopt(&daemons)?;
    let mut signals = Signals::new().map_err(VerifyError::Signals)?;
    let mut followed = Followed::start(&request)?;
    let mut mounts = Mounts::default();
    let exit = followed
        .until_end(&mut session, &mut mounts, &mut signals)
        .await?;
    if request.wait {
        until_ended(&request, &mut session, &mut mounts, &mut signals).await;
    }
    // Whoever the command has left waiting is there by now: its end was told after theirs.
    session.pump();
    mounts.follow(&mut session);
    session.settle()?;
    mounts.read_tables(&mut session);
    let host = fs::read_to_string("/proc/self/mountinfo").ok();
    mounts.tables.host = host.and_then(|text| mountinfo::parse(&text));
    let (containers, verdict) = verdict::judge_containers(
        &request.expectations,
        &request.select,
        &session.births,
        &session.model,
        &session.observation,
        &mounts.tables,
        &mounts.waited,
    );
    let mut waited = mounts.waited;
    waited.retain(|waited| {
        !session
            .births
            .have(&waited.seen.certificate, &session.model)
    });
    Ok(Outcome {
        session: run::end(session),
        containers,
        never_started: waited,
        verdict,
        exit,
        total: start.elapsed(),
    })
}

/// The processes of these names or numbers.
fn daemons(names: &[String], session: &Session) -> Result<Vec<Tgid>, VerifyError> {
    let mut found = Vec::new();
    for name in names {
        let before = found.len();
        let tasks = session.inventory.iter().map(|event| &event.task);
        let tasks = tasks.filter(|task| {
            task.tid.0 == task.tgid.0 && (task.comm == *name || task.tgid.to_string() == *name)
        });
        found.extend(tasks.map(|task| task.tgid));
        if found.len() == before {
            return Err(VerifyError::NoDaemon(name.clone()));
        }
    }
    Ok(found)
}

/// The command's own process.
struct Followed {
    program: String,
    child: Child,
    pidfd: AsyncFd<OwnedFd>,
}

impl Followed {
    fn start(request: &Request) -> Result<Self, VerifyError> {
        let program = request.command.first().cloned().unwrap_or_default();
        let failed = |source| VerifyError::Start {
            program: program.clone(),
            source,
        };
        let mut command = Command::new(&program);
        command.args(request.command.iter().skip(1));
        if request.stdout_to_stderr {
            command.stdout(Stdio::from(io::stderr()));
        }
        let mut child = command.spawn().map_err(failed)?;
        let pidfd = i32::try_from(child.id())
            .ok()
            .and_then(Pid::from_raw)
            .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
            .and_then(|pid| Ok(pidfd_open(pid, PidfdFlags::NONBLOCK)?))
            .and_then(async_fd::readable);
        match pidfd {
            Ok(pidfd) => Ok(Self {
                program,
                child,
                pidfd,
            }),
            Err(error) => {
                // It must not go on unobserved.
                let _killed = child.kill().and_then(|()| child.wait());
                Err(failed(error))
            }
        }
    }

    /// Takes records until the command has ended. Signals to tracer are the command's; the second
    /// that asks for the end kills it.
    async fn until_end(
        &mut self,
        session: &mut Session,
        mounts: &mut Mounts,
        signals: &mut Signals,
    ) -> Result<Exit, VerifyError> {
        let mut asked_to_end = false;
        loop {
            tokio::select! {
                // A signal that comes after the command's end is not the command's.
                biased;
                ready = self.pidfd.readable() => {
                    drop(ready);
                    let status = self.child.wait().map_err(|source| VerifyError::Wait {
                        program: self.program.clone(),
                        source,
                    })?;
                    return Ok(exit(status));
                }
                number = signals.next() => {
                    let ends = run::ends(number);
                    let number = if asked_to_end && ends { Signal::KILL.as_raw() } else { number };
                    asked_to_end |= ends;
                    if let Some(signal) = Signal::from_named_raw(number) {
                        let _ended = pidfd_send_signal(self.pidfd.get_ref(), signal);
                    }
                }
                ready = session.collector.ring.readable() => {
                    if ready.is_ok() {
                        session.pump();
                        mounts.follow(session);
                    }
                }
            }
        }
    }
}

fn exit(status: ExitStatus) -> Exit {
    let low = |number: i32| u8::try_from(number & 0xff).unwrap_or(u8::MAX);
    match status.code() {
        Some(code) => Exit::Code(low(code)),
        None => Exit::Signal(low(status.signal().unwrap_or_default())),
    }
}

/// Takes records until every container that is judged has ended, or a signal asks for the end.
async fn until_ended(
    request: &Request,
    session: &mut Session,
    mounts: &mut Mounts,
    signals: &mut Signals,
) {
    loop {
        session.pump();
        mounts.follow(session);
        let births = &session.births;
        let alive = births
            .all()
            .iter()
            .filter(|birth| request.select.takes(birth, births.is_stage(birth)))
            .any(|birth| births.lives(birth));
        if !alive {
            return;
        }
        tokio::select! {
            _ready = session.collector.ring.readable() => {}
            _number = signals.next_ending() => return,
        }
    }
}

/// Mount tables of containers. A namespace that could not be held before its last task ended has
/// none, which makes what rests on it inconclusive.
#[derive(Default)]
struct Mounts {
    tables: MountTables,
    /// Namespaces of tasks that may become payloads.
    held: HashMap<NsId, MountNamespace>,
    /// Tasks that were seen as they waited for their payload to be started.
    waited: Vec<Waited>,
}

impl Mounts {
    /// Looks at who waits, and reads the tables of containers that are new. Looking makes records.
    fn follow(&mut self, session: &mut Session) {
        self.hold(session);
        for task in mem::take(&mut session.waiting) {
            self.look_at(&task, session);
        }
        self.read_tables(session);
    }

    /// Holds the namespaces that are new.
    fn hold(&mut self, session: &mut Session) {
        for (task, namespace) in session.births.take_new_mounts() {
            if let Entry::Vacant(place) = self.held.entry(namespace)
                && let Some(held) = MountNamespace::hold(task.0, namespace)
            {
                place.insert(held);
            }
        }
    }

    /// Reads the tables of containers that are new, while somebody lives there or the namespace
    /// is held.
    fn read_tables(&mut self, session: &mut Session) {
        self.hold(session);
        for birth in session.births.all() {
            if !self.tables.containers.contains_key(&birth.seq) {
                let table = self.table_of(birth);
                self.tables.containers.insert(birth.seq, table);
            }
        }
    }

    /// Reads the facts of a task that waits. Who has gone on meanwhile shows by its record, which
    /// comes before, and is left to that.
    fn look_at(&mut self, task: &Task, session: &mut Session) {
        let before = session.steps.len();
        if session.snapshot(task.tgid).is_err() {
            return;
        }
        let steps = session.steps.iter().skip(before);
        let facts = steps.rev().find_map(|step| match &step.event.body {
            Body::Snapshot(facts) if step.event.task.tgid == task.tgid => Some((step, facts)),
            _ => None,
        });
        if let Some((step, facts)) = facts {
            let own = facts
                .namespaces()
                .and_then(|set| set.get(NamespaceSlot::Mnt));
            let held = own.and_then(|own| self.held.get(&own));
            let table = held.and_then(|held| held.read().ok());
            self.waited.push(Waited {
                task: step.event.task.clone(),
                seen: Seen {
                    seq: step.event.seq,
                    certificate: facts.clone(),
                },
                mounts: table,
            });
        }
    }

    fn table_of(&mut self, birth: &Birth) -> Option<Vec<MountInfo>> {
        let own = birth.certificate.namespaces()?.get(NamespaceSlot::Mnt)?;
        let held = self.held.remove(&own);
        let held = held.or_else(|| MountNamespace::hold(birth.payload.tgid.0, own))?;
        held.read().ok()
    }
}
