//! `cargo xtask ci`: exactly what continuous integration runs, in its order. Owns the order; the
//! tests come last so that their summary is the last thing said.

use anyhow::{Context as _, Result};

use crate::{docs, lint, setup, test, tidy};

/// The command.
pub fn command() -> Result<()> {
    step("setup", || setup::ensure(&setup::TEST))?;
    step("tidy", tidy::command)?;
    step("lint", lint::command)?;
    step("docs --check", || {
        docs::command(&docs::Options { check: true })
    })?;
    step("test", || test::command(&test::Options::default()))
}

fn step(name: &'static str, task: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("==> cargo xtask {name}");
    task().with_context(|| format!("`cargo xtask {name}`"))
}
