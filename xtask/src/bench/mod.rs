//! `cargo xtask bench`: measurements against other tools, of the hooks, and of what becomes of records. Owns the choice
//! of benchmark; each is a file of its own, the arithmetic is in `stats`.

mod audit;
mod hooks;
mod replay;
mod startup;
mod stats;

use anyhow::Result;
use clap::{Args, Subcommand};

#[derive(Args)]
pub struct Options {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Subcommand)]
enum What {
    /// How long a container takes that runs one program and ends (the default)
    Startup(startup::Options),
    /// What the hook at every system call costs processes that nobody observes, by each way
    Hooks(hooks::Options),
    /// What `tracer audit` costs the kernel and the host, beside other tools, under load and at rest
    Audit(audit::Options),
    /// Records a second through decode, model, judgement and each report, and what an audit of many
    /// containers takes
    Replay(replay::Options),
}

/// The command.
pub fn command(options: &Options) -> Result<()> {
    match &options.what {
        Some(What::Startup(options)) => startup::command(options),
        Some(What::Hooks(options)) => hooks::command(options),
        Some(What::Audit(options)) => audit::command(options),
        Some(What::Replay(options)) => replay::command(options),
        None => startup::command(&startup::Options::default()),
    }
}
