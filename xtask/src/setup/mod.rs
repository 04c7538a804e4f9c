//! `cargo xtask setup`: looks at what is there, uses it, and installs only what is missing, saying
//! what and why. Owns the order and the words; it must not replace anything that already works.

mod apt;
mod ebpf;
pub mod emulator;
mod runtimes;
pub mod tools;
mod unpacked;

use anyhow::{Result, bail};
use clap::Args;

use crate::architecture::Architecture;
use crate::exit::Unable;
use crate::route;

#[derive(Args)]
pub struct Options {
    /// Only say what is missing; exit code 122 if anything is
    #[arg(long)]
    check: bool,
    /// Build and install youki as well, a container runtime that the tests observe where it is
    /// there: it is in no package, and takes some minutes
    #[arg(long, conflicts_with = "check")]
    youki: bool,
}

/// Something a task cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A compiler and a linker for the eBPF programs.
    Ebpf,
    /// The test runner. Where it cannot be had, `cargo test` does.
    Nextest,
    /// A container runtime to compare with.
    Crun,
    /// Programs for a container that need no libraries.
    Busybox,
    /// Container runtimes to observe. Tests with one that cannot be had say so.
    Runtimes,
    /// An emulator, for other kernels than the running one.
    Qemu,
    /// A C++ compiler, for the fuzzer.
    Cxx,
    /// Tools that observe what tracer does. A benchmark leaves out one that cannot be had, and says so.
    Observers,
}

/// For tasks that build.
pub const BUILD: [Need; 1] = [Need::Ebpf];
/// For tasks that test.
pub const TEST: [Need; 3] = [Need::Ebpf, Need::Nextest, Need::Runtimes];
/// For tasks that boot other kernels.
pub const VM: [Need; 3] = [Need::Ebpf, Need::Qemu, Need::Busybox];
/// For tasks that fuzz.
pub const FUZZ: [Need; 1] = [Need::Cxx];
/// For tasks that measure.
pub const BENCH: [Need; 3] = [Need::Ebpf, Need::Crun, Need::Busybox];
/// For the one that measures beside others.
pub const BENCH_AUDIT: [Need; 3] = [Need::Ebpf, Need::Busybox, Need::Observers];

/// The command.
pub fn command(options: &Options) -> Result<()> {
    if options.check {
        return check();
    }
    ensure(&TEST)?;
    if options.youki {
        runtimes::ensure_youki()?;
    }
    report();
    Ok(())
}

/// A line for each program that tests with container runtimes are without.
pub fn left_out() -> Vec<String> {
    runtimes::left_out()
}

/// Installs what of `needs` is missing. Quiet when nothing is.
pub fn ensure(needs: &[Need]) -> Result<()> {
    for need in needs {
        match need {
            Need::Ebpf if route::skipped() => {}
            Need::Ebpf => ebpf::ensure()?,
            Need::Nextest => tools::ensure_nextest(),
            Need::Runtimes => runtimes::ensure()?,
            Need::Qemu => {
                emulator::ensure(Architecture::Amd64)?;
                let why = "it unpacks those kernels, whose type information is tested";
                tools::ensure_package("xz", "xz-utils", why)?;
                tools::ensure_package("zstd", "zstd", why)?;
            }
            Need::Cxx => {
                let why = "libFuzzer, which finds the inputs, is written in it";
                tools::ensure_package("c++", "g++", why)?;
            }
            Need::Observers => tools::ensure_observers(),
            Need::Crun => tools::ensure_package("crun", "crun", "the runtime to compare with")?,
            Need::Busybox => {
                let why = "programs for a container's root folder that need no libraries";
                tools::ensure_package("busybox", "busybox-static", why)?;
            }
        }
    }
    Ok(())
}

fn check() -> Result<()> {
    report();
    match route::choose(&route::probe()) {
        Ok(route) if ebpf::linker_works(&route.linker) => Ok(()),
        Ok(route) => bail!(Unable(format!(
            "{} is there but does not run; run `cargo xtask setup` to install it anew",
            route.linker.display()
        ))),
        Err(missing) => {
            bail!(Unable(format!(
                "{missing}; run `cargo xtask setup` to install what is missing"
            )))
        }
    }
}

/// What the tasks will use, one line each.
fn report() {
    match route::choose(&route::probe()) {
        Ok(route) => {
            let toolchain = route.toolchain.as_deref().unwrap_or("the one on PATH");
            println!("eBPF compiler: {toolchain}");
            println!("eBPF linker:   {}", route.linker.display());
        }
        Err(missing) => println!("eBPF compiler: {missing}"),
    }
    let runner = route::find_program("cargo-nextest").map_or_else(
        || "cargo test".to_owned(),
        |nextest| nextest.display().to_string(),
    );
    println!("test runner:   {runner}");
    for without in left_out() {
        println!("without:       {without}");
    }
}

/// Says what is about to be installed, and why.
fn announce(what: &str, how: &str, why: &str) {
    println!("setup: installing {what} with {how}: {why}");
}
