//! `tracer doctor`: what this kernel offers, which hook is chosen for each fact and why, and
//! which expectations become inconclusive without it. Owns the words; the facts are `collect`'s.

use std::{fmt::Write as _, path::Path};

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::{Failure, exit, kernel::KernelArguments};
use crate::{
    collect::{
        CollectError, Collector, Options,
        cast::{self, Reads, ReadsChoice},
        hooks::{self, Hook, HookChoice, LEFT_OUT},
        offsets::OffsetError,
    },
    expect::catalog::{
        self,
        guarantee::{CHANGES, Guarantee, families},
    },
    host::{self, CgroupVersion},
};

/// Show what this kernel offers, which hook is chosen for each fact, and what is lost without.
#[derive(Args, Debug)]
#[command(after_help = exit::HELP)]
pub struct DoctorArguments {
    /// For people or for programs
    #[arg(short = 'o', long, value_enum, default_value_t = Format::Table)]
    output: Format,
    #[command(flatten)]
    kernel: KernelArguments,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// One document
    Json,
}

#[derive(Serialize)]
struct Findings<'a> {
    kernel: &'a str,
    machine: &'a str,
    hooks: Vec<HookFinding<'a>>,
    /// How the programs read the kernel's memory.
    reads: &'a ReadsChoice,
    enforcement: Enforcement<'a>,
    /// Members of kernel structures that are missing, and why.
    absent: &'a [(&'static str, String)],
    hierarchies: &'a [host::Hierarchy],
    clone_into_cgroup: bool,
    attach_us: u128,
    detach_us: u128,
    able: bool,
}

/// What `tracer verify --enforce` guarantees on this kernel.
#[derive(Serialize)]
struct Enforcement<'a> {
    /// The hook that refuses.
    guard: HookFinding<'a>,
    /// Expectations whose violation is stopped at the payload's exec, before its first instruction.
    held: Vec<&'static str>,
    /// Those that are told of at the end.
    detected: Vec<&'static str>,
    /// What becomes of each change of a container that was let go, where drift is denied.
    changes: Vec<ChangeFinding>,
}

#[derive(Serialize)]
struct ChangeFinding {
    what: &'static str,
    guarantee: Guarantee,
}

fn enforcement(guard: &HookChoice) -> Enforcement<'_> {
    let changes = CHANGES.iter().map(|change| ChangeFinding {
        what: change.what,
        guarantee: change.guarantee(guard.chosen.is_some()),
    });
    Enforcement {
        guard: finding(guard),
        held: families(Guarantee::Held),
        detected: families(Guarantee::Detected),
        changes: changes.collect(),
    }
}

#[derive(Serialize)]
struct HookFinding<'a> {
    #[serde(flatten)]
    choice: &'a HookChoice,
    fact: &'static str,
    since: &'static str,
    inconclusive_without: String,
}

/// Probes by doing: attaches every hook as a run would, then detaches.
pub fn run(arguments: &DoctorArguments) -> Result<u8, Failure> {
    super::require_host()?;
    let host = host::reader::read(Path::new("/"))
        .map_err(|error| Failure::new(exit::ENVIRONMENT, error))?;
    let options = Options {
        refuse: true,
        ..Options::for_this_process()
    };
    let mut collector = Collector::start(&arguments.kernel.set(options))
        .map_err(|error| Failure::new(code_of(&error), error))?;
    let hooks = collector
        .hooks()
        .map_err(|error| Failure::new(code_of(&error), error))?
        .to_vec();
    let guard = collector
        .guard()
        .map_err(|error| Failure::new(code_of(&error), error))?
        .cloned()
        .unwrap_or(HookChoice {
            name: hooks::GUARD.name.into(),
            chosen: None,
            refused: Vec::new(),
        });
    let (absent, attach) = (collector.absent.clone(), collector.attach_time);
    let reads = collector.reads.clone();
    let detach = collector.stop();
    let able = hooks.iter().all(|choice| choice.missing().is_empty());
    let findings = Findings {
        kernel: &host.kernel,
        machine: &host.machine,
        hooks: hooks.iter().map(finding).collect(),
        reads: &reads,
        enforcement: enforcement(&guard),
        absent: &absent,
        hierarchies: &host.hierarchies,
        clone_into_cgroup: host.unified().is_some(),
        attach_us: attach.as_micros(),
        detach_us: detach.as_micros(),
        able,
    };
    let text = match arguments.output {
        Format::Table => table(&findings),
        Format::Json => serde_json::to_string_pretty(&findings)
            .map(|text| text + "\n")
            .map_err(|error| Failure::new(exit::ERROR, error))?,
    };
    super::print(&text)?;
    Ok(if able { exit::PASS } else { exit::ENVIRONMENT })
}

/// The exit code of an error of the kernel side: what the machine lacks is the environment's.
pub fn code_of(error: &CollectError) -> u8 {
    match error {
        CollectError::Offsets(
            OffsetError::File { .. }
            | OffsetError::External { .. }
            | OffsetError::OtherKernel { .. },
        ) => exit::ERROR,
        CollectError::Offsets(_)
        | CollectError::Load(_)
        | CollectError::NoWay { .. }
        | CollectError::Interpreted
        | CollectError::PerhapsInterpreted(_)
        | CollectError::Reads(_) => exit::ENVIRONMENT,
        _ => exit::ERROR,
    }
}

fn of_choice(choice: &HookChoice) -> Option<&'static Hook> {
    hooks::all().find(|hook| hook.name == choice.name)
}

fn finding(choice: &HookChoice) -> HookFinding<'_> {
    let hook = of_choice(choice);
    HookFinding {
        choice,
        fact: hook.map_or("", |hook| hook.fact),
        since: hook.map_or("", |hook| hook.since),
        inconclusive_without: hook.map_or_else(String::new, inconclusive_without),
    }
}

/// The expectations that rest on a hook's records, and what else hangs on it.
fn inconclusive_without(hook: &Hook) -> String {
    let families = catalog::resting_on(hook.kinds);
    match (families.as_str(), hook.without) {
        ("", "") => "nothing: the timeline alone".to_owned(),
        ("", more) => more.to_owned(),
        (families, "") => families.to_owned(),
        (families, more) => format!("{families}; {more}"),
    }
}

fn table(findings: &Findings<'_>) -> String {
    let mut text = format!(
        "kernel {} ({})\n\nhooks\n",
        findings.kernel, findings.machine
    );
    for hook in &findings.hooks {
        let chosen = hook.choice.chosen.map_or("none", |way| way.name());
        let _infallible = writeln!(
            text,
            "  {:<20} {:<7} {}",
            hook.choice.name, chosen, hook.fact
        );
        for (way, why) in &hook.choice.refused {
            let refused = if why == LEFT_OUT { "" } else { " refused:" };
            let _infallible = writeln!(text, "  {:20} {}{refused} {why}", "", way.name());
        }
        if let (Some(way), Some((kind, _))) = (hook.choice.chosen, hook.choice.missing().first()) {
            let (way, lacks) = (way.name(), catalog::hook_name(*kind));
            let _infallible = writeln!(text, "  {:20} {way} does not tell of {lacks}", "");
        }
        if hook.choice.chosen.is_none() {
            let _infallible = writeln!(
                text,
                "  {:20} inconclusive: {}",
                "", hook.inconclusive_without
            );
        }
    }
    text.push_str("\nenforcement\n");
    let guard = &findings.enforcement.guard;
    let chosen = guard.choice.chosen.map_or("none", |way| way.name());
    let _infallible = writeln!(
        text,
        "  {:<20} {:<7} {}",
        guard.choice.name, chosen, guard.fact
    );
    for (way, why) in &guard.choice.refused {
        let _infallible = writeln!(text, "  {:20} {} refused: {why}", "", way.name());
    }
    let (held, prevented) = (Guarantee::Held.name(), findings.enforcement.changes.iter());
    let _infallible = writeln!(
        text,
        "  {held:<20} all that is judged at the payload's exec: nothing of it runs unless it passes"
    );
    for change in prevented {
        let _infallible = writeln!(text, "  {:<20} {}", change.guarantee.name(), change.what);
    }
    text.push_str("\nkernel structures\n");
    text.push_str(&how_read(findings.reads));
    if findings.absent.is_empty() {
        text.push_str("  every member that a record is read from was found in the kernel's BTF\n");
    }
    for (field, why) in findings.absent {
        let _infallible = writeln!(
            text,
            "  {field}: {why}; what is read from it is inconclusive"
        );
    }
    text.push_str("\ncgroup hierarchies\n");
    for hierarchy in findings.hierarchies {
        let version = match hierarchy.version {
            CgroupVersion::V1 => "v1",
            CgroupVersion::V2 => "v2",
        };
        let _infallible = writeln!(
            text,
            "  {:>3} {version} {:<24} {}",
            hierarchy.id,
            hierarchy.label(),
            hierarchy.mount_point.display()
        );
    }
    text.push_str(if findings.clone_into_cgroup {
        "  entry by CLONE_INTO_CGROUP: yes, there is a v2 hierarchy\n"
    } else {
        "  entry by CLONE_INTO_CGROUP: no, there is no v2 hierarchy\n"
    });
    let _infallible = write!(
        text,
        "\nattached in {:.1} ms, detached in {:.1} ms\n{}\n",
        millis(findings.attach_us),
        millis(findings.detach_us),
        if findings.able {
            "able: every fact can be told on this kernel"
        } else {
            "not able: see the hooks without a way above"
        }
    );
    text
}

fn how_read(reads: &ReadsChoice) -> String {
    match (reads.chosen, &reads.refused) {
        (Reads::Instruction, _) => format!("  read by instructions, through {}\n", cast::FUNCTION),
        (Reads::Helper, why) => {
            let why = why.as_deref().unwrap_or_default();
            format!("  read by a helper, which takes longer; not by instructions: {why}\n")
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "microseconds of a start, far below 2^52"
)]
fn millis(microseconds: u128) -> f64 {
    microseconds as f64 / 1000.0
}

/// The table of docs/kernel-support.md.
#[must_use]
pub fn hooks_markdown() -> String {
    let mut text = String::from(
        "| hook | tells | kernel prototype | since | ways, best first | inconclusive without it |\n\
         |---|---|---|---|---|---|\n",
    );
    for hook in hooks::all() {
        let ways = hook.ways.iter().map(|means| {
            let asked = if means.lacks.is_empty() {
                ""
            } else {
                " (only when asked for)"
            };
            format!("{}{asked}", means.way.name())
        });
        let ways: Vec<String> = ways.collect();
        let _infallible = writeln!(
            text,
            "| `{}` | {} | `{}` | {} | {} | {} |",
            hook.name,
            hook.fact,
            hook.prototype,
            hook.since,
            ways.join(", "),
            inconclusive_without(hook)
        );
    }
    text
}
