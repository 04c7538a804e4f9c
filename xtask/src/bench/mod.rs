//! `cargo xtask bench`: measurements against other tools. Owns the choice of benchmark; each is a
//! file of its own, the arithmetic is in `stats`.

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
}

/// The command.
pub fn command(options: &Options) -> Result<()> {
    match &options.what {
        Some(What::Startup(options)) => startup::command(options),
        None => startup::command(&startup::Options::default()),
    }
}
