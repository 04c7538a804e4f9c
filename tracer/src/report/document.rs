//! The document that every format is written from. Owns its fields: they are the interface that
//! scripts rely on, and only get more.

use serde::Serialize;
use serde_json::Value;

use crate::container::spec::{Resources, Spec};
use crate::event::{Event, NamespaceKind};
use crate::expect::catalog::hook_name;
use crate::host::HostFacts;
use crate::model::{Change, Model};
use crate::verdict::observation::kinds;
use crate::verdict::{Item, Judgement, Observation, Verdict};

use super::certificate;
use super::change::Names;
use super::replay::Replay;
use super::timeline::{self, Entry};
use super::view::Subject;

/// Version of the document; raised when a field changes its meaning or goes.
pub const SCHEMA_VERSION: u32 = 1;

/// What a report is made of.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    /// Version of tracer.
    pub version: &'a str,
    /// The machine.
    pub host: &'a HostFacts,
    /// What was asked for.
    pub spec: &'a Spec,
    /// What the events meant.
    pub model: &'a Model,
    /// Certificates and counters.
    pub observation: &'a Observation,
    /// The judgement of the run.
    pub judgement: &'a Judgement,
    /// The judgement at the gate, unless the gate was off.
    pub gate: Option<&'a Judgement>,
    /// How the payload fared.
    pub payload: Payload,
    /// tracer's exit code.
    pub exit: u8,
    /// What it cost.
    pub timing: Timing,
    /// How each fact was observed.
    pub hooks: Vec<Hook>,
    /// Events that the timeline had no room for.
    pub omitted: u64,
}

/// How the payload fared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Payload {
    /// The gate stayed shut.
    NeverRan,
    /// exec failed.
    NotExecuted {
        /// Why.
        error: String,
    },
    /// It exited.
    Exited {
        /// Its code.
        code: u8,
    },
    /// A signal ended it.
    Signaled {
        /// Number of the signal.
        signal: i32,
    },
    /// A recording that is cut off does not tell.
    Unknown,
}

/// Microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Timing {
    /// From the start to attached hooks.
    pub attach_us: u64,
    /// To detach them.
    pub detach_us: u64,
    /// The whole run.
    pub total_us: u64,
}

/// How one fact was observed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hook {
    /// The fact.
    pub name: String,
    /// The way that works; `None` when none does.
    pub chosen: Option<String>,
    /// Ways that were refused before it.
    pub refused: Vec<Refused>,
}

/// A way that does not work here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// Which.
    pub way: String,
    /// Why.
    pub reason: String,
}

/// The document.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The program.
    pub tracer: Tool,
    /// The machine.
    pub host: Machine,
    /// What was asked for.
    pub container: Container,
    /// The outcome.
    pub verdict: Verdict,
    /// tracer's exit code.
    pub exit: u8,
    /// How the payload fared.
    pub payload: Payload,
    /// Every expectation, judged.
    pub items: Vec<Item>,
    /// The same at the gate; absent when the gate was off.
    pub gate: Option<Judgement>,
    /// Every event.
    pub timeline: Vec<Entry>,
    /// Events that the timeline had no room for.
    pub omitted: u64,
    /// Namespaces of the payload, or of init at the gate.
    pub namespaces: Option<Value>,
    /// The payload's birth certificate, or init's at the gate.
    pub certificate: Option<Value>,
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

/// The program.
#[derive(Clone, Debug, Serialize)]
pub struct Tool {
    /// Its version.
    pub version: String,
}

/// The machine.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// `uname -r`.
    pub kernel: String,
    /// `uname -m`.
    pub machine: String,
    /// This boot.
    pub boot_id: String,
}

/// What was asked for, in short.
#[derive(Clone, Debug, Serialize)]
pub struct Container {
    /// Name of the run.
    pub id: String,
    /// Program and arguments.
    pub args: Vec<String>,
    /// Kinds of namespace that are new.
    pub new_namespaces: Vec<NamespaceKind>,
    /// UTS node name.
    pub hostname: Option<String>,
    /// Working directory.
    pub workdir: String,
    /// User and group inside.
    pub user: [u32; 2],
    /// Limits.
    pub limits: Limits,
}

/// Limits; `None` = none of its own.
#[derive(Clone, Debug, Serialize)]
pub struct Limits {
    /// Processors.
    pub cpuset_cpus: Option<Vec<u32>>,
    /// Microseconds of CPU time, and in how many.
    pub cpu_us: Option<[u64; 2]>,
    /// Bytes.
    pub memory_bytes: Option<u64>,
    /// Tasks.
    pub pids: Option<u64>,
}

/// Counts of both sides.
#[derive(Clone, Debug, Serialize)]
pub struct CounterReport {
    /// Records that the hooks set out to make.
    pub submitted: u64,
    /// Records read.
    pub read: u64,
    /// Records lost.
    pub lost: u64,
    /// Records that could not be understood.
    pub unknown: u64,
    /// Tasks left out.
    pub scope_full: u64,
    /// The same for each kind.
    pub kinds: Vec<KindCount>,
}

/// Counts of one kind.
#[derive(Clone, Debug, Serialize)]
pub struct KindCount {
    /// Name of the event.
    pub event: &'static str,
    /// Records that the hook set out to make.
    pub submitted: u64,
    /// Records read.
    pub read: u64,
    /// Records lost.
    pub lost: u64,
}

impl Report {
    /// Builds the document of a run. `steps` are its events in order, each with what it changed.
    pub fn new<'a>(
        input: Input<'_>,
        steps: impl IntoIterator<Item = (&'a Event, &'a [Change])> + Clone,
    ) -> Self {
        let Input {
            host,
            spec,
            model,
            observation,
            ..
        } = input;
        let hierarchies: Vec<(u32, String)> = host
            .hierarchies
            .iter()
            .map(|one| (one.id, one.label()))
            .collect();
        let names = Names {
            root: observation.root,
            hierarchies: &hierarchies,
        };
        let facts = observation.exec.as_ref().or(observation.gate.as_ref());
        let baseline = observation.host();
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
            container: Container::new(spec),
            verdict: input.judgement.verdict,
            exit: input.exit,
            payload: input.payload,
            items: input.judgement.items.clone(),
            gate: input.gate.cloned(),
            timeline: timeline::entries(steps, model, observation.init, &names),
            omitted: input.omitted,
            namespaces: facts.and_then(|seen| certificate::namespaces(&seen.certificate, baseline)),
            certificate: facts.map(|seen| {
                let task = observation.init.and_then(|init| model.leader(init));
                let context = certificate::Context {
                    readings: None,
                    host,
                    model,
                    task,
                    baseline,
                };
                certificate::document(&seen.certificate, &context, &names)
            }),
            counters: CounterReport::new(observation),
            timing: input.timing,
            hooks: input.hooks,
            subjects: Vec::new(),
            replay: None,
        }
    }

    /// How many items have this outcome.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.items
            .iter()
            .filter(|item| item.verdict == verdict)
            .count()
    }
}

impl Container {
    fn new(spec: &Spec) -> Self {
        let Resources {
            cpuset_cpus,
            cpu,
            memory,
            pids,
        } = &spec.resources;
        Self {
            id: spec.id.clone(),
            args: spec.args.clone(),
            new_namespaces: spec.new_namespaces.clone(),
            hostname: spec.hostname.clone(),
            workdir: spec.workdir.clone(),
            user: [spec.user.uid, spec.user.gid],
            limits: Limits {
                cpuset_cpus: cpuset_cpus.clone(),
                cpu_us: cpu.map(|cpu| [cpu.quota_us, cpu.period_us]),
                memory_bytes: *memory,
                pids: *pids,
            },
        }
    }
}

impl CounterReport {
    pub(super) fn new(observation: &Observation) -> Self {
        let counters = &observation.counters;
        Self {
            submitted: counters.submitted.total(),
            read: counters.read.total(),
            lost: counters.lost.total(),
            unknown: counters.unknown.total(),
            scope_full: counters.scope_full,
            kinds: kinds()
                .map(|kind| KindCount {
                    event: hook_name(kind),
                    submitted: counters.submitted.get(kind),
                    read: counters.read.get(kind),
                    lost: counters.lost.get(kind),
                })
                .collect(),
        }
    }
}
