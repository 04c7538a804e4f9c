//! `cargo xtask lint`: formatting and clippy, with every warning an error. Owns which crates are
//! looked at and how; the choice of lints is the workspace's.

use anyhow::{Result, bail};

use crate::exit::Found;
use crate::{setup, shell};

const DENY: [&str; 3] = ["--", "--deny", "warnings"];

/// The command.
pub fn command() -> Result<()> {
    setup::ensure(&setup::BUILD)?;
    let mut format = shell::cargo();
    format.args(["fmt", "--all", "--check"]);

    let mut host = shell::cargo();
    host.arg("clippy")
        .args(shell::HOST_CRATES)
        .arg("--all-targets")
        .args(DENY);

    // The toolchain that compiles for the BPF target may come without clippy, so the programs are
    // looked at as host code. Nothing unwinds in the kernel, and without std nothing could.
    let kernel = ["", "log", "helper"].map(|features| {
        let mut kernel = shell::cargo();
        kernel
            .args(["clippy", "--locked", "--package", "tracer-ebpf", "--bins"])
            .args([
                "--config",
                "profile.dev.panic='abort'",
                "--features",
                features,
            ])
            .args(DENY);
        kernel
    });

    let mut failed = Vec::new();
    for mut check in [format, host].into_iter().chain(kernel) {
        // All of it in one go: what one finds does not keep the others from looking.
        if let Err(error) = shell::run(&mut check) {
            failed.push(error.to_string());
        }
    }
    if !failed.is_empty() {
        bail!(Found(failed.join("; ")));
    }
    println!("lint: nothing found");
    Ok(())
}
