//! Programs that tasks run besides the compilers: the test runner, and what a benchmark compares
//! with. Owns how cargo installs a program. It must not install what a task can do without loudly
//! failing for it.

use std::env;
use std::io::{IsTerminal as _, stderr};
use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use super::announce;
use super::apt::Apt;
use crate::exit::Unable;
use crate::{route, shell, vm};

/// The test runner's version that this project is tested with.
const NEXTEST: &str = "cargo-nextest@0.9.151";

/// Installs the test runner, or says that `cargo test` takes its place. It is built from source
/// only where a run must end whatever its tests do: that takes longer than all tests.
pub fn ensure_nextest() {
    if route::find_program("cargo-nextest").is_some() {
        return;
    }
    let why = "it runs the tests apart from each other and stops one that hangs";
    if binstall(NEXTEST, why) {
        return;
    }
    if env::var_os("CI").is_none() {
        println!(
            "setup: without cargo-nextest, which would stop a test that hangs: `cargo test` is \
             used instead (`cargo install --locked {NEXTEST}` to have it)"
        );
        return;
    }
    announce(NEXTEST, "cargo (some minutes, once)", why);
    let mut install = cargo_install();
    install.args([NEXTEST, "--no-default-features"]);
    if let Err(error) = shell::run(&mut install) {
        println!(
            "setup: cargo-nextest could not be installed, `cargo test` is used instead: {error:#}"
        );
    }
}

/// Installs the tools that tracer is measured beside; what uses them says which are not there.
pub fn ensure_observers() {
    for (program, package) in [
        ("bpftrace", "bpftrace"),
        ("execsnoop", "libbpf-tools"),
        ("perf", "linux-perf"),
        ("strace", "strace"),
    ] {
        if vm::find(program).is_some() {
            continue;
        }
        let why = "tracer is measured beside it";
        if let Err(error) = install_packages(program, &[package], why) {
            println!("setup: {error:#}");
        }
    }
}

/// Installs a package if its program is not there.
pub fn ensure_package(program: &str, package: &str, why: &str) -> Result<()> {
    if route::find_program(program).is_some() {
        return Ok(());
    }
    install_packages(program, &[package], why)
}

/// Installs packages for the sake of one thing, which is missing.
pub fn install_packages(missing: &str, packages: &[&str], why: &str) -> Result<()> {
    match Apt::find()? {
        Ok(mut apt) => apt.install(packages, why),
        Err(unusable) => bail!(Unable(format!(
            "{missing} is missing ({why}), and {}; install it and run this again",
            unusable.reason()
        ))),
    }
}

/// `cargo install` into cargo's own folder, whatever its configuration says, so that it is found
/// there again. These programs wait for tests, or for LLVM, most of the time: built in half the
/// time is worth more than running a little faster.
pub fn cargo_install() -> Command {
    let mut cargo = shell::cargo();
    cargo
        .args(["install", "--locked"])
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "256");
    if !stderr().is_terminal() {
        // Without a terminal there is no progress bar, only a line for each crate.
        cargo.arg("--quiet");
    }
    if let Some(home) = route::cargo_bin().as_deref().and_then(Path::parent) {
        cargo.arg("--root").arg(home);
    }
    cargo
}

/// Fetches a released program where cargo-binstall is installed; tells whether that worked.
pub fn binstall(crate_name: &str, why: &str) -> bool {
    let Some(binstall) = route::find_program("cargo-binstall") else {
        return false;
    };
    announce(crate_name, "cargo-binstall", why);
    match shell::run(Command::new(binstall).args(["--no-confirm", crate_name])) {
        Ok(()) => true,
        Err(error) => {
            eprintln!("setup: {error:#}");
            false
        }
    }
}
