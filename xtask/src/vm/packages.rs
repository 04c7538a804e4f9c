//! Packages of another architecture: apt's lists of them in a folder of the project, and what they hold,
//! unpacked. Owns how apt is asked; it must not change the system, which goes on knowing its own
//! architecture alone.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::architecture::Architecture;
use crate::shell;

/// Folders that Debian's packages have beside /usr and installed systems have in it.
const MERGED: [&str; 3] = ["bin", "sbin", "lib"];
/// Most of what packages hold, which no test wants.
const NOT_WANTED: [&str; 6] = [
    "boot",
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
    "usr/share/info",
    "usr/lib/aarch64-linux-gnu/gconv",
];

/// Is there once the lists are.
const FETCHED: &str = "fetched";

/// What apt offers for one architecture.
pub struct Packages {
    architecture: Architecture,
    folder: PathBuf,
}

impl Packages {
    /// Fetches the lists where there are none; old ones are fetched anew once they lead nowhere.
    pub fn of(architecture: Architecture, cache: &Path) -> Result<Self> {
        let own = Self {
            architecture,
            folder: cache.join("apt"),
        };
        fs::create_dir_all(own.folder.join("state/lists/partial"))?;
        // No package is installed.
        fs::write(own.folder.join("status"), "")?;
        if !own.folder.join(FETCHED).exists() {
            own.update()?;
        }
        Ok(own)
    }

    fn update(&self) -> Result<()> {
        let name = self.architecture.name();
        println!("vm: fetching apt's package lists for {name} into a folder of their own");
        shell::run_quietly(self.apt("apt-get").args(["update", "-qq"]))
            .with_context(|| format!("cannot fetch apt's package lists for {name}"))?;
        fs::write(self.folder.join(FETCHED), "")?;
        Ok(())
    }

    /// Fetches packages; a second time with new lists, as old ones name files that the mirror no longer has.
    fn fetch(&self, command: impl Fn() -> Command) -> Result<()> {
        if shell::run_quietly(&mut command()).is_ok() {
            return Ok(());
        }
        self.update()?;
        shell::run_quietly(&mut command())
    }

    fn apt(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("LC_ALL", "C");
        let name = self.architecture.name();
        let place = |part: &str| self.folder.join(part).display().to_string();
        for setting in [
            format!("APT::Architecture={name}"),
            format!("APT::Architectures={name}"),
            // As root, apt would fetch as a user of its own, who cannot write here.
            "APT::Sandbox::User=root".to_owned(),
            "Debug::NoLocking=true".to_owned(),
            format!("Dir::State={}", place("state")),
            format!("Dir::State::status={}", place("status")),
            format!("Dir::Cache={}", place("cache")),
        ] {
            command.args(["-o", &setting]);
        }
        command
    }

    /// Names of packages that begin so, a line each.
    pub fn names(&self, start: &str) -> Result<String> {
        shell::read(self.apt("apt-cache").args(["pkgnames", start]))
    }

    /// Fetches one package into a folder.
    pub fn download(&self, package: &str, folder: &Path) -> Result<()> {
        self.fetch(|| {
            let mut download = self.apt("apt-get");
            download.args(["download", "-qq", package]);
            download.current_dir(folder);
            download
        })
    }

    /// Unpacks packages, with all that they depend on, as the root of a system: into `folder`, which is there
    /// whole afterwards or not at all.
    pub fn system(&self, packages: &[&str], folder: &Path) -> Result<()> {
        let (list, wanted) = (folder.with_extension("packages"), packages.join("\n"));
        if folder.is_dir() && fs::read_to_string(&list).is_ok_and(|there| there == wanted) {
            return Ok(());
        }
        println!(
            "vm: fetching {} and what they need for {} with apt-get: a guest's programs",
            packages.join(" "),
            self.architecture.name()
        );
        // Of an earlier time there may be other versions.
        let cache = self.folder.join("cache");
        remove(&cache)?;
        fs::create_dir_all(cache.join("archives/partial"))?;
        self.fetch(|| {
            let mut download = self.apt("apt-get");
            download.args(["install", "-y", "-qq", "--download-only"]);
            download.args(["--no-install-recommends"]).args(packages);
            download
        })?;
        let begun = emptied(folder)?;
        for archive in archives(&cache.join("archives"))? {
            unpack(&archive, &begun)?;
        }
        merge(&begun)?;
        for part in NOT_WANTED {
            remove(&begun.join(part))?;
        }
        // What the packages' own scripts would choose.
        symlink("mawk", begun.join("usr/bin/awk")).context("cannot choose an awk")?;
        remove(folder)?;
        fs::rename(&begun, folder)?;
        fs::write(list, wanted)?;
        Ok(())
    }

    /// Unpacks one package alone, likewise.
    pub fn alone(&self, package: &str, folder: &Path) -> Result<()> {
        if folder.is_dir() {
            return Ok(());
        }
        let begun = emptied(folder)?;
        self.download(package, &begun)?;
        for archive in archives(&begun)? {
            unpack(&archive, &begun)?;
            fs::remove_file(archive)?;
        }
        fs::rename(&begun, folder)?;
        Ok(())
    }
}

/// The folder beside this one, new.
fn emptied(folder: &Path) -> Result<PathBuf> {
    let begun = folder.with_extension("begun");
    remove(&begun)?;
    fs::create_dir_all(&begun)?;
    Ok(begun)
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)
            .with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}

fn archives(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut archives = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            archives.push(path);
        }
    }
    Ok(archives)
}

fn unpack(archive: &Path, folder: &Path) -> Result<()> {
    shell::run_quietly(Command::new("dpkg").arg("-x").args([archive, folder]))
}

/// Moves what stands beside /usr into it and leaves links.
fn merge(root: &Path) -> Result<()> {
    for name in MERGED {
        let (beside, within) = (root.join(name), root.join("usr").join(name));
        if beside.is_dir() && !beside.is_symlink() {
            move_into(&beside, &within)?;
            fs::remove_dir(&beside)?;
        }
        if !beside.exists() {
            symlink(format!("usr/{name}"), &beside)?;
        }
    }
    Ok(())
}

/// All of one folder into another, where both have a folder, its content.
fn move_into(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() && target.is_dir() {
            move_into(&entry.path(), &target)?;
            fs::remove_dir(entry.path())?;
        } else {
            fs::rename(entry.path(), target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_beside_usr_is_in_it_afterwards() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        for (path, text) in [
            ("bin/sh", "shell"),
            ("usr/bin/env", "env"),
            ("lib/one/libc", "c"),
            ("usr/lib/one/libz", "z"),
        ] {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), text).unwrap();
        }
        merge(root).unwrap();
        for (path, text) in [
            ("bin/env", "env"),
            ("usr/bin/sh", "shell"),
            ("lib/one/libz", "z"),
            ("usr/lib/one/libc", "c"),
        ] {
            assert_eq!(fs::read_to_string(root.join(path)).unwrap(), text);
        }
        assert_eq!(
            fs::read_link(root.join("sbin")).unwrap(),
            Path::new("usr/sbin")
        );
    }
}
