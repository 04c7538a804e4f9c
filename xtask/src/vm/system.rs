//! What guests of one architecture have in common: kernels, an emulator, and a root with the tests in
//! programs for it. Owns how each is come by.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::cross;
use super::image::{self, Content};
use super::kernel::{Fetched, Kernel};
use super::machine::Accelerator;
use super::packages::Packages;
use super::plan::{self, Has, Plan};
use super::runtimes::{self, Runtime};
use crate::architecture::Architecture;
use crate::exit::Unable;
use crate::setup::emulator::{self, Emulator};

/// Packages that a guest of another architecture has its programs from.
const PACKAGES: &[&str] = &[
    "apparmor",
    "bash",
    "bsdutils",
    "bubblewrap",
    "busybox-static",
    "coreutils",
    "crun",
    "dash",
    "findutils",
    "grep",
    "hostname",
    "iproute2",
    "libc-bin",
    "libgcc-s1",
    "mawk",
    "mount",
    "perl-base",
    "procps",
    "runc",
    "sed",
    "util-linux",
];

/// An engine and what its containers are kept by, which a guest that is there for systemd goes without.
const ENGINES: [&str; 2] = ["conmon", "podman"];

/// Those that systemd comes with; systemd-run(1) waits for a service by D-Bus alone.
const SYSTEMD: [&str; 3] = ["dbus", "systemd", "systemd-sysv"];

/// Of one architecture.
pub struct System {
    pub architecture: Architecture,
    pub emulator: Emulator,
    pub accelerator: Accelerator,
    pub kernels: Vec<(Kernel, Fetched)>,
    /// The archive that is their root.
    pub root: PathBuf,
    /// How many tests it has.
    pub tests: usize,
    /// Names of all tests that it could have.
    pub all: Vec<String>,
}

/// What is asked for.
pub struct Request<'a> {
    /// Parts of names of tests; without any, all.
    pub filter: &'a [String],
    pub kernels: Vec<Kernel>,
    /// Systemd is the first process of the guests.
    pub systemd: bool,
    /// Each of the kernels must be there.
    pub must: bool,
    /// Where everything that is fetched or made is kept.
    pub folder: &'a Path,
    /// The program under test, and all that cargo said of what it built along with it, for this machine.
    pub built: (&'a Path, &'a str),
}

impl System {
    /// With this machine's programs, or where systemd is the first process, with those of packages of the
    /// same release.
    pub fn of_this_machine(request: &Request<'_>) -> Result<Self> {
        let mut runtimes = runtimes::there(|program| image::find(program).is_some());
        let (mut folder, mut system) = (request.folder.to_owned(), None);
        if request.systemd {
            folder.push(Architecture::Amd64.name());
            unpack(Architecture::Amd64, &folder, &[PACKAGES, &SYSTEMD].concat())?;
            let unpacked = folder.join("system");
            runtimes = in_system(&unpacked);
            system = Some(unpacked);
        }
        let (tracer, messages) = request.built;
        let plan = planned(request, &runtimes)?;
        let emulator = Emulator::find(Architecture::Amd64)?;
        let kernels = fetch(&request.kernels, request.must, request.folder, None)?;
        let accelerator = kernels.first().map_or_else(
            || Accelerator::Emulation("there is no kernel to try KVM with".to_owned()),
            |(_, fetched)| Accelerator::probe(&emulator, &fetched.image),
        );
        Ok(Self {
            architecture: Architecture::Amd64,
            emulator,
            accelerator,
            kernels,
            root: write_root(
                &plan,
                tracer,
                messages,
                &runtimes,
                system.as_deref(),
                &folder,
            )?,
            tests: plan.count(),
            all: plan.all,
        })
    }

    /// With programs of another architecture, fetched and built for it.
    pub fn of_another(architecture: Architecture, request: &Request<'_>) -> Result<Self> {
        let folder = request.folder.join(architecture.name());
        fs::create_dir_all(&folder)?;
        emulator::ensure(architecture)?;
        let emulator = Emulator::find(architecture)?;
        let packages = unpack(architecture, &folder, &[PACKAGES, &ENGINES].concat())?;
        let system = folder.join("system");
        let kernels = fetch(&request.kernels, request.must, &folder, Some(&packages))?;
        let runtimes = in_system(&system);
        let (tracer, messages) = cross::build(architecture)?;
        let plan = planned(request, &runtimes)?.of_programs(&messages)?;
        Ok(Self {
            architecture,
            emulator,
            accelerator: Accelerator::Emulation("it is another architecture".to_owned()),
            kernels,
            root: write_root(&plan, &tracer, &messages, &[], Some(&system), &folder)?,
            tests: plan.count(),
            all: plan.all,
        })
    }
}

/// The programs of packages, in the folder `system` of this one.
fn unpack(architecture: Architecture, folder: &Path, names: &[&str]) -> Result<Packages> {
    fs::create_dir_all(folder)?;
    let unable = |error: anyhow::Error| {
        let name = architecture.name();
        Unable(format!(
            "the programs of a guest of {name} cannot be had: {error:#}"
        ))
    };
    let packages = Packages::of(architecture, folder).map_err(unable)?;
    let unpacked = packages.system(names, &folder.join("system"));
    unpacked.map_err(unable)?;
    Ok(packages)
}

/// Runtimes that such a folder has every program of.
fn in_system(system: &Path) -> Vec<&'static Runtime> {
    runtimes::there(|program| {
        let mut places = ["usr/bin", "usr/sbin"].iter();
        places.any(|place| system.join(place).join(program).exists())
    })
}

fn planned(request: &Request<'_>, runtimes: &[&Runtime]) -> Result<Plan> {
    let has = Has {
        runtimes,
        systemd: request.systemd,
    };
    let plan = Plan::make(request.built.1, request.filter, has)?;
    for (suite, count) in &plan.left_out {
        println!("vm: left out: {count} tests of {suite}: the guest lacks what they are about");
    }
    Ok(plan)
}

/// Those that can be had. One that was asked for, by name or with all others, `must` be.
fn fetch(
    kernels: &[Kernel],
    must: bool,
    folder: &Path,
    packages: Option<&Packages>,
) -> Result<Vec<(Kernel, Fetched)>> {
    let mut there = Vec::new();
    for kernel in kernels {
        match kernel.fetch(folder, packages)? {
            Ok(fetched) => there.push((kernel.clone(), fetched)),
            Err(reason) if must => bail!(Unable(format!("{}: {reason}", kernel.name))),
            Err(reason) => println!("vm: {}: skipped: {reason}", kernel.name),
        }
    }
    Ok(there)
}

fn write_root(
    plan: &Plan,
    tracer: &Path,
    messages: &str,
    runtimes: &[&Runtime],
    system: Option<&Path>,
    folder: &Path,
) -> Result<PathBuf> {
    let companions = plan::companions(messages);
    let init = companions
        .iter()
        .find(|program| program.file_name().is_some_and(|name| name == "guest"))
        .context("cargo did not build the guest's first process")?;
    let root = folder.join("root.cpio");
    let content = Content {
        plan,
        tracer,
        companions: &companions,
        runtimes: if plan.needs_runtimes() { runtimes } else { &[] },
        init,
        system,
    };
    image::write(&content, &root).context("cannot make the guest's root")?;
    Ok(root)
}
