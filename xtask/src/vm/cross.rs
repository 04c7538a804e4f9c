//! The tests as programs of another architecture. Owns what compiling them takes.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::architecture::Architecture;
use crate::exit::Unable;
use crate::setup::tools;
use crate::{route, shell};

/// Builds them, without debug information; gives the program `tracer` and all that cargo says of what it
/// has built, in JSON.
pub fn build(architecture: Architecture) -> Result<(PathBuf, String)> {
    ensure(architecture)?;
    let target = architecture.target();
    println!("vm: building the tests for {target}");
    let mut cargo = shell::cargo();
    cargo
        .env(
            format!(
                "CARGO_TARGET_{}_LINKER",
                target.to_uppercase().replace('-', "_")
            ),
            compiler(architecture),
        )
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env(
            "CARGO_TARGET_DIR",
            shell::root().join("target").join(architecture.name()),
        );
    shell::build_tests_by(cargo, &["--exclude", "xtask", "--target", target])
}

fn compiler(architecture: Architecture) -> String {
    format!("{}-gcc", architecture.tools())
}

/// Rust's standard library, a C compiler and C's, where they are missing.
fn ensure(architecture: Architecture) -> Result<()> {
    let target = architecture.target();
    if !has_std(target)? {
        println!(
            "setup: installing Rust's standard library for {target} with rustup: tests are built for it"
        );
        let rustup = route::find_program("rustup").ok_or_else(|| {
            Unable(format!(
                "the standard library for {target} is missing, and rustup, which would install it"
            ))
        })?;
        shell::run_quietly(Command::new(rustup).args(["target", "add", target]))
            .map_err(|error| Unable(format!("no standard library for {target}: {error:#}")))?;
    }
    let compiler = compiler(architecture);
    // It names a file that it has by its path, and one that it has not by its name.
    let start = shell::read(Command::new(&compiler).arg("-print-file-name=crt1.o"));
    if start.is_ok_and(|path| Path::new(path.trim()).is_absolute()) {
        return Ok(());
    }
    let packages = [
        format!("gcc-{}", architecture.tools()),
        format!("libc6-dev-{}-cross", architecture.name()),
    ];
    let why = "it links the tests and compiles the C that is in them";
    tools::install_packages(&compiler, &packages.each_ref().map(String::as_str), why)
}

fn has_std(target: &str) -> Result<bool> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let sysroot = shell::read(
        Command::new(rustc)
            .args(["--print", "sysroot"])
            .current_dir(shell::root()),
    )
    .context("rustc does not say where its libraries are")?;
    let libraries = Path::new(sysroot.trim()).join("lib/rustlib");
    Ok(libraries.join(target).join("lib").is_dir())
}
