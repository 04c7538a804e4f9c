//! What the tests came to on this machine's own kernel, which is one of the matrix like those of guests. Owns
//! where that is read from.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::Layout;
use super::plan::{Has, Plan};
use super::results::{self, Said};
use super::{image, runtimes};
use crate::exit::Unable;
use crate::shell;

/// Keeps what the tests on this machine's own kernel came to, by the file that their runner has written.
pub fn keep(junit: &Path) -> Result<()> {
    let kinds = fs::read_to_string("/proc/mounts").context("cannot read /proc/mounts")?;
    let has = |kind: &str| {
        kinds
            .lines()
            .any(|line| line.split(' ').nth(2) == Some(kind))
    };
    if !has("cgroup") || !has("cgroup2") {
        bail!(Unable(
            "results are kept of machines with both versions of cgroups alone: on others tests are \
             skipped, and the runner's file does not tell which"
                .to_owned()
        ));
    }
    let release = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let release = release.trim().split('-').next().unwrap_or_default();
    let series: Vec<&str> = release.splitn(3, '.').take(2).collect();
    let xml = fs::read_to_string(junit).context("cannot read the runner's JUnit file")?;
    let (_, messages) = shell::build_tests()?;
    let runtimes = runtimes::there(|program| image::find(program).is_some());
    let has = Has {
        runtimes: &runtimes,
        systemd: false,
    };
    let said = Said {
        name: &series.join("."),
        layout: Layout::Hybrid.name(),
        console: &results::console_of_junit(&xml, release),
        all: &Plan::make(&messages, &[], has)?.all,
        date: &today()?,
    };
    said.keep()
}

/// As `2026-11-25`.
pub(super) fn today() -> Result<String> {
    let date = shell::read(Command::new("date").args(["-u", "+%F"]))?;
    Ok(date.trim().to_owned())
}
