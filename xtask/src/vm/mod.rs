//! `cargo xtask vm`: the tests that need root, on other kernels, in virtual machines. Owns the order
//! and what is said; each step is a file of its own.

mod console;
mod cpio;
mod image;
mod kernel;
mod machine;
mod own;
mod plan;
pub mod results;
mod runtimes;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};

use self::console::Given;
pub use self::image::find;
use self::kernel::{Fetched, Kernel};
use self::machine::{Accelerator, Machine};
pub use self::own::keep as keep_own;
use self::plan::Plan;
use self::results::Said;
use self::runtimes::Runtime;
use crate::exit::{Found, Unable};
use crate::setup::emulator::Emulator;
use crate::{route, setup, shell};

/// The handful: one of each group of tests at least. Each must be there.
const SHORT: [&str; 13] = [
    "bad_input::in_a_pid_namespace_it_is_told",
    "cli::output::json_has_standard_output_to_itself",
    "launch::namespaces::all_eight_namespaces_are_new",
    "learn::a_shell_in_a_new_pid_namespace",
    "lifecycle::gate::",
    "loss::a_ring_of_one_page_keeps_the_gate_shut",
    "loss::losing_calls_alone",
    "sabotage::a_run_with_nothing_left_out_passes",
    "sabotage::cgroups::leaving_out_clone_into_cgroup",
    "truth::hooks::",
    "truth::ways::clone3_into_a_cgroup",
    "verify::drift::who_enters_from_outside",
    "verify::enforce::a_rule",
];
/// The kernel that they are run on, in v2, when nothing else is asked for.
const SHORT_KERNEL: &str = "6.12";
/// After so many tests there is a word on how far it is.
const STRIDE: usize = 20;

#[derive(Args, Default)]
pub struct Options {
    /// A kernel of xtask/kernels.json, by name; without any, all of them
    #[arg(long)]
    kernel: Vec<String>,
    /// How the guest's cgroups are laid out; without any, v2
    #[arg(long, value_enum)]
    cgroup: Vec<Layout>,
    /// Only a handful of tests of every group
    #[arg(long, conflicts_with = "filter")]
    short: bool,
    /// Every kernel in every layout, and none of them may be missing
    #[arg(long, conflicts_with_all = ["kernel", "cgroup"])]
    all: bool,
    /// More words for the kernel's command line, as lsm=selinux,bpf
    #[arg(long, value_name = "WORDS", conflicts_with_all = ["keep", "all"])]
    append: Option<String>,
    /// Keep what came of each group of tests that was run whole, in docs/kernels-tested.json
    #[arg(long)]
    keep: bool,
    /// Parts of names of tests, as in `truth::hooks`; without any, all that a guest can run
    #[arg(last = true)]
    filter: Vec<String>,
}

impl Options {
    /// Every test on every kernel in every layout of cgroups.
    pub fn everything() -> Self {
        Self {
            all: true,
            ..Self::default()
        }
    }

    /// A handful of tests on one kernel.
    pub fn handful() -> Self {
        Self {
            kernel: vec![SHORT_KERNEL.to_owned()],
            short: true,
            ..Self::default()
        }
    }

    fn layouts(&self) -> Vec<Layout> {
        if self.all {
            Layout::value_variants().to_vec()
        } else if self.cgroup.is_empty() {
            vec![Layout::V2]
        } else {
            self.cgroup.clone()
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Layout {
    /// One tree
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

    /// What a machine laid out so has not; tests that are about that are skipped there.
    fn lacks(self) -> Option<&'static str> {
        match self {
            Self::V2 => Some("cgroup v1"),
            Self::V1 => Some("cgroup v2"),
            Self::Hybrid => None,
        }
    }
}

/// The command.
pub fn command(options: &Options) -> Result<()> {
    prepare(options)?.run()
}

/// Machines that can be booted, with the tests that they are given.
pub struct Guests {
    folder: PathBuf,
    root: PathBuf,
    emulator: Emulator,
    accelerator: Accelerator,
    tests: usize,
    kernels: Vec<(Kernel, Fetched)>,
    layouts: Vec<Layout>,
    /// More words for the kernel.
    append: String,
    /// Names of all tests, where results are kept.
    keep: Option<Vec<String>>,
}

/// Builds, installs and fetches what the machines take, and says what is left out.
pub fn prepare(options: &Options) -> Result<Guests> {
    if cfg!(not(target_arch = "x86_64")) {
        bail!(Unable("the kernels of the list are for x86_64".to_owned()));
    }
    if route::skipped() {
        let skip = route::SKIP_VAR;
        bail!(Unable(format!("{skip} leaves out the eBPF programs")));
    }
    let kernels = chosen(kernel::all()?, &options.kernel)?;
    if let Err(error) = setup::ensure(&setup::VM) {
        bail!(Unable(format!("{error:#}")));
    }
    let folder = shell::root().join("target/vm");
    fs::create_dir_all(&folder).context("cannot make target/vm")?;

    // Not optimised: a guest's tests take as long with either, since most of their time is the kernel's.
    let (tracer, messages) = shell::build_tests()?;
    let short = SHORT.map(str::to_owned);
    let filter = if options.short {
        &short[..]
    } else {
        &options.filter
    };
    let runtimes = runtimes::there(|program| image::find(program).is_some());
    let plan = Plan::make(&messages, filter, &runtimes)?;
    for (suite, count) in &plan.left_out {
        println!("vm: left out: {count} tests of {suite}: the guest has not their runtimes");
    }
    let must = !options.kernel.is_empty() || options.all;
    let emulator = Emulator::find()?;
    let kernels = fetch(kernels, must, &folder)?;
    Ok(Guests {
        root: write_root(&plan, &tracer, &messages, &runtimes, &folder)?,
        accelerator: accelerator(&emulator, &kernels),
        emulator,
        tests: plan.count(),
        kernels,
        layouts: options.layouts(),
        append: options.append.clone().unwrap_or_default(),
        keep: options.keep.then_some(plan.all),
        folder,
    })
}

/// What works for the first of the kernels; without any, nothing is booted.
fn accelerator(emulator: &Emulator, kernels: &[(Kernel, Fetched)]) -> Accelerator {
    kernels.first().map_or_else(
        || Accelerator::Emulation("there is no kernel to try KVM with".to_owned()),
        |(_, fetched)| Accelerator::probe(emulator, &fetched.image),
    )
}

/// Those that can be had. One that was asked for, by name or with all others, `must` be.
fn fetch(kernels: Vec<Kernel>, must: bool, folder: &Path) -> Result<Vec<(Kernel, Fetched)>> {
    let mut there = Vec::new();
    for kernel in kernels {
        match kernel.fetch(folder)? {
            Ok(fetched) => there.push((kernel, fetched)),
            Err(reason) if must => bail!(Unable(format!("{}: {reason}", kernel.name))),
            Err(reason) => println!("vm: {}: skipped: {reason}", kernel.name),
        }
    }
    Ok(there)
}

impl Guests {
    /// Boots them one after the other.
    pub fn run(&self) -> Result<()> {
        let names: Vec<&str> = self.kernels.iter().map(|one| one.0.name.as_str()).collect();
        let layouts: Vec<&str> = self.layouts.iter().map(|layout| layout.name()).collect();
        println!(
            "vm: {} tests on {}, cgroup {}, {}",
            self.tests,
            names.join(", "),
            layouts.join(", "),
            self.accelerator
        );
        let (mut green, mut red) = (Vec::new(), Vec::new());
        for (kernel, fetched) in &self.kernels {
            for layout in &self.layouts {
                if matches!(layout, Layout::V1) && !fetched.without_v1.is_empty() {
                    println!(
                        "vm: {}, cgroup v1: skipped: this kernel is built without {} of v1, \
                         which limits need",
                        kernel.name,
                        fetched.without_v1.join(" and ")
                    );
                    continue;
                }
                let guest = Guest {
                    kernel,
                    fetched,
                    root: &self.root,
                    emulator: &self.emulator,
                    accelerator: &self.accelerator,
                    layout: *layout,
                    append: &self.append,
                };
                let (verdict, line) = guest.run(self.tests, &self.folder, self.keep.as_deref())?;
                println!("{line}");
                if verdict { &mut green } else { &mut red }.push(line);
            }
        }
        if green.len() + red.len() > 1 {
            println!("vm: in short:");
            for line in green.iter().chain(&red) {
                println!("  {line}");
            }
        }
        if !red.is_empty() {
            bail!(Found(red.join("; ")));
        }
        if green.is_empty() {
            bail!(Unable("none of the kernels can be booted so".to_owned()));
        }
        Ok(())
    }
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

fn write_root(
    plan: &Plan,
    tracer: &Path,
    messages: &str,
    runtimes: &[&Runtime],
    folder: &Path,
) -> Result<PathBuf> {
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
        runtimes: if plan.needs_runtimes() { runtimes } else { &[] },
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
    emulator: &'a Emulator,
    accelerator: &'a Accelerator,
    layout: Layout,
    append: &'a str,
}

impl Guest<'_> {
    /// Boots it and shows what fails: whether it is green, and a line with what it came to.
    fn run(
        &self,
        planned: usize,
        folder: &Path,
        keep: Option<&[String]>,
    ) -> Result<(bool, String)> {
        let (name, layout) = (&self.kernel.name, self.layout.name());
        let log = folder.join(format!("{name}-{layout}.log"));
        let machine = Machine {
            emulator: self.emulator,
            accelerator: self.accelerator,
            kernel: &self.fetched.image,
            root: self.root,
            words: &format!("tracer.cgroup={layout} {}", self.append),
            log: &log,
        };
        println!(
            "vm: {name}, cgroup {layout}: booting {}",
            self.fetched.package
        );
        let start = Instant::now();
        let mut ended = 0;
        let (said, end) = machine.run(|line| {
            if console::is_news(line) {
                println!("{line}");
            }
            if console::is_end_of_test(line) {
                ended += 1;
                if ended % STRIDE == 0 && ended < planned {
                    println!("vm: {name}, cgroup {layout}: {ended} of {planned}");
                }
            }
        })?;
        let seconds = start.elapsed().as_secs();
        let given = Given {
            tests: planned,
            lacks: self.layout.lacks(),
        };
        let verdict = console::judge(&said, end, given);
        if let Some(all) = keep {
            let said = Said {
                name,
                layout,
                console: &said,
                all,
                date: &own::today()?,
            };
            said.keep()?;
        }
        let line = match &verdict {
            Ok(counts) => format!(
                "vm: {name}, cgroup {layout}: green: {} passed, {} skipped in {seconds} s",
                counts.passed, counts.skipped
            ),
            Err(red) => format!(
                "vm: {name}, cgroup {layout}: red: {red} ({seconds} s; all it said: {})",
                log.strip_prefix(shell::root()).unwrap_or(&log).display()
            ),
        };
        Ok((verdict.is_ok(), line))
    }
}
