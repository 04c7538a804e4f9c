//! `cargo xtask vm`: the tests that need root, on other kernels, in virtual machines. Owns the order
//! and what is said; each step is a file of its own.

mod console;
mod cpio;
mod cross;
mod guest;
mod image;
mod kernel;
mod machine;
mod own;
mod packages;
mod plan;
pub mod results;
mod runtimes;
mod system;
mod turns;

use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};

use self::guest::Guest;
pub use self::image::find;
use self::kernel::Kernel;
pub use self::machine::leashed;
pub use self::own::keep as keep_own;
use self::system::{Request, System};
use crate::architecture::Architecture;
use crate::exit::{Found, Unable};
use crate::{route, setup, shell};

/// The handful: one of each group of tests at least. Each must be there.
const SHORT: [&str; 14] = [
    "audit::enforced::nothing_runs_of_a_payload",
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
/// The kernels that they are run on, in v2, when nothing else is asked for: each has a verifier of its own, which may
/// refuse what the others take.
const SHORT_KERNELS: [&str; 2] = ["6.1", "6.12"];
/// The kernel that systemd is booted on.
const SYSTEMD_KERNEL: &str = "6.12";
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
    /// Boot systemd, and run the tests that want it as the first process, or those of the filter
    #[arg(long, conflicts_with_all = ["keep", "all", "short"])]
    systemd: bool,
    /// So many guests at once; without it, as many as the machine has processors and memory for
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Keep what came of each group of tests that was run whole, in docs/kernels-tested.json
    #[arg(long)]
    keep: bool,
    /// Parts of names of tests, as in `truth::hooks`; without any, all that a guest can run
    #[arg(last = true)]
    filter: Vec<String>,
}

impl Options {
    /// Every test on every kernel in every layout of cgroups.
    pub fn everything(keep: bool) -> Self {
        Self {
            all: true,
            keep,
            ..Self::default()
        }
    }

    /// A handful of tests on a few kernels.
    pub fn handful() -> Self {
        Self {
            kernel: SHORT_KERNELS.map(str::to_owned).to_vec(),
            short: true,
            jobs: Some(NonZeroUsize::MIN),
            ..Self::default()
        }
    }

    /// What systemd is the first process for.
    pub fn systemd() -> Self {
        Self {
            kernel: vec![SYSTEMD_KERNEL.to_owned()],
            systemd: true,
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

    /// The kernel's words by which systemd lays cgroups out so (kernel-command-line(7) of systemd).
    fn words(self) -> &'static str {
        match self {
            Self::V2 => "systemd.unified_cgroup_hierarchy=1",
            Self::V1 => {
                "systemd.unified_cgroup_hierarchy=0 systemd.legacy_systemd_cgroup_controller=1"
            }
            Self::Hybrid => "systemd.unified_cgroup_hierarchy=0",
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
    systems: Vec<System>,
    layouts: Vec<Layout>,
    /// More words for the kernel.
    append: String,
    systemd: bool,
    /// Whether results are kept.
    keep: bool,
    /// How many at once; `None` = as many as there is room for.
    jobs: Option<NonZeroUsize>,
}

/// Builds, installs and fetches what the machines take, and says what is left out.
pub fn prepare(options: &Options) -> Result<Guests> {
    if cfg!(not(target_arch = "x86_64")) {
        bail!(Unable(
            "guests are made from programs of an x86_64 machine".to_owned()
        ));
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

    // Of the profile that tests have everywhere: most of their time is the kernel's.
    let (tracer, messages) = shell::build_tests()?;
    let short = SHORT.map(str::to_owned);
    let must = !options.kernel.is_empty() || options.all;
    let mut systems = Vec::new();
    // Those that take longest first: none of them is then left to end alone.
    for architecture in [Architecture::Arm64, Architecture::Amd64] {
        let of_it = |kernel: &&Kernel| kernel.architecture == architecture;
        let request = Request {
            filter: if options.short {
                &short[..]
            } else {
                &options.filter
            },
            kernels: kernels.iter().filter(of_it).cloned().collect(),
            systemd: options.systemd,
            must,
            folder: &folder,
            built: (&tracer, &messages),
        };
        if request.kernels.is_empty() {
            continue;
        }
        let system = match architecture {
            Architecture::Amd64 => System::of_this_machine(&request),
            Architecture::Arm64 if options.systemd => continue,
            Architecture::Arm64 => System::of_another(architecture, &request),
        };
        match system {
            Ok(system) => systems.push(system),
            Err(error) if !must && error.is::<Unable>() => {
                println!("vm: {}: skipped: {error:#}", architecture.name());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Guests {
        folder,
        systems,
        layouts: options.layouts(),
        append: options.append.clone().unwrap_or_default(),
        systemd: options.systemd,
        keep: options.keep,
        jobs: options.jobs,
    })
}

impl Guests {
    /// Boots them, as many at once as there is room for.
    pub fn run(&self) -> Result<()> {
        let layouts: Vec<&str> = self.layouts.iter().map(|layout| layout.name()).collect();
        for system in &self.systems {
            let names = system.kernels.iter().map(|one| one.0.name.as_str());
            println!(
                "vm: {} tests on {}, cgroup {}, {}",
                system.tests,
                names.collect::<Vec<_>>().join(", "),
                layouts.join(", "),
                system.accelerator
            );
        }
        let guests = self.guests();
        let threads = guests.iter().map(Guest::threads).max().unwrap_or(1);
        let at_once = self.jobs.unwrap_or_else(|| turns::room(threads)).get();
        if at_once > 1 && guests.len() > 1 {
            println!("vm: {} guests, {at_once} at once", guests.len());
        }
        let results = turns::each(&guests, at_once, |guest| {
            let ended = guest.run(&self.folder, self.keep);
            if let Ok((_, line)) = &ended {
                println!("{line}");
            }
            ended
        });
        let (mut green, mut red) = (Vec::new(), Vec::new());
        for result in results {
            let (verdict, line) = result?;
            if verdict { &mut green } else { &mut red }.push(line);
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

    /// Each kernel in each layout that it is built for; says which are left out.
    fn guests(&self) -> Vec<Guest<'_>> {
        let mut guests = Vec::new();
        for system in &self.systems {
            for (kernel, fetched) in &system.kernels {
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
                    guests.push(Guest {
                        kernel,
                        fetched,
                        system,
                        layout: *layout,
                        append: &self.append,
                        systemd: self.systemd,
                    });
                }
            }
        }
        guests
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
