//! Which compiler builds the eBPF object. [`choose`] decides from [`Facts`], [`probe`] gathers
//! them from this machine. Shared by the build script and by `cargo xtask setup`, so that both see
//! the same thing. It must neither install nor build anything.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Names the toolchain to use, whatever else is there.
pub const TOOLCHAIN_VAR: &str = "TRACER_EBPF_TOOLCHAIN";
/// Set to 1, builds without the eBPF programs: what is pure still builds and its tests run.
pub const SKIP_VAR: &str = "AYA_BUILD_SKIP";
/// The name under which `cargo xtask setup` links a system compiler for rustup.
pub const LINKED: &str = "ebpf";

/// What this machine has. A toolchain that is not installed is [`Std::Absent`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Value of [`TOOLCHAIN_VAR`], and what that toolchain has.
    pub wanted: Option<(String, Std)>,
    /// Where rustup is, which runs a toolchain by its name.
    pub rustup: Option<PathBuf>,
    /// What rustup's toolchain `nightly` has.
    pub nightly: Std,
    /// What rustup's toolchain [`LINKED`] has.
    pub linked: Std,
    /// What the compiler on `PATH` has; looked at only without rustup.
    pub system: Std,
    /// Where bpf-linker is.
    pub linker: Option<PathBuf>,
}

/// How a toolchain gives `core` for the BPF target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Std {
    /// The toolchain is not installed, or cannot give it.
    #[default]
    Absent,
    /// Built from its sources along with the object.
    Source,
    /// Installed compiled.
    Prebuilt,
}

/// How the eBPF object is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// rustup's name of the toolchain; `None` is the compiler on `PATH`.
    pub toolchain: Option<String>,
    /// Where rustup is, to run that toolchain.
    pub rustup: Option<PathBuf>,
    /// Comes with `core` compiled, which only a system's stable compiler does: `aya-ebpf` then
    /// needs leave to use its one unstable feature.
    pub prebuilt: bool,
    /// Where bpf-linker is.
    pub linker: PathBuf,
}

/// Why there is no route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// No toolchain has `core` for the BPF target.
    Compiler,
    /// The toolchain asked for by [`TOOLCHAIN_VAR`] does not have it.
    Wanted(String),
    /// A toolchain is there, bpf-linker is not.
    Linker,
}

impl fmt::Display for Missing {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compiler => write!(
                out,
                "no Rust compiler here can build for {}: neither a nightly toolchain with rust-src nor a toolchain \
                 `{LINKED}` with a compiled core was found",
                target()
            ),
            Self::Wanted(name) => write!(
                out,
                "the toolchain `{name}` named by {TOOLCHAIN_VAR} is not installed or has no core for {}, neither \
                 compiled nor as rust-src",
                target()
            ),
            Self::Linker => write!(
                out,
                "bpf-linker was found neither on PATH nor in cargo's bin folder"
            ),
        }
    }
}

/// The BPF target of this machine's byte order.
pub const fn target() -> &'static str {
    if cfg!(target_endian = "big") {
        "bpfeb-unknown-none"
    } else {
        "bpfel-unknown-none"
    }
}

/// The route to take, or the first thing that is missing for one.
pub fn choose(facts: &Facts) -> Result<Route, Missing> {
    let (toolchain, std) = choose_compiler(facts)?;
    let linker = facts.linker.clone().ok_or(Missing::Linker)?;
    Ok(Route {
        toolchain: toolchain.map(str::to_owned),
        rustup: facts.rustup.clone(),
        prebuilt: std == Std::Prebuilt,
        linker,
    })
}

fn choose_compiler(facts: &Facts) -> Result<(Option<&str>, Std), Missing> {
    if let Some((name, std)) = &facts.wanted {
        return match std {
            Std::Absent => Err(Missing::Wanted(name.clone())),
            Std::Source | Std::Prebuilt => Ok((Some(name), *std)),
        };
    }
    if facts.rustup.is_none() {
        // Without rustup nobody can ask a stable compiler for `-Z build-std`, so only a compiled core counts.
        return match facts.system {
            Std::Prebuilt => Ok((None, Std::Prebuilt)),
            Std::Absent | Std::Source => Err(Missing::Compiler),
        };
    }
    [("nightly", facts.nightly), (LINKED, facts.linked)]
        .into_iter()
        .find(|(_, std)| *std != Std::Absent)
        .map(|(name, std)| (Some(name), std))
        .ok_or(Missing::Compiler)
}

/// Is the build told to do without the eBPF programs?
pub fn skipped() -> bool {
    env::var_os(SKIP_VAR).is_some_and(|skip| skip == "1" || skip.eq_ignore_ascii_case("true"))
}

/// Looks at this machine.
pub fn probe() -> Facts {
    let rustup = find_program("rustup");
    let named = |name: &str| {
        rustup.as_ref().map_or(Std::Absent, |rustup| {
            std_of(Command::new(rustup).args(["run", name, "rustc"]))
        })
    };
    let wanted = env::var(TOOLCHAIN_VAR)
        .ok()
        .filter(|name| !name.is_empty())
        .map(|name| {
            let std = named(&name);
            (name, std)
        });
    Facts {
        nightly: named("nightly"),
        linked: named(LINKED),
        system: match rustup {
            Some(_) => Std::Absent,
            None => std_of(&mut Command::new("rustc")),
        },
        wanted,
        rustup,
        linker: find_program("bpf-linker"),
    }
}

/// `rustc` is a command line that the question for the sysroot can be appended to.
fn std_of(rustc: &mut Command) -> Std {
    let answer = rustc
        .args(["--print", "sysroot"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let Some(sysroot) = answer
        .ok()
        .filter(|answer| answer.status.success())
        .and_then(|answer| String::from_utf8(answer.stdout).ok())
    else {
        return Std::Absent;
    };
    std_in(Path::new(sysroot.trim()))
}

fn std_in(sysroot: &Path) -> Std {
    let rustlib = sysroot.join("lib/rustlib");
    if rustlib.join(target()).join("lib").is_dir() {
        Std::Prebuilt
    } else if rustlib.join("src/rust/library/core/Cargo.toml").is_file() {
        Std::Source
    } else {
        Std::Absent
    }
}

/// Where cargo installs programs to: also found there when the folder is not on `PATH`, as under
/// sudo or cron.
pub fn cargo_bin() -> Option<PathBuf> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")))
        .map(|home| home.join("bin"))
}

/// First file of that name on `PATH`, then in cargo's bin folder.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(cargo_bin())
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn everything() -> Facts {
        Facts {
            wanted: None,
            rustup: Some(PathBuf::from("rustup")),
            nightly: Std::Source,
            linked: Std::Prebuilt,
            system: Std::Absent,
            linker: Some(PathBuf::from("bpf-linker")),
        }
    }

    fn route(toolchain: Option<&str>, prebuilt: bool) -> Route {
        Route {
            toolchain: toolchain.map(str::to_owned),
            rustup: toolchain.map(|_| PathBuf::from("rustup")),
            prebuilt,
            linker: PathBuf::from("bpf-linker"),
        }
    }

    #[test]
    fn nightly_with_its_sources_goes_before_the_linked_system_compiler() {
        assert_eq!(choose(&everything()), Ok(route(Some("nightly"), false)));
    }

    #[test]
    fn nightly_without_sources_leaves_it_to_the_linked_system_compiler() {
        let facts = Facts {
            nightly: Std::Absent,
            ..everything()
        };
        assert_eq!(choose(&facts), Ok(route(Some(LINKED), true)));
    }

    #[test]
    fn the_toolchain_asked_for_is_used_or_named_but_never_replaced() {
        let facts = Facts {
            wanted: Some(("mine".into(), Std::Prebuilt)),
            ..everything()
        };
        assert_eq!(choose(&facts), Ok(route(Some("mine"), true)));
        let facts = Facts {
            wanted: Some(("mine".into(), Std::Absent)),
            ..everything()
        };
        assert_eq!(choose(&facts), Err(Missing::Wanted("mine".into())));
    }

    #[test]
    fn without_rustup_only_a_system_compiler_with_a_compiled_core_will_do() {
        let bare = Facts {
            rustup: None,
            nightly: Std::Absent,
            linked: Std::Absent,
            ..everything()
        };
        let with_core = Facts {
            system: Std::Prebuilt,
            ..bare.clone()
        };
        let with_source = Facts {
            system: Std::Source,
            ..bare.clone()
        };
        assert_eq!(choose(&with_core), Ok(route(None, true)));
        assert_eq!(choose(&with_source), Err(Missing::Compiler));
        assert_eq!(choose(&bare), Err(Missing::Compiler));
    }

    #[test]
    fn a_compiler_without_a_linker_is_no_route() {
        let facts = Facts {
            linker: None,
            ..everything()
        };
        assert_eq!(choose(&facts), Err(Missing::Linker));
    }
}
