//! Debian packages, through apt. Owns how to become root for it and when to fetch the package
//! lists; which packages are wanted, and why, its callers know.

use std::io::{IsTerminal as _, stdin};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::{route, shell};

/// This machine's apt, with the right to install.
pub struct Apt {
    sudo: bool,
    lists_are_fresh: bool,
}

/// Why apt cannot be used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    NotThere,
    NotRoot,
}

impl Unusable {
    /// As the middle of a sentence.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NotThere => "this machine has no apt-get",
            Self::NotRoot => "installing packages needs root, and sudo is not at hand",
        }
    }
}

impl Apt {
    /// Looks for apt and for the right to use it.
    pub fn find() -> Result<Result<Self, Unusable>> {
        if route::find_program("apt-get").is_none() {
            return Ok(Err(Unusable::NotThere));
        }
        let root = shell::is_root()?;
        if !root && !can_sudo() {
            return Ok(Err(Unusable::NotRoot));
        }
        Ok(Ok(Self {
            sudo: !root,
            lists_are_fresh: false,
        }))
    }

    /// Can a package be installed, in at least that version (major, minor)? Fetches the package
    /// lists if they do not tell.
    pub fn offers(&mut self, package: &str, at_least: (u32, u32)) -> Result<bool> {
        if candidate(package)?.is_some_and(|version| version >= at_least) {
            return Ok(true);
        }
        if self.lists_are_fresh {
            return Ok(false);
        }
        self.update()?;
        Ok(candidate(package)?.is_some_and(|version| version >= at_least))
    }

    /// Installs packages. Never removes one: a package that conflicts with an installed one is an
    /// error.
    pub fn install(&mut self, packages: &[&str], why: &str) -> Result<()> {
        super::announce(&packages.join(" "), "apt", why);
        let first = self.try_install(packages);
        if first.is_ok() || self.lists_are_fresh {
            return first;
        }
        // Old lists name package files that the mirror no longer has.
        self.update()?;
        self.try_install(packages)
    }

    fn try_install(&self, packages: &[&str]) -> Result<()> {
        let mut install = self.apt_get();
        install.args([
            "install",
            "-y",
            "-qq",
            "--no-install-recommends",
            "--no-remove",
        ]);
        shell::run_quietly(install.args(packages))
            .with_context(|| format!("cannot install {}", packages.join(" ")))
    }

    fn update(&mut self) -> Result<()> {
        println!("setup: fetching apt's package lists: they are missing or old");
        self.lists_are_fresh = true;
        shell::run_quietly(self.apt_get().args(["update", "-qq"]))
            .context("cannot fetch apt's package lists")
    }

    fn apt_get(&self) -> Command {
        let mut command = if self.sudo {
            let mut sudo = Command::new("sudo");
            sudo.args(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
            sudo
        } else {
            let mut apt = Command::new("apt-get");
            apt.env("DEBIAN_FRONTEND", "noninteractive");
            apt
        };
        // Another apt at work is waited for, not failed on; a pseudo terminal only adds noise.
        command.args(["-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0"]);
        command
    }
}

/// With a terminal sudo may ask for the password; without one it must not need to.
fn can_sudo() -> bool {
    route::find_program("sudo").is_some()
        && (stdin().is_terminal() || shell::succeeds(Command::new("sudo").args(["-n", "true"])))
}

fn candidate(package: &str) -> Result<Option<(u32, u32)>> {
    // In the C locale the words are the ones `parse_candidate` looks for.
    let policy = shell::read(
        Command::new("apt-cache")
            .env("LC_ALL", "C")
            .args(["policy", package]),
    )?;
    Ok(parse_candidate(&policy))
}

/// Major and minor version of the candidate in what `apt-cache policy` prints.
fn parse_candidate(policy: &str) -> Option<(u32, u32)> {
    let version = policy
        .lines()
        .find_map(|line| line.trim().strip_prefix("Candidate: "))?;
    let upstream = version
        .split_once(':')
        .map_or(version, |(_epoch, upstream)| upstream);
    let mut numbers = upstream
        .split(|character: char| !character.is_ascii_digit())
        .map_while(|number| number.parse().ok());
    Some((numbers.next()?, numbers.next().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_candidate_is_read_with_and_without_an_epoch() {
        let policy = "rustc-web:\n  Installed: (none)\n  Candidate: 1.96.0+dfsg1-1~deb12u2\n";
        assert_eq!(parse_candidate(policy), Some((1, 96)));
        let policy = "llvm-22-dev:\n  Installed: (none)\n  Candidate: 1:22.1.8-1~deb12u1\n";
        assert_eq!(parse_candidate(policy), Some((22, 1)));
    }

    #[test]
    fn a_package_without_candidate_or_unheard_of_is_not_offered() {
        assert_eq!(
            parse_candidate("x:\n  Installed: (none)\n  Candidate: (none)\n"),
            None
        );
        assert_eq!(parse_candidate(""), None);
    }
}
