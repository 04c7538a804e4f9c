//! The container runtimes that tests observe, and the browser that shows their reports. Owns which packages they are in. It must
//! not fail where one cannot be had: the tests with that one say so by name.

use std::path::Path;

use anyhow::Result;

use super::apt::Apt;
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

const WANTED: [Wanted; 12] = [
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
    wanted("newuidmap", "uidmap", "maps users for the engines"),
    wanted("chromium", "chromium", "shows the page of reports"),
];

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
