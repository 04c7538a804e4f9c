//! `tracer record`: any command, observed and written down, and nothing judged. Owns that order;
//! what a recording holds is told by `info`.

mod info;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::{
    Failure, exit, kernel::KernelArguments, recorder::Recorder, run::ring_size, say, verify,
};
use crate::{
    collect::Options,
    container::gate::Exit,
    host,
    recording::Asked,
    verdict::Select,
    verify::{self as verification, Outcome, Request},
};

/// Run any command, and write down what the kernel records of it and all else that a verdict could
/// rest on, without judging it; the exit code is the command's own. `tracer replay` judges it later,
/// by whatever is expected then.
#[derive(Args, Debug)]
#[command(
    after_help = exit::HELP,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub struct RecordArguments {
    #[command(subcommand)]
    what: Option<What>,
    /// The recording
    #[arg(
        short = 'o',
        long,
        default_value = "recording.trace",
        value_name = "FILE"
    )]
    output: PathBuf,
    /// A process, by name or number, that makes containers on behalf of the command: dockerd,
    /// containerd, podman's service
    #[arg(long, value_name = "NAME|PID")]
    daemon: Vec<String>,
    /// Go on until every container has ended, and not only the command
    #[arg(long)]
    wait: bool,
    /// Size of the ring that records come up through
    #[arg(long, default_value = "4m", value_parser = ring_size, value_name = "SIZE")]
    ring_size: u32,
    #[command(flatten)]
    kernel: KernelArguments,
    /// The command, with its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "CMD")]
    command: Vec<String>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show what a recording holds: where and when it was made, of what, and whether it is whole
    Info(info::InfoArguments),
}

/// The command.
///
/// # Errors
/// What keeps the command from being run, or the recording from being written.
pub fn run(arguments: &RecordArguments) -> Result<u8, Failure> {
    if let Some(What::Info(arguments)) = &arguments.what {
        return info::run(arguments);
    }
    if arguments.command.first().is_none_or(String::is_empty) {
        return Err(Failure::new(
            exit::USAGE,
            "no program to record: its name is empty",
        ));
    }
    super::require_host()?;
    let host =
        host::read(Path::new("/")).map_err(|error| Failure::new(exit::ENVIRONMENT, error))?;
    let recorder = Recorder::create(&arguments.output)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(|error| Failure::new(exit::ERROR, format!("starting tokio failed: {error}")))?;
    let tape = recorder.tape(&host, &[], || Asked::Verify {
        args: arguments.command.clone(),
        expectations: Vec::new(),
        rules: Vec::new(),
        select: Select::default(),
        enforce: false,
    })?;
    let request = Request {
        command: arguments.command.clone(),
        expectations: Vec::new(),
        rules: None,
        enforce: false,
        select: Select::default(),
        daemons: arguments.daemon.clone(),
        wait: arguments.wait,
        stdout_to_stderr: false,
        limiting: host.limiting(),
        hierarchies: host.hierarchies.clone(),
        collect: arguments.kernel.set(Options {
            ring_bytes: arguments.ring_size,
            ..Options::for_this_process()
        }),
        tape,
    };
    let mut outcome = runtime
        .block_on(verification::execute(request))
        .map_err(|error| verify::of_verify(&error))?;
    if let Some(trouble) = recorder.finish(outcome.session.recorded.take()) {
        return Err(trouble);
    }
    say(&written(&arguments.output, &outcome));
    Ok(match outcome.exit {
        Some(Exit::Code(code)) => code,
        Some(Exit::Signal(signal)) => signal.saturating_add(128),
        None => exit::ERROR,
    })
}

/// What there is now, and what is missing in it.
fn written(path: &Path, outcome: &Outcome) -> String {
    let counters = &outcome.session.observation.counters;
    let (read, lost) = (counters.read.total(), counters.lost.total());
    let path = path.display();
    let missing = if lost > 0 || counters.scope_full > 0 {
        format!(
            ", {lost} lost, {} tasks or cgroups left out: what rests on them will be inconclusive (see \
             --ring-size)",
            counters.scope_full
        )
    } else {
        String::new()
    };
    format!(
        "{read} records in {path}{missing}; judge them with `tracer replay --expect FILE {path}`"
    )
}
