//! `tracer run`: arguments to Spec, the run, the report to its sinks, the exit code. Owns that
//! order; what each part does is elsewhere.

mod account;
mod arguments;
mod request;

use std::{path::Path, time::Duration};

pub use arguments::RunArguments;
pub(in crate::cli) use arguments::{Format, ReportArguments, ring_size};
use request::RequestError;

use super::{Failure, exit, github, sink};
use crate::{
    cgroup::CgroupError,
    collect::{CollectError, Options, hooks::HookChoice},
    container::{Exit, LaunchError, Streams, cleanup::CleanupError, plan::PlanError, spec::Spec},
    host::{self, HostFacts},
    recording::Asked,
    report::{self, Report},
    run::{self, Outcome, RunError, RunOptions},
};

/// The command.
///
/// # Errors
/// What ends it before there is a verdict, with the exit code for it.
pub fn run(arguments: &RunArguments) -> Result<u8, Failure> {
    super::require_host()?;
    let host =
        host::read(Path::new("/")).map_err(|error| Failure::new(exit::ENVIRONMENT, error))?;
    let spec = request::spec(arguments, &host, run_id()?).map_err(|error| of_request(&error))?;
    // Before the run: a payload should not have run for a report that cannot be written.
    let subjects = arguments.report.files.subjects(&[])?;
    let files = arguments.report.files.prepare()?;
    let recorder = arguments.recorder.prepare(&arguments.report.files)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(|error| Failure::new(exit::ERROR, format!("starting tokio failed: {error}")))?;
    let gate = arguments.security.gate.into();
    let options = RunOptions {
        collect: arguments.kernel.set(options(&arguments.report)),
        gate,
        streams: streams(arguments.report.output)?,
        tape: recorder.tape(&host, &subjects, || Asked::Run {
            spec: Box::new(spec.clone()),
            gate,
        })?,
    };
    let mut outcome = runtime
        .block_on(run::execute(&spec, &host, options, |_| {}))
        .map_err(|error| of_run(&error))?;
    if let run::Payload::NotExecuted(error) = &outcome.payload {
        super::say(&error.to_string());
    }
    let mut report = document(&host, &spec, &outcome);
    report.subjects = subjects;
    let code = report.exit;
    if let Some(error) = &outcome.unswept {
        super::say(&format!("an earlier run has left something: {error}"));
    }
    let mut troubles = Vec::new();
    troubles.extend(sink::write(format(arguments.report.output), &report).err());
    troubles.extend(files.finish(&report));
    troubles.extend(github::tell(
        &report,
        is_for_programs(arguments.report.output),
    ));
    troubles.extend(recorder.finish(outcome.session.recorded.take()));
    troubles.extend(
        outcome
            .left_behind
            .map(|error| Failure::new(exit::ERROR, error)),
    );
    for trouble in &troubles {
        super::say(&trouble.text);
    }
    let verdict = outcome.judgement.verdict;
    Ok(if troubles.is_empty() {
        code
    } else {
        exit::of_trouble(verdict, code)
    })
}

pub(in crate::cli) fn options(arguments: &ReportArguments) -> Options {
    Options {
        ring_bytes: arguments.ring_size,
        log: arguments.debug_ebpf,
        ..Options::for_this_process()
    }
}

/// Whether standard output belongs to the report.
pub(in crate::cli) fn is_for_programs(format: Format) -> bool {
    matches!(format, Format::Json | Format::Jsonl)
}

/// Formats for programs have standard output to themselves: the payload's goes to standard error.
fn streams(format: Format) -> Result<Streams, Failure> {
    use std::os::fd::AsFd as _;
    if !is_for_programs(format) {
        return Ok(Streams::default());
    }
    let stdout = std::io::stderr()
        .as_fd()
        .try_clone_to_owned()
        .map_err(|error| {
            Failure::new(exit::ERROR, format!("duplicating stderr failed: {error}"))
        })?;
    Ok(Streams {
        stdout: Some(stdout),
        ..Streams::default()
    })
}

pub(in crate::cli) fn format(format: Format) -> report::Format {
    match format {
        Format::Compact => report::Format::Compact,
        Format::Table => report::Format::Table,
        Format::Json => report::Format::Json,
        Format::Jsonl => report::Format::Jsonl,
    }
}

/// `tracer-` and twelve random hex digits.
pub(in crate::cli) fn run_id() -> Result<String, Failure> {
    let mut bytes = [0_u8; 6];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()).map_err(
        |error| Failure::new(exit::ERROR, format!("reading random bytes failed: {error}")),
    )?;
    Ok(bytes
        .iter()
        .fold("tracer-".to_owned(), |id, byte| format!("{id}{byte:02x}")))
}

fn of_request(error: &RequestError) -> Failure {
    let code = match error {
        RequestError::Usage(_) => exit::USAGE,
        RequestError::File { .. } | RequestError::Absent(_) | RequestError::Seccomp(_) => {
            exit::ERROR
        }
    };
    Failure::new(code, error)
}

/// The one rule for what an error of the kernel side or of the runtime ends with.
pub(in crate::cli) fn of_run(error: &RunError) -> Failure {
    let code = match error {
        RunError::Plan(PlanError::NeedsRoot | PlanError::NoController { .. })
        | RunError::Launch(
            LaunchError::Clone { .. }
            | LaunchError::Cgroup(CgroupError::Make { .. } | CgroupError::Enable { .. }),
        )
        | RunError::Cleanup(CleanupError::State { .. }) => exit::ENVIRONMENT,
        RunError::Launch(LaunchError::Source { source, .. })
            if source.kind() == std::io::ErrorKind::PermissionDenied =>
        {
            exit::ENVIRONMENT
        }
        RunError::Plan(PlanError::CpusetOutside { .. } | PlanError::Seccomp(_)) => exit::ERROR,
        RunError::Plan(_) | RunError::Collect(CollectError::NoLog) => exit::USAGE,
        RunError::Collect(error) => super::doctor::code_of(error),
        RunError::Interrupted { signal } => signal.saturating_add(128),
        RunError::Launch(_) | RunError::Cleanup(_) | RunError::Signals(_) => exit::ERROR,
    };
    Failure::new(code, error)
}

/// The exit code, and how the payload fared.
fn ending(outcome: &Outcome) -> (u8, report::Payload) {
    let verdict = outcome.judgement.verdict;
    match &outcome.payload {
        run::Payload::NeverRan => (
            exit::of_run(verdict, exit::Payload::NeverRan),
            report::Payload::NeverRan,
        ),
        run::Payload::NotExecuted(error) => (
            exit::of_run(
                verdict,
                exit::Payload::NotExecuted {
                    found: error.found(),
                },
            ),
            report::Payload::NotExecuted {
                error: error.to_string(),
            },
        ),
        run::Payload::Ended(Exit::Code(code)) => (
            exit::of_run(verdict, exit::Payload::Exited(*code)),
            report::Payload::Exited { code: *code },
        ),
        run::Payload::Ended(Exit::Signal(signal)) => (
            exit::of_run(verdict, exit::Payload::Signaled(*signal)),
            report::Payload::Signaled {
                signal: i32::from(*signal),
            },
        ),
        run::Payload::Unknown => (
            exit::of_run(verdict, exit::Payload::NeverRan),
            report::Payload::Unknown,
        ),
    }
}

pub(in crate::cli) fn document(host: &HostFacts, spec: &Spec, outcome: &Outcome) -> Report {
    let (exit, payload) = ending(outcome);
    let session = &outcome.session;
    let input = report::Input {
        version: env!("CARGO_PKG_VERSION"),
        host,
        spec,
        model: &session.model,
        observation: &session.observation,
        judgement: &outcome.judgement,
        gate: outcome.gate.as_ref(),
        payload,
        exit,
        timing: timing(session, outcome.total),
        hooks: hooks(&session.hooks),
        omitted: session.omitted,
    };
    Report::new(
        input,
        session
            .steps
            .iter()
            .map(|step| (&step.event, step.changes.as_slice())),
    )
}

/// What each hook's choice reads like in a report.
pub(in crate::cli) fn hooks(choices: &[HookChoice]) -> Vec<report::Hook> {
    let hook = |choice: &HookChoice| report::Hook {
        name: choice.name.to_string(),
        chosen: choice.chosen.map(|way| way.name().to_owned()),
        refused: choice
            .refused
            .iter()
            .map(|(way, reason)| report::Refused {
                way: way.name().to_owned(),
                reason: reason.clone(),
            })
            .collect(),
    };
    choices.iter().map(hook).collect()
}

/// What it cost.
pub(in crate::cli) fn timing(session: &run::Ended, total: Duration) -> report::Timing {
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    report::Timing {
        attach_us: micros(session.attach),
        detach_us: micros(session.detach),
        total_us: micros(total),
    }
}
