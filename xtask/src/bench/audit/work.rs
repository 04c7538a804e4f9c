//! What is done while somebody watches: a loop of processes, a loop of system calls, a build. Owns the work and
//! its clock, in a process of its own, so that a tool can start it.

use std::fs;
use std::hint::black_box;
use std::os::unix::process::parent_id;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;

use crate::exit::Found;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Work {
    /// Fork, exec, exit, wait
    Process,
    /// A system call that does nothing
    Getppid,
    /// cargo builds a small package with a build script
    Build,
}

impl Work {
    pub const ALL: [Self; 3] = [Self::Process, Self::Getppid, Self::Build];

    pub fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Getppid => "getppid",
            Self::Build => "build",
        }
    }

    /// How often it is done in one round; a tool that stops every system call gets a share.
    pub fn turns(self, wrapped: bool) -> u32 {
        match (self, wrapped) {
            (Self::Process, false) => 400,
            (Self::Process, true) => 100,
            (Self::Getppid, false) => 1_000_000,
            (Self::Getppid, true) => 20_000,
            (Self::Build, _) => 1,
        }
    }

    /// Does it so often in this process, and gives the nanoseconds of one turn.
    pub fn timed(self, turns: u32, folder: &Path) -> Result<f64> {
        if self == Self::Build {
            prepare(folder)?;
        }
        let start = Instant::now();
        for _ in 0..turns {
            match self {
                Self::Process => {
                    let status = Command::new("/bin/true").status();
                    status.context("cannot run /bin/true")?;
                }
                Self::Getppid => {
                    black_box(parent_id());
                }
                Self::Build => build(folder)?,
            }
        }
        Ok(start.elapsed().as_secs_f64() * 1e9 / f64::from(turns))
    }
}

/// A package with a build script that writes some functions.
fn prepare(folder: &Path) -> Result<()> {
    let _there = fs::remove_dir_all(folder);
    fs::create_dir_all(folder.join("src")).context("cannot make the package's folder")?;
    let manifest =
        "[package]\nname = \"small\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n";
    let script = "use std::{env, fs};\nfn main() {\n    let lines: String = (0..300).map(|n| format!(\"pub fn f{n}(x: u64) -> u64 {{ x.rotate_left({n} % 64) ^ {n} }}\\n\")).collect();\n    fs::write(format!(\"{}/made.rs\", env::var(\"OUT_DIR\").unwrap()), lines).unwrap();\n}\n";
    let main = "include!(concat!(env!(\"OUT_DIR\"), \"/made.rs\"));\nfn main() {\n    println!(\"{}\", f7(f299(1)));\n}\n";
    let files = [
        ("Cargo.toml", manifest),
        ("build.rs", script),
        ("src/main.rs", main),
    ];
    for (name, text) in files {
        fs::write(folder.join(name), text).with_context(|| format!("cannot write {name}"))?;
    }
    Ok(())
}

fn build(folder: &Path) -> Result<()> {
    let _there = fs::remove_dir_all(folder.join("target"));
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--offline", "--quiet"]);
    cargo.current_dir(folder).env_remove("RUSTFLAGS");
    cargo.env("CARGO_TARGET_DIR", folder.join("target"));
    let output = cargo
        .stdin(Stdio::null())
        .output()
        .context("cannot run cargo")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        bail!(Found(format!("the small package does not build: {said}")));
    }
    Ok(())
}
