//! `cargo xtask fuzz`: builds the targets in tests/fuzz with counters of coverage, runs them for a time,
//! and keeps what of the inputs adds to the coverage. Owns the targets' list, how they are built and
//! how much is kept; what a target claims is its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::exit::Found;
use crate::{setup, shell};

/// Each with the longest input that it is given, in bytes.
const TARGETS: [(&str, u32); 5] = [
    ("decode", 8192),
    ("recording", 65536),
    ("spec", 16384),
    ("expectations", 8192),
    ("cgroup_path", 4096),
];
/// A target with a bug, which the harness must find. It is never among the others.
const PLANTED: &str = "planted";
/// What the compiler adds on stable Rust for libFuzzer to see which code an input reaches.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing";
/// Kept of one target's inputs at most, in bytes; the shortest come first.
const KEPT: u64 = 128 << 10;
/// A single input may take so many seconds.
const TIMEOUT: u32 = 20;

#[derive(Args)]
pub struct Options {
    /// Only this target, of decode, recording, spec, expectations and cgroup_path; may be given again
    #[arg(long = "target", value_parser = target, value_name = "TARGET")]
    targets: Vec<String>,
    /// How long each target runs
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Write the inputs that add to the coverage to tests/fuzz/corpus, the shortest first
    #[arg(long)]
    keep: bool,
    /// Look for a bug that is there on purpose, and fail unless it is found
    #[arg(long, conflicts_with_all = ["targets", "keep"])]
    planted: bool,
}

fn target(word: &str) -> Result<String, String> {
    if TARGETS.iter().any(|(name, _)| *name == word) {
        return Ok(word.to_owned());
    }
    let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    Err(format!(
        "there is no such target; take one of {}",
        names.join(", ")
    ))
}

/// Where a target's program and its files are.
struct Target {
    name: String,
    longest: u32,
    program: PathBuf,
    /// Of everything that is not kept.
    folder: PathBuf,
}

/// The command.
pub fn command(options: &Options) -> Result<()> {
    setup::ensure(&setup::FUZZ)?;
    let names: Vec<(&str, u32)> = if options.planted {
        vec![(PLANTED, 64)]
    } else {
        let all = TARGETS.into_iter();
        let asked = |name: &str| {
            options.targets.is_empty() || options.targets.iter().any(|asked| asked == name)
        };
        all.filter(|(name, _)| asked(name)).collect()
    };
    let targets = build(&names)?;
    if options.planted {
        return planted(&targets[0], options.seconds);
    }
    let together = thread::available_parallelism().map_or(1, usize::from);
    let mut failed = Vec::new();
    for some in targets.chunks(together) {
        thread::scope(|scope| -> Result<()> {
            let runs = some.iter().map(|target| {
                println!("{}: {} s", target.name, options.seconds);
                (target, scope.spawn(|| target.run(options.seconds)))
            });
            let runs: Vec<_> = runs.collect();
            for (target, run) in runs {
                let Ok(outcome) = run.join() else {
                    bail!("the thread of {} panicked", target.name);
                };
                let (well, said) = outcome?;
                println!("{}: {}", target.name, told(&said));
                if !well {
                    failed.push(target.name.clone());
                    println!("{}", last_lines(&said));
                }
            }
            Ok(())
        })?;
    }
    if options.keep {
        for target in targets.iter().filter(|one| !failed.contains(&one.name)) {
            target.keep()?;
        }
    }
    if !failed.is_empty() {
        let folder = targets[0].folder.display();
        bail!(Found(format!(
            "{} found what must not be; the inputs are in {folder}",
            failed.join(", ")
        )));
    }
    Ok(())
}

/// The harness must find a bug within the time.
fn planted(target: &Target, seconds: u32) -> Result<()> {
    let (well, said) = target.run(seconds)?;
    if well || !said.contains("the planted bug") {
        bail!(Found(format!(
            "the planted bug was not found in {seconds} s: the harness finds nothing"
        )));
    }
    println!("planted: found, as it must be");
    Ok(())
}

fn build(names: &[(&str, u32)]) -> Result<Vec<Target>> {
    let version = shell::read(Command::new("rustc").arg("-vV"))?;
    let mut lines = version.lines();
    let host = lines.find_map(|line| line.strip_prefix("host: "));
    // Named, so that build scripts are not instrumented.
    let host = host.context("rustc does not tell its host")?;
    let folder = shell::root().join("target/fuzz");
    let mut cargo = shell::cargo();
    cargo
        .args([
            "build",
            "--locked",
            "--manifest-path",
            "tests/fuzz/Cargo.toml",
        ])
        .args(["--target", host, "--target-dir"])
        .arg(&folder)
        .env("RUSTFLAGS", FLAGS)
        .env("AYA_BUILD_SKIP", "1");
    for (name, _) in names {
        cargo.args(["--bin", name]);
    }
    shell::run(&mut cargo)?;
    let target = |(name, longest): &(&str, u32)| Target {
        name: (*name).to_owned(),
        longest: *longest,
        program: folder.join(host).join("debug").join(name),
        folder: folder.join("runs").join(name),
    };
    Ok(names.iter().map(target).collect())
}

impl Target {
    /// Inputs that are kept in the repository.
    fn kept(&self) -> PathBuf {
        shell::root().join("tests/fuzz/corpus").join(&self.name)
    }

    fn corpus(&self) -> PathBuf {
        self.folder.join("corpus")
    }

    /// Runs it for a time. Tells whether nothing was found, and what it said.
    fn run(&self, seconds: u32) -> Result<(bool, String)> {
        let corpus = self.corpus();
        fs::create_dir_all(&corpus).context("cannot create a folder for inputs")?;
        let mut run = self.program();
        run.arg(format!("-max_total_time={seconds}"))
            .arg("-print_final_stats=1")
            .arg(&corpus);
        run.args([self.kept()].iter().filter(|kept| kept.is_dir()));
        let output = run.stdin(Stdio::null()).output();
        let output = output.with_context(|| format!("cannot run {}", self.name))?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        fs::write(self.folder.join("log"), &said).context("cannot write the log")?;
        Ok((output.status.success(), said))
    }

    fn program(&self) -> Command {
        let mut run = Command::new(&self.program);
        run.arg(format!("-artifact_prefix={}/", self.folder.display()))
            .arg(format!("-max_len={}", self.longest))
            .arg(format!("-timeout={TIMEOUT}"))
            .arg("-rss_limit_mb=4096");
        run
    }

    /// Writes the inputs that add to the coverage, the shortest first, up to so many bytes.
    fn keep(&self) -> Result<()> {
        let least = self.folder.join("least");
        if least.exists() {
            fs::remove_dir_all(&least).context("cannot remove earlier inputs")?;
        }
        fs::create_dir_all(&least).context("cannot create a folder for inputs")?;
        let mut merge = self.program();
        merge.arg("-merge=1").arg(&least).arg(self.corpus());
        merge.args([self.kept()].iter().filter(|kept| kept.is_dir()));
        shell::run_quietly(&mut merge)?;
        let kept = self.kept();
        if kept.exists() {
            fs::remove_dir_all(&kept).context("cannot remove the kept inputs")?;
        }
        fs::create_dir_all(&kept).context("cannot create the folder of kept inputs")?;
        let mut all = inputs(&least)?;
        all.sort();
        let (mut bytes, mut count) = (0, 0);
        for (length, path) in &all {
            bytes += length;
            if bytes > KEPT {
                break;
            }
            let name = path.file_name().context("an input without a name")?;
            fs::copy(path, kept.join(name)).context("cannot keep an input")?;
            count += 1;
        }
        println!("{}: {count} of {} inputs kept", self.name, all.len());
        Ok(())
    }
}

/// Files with their lengths.
fn inputs(folder: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let entries = fs::read_dir(folder).context("cannot list inputs")?;
    let mut all = Vec::new();
    for entry in entries {
        let entry = entry.context("cannot list inputs")?;
        let length = entry.metadata().context("cannot look at an input")?.len();
        all.push((length, entry.path()));
    }
    Ok(all)
}

/// How many inputs were run, and how much code they reached.
fn told(said: &str) -> String {
    let value = |name: &str| {
        let mut lines = said.lines().rev();
        lines.find_map(|line| {
            let rest = line.split_once(name)?.1.trim_start();
            rest.split_whitespace().next().map(str::to_owned)
        })
    };
    let runs = value("stat::number_of_executed_units:").unwrap_or_else(|| "?".to_owned());
    let coverage = value(" cov:").unwrap_or_else(|| "?".to_owned());
    format!("{runs} inputs, {coverage} edges")
}

fn last_lines(said: &str) -> String {
    let lines: Vec<&str> = said.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_run_is_told_from_what_libfuzzer_says() {
        let said = "#2\tINITED cov: 40 ft: 41\n#99\tDONE   cov: 120 ft: 300\n\
            stat::number_of_executed_units: 99\n";
        assert_eq!(told(said), "99 inputs, 120 edges");
        assert_eq!(told(""), "? inputs, ? edges");
    }

    #[test]
    fn a_target_that_there_is_not_is_refused() {
        assert_eq!(target("spec"), Ok("spec".to_owned()));
        assert!(target(PLANTED).is_err());
    }

    #[test]
    fn each_target_has_a_program_and_kept_inputs() {
        let manifest = fs::read_to_string(shell::root().join("tests/fuzz/Cargo.toml"));
        let manifest = manifest.expect("a manifest");
        for (name, _) in TARGETS {
            assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
            let kept = shell::root().join("tests/fuzz/corpus").join(name);
            let bytes: u64 = inputs(&kept).expect("inputs").iter().map(|one| one.0).sum();
            assert!(bytes > 0 && bytes <= KEPT, "{name} has {bytes}");
        }
    }
}
