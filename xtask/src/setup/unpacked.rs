//! A package that cannot be installed beside what is installed already: its files, and those of
//! what it depends on, in a folder of the project. Owns how apt is asked for them; it must not
//! change the system.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::shell;

const INSTALLED: &str = "/var/lib/dpkg/status";

/// Unpacks `package` into `folder`, which is there whole afterwards or not at all. An error where
/// nothing that is installed stands in its way: then this would not help.
pub fn unpack(package: &str, folder: &Path) -> Result<()> {
    let in_the_way = removed(&shell::read(apt_get().args(["--simulate", package]))?);
    if in_the_way.is_empty() {
        bail!("no installed package stands in the way of {package}");
    }
    println!(
        "setup: unpacking {package} into {}: to install it would remove {}",
        folder
            .strip_prefix(shell::root())
            .unwrap_or(folder)
            .display(),
        in_the_way.join(" ")
    );
    let work = folder.with_extension("new");
    remove(&work)?;
    let made = fetch(package, &in_the_way, &work)
        .and_then(|root| fs::rename(root, folder).context("cannot put it there"));
    made.and(remove(&work))
}

/// Asks as if those `in_the_way` were not installed; gives the folder that everything is in.
fn fetch(package: &str, in_the_way: &[String], work: &Path) -> Result<PathBuf> {
    let archives = work.join("archives");
    fs::create_dir_all(archives.join("partial"))?;
    let status =
        fs::read_to_string(INSTALLED).with_context(|| format!("cannot read {INSTALLED}"))?;
    let pretended = work.join("status");
    fs::write(&pretended, without(&status, in_the_way))?;
    let setting = |name: &str, path: &Path| format!("{name}={}", path.display());
    let mut download = apt_get();
    download.args(["-y", "-qq", "--download-only"]);
    download.args(["-o", &setting("Dir::State::status", &pretended)]);
    download.args(["-o", &setting("Dir::Cache::archives", &archives)]);
    shell::run_quietly(download.arg(package)).with_context(|| format!("cannot fetch {package}"))?;
    let root = work.join("root");
    for entry in fs::read_dir(&archives)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            shell::run_quietly(Command::new("dpkg").arg("-x").args([&path, &root]))?;
        }
    }
    Ok(root)
}

/// Without the rights that an installation takes: nothing of the system is changed, so its locks
/// are not needed either.
fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("LC_ALL", "C");
    command.args(["install", "--no-install-recommends"]);
    command.args(["-o", "Debug::NoLocking=true"]);
    command
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// Packages that a simulated installation removes.
fn removed(simulation: &str) -> Vec<String> {
    simulation
        .lines()
        .filter_map(|line| line.strip_prefix("Remv "))
        .filter_map(|rest| rest.split(' ').next())
        .map(str::to_owned)
        .collect()
}

/// The list of installed packages, a paragraph each, without those of that name.
fn without(status: &str, names: &[String]) -> String {
    let other = |paragraph: &&str| {
        let name = paragraph
            .lines()
            .find_map(|line| line.strip_prefix("Package: "));
        name.is_none_or(|name| !names.iter().any(|left_out| left_out == name))
    };
    let kept: Vec<&str> = status.split("\n\n").filter(other).collect();
    kept.join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_installation_removes_is_read_from_its_simulation() {
        let said =
            "Reading package lists...\nRemv tools [1:10.0.2] [x:amd64 ]\nInst y (1 D [amd64])\n";
        assert_eq!(removed(said), ["tools"]);
        assert!(removed("Inst y (1 D [amd64])\n").is_empty());
    }

    #[test]
    fn only_the_paragraphs_of_those_names_are_left_out() {
        let status =
            "Package: tools\nStatus: installed\n\nPackage: tools-more\nStatus: installed\n";
        assert_eq!(
            without(status, &["tools".to_owned()]),
            "Package: tools-more\nStatus: installed\n"
        );
        assert_eq!(without(status, &["too".to_owned()]), status);
    }
}
