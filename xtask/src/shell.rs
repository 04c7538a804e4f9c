//! Runs other programs for the tasks, and knows who runs us and where the checkout is. Owns no
//! task and installs nothing.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::exit::Found;

/// The checkout's root folder.
pub fn root() -> PathBuf {
    let manifest = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    manifest
        .parent()
        .map_or_else(|| manifest.clone(), Path::to_owned)
}

/// Cargo, in the checkout's root folder.
pub fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    cargo
}

/// Are we root? The owner of our own entry in /proc is our effective user.
pub fn is_root() -> Result<bool> {
    let own = fs::metadata("/proc/self").context("cannot look up who runs this in /proc/self")?;
    Ok(own.uid() == 0)
}

/// How to run this task again as root, for messages.
pub fn as_root(task: &str) -> String {
    format!("sudo -E env \"PATH=$PATH\" cargo xtask {task}")
}

/// Runs a program with our own input and outputs; anything but success is a finding.
pub fn run(command: &mut Command) -> Result<()> {
    let shown = show(command);
    let status = command
        .status()
        .with_context(|| format!("cannot run `{shown}`"))?;
    if status.success() {
        return Ok(());
    }
    Err(Found(format!("`{shown}` failed with {status}")).into())
}

/// Runs a program whose output only matters when it fails; then it is part of the finding.
pub fn run_quietly(command: &mut Command) -> Result<()> {
    let output = finish(command)?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    Err(failure(command, output.status, &said).into())
}

/// What a program prints on its standard output; anything but success is a finding, with what
/// it said on standard error.
pub fn read(command: &mut Command) -> Result<String> {
    let output = finish(command)?;
    if !output.status.success() {
        return Err(failure(command, output.status, &output.stderr).into());
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("`{}` printed other than UTF-8", show(command)))
}

fn finish(command: &mut Command) -> Result<Output> {
    let output = command.stdin(Stdio::null()).output();
    output.with_context(|| format!("cannot run `{}`", show(command)))
}

fn failure(command: &Command, status: ExitStatus, said: &[u8]) -> Found {
    let said = String::from_utf8_lossy(said);
    Found(format!(
        "`{}` failed with {status}: {}",
        show(command),
        said.trim()
    ))
}

/// Does a program run and succeed? Says nothing.
pub fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The crates that compile for this machine; tracer-ebpf does for a BPF target only.
pub const HOST_CRATES: [&str; 4] = ["--locked", "--workspace", "--exclude", "tracer-ebpf"];

/// What tests are built of: those crates with all that is in them.
const FOR_TESTS: [&str; 5] = {
    let [locked, workspace, exclude, kernel] = HOST_CRATES;
    [locked, workspace, exclude, kernel, "--all-targets"]
};

/// Builds the program `tracer` for use and tells where it is.
pub fn build_release() -> Result<PathBuf> {
    build_tracer(&[
        "--locked",
        "--release",
        "--package",
        "tracer",
        "--bin",
        "tracer",
    ])
}

/// Builds the program `measure` of the tests' package for use and tells where it is. It observes nothing: the
/// eBPF programs are left out.
pub fn build_measure() -> Result<PathBuf> {
    let mut cargo = cargo();
    cargo.env("AYA_BUILD_SKIP", "1");
    let arguments = [
        "--locked",
        "--release",
        "--package",
        "tracer-tests",
        "--bin",
        "measure",
    ];
    executable(&built_by(cargo, &arguments)?, "measure")
        .context("cargo built measure but did not say where")
}

/// Builds the program `tracer` for tests and tells where it is. The tests are built along with it:
/// on its own it would be built with other features of the crates it shares with them, and all of
/// those twice.
pub fn build_for_tests() -> Result<PathBuf> {
    build_tracer(&FOR_TESTS)
}

/// The same, and all that cargo says of what it has built, in JSON.
pub fn build_tests() -> Result<(PathBuf, String)> {
    build_tests_by(cargo(), &[])
}

/// The same by a cargo that was told more.
pub fn build_tests_by(cargo: Command, more: &[&str]) -> Result<(PathBuf, String)> {
    let messages = built_by(cargo, &[&FOR_TESTS, more].concat())?;
    let program =
        executable(&messages, "tracer").context("cargo built tracer but did not say where")?;
    Ok((program, messages))
}

fn build_tracer(arguments: &[&str]) -> Result<PathBuf> {
    executable(&built(arguments)?, "tracer").context("cargo built tracer but did not say where")
}

fn built(arguments: &[&str]) -> Result<String> {
    built_by(cargo(), arguments)
}

fn built_by(mut cargo: Command, arguments: &[&str]) -> Result<String> {
    cargo
        .arg("build")
        .args(arguments)
        .arg("--message-format=json-render-diagnostics");
    // Progress and diagnostics go to the terminal, only the machine-readable part is read.
    let output = cargo.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.with_context(|| format!("cannot run `{}`", show(&cargo)))?;
    if !output.status.success() {
        return Err(Found(format!("building tracer failed with {}", output.status)).into());
    }
    String::from_utf8(output.stdout).context("cargo printed other than UTF-8")
}

/// The program of this name among what cargo's JSON messages name.
fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut programs = messages
        .filter(|message| message["target"]["name"] == name && message["profile"]["test"] == false);
    programs.find_map(|message| Some(PathBuf::from(message["executable"].as_str()?)))
}

/// A command line as one would type it, without the folders of the program.
pub fn show(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut shown = program
        .file_name()
        .unwrap_or(program.as_os_str())
        .to_string_lossy()
        .into_owned();
    for argument in command.get_args() {
        let argument = argument.to_string_lossy();
        let written = if argument.is_empty() || argument.contains([' ', '\'', '"']) {
            write!(shown, " {argument:?}")
        } else {
            write!(shown, " {argument}")
        };
        // Writing to a string cannot fail.
        debug_assert!(written.is_ok());
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_one_would_type_it() {
        let mut command = Command::new("some/folder/cargo");
        command.args(["run", "two words", ""]);
        assert_eq!(show(&command), "cargo run \"two words\" \"\"");
    }

    #[test]
    fn the_program_is_found_among_its_tests_its_library_and_other_programs() {
        let artifact = |name: &str, test: bool, executable: &str| {
            format!(
                "{{\"target\":{{\"name\":\"{name}\"}},\"profile\":{{\"test\":{test}}},\"executable\":{executable}}}\n"
            )
        };
        let others = [
            artifact("tracer", true, "\"target/debug/deps/tracer-1\""),
            artifact("tracer", false, "null"),
            artifact("xtask", false, "\"target/debug/xtask\""),
            "{\"reason\":\"build-finished\",\"success\":true}\n".to_owned(),
        ]
        .concat();
        assert_eq!(executable(&others, "tracer"), None);
        let all = others + &artifact("tracer", false, "\"target/debug/tracer\"");
        assert_eq!(
            executable(&all, "tracer"),
            Some(PathBuf::from("target/debug/tracer"))
        );
    }

    #[test]
    fn a_failing_program_is_a_finding_that_carries_what_it_said() {
        let error = read(Command::new("sh").args(["-c", "echo oh no >&2; exit 3"]));
        let error = error.map(|_| ()).unwrap_err();
        assert_eq!(crate::exit::code(&error), crate::exit::FOUND);
        assert!(error.to_string().contains("oh no"), "{error}");
    }
}
