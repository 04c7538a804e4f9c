//! One verified run from a Spec to a judgement: observe, launch, judge at the gate, open it or
//! not, wait, clean up, judge. Owns the order of these; must not know the command line.

mod signals;

use std::{
    io,
    path::Path,
    time::{Duration, Instant},
};

use thiserror::Error;

use crate::{
    collect::{CollectError, Options, hooks::HookChoice},
    container::{
        cleanup::{self, CleanupError, Run},
        gate::{ExecError, Exit, Init},
        launch::{self, LaunchError, Streams},
        plan::{self, Plan, PlanError},
        spec::{GateMode, Spec},
    },
    event::Tgid,
    expect::{self, Expectation},
    history::{End, Ending, History, Note},
    host::HostFacts,
    recording::Tape,
    session::Session,
    verdict::{self, Judgement, Verdict},
};

pub(crate) use signals::{Signals, ends};

/// Where the state of runs is kept while they last.
pub const STATE_DIRECTORY: &str = "/run/tracer";

/// Why a run ended without a judgement.
#[derive(Debug, Error)]
pub enum RunError {
    /// The plan cannot be made.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The kernel side.
    #[error(transparent)]
    Collect(#[from] CollectError),
    /// The runtime.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// State and leftovers.
    #[error(transparent)]
    Cleanup(#[from] CleanupError),
    /// tracer was told to end while the container was being set up.
    #[error("signal {signal} ended the run before its payload was started")]
    Interrupted {
        /// Number of the signal.
        signal: u8,
    },
    /// Signals cannot be caught.
    #[error("catching signals failed: {0}")]
    Signals(io::Error),
}

impl RunError {
    fn interrupted(number: i32) -> Self {
        let signal = u8::try_from(number).unwrap_or(u8::MAX);
        Self::Interrupted { signal }
    }
}

/// How the payload fared.
#[derive(Debug)]
pub enum Payload {
    /// The gate stayed shut.
    NeverRan,
    /// `execve` failed.
    NotExecuted(ExecError),
    /// It ran and ended.
    Ended(Exit),
    /// A recording that is cut off does not tell.
    Unknown,
}

/// What a run showed.
pub struct Outcome {
    /// What the kernel side gathered; its hooks are detached.
    pub session: Ended,
    /// What was to be shown.
    pub expectations: Vec<Expectation>,
    /// The judgement at the gate, unless the gate was off.
    pub gate: Option<Judgement>,
    /// The judgement of the whole run.
    pub judgement: Judgement,
    /// How the payload fared.
    pub payload: Payload,
    /// The container's init.
    pub init: Tgid,
    /// What could not be removed.
    pub left_behind: Option<CleanupError>,
    /// What could not be removed of an earlier run, whose tracer was killed.
    pub unswept: Option<CleanupError>,
    /// From the start of the run to detached hooks.
    pub total: Duration,
}

/// A session whose hooks are detached.
pub struct Ended {
    /// The records and what they mean.
    pub model: crate::model::Model,
    /// Certificates and counters.
    pub observation: verdict::Observation,
    /// The timeline.
    pub steps: Vec<crate::session::Step>,
    /// Events that the timeline has no room for.
    pub omitted: u64,
    /// What became of each hook.
    pub hooks: Vec<HookChoice>,
    /// Time to attach.
    pub attach: Duration,
    /// Time to detach.
    pub detach: Duration,
    /// From the start to detached hooks.
    pub total: Duration,
    /// Bytes of the recording, or why it could not be written; `None` = there is none.
    pub recorded: Option<io::Result<u64>>,
}

/// How to run.
#[derive(Debug)]
pub struct RunOptions {
    /// The kernel side.
    pub collect: Options,
    /// The gate.
    pub gate: GateMode,
    /// The payload's standard streams.
    pub streams: Streams,
    /// Where everything is written down as it comes.
    pub tape: Option<Tape>,
}

/// Runs `spec` and judges it. `alter` may change the plan, never the expectations: both come from
/// the Spec, so whatever it leaves out or undoes must show as a failed verdict. It is the
/// identity in the program and the saboteur in tests.
pub async fn execute(
    spec: &Spec,
    host: &HostFacts,
    options: RunOptions,
    alter: impl FnOnce(&mut Plan),
) -> Result<Outcome, RunError> {
    let start = Instant::now();
    let expectations = expect::from_spec(spec, host);
    let mut plan = plan::plan(spec, host)?;
    alter(&mut plan);
    let directory = Path::new(STATE_DIRECTORY);
    // What an earlier run left and nothing can remove is no reason not to start another.
    let unswept = cleanup::sweep(directory, &host.hierarchies).err();
    let mut session = Session::record(&options.collect, options.tape)?;
    let mut signals = Signals::new().map_err(RunError::Signals)?;
    let run = Run::begin(directory, &spec.id, &host.hierarchies)?;
    let init = launch::launch(&plan, run, options.streams)?;
    let tgid = Tgid(init.tgid());
    session.note(Note::Init { tgid });
    let mut container = Container {
        init,
        session: &mut session,
        expectations: &expectations,
    };
    let (payload, gate) = match container.live(options.gate, &mut signals).await {
        Ok(lived) => lived,
        Err(error) => {
            container.end().await;
            return Err(error);
        }
    };
    let left_behind = container.init.finish().err();
    session.settle()?;
    let session = end(session, Ending::from(&payload), start);
    let (payload, judgement) = judge(spec, &expectations, payload, &session);
    Ok(Outcome {
        total: session.total,
        session,
        expectations,
        gate,
        judgement,
        payload,
        init: tgid,
        left_behind,
        unswept,
    })
}

/// The judgement of a run that is over, and how its payload really fared.
pub(crate) fn judge(
    spec: &Spec,
    expectations: &[Expectation],
    payload: Payload,
    ended: &Ended,
) -> (Payload, Judgement) {
    let (model, observation) = (&ended.model, &ended.observation);
    let payload = killed_in_exec(payload, observation, spec);
    let judgement = match payload {
        Payload::NeverRan | Payload::NotExecuted(_) => {
            verdict::judge_refused(expectations, model, observation)
        }
        Payload::Ended(_) | Payload::Unknown => {
            verdict::judge_final(expectations, model, observation)
        }
    };
    (payload, judgement)
}

/// Detaches a session's hooks, and ends its tape.
pub(crate) fn end(session: Session, ending: Ending, start: Instant) -> Ended {
    let (collector, hooks, history, tape) = session.into_parts();
    let attach = collector.attach_time;
    let end = End {
        ending,
        attach,
        detach: collector.stop(),
        total: start.elapsed(),
    };
    Ended {
        recorded: tape.map(|tape| tape.finish(&end)),
        ..Ended::new(history, hooks, &end)
    }
}

impl Ended {
    /// From a history that has come to its end.
    pub(crate) fn new(history: History, hooks: Vec<HookChoice>, end: &End) -> Self {
        let History {
            model,
            observation,
            steps,
            omitted,
            ..
        } = history;
        Self {
            model,
            observation,
            steps,
            omitted,
            hooks,
            attach: end.attach,
            detach: end.detach,
            total: end.total,
            recorded: None,
        }
    }
}

impl From<&Payload> for Ending {
    fn from(payload: &Payload) -> Self {
        match payload {
            Payload::NeverRan => Self::NeverRan,
            Payload::NotExecuted(error) => Self::NotExecuted {
                error: error.to_string(),
                found: error.found(),
            },
            Payload::Ended(exit) => Self::from(*exit),
            Payload::Unknown => Self::Unknown,
        }
    }
}

impl From<Ending> for Payload {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::NeverRan => Self::NeverRan,
            Ending::NotExecuted { error, found } => {
                Self::NotExecuted(ExecError::Told { error, found })
            }
            Ending::Exited { code } => Self::Ended(Exit::Code(code)),
            Ending::Signaled { signal } => Self::Ended(Exit::Signal(signal)),
            Ending::Unknown => Self::Unknown,
        }
    }
}

impl From<Exit> for Ending {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Code(code) => Self::Exited { code },
            Exit::Signal(signal) => Self::Signaled { signal },
        }
    }
}

/// A payload that a signal ended and that has no exec record, when nothing can be missing, was
/// killed inside `execve`: its memory did not fit a limit.
fn killed_in_exec(payload: Payload, observation: &verdict::Observation, spec: &Spec) -> Payload {
    let counters = &observation.counters;
    let sees_all = observation.unattached.is_empty()
        && counters.lost.total() == 0
        && counters.unknown.total() == 0;
    match payload {
        Payload::Ended(Exit::Signal(signal)) if observation.exec.is_none() && sees_all => {
            let program = spec.args.first().cloned().unwrap_or_default();
            Payload::NotExecuted(ExecError::Killed { program, signal })
        }
        payload => payload,
    }
}

/// A container between clone and its end.
struct Container<'a> {
    init: Init,
    session: &'a mut Session,
    expectations: &'a [Expectation],
}

impl Container<'_> {
    /// From the go to the reaped init.
    async fn live(
        &mut self,
        mode: GateMode,
        signals: &mut Signals,
    ) -> Result<(Payload, Option<Judgement>), RunError> {
        let Self { init, session, .. } = self;
        tokio::select! {
            biased;
            number = signals.next_ending() => return Err(RunError::interrupted(number)),
            ready = pumping(session, init.wait_ready()) => ready?,
        }
        let gate = if mode == GateMode::Off {
            None
        } else {
            Some(self.judge_at_gate()?)
        };
        let opens = mode != GateMode::Enforce
            || gate
                .as_ref()
                .is_none_or(|gate| gate.verdict == Verdict::Pass);
        if !opens {
            self.end().await;
            return Ok((Payload::NeverRan, gate));
        }
        if let Some(number) = signals.ending_so_far().await {
            return Err(RunError::interrupted(number));
        }
        self.init.open_gate()?;
        let Self { init, session, .. } = self;
        let payload = match pumping(session, init.exec_outcome()).await {
            Err(ExecError::Lost(error)) => return Err(error.into()),
            Err(error) => {
                self.end().await;
                Payload::NotExecuted(error)
            }
            Ok(()) => Payload::Ended(self.watch(signals).await?),
        };
        Ok((payload, gate))
    }

    /// Reads what the kernel knows of init, which stands still, and judges it.
    fn judge_at_gate(&mut self) -> Result<Judgement, RunError> {
        let task = Tgid(self.init.tgid());
        self.session.settle()?;
        self.session.snapshot(task)?;
        // Mounts are inconclusive when they cannot be read, which is the judge's to say.
        let _unknown = self.session.read_mounts(task);
        self.session.settle()?;
        self.session.note(Note::Gate);
        Ok(verdict::judge_gate(
            self.expectations,
            &self.session.model,
            &self.session.observation,
        ))
    }

    /// Waits for the payload's end. Signals to tracer are passed on; the second that asks for the
    /// end ends the container, since a payload that is PID 1 ignores what it does not handle.
    async fn watch(&mut self, signals: &mut Signals) -> Result<Exit, RunError> {
        let Self { init, session, .. } = self;
        let mut asked_to_end = false;
        loop {
            tokio::select! {
                exit = init.wait() => return Ok(exit?),
                ready = session.collector.ring.readable() => {
                    if ready.is_ok() {
                        session.pump();
                    }
                }
                number = signals.next() => {
                    if asked_to_end && signals::ends(number) {
                        init.kill()?;
                    } else {
                        asked_to_end |= signals::ends(number);
                        signals::pass_on(init, number);
                    }
                }
            }
        }
    }

    /// Kills and reaps init. Errors change nothing: the run is over, and what is left of it is
    /// removed with its cgroups.
    async fn end(&mut self) {
        let _dead_already = self.init.kill();
        let _reaped = self.init.wait().await;
    }
}

/// Takes records while `future` goes on, so that the ring cannot fill up meanwhile.
async fn pumping<T>(session: &mut Session, future: impl Future<Output = T>) -> T {
    tokio::pin!(future);
    loop {
        tokio::select! {
            done = &mut future => return done,
            ready = session.collector.ring.readable() => {
                if ready.is_ok() {
                    session.pump();
                }
            }
        }
    }
}
