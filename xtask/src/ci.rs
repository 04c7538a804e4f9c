//! `cargo xtask ci`: exactly what continuous integration runs, in its order. Owns the order: the
//! tests come last so that their summary is the last thing said, and what a step finds does not
//! keep the next ones from looking.

use anyhow::{Result, bail};

use crate::exit::Found;
use crate::{docs, lint, setup, test, tidy};

type Step = (&'static str, fn() -> Result<()>);

const STEPS: [Step; 4] = [
    ("tidy", tidy::command),
    ("lint", lint::command),
    ("docs --check", || {
        docs::command(&docs::Options { check: true })
    }),
    ("test", || test::command(&test::Options::default())),
];

/// The command.
pub fn command() -> Result<()> {
    announce("setup");
    setup::ensure(&setup::TEST)?;
    let mut failed = Vec::new();
    for (name, task) in STEPS {
        announce(name);
        if let Err(error) = task() {
            println!("{name}: {error:#}");
            failed.push(name);
        }
    }
    if !failed.is_empty() {
        bail!(Found(format!("failed: {}", failed.join(", "))));
    }
    Ok(())
}

fn announce(name: &str) {
    println!("==> cargo xtask {name}");
}
