//! The command line: one file a subcommand. Owns the grammar, the choice of exit code and what
//! is said when something is wrong.

pub mod doctor;
pub mod exit;
//LEARN pub mod learn;
pub mod run;
mod value;

use std::{fmt::Display, process::ExitCode};

use clap::{Parser, Subcommand};

/// A container runtime and kernel observer that proves isolation from what the kernel did.
#[derive(Debug, Parser)]
#[command(name = "tracer", version, about, after_help = exit::HELP, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create a container and prove from the kernel's own records that it is what was asked for
    Run(Box<run::RunArguments>),
    /// Show what this kernel offers, which hook is chosen for each fact, and what is lost without
    Doctor(doctor::DoctorArguments),
    /// Learn what a container is made of, by experiments with the kernel's own evidence
    //LEARN Learn(learn::LearnArguments),
    /// Print a generated part of the documentation
    #[command(hide = true)]
    Docs {
        /// Which: verdicts, events, hooks
        name: String,
    },
}

/// Something that ends the program before there is a verdict.
#[derive(Debug)]
pub struct Failure {
    /// Exit code, one of [`exit`].
    pub code: u8,
    /// One line for people.
    pub text: String,
}

impl Failure {
    /// With an exit code and whatever says why.
    pub fn new(code: u8, text: impl Display) -> Self {
        let text = format!("{text}");
        Self { code, text }
    }
}

/// The program.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors, yet clap hands them over as such. When even that
            // cannot be printed, the code still tells.
            let _unprinted = error.print();
            return ExitCode::from(if error.use_stderr() { exit::USAGE } else { exit::PASS });
        }
    };
    let result = match cli.command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        //LEARN Command::Learn(arguments) => learn::run(&arguments),
        Command::Docs { name } => docs(&name),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            anstream::eprintln!("tracer: {}", failure.text);
            ExitCode::from(failure.code)
        }
    }
}

/// Everything but help wants root: loading programs and reading every task's state.
///
/// # Errors
/// One sentence and the exit code for the environment.
pub fn require_root() -> Result<(), Failure> {
    if nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    Err(Failure::new(
        exit::ENVIRONMENT,
        "root is needed to load eBPF programs and to make cgroups; run it with sudo",
    ))
}

fn docs(name: &str) -> Result<u8, Failure> {
    let text = match name {
        "verdicts" => crate::expect::verdicts_markdown(),
        "events" => crate::event::catalog::events_markdown(),
        "hooks" => doctor::hooks_markdown(),
        "exit-codes" => format!("```text\n{}\n```\n", exit::HELP),
        _ => {
            return Err(Failure::new(
                exit::USAGE,
                format!("there is no generated part `{name}`; there are verdicts, events, hooks, exit-codes"),
            ));
        }
    };
    anstream::print!("{text}");
    Ok(exit::PASS)
}
