//! Any command, observed from its start to its end, and every container that its processes make
//! judged: observe, start, follow, judge. Owns the order of these; it makes no container itself
//! and must not know the command line.

mod command;
pub(crate) mod enforce;
pub mod judging;
pub mod keeper;
mod mounts;
pub(crate) mod readings;

use std::{
    fmt, io,
    time::{Duration, Instant},
};

use thiserror::Error;

use self::{
    command::Followed,
    enforce::Enforcement,
    judging::{Acts, Judged, Terms},
    mounts::Mounts,
    readings::Reader,
};
use crate::{
    collect::{CollectError, Options},
    container::gate::Exit,
    event::Tgid,
    expect::{Check, Expectation},
    history::{Ending, Note},
    host::{Hierarchy, engine::Engines},
    model::{Model, waiting},
    recording::Tape,
    run::{self, Ended, Signals},
    session::Session,
    verdict::{Container, Judgement, Select, Verdict, Waited},
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
    /// Nobody can be asked for labels.
    #[error(
        "--select label= asks the engine, and there is no socket of one at {}: start its service, or select by id=",
        Engines::places()
    )]
    NoEngine,
    /// Signals cannot be caught.
    #[error("catching signals failed: {0}")]
    Signals(io::Error),
    /// Who would clean up behind a tracer that was killed cannot be started.
    #[error("starting the keeper of held payloads failed: {0}")]
    Keeper(io::Error),
}

/// Adds what further conditions come to to the judgement of a container.
pub struct Rules(pub Box<Judge>);

/// Changes the judgement of a container, by what the events meant.
pub type Judge = dyn Fn(&mut Container, &Model);

impl fmt::Debug for Rules {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Rules")
    }
}

/// What to verify.
#[derive(Debug)]
pub struct Request {
    /// Program and arguments; at least the program.
    pub command: Vec<String>,
    /// What each container that is selected must satisfy.
    pub expectations: Vec<Expectation>,
    /// And what else.
    pub rules: Option<Rules>,
    /// Hold each payload until it is judged, and kill it unless it passes.
    pub enforce: bool,
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
    /// Every hierarchy that is mounted.
    pub hierarchies: Vec<Hierarchy>,
    /// The kernel side.
    pub collect: Options,
    /// Where everything is written down as it comes.
    pub tape: Option<Tape>,
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
    /// How the command ended; `None` = a recording that is cut off does not tell.
    pub exit: Option<Exit>,
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
pub async fn execute(mut request: Request) -> Result<Outcome, VerifyError> {
    let start = Instant::now();
    let options = Options {
        hold: request.enforce,
        hold_cgroups: request.select.names_stages(),
        refuse: request.enforce && denies_drift(&request.expectations),
        // Who stops with a child of its own tells it so.
        signals: request.enforce || request.collect.signals,
        ..request.collect.clone()
    };
    let mut session = Session::record(&options, request.tape.take())?;
    for hook in needed(&request) {
        session.needs(hook)?;
    }
    session.note(Note::Limiting {
        hierarchies: request.limiting.clone(),
    });
    let daemons = daemons(&request.daemons, &session)?;
    session.adopt(&daemons)?;
    let mut signals = Signals::new().map_err(VerifyError::Signals)?;
    let enforcement = if request.enforce {
        Some(Enforcement::start(&session).map_err(VerifyError::Keeper)?)
    } else {
        None
    };
    let engines = match &request.select {
        Select::Label(..) => Some(Engines::find().ok_or(VerifyError::NoEngine)?),
        _ => None,
    };
    let mut watch = Watch {
        request: &request,
        session,
        engines,
        mounts: Mounts::new(Reader::new(
            &request.expectations,
            request.hierarchies.clone(),
        )),
        enforcement,
    };
    let mut followed = Followed::start(&request)?;
    let exit = followed.until_end(&mut watch, &mut signals).await?;
    if request.wait {
        watch.until_ended(&mut signals).await;
    }
    watch.end()?;
    let judged = watch.judge();
    let session = run::end(watch.session, Ending::from(exit), start);
    Ok(Outcome::new(session, judged, Some(exit)))
}

impl Outcome {
    /// From what was gathered and what it came to.
    #[must_use]
    pub fn new(session: Ended, judged: Judged, exit: Option<Exit>) -> Self {
        let total = session.total;
        let Judged {
            containers,
            never_started,
            verdict,
        } = judged;
        Self {
            session,
            containers,
            never_started,
            verdict,
            exit,
            total,
        }
    }
}

/// Whether a container may not change.
fn denies_drift(expectations: &[Expectation]) -> bool {
    expectations
        .iter()
        .any(|expectation| matches!(expectation.check, Check::Drift))
}

/// All that is watched while the command runs.
struct Watch<'a> {
    request: &'a Request,
    session: Session,
    mounts: Mounts,
    /// Who is asked for labels, where these select.
    engines: Option<Engines>,
    enforcement: Option<Enforcement>,
}

impl Watch<'_> {
    /// Takes the records that are there, and does what they call for.
    fn follow(&mut self) -> Result<(), CollectError> {
        self.session.pump();
        self.mounts.follow(&mut self.session);
        self.ask_for_labels();
        match &mut self.enforcement {
            Some(enforcement) => enforcement.decide(self.request, &mut self.session),
            None => Ok(()),
        }
    }

    /// Asks for the labels of containers that are new, while their engine still has them.
    fn ask_for_labels(&mut self) {
        let Some(engines) = &self.engines else {
            return;
        };
        let known = &self.session.tables.labels;
        let births = self.session.births.all().iter();
        let new = births
            .filter(|birth| self.request.select.asks(birth) && !known.contains_key(&birth.seq));
        let new: Vec<(u64, String)> = new
            .filter_map(|birth| Some((birth.seq, birth.id.clone()?)))
            .collect();
        for (birth, id) in new {
            let labels = engines.labels(&id);
            self.session.note(Note::Labels { birth, labels });
        }
    }

    /// Goes on until every container that is judged has ended, and whoever waits for a payload
    /// has, or a signal asks for the end.
    async fn until_ended(&mut self, signals: &mut Signals) {
        while self.follow().is_ok() && self.anybody_lives() {
            tokio::select! {
                _ready = self.session.collector.ring.readable() => {}
                _number = signals.next_ending() => return,
            }
        }
    }

    fn anybody_lives(&self) -> bool {
        let (births, model) = (&self.session.births, &self.session.model);
        let judged = births.all().iter().filter(|birth| {
            let terms = Terms::from(self.request);
            terms.judge(birth, &self.session)
        });
        judged.into_iter().any(|birth| births.lives(birth))
            || self
                .mounts
                .left
                .iter()
                .any(|task| waiting::waits(task, model, births))
    }

    /// The last records, once whoever is held is decided upon, and nobody is held any more.
    fn end(&mut self) -> Result<(), CollectError> {
        if self.enforcement.is_some() {
            self.session.collector.hold_no_more()?;
            self.session.settle()?;
        }
        // Whoever the command has left waiting is there by now: its end was told after theirs.
        self.follow()?;
        if let Some(enforcement) = &mut self.enforcement {
            enforcement.over();
        }
        self.session.settle()?;
        self.mounts.read_tables(&mut self.session);
        self.ask_for_labels();
        mounts::read_own(&mut self.session);
        Ok(())
    }

    fn judge(&self) -> Judged {
        let none = Acts::default();
        let acts = self.enforcement.as_ref().map_or(&none, Enforcement::acts);
        judging::judge(&Terms::from(self.request), &self.session, acts)
    }
}

/// Hooks without which nobody's end would ever be told, or nobody held or let go.
fn needed(request: &Request) -> &'static [&'static str] {
    if request.enforce {
        &[
            "sched_process_exit",
            "task_newtask",
            "sched_process_exec",
            "sys_exit",
        ]
    } else if request.wait {
        &["sched_process_exit"]
    } else {
        &[]
    }
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
