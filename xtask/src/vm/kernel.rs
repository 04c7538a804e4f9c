//! The kernels that guests boot: those of xtask/kernels.json, fetched as packages and unpacked in a
//! folder of their own. Owns which version is the newest; it adds no package source and installs
//! nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::packages::Packages;
use crate::architecture::Architecture;
use crate::shell;

const LIST: &str = include_str!("../../kernels.json");

/// A kernel that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    pub name: String,
    pub architecture: Architecture,
    /// A package's name, with `*` for the version.
    package: String,
    why: String,
}

/// One that is there.
pub struct Fetched {
    pub image: PathBuf,
    pub package: String,
    /// Controllers that limits need and that v1 has not in this kernel.
    pub without_v1: Vec<&'static str>,
}

/// What a kernel of 6.12 and later may be built without (init/Kconfig), and which controller is
/// left to v2 then.
const OF_V1: [(&str, &str); 2] = [
    ("CONFIG_MEMCG_V1", "memory"),
    ("CONFIG_CPUSETS_V1", "cpuset"),
];

/// All kernels of the list.
pub fn all() -> Result<Vec<Kernel>> {
    parse(LIST).context("xtask/kernels.json")
}

fn parse(list: &str) -> Result<Vec<Kernel>> {
    let list: Vec<Value> = serde_json::from_str(list)?;
    let text = |entry: &Value, field: &str| {
        let text = entry[field].as_str().map(str::to_owned);
        text.with_context(|| format!("an entry without {field}: {entry}"))
    };
    list.iter()
        .map(|entry| {
            let architecture = entry["architecture"].as_str().unwrap_or("amd64");
            Ok(Kernel {
                name: text(entry, "name")?,
                architecture: Architecture::named(architecture)
                    .with_context(|| format!("no guest can be of {architecture}"))?,
                package: text(entry, "package")?,
                why: text(entry, "why")?,
            })
        })
        .collect()
}

impl Kernel {
    /// The newest that apt knows of, from the cache or fetched into it; else why there is none. `packages`
    /// are those of another architecture, where it is of one.
    pub fn fetch(
        &self,
        cache: &Path,
        packages: Option<&Packages>,
    ) -> Result<Result<Fetched, String>> {
        let (start, end) = self.package.split_once('*').unwrap_or((&self.package, ""));
        let known = match packages {
            Some(packages) => packages.names(start),
            None => shell::read(Command::new("apt-cache").args(["pkgnames", start])),
        };
        let known = known.unwrap_or_default();
        let Some(package) = newest(&known, start, end) else {
            return Ok(Err(format!("apt knows no package {}", self.package)));
        };
        let folder = cache.join(package);
        if let Some(fetched) = fetched(&folder, package)? {
            return Ok(Ok(fetched));
        }
        println!(
            "vm: fetching {package} with apt-get download: {}: {}",
            self.name, self.why
        );
        let unpacked = match packages {
            Some(packages) => packages.alone(package, &folder),
            None => unpack(package, &folder),
        };
        if let Err(error) = unpacked {
            return Ok(Err(format!("{package} cannot be had: {error:#}")));
        }
        let fetched = fetched(&folder, package)?;
        Ok(Ok(fetched.with_context(|| {
            format!("{package} holds no boot/vmlinuz")
        })?))
    }
}

/// Into a folder beside the real one first: one that is there is whole.
fn unpack(package: &str, folder: &Path) -> Result<()> {
    let begun = folder.with_extension("begun");
    if begun.exists() {
        fs::remove_dir_all(&begun)?;
    }
    fs::create_dir_all(&begun)?;
    let mut download = Command::new("apt-get");
    download.args(["download", "-qq", package]);
    shell::run_quietly(download.current_dir(&begun))?;
    let files = fs::read_dir(&begun)?;
    let file = files
        .filter_map(|file| Some(file.ok()?.path()))
        .find(|file| file.extension().is_some_and(|extension| extension == "deb"));
    let file = file.context("apt-get download left no package")?;
    shell::run_quietly(Command::new("dpkg").arg("-x").args([&file, &begun]))?;
    fs::remove_file(&file)?;
    fs::rename(&begun, folder)?;
    Ok(())
}

/// What is unpacked there.
fn fetched(folder: &Path, package: &str) -> Result<Option<Fetched>> {
    let Some(image) = in_boot(folder, "vmlinuz-") else {
        return Ok(None);
    };
    let config = in_boot(folder, "config-").context("a kernel without its configuration")?;
    Ok(Some(Fetched {
        image,
        package: package.to_owned(),
        without_v1: without_v1(&fs::read_to_string(config)?),
    }))
}

fn in_boot(folder: &Path, start: &str) -> Option<PathBuf> {
    let files = fs::read_dir(folder.join("boot")).ok()?;
    let mut files = files.filter_map(|file| Some(file.ok()?.path()));
    files.find(|file| {
        let name = file.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with(start))
    })
}

/// Older kernels know no such option and have v1 whole.
fn without_v1(config: &str) -> Vec<&'static str> {
    let off = |option: &str| {
        let line = format!("# {option} is not set");
        config.lines().any(|own| own == line)
    };
    let without = OF_V1.iter().filter(|(option, _)| off(option));
    without.map(|(_, controller)| *controller).collect()
}

/// The name with the highest version between these two.
fn newest<'a>(names: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let version = |name: &str| {
        let version = name.strip_prefix(start)?.strip_suffix(end)?;
        let numbers = version.split(|character: char| !character.is_ascii_digit());
        let numbers: Vec<u32> = numbers.filter_map(|number| number.parse().ok()).collect();
        (!numbers.is_empty()).then_some(numbers)
    };
    let versions = names
        .lines()
        .filter_map(|name| Some((version(name.trim())?, name.trim())));
    versions.max().map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_kernels_can_be_read_and_names_each_once() {
        let mut names: Vec<String> = all().unwrap().into_iter().map(|one| one.name).collect();
        assert!(names.len() >= 2);
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all().unwrap().len());
    }

    #[test]
    fn an_entry_without_a_reason_is_refused() {
        let list = r#"[{"name": "6.1", "package": "linux-image-6.1.*"}]"#;
        assert!(parse(list).unwrap_err().to_string().contains("why"));
    }

    #[test]
    fn an_architecture_that_no_guest_can_have_is_refused() {
        let list = r#"[{"name": "6.1", "architecture": "s390x", "package": "x", "why": "y"}]"#;
        assert!(format!("{:#}", parse(list).unwrap_err()).contains("s390x"));
    }

    #[test]
    fn what_v1_lacks_is_what_the_configuration_leaves_out() {
        let config = "CONFIG_MEMCG=y\n# CONFIG_MEMCG_V1 is not set\nCONFIG_CPUSETS_V1=y\n";
        assert_eq!(without_v1(config), ["memory"]);
        assert!(without_v1("CONFIG_MEMCG=y\nCONFIG_CPUSETS=y\n").is_empty());
    }

    #[test]
    fn the_newest_is_by_number_and_of_the_very_series() {
        let names = "linux-image-6.1.0-9-cloud-amd64\nlinux-image-6.1.0-56-cloud-amd64\n\
            linux-image-6.1.0-99-cloud-amd64-unsigned\nlinux-image-6.12.100+deb12-cloud-amd64\n\
            linux-image-6.1-cloud-amd64\n";
        assert_eq!(
            newest(names, "linux-image-6.1.", "-cloud-amd64"),
            Some("linux-image-6.1.0-56-cloud-amd64")
        );
        assert_eq!(
            newest(names, "linux-image-6.12.", "-cloud-amd64"),
            Some("linux-image-6.12.100+deb12-cloud-amd64")
        );
        assert_eq!(newest(names, "linux-image-5.", "-cloud-amd64"), None);
    }
}
