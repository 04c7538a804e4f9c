//! The container runtimes that tests observe, and the browser that shows their reports. Owns which
//! packages they are in, and how the one is built that is in none. It must not fail where one cannot
//! be had, unless that one was asked for: the tests with it say so by name.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::apt::Apt;
use super::{announce, tools};
use crate::{route, shell};

/// A program, the package that it is in, and what the tests do with it.
struct Wanted {
    program: &'static str,
    package: &'static str,
    why: &'static str,
}

const fn wanted(program: &'static str, package: &'static str, why: &'static str) -> Wanted {
    Wanted {
        program,
        package,
        why,
    }
}

const WANTED: [Wanted; 14] = [
    wanted(
        "busybox",
        "busybox-static",
        "has the programs of their containers",
    ),
    wanted(
        "runc",
        "runc",
        "runs bundles, alone and below docker and podman",
    ),
    wanted("crun", "crun", "runs bundles in another way than runc does"),
    wanted("bwrap", "bubblewrap", "makes sandboxes without a bundle"),
    wanted(
        "lxc-execute",
        "lxc",
        "makes containers from a configuration file",
    ),
    wanted(
        "systemd-nspawn",
        "systemd-container",
        "makes containers from a folder",
    ),
    wanted("podman", "podman", "is an engine without a daemon"),
    wanted(
        "containerd",
        "containerd",
        "is what starts docker's containers",
    ),
    wanted("dockerd", "docker.io", "is an engine with a daemon"),
    // Only newer releases have the client apart from the daemon.
    wanted("docker", "docker-cli", "is that engine's client"),
    wanted(
        "apparmor_parser",
        "apparmor",
        "gives profiles to kernels that run AppArmor",
    ),
    wanted("ip", "iproute2", "gives network namespaces names"),
    wanted("newuidmap", "uidmap", "maps users for the engines"),
    wanted("chromium", "chromium", "shows the page of reports"),
];

/// Is in no package, and takes minutes to build: installed only where it is asked for.
const YOUKI: &str = "youki";
/// The version that the tests know: it is driven around a race of its own.
const YOUKI_VERSION: &str = "0.7.0";
/// All but the WebAssembly runtimes.
const YOUKI_FEATURES: &str = "v1,v2,systemd,seccomp";
/// What it is built with.
const YOUKI_NEEDS: [&str; 2] = ["libseccomp-dev", "pkg-config"];

/// Folders of programs for root, which the PATH of other users lacks.
const SBIN: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// Installs what is missing, as far as that can be done. Quiet when nothing is.
pub fn ensure() -> Result<()> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    // Tests with these runtimes need root as well: nobody else has a use for them.
    let reason = if shell::is_root()? {
        match Apt::find()? {
            Ok(mut apt) => {
                install(&mut apt, &missing);
                return Ok(());
            }
            Err(unusable) => unusable.reason(),
        }
    } else {
        "the tests with them need root"
    };
    println!("setup: without {}: {reason}", packages(&missing).join(" "));
    Ok(())
}

/// Builds and installs youki if it is not there.
pub fn ensure_youki() -> Result<()> {
    if is_there(YOUKI) {
        return Ok(());
    }
    match Apt::find()? {
        Ok(mut apt) => apt.install(&YOUKI_NEEDS, "youki is built with these")?,
        Err(unusable) => println!(
            "setup: building youki with whatever is here: {}",
            unusable.reason()
        ),
    }
    let crate_name = format!("{YOUKI}@{YOUKI_VERSION}");
    let why = "it runs bundles in yet another way; asked for by --youki";
    announce(&crate_name, "cargo (some minutes, once)", why);
    let mut install = tools::cargo_install();
    install
        .args([crate_name.as_str(), "--force", "--no-default-features"])
        .args(["--features", YOUKI_FEATURES]);
    shell::run(&mut install)
        .with_context(|| format!("cannot build youki; it needs {}", YOUKI_NEEDS.join(" and ")))
}

/// A line for each program that tests are without, by its name and the way to have it.
pub fn left_out() -> Vec<String> {
    let packages = missing().into_iter().map(|wanted| {
        let Wanted {
            program, package, ..
        } = wanted;
        format!("{program} is not installed (package {package})")
    });
    let youki = (!is_there(YOUKI)).then(|| {
        format!("{YOUKI} is not installed (`cargo xtask setup --youki` takes some minutes)")
    });
    packages.chain(youki).collect()
}

fn missing() -> Vec<&'static Wanted> {
    WANTED
        .iter()
        .filter(|wanted| !is_there(wanted.program))
        .collect()
}

fn is_there(program: &str) -> bool {
    route::find_program(program).is_some()
        || SBIN
            .iter()
            .any(|folder| Path::new(folder).join(program).is_file())
}

fn packages(wanted: &[&Wanted]) -> Vec<&'static str> {
    wanted.iter().map(|wanted| wanted.package).collect()
}

/// All at once, or, where one of them stands in the way of the others, one by one.
fn install(apt: &mut Apt, wanted: &[&Wanted]) {
    let offered: Vec<&Wanted> = wanted
        .iter()
        .copied()
        .filter(|wanted| apt.offers(wanted.package, (0, 0)).unwrap_or_default())
        .collect();
    let uses: Vec<String> = offered
        .iter()
        .map(|wanted| format!("{} {}", wanted.package, wanted.why))
        .collect();
    let why = format!(
        "tests observe container runtimes and look at reports ({})",
        uses.join(", ")
    );
    if !offered.is_empty() && apt.install(&packages(&offered), &why).is_err() {
        for wanted in offered {
            // Another package may have brought it.
            if is_there(wanted.program) {
                continue;
            }
            if let Err(error) = apt.install(&[wanted.package], wanted.why) {
                println!("setup: {error:#}");
            }
        }
    }
    let left = packages(&missing()).join(" ");
    if !left.is_empty() {
        println!("setup: going on without {left}: the tests with them say so");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_package_is_named_once() {
        let mut names = packages(&WANTED.iter().collect::<Vec<_>>());
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), WANTED.len());
    }

    #[test]
    fn a_program_of_a_name_that_nobody_has_is_not_there() {
        assert!(is_there("sh"));
        assert!(!is_there("no such program"));
    }
}
