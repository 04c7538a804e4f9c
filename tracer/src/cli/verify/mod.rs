//! `tracer verify`: expectations from their sources, the command, the report, the exit code. Owns
//! that order.

mod arguments;
mod sources;

use std::{io, path::Path};

pub use arguments::VerifyArguments;
pub(in crate::cli) use arguments::{SourceArguments, select};
pub(in crate::cli) use sources::{expectations, rules};

use super::run::{format, hooks, is_for_programs, options, timing};
use super::{Failure, doctor, exit, github, sink};
use crate::{
    container::gate::Exit,
    expect::rule::Rule,
    host::{self, HostFacts},
    model::Model,
    recording::Asked,
    report::{Verification, verification},
    verdict::{self, Container, Verdict},
    verify::{self, Outcome, Request, Rules, VerifyError},
};

/// The command.
///
/// # Errors
/// What ends it before there is a verdict, with the exit code for it.
pub fn run(arguments: &VerifyArguments) -> Result<u8, Failure> {
    if arguments.command.first().is_none_or(String::is_empty) {
        return Err(Failure::new(
            exit::USAGE,
            "no program to verify: its name is empty",
        ));
    }
    super::require_host()?;
    let host =
        host::read(Path::new("/")).map_err(|error| Failure::new(exit::ENVIRONMENT, error))?;
    let devices = |path: &str| host::device_files::at(Path::new(path)).unwrap_or_default();
    let expectations = expectations(&arguments.sources, &arguments.command, &host, &devices)?;
    let rules = rules(&arguments.sources.rule, &host)?;
    let subjects = arguments.report.files.subjects(&arguments.sources.bundle)?;
    let files = arguments.report.files.prepare()?;
    let recorder = arguments.recorder.prepare(&arguments.report.files)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(|error| Failure::new(exit::ERROR, format!("starting tokio failed: {error}")))?;
    let tape = recorder.tape(&host, &subjects, || Asked::Verify {
        args: arguments.command.clone(),
        expectations: expectations.clone(),
        rules: rules.iter().map(|rule| rule.text().to_owned()).collect(),
        select: arguments.select.clone(),
        enforce: arguments.enforce,
    })?;
    let request = Request {
        command: arguments.command.clone(),
        expectations,
        rules: judging(rules, &host),
        enforce: arguments.enforce,
        select: arguments.select.clone(),
        daemons: arguments.daemon.clone(),
        wait: arguments.wait,
        stdout_to_stderr: is_for_programs(arguments.report.output),
        limiting: host.limiting(),
        hierarchies: host.hierarchies.clone(),
        collect: arguments.kernel.set(options(&arguments.report)),
        tape,
    };
    let mut outcome = runtime
        .block_on(verify::execute(request))
        .map_err(|error| of_verify(&error))?;
    let mut report = document(&host, &arguments.command, &outcome);
    report.subjects = subjects;
    let code = report.exit;
    let mut troubles = Vec::new();
    troubles.extend(sink::write(format(arguments.report.output), &report).err());
    troubles.extend(files.finish(&report));
    troubles.extend(github::tell(
        &report,
        is_for_programs(arguments.report.output),
    ));
    troubles.extend(recorder.finish(outcome.session.recorded.take()));
    for trouble in &troubles {
        super::say(&trouble.text);
    }
    Ok(if troubles.is_empty() {
        code
    } else {
        exit::of_trouble(outcome.verdict, code)
    })
}

/// What rules add to the judgement of a container, where there are any.
pub(in crate::cli) fn judging(rules: Vec<Rule>, host: &HostFacts) -> Option<Rules> {
    if rules.is_empty() {
        return None;
    }
    let host = host.clone();
    Some(Rules(Box::new(
        move |container: &mut Container, model: &Model| {
            let certificate = verification::certificate_of(container, &host, model);
            verdict::judge_rules(container, &rules, &certificate);
        },
    )))
}

/// The exit code of what ends a verification before there is a verdict.
pub(in crate::cli) fn of_verify(error: &VerifyError) -> Failure {
    let code = match error {
        VerifyError::Collect(error) => doctor::code_of(error),
        VerifyError::Start { source, .. } => match source.kind() {
            io::ErrorKind::NotFound => exit::NOT_FOUND,
            io::ErrorKind::PermissionDenied => exit::NOT_EXECUTABLE,
            _ => exit::ERROR,
        },
        VerifyError::NoDaemon(_)
        | VerifyError::NoEngine
        | VerifyError::Wait { .. }
        | VerifyError::Signals(_)
        | VerifyError::Keeper(_) => exit::ERROR,
    };
    Failure::new(code, error)
}

fn what(outcome: &Outcome) -> verification::Outcome {
    if outcome.judged().next().is_some() {
        verification::Outcome::Judged
    } else if outcome.containers.iter().all(|one| one.stage) && outcome.exit != Some(Exit::Code(0))
    {
        verification::Outcome::CommandFailed
    } else {
        verification::Outcome::NoContainer
    }
}

/// A verdict that is not pass outranks whatever the command says.
fn code(outcome: &Outcome, what: verification::Outcome) -> u8 {
    match (outcome.verdict, what) {
        (Verdict::Inconclusive, _) => exit::INCONCLUSIVE,
        (_, verification::Outcome::NoContainer | verification::Outcome::CommandFailed) => {
            exit::NO_CONTAINER
        }
        (Verdict::Fail, _) => exit::FAIL,
        (Verdict::Pass, _) => match outcome.exit {
            Some(Exit::Code(code)) => code,
            Some(Exit::Signal(signal)) => signal.saturating_add(128),
            // A recording that is cut off does not pass.
            None => exit::INCONCLUSIVE,
        },
    }
}

/// The report of a verification.
pub(in crate::cli) fn document(
    host: &HostFacts,
    command: &[String],
    outcome: &Outcome,
) -> Verification {
    let what = what(outcome);
    let exit = code(outcome, what);
    let session = &outcome.session;
    let (code, signal) = match outcome.exit {
        Some(Exit::Code(code)) => (Some(code), None),
        Some(Exit::Signal(signal)) => (None, Some(signal)),
        None => (None, None),
    };
    let input = verification::Input {
        version: env!("CARGO_PKG_VERSION"),
        host,
        command: verification::Command {
            args: command.to_vec(),
            code,
            signal,
        },
        model: &session.model,
        containers: &outcome.containers,
        never_started: &outcome.never_started,
        verdict: outcome.verdict,
        outcome: what,
        exit,
        timing: timing(session, outcome.total),
        hooks: hooks(&session.hooks),
        omitted: session.omitted,
        observation: &session.observation,
    };
    let steps = session.steps.iter();
    Verification::new(
        input,
        steps.map(|step| (&step.event, step.changes.as_slice())),
    )
}
