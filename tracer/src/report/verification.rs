//! The document of a verification: the command, and each container that it made with its
//! judgement. Owns its fields, which only get more; the forms for people are in `verification/`.

mod container;
mod text;

use std::io;

use serde::Serialize;
use serde_json::Value;

use container::context;
pub use container::{Container, Created, Enforced, Payload};

use crate::event::{Event, Tgid};
use crate::host::HostFacts;
use crate::model::{Change, Model};
use crate::verdict::{self, Verdict, Waited};

use super::change::Names;
use super::document::{CounterReport, Machine, SCHEMA_VERSION, Tool};
use super::replay::Replay;
use super::timeline::{self, Entry};
use super::view::Subject;
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
    /// What it is about, by digest, where that was named; set by whoever read it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<Subject>,
    /// What sets it apart from that of the run itself, where a recording was replayed; set by
    /// whoever read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay: Option<Replay>,
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
            subjects: Vec::new(),
            replay: None,
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

fn never_started(waited: &Waited) -> NeverStarted {
    NeverStarted {
        pid: waited.task.tgid,
        name: waited.task.comm.to_string(),
        record: waited.seen.seq,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    replay: &'a Option<Replay>,
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
                    replay: &self.replay,
                };
                jsonl::line("summary", &summary, out)
            }
        }
    }
}
