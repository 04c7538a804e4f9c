//! Builds the eBPF objects that the `tracer` crate embeds: `$OUT_DIR/tracer`, and `$OUT_DIR/tracer-helper` for kernels
//! whose memory can be read by calls of a helper alone; empty with `AYA_BUILD_SKIP=1`. Owns the environment that the
//! inner build runs in. It must not install anything; that is `cargo xtask setup`.

#[path = "build/route.rs"]
mod route;
#[path = "build/strip.rs"]
mod strip;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

use anyhow::{Context as _, Result, anyhow, bail};
use aya_build::{Package, Toolchain};

/// Set for the second, inner run of this program; its value is the toolchain's name.
const INNER: &str = "TRACER_EBPF_BUILD";
/// Programs that read by instructions.
const OBJECT: &str = "tracer";
/// Programs that read by the helper.
const BY_HELPER: &str = "tracer-helper";

fn main() -> ExitCode {
    if let Ok(toolchain) = env::var(INNER) {
        let built = build(&toolchain);
        if let Err(error) = &built {
            eprintln!("{error:#}");
        }
        return ExitCode::from(u8::from(built.is_err()));
    }
    if let Err(error) = prepare() {
        // Makes cargo fail and show this line alone, without what the script printed.
        println!("cargo::error={error:#}");
    }
    ExitCode::SUCCESS
}

/// Decides how to build and runs this program again in the environment for it: aya-build reads
/// its own environment and hands it on, and a process cannot safely change its environment while
/// it runs.
fn prepare() -> Result<()> {
    println!("cargo::rustc-check-cfg=cfg(ebpf_stub)");
    for file in ["build.rs", "build", "../tracer-common/src", "../Cargo.lock"] {
        println!("cargo::rerun-if-changed={file}");
    }
    for variable in [route::SKIP_VAR, route::TOOLCHAIN_VAR] {
        println!("cargo::rerun-if-env-changed={variable}");
    }

    if route::skipped() {
        println!("cargo::rustc-cfg=ebpf_stub");
        return write_stub();
    }

    let route = route::choose(&route::probe()).map_err(|missing| {
        anyhow!(
            "cannot build the eBPF programs: {missing}; run `cargo xtask setup` to install what is missing, or set \
             {}=1 to build without them",
            route::SKIP_VAR
        )
    })?;
    let this = env::current_exe().context("cannot find the build script's own file")?;
    let mut inner = Command::new(this);
    inner
        .env(INNER, route.toolchain.as_deref().unwrap_or_default())
        .env("PATH", path_with(&route))
        // Every line the inner cargo prints would come out as a warning of this build.
        .env("CARGO_TERM_QUIET", "true");
    if route.prebuilt {
        // Lets the crate aya_ebpf alone use an unstable feature on a stable compiler. With the
        // value 1 aya-build would ask for -Z build-std, too.
        inner.env("RUSTC_BOOTSTRAP", "aya_ebpf");
    }
    let status = inner
        .status()
        .context("cannot run the build script a second time")?;
    if !status.success() {
        bail!(
            "cannot build the eBPF programs with {}, see above; another toolchain can be named in {}",
            describe(&route),
            route::TOOLCHAIN_VAR
        );
    }
    Ok(())
}

fn build(toolchain: &str) -> Result<()> {
    for (name, way) in [(BY_HELPER, Some("helper")), (OBJECT, None)] {
        let log = env::var_os("CARGO_FEATURE_DEBUG_EBPF").map(|_| "log");
        let features: Vec<&str> = way.into_iter().chain(log).collect();
        let package = Package {
            name: "tracer-ebpf",
            root_dir: "../tracer-ebpf",
            no_default_features: false,
            features: &features,
        };
        // Without rustup aya-build uses the compiler on PATH, whatever it is told.
        aya_build::build_ebpf([package], Toolchain::Custom(toolchain))?;
        // It is called as the program is, whatever its features.
        let (built, object) = (output(OBJECT)?, output(name)?);
        if built != object {
            fs::rename(&built, &object)
                .with_context(|| format!("cannot move {} to {name}", built.display()))?;
        }
        strip::debug_sections(&object)?;
    }
    Ok(())
}

/// Where an object stands that the crate embeds.
fn output(name: &str) -> Result<PathBuf> {
    let out = env::var_os("OUT_DIR").context("cargo did not set OUT_DIR")?;
    Ok(Path::new(&out).join(name))
}

fn write_stub() -> Result<()> {
    for name in [OBJECT, BY_HELPER] {
        let stub = output(name)?;
        fs::write(&stub, []).with_context(|| format!("cannot write {}", stub.display()))?;
    }
    Ok(())
}

fn describe(route: &route::Route) -> String {
    let compiler = match &route.toolchain {
        Some(name) => format!("the toolchain `{name}`"),
        None => "the compiler on PATH".to_owned(),
    };
    format!("{compiler} and {}", route.linker.display())
}

/// `PATH` with the folders of the programs that the inner build calls by name.
fn path_with(route: &route::Route) -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&path).collect();
    for program in route.rustup.iter().chain([&route.linker]) {
        let folder = program.parent().map(Path::to_owned);
        folders.extend(folder.filter(|folder| !folders.contains(folder)));
    }
    env::join_paths(folders).unwrap_or(path)
}
