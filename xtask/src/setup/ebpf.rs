//! The compiler and the linker for the eBPF programs: which of them is missing, and the ways to
//! get it, cheapest first. Owns the pinned version of bpf-linker. What counts as being there is
//! decided in `route`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::apt::{Apt, Unusable};
use super::{announce, tools};
use crate::exit::Unable;
use crate::route::{self, LINKED, Missing, Route};
use crate::shell;

/// The linker's version that this project is built and tested with.
const LINKER_VERSION: &str = "0.13.0";
/// LLVM versions that version of the linker can be built with, best tried first.
const LINKER_LLVM: [u32; 3] = [22, 23, 21];
/// Oldest system compiler that will do: the workspace's rust-version.
const OLDEST_RUST: (u32, u32) = (1, 95);
/// Debian's packages of a Rust compiler with `core` compiled for BPF: the compiler kept current in
/// stable releases for browsers, then the ordinary one of newer releases.
const DEBIAN_RUST: [[&str; 3]; 2] = [
    ["rustc-web", "cargo-web", "libstd-rust-web-dev-bpf"],
    ["rustc", "cargo", "libstd-rust-dev-bpf"],
];

/// Makes sure that the eBPF programs can be built.
pub fn ensure() -> Result<()> {
    let mut facts = route::probe();
    if matches!(route::choose(&facts), Err(Missing::Compiler)) {
        install_compiler(facts.rustup.as_deref())?;
        facts = route::probe();
    }
    let route = match route::choose(&facts) {
        Ok(route) if linker_works(&route.linker) => return Ok(()),
        Ok(route) => {
            println!(
                "setup: {} is there but does not run",
                route.linker.display()
            );
            route
        }
        Err(Missing::Linker) => {
            // The compiler tells which LLVM the linker has to understand.
            facts.linker = Some(PathBuf::from("bpf-linker"));
            route::choose(&facts).map_err(|missing| still_missing(&missing))?
        }
        Err(missing) => return Err(still_missing(&missing)),
    };
    install_linker(&route)?;
    let route = route::choose(&route::probe()).map_err(|missing| still_missing(&missing))?;
    if !linker_works(&route.linker) {
        bail!("{} was installed but does not run", route.linker.display());
    }
    Ok(())
}

/// A linker that is there may still lack the LLVM library it was linked with.
pub fn linker_works(linker: &Path) -> bool {
    shell::succeeds(Command::new(linker).arg("--version"))
}

fn still_missing(missing: &Missing) -> anyhow::Error {
    Unable(missing.to_string()).into()
}

fn install_compiler(rustup: Option<&Path>) -> Result<()> {
    let why_not_apt = match Apt::find()? {
        Ok(mut apt) => {
            if install_debian_compiler(&mut apt, rustup)? {
                return Ok(());
            }
            "apt has none to install that is new enough"
        }
        Err(unusable) => unusable.reason(),
    };
    if rustup.is_some_and(install_nightly) {
        return Ok(());
    }
    bail!(Unable(format!(
        "no Rust compiler for {} here and no way to install one: {why_not_apt}, and rustup {}; install either a \
         nightly toolchain with its sources (`rustup toolchain install nightly --component rust-src`) or the Debian \
         packages {}, and run this again; or set {}=1 to build without the eBPF programs",
        route::target(),
        if rustup.is_some() {
            "could not fetch one"
        } else {
            "is not there"
        },
        DEBIAN_RUST[0].join(" "),
        route::SKIP_VAR,
    )))
}

/// Tells whether apt had them.
fn install_debian_compiler(apt: &mut Apt, rustup: Option<&Path>) -> Result<bool> {
    for packages in DEBIAN_RUST {
        let [compiler, _, core] = packages;
        if !apt.offers(compiler, OLDEST_RUST)? || !apt.offers(core, OLDEST_RUST)? {
            continue;
        }
        let why = format!(
            "a Rust compiler with `core` for {}, to compile the eBPF programs",
            route::target()
        );
        if let Err(error) = apt.install(&packages, &why) {
            // They conflict with an older Rust of Debian's own, which is not ours to remove.
            eprintln!("setup: {error:#}");
            continue;
        }
        if let Some(rustup) = rustup {
            announce(
                &format!("the toolchain name `{LINKED}`"),
                "rustup",
                "so that cargo can be told to use that compiler for the eBPF programs, and only for them",
            );
            shell::run(Command::new(rustup).args(["toolchain", "link", LINKED, "/usr"]))?;
        }
        return Ok(true);
    }
    Ok(false)
}

/// Tells whether it could be had: rustup's server may be out of reach.
fn install_nightly(rustup: &Path) -> bool {
    announce(
        "nightly with rust-src",
        "rustup",
        &format!(
            "a Rust compiler that can build `core` for {}",
            route::target()
        ),
    );
    let there =
        shell::succeeds(Command::new(rustup).args(["run", "nightly", "rustc", "--version"]));
    let mut command = Command::new(rustup);
    if there {
        // Adds to the nightly that is there; installing anew would update it under its owner.
        command.args(["component", "add", "rust-src", "--toolchain", "nightly"]);
    } else {
        command.args([
            "toolchain",
            "install",
            "nightly",
            "--profile",
            "minimal",
            "--component",
            "rust-src",
        ]);
    }
    match shell::run(&mut command) {
        Ok(()) => true,
        Err(error) => {
            eprintln!("setup: {error:#}");
            false
        }
    }
}

fn install_linker(route: &Route) -> Result<()> {
    let crate_name = format!("bpf-linker@{LINKER_VERSION}");
    let why = "cargo needs it to link the eBPF programs";
    if tools::binstall(&crate_name, why) {
        return Ok(());
    }
    let (major, prefix) = llvm(compiler_llvm(route)?)?;
    announce(&crate_name, "cargo (less than a minute)", why);
    let mut install = tools::cargo_install();
    install
        .args([crate_name.as_str(), "--force", "--no-default-features"])
        .args(["--features", &format!("llvm-{major}")])
        .env("LLVM_PREFIX", prefix);
    shell::run(&mut install).context("cannot build bpf-linker")
}

/// The major version of LLVM whose bitcode the compiler writes.
fn compiler_llvm(route: &Route) -> Result<u32> {
    let mut rustc = match (&route.toolchain, &route.rustup) {
        (Some(toolchain), Some(rustup)) => {
            let mut rustc = Command::new(rustup);
            rustc.args(["run", toolchain, "rustc"]);
            rustc
        }
        _ => Command::new("rustc"),
    };
    let version = shell::read(rustc.arg("-vV"))?;
    parse_llvm(&version).context("rustc -vV does not tell its LLVM version")
}

fn parse_llvm(version: &str) -> Option<u32> {
    let line = version
        .lines()
        .find_map(|line| line.strip_prefix("LLVM version: "))?;
    line.split('.').next()?.parse().ok()
}

/// An LLVM to build the linker with, at least as new as the compiler's, and where it is.
/// Installed if need be.
fn llvm(oldest: u32) -> Result<(u32, PathBuf)> {
    let majors: Vec<u32> = LINKER_LLVM
        .into_iter()
        .filter(|major| *major >= oldest)
        .collect();
    if let Some(found) = majors.iter().find_map(|major| installed_llvm(*major)) {
        return Ok(found);
    }
    let reason = match Apt::find()? {
        Ok(mut apt) => {
            for major in &majors {
                let package = format!("llvm-{major}-dev");
                if apt.offers(&package, (*major, 0))? {
                    let why = "LLVM's library and headers, to build bpf-linker";
                    apt.install(&[&package], why)?;
                    return installed_llvm(*major).with_context(|| {
                        format!("{package} is installed but its llvm-config was not found")
                    });
                }
            }
            "apt has none to install"
        }
        Err(unusable @ (Unusable::NotThere | Unusable::NotRoot)) => unusable.reason(),
    };
    let names: Vec<String> = majors.iter().map(u32::to_string).collect();
    let names = if names.is_empty() {
        oldest.to_string()
    } else {
        names.join(" or ")
    };
    bail!(Unable(format!(
        "bpf-linker is missing and cannot be built without LLVM {names}, and {reason}; install a released bpf-linker \
         {LINKER_VERSION} (`cargo binstall bpf-linker`) or LLVM's development files, and run this again; or set {}=1 to build without the eBPF programs",
        route::SKIP_VAR,
    )))
}

fn installed_llvm(major: u32) -> Option<(u32, PathBuf)> {
    let configs = [
        format!("/usr/lib/llvm-{major}/bin/llvm-config"),
        format!("llvm-config-{major}"),
        "llvm-config".to_owned(),
    ];
    configs.iter().find_map(|config| {
        let version = shell::read(Command::new(config).arg("--version")).ok()?;
        let is_it = version.split('.').next()?.trim().parse() == Ok(major);
        let prefix = shell::read(Command::new(config).arg("--prefix")).ok()?;
        let prefix = PathBuf::from(prefix.trim());
        // The tool may be there without the development files.
        (is_it && prefix.join("include/llvm-c").exists()).then_some((major, prefix))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiler_tells_its_llvm() {
        let version = "rustc 1.96.0\nhost: x86_64-unknown-linux-gnu\nLLVM version: 22.1.8\n";
        assert_eq!(parse_llvm(version), Some(22));
        assert_eq!(parse_llvm("rustc 1.96.0\n"), None);
    }
}
