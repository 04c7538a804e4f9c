//! `cargo xtask run`: from a fresh clone to a running container in one command. Owns the demo's
//! options; what a container is, and the exit code, are tracer's.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::exit::Unable;
use crate::{setup, shell};

#[derive(Args)]
pub struct Options {
    /// Arguments for tracer; without any, a small demo container is run
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// What the demo's container does: show that it lives in a world of its own.
const PAYLOAD: &str = "\
echo \"pid:      $$\"; \
echo \"hostname: $(cat /proc/sys/kernel/hostname)\"; \
echo \"id:       $(id)\"; \
sed -n 's/^Cpus_allowed_list:[[:space:]]*/cpus:     /p' /proc/self/status";

const DEMO: [&str; 13] = [
    "run",
    "--hostname",
    "demo",
    "--cpuset-cpus",
    "0",
    "--memory",
    "64m",
    "--pids-limit",
    "32",
    "--",
    "/bin/sh",
    "-c",
    PAYLOAD,
];

/// The command. Comes back only with an error: tracer takes this process's place.
pub fn command(options: &Options) -> Result<()> {
    if !shell::is_root()? {
        return Err(Unable(format!(
            "running a container and loading eBPF programs needs root; run `{}`",
            shell::as_root("run")
        ))
        .into());
    }
    setup::ensure(&setup::BUILD)?;
    let program = shell::build_release()?;

    let mut tracer = Command::new(program);
    if options.arguments.is_empty() {
        tracer.args(DEMO);
    } else {
        tracer.args(&options.arguments);
    }
    // Cargo points it at Rust's own libraries, which is no business of a container's payload.
    tracer.env_remove("LD_LIBRARY_PATH");
    if let ([], [options @ .., _]) = (options.arguments.as_slice(), DEMO) {
        println!("running: tracer {} '...'", options.join(" "));
    }
    Err(tracer.exec()).with_context(|| format!("cannot run `{}`", shell::show(&tracer)))
}
