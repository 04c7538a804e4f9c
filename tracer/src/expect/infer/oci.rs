//! Command lines of runtimes that take a bundle. Owns where they say which.

use std::path::PathBuf;

use super::InferError;
use super::flags::{Table, Takes, split};

/// Before the subcommand, of all three.
const GLOBAL: &Table = &[
    (
        Takes::Words(1),
        &[
            "--root",
            "-r",
            "--log",
            "-l",
            "--log-format",
            "--log-level",
            "--criu",
            "--cgroup-manager",
        ],
    ),
    (
        Takes::Optional,
        &["--systemd-cgroup", "--debug", "--rootless", "-s"],
    ),
];

/// Behind it.
const RUN: &Table = &[
    (
        Takes::Words(1),
        &[
            "--bundle",
            "-b",
            "--console-socket",
            "--pid-file",
            "--preserve-fds",
            "--config",
            "-f",
        ],
    ),
    (
        Takes::Optional,
        &[
            "--detach",
            "-d",
            "--keep",
            "--no-pivot",
            "--no-new-keyring",
            "--no-subreaper",
            "--no-subreaper-on-exit",
        ],
    ),
];

/// The folder of the bundle that is run.
pub(super) fn bundle(program: &'static str, words: &[String]) -> Result<PathBuf, InferError> {
    let global = split(words, GLOBAL)?;
    let rest = global.rest.unwrap_or_default();
    let word = rest.first().cloned().unwrap_or_default();
    if !matches!(word.as_str(), "run" | "create") {
        return Err(InferError::Subcommand {
            program,
            word,
            must: "run or create",
        });
    }
    let flags = split(&rest[1..], RUN)?;
    // Another file than config.json, or a flag behind which the bundle's may be hidden.
    if let Some(flag) = flags
        .given
        .iter()
        .find(|flag| matches!(flag.name, "--config" | "-f"))
    {
        return Err(flag.wrong("left out, with the file as config.json in the bundle"));
    }
    if let Some(word) = flags.unknown.first() {
        return Err(InferError::Value {
            flag: program.to_owned(),
            value: word.clone(),
            must: "a flag that is known; name the bundle with --bundle DIR before the command",
        });
    }
    let given = flags.given.iter().rev();
    let mut bundles = given.filter(|flag| matches!(flag.name, "--bundle" | "-b"));
    Ok(PathBuf::from(
        bundles.next().map_or(".", |flag| flag.value()),
    ))
}
