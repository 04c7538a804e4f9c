//! One guest: a kernel in a layout of cgroups, booted and judged. Owns what is said of it meanwhile.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;

use super::Layout;
use super::console::{self, Given};
use super::kernel::{Fetched, Kernel};
use super::machine::Machine;
use super::own;
use super::results::Said;
use super::system::System;
use crate::shell;

/// The kernel's words by which the tests are a service of systemd's, which says nothing between their lines.
const SYSTEMD: &str = "tracer.init=systemd systemd.unit=tracer-tests.service systemd.firstboot=off \
                       systemd.show_status=0 systemd.log_target=null";
/// After so many tests there is a word on how far it is.
const STRIDE: usize = 20;

/// One kernel about to be booted.
pub struct Guest<'a> {
    pub kernel: &'a Kernel,
    pub fetched: &'a Fetched,
    pub system: &'a System,
    pub layout: Layout,
    /// More words for the kernel.
    pub append: &'a str,
    pub systemd: bool,
}

impl Guest<'_> {
    /// Threads of this machine that it keeps busy.
    pub fn threads(&self) -> usize {
        self.system.accelerator.threads()
    }

    /// Boots it and shows what fails: whether it is green, and a line with what it came to.
    pub fn run(&self, folder: &Path, keep: bool) -> Result<(bool, String)> {
        let (name, layout) = (&self.kernel.name, self.layout.name());
        let planned = self.system.tests;
        let (init, file, first) = if self.systemd {
            let init = format!("{SYSTEMD} {}", self.layout.words());
            (init, "-systemd", ", systemd")
        } else {
            (String::new(), "", "")
        };
        let log = folder.join(format!("{name}-{layout}{file}.log"));
        let machine = format!("{name}, cgroup {layout}{first}");
        let emulated = Machine {
            architecture: self.system.architecture,
            emulator: &self.system.emulator,
            accelerator: &self.system.accelerator,
            kernel: &self.fetched.image,
            root: &self.system.root,
            words: &format!("tracer.cgroup={layout} {init} {}", self.append),
            log: &log,
        };
        println!("vm: {machine}: booting {}", self.fetched.package);
        let start = Instant::now();
        let mut ended = 0;
        let (said, end) = emulated.run(|line| {
            if console::is_news(line) {
                println!("{machine}: {}", line.trim_start_matches("tracer-vm "));
            }
            if console::is_end_of_test(line) {
                ended += 1;
                if ended % STRIDE == 0 && ended < planned {
                    println!("vm: {machine}: {ended} of {planned}");
                }
            }
        })?;
        let seconds = start.elapsed().as_secs();
        let given = Given {
            tests: planned,
            lacks: self.layout.lacks(),
        };
        let verdict = console::judge(&said, end, given);
        if keep {
            let said = Said {
                name,
                layout,
                console: &said,
                all: &self.system.all,
                date: &own::today()?,
            };
            said.keep()?;
        }
        let line = match &verdict {
            Ok(counts) => format!(
                "vm: {machine}: green: {} passed, {} skipped in {seconds} s",
                counts.passed, counts.skipped
            ),
            Err(red) => format!(
                "vm: {machine}: red: {red} ({seconds} s; all it said: {})",
                log.strip_prefix(shell::root()).unwrap_or(&log).display()
            ),
        };
        Ok((verdict.is_ok(), line))
    }
}
