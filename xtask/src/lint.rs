//! `cargo xtask lint`: formatting and clippy, with every warning an error. Owns which crates are
//! looked at and how; the choice of lints is the workspace's.

use anyhow::Result;

use crate::{setup, shell};

/// The command.
pub fn command() -> Result<()> {
    setup::ensure(&setup::BUILD)?;
    shell::run(shell::cargo().args(["fmt", "--all", "--check"]))?;

    shell::run(shell::cargo().arg("clippy").args(shell::HOST_CRATES).args([
        "--all-targets",
        "--",
        "--deny",
        "warnings",
    ]))?;

    // The toolchain that compiles for the BPF target may come without clippy, so the programs are
    // looked at as host code. Nothing unwinds in the kernel, and without std nothing could.
    for features in ["", "log"] {
        shell::run(
            shell::cargo()
                .args(["clippy", "--locked", "--package", "tracer-ebpf", "--bins"])
                .args([
                    "--features",
                    features,
                    "--config",
                    "profile.dev.panic='abort'",
                ])
                .args(["--", "--deny", "warnings"]),
        )?;
    }
    println!("lint: nothing found");
    Ok(())
}
