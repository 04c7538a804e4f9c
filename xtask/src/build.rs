//! `cargo xtask build`: sets up, then builds the release binary. Owns nothing else.

use anyhow::Result;

use crate::{setup, shell};

/// The command.
pub fn command() -> Result<()> {
    setup::ensure(&setup::BUILD)?;
    let tracer = shell::build_release()?;
    println!("built {}", tracer.display());
    Ok(())
}
