//! The command line: one file a subcommand. Owns the grammar, the choice of exit code and what
//! is said when something is wrong.

mod attest;
mod audit;
mod config;
mod diff;
pub mod doctor;
pub mod exit;
pub mod expect;
mod files;
mod github;
mod inspect;
mod kernel;
pub mod learn;
mod ps;
mod record;
mod recorder;
pub mod replay;
mod report;
pub mod run;
mod sink;
mod value;
mod verify;

use std::{
    fmt::Display,
    io::{self, Write as _},
    os::unix::fs::MetadataExt as _,
    process::ExitCode,
};

use clap::{Parser, Subcommand, error::ErrorKind};

use crate::report::escape::escape;

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
    /// Run any command and judge every container that it makes by the kernel's own records
    Verify(Box<verify::VerifyArguments>),
    /// Audit the whole host: every container that is born, what becomes of it, and its end
    Audit(Box<audit::AuditArguments>),
    /// Show the containers of the whole host as they come and go
    Top(audit::top::TopArguments),
    /// Show the configuration of `tracer audit` and where it comes from
    Config(config::ConfigArguments),
    /// Print the JSON Schema of the records of `tracer audit`
    Schema,
    /// Run any command and write down what the kernel records of it, to be judged later
    Record(Box<record::RecordArguments>),
    /// Judge a recording, as it was judged or by other expectations, without root and on any machine
    Replay(Box<replay::ReplayArguments>),
    /// Show where two containers differ: birth certificates, steps of set-up, time taken
    Diff(diff::DiffArguments),
    /// Compare several runs on one page, by their reports
    Report(report::MergeArguments),
    /// Sign attestations and verify signed ones
    Attest(attest::AttestArguments),
    /// Show who is there: containers, every namespace, every cgroup, in one look at the kernel's tasks
    Ps(ps::PsArguments),
    /// Show all that the kernel knows of a process now: its certificate
    Inspect(inspect::InspectArguments),
    /// Show what this kernel offers, which hook is chosen for each fact, and what is lost without
    Doctor(doctor::DoctorArguments),
    /// Learn what a container is made of, by experiments with the kernel's own evidence
    Learn(learn::LearnArguments),
    /// Look at expectation files, or print the JSON Schema of what they may hold
    Expect(expect::ExpectArguments),
    /// Kill who is held when tracer is killed; tracer starts it
    #[command(hide = true, name = crate::verify::keeper::WORD)]
    Keep,
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
    /// Lines to show below it, such as those of a file with a caret.
    pub below: Vec<String>,
}

impl Failure {
    /// With an exit code and whatever says why.
    pub fn new(code: u8, text: impl Display) -> Self {
        let text = format!("{text}");
        let below = Vec::new();
        Self { code, text, below }
    }

    /// Says it, and what comes of it, where it does not end the program.
    fn say(&self, so: &str) {
        say(&format!("{}; {so}", self.text));
        for line in &self.below {
            let line = format!("{}\n", escape(line));
            let _unheard = io::stderr().lock().write_all(line.as_bytes());
        }
    }

    /// With a text of which the first line says why and the others show it.
    pub fn lines(code: u8, text: impl Display) -> Self {
        let text = format!("{text}");
        let mut lines = text.lines().map(str::to_owned);
        Self {
            code,
            text: lines.next().unwrap_or_default(),
            below: lines.collect(),
        }
    }
}

/// The program.
#[must_use]
pub fn main() -> ExitCode {
    let line = match config::words(std::env::args_os().collect()) {
        Ok(line) => line,
        Err(failure) => return failed(&failure),
    };
    let cli = match Cli::try_parse_from(line) {
        Ok(cli) => cli,
        Err(error) => return not_parsed(&error),
    };
    let result = match cli.command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Audit(arguments) => audit::run(&arguments),
        Command::Top(arguments) => audit::top::run(&arguments),
        Command::Config(arguments) => config::run(&arguments),
        Command::Schema => audit::schema(),
        Command::Record(arguments) => record::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Diff(arguments) => diff::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Attest(arguments) => attest::run(&arguments),
        Command::Ps(arguments) => ps::run(&arguments),
        Command::Inspect(arguments) => inspect::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Learn(arguments) => learn::run(&arguments),
        Command::Expect(arguments) => expect::run(&arguments),
        Command::Docs { name } => docs(&name),
        Command::Keep => crate::verify::keeper::keep()
            .map(|()| exit::PASS)
            .map_err(|reason| Failure::new(exit::USAGE, reason)),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(failure) => failed(&failure),
    }
}

fn failed(failure: &Failure) -> ExitCode {
    say(&failure.text);
    for line in &failure.below {
        let line = format!("{}\n", escape(line));
        let _unheard = io::stderr().lock().write_all(line.as_bytes());
    }
    ExitCode::from(failure.code)
}

/// Help and version are no errors, yet clap hands them over as such.
fn not_parsed(error: &clap::Error) -> ExitCode {
    let help =
        !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if help {
        // When even that cannot be printed, the code still tells.
        let _unprinted = error.print();
    } else {
        say(&one_line(&error.render().to_string()));
    }
    ExitCode::from(if error.use_stderr() {
        exit::USAGE
    } else {
        exit::PASS
    })
}

/// clap's paragraphs as one line: what is wrong, its tips, and where to read on.
fn one_line(text: &str) -> String {
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let (wrong, usage) = text.split_once("Usage: ").unwrap_or((text, ""));
    let mut line = String::new();
    for part in wrong.lines().map(str::trim).filter(|part| !part.is_empty()) {
        if part.starts_with("For more information") {
            continue;
        }
        if !line.is_empty() {
            line.push_str(if line.ends_with(':') { " " } else { "; " });
        }
        line.push_str(part);
    }
    let command: Vec<&str> = usage
        .split_whitespace()
        .take_while(|word| word.starts_with(|first: char| first.is_ascii_lowercase()))
        .collect();
    if !command.is_empty() {
        line = format!("{line}; see `{} --help`", command.join(" "));
    }
    line
}

/// One line to people, whatever texts of others are in it. Where standard error leads nowhere,
/// the exit code has to do.
fn say(text: &str) {
    let line = format!("tracer: {}\n", escape(text));
    let _unheard = io::stderr().lock().write_all(line.as_bytes());
}

/// Prints to standard output. A reader that has gone away has seen what it wanted.
fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = anstream::stdout();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::new(
            exit::ERROR,
            format!("writing to standard output failed: {error}"),
        )),
        _ => Ok(()),
    }
}

/// Inode numbers of the machine's own namespaces (include/linux/proc_ns.h: `PROC_PID_INIT_INO`,
/// `PROC_TIME_INIT_INO`), and what is wrong in another.
const FIRST_NAMESPACES: [(&str, u64, &str); 2] = [
    (
        "pid",
        0xEFFF_FFFC,
        "tracer is in a PID namespace, where processes have other numbers than in the kernel's \
         records; run it on the host, or in a container with the host's (docker: --pid=host)",
    ),
    (
        "time",
        0xEFFF_FFFA,
        "tracer is in a time namespace, where processes have started at other times than in the \
         kernel's records; run it on the host, or in a container with the host's",
    ),
];

/// Everything but help wants root, for loading programs and for reading every task's state, and
/// wants to be on the machine itself: the kernel's records have its numbers of processes and its times.
///
/// # Errors
/// One sentence and the exit code for the environment.
pub fn require_host() -> Result<(), Failure> {
    if !nix::unistd::geteuid().is_root() {
        return Err(Failure::new(
            exit::ENVIRONMENT,
            "root is needed to load eBPF programs and to make cgroups; run it with sudo",
        ));
    }
    for (kind, first, wrong) in FIRST_NAMESPACES {
        // Without /proc there is worse to say, and the next who reads it does.
        let inside = std::fs::metadata(format!("/proc/self/ns/{kind}"))
            .is_ok_and(|namespace| namespace.ino() != first);
        if inside {
            return Err(Failure::new(exit::ENVIRONMENT, wrong));
        }
    }
    Ok(())
}

fn docs(name: &str) -> Result<u8, Failure> {
    let text = match name {
        "verdicts" => crate::expect::verdicts_markdown(),
        "not-observed" => crate::expect::from_bundle::not_observed_markdown(),
        "events" => crate::event::catalog::events_markdown(),
        "hooks" => doctor::hooks_markdown(),
        "guarantees" => crate::expect::catalog::guarantee::markdown(),
        "exit-codes" => format!("```text\n{}\n```\n", exit::HELP),
        _ => {
            return Err(Failure::new(
                exit::USAGE,
                format!(
                    "there is no generated part `{name}`; there are verdicts, not-observed, events, hooks, guarantees, exit-codes"
                ),
            ));
        }
    };
    print(&text).map(|()| exit::PASS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_is_sound() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    fn refusal(words: &[&str]) -> String {
        one_line(
            &Cli::try_parse_from(words)
                .expect_err("a refusal")
                .render()
                .to_string(),
        )
    }

    #[test]
    fn what_clap_says_in_paragraphs_becomes_one_line() {
        let line = refusal(&["tracer", "run", "--bogus", "true"]);
        assert_eq!(
            line,
            "unexpected argument '--bogus' found; tip: to pass '--bogus' as a value, use \
             '-- --bogus'; see `tracer run --help`"
        );
        let line = refusal(&["tracer", "run"]);
        assert_eq!(
            line,
            "the following required arguments were not provided: <CMD>...; see `tracer run --help`"
        );
    }

    #[test]
    fn a_wrong_value_says_which_are_right() {
        let line = refusal(&["tracer", "run", "--gate", "bogus", "true"]);
        assert!(
            line.contains("'bogus'") && line.contains("enforce, warn, off"),
            "{line}"
        );
        let line = refusal(&["tracer", "run", "--memory", "x", "true"]);
        assert!(line.contains("write bytes"), "{line}");
        assert!(!line.contains("For more"), "{line}");
    }
}
