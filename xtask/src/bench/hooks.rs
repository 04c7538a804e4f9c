//! `cargo xtask bench hooks`: what each way of the hook `sys_exit`, which runs at every system call
//! of the machine, costs processes that nobody observes. Owns the rounds and the loops that are
//! timed. It must not compare values from different rounds.

use std::fs;
use std::hint::black_box;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::parent_id;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde_json::{Map, Value, json};

use super::stats;
use crate::exit::{Found, Unable};
use crate::{setup, shell};

#[derive(Args)]
pub struct Options {
    /// How often each way is measured
    #[arg(long, default_value_t = ROUNDS, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
}

const ROUNDS: u32 = 15;
/// Calls of one loop of `getppid`, which does nothing but enter the kernel and return.
const CALLS: u32 = 400_000;
/// Processes of one loop of fork, exec, exit and wait.
const PROCESSES: u32 = 100;

/// What is attached while the loops run: nothing, or a run's hooks with `sys_exit` by that way.
const STATES: [Option<&str>; 5] = [
    None,
    Some("none"),
    Some("tp_btf"),
    Some("raw_tp"),
    Some("fexit"),
];

/// A state and what the loops took in it, one value a round, in nanoseconds for one turn.
struct Subject {
    way: Option<&'static str>,
    getppid: Vec<f64>,
    process: Vec<f64>,
}

impl Subject {
    fn name(&self) -> String {
        match self.way {
            None => "no tracer".to_owned(),
            Some(way) => format!("sys_exit={way}"),
        }
    }
}

/// The command.
pub fn command(options: &Options) -> Result<()> {
    if !shell::is_root()? {
        let way = shell::as_root("bench hooks");
        bail!(Unable(format!("attaching hooks needs root; run `{way}`")));
    }
    setup::ensure(&setup::BUILD)?;
    let tracer = shell::build_release()?;
    let mut subjects = Vec::new();
    for way in STATES {
        if let Some(refused) = way.map(|way| refused(&tracer, way)).transpose()?.flatten() {
            println!("left out: {refused}");
            continue;
        }
        subjects.push(Subject {
            way,
            getppid: Vec::new(),
            process: Vec::new(),
        });
    }
    println!(
        "{} rounds, each way in turn, {CALLS} calls of getppid and {PROCESSES} processes a round",
        options.rounds
    );
    // Once to warm up.
    measure(&tracer, &mut subjects)?;
    for subject in &mut subjects {
        subject.getppid.clear();
        subject.process.clear();
    }
    for _ in 0..options.rounds {
        measure(&tracer, &mut subjects)?;
    }
    print_table(&subjects);
    write_record(options.rounds, &subjects)
}

/// Why this kernel does not attach it so, by the doctor's word.
fn refused(tracer: &Path, way: &str) -> Result<Option<String>> {
    let mut doctor = Command::new(tracer);
    doctor.args([
        "doctor",
        "-o",
        "json",
        "--hooks",
        &format!("sys_exit={way}"),
    ]);
    // Its exit code tells of a hook that is missing, as here one may be.
    let said = doctor.output().context("cannot run tracer doctor")?;
    let findings: Value = serde_json::from_slice(&said.stdout).context("not a document")?;
    let hooks = findings["hooks"].as_array().context("no hooks")?;
    let mut hooks = hooks.iter();
    let hook = hooks
        .find(|hook| hook["name"] == "sys_exit")
        .context("no sys_exit")?;
    if way == "none" || hook["chosen"] == way {
        return Ok(None);
    }
    Ok(Some(format!("sys_exit={way}: {}", hook["refused"])))
}

fn measure(tracer: &Path, subjects: &mut [Subject]) -> Result<()> {
    for subject in subjects {
        let observer = subject.way.map(|way| Observer::start(tracer, way));
        let observer = observer.transpose()?;
        subject.getppid.push(per_turn(CALLS, || {
            black_box(parent_id());
            Ok(())
        })?);
        subject.process.push(per_turn(PROCESSES, || {
            let status = Command::new("/bin/true").status();
            status.context("cannot run /bin/true").map(drop)
        })?);
        observer.map_or(Ok(()), Observer::end)?;
    }
    Ok(())
}

/// Nanoseconds of one turn.
fn per_turn(turns: u32, mut turn: impl FnMut() -> Result<()>) -> Result<f64> {
    let start = Instant::now();
    for _ in 0..turns {
        turn()?;
    }
    Ok(start.elapsed().as_secs_f64() * 1e9 / f64::from(turns))
}

/// A container that stands still: its tracer has everything attached and nothing to do.
struct Observer {
    tracer: Child,
}

impl Observer {
    fn start(tracer: &Path, way: &str) -> Result<Self> {
        let hooks = format!("sys_exit={way}");
        // Without sys_exit the gate cannot tell whose the namespaces are.
        let mut tracer = Command::new(tracer)
            .args([
                "run", "--gate", "warn", "-o", "compact", "--hooks", &hooks, "cat",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start tracer")?;
        let stdin = tracer.stdin.as_mut().context("not piped")?;
        stdin.write_all(b"there\n").context("no payload")?;
        let mut line = String::new();
        let stdout = tracer.stdout.as_mut().context("not piped")?;
        BufReader::new(stdout).read_line(&mut line)?;
        if line != "there\n" {
            bail!(Found(format!("the payload did not start with {hooks}")));
        }
        Ok(Self { tracer })
    }

    fn end(mut self) -> Result<()> {
        drop(self.tracer.stdin.take());
        self.tracer.wait().context("cannot wait for tracer")?;
        Ok(())
    }
}

/// What a subject took in one of the loops, in nanoseconds, one a round.
type Taken = fn(&Subject) -> &[f64];

fn print_table(subjects: &[Subject]) {
    let loops: [(&str, Taken); 2] = [
        ("getppid", |subject| &subject.getppid),
        ("fork, exec, exit, wait", |subject| &subject.process),
    ];
    for (name, values) in loops {
        println!(
            "\n{name}, nanoseconds    min     median        max      x no tracer of the same round"
        );
        let base = subjects.first().map_or(&[][..], values);
        for subject in subjects {
            let ratios = stats::summary(&stats::ratios(values(subject), base));
            if let (Some(own), Some(ratio)) = (stats::summary(values(subject)), ratios) {
                println!(
                    "{:<18} {:>10.1} {:>10.1} {:>10.1}      {:.3} ({:.3} .. {:.3})",
                    subject.name(),
                    own.min,
                    own.median,
                    own.max,
                    ratio.median,
                    ratio.min,
                    ratio.max
                );
            }
        }
    }
}

fn write_record(rounds: u32, subjects: &[Subject]) -> Result<()> {
    let nanoseconds: Map<String, Value> = subjects
        .iter()
        .map(|subject| {
            let values = json!({"getppid": subject.getppid, "process": subject.process});
            (subject.name(), values)
        })
        .collect();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").context("no release")?;
    let record = json!({
        "kernel": kernel.trim(),
        "rounds": rounds,
        "calls": CALLS,
        "processes": PROCESSES,
        "nanoseconds": nanoseconds,
    });
    let path: PathBuf = shell::root().join("bench/hooks.json");
    let text = serde_json::to_string_pretty(&record)?;
    fs::write(&path, text + "\n").context("cannot write bench/hooks.json")?;
    println!("\nevery value: bench/hooks.json");
    Ok(())
}
