//! `cargo xtask vm`: the tests that need root, on other kernels, in virtual machines. Owns the order
//! and what is said; each step is a file of its own.

mod console;
mod cpio;
mod image;
mod kernel;
mod machine;
mod plan;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};

use self::kernel::{Fetched, Kernel};
use self::machine::{Accelerator, Machine};
use self::plan::Plan;
use crate::exit::{Found, Unable};
use crate::{setup, shell};

/// The handful: every hook in every way, and the gate.
const SHORT: [&str; 2] = ["truth::hooks::", "lifecycle::gate::"];
/// After so many tests there is a word on how far it is.
const STRIDE: usize = 20;

#[derive(Args, Default)]
pub struct Options {
    /// A kernel of xtask/kernels.json, by name; without any, all of them
    #[arg(long)]
    kernel: Vec<String>,
    /// How the guest's cgroups are laid out
    #[arg(long, value_enum, default_value_t = Layout::V2)]
    cgroup: Layout,
    /// Only a handful of tests, which show that the programs load and read this kernel's objects
    #[arg(long, conflicts_with = "filter")]
    pub short: bool,
    /// Parts of names of tests, as in `truth::hooks`; without any, all that a guest can run
    #[arg(last = true)]
    filter: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Layout {
    /// One tree
    #[default]
    V2,
    /// A tree for each controller
    V1,
    /// A tree for each controller, and v2 for what is left
    Hybrid,
}

impl Layout {
    fn name(self) -> &'static str {
        match self {
            Self::V2 => "v2",
            Self::V1 => "v1",
            Self::Hybrid => "hybrid",
        }
    }
}

/// The command.
pub fn command(options: &Options) -> Result<()> {
    if cfg!(not(target_arch = "x86_64")) {
        bail!(Unable("the kernels of the list are for x86_64".to_owned()));
    }
    let kernels = chosen(kernel::all()?, &options.kernel)?;
    setup::ensure(&setup::VM)?;
    let folder = shell::root().join("target/vm");
    fs::create_dir_all(&folder).context("cannot make target/vm")?;

    let (tracer, messages) = shell::build_tests()?;
    let short = SHORT.map(str::to_owned);
    let filter = if options.short {
        &short[..]
    } else {
        &options.filter
    };
    let plan = Plan::make(&messages, filter)?;
    for (suite, count) in &plan.left_out {
        println!("vm: left out: {count} tests of {suite}: the guest has no other runtimes");
    }
    let root = write_root(&plan, &tracer, &messages, &folder)?;
    let accelerator = Accelerator::probe();
    let names: Vec<&str> = kernels.iter().map(|kernel| kernel.name.as_str()).collect();
    println!(
        "vm: {} tests on {}, cgroup {}, {accelerator}",
        plan.count(),
        names.join(", "),
        options.cgroup.name()
    );

    let (mut green, mut red) = (0, Vec::new());
    for kernel in &kernels {
        match kernel.fetch(&folder)? {
            // Asked for by name, a kernel that cannot be had is no matter of taste.
            Err(reason) if options.kernel.is_empty() => {
                println!("vm: {}: skipped: {reason}", kernel.name);
            }
            Err(reason) => bail!(Unable(format!("{}: {reason}", kernel.name))),
            Ok(fetched) => {
                let guest = Guest {
                    kernel,
                    fetched: &fetched,
                    root: &root,
                    accelerator: &accelerator,
                    layout: options.cgroup,
                };
                if guest.is_green(plan.count(), &folder)? {
                    green += 1;
                } else {
                    red.push(kernel.name.as_str());
                }
            }
        }
    }
    if !red.is_empty() {
        bail!(Found(format!("red: {}", red.join(", "))));
    }
    if green == 0 {
        bail!(Unable("none of the kernels can be had".to_owned()));
    }
    Ok(())
}

fn chosen(kernels: Vec<Kernel>, names: &[String]) -> Result<Vec<Kernel>> {
    if names.is_empty() {
        return Ok(kernels);
    }
    let known: Vec<String> = kernels.iter().map(|kernel| kernel.name.clone()).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
        bail!(Unable(format!(
            "there is no kernel {unknown:?}; there are {}",
            known.join(", ")
        )));
    }
    let chosen = |kernel: &Kernel| names.contains(&kernel.name);
    Ok(kernels.into_iter().filter(chosen).collect())
}

fn write_root(plan: &Plan, tracer: &Path, messages: &str, folder: &Path) -> Result<PathBuf> {
    let companions = plan::companions(messages);
    let init = companions
        .iter()
        .find(|program| program.file_name().is_some_and(|name| name == "guest"))
        .context("cargo did not build the guest's first process")?;
    let root = folder.join("root.cpio");
    let content = image::Content {
        plan,
        tracer,
        companions: &companions,
        init,
    };
    image::write(&content, &root).context("cannot make the guest's root")?;
    Ok(root)
}

/// One kernel about to be booted.
struct Guest<'a> {
    kernel: &'a Kernel,
    fetched: &'a Fetched,
    root: &'a Path,
    accelerator: &'a Accelerator,
    layout: Layout,
}

impl Guest<'_> {
    /// Boots it, shows what fails, and says in one line what it came to.
    fn is_green(&self, planned: usize, folder: &Path) -> Result<bool> {
        let (name, layout) = (&self.kernel.name, self.layout.name());
        let log = folder.join(format!("{name}-{layout}.log"));
        let machine = Machine {
            accelerator: self.accelerator,
            kernel: &self.fetched.image,
            root: self.root,
            words: &format!("tracer.cgroup={layout}"),
            log: &log,
        };
        println!("vm: {name}: booting {}", self.fetched.package);
        let start = Instant::now();
        let mut ended = 0;
        let (said, end) = machine.run(|line| {
            if console::is_news(line) {
                println!("{line}");
            }
            if console::is_end_of_test(line) {
                ended += 1;
                if ended % STRIDE == 0 && ended < planned {
                    println!("vm: {name}: {ended} of {planned}");
                }
            }
        })?;
        let seconds = start.elapsed().as_secs();
        let verdict = console::judge(&said, end, planned);
        match &verdict {
            Ok(counts) => println!(
                "vm: {name}, cgroup {layout}: green: {} passed in {seconds} s",
                counts.passed
            ),
            Err(red) => println!(
                "vm: {name}, cgroup {layout}: red: {red} ({seconds} s; all it said: {})",
                log.strip_prefix(shell::root()).unwrap_or(&log).display()
            ),
        }
        Ok(verdict.is_ok())
    }
}
