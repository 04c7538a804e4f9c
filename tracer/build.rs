//! Builds the eBPF object that the `tracer` crate embeds: `$OUT_DIR/tracer`, empty with `AYA_BUILD_SKIP=1`. Owns the
//! environment that the inner build runs in. It must not install anything; that is `cargo xtask setup`.

#[path = "build/route.rs"]
mod route;

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use anyhow::{Context as _, Result, anyhow, bail};
use aya_build::{Package, Toolchain};

/// Set for the second, inner run of this program; its value is the toolchain's name.
const INNER: &str = "TRACER_EBPF_BUILD";

fn main() -> Result<()> {
    match env::var(INNER) {
        Ok(toolchain) => build(&toolchain),
        Err(_) => prepare(),
    }
}

/// Decides how to build and runs this program again in the environment for it: aya-build reads its own environment and
/// hands it on, and a process cannot safely change its environment while it runs.
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
        .env("PATH", path_with(&route.linker))
        // Every line the inner cargo prints would come out as a warning of this build.
        .env("CARGO_TERM_QUIET", "true");
    if route.prebuilt {
        // Lets the crate aya_ebpf alone use an unstable feature on a stable compiler. With the value 1 aya-build would ask for -Z build-std, too.
        inner.env("RUSTC_BOOTSTRAP", "aya_ebpf");
    }
    let status = inner
        .status()
        .context("cannot run the build script a second time")?;
    if !status.success() {
        bail!(
            "cannot build the eBPF programs with {}, see above",
            describe(&route)
        );
    }
    Ok(())
}

fn build(toolchain: &str) -> Result<()> {
    let mut features = Vec::new();
    if env::var_os("CARGO_FEATURE_DEBUG_EBPF").is_some() {
        features.push("log");
    }
    let package = Package {
        name: "tracer-ebpf",
        root_dir: "../tracer-ebpf",
        no_default_features: false,
        features: &features,
    };
    // Without rustup aya-build uses the compiler on PATH, whatever it is told.
    aya_build::build_ebpf([package], Toolchain::Custom(toolchain))
}

fn write_stub() -> Result<()> {
    let out = env::var_os("OUT_DIR").context("cargo did not set OUT_DIR")?;
    let stub = Path::new(&out).join("tracer");
    fs::write(&stub, []).with_context(|| format!("cannot write {}", stub.display()))
}

fn describe(route: &route::Route) -> String {
    let compiler = match &route.toolchain {
        Some(name) => format!("the toolchain `{name}`"),
        None => "the compiler on PATH".to_owned(),
    };
    format!("{compiler} and {}", route.linker.display())
}

/// `PATH` with the folder of `program` in front of it, unless it is on it already.
fn path_with(program: &Path) -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let Some(folder) = program.parent() else {
        return path;
    };
    if env::split_paths(&path).any(|on_path| on_path == folder) {
        return path;
    }
    let folders = std::iter::once(folder.to_owned()).chain(env::split_paths(&path));
    env::join_paths(folders).unwrap_or(path)
}
