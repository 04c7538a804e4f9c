//! What `cargo xtask bench replay` measures, a process for each value so that its peak of memory is its
//! own: how long records take through decode, model, judgement and reports, and what an audit of many
//! containers takes. Prints one line of JSON. Owns the choice; must not compare values.

mod auditing;
mod multiply;
mod numbers;
mod replaying;

use std::env;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

const USAGE: &str = "\
measure multiply RECORDS FILE          write a recording of so many records
measure replay FILE                    decode, model and judgement
measure report FORMAT FILE             one report
measure audit hybrid|v2 CONTAINERS TASKS LIVES
                                       an audit with so many containers, tasks in each, and lives beside them";

fn main() -> ExitCode {
    match measured() {
        Ok(value) => {
            println!("{value}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measured() -> Result<Value> {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["multiply", records, file] => multiply::write(number(records)?, Path::new(file)),
        ["replay", file] => replaying::replay(Path::new(file)),
        ["report", format, file] => replaying::report(format, Path::new(file)),
        [
            "audit",
            cgroups @ ("hybrid" | "v2"),
            containers,
            tasks,
            lives,
        ] => {
            let v2_alone = *cgroups == "v2";
            auditing::audit(
                v2_alone,
                number(containers)?,
                number(tasks)?,
                number(lives)?,
            )
        }
        _ => bail!("{USAGE}"),
    }
}

fn number(word: &str) -> Result<u64> {
    word.parse()
        .with_context(|| format!("`{word}` is no number"))
}

/// Resident memory of this process in KiB: now, and at its peak.
fn memory() -> Result<(u64, u64)> {
    let status = procfs::process::Process::myself()?.status()?;
    let now = status.vmrss.context("no VmRSS")?;
    Ok((now, status.vmhwm.context("no VmHWM")?))
}
