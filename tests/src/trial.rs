//! One run of a spec whose plan may be spoiled, on a thread of its own: what a saboteur does to
//! the thread (groups, securebits, processors) ends with it.

use std::any::Any;
use std::fs::File;
use std::os::fd::OwnedFd;

use tracer::collect::Options;
use tracer::container::Streams;
use tracer::container::plan::Plan;
use tracer::container::spec::{GateMode, Spec};
use tracer::host::HostFacts;
use tracer::run::{self, Outcome, RunError, RunOptions};

use crate::require_root;
use crate::shell::Shell;
use crate::spec::facts;

type Saboteur = Box<dyn FnOnce(&mut Plan, &mut Aids) + Send>;
type Tampering = Box<dyn FnOnce(&mut Aids) + Send>;
type Meeting = (OwnedFd, Box<dyn FnOnce(OwnedFd) + Send>);

/// What a trial needs while it lasts, and what it must show.
#[derive(Default)]
pub struct Aids {
    /// Kept until the run is over: strangers, descriptors, guards.
    kept: Vec<Box<dyn Any>>,
    /// Strangers that something is yet to be asked of.
    pub strangers: Vec<Shell>,
    /// Item and text that what was seen of it must hold.
    pub shows: Vec<(String, String)>,
    /// Item and name of an event among its evidence, and text in the detail of that.
    pub rests_on: Vec<(String, String, String)>,
}

impl Aids {
    /// Keeps something until the run is over.
    pub fn keep(&mut self, thing: impl Any) {
        self.kept.push(Box::new(thing));
    }

    /// What was seen of item `id` must hold `text`.
    pub fn shows(&mut self, id: &str, text: impl Into<String>) {
        self.shows.push((id.to_owned(), text.into()));
    }

    /// The evidence of item `id` must hold a record `event` whose detail holds `text`.
    pub fn rests_on(&mut self, id: &str, event: &str, text: impl Into<String>) {
        self.rests_on
            .push((id.to_owned(), event.to_owned(), text.into()));
    }
}

/// A run to be made.
pub struct Trial {
    /// This machine.
    pub host: HostFacts,
    /// What is asked for.
    pub spec: Spec,
    /// The gate.
    pub gate: GateMode,
    /// The kernel side.
    pub collect: Options,
    /// The payload's standard streams; those that are not given are `/dev/null`.
    pub streams: Streams,
    saboteurs: Vec<Saboteur>,
    tampering: Option<Tampering>,
    meeting: Option<Meeting>,
}

impl Trial {
    /// A run of `spec`, with nothing spoiled.
    pub fn new(spec: Spec) -> Self {
        Self {
            host: facts(),
            spec,
            gate: GateMode::Enforce,
            collect: Options::for_this_process(),
            streams: Streams::default(),
            saboteurs: Vec::new(),
            tampering: None,
            meeting: None,
        }
    }

    /// What the runtime shall do otherwise, after what was said before. Called on the run's own
    /// thread, before the hooks are attached.
    pub fn sabotage(&mut self, saboteur: impl FnOnce(&mut Plan, &mut Aids) + Send + 'static) {
        self.saboteurs.push(Box::new(saboteur));
    }

    /// What happens once init has been cloned and tracer waits for it. tracer takes no record
    /// until it is done.
    pub fn meanwhile(&mut self, tampering: impl FnOnce(&mut Aids) + Send + 'static) {
        assert!(self.tampering.is_none(), "one tampering is enough");
        self.tampering = Some(Box::new(tampering));
    }

    /// What happens once the payload has something to read at `fd`. tracer takes no record until
    /// it is done.
    pub fn once_readable(&mut self, fd: OwnedFd, act: impl FnOnce(OwnedFd) + Send + 'static) {
        assert!(self.meeting.is_none(), "one meeting is enough");
        self.meeting = Some((fd, Box::new(act)));
    }

    /// Carries the run out.
    pub fn run(self) -> (Outcome, Aids) {
        let (outcome, aids) = self.attempt();
        (outcome.expect("a run with a judgement"), aids)
    }

    /// Carries the run out; it may end without a judgement.
    pub fn attempt(self) -> (Result<Outcome, RunError>, Aids) {
        require_root();
        let result = std::thread::scope(|scope| {
            scope
                .spawn(|| {
                    let (outcome, aids) = self.on_this_thread();
                    (outcome, aids.shows, aids.rests_on)
                })
                .join()
        });
        let (outcome, shows, rests_on) =
            result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (
            outcome,
            Aids {
                shows,
                rests_on,
                ..Aids::default()
            },
        )
    }

    fn on_this_thread(self) -> (Result<Outcome, RunError>, Aids) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .expect("a runtime");
        let null = || {
            File::options()
                .read(true)
                .write(true)
                .open("/dev/null")
                .ok()
                .map(Into::into)
        };
        let streams = Streams {
            stdin: self.streams.stdin.or_else(null),
            stdout: self.streams.stdout.or_else(null),
            stderr: self.streams.stderr.or_else(null),
        };
        let options = RunOptions {
            collect: self.collect,
            gate: self.gate,
            streams,
            tape: None,
        };
        let aids = std::cell::RefCell::new(Aids::default());
        let saboteurs = self.saboteurs;
        let alter = |plan: &mut Plan| {
            for saboteur in saboteurs {
                saboteur(plan, &mut aids.borrow_mut());
            }
        };
        let execute = run::execute(&self.spec, &self.host, options, alter);
        // The run goes first and comes to its first wait behind the clone of init: that is when
        // the tampering has its turn. The run's end is the end of all.
        let beside = async {
            if let Some(tampering) = self.tampering {
                tampering(&mut aids.borrow_mut());
            }
            if let Some((fd, act)) = self.meeting {
                let ready = tracer::sys::async_fd::readable(fd).expect("something to wait for");
                drop(ready.readable().await);
                act(ready.into_inner());
            }
            std::future::pending().await
        };
        let outcome = runtime.block_on(async {
            tokio::select! {
                biased;
                outcome = execute => outcome,
                never = beside => never,
            }
        });
        (outcome, aids.into_inner())
    }
}
