//! The documents of `tracer run` and `tracer verify` as they are read back. Owns which fields a
//! view needs of them; what an older tracer did not write has a default.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::report::replay::Replay;
use crate::verdict::Verdict;

use super::{Counters, Suite, View, trouble};

#[derive(Deserialize)]
pub(super) struct Document {
    pub schema_version: u32,
    tracer: Tool,
    host: Machine,
    verdict: Verdict,
    exit: u8,
    timeline: Vec<Step>,
    omitted: u64,
    counters: Counters,
    timing: Timing,
    hooks: Vec<Hook>,
    #[serde(default)]
    subjects: Vec<Subject>,
    replay: Option<Replay>,
    #[serde(flatten)]
    what: What,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum What {
    Verification {
        command: Command,
        outcome: String,
        containers: Vec<Container>,
        #[serde(default)]
        never_started: Vec<NeverStarted>,
    },
    Run {
        container: RunContainer,
        payload: Payload,
        items: Vec<Case>,
        gate: Option<Gate>,
        namespaces: Option<Value>,
        certificate: Option<Value>,
    },
}

#[derive(Deserialize)]
struct Tool {
    version: String,
}

#[derive(Deserialize)]
struct Machine {
    kernel: String,
    machine: String,
}

#[derive(Deserialize)]
struct Timing {
    total_us: u64,
}

#[derive(Deserialize)]
struct Command {
    args: Vec<String>,
    code: Option<u8>,
    signal: Option<u8>,
}

#[derive(Deserialize)]
struct NeverStarted {
    pid: u32,
    name: String,
    record: u64,
}

impl NeverStarted {
    fn text(&self) -> String {
        let Self { pid, name, record } = self;
        format!("{name}[{pid}] was left waiting for its payload, #{record}")
    }
}

#[derive(Deserialize)]
struct RunContainer {
    id: String,
    args: Vec<String>,
}

#[derive(Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
enum Payload {
    NeverRan,
    NotExecuted { error: String },
    Exited { code: u8 },
    Signaled { signal: i32 },
    Unknown,
}

#[derive(Deserialize)]
struct Gate {
    verdict: Verdict,
}

#[derive(Deserialize)]
struct Container {
    number: usize,
    id: Option<String>,
    runtime: Option<String>,
    payload: Task,
    stage: bool,
    within: Option<usize>,
    verdict: Option<Verdict>,
    items: Vec<Case>,
    created: Option<Created>,
    enforced: Option<Enforced>,
    #[serde(default)]
    drift: Vec<Drift>,
    ended: Option<u32>,
    namespaces: Option<Value>,
    certificate: Option<Value>,
}

#[derive(Deserialize)]
struct Task {
    pid: u32,
    name: String,
    executable: Option<String>,
}

#[derive(Deserialize)]
struct Created {
    differing: Vec<Case>,
}

#[derive(Deserialize)]
struct Enforced {
    act: String,
}

/// One expectation, judged.
#[derive(Clone, Debug, Deserialize)]
pub struct Case {
    /// Stable name of the expectation.
    pub id: String,
    /// What was asked.
    pub asked: String,
    /// What the kernel showed.
    pub seen: String,
    /// The outcome.
    pub verdict: Verdict,
    /// What asked for it.
    pub origin: String,
    /// Why it is not a pass.
    pub reason: Option<String>,
    /// What it rests on.
    pub evidence: Vec<CaseEvidence>,
}

/// What a finding rests on.
#[derive(Clone, Debug, Deserialize)]
pub struct CaseEvidence {
    /// Number of the record; `None` for what is not a record.
    pub seq: Option<u64>,
    /// Name of the event, or `mountinfo`, `counters`.
    pub source: String,
    /// What it shows.
    pub detail: String,
}

/// Something that changed in a container after its payload was executed.
#[derive(Clone, Debug, Deserialize)]
pub struct Drift {
    /// The record.
    pub seq: u64,
    /// What changed.
    pub what: String,
    /// Who did it.
    pub by: String,
}

/// One event.
#[derive(Clone, Debug, Deserialize)]
pub struct Step {
    /// Number of the record.
    pub seq: u64,
    /// Microseconds since the clone of the container's init.
    pub t_us: i64,
    /// Nanoseconds of boot time.
    pub time_ns: u64,
    /// The processor that the hook ran on.
    pub cpu: u32,
    /// Who did it.
    pub process: Process,
    /// Name of the event.
    pub event: String,
    /// It is part of the run.
    pub in_run: bool,
    /// What it changed.
    pub changes: Vec<StepChange>,
    /// In words.
    pub text: String,
}

/// Who.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Process {
    /// Thread group.
    pub pid: u32,
    /// Thread.
    pub thread: Thread,
    /// Its own name for itself.
    pub name: String,
}

/// A thread.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Thread {
    /// Its id.
    pub id: u32,
}

/// A change of one event.
#[derive(Clone, Debug, Deserialize)]
pub struct StepChange {
    /// `task`, `namespace`, `cgroup`, `exec` or `exit`.
    pub kind: String,
    /// Of the namespace or hierarchy.
    pub name: Option<String>,
    /// Id before.
    pub before: Option<u64>,
    /// Id after.
    pub after: Option<u64>,
    /// In words.
    pub text: String,
}

/// How one fact was observed.
#[derive(Clone, Debug, Deserialize)]
pub struct Hook {
    /// The fact.
    pub name: String,
    /// The way that works.
    pub chosen: Option<String>,
}

/// Counts of one kind of record.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct KindCount {
    /// Name of the event.
    pub event: String,
    /// Records that the hook set out to make.
    pub submitted: u64,
    /// Records read.
    pub read: u64,
    /// Records lost.
    pub lost: u64,
}

/// What a judgement is about, named by its content.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Subject {
    /// As it was named.
    pub name: String,
    /// SHA-256 in hex.
    pub sha256: String,
}

impl From<Document> for View {
    fn from(document: Document) -> Self {
        let Document { verdict, .. } = document;
        let mut parts = match document.what {
            What::Verification {
                command,
                outcome,
                containers,
                never_started,
            } => of_verification(command, &outcome, verdict, containers, &never_started),
            What::Run {
                container,
                payload,
                items,
                gate,
                namespaces,
                certificate,
            } => of_run(
                container,
                &payload,
                Suite {
                    name: String::new(),
                    number: 1,
                    id: None,
                    pid: certificate
                        .as_ref()
                        .and_then(|facts| u32::try_from(facts["process"]["pid"].as_u64()?).ok()),
                    verdict: Some(verdict),
                    cases: items,
                    notes: gate
                        .map(|gate| format!("at the gate: {}", gate.verdict.name()))
                        .into_iter()
                        .collect(),
                    drift: Vec::new(),
                    namespaces,
                    certificate,
                },
            ),
        };
        parts.tell(document.replay.as_ref());
        Self {
            version: document.tracer.version,
            kernel: document.host.kernel,
            machine: document.host.machine,
            command: parts.command,
            verdict,
            exit: document.exit,
            ended: parts.ended,
            suites: parts.suites,
            troubles: parts.troubles,
            timeline: document.timeline,
            omitted: document.omitted,
            counters: document.counters,
            total_us: document.timing.total_us,
            hooks: document.hooks,
            subjects: document.subjects,
        }
    }
}

struct Parts {
    command: Vec<String>,
    ended: String,
    suites: Vec<Suite>,
    troubles: Vec<Case>,
}

impl Parts {
    /// Says of every container what sets a replay apart, and of the whole what it lacks.
    fn tell(&mut self, replay: Option<&Replay>) {
        let Some(replay) = replay else {
            return;
        };
        let sentences = replay.sentences();
        for suite in &mut self.suites {
            suite.notes.extend(sentences.iter().cloned());
        }
        self.troubles.extend(replay.cut.map(trouble::cut_off));
    }
}

fn of_run(container: RunContainer, payload: &Payload, suite: Suite) -> Parts {
    let ended = match payload {
        Payload::NeverRan => "payload never ran".to_owned(),
        Payload::NotExecuted { error } => format!("payload not executed: {error}"),
        Payload::Exited { code } => format!("payload exit {code}"),
        Payload::Signaled { signal } => format!("payload killed by signal {signal}"),
        Payload::Unknown => "payload's end not known".to_owned(),
    };
    let program = container.args.first().map_or("", String::as_str);
    Parts {
        ended,
        suites: vec![Suite {
            name: format!("container 1: {program}"),
            id: Some(container.id),
            ..suite
        }],
        command: container.args,
        troubles: Vec::new(),
    }
}

fn of_verification(
    command: Command,
    outcome: &str,
    verdict: Verdict,
    containers: Vec<Container>,
    never_started: &[NeverStarted],
) -> Parts {
    let ended = match (command.code, command.signal) {
        (Some(code), _) => format!("command exit {code}"),
        (None, Some(signal)) => format!("command killed by signal {signal}"),
        (None, None) => "command's end not known".to_owned(),
    };
    let suites: Vec<Suite> = containers.into_iter().map(suite).collect();
    let waiting = never_started.iter().map(NeverStarted::text);
    let troubles = trouble::of_verification(outcome, verdict, &ended, &suites, waiting);
    Parts {
        command: command.args,
        ended,
        suites,
        troubles,
    }
}

fn suite(container: Container) -> Suite {
    let program = container
        .payload
        .executable
        .unwrap_or(container.payload.name);
    let runtime = container.runtime.map(|runtime| format!("{runtime} "));
    let mut notes = Vec::new();
    if let Some(outer) = container.within {
        notes.push(format!("made within container {outer}"));
    }
    if container.stage {
        notes.push("a stage of its runtime, no payload's container".to_owned());
    }
    for case in container.created.iter().flat_map(|then| &then.differing) {
        notes.push(format!(
            "before its payload was started {} was {}: seen {}",
            case.id,
            case.verdict.name(),
            case.seen
        ));
    }
    notes.extend(container.enforced.map(|enforced| {
        match enforced.act.as_str() {
            "let_go" => "held until it was judged, then let go".to_owned(),
            "killed" => "held until it was judged, then killed: nothing of it has run".to_owned(),
            "killed_late" => {
                "the kernel refused to hold it, and it was killed: something of it may have run"
                    .to_owned()
            }
            "killed_for_drift" => "let go, and killed when it changed".to_owned(),
            "not_held" => "not held, and judged at the end".to_owned(),
            other => other.to_owned(),
        }
    }));
    notes.push(match container.ended {
        // The encoding of wait(2).
        Some(code) if code & 0x7f != 0 => format!("payload killed by signal {}", code & 0x7f),
        Some(code) => format!("payload exit {}", code >> 8 & 0xff),
        None => "payload still ran at the end".to_owned(),
    });
    Suite {
        name: format!(
            "container {}: {}{program}",
            container.number,
            runtime.unwrap_or_default()
        ),
        number: container.number,
        id: container.id,
        pid: Some(container.payload.pid),
        verdict: container.verdict,
        cases: container.items,
        notes,
        drift: container.drift,
        namespaces: container.namespaces,
        certificate: container.certificate,
    }
}
