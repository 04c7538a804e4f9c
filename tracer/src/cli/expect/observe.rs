//! `tracer expect from`: one run observed, and the file that its container would have passed.
//! Owns that order.

use std::collections::BTreeSet;
use std::path::Path;

use clap::Args;

use crate::cli::run::{ReportArguments, options};
use crate::cli::verify::{of_verify, select};
use crate::cli::{Failure, exit, print, require_host, say};
use crate::expect::file::{self, observed::Observed};
use crate::host;
use crate::model::Devices;
use crate::verdict::{Container, Select, Verdict, judge_final};
use crate::verify::{self, Outcome, Request};

/// What the file is called where nobody sees it.
const NAME: &str = "observed";

/// Observe one run, and print the expectation file that its container would have passed.
#[derive(Args, Debug)]
pub struct ObserveArguments {
    /// Which container, as for `tracer verify`
    #[arg(long, default_value = "payloads", value_parser = select, value_name = "WHICH")]
    select: Select,
    /// A process, by name or number, that makes containers on behalf of the command
    #[arg(long, value_name = "NAME|PID")]
    daemon: Vec<String>,
    #[command(flatten)]
    report: ReportArguments,
    /// The command, with its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "CMD")]
    command: Vec<String>,
}

/// The command.
///
/// # Errors
/// No container, several, or what keeps a verification from starting.
pub fn run(arguments: &ObserveArguments) -> Result<u8, Failure> {
    require_host()?;
    let host =
        host::read(Path::new("/")).map_err(|error| Failure::new(exit::ENVIRONMENT, error))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(|error| Failure::new(exit::ERROR, format!("starting tokio failed: {error}")))?;
    let request = Request {
        command: arguments.command.clone(),
        expectations: Vec::new(),
        rules: None,
        enforce: false,
        select: arguments.select.clone(),
        daemons: arguments.daemon.clone(),
        wait: false,
        stdout_to_stderr: true,
        limiting: host.limiting(),
        hierarchies: host.hierarchies.clone(),
        collect: options(&arguments.report),
        tape: None,
    };
    let outcome = runtime
        .block_on(verify::execute(request))
        .map_err(|error| of_verify(&error))?;
    let judged: Vec<&Container> = outcome.judged().map(|(container, _)| container).collect();
    let container = match judged.as_slice() {
        [only] => only,
        [] => {
            return Err(Failure::new(
                exit::NO_CONTAINER,
                "the command made no container to observe",
            ));
        }
        several => {
            let count = several.len();
            return Err(Failure::new(
                exit::USAGE,
                format!("the command made {count} containers; choose one with --select"),
            ));
        }
    };
    print(&text(&outcome, container, &arguments.command)?)?;
    Ok(exit::PASS)
}

/// The lines that the container passes, and a word on those that it does not.
fn text(outcome: &Outcome, container: &Container, command: &[String]) -> Result<String, Failure> {
    let unknown = || Failure::new(exit::INCONCLUSIVE, "tracer's own facts are not known");
    let observation = &container.observation;
    let host = observation.host().ok_or_else(unknown)?;
    let certificate = &container.birth.certificate;
    let programs = outcome.session.model.device_programs();
    let devices = Devices::of(certificate, programs, []).ok();
    let observed = Observed::new(certificate, host, devices.as_ref());
    let title = format!(
        "What the kernel showed of {}",
        command.join(" ").escape_default()
    );
    let whole = observed.text(&title, &BTreeSet::new());
    let expectations =
        file::parse(&whole, NAME).map_err(|error| Failure::lines(exit::ERROR, error))?;
    let judgement = judge_final(&expectations, &outcome.session.model, observation);
    let failed = judgement
        .items
        .iter()
        .filter(|item| item.verdict != Verdict::Pass);
    let mut without = BTreeSet::new();
    for item in failed {
        let lines = item.origin.split(", ").filter_map(|origin| {
            let number = origin.strip_prefix(NAME)?.strip_prefix(':')?;
            number.parse::<usize>().ok()
        });
        without.extend(lines);
        if item.verdict == Verdict::Inconclusive {
            let reason = item.reason.as_deref().unwrap_or_default();
            say(&format!("{} is left out: {reason}", item.id));
        }
    }
    Ok(observed.text(&title, &without))
}
