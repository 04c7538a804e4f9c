//! `cargo xtask`: the project's own tasks. Owns the command line and the exit codes; each command is a file of its own.
//! It must not know how a container is run or judged: for that it runs the built `tracer`.

mod architecture;
mod bench;
mod build;
mod ci;
mod docs;
mod exit;
mod fuzz;
mod lint;
#[path = "../../tracer/build/route.rs"]
mod route;
mod run;
mod setup;
mod shell;
mod test;
mod tidy;
mod vm;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The project's own tasks, from a bare machine to a benchmark.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", after_help = exit::HELP)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what building needs and this machine lacks, saying what and why
    Setup(setup::Options),
    /// Build the release binary, eBPF programs included
    Build,
    /// Build, then run tracer as root: a demo container, or what follows `--`
    Run(run::Options),
    /// Build and run every test this machine can run
    Test(test::Options),
    /// Boot other kernels in virtual machines and run the tests that need root inside
    Vm(vm::Options),
    /// Check formatting and clippy's findings, in every crate
    Lint,
    /// Check the rules this repository sets itself
    Tidy,
    /// Write the generated tables in the documentation
    Docs(docs::Options),
    /// Measure against other tools
    Bench(bench::Options),
    /// Feed the parsers with what a fuzzer finds, ten minutes each
    Fuzz(fuzz::Options),
    /// Exactly what continuous integration runs
    Ci,
}

fn main() -> ExitCode {
    let result = match Cli::parse().task {
        Task::Setup(options) => setup::command(&options),
        Task::Build => build::command(),
        Task::Run(options) => run::command(&options),
        Task::Test(options) => test::command(&options),
        Task::Vm(options) => vm::command(&options),
        Task::Lint => lint::command(),
        Task::Tidy => tidy::command(),
        Task::Docs(options) => docs::command(&options),
        Task::Bench(options) => bench::command(&options),
        Task::Fuzz(options) => fuzz::command(&options),
        Task::Ci => ci::command(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            exit::code(&error).into()
        }
    }
}
