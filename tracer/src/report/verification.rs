//! The document of a verification: the command, and each container that it made with its
//! judgement. Owns its fields, which only get more; the forms for people are in `verification/`.

mod text;

use std::io;

use serde::Serialize;
use serde_json::Value;

use crate::event::{Event, NamespaceKind, NsId, Tgid};
use crate::host::HostFacts;
use crate::model::{Birth, Births, Change, Drift, Model};
use crate::verdict::{self, Act, Held, Item, Judgement, Verdict, Waited};

use super::change::Names;
use super::document::{CounterReport, Machine, SCHEMA_VERSION, Tool};
use super::timeline::{self, Entry};
use super::{Document, Format, Hook, Style, Timing, certificate, json, jsonl};

/// The document.
#[derive(Clone, Debug, Serialize)]
pub struct Verification {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The program.
    pub tracer: Tool,
    /// The machine.
    pub host: Machine,
    /// What was run.
    pub command: Command,
    /// Of all containers.
    pub verdict: Verdict,
    /// In one word.
    pub outcome: Outcome,
    /// tracer's exit code.
    pub exit: u8,
    /// Every container, in the order of births.
    pub containers: Vec<Container>,
    /// Those that were set up and in which nothing was started.
    pub never_started: Vec<NeverStarted>,
    /// Every event.
    pub timeline: Vec<Entry>,
    /// Events that the timeline had no room for.
    pub omitted: u64,
    /// Counts of both sides.
    pub counters: CounterReport,
    /// What it cost.
    pub timing: Timing,
    /// How each fact was observed.
    pub hooks: Vec<Hook>,
}

/// What was run, and how it ended.
#[derive(Clone, Debug, Serialize)]
pub struct Command {
    /// Program and arguments.
    pub args: Vec<String>,
    /// Its exit code.
    pub code: Option<u8>,
    /// The signal that ended it.
    pub signal: Option<u8>,
}

/// What there was to judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A container at least.
    Judged,
    /// The command succeeded and made no container that was selected.
    NoContainer,
    /// The command failed before it made a container.
    CommandFailed,
}

/// One container.
#[derive(Clone, Debug, Serialize)]
pub struct Container {
    /// From 1, in the order of births.
    pub number: usize,
    /// Its name as its cgroup's path tells it.
    pub id: Option<String>,
    /// The program that made it.
    pub runtime: Option<String>,
    /// The payload as it was executed.
    pub payload: Payload,
    /// Number of the record of the payload's exec.
    pub record: u64,
    /// Number of the container that it was made within.
    pub within: Option<usize>,
    /// A runtime's own stage and no payload's container.
    pub stage: bool,
    /// Records of programs that ran in it before its root was its own.
    pub stages: Vec<u64>,
    /// Namespaces that are not tracer's.
    pub own_namespaces: Vec<NamespaceKind>,
    /// It was selected, and this is the outcome.
    pub verdict: Option<Verdict>,
    /// Every expectation, judged.
    pub items: Vec<Item>,
    /// The look at it before its payload was started; absent where nobody was seen to wait.
    pub created: Option<Created>,
    /// What was done about it; absent where nothing was enforced.
    pub enforced: Option<Enforced>,
    /// What changed in it later.
    pub drift: Vec<Drift>,
    /// The payload's end in wait(2)'s encoding; absent while it lives.
    pub ended: Option<u32>,
    /// Its namespaces.
    pub namespaces: Option<Value>,
    /// Its birth certificate.
    pub certificate: Option<Value>,
}

/// A container that was set up and waited for its payload to be started.
#[derive(Clone, Debug, Serialize)]
pub struct Created {
    /// Number of the record that carried its facts.
    pub record: u64,
    /// Of the same expectations then, if it was selected.
    pub verdict: Option<Verdict>,
    /// Those whose outcome was another then.
    pub differing: Vec<Item>,
}

/// What enforcement did about a container.
#[derive(Clone, Debug, Serialize)]
pub struct Enforced {
    /// What it did.
    pub act: Act,
    /// Of what can be judged at exec; absent where nothing of that is expected.
    pub verdict: Option<Verdict>,
    /// Names of the expectations that did not pass then.
    pub not_passed: Vec<String>,
    /// It executed itself anew, in tracer's own root directory, as runtimes do to get a user
    /// namespace: only what comes after it would tell whether it is a stage of its runtime.
    pub may_be_stage: bool,
}

impl Enforced {
    fn new(held: &Held, birth: &Birth) -> Self {
        let items = held.judgement.iter().flat_map(|judged| &judged.items);
        let not_passed = items.filter(|item| item.verdict != Verdict::Pass);
        Self {
            act: held.act,
            verdict: held.judgement.as_ref().map(|judged| judged.verdict),
            not_passed: not_passed.map(|item| item.id.clone()).collect(),
            may_be_stage: Births::may_be_stage(birth),
        }
    }
}

/// Who waited for a payload that never came.
#[derive(Clone, Debug, Serialize)]
pub struct NeverStarted {
    /// Its number.
    pub pid: Tgid,
    /// Its own name for itself.
    pub name: String,
    /// Number of the record that carried its facts.
    pub record: u64,
}

/// A payload.
#[derive(Clone, Debug, Serialize)]
pub struct Payload {
    /// Its number.
    pub pid: Tgid,
    /// Its number in its own PID namespace.
    pub vpid: Option<u32>,
    /// Its own name for itself.
    pub name: String,
    /// As given to exec.
    pub executable: Option<String>,
}

/// What a document is made of.
#[derive(Debug)]
pub struct Input<'a> {
    /// Version of tracer.
    pub version: &'a str,
    /// The machine.
    pub host: &'a HostFacts,
    /// What was run, and how it ended.
    pub command: Command,
    /// What the events meant.
    pub model: &'a Model,
    /// Every container.
    pub containers: &'a [verdict::Container],
    /// Those that were set up and in which nothing was started.
    pub never_started: &'a [Waited],
    /// Of all containers.
    pub verdict: Verdict,
    /// What there was to judge.
    pub outcome: Outcome,
    /// tracer's exit code.
    pub exit: u8,
    /// What it cost.
    pub timing: Timing,
    /// How each fact was observed.
    pub hooks: Vec<Hook>,
    /// Events that the timeline had no room for.
    pub omitted: u64,
    /// Counters, and tracer's own certificate.
    pub observation: &'a crate::verdict::Observation,
}

impl Verification {
    /// Builds the document. `steps` are the events in order, each with what it changed.
    pub fn new<'a>(
        input: Input<'_>,
        steps: impl IntoIterator<Item = (&'a Event, &'a [Change])> + Clone,
    ) -> Self {
        let Input {
            host,
            model,
            observation,
            ..
        } = input;
        let hierarchies = labels(host);
        let names = Names {
            root: observation.root,
            hierarchies: &hierarchies,
        };
        let container = |one: &verdict::Container| Container::new(one, host, model, &names);
        Self {
            schema_version: SCHEMA_VERSION,
            tracer: Tool {
                version: input.version.to_owned(),
            },
            host: Machine {
                kernel: host.kernel.clone(),
                machine: host.machine.clone(),
                boot_id: host.boot_id.clone(),
            },
            command: input.command,
            verdict: input.verdict,
            outcome: input.outcome,
            exit: input.exit,
            containers: input.containers.iter().map(container).collect(),
            never_started: input.never_started.iter().map(never_started).collect(),
            timeline: timeline::entries(steps, model, None, &names),
            omitted: input.omitted,
            counters: CounterReport::new(observation),
            timing: input.timing,
            hooks: input.hooks,
        }
    }
}

/// The birth certificate of a container in the form that reports have.
pub fn certificate_of(container: &verdict::Container, host: &HostFacts, model: &Model) -> Value {
    let hierarchies = labels(host);
    let names = Names {
        root: container.observation.root,
        hierarchies: &hierarchies,
    };
    let context = context(container, host, model);
    certificate::document(&container.birth.certificate, &context, &names)
}

fn labels(host: &HostFacts) -> Vec<(u32, String)> {
    let hierarchies = host.hierarchies.iter();
    hierarchies.map(|one| (one.id, one.label())).collect()
}

fn context<'a>(
    container: &'a verdict::Container,
    host: &'a HostFacts,
    model: &'a Model,
) -> certificate::Context<'a> {
    let payload = &container.birth.payload;
    certificate::Context {
        host,
        model,
        // Its number may be another's by now.
        task: model
            .leader(payload.tgid)
            .filter(|known| known.task.start_ns == payload.start_ns),
        baseline: container.observation.host(),
    }
}

fn never_started(waited: &Waited) -> NeverStarted {
    NeverStarted {
        pid: waited.task.tgid,
        name: waited.task.comm.clone(),
        record: waited.seen.seq,
    }
}

impl Created {
    /// Items of one list of expectations stand in the same order in both.
    fn new(created: &verdict::Created, later: Option<&Judgement>) -> Self {
        let items = |judgement: Option<&Judgement>| {
            judgement.map_or(Vec::new(), |judgement| judgement.items.clone())
        };
        let then = items(created.judgement.as_ref());
        let differs = |(then, now): &(Item, Item)| then.verdict != now.verdict;
        let pairs = then.into_iter().zip(items(later)).filter(differs);
        Self {
            record: created.seq,
            verdict: created.judgement.as_ref().map(|then| then.verdict),
            differing: pairs.map(|(then, _)| then).collect(),
        }
    }
}

impl Container {
    fn new(
        container: &verdict::Container,
        host: &HostFacts,
        model: &Model,
        names: &Names<'_>,
    ) -> Self {
        let context = context(container, host, model);
        let verdict::Container {
            birth,
            stage,
            judgement,
            created,
            held,
            ..
        } = container;
        let Birth {
            payload,
            certificate: facts,
            ..
        } = birth;
        let kinds = |(kind, _): &(NamespaceKind, NsId)| *kind;
        Self {
            number: birth.number,
            id: birth.id.clone(),
            runtime: birth.runtime.clone(),
            payload: Payload {
                pid: payload.tgid,
                vpid: facts.vpid(),
                name: payload.comm.clone(),
                executable: facts.filename().map(|path| path.text),
            },
            record: birth.seq,
            within: birth.within,
            stage: *stage,
            stages: birth.stages.clone(),
            own_namespaces: birth.domain.namespaces.iter().map(kinds).collect(),
            verdict: judgement.as_ref().map(|judgement| judgement.verdict),
            items: judgement
                .as_ref()
                .map(|judgement| judgement.items.clone())
                .unwrap_or_default(),
            created: created
                .as_ref()
                .map(|created| Created::new(created, judgement.as_ref())),
            enforced: held.as_ref().map(|held| Enforced::new(held, birth)),
            drift: birth.drift.clone(),
            ended: birth.ended.map(|ended| ended.code),
            namespaces: certificate::namespaces(facts, context.baseline),
            certificate: Some(certificate::document(facts, &context, names)),
        }
    }

    /// How many items have this outcome.
    pub fn count(&self, verdict: Verdict) -> usize {
        let items = self.items.iter();
        items.filter(|item| item.verdict == verdict).count()
    }
}

/// What is left once events and containers have lines of their own.
#[derive(Serialize)]
struct Summary<'a> {
    schema_version: u32,
    tracer: &'a Tool,
    host: &'a Machine,
    command: &'a Command,
    verdict: Verdict,
    outcome: Outcome,
    exit: u8,
    omitted: u64,
    counters: &'a CounterReport,
    timing: &'a Timing,
    hooks: &'a [Hook],
}

impl Document for Verification {
    fn write(&self, format: Format, out: &mut dyn io::Write, style: Style) -> io::Result<()> {
        match format {
            Format::Compact => text::compact(self, out, style),
            Format::Table => text::table(self, out, style),
            Format::Json => json::write(self, out),
            Format::Jsonl => {
                for entry in &self.timeline {
                    jsonl::line("event", entry, out)?;
                }
                for container in &self.containers {
                    jsonl::line("container", container, out)?;
                }
                let summary = Summary {
                    schema_version: self.schema_version,
                    tracer: &self.tracer,
                    host: &self.host,
                    command: &self.command,
                    verdict: self.verdict,
                    outcome: self.outcome,
                    exit: self.exit,
                    omitted: self.omitted,
                    counters: &self.counters,
                    timing: &self.timing,
                    hooks: &self.hooks,
                };
                jsonl::line("summary", &summary, out)
            }
        }
    }
}
